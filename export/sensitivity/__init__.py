"""Planted faults: what a verification has to see, and checks that it does."""
