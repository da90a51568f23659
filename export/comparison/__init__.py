"""Answers compared: tolerances, parity, the reference, and stress inputs."""
