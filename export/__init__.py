"""Write a trained Keras model as SavedModel, TFLite and ONNX files that are verified to match it.

The public names are loaded when they are first asked for: `import export` loads no framework, and verifying or running
a file loads no more than its runtime.
"""

from importlib import import_module
from typing import TYPE_CHECKING, Any

if TYPE_CHECKING:
    from export._publish import publish
    from export.artifact import Format, Subject, Target, Variant
    from export.errors import InputError, VerificationError
    from export.formats.runtime import load, predict
    from export.formats.targets import choose_targets
    from export.model.preprocessing import ServingOptions
    from export.pictures import read_picture
    from export.publishing.request import ExportRequest
    from export.verification import verify_folder

_MODULES = {
    "ExportRequest": "publishing.request",
    "Format": "artifact",
    "InputError": "errors",
    "ServingOptions": "model.preprocessing",
    "Subject": "artifact",
    "Target": "artifact",
    "Variant": "artifact",
    "VerificationError": "errors",
    "choose_targets": "formats.targets",
    "load": "formats.runtime",
    "predict": "formats.runtime",
    "publish": "_publish",
    "read_picture": "pictures",
    "verify_folder": "verification",
}

__all__ = [
    "ExportRequest",
    "Format",
    "InputError",
    "ServingOptions",
    "Subject",
    "Target",
    "Variant",
    "VerificationError",
    "choose_targets",
    "load",
    "predict",
    "publish",
    "read_picture",
    "verify_folder",
]


def __getattr__(name: str) -> Any:
    if name not in _MODULES:
        raise AttributeError(f"module {__name__!r} has no attribute {name!r}")
    return getattr(import_module(f"{__name__}.{_MODULES[name]}"), name)


def __dir__() -> list[str]:
    return __all__
