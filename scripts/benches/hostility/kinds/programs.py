"""Published files that do more than compute, never end, or eat the machine, before they are run."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from pathlib import Path

from scripts.benches.hostility.case import Attack, AttackKind, CasePlace
from scripts.benches.hostility.planted import hostile_graphs, hostile_onnx, hostile_tflite
from scripts.benches.hostility.resealing import reseal

ANSWER_IS_NO, NO_FILE_OF_THE_KIND = (1,), (2,)
COMMANDS = {
    "verify.py": ["verify.py", "artifacts", "--format"],
    "predict.py": ["predict.py", "one.png", "--artifacts", "artifacts", "--format"],
    "benchmark.py": ["benchmark.py", "artifacts", "--repeats", "3", "--format"],
}
MEASURED = ("artifacts/benchmark.json", "artifacts/benchmark.csv")

Spoil = Callable[[Path], None]


def _prepare(spoil: Spoil, command: Sequence[str]) -> Callable[[CasePlace], Sequence[str]]:
    def prepare(place: CasePlace) -> Sequence[str]:
        from PIL import Image

        folder = place.goods.artifacts(place.folder)
        spoil(folder)
        reseal(folder)
        if command[0] == "predict.py":
            picture = Image.new("L", (28, 28))
            picture.paste(255, (12, 4, 16, 24))
            picture.save(place.folder / "one.png")
        return command

    return prepare


def _attack(name: str, spoil: Spoil, says: str, *, words: Sequence[str], slow: bool = False) -> Attack:
    """`words`: the format, and options; the last one may be the script, which is else `verify.py`."""
    script = words[-1] if words[-1] in COMMANDS else "verify.py"
    command = [*COMMANDS[script], *(word for word in words if word not in COMMANDS)]
    return Attack(
        kind=AttackKind.PROGRAMS,
        name=f"{name}, to {script}",
        prepare=_prepare(spoil, command),
        codes=NO_FILE_OF_THE_KIND if says.startswith("is not a") else ANSWER_IS_NO,
        says=says,
        changes=MEASURED if script == "benchmark.py" else (),
        slow=slow or script == "benchmark.py",
    )


def _graphs() -> list[Attack]:
    found = []
    for number, (name, (change, says)) in enumerate(hostile_graphs.CHANGES.items()):
        # All of them are seen by one judge: two in three by `verify.py`, the others by those that ask it too.
        script = ("verify.py", "verify.py", "predict.py")[number % 3] if number % 20 else "benchmark.py"
        found.append(
            _attack(
                f"a SavedModel in which {name}" if name[0].islower() else f"a SavedModel with {name}",
                lambda folder, change=change: hostile_graphs.change_graph(folder, change),  # type: ignore[misc]
                says,
                words=["saved_model", script],
                # The judge's own tests have each of them.
                slow=number % 8 != 0,
            )
        )
    return found


def _onnx() -> list[Attack]:
    return [
        _attack(
            f"an ONNX file with {name}",
            lambda folder, change=change: hostile_onnx.change_onnx(folder, change),  # type: ignore[misc]
            says,
            words=["onnx", script],
        )
        for number, (name, (change, says)) in enumerate(hostile_onnx.REFUSED.items())
        for script in (COMMANDS if number < 2 else ["verify.py"])
    ]


def _tflite() -> list[Attack]:
    return [
        _attack(
            f"a TFLite file with {name}",
            lambda folder, change=change: hostile_tflite.change_tflite(folder, change),  # type: ignore[misc]
            says,
            words=["tflite", script],
        )
        for number, (name, (change, says)) in enumerate(hostile_tflite.REFUSED.items())
        for script in (COMMANDS if number < 2 else ["verify.py"])
    ]


def _loop(folder: Path) -> None:
    hostile_onnx.change_onnx(folder, hostile_onnx.loop(10**6, work=512))


def _memory(folder: Path) -> None:
    hostile_onnx.change_onnx(folder, hostile_onnx.memory(8))


def _endless(folder: Path) -> None:
    """A SavedModel of TensorFlow's operators whose loop has no end."""
    import tensorflow as tf

    def answer(image: tf.Tensor) -> dict[str, tf.Tensor]:
        start = tf.cast(tf.reduce_sum(tf.cast(image, tf.float32)), tf.float32)
        turned = tf.while_loop(lambda x: x > -1.0, lambda x: (x * 0.5,), [start])[0]
        return {"probabilities": tf.fill((tf.shape(image)[0], 10), 0.1) + 0.0 * turned}

    signature = [tf.TensorSpec((None, 28, 28, 1), tf.uint8, name="image")]
    function = tf.function(answer, input_signature=signature).get_concrete_function()
    kept = (folder / "saved_model" / "assets.extra" / "description.json").read_bytes()
    tf.saved_model.save(tf.Module(), str(folder / "saved_model"), signatures={"serving_default": function})
    (folder / "saved_model" / "fingerprint.pb").unlink(missing_ok=True)
    (folder / "saved_model" / "assets.extra").mkdir(exist_ok=True)
    (folder / "saved_model" / "assets.extra" / "description.json").write_bytes(kept)


def _crash(folder: Path) -> None:
    """A TFLite file whose weights lie behind its end by an offset that the schema allows."""
    path = folder / "model.tflite"
    content = bytearray(path.read_bytes())
    for at in range(len(content) // 3, 2 * len(content) // 3, 4):
        content[at : at + 4] = b"\xff\xff\xff\x7f"
    path.write_bytes(content)


def _link(folder: Path) -> None:
    (folder / "saved_model" / "saved_model.pbtxt").write_text("", encoding="utf-8")


_LATE, _LARGE = ["--time-limit", "8s"], ["--memory-limit", "500MiB"]
_OTHERS = (
    *(
        _attack(
            "an ONNX file with a loop that takes for ever",
            _loop,
            "not through after 8 s",
            words=["onnx", *_LATE, script],
            slow=True,
        )
        for script in COMMANDS
    ),
    *(
        _attack(
            "an ONNX file that asks for 8 GiB", _memory, "more than 500 MiB", words=["onnx", *_LARGE, script], slow=True
        )
        for script in COMMANDS
    ),
    _attack(
        "a SavedModel whose loop has no end",
        _endless,
        "not through after 8 s",
        words=["saved_model", *_LATE],
        slow=True,
    ),
    _attack("a TFLite file whose middle is full of huge numbers", _crash, "model.tflite", words=["tflite"]),
    _attack(
        "a TFLite file of 400 million operators in 200 kB",
        lambda folder: hostile_tflite.repeat_graph(folder, 20_000),
        "is not a TFLite file",
        words=["tflite"],
    ),
    _attack("a SavedModel in two forms", _link, "saved_model.pbtxt, which no export writes", words=["saved_model"]),
)

CASES: tuple[Attack, ...] = (*_graphs(), *_onnx(), *_tflite(), *_OTHERS)
