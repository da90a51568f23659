"""Training one configuration: builder, input pipeline, callbacks, checkpoints, evaluation."""
