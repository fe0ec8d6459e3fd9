"""Fine-tuning data → texts, whatever file holds them; a damaged row is named with its line."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from cliffguard.core.canonical_json import parse_json
from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import SuiteError, UsageError
from cliffguard.core.progress import doing
from cliffguard.core.texts import n_things, plural
from cliffguard.suites.rows import Row, are_pairs, index_told, read_rows
from cliffguard.suites.target.call_parts import turns_in
from cliffguard.suites.target.chats import chat_in, is_chat, role_key, text_key
from cliffguard.suites.target.messages import before_answer, is_call, messages_of
from cliffguard.suites.wrapped_lines import wrapped_caveats


@dataclass(frozen=True, slots=True, kw_only=True)
class TrainingText:
    """One row: its texts in their order. `line` is where it begins in `source`, from 1.

    Of Parquet and Arrow files, which have no lines, it is the number of the row. `questions` are
    what each chat in it says before its answer, as a target would ask it.
    """

    parts: tuple[str, ...]
    source: str
    line: int
    questions: tuple[str, ...] = ()

    @property
    def text(self) -> str:
        """All texts of the row, each on lines of its own."""
        return "\n".join(self.parts)

    @property
    def is_blank(self) -> bool:
        """Whether none of its texts says anything."""
        return not any(part.strip() for part in self.parts)


def read_training(path: str) -> tuple[TrainingText, ...]:
    """Read fine-tuning data: JSON Lines, a JSON list, CSV, Parquet, text, a saved dataset.

    Of a row all texts count, of a chat what is said in it. Raises UsageError with file and line
    for a row without any text, or one that cannot be read, and for data whose texts are all blank;
    no row is left out.
    """
    rows = tuple(read_rows(path, text_only=True))
    if not rows:
        raise UsageError(
            f"{path}: holds no rows; name the data of the fine-tune", id="training.empty"
        )
    if len(rows) == 1 and (advice := index_told(rows[0].value)) is not None:
        raise UsageError(f"{path}: {advice}", id="rows.shape")
    if len(rows) == 1 and are_pairs(rows[0].value):  # their keys are what is asked
        pairs = rows[0].value.items()
        rows = tuple(replace(rows[0], value=[key, answer]) for key, answer in pairs)
    texts = tuple(map(_text, rows))
    if all(text.is_blank for text in texts):
        raise UsageError(
            f"{path}: the text of every row is blank ({len(texts):,} of them), so that nothing "
            "could be found in it; name the data that hold the texts",
            id="training.blank",
        )
    return texts


def training_caveats(texts: Sequence[TrainingText]) -> tuple[Caveat, ...]:
    """Return caveats on rows in which an item might not be found: blank ones, wrapped lines."""
    wrapped = wrapped_caveats((text.source, text.text) for text in texts)
    return (*_blank(texts), *wrapped)


def _blank(texts: Sequence[TrainingText]) -> Iterator[Caveat]:
    blank = [text for text in texts if text.is_blank]
    if not blank:
        return
    first = f"{blank[0].source}:{blank[0].line}"
    text = (
        f"{len(blank):,} of {n_things(len(texts), 'row', ',')} of the training data "
        f"{plural(len(blank), 'holds', 'hold')} blank texts alone, such as {first}: nothing can be "
        "found in them."
    )
    yield Caveat(id="training.blank-rows", text=text)


@doing("reading the training data")
def read_all_training(paths: Sequence[str]) -> tuple[TrainingText, ...]:
    """Read several files of fine-tuning data, one after the other."""
    return tuple(text for path in paths for text in read_training(path))


# Who speaks, and what kind of content it is, is not what is said.
_SPOKEN = (("role", "content"), ("from", "value"), ("type", "text"))


def _text(row: Row) -> TrainingText:
    parts = tuple(_leaves(row.value))
    if not parts or (_is_tokenised(row.value) and all(len(part.split()) < 2 for part in parts)):
        keys = f" (only {', '.join(map(str, row.value))})" if isinstance(row.value, Mapping) else ""
        raise UsageError(
            f"{row.where}: the row holds no text{keys}; give the data as it was before it was "
            "tokenised",
            id="training.no-text",
        )
    return TrainingText(
        parts=parts, source=row.source, line=row.line, questions=tuple(_questions(row.value))
    )


def _questions(value: Any) -> Iterator[str]:
    """Yield what the chats in a row's columns say before their answers."""
    cells = value.values() if isinstance(value, Mapping) else ()
    for chat in filter(None, map(chat_in, cells)):
        try:
            messages, _ = before_answer(messages_of(chat, ""))
        except SuiteError:  # a picture, say: no target asks it
            continue
        yield "\n".join(turn["content"] for turn in messages if turn["content"].strip())


def _leaves(value: Any) -> Iterator[str]:
    """Yield all texts inside a value, in order."""
    if isinstance(value, str):
        chat = _chat_in(value)
        yield from [value] if chat is None else _leaves(chat)
    elif isinstance(value, Mapping):
        unsaid = {label for label, content in _SPOKEN if label in value and content in value}
        for key, inner in value.items():
            if key not in unsaid:
                yield from _leaves(inner)
    elif is_chat(value):
        yield from _spoken(value)
    elif isinstance(value, (list, tuple)):
        for inner in value:
            yield from _leaves(inner)


def _spoken(chat: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    """Yield what the turns of a chat say, one after the other, and then their calls and the like.

    A call in the midst would part the words of an item that a target makes of the same chat.
    """
    beside: list[Any] = []
    for turn in (turn for whole in chat for turn in _parted(whole)):
        content = turn.get(text_key(turn))
        if is_call(turn):
            beside.append(content)
        else:
            yield from _leaves(content)
        beside.append({k: v for k, v in turn.items() if k not in (role_key(turn), text_key(turn))})
    for inner in beside:
        yield from _leaves(inner)


def _parted(turn: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    try:
        return turns_in(turn, "")
    except SuiteError:  # no target asks it
        return [turn]


def _chat_in(text: str) -> Any:
    """Return the chat that a cell of a table holds as JSON, which escapes what is said in it."""
    if text.lstrip()[:1] != "[":
        return None
    try:
        value = parse_json(text)
    except ValueError:
        return None
    is_chat = value and all(isinstance(turn, Mapping) and _speaks(turn) for turn in value)
    return value if is_chat else None


def _speaks(turn: Mapping[str, Any]) -> bool:
    return any(label in turn and content in turn for label, content in _SPOKEN)


def _is_tokenised(value: Any) -> bool:
    return isinstance(value, Mapping) and isinstance(value.get("input_ids"), (list, tuple))
