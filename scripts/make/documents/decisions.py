"""The index of decisions: number, title, and which later ones amended or superseded it."""

from __future__ import annotations

import re
from dataclasses import dataclass
from pathlib import Path

FOLDER = Path(__file__).resolve().parents[3] / "docs" / "decisions"

_HEAD = """\
# Decisions

<!-- Written by scripts/make/pages.py from the tops of the files here. -->

One page each: context, decision, consequences. A later decision may amend or supersede an earlier
one, which then says so at its top. Texts and figures are of their time; names of files are
today's.

| | decision | standing |
|---|---|---|
"""
_TITLE = re.compile(r"# (\d+)\. (.+)")
_LINKED = re.compile(r"\[(\d+)\]\([^)]*\)")
_NUMBERS = r"\d+(?:(?:, | and )\d+)*"
_MARK = re.compile(rf"([Aa]mended|[Ss]uperseded) by ({_NUMBERS})")
_CLAIM = re.compile(rf"\b(?:Amends|Supersedes)\b[^.:;]*?\b({_NUMBERS})\b")


@dataclass(frozen=True)
class Decision:
    """One page: its file's name, and the numbers of the others that it names.

    `later` are those by which it was amended or superseded, each with that word; `earlier` are
    those of which it says that it amends or supersedes them.
    """

    file: str
    number: int
    title: str
    later: tuple[tuple[int, str], ...]
    earlier: frozenset[int]


def page() -> str:
    """Return the index. Raises ValueError where a page has no mark of what a later one claims."""
    by_number = {decision.number: decision for decision in map(read, sorted(FOLDER.glob("0*.md")))}
    for decision in by_number.values():
        for number in decision.earlier:
            if number not in by_number:
                raise ValueError(f"docs/decisions/{decision.file} changes {number}; there is none")
            if decision.number not in dict(by_number[number].later):
                raise ValueError(
                    f"docs/decisions/{decision.file} changes {number}, which does not say so; put "
                    f'"(Amended by {decision.number}: …)" at the top of {by_number[number].file}'
                )
    return _HEAD + "".join(_row(decision, by_number) for decision in by_number.values())


def read(path: Path) -> Decision:
    """Return what a page says of itself."""
    text = _LINKED.sub(r"\1", path.read_text(encoding="utf-8"))
    title = _TITLE.match(text)
    if title is None or int(title[1]) != int(path.name[:4]):
        raise ValueError(f"{path.name}: begin with `# {int(path.name[:4])}. ` and the title")
    top = re.split(r"\*\*Context|^## Context", text, maxsplit=1, flags=re.MULTILINE)[0]
    later = {
        int(number): mark[1].lower()
        for mark in _MARK.finditer(" ".join(top.split()))
        for number in re.findall(r"\d+", mark[2])
    }
    claims = _CLAIM.findall(" ".join(text.split()))
    earlier = {int(number) for claim in claims for number in re.findall(r"\d+", claim)}
    return Decision(path.name, int(title[1]), title[2], tuple(later.items()), frozenset(earlier))


def _row(decision: Decision, others: dict[int, Decision]) -> str:
    links = {
        wanted: [
            f"[{number}]({others[number].file})"
            for number, word in sorted(decision.later)
            if word == wanted
        ]
        for wanted in ("superseded", "amended")
    }
    standing = "; ".join(f"{word} by {', '.join(by)}" for word, by in links.items() if by)
    return f"| {decision.number} | [{decision.title}]({decision.file}) | {standing} |\n"
