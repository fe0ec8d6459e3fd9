"""Chats between parties of other names than user and assistant: which of them is the assistant."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.core.texts import first_of
from cliffguard.suites.rows import Row, new_file
from cliffguard.suites.target.cells import is_safe, rewritten
from cliffguard.suites.target.chats import SPEAKERS, chat_in, role_key
from cliffguard.suites.target.columns import Columns
from cliffguard.suites.target.known import mend

_KNOWN = frozenset(
    {*SPEAKERS, "user", "assistant", "system", "developer", "context", "tool", "function"}
    | {"observation", "ipython", "tool_call", "tool_response", "tool_result", "function_call"}
    | {"function_response", "function-call", "function-response", "environment", "documents"}
)
_NAMED = 4  # parties that a message names
_MOST = 8  # parties that a command names


def refuse_unknown_speakers(rows: Sequence[Row], columns: Columns) -> None:
    """Raise SuiteError for turns of parties that are neither user nor assistant, with how to say.

    A model would be asked what Bob says to Alice, in words of a chat that it never saw.
    """
    for column in filter(None, dict.fromkeys((columns.prompt, columns.answer))):
        chats = [(row, chat) for row in rows if (chat := chat_in(row.value.get(column)))]
        unknown = {
            str(_role(turn)): row for row, chat in chats for turn in chat if _is_unknown(turn)
        }
        if not unknown:
            continue
        row = next(iter(unknown.values()))
        names = [name if name.strip() else "(blank)" for name in unknown]
        ends_asked = columns.answer not in (None, column)
        how = _renamed(column, [chat for _, chat in chats], list(unknown), row.source, ends_asked)
        raise SuiteError(
            f"{row.where}: the chat in {column} has turns of {first_of(names, _NAMED)}, and which "
            f"of them is the assistant is not known; {how}, or name columns of text with "
            f"{mend('prompt', 'COLUMN')}",
            id="target.unknown-role",
        )


def _renamed(
    column: str, chats: Sequence[Any], unknown: Sequence[str], source: str, ends_asked: bool
) -> str:
    """Return the command by which who speaks last is the assistant; or, asked, the user."""
    if not is_safe(column):
        return "write user and assistant in their place"
    last, other = ("user", "assistant") if ends_asked else ("assistant", "user")
    enders = {str(_role(chat[-1])) for chat in chats}
    others = {str(_role(t)) for chat in chats for t in chat if _role(t) != _role(chat[-1])}
    key = role_key(chats[0][0])
    if enders & others or len(unknown) > _MOST or not all(map(is_safe, unknown)):
        kept = f"str(t[{key!r}]).casefold() in ('system', 'developer')"
        role = f"t[{key!r}] if {kept} else {last!r} if t[{key!r}] == c[-1][{key!r}] else {other!r}"
        description = f"who speaks last in a row is the {last}"
    else:
        names = {name: last if name in enders else other for name in unknown}
        role = f"{names}.get(str(t[{key!r}]), t[{key!r}])"
        description = ", ".join(f"{name} is the {role}" for name, role in names.items())
    made = rewritten(
        source,
        f"{{**r, {column!r}: [{{**t, {key!r}: {role}}} for t in c]}}",
        f"for c in [from_json(at(r, {column!r}))]",
        more="from cliffguard.suites.target import at, from_json",
    )
    return f"{made} writes {new_file(source)} where {description}"


def _role(turn: Mapping[str, Any]) -> Any:
    return turn[role_key(turn)]


def _is_unknown(turn: Mapping[str, Any]) -> bool:
    return str(_role(turn)).strip().casefold() not in _KNOWN
