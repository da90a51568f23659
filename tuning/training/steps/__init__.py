"""What happens at every step of a training: how a batch is shown, and what its weights are averaged to."""
