"""Search: configurations from an oracle, trained by workers, everything in the journal before it counts."""

from __future__ import annotations

import contextlib
import dataclasses
import math
import shutil
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from tuning.data.search_data import SearchData
from tuning.errors import InputError
from tuning.executors.interface import Workplace
from tuning.loop.final_race import FinalRace
from tuning.loop.journal import Journal
from tuning.loop.observer import Observer, Silent
from tuning.loop.resources import Resources
from tuning.loop.search_loop import SearchLoop
from tuning.loop.search_state import SearchState
from tuning.loop.time_limits import TimeLimits
from tuning.models.probing import as_builder, require_trainable, why_no_pause
from tuning.oracles.base import EarlierPoint
from tuning.oracles.by_name import make_oracle, traits_of
from tuning.oracles.driver import OracleDriver
from tuning.ranking.choice import SearchResult, result_of
from tuning.records import SearchConfig
from tuning.runs.run_folder import RunFolder
from tuning.runs.trials_table import write_trials_csv
from tuning.settings import TrainingSettings
from tuning.space.drawing import complete, overlap
from tuning.space.points import Point
from tuning.training.builder import ModelBuilder

TRIAL_IMAGES = 100_000
PART_IMAGES = 10_000
FEWEST_EPOCHS, MOST_EPOCHS = 2, 20


def default_epochs(examples: int, algorithm: Any) -> int:
    """Epochs of a trial on so many training images: fewer images are shown more often, 2 to 20 times.

    An algorithm that gives them to its best configurations only needs more, to have several rounds.
    """
    epochs = min(max(math.ceil(TRIAL_IMAGES / examples), FEWEST_EPOCHS), MOST_EPOCHS)
    return max(epochs, traits_of(algorithm).fewest_epochs)


def default_parts(examples: int, algorithm: Any, builder: ModelBuilder) -> int:
    """In how many parts an epoch on so many training images is trained and validated, so that a trial can pause within.

    One where the algorithm has no use for them, and for a user's own code, which may count epochs.
    """
    is_ours = builder.probed is None and builder.own_fit is None
    return max(round(examples / PART_IMAGES), 1) if is_ours and traits_of(algorithm).takes_parts else 1


@dataclass(frozen=True, kw_only=True, eq=False)
class PreparedSearch:
    """A search that is known to work on the data, of which nothing is written yet.

    `config` leaves nothing open. `enqueued`: what is tried first. `notes`: what its user should know. It is run or
    closed, once.
    """

    builder: ModelBuilder
    data: SearchData
    config: SearchConfig
    driver: OracleDriver
    enqueued: tuple[tuple[Point, TrainingSettings | None], ...]
    notes: tuple[str, ...] = ()

    def close(self) -> None:
        """Remove what the oracle keeps; more than once is no error."""
        self.driver.close()

    def run(self, folder: Path | str, *, resources: Resources, observer: Observer) -> SearchResult:
        """The search, as `search` says. Raises InputError for a journal that another search wrote."""
        with contextlib.closing(self):
            return self._run(RunFolder(path=Path(folder)), resources, observer)

    def _run(self, run: RunFolder, using: Resources, observer: Observer) -> SearchResult:
        run.path.mkdir(parents=True, exist_ok=True)
        state = SearchState(builder=self.builder, config=self.config, driver=self.driver, enqueued=self.enqueued)
        journal = Journal(run.journal)
        for event in journal.read():
            state.replay(event)
        if state.trials:
            # A crash may have come between the last trial's result and its row.
            write_trials_csv(run.trials_csv, state.trials)
        workplace = Workplace(
            builder=self.builder,
            training=self.data.training,
            validation=self.data.validation,
            factories=using.factories,
            counts_macs="macs" in self.config.costs,
            folds=self.data.folds,
        )
        with (
            _working_folder(run),
            contextlib.closing(using.executor(workplace, run.work)) as executor,
            contextlib.closing(using.drawer(workplace, self.driver.space, run.work)) as drawer,
        ):
            race = FinalRace(state)
            limits = TimeLimits(
                state=state,
                race=race,
                resources=using,
                workers=executor.workers,
                examples=len(self.data.for_retraining(keeps_validation=self.builder.keeps_validation)[0]),
                ratio=self.data.retraining_ratio(keeps_validation=self.builder.keeps_validation),
            )
            loop = SearchLoop(
                state=state,
                journal=journal,
                executor=executor,
                run=run,
                limits=limits,
                drawer=drawer,
                observer=observer,
            )
            stopped_by = loop.search()
        if run.weights.exists() and not any(run.weights.iterdir()):
            run.weights.rmdir()
        if state.trials:
            write_trials_csv(run.trials_csv, race.judged)
        result = result_of(race.judged, state.repeats, self.config, stopped_by=stopped_by)
        left = sum(number for _, number in race.repeats_left())
        return dataclasses.replace(result, ranges=state.ranges, repeats_left=left)


def prepare_search(model: Any, data: SearchData, config: SearchConfig | None = None) -> PreparedSearch:
    """Complete the config and check everything that can be checked before a trial is trained.

    Raises InputError for a model that does not work on the data, an algorithm that is not installed, and enqueued
    configurations outside the space.
    """
    builder = as_builder(model, data)
    asked = _complete(config if config is not None else SearchConfig(), builder, data)
    enqueued = _list_first(builder, asked)
    with contextlib.ExitStack() as stack:
        driver = OracleDriver(make_oracle(asked))
        stack.callback(driver.close)
        driver.show(complete(builder, builder.default_configuration()))
        asked = dataclasses.replace(asked, objective=driver.objective)
        require_trainable(builder, data, asked)
        notes = (_settle_pauses(driver, builder, asked), _teach(driver, builder, asked))
        stack.pop_all()
    said = tuple(note for note in notes if note)
    return PreparedSearch(builder=builder, data=data, config=asked, driver=driver, enqueued=enqueued, notes=said)


def search(
    model: Any,
    data: SearchData,
    folder: Path | str,
    config: SearchConfig | None = None,
    *,
    resources: Resources | None = None,
    observer: Observer | None = None,
) -> SearchResult:
    """Try configurations until `config.max_trials`, the budget or the space is used up; then choose among the best.

    `model`: a `build(hp)` function, a `kt.HyperModel`, or a model builder of ours (`TunableClassifier`, `UserModel`).
    `folder` keeps the journal, `trials.jsonl`, and `trials.csv`. Goes on where the journal ends: finished trials are
    not trained again, those under way go on at their last saved epoch, and the oracle continues as if nothing had
    happened. Interrupted by an exception, everything finished so far is in the journal. Raises InputError for a model
    that does not work on the data, enqueued configurations outside the space and a journal that another search wrote.
    """
    prepared = prepare_search(model, data, config)
    return prepared.run(
        folder,
        resources=resources if resources is not None else Resources(),
        observer=observer if observer is not None else Silent(),
    )


def _settle_pauses(driver: OracleDriver, builder: ModelBuilder, config: SearchConfig) -> str:
    """Where trainings can't pause, have every trial trained to its end, or refuse; what is to be said of that."""
    reason = why_no_pause(builder)
    if not reason or not driver.traits.pauses:
        return ""
    if driver.train_whole():
        return f"{reason}, so {config.algorithm} trains every trial to its end"
    if builder.own_fit is not None and builder.own_fit.ranks_only:
        # It is called again with more epochs, as Keras Tuner does.
        return ""
    raise InputError(f"{reason}, which {config.algorithm} has to do: choose another `algorithm`")


def _teach(driver: OracleDriver, builder: ModelBuilder, config: SearchConfig) -> str:
    """Let the oracle know of earlier results, as far as they lie in the space; what is to be said of that.

    Raises InputError if none does, and if the oracle can't learn from them.
    """
    if not config.earlier:
        return ""
    assert config.epochs is not None
    parts = config.parts or 1
    horizon = config.epochs * parts
    points = []
    for result in config.earlier:
        point = overlap(builder, result.hyperparameters)
        if point is not None:
            ranks = {
                horizon if passes is None else min(max(round(passes * parts), 1), horizon): config.objective.rank(value)
                for passes, value in result.curve
            }
            points.append(EarlierPoint(point=point, ranks=ranks))
    if not points:
        raise InputError(f"none of {len(config.earlier)} earlier results lies in the space: leave them out")
    if not driver.learn_from(points):
        raise InputError(f"{config.algorithm} can't learn from earlier results: leave them out or choose freeze-thaw")
    return f"{len(points)} of {len(config.earlier)} earlier results lie in the space, and are learned from"


@contextlib.contextmanager
def _working_folder(run: RunFolder) -> Iterator[None]:
    """The folder that processes of the search share; nothing stays of it, nor of what a killed search left."""
    shutil.rmtree(run.work, ignore_errors=True)
    run.work.mkdir()
    try:
        yield
    finally:
        said = run.work / run.workers_log.name
        if said.exists():
            with run.workers_log.open("ab") as log:
                log.write(said.read_bytes())
        shutil.rmtree(run.work, ignore_errors=True)


def _list_first(builder: ModelBuilder, config: SearchConfig) -> tuple[tuple[Point, TrainingSettings | None], ...]:
    """What is tried first, as points of the space, each once."""
    found: list[tuple[Point, TrainingSettings | None]] = []
    for values, settings in config.enqueued or ():
        entry = complete(builder, values), settings
        if entry not in found:
            found.append(entry)
    return tuple(found)


def _complete(config: SearchConfig, builder: ModelBuilder, data: SearchData) -> SearchConfig:
    """The config with what it leaves open: epochs and their parts by the number of images, and what to try first.

    That is the builder's default configuration, unless a caller's own oracle decides that too.
    """
    epochs = config.epochs if config.epochs is not None else default_epochs(len(data.training), config.algorithm)
    parts = config.parts if config.parts is not None else default_parts(len(data.training), config.algorithm, builder)
    folds = None if data.folds is None else len(data.folds.parts)
    if config.folds != folds:
        raise InputError(f"`folds` is {config.folds} but {data.name} was made with {folds}: ask for the same")
    repeats = config.repeats if folds is None else folds - 1
    enqueued = config.enqueued
    if enqueued is None:
        enqueued = ((builder.default_configuration(), None),) if isinstance(config.algorithm, str) else ()
    return dataclasses.replace(config, epochs=epochs, parts=parts, repeats=repeats, enqueued=enqueued)
