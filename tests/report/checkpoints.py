"""Reviews of several checkpoints of one training, in folders as a check leaves them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path

from cliffguard.core.caveats import Caveat
from cliffguard.core.item_results import ItemResult
from cliffguard.core.reviews import Finding, Outcome, Review
from cliffguard.report import render
from cliffguard.report.items import write_items
from cliffguard.report.overview.sources import NamedReview
from tests.report import samples

CAPABILITIES = ("multi_step_reasoning", "reading_in_context", "out_of_domain_qa", "refusals")


def outcome_of(n_broken: int) -> Outcome:
    """Return what so many broken items of 400 are called."""
    if n_broken >= 40:
        return Outcome.REGRESSED
    return Outcome.HELD if n_broken <= 12 else Outcome.INCONCLUSIVE


def checkpoint(
    name: str, *, broken: Mapping[str, int] | None = None, n_gained: int = 40, choose: str = ""
) -> Review:
    """Return the review of one: `broken` items of 400 by capability, `n_gained` of 400."""
    target = samples.measured(
        "ticket_routing", n_items=400, n_right_base=160, n_broken=0, n_fixed=n_gained, p_drop=1.0,
        ring="target",
    )  # fmt: skip
    pairs = [(target, samples.finding(target, Outcome.HELD, "", role="target", margin=-0.02))]
    for capability in broken if broken is not None else dict.fromkeys(CAPABILITIES, 0):
        n_broken = (broken or {}).get(capability, 0)
        row = samples.measured(
            capability, n_items=400, n_right_base=300, n_broken=n_broken, n_fixed=2, p_drop=0.5
        )
        pairs.append((row, samples.finding(row, outcome_of(n_broken), "as it is in tests")))
    findings: list[Finding] = [finding for _, finding in pairs]
    worst = {finding.outcome for finding in findings}
    verdict = Outcome.PASS if worst == {Outcome.HELD} else Outcome.INCONCLUSIVE
    verdict = Outcome.FAIL if Outcome.REGRESSED in worst else verdict
    caveats = (Caveat(id=choose, text="One of 3 candidates of which one is chosen."),)
    review = samples.review(verdict, "as it is.", pairs, caveats=caveats if choose else ())
    side = replace(review.comparison.candidate, name=name)
    return replace(review, plan=replace(review.plan, candidate=name),
                   comparison=replace(review.comparison, candidate=side))  # fmt: skip


def trained(n: int) -> dict[str, Review]:
    """Return checkpoints of a training which loses reasoning from three quarters on."""
    reviews = {}
    for number in range(1, n + 1):
        fall = max(0, round(120 * (number / n - 0.7)))
        broken = {
            "multi_step_reasoning": 4 * fall + number % 3,
            "reading_in_context": number % 11,
            "out_of_domain_qa": 14 if number % 7 == 3 else 2,
            "refusals": 45 if number == n // 2 else 1,
        }
        name = f"runs/x/checkpoint-{250 * number}"
        reviews[name] = checkpoint(name, broken=broken, n_gained=round(160 * number / n))
    return reviews


def sources(reviews: Mapping[str, Review], root: Path = Path("out")) -> list[NamedReview]:
    """Return reviews under the last part of their names, in folders of these."""
    return [
        NamedReview(name=Path(name).name, file=root / Path(name).name / "review.json", review=r)
        for name, r in reviews.items()
    ]


def write(
    root: Path,
    reviews: Mapping[str, Review],
    items: Mapping[str, Sequence[ItemResult]] | None = None,
) -> Path:
    """Write reviews, with a page and their items, into a folder each, and return the root."""
    for name, review in reviews.items():
        folder = root / Path(name).name
        folder.mkdir(parents=True)
        has_items = items is not None and name in items
        whole = write_items(review, folder, items[name]) if items and has_items else review
        (folder / "review.json").write_text(render(whole, "json"), encoding="utf-8")
        (folder / "report.html").write_text("a page", encoding="utf-8")
    return root
