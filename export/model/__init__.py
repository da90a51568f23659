"""A Keras model, loaded from its file and wrapped for serving."""
