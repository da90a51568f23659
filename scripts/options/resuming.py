"""Which command made a run, and so resumes it."""

from __future__ import annotations

from pathlib import Path
from typing import TYPE_CHECKING

from scripts import _entry
from tuning.errors import InputError

if TYPE_CHECKING:
    from tuning.runs.run_folder import RunFolder
    from tuning.runs.run_record import RunRecord


def how_to_resume(record: RunRecord, folder: RunFolder, *, runs: Path) -> str:
    """The command that resumes the run, or that a program does."""
    from tuning.runs.run_record import RunCommand

    if record.command is RunCommand.COMPLETE:
        return "tuning.complete(…)"
    return _entry.command(f"{record.command}.py", "--run", folder.name, "--resume", runs=runs)


def require_command(command: str, record: RunRecord, folder: RunFolder, *, runs: Path) -> None:
    """Raise InputError, with how the run is resumed, if it was made in another way."""
    if record.command != command:
        from tuning.runs.run_record import RunCommand

        maker = "a program" if record.command is RunCommand.COMPLETE else f"{record.command}.py"
        raise InputError(
            f"{folder.path} was made by {maker}: resume it with {how_to_resume(record, folder, runs=runs)}"
        )
