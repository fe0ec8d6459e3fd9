"""What each column of a target's data is: the one model by which rows are read."""

from __future__ import annotations

import re
from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cliffguard.core.errors import SuiteError, nearest
from cliffguard.core.settings import TargetData
from cliffguard.core.texts import first_of
from cliffguard.suites.rows import Row
from cliffguard.suites.target.cells import missing
from cliffguard.suites.target.chats import chat_in
from cliffguard.suites.target.headers import refuse_no_header
from cliffguard.suites.target.known import (
    ANSWERS,
    CHATS,
    CHOICES,
    INDEX,
    LAYOUTS,
    PROMPTS,
    Layout,
    folded,
    mend,
    quoted,
    says,
)
from cliffguard.suites.target.likely import few_valued, of_none, of_several
from cliffguard.suites.target.marked import (
    refuse_marked,
    refuse_marked_options,
    refuse_wrong_among,
)
from cliffguard.suites.target.messages import tool_column
from cliffguard.suites.target.outputs import refuse_judged_pair, refuse_outputs, refuse_target_of

_COLUMN = re.compile(r"\{([^{}]+)\}")
_LISTED = 12  # columns that a message names


@dataclass(frozen=True, slots=True, kw_only=True)
class Columns:
    """Which column is which part of an item; a column has one part, or is left.

    `prompt` is a column, of texts or of chats, or a text with columns in braces, of which any may
    be blank, unless a known `layout` says which. `system` is said before it, and of a chat `tools`
    are what it may call. `choices` is one
    column of lists, or a column for each choice. `answer` None: the last turn of the chat in
    `prompt`. `ignored` are said to be no part of the question, and `left` are all others.
    """

    prompt: str
    system: str | None
    choices: tuple[str, ...]
    answer: str | None
    cluster: str | None
    level: str | None
    id: str | None
    is_answer_named: bool
    layout: Layout | None
    ignored: tuple[str, ...]
    left: tuple[str, ...]
    tools: str | None = None

    @property
    def prompts(self) -> tuple[str, ...]:
        """The columns that the prompt is made of, in order."""
        return tuple(dict.fromkeys(in_braces(self.prompt))) or (self.prompt,)


def find_columns(rows: Sequence[Row], target: TargetData) -> Columns:
    """Return what the columns are: as the target names them, or by their usual names.

    Raises SuiteError with the columns and the flag where several could be meant, or none.
    """
    everywhere = list(dict.fromkeys(key for row in rows for key in row.value))
    _refuse_unknown(everywhere, target, rows[0].source)
    refuse_no_header(rows)
    hidden = {*target.ignore, *INDEX}
    columns = _filled(rows[0]) - hidden
    layout = None if target.prompt else _layout(rows, target, hidden)
    prompt = target.prompt or (layout.frame if layout else _prompt(rows, columns, hidden))
    taken = {prompt, target.answer, target.system, *in_braces(prompt)}
    choices = _choices(rows, target, columns - taken)
    answer = _answer(rows, target, columns - {*taken, *choices}, hidden, prompt, layout, choices)
    used = {*taken, *choices, answer}
    if target.answer is None:
        refuse_outputs(answer, columns - used, rows, prompt)
        refuse_target_of(answer, columns - used, rows, framed(prompt))
    _refuse_late(rows, columns, target, used)
    beside = {name for name in ("id", "cluster", "level") if name in everywhere} - hidden - used
    if not all(_is_whole(row.value.get("level")) for row in rows):
        beside -= {"level"}
    cluster = target.cluster or ("cluster" if "cluster" in beside else None)
    tools = tool_column(rows, prompt, {*everywhere} - hidden - used)
    used |= {cluster, *beside, *hidden, tools}
    return Columns(
        prompt=prompt,
        system=target.system,
        choices=choices,
        answer=answer,
        is_answer_named=target.answer is not None,
        cluster=cluster,
        level="level" if "level" in beside else None,
        id="id" if "id" in beside else None,
        layout=layout,
        ignored=tuple(name for name in everywhere if name in hidden),
        left=tuple(name for name in everywhere if name not in used),
        tools=tools,
    )


def _answer(
    rows: Sequence[Row],
    target: TargetData,
    columns: set[str],
    hidden: set[str],
    prompt: str,
    layout: Layout | None,
    choices: Sequence[str],
) -> str | None:
    """Return the column of right answers among `columns`, or None: the chat ends with it."""
    if target.answer is not None:
        refuse_marked(target.answer, rows, is_named=True)
        return target.answer
    is_asked = chat_in(rows[0].value.get(prompt)) is None
    taken = {*in_braces(prompt), prompt, target.system, *choices}
    usual = [name for name in ANSWERS if name not in taken]
    if layout is not None and layout.answer is not None:
        usual = [layout.answer]
    if is_asked:
        _refuse_blank_first(rows, usual, columns, hidden)
    names = [name for name in usual if name in columns]
    if is_asked and not names:
        refuse_marked_options(rows[0])
    for name in names:
        refuse_marked(name, rows)
        if not choices:
            refuse_wrong_among(rows, name, in_braces(prompt) or [prompt])
    refuse_judged_pair(names, rows, framed(prompt), is_chat=not is_asked)
    return _only("answer", usual, columns, rows[0], is_needed=is_asked)


def _refuse_blank_first(
    rows: Sequence[Row], usual: Sequence[str], columns: set[str], hidden: set[str]
) -> None:
    """Refuse a first row that is null where the others have what a usual name promises."""
    first = rows[0]
    names = [name for name in first.value if folded(name) in usual and name not in hidden]
    if not columns & {*names}:
        for name in names:
            if any(says(row.value.get(name)) for row in rows):
                raise missing(first, name)


def _prompt(rows: Sequence[Row], columns: set[str], hidden: set[str]) -> str:
    # What is blank in every row asks nothing: Alpaca's `input`, as some fill it.
    usual = {key for key in columns & {*PROMPTS} if any(says(row.value.get(key)) for row in rows)}
    chats = {name for name in columns & {*CHATS} if chat_in(rows[0].value[name]) is not None}
    if usual or not chats:
        _refuse_blank_first(rows, PROMPTS, usual or columns, hidden)
        column = _only("prompt", PROMPTS, usual or columns, rows[0], few_valued(rows, columns))
    else:
        column = _only("prompt", CHATS, chats, rows[0])
    assert column is not None, "one is needed"
    return column


def _choices(rows: Sequence[Row], target: TargetData, columns: set[str]) -> tuple[str, ...]:
    """Return the column of choices, or the column of each."""
    named = _names(target.choices)
    if named or target.labels:
        return tuple(named)
    column = _only("choices", CHOICES, columns, rows[0], is_needed=False)
    return () if column is None else (column,)


def in_braces(text: str) -> list[str]:
    """Return the columns that a text names in braces, in order."""
    return _COLUMN.findall(text)


def filled_in(text: str, value: Any) -> str:
    """Return a text with each column in braces replaced by `value` of its name."""
    return _COLUMN.sub(lambda match: str(value(match[1])), text)


def framed(prompt: str) -> str:
    """Return a prompt, a column or a text with columns in braces, as such a text on one line."""
    return prompt.replace("\n", "\\n") if in_braces(prompt) else f"{{{prompt}}}"


def listed(columns: Iterable[str]) -> str:
    """Return the columns to choose from, for a message."""
    return f"there are: {first_of([str(name) for name in columns], _LISTED)}"


def _filled(row: Row) -> set[str]:
    """Return the columns that hold something in a row; tables have all columns in every row."""
    return {key for key, value in row.value.items() if value is not None}


def _layout(rows: Sequence[Row], target: TargetData, hidden: set[str]) -> Layout | None:
    """Return the known layout that the rows have, if any."""
    there = {key for row in rows for key, value in row.value.items() if says(value)} - hidden
    for layout in LAYOUTS:
        others = {name for name in PROMPTS if name in there} - {*layout.prompt, "text"}
        answer = target.answer or layout.answer
        is_whole = there >= {*layout.prompt, *filter(None, [layout.answer])}
        if is_whole and not others and answer not in layout.prompt:
            return layout
    return None


def _only(
    role: str,
    usual: Sequence[str],
    columns: set[str],
    row: Row,
    labels: Collection[str] = (),
    *,
    is_needed: bool = True,
) -> str | None:
    """Return the one column that goes by a usual name; None where there is none and none is needed.

    Raises SuiteError where there are several.
    """
    names = [name for name in usual if name in columns]
    # Spreadsheets have "Question" and "Answer".
    names = names or [name for name in row.value if name in columns and folded(name) in usual]
    if len(names) == 1 or (not names and not is_needed):
        return names[0] if names else None
    if names:
        raise SuiteError(
            f"{row.source}: any of {', '.join(names)} could be the {role}; name it with "
            f"{mend(role, 'COLUMN')}{of_several(role, names, row)}",
            id="target.two-columns",
        )
    more = of_none(role, columns, row, labels)
    # The first row may lack what the others have: then the line says more.
    raise SuiteError(
        f"{row.where}: {usual[0]} is missing, and so is any column that is usually the {role} "
        f"({listed(row.value)}); name it with {mend(role, 'COLUMN')}{more}",
        id="target.no-column",
    )


def _refuse_unknown(columns: Sequence[str], target: TargetData, source: str) -> None:
    """Refuse a named column that no row has, and one that is named and ignored."""
    named = {"prompt": _names(target.prompt), "choices": _names(target.choices)}
    for role in ("answer", "system", "cluster"):
        named[role] = [name for name in [getattr(target, role)] if name is not None]
    for role, names in {**named, "ignore": list(target.ignore)}.items():
        for name in names:
            if name not in columns:
                raise SuiteError(
                    f"{source}: has no column {name!r}{nearest(name, columns)} "
                    f"({listed(columns)}); mend --target-{role}",
                    id="target.unknown-column",
                )
            if role != "ignore" and name in target.ignore:
                raise SuiteError(
                    f"{source}: {name!r} is named by --target-{role} and by --target-ignore; "
                    "leave one of them out",
                    id="target.ignored-column",
                )


def named_by(target: TargetData) -> tuple[str, ...]:
    """Return all columns that a target names."""
    single = [target.answer, target.system, target.cluster, *target.ignore]
    return (
        *_names(target.prompt),
        *_names(target.choices),
        *(name for name in single if name is not None),
    )


def _names(given: str | None) -> list[str]:
    return in_braces(given or "") or [name for name in [given] if name is not None]


def _refuse_late(
    rows: Sequence[Row], columns: set[str], target: TargetData, used: set[str | None]
) -> None:
    """Refuse a row with a column that would have been read, had the first row had it."""
    roles = ((target.prompt, PROMPTS), (target.choices, CHOICES), (target.answer, ANSWERS))
    usual = {name for given, names in roles if given is None for name in names}
    usual -= {*used, *target.ignore}
    if target.labels:
        usual -= {*CHOICES}
    for row in rows:
        late = [name for name in row.value if name in usual and name in _filled(row) - columns]
        if late:
            raise SuiteError(
                f"{row.where}: has {late[0]}, which the first row lacks; give every row the same "
                f"columns, or say --target-ignore {quoted(late[0])}",
                id="target.late-column",
            )


def _is_whole(value: Any) -> bool:
    return isinstance(value, int) and not isinstance(value, bool)


def named_parts(columns: Columns) -> Mapping[str, Sequence[str]]:
    """Return the columns that are read, by the part that they are."""
    single = ("system", "tools", "answer", "cluster", "level", "id")
    parts: dict[str, Sequence[str]] = {"prompt": columns.prompts, "choices": columns.choices}
    parts |= {name: [column] for name in single if (column := getattr(columns, name)) is not None}
    return {name: part for name, part in parts.items() if part}
