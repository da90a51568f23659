"""The two files of an OpenVINO model, read once and strictly: openvino itself reads much that no export writes.

Standard library only.
"""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path
from typing import NoReturn
from xml.etree.ElementTree import Element, TreeBuilder
from xml.parsers import expat

from export.errors import InputError
from export.files.regular_file import read_regular

GRAPH, CONSTANTS = "model.xml", "model.bin"
LARGEST_GRAPH, LARGEST_CONSTANTS = 256 << 20, 16 << 30
DEEPEST = 40
_BEGINNING = re.compile(rb'<\?xml version="1\.0"(?: encoding="utf-8")?\?>\s*<net ', re.IGNORECASE)


@dataclass(frozen=True, kw_only=True)
class IrFile:
    """The bytes of both files, and the graph as a tree."""

    graph: bytes
    constants: bytes
    net: Element


def read_ir(path: Path) -> IrFile:
    """The model in the folder. Raises InputError for files that are missing, and for XML that no export writes: with a
    document type, entities, instructions, comments, deep nesting, or of another encoding."""
    try:
        graph = read_regular(path / GRAPH, LARGEST_GRAPH)
        constants = read_regular(path / CONSTANTS, LARGEST_CONSTANTS)
        return IrFile(graph=graph, constants=constants, net=_parse(graph))
    except (OSError, ValueError) as error:
        reason = error.strerror if isinstance(error, OSError) else error
        raise InputError(f"{path} can't be opened as an OpenVINO model ({reason}): export it again") from error


def _parse(graph: bytes) -> Element:
    """The tree. Raises ValueError."""
    if not _BEGINNING.match(graph):
        raise ValueError(f"{GRAPH} does not begin with <?xml> and <net>")
    parser, builder, open_elements = expat.ParserCreate("utf-8"), TreeBuilder(), []

    def start(tag: str, attributes: dict[str, str]) -> None:
        open_elements.append(tag)
        if len(open_elements) > DEEPEST:
            raise ValueError("it is nested too deeply")
        builder.start(tag, attributes)

    def end(tag: str) -> None:
        open_elements.pop()
        builder.end(tag)

    def refuse(*_: object) -> NoReturn:
        raise ValueError("it holds more than elements: a document type, an entity, an instruction or a comment")

    parser.StartElementHandler, parser.EndElementHandler = start, end
    parser.CharacterDataHandler = builder.data
    parser.StartDoctypeDeclHandler = parser.EntityDeclHandler = refuse
    parser.ProcessingInstructionHandler = parser.CommentHandler = refuse
    try:
        parser.Parse(graph, True)
    except expat.ExpatError as error:
        raise ValueError(f"{GRAPH} is no XML: {error}") from error
    return builder.close()
