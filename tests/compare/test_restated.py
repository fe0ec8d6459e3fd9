"""Pulls that say once more what a cause says of the same items."""

from __future__ import annotations

import pytest

from cliffguard.compare.diagnostics.patterns import Patterns
from cliffguard.compare.diagnostics.restated import with_restated
from cliffguard.core.diagnosis import CauseName, PatternKind
from tests.report.diagnosed import pattern

MEMBERS = [("say", str(number)) for number in range(10)]


def restated(kind: PatternKind, causes: list[CauseName]) -> CauseName | None:
    """Return what a pattern restates whose items have these causes."""
    shown = pattern(kind, "sorry")
    patterns = Patterns(
        n_tried=1,
        by_capability={"saying": (shown,), "other": (shown,)},
        by_item=dict.fromkeys(MEMBERS, (shown.key,)),
    )
    by_item = dict(zip(MEMBERS, causes, strict=False))
    by_item[("say", "outside")] = "cut"
    made = with_restated(patterns, {"saying": by_item, "other": {("say", "elsewhere"): "leak"}})
    assert made.by_capability["other"] == (shown,)
    return made.by_capability["saying"][0].restates


@pytest.mark.parametrize(
    ("causes", "restates"),
    [
        (["refusal"] * 10, "refusal"),
        (["refusal"] * 8 + ["cut"] * 2, "refusal"),
        (["refusal"] * 7 + ["cut"] * 3, None),
        (["refusal"] * 4 + ["unprobed"], "refusal"),
        (["lost"] * 10, None),
        (["unprobed"] * 10, None),
        (["suppressed"] * 10, None),
        ([], None),
    ],
)
def test_a_pull_of_items_with_a_cause_restates_it(
    causes: list[CauseName], restates: CauseName | None
) -> None:
    """From four in five of its broken items on, of what a reader sees, in its own capability."""
    assert restated("pull", causes) == restates


def test_a_slice_restates_nothing() -> None:
    """Where items were lost is something else than how."""
    assert restated("level", ["refusal"] * 10) is None
