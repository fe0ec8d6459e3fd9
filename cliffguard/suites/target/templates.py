"""Prompts with places to fill, {customer_name} or {{topic}}, whose texts stand in other columns."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.core.texts import first_of
from cliffguard.suites.target.cells import from_json, inside, is_safe, rewritten
from cliffguard.suites.target.chats import chat_in
from cliffguard.suites.target.columns import Columns
from cliffguard.suites.target.drafts import ParsedRow
from cliffguard.suites.target.known import quoted, says

_BRACES = re.compile(
    r"\{\{\s*(?P<two>[^{}\n]{1,60}?)\s*\}\}|\$\{(?P<shell>[^{}\n]{1,60})\}"
    r"|\{(?P<single>[^{}\n]{1,60})\}|%\((?P<percent>[^()\n]{1,60})\)s|<<(?P<angle>[^<>\n]{1,60})>>"
    r"|\[\[(?P<square>[^\[\]\n]{1,60})\]\]"
)
_TEX = re.compile(r"(?:\\[A-Za-z]+|[_^}])$")
_MOST_TEX = 30  # characters of a command of TeX
_NAMED = 4  # places that a message names


def refuse_unfilled(drafts: Sequence[ParsedRow], columns: Columns) -> None:
    """Raise SuiteError where a prompt names a column as a place to fill: it would be asked so."""
    hidden = {columns.answer, *columns.ignored, *columns.prompts, *columns.choices}
    for draft in drafts:
        places = [match for match in _BRACES.finditer(draft.prompt)]
        if not places:
            continue
        texts = _texts(draft.row.value)
        names = [n for p in places if (n := _name(p)) in texts.keys() - hidden and _is_place(p)]
        if names:
            raise _unfilled(list(dict.fromkeys(names)), places, draft, columns)


def _unfilled(
    names: Sequence[str], places: Sequence[re.Match[str]], draft: ParsedRow, columns: Columns
) -> SuiteError:
    row = draft.row
    written = dict.fromkeys(match[0] for match in places if _name(match) in names)
    cells = ((name, str(row.value.get(name))) for name in columns.prompts)
    column = next((name for name, cell in cells if next(iter(written)) in cell), columns.prompt)
    how = "fill them in"
    if is_safe("".join((column, *names))) and column in row.value:
        made = rewritten(
            row.source,
            f"{{**r, {column!r}: filled(r[{column!r}], r, {tuple(names)!r})}}",
            more="from cliffguard.suites.target import filled",
        )
        how = f"{made} fills them in"
    ignoring = " ".join(f"--target-ignore {quoted(_path(name, row.value))}" for name in names)
    return SuiteError(
        f"{row.where}: the prompt has places to fill, {first_of(list(written), _NAMED)}, and "
        f"columns of these names stand beside it; {how}; {ignoring} says that they are part of "
        "the text (in a plan, target: {ignore: […]})",
        id="target.unfilled-places",
    )


def filled(value: Any, row: Mapping[str, Any], names: Sequence[str]) -> Any:
    """Return a text, or a chat, with the texts that a row has for names in the names' places."""
    if (chat := chat_in(value)) is not None and chat is not value:
        value = chat
    if isinstance(value, Mapping):
        return {key: filled(cell, row, names) for key, cell in value.items()}
    if isinstance(value, (list, tuple)):
        return [filled(cell, row, names) for cell in value]
    if not isinstance(value, str):
        return value
    texts = _texts(row)

    def text_of(match: re.Match[str]) -> str:
        name = _name(match)
        return texts.get(name, match[0]) if name in names and _is_place(match) else match[0]

    return _BRACES.sub(text_of, value)


def _path(name: str, row: Mapping[str, Any]) -> str:
    """Return where a name stands in a row, as flags name it."""
    outer = (key for key, cell in row.items() if name in dict(inside(cell)))
    return name if name in row else f"{next(outer, name)}.{name}"


def _is_place(match: re.Match[str]) -> bool:
    """Return whether braces are a place to fill, and not TeX's: a letter, or behind a command."""
    before = match.string[: match.start()]
    return len(_name(match)) > 1 and _TEX.search(before[-_MOST_TEX:]) is None


def _name(match: re.Match[str]) -> str:
    return str(match[match.lastgroup or 0]).strip()


def _texts(row: Mapping[str, Any]) -> dict[str, str]:
    """Return what a row says by name, also inside of a column: {"variables": {"topic": …}}."""
    inner = [held for cell in row.values() if isinstance(held := from_json(cell), Mapping)]
    pairs = [pair for held in (*inner, row) for pair in held.items()]
    return {str(name): _text(cell) for name, cell in pairs if says(cell)}


def _text(cell: Any) -> str:
    if isinstance(cell, (list, tuple)):
        return "\n".join(map(str, cell))
    return str(cell)
