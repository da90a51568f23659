"""The plan of the house as a table: who may import whom, and which packages."""

from __future__ import annotations

import ast
import functools
import sys
from dataclasses import dataclass
from pathlib import Path

ROOT = Path(__file__).resolve().parents[2]
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
EXPORT_GROUND = "tuning/ground tuning/files export/ground export/files"
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
        name="tuning/oracles/surrogate",
        imports=f"{TUNING_GROUND} tuning/space tuning/ranking",
        packages="numpy scipy sklearn",
    ),
    Room(
        name="tuning/oracles/algorithms",
        imports=f"{TUNING_GROUND} tuning/space tuning/oracles tuning/oracles/surrogate",
        packages="numpy keras_tuner optuna",
    ),
    Room(name="tuning/training/steps", packages=FRAMEWORKS),
    Room(
        name="tuning/training",
        imports=f"{TUNING_GROUND} tuning/environment tuning/data tuning/space tuning/runs tuning/training/steps",
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
        imports="tuning/ground tuning/files",
        packages="numpy",
        files="arrays artifact child_process errors",
    ),
    Room(name="export/files", imports="tuning/files export/ground", packages="numpy h5py PIL"),
    Room(name="export/model", imports=EXPORT_GROUND, packages=f"{FRAMEWORKS} h5py"),
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
        imports=f"{EXPORT_GROUND} export/formats export/comparison",
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
        imports=f"{EXPORT_GROUND} export/model export/formats export/comparison export/folder "
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


def room_of(module: str) -> Room | None:
    """The room of a module or package, by its path with or without the ending."""
    folder, _, name = module.removesuffix(".py").rpartition("/")
    if folder in BY_NAME:
        return BY_NAME[folder]
    return next((room for room in ROOMS if room.name.startswith(f"{folder}/") and name in room.files.split()), None)


@functools.cache
def tree(module: str) -> ast.Module:
    """What a module says, by its path."""
    return ast.parse((ROOT / module).read_text(encoding="utf-8"))


@functools.cache
def nodes(module: str) -> tuple[ast.AST, ...]:
    """All of a module's syntax tree."""
    return tuple(ast.walk(tree(module)))


@functools.cache
def imported_names(module: str) -> tuple[str, ...]:
    """Everything that a module imports, anywhere in it, with dots."""
    found: list[str] = []
    for node in nodes(module):
        if isinstance(node, ast.Import):
            found += (alias.name for alias in node.names)
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            found += (f"{node.module}.{alias.name}" for alias in node.names)
    return tuple(found)


def imported_packages(module: str) -> set[str]:
    """First names of everything that a module imports, anywhere in it."""
    return {name.partition(".")[0] for name in imported_names(module)} - set(sys.stdlib_module_names)


@functools.cache
def imported_modules(module: str) -> frozenset[str]:
    """The files of ours that a module imports, anywhere in it."""
    found = set()
    for name in imported_names(module):
        path = name.replace(".", "/")
        ways = (f"{path}.py", f"{path}/__init__.py", f"{path.rpartition('/')[0]}.py")
        found |= {next((way for way in ways if (ROOT / way).exists()), "")}
    return frozenset(path for path in found - {"", module} if path.startswith(("tuning/", "export/")))
