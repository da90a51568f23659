"""Files of unknown origin, opened within limits."""
