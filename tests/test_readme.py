"""What the READMEs say is so: lengths, links, options, scripts, messages, and the tables of the space and of layers."""

from __future__ import annotations

import ast
import re
from pathlib import Path
from typing import Any

import pytest
from readme_files import READMES, ROOT, blocks, without_blocks

from scripts.options.data import TrainingDataChoice
from scripts.options.declared import OptionParser
from scripts.options.search import SearchOptions

LANGUAGES = {"bash", "python", "toml", "text"}
"""`bash` and `python` are run, see test_readme_commands.py; `toml` is a file's content, `text` is shown only."""
LINK = re.compile(r"\[[^\]]+\]\(([^)#\s]*)(?:#([^)\s]*))?\)")
CONTRIBUTING = (ROOT / ".github" / "CONTRIBUTING.md").read_text(encoding="utf-8")
PAGES = {name: without_blocks(text) for name, text in {**READMES, ".github/CONTRIBUTING.md": CONTRIBUTING}.items()}


def anchors(text: str) -> set[str]:
    """Where the headings of a page are found on it."""
    headings = re.findall(r"^#+ (.*)$", without_blocks(text), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", heading.lower()).replace(" ", "-") for heading in headings}


def messages() -> list[str]:
    """Every text in the code, with … where values are put in."""

    def text(node: ast.AST) -> str | None:
        if isinstance(node, ast.JoinedStr):
            return "".join(str(part.value) if isinstance(part, ast.Constant) else "…" for part in node.values)
        return node.value if isinstance(node, ast.Constant) and isinstance(node.value, str) else None

    files = (path for room in ("tuning", "export", "scripts") for path in (ROOT / room).rglob("*.py"))
    return [
        found
        for path in files
        for node in ast.walk(ast.parse(path.read_text(encoding="utf-8")))
        if (found := text(node)) is not None
    ]


@pytest.mark.parametrize("readme", READMES)
def test_it_is_short(readme: str) -> None:
    assert len(READMES[readme].splitlines()) <= (170 if readme == "README.md" else 150)


@pytest.mark.parametrize("readme", READMES)
def test_its_blocks_say_what_is_run(readme: str) -> None:
    assert {block.language for block in blocks(readme)} <= LANGUAGES


@pytest.mark.parametrize("page", PAGES)
def test_its_links_lead_somewhere(page: str) -> None:
    here = (ROOT / page).parent
    links = [(path, anchor) for path, anchor in LINK.findall(PAGES[page]) if "://" not in path]
    targets = {path: (here / path).resolve() if path else ROOT / page for path, _ in links}

    assert [path for path, target in targets.items() if not target.exists()] == []
    assert [
        (path, anchor)
        for path, anchor in links
        if anchor and anchor not in anchors(targets[path].read_text(encoding="utf-8"))
    ] == []


def test_each_is_found_from_the_first() -> None:
    found, new = set(), {"README.md"}
    while new:
        found |= new
        linked = {(Path(page).parent / path).as_posix() for page in new for path, _ in LINK.findall(READMES[page])}
        names = {(ROOT / path).resolve().relative_to(ROOT).as_posix() for path in linked if "://" not in path}
        new = (names & set(READMES)) - found

    assert found == set(READMES)


def test_they_name_every_script_and_bench() -> None:
    scripts = [path.name for path in (ROOT / "scripts").iterdir() if path.is_file() and not path.name.startswith("_")]
    folders = [ROOT / "scripts" / "benches", ROOT / "scripts" / "benches" / "judging"]
    benches = [path.stem for folder in folders for path in folder.glob("*.py")]

    assert [name for name in scripts if name not in READMES["scripts/README.md"] and ".txt" not in name] == []
    assert [name for name in benches if f"| `{name}` |" not in READMES["scripts/benches/README.md"]] == []


@pytest.mark.parametrize("readme", READMES)
def test_every_option_that_it_names_exists(readme: str) -> None:
    files = [*(ROOT / "scripts").rglob("*.py"), *(path for path in (ROOT / "scripts").iterdir() if path.is_file())]
    texts = "".join(path.read_text(encoding="utf-8") for path in files)
    parser = OptionParser()
    for holder in (TrainingDataChoice, SearchOptions):
        parser.add_options(holder)
    texts += parser.format_help()

    assert [name for name in re.findall(r"(?<!-)--[a-z][a-z-]+", READMES[readme]) if name not in texts] == []


@pytest.mark.parametrize("readme", READMES)
def test_every_file_and_folder_of_the_project_that_it_names_exists(readme: str) -> None:
    named = re.findall(r"`((?:tuning|export|scripts|tests)/[\w/.*-]+)`", without_blocks(READMES[readme]))

    assert [name for name in named if not list(ROOT.glob(name.rstrip("/")))] == []


def test_every_message_that_it_explains_is_written_somewhere() -> None:
    section = READMES["scripts/README.md"].split("## Troubleshooting\n")[1]
    cells = re.findall(r"^\| (`.*?) \|", section, re.MULTILINE)
    explained = [part.strip() for cell in cells for text in re.findall(r"`([^`]+)`", cell) for part in text.split("…")]
    written = "\n".join([*messages(), (ROOT / "scripts" / "setup").read_text(encoding="utf-8")])

    assert len(cells) > 20
    assert [part for part in explained if part not in written] == []


def test_its_table_of_the_space_is_the_space() -> None:
    from tuning.models.network import default_ranges
    from tuning.space.ranges import Choices

    rows = dict(re.findall(r"^\| (`\w+`(?:, `\w+`)*) \| (.+) \|$", READMES["tuning/space/README.md"], re.MULTILINE))
    described = {name: text for names, text in rows.items() for name in re.findall(r"\w+", names)}
    ranges = default_ranges((28, 28, 1))

    assert set(ranges) <= set(described)
    for name, values in ranges.items():
        numbers = {float(number) for number in re.findall(r"\d+(?:\.\d+)?", described[name])}
        if isinstance(values, Choices):
            words = set(re.findall(r"[\w.]+", described[name]))
            assert {str(value) for value in values.values} <= words
        else:
            assert {values.low, values.high} <= numbers


def test_its_table_of_layers_is_the_one_that_the_tests_hold_exact() -> None:
    from scripts.benches.model_zoo.matrix import readme_section

    assert readme_section() in READMES["export/formats/README.md"]


def test_the_files_that_it_shows_are_what_it_says(hypermodel: Any, tmp_path: Path) -> None:
    from tuning.files.bounded_files import read_toml
    from tuning.space.first_file import configurations_from
    from tuning.space.space_file import ranges_from

    space, first = [block.text for block in blocks("tuning/space/README.md") if block.language == "toml"]
    (tmp_path / "space.toml").write_text(space, encoding="utf-8")
    (tmp_path / "first.toml").write_text(first, encoding="utf-8")

    ranges = ranges_from(read_toml(tmp_path / "space.toml"))
    assert set(ranges) == {"dropout", "dense_units", "num_filters_1", "learning_rate"}
    configurations = configurations_from(read_toml(tmp_path / "first.toml"))
    assert [hypermodel.check(values).items() >= values.items() for values in configurations] == [True, True]
