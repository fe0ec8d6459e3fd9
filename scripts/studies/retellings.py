"""Whether the same facts, told otherwise, keep a base from answering by place.

    python -m scripts.studies.retellings MODEL [--form reading:once --form reading:twice] [--n 96]
    python -m scripts.studies.retellings ADAPTER --base MODEL …

Makes passages of four facts (`reading`) and chains of one to three containers among three others
(`nested`), each in several forms from the same draws; the answer stands at each of four places
equally often. Prints the mean, the mean by the place of the fact in the (first) telling, and the
points between the best and the worst third of places. A small part: `--n 24`.
"""

from __future__ import annotations

import argparse
import sys
import tempfile
from pathlib import Path
from statistics import fmean
from typing import Any

from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.settings import EvalSettings, Plan, RunnerSettings
from cliffguard.gate import find_alone
from cliffguard.runners.harness import HarnessRunner
from cliffguard.stats.thirds import effect_of_thirds
from cliffguard.suites.loading import load_suite
from scripts.make.items.common import (
    CONTAINERS,
    NAMES,
    OBJECTS,
    PLACES,
    SMALL_THINGS,
    positions,
    rng,
    with_answer_at,
)
from scripts.make.items.ladders import chain
from scripts.make.items.reading import CLOZES, DEEDS, SETTINGS, with_article
from scripts.studies.page import table

Row = dict[str, Any]
FORMS = (
    "reading:once", "reading:twice", "nested:once", "nested:asked-first", "nested:asked",
)  # fmt: skip
AGAIN = (1, 3, 0, 2)
HOPS = (1, 2, 3)


def reading(form: str, n_items: int) -> list[Row]:
    """Return passages, whose facts are told once or twice."""
    where, asked_at = positions("v", form, n_items, 4), positions("v", "asked", n_items, 4)
    rows = []
    for number in range(n_items):
        source = rng("vreading", "", number)
        people, things = source.sample(NAMES, 4), source.sample(OBJECTS, 4)
        deeds = source.sample(DEEDS, 4)
        facts = [
            f"{who} {deed} {with_article(what)}."
            for who, deed, what in zip(people, deeds, things, strict=True)
        ]
        setting = source.choice(SETTINGS).format(p=source.choice(PLACES))
        k = asked_at[number]
        story = " ".join(facts)
        if form == "twice":
            story += " Once more: " + " ".join(facts[other] for other in AGAIN)
        prompt = f"{setting} {story} {source.choice(CLOZES)} {people[k]} {deeds[k]} a"
        others = [thing for thing in things if thing != things[k]]
        choices = with_answer_at(things[k], others, where[number], source)
        rows.append({"prompt": prompt, "choices": choices, "answer": things[k], "at": k})
    return rows


def nested(form: str, n_items: int) -> list[Row]:
    """Return chains of each number of hops, told and asked in a form."""
    rows = []
    for hops in HOPS:
        n_here = n_items // len(HOPS)
        where, told_at = positions("v", hops, n_here, 4), positions("n1", hops, n_here, 4)
        for number in range(n_here):
            source = rng("vnest", hops, number)
            rows.append(_nested(form, hops, told_at[number], where[number], source))
    return rows


def _nested(form: str, hops: int, at: int, where: int, source: Any) -> Row:
    things = [source.choice(SMALL_THINGS), *source.sample(CONTAINERS, hops + 3)]
    rooms = source.sample(PLACES, 4)
    others = [
        chain([thing], room) for thing, room in zip(things[hops + 1 :], rooms[1:], strict=True)
    ]
    source.shuffle(others)
    right = chain(things[: hops + 1], rooms[0])
    story = _story(others, right, at)
    ask = f"So the {things[0]} is in the"
    if form == "asked-first":
        story = f"Where is the {things[0]}? {story}"
    if form == "asked":
        ask = f"In which place is the {things[0]}? The {things[0]} is in the"
    choices = with_answer_at(rooms[0], rooms[1:], where, source)
    return {"prompt": f"{story} {ask}", "choices": choices, "answer": rooms[0], "at": at}


def _story(others: list[list[str]], right: list[str], at: int) -> str:
    return " ".join(fact for block in (*others[:at], right, *others[at:]) for fact in block)


def scores(model: str, base: str | None, rows: list[Row]) -> list[float]:
    """Return what a model, or an adapter of a base, scores on each row."""
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    with tempfile.TemporaryDirectory() as folder:
        lines = [
            canonical_json({"id": str(n), **{key: row[key] for key in row if key != "at"}})
            for n, row in enumerate(rows)
        ]
        (Path(folder) / "retold.jsonl").write_text("\n".join(lines) + "\n", encoding="utf-8")
        path = Path(folder) / "suite.yaml"
        path.write_text(
            "name: retold\nversion: 1\ncapabilities:\n  retold:\n    ring: adjacent\n    tasks:\n"
            "      - {name: retold, items: retold.jsonl, metric: acc, chance: 0.25}\n",
            encoding="utf-8",
        )
        checkpoint = find_alone(Plan(candidate=model, base=base, suites=(str(path),), offline=True))
        (task,) = runner.resolve([load_suite(str(path))], EvalSettings())
        answers = runner.ask(checkpoint, task, task.items, EvalSettings())
    return [answer.score or 0.0 for answer in answers]


def row_of(model: str, base: str | None, form: str, n_items: int) -> Row:
    """Return the figures of one form."""
    kind, _, telling = form.partition(":")
    rows = {"reading": reading, "nested": nested}[kind](telling, n_items)
    got, ats = scores(model, base, rows), [row["at"] for row in rows]
    by_place = [fmean([s for s, at in zip(got, ats, strict=True) if at == k]) for k in range(4)]
    return {
        "form": form,
        "items": len(rows),
        "mean": fmean(got),
        "by place": " ".join(f"{100 * mean:.0f}" for mean in by_place),
        "effect": f"{100 * effect_of_thirds(got, ats):.0f}",
    }


def main() -> int:
    """Print the table of one model."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("model")
    parser.add_argument("--base", help="of an adapter")
    parser.add_argument("--form", action="append", choices=FORMS, help="repeatable; all")
    parser.add_argument("--n", type=int, default=96, help="items of each form")
    given = parser.parse_args()
    print(table([row_of(given.model, given.base, form, given.n) for form in given.form or FORMS]))
    return 0


if __name__ == "__main__":
    sys.exit(main())
