"""How fast, small and right published files are: each in a process of its own, taking turns."""
