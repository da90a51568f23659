"""Data sets that `--dataset` takes: one file each, which declares a `NamedSource` as `SOURCE`.

The file's name is the data set's.
"""
