"""Planted faults: what a verification has to see, and proofs that it does."""
