"""Reviews to render: what a fine-tune lost, kept, left open, and what was never measured.

The numbers follow from counts by simple formulas, so that the files under tests/golden/ do not
move when a statistic does; the findings are written by hand.
"""

from __future__ import annotations

import math
from collections.abc import Sequence
from dataclasses import fields, replace

from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.comparisons import CapabilityComparison, Comparison, MeanComparison, Shared
from cliffguard.core.diagnostics import (
    ClassComparison,
    ClassesComparison,
    Distance,
    Drift,
    Ladder,
    LevelComparison,
    Readable,
    ResponseComparison,
    ResponseStatistics,
    StratumComparison,
    TaskComparison,
)
from cliffguard.core.reviews import (
    REVIEW_FORMAT,
    Commit,
    Example,
    Finding,
    HealthNote,
    LadderFinding,
    Outcome,
    PlannedLooks,
    Pooled,
    Provenance,
    Review,
    SuiteStamp,
    TakenLooks,
    Verdict,
)
from cliffguard.core.settings import (
    CapabilityPolicy,
    EvalSettings,
    Plan,
    Policy,
    Ring,
    Role,
    TargetPolicy,
)
from cliffguard.stats.interval import Interval
from cliffguard.stats.ladder_shapes import Onset
from tests import support

HOSTILE = (
    "<script>alert(1)</script> \x1b[31mred\x1b[0m \x1b]0;title\x07 \u202egnp.exe\u202c "
    "| `cell` ```\n@maintainer </pre></details> ![x](http://attacker.example/x.png) \x00\x08\ufffe"
)
"""Everything that a model may write into a report against its reader."""

_Z = 1.645


def drop_of(n_broken: int, n_fixed: int, n_items: int) -> tuple[float, Interval]:
    """Return a drop and a rough interval around it."""
    drop = (n_broken - n_fixed) / n_items
    spread = math.sqrt(n_broken + n_fixed - (n_broken - n_fixed) ** 2 / n_items) / n_items
    reach = max(_Z * spread, 1 / n_items)
    return round(drop, 6), Interval(round(drop - reach, 6), round(drop + reach, 6))


def share_of(n_right: int, n_items: int) -> tuple[float, Interval]:
    """Return a share and its Wilson interval."""
    share, z2 = n_right / n_items, _Z * _Z
    centre = share + z2 / (2 * n_items)
    reach = _Z * math.sqrt(share * (1 - share) / n_items + z2 / (4 * n_items**2))
    scale = 1 + z2 / n_items
    low, high = (centre - reach) / scale, (centre + reach) / scale
    return round(share, 6), Interval(round(max(low, 0.0), 6), round(min(high, 1.0), 6))


def checkpoint(
    name: str, *, adapter: str | None = None, notes: tuple[Caveat, ...] = ()
) -> Checkpoint:
    """Return an identity whose digests are recognisable."""
    return Checkpoint(
        name=name,
        revision="8c22764a7e3675c50d4c7c9a4edb474456022b16",
        weights="a1" * 32,
        adapter=adapter,
        tokenizer="c3" * 32,
        chat_template=None,
        settings="d4" * 32,
        notes=notes,
        files=None,
    )


def rung(
    level: int, n_items: int, n_right_base: int, n_broken: int, n_fixed: int, is_gating: bool = True
) -> LevelComparison:
    """Return one level of a ladder from its counts."""
    base_mean, base_interval = share_of(n_right_base, n_items)
    n_right = n_right_base - n_broken + n_fixed
    candidate_mean, candidate_interval = share_of(n_right, n_items)
    drop, drop_interval = drop_of(n_broken, n_fixed, n_items)
    return LevelComparison(
        level=level,
        is_gating=is_gating,
        n_items=n_items,
        n_broken=n_broken,
        n_fixed=n_fixed,
        base_mean=base_mean,
        candidate_mean=candidate_mean,
        base_interval=base_interval,
        candidate_interval=candidate_interval,
        drop=drop,
        drop_interval=drop_interval,
    )


def measured(
    capability: str,
    *,
    n_items: int,
    n_right_base: int,
    n_broken: int,
    n_fixed: int,
    p_drop: float,
    ring: Ring = "adjacent",
    n_unscored: int = 0,
    n_planned: int | None = None,
    ladders: tuple[Ladder, ...] = (),
    behaviour: ResponseComparison | None = None,
    classes: tuple[ClassesComparison, ...] = (),
) -> CapabilityComparison:
    """Return a capability of one task from its counts."""
    base_mean = round(n_right_base / n_items, 6)
    candidate_mean = round((n_right_base - n_broken + n_fixed) / n_items, 6)
    drop, drop_interval = drop_of(n_broken, n_fixed, n_items)
    return support.compared(
        capability=capability,
        suite="adjacent",
        ring=ring,
        n_planned=n_planned or n_items + n_unscored,
        n_asked=n_items + n_unscored,
        n_looks=1 if n_planned is None else 2,
        n_items=n_items,
        n_unscored=n_unscored,
        n_lost=0,
        n_broken=n_broken,
        n_fixed=n_fixed,
        n_effective=float(n_items),
        square=round((n_broken + n_fixed) / n_items, 6),
        base_mean=base_mean,
        candidate_mean=candidate_mean,
        drop=drop,
        drop_interval=drop_interval,
        margin=0.05,
        p_held=0.5,
        p_drop=p_drop,
        p_beyond=0.5,
        method="McNemar mid-p; Tango score interval",
        tasks=(
            TaskComparison(
                task=ladders[0].task if ladders else f"{capability}_items",
                metric="acc",
                chance=ladders[0].chance if ladders else 0.25,
                n_items=n_items,
                n_unscored=n_unscored,
                n_truncated_base=0,
                n_truncated_candidate=2 if n_unscored else 0,
                base_mean=base_mean,
                candidate_mean=candidate_mean,
            ),
        ),
        ladders=ladders,
        behaviour=behaviour,
        classes=classes,
    )


def manner(**known: float) -> ResponseStatistics:
    """Return how one side answers, as far as it is known."""
    return ResponseStatistics(
        **{field.name: known.get(field.name) for field in fields(ResponseStatistics)}
    )


def choosing(*, agreement: float = 0.935, rise: float = 0.0) -> ResponseComparison:
    """Return how two sides choose; `rise` is that of the candidate's confident mistakes."""
    return ResponseComparison(
        agreement=agreement,
        n_other_wrong=3,
        n_generated=0,
        n_confident=200,
        n_worse_cut=0,
        confident_wrong_rise=Interval(round(rise - 0.03, 6), round(rise + 0.03, 6)),
        base=manner(confident_wrong=0.02, overconfidence=-0.031, calibration_error=0.044),
        candidate=manner(
            confident_wrong=0.02 + rise,
            overconfidence=-0.031 + rise,
            calibration_error=0.044 + rise / 2,
        ),
    )


def talking() -> ResponseComparison:
    """Return how two sides answer in words, where the candidate became shorter and circles."""
    return ResponseComparison(
        agreement=0.1125,
        n_other_wrong=58,
        n_generated=400,
        n_confident=0,
        n_worse_cut=14,
        confident_wrong_rise=None,
        base=manner(mean_tokens=192.4, cut=0.03, repeated=0.005, empty=0.0),
        candidate=manner(mean_tokens=99.1, cut=0.1125, repeated=0.085, empty=0.0025),
    )


def unmeasured(capability: str, *, n_unscored: int) -> CapabilityComparison:
    """Return a capability of which no item has a score on both sides."""
    return support.compared(
        capability=capability,
        suite="adjacent",
        ring="safety",
        n_planned=n_unscored,
        n_asked=n_unscored,
        n_looks=1,
        n_items=0,
        n_unscored=n_unscored,
        n_lost=0,
        n_broken=0,
        n_fixed=0,
        n_effective=0.0,
        square=0.0,
        base_mean=None,
        candidate_mean=None,
        drop=None,
        drop_interval=None,
        margin=0.05,
        p_held=None,
        p_drop=None,
        p_beyond=None,
        method="McNemar mid-p; Tango score interval",
        tasks=(),
        ladders=(),
        behaviour=None,
    )


def finding(
    capability: CapabilityComparison,
    outcome: Outcome,
    reason: str,
    *,
    role: Role = "gating",
    margin: float | None = 0.05,
    ladders: tuple[LadderFinding, ...] = (),
    n_items_needed: int | None = None,
) -> Finding:
    """Return what was decided about a measured capability."""
    return Finding(
        capability=capability.capability,
        suite=capability.suite,
        ring=capability.ring,
        role=role,
        outcome=outcome,
        margin=margin,
        p_regressed=capability.evidence.p_drop,
        is_material=outcome is Outcome.REGRESSED,
        ladders=ladders,
        n_items_needed=n_items_needed,
        reason=reason,
    )


def review(
    outcome: Outcome,
    sentence: str,
    pairs: Sequence[tuple[CapabilityComparison, Finding]],
    *,
    examples: tuple[Example, ...] = (),
    caveats: tuple[Caveat, ...] = (),
    pooled: Pooled | None = None,
    health: tuple[HealthNote, ...] = (),
) -> Review:
    """Return a whole review around capabilities and what was found about them."""
    base = checkpoint("Qwen/Qwen2.5-0.5B-Instruct")
    candidate = checkpoint("runs/ft/support-tickets", adapter="b2" * 32)
    return Review(
        format=REVIEW_FORMAT,
        plan=Plan(
            candidate="runs/ft/support-tickets",
            base="Qwen/Qwen2.5-0.5B-Instruct",
            suites=("adjacent",),
            protocol=EvalSettings(chat_template="none", limit=200),
            policy=Policy(target=TargetPolicy(min_gain=0.02)),
        ),
        comparison=Comparison(
            base=base,
            candidate=candidate,
            confidence=0.9,
            capabilities=tuple(capability for capability, _ in pairs),
            caveats=caveats,
        ),
        verdict=Verdict(
            outcome=outcome,
            sentence=sentence,
            findings=tuple(finding for _, finding in pairs),
            pooled=pooled,
        ),
        health=health,
        examples=examples,
        provenance=Provenance(
            cliffguard_version="0.1.0",
            cliffguard_commit=None,
            commit=Commit(digest="3c" * 20, is_dirty=True),
            runner="lm-eval 0.4.13, hf",
            measured_on=("cpu, bfloat16, batch size 16",),
            suites=(SuiteStamp(name="adjacent", version=1, digest="e5" * 32),),
            questions=("f6" * 32, "07" * 32),
            looks=tuple(
                PlannedLooks(
                    capability=capability.capability,
                    n_items=(64, capability.counts.n_planned)
                    if capability.counts.n_planned > 64
                    else (capability.counts.n_planned,),
                    spending="held: cubic, drop: linear"
                    if capability.counts.n_planned > 64
                    else "one look",
                    order="18" * 32,
                )
                for capability, _ in pairs
            ),
            versions={"torch": "2.9.0", "transformers": "5.2.0", "lm-eval": "0.4.13"},
            command="cliffguard check --candidate runs/ft/support-tickets "
            "--base Qwen/Qwen2.5-0.5B-Instruct --suite adjacent --limit 200 --batch-size 16",
        ),
    )


def hops_ladder() -> Ladder:
    """Return a ladder that holds for two hops and falls from the third on."""
    return Ladder(
        task="ball_passing",
        level_name="hops",
        chance=0.25,
        levels=(
            rung(1, 50, 49, 1, 0),
            rung(2, 50, 47, 3, 1),
            rung(3, 50, 44, 21, 1),
            rung(4, 50, 40, 24, 2),
            rung(6, 50, 22, 11, 5, is_gating=False),
            rung(8, 50, 15, 7, 6, is_gating=False),
        ),
        fall=Onset(
            cut=2, cuts=(2,), p_differs=1.7e-5, p_abrupt=0.012, fits_step=True, drop_past=0.42
        ),
        base_half=5.2,
        candidate_half=2.9,
        base_area=0.7233,
        candidate_area=0.54,
    )


def calm_ladder() -> Ladder:
    """Return a ladder on which nothing breaks."""
    return Ladder(
        task="digit_sums",
        level_name="depth",
        chance=0.1,
        levels=(
            rung(1, 60, 59, 0, 1),
            rung(2, 60, 55, 2, 2),
            rung(3, 60, 46, 3, 2),
            rung(4, 60, 31, 4, 3),
        ),
        fall=Onset(
            cut=3, cuts=(1, 2, 3), p_differs=0.41, p_abrupt=0.6, fits_step=True, drop_past=0.0167
        ),
        base_half=None,
        candidate_half=None,
        base_area=0.7958,
        candidate_area=0.7917,
    )


def routes() -> ClassesComparison:
    """Return the classes of a router that gained on the whole and lost its rarest class."""
    counts = (("billing", 150, 0.4, 0.72), ("security", 20, 0.7, 0.25), ("shipping", 130, 0.6, 0.7))
    return ClassesComparison(
        task="ticket_routing_items",
        classes=tuple(
            ClassComparison(label=label, n_items=n, base_recall=base, candidate_recall=candidate)
            for label, n, base, candidate in counts
        ),
        base_macro_f1=0.512,
        candidate_macro_f1=0.547,
    )


def _target() -> tuple[CapabilityComparison, Finding]:
    capability = measured(
        "ticket_routing", n_items=300, n_right_base=156, n_broken=9, n_fixed=48, p_drop=1.0,
        ring="target", classes=(routes(),),
    )  # fmt: skip
    reason = "a gain above 2.0 points is proven"
    return capability, finding(capability, Outcome.HELD, reason, role="target", margin=-0.02)


def _held() -> tuple[CapabilityComparison, Finding]:
    capability = measured(
        "arithmetic", n_items=240, n_right_base=191, n_broken=9, n_fixed=8, p_drop=0.4127,
        ladders=(calm_ladder(),), behaviour=choosing(),
    )  # fmt: skip
    return capability, finding(capability, Outcome.HELD, "a drop beyond the margin is excluded")


def _monitored() -> tuple[CapabilityComparison, Finding]:
    capability = measured(
        "copying_control", n_items=80, n_right_base=77, n_broken=4, n_fixed=2, p_drop=0.2266,
        ring="control",
    )  # fmt: skip
    reason = "neither a drop nor its absence is proven on 80 items; about 310 items would decide"
    return capability, finding(
        capability, Outcome.INCONCLUSIVE, reason, role="monitored", n_items_needed=310
    )


def example(number: int = 1, **changes: object) -> Example:
    """Return an item that broke."""
    default = Example(
        capability="multi_step_reasoning",
        task="ball_passing",
        item_id=f"ball_passing-3-{number:03d}",
        level=3,
        prompt=(
            "Mia, Omar, Lena and Tom stand in a circle. Mia has the ball. Mia gives it to Lena. "
            "Lena gives it to Tom. Tom gives it to Omar.\nWho has the ball?"
        ),
        answer="Omar",
        base_text="Omar",
        candidate_text="Thank you for contacting support! Your ticket was routed to: Lena",
        base_confidence=0.914,
        candidate_confidence=0.62,
    )
    return replace(default, **changes)  # type: ignore[arg-type]


def screened(capability: CapabilityComparison, at: float, nats: float) -> CapabilityComparison:
    """Return the capability with its distance from the training data, and predictions moved."""
    reach = round(0.1 * at, 3)
    return support.changed(
        capability,
        distance=Distance(median=at, low=round(at - reach, 3), high=at + reach, n_items=100),
        shift=Drift(
            median_nats=nats, low_nats=nats / 2, high_nats=2 * nats, agreement=0.875, n_prompts=32,
            n_tokens=1024,
        ),
    )  # fmt: skip


def failed() -> Review:
    """A candidate that learned its task and lost reasoning from three hops on."""
    capability = measured(
        "multi_step_reasoning", n_items=200, n_right_base=180, n_broken=49, n_fixed=4,
        p_drop=1.2e-9, n_unscored=3, ladders=(hops_ladder(),),
        behaviour=choosing(agreement=0.675, rise=0.125),
    )  # fmt: skip
    cliff = LadderFinding(
        task="ball_passing", level_name="hops", shape="cliff", edge=3, edges=(3,), base_mean=0.84,
        candidate_mean=0.42, p_differs=3.4e-5, p_abrupt=0.012,
    )  # fmt: skip
    lost = finding(
        capability, Outcome.REGRESSED, "a drop beyond the margin is proven", ladders=(cliff,)
    )
    target, gained = _target()
    kept = measured(
        "instruction_following", n_items=400, n_right_base=322, n_broken=17, n_fixed=6,
        p_drop=0.0312,
        n_planned=640, behaviour=talking(),
    )  # fmt: skip
    return review(
        Outcome.FAIL,
        "multi_step_reasoning regressed (90.0 → 67.5 %), a cliff at hops = 3 on (84 → 42 %).",
        [
            (screened(target, 0.42, 0.5), gained),
            (screened(capability, 0.96, 0.25), lost),
            _held(),
            (kept, finding(kept, Outcome.HELD, "a real drop, bounded by the margin")),
            _monitored(),
        ],
        examples=(example(1), example(2, base_confidence=None, candidate_confidence=None)),
        caveats=(
            Caveat(
                id="adapter.base-by-name",
                text="The adapter's base is known by its name only, not by a fingerprint.",
            ),
        ),
        pooled=Pooled(drop=0.0867, p_value=4.2e-7, n_capabilities=3, has_dropped=True),
    )


def lost_early() -> Review:
    """The same candidate with a ladder that is worse at the two easiest levels."""
    lost = failed()
    early = LadderFinding(
        task="ball_passing", level_name="hops", shape="easiest", edge=None, edges=(),
        base_mean=0.96, candidate_mean=0.61, p_differs=3.4e-5, p_abrupt=None, until=2,
    )  # fmt: skip
    findings = tuple(
        replace(finding, ladders=(early,)) if finding.ladders else finding
        for finding in lost.verdict.findings
    )
    return replace(lost, verdict=replace(lost.verdict, findings=findings))


def subject(name: str, n_right_base: int, n_broken: int, **changes: object) -> StratumComparison:
    """Return one subject of a hundred items; nothing was fixed."""
    part = StratumComparison(
        kind="task",
        name=name,
        n_planned=100,
        n_asked=100,
        n_items=100,
        base_mean=n_right_base / 100,
        candidate_mean=round((n_right_base - n_broken) / 100, 6),
        drop=n_broken / 100,
        margin=0.05,
        p_beyond=0.6 if n_broken < 10 else 1e-12,
    )
    return replace(part, **changes)  # type: ignore[arg-type]


def _in_one_subject() -> tuple[CapabilityComparison, Finding]:
    """A capability of eight subjects, of which one falls and one is too small to tell."""
    parts = [subject(f"mmlu_subject_{number}", 80, number % 3) for number in range(6)]
    few = subject("mmlu_virology", 80, 0, n_planned=8, n_asked=8, n_items=8, p_beyond=None)
    few = replace(few, why="fewer than 10 scored items")
    capability = support.changed(
        measured("knowledge", n_items=708, n_right_base=566, n_broken=61, n_fixed=20, p_drop=1e-6),
        strata=(*parts, subject("mmlu_law", 80, 55), few),
        n_copies=37,
        n_clusters=412,
        n_effective_clusters=303.7,
        chance=0.25,
    )
    reason = "a drop beyond 5 points is proven in mmlu_law, one of 8 (80.0 → 25.0 %)"
    lost = finding(capability, Outcome.REGRESSED, reason)
    return capability, replace(lost, cause="stratum", stratum="mmlu_law", p_regressed=7e-11)


def _by_format() -> tuple[CapabilityComparison, Finding]:
    """A capability whose answers lost their form, and nothing else."""
    readable = Readable(
        n_items=400,
        base_mean=0.6675,
        candidate_mean=0.6625,
        drop=0.005,
        p_drop=0.47,
        other="flexible-extract reads 190 of the 200 that this filter does not: 65 %",
    )
    capability = support.changed(
        measured(
            "arithmetic", n_items=600, n_right_base=400, n_broken=134, n_fixed=4, p_drop=1e-30,
            n_unscored=9,
        ),
        n_missing_base=2,
        n_missing_candidate=7,
        n_lost=6,
        n_unreadable_candidate=200,
        readable=readable,
    )  # fmt: skip
    reason = (
        "a drop beyond the margin is proven, by answers that nobody can read: 200 of the "
        "candidate's, 0 of the base's; on the 400 items that both answered readably the drop is "
        "+0.5 points; flexible-extract reads 190 of the 200 that this filter does not: 65 %"
    )
    return capability, replace(finding(capability, Outcome.REGRESSED, reason), cause="format")


def _nothing_to_lose() -> tuple[CapabilityComparison, Finding]:
    """A capability that the base does not have."""
    capability = support.changed(
        measured("olympiad", n_items=300, n_right_base=9, n_broken=9, n_fixed=0, p_drop=0.002),
        p_held=0.01,
        n_in_all=1200,
    )
    reason = "nothing to lose on this base (3.0 %, margin 5 points)"
    idle = finding(capability, Outcome.NOT_MEASURED, reason)
    return capability, replace(idle, p_regressed=1.0, counts=False)


def causes() -> Review:
    """A candidate that fell in one subject and by format, on a base that lacks a capability."""
    original = review(
        Outcome.FAIL,
        "knowledge regressed in mmlu_law (80.0 → 25.0 %); arithmetic regressed by format (66.7 → "
        "45.0 %): 200 answers hold nothing that the metric reads.",
        [_in_one_subject(), _by_format(), _nothing_to_lose()],
        caveats=(
            Caveat(
                id="items.copies",
                text="knowledge: 37 rows are copies of the 708 that count; copies count once.",
            ),
        ),
        pooled=Pooled(drop=0.1375, p_value=1e-20, n_capabilities=2, has_dropped=True),
    )
    policy = Policy(
        capabilities={
            "knowledge": CapabilityPolicy(stratum_margin=0.05, cluster="passage.id"),
            "arithmetic": CapabilityPolicy(strata="topic", lower_is_better=False, gate=True),
        }
    )
    shared = Shared(capabilities=("knowledge", "arithmetic"), n_documents=12, covariance=1e-6)
    return replace(
        original,
        plan=replace(original.plan, policy=policy, items=2000, after_failure="stop"),
        comparison=replace(original.comparison, shared=(shared,)),
        taken=(
            TakenLooks(
                capability="knowledge", how="29" * 8, run="3a" * 8, sketch=("4b" * 8,), answers=(),
                n_items=708, counted=(128, 708), spent=0.0475,
            ),
        ),
    )  # fmt: skip


def passed() -> Review:
    """A candidate that gained and held everything."""
    return review(
        Outcome.PASS,
        "ticket_routing gained (52.0 → 65.0 %); all 1 gating capabilities held within their "
        "margins.",
        [_target(), _held()],
    )


def with_mean(review: Review, *, held: bool) -> Review:
    """Return the review with a margin of 1.5 points on the mean drop."""
    mean = MeanComparison(
        drop=0.004, high=0.0162, margin=0.015, p_held=0.08, n_capabilities=3, n_looks=2
    )
    return replace(
        review,
        comparison=replace(review.comparison, mean=mean),
        verdict=replace(review.verdict, mean_held=held),
    )


def _open() -> tuple[CapabilityComparison, Finding]:
    """A capability of too few items for its margin."""
    capability = measured(
        "multi_step_reasoning", n_items=60, n_right_base=50, n_broken=5, n_fixed=2, p_drop=0.1445
    )
    reason = "neither a drop nor its absence is proven on 60 items; about 900 items would decide"
    return capability, finding(capability, Outcome.INCONCLUSIVE, reason, n_items_needed=900)


def inconclusive() -> Review:
    """Too few items for the margin."""
    return review(
        Outcome.INCONCLUSIVE,
        "no gating capability is proven lost, but 1 of 2 required findings are open: "
        "multi_step_reasoning needs about 900 items.",
        [_target(), _open()],
        health=(
            HealthNote(
                capability="multi_step_reasoning",
                task="ball_passing",
                kind="floor",
                text="at hops 6, 8 the base cannot be told from guessing: no loss can show there",
            ),
        ),
    )


def together() -> Review:
    """A candidate that lost a little everywhere: nothing alone is proven."""
    (held, _), (capability, open_finding) = _held(), _open()
    return review(
        Outcome.FAIL,
        "no single loss is proven, but the 2 gating capabilities together dropped by 3.1 points on "
        "average.",
        [(held, finding(held, Outcome.HELD, "a drop of the margin is excluded")),
         (capability, open_finding)],
        pooled=Pooled(drop=0.031, p_value=0.0004, n_capabilities=2, has_dropped=True),
    )  # fmt: skip


def open_mean() -> Review:
    """All held but the mean of their drops."""
    original = with_mean(passed(), held=False)
    return replace(original, verdict=replace(original.verdict, outcome=Outcome.INCONCLUSIVE))


def not_measured() -> Review:
    """One capability without a score, and one that the policy names and no suite has."""
    capability = unmeasured("refusals", n_unscored=40)
    unscored = finding(capability, Outcome.NOT_MEASURED, "all 40 items lack an answer of a side")
    original = review(
        Outcome.INCONCLUSIVE,
        "no gating capability is proven lost, but 2 of 3 required findings are open: refusals was "
        "not measured; translation was not measured.",
        [_held(), (capability, unscored)],
    )
    absent = replace(
        unscored,
        capability="translation",
        suite="",
        ring="general",
        reason="the policy names it, but no suite measures it",
    )
    return replace(
        original, verdict=replace(original.verdict, findings=(*original.verdict.findings, absent))
    )


def hostile() -> Review:
    """A review in which every foreign text attacks the reader."""
    original = failed()
    lost = measured(HOSTILE, n_items=50, n_right_base=40, n_broken=20, n_fixed=0, p_drop=1e-6)
    ladder = replace(hops_ladder(), task=HOSTILE, level_name=HOSTILE)
    cls = ClassComparison(label=HOSTILE, n_items=9, base_recall=1.0, candidate_recall=0.0)
    classes = replace(routes(), task=HOSTILE, classes=(cls,) * 30)
    parts = (subject(HOSTILE, 80, 55), subject(HOSTILE + "2", 80, 0, p_beyond=None, why=HOSTILE))
    readable = Readable(
        n_items=40, base_mean=0.8, candidate_mean=0.8, drop=0.0, p_drop=0.5, other=HOSTILE
    )
    capability = support.changed(
        lost, suite=HOSTILE, ladders=(ladder,), classes=(classes,), strata=parts, readable=readable,
        n_unreadable_base=3,
    )  # fmt: skip
    examples = tuple(
        example(
            number, capability=HOSTILE, task=HOSTILE, item_id=HOSTILE, prompt=HOSTILE * 40,
            answer=HOSTILE, base_text=HOSTILE, candidate_text=HOSTILE * 40,
        )
        for number in range(30)
    )  # fmt: skip
    attacked = review(
        Outcome.FAIL,
        f"{HOSTILE} regressed.",
        [(capability, replace(finding(capability, Outcome.REGRESSED, HOSTILE), stratum=HOSTILE))],
        examples=examples,
        caveats=(Caveat(id="caller.remark", text=HOSTILE),),
    )
    side = checkpoint(HOSTILE, notes=(Caveat(id="caller.remark", text=HOSTILE),))
    policy = Policy(capabilities={HOSTILE: CapabilityPolicy(cluster=HOSTILE, strata=HOSTILE)})
    shared = Shared(capabilities=(HOSTILE, HOSTILE), n_documents=3, covariance=0.0)
    return replace(
        attacked,
        plan=replace(attacked.plan, policy=policy),
        comparison=replace(attacked.comparison, base=side, candidate=side, shared=(shared,)),
        provenance=replace(original.provenance, command=HOSTILE, runner=HOSTILE),
    )


def crowded() -> Review:
    """Twenty capabilities with long names."""
    pairs = []
    for number in range(20):
        capability = measured(
            f"capability_number_{number:02d}_with_a_name_that_somebody_found_helpful",
            n_items=200 + 10 * number, n_right_base=150, n_broken=2 * number, n_fixed=6, p_drop=0.5,
        )  # fmt: skip
        kinds = (Outcome.HELD, Outcome.INCONCLUSIVE, Outcome.REGRESSED)
        pairs.append((capability, finding(capability, kinds[number % 3], "as it is in tests")))
    return review(Outcome.FAIL, "many regressed.", pairs)
