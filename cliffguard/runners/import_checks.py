"""What two runs that lm-eval logged must not share, and what may differ: responses, versions."""

from __future__ import annotations

import filecmp
from collections.abc import Mapping, Sequence
from pathlib import Path

from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import IntegrityError
from cliffguard.runners.lmeval_logs import TELLING, Sample
from cliffguard.runners.lmeval_logs.results import Results

_LEAST_ALIKE = 8  # documents
ONE_RUN = "sides.one-run"
"""The id of every error that says that one model answered for both sides."""


def drifted(sides: Sequence[Mapping[str, Results]], program: str = "lm-eval") -> tuple[Caveat, ...]:
    """Refuse tasks of two versions, which ask or score otherwise; return caveats on other drift.

    `sides` are what the results files say of the tasks of either side, as `program` wrote them.
    """
    moved: dict[str, None] = {}
    for task, base in sides[0].items():
        candidate = sides[1][task]
        numbers = [results.versions.get(task) for results in (base, candidate)]
        if None not in numbers and numbers[0] != numbers[1]:
            raise IntegrityError(
                f"{task}: version {numbers[0]} of the task on the base's side, {numbers[1]} on the "
                f"candidate's; run {program} on both with one installation",
                id="sides.other-versions",
            )
        for name in sorted(base.libraries.keys() & candidate.libraries.keys()):
            if base.libraries[name] != candidate.libraries[name]:
                moved[f"{name} {base.libraries[name]} and {candidate.libraries[name]}"] = None
    if not moved:
        return ()
    text = (
        f"The sides were measured with different versions ({'; '.join(moved)}), which can move "
        "scores by itself."
    )
    return (Caveat(id="samples.other-libraries", text=text),)


class OneRun:
    """Looks for one model that answered for both sides, pair by pair.

    Likelihoods that are the same to the last digit are one model's, as where lm-eval's `use_cache`
    answers for a candidate what it knows of the base; so are generated answers of some length that
    are all the same to the letter.
    """

    def __init__(self) -> None:
        self._kinds = {"likelihoods": _Alike(), "said": _Alike()}

    def is_open(self, is_choice: bool) -> bool:
        """Return whether all answers of a kind may be one model's still: else no trace tells."""
        return self._kinds["likelihoods" if is_choice else "said"].is_alike

    def add(self, base: Sample, candidate: Sample) -> None:
        """Look at both answers to one document."""
        sides = (base, candidate)
        if (base.is_choice or candidate.is_choice) and self.is_open(True):
            likelihoods = (
                (sample.trace if sample.is_choice else None, sample.score) for sample in sides
            )
            self._kinds["likelihoods"].add(*likelihoods)
        if base.is_choice and candidate.is_choice:
            return
        generated = [None if sample.is_choice else sample.trace for sample in sides]
        if any(generated):
            self._kinds["said"].add(*generated)

    def refuse(self) -> None:
        """Raise IntegrityError where all that was looked at is one model's."""
        what = {
            "likelihoods": "likelihoods are the same on both sides, to the last digit",
            "said": f"generated answers of {TELLING} characters or more are the same on both "
            "sides, to the letter",
        }
        for kind, seen in self._kinds.items():
            if seen.is_one_run:
                raise IntegrityError(
                    f"all {seen.n:,} {what[kind]}: one model was asked twice; were both runs given "
                    "one cache (--use_cache), or was an adapter not loaded?",
                    id=ONE_RUN,
                )


class _Alike:
    """Counts pairs, and whether all of them are alike; of different ones it keeps a few."""

    def __init__(self) -> None:
        self.n = 0
        self.is_alike = True
        self._different: set[object] = set()

    def add(self, base: object, candidate: object) -> None:
        self.n += 1
        self.is_alike = self.is_alike and base == candidate
        # A document that stands there again and again says no more than once.
        if self.is_alike and len(self._different) < _LEAST_ALIKE:
            self._different.add(base)

    @property
    def is_one_run(self) -> bool:
        return self.is_alike and len(self._different) >= _LEAST_ALIKE


def refuse_one_file(task: str, base: Path, candidate: Path, program: str = "lm-eval") -> None:
    """Refuse a task's samples that are the same file on both sides, byte for byte."""
    if filecmp.cmp(base, candidate, shallow=False):
        raise IntegrityError(
            f"{task}: {candidate} is {base} byte for byte; was one run copied, or an adapter not "
            f"loaded? Run {program} on the candidate, or leave the task out of the policy",
            id=ONE_RUN,
        )
