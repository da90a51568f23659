"""TensorFlow's SavedModel."""

from __future__ import annotations

from export.artifact import Variant
from export.formats.facts import FormatFacts

FACTS = FormatFacts(
    title="SavedModel",
    variants=(Variant.FLOAT32,),
    module="tensorflow",
    package="tensorflow",
    recorded=("tensorflow", "keras"),
    loading_order=3,
    unoptimized=None,
    holds_all=True,
    is_slow=True,
    empty_folders=("assets",),
)
