"""Write a page about each suite of chats into docs/suites, or check that they are up to date.

python -m scripts.make.skill_pages            # write docs/suites/*.md
python -m scripts.make.skill_pages --check    # exit 1 and name the page that differs

The words are in skill_pages.yaml, the tasks in skills.yaml; items and what `plan` says
are computed. Scores are read from reports/base-scores/chats/*.json, one file a model, as
`scripts.make.ladder_table --json` writes them.
"""

from __future__ import annotations

import json
from collections.abc import Iterator, Mapping, Sequence
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from cliffguard.core.chats import chat_in
from cliffguard.core.items import Capability, Suite, Task
from cliffguard.core.texts import n_things
from cliffguard.suites.loading import load_suite
from scripts.make.ladder_pages import HOME, SCORES, _filled
from scripts.make.output import write_or_check
from scripts.make.skill_suites import SPECS
from scripts.studies.suite_power import trial_of

PAGES = HOME / "docs" / "suites"
TEXTS: Mapping[str, Any] = yaml.safe_load(
    Path(__file__).with_name("skill_pages.yaml").read_text(encoding="utf-8")
)
_LICENCE = (
    "The items are our own, made by `cliffguard/suites/skills/` when the suite is loaded, and "
    "under Apache-2.0 as all of cliffguard. None is taken from a benchmark. An item depends on its "
    "task, level, number and seed alone; wordings and places are dealt equally often, and no "
    "item of a level repeats another."
)


def pages() -> dict[str, str]:
    """Return every page by its file's name."""
    return {f"{name}.md": page(name) for name in SPECS}


def page(name: str) -> str:
    """Return the page of one suite."""
    text, suite = TEXTS[name], load_suite(name)
    tasks = {task.name: task for capability in suite.capabilities for task in capability.tasks}
    made = "".join(f"- **{task}.** {words}\n" for task, words in text["tasks"].items())
    parts = [
        f"# {text['title']}: `{name}`\n\n"
        "<!-- Made by scripts/make/skill_pages.py from skill_pages.yaml. -->\n",
        _filled(text["measures"]),
        table_of(suite),
        _filled(text["choose"]),
        f"## Items\n\n{_filled(text['wins'])}\n{made}",
        "## Three items\n\n" + "\n".join(_sample(tasks, *where) for where in text["samples"]),
        "## What it can decide\n\n" + _filled(power(name)),
        "## What models score\n\n" + scores(tasks),
        "## What it costs\n\n" + costs([name, "adjacent"]),
        "## Licence\n\n" + _filled(_LICENCE),
    ]
    return "\n".join(parts)


def table_of(suite: Suite) -> str:
    """Return the tasks with what is to be known before they are asked."""
    rows = "".join(
        _row(capability, task) for capability in suite.capabilities for task in capability.tasks
    )
    shadow = f"`{suite.name}-shadow` has as many from another seed."
    return (
        "| capability | margin | task | metric | items | tokens |\n|---|---:|---|---|---:|---:|\n"
        f"{rows}\n{shadow}\n"
    )


def _row(capability: Capability, task: Task) -> str:
    levels = sorted({item.level for item in task.items if item.level is not None})
    each = len(task.items) // max(1, len(levels))
    items = f"{len(levels)} × {each}" if levels else str(each)
    unit = f", {task.level} {levels[0]}–{levels[-1]}" if levels else ""
    return (
        f"| {capability.name} | {100 * (capability.margin or 0):g} | {task.name}{unit} | "
        f"`{task.metric}` | {items} | {task.max_tokens} |\n"
    )


def _sample(tasks: Mapping[str, Task], name: str, level: int, number: int) -> str:
    item = next(i for i in tasks[name].items if i.id == f"{name}-{level}-{number:03d}")
    chat = chat_in(item.chat or "")
    tools = "".join(f"tool: {json.dumps(tool['function'])}\n" for tool in chat.tools)
    turns = chat.as_text().split("\n", 1)[1] if chat.tools else chat.as_text()
    fence = "````" if "```" in turns + item.answer else "```"
    right = "\n".join(item.answers or (item.answer,))
    return (
        f"### {name} (`{item.id}`)\n\n{fence}text\n{tools}{turns}\n{fence}\n\n"
        f"Right, by `{tasks[name].metric}`:\n\n{fence}text\n{right}\n{fence}\n"
    )


def power(name: str) -> str:
    """Return what `plan` says of a candidate that lost nothing."""
    trial = trial_of(name)
    analysis = trial.analysis()
    return (
        "A candidate that lost nothing, and of whose answers a tenth changed in both directions "
        f"alike, passes the whole suite with a chance of {100 * analysis.chance_pass:.0f} %, by "
        f"`cliffguard plan --suite {name} --churn 0.1` on all {analysis.n_planned:,} items; "
        f"`python -m scripts.studies.suite_power --suite {name}` says it again, by the gate itself "
        "and with the chance to find a loss of ten points in each capability."
    )


def measured() -> list[dict[str, Any]]:
    """Return what was kept of each model that was asked."""
    return [
        json.loads(path.read_text(encoding="utf-8"))
        for path in sorted((SCORES / "chats").glob("*.json"))
    ]


def scores(tasks: Mapping[str, Task]) -> str:
    """Return what each model scored, level by level; None where nobody has asked it."""
    records = measured()
    lines = [line for task in tasks.values() for line in _lines(task, records)]
    if not lines:
        return "Not measured yet.\n"
    head = "".join(f" {record['model']} |" for record in records)
    intro = (
        "In per cent, with the number of items that were asked: few, for a first look. An answer "
        "had at most 256 tokens. `python -m scripts.make.ladder_table --suite NAME --base DIR "
        "--per-capability 64 --max-tokens 256` asks yours. "
        + " ".join(f"{record['model']}: {record['how']}" for record in records if "how" in record)
    )
    rule = "|---|---|" + "---:|" * len(records)
    parts = [_filled(intro), f"| task | level |{head}\n{rule}\n{''.join(lines)}"]
    return "\n".join([*parts, *_nothing_to_lose(tasks, records)])


def _nothing_to_lose(
    tasks: Mapping[str, Task], records: Sequence[Mapping[str, Any]]
) -> Iterator[str]:
    """Yield what a level at 0 % means, and on which models a task has one."""
    named = "; ".join(
        f"{record['model']}: {', '.join(levels)}"
        for record in records
        if (levels := list(_at_zero(tasks, record["rows"])))
    )
    if named:
        yield _filled(f"{_ZERO} At 0 % of three items or more are, of {named}. {_FEW}")


_ZERO = (
    "**A level at 0 % can lose nothing, and so cannot gate.** Where a base has no more beyond "
    "guessing than the margin, a level of a ladder is left out of its capability, with a caveat; a "
    "task without levels stays in the mean and cannot fall, so that a loss in the rest looks "
    "smaller; and a capability that has nothing to lose is NOT_MEASURED, whatever a candidate does "
    "there ([decision 43](../decisions/0043-nothing-to-lose.md))."
)


_FEW = "Of so few items a level may only look like it: measure your base."
_LEAST_ITEMS = 3  # of a level that is named as being at 0 %


def _at_zero(tasks: Mapping[str, Task], rows: Sequence[Mapping[str, Any]]) -> Iterator[str]:
    for name, task in tasks.items():
        of_task = (row for row in rows if row["task"] == name and row["n_items"] >= _LEAST_ITEMS)
        levels = [str(row["level"]) for row in of_task if row["score"] == 0.0]
        if levels:
            where = f" ({task.level} {', '.join(levels)})" if task.level else ""
            yield f"`{name}`{where}"


def costs(names: Sequence[str]) -> str:
    """Return what asking each model took, suite by suite."""
    sizes = {
        name: {task.name: len(task.items) for task in load_suite(name).tasks} for name in names
    }
    lines = [
        _cost_line(name, record["model"], rows, sizes[name])
        for name in names
        for record in measured()
        if (rows := [row for row in record.get("costs", []) if row["suite"] == name])
        and {row["task"] for row in rows} == sizes[name].keys()
    ]
    if not lines:
        return "Not measured yet.\n"
    machines = {(r["machine"], r["threads"]) for m in measured() for r in m.get("costs", [])}
    where = "; ".join(f"{machine}, {n_things(n, 'thread')}" for machine, n in sorted(machines))
    intro = (
        "From the run of the scores above, once the model was loaded, in float32 on a CPU "
        f"({where}). *Minutes* are of the processor, since other processes shared the machine; the "
        "clock showed what stands beside them. *All* is reckoned from them, task by task, and "
        "rough. *Cut* are answers that the limit of tokens ended; where those and the unreadable "
        "are over 5 % of a base's answers to a capability, it is INCONCLUSIVE. `adjacent`, which "
        "a check without `--suite` takes, is asked by likelihood."
    )
    head = "| suite | model | items | tokens of an answer | cut | minutes | by the clock | all |\n"
    return f"{_filled(intro)}\n{head}|---|---|---:|---:|---:|---:|---:|---:|\n{''.join(lines)}"


def _cost_line(
    suite: str, model: str, rows: Sequence[Mapping[str, Any]], sizes: Mapping[str, int]
) -> str:
    total = {key: sum(row[key] for row in rows) for key in _ADDED}
    each = total["n_answer_tokens"] / total["n_items"]
    seconds = sum(sizes[r["task"]] * r["processor_seconds"] / r["n_items"] for r in rows)
    is_generated = any(row["max_tokens"] for row in rows)
    length = (f"{each:.0f}", f"{total['n_cut']}") if is_generated else ("–", "–")
    cells = (
        *(suite, model, f"{total['n_items']}", *length, f"{total['processor_seconds'] / 60:.1f}"),
        *(f"{total['seconds'] / 60:.0f}", f"{seconds / 60:.0f} for {sum(sizes.values()):,}"),
    )
    return f"| {' | '.join(cells)} |\n"


_ADDED = ("n_items", "n_answer_tokens", "n_cut", "seconds", "processor_seconds")


def _lines(task: Task, records: Sequence[Mapping[str, Any]]) -> list[str]:
    levels = sorted({item.level or 0 for item in task.items})
    lines = []
    for level in levels:
        cells = [_cell(record["rows"], task.name, level) for record in records]
        shown = f"{task.level} {level}" if task.level else "–"
        if any(cells):
            lines.append(
                f"| {task.name} | {shown} |" + "".join(f" {c or '–'} |" for c in cells) + "\n"
            )
    return lines


def _cell(rows: Sequence[Mapping[str, Any]], task: str, level: int) -> str:
    row = next((r for r in rows if r["task"] == task and r["level"] == level), None)
    return f"{100 * row['score']:.0f} of {row['n_items']}" if row else ""


main = partial(write_or_check, pages, PAGES, module="scripts.make.skill_pages", doc=__doc__)

if __name__ == "__main__":
    raise SystemExit(main())
