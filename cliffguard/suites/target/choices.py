"""What an item is chosen from, and the names that an answer may call the choices by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from string import ascii_uppercase
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.core.texts import n_things
from cliffguard.suites.rows import Row
from cliffguard.suites.target.cells import (
    as_text,
    from_json,
    has,
    shown,
    value_of,
)
from cliffguard.suites.target.columns import framed
from cliffguard.suites.target.known import mend, quoted, suffix_of


def choices_of(
    row: Row, columns: Sequence[str], prompt: str
) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the choices of a row and the names that an answer may call them by.

    A column for each choice; or a list, a list of texts beside one of labels, labels with their
    texts, objects of a label and a text, or one of these as text. `prompt` is what is asked, for
    messages.
    """
    if not columns:
        return (), {}
    if len(columns) > 1:
        return _from_columns(row, columns)
    (column,) = columns
    value = row.value.get(column)
    if value is None:
        raise SuiteError(
            f"{row.where}: {column} is missing; give every row choices, or say --target-ignore "
            f"{quoted(column)}",
            id="target.blank",
        )
    given = from_json(value)
    names: Sequence[Any] = ascii_uppercase
    if isinstance(given, Mapping):
        if isinstance(given.get("text"), list) and isinstance(given.get("label"), list):
            given, names = given["text"], given["label"]
            _refuse_uneven(row, column, given, names)
        else:
            kept = {key: choice for key, choice in given.items() if choice is not None}
            given, names = list(kept.values()), list(kept)
    elif (keys := _keys_of(given)) is not None:  # ARC's raw rows, Prodigy's options, MedQA's
        given, names = ([choice[key] for choice in given] for key in keys)
    is_list = isinstance(given, (list, tuple)) and len(given) >= 2
    if not is_list or not all(isinstance(choice, (str, int, float)) for choice in given):
        if isinstance(given, str) and given.strip():
            shown_too = quoted(f"{framed(prompt)}\\n{{{column}}}")
            raise SuiteError(
                f"{row.where}: {column} holds its choices as one text, {shown(value)}; "
                f"--target-prompt {shown_too} asks it as it is (in a plan, "
                "keys of target without the prefix)",
                id="target.choices",
            )
        raise SuiteError(
            f"{row.where}: {column} must be a list of at least two texts, found {shown(value)}"
            f"; name another column with {mend('choices', 'COLUMN')}, or say --target-ignore "
            f"{quoted(column)}",
            id="target.choices",
        )
    called = {str(name): index for index, name in enumerate(names[: len(given)])}
    return tuple(map(as_text, given)), called


def _refuse_uneven(row: Row, column: str, texts: Sequence[Any], labels: Sequence[Any]) -> None:
    """Refuse labels that do not name each text once: an answer could mean another choice."""
    if len(texts) != len(labels) or len({*map(str, labels)}) < len(labels):
        raise SuiteError(
            f"{row.where}: {column} has {n_things(len(texts), 'text')} and the labels "
            f"{shown(labels)}; give every text one label of its own, or leave the row out",
            id="target.uneven-choices",
        )


_NAMES_OF_TEXTS = (("text", "label"), ("text", "id"), ("value", "key"), ("text", "key"))


def _keys_of(given: Any) -> tuple[str, str] | None:
    """Return under which keys the objects of a list have a text and its name, if all have them."""
    if not isinstance(given, (list, tuple)) or not given:
        return None
    are_objects = all(isinstance(choice, Mapping) for choice in given)
    pairs = (keys for keys in _NAMES_OF_TEXTS if all({*keys} <= choice.keys() for choice in given))
    return next(pairs, None) if are_objects else None


def _from_columns(row: Row, columns: Sequence[str]) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the choices that stand in columns of their own; a blank one is none in this row."""
    texts: list[str] = []
    names: dict[str, int] = {}
    letters = _letters(columns)
    for column in columns:
        if has(row, column):
            suffix = suffix_of(column) or column
            called = (column, suffix, suffix.upper(), suffix.lower(), *letters.get(column, ()))
            names |= dict.fromkeys(called, len(texts))
            texts.append(as_text(value_of(row, column)))
    if len(texts) < 2:
        raise SuiteError(
            f"{row.where}: has {n_things(len(texts), 'choice')} in {', '.join(columns)}, and takes "
            "two or more; fill them in, or leave the row out",
            id="target.choices",
        )
    return tuple(texts), names


def _letters(columns: Sequence[str]) -> Mapping[str, str]:
    """Return the letters of choices in columns that count in order: A is Option 1."""
    numbers = [suffix_of(column) or "" for column in columns]
    first = 0 if numbers[0] == "0" else 1
    if numbers != [str(number) for number in range(first, first + len(columns))]:
        return {}
    return dict(zip(columns, ascii_uppercase, strict=False))
