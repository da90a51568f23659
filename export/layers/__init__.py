"""Which layer of a file is the first to leave the Keras model.

`recording.py` notes what every layer of the Keras model answers, when it is exported. `tensors/` reads what a file
computes on its way. `matching.py` finds the layers' answers among them, `bisect.py` the first that is not as it was.
"""
