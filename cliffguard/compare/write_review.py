"""Builds the review of a finished comparison: examples, provenance."""

from __future__ import annotations

import platform
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from importlib.metadata import version

from cliffguard.compare.case import Case
from cliffguard.compare.comparison import Counting
from cliffguard.compare.diagnosis import Diagnosed
from cliffguard.compare.diagnostics.item_health import health
from cliffguard.compare.pairs import Pair
from cliffguard.core.caveats import Caveat
from cliffguard.core.commits import commit_here, own_commit
from cliffguard.core.comparisons import Comparison
from cliffguard.core.diagnosis import Diagnosis
from cliffguard.core.errors import redactor
from cliffguard.core.items import Suite
from cliffguard.core.libraries import installed
from cliffguard.core.reviews import (
    REVIEW_FORMAT,
    Example,
    PlannedLooks,
    Provenance,
    Review,
    SuiteStamp,
    TakenLooks,
    Verdict,
    with_texts,
)
from cliffguard.core.settings import Plan, Policy
from cliffguard.core.texts import ends_of
from cliffguard.evaluate.looks import Look
from cliffguard.evaluate.measure import Measurement

N_EXAMPLES = 5
"""Broken items per capability that a review carries."""

_LIBRARIES = (
    "torch", "transformers", "tokenizers", "peft", "lm-eval", "datasets", "numpy", "scipy",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class Decision:
    """What the answers so far come to: the `case` at a `look`.

    Of all `pairs` it is `gathered` which count.
    `taken` are the looks that the review tells of. What came after the verdict stands beside the
    comparison: whether the look `is_last` for want of time, what the `ending` says of that, and why
    items broke (None: nobody looked).
    """

    case: Case
    look: Look
    pairs: tuple[Pair, ...]
    gathered: tuple[Counting, ...]
    measured: tuple[Measurement, ...]
    comparison: Comparison
    verdict: Verdict
    taken: tuple[TakenLooks, ...] = ()
    is_last: bool = False
    ending: tuple[Caveat, ...] = ()
    diagnosed: Diagnosed | None = None


def build_review(
    decision: Decision,
    *,
    plan: Plan,
    suites: Sequence[Suite],
    runner: str,
    looks: tuple[PlannedLooks, ...],
    command: str,
) -> Review:
    """Return the record of a comparison, from which every report is made."""
    comparison, measured = decision.comparison, decision.measured
    review = Review(
        format=REVIEW_FORMAT,
        plan=plan,
        comparison=replace(comparison, caveats=(*comparison.caveats, *decision.ending)),
        verdict=decision.verdict,
        health=health(comparison, decision.verdict.findings, plan.policy or Policy()),
        examples=pick_examples(decision.pairs),
        provenance=Provenance(
            cliffguard_version=version("cliffguard"),
            cliffguard_commit=own_commit(),
            commit=commit_here(),
            runner=runner,
            measured_on=tuple(
                f"{who}: {machine}"
                for who, side in zip(("base", "candidate"), measured, strict=True)
                for machine in side.measured_on
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
        taken=decision.taken,
    )
    # What suites and models say is kept to the letter; what people configured may hold a secret.
    redact = redactor()
    explained = decision.diagnosed
    diagnosis = None if explained is None else _redacted(explained.record, redact)
    return replace(with_texts(review, redact), examples=review.examples, diagnosis=diagnosis)


def _redacted(diagnosis: Diagnosis, redact: Callable[[str], str]) -> Diagnosis:
    """Return a diagnosis without secrets, which reasons may hold; patterns are the data's words."""
    capabilities = (
        replace(with_texts(capability, redact), patterns=capability.patterns)
        for capability in diagnosis.capabilities
    )
    return replace(diagnosis, capabilities=tuple(capabilities))


def _versions() -> dict[str, str]:
    # Samples that lm-eval logged are compared where models cannot be loaded, without torch.
    numbers = {name: installed(name) for name in _LIBRARIES}
    return {"python": platform.python_version(), **{k: v for k, v in numbers.items() if v}}


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
        prompt=ends_of(pair.item.prompt),
        answer=ends_of(", or ".join(pair.item.right)),
        base_text=ends_of(pair.base.text),
        candidate_text=ends_of(pair.candidate.text),
        base_confidence=pair.base.confidence,
        candidate_confidence=pair.candidate.confidence,
    )
