"""What a person sees of a run of tune.py: the trials, what they taught, and the training of the winner."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.commands.insight import tell_insight
from scripts.commands.run_progress import RunProgress
from scripts.commands.tune_job import TuneJob

if TYPE_CHECKING:
    from scripts.terminal.console import Console
    from tuning.ranking.choice import SearchResult
    from tuning.runs.run_folder import RunFolder


class TuneProgress(RunProgress):
    """Follows the search and the training."""

    def __init__(self, console: Console, folder: RunFolder, job: TuneJob) -> None:
        super().__init__(console, folder, builder_name=job.search.builder.name)
        self._job = job

    def search_finished(self, result: SearchResult, *, is_new: bool) -> None:
        super().search_finished(result, is_new=is_new)
        tell_insight(self.console, self._job, result)
