"""The part of a model card between our two marks: found outside of code, or put at its end."""

from __future__ import annotations

import re
from collections.abc import Iterator

from cliffguard.core.errors import UsageError

BEGIN, END = "<!-- cliffguard:begin -->", "<!-- cliffguard:end -->"

_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")
_MARK = re.compile(r" {0,3}<!--\s*cliffguard:(begin|end)\s*-->\s*")
_FENCE = re.compile(r"((?:[ \t]*(?:[-*+>]|\d{1,9}[.)])[ \t]*)*)([ \t]*)(`{3,}(?=[^`]*$)|~{3,})")


def with_section(text: str, section: str, where: str, newline: str = "\n", *, head: int = 0) -> str:
    """Return a card with `section` between the marks that it has; else at its end.

    The section's lines end in line feeds, and here in `newline`, as the card's own. In the first
    `head` characters, which are YAML, nothing is a mark. Raises UsageError where the marks are not
    one pair, or a block of code never ends.
    """
    marks, section = list(_marks(text, where, head)), section.replace("\n", newline)
    if not marks:
        if text and not text.endswith(("\n", "\r")):
            text += newline
        gap = newline if text and not re.search(r"(?:\n|\r\n?)[ \t]*(?:\n|\r\n?)\Z", text) else ""
        return f"{text}{gap}{BEGIN}{newline}{section}{END}{newline}"
    if [kind for kind, *_ in marks] != ["begin", "end"]:
        lines = ", ".join(str(line) for *_, line in marks)
        raise UsageError(
            f"{where}: has not one `{BEGIN}` with one `{END}` below it (line {lines}); remove what "
            "is too much, or put there what is missing",
            id="card.marks",
        )
    (_, _, begin, _), (_, end, _, _) = marks
    return text[:begin] + section + text[end:]


def _marks(text: str, where: str, head: int) -> Iterator[tuple[str, int, int, int]]:
    """Yield the marks outside of code: kind, where each line begins and ends, and its number."""
    at, fence, opened = 0, None, 0
    for number, line in enumerate(_LINES.findall(text), start=1):
        if at < head:
            pass
        elif fence is None:
            match = _FENCE.match(line.rstrip("\r\n"))
            if match and (match[1] or len(match[2].expandtabs(4)) < 4):
                fence, opened = (match[3], match[1].strip()), number
            elif mark := _MARK.fullmatch(line):
                yield mark[1], at, at + len(line), number
        elif _ends(line, *fence):
            fence = None
            if mark := _MARK.fullmatch(line):
                yield mark[1], at, at + len(line), number
        at += len(line)
    if fence is not None and not fence[1]:
        raise UsageError(
            f"{where}: its block of code of line {opened} never ends, so that nothing below it "
            f"would be shown; end it with {fence[0]}",
            id="card.open-code",
        )


def _ends(line: str, fence: str, container: str) -> bool:
    """Return whether a line ends a block of code, in a list or a quotation also by leaving it."""
    bare = line.strip().lstrip("> \t") if ">" in container else line.strip()
    if len(bare) >= len(fence) and set(bare) == {fence[0]}:
        return True
    return bool(container) and bool(line.strip()) and line[0] not in f" \t{container[0]}"
