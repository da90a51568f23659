"""What a person sees of a run of train.py."""

from __future__ import annotations

from typing import TYPE_CHECKING

from scripts.commands.run_progress import RunProgress
from scripts.commands.train_job import TrainJob

if TYPE_CHECKING:
    from scripts.terminal.console import Console
    from tuning.runs.run_folder import RunFolder
    from tuning.runs.trained import TrainedModel


class TrainProgress(RunProgress):
    """Follows the training, and plots its curves."""

    def __init__(self, console: Console, folder: RunFolder, job: TrainJob) -> None:
        super().__init__(console, folder, builder_name=job.builder.name)
        self._job = job

    def training_finished(self, model: TrainedModel) -> None:
        from tuning.runs.curves import plot_curves

        settings = model.settings
        if len(model.epochs) < settings.epochs:
            waited = f"no better {settings.objective.name} for {settings.patience} epochs"
            why = waited if settings.patience is not None else "its own fit or callback ended it"
            self.console.print(f"stopped after epoch {len(model.epochs)}: {why}")
        if model.result_epoch + 1 < len(model.epochs):
            self.console.print(
                f"kept: the weights of epoch {model.result_epoch + 1}, which has the best {settings.objective.name}"
            )
        plot_curves(model.epochs, self.folder.curves, title=self._job.record.config.baseline or self.folder.name)
        super().training_finished(model)
