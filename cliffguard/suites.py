"""Suites: find, load, check and digest them.

A suite is a YAML file beside a folder of JSON Lines items, data only. A name is looked up among
the built-in suites; anything with a slash or ending in .yaml is a path.
"""

from __future__ import annotations

import json
from collections.abc import Iterable
from functools import cache
from pathlib import Path
from typing import Annotated, Any, Literal

from pydantic import BaseModel, ConfigDict, Field, TypeAdapter, field_validator

from cliffguard.canonical import digest
from cliffguard.errors import SuiteError, nearest
from cliffguard.files import read_jsonl, read_yaml, user_path, validate
from cliffguard.plans import Ring
from cliffguard.records import Capability, Item, Suite, Task

Name = Annotated[str, Field(pattern=r"^[A-Za-z0-9][A-Za-z0-9_.-]*$")]
Cost = Literal["likelihood", "short generation", "long generation"]

_DEFAULT_MAX_TOKENS = 16
_SCORING = 1  # raised whenever own items are put or scored in another way
_OWN_METRICS = ("acc", "acc_norm", "exact_match")


class TaskFile(BaseModel):
    """A task as a suite file writes it; without `items` it is the name of an lm-eval task."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    name: Name
    items: str | None = None
    level: str | None = None
    gate_levels: tuple[int, ...] | None = Field(default=None, min_length=1)
    metric: str | None = None
    filter: str | None = None
    chance: float = Field(default=0.0, ge=0.0, lt=1.0)
    num_fewshot: int | None = Field(default=None, ge=0)
    max_tokens: int | None = Field(default=None, ge=1)
    limit: int | None = Field(default=None, ge=1)
    cost: Cost | None = None


class CapabilityFile(BaseModel):
    """A capability as a suite file writes it."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    ring: Ring
    description: str = ""
    margin: float | None = Field(default=None, gt=0.0, le=0.5)
    tasks: tuple[TaskFile, ...] = Field(min_length=1)

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

    name: Name
    version: int = Field(ge=1)
    description: str = ""
    capabilities: dict[Name, CapabilityFile] = Field(min_length=1)


@cache
def suites_folder() -> Path:
    """Return the folder of the built-in suites: the checkout's own, else the installed one."""
    home = Path(__file__).resolve().parent.parent
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
    path = _find(name, folder or Path())
    written = validate(TypeAdapter(SuiteFile), read_yaml(path, SuiteError), str(path), SuiteError)
    capabilities = tuple(
        Capability(
            name=capability,
            ring=body.ring,
            description=body.description,
            margin=body.margin,
            tasks=tuple(_task(entry, capability, written.name, path) for entry in body.tasks),
        )
        for capability, body in written.capabilities.items()
    )
    _refuse_repeats((t.name for c in capabilities for t in c.tasks), "task", str(path))
    content = [
        _without_unset(written.model_dump(mode="json")),
        [task.digest for capability in capabilities for task in capability.tasks],
    ]
    return Suite(
        name=written.name,
        version=written.version,
        description=written.description,
        capabilities=capabilities,
        digest=digest(content),
    )


def load_suites(names: Iterable[str], *, folder: Path | None = None) -> tuple[Suite, ...]:
    """Load several suites and refuse suites, capabilities or tasks that share a name."""
    suites = tuple(load_suite(name, folder=folder) for name in names)
    where = ", ".join(suite.name for suite in suites)
    _refuse_repeats((s.name for s in suites), "suite", where)
    capabilities = [c for s in suites for c in s.capabilities]
    _refuse_repeats((c.name for c in capabilities), "capability", where)
    _refuse_repeats((t.name for c in capabilities for t in c.tasks), "task", where)
    return suites


_ADDED = ("limit", "cost", "margin")
"""Keys that suites did not always have: one that has none of them keeps its digest."""


def _without_unset(value: Any) -> Any:
    if isinstance(value, dict):
        kept = ((k, v) for k, v in value.items() if v is not None or k not in _ADDED)
        return {key: _without_unset(inner) for key, inner in kept}
    return [_without_unset(inner) for inner in value] if isinstance(value, list) else value


def _find(name: str, folder: Path) -> Path:
    if "/" in name or name.endswith((".yaml", ".yml")):
        return folder / user_path(name, SuiteError)
    path = suites_folder() / f"{name}.yaml"
    if not path.is_file():
        known = builtin_names()
        raise SuiteError(
            f"no suite is called {name!r}{nearest(name, known)} "
            f"(built-in: {', '.join(known)}; a path needs a slash or .yaml)"
        )
    return path


def _refuse_repeats(names: Iterable[str], kind: str, where: str) -> None:
    seen: set[str] = set()
    for name in names:
        if name in seen:
            raise SuiteError(f"{where}: the {kind} {name!r} stands twice; rename one of them")
        seen.add(name)


def _task(written: TaskFile, capability: str, suite: str, path: Path) -> Task:
    where = f"{path}: {capability}.{written.name}"
    metric = written.metric
    if written.items is not None:
        metric = metric or "acc"
    _check_task(written, metric, where)
    items = () if written.items is None else _items(written, path, where)
    _check_levels(written, items, where)
    generated = written.items is not None and metric == "exact_match"
    max_tokens = written.max_tokens or (_DEFAULT_MAX_TOKENS if generated else None)
    # Only what may change an answer: chance and gating levels may be corrected at no cost.
    asked: list[Any] = [written.name, metric, written.filter, written.num_fewshot, max_tokens]
    asked += [_SCORING, *with_limit(written.limit)]
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
        limit=written.limit,
        cost=written.cost,
        items=items,
        digest=digest([asked, [[item.id, item.digest, item.level] for item in items]]),
    )


def with_limit(limit: int | None) -> list[dict[str, int]]:
    """Return what a limit adds to a task's digest: nothing where there is none."""
    return [] if limit is None else [{"limit": limit}]


def _check_task(written: TaskFile, metric: str | None, where: str) -> None:
    if written.gate_levels is not None and written.level is None:
        raise SuiteError(f"{where}: gate_levels needs level: the name of the items' level field")
    if written.items is None:
        if written.level is not None or written.max_tokens is not None:
            raise SuiteError(f"{where}: level and max_tokens need items of your own")
        return
    if metric not in _OWN_METRICS:
        raise SuiteError(
            f"{where}: metric {metric!r} is not one of {', '.join(_OWN_METRICS)}"
            f"{nearest(str(metric), _OWN_METRICS)}"
        )
    if written.filter is not None:
        raise SuiteError(f"{where}: filter belongs to lm-eval tasks, not to items of your own")
    if written.max_tokens is not None and metric != "exact_match":
        raise SuiteError(f"{where}: max_tokens belongs to metric exact_match")


def _check_levels(written: TaskFile, items: tuple[Item, ...], where: str) -> None:
    if written.gate_levels is None:
        return
    absent = sorted(set(written.gate_levels) - {item.level for item in items})
    if absent:
        raise SuiteError(f"{where}: gate_levels names {absent}, but no item has such a level")


def _items(written: TaskFile, path: Path, where: str) -> tuple[Item, ...]:
    if "\0" in str(written.items):
        raise SuiteError(f"{where}: items: a path cannot hold a null character")
    source = (path.parent / str(written.items)).resolve()
    if not source.is_relative_to(path.parent.resolve()):
        raise SuiteError(f"{where}: items {written.items!r} lies outside the suite's folder")
    items: list[Item] = []
    seen: dict[str, int] = {}
    for number, row in read_jsonl(source, SuiteError):
        item = make_item(
            row, metric=written.metric, level=written.level, where=f"{source}:{number}"
        )
        if item.id in seen:
            raise SuiteError(
                f"{source}:{number}: the id {item.id!r} stands already in line {seen[item.id]}"
            )
        seen[item.id] = number
        items.append(item)
    if not items:
        raise SuiteError(f"{source}: holds no items; a task needs at least one")
    return tuple(items)


def make_item(row: dict[str, Any], *, metric: str | None, level: str | None, where: str) -> Item:
    """Return the item that a line of JSON Lines holds. Raises SuiteError with `where`."""
    known = {"id", "prompt", "choices", "answer", "cluster", level}
    for key in row:
        if key not in known:
            raise SuiteError(f"{where}: unknown key {key!r}{nearest(key, filter(None, known))}")
    prompt = _text(row, "prompt", where)
    if prompt != prompt.rstrip():
        raise SuiteError(f"{where}: prompt ends in white space, which changes how answers tokenise")
    answer = _text(row, "answer", where)
    choices = _choices(row, answer, where) if metric != "exact_match" else ()
    if metric == "exact_match" and "choices" in row:
        raise SuiteError(f"{where}: choices and metric exact_match exclude each other; use acc")
    cluster = row.get("cluster")
    if cluster is not None and not isinstance(cluster, str):
        raise SuiteError(f"{where}: cluster must be text, found {json.dumps(cluster)}")
    return Item(
        id=_text(row, "id", where),
        digest=digest([prompt, list(choices), answer]),
        prompt=prompt,
        choices=choices,
        answer=answer,
        level=_level(row, level, where),
        cluster=cluster,
    )


def _text(row: dict[str, Any], key: str, where: str) -> str:
    if key not in row:
        raise SuiteError(f"{where}: {key} is missing")
    value = row[key]
    if not isinstance(value, str) or not value.strip():
        raise SuiteError(f"{where}: {key} must be text, not blank, found {json.dumps(value)}")
    return value


def _choices(row: dict[str, Any], answer: str, where: str) -> tuple[str, ...]:
    if "choices" not in row:
        raise SuiteError(f"{where}: choices is missing")
    choices = row["choices"]
    if not isinstance(choices, list) or len(choices) < 2:
        raise SuiteError(f"{where}: choices must be a list of at least two texts")
    if not all(isinstance(choice, str) and choice.strip() for choice in choices):
        raise SuiteError(f"{where}: every choice must be text that is not blank")
    if len(set(choices)) != len(choices):
        raise SuiteError(f"{where}: a choice stands twice")
    if answer not in choices:
        raise SuiteError(f"{where}: the answer {answer!r} is not among the choices")
    return tuple(choices)


def _level(row: dict[str, Any], field: str | None, where: str) -> int | None:
    if field is None:
        return None
    level = row.get(field)
    if not isinstance(level, int) or isinstance(level, bool):
        raise SuiteError(f"{where}: {field} (the level) must be a whole number, found {level!r}")
    return level
