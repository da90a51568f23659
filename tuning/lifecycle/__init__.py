"""A run from its search to the one look at the test set."""
