"""Instruction constraints, one to six at once, each checked by a machine.

By likelihood: four sentences, of which one meets all constraints; the others break one, another
one, and both (of a single constraint: all break it). Generated: any sentence that meets them, as
`cliffguard.suites.constraints` checks.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping, Sequence
from itertools import combinations
from typing import Any

from cliffguard.core.words import words
from cliffguard.suites.constraints import CONSTRAINTS
from cliffguard.suites.ladders.draft import Generator, LadderItem
from cliffguard.suites.ladders.words import COLOURS, JOBS, THINGS, TOWNS, listed

LEVELS = (1, 2, 3, 4, 5, 6)
_VERBS = ["found", "sold", "painted", "lost", "bought", "hid", "cleaned", "broke"]
_WHEN = ["today", "yesterday", "again", "twice"]
_OPENINGS = ("write one sentence", "write a sentence", "your task is to write one sentence")
_SHAPES = (
    "the {job} {verb} the {colour} {thing}",
    "the {job} from {town} {verb} the {thing} {when}",
    "{when}, the {job} {verb} the {colour} {thing} in {town}",
    "in {town} the {job} {verb} the {thing}",
    "the {job}, they say, {verb} the {colour} {thing} {when}",
)
_PARTS: Mapping[str, Sequence[str]] = {
    "shape": _SHAPES,
    "job": JOBS,
    "verb": _VERBS,
    "colour": COLOURS,
    "thing": THINGS,
    "town": TOWNS,
    "when": _WHEN,
    "end": ".!?",
    "case": ("plain", "lower", "upper"),
}
_TRIES = 40  # pairs of changes
_MOST_LONGER = 16  # characters between two of the four

Parts = Mapping[str, str]


def _text(parts: Parts) -> str:
    text = parts["shape"].format(**parts)
    spelled = {"plain": text[0].upper() + text[1:], "lower": text.lower(), "upper": text.upper()}
    return spelled[parts["case"]] + parts["end"]


def _demands(text: str, source: random.Random) -> list[tuple[str, Any, str]]:
    """Return constraints that a sentence meets, each with its words, in seeded order."""
    text_words = words(text)
    nouns = [word for word in text_words if word in THINGS or word in JOBS]
    absent = source.choice([word for word in COLOURS if word not in text_words])
    demands: list[tuple[str, Any, str]] = [
        ("includes", [source.choice(nouns)], "contains the word {0[0]}"),
        ("excludes", [absent], "does not contain the word {0[0]}"),
        ("n_words", len(text_words), "has exactly {0} words"),
        ("ends_with", text[-1], "ends with the sign {0}"),
        ("last_word", text_words[-1], "has {0} as its last word"),
        ("first_word", text_words[0], "begins with the word {0}"),
        ("has_comma", "," in text, "has {1} comma"),
    ]
    if text == text.lower():
        demands.append(("is_lower_case", True, "has no capital letters"))
    if text == text.upper():
        demands.append(("is_upper_case", True, "is all in capital letters"))
    source.shuffle(demands)
    return [
        (name, value, words_.format(value, "a" if value else "no"))
        for name, value, words_ in demands
    ]


def _draw(n_constraints: int, source: random.Random) -> LadderItem:
    parts = {part: source.choice(values) for part, values in _PARTS.items()}
    demands = _demands(_text(parts), source)[:n_constraints]
    wanted = {name: value for name, value, _ in demands}
    conditions = listed([text for *_, text in demands])
    opening = source.choice(_OPENINGS)
    wrong = _three_others(parts, wanted, source) if n_constraints == 1 else None
    return LadderItem(
        context=f"{opening[0].upper()}{opening[1:]} that {conditions}.",
        prompt="\nSentence:",
        answer=_text(parts),
        wrong=wrong or _square(parts, wanted, source),
        question=" Write nothing else.\nSentence:",
        expected=json.dumps(wanted, sort_keys=True),
    )


def _square(parts: Parts, wanted: Mapping[str, Any], source: random.Random) -> tuple[str, ...]:
    """Return sentences that break one constraint, another one, and both; none where it fails.

    Each is made of the right one by changing one part, another one, or both. So every sentence
    resembles two of the others alike, and the four alone do not tell which is right.
    """
    changes = [
        (part, value, next(iter(broken)))
        for part, values in _PARTS.items()
        for value in values
        if len(broken := _broken(_text({**parts, part: value}), wanted)) == 1
    ]
    pairs = [
        (first, other)
        for first, other in combinations(changes, 2)
        if first[0] != other[0] and first[2] != other[2]
    ]
    for first, other in source.sample(pairs, min(_TRIES, len(pairs))):
        sides = [{**parts, part: value} for part, value, _ in (first, other)]
        corner = {**sides[0], other[0]: other[1]}
        four = [parts, *sides, corner]
        if _broken(_text(corner), wanted) == {first[2], other[2]} and _are_alike(four):
            return tuple(_text(side) for side in four[1:])
    return ()


def _three_others(
    parts: Parts, wanted: Mapping[str, Any], source: random.Random
) -> tuple[str, ...]:
    """Return three sentences that break the only constraint, by the same part where that can be."""
    order = source.sample([*_PARTS], len(_PARTS))
    groups = [_breaking(parts, part, wanted) for part in order]
    alone = next((some for some in groups if len(some) >= 3), None)
    texts = alone or [text for some in groups for text in some]
    return tuple(source.sample(texts, 3)) if len(texts) >= 3 else ()


def _breaking(parts: Parts, part: str, wanted: Mapping[str, Any]) -> list[str]:
    others = [{**parts, part: value} for value in _PARTS[part]]
    return [
        _text(sentence)
        for sentence in others
        if _broken(_text(sentence), wanted) and _are_alike([parts, sentence])
    ]


def _are_alike(sentences: Sequence[Parts]) -> bool:
    """Return whether they are of about one length."""
    lengths = [len(_text(sentence)) for sentence in sentences]
    return max(lengths) - min(lengths) <= _MOST_LONGER


def _broken(text: str, wanted: Mapping[str, Any]) -> set[str]:
    return {name for name, value in wanted.items() if not CONSTRAINTS[name][1](text, value)}


INSTRUCTION_CONSTRAINTS = Generator(
    name="instruction_constraints", level_name="constraints", levels=LEVELS, draw=_draw
)
