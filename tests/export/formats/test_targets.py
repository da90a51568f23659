"""Names of formats and variants stand for files, and what does not exist is refused."""

from __future__ import annotations

import dataclasses

import pytest

from export.artifact import Format, Target, Variant
from export.errors import InputError
from export.formats import onnx
from export.formats.format import facts
from export.formats.targets import TargetOptions, check_opset, choose_targets, options_for
from export.formats.writer import prepare

EVERY_TARGET = tuple(Target(format=kind, variant=variant) for kind in Format for variant in facts(kind).variants)
USUAL_TARGETS = tuple(target for target in EVERY_TARGET if not facts(target.format).is_optional)


@pytest.fixture(autouse=True)
def without_optional_formats(monkeypatch: pytest.MonkeyPatch) -> None:
    """What is asked for must not depend on what is installed where the tests run."""
    monkeypatch.setattr("export.formats.format.is_installed", lambda kind: not facts(kind).is_optional)


def test_each_target_has_the_file_name_of_the_contract() -> None:
    assert [target.file for target in EVERY_TARGET] == [
        *("saved_model", "model.tflite", "model_float16.tflite", "model_dynamic.tflite", "model_int8.tflite"),
        *("model.onnx", "model_float16.onnx", "model_int8.onnx"),
        *("openvino", "openvino_float16", "openvino_int8"),
    ]


def test_no_two_targets_share_a_file() -> None:
    assert len({target.file for target in EVERY_TARGET}) == len(EVERY_TARGET)


def test_every_format_comes_as_float32() -> None:
    assert all(Variant.FLOAT32 in facts(kind).variants for kind in Format)


@pytest.mark.parametrize("formats", [[], ["all"], ["onnx", "all"], ["onnx", "saved_model", "tflite", "onnx"]])
def test_all_formats_are_chosen_once_and_in_one_order(formats: list[str]) -> None:
    targets = choose_targets(formats, [])

    assert [target.format for target in targets] == ["saved_model", "tflite", "onnx"]
    assert {target.variant for target in targets} == {Variant.FLOAT32}


@pytest.mark.parametrize("kind", list(Format))
def test_one_format_is_chosen_alone(kind: Format) -> None:
    assert choose_targets([kind.value], []) == (Target(format=kind, variant=Variant.FLOAT32),)


def test_all_variants_of_all_formats_are_all_that_exist() -> None:
    assert choose_targets(["all"], ["all"]) == USUAL_TARGETS
    assert choose_targets([], ["all"]) == USUAL_TARGETS


def test_an_unknown_format_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=r"unknown format torch: choose among .*, onnx, openvino and all"):
        choose_targets(["torch"], [])


def test_an_optional_format_is_asked_for_by_name_whatever_is_installed(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr("export.formats.format.is_installed", lambda kind: True)

    assert choose_targets([], ["all"]) == USUAL_TARGETS
    assert choose_targets(["all", "openvino"], ["all"]) == EVERY_TARGET


def test_what_is_published_may_be_of_formats_that_are_not_installed() -> None:
    targets = choose_targets(["all"], [], everything=Format)

    assert {target.format for target in targets} == set(Format)


def test_an_optional_format_that_is_not_installed_is_refused_with_what_installs_it() -> None:
    (target,) = choose_targets(["openvino"], [])

    with pytest.raises(InputError, match=r"IR needs openvino, .*: pip install openvino$"):
        prepare([target])


def test_an_unknown_format_is_refused_beside_all() -> None:
    with pytest.raises(InputError, match="unknown format torch"):
        choose_targets(["all", "torch"], [])


def test_an_unknown_variant_is_refused_with_the_known_ones() -> None:
    with pytest.raises(InputError, match=f"unknown variant int2: choose among {', '.join(Variant)} and all"):
        choose_targets(["onnx"], ["int2"])


def test_a_named_pair_that_does_not_exist_is_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx, "FACTS", dataclasses.replace(onnx.FACTS, variants=()))

    with pytest.raises(InputError, match="there is no float32 onnx: onnx comes as"):
        choose_targets(["onnx"], ["float32"])


def test_a_pair_that_nobody_named_is_left_out(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(onnx, "FACTS", dataclasses.replace(onnx.FACTS, variants=()))

    assert [target.format for target in choose_targets([], ["float32"])] == ["saved_model", "tflite"]


@pytest.mark.parametrize("opset", [13, 17, 18])
def test_a_known_opset_is_itself(opset: int) -> None:
    assert check_opset(opset) == opset


@pytest.mark.parametrize("opset", [-1, 0, 12, 19, 28])
def test_an_unknown_opset_is_refused(opset: int) -> None:
    with pytest.raises(InputError, match=f"--opset must be 13 to 18, got {opset}"):
        check_opset(opset)


def test_a_variant_alone_means_the_formats_that_have_it() -> None:
    assert [target.file for target in choose_targets([], ["dynamic"])] == ["model_dynamic.tflite"]
    assert [target.file for target in choose_targets([], ["int8"])] == ["model_int8.tflite", "model_int8.onnx"]


def test_auto_means_every_variant_of_the_formats() -> None:
    assert choose_targets(["onnx"], ["auto"]) == choose_targets(["onnx"], ["all"])


def test_auto_beside_a_variant_is_refused() -> None:
    with pytest.raises(InputError, match="--variant auto chooses by itself: leave the others out"):
        choose_targets([], ["auto", "int8"])


def test_a_named_pair_that_no_format_has_is_refused_with_what_it_comes_as() -> None:
    with pytest.raises(InputError, match="there is no dynamic onnx: onnx comes as float32, float16, int8"):
        choose_targets(["onnx"], ["dynamic"])


def targets_of(*files: str) -> list[Target]:
    return [target for target in EVERY_TARGET if target.file in files]


@pytest.mark.parametrize(
    ("files", "words"),
    [
        (["saved_model", "model.onnx"], "--format saved_model --format onnx"),
        (["saved_model"], "--format saved_model"),
        (["saved_model", "model.tflite", "model.onnx"], ""),
        (["model.tflite", "model_dynamic.tflite"], "--format tflite --variant float32 --variant dynamic"),
        (["saved_model", "model.tflite", "model_dynamic.tflite", "model.onnx"], "--variant float32 --variant dynamic"),
        (["model_float16.tflite", "model_float16.onnx"], "--variant float16"),
        (
            ["saved_model", *(f"model{end}.onnx" for end in ("", "_float16", "_int8"))],
            "--format saved_model --format onnx --variant all",
        ),
        # Not all of it can be asked for at once without more.
        (["model.tflite", "model_float16.onnx", "model_int8.onnx"], "--format onnx --variant float16 --variant int8"),
    ],
)
def test_options_ask_for_as_many_files_as_possible_and_for_no_others(files: list[str], words: str) -> None:
    options = options_for(targets_of(*files))

    assert " ".join(options.words) == words
    assert options.targets <= set(targets_of(*files))


def test_nothing_wanted_has_no_options() -> None:
    assert options_for([]) == TargetOptions()
