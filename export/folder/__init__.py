"""A published folder: its manifest, its files, its claims and its signature."""
