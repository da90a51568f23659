"""What each format can hold of Keras's layers: the table in export/formats/README.md that the tests hold exact."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from export.artifact import Format
from export.formats.format import facts


@dataclass(frozen=True, kw_only=True)
class ExpectedRefusal:
    """A case that a format can't hold: `says` is in the refusal, `remedy` is what a user may do."""

    says: str
    remedy: str


REFUSED: Mapping[tuple[str, str], ExpectedRefusal] = {
    ("Conv3D dilated", "tflite"): ExpectedRefusal(
        says="(Conv3D) can't be written as TFLite", remedy="leave the dilation out, or convolve the slices as images"
    ),
}
"""(case, format) → why. Every other pair is published and equal to Keras."""


def readme_section() -> str:
    """What export/formats/README.md says of layers, in Markdown."""
    import keras

    from scripts.benches.model_zoo.cases import CASES
    from scripts.benches.model_zoo.models import NETWORKS
    from scripts.benches.model_zoo.quiet import ACTIVATION_NAMES, NO_IMAGE_LAYERS

    classes = {vars(keras.layers)[name] for name in dir(keras.layers) if isinstance(vars(keras.layers)[name], type)}
    stock = {made for made in classes if issubclass(made, keras.Layer) and made.__name__ not in NO_IMAGE_LAYERS}
    rows = [f"| {case} | {facts(Format(kind)).title} | {refused.remedy} |" for (case, kind), refused in REFUSED.items()]
    return "\n".join(
        [
            f"All {len(stock)} stock Keras layers that make sense for images and all {len(ACTIVATION_NAMES)} "
            f"activations, in {len(CASES)} small models, and",
            f"{len(NETWORKS)} networks of `keras.applications` (untrained, smallest input) are exported to every "
            "format. Every file matches the Keras",
            "model and is published, except for these, which are refused:",
            "",
            "| layer | not as | instead |",
            "| --- | --- | --- |",
            *rows,
        ]
    )
