"""Which columns of data are prompt, choices and answer, and what they hold for one item."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from string import ascii_uppercase
from typing import Any

from cliffguard.errors import SuiteError, nearest
from cliffguard.plans import TargetData
from cliffguard.rows import Row
from cliffguard.targets.chats import before_last_answer, is_chat, rendered, turns_of

PROMPTS = ("prompt", "question", "input", "instruction", "text", "messages", "conversations")
CHOICES = ("choices", "options")
ANSWERS = ("answer", "label", "output", "completion", "target", "expected")
_CONTEXT = "context"
_COLUMN = re.compile(r"\{([^{}]+)\}")
_LISTED = 12  # columns that a message names


@dataclass(frozen=True, slots=True, kw_only=True)
class Fields:
    """The columns of a target's data; `prompt` may be a text with columns in braces.

    `answer` None: the last turn of the chat in `prompt`.
    """

    prompt: str
    choices: str | None
    answer: str | None
    cluster: str | None
    level: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Draft:
    """One row on its way to an item. `answer` is as the data have it: a text or a number.

    `names` are what an answer may call the choices by, beside their place: A, B, C, …
    """

    row: Row
    prompt: str
    choices: tuple[str, ...]
    names: tuple[str, ...]
    answer: str | int | float


def find_fields(rows: Sequence[Row], target: TargetData) -> Fields:
    """Return the columns that the target names, or that go by their usual names.

    Raises SuiteError with the columns and the key where several could be meant, or none.
    """
    columns = _columns(rows[0])
    everywhere = {key: None for row in rows for key in _columns(row)}
    _refuse_unknown(everywhere, target, rows[0].source)
    prompt = target.prompt or _only("prompt", PROMPTS, columns, rows[0])
    if target.prompt is None and _CONTEXT in columns:
        raise SuiteError(
            f"{rows[0].source}: has a column 'context' beside {prompt!r}; say whether it stands in "
            + _how("prompt", f"'{{{_CONTEXT}}}\\n{{{prompt}}}'")
        )
    taken = {prompt, target.answer, *_in_braces(prompt)}
    choices = target.choices
    if choices is None and not target.labels:
        choices = _only("choices", CHOICES, columns - taken, rows[0], is_needed=False)
    is_asked = target.answer is None and not is_chat(rows[0].value.get(prompt))
    usual = [name for name in ANSWERS if name not in taken | {choices}]
    answer = target.answer or _only("answer", usual, columns, rows[0], is_needed=is_asked)
    _refuse_late(rows, columns, target)
    return Fields(
        prompt=prompt,
        choices=choices,
        answer=answer,
        cluster=target.cluster or ("cluster" if "cluster" in everywhere else None),
        level="level" if all(_is_whole(row.value.get("level")) for row in rows) else None,
    )


def draft(row: Row, fields: Fields) -> Draft:
    """Return what a row asks. Raises SuiteError with file, line and column for what it lacks."""
    prompt, last = _prompt(row, fields.prompt)
    if fields.answer is not None and last is not None:
        raise SuiteError(
            f"{row.place}: the chat in {fields.prompt} ends with the assistant's turn, and "
            f"{fields.answer} is the answer; end the chat with what is asked"
        )
    if fields.answer is None and last is None:
        raise SuiteError(
            f"{row.place}: the chat in {fields.prompt} does not end with the assistant's turn, "
            "which would be the answer; add it, or name a column of answers"
        )
    choices, names = ((), ()) if fields.choices is None else _choices(row, fields.choices)
    answer = last if fields.answer is None else _answer(row, fields.answer)
    assert answer is not None
    return Draft(row=row, prompt=prompt, choices=choices, names=names, answer=answer)


def as_text(value: str | int | float) -> str:
    """Return an answer or a choice as text, without white space around it."""
    return value.strip() if isinstance(value, str) else json.dumps(value)


# --- which column --------------------------------------------------------------------------------


def _columns(row: Row) -> set[str]:
    """Return the columns that hold something in a row; tables have all columns in every row."""
    return {key for key, value in row.value.items() if value is not None}


def _only(
    role: str, usual: Sequence[str], columns: set[str], row: Row, *, is_needed: bool = True
) -> Any:
    """Return the one column that goes by a usual name; None where there is none and none is needed.

    Raises SuiteError where there are several.
    """
    found = [name for name in usual if name in columns]
    if len(found) == 1 or (not found and not is_needed):
        return found[0] if found else None
    if not found:
        # The first row may lack what the others have: then the line says more.
        raise SuiteError(
            f"{row.place}: {usual[0]} is missing, and so is any column that is usually the {role} "
            f"({_listed(row.value)}); name it with " + _how(role, "COLUMN")
        )
    hint = ""
    if role == "prompt":
        both = "\\n".join(f"{{{name}}}" for name in found)
        hint = f"; '{both}' is all of them"
    raise SuiteError(
        f"{row.source}: any of {', '.join(found)} could be the {role}; name it with "
        f"{_how(role, 'COLUMN')}{hint}"
    )


def _how(role: str, value: str) -> str:
    return f"--target-{role} {value} (in a plan, target: {{{role}: …}})"


def _listed(columns: Mapping[str, Any]) -> str:
    names = [str(name) for name in columns]
    more = ", …" if len(names) > _LISTED else ""
    return f"there are: {', '.join(names[:_LISTED])}{more}"


def _refuse_unknown(columns: Mapping[str, Any], target: TargetData, source: str) -> None:
    """Refuse a named column that no row has."""
    framed = _in_braces(target.prompt or "")
    bare = None if framed else target.prompt
    for name in (*framed, bare, target.answer, target.choices, target.cluster):
        if name is not None and name not in columns:
            raise SuiteError(
                f"{source}: has no column {name!r}{nearest(name, columns)} ({_listed(columns)})"
            )


def _refuse_late(rows: Sequence[Row], columns: set[str], target: TargetData) -> None:
    """Refuse a row with a column that would have been read, had the first row had it."""
    roles = ((target.prompt, PROMPTS), (target.choices, CHOICES), (target.answer, ANSWERS))
    usual = [name for given, names in roles if given is None for name in names]
    for row in rows:
        late = [name for name in usual if name in _columns(row) - columns]
        if late:
            raise SuiteError(
                f"{row.place}: has {late[0]}, which the first row lacks; give every row the same "
                "columns"
            )


def _in_braces(text: str) -> list[str]:
    return _COLUMN.findall(text)


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


# --- what a row holds ----------------------------------------------------------------------------


def _prompt(row: Row, prompt: str) -> tuple[str, str | None]:
    """Return the prompt, and the assistant's turn that ends it where it is a chat.

    White space at the end goes: how an answer is put after a prompt is the harness's affair.
    """
    if _in_braces(prompt):
        frame = prompt.replace("\\n", "\n")  # so it can be typed in a shell
        return _COLUMN.sub(lambda match: _value(row, match[1]), frame).rstrip(), None
    value = row.value.get(prompt)
    if is_chat(value):
        turns, last = before_last_answer(turns_of(value, row.place))
        return rendered(turns).rstrip(), last
    return _value(row, prompt).rstrip(), None


def _value(row: Row, column: str) -> str:
    value = row.value.get(column)
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        raise SuiteError(f"{row.place}: {column} is missing")
    if isinstance(value, bool) or not isinstance(value, (str, int, float)):
        raise SuiteError(f"{row.place}: {column} must be text, found {_shown(value)}")
    return value if isinstance(value, str) else json.dumps(value)


def _answer(row: Row, column: str) -> str | int | float:
    value = row.value.get(column)
    # A table has NaN where a cell is empty.
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        raise SuiteError(f"{row.place}: {column} is missing")
    if is_chat(value):
        _, last = before_last_answer(turns_of(value, row.place))
        value = last
    if not isinstance(value, (str, int, float)) or (isinstance(value, str) and not value.strip()):
        raise SuiteError(
            f"{row.place}: {column} must be text or a number, not blank, found {_shown(value)}"
        )
    return value


def _choices(row: Row, column: str) -> tuple[tuple[str, ...], tuple[str, ...]]:
    """Return the choices of a row and the names that an answer may call them by.

    A list; a list of texts beside one of labels; labels with their texts; or one of these in JSON.
    """
    value = row.value.get(column)
    if value is None:
        raise SuiteError(f"{row.place}: {column} is missing")
    given = _from_json(value)
    names: Sequence[Any] = ascii_uppercase
    if isinstance(given, Mapping):
        if isinstance(given.get("text"), list) and isinstance(given.get("label"), list):
            given, names = given["text"], given["label"]
        else:
            kept = {key: one for key, one in given.items() if one is not None}
            given, names = list(kept.values()), list(kept)
    is_list = isinstance(given, (list, tuple)) and len(given) >= 2
    if not is_list or not all(isinstance(one, (str, int, float)) for one in given):
        raise SuiteError(
            f"{row.place}: {column} must be a list of at least two texts, found {_shown(value)}"
        )
    return tuple(map(as_text, given)), tuple(map(str, names[: len(given)]))


def _from_json(value: Any) -> Any:
    """Return what a cell of a table holds that can hold text alone."""
    if isinstance(value, str) and value.lstrip()[:1] in ("[", "{"):
        try:
            return json.loads(value)
        except (ValueError, RecursionError):
            return value
    return value


def _shown(value: Any) -> str:
    text = json.dumps(value, ensure_ascii=False, default=str)
    return text if len(text) <= 60 else f"{text[:60]}…"
