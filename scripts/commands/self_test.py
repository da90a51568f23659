"""`verify.py --self-test`: faults of many kinds in files of the published model, each of which has to be caught."""

from __future__ import annotations

import argparse
from pathlib import Path
from typing import TYPE_CHECKING, Any

from export.artifact import Format, Subject
from export.errors import InputError
from export.folder.manifest import Manifest
from export.formats.format import writing_modules
from scripts import _entry
from scripts.commands.published import holds_weights_alone, keras_model_beside
from scripts.options.code import is_trusted, read_code
from scripts.options.serving import code_published, how_published, serving_options
from scripts.options.signing import tell_signature
from scripts.terminal.console import dim, green, make_console, red

if TYPE_CHECKING:
    from export.folder.signature import PublicKey

PACKAGES = ("numpy", *writing_modules(), "filelock", "rich")
EXAMPLES = 500


def run_self_test(
    arguments: argparse.Namespace, folder: Path, manifest: Manifest, key: PublicKey | None
) -> _entry.CommandOutcome:
    """Print a line for each planted fault; the answer is yes if every one was caught. `key`: what signed the folder.

    Raises InputError if the Keras model of the files is not beside them, and VerificationError if a correct file of it
    is not accepted.
    """
    trusted = is_trusted(arguments)
    code = code_published(folder, read_code(arguments), trusted=trusted)
    _entry.hand_over(PACKAGES)
    model = keras_model_beside(folder, manifest)
    if model is None:
        raise InputError(
            f"{folder.absolute().parent} does not hold the Keras model that the files were made of: the self-test "
            "plants faults in it, so put the file there as model.keras"
        )
    if code.is_left_out and holds_weights_alone(model):
        raise InputError(f"{model} holds weights alone, which the self-test can't plant faults in: {code.line}")
    _entry.load_tensorflow()
    from export.artifact import REFERENCE
    from export.comparison.reference import read_reference
    from export.publishing.request import ExportRequest
    from export.self_test.planting import self_test
    from export.verification import first_failing_ring

    console = make_console(json_output=arguments.json)
    tell_signature(console, folder, key)
    if code.line:
        console.print(code.line)
    part = read_reference(folder / REFERENCE).first(EXAMPLES)
    described = manifest.description
    request = ExportRequest(
        model=model,
        folder=folder,
        subject=Subject(
            class_names=described.class_names,
            dataset=described.dataset,
            dataset_digest=described.dataset_digest,
            note=described.note,
        ),
        serving=serving_options(how_published(folder, manifest, trusted=trusted), code),
    )
    # The only input of a model may be called otherwise in the files than in the model.
    images: Any = next(iter(part.inputs.values())) if len(part.inputs) == 1 else part.inputs
    found = []
    with console.status("publishing correct files, to plant faults in") as status:
        for caught in self_test(
            request, images, part.labels, verify=lambda where: first_failing_ring(where, formats=list(Format))
        ):
            status.update("planting faults")
            found.append(caught)
            console.print(red(caught.line) if caught.ring is None else green(caught.line))
    missed = sum(caught.ring is None for caught in found)
    stood_in = sorted({caught.name for caught in found if caught.stood_in})
    console.print(f"{len(found) - missed} of {len(found)} planted faults were caught")
    if stood_in:
        console.print(dim(f"in a small model of their own, as this one has no layer for them: {', '.join(stood_in)}"))
    return _entry.CommandOutcome(
        result={
            "folder": str(folder),
            "passed": missed == 0,
            "faults": [
                {"name": one.name, "format": one.format, "ring": one.ring, "stood_in": one.stood_in} for one in found
            ],
        },
        passed=missed == 0,
    )
