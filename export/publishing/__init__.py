"""From a request to a published folder: checks, writing, installation."""
