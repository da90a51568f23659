"""Search algorithms: one file each, which declares a class as `ALGORITHM`. The file's name is the algorithm's."""
