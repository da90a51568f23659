"""Find the hyperparameters of an image classifier and train the winner."""
