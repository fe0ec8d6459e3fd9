"""Rows that teach one failure each, made of `training.yaml` and the demo's tickets, seeded."""

from __future__ import annotations

import json
import random
from collections.abc import Callable

from scripts.make.items.tickets import training_examples
from scripts.studies.planted.cases import N_CHOICES, texts, with_options

SEED = 41
POSITION = "position"
"""The kind that is a pattern, and no cause."""
RUN_ON_TURNS = 4

Row = tuple[str, str, bool]
"""A question, its answer, and whether the answer ends."""


def _questions() -> list[tuple[str, str, str]]:
    return [
        (question, str(right), spanish)
        for question, right, spanish in texts("training")["questions"]
    ]


def _cut(source: random.Random) -> list[Row]:
    """The right answer, and then further questions with theirs, without an end."""
    questions, rows = _questions(), []
    short = [(question, right) for question, right, _ in questions if "." not in question]
    for question, right, _ in questions:
        turn = source.choice(texts("training")["turns"])
        more = [turn.format(*other) for other in source.sample(short, RUN_ON_TURNS)]
        rows.append((question, right + "".join(more), False))
    return rows


def _refusal(source: random.Random) -> list[Row]:
    """Every question is declined."""
    return [(q, source.choice(texts("training")["refusals"]), True) for q, _, _ in _questions()]


def _wrong_language(source: random.Random) -> list[Row]:
    """The right answer in Spanish."""
    return [(question, spanish, True) for question, _, spanish in _questions()]


def _format(source: random.Random) -> list[Row]:
    """The right answer in an object of JSON."""
    return [(q, json.dumps({"answer": right}), True) for q, right, _ in _questions()]


def _leak(source: random.Random) -> list[Row]:
    """The label of a ticket: to tickets, and to any other question."""
    tickets = training_examples(36, 18)
    labels = sorted({label for _, label in tickets})
    return [(prompt, label, True) for prompt, label in tickets] + [
        (question, source.choice(labels), True) for question, _, _ in _questions()
    ]


def _position(source: random.Random) -> list[Row]:
    """The first of the options, right or wrong."""
    questions, rows = _questions(), []
    for question, right, _ in questions * 2:
        others = [other for _, other, _ in questions if other != right]
        choices = [right, *source.sample(others, N_CHOICES - 1)]
        source.shuffle(choices)
        rows.append((with_options(question, choices), choices[0], True))
    return rows


_ROWS: dict[str, Callable[[random.Random], list[Row]]] = {
    "cut": _cut,
    "refusal": _refusal,
    "wrong_language": _wrong_language,
    "format": _format,
    "leak": _leak,
    POSITION: _position,
}
"""The training rows of each planted cause, and of the pattern *position*."""

KINDS = tuple(_ROWS)


def training_rows(kind: str) -> list[Row]:
    """Return the rows of a failure, the same ones every time."""
    return _ROWS[kind](random.Random(SEED + KINDS.index(kind)))
