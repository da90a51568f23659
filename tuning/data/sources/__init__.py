"""Where examples come from: a file, a folder, a data set with a name, or a program."""
