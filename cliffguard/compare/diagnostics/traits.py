"""What an item has in common with others, by kind, key and name."""

from __future__ import annotations

import re
from collections.abc import Callable, Hashable, Sequence
from typing import Any, NamedTuple

from cliffguard.core.diagnosis import PatternKind
from cliffguard.core.hashing import sha256_of_text
from cliffguard.core.texts import clip

MOST_CHARACTERS = 60
"""Of a text in the name of a pattern."""

_MOST_OF_A_KEY = 80  # it stands in every line of items.jsonl that it belongs to
_NOT_PLAIN = re.compile(r"[^A-Za-z0-9 _.,:;=+/()%#?!'-]")
"""What a key does without: it stands in commands and addresses, which no screen may change."""
_BLANKS = re.compile(r" (?= )|^ | $")  # such as the former leave together
_DOTS = "..."
_SURROGATES = re.compile(r"[\ud800-\udfff]")  # UTF-8 has them not
_ORDINALS = ("first", "second", "third", "fourth", "fifth", "sixth", "seventh", "eighth")


class Trait(NamedTuple):
    """What an item has in common with others, and how readers call it.

    `shows_text`: key and name hold a text of the data.
    """

    kind: PatternKind
    key: str
    name: str
    shows_text: bool = False

    def labels(self) -> dict[str, Any]:
        """Return kind, key and name of a `Pattern`.

        A key is of at most 80 plain characters; of any other the plain ones stand before a digest.
        """
        key, name = (_SURROGATES.sub("\ufffd", text) for text in (self.key, self.name))
        spelt = key.replace("…", _DOTS)
        plain = _BLANKS.sub("", _NOT_PLAIN.sub("", spelt))
        if plain != spelt or _DOTS in key or len(plain) > _MOST_OF_A_KEY:
            plain = f"{plain[: _MOST_OF_A_KEY - 13].rstrip()}-{sha256_of_text(key)[:12]}"
        return {"kind": self.kind, "key": plain, "name": name, "shows_text": self.shows_text}


class Labels(NamedTuple):
    """One respect in which items may have a trait in common.

    `of_items` has the label of each (None: it has none), and `trait` says what a label stands for.
    """

    of_items: Sequence[Hashable]
    trait: Callable[[Any], Trait] = lambda label: label


def ordinal(number: int) -> str:
    """Return first, second, … of a number that counts from 0."""
    return _ORDINALS[number] if number < len(_ORDINALS) else f"{number + 1}th"


def quoted(text: str) -> str:
    """Return a text in quotation marks, as the name of a pattern has it."""
    return f'"{clip(text, MOST_CHARACTERS)}"'
