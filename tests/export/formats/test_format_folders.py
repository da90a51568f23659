"""Every format's folder holds the same files, whose functions take and give the same."""

from __future__ import annotations

import ast
import inspect
import subprocess
import sys
from pathlib import Path

import pytest

from export.artifact import Format, Variant
from export.formats.format import by_loading_order, facts, has_part, load_part, offered_formats, part_file

FUNCTIONS = {
    ("writer", "write"): ["source", "path", "options"],
    ("runtime", "load"): ["path", "threads", "optimized"],
    ("structure", "read"): ["path"],
    ("structure", "find_invalid"): ["path"],
    ("metadata", "read"): ["path"],
    ("weights", "read"): ["path"],
    ("weights", "write"): ["path", "changed"],
}
OFFERED = offered_formats()


@pytest.mark.parametrize("kind", OFFERED)
@pytest.mark.parametrize(("part", "function"), list(FUNCTIONS))
def test_a_part_has_the_function_that_all_formats_have(kind: Format, part: str, function: str) -> None:
    found = inspect.signature(getattr(load_part(kind, part), function))

    assert list(found.parameters) == FUNCTIONS[part, function]


@pytest.mark.parametrize("kind", list(Format))
def test_what_runs_alone_imports_nothing_of_this_project(kind: Format) -> None:
    tree = ast.parse(part_file(kind, "alone").read_text(encoding="utf-8"))
    functions = {node.name: node for node in tree.body if isinstance(node, ast.FunctionDef)}
    imported = {node.module for node in ast.walk(tree) if isinstance(node, ast.ImportFrom)}

    assert [argument.arg for argument in functions["answer"].args.args] == ["path", "inputs"]
    assert not any(str(name).partition(".")[0] in ("export", "tuning", "scripts") for name in imported)


@pytest.mark.parametrize("kind", list(Format))
def test_the_facts_are_known_without_any_package(kind: Format) -> None:
    program = f"""
import sys; before = set(sys.modules)
from export.formats.format import facts; from export.artifact import Format
facts(Format({str(kind)!r}))
print({{name.partition(".")[0] for name in set(sys.modules) - before}} - sys.stdlib_module_names)
"""
    root = Path(__file__).resolve().parents[3]
    done = subprocess.run([sys.executable, "-c", program], cwd=root, capture_output=True, text=True, check=True)

    assert set(ast.literal_eval(done.stdout)) <= {"export", "tuning"}


@pytest.mark.parametrize("kind", list(Format))
def test_every_format_comes_in_float32_and_has_a_place_in_the_order(kind: Format) -> None:
    assert Variant.FLOAT32 in facts(kind).variants
    assert len({facts(other).loading_order for other in Format}) == len(Format)
    assert kind in by_loading_order()


@pytest.mark.parametrize("kind", [kind for kind in OFFERED if has_part(kind, "tensors")])
def test_a_format_whose_layers_can_be_read_opens_its_tensors(kind: Format) -> None:
    assert list(inspect.signature(load_part(kind, "tensors").open_tensors).parameters) == ["path"]
