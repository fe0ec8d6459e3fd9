"""Suites: find, load, check and digest them.

A suite is a YAML file beside a folder of JSON Lines items, data only. A name is looked up among
the built-in suites; anything with a slash or ending in .yaml is a path.
"""

from __future__ import annotations

import json
from collections.abc import Iterable, Mapping
from dataclasses import replace
from datetime import date
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from cliffguard.core.canonical_json import digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import SuiteError, key_id, nearest
from cliffguard.core.extents import refuse_absurd
from cliffguard.core.files import is_path, is_special, read_jsonl, read_yaml, user_path, validate
from cliffguard.core.items import Capability, Item, Suite, Task
from cliffguard.core.settings import Ring
from cliffguard.core.terms import Terms
from cliffguard.suites import ladders
from cliffguard.suites.scorers import SCORERS

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Cost = Literal["likelihood", "short generation", "long generation"]

_SCORING = 1  # raised whenever own items are put or scored in another way
BY_LIKELIHOOD = ("acc", "acc_norm")
ITEM_KEYS = [
    "id", "context", "prompt", "choices", "answer", "answers", "question", "expected", "cluster",
    "fields",
]  # fmt: skip
OWN_METRICS = (*BY_LIKELIHOOD, *SCORERS)


class GeneratedItems(BaseModel):
    """Items that are made, not read: by a generator of `cliffguard.suites.ladders`, from a seed."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    generator: str = Field(description="Name of the ladder, such as `arithmetic`.")
    seed: str = Field(description="Any text. Another seed makes other items.")
    n_per_level: int = Field(ge=1, le=10_000, description="Items on each level.")
    levels: tuple[int, ...] | None = Field(
        default=None, min_length=1, description="Levels that are made. Without it, all."
    )
    digest: str = Field(description="That of the items; it is checked when they are made.")


class TaskFile(BaseModel):
    """A task as a suite file writes it.

    It has `items` of its own, or is a task of another suite (`from`); without either, `name` is
    a task of lm-eval.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(
        description="Of own items any, once in all suites of a run. Else lm-eval's task or group."
    )
    from_suite: str | None = Field(
        default=None,
        alias="from",
        description="The suite (a name, or a path) that the task belongs to. Only `gate_levels` "
        "may then be set anew.",
    )
    items: str | GeneratedItems | None = Field(
        default=None,
        description="JSON Lines in the suite's folder, or a generator of a ladder. Without it the "
        "task is lm-eval's.",
    )
    level: str | None = Field(
        default=None,
        description="The items' key that holds the level of a ladder, a whole number.",
    )
    gate_levels: tuple[int, ...] | None = Field(
        default=None,
        min_length=1,
        description="Levels that count for the verdict; the others are only shown. Needs `level`.",
    )
    metric: str | None = Field(
        default=None,
        description="Of own items one of the metrics of own items (without it `acc`). Of an "
        "lm-eval task any that scores an item between 0 and 1 (without it the task's first).",
    )
    filter: str | None = Field(
        default=None,
        description="Of an lm-eval task with several filters (`strict-match`, `flexible-extract`) "
        "the one that scores. Without it the first.",
    )
    chance: float = Field(
        default=0.0,
        ge=0.0,
        lt=1.0,
        description="Score of guessing: what the base has beyond it is what can be lost.",
    )
    num_fewshot: int | None = Field(
        default=None,
        ge=0,
        description="Examples before each item. Own items take them from the same file, never the "
        "item itself. Without it the task's; of own items none.",
    )
    max_tokens: int | None = Field(
        default=None,
        ge=1,
        description="Token limit of a generated answer, own items only. Without it the metric's.",
    )
    stop: tuple[str, ...] | None = Field(
        default=None,
        description="Texts before which a generated answer ends, own items only. Without it the "
        "end of the line for `exact_match` and `normalized_match`, and none for the others.",
    )
    limit: int | None = Field(
        default=None,
        ge=1,
        description="How many of its items are asked at most, in seeded order; of a group or tag, "
        "of each of its tasks. The protocol's `limit` cuts further, and lifts none.",
    )
    cost: Cost | None = Field(
        default=None,
        description="What an answer takes. It is shown, and used by `cliffguard plan`.",
    )


class CapabilityFile(BaseModel):
    """A capability as a suite file writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ring: Ring = Field(description="What its loss would mean: see the rings.")
    description: str = Field(default="", description="For people; lists and reports show it.")
    covers: tuple[Name, ...] = Field(
        default=(), description="Other capabilities that it counts as, such as `out_of_domain_qa`."
    )
    margin: float | None = Field(
        default=None,
        gt=0.0,
        le=0.5,
        description="The drop in mean score that is tolerated where the policy names none for this "
        "capability. It comes before the policy's `default_margin`, and stands in the review.",
    )
    tasks: tuple[TaskFile, ...] = Field(
        min_length=1,
        description="Its tasks, pooled with equal weight for each item. A name alone is a task of "
        "lm-eval.",
    )

    @field_validator("tasks", mode="before")
    @classmethod
    def _names_are_tasks(cls, tasks: Any) -> Any:
        """`- gsm8k` is short for `- {name: gsm8k}`."""
        if not isinstance(tasks, (list, tuple)):
            return tasks
        return [{"name": task} if isinstance(task, str) else task for task in tasks]


class SuiteFile(BaseModel):
    """A suite file."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name = Field(description="How reports and the store call it.")
    version: int = Field(ge=1, description="Raise it when items change.")
    description: str = Field(default="", description="For people; `suites ls` shows it.")
    made: date | None = Field(
        default=None,
        description="The day on which its items were made. After a year `suites check` warns that "
        "newer bases may know them. No part of the digest.",
    )
    capabilities: dict[Name, CapabilityFile] = Field(
        min_length=1, description="The units of a decision, by name. A name belongs to one suite."
    )


@cache
def suites_folder() -> Path:
    """Return the folder of the built-in suites: the checkout's own, else the installed one."""
    home = Path(__file__).resolve().parent.parent.parent
    if (home / "pyproject.toml").is_file() and (home / "suites").is_dir():
        return home / "suites"
    return home / "cliffguard_suites"  # the wheel lays it beside the package


def builtin_names() -> list[str]:
    """Return the names of the built-in suites, sorted."""
    return sorted(path.stem for path in suites_folder().glob("*.yaml"))


def load_suite(name: str, *, folder: Path | None = None) -> Suite:
    """Load a built-in suite by name, or a suite file by path (relative to `folder`).

    Raises SuiteError with file and line for anything that is wrong inside.
    """
    path, written = read_suite(name, folder=folder)
    capabilities = tuple(
        Capability(
            name=capability,
            ring=body.ring,
            description=body.description,
            covers=body.covers,
            margin=body.margin,
            tasks=tuple(_task(entry, capability, written.name, path) for entry in body.tasks),
        )
        for capability, body in written.capabilities.items()
    )
    _refuse_repeats((t.name for c in capabilities for t in c.tasks), "task", str(path))
    content = [
        _without_unset(written.model_dump(mode="json", exclude={"made"})),
        [task.digest for capability in capabilities for task in capability.tasks],
    ]
    return Suite(
        name=written.name,
        version=written.version,
        description=written.description,
        made=written.made,
        capabilities=capabilities,
        digest=digest(content),
    )


def read_suite(name: str, *, folder: Path | None = None) -> tuple[Path, SuiteFile]:
    """Return where a suite lies and what its file says, its items unread. Raises SuiteError."""
    path = _find(name, folder or Path())
    return path, _written(path)


def load_suites(names: Iterable[str], *, folder: Path | None = None) -> tuple[Suite, ...]:
    """Load several suites and refuse suites, capabilities or tasks that share a name."""
    return together(load_suite(name, folder=folder) for name in names)


def together(suites: Iterable[Suite]) -> tuple[Suite, ...]:
    """Return suites of one run. Refuses suites, capabilities or tasks that share a name."""
    suites = tuple(suites)
    where = ", ".join(suite.name for suite in suites)
    _refuse_repeats((s.name for s in suites), "suite", where)
    capabilities = [c for s in suites for c in s.capabilities]
    _refuse_repeats((c.name for c in capabilities), "capability", where)
    _refuse_repeats((t.name for c in capabilities for t in c.tasks), "task", where)
    return suites


_ADDED = ("from_suite", "stop", "covers", "limit", "cost", "margin")
"""Keys that suites did not always have: one that has none of them keeps its digest."""


def _without_unset(value: Any) -> Any:
    if isinstance(value, dict):
        kept = ((k, v) for k, v in value.items() if v not in (None, []) or k not in _ADDED)
        return {key: _without_unset(inner) for key, inner in kept}
    return [_without_unset(inner) for inner in value] if isinstance(value, list) else value


WANTED = {
    "multi_step_reasoning": "questions of several steps",
    "out_of_domain_qa": "questions outside the target's domain",
}
"""What fine-tunes are known to lose in silence: a comparison without it is told so."""


def not_covered(suites: Iterable[Suite]) -> tuple[Caveat, ...]:
    """Return a caveat for each of `WANTED` that no capability of the suites is, or covers."""
    covered = {name for suite in suites for c in suite.capabilities for name in (c.name, *c.covers)}
    return tuple(
        Caveat(
            id="suites.not-covered",
            text=f"Not measured: {text}, which a fine-tune loses most easily; no capability of "
            f"these suites is or covers {name}.",
        )
        for name, text in WANTED.items()
        if name not in covered
    )


def _written(path: Path) -> SuiteFile:
    raw = read_yaml(path, SuiteError, kind="suite")
    valid = validate(TypeAdapter(SuiteFile), raw, str(path), SuiteError, kind="suite")
    _refuse_switches(raw, f"{path}: ")
    return valid


def _refuse_switches(value: Any, where: str, key: str = "") -> None:
    """Refuse true and false where a number was made of them: no key of a suite is a switch."""
    if isinstance(value, bool):
        text = str(value).lower()
        raise SuiteError(
            f"{where.removesuffix('.')}: expected a number, found {text}", id=key_id("suite", key)
        )
    if isinstance(value, Mapping):
        for name, inner in value.items():
            _refuse_switches(inner, f"{where}{name}.", str(name))
    if isinstance(value, list):
        for index, inner in enumerate(value):
            _refuse_switches(inner, f"{where}{index}.", key)


def _find(name: str, folder: Path) -> Path:
    if is_path(name):
        return folder / user_path(name, SuiteError)
    path = suites_folder() / f"{name}.yaml"
    if not path.is_file():
        known = builtin_names()
        raise SuiteError(
            f"no suite is called {name!r}{nearest(name, known)} "
            f"(built-in: {', '.join(known)}; a path needs a slash or .yaml)",
            id="suite.unknown-suite",
        )
    return path


def _refuse_repeats(names: Iterable[str], kind: str, where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise SuiteError(
                f"{where}: the {kind} {name!r} stands twice; rename one of them", id="suite.name"
            )
        seen.add(name)


def _task(written: TaskFile, capability: str, suite: str, path: Path) -> Task:
    where = f"{path}: {capability}.{written.name}"
    if written.from_suite is not None:
        return _borrowed(written, capability, path, where)
    if written.items is not None and written.metric is None:
        written = written.model_copy(update={"metric": "acc"})
    check_task(written, where)
    items, fields = ((), {}) if written.items is None else _items(written, path, where)
    task = make_task(written, items, capability=capability, suite=suite, where=where)
    return replace(task, fields=fields)


def make_task(
    written: TaskFile, items: tuple[Item, ...], *, capability: str, suite: str, where: str
) -> Task:
    """Return the task that `check_task` has let through, over these items."""
    metric = written.metric
    _check_levels(written, items, where)
    max_tokens, stop = written.max_tokens, written.stop
    scorer = SCORERS.get(metric or "") if written.items is not None else None
    if scorer is not None:
        max_tokens = max_tokens or scorer.max_tokens
        stop = (("\n",) if scorer.is_one_line else ()) if stop is None else stop
    # Only what may change an answer: chance and gating levels may be corrected at no cost.
    is_noted = scorer is not None and list(stop or ()) != ["\n"]
    settled = (written.name, metric, written.filter, written.num_fewshot, max_tokens, _SCORING)
    terms = Terms(before=settled, after=(list(stop or ()),) if is_noted else ())
    return Task(
        name=written.name,
        entry=written.name,
        suite=suite,
        capability=capability,
        stock=written.items is None,
        metric=metric,
        filter=written.filter,
        chance=written.chance,
        level=written.level,
        gate_levels=written.gate_levels,
        num_fewshot=written.num_fewshot,
        max_tokens=max_tokens,
        stop=stop or (),
        limit=written.limit,
        cost=written.cost,
        items=items,
        digest=terms.digest_of(
            [(item.id, item.digest, item.level) for item in items], written.limit
        ),
        terms=terms,
    )


def _borrowed(written: TaskFile, capability: str, path: Path, where: str) -> Task:
    """Return a task of another suite, which keeps its items, its name and its stored answers."""
    allowed = {"name", "from_suite", "gate_levels"}
    set_too = sorted(written.model_fields_set - allowed)
    if set_too:
        raise SuiteError(
            f"{where}: {set_too[0]} is for {written.from_suite} to say, whose task it is",
            id=key_id("suite", set_too[0]),
        )
    name = str(written.from_suite)
    source = _find(name, path.parent)
    if is_path(name):
        source = inside(path, name, f"{where}: from")
    lent = _written(source)
    tasks = {task.name: task for body in lent.capabilities.values() for task in body.tasks}
    if written.name not in tasks:
        raise SuiteError(
            f"{where}: {name} has no such task{nearest(written.name, tasks)}", id="suite.from"
        )
    theirs = tasks[written.name]
    if theirs.from_suite is not None:
        raise SuiteError(
            f"{where}: {name} has it from {theirs.from_suite}; name that suite", id="suite.from"
        )
    if written.gate_levels is not None:
        theirs = theirs.model_copy(update={"gate_levels": written.gate_levels})
    return _task(theirs, capability, lent.name, source)


def check_task(written: TaskFile, where: str) -> None:
    """Raise SuiteError with `where` for keys of a task that do not go together."""
    metric = written.metric
    if written.gate_levels is not None and written.level is None:
        raise SuiteError(
            f"{where}: gate_levels needs level: the name of the items' level field",
            id="suite.gate-levels",
        )
    if written.items is None:
        if written.level is not None or written.max_tokens is not None or written.stop is not None:
            raise SuiteError(
                f"{where}: level, max_tokens and stop need items of your own", id="suite.items"
            )
        return
    if metric not in OWN_METRICS:
        raise SuiteError(
            f"{where}: metric {metric!r} is not one of {', '.join(OWN_METRICS)}"
            f"{nearest(str(metric), OWN_METRICS)}",
            id="suite.metric",
        )
    if written.filter is not None:
        raise SuiteError(
            f"{where}: filter belongs to lm-eval tasks, not to items of your own",
            id="suite.filter",
        )
    if metric in BY_LIKELIHOOD and (written.max_tokens is not None or written.stop is not None):
        raise SuiteError(
            f"{where}: max_tokens and stop belong to answers that are generated, not to {metric}",
            id="suite.max-tokens",
        )
    if written.stop is not None and not all(written.stop):
        raise SuiteError(
            f"{where}: stop holds an empty text; leave it out, or name where to stop",
            id="suite.stop",
        )


def _check_levels(written: TaskFile, items: tuple[Item, ...], where: str) -> None:
    if written.gate_levels is None:
        return
    absent = sorted(set(written.gate_levels) - {item.level for item in items})
    if absent:
        raise SuiteError(
            f"{where}: gate_levels names {absent}, but no item has such a level",
            id="suite.gate-levels",
        )


def _items(
    written: TaskFile, path: Path, where: str
) -> tuple[tuple[Item, ...], dict[str, Mapping[str, str]]]:
    """Return the items of a task, and what their rows' `fields` say, by item."""
    source, rows = _rows(written, path, where)
    items: list[Item] = []
    seen: dict[str, int] = {}
    fields: dict[str, Mapping[str, str]] = {}
    for number, row in rows:
        item = make_item(
            row, metric=written.metric, level=written.level, where=f"{source}:{number}"
        )
        if item.id in seen:
            raise SuiteError(
                f"{source}:{number}: the id {item.id!r} stands already in line {seen[item.id]}",
                id="item.twice",
            )
        seen[item.id] = number
        items.append(item)
        if "fields" in row:
            fields[item.id] = _fields(row["fields"], f"{source}:{number}")
    if not items:
        raise SuiteError(
            f"{source}: holds no items; a task needs at least one", id="suite.no-items"
        )
    return tuple(items), fields


def _fields(value: Any, where: str) -> dict[str, str]:
    """Return what a row says of itself for `cluster` and `strata` of a policy, as texts."""
    if not isinstance(value, dict):
        raise SuiteError(
            f'{where}: fields must be an object, such as {{"topic": "law"}}', id="item.fields"
        )
    for name, inner in value.items():
        if not isinstance(inner, (str, int, float)):
            raise SuiteError(f"{where}: fields.{name} must be a text or a number", id="item.fields")
    return {str(name): str(inner) for name, inner in value.items()}


def _rows(
    written: TaskFile, path: Path, where: str
) -> tuple[str, Iterable[tuple[int, dict[str, Any]]]]:
    """Return the name of what holds the rows, and each row with its number in it."""
    if isinstance(written.items, GeneratedItems):
        made = written.items
        try:
            rows = ladders.make(
                made.generator, seed=made.seed, n_per_level=made.n_per_level, levels=made.levels
            )
        except ValueError as failure:
            raise SuiteError(f"{where}: items: {failure}", id="suite.items") from None
        actual = digest(rows)
        if actual != made.digest:
            raise SuiteError(
                f"{where}: items: {made.generator} makes other items (digest {actual}) than those "
                "that the suite was measured with; take the cliffguard that wrote it",
                id="suite.other-items",
            )
        return f"{where}: items", enumerate(rows, start=1)
    source = inside(path, str(written.items), f"{where}: items")
    return str(source), read_jsonl(source, SuiteError)


def inside(path: Path, name: str, where: str) -> Path:
    """Return the file that a suite names, links followed; SuiteError outside the suite's folder."""
    if "\0" in name:
        raise SuiteError(f"{where}: a path cannot hold a null character", id="suite.items-path")
    try:
        folder = path.parent.resolve()
        source = (folder / name).resolve()
    except (OSError, RuntimeError):  # links in a circle
        raise SuiteError(
            f"{where} {name!r}: no such file; its links lead nowhere", id="suite.items-path"
        ) from None
    if not source.is_relative_to(folder):
        raise SuiteError(f"{where} {name!r} lies outside the suite's folder", id="suite.items-path")
    if is_special(source):
        raise SuiteError(
            f"{where} {name!r} is a pipe or a device, not a file", id="suite.items-path"
        )
    return source


def make_item(row: dict[str, Any], *, metric: str | None, level: str | None, where: str) -> Item:
    """Return the item that a line of JSON Lines holds. Raises SuiteError with `where`.

    A row may hold both of an item's forms: `prompt`, `choices` and `answer` for the one by
    likelihood, `question` and `expected` (where it is not the answer) for the generated one;
    `context` stands before either. `answers` in place of `answer` are several, any of them right.
    """
    known = {*ITEM_KEYS, level}
    for key in row:
        if key not in known:
            raise SuiteError(
                f"{where}: unknown key {key!r}{nearest(key, filter(None, known))}",
                id="item.unknown-key",
            )
    scorer = SCORERS.get(metric or "")
    is_asked = scorer is not None and "question" in row
    key = "question" if is_asked else "prompt"
    prompt = _text(row, key, where)
    if "context" in row:
        prompt = _text(row, "context", where) + prompt
    if prompt != prompt.rstrip():
        raise SuiteError(
            f"{where}: {key} ends in white space, which changes how answers tokenise",
            id="item.white-space",
        )
    answers = _answers(row, "expected" if is_asked and "expected" in row else "answer", where)
    answer = answers[0]
    if len(answers) > 1:
        refuse_several(metric, where)
    choices = _choices(row, answer, where) if scorer is None else ()
    if scorer is not None:
        if "choices" in row and not is_asked:
            raise SuiteError(
                f"{where}: choices and metric {metric} exclude each other; use acc, or write the "
                "question of the generated form too",
                id="item.choices",
            )
        try:
            list(map(scorer.check, answers))
        except ValueError as failure:
            raise SuiteError(f"{where}: answer: {failure}", id="item.answer") from None
    refuse_absurd(prompt, choices, answer, where)
    cluster = row.get("cluster")
    if cluster is not None and not isinstance(cluster, str):
        raise SuiteError(
            f"{where}: cluster must be text, found {json.dumps(cluster)}", id="item.cluster"
        )
    return Item(
        id=_text(row, "id", where),
        digest=digest([prompt, list(choices), list(answers) if len(answers) > 1 else answer]),
        prompt=prompt,
        choices=choices,
        answer=answer,
        level=_level(row, level, where),
        cluster=cluster,
        answers=answers if len(answers) > 1 else (),
    )


def _text(row: dict[str, Any], key: str, where: str) -> str:
    if key not in row:
        raise SuiteError(f"{where}: {key} is missing", id="item.missing-key")
    value = row[key]
    if not isinstance(value, str) or not value.strip():
        raise SuiteError(
            f"{where}: {key} must be text, not blank, found {json.dumps(value)}", id="item.text"
        )
    return value


def refuse_several(metric: str | None, where: str) -> None:
    """Refuse several right answers under a metric that takes one."""
    able = [name for name, scorer in SCORERS.items() if scorer.takes_several]
    if metric not in able:
        raise SuiteError(
            f"{where}: has several right answers, and metric {metric} takes one; any of several is "
            f"right under {', '.join(able)}: name one as metric (--target-metric exact_match)",
            id="suite.several-answers",
        )


def _answers(row: dict[str, Any], key: str, where: str) -> tuple[str, ...]:
    """Return the right answers of a row, each once: of `key`, or of the list `answers`."""
    if "answers" not in row:
        return (_text(row, key, where),)
    if key in row:
        raise SuiteError(
            f"{where}: has {key} and answers; keep one of them", id="suite.two-answers"
        )
    answers = row["answers"]
    if not isinstance(answers, list) or not answers:
        raise SuiteError(
            f"{where}: answers must be a list of texts, one or more", id="suite.answers"
        )
    if not all(isinstance(answer, str) and answer.strip() for answer in answers):
        raise SuiteError(
            f"{where}: every one of answers must be text that is not blank", id="suite.answers"
        )
    return tuple(dict.fromkeys(answers))


def _choices(row: dict[str, Any], answer: str, where: str) -> tuple[str, ...]:
    if "choices" not in row:
        raise SuiteError(f"{where}: choices is missing", id="item.choices")
    choices = row["choices"]
    if not isinstance(choices, list) or len(choices) < 2:
        raise SuiteError(
            f"{where}: choices must be a list of at least two texts", id="item.choices"
        )
    if not all(isinstance(choice, str) and choice.strip() for choice in choices):
        raise SuiteError(f"{where}: every choice must be text that is not blank", id="item.choices")
    if len(set(choices)) != len(choices):
        raise SuiteError(f"{where}: a choice stands twice", id="item.choices")
    if answer not in choices:
        raise SuiteError(
            f"{where}: the answer {answer!r} is not among the choices", id="item.answer"
        )
    return tuple(choices)


def _level(row: dict[str, Any], field: str | None, where: str) -> int | None:
    if field is None:
        return None
    level = row.get(field)
    if not isinstance(level, int) or isinstance(level, bool):
        raise SuiteError(
            f"{where}: {field} (the level) must be a whole number, found {level!r}", id="item.level"
        )
    return level
