"""Every import is one that the table of rooms allows."""

from __future__ import annotations

import ast
import subprocess
import sys

import pytest

from .rooms import (
    ALONE,
    MODULES,
    ROOMS,
    ROOT,
    SCRIPTS,
    imported_modules,
    imported_names,
    imported_packages,
    nodes,
    room_of,
)


def test_a_room_imports_only_rooms_that_come_before_it() -> None:
    places = {room.name: place for place, room in enumerate(ROOMS)}

    upward = {room.name: [name for name in room.imports.split() if places[name] >= places[room.name]] for room in ROOMS}

    assert not {name: above for name, above in upward.items() if above}, "a lower room would import a higher one"


def test_a_module_lies_in_a_room() -> None:
    homeless = [module for module in MODULES if room_of(module) is None]

    assert homeless == [], "no row of the table ROOMS holds them: move them, or add a row"


def test_a_module_imports_only_rooms_that_its_own_may_import() -> None:
    wrong = [
        f"{module} imports {imported}, but the row of {room.name} allows no import of {other.name}"
        for module in MODULES
        for imported in sorted(imported_modules(module))
        if (room := room_of(module)) and (other := room_of(imported))
        if other.name not in {room.name, *room.imports.split()}
    ]

    assert wrong == []


def test_a_module_imports_only_packages_that_its_room_may_import() -> None:
    wrong = [
        f"{module} imports {package}, which its row does not allow"
        for module in MODULES
        for package in sorted(imported_packages(module) - {"tuning", "export"})
        if (room := room_of(module)) and package not in ALONE.get(module, set(room.packages.split()))
    ]

    assert wrong == []


def test_only_one_module_imports_optuna() -> None:
    assert [module for module in MODULES if "optuna" in imported_packages(module)] == [
        "tuning/oracles/algorithms/tpe.py"
    ]


def test_tuning_imports_nothing_of_export() -> None:
    assert not [room.name for room in ROOMS if room.name.startswith("tuning/") and "export/" in room.imports]


def test_no_module_imports_itself_by_way_of_others() -> None:
    graph = {module: imported_modules(module) for module in MODULES}
    finished: set[str] = set()

    def visit(module: str, path: tuple[str, ...]) -> None:
        assert module not in path, " → ".join([*path[path.index(module) :], module])
        if module not in finished:
            for imported in graph[module]:
                visit(imported, (*path, module))
            finished.add(module)

    for module in MODULES:
        visit(module, ())


SCRIPT_ROOMS = {
    "scripts/terminal": {"scripts/terminal"},
    "scripts/options": {"scripts", "scripts/terminal", "scripts/options"},
    "scripts/commands": {"scripts", "scripts/terminal", "scripts/options", "scripts/commands"},
}


@pytest.mark.parametrize("folder", SCRIPT_ROOMS)
def test_a_lower_room_of_the_scripts_imports_no_higher_one(folder: str) -> None:
    for module in [script for script in SCRIPTS if script.startswith(f"{folder}/")]:
        names = [name.replace(".", "/") for name in imported_names(module) if name.startswith("scripts.")]
        rooms = {name if (ROOT / name).is_dir() else name.rpartition("/")[0] for name in names}
        rooms = {room if (ROOT / room).is_dir() else room.rpartition("/")[0] for room in rooms}

        assert rooms <= SCRIPT_ROOMS[folder], f"{module} imports of {sorted(rooms - SCRIPT_ROOMS[folder])}"


# What comes with a package that a script asks for by name.
COMES_WITH = {"keras": "tensorflow", "h5py": "tensorflow", "joblib": "sklearn", "scipy": "sklearn", "google": "onnx"}
# What only an option needs, which says so where it is missing.
OPTIONAL = {"tensorboard", "optuna", "cryptography", "openvino"}


def reachable_packages(script: str) -> set[str]:
    """Third-party packages that the script or a module of ours that it leads to imports anywhere."""
    found: set[str] = set()
    seen, waiting = set(), [script]
    while waiting:
        module = waiting.pop()
        if module in seen or not (ROOT / module).exists():
            continue
        seen.add(module)
        found |= imported_packages(module)
        for node in nodes(module):
            if isinstance(node, ast.ImportFrom) and node.module is not None:
                names = [node.module, *(f"{node.module}.{alias.name}" for alias in node.names)]
                paths = [name.replace(".", "/") for name in names]
                waiting += [f"{path}{end}" for path in paths for end in (".py", "/__init__.py")]
        if module == "export/formats/format.py":
            waiting += [path.relative_to(ROOT).as_posix() for path in (ROOT / module).parent.glob("*/*.py")]
    return found - {"tuning", "export", "scripts", "_entry"}


@pytest.mark.parametrize(
    "command",
    [["tune.py"], ["train.py", "--set", "dropout=0"], ["export.py", "--trial", "0"]],
    ids=lambda command: command[0],
)
def test_a_script_hands_over_unless_all_that_it_needs_is_there(command: list[str]) -> None:
    script = ROOT / "scripts" / command[0]
    program = f"""
import runpy, sys; sys.path.insert(0, {str(script.parent)!r}); sys.argv = {[str(script), *command[1:]]}
import _entry
_entry.hand_over = lambda requires: (print(*requires), sys.exit())
runpy.run_path(sys.argv[0], run_name="__main__")
"""

    asked = subprocess.run([sys.executable, "-c", program], capture_output=True, text=True, check=True).stdout.split()

    needed = {COMES_WITH.get(package, package) for package in reachable_packages(f"scripts/{command[0]}") - OPTIONAL}
    assert needed <= set(asked)
