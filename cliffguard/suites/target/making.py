"""Items of a target: rows as they were parsed, scored as they are planned to be."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager
from typing import Any

from cliffguard.core.chats import Chat, chat_in
from cliffguard.core.errors import SuiteError
from cliffguard.core.items import Item
from cliffguard.core.texts import cut_middle
from cliffguard.suites.items import make_item
from cliffguard.suites.rows import Row
from cliffguard.suites.target.cells import shown
from cliffguard.suites.target.chats import chat_in as chat_of_cell
from cliffguard.suites.target.columns import Columns
from cliffguard.suites.target.drafts import ParsedRow
from cliffguard.suites.target.known import says
from cliffguard.suites.target.metrics import ScoringPlan, answers_of


def make_items(drafts: Sequence[ParsedRow], way: ScoringPlan, columns: Columns) -> tuple[Item, ...]:
    """Return an item for each row. Raises SuiteError with the row for what makes none."""
    items: list[Item] = []
    seen: dict[str, str] = {}
    for number, row_draft in enumerate(drafts, start=1):
        row = row_draft.row
        answers = answers_of(row_draft, way, columns)
        made: dict[str, Any] = {
            "id": _id(number, row, columns, seen),
            **_question(row_draft),
            **({"answers": list(answers)} if len(answers) > 1 else {"answer": answers[0]}),
        }
        if way.is_choice:
            made["choices"] = list(way.labels or row_draft.choices)
        if columns.cluster is not None and row.value.get(columns.cluster) is not None:
            made["cluster"] = _cluster(row, columns.cluster)
        if columns.level is not None:
            made["level"] = row.value["level"]
        level = columns.level and "level"
        with by_flags():
            items.append(make_item(made, metric=way.metric, level=level, where=row.where))
        seen[items[-1].id] = row.where
    return tuple(items)


def _question(draft: ParsedRow) -> dict[str, Any]:
    return {"prompt": draft.prompt} if draft.chat is None else _of_chat(draft.chat)


def _of_chat(chat: Chat) -> dict[str, Any]:
    tools = {"tools": list(chat.tools)} if chat.tools else {}
    return {"messages": list(chat.messages), **tools}


def as_row(item: Item) -> dict[str, Any]:
    """Return the row of a suite's file that makes an item."""
    question = {"prompt": item.prompt} if item.chat is None else _of_chat(chat_in(item.chat))
    row: dict[str, Any] = {"id": item.id, **question}
    if item.choices:
        row["choices"] = list(item.choices)
    if item.answers:
        row["answers"] = list(item.answers)
    else:
        row["answer"] = item.answer
    if item.level is not None:
        row["level"] = item.level
    if item.cluster is not None:
        row["cluster"] = item.cluster
    return row


@contextmanager
def by_flags() -> Iterator[None]:
    """Let what a suite says of an item or a task name the flags by which a target mends it."""
    try:
        yield
    except SuiteError as failure:
        raise SuiteError(
            f"{failure}; mend the row, or see --target-prompt, --target-answer, --target-metric",
            id=failure.id or "target.item",
        ) from None


def _id(number: int, row: Row, columns: Columns, seen: Mapping[str, str]) -> str:
    """Return the item's id: the row's, or its place, so that the same rows are the same items.

    Ids of chats are of conversations, and repeat where one was cut into several rows: the later
    ones are counted.
    """
    given = None if columns.id is None else row.value.get(columns.id)
    if not says(given):
        return f"target-{number:05d}"
    if str(given) not in seen:
        return str(given)
    if chat_of_cell(row.value.get(columns.prompt)) is not None:
        count = 2
        while f"{given}-{count}" in seen:
            count += 1
        return f"{given}-{count}"
    raise SuiteError(
        f"{row.where}: the id {cut_middle(str(given))!r} stands already in "
        f"{seen[str(given)]}; mend it, or say --target-ignore {columns.id}",
        id="target.two-ids",
    )


def _cluster(row: Row, column: str) -> str:
    value = row.value[column]
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise SuiteError(
            f"{row.where}: {column} must be text or a whole number, found {shown(value)}; name "
            "another column with --target-cluster",
            id="target.cluster",
        )
    return str(value)
