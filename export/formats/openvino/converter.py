"""The process that makes ONNX, which OpenVINO's files are made of."""

from __future__ import annotations

from export.formats.onnx.converter import CONVERTER

__all__ = ["CONVERTER"]
