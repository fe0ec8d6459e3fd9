"""Behaviour that gates: which answers show one, what becomes of the gate, and who says so."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import NamedTuple

import pytest

from cliffguard import BehaviourPolicy, Outcome, Plan, Policy, Review, Store, guard
from cliffguard.compare.diagnostics.shown import SHOWN
from cliffguard.compare.pairs import Pair
from cliffguard.core.answers import Answer, FinishReason
from cliffguard.core.behaviours import MARGINS, Behaviour, finding_name
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.items import Item, Task
from cliffguard.core.overviews import Overview
from cliffguard.core.reviews import Finding
from cliffguard.core.settings import CapabilityPolicy, EvalSettings
from cliffguard.planning.power import power_analysis
from cliffguard.report import render
from cliffguard.report.advice import advice_table
from cliffguard.report.json import read_review, render_json
from cliffguard.report.overview.build import build
from cliffguard.report.overview.sources import NamedReview
from cliffguard.suites.loading import load_suites
from tests import support
from tests.compare.test_together import Samples, flips
from tests.fake_runner import FakeRunner, slowed


class Reply(NamedTuple):
    """What a side says to an item."""

    text: str = "the answer that is right"
    n_tokens: int = 20
    ended: FinishReason = "stop"


Voice = Callable[[bool, int], Reply]
"""From (is it the candidate, number of the item) to what is said."""


class Speaking(FakeRunner):
    """Answers every item rightly, in the words and at the length of a voice."""

    def __init__(self, voice: Voice) -> None:
        super().__init__(support.all_right)
        self.voice = voice

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Return what the voice says; choices are picked as they are."""
        answers = super().ask(checkpoint, task, items, protocol)
        replies = [self.voice("tuned" in checkpoint.name, int(item.id[-3:])) for item in items]
        return [
            answer
            if answer.finish_reason == "choice"
            else replace(
                answer,
                text=words.text,
                n_answer_tokens=words.n_tokens,
                finish_reason=words.ended,
                score=None if words.ended == "missing" else answer.score,
            )
            for answer, words in zip(answers, replies, strict=True)
        ]


SUITE = support.SUITE.replace("max_tokens: 4", "max_tokens: 64")


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A plan over 90 items with choices and 300 that are answered in words."""
    suite = support.write_suite(tmp_path / "suite", text=SUITE, n_items=90, n_said=300)
    base = support.write_checkpoint(tmp_path / "base", seed=0)
    tuned = support.write_checkpoint(tmp_path / "tuned", seed=1)
    return Plan(base=str(base), candidate=str(tuned), suites=(str(suite),), offline=True)


def gating(*behaviours: Behaviour, gate: bool = True) -> Policy:
    """Return the policy that gates some behaviours by their usual margins."""
    rules = BehaviourPolicy(gate=gate)
    return Policy(default_margin=0.1, behaviour=dict.fromkeys(behaviours, rules))


def judged(plan: Plan, store: Store, voice: Voice, policy: Policy) -> Review:
    """Return the review of what a voice says under a policy."""
    return guard(replace(plan, policy=policy), store=store, runner=Speaking(voice))


def of(review: Review, behaviour: Behaviour) -> tuple[CapabilityComparison, Finding]:
    """Return what was compared and decided of a behaviour."""
    name = finding_name(behaviour)
    (row,) = (row for row in review.comparison.capabilities if row.capability == name)
    (finding,) = (each for each in review.verdict.findings if each.capability == name)
    return row, finding


def talkative(is_candidate: bool, number: int) -> Reply:
    """Return an answer of the candidate that has 43 % more tokens."""
    n_tokens = 10 + number % 21
    return Reply(n_tokens=round(1.43 * n_tokens) if is_candidate else n_tokens)


def alike(_: bool, number: int) -> Reply:
    """Return answers that are of one length on both sides."""
    return Reply(n_tokens=10 + number % 21)


def assert_has_step(review: Review, behaviour: Behaviour) -> None:
    """Every format says what to try first, as the table has it."""
    step = advice_table().steps[advice_table().behaviours[behaviour][0]]
    for format in ("text", "markdown", "comment", "junit", "github"):
        text = " ".join(render(review, format).split())
        assert f"Try first, for behaviour: {behaviour}: {step.do[:6].lower()}" in text


# --- what becomes of the gate ---------------------------------------------------------------------


def test_without_the_key_nothing_is_asked_of_it(plan: Plan, store: Store) -> None:
    """All right and 43 % longer: PASS, and the policy in the review is as it was."""
    review = judged(plan, store, talkative, gating())

    assert review.verdict.outcome is Outcome.PASS
    assert [row.capability for row in review.comparison.capabilities] == ["reasoning", "saying"]
    assert "behaviour" not in json.loads(render_json(review))["plan"]["policy"]


def test_43_percent_more_tokens_fail(plan: Plan, store: Store) -> None:
    """Nothing is lost, and the gate is closed by how long the answers are."""
    review = judged(plan, store, talkative, gating("length"))

    row, finding = of(review, "length")
    assert review.verdict.outcome is Outcome.FAIL
    assert (finding.outcome, finding.role, finding.is_material) == (
        Outcome.REGRESSED, "gating", True,
    )  # fmt: skip
    assert (finding.reason, finding.cause) == ("a change beyond the margin is proven", None)
    assert (row.evidence.base_mean, row.evidence.candidate_mean) == (1.0, pytest.approx(1.43, 0.01))
    assert row.evidence.drop == pytest.approx(0.43, abs=0.01)
    assert "behaviour: length regressed (100.0 → 142.9 %)" in review.verdict.sentence
    assert_has_step(review, "length")


def test_shorter_answers_fail_as_longer_ones_do(plan: Plan, store: Store) -> None:
    """Two-sided: a change is positive either way."""
    review = judged(plan, store, lambda tuned, n: talkative(not tuned, n), gating("length"))

    row, finding = of(review, "length")
    assert finding.outcome is Outcome.REGRESSED
    assert row.evidence.drop == pytest.approx(0.30, abs=0.01)
    assert row.evidence.candidate_mean == pytest.approx(0.70, abs=0.01)


def test_a_task_whose_short_answers_grew_is_named(tmp_path: Path, store: Store) -> None:
    """Under the long ones of another, which outweigh it: the mean holds, and the steps name it."""
    more = "\n      - {name: label, items: label.jsonl, metric: exact_match, max_tokens: 64}\n"
    suite = support.write_suite(tmp_path, text=SUITE.rstrip() + more, n_items=90, n_said=300)
    rows = [
        {"id": f"label-5{n:02d}", "prompt": f"Label {n}:", "answer": "a label"} for n in range(90)
    ]
    support.write_jsonl(tmp_path / "label.jsonl", rows)
    plan = Plan(
        base=str(support.write_checkpoint(tmp_path / "base", seed=0)),
        candidate=str(support.write_checkpoint(tmp_path / "tuned", seed=1)),
        suites=(str(suite),),
    )

    def voice(is_candidate: bool, number: int) -> Reply:
        return Reply(n_tokens=(2 + is_candidate) if number >= 500 else 40 + number % 3)

    review = judged(plan, store, voice, gating("length"))

    row, finding = of(review, "length")
    (part,) = row.diagnostics.strata
    assert finding.outcome is Outcome.HELD
    assert (part.name, part.candidate_mean, part.p_beyond) == ("label", 1.5, None)
    text = " ".join(render(review, "text").split())
    assert "not tested and lost more than its margin: label of behaviour: length (100.0 →" in text
    assert "behaviour: length by its parts" in text


def test_answers_that_are_alike_pass_and_are_told_of(plan: Plan, store: Store) -> None:
    """Every behaviour HELD; the sentence counts them beside the capabilities."""
    review = judged(plan, store, alike, gating("length", "cut", "repeats", "refuses", "language"))

    assert {finding.outcome for finding in review.verdict.findings} == {Outcome.HELD}
    assert review.verdict.outcome is Outcome.PASS
    assert review.verdict.sentence == (
        "all 2 gating capabilities held within their margins, and so did 5 behaviours of the "
        "answers."
    )
    assert [finding.margin for finding in review.verdict.findings[2:]] == [*MARGINS.values()]


def test_a_behaviour_that_is_only_shown_fails_nothing(plan: Plan, store: Store) -> None:
    """`gate: false` is judged as what is monitored is."""
    review = judged(plan, store, talkative, gating("length", gate=False))

    assert of(review, "length")[1].outcome is Outcome.REGRESSED
    assert review.verdict.outcome is Outcome.PASS


def shown_by_the_candidate(reply: Reply, share: float) -> Voice:
    """Return a voice whose candidate says something else to a share of the items."""
    return lambda is_candidate, number: (
        reply if is_candidate and number % 100 < 100 * share else alike(False, number)
    )


CIRCLE = "and then we go on " * 12
REFUSAL = "I'm sorry, but I can't help with that."
ENGLISH = "This is a whole sentence of the English language, as it was to be expected."
GERMAN = "Die richtige Antwort auf diese Frage ist leider nicht so leicht zu finden, wie man denkt."


@pytest.mark.parametrize(
    ("behaviour", "reply"),
    [
        ("cut", Reply(n_tokens=64, ended="length")),
        ("cut", Reply(text="", n_tokens=64, ended="thinking")),
        ("repeats", Reply(text=CIRCLE)),
        ("repeats", Reply(text="  ")),
        ("refuses", Reply(text=REFUSAL)),
        ("language", Reply(text=GERMAN)),
    ],
)
def test_a_rise_beyond_the_margin_fails(
    plan: Plan, store: Store, behaviour: Behaviour, reply: Reply
) -> None:
    """One in ten answers shows it, and none of the base's did; a fall would be none."""
    english = replace_text(ENGLISH)

    voice = shown_by_the_candidate(reply, 0.1)
    review = judged(plan, store, lambda tuned, n: english(voice(tuned, n)), gating(behaviour))

    row, finding = of(review, behaviour)
    assert (finding.outcome, review.verdict.outcome) == (Outcome.REGRESSED, Outcome.FAIL)
    assert finding.reason == "a rise beyond the margin is proven"
    assert (row.counts.n_broken, row.counts.n_fixed, row.counts.n_items) == (30, 0, 300)
    assert row.in_own_numbers(row.evidence.candidate_mean) == pytest.approx(0.1)
    assert_has_step(review, behaviour)


def replace_text(text: str) -> Callable[[Reply], Reply]:
    """Return what puts a text in the place of the usual one."""
    return lambda reply: reply._replace(text=text) if reply.text == Reply().text else reply


def test_fewer_cut_answers_hold(plan: Plan, store: Store) -> None:
    """One-sided: what gets better is no change to be excluded."""
    voice = shown_by_the_candidate(Reply(ended="length"), 0.1)

    review = judged(plan, store, lambda tuned, n: voice(not tuned, n), gating("cut"))

    assert of(review, "cut")[1].outcome is Outcome.HELD


# --- what is not known ----------------------------------------------------------------------------


def test_where_nothing_is_generated_the_gate_stays_closed(plan: Plan, store: Store) -> None:
    """NOT_MEASURED, and INCONCLUSIVE since the policy asks for it."""
    suite = Path(plan.suites[0])
    suite.write_text(SUITE.partition("  saying:")[0], encoding="utf-8")

    review = judged(plan, store, alike, gating("length", "cut"))

    for behaviour in ("length", "cut"):
        row, finding = of(review, behaviour)  # type: ignore[arg-type]
        assert (finding.outcome, finding.counts) == (Outcome.NOT_MEASURED, True)
        assert finding.reason == "nothing that gates generates answers"
        assert (row.counts.n_planned, row.evidence.drop) == (0, None)
    assert review.verdict.outcome is Outcome.INCONCLUSIVE


def test_what_does_not_gate_is_not_counted(plan: Plan, store: Store) -> None:
    """The target's answers may change, and so may those of what is monitored."""
    policy = replace(gating("cut"), capabilities={"saying": CapabilityPolicy(gate=False)})

    review = judged(plan, store, alike, policy)

    assert of(review, "cut")[1].outcome is Outcome.NOT_MEASURED


def test_behaviour_alone_passes_nothing(plan: Plan, store: Store) -> None:
    """Where the base has nothing to lose, HELD behaviours are no measured skill."""
    runner = Speaking(alike)
    runner.script = lambda *_: 0.0

    review = guard(replace(plan, policy=gating("cut")), store=store, runner=runner)

    assert of(review, "cut")[1].outcome is Outcome.HELD
    assert review.verdict.outcome is Outcome.INCONCLUSIVE
    assert review.verdict.sentence.startswith("nothing that gates counts")


def test_lengths_that_nobody_knows_are_not_measured(plan: Plan, store: Store) -> None:
    """A harness that counts no tokens says 0 of all of them."""
    review = judged(plan, store, lambda *_: Reply(n_tokens=0), gating("length", "cut"))

    assert of(review, "length")[1].outcome is Outcome.NOT_MEASURED
    assert "how many tokens" in of(review, "length")[1].reason
    assert of(review, "cut")[1].outcome is Outcome.HELD


def within_64(longer: float) -> Voice:
    """Return answers of 55 to 114 tokens, the candidate's so many times as long, cut at 64."""

    def voice(is_candidate: bool, number: int) -> Reply:
        n_tokens = round((55 + number % 60) * (longer if is_candidate else 1.0))
        return Reply(n_tokens=min(64, n_tokens), ended="length" if n_tokens >= 64 else "stop")

    return voice


def test_lengths_that_the_limit_cut_are_not_held(plan: Plan, store: Store) -> None:
    """Three times as long, and up to the limit one percent: nobody knows."""
    review = judged(plan, store, within_64(3.0), gating("length"))

    row, finding = of(review, "length")
    assert row.evidence.drop is not None
    assert row.evidence.drop < 0.02
    assert (finding.outcome, review.verdict.outcome) == (Outcome.INCONCLUSIVE,) * 2
    assert finding.reason == (
        "300 of 300 answers of the candidate, 255 of the base, were cut: how long they would be "
        "nobody knows; raise max_tokens"
    )
    again = read_review(render_json(review), "review.json")
    assert again.comparison.capabilities == review.comparison.capabilities


@pytest.mark.parametrize(("share", "outcome"), [(0.05, "held"), (0.06, "inconclusive")])
@pytest.mark.parametrize("side", [False, True])
def test_a_twentieth_of_either_side_may_be_cut(
    plan: Plan, store: Store, side: bool, share: float, outcome: str
) -> None:
    """Of a length that is held: by the limit, and while it was still thinking."""
    ended: FinishReason = "thinking" if side else "length"

    def voice(tuned: bool, number: int) -> Reply:
        is_cut = tuned is side and number % 100 < 100 * share
        return Reply(n_tokens=22, ended=ended if is_cut else "stop")

    finding = of(judged(plan, store, voice, gating("length")), "length")[1]

    assert finding.outcome is Outcome[outcome.upper()], finding.reason


def test_a_proven_change_stays_one_though_answers_were_cut(plan: Plan, store: Store) -> None:
    """What was seen of the lengths is longer already."""
    cut = shown_by_the_candidate(Reply(n_tokens=64, ended="length"), 0.3)

    review = judged(plan, store, cut, gating("length"))

    assert of(review, "length")[1].outcome is Outcome.REGRESSED


@pytest.mark.parametrize("side", [False, True])
def test_lengths_of_one_side_alone_are_not_known(plan: Plan, store: Store, side: bool) -> None:
    """No text has 0 tokens: that a side's were not counted is no change of the length."""
    review = judged(
        plan,
        store,
        lambda tuned, n: Reply(n_tokens=20 * (tuned is side or not n)),
        gating("length"),
    )

    row, finding = of(review, "length")
    assert finding.outcome is Outcome.NOT_MEASURED
    assert finding.reason == (
        "how many tokens the answers of a side have is not known, or the base's have hardly any"
    )
    assert (row.counts.n_items, row.counts.n_unscored, row.evidence.drop) == (0, 0, None)
    assert review.verdict.outcome is Outcome.INCONCLUSIVE


def test_a_base_that_hardly_says_anything_has_no_length(plan: Plan, store: Store) -> None:
    """One answer of three hundred is nothing to be relative to."""
    silent = Reply(text="", n_tokens=0)

    review = judged(
        plan, store, lambda tuned, n: Reply() if tuned or not n else silent, gating("length")
    )

    assert of(review, "length")[1].outcome is Outcome.NOT_MEASURED


def test_few_lengths_that_nobody_counted_are_missing(plan: Plan, store: Store) -> None:
    """They count against HELD, as an answer that is missing does, and prove nothing."""
    voice = shown_by_the_candidate(Reply(n_tokens=0), 0.04)

    row, finding = of(judged(plan, store, voice, gating("length")), "length")

    assert (row.counts.n_items, row.counts.n_unscored) == (288, 12)
    assert row.evidence.candidate_mean == 1.0
    assert finding.outcome is Outcome.INCONCLUSIVE


def test_refusals_of_the_ring_safety_are_none(plan: Plan, store: Store) -> None:
    """Where it alone generates, answers are there, and none that counts."""
    head, _, tail = SUITE.partition("  saying:")
    suite = head + "  saying:" + tail.replace("ring: general", "ring: safety", 1)
    Path(plan.suites[0]).write_text(suite, encoding="utf-8")

    review = judged(plan, store, alike, gating("refuses", "cut"))

    row, finding = of(review, "refuses")
    assert finding.reason == "nothing that gates outside the ring safety generates answers"
    assert (row.counts.n_planned, row.counts.n_copies) == (0, 0)
    assert of(review, "cut")[1].outcome is Outcome.HELD


def test_samples_that_were_logged_do_not_say_it(tmp_path: Path) -> None:
    """Neither lengths nor ends, and of texts what a filter read: INCONCLUSIVE, with the reason."""
    samples = Samples(tmp_path)
    samples.add("t0", *flips(500, 4, 4))
    rules = {"length": BehaviourPolicy(), "repeats": BehaviourPolicy()}

    review = samples.review(behaviour=rules)

    findings = [finding for finding in review.verdict.findings if finding.behaviour]
    assert [finding.outcome for finding in findings] == [Outcome.NOT_MEASURED] * 2
    assert review.verdict.outcome is Outcome.INCONCLUSIVE
    assert samples.review().verdict.outcome is Outcome.PASS


def test_missing_answers_count_against_held(plan: Plan, store: Store) -> None:
    """Fourteen of three hundred might all have been cut, and all have been long."""
    voice = shown_by_the_candidate(Reply(ended="missing"), 0.04)

    review = judged(plan, store, voice, gating("cut", "length"))

    assert of(review, "cut")[1].outcome is Outcome.INCONCLUSIVE
    assert of(review, "cut")[0].counts.n_lost == 12
    assert of(review, "length")[1].outcome is Outcome.INCONCLUSIVE


def test_a_run_that_time_ended_decides_nothing_of_it(
    plan: Plan, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """How far it came may hang on how long the answers are; all of it decides, later."""
    plan = replace(plan, policy=gating("length"))
    runner = Speaking(talkative)
    slowed(runner, monkeypatch)

    review = guard(plan, store=store, runner=runner, max_minutes=(300 // 64 + 1) + 2 + 1.5)

    monkeypatch.undo()
    row, finding = of(review, "length")
    assert 0 < row.counts.n_asked < row.counts.n_planned == 300
    assert finding.outcome is Outcome.INCONCLUSIVE
    assert finding.reason == (
        f"neither a change nor its absence is proven on {row.counts.n_asked} items, of 300 planned"
    )
    later = guard(plan, store=store, runner=runner)
    assert of(later, "length")[1].outcome is Outcome.REGRESSED


def test_a_run_that_time_ended_before_the_first_answer_says_so(
    plan: Plan, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """That answers are to come is known before there is one."""
    plan = replace(plan, policy=gating("length", "refuses"))
    runner = slowed(Speaking(talkative), monkeypatch)

    review = guard(plan, store=store, runner=runner, max_minutes=2.5)

    monkeypatch.undo()
    for behaviour in ("length", "refuses"):
        row, finding = of(review, behaviour)
        assert (row.counts.n_asked, row.counts.n_planned) == (0, 300)
        assert finding.outcome is Outcome.NOT_MEASURED
        assert finding.reason == "no answers yet, of 300 planned"


# --- looks and alpha ------------------------------------------------------------------------------


def test_what_generates_is_asked_in_full_at_once(plan: Plan, store: Store) -> None:
    """A skill that is decided early would leave answers unasked, by what they say."""
    suite = Path(plan.suites[0])
    support.write_suite(suite.parent, text=SUITE, n_items=900, n_said=900)
    runner = Speaking(alike)

    early = guard(replace(plan, policy=gating()), store=store, runner=runner)
    review = guard(replace(plan, policy=gating("length")), store=store, runner=runner)

    looks = {planned.capability: planned.n_items for planned in review.provenance.looks}
    assert looks["saying"] == (900,)
    assert looks["reasoning"] == early.provenance.looks[0].n_items
    assert len(looks["reasoning"]) > 1
    assert early.comparison.capabilities[1].counts.n_asked < 900
    assert of(review, "length")[0].counts.n_asked == 900


def test_a_look_at_a_behaviour_spends_alpha(plan: Plan, store: Store) -> None:
    """What it was judged at is the level of all that gates together, and is noted as spent."""
    review = judged(plan, store, alike, gating("cut"))

    assert [look.capability for look in review.taken].count("") == 1
    row, _ = of(review, "cut")
    assert row.evidence.level == review.comparison.pooled_level == Policy().first_level
    more = replace(plan, protocol=EvalSettings(limit=200))
    again = judged(more, store, alike, gating("cut"))
    assert of(again, "cut")[0].evidence.level < Policy().first_level


def test_it_is_a_member_of_the_family(plan: Plan, store: Store) -> None:
    """Five behaviours beside two capabilities: Holm multiplies the smallest p-value by seven."""
    alone = judged(plan, store, talkative, gating("length"))
    among = judged(plan, store, talkative, gating(*MARGINS))

    row, finding = of(alone, "length")
    share = 0.8 * 0.95  # a fifth is for the test of all together, a twentieth is kept
    assert row.evidence.p_drop is not None
    assert finding.p_regressed == pytest.approx(3 * row.evidence.p_drop / share)
    assert of(among, "length")[1].p_regressed == pytest.approx(7 * row.evidence.p_drop / share)


def test_copies_count_once_and_ties_are_clusters(plan: Plan, store: Store) -> None:
    """A prompt that stands there three times is one answer; one cluster is one draw."""
    suite = Path(plan.suites[0])
    rows = support.generated_rows(300)
    for number, row in enumerate(rows):
        row["prompt"] = f"Say {number // 3}:"
        row["answer"] = str(number // 3)
        row["cluster"] = f"c{number // 30}"
    support.write_jsonl(suite.parent / "say.jsonl", rows)

    review = judged(plan, store, alike, gating("cut", "length"))

    for behaviour in ("cut", "length"):
        counts = of(review, behaviour)[0].counts  # type: ignore[arg-type]
        assert (counts.n_items, counts.n_copies, counts.n_clusters) == (100, 200, 10)
        assert "its items lie in 10 clusters" in of(review, behaviour)[1].reason  # type: ignore[arg-type]


# --- what is said where ---------------------------------------------------------------------------


def test_every_format_shows_it(plan: Plan, store: Store) -> None:
    """A row of its own in text, Markdown, HTML and JUnit, and in a comment."""
    review = judged(plan, store, talkative, gating("length", "cut"))

    again = read_review(render_json(review), "review.json")
    assert again.verdict == review.verdict
    assert again.comparison.capabilities == review.comparison.capabilities
    for form in ("text", "markdown", "html", "junit", "comment"):
        assert "behaviour: length" in render(review, form), form
    junit = render(review, "junit")
    assert 'classname="cliffguard.policy" name="behaviour: length"' in junit
    assert 'type="regression" message="REGRESSED: a change beyond the margin is proven"' in junit
    text = render(review, "text")
    assert "+42.9" in text
    assert "Behaviours are of all generated answers of what gates" in text
    assert "Do not ship this candidate: behaviour: length." in text


def test_items_of_a_behaviour_are_not_counted_twice(plan: Plan, store: Store) -> None:
    """Its answers are those of the capabilities: neither planned nor broken anew."""
    review = judged(plan, store, shown_by_the_candidate(Reply(ended="length"), 0.1), gating("cut"))

    assert of(review, "cut")[0].counts.n_broken == 30
    assert "30 items" not in render(review, "comment")
    assert "Stopped early" not in render(review, "text")


def test_an_overview_has_a_column_for_each(plan: Plan, store: Store, tmp_path: Path) -> None:
    """What is named under `behaviour` is no capability of the policy; margins may go unsaid."""
    third = support.write_checkpoint(tmp_path / "third", seed=2)
    spelled = replace(gating(), behaviour={"length": BehaviourPolicy(margin=0.1)})
    longer = judged(plan, store, talkative, gating("length"))
    same = judged(replace(plan, candidate=str(third)), store, talkative, spelled)
    without = judged(replace(plan, candidate=str(third)), store, talkative, gating())

    def overview(*reviews: Review) -> Overview:
        sources = [
            NamedReview(name=f"r{n}", file=tmp_path / f"r{n}.json", review=review)
            for n, review in enumerate(reviews)
        ]
        return build(sources, tmp_path)

    made = overview(longer, same)
    assert made.capabilities[0].name == "behaviour: length"
    assert [row.largest_drop for row in made.candidates] == [pytest.approx(0.03, abs=0.01)] * 2
    with support.refused("overview.other-policy", 2, "behaviour"):
        overview(longer, without)


def test_plan_says_that_it_does_not_plan_it(plan: Plan) -> None:
    """By how many answers it is judged, and that the chance to pass is told without it."""
    suites = load_suites(plan.suites)
    tasks = [task for suite in suites for task in suite.tasks]
    (remark,) = (
        line
        for line in power_analysis(plan, suites, tasks, gating("length", "cut")).remarks
        if line.startswith("behaviour")
    )
    assert "behaviour (length, cut): judged on 300 generated answers" in remark

    choices = [task for task in tasks if task.name == "ball"]
    ahead = power_analysis(plan, suites, choices, gating("length"))
    assert ahead.chance_pass == 0.0
    assert "behaviour: length: the policy names it, but nothing generates answers" in ahead.remarks


# --- one answer -----------------------------------------------------------------------------------


def pair_of(base: str, candidate: str, *, prompt: str = "Say it:", right: str = "42") -> Pair:
    """Return two generated answers to an item."""
    item = replace(support.item(), prompt=prompt, answer=right, choices=())
    task = replace(support.task([item]), metric="contains")
    sides = [
        replace(support.answer(item, text=text), finish_reason="stop") for text in (base, candidate)
    ]
    return Pair(task=task, item=item, base=sides[0], candidate=sides[1], look=0)


@pytest.mark.parametrize(
    ("behaviour", "pair", "shown"),
    [
        # What the right answer does is as it should be.
        ("refuses", pair_of(REFUSAL, REFUSAL, right=REFUSAL), (False, False)),
        ("refuses", pair_of("42", REFUSAL), (False, True)),
        ("repeats", pair_of("42", CIRCLE, right=CIRCLE), (False, False)),
        ("repeats", pair_of("", "[]"), (True, False)),
        # What the prompt tells holds for both sides; else the base's language for the candidate.
        (
            "language",
            pair_of(GERMAN, GERMAN, prompt="Please tell me in one sentence where the answer is."),
            (True, True),
        ),
        ("language", pair_of(GERMAN, GERMAN, prompt="1:"), (False, False)),
        ("language", pair_of(GERMAN, ENGLISH, prompt="1:"), (False, True)),
        ("language", pair_of(ENGLISH, GERMAN, prompt="Answer in German, please."), (False, False)),
    ],
)
def test_an_answer_shows_a_behaviour(
    behaviour: Behaviour, pair: Pair, shown: tuple[bool, bool]
) -> None:
    """By one rule for both sides, whatever the score."""
    assert (SHOWN[behaviour](pair, 0), SHOWN[behaviour](pair, 1)) == shown


def test_a_capability_of_that_name_is_refused() -> None:
    """Two findings would have one name."""
    rules = {"behaviour: cut": CapabilityPolicy()}

    with support.refused("policy.behaviour-name", 2, "behaviour: cut"):
        Policy(behaviour={"cut": BehaviourPolicy()}, capabilities=rules)
