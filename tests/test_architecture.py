"""The plan of the house as a table: who may import whom, which packages, and how large a room may be."""

from __future__ import annotations

import ast
import subprocess
import sys
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(
    path.relative_to(ROOT).as_posix() for room in ("tuning", "export") for path in (ROOT / room).rglob("*.py")
)
SCRIPTS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "scripts").rglob("*.py"))


@dataclass(frozen=True, kw_only=True)
class Room:
    """A folder, or some files at the top: what is not allowed here is denied.

    `imports`: rooms, each of which must come before this one in the table. `packages`: of third parties.
    """

    name: str
    imports: str = ""
    packages: str = ""
    files: str = ""


TUNING_GROUND = "tuning/ground tuning/files tuning/facts"
EXPORT_GROUND = "tuning/ground export/ground export/files"
FRAMEWORKS = "numpy keras tensorflow"
REWRITES = " ".join(f"export/graph/rewrites{folder}" for folder in ("", "/convolutions", "/images", "/tensors"))
ROOMS = [
    Room(
        name="tuning/ground",
        files="errors failures found names native_output parent_process plain_names seeds",
        packages="numpy",
    ),
    Room(name="tuning/files", imports="tuning/ground", packages="filelock"),
    Room(name="tuning/facts", imports="tuning/ground tuning/files", files="settings records"),
    Room(name="tuning/environment", imports=TUNING_GROUND, packages="keras tensorflow joblib"),
    Room(name="tuning/data", imports=TUNING_GROUND, packages="numpy"),
    Room(name="tuning/data/arrays", imports=f"{TUNING_GROUND} tuning/environment tuning/data", packages="numpy"),
    Room(name="tuning/data/pictures", imports=f"{TUNING_GROUND} tuning/data", packages="numpy PIL"),
    Room(
        name="tuning/data/sources",
        imports=f"{TUNING_GROUND} tuning/data tuning/data/arrays",
        packages="numpy keras",
    ),
    Room(
        name="tuning/data/sources/named",
        imports=f"{TUNING_GROUND} tuning/data tuning/data/arrays tuning/data/sources",
        packages="numpy PIL sklearn",
    ),
    Room(
        name="tuning/data/sources/paths",
        imports=f"{TUNING_GROUND} tuning/data tuning/data/arrays tuning/data/pictures tuning/data/sources",
        packages="numpy PIL",
    ),
    Room(name="tuning/space", imports=TUNING_GROUND, packages="keras_tuner"),
    Room(
        name="tuning/plugins",
        imports=f"{TUNING_GROUND} tuning/environment",
        packages="keras tensorflow tensorboard",
    ),
    Room(name="tuning/ranking", imports=f"{TUNING_GROUND} tuning/space", packages="numpy sklearn"),
    Room(
        name="tuning/runs",
        imports=f"{TUNING_GROUND} tuning/data tuning/data/sources tuning/ranking",
        packages="matplotlib",
    ),
    Room(name="tuning/ranking/metrics", imports=f"{TUNING_GROUND} tuning/ranking", packages="keras"),
    Room(name="tuning/oracles", imports=f"{TUNING_GROUND} tuning/space", packages="keras_tuner"),
    Room(
        name="tuning/oracles/algorithms",
        imports=f"{TUNING_GROUND} tuning/space tuning/oracles",
        packages="numpy keras_tuner optuna",
    ),
    Room(
        name="tuning/training",
        imports=f"{TUNING_GROUND} tuning/environment tuning/data tuning/space tuning/runs",
        packages=f"{FRAMEWORKS} psutil sklearn",
    ),
    Room(
        name="tuning/evaluation",
        imports=f"{TUNING_GROUND} tuning/data tuning/runs tuning/training",
        packages=f"{FRAMEWORKS} scipy sklearn",
    ),
    Room(
        name="tuning/models",
        imports=f"{TUNING_GROUND} tuning/environment tuning/data tuning/space tuning/plugins tuning/ranking "
        "tuning/oracles tuning/training",
        packages="numpy keras keras_tuner",
    ),
    Room(
        name="tuning/executors",
        imports=f"{TUNING_GROUND} tuning/environment tuning/data tuning/space tuning/plugins tuning/training",
        packages=f"{FRAMEWORKS} cloudpickle psutil",
    ),
    Room(
        name="tuning/executors/places",
        imports=f"{TUNING_GROUND} tuning/environment tuning/training tuning/executors",
    ),
    Room(
        name="tuning/loop",
        imports=f"{TUNING_GROUND} tuning/environment tuning/space tuning/plugins tuning/runs tuning/ranking "
        "tuning/oracles tuning/training tuning/executors",
    ),
    Room(
        name="tuning/doors",
        imports=f"{TUNING_GROUND} tuning/data tuning/space tuning/plugins tuning/runs tuning/ranking tuning/oracles "
        "tuning/training tuning/evaluation tuning/models tuning/executors tuning/loop",
        packages="keras",
        files="_search _retrain",
    ),
    Room(
        name="tuning/lifecycle",
        imports=f"{TUNING_GROUND} tuning/data tuning/space tuning/plugins tuning/runs tuning/ranking tuning/oracles "
        "tuning/training tuning/evaluation tuning/models tuning/executors tuning/loop tuning/doors",
    ),
    Room(
        name="export/ground",
        imports="tuning/ground",
        packages="numpy",
        files="arrays artifact child_process errors",
    ),
    Room(name="export/files", imports="tuning/files export/ground", packages="numpy h5py PIL"),
    Room(name="export/model", imports=f"tuning/files {EXPORT_GROUND}", packages=f"{FRAMEWORKS} h5py"),
    Room(name="export/graph/rewrites", packages="numpy tensorflow"),
    Room(name="export/graph/rewrites/convolutions", imports="export/graph/rewrites", packages="tensorflow"),
    Room(name="export/graph/rewrites/images", imports="export/graph/rewrites", packages="numpy tensorflow"),
    Room(name="export/graph/rewrites/tensors", imports="export/graph/rewrites", packages="numpy tensorflow"),
    Room(
        name="export/graph",
        imports=f"{EXPORT_GROUND} export/model {REWRITES}",
        packages=FRAMEWORKS,
    ),
    Room(
        name="export/formats",
        imports=f"{EXPORT_GROUND} export/model export/graph",
        packages="numpy",
    ),
    Room(
        name="export/formats/onnx",
        imports=f"{EXPORT_GROUND} export/model export/graph {REWRITES} export/formats",
        packages="numpy tensorflow google onnx onnxruntime onnxslim tf2onnx",
    ),
    Room(
        name="export/formats/openvino",
        imports=f"{EXPORT_GROUND} export/formats export/formats/onnx",
        packages="numpy openvino",
    ),
    Room(
        name="export/formats/tflite",
        imports=f"{EXPORT_GROUND} export/graph {REWRITES} export/formats",
        packages="numpy tensorflow ai_edge_litert",
    ),
    Room(
        name="export/formats/saved_model",
        imports=f"{EXPORT_GROUND} export/model export/formats",
        packages="numpy tensorflow google",
    ),
    Room(name="export/layers", imports=f"{EXPORT_GROUND} export/model export/formats", packages=FRAMEWORKS),
    Room(name="export/comparison", imports=f"{EXPORT_GROUND} export/layers", packages="numpy"),
    Room(name="export/apart", imports=f"{EXPORT_GROUND} export/comparison", packages="numpy"),
    Room(
        name="export/folder",
        imports=f"tuning/files {EXPORT_GROUND} export/formats export/comparison",
        packages="numpy cryptography",
    ),
    Room(
        name="export/rings",
        imports=f"{EXPORT_GROUND} export/formats export/formats/saved_model export/comparison export/apart",
        packages="numpy",
    ),
    Room(
        name="export/rings/checks",
        imports=f"{EXPORT_GROUND} export/formats export/comparison export/rings",
        packages="numpy",
    ),
    Room(
        name="export/benchmark",
        imports=f"{EXPORT_GROUND} export/model export/formats export/comparison export/apart export/folder",
        packages="numpy tensorflow keras psutil",
    ),
    Room(name="export/sensitivity", imports=f"{EXPORT_GROUND} export/formats export/comparison", packages="numpy"),
    Room(
        name="export/doors",
        imports=f"{EXPORT_GROUND} export/formats export/layers export/comparison export/apart export/folder "
        "export/rings",
        packages="numpy PIL",
        files="verification bisection predicting pictures",
    ),
    Room(
        name="export/publishing",
        imports=f"{EXPORT_GROUND} export/model export/formats export/layers export/comparison export/apart "
        "export/folder export/rings export/sensitivity export/doors",
        packages="numpy onnx onnxruntime",
    ),
    Room(
        name="export/gate",
        imports=f"tuning/files {EXPORT_GROUND} export/model export/formats export/comparison export/folder "
        "export/benchmark export/doors export/publishing",
        packages="numpy",
        files="_publish",
    ),
    Room(
        name="export/self_test",
        imports=f"{EXPORT_GROUND} export/model export/formats export/comparison export/folder export/publishing "
        "export/gate",
        packages=FRAMEWORKS,
    ),
    Room(
        name="tuning/names",
        imports=f"{TUNING_GROUND} tuning/data tuning/data/sources tuning/ranking tuning/evaluation tuning/models "
        "tuning/loop tuning/doors tuning/lifecycle",
        files="__init__",
    ),
    Room(
        name="export/names",
        imports="export/ground export/model export/formats export/doors export/publishing export/gate",
        files="__init__",
    ),
]
"""From the ground up: a room imports only rooms above it in this list."""
BY_NAME = {room.name: room for room in ROOMS}

ALONE = {
    "tuning/files/flat_pictures.py": {"numpy", "PIL"},
    "export/formats/onnx/runtime.py": {"numpy", "onnxruntime"},
    "export/formats/onnx/tensors.py": {"numpy", "onnxruntime"},
    "export/formats/onnx/messages.py": {"google"},
    "export/formats/onnx/metadata.py": {"onnxruntime"},
    "export/formats/onnx/alone.py": {"onnxruntime"},
    "export/formats/openvino/alone.py": set(),
    "export/formats/openvino/ir_file.py": set(),
    "export/formats/openvino/metadata.py": set(),
    "export/formats/openvino/structure.py": {"numpy"},
    "export/formats/tflite/alone.py": {"ai_edge_litert"},
    "export/formats/tflite/metadata.py": {"ai_edge_litert"},
    "export/formats/saved_model/alone.py": {"tensorflow"},
    "export/formats/saved_model/metadata.py": set(),
    "export/rings/isolated.py": {"numpy"},
    "export/formats/tflite/runtime.py": {"numpy", "ai_edge_litert"},
    "export/formats/tflite/tensors.py": {"numpy", "ai_edge_litert"},
    "export/formats/tflite/structure.py": {"ai_edge_litert"},
    "export/formats/saved_model/runtime.py": {"numpy", "tensorflow"},
    "export/formats/saved_model/program.py": {"google"},
    "export/files/strict_json.py": set(),
    "export/files/bounded_npz.py": {"numpy"},
    "export/folder/manifest.py": set(),
    "export/folder/published_files.py": set(),
    "export/folder/install.py": set(),
    "export/apart/server.py": set(),
    "export/child_process.py": set(),
    "tuning/data/array_options.py": set(),
    "tuning/data/folder_options.py": set(),
    "tuning/runs/run_record.py": set(),
    "tuning/oracles/by_name.py": set(),
}
"""Files of which less must be needed than their rooms may import: they run where nothing else is installed, or before
anything is loaded. Only `tuning/oracles/algorithms/tpe.py` may import Optuna."""

LARGEST_MODULE = 300
MOST_MODULES = 14


def room_of(module: str) -> Room | None:
    """The room of a module or package, by its path with or without the ending."""
    folder, _, name = module.removesuffix(".py").rpartition("/")
    if folder in BY_NAME:
        return BY_NAME[folder]
    return next((room for room in ROOMS if room.name.startswith(f"{folder}/") and name in room.files.split()), None)


def imported_names(module: str) -> Iterator[str]:
    """Everything that a module imports, anywhere in it, with dots."""
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            yield from (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            yield from (f"{node.module}.{alias.name}" for alias in node.names)


def imported_packages(module: str) -> set[str]:
    """First names of everything that a module imports, anywhere in it."""
    return {name.partition(".")[0] for name in imported_names(module)} - set(sys.stdlib_module_names)


def imported_modules(module: str) -> set[str]:
    """The files of ours that a module imports, anywhere in it."""
    found = set()
    for name in imported_names(module):
        path = name.replace(".", "/")
        ways = (f"{path}.py", f"{path}/__init__.py", f"{path.rpartition('/')[0]}.py")
        found |= {next((way for way in ways if (ROOT / way).exists()), "")}
    return {path for path in found - {"", module} if path.startswith(("tuning/", "export/"))}


def test_a_room_imports_only_rooms_that_come_before_it() -> None:
    places = {room.name: place for place, room in enumerate(ROOMS)}

    upward = {room.name: [name for name in room.imports.split() if places[name] >= places[room.name]] for room in ROOMS}

    assert not {name: above for name, above in upward.items() if above}, "a lower room would import a higher one"


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_rooms_that_its_own_may_import(module: str) -> None:
    room = room_of(module)
    assert room is not None, f"{module} lies in no room of the table ROOMS: move it, or add a row"
    allowed = {room.name, *room.imports.split()}

    for imported in sorted(imported_modules(module)):
        other = room_of(imported)
        assert other is not None
        assert other.name in allowed, (
            f"{module} imports {imported}, but the row of {room.name} allows no import of {other.name}"
        )


@pytest.mark.parametrize("module", MODULES)
def test_a_module_imports_only_packages_that_its_room_may_import(module: str) -> None:
    room = room_of(module)
    assert room is not None
    allowed = ALONE.get(module, set(room.packages.split()))
    found = imported_packages(module) - {"tuning", "export"}

    assert found <= allowed, f"{module} imports {sorted(found - allowed)}, which its row does not allow"


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


@pytest.mark.parametrize("package", ["tuning", "export", "scripts", "tests"])
def test_a_folder_is_seen_at_a_glance(package: str) -> None:
    folders = {path.parent for path in (ROOT / package).rglob("*.py")}
    full = {folder.relative_to(ROOT).as_posix(): len(list(folder.glob("*.py"))) for folder in folders}

    assert {name: count for name, count in full.items() if count > MOST_MODULES} == {}


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
        for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
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


def test_a_class_name_has_one_meaning() -> None:
    """A leading underscore makes no other name of it."""
    places: dict[str, list[str]] = {}
    for path in (path for package in ("tuning", "export", "scripts") for path in (ROOT / package).rglob("*.py")):
        for node in ast.parse(path.read_text(encoding="utf-8")).body:
            if isinstance(node, ast.ClassDef):
                places.setdefault(node.name.lstrip("_"), []).append(str(path.relative_to(ROOT)))

    assert {name: files for name, files in places.items() if len(files) > 1} == {}
