"""One judge: which counts become which outcome, and which outcomes which exit code."""

from __future__ import annotations

from dataclasses import replace
from typing import NamedTuple

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliffguard.compare.verdict import EXIT_CODES, judge
from cliffguard.core.comparisons import CapabilityComparison, Comparison, MeanComparison
from cliffguard.core.diagnostics import Ladder, LevelComparison, TruncationSensitivity
from cliffguard.core.reviews import Finding, Outcome, Verdict
from cliffguard.core.settings import CapabilityPolicy, Policy, Ring, TargetPolicy
from cliffguard.stats.evidence import PairedSample, fixed_evidence, gain_evidence
from cliffguard.stats.interval import Interval
from cliffguard.stats.onset import find_onset
from cliffguard.stats.paired import PairedCounts
from tests import support


def capability(
    name: str,
    n_broken: int,
    n_fixed: int,
    *,
    n_items: int = 500,
    n_lost: int = 0,
    n_planned: int | None = None,
    ring: Ring = "adjacent",
    margin: float = 0.05,
    gain: float | None = None,
    ladders: tuple[Ladder, ...] = (),
) -> CapabilityComparison:
    """Return the comparison of a capability whose base had 70 % right; `gain` is demanded."""
    sample = PairedSample(
        counts=PairedCounts(n_broken, n_fixed, n_items), n_lost=n_lost, n_asked=n_items + n_lost
    )
    if gain is None:
        evidence = fixed_evidence(sample, margin=margin, alpha=0.05)
    else:
        evidence = gain_evidence(sample, gain=gain, alpha=0.05)
    return support.compared(
        capability=name,
        suite="s",
        ring=ring,
        n_planned=n_planned or sample.n_asked,
        n_asked=sample.n_asked,
        n_looks=1,
        n_items=n_items,
        n_unscored=n_lost,
        n_lost=n_lost,
        n_broken=n_broken,
        n_fixed=n_fixed,
        n_effective=float(n_items),
        square=(n_broken + n_fixed) / n_items,
        base_mean=0.7,
        candidate_mean=0.7 - sample.counts.drop,
        drop=sample.counts.drop,
        drop_interval=evidence.interval,
        margin=margin if gain is None else -gain,
        p_held=evidence.p_held,
        p_drop=evidence.p_dropped,
        p_beyond=evidence.p_beyond,
        method=evidence.method,
        tasks=(),
        ladders=ladders,
        behaviour=None,
    )


def unmeasured(name: str, *, ring: Ring = "adjacent") -> CapabilityComparison:
    """Return the comparison of a capability with no scored pair."""
    empty = capability(name, 0, 0, ring=ring)
    return support.changed(
        empty, n_items=0, base_mean=None, candidate_mean=None, drop=None,
        drop_interval=None, p_held=None, p_drop=None, p_beyond=None,
    )  # fmt: skip


def judged(
    *capabilities: CapabilityComparison,
    policy: Policy | None = None,
    before: Verdict | None = None,
    mean: MeanComparison | None = None,
) -> Verdict:
    """Return the verdict on some capabilities under the default margins."""
    comparison = Comparison(
        base=support.checkpoint("base"),
        candidate=support.checkpoint("tuned"),
        confidence=0.9,
        capabilities=capabilities,
        caveats=(),
        mean=mean,
    )
    return judge(comparison, policy or Policy(), before)


def finding(verdict: Verdict, name: str) -> Finding:
    """Return the finding about one capability."""
    return next(finding for finding in verdict.findings if finding.capability == name)


GAIN = Policy(target=TargetPolicy(min_gain=0.05))
NO_GATE = CapabilityPolicy(gate=False)


def kept(name: str = "a", ring: Ring = "adjacent") -> CapabilityComparison:
    """Return a capability with a few flips in both directions."""
    return capability(name, 10, 10, ring=ring)


def lost(name: str = "a", ring: Ring = "adjacent") -> CapabilityComparison:
    """Return a capability that fell by 20 points."""
    return capability(name, 110, 10, ring=ring)


def unsure(name: str = "b") -> CapabilityComparison:
    """Return a capability without a flip on few items."""
    return capability(name, 0, 0, n_items=30)


def target(n_broken: int, n_fixed: int) -> CapabilityComparison:
    """Return a target of which a gain of 5 points is demanded."""
    return capability("target", n_broken, n_fixed, ring="target", gain=0.05)


class Gate(NamedTuple):
    """What is compared under which policy, and what becomes of it and of each capability."""

    capabilities: tuple[CapabilityComparison, ...]
    policy: Policy
    outcome: Outcome
    findings: dict[str, Outcome]


PASS, FAIL, OPEN = Outcome.PASS, Outcome.FAIL, Outcome.INCONCLUSIVE
HELD, LOST, NONE = Outcome.HELD, Outcome.REGRESSED, Outcome.NOT_MEASURED
GATES = {
    "a few flips on 500 items": Gate((kept(),), Policy(), PASS, {"a": HELD}),
    "a clear drop": Gate((lost(),), Policy(), FAIL, {"a": LOST}),
    "no drop that is proven, on few items": Gate((unsure(),), Policy(), OPEN, {"b": OPEN}),
    "one is open": Gate((kept(), unsure()), Policy(), OPEN, {"a": HELD, "b": OPEN}),
    "a loss outweighs what is open": Gate((lost(), unsure()), Policy(), FAIL, {"b": OPEN}),
    "what the policy names and no suite has": Gate(
        (kept(),), Policy(capabilities={"maths": CapabilityPolicy()}), OPEN, {"maths": NONE}
    ),
    "the control ring is monitored": Gate(
        (kept(), lost("control", "control")), Policy(), PASS, {"control": LOST}
    ),
    "the control ring may gate": Gate(
        (lost(ring="control"),), Policy(capabilities={"a": CapabilityPolicy(gate=True)}), FAIL, {}
    ),
    "what is monitored fails nothing": Gate(
        (lost(), kept("b")), Policy(capabilities={"a": NO_GATE}), PASS, {}
    ),
    "nothing gates": Gate((kept(ring="control"),), Policy(), OPEN, {}),
    "a gain that is proven": Gate((target(5, 100), kept()), GAIN, PASS, {"target": HELD}),
    "a gain that is open": Gate((target(5, 40), kept()), GAIN, OPEN, {"target": OPEN, "a": HELD}),
    "a gain that is disproven": Gate((target(60, 10),), GAIN, FAIL, {"target": LOST}),
    "a gain is demanded of nothing": Gate((kept(),), GAIN, OPEN, {"target": NONE}),
    "a gain alone, open": Gate((target(5, 40),), replace(GAIN, target_only=True), OPEN, {}),
    "a gain alone, disproven": Gate((target(60, 10),), replace(GAIN, target_only=True), FAIL, {}),
    "a target of which nothing is demanded": Gate(
        (capability("t", 60, 10, ring="target"), kept()), Policy(), PASS, {}
    ),
    "three of a hundred disprove no gain": Gate(  # p = 0.06
        (capability("t", 3, 0, n_items=100, ring="target", gain=0.0),),
        Policy(target=TargetPolicy()),
        OPEN,
        {"t": OPEN},
    ),
}


@pytest.mark.parametrize("name", GATES)
def test_what_passes_the_gate(name: str) -> None:
    """PASS needs every gating capability held, FAIL one that is proven lost."""
    capabilities, policy, outcome, findings = GATES[name]

    verdict = judged(*capabilities, policy=policy)

    assert verdict.outcome is outcome
    assert {name: finding(verdict, name).outcome for name in findings} == findings


def test_what_does_not_gate_is_called_monitored() -> None:
    """The control ring, and a target of which nothing is demanded."""
    verdict = judged(kept(), lost("control", "control"), capability("t", 60, 10, ring="target"))

    assert [f.role == "monitored" for f in verdict.findings] == [False, True, True]


def test_a_loss_is_named_with_its_size() -> None:
    """In the sentence, with the shares of both sides."""
    assert "reading regressed (70.0 → 50.0 %)" in judged(lost("reading")).sentence


def test_of_many_losses_five_are_named() -> None:
    """The sentence is a headline; the table has all of them."""
    sentence = judged(*(lost(f"c{n}") for n in range(20))).sentence

    assert sentence.count("regressed (") == 5
    assert sentence.endswith("; and 15 more that are REGRESSED.")
    assert judged(*(lost(f"c{n}") for n in range(5))).sentence.count("regressed (") == 5


def test_too_few_items_are_inconclusive_with_the_number_needed() -> None:
    """Without proof either way the verdict says how many items would give it."""
    verdict = judged(capability("reading", 2, 2, n_items=40))

    reading = finding(verdict, "reading")
    assert reading.outcome is Outcome.INCONCLUSIVE
    assert reading.n_items_needed is not None
    assert reading.n_items_needed > 40
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert f"needs about {reading.n_items_needed:,} items" in verdict.sentence
    assert f"about {reading.n_items_needed:,} items would decide" in reading.reason


@pytest.mark.parametrize("n_others", [0, 1, 60])
def test_what_is_proven_alone_and_not_beside_others_says_so(n_others: int) -> None:
    """Its interval leaves out no drop; the correction for the others takes the proof away."""
    others = [capability(f"c{n}", 20, 20) for n in range(n_others)]
    reading = capability("reading", 10, 1, n_items=60)

    verdict_of_it = finding(judged(reading, *others), "reading")

    assert reading.evidence.drop_interval is not None
    assert reading.evidence.drop_interval.low > reading.evidence.margin
    if verdict_of_it.outcome is Outcome.REGRESSED:
        assert n_others < 60
    else:
        assert "a drop beyond the margin would be proven of it alone" in verdict_of_it.reason
        assert (
            f"not after the correction for {n_others + 1} capabilities (Holm)"
            in verdict_of_it.reason
        )
    assert (verdict_of_it.outcome is Outcome.INCONCLUSIVE) == (n_others == 60)


def test_a_real_drop_within_the_margin_is_held_with_a_note() -> None:
    """Both proofs at once: the drop is real, and the margin bounds it."""
    verdict = judged(capability("reading", 60, 25, n_items=5000))

    reading = finding(verdict, "reading")
    assert reading.outcome is Outcome.HELD
    assert reading.reason == "a real drop, bounded by the margin"


def test_a_drop_proven_beyond_the_margin_is_material() -> None:
    """Severity is material when the drop beyond the margin is itself proven."""
    small = finding(judged(capability("reading", 45, 15)), "reading")
    large = finding(judged(capability("reading", 110, 10)), "reading")

    assert (small.outcome, small.is_material) == (Outcome.REGRESSED, False)
    assert (large.outcome, large.is_material) == (Outcome.REGRESSED, True)


def test_holm_spans_the_gating_capabilities() -> None:
    """A drop that is significant alone is not among eight looks at p = 0.02."""
    alone = judged(capability("a", 16, 6, n_items=200))
    among = judged(
        capability("a", 16, 6, n_items=200),
        *(capability(f"b{number}", 10, 10) for number in range(7)),
    )

    assert finding(alone, "a").outcome is Outcome.REGRESSED
    assert finding(among, "a").outcome is Outcome.INCONCLUSIVE


def test_what_failed_stays_failed() -> None:
    """A loss that was proven is not unmade by a later look at which the margin would hold."""
    at_first = judged(capability("a", 12, 0, n_items=100, margin=0.1), capability("b", 10, 10))
    later = replace(capability("a", 12, 12, n_items=1000, margin=0.1))

    verdict = judged(later, capability("b", 10, 10), before=at_first)
    at_the_end = judged(later, capability("b", 10, 10), before=verdict)

    assert judged(later, capability("b", 10, 10)).outcome is Outcome.PASS
    assert verdict.outcome is Outcome.FAIL
    assert finding(verdict, "a").outcome is Outcome.REGRESSED
    assert finding(verdict, "a").reason == "a drop was proven at an earlier look"
    assert finding(verdict, "a").p_regressed == finding(at_first, "a").p_regressed
    assert verdict.sentence.startswith("a regressed (")
    assert at_the_end == verdict


@pytest.mark.parametrize("margin", [0.05, 0.2])
def test_a_proven_drop_stays_proven_as_others_move(margin: float) -> None:
    """Of others, p-values may rise no more than its own; where they do, it still stays."""
    lost = capability("a", 16, 2, n_items=100, margin=margin)
    small, large = capability("b", 30, 2), capability("b", 9, 9)
    before = judged(lost, small)
    assert finding(before, "a").outcome is Outcome.REGRESSED

    assert finding(judged(lost, large, before=before), "a").outcome is Outcome.REGRESSED
    assert finding(judged(lost, large, before=before), "b").outcome is Outcome.REGRESSED


def test_nothing_measured_is_not_a_pass() -> None:
    """A capability without a scored item is NOT_MEASURED and leaves the gate open."""
    verdict = judged(capability("a", 10, 10), unmeasured("b"))

    assert finding(verdict, "b").outcome is Outcome.NOT_MEASURED
    assert verdict.outcome is Outcome.INCONCLUSIVE
    assert "b was not measured" in verdict.sentence


def test_an_own_margin_replaces_the_default() -> None:
    """A capability's own margin is its margin; the others keep the default."""
    policy = Policy(capabilities={"a": CapabilityPolicy(margin=0.2)})

    assert (policy.margin("a"), policy.margin("b")) == (0.2, 0.05)


IDLE = support.changed(
    capability("a", 6, 0), base_mean=0.04, candidate_mean=0.028
)  # nothing to lose


@pytest.mark.parametrize("around", [(), (IDLE,)], ids=["nothing around it", "nothing counts"])
def test_a_gain_alone_passes_only_where_the_policy_says_so(
    around: tuple[CapabilityComparison, ...],
) -> None:
    """A PASS means that something around the target was measured, unless target_only."""
    target = capability("tickets", 5, 100, ring="target", gain=0.05)

    usual = judged(target, *around, policy=GAIN)
    alone = judged(target, *around, policy=replace(GAIN, target_only=True))

    assert (usual.outcome, alone.outcome) == (Outcome.INCONCLUSIVE, Outcome.PASS)
    assert "so nothing can pass (target_only: true in a policy" in usual.sentence
    assert "which target_only in the policy allows" in alone.sentence


def test_target_only_without_a_demanded_gain_passes_nothing() -> None:
    """Nothing is demanded of the target, and nothing else is there."""
    policy = Policy(target_only=True)
    target = capability("tickets", 5, 100, ring="target")

    open_verdict = judged(target, policy=policy)
    assert open_verdict.outcome is Outcome.INCONCLUSIVE
    assert "needs a gain to judge it by: target: {min_gain: 0.0}" in open_verdict.sentence
    lost = judged(target, capability("a", 60, 10), policy=policy)
    assert lost.outcome is Outcome.FAIL


def level(number: int, n_broken: int, *, is_gating: bool = True) -> LevelComparison:
    """Return a level of 100 items whose base had 80 % right."""
    return LevelComparison(
        level=number,
        is_gating=is_gating,
        n_items=100,
        n_broken=n_broken,
        n_fixed=2,
        base_mean=0.8,
        candidate_mean=0.8 - (n_broken - 2) / 100,
        base_interval=Interval(0.7, 0.9),
        candidate_interval=Interval(0.5, 0.8),
        drop=(n_broken - 2) / 100,
        drop_interval=Interval(0.0, 0.3),
    )


def ladder(*levels: LevelComparison) -> Ladder:
    """Return a ladder over hops, with the fall that its counts show."""
    changes = [
        [1.0] * level.n_broken
        + [-1.0] * level.n_fixed
        + [0.0] * (100 - level.n_broken - level.n_fixed)
        for level in levels
        if level.is_gating
    ]
    return Ladder(
        task="ball",
        level_name="hops",
        chance=0.25,
        levels=levels,
        fall=find_onset(changes, n_permutations=999) if len(changes) > 1 else None,
        base_half=None,
        candidate_half=None,
        base_area=0.8,
        candidate_area=0.7,
    )


def test_a_cliff_is_named_where_it_is() -> None:
    """The verdict names the level from which the ladder is broken."""
    broken = ladder(level(1, 2), level(2, 3), level(3, 40), level(4, 42))

    verdict = judged(capability("reasoning", 75, 8, n_items=400, ladders=(broken,)))

    ladder_finding = finding(verdict, "reasoning").ladders[0]
    assert (ladder_finding.shape, ladder_finding.level_name, ladder_finding.edge) == (
        "cliff",
        "hops",
        3,
    )
    assert "a cliff at hops = 3 on (80 → 41 %)" in verdict.sentence


def test_a_decline_is_not_called_a_cliff() -> None:
    """Worse from level to level: it differs, and no level is where it breaks."""
    slope = ladder(level(1, 2), level(2, 14), level(3, 26), level(4, 38))

    verdict = judged(capability("reasoning", 75, 8, n_items=400, ladders=(slope,)))

    ladder_finding = finding(verdict, "reasoning").ladders[0]
    assert ladder_finding.shape == "gradual"
    assert "cliff" not in verdict.sentence


def test_the_same_loss_at_every_level_has_no_edge() -> None:
    """It is uniform: the ladder has nothing to add to the drop."""
    even = ladder(*(level(n, 30) for n in range(1, 5)))

    verdict = judged(capability("reasoning", 120, 8, n_items=400, ladders=(even,)))

    ladder_finding = finding(verdict, "reasoning").ladders[0]
    assert (ladder_finding.shape, ladder_finding.edge, ladder_finding.edges) == (
        "uniform",
        None,
        (),
    )


def test_a_loss_at_the_easiest_level_is_named_there() -> None:
    """It is not uniform, and has no edge from which all is worse."""
    early = ladder(level(1, 40), level(2, 2), level(3, 2), level(4, 2))

    verdict = judged(capability("reasoning", 46, 8, n_items=400, ladders=(early,)))

    ladder_finding = finding(verdict, "reasoning").ladders[0]
    assert (
        ladder_finding.shape,
        ladder_finding.edge,
        ladder_finding.edges,
        ladder_finding.until,
    ) == ("easiest", None, (), 1)
    assert (ladder_finding.base_mean, ladder_finding.candidate_mean) == (
        pytest.approx(0.8),
        pytest.approx(0.42),
    )
    assert (
        "worse at the easiest levels, up to hops = 1 (80 → 42 %), than past them"
        in verdict.sentence
    )


def test_levels_that_do_not_gate_have_no_edge() -> None:
    """A level that is only shown cannot be named as the edge."""
    shown = ladder(level(1, 2), level(2, 40, is_gating=False))

    verdict = judged(capability("reasoning", 110, 10, ladders=(shown,)))

    assert finding(verdict, "reasoning").ladders[0].edge is None


def test_more_ladders_ask_for_more_proof() -> None:
    """Whether one differs by level is Holm-adjusted over all of them."""
    broken = ladder(level(1, 2), level(2, 3), level(3, 40), level(4, 42))
    calm = ladder(*(level(n, 2) for n in range(1, 5)))

    verdict = judged(
        capability("reasoning", 75, 8, n_items=400, ladders=(broken,)),
        capability("counting", 8, 8, n_items=400, ladders=(calm,)),
    )

    assert broken.fall is not None
    ladder_finding = finding(verdict, "reasoning").ladders[0]
    assert ladder_finding.p_differs == pytest.approx(2 * broken.fall.p_differs)


def test_a_loss_that_is_spread_thinly_fails_together() -> None:
    """Ten capabilities lose 2.6 points each: none is proven lost alone, all together are."""
    verdict = judged(*(capability(f"c{number}", 38, 25) for number in range(10)))

    assert all(finding.outcome is Outcome.INCONCLUSIVE for finding in verdict.findings)
    assert verdict.outcome is Outcome.FAIL
    assert verdict.pooled is not None
    assert verdict.pooled.has_dropped
    assert "the 10 gating capabilities together dropped by 2.6 points" in verdict.sentence


def test_all_margins_held_is_a_pass_however_certain_the_small_drop() -> None:
    """The margins are what the policy asked for."""
    verdict = judged(*(capability(f"c{n}", 60, 25, n_items=5000) for n in range(8)))

    assert verdict.pooled is not None
    assert verdict.pooled.has_dropped
    assert verdict.outcome is Outcome.PASS


def test_an_open_target_does_not_turn_held_margins_into_a_failure() -> None:
    """The pooled test is of the gating capabilities; where all held, it has nothing to add."""
    verdict = judged(
        capability("tickets", 5, 30, ring="target", gain=0.05),
        *(capability(f"c{n}", 60, 25, n_items=5000) for n in range(8)),
        policy=GAIN,
    )

    assert verdict.pooled is not None
    assert verdict.pooled.has_dropped
    assert verdict.outcome is Outcome.INCONCLUSIVE


def test_the_pooled_test_waits_until_nothing_more_is_measured() -> None:
    """Looked at early it would be looked at often."""
    verdict = judged(
        capability("a", 38, 25, n_planned=1000), *(capability(f"b{n}", 38, 25) for n in range(9))
    )

    assert verdict.pooled is None


def test_what_was_stopped_says_how_far_it_came() -> None:
    """An open finding names the items that were planned."""
    verdict = judged(capability("a", 38, 25, n_planned=1000))

    assert finding(verdict, "a").reason.endswith("proven on 500 items, of 1000 planned")


def test_exit_codes_cover_every_overall_outcome() -> None:
    """Overall outcomes have one exit code each, as the design has them."""
    assert EXIT_CODES == {Outcome.PASS: 0, Outcome.FAIL: 10, Outcome.INCONCLUSIVE: 11}


def test_an_edge_is_told_even_where_the_capability_held() -> None:
    """A level that broke inside a capability that held as a whole stands in the reason."""
    broken = ladder(level(1, 2), level(2, 3), level(3, 30))

    verdict = judged(capability("reasoning", 30, 8, n_items=1500, ladders=(broken,)))

    reasoning = finding(verdict, "reasoning")
    assert (reasoning.outcome, reasoning.ladders[0].edge) == (Outcome.HELD, 3)
    assert reasoning.reason.endswith("but worse from hops = 3")


def test_answers_that_only_the_candidate_lacks_are_not_a_pass() -> None:
    """A candidate that gives no answer where the base was right has not held."""
    silent = capability("reading", 2, 2, n_items=300, n_lost=200)

    reading = finding(judged(silent), "reading")

    assert reading.outcome is Outcome.INCONCLUSIVE
    assert "200 have no answer of one side, and count against the candidate" in reading.reason


# --- answers that were cut -----------------------------------------------------------------------


def cut(
    comparison: CapabilityComparison, n_cut: int, *, gain: float | None = None
) -> CapabilityComparison:
    """Return a comparison in which `n_cut` of the broken items were cut."""
    left = capability(
        comparison.capability,
        comparison.counts.n_broken - n_cut,
        comparison.counts.n_fixed,
        n_items=comparison.counts.n_items,
        gain=gain,
    )
    assert left.evidence.drop is not None
    assert left.evidence.p_held is not None
    assert left.evidence.p_drop is not None
    uncut = TruncationSensitivity(
        n_cut=n_cut,
        n_items=comparison.counts.n_items,
        drop=left.evidence.drop,
        square=left.evidence.square,
        p_held=left.evidence.p_held,
        p_drop=left.evidence.p_drop,
    )
    return support.changed(comparison, uncut=uncut)


@pytest.mark.parametrize(
    ("n_broken", "n_cut", "outcome"),
    [
        (110, 0, Outcome.REGRESSED),
        (110, 98, Outcome.INCONCLUSIVE),  # 12 against 10 remain: nothing is proven
        (110, 80, Outcome.REGRESSED),  # 30 against 10 remain: a loss of its own
    ],
)
def test_a_drop_of_cut_answers_is_no_loss(n_broken: int, n_cut: int, outcome: Outcome) -> None:
    """A token limit that hits a chattier fine-tune says nothing of what it has lost."""
    comparison = capability("reading", n_broken, 10)

    verdict = judged(cut(comparison, n_cut) if n_cut else comparison)

    reading = finding(verdict, "reading")
    assert reading.outcome is outcome
    assert verdict.outcome is (Outcome.FAIL if outcome is Outcome.REGRESSED else outcome)
    assert ("98 answers of the candidate that were cut" in reading.reason) is (n_cut == 98)


def test_a_small_rest_within_the_margin_is_no_loss_either() -> None:
    """What remains is real, and bounded by the margin: alone it would be HELD."""
    comparison = cut(capability("reading", 400, 5, n_items=5000), 370)
    assert comparison.diagnostics.uncut is not None
    assert comparison.diagnostics.uncut.p_drop < 0.05, (
        "the rest must be proven, or this shows nothing"
    )

    assert finding(judged(comparison), "reading").outcome is Outcome.INCONCLUSIVE


def test_cut_answers_never_pass() -> None:
    """Even where nothing else was lost: what was cut may have been wrong."""
    assert judged(cut(capability("reading", 110, 0), 110)).outcome is Outcome.INCONCLUSIVE


def test_a_loss_beside_cut_answers_still_fails() -> None:
    """One capability that was cut excuses no other."""
    explained = cut(capability("reading", 110, 10), 98)

    verdict = judged(explained, capability("reasoning", 110, 10))

    assert verdict.outcome is Outcome.FAIL
    assert finding(verdict, "reasoning").outcome is Outcome.REGRESSED


def test_cut_answers_do_not_fail_all_together() -> None:
    """The mean drop of several is held to answers that were not cut, too."""
    pair = [capability(name, 30, 10, n_items=200) for name in ("a", "b")]

    failed = judged(*pair)
    explained = judged(*(cut(comparison, 20) for comparison in pair))

    assert failed.pooled is not None
    assert failed.outcome is Outcome.FAIL
    assert explained.pooled is not None
    assert (explained.pooled.has_dropped, explained.outcome) == (False, Outcome.INCONCLUSIVE)


def test_a_gain_that_was_cut_is_not_disproven() -> None:
    """A target whose answers grew beyond the limit may have gained or not."""
    comparison = capability("target", 110, 10, ring="target", gain=0.0)
    policy = Policy(target=TargetPolicy())

    target = finding(judged(cut(comparison, 105, gain=0.0), policy=policy), "target")

    assert finding(judged(comparison, policy=policy), "target").outcome is Outcome.REGRESSED
    assert target.outcome is Outcome.INCONCLUSIVE
    assert "raise max_tokens" in target.reason


# --- order: what speaks for a candidate never speaks against it ----------------------------------


@st.composite
def tables(draw: st.DrawFn) -> tuple[int, int, int]:
    """Return broken, fixed and all items of a capability near a decision, 20 to 500 items."""
    n_items = draw(st.integers(20, 500))
    n_fixed = draw(st.integers(0, n_items // 8))
    n_broken = draw(st.integers(0, n_fixed + n_items // 8))
    return n_broken, n_fixed, n_items


@st.composite
def comparisons(draw: st.DrawFn) -> list[CapabilityComparison]:
    """Return one to four capabilities, the first of them perhaps with answers that were cut."""
    margin = draw(st.floats(0.02, 0.10))
    capabilities = [
        capability(f"c{number}", b, f, n_items=n, margin=margin)
        for number, (b, f, n) in enumerate(draw(st.lists(tables(), min_size=1, max_size=4)))
    ]
    n_cut = draw(st.integers(0, capabilities[0].counts.n_broken))
    if n_cut:
        n_items = capabilities[0].counts.n_items
        left = PairedCounts(
            capabilities[0].counts.n_broken - n_cut, capabilities[0].counts.n_fixed, n_items
        )
        evidence = fixed_evidence(PairedSample(left, 0, n_items), margin=margin, alpha=0.05)
        uncut = TruncationSensitivity(
            n_cut=n_cut,
            n_items=n_items,
            drop=left.drop,
            square=(left.n_broken + left.n_fixed) / n_items,
            p_held=evidence.p_held,
            p_drop=evidence.p_dropped,
        )
        capabilities[0] = support.changed(capabilities[0], uncut=uncut)
    return capabilities


@settings(max_examples=75, deadline=None)
@given(comparisons(), st.floats(1e-6, 0.05), st.floats(1e-6, 0.05))
def test_a_stricter_alpha_makes_inconclusive_and_nothing_else(
    capabilities: list[CapabilityComparison], alpha: float, other: float
) -> None:
    """Of the whole and of every capability: the word stays, or it becomes INCONCLUSIVE."""
    strict = judged(*capabilities, policy=Policy(alpha=min(alpha, other)))
    loose = judged(*capabilities, policy=Policy(alpha=max(alpha, other)))

    assert strict.outcome in (loose.outcome, Outcome.INCONCLUSIVE)
    for before, after in zip(loose.findings, strict.findings, strict=True):
        assert after.outcome in (before.outcome, Outcome.INCONCLUSIVE)


@pytest.mark.parametrize(
    "n_items", [60, *(pytest.param(n, marks=pytest.mark.slow) for n in (250, 500))]
)
@pytest.mark.parametrize("beside", [(), ((0, 0, 30),), ((30, 10, 500),), ((12, 4, 300),) * 3])
def test_every_table_obeys_a_stricter_alpha(
    n_items: int, beside: tuple[tuple[int, int, int], ...]
) -> None:
    """The same for every table near a decision, alone, beside an open one and beside others."""
    others = [capability(f"o{k}", b, f, n_items=n) for k, (b, f, n) in enumerate(beside)]
    alphas = (0.05, 0.02, 0.005, 1e-3, 1e-6)
    for n_fixed in range(0, n_items // 10, 4 if n_items < 500 else 8):
        for n_broken in range(n_fixed, n_fixed + n_items // 10, 3 if n_items < 500 else 7):
            table = capability("a", n_broken, n_fixed, n_items=n_items)
            words = [judged(table, *others, policy=Policy(alpha=a)).outcome for a in alphas]
            decided = [word for word in words if word is not Outcome.INCONCLUSIVE]
            assert words[: len(decided)] == [words[0]] * len(decided)


def test_a_bounded_drop_is_not_convicted_by_a_stricter_alpha() -> None:
    """50 broken and 22 fixed of 1000, held at 5 %, stay open at 0.5 % beside an open capability."""
    beside = capability("open", 4, 4, n_items=40)
    for alpha in (0.05, 0.02, 0.005):
        verdict = judged(capability("a", 50, 22, n_items=1000), beside, policy=Policy(alpha=alpha))
        assert verdict.outcome is Outcome.INCONCLUSIVE

    bounded = finding(verdict, "a")
    assert bounded.outcome is Outcome.INCONCLUSIVE
    assert bounded.reason.startswith("a real drop, bounded by the margin at 5 %, but not at alpha")
    assert bounded.n_items_needed is not None
    assert bounded.n_items_needed > 1001


def test_one_more_candidate_to_choose_from_never_fails_another() -> None:
    """A candidate that passes alone is INCONCLUSIVE among many that share alpha, never FAIL."""
    words = [
        judged(capability("a", 50, 22, n_items=1000), policy=Policy(alpha=0.05 / n)).outcome
        for n in range(1, 40)
    ]

    assert words[0] is Outcome.PASS
    assert words[-1] is Outcome.INCONCLUSIVE
    assert Outcome.FAIL not in words


@settings(max_examples=50, deadline=None)
@given(st.lists(tables(), min_size=1, max_size=4), st.data())
def test_items_that_both_sides_answer_alike_never_unmake_pass(
    counts: list[tuple[int, int, int]], data: st.DataObject
) -> None:
    """Added to any of the capabilities that passed together, in any number."""
    alpha = data.draw(st.floats(1e-6, 0.05))
    more = [n + data.draw(st.integers(0, 300)) for _, _, n in counts]
    before, after = (
        judged(
            *(
                capability(f"c{k}", b, f, n_items=n, margin=0.08)
                for k, ((b, f, _), n) in enumerate(zip(counts, sizes, strict=True))
            ),
            policy=Policy(alpha=alpha),
        )
        for sizes in ([n for _, _, n in counts], more)
    )

    if before.outcome is Outcome.PASS:
        assert after.outcome is Outcome.PASS


@settings(max_examples=50, deadline=None)
@given(tables(), st.floats(0.02, 0.10), st.floats(0.0, 0.05), st.floats(1e-6, 0.05))
def test_a_larger_margin_never_unmakes_held(
    counts: tuple[int, int, int], margin: float, wider: float, alpha: float
) -> None:
    """However little larger."""
    b, f, n = counts
    before, after = (
        finding(judged(capability("a", b, f, n_items=n, margin=m), policy=Policy(alpha=alpha)), "a")
        for m in (margin, margin + wider)
    )

    if before.outcome is Outcome.HELD:
        assert after.outcome is Outcome.HELD
