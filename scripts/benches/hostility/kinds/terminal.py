"""Names, notes and reasons that would speak to the terminal, or that a library would take for markup."""

from __future__ import annotations

import re
import subprocess
from typing import Any

from scripts.benches.hostility.case import Attack, AttackKind, CasePlace
from scripts.benches.hostility.planted.hostile_names import (
    COMMANDS,
    EVERYTHING,
    FILES,
    FORGED,
    IN_JSON,
    MARKUP,
    NO_TEXT,
    ONNX,
    PREDICT,
    VERIFY,
    Prepare,
    answered_pictures,
    changed_onnx,
    class_folder,
    data_file,
    described,
    failed_trial,
    failing_builder,
    layer,
    missing_folder,
    missing_picture,
    named_class,
    run_record,
    written,
)
from tuning.plain_names import flaw, readable


def says_nothing_to_terminals(place: CasePlace, done: subprocess.CompletedProcess[str]) -> list[str]:
    """What of the output a terminal would obey, or takes for the beginning of a line of ours."""
    found = []
    for name, text in (("stdout", done.stdout), ("stderr", done.stderr)):
        if flaw(text.replace("\n", "")) or "\ufffd" in text:
            found.append(f"{name} holds control characters: {text!r}"[:300])
        if any(line.startswith(FORGED) for line in text.split("\n")):
            found.append(f"a name begins a line of {name}")
    return found


def _attack(name: str, prepare: Prepare, *, codes: tuple[int, ...] = (2,), **facts: Any) -> Attack:
    facts = {"check": says_nothing_to_terminals, **facts}
    return Attack(kind=AttackKind.TERMINAL, name=name, prepare=prepare, codes=codes, **facts)


def _words(*words: str) -> Prepare:
    return lambda place: list(words)


_TESTED = (
    "a colour",
    "a new line",
    "an 8-bit escape",
    "a right-to-left override",
    "a half tag",
    "a byte that is no UTF-8",
)
"""Of a family; the others are left to the bench."""

CASES = (
    *(
        _attack(
            f"a picture that is not there, with {what} in its name",
            missing_picture(name),
            says=re.escape(readable(" ".join(name.split()))),
            slow=what not in _TESTED,
        )
        for what, name in FILES.items()
        if "/" not in name
    ),
    _attack(
        "pictures whose names hold commands",
        answered_pictures([f"{name}.png" for name in COMMANDS.values()]),
        codes=(0,),
        says=r"a\\x1b\[31mb\.png: \w.*a\\u2028FORGED all as published\.png: \w",
    ),
    _attack(
        "pictures whose names are markup",
        answered_pictures([f"{name}.png" for name in MARKUP.values() if "/" not in name]),
        codes=(0,),
        says=r"\[@\[a\]\.png: \w.*:smile:\.png: \w.*\\\[a\]\.png: \w",
    ),
    _attack(
        "pictures whose names hold commands, with --json",
        lambda place: [
            *answered_pictures([f"{name}.png" for name in FILES.values() if "/" not in name])(place),
            "--json",
        ],
        codes=(0,),
        says=r'"file": "a\\u001b\[31mb\.png"',
    ),
    *(
        _attack(f"a folder that is not there, with {what} in its name", missing_folder(name), says="there is no")
        for what, name in FILES.items()
        if what in ("a colour", "a new line", "a right-to-left override", "a style", "a half tag")
    ),
    *(
        _attack(
            f"a published class with {what} in its name",
            named_class(name, PREDICT),
            says=r"(class name .* holds control characters|is not text|null character|half a character)",
            slow=what not in _TESTED,
        )
        for what, name in IN_JSON.items()
    ),
    _attack("a published class with a colour in its name, verified", named_class(IN_JSON["a colour"], VERIFY)),
    *(
        _attack(
            f"a published class whose name is markup, {what}",
            named_class(name, PREDICT),
            codes=(0,),
            says=r"one\.png: .*answered by",
        )
        for what, name in MARKUP.items()
    ),
    _attack(
        "a note with everything in it", described(PREDICT, note=EVERYTHING), codes=(0,), says=r"note: a\\x1b\[31mb"
    ),
    _attack(
        "a data set with everything in its name",
        described(PREDICT, dataset=EVERYTHING),
        codes=(0,),
        says=r"made for a\\x1b\[31mb.*\[@\[a\] \[link=file:///etc/passwd\]a\[/link\] :smile: ",
    ),
    _attack("a note with everything in it, verified", described(VERIFY, note=EVERYTHING), codes=(0, 1)),
    _attack("a data set with everything in its name, verified", described(VERIFY, dataset=EVERYTHING), codes=(0, 1)),
    *(
        _attack(f"{what} in a sealed ONNX file", changed_onnx(change), codes=(1, 2), says="model.onnx")
        for what, change in ONNX.items()
    ),
    *(
        _attack(
            f"class_names with {what}",
            data_file("data.npz", [name, "b"]),
            says=rf"class_names holds the name {re.escape(readable(name))}, which holds control characters",
            slow=what not in _TESTED,
        )
        for what, name in COMMANDS.items()
    ),
    *(
        _attack(f"a data file with {what} in its name", data_file(f"{name}.npz", ["a", "b"]), says="rename it")
        for what, name in (COMMANDS | NO_TEXT).items()
        if what in ("a colour", "a new line", "a right-to-left override", "a byte that is no UTF-8")
    ),
    *(
        _attack(
            f"a class folder with {what} in its name", class_folder(name), says="rename it", slow=what not in _TESTED
        )
        for what, name in (COMMANDS | NO_TEXT).items()
    ),
    *(
        _attack(f"a run's name with {what}", _words("tune.py", "--run", name), says="name")
        for what, name in FILES.items()
        if what in ("a colour", "a new line", "a half tag", "an isolate")
    ),
    *(
        _attack(f"an option with {what}", _words("tune.py", f"--{name}"), says="see .* --help")
        for what, name in FILES.items()
        if what in ("a colour", "a new line", "a clipboard write", "an isolate", "a byte that is no UTF-8")
    ),
    _attack(
        "a number that is a command",
        lambda place: ["tune.py", "--epochs", "\x1b[31m1"],
        says=r"--epochs: invalid int value.*see .* --help",
    ),
    _attack(
        "a configuration whose key is a command",
        written("own.toml", '"\\u001b[31mepochs" = 1\n', ["tune.py", "--config", "own.toml"]),
        says=r"\\x1b\[31mepochs",
    ),
    _attack(
        "a space whose name is a command",
        written(
            "own.toml",
            '"\\u001b[31m[bold]" = {choices = []}\n',
            ["tune.py", "--dataset", "digits", "--space", "own.toml"],
        ),
        says=r"\\x1b\[31m\[bold\]",
        seconds=60.0,
        slow=True,
    ),
    _attack(
        "a layer with a command for a name",
        layer(name="l\x1b[31m[bold]", config={"name": "l\x1b[31m[bold]", "scale": 0.1}),
        codes=(1, 2),
        seconds=60.0,
        slow=True,
    ),
    _attack(
        "a layer of a class with a command for a name",
        layer(class_name="Own\x1b[31m[red]", module="own\x1b]0;x\x07", registered_name="Own\x1b>Own"),
        says=r"needs the class Own\\x1b\[31m\[red\]",
        seconds=60.0,
        slow=True,
    ),
    _attack(
        "a builder that fails for a reason full of commands",
        failing_builder(EVERYTHING),
        codes=(1, 2),
        says=r"own\.py.*ValueError: a",
        changes=("runs*",),
        seconds=60.0,
        slow=True,
    ),
    _attack(
        "a record of a run that is full of commands",
        run_record(command=EVERYTHING),
        says=r"command must be one of tune, train, complete, got 'a\\x1b\[31mb",
    ),
    _attack(
        "a trial that failed for a reason full of commands, on record",
        failed_trial(EVERYTHING),
        says=r"has no result \(a\\x1b\[31mb",
        seconds=60.0,
        slow=True,
    ),
)
