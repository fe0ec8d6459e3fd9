"""Answers that lm-eval wrote elsewhere: the samples of two runs with `--log_samples`.

No results file is needed; one that is there is read for its versions, for which way each metric
points, for groups of tasks and names of filters. Items are paired by task, filter and document
number; the hashes of document and prompt, which lm-eval computed, must agree between the sides.
What one side lacks stays in, unscored.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence

from cliffguard.core.answers import Answer
from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.progress import doing
from cliffguard.core.settings import CapabilityPolicy, Policy
from cliffguard.core.texts import Texts
from cliffguard.runners.import_checks import OneRun, drifted, refuse_one_file
from cliffguard.runners.imported import (
    Imported,
    LoggedSide,
    chosen_filter,
    chosen_metric,
    identity_of,
    refuse_half_measured,
    suite_of,
    unnamed,
    unscored,
)
from cliffguard.runners.lmeval_import.folders import (
    LoggedRun,
    find_run,
    is_logged,
    left_out,
    refuse_other_folder,
    together,
)
from cliffguard.runners.lmeval_import.joining import Joined, differences, join
from cliffguard.runners.lmeval_import.settings import contradictions, one_sided
from cliffguard.runners.lmeval_import.tasks import capabilities_of, lacking
from cliffguard.runners.lmeval_import.usable import ScoredTask, Unscored, read_task
from cliffguard.runners.lmeval_logs import Sample
from cliffguard.runners.other_metrics import moved_otherwise
from cliffguard.suites.directions import HIGHER_IS_BETTER, declared, lower_is_better

__all__ = ["is_logged", "read_samples", "refuse_other_folder"]

SOURCE = "samples that lm-eval logged"


@doing("reading the samples")
def read_samples(base: str, candidate: str, policy: Policy, texts: Texts = "short") -> Imported:
    """Pair the samples of two runs, under the capabilities that the policy makes of their tasks.

    `texts` is how much is kept of prompts to which the answers score alike; others are whole.
    Raises UsageError for what the user wrote (a folder without samples, a task in two
    capabilities), IntegrityError where a file is damaged or the sides were not asked the same.
    """
    runs = together(find_run(base), find_run(candidate))
    there = sorted({task for run in runs for task in run.files})
    groups = runs[0].beside.groups | runs[1].beside.groups
    capabilities = capabilities_of(policy, there, groups)
    alone = all(run.is_file for run in runs)
    how = "if both files are of one task, call them samples_TASK.jsonl in two folders"
    sides = [(run.name, run.files) for run in runs]
    refuse_half_measured(capabilities, sides, *[how][: int(alone)])
    read = _Tasks(runs, texts)
    for name, tasks in capabilities.items():
        for task in tasks:
            read.add(task, name, policy.rules(name))
    read.refuse()
    joined = read.joined
    moved = drifted([{task: run.results_of(task) for task in joined} for run in runs])
    return Imported(
        suite=suite_of(capabilities, {name: pair.task for name, pair in joined.items()}, SOURCE),
        base=_side(runs[0], {name: pair.base for name, pair in joined.items()}),
        candidate=_side(runs[1], {name: pair.candidate for name, pair in joined.items()}),
        caveats=(
            *left_out("base", runs[0]),
            *left_out("candidate", runs[1]),
            *lacking(policy, there, groups),
            *unnamed(there, capabilities),
            *read.caveats(policy),
            *moved,
        ),
        source=SOURCE,
    )


def _side(run: LoggedRun, answers: Mapping[str, tuple[Answer, ...]]) -> LoggedSide:
    files = [run.path(task) for task in run.files]
    return LoggedSide(checkpoint=identity_of(run.name, files), answers=answers)


class _Tasks:
    """Reads task after task of both sides, and keeps what forbids or qualifies a comparison."""

    def __init__(self, runs: Sequence[LoggedRun], texts: Texts) -> None:
        self.joined: dict[str, Joined] = {}
        self._texts: Texts = texts
        self._runs = runs
        self._one_run = OneRun()
        self._differences: list[str] = []
        self._unscored: list[Unscored] = []
        self._passed: dict[str, Mapping[str, str]] = {}
        self._turned: list[Caveat] = []
        self._one_sided: list[Caveat] = []
        self._remarks: list[Caveat] = []  # about filters and other metrics

    def add(self, task: str, capability: str, rules: CapabilityPolicy) -> None:
        """Read a task, and join its sides unless others were not asked the same already."""
        read = read_task(task, self._runs, rules, self._texts, self._one_run)
        if isinstance(read, Unscored):
            self._unscored.append(read)
            return
        base, candidate = read.sides
        self._differences += differences(task, base, candidate)
        self._differences += contradictions(task, read.settings)
        self._one_sided += one_sided(task, read.settings)
        results = [run.results_of(task) for run in self._runs]
        directions = [result.directions for result in results]
        is_low = _is_low(task, capability, read, rules.lower_is_better, directions)
        self._turned += _against_registry(task, read, rules.lower_is_better, directions)
        if self._differences:
            return
        for key, sample in base.items():
            if key in candidate:
                self._one_run.add(sample, candidate[key])
        n_all = _cut_to_limit(read.sides, [result.limit_of(task) for result in results])
        self.joined[task] = join(
            task, capability, read.choice, is_low, *read.sides, others=read.others, n_all=n_all
        )
        self._passed[task] = read.passed
        self._remarks += [] if read.remark is None else [read.remark]
        self._remarks += moved_otherwise(task, read.choice.metric or "", read.means)

    def refuse(self) -> None:
        """Raise what forbids a comparison of all that was read."""
        if self._differences:
            raise IntegrityError(
                f"the two sides were not asked the same: {'; '.join(self._differences)}; run "
                "lm-eval on both with the same tasks, shots, seed, chat template and gen_kwargs",
                id="sides.asked-otherwise",
            )
        if self._unscored and not self.joined:
            raise UsageError(
                "no task has a score between 0 and 1 an item: "
                f"{'; '.join(map(str, self._unscored))}; run lm-eval with tasks that have one",
                id="samples.no-scores",
            )
        self._one_run.refuse()
        for task in self.joined:
            base, candidate = (run.path(task) for run in self._runs)
            refuse_one_file(task, base, candidate)

    def caveats(self, policy: Policy) -> Iterator[Caveat]:
        """Say what was left out, and by which metric and filter the rest is judged."""
        if self._unscored:
            yield unscored("; ".join(map(str, self._unscored)))
        for name, passed in self._passed.items():
            if passed:
                yield chosen_metric(name, self.joined[name].task.metric, passed)
        yield from self._remarks
        yield from _filters(self.joined, policy)
        yield from self._turned
        yield from self._one_sided


def _cut_to_limit(sides: list[dict[str, Sample]], limits: Sequence[int | None]) -> int | None:
    """Leave out what one side was told not to ask; return how many documents there are in all.

    lm-eval asks the first documents of a task, so that those from the limit's number on are outside
    it. Within it, what a side lacks is missing. None where nothing is left out.
    """
    n_all = max(map(len, sides))
    for side, other in ((0, 1), (1, 0)):
        limit = limits[side]
        if limit is None or any(not _is_within(key, limit) for key in sides[side]):
            continue  # no limit, or one that these documents were not asked under
        sides[other] = {k: sample for k, sample in sides[other].items() if _is_within(k, limit)}
    return n_all if max(map(len, sides)) < n_all else None


def _is_within(document: str, limit: int) -> bool:
    return document.isdecimal() and int(document) < limit


def _filters(joined: Mapping[str, Joined], policy: Policy) -> Iterator[Caveat]:
    """Say by which of several filters a task is judged where the policy names none."""
    for name, pair in joined.items():
        if pair.other_filters and policy.rules(pair.task.capability).filter is None:
            yield chosen_filter(name, pair.task.filter, pair.other_filters, "filter")


def _is_low(
    task: str,
    capability: str,
    read: ScoredTask,
    policy: bool | None,
    directions: Sequence[Mapping[str, Mapping[str, bool]]],
) -> bool:
    """Return whether the metric that was read is better low: by policy, results or registry."""
    metric, sides = _declared(task, read, directions)
    known = {side for side in sides if side is not None}
    if len(known) == 2:
        raise IntegrityError(
            f"{task}: {metric} is better {'high' if sides[0] else 'low'} by the base's results "
            f"file, and {'high' if sides[1] else 'low'} by the candidate's; run lm-eval on both "
            "with one installation",
            id="metric.direction-differs",
        )
    return lower_is_better(
        metric,
        task=task,
        capability=capability,
        policy=policy,
        stated=not known.pop() if known else None,
    )


def _declared(
    task: str, read: ScoredTask, directions: Sequence[Mapping[str, Mapping[str, bool]]]
) -> tuple[str, list[bool | None]]:
    """Return the metric that was read, and by each side's results file whether high is better."""
    metric = read.choice.metric
    assert metric is not None, "reading a file settles its metric"
    return metric, [declared(metric, read.logged, side.get(task, {})) for side in directions]


def _against_registry(
    task: str,
    read: ScoredTask,
    policy: bool | None,
    directions: Sequence[Mapping[str, Mapping[str, bool]]],
) -> list[Caveat]:
    """Say where the policy alone turns a metric that lm-eval knows to point the other way."""
    metric, sides = _declared(task, read, directions)
    known = HIGHER_IS_BETTER.get(metric)
    if policy is None or known is not policy or any(side is not None for side in sides):
        return []
    ways = ("low", "high") if policy else ("high", "low")
    text = (
        f"{task}: {metric} is taken to be better {ways[0]}, as the policy says; in lm-eval's "
        f"registry it is better {ways[1]}, and no results file says otherwise."
    )
    return [Caveat(id="metric.turned-by-policy", text=text)]
