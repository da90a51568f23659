"""Models: the built-in one, its baselines, and a user's own."""
