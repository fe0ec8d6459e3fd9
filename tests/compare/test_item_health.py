"""Suite health: what the items can still show of a base."""

from __future__ import annotations

from dataclasses import replace

from cliffguard.compare.diagnostics.item_health import health
from cliffguard.core.comparisons import CapabilityComparison, Comparison
from cliffguard.core.reviews import HealthNote, Outcome
from cliffguard.core.settings import CapabilityPolicy, Policy
from tests import support
from tests.report import samples


def notes(
    capability: CapabilityComparison, outcome: Outcome = Outcome.HELD
) -> tuple[HealthNote, ...]:
    """Return what is said of one capability."""
    comparison = Comparison(
        base=samples.checkpoint("base"),
        candidate=samples.checkpoint("tuned"),
        confidence=0.9,
        capabilities=(capability,),
        caveats=(),
    )
    finding = replace(samples.failed().verdict.findings[0], capability="skill", outcome=outcome)
    policy = Policy(capabilities={"skill": CapabilityPolicy(margin=0.03)})
    return health(comparison, [finding], policy)


def skill(n_right: int, n_items: int = 200, **options: object) -> CapabilityComparison:
    """Return a capability of one task whose base has so many right."""
    capability = samples.measured(
        "skill",
        n_items=n_items,
        n_right_base=n_right,
        n_broken=10,
        n_fixed=8,
        p_drop=0.3,
        **options,  # type: ignore[arg-type]
    )
    (task,) = capability.diagnostics.tasks
    return support.changed(capability, margin=0.03, tasks=(replace(task, chance=0.25),))


def kinds(capability: CapabilityComparison, outcome: Outcome = Outcome.HELD) -> list[str]:
    """Return the kinds of the notes."""
    return [note.kind for note in notes(capability, outcome)]


def test_a_base_in_the_middle_is_healthy() -> None:
    """Nothing is said."""
    assert kinds(skill(130)) == []


def test_a_base_at_the_ceiling_is_saturated() -> None:
    """Its items are too easy; it is at 100 % only where it has all of them."""
    assert kinds(skill(198)) == ["saturated"]
    assert "the base is at 99.5 %:" in notes(skill(199))[0].text


def test_a_base_that_guesses_shows_no_loss() -> None:
    """Within two standard errors of chance."""
    assert kinds(skill(60)) == ["floor"]
    assert kinds(skill(63)) == []


def test_an_open_capability_is_told_how_many_items_its_margin_takes() -> None:
    """Where something was decided, there were enough."""
    (note,) = notes(skill(130), Outcome.INCONCLUSIVE)

    assert note.kind == "too_few"
    assert (
        "in a first run, to exclude a loss of 3 points where 9 % change takes about 9" in note.text
    )


def test_levels_at_chance_are_named() -> None:
    """They can show no loss, and hide one elsewhere."""
    ladder = samples.hops_ladder()
    low = tuple(
        replace(level, base_interval=replace(level.base_interval, low=0.2))
        if level.level in (3, 4, 8)
        else level
        for level in ladder.levels
    )
    capability = skill(130, ladders=(replace(ladder, levels=low),))
    capability = support.changed(
        capability, tasks=(replace(capability.diagnostics.tasks[0], task=ladder.task),)
    )

    (note,) = notes(capability)

    assert note.kind == "floor"
    assert note.text.startswith("at hops 3, 4 the base cannot be told from guessing")


def test_the_target_is_left_alone() -> None:
    """It may start anywhere: the fine-tune is for it."""
    assert kinds(skill(60, ring="target")) == []


def test_frozen_items_that_were_learned_are_told() -> None:
    """A side that does better on them than on fresh ones of the same kind has seen them."""
    frozen = samples.measured(
        "hops", n_items=400, n_right_base=220, n_broken=4, n_fixed=104, p_drop=1.0
    )
    fresh = samples.measured(
        "hops_shadow", n_items=400, n_right_base=212, n_broken=6, n_fixed=4, p_drop=0.3
    )
    comparison = Comparison(
        base=samples.checkpoint("base"),
        candidate=samples.checkpoint("tuned"),
        confidence=0.9,
        capabilities=(frozen, fresh),
        caveats=(),
    )

    (note,) = [note for note in health(comparison, [], Policy()) if note.kind == "shadow"]

    assert note.capability == "hops"
    assert note.text == (
        "the candidate is at 80 % on these items and at 52 % on fresh ones of the same kind: they "
        "have been learned"
    )
