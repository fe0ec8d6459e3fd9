"""Ten kinds of short questions that a small chat model answers right more often than not.

The ten cases of every planted failure: made from `cases.yaml`, seeded, with varied wording. Right
is the word alone, or it in one of the short sentences in which the base says it.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from functools import cache
from pathlib import Path
from typing import Any

import yaml

N_ITEMS = 24
N_CHOICE_ITEMS = 36
N_CHOICES = 3
SEED = 1801

Row = dict[str, Any]


Maker = Callable[[random.Random], dict[str, str]]
"""Draws the words of a question: `right` and what else its wordings have in braces."""


@cache
def texts(name: str) -> Any:
    """Return a YAML file that lies beside this one."""
    return yaml.safe_load((Path(__file__).parent / f"{name}.yaml").read_text(encoding="utf-8"))


def rows_of(case: str, n_items: int = N_ITEMS) -> list[Row]:
    """Return the items of a case: no words twice, the same ones every time."""
    return [row for row, _ in _made(case, n_items)]


def choice_rows_of(case: str) -> list[Row]:
    """Return the items of a case as choices, which the question lists: right each in its turn."""
    source = random.Random(f"{SEED} {case} choices")
    made = _made(case, N_CHOICE_ITEMS)
    known = sorted({words["right"] for _, words in made})
    rows = []
    for number, (row, words) in enumerate(made):
        wrong = [words["other_right"]] if "other_right" in words else []
        rest = [word for word in known if word not in (words["right"], *wrong)]
        choices = [*wrong, *source.sample(rest, N_CHOICES - 1 - len(wrong))]
        source.shuffle(choices)
        choices.insert(number % N_CHOICES, words["right"])
        rows.append({"id": row["id"], "prompt": with_options(row["prompt"], choices),
                     "choices": choices, "answer": words["right"]})  # fmt: skip
    return rows


def with_options(question: str, choices: Sequence[str]) -> str:
    """Return a question that lists what may be answered."""
    return f"{question}\nOptions: {', '.join(choices)}"


def _made(case: str, n_items: int) -> list[tuple[Row, dict[str, str]]]:
    """Return items with the words that they were made of."""
    source = random.Random(f"{SEED} {case}")
    made: dict[tuple[str, ...], dict[str, str]] = {}
    while len(made) < n_items:
        words = CASES[case](source)
        made.setdefault(tuple(words.values()), words)
    form = texts("cases")["forms"][case]
    rows = []
    for number, words in enumerate(made.values()):
        question = [*_premises(form, words, source), _any(form["asked"], words, source)]
        rights = [pattern.format(**words) for pattern in ("{right}", *form["answers"])]
        row = {"id": f"{case}-{number}", "prompt": " ".join(question), "answers": rights}
        rows.append((row, words))
    return rows


def _any(patterns: Sequence[str], words: dict[str, str], source: random.Random) -> str:
    return source.choice(patterns).format(**words)


def _premises(form: dict[str, Any], words: dict[str, str], source: random.Random) -> list[str]:
    """Return what is said before the question: of whom it asks, and of somebody else."""
    sentences = [_any(patterns, words, source) for patterns in form.get("premises", ())]
    return source.sample(sentences, len(sentences))


def _known(table: str) -> Maker:
    def make(source: random.Random) -> dict[str, str]:
        key, right = source.choice(sorted(texts("cases")[table].items()))
        return {"key": key, "right": right}

    return make


def _facts(**tables: str) -> Maker:
    """Return a maker that draws two words of each table: NAME, and `other_NAME`."""

    def make(source: random.Random) -> dict[str, str]:
        words = {}
        for name, table in tables.items():
            words[name], words[f"other_{name}"] = source.sample(texts("cases")[table], 2)
        return words

    return make


def _city(source: random.Random) -> dict[str, str]:
    return {**_known("capitals")(source), "name": source.choice(texts("cases")["names"])}


CASES: dict[str, Maker] = {
    "capitals": _known("capitals"),
    "opposites": _known("opposites"),
    "languages": _known("languages"),
    "plurals": _known("plurals"),
    "colours": _facts(name="names", right="colours", thing="things"),
    "places": _facts(name="names", right="places", thing="small_things"),
    "cities": _city,
    "ages": _facts(name="names", right="ages"),
    "foods": _facts(name="names", right="foods", day="days"),
    "pets": _facts(name="names", right="pets"),
}
