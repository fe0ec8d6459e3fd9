"""Diagnoses made by hand, of the capabilities of the sample reviews, and items that have them."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from cliffguard.core.diagnosis import (
    CapabilityDiagnosis,
    CauseCount,
    CauseName,
    Diagnosis,
    Pattern,
    PatternKind,
    ProbeForm,
    ProbeResult,
    UntestedCause,
)
from cliffguard.core.item_results import ItemResult
from cliffguard.core.reviews import Review
from cliffguard.report import render
from cliffguard.report.items import write_items
from cliffguard.stats.interval import Interval
from tests.report import samples
from tests.report.listed import result

LOST = "multi_step_reasoning"
"""The capability that the sample review lost: 200 items, 49 broken, 4 fixed."""

RESTS: tuple[CauseName, ...] = ("lost", "unprobed")
"""What is left when no cause fits: never named as a cause."""

KEPT = "instruction_following"
"""One that held: 400 items, 17 broken, 6 fixed."""


def cause(name: CauseName, n_items: int, of: int = 49, **changes: Any) -> CauseCount:
    """Return a cause of so many broken items; compared and not found, but of what probes tell.

    Both sides have six more items wrong, of which none fits; the base four more by itself.
    """
    share, interval = samples.share_of(n_items, of)
    is_compared = name not in ("lost", "unprobed", "suppressed")
    wrong = {"n_fits_candidate": n_items, "n_wrong_candidate": of + 6, "n_wrong_base": 10}
    count = CauseCount(
        cause=name,
        n_items=n_items,
        loss=float(n_items),
        n_among=of,
        share=share,
        share_interval=interval,
        n_fits_broken=n_items,
        n_fits_fixed=0,
        p_found=0.4 if is_compared else None,
        is_comparable=is_compared,
        is_found=False,
        **(wrong if is_compared else {}),
    )
    return replace(count, **changes)


def found_cause(name: CauseName, n_items: int, of: int = 49, **changes: Any) -> CauseCount:
    """Return a cause that is found."""
    return cause(name, n_items, of, p_found=2e-6, is_found=True, **changes)


def pattern(kind: PatternKind, name: str, **changes: Any) -> Pattern:
    """Return a pattern that is found: of a pull 10 of 13, of a slice 45 points against 3."""
    is_pull = kind == "pull"
    key = f"{kind}:{name}"
    name = f'"{name}"' if is_pull else name
    made = Pattern(
        kind=kind,
        key=key,
        name=name,
        n_items=13 if is_pull else 41,
        n_broken=10 if is_pull else 20,
        n_fixed=0 if is_pull else 2,
        inside=10 / 13 if is_pull else 0.45,
        outside=0.0 if is_pull else 0.03,
        p_value=1e-5,
        q_value=0.004,
        is_found=True,
        shows_text=kind in ("pull", "template", "class", "cluster", "opening"),
    )
    return replace(made, **changes)


def probes(**changes: Any) -> ProbeResult:
    """Return probes that brought back 12 of 32 under two forms, the base's 3 of 32."""
    made = ProbeResult(
        n_broken=32,
        n_fixed=4,
        forms=(
            ProbeForm(name="three shots", n_broken_recovered=14, n_fixed_recovered=1),
            ProbeForm(name="chat template", n_broken_recovered=10, n_fixed_recovered=0),
        ),
        recovery=0.375,
        base_recovery=0.125,
        difference=0.25,
        difference_interval=Interval(-0.05, 0.41),
        p_value=0.09,
        is_suppressed=False,
        untried=("system prompt: the template of the base takes none",),
    )
    return replace(made, **changes)


def capability(
    causes: Sequence[CauseCount], name: str = LOST, **changes: Any
) -> CapabilityDiagnosis:
    """Return why a capability's items broke."""
    n_broken = sum(each.n_items for each in causes)
    made = CapabilityDiagnosis(
        capability=name,
        n_items=200,
        n_broken=n_broken,
        n_fixed=4,
        loss=sum(each.loss for each in causes),
        gain=4.0,
        causes=tuple(causes),
        untested=(
            UntestedCause(cause="bad_call", why="no item here calls a tool"),
            UntestedCause(cause="leak", why="no target and no --train"),
            UntestedCause(cause="suppressed", why="compare asks nothing"),
        ),
        patterns=(),
        unprobed="compare asks nothing",
    )
    return replace(made, **changes)


def refusing() -> CapabilityDiagnosis:
    """Return a capability of which 38 of 49 broken items are refusals."""
    causes = [cause("cut", 3, n_fits_fixed=1), found_cause("refusal", 38), cause("unprobed", 8)]
    return capability(causes, patterns=(pattern("pull", "ticket"), slipped()))


def slipped() -> Pattern:
    """Return a slice in which the candidate lost more."""
    return pattern("position", "right answer mentioned first", key="position:first")


def kept() -> CapabilityDiagnosis:
    """Return a capability that held, with graded scores: 17 items lost 9.25, 6 gained 2.5."""
    causes = [cause("format", 5, 17, loss=3.5), cause("lost", 12, 17, loss=5.75)]
    return capability(
        causes, KEPT, n_items=400, n_fixed=6, gain=2.5, untested=(), probes=probes(), unprobed="",
        patterns=(pattern("level", "hops = 2", q_value=0.4, is_found=False),),
    )  # fmt: skip


def review(*capabilities: CapabilityDiagnosis, **changes: Any) -> Review:
    """Return the review that failed, with why it did."""
    diagnosis = Diagnosis(
        capabilities=capabilities or (refusing(), kept()),
        n_tried=214,
        probe_tokens=12_400,
        run_tokens=198_000,
    )
    return replace(samples.failed(), diagnosis=replace(diagnosis, **changes))


ITEMS = (
    result("r-1", cause="refusal", patterns=("pull:ticket", "position:first"), sure=0.9),
    result("r-2", cause="refusal", level=4, sure=0.8),
    result("c-1", cause="cut", patterns=("position:first",)),
    result("u-1", cause="unprobed"),
    result("same", 1.0, 1.0, patterns=("pull:ticket",)),
    result("fixed", 0.0, 1.0, patterns=("position:first",)),
    result("if-1", capability=KEPT, task="follow", level=None, cause="format"),
)


def written(folder: Path, whole: Review | None = None, items: Sequence[ItemResult] = ITEMS) -> Path:
    """Write a review and its items into a folder, and return it."""
    folder.mkdir(exist_ok=True)
    kept_review = write_items(whole or review(), folder, items)
    (folder / "review.json").write_text(render(kept_review, "json"), encoding="utf-8")
    return folder
