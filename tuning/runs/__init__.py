"""A run on disk: its folder, its record, its tables and pictures."""
