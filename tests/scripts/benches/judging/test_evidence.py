"""Evidence: no run is made twice, and what its table says follows from the lines."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from scripts.benches.judging.evidence import Evidence, MeasuredCase, describe

CASES = [MeasuredCase(part="speed", case="1", seed=seed) for seed in (0, 1)]


def test_what_is_on_record_is_not_measured_again(tmp_path: Path) -> None:
    measured: list[int] = []

    def measure(case: MeasuredCase, runs: Path) -> dict[str, Any]:
        measured.append(case.seed)
        if len(measured) == 2:
            raise KeyboardInterrupt
        return {"seconds": 1.0, "accuracy": 0.99}

    with pytest.raises(KeyboardInterrupt):
        Evidence(folder=tmp_path).add(CASES, measure)
    Evidence(folder=tmp_path).add(CASES, measure)

    assert measured == [0, 1, 1]
    assert [line["seed"] for line in Evidence(folder=tmp_path).lines] == [0, 1]


def test_a_case_is_summed_up_over_its_seeds() -> None:
    def line(part: str, seed: int, **result: Any) -> dict[str, Any]:
        return {"part": part, "case": "x", "seed": seed, **result}

    lines = [
        line("default", 0, seconds=480.0, winner="0003", accuracies={"model.onnx": 0.996, "saved_model": 0.995}),
        line("default", 1, seconds=432.0, winner="0000", accuracies={"model.onnx": 0.997}),
        line("sets", 0, seconds=180.0, winner="0002", error=1.0, first_error=1.5),
        line("sets", 1, seconds=180.0, winner="0002", error=2.0, first_error=1.5),
        line("sets", 2, seconds=180.0, winner="0000", error=3.0),
        line("speed", 0, seconds=7.0, accuracy=0.99),
    ]

    assert describe(lines) == [
        "default  x             2 runs  99.600% ± 0.14%  95% of the time  proposals won 1",
        "sets     x             3 runs  error 2.00 %  100% of the time  proposals won 2, 1 of them better",
        "speed    x             1 runs  99.000%  7.0 s",
    ]
