"""Which of a task's scores can be judged item by item."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace

from cliffguard.core.caveats import Caveat
from cliffguard.core.settings import CapabilityPolicy
from cliffguard.core.texts import Texts
from cliffguard.runners.import_checks import OneRun
from cliffguard.runners.lmeval_import.filters import filters_by_side
from cliffguard.runners.lmeval_import.folders import LoggedRun
from cliffguard.runners.lmeval_import.settings import Settings
from cliffguard.runners.lmeval_logs import Sample, ScoreChoice, ScoreError, TaskReader
from cliffguard.runners.other_metrics import Means


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredTask:
    """Both sides' samples of a task by document, and how they were read.

    `logged` are the file's metrics, `others` of each side what other filters made of its
    documents, `settings` of each side how its texts were generated; `passed` says what stands in
    place of a score for metrics before the chosen one; `remark` is about its filters, and `means`
    of each side are those of all metrics, where none was chosen.
    """

    choice: ScoreChoice
    sides: list[dict[str, Sample]]
    logged: tuple[str, ...]
    others: Sequence[Mapping[str, Mapping[str, float | None]]]
    passed: Mapping[str, str]
    settings: Sequence[Settings]
    remark: Caveat | None = None
    means: Sequence[Means] = ()


@dataclass(frozen=True, slots=True)
class Unscored:
    """A task without a score an item, and of each of its metrics what stands there instead."""

    task: str
    contents: Mapping[str, str]

    def __str__(self) -> str:
        reasons = "; ".join(f"{metric} {reason}" for metric, reason in self.contents.items())
        return f"{self.task} ({reasons})"


def read_task(
    task: str,
    runs: Sequence[LoggedRun],
    rules: CapabilityPolicy,
    texts: Texts,
    one_run: OneRun,
) -> ScoredTask | Unscored:
    """Read a task of both sides, by the policy's metric or else the first that is a score.

    `texts` is how much is kept of prompts to which the answers score alike; `one_run` says which
    answers may still be one model's.
    Raises ScoreError where the policy names a metric that is none, IntegrityError for damage.
    """
    wanted = tuple(dict.fromkeys(name for name in (rules.cluster, rules.strata) if name))
    passed: dict[str, str] = {}
    filters, remark = filters_by_side(task, runs)
    while True:
        read = TaskReader(ScoreChoice(rules.metric, rules.filter), wanted, passed, texts)
        try:
            return replace(_read(task, runs, read, passed, filters, one_run), remark=remark)
        except ScoreError as failure:
            if rules.metric is not None:
                raise
            if not failure.metric:
                return Unscored(task, passed)
            passed[failure.metric] = failure.contents


def _read(
    task: str,
    runs: Sequence[LoggedRun],
    read: TaskReader,
    passed: Mapping[str, str],
    filters: Sequence[Sequence[str]],
    one_run: OneRun,
) -> ScoredTask:
    sides, others, settings, means = [], [], [], []
    for run, named in zip(runs, filters, strict=True):
        path = run.path(task)
        sides.append(read(path, named, one_run.is_open))
        others.append(read.others)
        means.append({name: mean for name, mean in read.means.items() if mean is not None})
        settings.append({name: frozenset(values) for name, values in read.settings.items()})
        if len(sides) == 1 and all(
            sample.score is None and sample.is_readable for sample in sides[0].values()
        ):
            raise ScoreError(str(path), read.choice.metric or "", "is on no line", read.logged)
    read.forget()
    return ScoredTask(
        choice=read.choice,
        sides=sides,
        logged=read.logged,
        others=others,
        passed=dict(passed),
        settings=settings,
        means=means,
    )
