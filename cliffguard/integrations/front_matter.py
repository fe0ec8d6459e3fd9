"""The YAML at the head of a model card: entries of ours between two comments, the rest untouched.

It is never written again from what was read, since that would lose comments, anchors and quotes:
lines are put between others, and the parser's events prove that nothing else has changed.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from contextlib import suppress
from dataclasses import dataclass
from typing import Any

import yaml

from cliffguard.core.errors import UsageError

BEGIN, END = "# cliffguard:begin", "# cliffguard:end"
INDEX = "model-index"

# As the hub finds it: no byte-order mark before it, a break right behind its first line.
_BLOCK = re.compile(r"(\s*---(?:\r\n|\r|\n))([\S\s]*?)(?:\r\n|\r|\n)(?=---[ \t]*(?:\r\n|\n|\Z))")
_EMPTY = re.compile(r"(\s*---(?:\r\n|\r|\n))()(?=---[ \t]*(?:\r\n|\n|\Z))")
_OPENED = re.compile(r"\s*---[ \t]*(?:[\r\n]|\Z)")
_LINES = re.compile(r"[^\r\n]*(?:\r\n|\r|\n|\Z)")

Entry = Callable[[str | None], str]
"""From the name that a card's model has already to a YAML list of one model, in lines that end."""


@dataclass(frozen=True, slots=True)
class _FrontMatter:
    """What a YAML text holds: the events inside its mapping, each with its mark, and their sum."""

    events: Sequence[yaml.Event]
    plain: Sequence[tuple[Any, ...]]


def with_entries(text: str, entry: Entry | None, where: str, newline: str = "\n") -> str:
    """Return a card with the entries in its front matter, which is made where there is none.

    `text` without a byte-order mark, `newline` as it ends its lines. `entry` None: there are none,
    and what stands between the marks goes. Raises UsageError where other lines would not stay as
    they are.
    """
    match = _EMPTY.match(text) or _BLOCK.match(text)
    if match is None:
        if _OPENED.match(text):
            raise _refused(where, "its front matter begins and never ends")
        if entry is None:
            return text
        block = _marked(f"{INDEX}:\n{entry(None)}", "", newline)
        return f"---{newline}{block}---{newline}{text}"
    if match.re is _EMPTY:
        _refuse_keys_behind(text, where)
    begin = match.end(1)
    kept, former = _without_ours(text[begin : match.end()], where)
    changed = _placed(kept, former, entry, where, newline)
    return text[:begin] + changed + text[match.end() :]


def head_of(text: str) -> int:
    """Return how many characters the front matter of a card takes, up to its last line."""
    match = _EMPTY.match(text) or _BLOCK.match(text)
    return match.end() if match else 0


def _placed(
    kept: str, former: tuple[int, str] | None, entry: Entry | None, where: str, newline: str
) -> str:
    """Return the front matter with the entries where ours stood, else where they belong."""
    read = _read(kept, where)
    if entry is None:
        if former is None:
            return kept
        at, indent = former
        return kept[:at] + _marked("", indent, newline) + kept[at:]
    index = _index_of(read, where)
    if index is None:
        column, end, name, spots = "", len(kept), None, _boundaries(read.events, 0, 2)
    else:
        column, end, name, spots = _end_of(kept, read.events, index, where)
    ours = entry(name)
    added = _inside(f"{INDEX}:\n{ours}") if index is None else _inside(f"x:\n{ours}")[2:-1]
    block = f"{INDEX}:\n{ours}" if index is None else ours
    # Behind a text that keeps its last blank lines nothing can stand: then it is the first key.
    for at, indent in [*([former] if former else []), (end, column), (0, "")]:
        changed = kept[:at] + _marked(block, column, newline) + kept[at:]
        if indent == column and _is_only_more(changed, read.plain, added, spots):
            return changed
    raise _refused(where, "its front matter would not stay what it is with entries in it")


def _is_only_more(
    changed: str,
    before: Sequence[tuple[Any, ...]],
    added: Sequence[tuple[Any, ...]],
    spots: Sequence[int],
) -> bool:
    """Return whether a text says all that was said before and the addition, at one of the spots."""
    try:
        after = _inside(changed)
    except (yaml.YAMLError, ValueError):
        return False
    return any([*before[:at], *added, *before[at:]] == after for at in spots)


# --- what is there already -----------------------------------------------------------------------


def _without_ours(text: str, where: str) -> tuple[str, tuple[int, str] | None]:
    """Return a front matter without what stands between our marks, and where and how far in."""
    marks, at = [], 0
    for line in _LINES.findall(text):
        if line.strip() in (BEGIN, END):
            marks.append((line.strip(), at, at + len(line), line[: len(line) - len(line.lstrip())]))
        at += len(line)
    if not marks:
        return text, None
    if [mark for mark, *_ in marks] != [BEGIN, END]:
        raise _refused(where, f"its front matter has not one `{BEGIN}` with one `{END}` below it")
    (_, begin, _, indent), (_, _, end, _) = marks
    kept = text[:begin] + text[end:]
    _refuse_in_value(text, kept, where)
    return kept, (begin, indent)


def _refuse_keys_behind(text: str, where: str) -> None:
    """Raise UsageError where a hub reads keys behind an empty front matter, up to the next rule."""
    block, keys = _BLOCK.match(text), False
    with suppress(yaml.YAMLError, ValueError):
        keys = block is not None and bool(_events(block[2]))
    if keys:
        raise _refused(where, "its front matter has a `---` before its keys")


def _refuse_in_value(text: str, kept: str, where: str) -> None:
    """Raise UsageError where the marks stand in a value, which would lose what is between them."""
    try:
        whole = _inside(text)
    except (yaml.YAMLError, ValueError):
        return  # somebody has changed what is ours, and that goes
    rest = _read(kept, where).plain
    n_same = next(
        (n for n, (a, b) in enumerate(zip(whole, rest, strict=False)) if a != b), len(rest)
    )
    n_more = len(whole) - len(rest)
    if n_more < 0 or not any(
        whole[:at] == rest[:at] and whole[at + n_more :] == rest[at:]
        for at in range(n_same, max(-1, n_same - n_more - 1), -1)
    ):
        raise _refused(where, f"`{BEGIN}` stands inside a value of its front matter")


def _read(text: str, where: str) -> _FrontMatter:
    """Return what a front matter holds. Raises UsageError where that is no mapping of keys."""
    try:
        events = _events(text)
        return _FrontMatter(events, _plain(events))
    except (yaml.YAMLError, ValueError) as failure:
        mark = getattr(failure, "problem_mark", None)
        line = "" if mark is None else f", line {mark.line + 2}"
        problem = getattr(failure, "problem", None) or str(failure).partition("\n")[0]
        raise _refused(where, f"its front matter is no mapping of keys ({problem}{line})") from None


def _events(text: str) -> list[yaml.Event]:
    """Return the events inside the one mapping of a text; of an empty text none.

    The hub takes the last line break for a part of the line below.
    """
    read = re.sub(r"(?:\r\n|\r|\n)\Z", "", text)
    events = list(yaml.parse(read, Loader=yaml.SafeLoader))
    if len(events) == 2:
        return []
    documents = sum(isinstance(event, yaml.DocumentStartEvent) for event in events)
    if documents != 1 or not isinstance(events[2], yaml.MappingStartEvent):
        raise ValueError("it holds something else")
    if events[2].flow_style:
        raise ValueError("it is written in braces")
    return events[3:-3]


def _plain(events: Sequence[yaml.Event]) -> list[tuple[Any, ...]]:
    """Return what events say, without where."""
    names = ("anchor", "tag", "implicit", "value", "style", "flow_style")
    return [(type(event), *(getattr(event, name, None) for name in names)) for event in events]


def _inside(text: str) -> list[tuple[Any, ...]]:
    return _plain(_events(text))


def _index_of(read: _FrontMatter, where: str) -> tuple[int, int] | None:
    """Return where the sequence of a `model-index` of others begins and ends; None: there is none.

    The numbers are of its events.
    """
    starts = _boundaries(read.events, 0, 2)
    for start in starts[:-1]:
        if getattr(read.events[start], "value", None) != INDEX:
            continue
        begin = read.events[start + 1]
        if not isinstance(begin, yaml.SequenceStartEvent) or begin.flow_style:
            raise _refused(where, f"its `{INDEX}` is no list with a `-` a line")
        return start + 1, _after(read.events, start + 1) - 1
    return None


def _after(events: Sequence[yaml.Event], at: int) -> int:
    """Return the number of the event after the value that begins at one."""
    depth = 0
    for number in range(at, len(events)):
        depth += isinstance(events[number], yaml.CollectionStartEvent)
        depth -= isinstance(events[number], yaml.CollectionEndEvent)
        if depth == 0:
            return number + 1
    return len(events)


def _boundaries(events: Sequence[yaml.Event], at: int, n_values: int) -> list[int]:
    """Return where entries of `n_values` values each begin, and where the last of them ends."""
    spots = [at]
    while at < len(events) and not isinstance(events[at], yaml.CollectionEndEvent):
        for _ in range(n_values):
            at = _after(events, at)
        spots.append(at)
    return spots


def _end_of(
    text: str, events: Sequence[yaml.Event], index: tuple[int, int], where: str
) -> tuple[str, int, str | None, list[int]]:
    """Return where another entry of a list goes: its indent, its place, its name, its events.

    The name is that of the model before it, since the hub takes the last for the card's.
    """
    first, last = index
    items = _boundaries(events, first + 1, 1)
    if len(items) < 2:
        raise _refused(where, f"its `{INDEX}` is no list with a `-` a line")
    leaf = next(e for e in reversed(events[:last]) if not _ends_block(e))
    at, column = _position(leaf.end_mark)
    if column:
        line = _LINES.match(text, at)
        at = line.end() if line else at
    model, name = items[-2], None
    if isinstance(events[model], yaml.MappingStartEvent):
        for key in _boundaries(events, model + 1, 2)[:-1]:
            if getattr(events[key], "value", None) == "name":
                name = getattr(events[key + 1], "value", None)
    return " " * _position(events[first].start_mark)[1], at, name, items


def _ends_block(event: yaml.Event) -> bool:
    """Return whether an event ends a block, of which the mark is where the next thing stands."""
    is_end = isinstance(event, yaml.CollectionEndEvent)
    return is_end and _position(event.start_mark) == _position(event.end_mark)


def _position(mark: Any) -> tuple[int, int]:
    """Return a mark's place in the text, and in its line, in characters."""
    return mark.index, mark.column


def _marked(block: str, indent: str, newline: str) -> str:
    return "".join(f"{indent}{line}{newline}" for line in (BEGIN, *block.splitlines(), END))


def _refused(where: str, problem: str) -> UsageError:
    return UsageError(
        f"{where}: {problem}, so that no entries can be put there safely; mend it, or leave them "
        "out with --section-only",
        id="card.front-matter",
    )
