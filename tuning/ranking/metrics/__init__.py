"""What the built-in model can report and be ranked by: one file each, which declares a `METRIC`.

The file's name is the metric's; `val_` and the name is its value on the validation images.
"""
