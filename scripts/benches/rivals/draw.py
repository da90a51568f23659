"""Draw the configurations of a measurement; afterwards TensorFlow's files are in memory for whoever comes first."""

from __future__ import annotations

from scripts.benches.rivals.plain_keras_tuner import draw

if __name__ == "__main__":
    draw()
