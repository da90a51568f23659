"""A user's own code: models, callbacks, and logs for TensorBoard."""
