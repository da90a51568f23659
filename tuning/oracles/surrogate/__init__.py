"""What is known of configurations that were not trained, or not to their end: a Gaussian process over curves."""
