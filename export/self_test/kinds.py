"""The kinds of fault that a verification is tried with, each as a real pipeline would make it.

Most are planted in the served Keras model before it is written, so that a complete, valid and wrong file results;
the others in what the file says about itself, or in the published folder.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from pathlib import Path

from export.artifact import Artifact, Description, Format
from export.formats.format import by_loading_order, facts, offered_formats
from export.model.serving import ServingModel
from export.self_test import behaviour, files, pixels, weights

EVERYWHERE = tuple(kind for kind in by_loading_order() if kind in offered_formats())
_HOLDING_ALL = tuple(kind for kind in Format if facts(kind).holds_all)


@dataclass(frozen=True, kw_only=True)
class FaultKind:
    """One kind of fault, planted in one of three places.

    `in_model`: a freshly loaded model → a wrong one; None if it has no layer for it, or nothing in it would change.
    `in_description`: what a file should say about itself → something wrong. `in_folder`: changes the published folder.
    `resealed`: whether the manifest is made to fit the changed bytes. `formats`: what it is tried in; not every format
    can hold every fault.
    """

    name: str
    in_model: Callable[[ServingModel], ServingModel | None] | None = None
    in_description: Callable[[Description], Description] | None = None
    in_folder: Callable[[Path, Artifact], None] | None = None
    resealed: bool = True
    formats: tuple[Format, ...] = EVERYWHERE[:1]


_IN_MODEL: Mapping[str, Callable[[ServingModel], ServingModel | None]] = {
    "division by 256": pixels.divide_by_256,
    "height and width swapped": pixels.swap_height_and_width,
    "inverted pixels": pixels.invert,
    "channel order reversed": pixels.reverse_channels,
    "two classes swapped": behaviour.swap_classes,
    "softmax left out": behaviour.leave_softmax_out,
    "output renamed": behaviour.rename_output,
    "batch normalization in training mode": behaviour.normalize_as_in_training,
    "wrong epsilon in batch normalization": behaviour.change_epsilon,
    "wrong padding": behaviour.pad_on_one_side,
    "batch normalization without statistics": weights.forget_statistics,
    "stale weights": weights.age,
    "weights of another seed": weights.shuffle,
    "sign flip": weights.flip_sign,
    "dropped bias": weights.drop_bias,
    "transposed dense kernel": weights.transpose_dense,
    "NaN weight": weights.put_nan,
}
_IN_MODEL_EVERYWHERE: Mapping[str, Callable[[ServingModel], ServingModel | None]] = {
    "one channel × 1.01": weights.scale_channel,
    "float16-rounded weights": weights.round_to_float16,
    "dense × 1.001": weights.scale_dense,
}
# Random numbers at inference: the other formats' converters refuse them.
_IN_SAVED_MODEL: Mapping[str, Callable[[ServingModel], ServingModel | None]] = {
    "dropout left live": behaviour.drop_as_in_training,
    "augmentation left live": pixels.augment,
}

KINDS: tuple[FaultKind, ...] = (
    *(FaultKind(name=name, in_model=plant, formats=EVERYWHERE) for name, plant in _IN_MODEL_EVERYWHERE.items()),
    *(FaultKind(name=name, in_model=plant) for name, plant in _IN_MODEL.items()),
    *(FaultKind(name=name, in_model=plant, formats=_HOLDING_ALL) for name, plant in _IN_SAVED_MODEL.items()),
    FaultKind(name="wrong label order", in_description=files.reverse_labels, formats=EVERYWHERE),
    FaultKind(name="truncated file", in_folder=files.truncate, formats=EVERYWHERE),
    FaultKind(name="changed byte", in_folder=files.change_byte, resealed=False, formats=EVERYWHERE),
    FaultKind(name="missing file", in_folder=files.remove, resealed=False),
    FaultKind(name="foreign file", in_folder=files.add_foreign, resealed=False),
    FaultKind(name="answers of other images", in_folder=files.shift_reference),
)
