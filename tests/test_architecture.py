"""Who may import what, and how large a room may be."""

from __future__ import annotations

import ast
import re
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).resolve().parent.parent
MODULES = sorted(
    path.relative_to(ROOT).as_posix() for room in ("tuning", "export") for path in (ROOT / room).rglob("*.py")
)
SCRIPTS = sorted(path.relative_to(ROOT).as_posix() for path in (ROOT / "scripts").rglob("*.py"))

# Third-party packages that a module may import, at the top or inside a function. Modules not named here: see below.
MAY_IMPORT = {
    "tuning/records.py": set(),
    "tuning/errors.py": set(),
    "tuning/loop/journal.py": set(),
    "tuning/files/bounded_files.py": set(),
    "tuning/files/field_types.py": set(),
    "tuning/environment/free_memory.py": set(),
    "tuning/data/arrays/npz_file.py": {"numpy"},
    "tuning/files/recorded.py": set(),
    "tuning/runs/training_file.py": set(),
    "tuning/loop/budget.py": set(),
    "tuning/models/baselines.py": set(),
    "tuning/files/file_lock.py": {"filelock"},
    "tuning/runs/run_folder.py": set(),
    "tuning/runs/trials_table.py": set(),
    "tuning/models/pixels.py": set(),
    "tuning/seeds.py": {"numpy"},
    "tuning/data/dataset.py": {"numpy"},
    "tuning/data/array_checks.py": {"numpy"},
    "tuning/data/arrays/array_data.py": {"numpy"},
    "tuning/data/arrays/array_names.py": set(),
    "tuning/data/array_options.py": set(),
    "tuning/data/arrays/label_forms.py": {"numpy"},
    "tuning/data/drawn_test.py": {"numpy"},
    "tuning/data/split.py": {"numpy"},
    "tuning/data/folder_options.py": set(),
    "tuning/data/image_store.py": {"numpy"},
    "tuning/plain_names.py": set(),
    "tuning/data/pictures/folder_walk.py": set(),
    "tuning/data/pictures/folder_layout.py": set(),
    "tuning/data/pictures/class_folders.py": set(),
    "tuning/data/pictures/picture_listing.py": {"numpy"},
    "tuning/data/pictures/picture_decoding.py": {"numpy", "PIL"},
    "tuning/data/pictures/picture_folder.py": {"numpy"},
    "tuning/data/arrays/tables.py": {"numpy"},
    "tuning/data/from_python.py": {"numpy"},
    "tuning/runs/run_record.py": set(),
    "tuning/data/sources.py": {"numpy", "keras", "sklearn", "PIL"},
    "tuning/space/ranges.py": {"keras_tuner"},
    "tuning/space/scales.py": set(),
    "tuning/space/points.py": set(),
    "tuning/space/known_space.py": set(),
    "tuning/space/recording.py": {"keras_tuner"},
    "tuning/space/drawing.py": set(),
    "tuning/space/wished_names.py": set(),
    "tuning/failures.py": set(),
    "tuning/plugins/name_clash.py": set(),
    "tuning/loop/suggesting.py": set(),
    "tuning/oracles/driver.py": {"keras_tuner"},
    "tuning/oracles/base.py": {"keras_tuner"},
    "tuning/oracles/halving.py": {"keras_tuner"},
    "tuning/oracles/hyperband.py": {"keras_tuner"},
    "tuning/oracles/bayesian.py": {"keras_tuner", "numpy"},
    "tuning/oracles/tpe.py": {"keras_tuner", "optuna"},
    "tuning/oracles/by_name.py": {"keras_tuner"},
    "tuning/training/evaluation.py": {"numpy", "sklearn"},
    "tuning/runs/curves.py": {"matplotlib"},
    "tuning/training/model_costs.py": {"keras", "tensorflow"},
    "tuning/space/distance.py": set(),
    "tuning/ranking/pareto.py": set(),
    "tuning/ranking/selection.py": set(),
    "tuning/ranking/insight.py": set(),
    "tuning/ranking/importance.py": {"numpy", "sklearn"},
    "tuning/plugins/tensorboard_logs.py": {"keras", "tensorflow", "tensorboard"},
    "tuning/search.py": {"keras"},
    "tuning/loop/search_state.py": set(),
    "tuning/data/search_data.py": {"numpy"},
    "tuning/settings.py": set(),
    "tuning/names.py": set(),
    "tuning/ranking/objective.py": set(),
    "tuning/files/toml_file.py": set(),
    "tuning/space/space_file.py": set(),
    "tuning/space/built_in_space.py": set(),
    "tuning/plugins/user_code.py": set(),
    "tuning/environment/keras_settings.py": {"keras"},
    "tuning/runs/trained.py": set(),
    "tuning/training/own_fit.py": {"keras", "numpy", "psutil"},
    "tuning/environment/devices.py": {"joblib", "tensorflow"},
    "tuning/executors/interface.py": set(),
    "tuning/executors/task_run.py": {"keras", "tensorflow"},
    "tuning/executors/in_process.py": set(),
    "tuning/executors/drawers.py": set(),
    "tuning/executors/processes.py": set(),
    "tuning/executors/shared_job.py": {"cloudpickle", "numpy"},
    "tuning/executors/worker.py": {"psutil", "tensorflow"},
    "tuning/executors/worker_process.py": set(),
    "export/benchmark/timings.py": set(),
    "export/benchmark/memory.py": {"psutil"},
    "export/benchmark/candidate.py": set(),
    "export/benchmark/messages.py": set(),
    "export/benchmark/machine.py": set(),
    "export/benchmark/record.py": set(),
    "export/benchmark/storing.py": set(),
    "export/benchmark/session.py": {"numpy"},
    "export/benchmark/measuring.py": {"numpy"},
    "export/benchmark/worker_process.py": set(),
    "export/benchmark/worker.py": {"numpy"},
    "export/errors.py": set(),
    "export/artifact.py": set(),
    "export/native_output.py": set(),
    "export/folder/signature.py": {"cryptography"},
    "export/publishing/install.py": set(),
    "export/model/inspection.py": {"keras", "numpy"},
    "export/model/keras_file.py": {"keras", "numpy"},
    # Keras itself requires h5py.
    "export/model/stored_model.py": {"h5py", "keras"},
    "export/model/own_objects.py": {"keras"},
    "export/comparison/parity.py": {"numpy"},
    "export/comparison/output_parity.py": {"numpy"},
    "export/comparison/reference.py": {"numpy"},
    "export/comparison/stress.py": {"numpy"},
    "export/formats/metadata.py": {"onnxruntime", "ai_edge_litert"},
    "export/formats/onnx/messages.py": {"google"},
    "export/publishing/acceptance.py": {"onnx", "onnxruntime"},
    "export/formats/structure.py": set(),
    "export/formats/onnx/structure.py": {"onnx"},
    "export/formats/tflite/structure.py": {"ai_edge_litert"},
    "export/formats/saved_model/structure.py": {"google", "tensorflow"},
    "export/rings/structure.py": set(),
    "export/publishing/calibration.py": {"numpy"},
    "export/comparison/tolerance.py": set(),
    "export/formats/targets.py": set(),
    "export/publishing/earlier.py": set(),
    "export/apart/__init__.py": set(),
    "export/apart/arrays.py": {"numpy"},
    "export/apart/limits.py": set(),
    "export/apart/process.py": set(),
    "export/apart/server.py": set(),
    "export/apart/watching.py": set(),
    "export/files/bounded_npz.py": {"numpy"},
    "export/folder/claims.py": {"numpy"},
    "export/folder/look.py": {"numpy"},
    "export/folder/manifest.py": set(),
    "export/predicting.py": {"numpy"},
    "export/files/regular_file.py": set(),
    "export/rings/run.py": set(),
    "export/files/strict_json.py": set(),
    "export/formats/onnx/loops.py": set(),
    "export/formats/onnx/operators.py": set(),
    "export/formats/tflite/operators.py": set(),
    "export/formats/saved_model/operators.py": set(),
    "export/formats/saved_model/saver_functions.py": set(),
    "export/formats/saved_model/program.py": {"google"},
    "export/files/moving.py": set(),
    "export/folder/published_files.py": set(),
    "export/rings/__init__.py": {"numpy"},
    "export/rings/stress.py": set(),
    "export/rings/invariance.py": set(),
    "export/rings/hostile.py": {"numpy"},
    "export/rings/isolation.py": {"numpy"},
    "export/rings/isolated_process.py": set(),
    "export/rings/isolated.py": {"numpy", "onnxruntime", "ai_edge_litert", "tensorflow"},
    "export/sensitivity/changes.py": {"numpy"},
    "export/sensitivity/sensitivity.py": {"numpy"},
    "export/self_test/fixtures.py": {"keras", "numpy"},
    "export/self_test/planting.py": {"numpy"},
    "export/self_test/kinds.py": set(),
    "export/self_test/files.py": {"numpy"},
    "export/formats/weights.py": {"numpy"},
    "export/formats/onnx/weights.py": {"numpy", "onnx"},
    "export/formats/tflite/weights.py": {"numpy", "ai_edge_litert"},
    "export/formats/saved_model/weights.py": {"tensorflow"},
    "export/verification.py": {"numpy"},
    "export/publish.py": {"numpy"},
    "export/pictures.py": {"numpy", "PIL"},
    "export/files/picture_file.py": {"numpy", "PIL"},
    "export/files/bounded_archive.py": set(),
    "export/files/bounded_hdf5.py": {"h5py"},
    "export/formats/runtime.py": {"numpy"},
    "export/formats/onnx/runtime.py": {"numpy", "onnxruntime"},
    "export/formats/tflite/runtime.py": {"numpy", "ai_edge_litert"},
    "export/formats/saved_model/plain_path.py": set(),
    "export/formats/saved_model/runtime.py": {"numpy", "tensorflow"},
    "export/layers/__init__.py": set(),
    "export/layers/trace.py": {"numpy"},
    "export/layers/sampling.py": {"numpy"},
    "export/layers/recording.py": {"keras", "numpy", "tensorflow"},
    "export/layers/differences.py": {"numpy"},
    "export/layers/matching.py": set(),
    "export/layers/bisect.py": {"numpy"},
    "export/formats/tensors.py": {"numpy"},
    # onnxruntime itself requires protobuf.
    "export/formats/onnx/all_results.py": {"google"},
    "export/formats/onnx/tensors.py": {"numpy", "onnxruntime"},
    "export/formats/tflite/tensors.py": {"numpy", "ai_edge_litert"},
    "export/formats/writer.py": {"numpy"},
    "export/formats/onnx/writer.py": {"onnx", "tensorflow", "tf2onnx"},
    "export/formats/onnx/converter.py": set(),
    "export/formats/onnx/graph.py": {"numpy", "onnx"},
    "export/formats/onnx/maker.py": {"numpy", "onnx", "onnxruntime", "onnxslim", "tensorflow", "tf2onnx"},
    "export/graph/refusals.py": set(),
    "export/graph/makers.py": {"keras", "tensorflow"},
    "export/formats/number_types.py": set(),
    "export/publishing/writing.py": set(),
}
FRAMEWORKS = {"numpy", "keras", "keras_tuner", "tensorflow"}
LARGEST_MODULE = 300


def imported_packages(module: str) -> set[str]:
    """First names of everything that a module imports, anywhere in it."""
    found = set()
    for node in ast.walk(ast.parse((ROOT / module).read_text(encoding="utf-8"))):
        if isinstance(node, ast.Import):
            found |= {alias.name.partition(".")[0] for alias in node.names}
        if isinstance(node, ast.ImportFrom) and node.module is not None:
            found.add(node.module.partition(".")[0])
    return found - set(sys.stdlib_module_names)


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("tuning/")])
def test_tuning_imports_neither_export_nor_scripts(module: str) -> None:
    assert not imported_packages(module) & {"export", "scripts", "_entry"}


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("export/")])
def test_export_imports_of_tuning_the_ground_only_and_neither_scripts_nor_keras_tuner(module: str) -> None:
    text = (ROOT / module).read_text(encoding="utf-8")
    of_tuning = set(re.findall(r"^\s*from (tuning[\w.]*) import", text, re.MULTILINE))

    assert not imported_packages(module) & {"scripts", "_entry", "keras_tuner"}
    assert all(name.startswith(("tuning.errors", "tuning.files")) for name in of_tuning)


@pytest.mark.parametrize("module", sorted(MAY_IMPORT))
def test_a_module_imports_only_what_its_room_allows(module: str) -> None:
    assert imported_packages(module) - {"tuning", "export"} <= MAY_IMPORT[module]


@pytest.mark.parametrize("module", [module for module in MODULES if module not in MAY_IMPORT])
def test_other_modules_import_frameworks_only(module: str) -> None:
    assert imported_packages(module) - {"tuning", "export"} <= FRAMEWORKS


@pytest.mark.parametrize("module", MODULES + SCRIPTS)
def test_a_module_holds_one_idea(module: str) -> None:
    lines = (ROOT / module).read_text(encoding="utf-8").splitlines()

    assert len(lines) <= LARGEST_MODULE
    assert ast.get_docstring(ast.parse("\n".join(lines)))


@pytest.mark.parametrize("module", [module for module in MODULES if module.startswith("tuning/")])
def test_only_the_hypermodel_and_the_baselines_name_a_hyperparameter(module: str) -> None:
    allowed = {"tuning/space/built_in_space.py", "tuning/models/built_in.py", "tuning/models/baselines.py"}
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
COMES_WITH = {"keras": "tensorflow", "h5py": "tensorflow", "joblib": "sklearn", "google": "onnx"}
# What only an option needs, which says so where it is missing.
OPTIONAL = {"tensorboard", "optuna", "cryptography"}


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
        if module in ("export/formats/writer.py", "export/formats/runtime.py"):
            waiting += [path.relative_to(ROOT).as_posix() for path in (ROOT / module).parent.glob("*.py")]
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
