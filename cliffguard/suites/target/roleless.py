"""Chats whose turns do not say who speaks in a way that is read: the command that makes rows."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cliffguard.suites.target.cells import from_json
from cliffguard.suites.target.chats import SPEAKERS, is_chat
from cliffguard.suites.target.conversions import Converted
from cliffguard.suites.target.known import ANSWERS, CHATS, PROMPTS, folded

_COLUMNS = ("messages", "conversations", *CHATS)
_TEXTS = ("content", "value", "text", "message", "utterance", "parts", "body")
_WHO = ("role", "from", "speaker", "author", "sender", "who")
_MAY_BE_WHO = ("type", "name")  # where they hold a party's name
_PARTIES = frozenset((*SPEAKERS, *SPEAKERS.values(), "system", "assistant", "user"))
_PLAIN = "of plain texts"
_IN_TURNS = "('user', 'assistant')[i % 2]"


def without_roles(value: Mapping[str, Any]) -> Converted | None:
    """Return how the chat in a row is made one with roles, or None: it holds no such chat.

    Its turns are plain texts, objects with a text and nobody who says it, objects that name the
    speaker otherwise, or objects whose keys are the speakers. Who is not named takes turns. Beside
    a text that is asked, a dialogue is what it is about.
    """
    if any(isinstance(value.get(name), str) for name in PROMPTS if name not in _COLUMNS):
        return None
    for column, cell in value.items():
        turns = from_json(cell)
        if folded(str(column)) not in _COLUMNS or not str(column).isidentifier():
            continue
        if not isinstance(turns, (list, tuple)) or not turns or is_chat(turns):
            continue
        form, turn = _turn(turns) or ("", "")
        others = [name for name in value if name not in (column, "id", *ANSWERS)]
        is_about = form == _PLAIN and any(isinstance(value[name], str) for name in others)
        if not form or is_about:  # DialogSum's dialogue is what its summary is of
            continue
        held = f"r['{column}']"
        return Converted(
            name=f"a chat in {column} {form}",
            has=(),
            row=f"{{**r, '{column}': [{turn.format(turns=f'enumerate({held})')}]}}",
        )
    return None


def _turn(turns: Sequence[Any]) -> tuple[str, str] | None:
    """Return what the turns are, and what makes them others, of i and t in {turns}."""
    if all(isinstance(turn, str) for turn in turns):
        return _PLAIN, _made(_IN_TURNS, "t")
    if not all(isinstance(turn, Mapping) and turn for turn in turns):
        return None
    there = set.intersection(*({*map(str, turn)} for turn in turns))
    text = next((key for key in _TEXTS if key in there), None)
    if text is not None:
        content = (
            "chr(10).join(p['text'] for p in t['parts'])" if text == "parts" else f"t['{text}']"
        )
        return _by_speaker(turns, there, content)
    keys, values = zip(*(pair for turn in turns for pair in turn.items()), strict=True)
    if all(map(_is_party, keys)) and all(isinstance(turn, str) for turn in values):
        made = "{{'role': k, 'content': v}} for _, t in {turns} for k, v in t.items()"
        return "whose turns have their speakers as keys", made
    if len({tuple(turn) for turn in turns}) == 1 and len(turns[0]) == 2:
        made = "{{'role': k, 'content': v}} for _, t in {turns} for k, v in "
        made += "zip(('user', 'assistant'), t.values())"
        return "whose turns have two speakers as keys, of whom the second is the assistant", made
    return None


def _by_speaker(turns: Sequence[Any], there: set[str], content: str) -> tuple[str, str]:
    who = next((key for key in _WHO if key in there), None)
    named = [key for key in _MAY_BE_WHO if all(_is_party(turn.get(key)) for turn in turns)]
    who = who or next(iter(named), None)
    if who is None:
        return "whose turns do not say who speaks", _made(_IN_TURNS, content)
    return f"whose turns have their speaker under {who}", _made(f"t['{who}']", content)


def _is_party(name: Any) -> bool:
    return isinstance(name, str) and name.casefold() in _PARTIES


def _made(role: str, content: str) -> str:
    return f"{{{{'role': {role}, 'content': {content}}}}} for i, t in {{turns}}"
