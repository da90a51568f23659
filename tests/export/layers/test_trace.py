"""The record of the layers survives being stored, and says so where it did not."""

from __future__ import annotations

import io

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.errors import VerificationError
from export.layers.trace import FACTS, POSITIONS, VALUES, LayerTrace, Place, TracedLayer, from_arrays


@st.composite
def layers(draw: st.DrawFn, *, examples: int, before: int) -> TracedLayer:
    shape = tuple(draw(st.lists(st.integers(1, 4), max_size=3)))
    size = int(np.prod(shape))
    positions = sorted(draw(st.sets(st.integers(0, size - 1), min_size=1)))
    number = st.floats(-1e6, 1e6, width=32)
    rows = [[draw(number) for _ in positions] for _ in range(examples)]
    known = st.sets(st.integers(0, before - 1)) if before else st.just(set())
    sources = draw(st.none() | known)
    return TracedLayer(
        name=draw(st.text(max_size=8)),
        place=draw(st.sampled_from(Place)),
        shape=shape,
        sources=None if sources is None else tuple(sorted(sources)),
        low=float(np.min(rows)),
        high=float(np.max(rows)),
        positions=np.array(positions, dtype=np.int32),
        values=np.array(rows, dtype=np.float32),
    )


@st.composite
def traces(draw: st.DrawFn) -> LayerTrace:
    examples = draw(st.integers(1, 3))
    count = draw(st.integers(1, 4))
    return LayerTrace(layers=tuple(draw(layers(examples=examples, before=number)) for number in range(count)))


@pytest.mark.slow
@given(traces())
def test_a_trace_comes_back_from_an_npz_file_as_it_was(trace: LayerTrace) -> None:
    stored = io.BytesIO()
    np.savez_compressed(stored, allow_pickle=False, **trace.as_arrays())
    stored.seek(0)

    back = from_arrays(dict(np.load(stored, allow_pickle=False)))

    assert back is not None
    assert back.examples == trace.examples
    for found, layer in zip(back.layers, trace.layers, strict=True):
        facts = ("name", "place", "shape", "sources", "low", "high", "size", "range")
        assert [getattr(found, fact) for fact in facts] == [getattr(layer, fact) for fact in facts]
        np.testing.assert_array_equal(found.positions, layer.positions, strict=True)
        np.testing.assert_array_equal(found.values, layer.values, strict=True)


def make_trace() -> LayerTrace:
    layer = TracedLayer(
        name="dense",
        place=Place.LAYER,
        shape=(2, 3),
        sources=(),
        low=-8.0,
        high=4.0,
        positions=np.array([0, 1, 4, 5], dtype=np.int32),
        values=np.array([[-8, 1, 2, 0], [4, 0.5, -3, 0]], dtype=np.float32),
    )
    return LayerTrace(layers=(layer,))


def test_arrays_without_layers_hold_no_trace() -> None:
    assert from_arrays({"images": np.zeros(3), "model.onnx": np.zeros(3)}) is None


@pytest.mark.parametrize(
    "damaged",
    [
        {FACTS: np.frombuffer(b"{", dtype=np.uint8)},
        {FACTS: np.frombuffer(b'{"examples": 2, "layers": [{}]}', dtype=np.uint8)},
        {FACTS: np.frombuffer(b'{"examples": 2, "layers": []}', dtype=np.uint8)},
        {POSITIONS: np.zeros(3, dtype=np.int32)},
        {VALUES: np.zeros((1, 4), dtype=np.float32)},
    ],
)
def test_a_damaged_record_is_refused(damaged: dict[str, np.ndarray]) -> None:
    arrays = {**make_trace().as_arrays(), **damaged}

    with pytest.raises(VerificationError, match=r"the record of the layers can't be read .*: export the model again"):
        from_arrays(arrays)


def test_an_incomplete_record_is_refused() -> None:
    with pytest.raises(VerificationError, match=r"can't be read \(KeyError"):
        from_arrays({FACTS: make_trace().as_arrays()[FACTS]})


def test_a_channel_is_measured_by_its_largest_value_and_never_by_next_to_nothing() -> None:
    (layer,) = make_trace().layers

    # The positions lie in the channels 0, 1, 1, 2.
    np.testing.assert_allclose(layer.channel_scales(), [8, 3, 3, 0.08])


def test_a_layer_that_says_one_thing_only_is_known_as_such() -> None:
    (layer,) = make_trace().layers
    silent = TracedLayer(**{**vars(layer), "values": np.zeros((2, 4), np.float32), "low": 0.0, "high": 0.0})

    assert not layer.is_constant
    assert silent.is_constant
    assert (silent.channel_scales() == 1).all()
