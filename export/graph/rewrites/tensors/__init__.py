"""Rewrites of operators on tensors of any meaning."""
