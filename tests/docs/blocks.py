"""Fenced blocks of Markdown pages, found where they stand.

A block runs as what its language says. A comment on the line before it says what cannot be seen:

    <!-- block: … = --candidate runs/ft/adapter -->  what an ellipsis in a command stands for
    <!-- block: kind = policy -->                    which of our files a YAML or JSON block is
    <!-- block: exit = 12 -->                        the exit code of its commands
    <!-- block: read only = a file of another system -->    nothing is run, and why
"""

from __future__ import annotations

import re
from dataclasses import dataclass, field
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent.parent
PAGES = (CHECKOUT / "README.md", *sorted((CHECKOUT / "docs").glob("*.md")))

_MARK = re.compile(r"<!-- block: (?P<key>[^=]+?) = (?P<value>.+?) -->")
_MARKS = {"…", "kind", "exit", "read only"}
_FENCE = re.compile(r"^(?P<indent> *)(?P<fence>`{3,}|~{3,})(?P<language>\S*)")


@dataclass(frozen=True)
class Block:
    """A fenced block: its page, the line of its fence, its language, text and marks."""

    page: str
    line: int
    language: str
    text: str
    marks: dict[str, str] = field(default_factory=dict)

    @property
    def where(self) -> str:
        """`docs/store.md:54`."""
        return f"{self.page}:{self.line}"

    @property
    def first(self) -> str:
        """The first line, by which a list may name the block wherever it stands."""
        return self.text.split("\n", 1)[0].strip()


def blocks_of(page: Path) -> list[Block]:
    """Return all fenced blocks of a page, in order. An open fence or an unknown mark fails."""
    lines = page.read_text(encoding="utf-8").split("\n")
    name = page.relative_to(CHECKOUT).as_posix() if page.is_relative_to(CHECKOUT) else page.name
    blocks: list[Block] = []
    at = 0
    while at < len(lines):
        opened = _FENCE.match(lines[at])
        if not opened:
            at += 1
            continue
        indent, fence = len(opened["indent"]), opened["fence"]
        end = at + 1
        while end < len(lines) and lines[end].strip() != fence:
            end += 1
        assert end < len(lines), f"{name}:{at + 1}: the block has no end"
        text = "\n".join(line[indent:] for line in lines[at + 1 : end]) + "\n"
        blocks.append(Block(name, at + 1, opened["language"], text, _marks(lines, at, name)))
        at = end + 1
    return blocks


def _marks(lines: list[str], at: int, name: str) -> dict[str, str]:
    """Return what comments right before a fence say of the block."""
    marks: dict[str, str] = {}
    for line in reversed(lines[:at]):
        if not line.strip().startswith("<!-- block:"):
            break
        mark = _MARK.fullmatch(line.strip())
        assert mark is not None, f"{name}: not a mark: {line.strip()}"
        assert mark["key"] in _MARKS, f"{name}: no such mark: {line.strip()}"
        marks[mark["key"]] = mark["value"]
    return marks
