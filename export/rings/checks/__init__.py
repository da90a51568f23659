"""The rings that a file goes through in its runtime, one file each, which declares `RING`."""
