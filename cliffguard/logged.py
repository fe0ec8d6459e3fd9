"""What lm-eval logs beside its samples: versions of tasks and libraries, and the raw responses."""

from __future__ import annotations

import filecmp
import json
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cliffguard.errors import IntegrityError
from cliffguard.samples import TELLING, Sample

_LIBRARIES = {"lm_eval_version": "lm-eval", "transformers_version": "transformers"}
_LEAST_ALIKE = 8  # documents
ONE_RUN = "sides.one-run"
"""The id of every error that says that one model answered for both sides."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Versions:
    """How a folder of samples came to be, as far as its results files tell.

    `limits` are how many documents of a task were to be asked, where lm-eval was told to ask a part
    of them only; `limit` is that of tasks of which the file does not say more.
    """

    tasks: Mapping[str, str]
    libraries: Mapping[str, str]
    limits: Mapping[str, int] = field(default_factory=dict)
    limit: int | None = None

    def limit_of(self, task: str) -> int | None:
        """Return how many documents of a task were to be asked; None: all of them."""
        return None if self.limit is None and not self.limits else self.limits.get(task, self.limit)


def versions_of(folder: Path) -> Versions:
    """Read the `results_*.json` of a folder, the later over the earlier; there need be none."""
    tasks: dict[str, str] = {}
    libraries: dict[str, str] = {}
    limits: dict[str, int] = {}
    limit: int | None = None
    for path in sorted(folder.glob("results_*.json")):
        told = _object(path)
        listed = told.get("versions")
        for task, version in (listed if isinstance(listed, dict) else {}).items():
            tasks[str(task)] = str(version)
        config = told.get("config")
        said = config.get("limit") if isinstance(config, dict) else None
        if isinstance(said, (int, float)) and not isinstance(said, bool):
            limit = int(said) if said >= 1 else limit  # a share is told by the counts alone
            for task, n in _entries(told, "n-samples"):
                if isinstance(n.get("effective"), int) and n.get("effective") != n.get("original"):
                    limits[task] = n["effective"]
        libraries |= {n: str(told[key]) for key, n in _LIBRARIES.items() if told.get(key)}
    return Versions(tasks=tasks, libraries=libraries, limits=limits, limit=limit)


def directions_of(folder: Path) -> dict[str, dict[str, bool]]:
    """Return, by task and metric, whether high is better, as far as a folder's results files tell.

    lm-eval writes it of every task's metrics, null where it does not know. Files of releases
    before that, or of a metric that is null, may have it in the task's config.
    """
    found: dict[str, dict[str, bool]] = {}
    for path in sorted(folder.glob("results_*.json")):
        told = _object(path)
        for task, config in _entries(told, "configs"):
            listed = config.get("metric_list")
            for one in listed if isinstance(listed, list) else ():
                if isinstance(one, dict) and isinstance(one.get("higher_is_better"), bool):
                    found.setdefault(task, {})[str(one.get("metric"))] = one["higher_is_better"]
        for task, by_metric in _entries(told, "higher_is_better"):
            said = {str(n): value for n, value in by_metric.items() if isinstance(value, bool)}
            found.setdefault(task, {}).update(said)
    return found


def _entries(told: Mapping[str, Any], key: str) -> list[tuple[str, dict[str, Any]]]:
    """Return what a results file says of each task under a key."""
    listed = told.get(key)
    entries = listed.items() if isinstance(listed, dict) else ()
    return [(str(task), one) for task, one in entries if isinstance(one, dict)]


def _object(path: Path) -> dict[str, Any]:
    try:
        value = json.loads(path.read_text(encoding="utf-8"))
    except (OSError, ValueError, RecursionError) as failure:
        reason = getattr(failure, "msg", None) or type(failure).__name__
        raise IntegrityError(
            f"{path}: not readable as JSON ({reason}); run lm-eval again"
        ) from None
    if not isinstance(value, dict):
        raise IntegrityError(f"{path}: does not hold an object; run lm-eval again")
    return value


def drifted(sides: Sequence[Versions], tasks: Iterable[str]) -> tuple[str, ...]:
    """Refuse tasks of two versions, which ask or score otherwise; return other drift in words."""
    for task in tasks:
        found = [side.tasks.get(task) for side in sides]
        if None not in found and found[0] != found[1]:
            raise IntegrityError(
                f"{task}: version {found[0]} of the task on the base's side, {found[1]} on the "
                "candidate's; run lm-eval on both with one installation"
            )
    shared = sorted(sides[0].libraries.keys() & sides[1].libraries.keys())
    moved = [
        f"{name} {sides[0].libraries[name]} and {sides[1].libraries[name]}"
        for name in shared
        if sides[0].libraries[name] != sides[1].libraries[name]
    ]
    if not moved:
        return ()
    return (
        f"The sides were measured with different versions ({'; '.join(moved)}), which can move "
        "scores by itself.",
    )


class OneRun:
    """Looks for one model that answered for both sides, pair by pair.

    Likelihoods that are the same to the last digit are one model's, as where lm-eval's `use_cache`
    answers for a candidate what it knows of the base; so are generated answers of some length that
    are all the same to the letter.
    """

    def __init__(self) -> None:
        self._kinds = {"likelihoods": _Alike(), "said": _Alike()}

    def add(self, base: Sample, candidate: Sample) -> None:
        """Look at both answers to one document."""
        sides = (base, candidate)
        if base.is_choice or candidate.is_choice:
            told = ((one.trace if one.is_choice else None, one.score) for one in sides)
            self._kinds["likelihoods"].add(*told)
        said = [None if one.is_choice else one.trace for one in sides]
        if any(said):
            self._kinds["said"].add(*said)

    def refuse(self) -> None:
        """Raise IntegrityError where all that was looked at is one model's."""
        told = {
            "likelihoods": "likelihoods are the same on both sides, to the last digit",
            "said": f"generated answers of {TELLING} characters or more are the same on both "
            "sides, to the letter",
        }
        for kind, seen in self._kinds.items():
            if seen.is_one_run:
                raise IntegrityError(
                    f"all {seen.n:,} {told[kind]}: one model was asked twice; were both runs given "
                    "one --use_cache, or was an adapter not loaded?",
                    id=ONE_RUN,
                )


class _Alike:
    """Counts pairs, and whether all of them are alike; of different ones it keeps a few."""

    def __init__(self) -> None:
        self.n = 0
        self._is_alike = True
        self._different: set[object] = set()

    def add(self, base: object, candidate: object) -> None:
        self.n += 1
        self._is_alike = self._is_alike and base == candidate
        # A document that stands there again and again says no more than once.
        if self._is_alike and len(self._different) < _LEAST_ALIKE:
            self._different.add(base)

    @property
    def is_one_run(self) -> bool:
        return self._is_alike and len(self._different) >= _LEAST_ALIKE


def refuse_one_file(task: str, base: Path, candidate: Path) -> None:
    """Refuse a task's samples that are the same file on both sides, byte for byte."""
    if filecmp.cmp(base, candidate, shallow=False):
        raise IntegrityError(
            f"{task}: {candidate} is {base} byte for byte; was one run copied, or an adapter not "
            "loaded? Run lm-eval on the candidate, or leave the task out of the policy",
            id=ONE_RUN,
        )
