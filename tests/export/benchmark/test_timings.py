"""Percentiles, noise and ratios of timed calls."""

from __future__ import annotations

import numpy as np
import pytest
from hypothesis import given
from hypothesis import strategies as st

from export.benchmark.timings import Latency, compare_latency, percentile, relative_spread

durations = st.integers(1, 10**12)


def latency(*medians: int, batch: int = 1) -> Latency:
    """One round of three calls for each median."""
    return Latency(batch=batch, rounds_ns=tuple((median - 1, median, median + 1) for median in medians))


@given(st.binary(min_size=800, max_size=2400), st.sampled_from([50, 95, 99]))
def test_a_percentile_is_numpy_s(drawn: bytes, percent: int) -> None:
    values = [1 + number // 2**24 for number in memoryview(drawn[: len(drawn) // 8 * 8]).cast("Q")]

    assert percentile(values, percent) == pytest.approx(float(np.percentile(values, percent)), rel=1e-9)


@pytest.mark.parametrize(("percent", "fewest"), [(95, 20), (99, 100)])
def test_a_percentile_beyond_which_no_call_lies_is_not_told(percent: int, fewest: int) -> None:
    assert percentile([1] * (fewest - 1), percent) is None
    assert percentile([1] * fewest, percent) == 1


def test_a_latency_tells_calls_percentiles_and_throughput() -> None:
    found = Latency(batch=32, rounds_ns=(tuple(range(1, 51)), tuple(range(51, 101)), (1000,)))

    assert found.calls == 101
    assert found.p50_ms == pytest.approx(51e-6)
    assert found.p95_ms == pytest.approx(96e-6)
    assert found.p99_ms == pytest.approx(100e-6)
    assert found.round_medians == (25.5, 75.5, 1000)
    assert found.images_per_second == pytest.approx(32 / 51e-9)


def test_the_spread_is_what_the_middle_half_of_the_rounds_spans() -> None:
    assert relative_spread([90, 95, 100, 105, 1000]) == pytest.approx(0.1)


def test_a_timing_is_noisy_above_a_tenth_of_its_median_not_at_it() -> None:
    assert not latency(900, 950, 1000, 1050, 9000).is_noisy
    assert latency(900, 949, 1000, 1050, 9000).is_noisy


def test_one_round_that_something_else_disturbed_is_no_noise() -> None:
    assert not latency(1000, 1001, 1002, 1003, 50000).is_noisy


@pytest.mark.parametrize("rounds", [0, 1, 2])
def test_too_few_rounds_tell_no_noise(rounds: int) -> None:
    with pytest.raises(ValueError, match=f"there must be at least 3 rounds to measure their noise, got {rounds}"):
        relative_spread([100.0] * rounds)


def test_a_ratio_pairs_the_rounds_so_that_what_slows_both_counts_for_neither() -> None:
    ours, theirs = latency(100, 200, 1000), latency(200, 400, 2000)

    ratio = compare_latency(ours, theirs)

    assert (ratio.paired, ratio.low, ratio.high) == (0.5, 0.5, 0.5)
    assert ratio.of_medians == 0.5
    assert ratio.is_noisy


def test_a_ratio_tells_where_half_of_the_rounds_lie() -> None:
    ratio = compare_latency(latency(100, 100, 100, 100, 100), latency(50, 80, 100, 125, 200))

    assert (ratio.low, ratio.paired, ratio.high) == (0.8, 1.0, 1.25)
    assert ratio.of_medians == 1.0


@given(st.lists(durations.filter(lambda value: value > 1), min_size=3, max_size=20))
def test_a_timing_against_itself_is_one(medians: list[int]) -> None:
    ratio = compare_latency(latency(*medians), latency(*medians))

    assert (ratio.of_medians, ratio.paired, ratio.low, ratio.high) == (1, 1, 1, 1)


@pytest.mark.parametrize("other", [latency(1, 2, 3, 4), latency(1, 2, 3, batch=32)])
def test_timings_of_other_rounds_or_batch_sizes_are_not_compared(other: Latency) -> None:
    with pytest.raises(
        ValueError, match="only timings of the same rounds and batch size can be compared, got 3 rounds"
    ):
        compare_latency(latency(1, 2, 3), other)
