"""Output that can't be written or shown: the work is done, and the exit code is that of the answer."""

from __future__ import annotations

import errno
import io
import os
import subprocess
import sys
from pathlib import Path

import pytest

from scripts.terminal.output import LastingFile, plain_ascii

pytestmark = pytest.mark.slow

ROOT = Path(__file__).resolve().parents[3]
LINES = 300
# A command that prints much, marks that it came to its end, and has the answer that is asked for.
COMMAND = f"""
import sys; sys.path.insert(0, {str(ROOT / "scripts")!r}); sys.argv[0] = "a_command.py"
import _entry, subprocess
from pathlib import Path
made = _entry.parser("A command.")
made.add_argument("--answer", default="yes")
def run(arguments):
    from scripts.terminal.console import green, make_console
    console = make_console(json_output=arguments.json)
    for _ in range({LINES}):
        console.print("\\u0394p \\u2264 1, caf\\xe9 \\xd7: ", green("same"))
    subprocess.run([sys.executable, "-c", "print(1)"], check=True)
    if arguments.answer == "a warning":
        import warnings
        warnings.warn("a name:\\n\\x1b]0;owned\\x07")
    Path("done").touch()
    return _entry.CommandOutcome(result={{"a": 1}}, passed=arguments.answer == "yes", next_command="other.py")
_entry.main(made, run, requires=[])
"""


def call(folder: Path, *words: str, redirected: str = "", **environment: str) -> subprocess.CompletedProcess[str]:
    """The command in a real shell."""
    return subprocess.run(
        ["bash", "-c", f'"$0" -c "$1" {" ".join(words)} {redirected}', sys.executable, COMMAND],
        cwd=folder,
        env={**os.environ, **environment},
        capture_output=True,
        text=True,
        encoding="latin-1",
        timeout=60,
        check=False,
    )


CLOSED = "| true; exit ${PIPESTATUS[0]}"
needs_full_device = pytest.mark.skipif(not Path("/dev/full").exists(), reason="the system has no /dev/full")


@pytest.mark.parametrize(("answer", "code"), [("yes", 0), ("no", 1)])
@pytest.mark.parametrize(
    "redirected", [CLOSED, "| head -1; exit ${PIPESTATUS[0]}", f"2>&1 {CLOSED}", ">&-", ">&- 2>&-", "2>&-"]
)
def test_the_work_goes_on_where_nobody_reads_and_the_exit_code_is_the_answers(
    redirected: str, answer: str, code: int, tmp_path: Path
) -> None:
    ended = call(tmp_path, f"--answer {answer}", redirected=redirected)

    assert ended.returncode == code
    assert (tmp_path / "done").exists()
    assert ended.stderr == ""


@needs_full_device
@pytest.mark.parametrize("redirected", [">/dev/full", ">/dev/full 2>&1"])
def test_a_full_disk_takes_the_words_and_not_the_work(redirected: str, tmp_path: Path) -> None:
    ended = call(tmp_path, redirected=redirected)

    assert ended.returncode == 0
    assert (tmp_path / "done").exists()
    said = "what belongs on standard output could not be written there (No space left on device)\n"
    assert ended.stderr == ("" if "2>" in redirected else said)


@pytest.mark.parametrize(("redirected", "why"), [(">&-", "Bad file descriptor"), ("| true", "Broken pipe")])
def test_a_result_that_could_not_be_handed_over_is_said(redirected: str, why: str, tmp_path: Path) -> None:
    ended = call(tmp_path, "--json --answer no", redirected=f"{redirected}; exit ${{PIPESTATUS[0]}}")

    assert ended.returncode == 1
    assert f"what belongs on standard output could not be written there ({why})\n" in ended.stderr


def test_a_warning_of_a_library_says_nothing_to_the_terminal(tmp_path: Path) -> None:
    ended = call(tmp_path, "--answer 'a warning'")

    assert ended.stderr.endswith("UserWarning: a name: \\x1b]0;owned\\x07\n")


def test_the_result_has_stdout_for_itself(tmp_path: Path) -> None:
    ended = call(tmp_path, "--json")

    assert ended.stdout == '{"a": 1}\n'
    assert ended.stderr.splitlines()[-2:] == ["1", "next: other.py"]


def test_help_into_a_closed_pipe_is_what_a_shell_expects(tmp_path: Path) -> None:
    ended = call(tmp_path, "--help", redirected="| true; exit ${PIPESTATUS[0]}")

    assert (ended.returncode, ended.stderr) == (141, "")


@needs_full_device
def test_help_that_nobody_can_read_is_no_success(tmp_path: Path) -> None:
    ended = call(tmp_path, "--help", redirected=">/dev/full")

    assert ended.returncode == 2
    assert ended.stderr.startswith("what belongs on standard output could not be written there (No space")


@needs_full_device
@pytest.mark.parametrize("redirected", ["2>/dev/full", "2>&-", "2>&1 | true; exit ${PIPESTATUS[0]}"])
def test_a_refusal_that_nobody_can_read_is_a_refusal(redirected: str, tmp_path: Path) -> None:
    assert call(tmp_path, "--never-heard-of", redirected=redirected).returncode == 2


@pytest.mark.parametrize(
    ("encoding", "line"),
    [
        ("ascii", b"dp <= 1, cafe x: same"),
        ("latin-1", "dp <= 1, café ×: same".encode("latin-1")),
        ("cp1252", "dp <= 1, café ×: same".encode("cp1252")),
        ("utf-8", "Δp ≤ 1, café ×: same".encode()),
    ],
)
def test_what_can_not_be_encoded_is_written_in_ascii(encoding: str, line: bytes, tmp_path: Path) -> None:
    ended = call(tmp_path, PYTHONIOENCODING=encoding)

    assert ended.returncode == 0
    assert ended.stdout.encode("latin-1").splitlines()[0] == line


def test_a_poor_locale_is_enough(tmp_path: Path) -> None:
    ended = call(tmp_path, LC_ALL="C", PYTHONCOERCECLOCALE="0", PYTHONUTF8="0")

    assert (ended.returncode, ended.stdout.splitlines()[0]) == (0, "dp <= 1, cafe x: same")


@pytest.mark.parametrize("variables", [{"COLUMNS": "40"}, {"COLUMNS": "1"}, {"TERM": "dumb"}, {"NO_COLOR": "1"}])
def test_a_poor_terminal_cuts_nothing(variables: dict[str, str], tmp_path: Path) -> None:
    ended = call(tmp_path, PYTHONIOENCODING="ascii", **variables)

    assert ended.stdout.splitlines() == [*["dp <= 1, cafe x: same"] * LINES, "1", "next: other.py"]


@pytest.mark.parametrize(
    ("text", "plain"),
    [
        ("Δ 28×28 ≤ ½", r"d 28x28 <= \xbd"),
        ("naïve “word” – …", 'naive "word" - ...'),
        ("Ångström ﬁ", "Angstrom fi"),
        ("猫 🐱", r"\u732b \U0001f431"),
        ("██▌▏ ⠋", "###- *"),
    ],
)
def test_what_stands_for_a_character_is_close_to_it_or_names_it(text: str, plain: str) -> None:
    assert plain_ascii(text) == plain


class Stubborn(io.RawIOBase):
    """Takes a byte at a time, and raises after so many."""

    def __init__(self, room: int) -> None:
        self.taken = b""
        self._room = room

    def writable(self) -> bool:
        return True

    def write(self, data: object) -> int:
        if len(self.taken) == self._room:
            raise OSError(errno.EIO, "Input/output error")
        self.taken += bytes(data)[:1]  # type: ignore[call-overload]
        return 1


def test_all_is_written_piece_by_piece_until_the_first_failure() -> None:
    raw = Stubborn(room=5)
    file = LastingFile(raw)

    assert [file.write(b"abc"), file.write(b"defg"), file.write(b"h")] == [3, 4, 1]
    assert raw.taken == b"abcde"
    assert file.failure is not None
    assert file.failure.errno == errno.EIO


def test_a_full_pipe_that_does_not_block_is_waited_for() -> None:
    reading, writing = os.pipe()
    os.set_blocking(writing, False)
    text = b"x" * 300_000
    with subprocess.Popen(["wc", "-c"], stdin=reading, stdout=subprocess.PIPE) as reader:
        os.close(reading)
        with io.FileIO(writing, "w") as raw:
            LastingFile(raw).write(text)
        assert reader.stdout is not None
        assert reader.stdout.read().split() == [b"300000"]
