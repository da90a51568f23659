"""The saved states of paused trials on disk: only those of use, and only so many bytes of them."""

from __future__ import annotations

import os
import shutil
from dataclasses import dataclass
from pathlib import Path

from tuning.loop.search_state import SearchState


@dataclass(frozen=True, kw_only=True)
class KeptStates:
    """Those of the trials of `state`, a folder each in `folder`; of paused ones at most `most_bytes` in all."""

    state: SearchState
    folder: Path
    most_bytes: int

    def tidy(self) -> None:
        """Remove what is of no use, and the worst paused trials' beyond the limit; the oracle hears of all that lack.

        A trial whose state is gone can be continued all the same: it is trained again from its beginning.
        """
        of_use = self.state.with_future()
        found = {path.name: path for path in self.folder.iterdir()} if self.folder.exists() else {}
        for name in found.keys() - of_use:
            shutil.rmtree(found[name], ignore_errors=True)
        paused = sorted(of_use - self.state.under_way.keys(), key=lambda name: self.state.records[name].rank)
        taken, lacking = 0, []
        for name in paused:
            taken += _size(found[name]) if name in found else 0
            if name not in found or taken > self.most_bytes:
                shutil.rmtree(self.folder / name, ignore_errors=True)
                lacking.append(name)
        self.state.driver.note_dropped(
            oracle_id for name in lacking if (oracle_id := self.state.suggestions[name].oracle_id) is not None
        )


def _size(folder: Path) -> int:
    return sum(entry.stat().st_size for entry in os.scandir(folder) if entry.is_file(follow_symlinks=False))
