"""Rewrites of operators that a converter can't write, or writes wrong: one file each."""
