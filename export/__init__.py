"""Write a trained Keras model as SavedModel, TFLite and ONNX files and prove that they agree with it."""
