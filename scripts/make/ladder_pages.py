"""Write a page about each built-in ladder into docs/ladders, or check that they are up to date.

python -m scripts.make.ladder_pages            # write docs/ladders/*.md
python -m scripts.make.ladder_pages --check    # exit 1 and name the page that differs

The words are in ladders.yaml. Items are the suites' own; scores are read from
reports/base-scores/: those of trivial strategies from ladders.md, those of a base from
ladders-base.json (`{"model": …, "rows": [{"task", "level_name", "level", "n_items", "score", "low",
"high"}]}`, scores from 0 to 1), where it has them. Which levels gate on which model is read from
reports/positions/.
"""

from __future__ import annotations

import json
import re
import textwrap
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from cliffguard.core.items import Capability, Item, Task
from cliffguard.suites import ladders
from cliffguard.suites.loading import load_suite
from scripts.make.output import write_or_check
from scripts.make.suites import LADDER_SEED, N_PER_LEVEL, SUITES
from scripts.make.surface_strategies import is_fit_to_gate, surface_scores

HOME = SUITES.parent
PAGES = HOME / "docs" / "ladders"
SCORES = HOME / "reports" / "base-scores"
POSITIONS = HOME / "reports" / "positions"
WIDTH = 118
_LIKELIHOOD = ("ladders", "long-context")
_MOST_CHARACTERS = 1200  # of a context that is shown whole


@dataclass(frozen=True, slots=True, kw_only=True)
class Text:
    """The prose of one page; `samples` are (level, number in it) of the items shown."""

    title: str
    measures: str
    levels: Mapping[int, str]
    made: Sequence[str]
    shortcuts: Sequence[str]
    choose: str
    samples: Sequence[tuple[int, int]]


TEXTS = {
    name: Text(**text)
    for name, text in yaml.safe_load(
        (Path(__file__).parent / "ladders.yaml").read_text(encoding="utf-8")
    ).items()
}


def pages() -> dict[str, str]:
    """Return every page by its file's name."""
    tasks = {
        task.name: (name, capability, task)
        for name in (*_LIKELIHOOD, "ladders-generated")
        for capability in load_suite(name).capabilities
        for task in capability.tasks
    }
    made = {f"{name}.md": page(name, tasks) for name in ladders.GENERATORS}
    return {"README.md": index(tasks), **made}


Ladders = dict[str, tuple[str, Capability, Task]]


def index(tasks: Ladders) -> str:
    """Return the list of the pages."""
    lines = "".join(
        f"| [{name}]({name}.md) | {tasks[name][0]} | {tasks[name][1].ring} | "
        f"{_levels(name)} | {_first_sentence(TEXTS[name].measures)} |\n"
        for name in ladders.GENERATORS
    )
    return (
        "# The built-in ladders\n\nOne page each: what it measures, how its items are made, what "
        "solves them without\nunderstanding, and sample items. [docs/suites.md](../suites.md"
        "#ladders) has how they are used.\n\n| ladder | suite | ring | levels | measures |\n"
        f"|---|---|---|---|---|\n{lines}\nMade by `python -m scripts.make.ladder_pages`.\n"
    )


def page(name: str, tasks: Ladders) -> str:
    """Return the page of one ladder."""
    text, (suite, capability, task) = TEXTS[name], tasks[name]
    unit = str(task.level)
    levels = "".join(f"| {level} | {description} |\n" for level, description in text.levels.items())
    parts = [
        f"# {text.title}\n\n<!-- Made by scripts/make/ladder_pages.py from ladders.yaml. -->\n",
        _filled(text.measures),
        facts(name, suite, capability, tasks),
        _filled(text.choose),
        f"## Levels\n\n| {unit} | an item takes |\n|---:|---|\n{levels}",
        "## How items are made\n\n" + "\n".join(map(_filled, (*text.made, _COMMON))),
        "## Shortcuts\n\n" + "\n".join(map(_filled, text.shortcuts)),
        strategies(name),
        "## Sample items\n\n" + "\n".join(samples(name, text, unit, tasks)),
        "## What a base scores\n\n" + base_scores(name, task.items),
        "## Where it gates\n\n" + gating(name),
        "## Licence\n\n" + _filled(_LICENCE),
    ]
    return "\n".join(parts)


_COMMON = (
    "An item depends on its ladder, level, number and seed alone, through a hash. The right choice "
    "stands at each of the four places equally often on every level, and no item of a level "
    "repeats another."
)
_LICENCE = (
    "The items are our own, made by `cliffguard/suites/ladders/` and under Apache-2.0 as all of "
    "cliffguard. None is taken from a benchmark."
)


def facts(name: str, suite: str, capability: Capability, tasks: Ladders) -> str:
    """Return the table of what is to be known before a ladder is chosen."""
    generated = tasks.get(f"{name}_generated")
    asks = f"`{suite}`, four choices by likelihood; guessing scores 25 %"
    if generated:
        asks += f"<br>`ladders-generated`, by short generation, metric `{generated[2].metric}`"
        asks += "<br>`ladders-shadow`, by likelihood, from another seed"
    covers = f", covers {', '.join(capability.covers)}" if capability.covers else ""
    return (
        f"| | |\n|---|---|\n| suites | {asks} |\n| levels | {_levels(name)}, "
        f"{N_PER_LEVEL} items each |\n| ring | {capability.ring}{covers} |\n"
    )


def _levels(name: str) -> str:
    generator = ladders.GENERATORS[name]
    return f"{generator.level_name} {generator.levels[0]:,}–{generator.levels[-1]:,}"


def strategies(name: str) -> str:
    """Return the scores of strategies that understand nothing, from the report."""
    lines = (SCORES / "ladders.md").read_text(encoding="utf-8").splitlines()
    head = next(line for line in lines if line.startswith("| task |"))
    rows = [line for line in lines if line.startswith(f"| {name} |")]
    if not rows:
        return "What trivial strategies score on it is not measured.\n"
    table = [_cells(line) for line in (head, *rows)]
    rule = "|---|" + "---:|" * (len(table[0]) - 2)
    table_rows = ["| " + " | ".join(cells[1:]) + " |" for cells in table]
    intro = (
        "In per cent, on all items of a level; what the strategies do, and the command, are in "
        "[reports/base-scores/ladders.md](../../reports/base-scores/ladders.md):"
    )
    return "\n".join([_filled(intro), table_rows[0], rule, *table_rows[1:]]) + "\n"


def _cells(line: str) -> list[str]:
    return [cell.strip() for cell in line.strip("|").split("|")]


def samples(name: str, text: Text, unit: str, tasks: Ladders) -> list[str]:
    """Return the sample items, each in both forms."""
    generated = tasks.get(f"{name}_generated")
    metric = generated[2].metric if generated else None
    return [_sample(_row(name, level, number), unit, metric) for level, number in text.samples]


def _row(name: str, level: int, number: int) -> dict[str, Any]:
    """Return a row of the suite, from its file where it has one."""
    wanted = f"{name}-{level}-{number:03d}"
    path = SUITES / "ladders" / f"{name}.jsonl"
    if path.is_file():
        rows = map(json.loads, path.read_text(encoding="utf-8").splitlines())
    else:
        rows = iter(ladders.make(name, seed=LADDER_SEED, n_per_level=N_PER_LEVEL, levels=[level]))
    return next(row for row in rows if row["id"] == wanted)


def _sample(row: dict[str, Any], unit: str, metric: str | None) -> str:
    context = _shortened(row.get("context", ""), row["choices"])
    choices = " · ".join(
        f"**{choice}**" if choice == row["answer"] else choice for choice in row["choices"]
    )
    right = row.get("expected", row["answer"])
    scored = f", scored by `{metric}`" if metric else "; no built-in suite asks it so"
    return (
        f"### {unit} {row[unit]:,} (`{row['id']}`)\n\nBy likelihood:\n\n"
        f"```text\n{context}{row['prompt']} …\n```\n\n{choices}\n\n"
        f"Generated{scored}:\n\n```text\n{'[the same text]' if context else ''}"
        f"{row['question']}\n```\n\nRight: `{right}`\n"
    )


def _shortened(context: str, things: list[str]) -> str:
    """Keep of a long text its first sentence and those that name a choice."""
    if len(context) <= _MOST_CHARACTERS:
        return context
    sentences = context.split(". ")
    kept = [
        sentence
        if number == 0 or any(re.search(rf"\b{thing}\b", sentence) for thing in things)
        else "[…]"
        for number, sentence in enumerate(sentences)
    ]
    text = ". ".join(kept)
    return re.sub(r"(\[…\]\. ?)+", "[…] ", text).replace(" […] […]", " […]")


def base_scores(name: str, items: Sequence[Item]) -> str:
    """Return what a base scores on each level, or that nobody has measured it."""
    path = SCORES / "ladders-base.json"
    measured = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {"rows": []}
    rows = [row for row in measured["rows"] if row["task"] in (name, f"{name}_generated")]
    if not rows:
        return "Not measured yet.\n"
    lines = "".join(
        f"| {row['task']} | {row['level_name']} {row['level']:,} | {row['n_items']:,} | "
        f"{100 * row['score']:.0f} | {100 * row['low']:.0f}–{100 * row['high']:.0f} | "
        f"{_fit(row, items)} |\n"
        for row in rows
    )
    intro = (
        f"{measured['model']}, in per cent, with the 90 % interval; "
        "`python -m scripts.make.ladder_table --base DIR` measures yours. *Fit*: 15 points above "
        "guessing, and above every strategy of the surface."
    )
    return (
        f"{_filled(intro)}\n| task | level | items | score | 90 % | fit |\n"
        f"|---|---|---:|---:|---:|---|\n{lines}"
    )


def _fit(row: Mapping[str, Any], items: Sequence[Item]) -> str:
    """Return whether a level is fit to gate; long texts are told by guessing alone."""
    of_level = [item for item in items if item.level == row["level"]]
    are_short = of_level and len(of_level[0].prompt) <= _MOST_CHARACTERS
    strategies = surface_scores(of_level) if are_short else {}
    return "yes" if is_fit_to_gate(row["score"], 1 / ladders.N_CHOICES, strategies) else "no"


def gating(name: str) -> str:
    """Return which levels gate on each model that was measured, and why others do not."""
    records = [json.loads(path.read_text("utf-8")) for path in sorted(POSITIONS.glob("*.json"))]
    rows = [(r["model"], row) for r in records for row in r["rows"] if row["task"] == name]
    if not rows:
        return f"{_filled(_RULE)}\nNot measured yet.\n"
    lines = "".join(
        f"| {model} | {row['level']} | {row['items']} | {100 * row['mean']:.0f} | "
        f"{_places(row['by place'])} | {row['why not'] or 'yes'} |\n"
        for model, row in rows
    )
    return (
        f"{_filled(_RULE)}\n| model | level | items | score | by place | gates |\n"
        f"|---|---|---:|---:|---|---|\n{lines}"
    )


_RULE = (
    "A level gates on a base that lies 15 points above guessing and above every strategy of the "
    "surface (last, first and most named, longest, place, label), unless its score is proven to "
    "depend on the place or the look of the right answer by more than 20 points, or to lie below "
    "guessing. *By place*: the score where the right choice is the first, second, … by its last "
    "mention; [reports/positions](../../reports/positions/README.md) has more, and the command."
)


def _places(by_place: Sequence[tuple[int, int, float]] | None) -> str:
    return "–" if by_place is None else " ".join(f"{100 * mean:.0f}" for _, _, mean in by_place)


def _first_sentence(text: str) -> str:
    return re.split(r"(?<=\.) ", text)[0]


def _filled(text: str) -> str:
    return textwrap.fill(text, WIDTH, break_long_words=False, break_on_hyphens=False) + "\n"


main = partial(write_or_check, pages, PAGES, module="scripts.make.ladder_pages", doc=__doc__)

if __name__ == "__main__":
    raise SystemExit(main())
