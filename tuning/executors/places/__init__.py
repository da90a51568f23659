"""Where trials run: one file each, which declares an executor's class as `EXECUTOR`. The file's name is its name."""
