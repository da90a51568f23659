"""Rewrites of operators on images."""
