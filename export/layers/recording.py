"""Ask a Keras model some examples and note what each of its layers answers."""

from __future__ import annotations

import contextlib
import weakref
from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

import keras
import numpy as np
import tensorflow as tf

from export.errors import InputError
from export.layers.sampling import choose_positions
from export.layers.trace import LayerTrace, Place, TracedLayer

if TYPE_CHECKING:
    from export.arrays import Arrays
    from export.model.serving import ServingModel

EXAMPLES = 8
"""A channel that is silent for all of them can't be compared."""
WHOLE = (keras.layers.RNN, keras.layers.TimeDistributed)
"""Layers that call what is in them once for every step: a file holds only what they answer in the end."""


def trace_layers(serving: ServingModel, inputs: Arrays) -> LayerTrace:
    """What every layer answers to the first 8 of `inputs`, (examples, …) by name, as the served model has them.

    Computed on the CPU, one operation after the other, with `training=False`. Layers answer in the order in which they
    are called; one called again appears again, as `name (call 2)`, one inside another as `outer/inner`. Of an
    answer of several tensors each float one counts, as `name[0]`; what is no row for each example is left out.
    Raises InputError if nothing is left.
    """
    arrays = [inputs[spec.name][:EXAMPLES] for spec in serving.inputs]
    recorder = _Recorder(serving.model, len(arrays[0]))
    # Some layers draw numbers even where they are not to be used: what that writes is forgotten.
    with tf.device("/CPU:0"), keras.StatelessScope(), recorder.listening():
        outputs = serving.serve(*(tf.constant(array) for array in arrays))
    if not recorder.layers:
        raise InputError("no layer of the model answers with float numbers for each example: it can't be traced")
    for name, tensor in outputs.items():
        recorder.note_output(name, tensor)
    return LayerTrace(layers=tuple(recorder.layers))


class _Recorder:
    """Notes the answers of all layers that are called while it listens."""

    def __init__(self, model: keras.Model, examples: int) -> None:
        self.layers: list[TracedLayer] = []
        self._model = model
        self._examples = examples
        self._calls: dict[str, int] = {}
        self._open: list[Any] = []
        # A tensor that is gone may leave its id to another one.
        self._numbers: dict[int, tuple[weakref.ref[Any], int]] = {}

    @contextlib.contextmanager
    def listening(self) -> Iterator[None]:
        """Layers and Keras's own operations between them all pass through `keras.Operation.__call__`."""
        plain = keras.Operation.__call__

        def call(operation: Any, *args: Any, **kwargs: Any) -> Any:
            if any(isinstance(outer, WHOLE) for outer in self._open) or self._is_detail(operation):
                return plain(operation, *args, **kwargs)
            if operation is self._model:
                self._note_inputs(args)
                return plain(operation, *args, **kwargs)
            self._open.append(operation)
            try:
                return self._note_call(plain, operation, args, kwargs)
            finally:
                self._open.pop()

        keras.Operation.__call__ = call
        try:
            yield
        finally:
            keras.Operation.__call__ = plain

    def note_output(self, name: str, tensor: Any) -> None:
        """Add what the served model answers, be it a layer's own answer or computed behind it."""
        number = self._number(tensor)
        self._add(name, tensor, Place.OUTPUT, None if number is None else (number,))

    def _note(self, name: str, tensor: Any, place: Place, sources: tuple[int, ...] | None) -> None:
        """Add a tensor, unless a layer hands on what it was given."""
        if isinstance(tensor, tf.Tensor) and self._number(tensor) is None:
            self._add(name, tensor, place, sources)

    def _add(self, name: str, tensor: Any, place: Place, sources: tuple[int, ...] | None) -> None:
        """Add a tensor, unless it is not a row of float numbers for each example."""
        if not _is_float_rows(tensor, self._examples):
            return
        answers = tf.cast(tensor, tf.float32).numpy()
        positions = choose_positions(answers)
        if not len(positions):
            return
        finite = answers[np.isfinite(answers)]
        self._numbers[id(tensor)] = (weakref.ref(tensor), len(self.layers))
        self.layers.append(
            TracedLayer(
                name=name,
                place=place,
                shape=answers.shape[1:],
                sources=sources,
                low=float(finite.min()),
                high=float(finite.max()),
                positions=positions,
                values=answers.reshape(len(answers), -1)[:, positions],
            )
        )

    def _note_inputs(self, given: Any) -> None:
        tensors = [part for part in keras.tree.flatten(given) if isinstance(part, tf.Tensor)]
        for number, tensor in enumerate(tensors):
            name = self._model.name if len(tensors) == 1 else f"{self._model.name}[{number}]"
            self._note(name, tensor, Place.INPUT, ())

    def _note_call(self, plain: Any, operation: Any, args: Any, kwargs: Any) -> Any:
        """Call the operation and note its answer, and what its activation was given, which a file often holds too."""
        name, sources, first = self._name(), self._sources((args, kwargs)), len(self.layers)
        activation = vars(operation).get("activation")
        has_inside = callable(activation) and activation is not keras.activations.linear

        def activate(values: Any, *rest: Any, **options: Any) -> Any:
            self._note(f"{name} (before {_title(activation)})", values, Place.LAYER, sources)
            return activation(values, *rest, **options)

        if has_inside and not isinstance(operation, WHOLE):
            vars(operation)["activation"] = activate
        try:
            answer = plain(operation, *args, **kwargs)
        finally:
            if has_inside:
                vars(operation)["activation"] = activation
        inside = range(first, len(self.layers))
        tensors = keras.tree.flatten(answer)
        for number, tensor in enumerate(tensors):
            title = name if len(tensors) == 1 else f"{name}[{number}]"
            self._note(title, tensor, Place.LAYER, None if sources is None else tuple(sorted({*sources, *inside})))
        return answer

    def _is_detail(self, operation: Any) -> bool:
        """An operation is a step of its own between the layers of a model, and a layer's own affair inside one."""
        is_layer = isinstance(operation, keras.layers.Layer)
        return not is_layer and any(not isinstance(outer, keras.Model) for outer in self._open)

    def _name(self) -> str:
        """Of the operation that was called last, with those that it is in."""
        path = "/".join(operation.name for operation in self._open)
        self._calls[path] = self._calls.get(path, 0) + 1
        return path if self._calls[path] == 1 else f"{path} (call {self._calls[path]})"

    def _sources(self, given: Any) -> tuple[int, ...] | None:
        tensors = [part for part in keras.tree.flatten(given) if isinstance(part, tf.Tensor)]
        numbers = [self._number(tensor) for tensor in tensors]
        known = [number for number in numbers if number is not None]
        return tuple(sorted(set(known))) if len(known) == len(numbers) else None

    def _number(self, tensor: Any) -> int | None:
        reference, number = self._numbers.get(id(tensor), (None, None))
        return number if reference is not None and reference() is tensor else None


def _is_float_rows(tensor: Any, examples: int) -> bool:
    """Inside a function that TensorFlow compiles, layers are called with tensors that have no values."""
    return (
        isinstance(tensor, tf.Tensor)
        and hasattr(tensor, "numpy")
        and tensor.dtype.is_floating
        and tensor.shape.rank > 0
        and tensor.shape[0] == examples
        and tensor.shape.num_elements() > 0
    )


def _title(activation: Any) -> str:
    return str(getattr(activation, "name", getattr(activation, "__name__", type(activation).__name__)))
