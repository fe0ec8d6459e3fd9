"""A target capability from a data file: one line of a plan instead of a suite.

Columns are found by their usual names or named; the metric follows from the answers. The same
makes a suite's files, for whoever wants to go on from there.
"""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from statistics import fmean
from typing import Any

from pydantic import TypeAdapter

from cliffguard.canonical import digest
from cliffguard.directions import with_directions
from cliffguard.errors import SuiteError, UsageError, nearest
from cliffguard.files import user_path, validate
from cliffguard.hub import find_data, is_hub_id, is_said
from cliffguard.plans import Plan, TargetData
from cliffguard.records import Capability, Item, Suite, Task
from cliffguard.rows import Row, is_data_file, label_names, read_records
from cliffguard.suites import (
    OWN_METRICS,
    TaskFile,
    check_task,
    load_suite,
    make_item,
    make_task,
    together,
)
from cliffguard.targets.fields import Draft, draft, find_fields
from cliffguard.targets.metrics import Way, answer_of, find_way

SUITE = "target"
"""What the suite of a plan's target is called."""


def suites_of(plan: Plan) -> tuple[Suite, ...]:
    """Return all suites of a plan: that of its target first, then those that it names.

    Their tasks know what the plan's policy says of them. Raises SuiteError with file and line for
    anything that is wrong inside.
    """
    own = []
    if plan.target is not None:
        own.append(target_suite(plan.target, offline=plan.offline, hub=plan.hub))
    named = together([*own, *(load_suite(name) for name in plan.suites)])
    return with_directions(named, plan.policy)


def target_suite(target: TargetData, *, offline: bool = False, hub: bool = False) -> Suite:
    """Return the suite of one capability, of the ring target, that data make.

    Its digest is of the items and how they are asked, whatever file holds them.
    """
    task = _read(target, offline=offline, hub=hub)
    capability = Capability(
        name=target.name,
        ring="target",
        description=_described(target),
        covers=(),
        margin=None,
        tasks=(task,),
    )
    return Suite(
        name=SUITE,
        version=1,
        description=capability.description,
        capabilities=(capability,),
        digest=digest([target.name, task.name, task.digest]),
    )


def suite_files(target: TargetData, *, offline: bool = False) -> dict[str, str]:
    """Return a commented suite file and its items, by their names, made as `target_suite` is."""
    task = _read(target, offline=offline)
    rows = "".join(json.dumps(_as_row(i), ensure_ascii=False) + "\n" for i in task.items)
    optional = {"max_tokens": target.max_tokens, "level": task.level}
    name = json.dumps(target.name)
    text = _SUITE.format(
        name=name,
        description=json.dumps(_described(target), ensure_ascii=False),
        task=json.dumps(task.name),
        items=json.dumps(f"{target.name}.jsonl"),
        metric=task.metric,
        chance=task.chance,
        more="".join(f"        {key}: {one}\n" for key, one in optional.items() if one is not None),
    )
    return {f"{target.name}.yaml": text, f"{target.name}.jsonl": rows}


_SUITE = """\
# A suite of your own. Check it with: cliffguard suites validate, and cliffguard suites check
name: {name}
version: 1                  # raise it when items change
description: {description}
capabilities:
  {name}:
    ring: target            # the job itself: a policy can demand a gain of it
    tasks:
      - name: {task}
        items: {items}
        metric: {metric}
        chance: {chance}         # the score of guessing, for the reports
{more}"""


def _described(target: TargetData) -> str:
    return f"items of our own, from {Path(target.data).name or target.data}"


def _as_row(item: Item) -> dict[str, Any]:
    row: dict[str, Any] = {"id": item.id, "prompt": item.prompt}
    if item.choices:
        row["choices"] = list(item.choices)
    row["answer"] = item.answer
    if item.level is not None:
        row["level"] = item.level
    if item.cluster is not None:
        row["cluster"] = item.cluster
    return row


# --- from data to a task -------------------------------------------------------------------------


def _read(target: TargetData, *, offline: bool, hub: bool = False) -> Task:
    where = f"target: {target.data}"
    if target.metric is not None and target.metric not in OWN_METRICS:
        raise SuiteError(
            f"{where}: metric {target.metric!r} is not one of {', '.join(OWN_METRICS)}"
            f"{nearest(target.metric, OWN_METRICS)}"
        )
    rows, names = _data(target, offline=offline, hub=hub)
    if not rows:
        raise SuiteError(f"{target.data}: holds no items; a target needs at least one")
    fields = find_fields(rows, target)
    drafts = [draft(row, fields) for row in rows]
    labels = () if fields.answer is None else names.get(fields.answer, ())
    way = find_way(drafts, target, label_names=labels)
    items = _items(drafts, way, cluster=fields.cluster, level=fields.level)
    written = validate(
        TypeAdapter(TaskFile),
        {
            "name": f"{target.name}_items",
            "items": "items.jsonl",
            "metric": way.metric,
            "level": fields.level,
            "chance": _chance(items),
            "max_tokens": target.max_tokens,
        },
        where,
        SuiteError,
    )
    check_task(written, where)
    return make_task(written, items, capability=target.name, suite=SUITE, where=where)


def _chance(items: Sequence[Item]) -> float:
    return round(fmean(1.0 / len(item.choices) if item.choices else 0.0 for item in items), 4)


def _data(
    target: TargetData, *, offline: bool, hub: bool
) -> tuple[Sequence[Row], dict[str, tuple[str, ...]]]:
    """Return the rows, and the names of numbered labels by column."""
    is_here = user_path(target.data, UsageError).exists() or is_data_file(target.data)
    if is_said(target.data) or (not is_here and is_hub_id(target.data)):
        found = find_data(
            target.data, subset=target.subset, split=target.split, offline=offline, hub=hub
        )
        return found.rows, found.label_names
    if target.subset is not None:
        raise UsageError(f"{target.data}: only a data set on a hub has subsets; leave it out")
    rows = tuple(read_records(target.data, split=target.split))
    return rows, label_names(target.data, split=target.split)


def _items(
    drafts: Sequence[Draft], way: Way, *, cluster: str | None, level: str | None
) -> tuple[Item, ...]:
    items: list[Item] = []
    seen: dict[str, str] = {}
    for number, one in enumerate(drafts, start=1):
        row = one.row
        given = row.value.get("id")
        made: dict[str, Any] = {
            # By its place among the rows, so that the same rows are the same items in any file.
            "id": f"target-{number:05d}" if given is None else str(given),
            "prompt": one.prompt,
            "answer": answer_of(one, way),
        }
        if way.is_choice:
            made["choices"] = list(way.labels or one.choices)
        if cluster is not None and row.value.get(cluster) is not None:
            made["cluster"] = _cluster(row, cluster)
        if level is not None:
            made["level"] = row.value["level"]
        item = make_item(made, metric=way.metric, level=level and "level", where=row.place)
        if item.id in seen:
            raise SuiteError(f"{row.place}: the id {item.id!r} stands already in {seen[item.id]}")
        seen[item.id] = row.place
        items.append(item)
    return tuple(items)


def _cluster(row: Row, column: str) -> str:
    value = row.value[column]
    if isinstance(value, bool) or not isinstance(value, (str, int)):
        raise SuiteError(f"{row.place}: {column} must be text or a whole number, found {value!r}")
    return str(value)
