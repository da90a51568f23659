"""What every refusal of a script looks like."""

from __future__ import annotations

import subprocess


def assert_refused(done: subprocess.CompletedProcess[str], *parts: str) -> None:
    """Exit code 2 and one sentence on stderr that holds every part."""
    assert done.returncode == 2, done.stderr
    assert len(done.stderr.strip().splitlines()) == 1, done.stderr
    assert "Traceback" not in done.stderr
    assert "usage:" not in done.stderr
    for part in parts:
        assert part in done.stderr
