"""The formats: one folder each, with the same files, and what they have in common."""
