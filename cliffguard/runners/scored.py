"""Samples that have their scores with them, of both sides: paired by lm-eval's rules.

What reads logs of inspect_ai, and plain results, makes a `ScoredSide` of each run; the rules by
which two are compared are those of lm-eval's samples (docs/logged-samples.md).
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import NamedTuple

from cliffguard.core.answers import Answer
from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.hashing import sha256_of_text
from cliffguard.core.settings import CapabilityPolicy, Policy
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
from cliffguard.runners.lmeval_import.joining import Joined, differences, join
from cliffguard.runners.lmeval_import.settings import contradictions, one_sided
from cliffguard.runners.lmeval_import.tasks import capabilities_of
from cliffguard.runners.lmeval_logs import Sample, ScoreChoice
from cliffguard.runners.lmeval_logs.sample import NO_SAMPLE
from cliffguard.runners.other_metrics import Mean, Means, mean_of_scores, moved_otherwise
from cliffguard.runners.score_choices import TaskScores, chosen
from cliffguard.suites.directions import UNKNOWN, lower_is_better


@dataclass(frozen=True, slots=True, kw_only=True)
class ScoredSide:
    """One run: its tasks by name, and what a reader must know of it."""

    name: str
    tasks: Mapping[str, TaskScores]
    caveats: tuple[Caveat, ...] = ()


class Source(NamedTuple):
    """Whose samples they are, as a review says it, the program that made them, and `filter`'s word.

    `program` stands in "run PROGRAM on both sides".
    """

    of: str
    program: str
    filter: str


def wanted_fields(policy: Policy) -> tuple[str, ...]:
    """Return the fields of documents that a policy names."""
    rules = policy.capabilities.values()
    named = (name for rule in rules for name in (rule.cluster, rule.strata) if name)
    return tuple(dict.fromkeys(named))


def paired(
    sides: tuple[ScoredSide, ScoredSide], policy: Policy, source: Source, unknown: Caveat
) -> Imported:
    """Pair the samples of two runs, under the capabilities that the policy makes of their tasks.

    `unknown` says what such samples do not tell. Raises UsageError for what the user wrote,
    IntegrityError where the sides were not asked the same.
    """
    there = sorted({task for side in sides for task in side.tasks})
    capabilities = capabilities_of(policy, there, {})
    refuse_half_measured(capabilities, [(side.name, side.tasks) for side in sides])
    pairing = _Pairing(sides, source)
    for name, tasks in capabilities.items():
        for task in tasks:
            pairing.add(task, name, policy.rules(name))
    pairing.refuse()
    joined = pairing.joined
    moved = drifted(
        [{task: side.tasks[task].results for task in joined} for side in sides], source.program
    )
    return Imported(
        suite=suite_of(capabilities, {n: pair.task for n, pair in joined.items()}, source.of),
        base=_side(sides[0], {name: pair.base for name, pair in joined.items()}),
        candidate=_side(sides[1], {name: pair.candidate for name, pair in joined.items()}),
        caveats=(
            unknown,
            *sides[0].caveats,
            *sides[1].caveats,
            *unnamed(there, capabilities),
            *pairing.caveats,
            *moved,
        ),
        source=source.of,
    )


class _Pairing:
    """Pairs task after task, and keeps what forbids or qualifies a comparison."""

    def __init__(self, sides: tuple[ScoredSide, ScoredSide], source: Source) -> None:
        self.joined: dict[str, Joined] = {}
        self.caveats: list[Caveat] = []
        self._sides = sides
        self._source = source
        self._one_run = OneRun()
        self._differences: list[str] = []
        self._unscored: list[str] = []

    def add(self, task: str, capability: str, rules: CapabilityPolicy) -> None:
        """Pair a task's samples, unless others were not asked the same already."""
        base, candidate = (side.tasks[task] for side in self._sides)
        judged_by = chosen(task, base, candidate, rules)
        if isinstance(judged_by, str):
            self._unscored.append(f"{task} ({judged_by})")
            return
        choice, passed = judged_by
        settings = [base.settings, candidate.settings]
        sides = _as_scored((base, candidate), choice)
        self._differences += differences(task, *sides)
        self._differences += contradictions(task, settings)
        if self._differences:
            return
        is_low = _is_low(task, capability, choice, (base, candidate), rules.lower_is_better)
        self.caveats += one_sided(task, settings)
        self.caveats += self._choices(task, choice, passed, base, rules)
        if rules.metric is None:
            means = [_means(side, choice) for side in (base, candidate)]
            self.caveats += moved_otherwise(task, choice.metric or "", means)
        for key, sample in sides[0].items():
            if key in sides[1]:
                self._one_run.add(sample, sides[1][key])
        n_all = _cut_to_asked(sides, (base, candidate))
        self.joined[task] = join(
            task, capability, choice, is_low, *sides, others=({}, {}), n_all=n_all
        )

    def refuse(self) -> None:
        """Raise what forbids a comparison of all that was paired."""
        if self._differences:
            raise IntegrityError(
                f"the two sides were not asked the same: {'; '.join(self._differences)}; run "
                f"{self._source.program} on both with the same items, prompts and settings",
                id="sides.asked-otherwise",
            )
        if self._unscored and not self.joined:
            raise UsageError(
                f"no task has a score between 0 and 1 an item: {'; '.join(self._unscored)}; give "
                "samples of tasks that have one",
                id="samples.no-scores",
            )
        self._one_run.refuse()
        for task in self.joined:
            base, candidate = (side.tasks[task].path for side in self._sides)
            refuse_one_file(task, base, candidate, self._source.program)
        if self._unscored:
            self.caveats.append(unscored("; ".join(self._unscored)))

    def _choices(
        self,
        task: str,
        choice: ScoreChoice,
        passed: Mapping[str, str],
        base: TaskScores,
        rules: CapabilityPolicy,
    ) -> Iterator[Caveat]:
        """Say by which of several metrics and filters a task is judged where nobody chose."""
        if passed:
            yield chosen_metric(task, choice.metric, passed)
        others = [c.filter or "" for c in base.scores if c.metric == choice.metric and c != choice]
        if others and rules.filter is None:
            yield chosen_filter(task, choice.filter, others, self._source.filter)


def _means(side: TaskScores, judged: ScoreChoice) -> Means:
    """Return the means of all metrics that are scores, by their first filter or the judged one."""
    means: dict[str, Mean] = {}
    for choice, numbers in ((judged, side.scores[judged]), *side.scores.items()):
        scores = [number for number in numbers.values() if not isinstance(number, str)]
        are_shares = all(score is None or 0 <= score <= 1 for score in scores)
        if (choice.metric or "") not in means and are_shares and len(scores) == len(numbers):
            means[choice.metric or ""] = mean_of_scores(scores)
    return means


def _as_scored(sides: Sequence[TaskScores], choice: ScoreChoice) -> tuple[dict[str, Sample], ...]:
    """Return both sides' samples with their scores; of a prompt that one lacks the other knows."""
    scored = []
    for side, other in (sides, sides[::-1]):
        numbers = side.scores[choice]
        samples = {}
        for name, sample in side.samples.items():
            number = numbers.get(name)
            assert not isinstance(number, str), "what is no score was refused"
            prompt = sample.prompt_hash
            if not prompt:
                twin = other.samples.get(name)
                prompt = (twin and twin.prompt_hash) or sha256_of_text(f"prompt of {name}")
            samples[name] = sample._replace(score=number, prompt_hash=prompt)
        scored.append(samples)
    return tuple(scored)


def _is_low(
    task: str,
    capability: str,
    choice: ScoreChoice,
    sides: Sequence[TaskScores],
    policy: bool | None,
) -> bool:
    metric = choice.metric or ""
    known = {side.higher_is_better.get(metric) for side in sides} - {None}
    if len(known) == 2:
        ways = ["high" if side.higher_is_better[metric] else "low" for side in sides]
        raise IntegrityError(
            f"{task}: {metric} is better {ways[0]} by {sides[0].path}, and {ways[1]} by "
            f"{sides[1].path}; make both say what is true",
            id="metric.direction-differs",
        )
    where = next((side.undirected for side in sides if side.undirected), None)
    if policy is None and where is not None:
        raise UsageError(
            f"{where}: no higher_is_better; write true or false into every line, or "
            "lower_is_better into the policy's capability",
            id=UNKNOWN,
        )
    stated = not known.pop() if known else None
    return lower_is_better(metric, task=task, capability=capability, policy=policy, stated=stated)


def _cut_to_asked(
    samples: tuple[dict[str, Sample], ...], sides: Sequence[TaskScores]
) -> int | None:
    """Leave out what one side was not to ask, put in what neither answered; return how many in all.

    None where nothing is left out.
    """
    known = [side.to_ask for side in sides if side.to_ask is not None]
    if not known:
        return None
    both = frozenset.intersection(*known)
    everything = frozenset().union(*known, *(side.keys() for side in samples))
    for side in samples:
        for name in [name for name in side if name not in both]:
            del side[name]
    if len(known) == 2:
        for name in sorted(both - samples[0].keys() - samples[1].keys()):
            samples[0][name] = _unanswered(name)
    return len(everything) if len(both) < len(everything) else None


def _unanswered(name: str) -> Sample:
    """Return what stands for a document that neither side answered: it is missing on both."""
    digest = sha256_of_text(f"unanswered {name}")
    return NO_SAMPLE._replace(
        document=name, document_hash=digest, prompt_hash=digest, is_readable=True
    )


def _side(side: ScoredSide, answers: Mapping[str, tuple[Answer, ...]]) -> LoggedSide:
    files = list(dict.fromkeys(task.path for task in side.tasks.values()))
    return LoggedSide(checkpoint=identity_of(side.name, files), answers=answers)
