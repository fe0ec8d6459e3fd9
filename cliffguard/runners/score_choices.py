"""By which of its scores a task is judged: what the policy names, else the first that is one."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass, field
from pathlib import Path

from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.settings import CapabilityPolicy
from cliffguard.runners.lmeval_import.settings import Settings
from cliffguard.runners.lmeval_logs import Sample, ScoreChoice
from cliffguard.runners.lmeval_logs.results import Results
from cliffguard.runners.lmeval_logs.sample import in_words

Number = float | str | None
"""A score; None: there is none; a text: in words, what stands in its place."""


@dataclass(frozen=True, slots=True, kw_only=True)
class TaskScores:
    """One side's samples of a task, and every score that they have.

    `samples` are by document, their own `score` not set; a `prompt_hash` of "" is not known.
    `scores` are by metric and filter in the order of the log, and by document. Of `to_ask` are the
    documents that were to be asked (None: not known), and `higher_is_better` what is known of a
    metric; `undirected` is where that should be said and is not.
    """

    path: Path
    samples: Mapping[str, Sample]
    scores: Mapping[ScoreChoice, Mapping[str, Number]]
    higher_is_better: Mapping[str, bool] = field(default_factory=dict)
    settings: Settings = field(default_factory=dict)
    results: Results = field(default_factory=Results)
    to_ask: frozenset[str] | None = None
    undirected: str | None = None


def chosen(
    task: str, base: TaskScores, candidate: TaskScores, rules: CapabilityPolicy
) -> tuple[ScoreChoice, dict[str, str]] | str:
    """Return by what a task is judged, and why not by the metrics before it; a text: by nothing.

    It is what the policy names, else the first metric, by its first filter, that is a score of
    every item. Raises UsageError where the policy names what is none.
    """
    offered: dict[str, ScoreChoice] = {}
    for choice in base.scores:
        if rules.filter in (None, choice.filter):
            offered.setdefault(choice.metric or "", choice)
    if rules.metric is not None or (rules.filter is not None and not offered):
        _refuse_absent(task, base, offered, rules)
        offered = {rules.metric or "": offered[rules.metric or ""]}
    passed: dict[str, str] = {}
    for metric, choice in offered.items():
        if (why := _unusable(task, choice, base, candidate)) is None:
            return choice, passed
        passed[metric] = why
    reasons = "; ".join(f"{metric} {why}" for metric, why in passed.items()) or "it has none"
    if rules.metric is not None:
        raise UsageError(
            f"{base.path}: {task}: {reasons}; choose another with metric: or filter: in the "
            f"policy's capability (there are: {_names(base)}), or leave the task out",
            id="samples.no-score",
        )
    return reasons


def _refuse_absent(
    task: str, base: TaskScores, offered: Mapping[str, ScoreChoice], rules: CapabilityPolicy
) -> None:
    if rules.metric not in offered:
        is_metric = any(choice.metric == rules.metric for choice in base.scores)
        by_filter = rules.metric is None or is_metric
        what = f"filter {rules.filter!r}" if by_filter else f"metric {rules.metric!r}"
        raise UsageError(
            f"{base.path}: {task}: no {what}; there are: {_names(base)}",
            id="samples.no-filter" if by_filter else "samples.no-metric",
        )


def _names(task: TaskScores) -> str:
    return ", ".join(f"{choice.metric} by {choice.filter}" for choice in task.scores) or "none"


def _unusable(
    task: str, choice: ScoreChoice, base: TaskScores, candidate: TaskScores
) -> str | None:
    """Return why a metric cannot be judged item by item; None: it can."""
    if choice not in candidate.scores:
        return f"is not in {candidate.path} by {choice.filter}"
    numbers = base.scores[choice].values()
    if (no_score := _no_score(numbers)) is not None:
        return no_score
    if all(number is None for number in numbers):
        return "is on no sample"
    no_score = _no_score(candidate.scores[choice].values())
    if no_score is not None and any(numbers):
        raise IntegrityError(
            f"{candidate.path}: {task}: {choice.metric} {no_score}, and from 0 to 1 on the base's "
            "side; measure both sides again, or choose another score with metric: in the policy",
            id="samples.damaged-score",
        )
    return no_score


def _no_score(numbers: Iterable[Number]) -> str | None:
    for number in numbers:
        if isinstance(number, str):
            return f"is {number}"
        if number is not None and not 0 <= number <= 1:
            return f"is {in_words(number)}"
    return None
