"""What is known of a format before any of its packages is imported: each format's folder states it in `__init__`.

Standard library only.
"""

from __future__ import annotations

from dataclasses import dataclass

from export.artifact import Variant


@dataclass(frozen=True, kw_only=True)
class FormatFacts:
    """One format.

    `title`: how messages name what the converter writes. `variants`: the number types it comes in.
    `module`, `package`: what has to be installed to run a file, as Python and as pip call it.
    `writer_modules`: what has to be importable to write one, beside TensorFlow.
    `recorded`: distributions whose versions the manifest keeps, as they decide what is written.
    `is_optional`: not every installation has them.
    `loading_order`: the format that loads fastest has the lowest; it is taken where any would do.
    `unoptimized`: how a file is opened without its runtime's optimizations, in words; None if these and the number of
    threads belong to the process instead of the file.
    `loading`: how the users of a file open it, for the manifest, where that is not plain.
    `holds_all`: whether it can hold whatever TensorFlow computes, such as random numbers and sizes that depend on
    values.
    `has_opset`: whether its files are stamped with an ONNX opset. `is_slow`: whether opening a file takes seconds.
    `keras_export`: what `model.export` calls the format, and the suffix of its file; None if that can't write it, if it
    writes the same, or if it sends what it does. `empty_folders`: folders in a published one that may be empty.
    """

    title: str
    variants: tuple[Variant, ...]
    module: str
    package: str
    writer_modules: tuple[str, ...] = ()
    recorded: tuple[str, ...] = ()
    is_optional: bool = False
    loading_order: int
    unoptimized: str | None
    loading: str | None = None
    holds_all: bool = False
    has_opset: bool = False
    is_slow: bool = False
    keras_export: tuple[str, str] | None = None
    empty_folders: tuple[str, ...] = ()
