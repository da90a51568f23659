"""Who may import what, and how large a room may be."""

from __future__ import annotations

import ast
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
    "tuning/journal.py": set(),
    "tuning/bounded_files.py": set(),
    "tuning/field_types.py": set(),
    "tuning/free_memory.py": set(),
    "tuning/npz_file.py": {"numpy"},
    "tuning/recorded.py": set(),
    "tuning/training_file.py": set(),
    "tuning/budget.py": set(),
    "tuning/baselines.py": set(),
    "tuning/file_lock.py": {"filelock"},
    "tuning/run_folder.py": set(),
    "tuning/trials_table.py": set(),
    "tuning/pixels.py": set(),
    "tuning/seeds.py": {"numpy"},
    "tuning/dataset.py": {"numpy"},
    "tuning/array_checks.py": {"numpy"},
    "tuning/array_data.py": {"numpy"},
    "tuning/array_names.py": set(),
    "tuning/array_options.py": set(),
    "tuning/label_forms.py": {"numpy"},
    "tuning/drawn_test.py": {"numpy"},
    "tuning/split.py": {"numpy"},
    "tuning/folder_options.py": set(),
    "tuning/image_store.py": {"numpy"},
    "tuning/plain_names.py": set(),
    "tuning/folder_walk.py": set(),
    "tuning/folder_layout.py": set(),
    "tuning/class_folders.py": set(),
    "tuning/picture_listing.py": {"numpy"},
    "tuning/picture_decoding.py": {"numpy", "PIL"},
    "tuning/picture_folder.py": {"numpy"},
    "tuning/general_data.py": {"numpy"},
    "tuning/python_data.py": {"numpy"},
    "tuning/run_record.py": set(),
    "tuning/sources.py": {"numpy", "keras", "sklearn", "PIL"},
    "tuning/space.py": {"keras_tuner"},
    "tuning/scales.py": set(),
    "tuning/points.py": set(),
    "tuning/known_space.py": set(),
    "tuning/recording.py": {"keras_tuner"},
    "tuning/drawing.py": set(),
    "tuning/wished_names.py": set(),
    "tuning/failures.py": set(),
    "tuning/name_clash.py": set(),
    "tuning/suggesting.py": set(),
    "tuning/oracle_driver.py": {"keras_tuner"},
    "tuning/unrepeated.py": {"keras_tuner"},
    "tuning/halving.py": {"keras_tuner"},
    "tuning/hyperband.py": {"keras_tuner"},
    "tuning/bayesian.py": {"keras_tuner", "numpy"},
    "tuning/tpe.py": {"keras_tuner", "optuna"},
    "tuning/oracles.py": {"keras_tuner"},
    "tuning/evaluation.py": {"numpy", "sklearn"},
    "tuning/curves.py": {"matplotlib"},
    "tuning/model_costs.py": {"keras", "tensorflow"},
    "tuning/distance.py": set(),
    "tuning/pareto.py": set(),
    "tuning/selection.py": set(),
    "tuning/insight.py": set(),
    "tuning/importance.py": {"numpy", "sklearn"},
    "tuning/tensorboard_logs.py": {"keras", "tensorflow", "tensorboard"},
    "tuning/search.py": {"keras"},
    "tuning/search_state.py": set(),
    "tuning/search_data.py": {"numpy"},
    "tuning/settings.py": set(),
    "tuning/names.py": set(),
    "tuning/objective.py": set(),
    "tuning/toml_file.py": set(),
    "tuning/space_file.py": set(),
    "tuning/default_space.py": set(),
    "tuning/user_code.py": set(),
    "tuning/keras_settings.py": {"keras"},
    "tuning/trained.py": set(),
    "tuning/own_fit.py": {"keras", "numpy", "psutil"},
    "tuning/devices.py": {"joblib", "tensorflow"},
    "tuning/executors/interface.py": set(),
    "tuning/executors/attempt.py": {"keras", "tensorflow"},
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
    "export/signature.py": {"cryptography"},
    "export/file_lock.py": {"filelock"},
    "export/install.py": set(),
    "export/inspection.py": {"keras", "numpy"},
    "export/keras_file.py": {"keras", "numpy"},
    # Keras itself requires h5py.
    "export/stored_model.py": {"h5py", "keras"},
    "export/own_objects.py": {"keras"},
    "export/parity.py": {"numpy"},
    "export/output_parity.py": {"numpy"},
    "export/reference.py": {"numpy"},
    "export/stress.py": {"numpy"},
    "export/metadata.py": {"onnxruntime", "ai_edge_litert"},
    "export/onnx_messages.py": {"google"},
    "export/acceptance.py": {"onnx", "onnxruntime"},
    "export/structure/__init__.py": set(),
    "export/structure/onnx.py": {"onnx"},
    "export/structure/tflite.py": {"ai_edge_litert"},
    "export/structure/saved_model.py": {"google", "tensorflow"},
    "export/rings/structure.py": set(),
    "export/calibration.py": {"numpy"},
    "export/tolerance.py": set(),
    "export/targets.py": set(),
    "export/earlier.py": set(),
    "export/apart/__init__.py": set(),
    "export/apart/arrays.py": {"numpy"},
    "export/apart/limits.py": set(),
    "export/apart/process.py": set(),
    "export/apart/server.py": set(),
    "export/apart/watching.py": set(),
    "export/bounded_npz.py": {"numpy"},
    "export/claims.py": {"numpy"},
    "export/look.py": {"numpy"},
    "export/manifest.py": set(),
    "export/predicting.py": {"numpy"},
    "export/regular_file.py": set(),
    "export/rings/run.py": set(),
    "export/strict_json.py": set(),
    "export/structure/onnx_loops.py": set(),
    "export/structure/onnx_operators.py": set(),
    "export/structure/tflite_operators.py": set(),
    "export/structure/tensorflow_operators.py": set(),
    "export/structure/saver_functions.py": set(),
    "export/structure/saved_program.py": {"google"},
    "export/moving.py": set(),
    "export/published_files.py": set(),
    "export/rings/__init__.py": {"numpy"},
    "export/rings/stress.py": set(),
    "export/rings/invariance.py": set(),
    "export/rings/hostile.py": {"numpy"},
    "export/rings/isolation.py": {"numpy"},
    "export/rings/isolated_process.py": set(),
    "export/rings/isolated.py": {"numpy", "onnxruntime", "ai_edge_litert", "tensorflow"},
    "export/faults/changes.py": {"numpy"},
    "export/faults/sensitivity.py": {"numpy"},
    "export/faults/fixtures.py": {"keras", "numpy"},
    "export/faults/self_test.py": {"numpy"},
    "export/faults/kinds/__init__.py": set(),
    "export/faults/kinds/files.py": {"numpy"},
    "export/faults/weights/__init__.py": {"numpy"},
    "export/faults/weights/onnx.py": {"numpy", "onnx"},
    "export/faults/weights/tflite.py": {"numpy", "ai_edge_litert"},
    "export/faults/weights/saved_model.py": {"tensorflow"},
    "export/verification.py": {"numpy"},
    "export/publish.py": {"numpy"},
    "export/pictures.py": {"numpy", "PIL"},
    "export/picture_file.py": {"numpy", "PIL"},
    "export/bounded_files.py": set(),
    "export/bounded_archive.py": set(),
    "export/bounded_hdf5.py": {"h5py"},
    "export/runtimes/__init__.py": {"numpy"},
    "export/runtimes/onnx.py": {"numpy", "onnxruntime"},
    "export/runtimes/tflite.py": {"numpy", "ai_edge_litert"},
    "export/runtimes/plain_path.py": set(),
    "export/runtimes/saved_model.py": {"numpy", "tensorflow"},
    "export/layers/__init__.py": set(),
    "export/layers/trace.py": {"numpy"},
    "export/layers/sampling.py": {"numpy"},
    "export/layers/recording.py": {"keras", "numpy", "tensorflow"},
    "export/layers/differences.py": {"numpy"},
    "export/layers/matching.py": set(),
    "export/layers/bisect.py": {"numpy"},
    "export/layers/tensors/__init__.py": {"numpy"},
    # onnxruntime itself requires protobuf.
    "export/layers/tensors/onnx_graph.py": {"google"},
    "export/layers/tensors/onnx.py": {"numpy", "onnxruntime"},
    "export/layers/tensors/tflite.py": {"numpy", "ai_edge_litert"},
    "export/writers/__init__.py": {"numpy"},
    "export/writers/onnx.py": {"onnx", "tensorflow", "tf2onnx"},
    "export/writers/onnx_converter.py": set(),
    "export/writers/onnx_graph.py": {"numpy", "onnx"},
    "export/writers/onnx_making.py": {"numpy", "onnx", "onnxruntime", "onnxslim", "tensorflow", "tf2onnx"},
    "export/writers/refusals.py": set(),
    "export/writers/makers.py": {"keras", "tensorflow"},
    "export/writers/number_types.py": set(),
    "export/writing.py": set(),
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
def test_export_imports_neither_tuning_nor_scripts_nor_keras_tuner(module: str) -> None:
    assert not imported_packages(module) & {"tuning", "scripts", "_entry", "keras_tuner"}


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
    allowed = {"tuning/default_space.py", "tuning/hypermodel.py", "tuning/baselines.py"}
    # `batch_size` is not among them: any model is trained in batches of some size.
    names = ('"num_blocks"', '"num_filters', '"kernel_size', '"dense_units"', '"dropout"')
    text = (ROOT / module).read_text(encoding="utf-8")

    assert module in allowed or not any(name in text for name in names)


def test_scripts_print_text_and_leave_rich_with_its_markup_to_the_console() -> None:
    users = {script for script in SCRIPTS if "rich" in imported_packages(script)}

    assert users == {"scripts/parts/console.py", "scripts/parts/terminal.py"}


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
        if module in ("export/writers/__init__.py", "export/runtimes/__init__.py"):
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
