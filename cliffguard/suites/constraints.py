"""Constraints on a text that a machine can check, each of them yes or no.

Written as a JSON object, for example ``{"includes": ["lamp"], "max_words": 12, "ends_with": "!"}``.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

from cliffguard.core.canonical_json import parse_json
from cliffguard.core.words import words


def n_sentences(text: str) -> int:
    """Return how many sentences end in a text; a last one without its sign counts."""
    return len([part for part in re.split(r"[.!?]+(?=\s|$)", text.strip()) if part.strip()])


def _includes(text: str, wanted: list[str]) -> bool:
    return set(wanted) <= set(words(text))


def _excludes(text: str, unwanted: list[str]) -> bool:
    return not set(unwanted) & set(words(text))


CONSTRAINTS: Mapping[str, tuple[type, Callable[[str, Any], bool]]] = {
    "includes": (list, _includes),
    "excludes": (list, _excludes),
    "first_word": (str, lambda text, word: words(text)[:1] == [word]),
    "last_word": (str, lambda text, word: words(text)[-1:] == [word]),
    "min_words": (int, lambda text, n: len(words(text)) >= n),
    "max_words": (int, lambda text, n: len(words(text)) <= n),
    "n_words": (int, lambda text, n: len(words(text)) == n),
    "min_letters": (int, lambda text, n: sum(map(str.isalpha, text)) >= n),
    "n_sentences": (int, lambda text, n: n_sentences(text) == n),
    "ends_with": (str, lambda text, end: text.rstrip().endswith(end)),
    "without_letter": (str, lambda text, letter: letter not in text.casefold()),
    "is_lower_case": (bool, lambda text, wanted: (text == text.lower()) is wanted),
    "is_upper_case": (bool, lambda text, wanted: (text == text.upper()) is wanted),
    "has_comma": (bool, lambda text, wanted: ("," in text) is wanted),
    "has_digit": (bool, lambda text, wanted: any(c.isdigit() for c in text) is wanted),
}
"""By name: the type of what it asks for, and the check. Words are in lower case."""


def meets(text: str, wanted: Mapping[str, Any]) -> bool:
    """Return whether a text, white space around it aside, meets every constraint."""
    text = text.strip()
    return bool(text) and all(CONSTRAINTS[name][1](text, value) for name, value in wanted.items())


def check_constraints(answer: str) -> None:
    """Raise ValueError, with the reason, for what is not a JSON object of constraints."""
    try:
        wanted = parse_json(answer)
    except ValueError as failure:
        reason = getattr(failure, "msg", None) or str(failure)
        raise ValueError(f"constraints are no JSON: {reason}") from None
    if not isinstance(wanted, dict) or not wanted:
        raise ValueError("constraints must be a JSON object with at least one of them")
    for name, value in wanted.items():
        if name not in CONSTRAINTS:
            raise ValueError(
                f"no constraint is called {name!r} (there are {', '.join(CONSTRAINTS)})"
            )
        kind = CONSTRAINTS[name][0]
        is_kind = isinstance(value, kind) and (kind is bool or not isinstance(value, bool))
        if not is_kind or (kind is list and not all(isinstance(word, str) for word in value)):
            raise ValueError(f"{name}: {value!r} is not what it takes ({kind.__name__})")
