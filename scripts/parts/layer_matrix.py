"""What each format can hold of Keras's layers: the table that the README shows and the tests hold exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass


@dataclass(frozen=True, kw_only=True)
class Refused:
    """A case that a format can't hold: `says` is in the refusal, `mend` is what a user may do."""

    says: str
    mend: str


REFUSED: Mapping[tuple[str, str], Refused] = {
    ("Conv3D dilated", "tflite"): Refused(
        says="(Conv3D) can't be written as TFLite", mend="leave the dilation out, or convolve the slices as images"
    ),
    ("ContrastLimitedAdaptiveHistogramEqualization", "tflite"): Refused(
        says="differs", mend="equalize the images before they reach the model"
    ),
}
"""(case, format) → why. Every other pair is published and equal to Keras."""

_TITLES = {"saved_model": "SavedModel", "tflite": "TFLite", "onnx": "ONNX"}


def readme_table(layer_classes: int, activations: int, networks: int) -> str:
    """The README's table, in Markdown."""
    rows = [f"| {case} | {_TITLES[kind]} | {refused.mend} |" for (case, kind), refused in REFUSED.items()]
    return "\n".join(
        [
            f"All {layer_classes} stock layers that make sense for images, {activations} activations and {networks} "
            "networks of",
            "`keras.applications` are published in every format, equal to Keras, except:",
            "",
            "| layer | not in | instead |",
            "| --- | --- | --- |",
            *rows,
        ]
    )
