"""Nulls in calls that are written as text: a table may have filled them in before they were."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from contextlib import suppress
from typing import Any

from cliffguard.core.chats import Chat
from cliffguard.core.errors import SuiteError
from cliffguard.core.texts import cut_middle, n_things
from cliffguard.suites.structure.calls import right_calls
from cliffguard.suites.target.drafts import ParsedRow
from cliffguard.suites.target.nulls import allows_null


def refuse_filled_nulls(drafts: Sequence[ParsedRow], calls: Sequence[Sequence[str]]) -> None:
    """Raise SuiteError for a null in a right call that its tool can hardly have been given.

    `calls` are each row's right answers, as JSON. A null is refused where the tool's parameters
    lack its key or do not allow null; where they say nothing, if only other tools ever get a value
    under that key: pandas and Arrow give every object the keys of all.
    """
    written = [list(_calls_of(answers)) for answers in calls]
    tools_by_key: dict[str, set[str]] = {}
    for name, arguments in (call for several in written for call in several):
        for key in (key for key, value in arguments.items() if value is not None):
            tools_by_key.setdefault(key, set()).add(name)
    for draft, several in zip(drafts, written, strict=True):
        schemas = _parameters(draft.chat)
        for name, arguments in several:
            schema = schemas.get(name)
            unsaid = {k: v for k, v in arguments.items() if k not in _properties(schema)}
            faults = (*_forbidden(arguments, schema), *_of_others(unsaid, name, tools_by_key))
            if faults:
                raise _filled(draft, name, *faults[0])


def note_of_nulls(calls: Sequence[Sequence[str]]) -> str | None:
    """Return how many rows are answered by calls with nulls, which count as arguments."""
    n = sum(any(_holds_null(arguments) for _, arguments in _calls_of(answers)) for answers in calls)
    if not n:
        return None
    rows = f"{n} of {n_things(len(calls), 'row')}"
    return f"In {rows} arguments of the right call are null: they are right, and have to be given."


def _holds_null(value: Any) -> bool:
    if isinstance(value, list):
        return any(map(_holds_null, value))
    if not isinstance(value, Mapping):
        return False
    return any(inner is None or _holds_null(inner) for inner in value.values())


def _calls_of(answers: Sequence[str]) -> Iterator[tuple[str, Mapping[str, Any]]]:
    """Yield name and arguments of each call; what is none is refused where it is scored."""
    for answer in answers:
        with suppress(ValueError):
            yield from ((call.name, call.arguments) for call in right_calls(answer))


def _parameters(chat: Chat | None) -> dict[str, Any]:
    functions = [tool["function"] for tool in (chat.tools if chat is not None else ())]
    return {function["name"]: function.get("parameters") for function in functions}


def _forbidden(value: Any, schema: Any) -> Iterator[tuple[str, str]]:
    """Yield the keys that hold null against their schema, and what the schema says of each."""
    if not isinstance(schema, Mapping):
        return
    for part in value if isinstance(value, list) else ():
        yield from _forbidden(part, schema.get("items"))
    properties = _properties(schema)
    if not isinstance(value, Mapping) or not properties:
        return
    for key, inner in value.items():
        if inner is not None:
            yield from _forbidden(inner, properties.get(key))
        elif key not in properties and not schema.get("additionalProperties"):
            yield key, "which its parameters do not have"
        elif not allows_null(properties.get(key)):
            yield key, "which its parameters do not allow"


def _properties(schema: Any) -> Mapping[str, Any]:
    held = schema.get("properties") if isinstance(schema, Mapping) else None
    return held if isinstance(held, Mapping) else {}


def _of_others(
    arguments: Mapping[str, Any], name: str, tools_by_key: Mapping[str, set[str]]
) -> Iterator[tuple[str, str]]:
    """Yield the keys that hold null, and that no call of this tool fills but those of others."""
    for key, value in arguments.items():
        tools = tools_by_key.get(key, set())
        if value is None and tools and name not in tools:
            yield key, f"which only other tools are given, such as {cut_middle(min(tools), 40)!r}"


def _filled(draft: ParsedRow, name: str, key: str, why: str) -> SuiteError:
    return SuiteError(
        f"{draft.row.where}: the right answer calls {cut_middle(name, 40)!r} with "
        f"{cut_middle(key, 40)!r}: null, {why}; tables give every object the keys of all, and "
        "whoever calls without them would be wrong: write calls without such keys, or allow null "
        "in the tool's parameters",
        id="target.null-argument",
    )
