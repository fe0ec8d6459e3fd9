"""From a finished comparison to its record: the examples a reader needs, and how to repeat it."""

from __future__ import annotations

import json
import platform
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, fields, replace
from importlib.metadata import version

from cliffguard.commits import commit_here, own_commit
from cliffguard.errors import redacted
from cliffguard.health import health
from cliffguard.measure import Measurement
from cliffguard.pairs import Pair
from cliffguard.plans import Plan, Policy, Protocol, RunnerSettings, TargetData
from cliffguard.records import (
    REVIEW_FORMAT,
    Comparison,
    Example,
    PlannedLooks,
    Provenance,
    Review,
    Suite,
    SuiteStamp,
    TakenLooks,
    Verdict,
    with_texts,
)

N_EXAMPLES = 5
"""Broken items per capability that a review carries."""

_USUAL = Protocol()
_EXAMPLE_CHARACTERS = 1500
_LIBRARIES = (
    "torch", "transformers", "tokenizers", "peft", "lm-eval", "datasets", "numpy", "scipy",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the answers so far come to."""

    pairs: tuple[Pair, ...]
    comparison: Comparison
    verdict: Verdict


def write_up(
    decision: Decision,
    *,
    plan: Plan,
    suites: Sequence[Suite],
    measured: Sequence[Measurement],
    runner: str,
    looks: tuple[PlannedLooks, ...],
    taken: tuple[TakenLooks, ...],
    command: str,
) -> Review:
    """Return the record of a comparison, from which every report is made."""
    review = Review(
        format=REVIEW_FORMAT,
        plan=plan,
        comparison=decision.comparison,
        verdict=decision.verdict,
        health=health(decision.comparison, decision.verdict.findings, plan.policy or Policy()),
        examples=pick_examples(decision.pairs),
        provenance=Provenance(
            cliffguard_version=version("cliffguard"),
            cliffguard_commit=own_commit(),
            commit=commit_here(),
            runner=runner,
            measured_on=tuple(
                f"{who}: {place}"
                for who, side in zip(("base", "candidate"), measured, strict=True)
                for place in side.measured_on
            ),
            suites=tuple(
                SuiteStamp(name=suite.name, version=suite.version, digest=suite.digest)
                for suite in suites
            ),
            questions=tuple(key for side in measured for key in side.questions),
            looks=looks,
            versions=_versions(),
            command=command,
        ),
        taken=taken,
    )
    # What suites and models say is kept to the letter; what people configured may hold a secret.
    return replace(with_texts(review, redacted), examples=review.examples)


def _versions() -> dict[str, str]:
    return {"python": platform.python_version(), **{name: version(name) for name in _LIBRARIES}}


def pick_examples(pairs: Sequence[Pair]) -> tuple[Example, ...]:
    """Return the first broken items of each capability, easiest level first.

    An easy item that broke says more about what was lost than a hard one.
    """
    by_capability: dict[str, list[Pair]] = {}
    for pair in pairs:
        if pair.is_broken:
            by_capability.setdefault(pair.task.capability, []).append(pair)
    picked = [
        pair
        for broken in by_capability.values()
        for pair in sorted(broken, key=lambda pair: pair.item.level or 0)[:N_EXAMPLES]
    ]
    return tuple(_example(pair) for pair in picked)


def _example(pair: Pair) -> Example:
    return Example(
        capability=pair.task.capability,
        task=pair.task.name,
        item_id=pair.item.id,
        level=pair.item.level,
        prompt=_shortened(pair.item.prompt),
        answer=_shortened(", or ".join(pair.item.right)),
        base_text=_shortened(pair.base.text),
        candidate_text=_shortened(pair.candidate.text),
        base_confidence=pair.base.confidence,
        candidate_confidence=pair.candidate.confidence,
    )


def _shortened(text: str) -> str:
    if len(text) <= _EXAMPLE_CHARACTERS:
        return text
    half = _EXAMPLE_CHARACTERS // 2
    return f"{text[:half]} […] {text[-half:]}"


def command_of(plan: Plan, *, stops_early: bool = True, max_minutes: float | None = None) -> str:
    """Return a command that repeats the comparison; what only a file can say is apart."""
    words = ["cliffguard", "check", "--candidate", plan.candidate]
    if plan.base is not None:
        words += ["--base", plan.base]
    for suite in plan.suites:
        words += ["--suite", suite]
    words += _target_words(plan.target)
    words += _data_words(plan)
    words += _protocol_words(plan.protocol)
    if plan.allow_base_mismatch:
        words.append("--allow-base-mismatch")
    if plan.allow_pickle:
        words.append("--allow-pickle")
    words += _dealing_words(plan)
    if plan.after_failure != "finish":
        words += ["--after-failure", plan.after_failure]
    if not stops_early:
        words.append("--no-early-stop")
    if max_minutes is not None:
        words += ["--max-minutes", f"{max_minutes:g}"]
    return shlex.join(words + _runner_words(plan.runner))


def _target_words(target: TargetData | None) -> list[str]:
    if target is None:
        return []
    words = ["--target", target.data]
    for field in fields(TargetData):
        value = getattr(target, field.name)
        if field.name == "data" or value == field.default:
            continue
        for one in value if isinstance(value, tuple) else [value]:
            words += [f"--target-{field.name.replace('_', '-')}", str(one)]
    return words


def _dealing_words(plan: Plan) -> list[str]:
    """Return the items and the churn by which they are dealt; without items it shapes nothing."""
    if plan.items is None:
        return []
    words = ["--items", str(plan.items)]
    if isinstance(plan.churn, Mapping):
        return words + [w for name, n in plan.churn.items() for w in ("--churn", f"{name}={n!r}")]
    return words if plan.churn is None else [*words, "--churn", repr(plan.churn)]


def _data_words(plan: Plan) -> list[str]:
    words: list[str] = []
    for task, given in plan.data.items():
        files = {"": given} if isinstance(given, str) else given
        for split, path in files.items():
            words += ["--data", f"{task}:{split}={path}" if split else f"{task}={path}"]
    for path in plan.train:
        words += ["--train", path]
    return [*words, "--screen"] if plan.screen else words


def _runner_words(runner: RunnerSettings) -> list[str]:
    words: list[str] = []
    if runner.model != "cliffguard":
        words += ["--model", runner.model]
    if runner.args:
        words += ["--model-args", json.dumps(dict(runner.args), sort_keys=True)]
    words += ["--device", runner.device]
    if runner.device_map is not None:
        words += ["--device-map", runner.device_map]
    if runner.batch_size is not None:
        words += ["--batch-size", str(runner.batch_size)]
    if runner.batch_tokens is not None:
        words += ["--batch-tokens", str(runner.batch_tokens)]
    return words


def _protocol_words(protocol: Protocol) -> list[str]:
    """Return a flag for every field that is not at its default."""
    words: list[str] = []
    for field in fields(Protocol):
        value = getattr(protocol, field.name)
        if value == getattr(_USUAL, field.name):
            continue
        text = json.dumps(dict(value)) if isinstance(value, Mapping) else str(value)
        words += ["--" + field.name.replace("_", "-"), text]
    return words
