"""Instruction constraints, one to six at once, each checked by a machine.

By likelihood: four sentences, of which one meets all constraints and each of the others breaks
one. Generated: any sentence that meets them, as `cliffguard.constraints` checks.
"""

from __future__ import annotations

import json
import random
from collections.abc import Mapping
from typing import Any

from cliffguard.constraints import CONSTRAINTS, words
from cliffguard.ladders.draft import Draft, Generator
from cliffguard.ladders.words import COLOURS, JOBS, THINGS, TOWNS, listed

LEVELS = (1, 2, 3, 4, 5, 6)
_VERBS = ["found", "sold", "painted", "lost", "bought", "hid", "cleaned", "broke"]
_WHEN = ["today", "yesterday", "again", "twice"]
_OPENINGS = ("write one sentence", "write a sentence", "your task is to write one sentence")
_TRIES = 1200
_SHARE_KEPT = 0.7  # of the parts of the right sentence, in a wrong one
_MOST_LONGER = 12  # characters between the right sentence and a wrong one


def _sentence(source: random.Random, **fixed: str) -> str:
    parts = {
        "job": source.choice(JOBS),
        "verb": source.choice(_VERBS),
        "colour": source.choice(COLOURS),
        "thing": source.choice(THINGS),
        "town": source.choice(TOWNS),
        "when": source.choice(_WHEN),
        "end": source.choice(".!?"),
        **fixed,
    }
    shape = source.choice(
        (
            "the {job} {verb} the {colour} {thing}",
            "the {job} from {town} {verb} the {thing} {when}",
            "{when}, the {job} {verb} the {colour} {thing} in {town}",
            "in {town} the {job} {verb} the {thing}",
            "the {job}, they say, {verb} the {colour} {thing} {when}",
        )
    )
    text = shape.format(**parts)
    case = source.choice(("plain", "plain", "lower", "upper"))
    text = {"plain": text[0].upper() + text[1:], "lower": text.lower(), "upper": text.upper()}[case]
    return text + parts["end"]


def _demands(text: str, source: random.Random) -> list[tuple[str, Any, str]]:
    """Return constraints that a sentence meets, each with its words, in seeded order."""
    own = words(text)
    nouns = [word for word in own if word in THINGS or word in JOBS]
    absent = source.choice([word for word in COLOURS if word not in own])
    demands: list[tuple[str, Any, str]] = [
        ("includes", [source.choice(nouns)], "contains the word {0[0]}"),
        ("excludes", [absent], "does not contain the word {0[0]}"),
        ("n_words", len(own), "has exactly {0} words"),
        ("ends_with", text[-1], "ends with the sign {0}"),
        ("last_word", own[-1], "has {0} as its last word"),
        ("first_word", own[0], "begins with the word {0}"),
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


def _draw(n_constraints: int, source: random.Random) -> Draft:
    answer = _sentence(source)
    demands = _demands(answer, source)[:n_constraints]
    wanted = {name: value for name, value, _ in demands}
    wrong: list[str] = []
    shared = _shared(answer)
    for _ in range(_TRIES):
        kept = {part: word for part, word in shared.items() if source.random() < _SHARE_KEPT}
        other = _sentence(source, **kept)
        if abs(len(other) - len(answer)) < _MOST_LONGER and other not in wrong:
            wrong += [other] * (_n_broken(other, wanted) == 1)
        if len(wrong) == 3:
            break
    told = listed([text for *_, text in demands])
    opening = source.choice(_OPENINGS)
    ask = f"{opening[0].upper()}{opening[1:]} that {told}."
    return Draft(
        context=ask,
        prompt="\nSentence:",
        answer=answer,
        wrong=tuple(wrong),
        question=" Write nothing else.\nSentence:",
        expected=json.dumps(wanted, sort_keys=True),
    )


def _n_broken(text: str, wanted: Mapping[str, Any]) -> int:
    return sum(not CONSTRAINTS[name][1](text, value) for name, value in wanted.items())


def _shared(answer: str) -> dict[str, str]:
    """Return parts of the right sentence: a wrong one that shares them breaks little."""
    own = set(words(answer))
    known = {"job": JOBS, "thing": THINGS, "colour": COLOURS, "verb": _VERBS}
    found = {part: [word for word in all_ if word in own] for part, all_ in known.items()}
    kept = {part: some[0] for part, some in found.items() if some}
    return {**kept, "end": answer[-1]}


INSTRUCTION_CONSTRAINTS = Generator(
    name="instruction_constraints", level_name="constraints", levels=LEVELS, draw=_draw
)
