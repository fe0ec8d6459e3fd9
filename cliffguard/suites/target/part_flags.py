"""The flag that asks a part of a question that nothing reads, or the command that makes it text."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cliffguard.suites.target.cells import at, is_safe, rewritten, texts_in
from cliffguard.suites.target.chats import chat_in
from cliffguard.suites.target.columns import Columns, framed
from cliffguard.suites.target.drafts import ParsedRow
from cliffguard.suites.target.known import (
    AFTER,
    BEFORE,
    MESSAGES,
    SUBJECTS,
    folded,
    last_name,
    quoted,
    says,
)


def with_right(wrong: str, columns: Columns, source: str) -> str:
    """Return how a list of wrong options and the right one are made choices."""
    if columns.answer is None or not is_safe(f"{columns.answer}{wrong}"):
        return "name the answer with --target-answer"
    held = f"[at(r, {columns.answer!r}), *from_json(at(r, {wrong!r}))]"
    more = "from cliffguard.suites.target import at, from_json"
    made = rewritten(source, f"{{**r, 'choices': {held}}}", more=more)
    return f"{made} makes choices of them and the right one"


def asking(parts: Sequence[str], columns: Columns, drafts: Sequence[ParsedRow]) -> str:
    """Return the flag that asks the parts as well."""
    if chat_in(drafts[0].row.value.get(columns.prompt)) is not None:
        if len(parts) == 1 and is_text(parts[0], drafts) and columns.system is None:
            return f"--target-system {quoted(parts[0])} says it before"
        return "put what is said there into the turns of the chat"
    if wrong := [name for name in parts if not _can_be_asked(name, drafts)]:
        return f"{wrong[0]} holds no plain text: {_as_text(wrong[0], drafts[0].row.source)}"
    order = {name: index for index, name in enumerate((*SUBJECTS, *BEFORE))}
    behind = [name for name in parts if _is_behind(name, columns)]
    before = [name for name in parts if name not in behind]
    before.sort(key=lambda name: order.get(folded(last_name(name)), len(order)))
    frame = [f"{{{name}}}" for name in before]
    frame += [framed(columns.prompt), *(f"{{{name}}}" for name in behind)]
    whole = quoted("\\n".join(frame))
    return f"--target-prompt {whole} asks {'it' if len(parts) == 1 else 'them'}"


def _is_behind(name: str, columns: Columns) -> bool:
    """Return whether a part stands behind the prompt; a body does so behind its subject alone."""
    folded_name = folded(last_name(name))
    if folded_name in MESSAGES:
        subjects = {*SUBJECTS, "title", "headline"}
        return folded(last_name(columns.prompts[0])) in subjects
    return folded_name in AFTER


def askable(path: str, drafts: Sequence[ParsedRow]) -> str:
    """Return a path up to the list of objects that it leads through, which has no names itself."""
    while "." in path and all(at(draft.row.value, path) is None for draft in drafts):
        path = path.rpartition(".")[0]
    return path


def _as_text(name: str, source: str) -> str:
    """Return what makes text of a column that holds lists or tables."""
    if not is_safe(name):
        return "write it as text into a column of its own"
    # A name before it: what begins with a bracket is no plain text.
    held = f"json.dumps(at(r, {name!r}), ensure_ascii=False)"
    more = "from cliffguard.suites.target import at"
    made = rewritten(source, f"{{**r, {name!r}: '{name}: ' + {held}}}", more=more)
    return f"{made} makes text of it, which can be asked"


def _can_be_asked(name: str, drafts: Sequence[ParsedRow]) -> bool:
    """Return whether a column in braces puts all that it holds into a prompt."""
    values = [draft.row.value.get(name, at(draft.row.value, name)) for draft in drafts]
    return is_text(name, drafts) or all(
        texts_in(value, name) is not None for value in values if says(value)
    )


def is_text(path: str, drafts: Sequence[ParsedRow], *, is_number_text: bool = True) -> bool:
    """Return whether a column, or what lies at a path in one, is text in every row that has it."""
    cells = [draft.row.value.get(path, at(draft.row.value, path)) for draft in drafts]
    values = [value for value in cells if says(value)]
    return bool(values) and all(
        isinstance(value, str)
        and not _is_structure(value)
        and (is_number_text or not _is_number(value))
        for value in values
    )


def _is_structure(value: str) -> bool:
    return value.lstrip()[:1] in ("[", "{")


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
