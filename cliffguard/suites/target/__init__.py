"""A target capability from a data file: one line of a plan instead of a suite.

Columns are found by their usual names or named; the metric follows from the answers. The same
makes a suite's files, for whoever wants to go on from there.
"""

from __future__ import annotations

import json
from collections.abc import Mapping, Sequence
from pathlib import Path
from statistics import fmean

from cliffguard.core.canonical_json import digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import SuiteError, UsageError, nearest
from cliffguard.core.files import user_path
from cliffguard.core.hub_names import is_hub_id, is_said
from cliffguard.core.items import Capability, Item, Suite, Task
from cliffguard.core.progress import doing
from cliffguard.core.settings import Plan, TargetData
from cliffguard.core.validation import adapter_of, validate
from cliffguard.suites.directions import with_directions
from cliffguard.suites.hub_data import find_data
from cliffguard.suites.loading import load_suite, together
from cliffguard.suites.read_once import once
from cliffguard.suites.right_answers import refuse_forbidden_calls
from cliffguard.suites.rows import Row, is_data_file, label_names, read_records
from cliffguard.suites.schema import TaskFile, check_task
from cliffguard.suites.scorers import OWN_METRICS, SCORERS
from cliffguard.suites.target.annotators import said_by_all, without_divided, without_withdrawn
from cliffguard.suites.target.cells import at, from_json
from cliffguard.suites.target.columns import Columns, find_columns
from cliffguard.suites.target.decimals import with_points, with_zeros, without_points
from cliffguard.suites.target.drafts import ParsedRow, parse_row
from cliffguard.suites.target.ends import limit_note, token_limit, without_end_marks
from cliffguard.suites.target.exports import refuse_exports
from cliffguard.suites.target.finals import final_answers, without_zeros
from cliffguard.suites.target.in_prompt import refuse_answer_in_prompt
from cliffguard.suites.target.judgements import refuse_judgements
from cliffguard.suites.target.known import says
from cliffguard.suites.target.making import as_row, by_flags, make_items
from cliffguard.suites.target.marked import objects_of, refuse_wrong_text
from cliffguard.suites.target.marks import is_mark, refuse_marks, without_no_input
from cliffguard.suites.target.metrics import ScoringPlan, plan_scoring
from cliffguard.suites.target.multilabel import refuse_labels_together
from cliffguard.suites.target.outputs import unanswered
from cliffguard.suites.target.paths import opened
from cliffguard.suites.target.reading import (
    Reading,
    blank_row_caveats,
    left_out_notes,
    list_notes,
    without_conflicts,
)
from cliffguard.suites.target.repeated import refuse_lines_of_names, repeats_names
from cliffguard.suites.target.rights import right_answers
from cliffguard.suites.target.rules import refuse_mixed, ruled
from cliffguard.suites.target.speakers import refuse_unknown_speakers
from cliffguard.suites.target.spelled import has_several, with_choice
from cliffguard.suites.target.templates import filled, refuse_unfilled
from cliffguard.suites.target.turns import (
    last_turn,
    refuse_lost_in_turns,
    up_to_weight,
    with_key,
)
from cliffguard.suites.target.unused import refuse_unused
from cliffguard.suites.tasks import make_task

__all__ = [
    "SUITE",
    "at",
    "filled",
    "from_json",
    "has_several",
    "is_mark",
    "last_turn",
    "objects_of",
    "read_target",
    "repeats_names",
    "right_answers",
    "said_by_all",
    "says",
    "suite_files",
    "suites_of",
    "target_suite",
    "unanswered",
    "up_to_weight",
    "with_choice",
    "with_key",
    "with_points",
    "with_zeros",
    "without_points",
    "without_withdrawn",
]

SUITE = "target"
"""What the suite of a plan's target is called."""


@doing("reading the suites")
def suites_of(plan: Plan) -> tuple[Suite, ...]:
    """Return all suites of a plan: that of its target first, then those that it names.

    Their tasks know what the plan's policy says of them. Raises SuiteError with file and line for
    anything that is wrong inside.
    """
    suites = []
    if plan.target is not None:
        suites.append(target_suite(plan.target, offline=plan.offline, hub=plan.hub))
    named = together([*suites, *(load_suite(name) for name in plan.suites)])
    return with_directions(named, plan.policy)


def target_suite(target: TargetData, *, offline: bool = False, hub: bool = False) -> Suite:
    """Return the suite of one capability, of the ring target, that data make.

    Its digest is of the items and how they are asked, whatever file holds them.
    """
    return read_target(target, offline=offline, hub=hub).suite


def read_target(target: TargetData, *, offline: bool = False, hub: bool = False) -> Reading:
    """Return a target's suite and how its data were read, which `read_once` makes one reading.

    Raises SuiteError, with an id `target.…` and the flag that mends it, for what is not read right.
    """
    return once((target, offline, hub), lambda: _read(target, offline=offline, hub=hub))


def _read(target: TargetData, *, offline: bool, hub: bool) -> Reading:
    _refuse_unknown_metric(target)
    rows, names = _data(target, offline=offline, hub=hub)
    refuse_exports(rows, target, lambda named: _read_rows(rows, names, named))
    return _read_rows(rows, names, target)


def _read_rows(
    rows: Sequence[Row], names: Mapping[str, tuple[str, ...]], target: TargetData
) -> Reading:
    refuse_lines_of_names(rows)
    n_rows = len(rows)
    rows, divided = without_divided(rows, target)
    rows, without_input = without_no_input(rows)
    columns, parsed = _parsed(opened(rows, target), target)
    drafts, ends = without_end_marks(parsed, target.metric)
    refuse_labels_together(drafts, columns, target)
    finals = final_answers(drafts, target.metric)
    labels = () if columns.answer is None else names.get(columns.answer, ())
    is_listed = bool(target.labels or labels or drafts[0].choices)
    rule = ruled(finals, target, columns, is_listed=is_listed)
    way = plan_scoring(rule.drafts, target, columns, label_names=labels, suggested=rule.way)
    marks = refuse_marks(rule.drafts, columns, way, target)
    kept, zeros = without_zeros(rule.drafts, way.metric, is_choice=way.is_choice)
    items, left_out = without_conflicts(make_items(kept, way, columns), drafts, way.metric)
    limit = token_limit(drafts, way, target)
    task = _task(target, way, columns, items, limit)
    remarks = tuple(filter(None, [divided, left_out, *finals.caveats]))
    return Reading(
        suite=_suite(target, task, remarks),
        source=target.data,
        n_rows=n_rows,
        columns=columns,
        way=way,
        notes=(
            *(remark.text for remark in remarks),
            *filter(None, [without_input, ends, marks, rule.note, zeros]),
            *blank_row_caveats(drafts),
            *list_notes(drafts, columns),
            *left_out_notes(drafts, columns),
            *filter(None, [limit_note(drafts, limit, target)]),
        ),
    )


def _where(target: TargetData) -> str:
    return f"target: {target.data}"


def _refuse_unknown_metric(target: TargetData) -> None:
    if target.metric is not None and target.metric not in OWN_METRICS:
        raise SuiteError(
            f"{_where(target)}: metric {target.metric!r} is not one of {', '.join(OWN_METRICS)}"
            f"{nearest(target.metric, OWN_METRICS)}; mend --target-metric",
            id="target.unknown-metric",
        )


def _parsed(rows: Sequence[Row], target: TargetData) -> tuple[Columns, list[ParsedRow]]:
    """Return what the columns are and what each row asks, once nothing of a question is lost."""
    columns = find_columns(rows, target)
    refuse_mixed(rows, columns)
    refuse_answer_in_prompt(rows, columns)
    refuse_unknown_speakers(rows, columns)
    refuse_lost_in_turns(rows, columns)
    drafts = [parse_row(row, columns) for row in rows]
    refuse_unfilled(drafts, columns)
    refuse_wrong_text(rows, columns.answer, () if columns.choices else columns.left)
    refuse_unused(drafts, columns)
    refuse_judgements(drafts, columns)
    return columns, drafts


def _suite(target: TargetData, task: Task, remarks: tuple[Caveat, ...]) -> Suite:
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
        remarks=remarks,
    )


def suite_files(target: TargetData, read: Reading | None = None) -> dict[str, str]:
    """Return a commented suite file and its items, by their names, of what is or was read."""
    task = (read or read_target(target)).task
    for item in task.items:  # which the suite would be refused for
        refuse_forbidden_calls(item, task.metric, f"{target.data}: {item.id}")
    rows = "".join(json.dumps(as_row(i), ensure_ascii=False) + "\n" for i in task.items)
    scorer = SCORERS.get(task.metric or "")
    is_usual = target.max_tokens is None and scorer and task.max_tokens == scorer.max_tokens
    optional = {"max_tokens": None if is_usual else task.max_tokens, "level": task.level}
    name = json.dumps(target.name)
    text = _SUITE.read_text(encoding="utf-8").format(
        name=name,
        description=json.dumps(_described(target), ensure_ascii=False),
        task=json.dumps(task.name),
        items=json.dumps(f"{target.name}.jsonl"),
        metric=task.metric,
        chance=task.chance,
    )
    text += "".join(
        f"        {key}: {value}\n" for key, value in optional.items() if value is not None
    )
    return {f"{target.name}.yaml": text, f"{target.name}.jsonl": rows}


_SUITE = Path(__file__).with_name("suite.yaml")  # of str.format


def _described(target: TargetData) -> str:
    return f"items of our own, from {Path(target.data).name or target.data}"


# --- from data to a task -------------------------------------------------------------------------


def _task(
    target: TargetData,
    way: ScoringPlan,
    columns: Columns,
    items: tuple[Item, ...],
    max_tokens: int | None,
) -> Task:
    """Return the task over the items, by the rules of a suite's own."""
    where = _where(target)
    written = validate(
        adapter_of(TaskFile),
        {
            "name": f"{target.name}_items",
            "items": "items.jsonl",
            "metric": way.metric,
            "level": columns.level,
            "chance": _chance(items),
            "max_tokens": max_tokens,
        },
        where,
        SuiteError,
    )
    with by_flags():
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
        data = find_data(
            target.data, subset=target.subset, split=target.split, offline=offline, hub=hub
        )
        return _some(data.rows, target), data.label_names
    if target.subset is not None:
        raise UsageError(
            f"{target.data}: only a data set on a hub has subsets; leave --target-subset out",
            id="target.subset",
        )
    rows = tuple(read_records(target.data, split=target.split))
    return _some(rows, target), label_names(target.data, split=target.split)


def _some(rows: Sequence[Row], target: TargetData) -> Sequence[Row]:
    """Return rows that are some. Raises SuiteError where there are none."""
    if not rows:
        raise SuiteError(
            f"{target.data}: holds no items; a target needs at least one: name other data with "
            "--target",
            id="target.no-items",
        )
    return rows
