"""What an item is chosen from, and the names that an answer may call the choices by."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from pathlib import Path
from string import ascii_uppercase
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.core.texts import n_things
from cliffguard.suites.rows import Row
from cliffguard.suites.target.cells import (
    as_text,
    from_json,
    has,
    is_safe,
    rewritten,
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
    elif _are_named(given):  # ARC's raw rows, Prodigy's options
        given, names = [choice["text"] for choice in given], [_name_of(choice) for choice in given]
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


def mend_letter(row: Row, text: str, names: Mapping[str, int]) -> str:
    """Return how an answer that is no choice is mended, where it is a letter written otherwise."""
    columns = [name for name, value in row.value.items() if value == text]
    is_known = len(columns) == 1 and is_safe(columns[0]) and Path(row.source).is_file()
    if text.strip(_AROUND).upper() not in names or not is_known:
        return "mend it"
    letter = f"r[{columns[0]!r}].strip({_AROUND!r})"
    held = f"{letter}.upper() if len({letter}) == 1 else r[{columns[0]!r}]"
    made = rewritten(row.source, f"{{**r, {columns[0]!r}: {held}}}")
    return f"where it is a letter, {made} writes it as the choices are counted"


_AROUND = "()[]. "  # what stands around a letter: (A), A.


def _refuse_uneven(row: Row, column: str, texts: Sequence[Any], labels: Sequence[Any]) -> None:
    """Refuse labels that do not name each text once: an answer could mean another choice."""
    if len(texts) != len(labels) or len({*map(str, labels)}) < len(labels):
        raise SuiteError(
            f"{row.where}: {column} has {n_things(len(texts), 'text')} and the labels "
            f"{shown(labels)}; give every text one label of its own, or leave the row out",
            id="target.uneven-choices",
        )


def _are_named(given: Any) -> bool:
    """Return whether choices are a list of objects, each with a text and a label or an id."""
    return isinstance(given, (list, tuple)) and all(
        isinstance(choice, Mapping) and "text" in choice and {"label", "id"} & choice.keys()
        for choice in given
    )


def _name_of(choice: Mapping[str, Any]) -> Any:
    return choice.get("label", choice.get("id"))


def _from_columns(row: Row, columns: Sequence[str]) -> tuple[tuple[str, ...], dict[str, int]]:
    """Return the choices that stand in columns of their own; a blank one is none in this row."""
    texts: list[str] = []
    names: dict[str, int] = {}
    for column in columns:
        if has(row, column):
            suffix = suffix_of(column) or column
            names |= dict.fromkeys((column, suffix, suffix.upper(), suffix.lower()), len(texts))
            texts.append(as_text(value_of(row, column)))
    if len(texts) < 2:
        raise SuiteError(
            f"{row.where}: has {n_things(len(texts), 'choice')} in {', '.join(columns)}, and takes "
            "two or more; fill them in, or leave the row out",
            id="target.choices",
        )
    return tuple(texts), names
