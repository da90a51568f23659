"""Where examples come from: a file, a folder, Keras's data sets, or a program."""
