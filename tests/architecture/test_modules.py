"""How large a folder, a module and a function may be, and what they may name."""

from __future__ import annotations

import ast

import pytest

from .rooms import MODULES, ROOT, SCRIPTS, imported_packages, nodes, tree

LARGEST_MODULE = 300
MOST_MODULES = 14


@pytest.mark.parametrize("package", ["tuning", "export", "scripts", "tests"])
def test_a_folder_is_seen_at_a_glance(package: str) -> None:
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    full = {folder.relative_to(ROOT).as_posix(): len(list(folder.glob("*.py"))) for folder in folders}

    assert {name: count for name, count in full.items() if count > MOST_MODULES} == {}


def test_a_module_holds_one_idea() -> None:
    lines = {module: len((ROOT / module).read_text(encoding="utf-8").splitlines()) for module in MODULES + SCRIPTS}

    assert {module: count for module, count in lines.items() if count > LARGEST_MODULE} == {}
    assert [module for module in lines if not ast.get_docstring(tree(module))] == []


def test_only_the_hypermodel_and_the_baselines_name_a_hyperparameter() -> None:
    allowed = {"tuning/models/network.py", "tuning/models/built_in.py", "tuning/models/baselines.py"}
    # `batch_size` is not among them: any model is trained in batches of some size.
    names = ('"num_blocks"', '"num_filters', '"kernel_size', '"dense_units"', '"dropout"')
    others = [module for module in MODULES if module.startswith("tuning/") and module not in allowed]
    texts = {module: (ROOT / module).read_text(encoding="utf-8") for module in others}

    assert [module for module, text in texts.items() if any(name in text for name in names)] == []


def test_scripts_print_text_and_leave_rich_with_its_markup_to_the_console() -> None:
    users = {script for script in SCRIPTS if "rich" in imported_packages(script)}

    assert users == {"scripts/terminal/console.py", "scripts/terminal/progress.py"}


def test_the_top_level_is_the_fixed_one() -> None:
    tracked = {"tuning", "export", "scripts", "tests", "pyproject.toml", "README.md", "LICENSE"}
    present = {path.name for path in ROOT.iterdir() if not path.name.startswith(".")}

    assert tracked <= present
    assert {name for name in present - tracked if not name.endswith(".egg-info")} <= {"runs", "build", "dist"}


def test_a_function_takes_at_most_six_parameters() -> None:
    counts = {
        f"{module}: {node.name}": sum(
            argument.arg not in ("self", "cls")
            for argument in (*node.args.posonlyargs, *node.args.args, *node.args.kwonlyargs)
        )
        for module in (*MODULES, *SCRIPTS)
        for node in nodes(module)
        if isinstance(node, ast.FunctionDef | ast.AsyncFunctionDef)
    }

    assert {name: count for name, count in counts.items() if count > 6} == {}


def test_a_class_name_has_one_meaning() -> None:
    """A leading underscore makes no other name of it."""
    places: dict[str, list[str]] = {}
    for module in (*MODULES, *SCRIPTS):
        for node in tree(module).body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name.lstrip("_"), []).append(module)

    assert {name: files for name, files in places.items() if len(files) > 1} == {}
