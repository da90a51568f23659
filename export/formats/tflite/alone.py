"""TFLite where only numpy and ai-edge-litert can be imported: nothing of this project can, and none of it is here."""

from __future__ import annotations

from typing import Any

from ai_edge_litert.interpreter import Interpreter


def answer(path: str, inputs: dict[str, Any]) -> dict[str, Any]:
    """The file's answers by name, with one thread."""
    interpreter = Interpreter(path, num_threads=1)
    answers: dict[str, Any] = interpreter.get_signature_runner("serving_default")(**inputs)
    return answers
