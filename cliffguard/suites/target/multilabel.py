"""Rows with several labels at once (multi-label): all of them are right together, not any."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.core.settings import TargetData
from cliffguard.core.texts import n_things
from cliffguard.suites.rows import new_file
from cliffguard.suites.target.cells import at, is_safe, rewritten, shown
from cliffguard.suites.target.columns import Columns
from cliffguard.suites.target.drafts import ParsedRow
from cliffguard.suites.target.known import are_labels, folded, last_name, quoted, says


def refuse_labels_together(
    drafts: Sequence[ParsedRow], columns: Columns, target: TargetData
) -> None:
    """Raise SuiteError where rows have several labels at once, unless a metric is named.

    Whoever names one has seen the line, or knows what any of several means.
    """
    column = columns.answer
    if column is None or target.metric is not None or not are_labels(column):
        return
    several = [draft for draft in drafts if len(_labels(draft, column)) > 1]
    if not several:
        return
    row, column = several[0].row, _whole(column)
    labels = _labels(several[0], columns.answer or column)
    how = "write them into one text"
    if is_safe(column):
        joined = f"', '.join(map(str, right_answers(r, {column!r})))"
        made = rewritten(
            row.source,
            f"{{**r, {column!r}: {joined}}}",
            more="from cliffguard.suites.target import right_answers",
        )
        how = f"{made} makes one text of them"
    raise SuiteError(
        f"{row.where}: {column} holds {n_things(len(labels), 'label')} at once, {shown(labels)}, "
        f"as do {len(several)} of {n_things(len(drafts), 'row')}, and they are right together; "
        f"{how}, for --target {new_file(row.source)} --target-answer {quoted(column)} "
        "--target-metric f1; --target-metric exact_match says that any one of them is right (in a "
        "plan, keys of target without the prefix)",
        id="target.several-labels",
    )


def _labels(draft: ParsedRow, column: str) -> Sequence[Any]:
    """Return the labels of a row, each once, also where a list of results has one each."""
    if len(draft.answers) > 1:
        return draft.answers
    if (stem := _whole(column)) != column:
        return [label for key, label in draft.row.value.items() if _is_member(key, label, stem)]
    results, _, inner = column.partition(".result.")
    number, _, path = inner.partition(".")
    if not number.isdecimal():
        return draft.answers
    members = [f"{results}.result.{n}" for n in range(_MOST_RESULTS)]
    value = draft.row.value
    question = at(value, f"{results}.result.{number}.from_name")
    held = (at(value, f"{m}.{path}") for m in members if at(value, f"{m}.from_name") == question)
    labels = [label for each in held for label in (each if isinstance(each, list) else [each])]
    return list(dict.fromkeys(str(label) for label in labels if label is not None))


def _whole(column: str) -> str:
    """Return the list of labels of which a path names one: labels of labels.0."""
    stem, _, number = column.rpartition(".")
    is_of_people = folded(last_name(stem)) in ("responses", "suggestions", "annotations", "result")
    return stem if stem and number.isdecimal() and not is_of_people else column


def _is_member(key: str, value: Any, stem: str) -> bool:
    return _whole(key) == stem != key and isinstance(value, (str, int)) and says(value)


_MOST_RESULTS = 50  # of one annotation that are looked at
