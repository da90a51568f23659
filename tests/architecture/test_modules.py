"""How large a folder, a module and a function may be, and what they may name."""

from __future__ import annotations

import ast

import pytest

from .rooms import MODULES, ROOT, SCRIPTS, imported_packages

LARGEST_MODULE = 300
MOST_MODULES = 14


@pytest.mark.parametrize("package", ["tuning", "export", "scripts", "tests"])
def test_a_folder_is_seen_at_a_glance(package: str) -> None:
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    full = {folder.relative_to(ROOT).as_posix(): len(list(folder.glob("*.py"))) for folder in folders}

    assert {name: count for name, count in full.items() if count > MOST_MODULES} == {}


@pytest.mark.parametrize("module", MODULES + SCRIPTS)
def test_a_module_holds_one_idea(module: str) -> None:
    lines = (ROOT / module).read_text(encoding="utf-8").splitlines()

    assert len(lines) <= LARGEST_MODULE
    assert ast.get_docstring(ast.parse("\n".join(lines)))


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("tuning/")])
def test_only_the_hypermodel_and_the_baselines_name_a_hyperparameter(module: str) -> None:
    allowed = {"tuning/models/network.py", "tuning/models/built_in.py", "tuning/models/baselines.py"}
    # `batch_size` is not among them: any model is trained in batches of some size.
    names = ('"num_blocks"', '"num_filters', '"kernel_size', '"dense_units"', '"dropout"')
    text = (ROOT / module).read_text(encoding="utf-8")

    assert module in allowed or not any(name in text for name in names)


def test_scripts_print_text_and_leave_rich_with_its_markup_to_the_console() -> None:
    users = {script for script in SCRIPTS if "rich" in imported_packages(script)}

    assert users == {"scripts/terminal/console.py", "scripts/terminal/progress.py"}


def test_the_top_level_is_the_fixed_one() -> None:
    tracked = {"tuning", "export", "scripts", "tests", "pyproject.toml", "README.md", "LICENSE"}
    present = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}

    assert tracked <= present
    assert {name for name in present - tracked if not name.endswith(".egg-info")} <= {"runs", "build", "dist"}


@pytest.mark.parametrize("module", [*MODULES, *SCRIPTS])
def test_a_function_takes_at_most_six_parameters(module: str) -> None:
    functions = [
        node
        for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8")))
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    ]
    counts = {
        function.name: sum(
            argument.arg not in ("self", "cls")
            for argument in (*function.args.posonlyargs, *function.args.args, *function.args.kwonlyargs)
        )
        for function in functions
    }

    assert {name: count for name, count in counts.items() if count > 6} == {}


def test_a_class_name_has_one_meaning() -> None:
    """A leading underscore makes no other name of it."""
    places: dict[str, list[str]] = {}
    for path in (path for package in ("tuning", "export", "scripts") for path in (ROOT / package).rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name.lstrip("_"), []).append(str(path.relative_to(ROOT)))

    assert {name: files for name, files in places.items() if len(files) > 1} == {}
