"""The bars of the main figure: numbers along a width."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cliffguard.core.reviews import Outcome
from cliffguard.report.bars import bars
from cliffguard.report.page import lay_out
from tests.report import samples


@pytest.mark.parametrize("name", ["passed", "failed", "crowded", "hostile", "causes"])
def test_what_held_ends_inside_its_zone(name: str) -> None:
    """What is held by its loss ends inside; every bar lies inside its axis, low before high."""
    page = lay_out(getattr(samples, name)())
    drawn = bars(page)

    assert set(drawn) == {row.capability for row in page.rows}
    for row in page.rows:
        bar = drawn[row.capability]
        if bar.value is None:
            continue
        assert 0.0 < bar.low <= bar.value <= bar.high < 100.0
        is_real = name != "crowded"  # whose outcomes are made up
        if is_real and row.finding.outcome is Outcome.HELD and bar.zone is not None:
            assert bar.zone[0] <= bar.low or not row.is_target
            assert bar.high <= bar.zone[1] or row.is_target


def test_drops_share_an_axis_and_gains_have_their_own() -> None:
    """A larger drop lies further right; so does a gain, whose drop is negative."""
    drawn = bars(lay_out(samples.failed()))

    lost, held, gained = (
        drawn[name] for name in ("multi_step_reasoning", "arithmetic", "ticket_routing")
    )
    assert lost.zero == held.zero
    assert held.value < lost.value  # type: ignore[operator]
    assert gained.value > gained.zero  # type: ignore[operator]


def test_every_row_has_its_own_margin() -> None:
    """A margin of one capability is drawn in its row only."""
    failed = samples.failed()
    findings = tuple(
        replace(finding, margin=0.1) if finding.capability == "arithmetic" else finding
        for finding in failed.verdict.findings
    )
    drawn = bars(lay_out(replace(failed, verdict=replace(failed.verdict, findings=findings))))

    wide, usual = drawn["arithmetic"], drawn["instruction_following"]
    assert (wide.limit or 0.0) - wide.zero == pytest.approx(
        2 * ((usual.limit or 0) - usual.zero), abs=0.03
    )


def test_what_was_not_measured_has_no_bar() -> None:
    """The row stays, without a value; its words say so."""
    drawn = bars(lay_out(samples.not_measured()))

    assert sum(bar.value is None for bar in drawn.values()) == 2
    assert "NOT_MEASURED" in drawn["refusals"].description


def test_those_who_do_not_see_it_hear_it() -> None:
    """Drop, interval and outcome."""
    bar = bars(lay_out(samples.failed()))["multi_step_reasoning"]

    assert bar.description == "multi_step_reasoning: drop +22.5 pp [+17.1, +27.9], REGRESSED"
