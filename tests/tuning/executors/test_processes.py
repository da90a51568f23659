"""Worker processes: what they are sent, how they are replaced, and that none of them outlives its parent."""

from __future__ import annotations

import functools
import os
import pickle
import signal
import subprocess
import sys
import textwrap
import threading
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import psutil
import pytest

from tuning.errors import InputError
from tuning.executors.places.processes import LocalProcesses
from tuning.executors.shared_job import read_job, write_job

ROOT = Path(__file__).resolve().parents[3]


@pytest.fixture
def make(workplace: Any, tmp_path: Path) -> Any:
    """Make an executor of one worker that the test itself starts, and close it in the end."""
    made = []

    def call(**values: Any) -> LocalProcesses:
        made.append(LocalProcesses(workplace, **{"workers": 1, "folder": tmp_path / "own", **values}))
        return made[-1]

    yield call
    for executor in made:
        executor.close()


def until(claim: Callable[[], bool], *, seconds: float = 30.0) -> bool:
    """Whether the claim came true in time."""
    end = time.monotonic() + seconds
    while not claim():
        if time.monotonic() > end:
            return False
        time.sleep(0.05)
    return True


def gone(pid: int) -> bool:
    return not psutil.pid_exists(pid) or psutil.Process(pid).status() == psutil.STATUS_ZOMBIE


def test_there_is_a_worker_at_least(make: Any) -> None:
    with pytest.raises(ValueError, match="workers must be 1 or more, got 0"):
        make(workers=0)


def test_a_closed_executor_takes_no_task(make: Any, warm: Any) -> None:
    executor = make()
    executor.close()
    executor.close()

    with pytest.raises(ValueError, match="can't start: the executor is closed"):
        executor.submit(warm.task())


def test_what_can_not_be_pickled_is_refused_by_its_name(make: Any, workplace: Any, tmp_path: Path) -> None:
    lock = threading.Lock()

    def tracker(context: Any) -> Any:
        return lock

    with pytest.raises(
        InputError, match=r"the callbacks of tracker can't be sent .*TypeError: .*lock.*: make it picklable"
    ):
        LocalProcesses(replace(workplace, factories=(tracker,)), workers=1, folder=tmp_path)
    assert list(tmp_path.iterdir()) == []


def test_large_arrays_are_written_once_and_mapped(workplace: Any, tmp_path: Path) -> None:
    same = replace(workplace, validation=workplace.training)

    write_job(same, tmp_path)
    read = read_job(tmp_path)

    assert [path.name for path in tmp_path.glob("*.npy")] == ["0.npy"]
    assert (tmp_path / "job.pickle").stat().st_size < 1 << 18
    assert type(read.training.images) is np.ndarray
    assert not read.training.images.flags.writeable
    assert not read.training.is_on_disk
    assert np.array_equal(read.training.images, workplace.training.images)


@pytest.mark.slow
def test_workers_share_the_pages_of_the_data(warm: Any) -> None:
    warm.ends(*[warm.task() for _ in range(2)])

    for pid in warm.executor.pids():
        mapped = [entry for entry in psutil.Process(pid).memory_maps() if "shared" in entry.path]
        assert mapped
        assert all(entry.private_dirty == 0 for entry in mapped)


@pytest.mark.exhaustive
def test_results_are_those_of_this_process_with_as_many_threads(warm: Any, here: Any, workplace: Any) -> None:
    program = f"""
    import pickle, sys
    import tensorflow as tf
    tf.config.threading.set_intra_op_parallelism_threads(1)
    from pathlib import Path
    from tuning.executors.shared_job import read_job
    from tuning.training.train import Watch, train
    job = read_job(Path({str(warm.folder / "job")!r}))
    plan = pickle.loads(Path({str(warm.folder / "plan")!r}).read_bytes())
    trained = train(job.builder, plan, training=job.training, validation=job.validation, watch=Watch())
    print([(epoch.loss, epoch.val_loss) for epoch in trained.epochs])
    """
    (warm.folder / "job").mkdir()
    write_job(replace(workplace, factories=()), warm.folder / "job")
    (warm.folder / "plan").write_bytes(pickle.dumps(warm.plan))
    alone = subprocess.run(
        [sys.executable, "-c", textwrap.dedent(program)], cwd=ROOT, capture_output=True, text=True, check=True
    )

    end = warm.end(warm.task())

    assert str([(epoch.loss, epoch.val_loss) for epoch in end.epochs]) == alone.stdout.strip()


@pytest.mark.slow
def test_a_worker_that_grew_is_replaced(warm: Any) -> None:
    warm.ends(*[warm.task() for _ in range(2)])
    before = warm.executor.pids()
    warm.executor.most_growth_bytes = -1
    try:
        warm.end(warm.task())
    finally:
        del warm.executor.most_growth_bytes
    end = warm.end(warm.task())

    assert len(end.epochs) == 3
    assert len(set(warm.executor.pids()) & set(before)) == 1


@pytest.mark.slow
def test_an_idle_worker_that_was_killed_costs_nothing(warm: Any) -> None:
    warm.ends(*[warm.task() for _ in range(2)])
    for pid in warm.executor.pids():
        os.kill(pid, signal.SIGKILL)
    nothing = functools.partial(warm.executor.poll, lambda report: pytest.fail(f"{report}"), seconds=0.1)
    assert until(lambda: nothing() or not warm.executor.pids())

    assert len(warm.end(warm.task()).epochs) == 3


@pytest.mark.slow
def test_closing_ends_a_frozen_worker_and_leaves_the_log_alone(make: Any, warm: Any, tmp_path: Path) -> None:
    executor = make()
    warm.executor = executor
    frozen = warm.task(does="frozen:0")
    executor.submit(frozen)
    while not warm.numbers(frozen):
        executor.poll(lambda report: bool(warm.reports.append(report)) or True, seconds=1)
    (pid,) = executor.pids()

    executor.close()

    assert not psutil.pid_exists(pid)
    assert list((tmp_path / "own").iterdir()) == []


SCRIPT = """
import os, sys, time
from pathlib import Path
sys.path.insert(0, {root!r})
import keras
import numpy as np
from tuning.data.dataset import Split
from tuning.executors.interface import Lost, Task, TaskEnded, Workplace
from tuning.executors.places.processes import LocalProcesses
from tuning.data.search_data import SearchData
from tuning.settings import TrainingPlan
from tuning.plugins.user_callbacks import TrialContext
from tuning.models.user_model import UserModel
{imports}

rng = np.random.default_rng(0)
split = Split(images=rng.integers(0, 256, (64, 8, 8, 1), dtype=np.uint8), labels=np.arange(64) % 4)
SIZE = 4
keras.config.set_dtype_policy("mixed_bfloat16")

def build(hp):
    raw = [keras.Input((8, 8, 1)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]
    model = keras.Sequential([*raw, keras.layers.Dense(SIZE, activation="softmax")])
    model.compile("adam", "sparse_categorical_crossentropy")
    return model

class Freezes(keras.callbacks.Callback):
    def on_epoch_end(self, epoch, logs=None):
        if {freezes}:
            import signal
            os.kill(os.getpid(), signal.SIGSTOP)

data = SearchData(training=split, validation=split, everything=split, num_classes=4)
builder = UserModel({build}, data)
folder = Path({folder!r})
executor = LocalProcesses(
    Workplace(builder=builder, training=split, validation=split, factories=(lambda context: Freezes(),)),
    workers={workers}, folder=folder,
)
plan = TrainingPlan(hyperparameters=builder.default_configuration(), settings=builder.trial_settings(1), seed=1)
for number in range({workers}):
    context = TrialContext(run="r", trial_id="0", hyperparameters={{}}, folder=folder, run_folder=folder)
    executor.submit(Task(task_id=str(number), plan=plan, context=context, until=1, state=folder / str(number)))
"""
POLLS = """
ended = []
def deliver(report):
    if isinstance(report, TaskEnded | Lost):
        ended.append(report)
    return True
while not ended:
    executor.poll(deliver, seconds=1)
executor.close()
print(getattr(ended[0], "failure", ended[0]), ended[0].parameters)
"""


def script(folder: Path, text: str, **values: Any) -> Path:
    """A script of a user's, without a guard for the main module."""
    usual = {"root": str(ROOT), "imports": "", "build": "build", "freezes": False, "workers": 1}
    path = folder / "script.py"
    path.write_text(SCRIPT.format(**{**usual, "folder": str(folder / "work"), **values}) + text)
    return path


@pytest.mark.slow
def test_a_script_without_a_guard_can_search(tmp_path: Path) -> None:
    path = script(tmp_path, POLLS)

    ran = subprocess.run([sys.executable, str(path)], cwd=tmp_path, capture_output=True, text=True, check=False)

    assert ran.stdout.split() == ["260"], ran.stderr
    assert not (tmp_path / "work" / "shared").exists()


@pytest.mark.exhaustive
def test_a_model_of_a_file_is_found_by_workers(tmp_path: Path) -> None:
    (tmp_path / "neighbour.py").write_text("import keras\nclass Mine(keras.layers.Dense):\n    pass\n")
    (tmp_path / "my_model.py").write_text(
        "import keras\nfrom neighbour import Mine\ndef build(hp):\n"
        "    raw = [keras.Input((8, 8, 1)), keras.layers.Rescaling(1 / 255), keras.layers.Flatten()]\n"
        "    model = keras.Sequential([*raw, Mine(4, 'softmax')])\n"
        "    model.compile('adam', 'sparse_categorical_crossentropy')\n    return model\n"
    )
    imports = (
        "from tuning.plugins.user_code import load_object\n"
        f"mine = load_object({str(tmp_path / 'my_model.py')!r} + ':build')"
    )
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    path = script(elsewhere, POLLS, imports=imports, build="mine")

    ran = subprocess.run([sys.executable, str(path)], cwd=elsewhere, capture_output=True, text=True, check=False)

    assert ran.stdout.split() == ["260"], ran.stderr


@pytest.mark.slow
@pytest.mark.skipif(sys.platform != "linux", reason="elsewhere a stopped process can't notice its parent's death")
@pytest.mark.parametrize("freezes", [False, True])
def test_workers_die_with_their_parent(tmp_path: Path, freezes: bool) -> None:
    waits = "\nprint(*executor.pids(), flush=True)\nwhile True:\n    executor.poll(lambda report: True, seconds=1)\n"
    path = script(tmp_path, waits, freezes=freezes, workers=2)
    with subprocess.Popen([sys.executable, str(path)], stdout=subprocess.PIPE, text=True) as parent:
        assert parent.stdout is not None
        pids = [int(pid) for pid in parent.stdout.readline().split()]
        assert len(pids) == 2
        if freezes:
            frozen = [psutil.Process(pid) for pid in pids]
            assert until(lambda: all(worker.status() == psutil.STATUS_STOPPED for worker in frozen), seconds=90)

        parent.kill()

        assert until(lambda: all(gone(pid) for pid in pids))


@pytest.mark.slow
def test_a_worker_that_can_not_load_the_job_is_told_of(make: Any, warm: Any, tmp_path: Path) -> None:
    executor = make()
    (tmp_path / "own" / "shared" / "job.pickle").write_bytes(b"half")
    executor.submit(warm.task())

    with pytest.raises(InputError, match=r"a worker process can't load the model, the data or the callbacks \("):
        executor.poll(lambda report: True, seconds=60)
    assert until(lambda: "Traceback (most recent call last)" in (tmp_path / "own" / "workers.log").read_text())
