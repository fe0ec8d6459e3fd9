"""What a row holds for one item, by the columns that are its parts."""

from __future__ import annotations

import math
from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from cliffguard.core.chats import Chat
from cliffguard.core.errors import SuiteError
from cliffguard.core.texts import n_things
from cliffguard.suites.rows import Row, has_header
from cliffguard.suites.target.cells import (
    Value,
    as_text,
    from_json,
    has,
    is_safe,
    missing,
    rewritten,
    shown,
    texts_in,
    value_of,
)
from cliffguard.suites.target.chats import chat_in, is_turn, rendered
from cliffguard.suites.target.choices import choices_of
from cliffguard.suites.target.columns import Columns, filled_in, in_braces
from cliffguard.suites.target.known import PREFERRED, are_labels, mend, quoted
from cliffguard.suites.target.likely import may_be_right
from cliffguard.suites.target.messages import (
    SYSTEM_ROLES,
    Message,
    as_turns,
    before_answer,
    calls_in,
    calls_unasked,
    chat_asked,
    is_null_filled,
    messages_of,
    tools_in,
    with_system,
)
from cliffguard.suites.target.outputs import two_answers
from cliffguard.suites.target.rights import are_together, unwrapped


@dataclass(frozen=True, slots=True, kw_only=True)
class ParsedRow:
    """One row on its way to an item. `answers` are as the data have them, any of them right.

    `names` are what an answer may call the choices by, and their places: A, B, C, … `blank` are
    the columns of the prompt that this row has nothing in. `chat` is what is asked in turns, and
    `prompt` the same as one text; `is_call`: the answer is calls of tools, as JSON.
    `is_null_filled`: tools or calls held nulls that are left out.
    """

    row: Row
    prompt: str
    choices: tuple[str, ...]
    names: Mapping[str, int]
    answers: tuple[Value, ...]
    blank: tuple[str, ...] = ()
    chat: Chat | None = None
    is_call: bool = False
    is_null_filled: bool = False

    @property
    def answer(self) -> Value:
        """The right answer, or the first of several."""
        return self.answers[0]


def parse_row(row: Row, columns: Columns) -> ParsedRow:
    """Return what a row asks. Raises SuiteError with file, line and column for what it lacks."""
    held, last, chat = chat_in(row.value.get(columns.prompt)), None, None
    if held is None:
        messages: list[Message] = [{"role": "user", "content": _text(row, columns)}]
    else:
        messages, last = before_answer(messages_of(held, row.where))
    messages = with_system(messages, row, columns.system)
    # White space at the end goes: how an answer is put after a prompt is the harness's affair.
    prompt = rendered(as_turns(messages)).rstrip()
    if columns.answer is not None:
        if last is not None:
            raise two_answers(row, columns.prompt, columns.answer)
        last = _completion(row, columns, prompt)
    elif last is None:
        raise _no_answer(row, columns)
    choices, names = choices_of(row, columns.choices, columns.prompt)
    tools = tools_in(row, columns.tools)
    calls = None if last is None else calls_in(last, row.where, tools)
    if held is not None:
        chat = chat_asked(messages, row, columns.tools)
    elif calls is not None:
        raise calls_unasked(row)
    return ParsedRow(
        row=row,
        prompt=prompt,
        choices=choices,
        names=names,
        answers=_answers(row, columns) if last is None else (calls or _content(last, row),),
        blank=tuple(name for name in in_braces(columns.prompt) if not has(row, name)),
        chat=chat,
        is_call=calls is not None,
        is_null_filled=is_null_filled([*messages, *([last] if last else [])], tools),
    )


# --- the prompt ----------------------------------------------------------------------------------


def _text(row: Row, columns: Columns) -> str:
    """Return what a row without a chat asks."""
    is_framed = bool(in_braces(columns.prompt))
    text = _framed(row, columns) if is_framed else value_of(row, columns.prompt)
    if not text.strip():
        raise missing(row, *columns.prompts)
    return text


def _framed(row: Row, columns: Columns) -> str:
    """Return the text that columns in braces make.

    A line of nothing but columns that are blank in this row is left out; a known layout says which
    may be.
    """
    lines = []
    for line in columns.prompt.replace("\\n", "\n").split("\n"):  # so it can be typed in a shell
        inside = in_braces(line)
        is_bare = bool(inside) and not filled_in(line, lambda _: "").strip()
        if is_bare and not any(has(row, name) for name in inside):
            for name in inside:
                _refuse_absent(row, name, columns)
            continue
        filled = filled_in(line, lambda name: _part(row, name))
        if filled.strip() or not is_bare:  # a list may be empty
            lines.append(filled)
    return "\n".join(lines)


def _part(row: Row, column: str) -> str:
    """Return what a column puts into a prompt: its text, or its texts a line each."""
    texts = texts_in(row.value.get(column), column)
    return value_of(row, column) if texts is None else "\n".join(texts)


def _refuse_absent(row: Row, name: str, columns: Columns) -> None:
    """Refuse a row that lacks a column, or is blank in one that its layout always has."""
    if name not in row.value or (columns.layout and name not in columns.layout.optional):
        raise SuiteError(
            f"{row.where}: {name} is missing; give every row one, or name the prompt with "
            f"{mend('prompt', 'COLUMN')}",
            id="target.blank",
        )


# --- the answer ----------------------------------------------------------------------------------


def _no_answer(row: Row, columns: Columns) -> SuiteError:
    such = ", ".join(may_be_right(row, row.value)[:4])
    return SuiteError(
        f"{row.where}: the chat in {columns.prompt} does not end with the assistant's turn, "
        "which would be the answer; add it, or name a column: "
        f"{mend('answer', PREFERRED if PREFERRED in row.value else 'COLUMN')}"
        f"{such and f'; what is right may be in {such}'}",
        id="target.no-answer",
    )


def _content(last: Message, row: Row) -> str:
    """Return what the assistant's last turn says."""
    if content := str(last["content"]).strip():
        return content
    raise SuiteError(
        f"{row.where}: the assistant's last turn is blank, and it is the answer; leave the row "
        f"out, or name a column: {mend('answer', 'COLUMN')}",
        id="target.no-answer",
    )


def _answers(row: Row, columns: Columns) -> tuple[Value, ...]:
    """Return the right answers of a row: one, or a list of which any is right.

    A list under any other name than answers may be of labels that are right together, unless the
    user names the column.
    """
    column = str(columns.answer)
    value = unwrapped(row.value.get(column), column, is_table=has_header(row))
    values = list(value) if isinstance(value, (list, tuple)) else [value]
    if not values:
        raise SuiteError(
            f"{row.where}: {column} holds no answer; leave such rows out"
            f"{_keeping_answered(row, column)}, or name another column with "
            f"{mend('answer', 'COLUMN')}",
            id="target.blank",
        )
    for answer in values:
        _refuse_no_answer(answer, row, column)
    if are_together(row.value.get(column), values) and not columns.is_answer_named:
        few = rewritten(row.source, "r", f"if len(r[{column!r}]['spans']) < 2")
        raise SuiteError(
            f"{row.where}: {column} holds {n_things(len(values), 'span')} that are right together, "
            f"{shown(values)}; leave such rows out: {few}; or say that any of them is right with "
            f"{mend('answer', column)}",
            id="target.several-answers",
        )
    is_one = len({as_text(answer) for answer in values}) == 1
    if not is_one and not columns.is_answer_named and not _takes_lists(column):
        raise SuiteError(
            f"{row.where}: {column} holds {n_things(len(values), 'text')}, {shown(values)}; where "
            f"any of them is a right answer, say so with {mend('answer', column)}",
            id="target.several-answers",
        )
    return tuple({as_text(answer): answer for answer in values}.values())


_LISTS = ("answer", "answers")
"""Columns whose lists are of right answers."""


def _takes_lists(column: str) -> bool:
    """Return whether lists of a column are right answers, or labels, which are judged apart."""
    return column.casefold() in _LISTS or are_labels(column)


def _keeping_answered(row: Row, column: str) -> str:
    """Return the command that keeps the rows with an answer, as SQuAD 2.0 has others."""
    if not is_safe(column):
        return ""
    more = "from cliffguard.suites.target import right_answers"
    return f": {rewritten(row.source, 'r', f'if right_answers(r, {column!r})', more=more)}"


def _refuse_no_answer(value: Any, row: Row, column: str) -> None:
    # A table has NaN where a cell is empty.
    is_list = isinstance(from_json(row.value.get(column)), (list, tuple, Mapping))
    is_nan = isinstance(value, float) and not math.isfinite(value)
    if value is None or is_nan or (isinstance(value, str) and not value.strip()):
        raise _blank_among(row, column) if is_list else missing(row, column)
    if not isinstance(value, (str, int, float)):
        how = ""
        if isinstance(value, Mapping):
            how = "write it as JSON in a text, without keys that a table has filled with null, or "
        raise SuiteError(
            f"{row.where}: {column} must be text or a number, found {shown(value)}; {how}name "
            f"another column with {mend('answer', 'COLUMN')}",
            id="target.blank",
        )


def _blank_among(row: Row, column: str) -> SuiteError:
    """Return the error of a right answer that is blank, with the command that leaves it out."""
    how = "leave it out"
    if is_safe(column):
        made = rewritten(
            row.source,
            f"{{**r, {column!r}: right_answers(r, {column!r})}}",
            more="from cliffguard.suites.target import right_answers",
        )
        how = f"leave such answers out: {made}"
    return SuiteError(
        f"{row.where}: {column} holds a blank among its answers, {shown(row.value[column])}; {how}",
        id="target.blank",
    )


def _completion(row: Row, columns: Columns, prompt: str) -> Message | None:
    """Return the assistant's turn that ends the chat in the column of answers; None: it has none.

    Its other turns ask what the prompt asks.
    """
    column = str(columns.answer)
    value = unwrapped(row.value.get(column), column, is_table=has_header(row))
    chat = chat_in([value] if isinstance(value, Mapping) and is_turn(value) else value)
    if chat is None:
        return None
    messages, last = before_answer(messages_of(chat, row.where))
    if last is None:
        raise SuiteError(
            f"{row.where}: the chat in {columns.answer} does not end with the assistant's turn, "
            f"which would be the answer; name another column with {mend('answer', 'COLUMN')}",
            id="target.no-answer",
        )
    if columns.system is not None and not any(turn["role"] in SYSTEM_ROLES for turn in messages):
        messages = with_system(messages, row, columns.system)
    turns = as_turns(messages)
    before = rendered(turns).strip()
    if before and before != prompt.strip():
        spoken = rendered([turn for turn in turns if turn[0] not in SYSTEM_ROLES]).strip()
        what = "asks something else than the prompt"
        if spoken == prompt.strip():
            what = "has a system prompt, which the prompt beside it lacks"
        raise SuiteError(
            f"{row.where}: the chat in {columns.answer} {what}; take all of it with "
            f"--target-prompt {quoted(str(columns.answer))}",
            id="target.two-prompts",
        )
    return last
