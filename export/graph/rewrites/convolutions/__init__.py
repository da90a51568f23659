"""Rewrites of convolutions and poolings."""
