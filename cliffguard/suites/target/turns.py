"""What turns of a chat hold beside their text: passages, names of speakers, weights."""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.core.texts import cut_middle, first_of, n_things
from cliffguard.suites.rows import Row
from cliffguard.suites.target.cells import at, is_safe, rewritten, shown
from cliffguard.suites.target.chats import chat_in, role_key, spoken_by, text_key
from cliffguard.suites.target.columns import Columns
from cliffguard.suites.target.known import SYSTEMS, folded, may_be_part, says
from cliffguard.suites.target.verdicts import grades, rejecting

_TEXTS = ("content", "text", "value", "parts")  # Claude's exports have two of them
_NAMES = ("name", "speaker", "author_name", "user_name", "username", "nickname")
_COUNTS = ("weight", "train", "training", "trainable", "loss", "loss_weight", "learn")
"""Keys by which trainers are told whether a turn counts: OpenAI's, Axolotl's, …"""

_FEW_WORDS = 2
_NAMED = 4  # values that a message names


def refuse_lost_in_turns(rows: Sequence[Row], columns: Columns) -> None:
    """Raise SuiteError for what would be lost of a turn, and for answers that count for nothing."""
    for column in filter(None, dict.fromkeys((columns.prompt, columns.answer))):
        for row in rows:
            chat = chat_in(row.value.get(column))
            if chat is None:
                continue
            for turn in chat:
                if (key := _part_in(turn)) is not None:
                    raise _beside(row, column, turn, key)
            if (key := _names_in(chat)) is not None:
                raise _nameless(row, column, key)
            if columns.answer in (None, column) and _is_weightless(chat[-1]):
                raise _weightless(row, column, chat[-1])
        if columns.answer in (None, column):
            _refuse_judged(rows, column)


def _part_in(turn: Mapping[str, Any]) -> str | None:
    """Return the key under which a turn has a passage or the like that its text has not."""
    for key, value in turn.items():
        name = folded(str(key))
        is_part = may_be_part(str(key)) or name in SYSTEMS
        if name in _TEXTS or not is_part or not says(value):
            continue
        is_prose = not isinstance(value, str) or len(value.split()) > _FEW_WORDS or _is_wide(value)
        text = turn.get(text_key(turn))
        is_there = isinstance(value, str) and isinstance(text, str) and value.strip() in text
        if is_prose and not isinstance(value, (bool, int, float)) and not is_there:
            return str(key)
    return None


def _is_wide(text: str) -> bool:
    """Return whether a text may hold several words without blanks, as Chinese does."""
    return not text.isascii() and len(text) > 2 * _FEW_WORDS


def _beside(row: Row, column: str, turn: Mapping[str, Any], key: str) -> SuiteError:
    how = "write it into the turn's text"
    if is_safe(f"{column}{key}"):
        how = f"{_with(row, column, key)} writes it into the text"
    return SuiteError(
        f"{row.where}: a turn of the chat ({spoken_by(turn)}) has {cut_middle(key)} beside its "
        f"text, {shown(turn[key])}, and nothing reads it; {how}; where it is no part of the "
        "question, leave the key out",
        id="target.lost-in-turn",
    )


def _with(row: Row, column: str, key: str) -> str:
    more = "from cliffguard.suites.target import with_key"
    return rewritten(row.source, f"with_key(r, {column!r}, {key!r})", more=more)


def with_key(value: Mapping[str, Any], column: str, key: str) -> dict[str, Any]:
    """Return a row whose turns begin with what they hold under a key; a name has a colon behind.

    What the assistant's last turn holds goes into the turn before it, and its name nowhere: that
    turn is the answer.
    """
    chat = [dict(turn) for turn in chat_in(at(value, column)) or ()]
    written = []
    for index, turn in enumerate(chat):
        held = turn.pop(key, None)
        is_answer = index == len(chat) - 1 and spoken_by(turn) == "assistant"
        if says(held) and not (is_answer and key in _NAMES):
            written.append((index - 1 if is_answer and index else index, held))
    for index, held in written:
        turn = chat[index]
        turn[text_key(turn)] = _before(held, turn.get(text_key(turn)), key)
    return {**value, column: chat}


def _before(held: Any, content: Any, key: str) -> Any:
    """Return the content of a turn, a text or its parts, behind what stood beside it."""
    written = held if isinstance(held, str) else json.dumps(held, ensure_ascii=False, default=str)
    if isinstance(content, (list, tuple)):
        return [{"type": "text", "text": written}, *content]
    return f"{written}{': ' if key in _NAMES else chr(10)}{content or ''}"


def _names_in(chat: Sequence[Mapping[str, Any]]) -> str | None:
    """Return the key by which speakers of one role are told apart, if there are several."""
    for key in _NAMES:
        speakers: dict[str, set[str]] = {}
        for turn in chat:
            if isinstance(name := turn.get(key), str) and spoken_by(turn) in ("user", "assistant"):
                speakers.setdefault(spoken_by(turn), set()).add(name.strip())
        if any(len(names) > 1 for names in speakers.values()):
            return key
    return None


def _nameless(row: Row, column: str, key: str) -> SuiteError:
    how = "write the names into their texts"
    if is_safe(f"{column}{key}"):
        how = f"{_with(row, column, key)} writes the names before their texts"
    return SuiteError(
        f"{row.where}: turns of the chat in {column} are of several speakers by their {key}, and "
        f"nothing reads it; {how}; where it does not matter who speaks, leave the key out",
        id="target.lost-in-turn",
    )


def _is_weightless(turn: Mapping[str, Any]) -> bool:
    return spoken_by(turn) == "assistant" and any(
        turn[key] in (0, False) and turn[key] is not None for key in _COUNTS if key in turn
    )


def _weightless(row: Row, column: str, turn: Mapping[str, Any]) -> SuiteError:
    key = next(key for key in _COUNTS if key in turn and turn[key] in (0, False))
    how = "leave the turn out, or the row"
    if is_safe(column):
        made = rewritten(
            row.source,
            "w",
            f"for w in up_to_weight(r, {column!r})",
            more="from cliffguard.suites.target import up_to_weight",
        )
        how = f"{made} ends each chat with the last turn that counts"
    return SuiteError(
        f"{row.where}: the chat in {column} ends with a turn of the assistant that does not count "
        f"({key}: {shown(turn[key])}), and would be the right answer; {how}, and leaves out those "
        "without one",
        id="target.weightless-turn",
    )


def up_to_weight(value: Mapping[str, Any], column: str) -> Iterator[dict[str, Any]]:
    """Yield a row whose chat ends with the assistant's last turn that counts, if there is one."""
    chat = chat_in(at(value, column)) or ()
    for end in range(len(chat), 0, -1):
        if spoken_by(chat[end - 1]) == "assistant" and not _is_weightless(chat[end - 1]):
            yield {**value, column: list(chat[:end])}
            return


def last_turn(value: Mapping[str, Any], column: str) -> Mapping[str, Any]:
    """Return the turn of the assistant that ends the chat of a row, or an empty one."""
    chat = chat_in(at(value, column)) or ()
    return chat[-1] if chat and spoken_by(chat[-1]) == "assistant" else {}


def _refuse_judged(rows: Sequence[Row], column: str) -> None:
    """Refuse what the turns that are the right answers hold of not being right, or how good."""
    answers = [last_turn(row.value, column) for row in rows]
    paths = dict.fromkeys(path for turn in answers for path in _paths(turn))
    for path in paths:
        values = [at(turn, path) for turn in answers]
        if bad := rejecting(path, values, is_text=True):
            raise _judged(rows, column, path, bad)
        if given := grades(path, values):
            raise SuiteError(
                f"{rows[0].source}: {cut_middle(path)!r} in the last turns of {column} may say how "
                f"good they are ({first_of([shown(value) for value in given], _NAMED)}), and all "
                "would count as right answers; leave out the rows whose last turn is not right; "
                "where it is of something else, leave the key out",
                id="target.judged-answers",
            )


def _paths(turn: Mapping[str, Any]) -> Iterator[str]:
    """Yield what a turn holds beside its text: its keys, and what stands inside of an object."""
    for key, value in turn.items():
        if key not in (*_TEXTS, *_NAMES, role_key(turn)):
            yield str(key)
            if isinstance(value, Mapping):
                yield from (f"{key}.{name}" for name in value)


def _judged(rows: Sequence[Row], column: str, path: str, bad: Sequence[Any]) -> SuiteError:
    n_bad = sum(at(last_turn(row.value, column), path) in bad for row in rows)
    how = "leave such rows out"
    if is_safe("".join(map(str, (column, path, *bad)))) and n_bad < len(rows):
        made = rewritten(
            rows[0].source,
            "r",
            f"if at(last_turn(r, {column!r}), {path!r}) not in {tuple(bad)!r}",
            more="from cliffguard.suites.target import at, last_turn",
        )
        how = f"{made} leaves them out"
    listed = first_of([shown(value) for value in bad], _NAMED)
    return SuiteError(
        f"{rows[0].source}: {cut_middle(path)!r} in the last turn of {column} is {listed} in "
        f"{n_bad} of {n_things(len(rows), 'row')}, where that turn would then not be right; {how}; "
        "where it is of something else, leave the key out",
        id="target.judged-answers",
    )
