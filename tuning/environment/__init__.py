"""The machine and the frameworks: processors, kernels, memory, and Keras's own settings."""
