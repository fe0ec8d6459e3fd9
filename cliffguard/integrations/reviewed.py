"""What a check brought that ran elsewhere: the losses of its review, and why there is none."""

from __future__ import annotations

from collections.abc import Iterable
from pathlib import Path

from cliffguard.compare.clusters import connected
from cliffguard.core.canonical_json import parse_json
from cliffguard.core.errors import (
    CliffguardError,
    InfrastructureError,
    IntegrityError,
    UsageError,
)
from cliffguard.core.item_results import ItemResult
from cliffguard.core.reviews import Review
from cliffguard.core.settings import Policy
from cliffguard.integrations.checks import Check, Counted, Losses
from cliffguard.integrations.losses import counted, gain_of
from cliffguard.report.items import read_items
from cliffguard.report.json import read_review

VERDICTS = (0, 10, 11)
"""Exit codes of a check that came to its end."""

_KINDS: dict[int, type[CliffguardError]] = {2: UsageError, 12: IntegrityError}


def check_in(folder: Path, step: int, seconds: float) -> Check:
    """Return the check whose review and items lie in a folder.

    Raises UsageError and IntegrityError where they do not, or are not as they were written.
    """
    path = folder / "review.json"
    try:
        text = path.read_text(encoding="utf-8")
    except (OSError, ValueError) as failure:
        raise UsageError(
            f"{path}: the check left no review ({failure}); what CLIFFGUARD_CMD starts must write "
            "where --out says",
            id="training.no-review",
        ) from None
    review = read_review(text, str(path))
    losses, counted = _losses_of(review, read_items(review, folder))
    return Check(
        step=step,
        losses=losses,
        counted=counted,
        gain=gain_of(review.comparison),
        review=review,
        seconds=seconds,
        n_tokens=None,
    )


def failure_in(folder: Path, code: int, log: Path) -> CliffguardError:
    """Return why a check ended with a code that is no verdict, as it has written it down."""
    try:
        written = parse_json((folder / "failure.json").read_text(encoding="utf-8"))
        message, its_id = str(written["message"]), str(written["id"])
    except (OSError, ValueError, LookupError, TypeError):
        message, its_id = f"it ended with exit code {code}; its words are in {log}", None
    if its_id is None:
        return _KINDS.get(code, InfrastructureError)(message, id="training.ended")
    return _KINDS.get(code, InfrastructureError)(message, id=its_id)


def _losses_of(review: Review, items: Iterable[ItemResult]) -> tuple[Losses, Counted]:
    """Return what each gating capability lost, item by item, and how that counts."""
    policy = review.plan.policy or Policy()
    margins = {
        row.capability: row.evidence.margin
        for row in review.comparison.capabilities
        if policy.role(row.capability, row.ring) == "gating"
    }
    rows = [
        (item.capability, item.drop if item.counted else None, item.cluster, item.digest)
        for item in items
        if item.capability in margins and (item.counted or item.uncounted == "missing")
    ]
    # Also over capabilities; who stands alone has a number of its own.
    groups = connected(len(rows), ([row[2] for row in rows], [row[3] for row in rows]))
    lost = ((name, drop, n) for (name, drop, *_), n in zip(rows, groups, strict=True))
    return counted(lost, margins)
