"""Rewrites of operators on numbers."""
