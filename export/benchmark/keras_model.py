"""The Keras model as its users call it: its own inputs, `model.predict`, and the files of `model.export`."""

from __future__ import annotations

import warnings
from collections.abc import Mapping, Sequence
from pathlib import Path
from typing import Any

import keras
import numpy as np

from export.artifact import TensorSpec
from export.benchmark.candidate import KerasSource
from export.benchmark.messages import Inputs, Prepare, Prepared
from export.formats.format import facts
from export.model.inspection import last_activation, own_inputs
from export.model.keras_file import load_keras
from tuning.native_output import hold_back

_SHOWN = 4
_CHUNK = 1000


def load_own(source: KerasSource, examples: Mapping[str, np.ndarray] | None = None) -> tuple[keras.Model, Any]:
    """The model, as it was trained, and the nest in which it wants its inputs."""
    model, _, structure = _load(source, examples)
    return model, structure


def nest(structure: Any, arrays: Sequence[np.ndarray]) -> Any:
    """Arrays in the order of the inputs as the model wants them."""
    return keras.tree.pack_sequence_as(structure, list(arrays))


def prepare(request: Prepare) -> Prepared:
    """Write the model's own inputs, and its files by `model.export`, into the folder.

    A conversion that fails is no error: Keras's reason takes the file's place. Raises InputError if the model can't be
    loaded or fed.
    """
    served = [np.load(path, mmap_mode="r") for path in request.inputs.paths]
    model, owned, structure = _load(request.source, dict(zip(request.inputs.names, served, strict=True)))
    paths = []
    for number, (spec, own) in enumerate(zip(request.source.served, owned, strict=True)):
        paths.append(request.folder / f"own_{number}.npy")
        _write_own(served[number], own, request.source.scale if spec.dtype == "uint8" else None, paths[-1])
    shown = [np.load(path, mmap_mode="r")[:_SHOWN] for path in paths]
    # Keras exports a loaded model to ONNX only after it was called.
    model(nest(structure, shown), training=False)
    files, failures = {}, {}
    for kind in request.formats:
        named = facts(kind).keras_export
        assert named is not None
        name, suffix = named
        path = request.folder / f"model_export.{suffix}"
        try:
            with hold_back(shown_on_error=False), warnings.catch_warnings():
                warnings.simplefilter("ignore")
                model.export(str(path), format=name, verbose=False)
        # Keras and its converters fail with exceptions of many unrelated classes.
        except Exception as error:  # noqa: BLE001 reported in place of the file
            failures[kind] = f"model.export can't write it: {' '.join(str(error).split())[:200]}"
            continue
        files[kind] = path
    return Prepared(
        inputs=Inputs(names=tuple(own.name for own in owned), paths=tuple(paths)),
        files=files,
        failures=failures,
        threshold=0.5 if last_activation(model).name == "sigmoid" else 0.0,
    )


def _load(source: KerasSource, examples: Mapping[str, np.ndarray] | None) -> tuple[keras.Model, list[TensorSpec], Any]:
    code = None if source.load_code is None else source.load_code()
    several = examples if examples is None or len(examples) > 1 else next(iter(examples.values()))
    file = load_keras(source.path, code=code, in_float32=False, examples=several)
    owned, structure = own_inputs(source.path, file.model, several)
    return file.model, owned, structure


def _write_own(served: np.ndarray, own: TensorSpec, scale: tuple[float, float] | None, path: Path) -> None:
    """Write what the model itself gets when a published file is given `served`, in parts: it may be large."""
    shape = (len(served), *(size if size is not None else served.shape[at] for at, size in enumerate(own.shape) if at))
    dtype = np.dtype(own.dtype if own.dtype != "bfloat16" else "float32")
    written = np.lib.format.open_memmap(path, mode="w+", dtype=dtype, shape=shape)
    for at in range(0, len(served), _CHUNK):
        values = served[at : at + _CHUNK]
        if scale is not None:
            values = values.astype(np.float32) * np.float32(scale[0]) + np.float32(scale[1])
        written[at : at + _CHUNK] = values.reshape(len(values), *shape[1:])
    written.flush()
