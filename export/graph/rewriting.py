"""Rewrite what a converter can't write, or writes wrong, as operators that it can: one file for each rewrite.

A rewrite changes how an answer is computed, never what it is; whether that holds is decided where every file is: by the
comparison with the Keras model. Each file of `rewrites` but `replay.py` and `sizes.py` holds `REWRITES`, or one for
each format: TensorFlow operator → function of (node, inputs) that builds the operator again and returns its outputs.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from tensorflow.python.framework.convert_to_constants import convert_variables_to_constants_v2

from export.graph.rewrites.convolutions import grouped_convolution
from export.graph.rewrites.images import colours, patches, projective, resizing
from export.graph.rewrites.replay import Rewrite, operators, rebuild
from export.graph.rewrites.tensors import bincount, cumulative, fourier, sign_bit

COMMON: Mapping[str, Rewrite] = {
    **resizing.REWRITES,
    **grouped_convolution.REWRITES,
    **bincount.REWRITES,
    **colours.REWRITES,
    **cumulative.REWRITES,
    **fourier.REWRITES,
    **patches.REWRITES,
    **projective.REWRITES,
    **sign_bit.REWRITES,
}
"""What every converter needs."""


@dataclass(frozen=True, kw_only=True)
class Rewriting:
    """What a format's converter needs. `rewrites`: by TensorFlow operator. `also`: operators that no rewrite is for and
    that make a graph be built again."""

    rewrites: Mapping[str, Rewrite]
    also: frozenset[str]


def rewrite(function: Any, rewriting: Rewriting) -> Any:
    """The same concrete function in operators that the format has; `function` itself if there is nothing to rewrite."""
    if not operators(function.graph.as_graph_def()) & {*rewriting.rewrites, *rewriting.also}:
        return function
    frozen = convert_variables_to_constants_v2(function, lower_control_flow=False)
    return rebuild(function, frozen, frozen.graph.as_graph_def(), rewriting.rewrites)
