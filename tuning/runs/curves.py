"""Learning curves as a picture."""

from __future__ import annotations

import io
from collections.abc import Sequence
from pathlib import Path

from matplotlib.figure import Figure
from matplotlib.ticker import MaxNLocator

from tuning.files.atomic import write_bytes
from tuning.records import Epoch


def plot_curves(epochs: Sequence[Epoch], path: Path, *, title: str) -> None:
    """Write a PNG: loss on the left, accuracy on the right, training and validation in each."""
    figure = Figure(figsize=(10, 4), layout="constrained")
    figure.suptitle(title)
    number = range(1, len(epochs) + 1)
    for axes, quantity in zip(figure.subplots(1, 2), ("loss", "accuracy"), strict=True):
        axes.plot(number, [getattr(epoch, quantity) for epoch in epochs], marker="o", label="training")
        validation = [getattr(epoch, f"val_{quantity}") for epoch in epochs]
        if None not in validation:
            axes.plot(number, validation, marker="o", label="validation")
        axes.set(xlabel="epoch", ylabel=quantity)
        axes.xaxis.set_major_locator(MaxNLocator(integer=True))
        axes.grid(alpha=0.3)
        axes.legend()
    content = io.BytesIO()
    figure.savefig(content, format="png", dpi=120)
    write_bytes(path, content.getvalue())
