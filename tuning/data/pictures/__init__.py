"""A folder of pictures as examples."""
