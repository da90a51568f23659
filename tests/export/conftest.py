"""What the export tests share: pictures to verify on, one published folder, planted faults, child processes."""

from __future__ import annotations

import dataclasses
import os
import shutil
import subprocess
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import numpy as np
import pytest

ROOT = Path(__file__).resolve().parents[2]


@pytest.fixture(scope="session")
def examples(digits: Any) -> tuple[np.ndarray, np.ndarray]:
    """(images, labels): 300 test images of the digits."""
    split = digits.test.for_verification()
    return split.images[:300], split.labels[:300]


@pytest.fixture(scope="session")
def subject() -> Any:
    """What the small model is about."""
    from export.artifact import Subject

    return Subject(
        class_names=tuple("0123456789"), dataset="digits", dataset_digest="d" * 64, note="geübt an 8×8 Ziffern"
    )


@pytest.fixture(scope="session")
def describe(subject: Any, examples: tuple[np.ndarray, np.ndarray]) -> Callable[[Path], Any]:
    """`describe(model_file)`: what its files should say about themselves."""
    import keras

    from export.artifact import Description, digest_file

    def call(path: Path) -> Description:
        answers = np.asarray(keras.models.load_model(path, compile=False)(examples[0], training=False))
        return Description(
            **dataclasses.asdict(subject),
            accuracy=float((answers.argmax(axis=1) == examples[1]).mean()),
            source_digest=digest_file(path),
        )

    return call


@pytest.fixture(scope="session")
def description(model_file: Path, describe: Callable[[Path], Any]) -> Any:
    """What the files of the small model should say about themselves."""
    return describe(model_file)


@pytest.fixture(scope="session")
def options(description: Any) -> Callable[..., Any]:
    """`options(format, opset=17)`: how to write the small model in a format, as float32."""
    from export.artifact import Format, Target, Variant
    from export.formats.writer import WriteOptions

    def call(kind: Format, *, opset: int = 17) -> WriteOptions:
        target = Target(format=kind, variant=Variant.FLOAT32)
        return WriteOptions(target=target, description=description, opset=opset)

    return call


@pytest.fixture(scope="session")
def serving(model_file: Path) -> Any:
    """The small trained model, loaded to be served."""
    from export.model.serving import load_serving_model

    return load_serving_model(model_file)


@pytest.fixture(scope="session")
def keras_answers(serving: Any) -> Callable[[np.ndarray], np.ndarray]:
    """What Keras itself answers, by another way than the product's."""

    def call(images: np.ndarray) -> np.ndarray:
        return np.asarray(serving.model(images, training=False))

    return call


@pytest.fixture(scope="session")
def request_for(model_file: Path, subject: Any) -> Callable[..., Any]:
    """`request_for(folder, *formats, model=…, opset=…, about=…)`: an ExportRequest; no format means all, the optional
    ones too."""
    from export.artifact import DEFAULT_OPSET
    from export.formats.format import offered_formats
    from export.formats.targets import choose_targets
    from export.publishing.request import ExportRequest

    def call(
        folder: Path,
        *formats: str,
        model: Path = model_file,
        opset: int = DEFAULT_OPSET,
        about: Any = subject,
    ) -> ExportRequest:
        return ExportRequest(
            model=model,
            targets=choose_targets(formats or offered_formats(), []),
            folder=folder,
            subject=about,
            opset=opset,
        )

    return call


@pytest.fixture(scope="session")
def published(
    tmp_path_factory: pytest.TempPathFactory, request_for: Callable[..., Any], examples: tuple[np.ndarray, np.ndarray]
) -> Path:
    """The small model in every format. Not to be changed: copy it."""
    from export._publish import publish

    folder = tmp_path_factory.mktemp("published") / "artifacts"
    assert publish(request_for(folder), *examples).passed
    return folder


@pytest.fixture(scope="session")
def calibration(digits: Any) -> np.ndarray:
    """Training images for integer arithmetic."""
    from export.publishing.calibration import choose_calibration

    split = digits.training
    return split.read(choose_calibration(split.labels, len(split)))


@pytest.fixture(scope="session")
def loose() -> Any:
    """Rules that let a hastily trained model change its mind now and then where its numbers are coarse."""
    from export.artifact import Variant
    from export.comparison.tolerance import TOLERANCES

    changes = {"probability": 1.0, "agreement": 0.9, "accuracy_loss": 0.1}
    coarse = {kind: dataclasses.replace(TOLERANCES[kind], **changes) for kind in (Variant.DYNAMIC, Variant.INT8)}
    return {**TOLERANCES, **coarse}


@pytest.fixture(scope="session")
def every_variant(
    tmp_path_factory: pytest.TempPathFactory,
    request_for: Callable[..., Any],
    examples: tuple[np.ndarray, np.ndarray],
    calibration: np.ndarray,
    loose: Any,
) -> Path:
    """The small model in every format and number type. Not to be changed: copy it."""
    from export._publish import publish
    from export.formats.format import offered_formats
    from export.formats.targets import choose_targets

    folder = tmp_path_factory.mktemp("every_variant") / "artifacts"
    request = dataclasses.replace(
        request_for(folder),
        targets=choose_targets(["all", *offered_formats()], ["all"]),
        calibration=calibration,
        tolerances=loose,
    )
    verification = publish(request, *examples)
    assert verification.passed, [verification.failures_of(artifact) for artifact in verification.artifacts]
    return folder


@pytest.fixture
def published_copy(published: Path, tmp_path: Path) -> Path:
    """A copy of the published folder, to be changed at will."""
    return shutil.copytree(published, tmp_path / "artifacts")


@pytest.fixture(scope="session")
def snapshot() -> Callable[[Path], dict[str, bytes]]:
    """`snapshot(folder)`: path → bytes of every file below it."""

    def call(folder: Path) -> dict[str, bytes]:
        return {path.relative_to(folder).as_posix(): path.read_bytes() for path in folder.rglob("*") if path.is_file()}

    return call


@pytest.fixture
def save_layers(tmp_path: Path) -> Callable[..., Path]:
    """`save_layers(*layers)`: a .keras file that rescales 28×28 images, calls the layers and has 10 classes."""
    import keras

    def call(*layers: Any) -> Path:
        keras.utils.set_random_seed(0)
        image = keras.Input((28, 28, 1), dtype="uint8")
        x = keras.layers.Rescaling(1 / 255)(image)
        for layer in layers:
            x = layer(x)
        x = keras.layers.Dense(10, activation="softmax")(keras.layers.Flatten()(x))
        path = tmp_path / "layers.keras"
        keras.Model(image, x).save(path)
        return path

    return call


@pytest.fixture(scope="session")
def plant_fault(model_file: Path) -> Callable[[str], Any]:
    """`plant_fault(name)`: the small model, loaded anew, with a fault that hardly changes what it says."""
    from export.model.serving import load_serving_model

    def scale_one_channel(model: Any) -> None:
        kernel = next(weight for weight in model.trainable_weights if len(weight.shape) == 4)
        values = np.array(kernel)
        values[..., np.abs(values).sum(axis=(0, 1, 2)).argmax()] *= 1.01
        kernel.assign(values)

    def round_to_float16(model: Any) -> None:
        for weight in model.trainable_weights:
            weight.assign(np.array(weight).astype(np.float16).astype(np.float32))

    def scale_dense(model: Any) -> None:
        kernel = next(weight for weight in model.trainable_weights if len(weight.shape) == 2)
        kernel.assign(np.array(kernel) * 1.001)

    faults = {
        "one channel × 1.01": scale_one_channel,
        "float16 weights": round_to_float16,
        "dense layer × 1.001": scale_dense,
    }

    def call(name: str) -> Any:
        faulty = load_serving_model(model_file)
        faults[name](faulty.model)
        return faulty

    return call


@pytest.fixture(scope="session")
def child() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`child(code, *arguments, **env)`: run Python code in a process of its own, with the project on its path."""

    def call(code: str, *arguments: object, **env: str) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [sys.executable, "-c", code, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(ROOT), **env},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return call


@pytest.fixture(scope="session")
def as_somebody() -> Callable[..., subprocess.CompletedProcess[str]]:
    """`as_somebody(code, *arguments)`: likewise, by a user whom the rights of files hold for; root's are taken away."""
    words = []
    if hasattr(os, "geteuid") and os.geteuid() == 0:
        if shutil.which("setpriv") is None:
            pytest.skip("root's rights can't be taken away without setpriv")
        words = ["setpriv", "--bounding-set=-all", "--inh-caps=-all"]

    def call(code: str, *arguments: object) -> subprocess.CompletedProcess[str]:
        return subprocess.run(
            [*words, sys.executable, "-c", code, *map(str, arguments)],
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            capture_output=True,
            text=True,
            timeout=300,
            check=False,
        )

    return call
