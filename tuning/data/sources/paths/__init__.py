"""What `--data` takes: one file for each kind of file or folder, which declares a `PathSource` as `SOURCE`."""
