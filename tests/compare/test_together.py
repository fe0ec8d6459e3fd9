"""Items that belong together, parts that fall, answers that nobody reads: samples end to end."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest

from cliffguard import Outcome, Policy
from cliffguard.compare.diagnosis import NO_MODEL
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.reviews import Finding, Review
from cliffguard.core.settings import CapabilityPolicy
from cliffguard.gate import compare_samples
from cliffguard.report import render
from cliffguard.report.json import read_review, render_json
from tests import support
from tests.runners.test_imports import row, write

Scores = Sequence[Any]


def rows_of(scores: Scores, **more: Any) -> list[dict[str, Any]]:
    """Return one line a score; every document another one."""
    return [row(number, score, **more) for number, score in enumerate(scores)]


class Samples:
    """Two folders that fill up task by task, and what the gate says of them."""

    def __init__(self, folder: Path) -> None:
        self.folder = folder

    def add(
        self,
        task: str,
        base: Scores,
        candidate: Scores,
        change: Callable[[int, dict[str, Any]], None] = lambda *_: None,
    ) -> None:
        """Write a task; `change` edits each line of both sides by its number."""
        for side, scores in (("base", base), ("tuned", candidate)):
            rows = rows_of(scores)
            for number, sample in enumerate(rows):
                change(number, sample)
            write(self.folder / side, task, rows)

    def review(self, *patterns: str, **policy: Any) -> Review:
        """Judge; with patterns all of their tasks are the one capability `all`."""
        given = Policy(**policy)
        if patterns:
            capability_policy = CapabilityPolicy(tasks=patterns)
            given = Policy(capabilities={"all": capability_policy}, **policy)
        return compare_samples(str(self.folder / "base"), str(self.folder / "tuned"), given)


@pytest.fixture
def samples(tmp_path: Path) -> Samples:
    """Two folders without a task."""
    return Samples(tmp_path)


def only(review: Review) -> tuple[CapabilityComparison, Finding]:
    """Return the one capability and what was decided of it."""
    (capability,), (finding,) = review.comparison.capabilities, review.verdict.findings
    return capability, finding


def flips(n: int, n_broken: int, n_fixed: int, n_right: int | None = None) -> tuple[Scores, Scores]:
    """Return both sides' scores of n items, of which so many break and so many are fixed."""
    n_right = n - n_fixed if n_right is None else n_right
    base = [1.0] * n_right + [0.0] * (n - n_right)
    candidate = [0.0] * n_broken + base[n_broken:]
    for index in range(n - n_fixed, n):
        candidate[index] = 1.0
    return base, candidate


# --- copies and ties -----------------------------------------------------------------------------


def statistics(capability: CapabilityComparison) -> tuple[Any, ...]:
    """Return what copies must not move."""
    counts, evidence = capability.counts, capability.evidence
    return (
        (counts.n_items, counts.n_planned, counts.n_asked),
        (evidence.p_held, evidence.p_drop, evidence.p_beyond, evidence.drop_interval),
    )


def test_a_file_under_eight_names_counts_once(samples: Samples, tmp_path: Path) -> None:
    """Sixty items with three flips each way decide nothing, however often they are copied."""
    base, candidate = flips(60, 3, 3)

    def under_one_name(_: int, line: dict[str, Any]) -> None:
        line["doc_hash"], line["prompt_hash"] = f"{line['doc_id']}", f"{line['doc_id']}"

    samples.add("once", base, candidate)
    alone, _ = only(samples.review("once"))
    copies = Samples(tmp_path / "copies")
    for number in range(8):
        for side, scores in (("base", base), ("tuned", candidate)):
            folder = copies.folder / side
            path = write(folder, "t", rows_of(scores))
            path.rename(folder / f"samples_t{number}_2026-01-01T10-00-00.123456.jsonl")
    together = copies.review("t*")

    capability, finding = only(together)
    assert statistics(capability) == statistics(alone)
    assert (capability.counts.n_copies, finding.outcome) == (420, Outcome.INCONCLUSIVE)
    (text,) = support.caveat_texts(together, "items.copies")
    assert "420 rows are copies of the 60 that count" in text


def test_rows_that_are_repeated_under_new_numbers_count_once(samples: Samples) -> None:
    """Twenty-four questions, forty times each: n is 24."""
    base, candidate = flips(24, 1, 1)

    def repeat(number: int, line: dict[str, Any]) -> None:
        line["doc_hash"], line["prompt_hash"] = f"d{number % 24}", f"p{number % 24}"

    samples.add("often", list(base) * 40, list(candidate) * 40, repeat)

    capability, finding = only(samples.review("often"))
    assert (capability.counts.n_items, capability.counts.n_copies) == (24, 936)
    assert finding.outcome is Outcome.INCONCLUSIVE


def test_copies_that_disagree_are_judged_as_graded(samples: Samples) -> None:
    """Their change is the mean of the copies', here one half."""
    base, candidate = flips(200, 20, 0)

    def pairs(number: int, line: dict[str, Any]) -> None:
        line["doc_hash"] = line["prompt_hash"] = f"{(number + 1) // 2}"

    samples.add("twice", base, candidate, pairs)

    capability, _ = only(samples.review("twice"))
    assert (capability.counts.n_items, capability.counts.n_copies) == (101, 99)
    assert "McNemar" not in capability.evidence.method


def test_forms_of_one_document_are_a_cluster(samples: Samples) -> None:
    """250 problems in four languages are 250 clusters, and no 1,000 items."""
    base, candidate = flips(250, 5, 5)
    for language in ("de", "en", "fr", "sw"):
        for side, scores in (("base", base), ("tuned", candidate)):
            path = write(samples.folder / side, f"mgsm_{language}", rows_of(scores))
            text = path.read_text().replace(f'"mgsm_{language} d', '"d')
            path.write_text(text)

    review = samples.review("mgsm_*")

    capability, _ = only(review)
    assert (
        capability.counts.n_items,
        capability.counts.n_copies,
        capability.counts.n_clusters,
    ) == (1000, 0, 250)
    assert capability.evidence.n_effective < 300
    (text,) = support.caveat_texts(review, "items.clustered")
    assert "1,000 items ask about 250 documents" in text


def test_logged_answers_are_not_told_to_be_asked_again(samples: Samples) -> None:
    """No model is there; a report says so, without brackets in brackets."""
    base, tuned = flips(100, 20, 4)
    samples.add("facts", base, tuned)

    review = samples.review("facts")

    assert review.diagnosis is not None
    assert [each.unprobed for each in review.diagnosis.capabilities] == [NO_MODEL]
    line = next(row for row in render(review, "markdown").splitlines() if "Not probed" in row)
    assert line.endswith(f": {NO_MODEL}")


def test_one_instruction_for_all_ties_nothing(samples: Samples) -> None:
    """Where every prompt is the same, as in tasks that ask by choices alone, it is no document."""
    base, candidate = flips(400, 8, 8)

    def bare(_: int, line: dict[str, Any]) -> None:
        line["prompt_hash"] = "the same"

    samples.add("which_sentence", base, candidate, bare)

    capability, finding = only(samples.review("which_sentence"))
    assert (capability.counts.n_clusters, finding.outcome) == (None, Outcome.HELD)


@pytest.mark.slow
def test_capabilities_that_share_documents_are_tested_together_as_such(samples: Samples) -> None:
    """The same changes in eight capabilities are one piece of evidence, not eight."""
    base, candidate = flips(500, 32, 18)
    for number in range(8):
        for side, scores in (("base", base), ("tuned", candidate)):
            path = write(samples.folder / side, f"t{number}", rows_of(scores))
            text = path.read_text().replace(f'"t{number} d', '"d')
            path.write_text(text)

    shared = samples.review()
    apart = Samples(samples.folder / "apart")
    for number in range(8):
        apart.add(f"t{number}", base, candidate)

    independent = apart.review().verdict.pooled
    assert shared.verdict.pooled is not None
    assert independent is not None
    assert independent.p_value < 0.001
    assert shared.verdict.pooled.p_value > 0.05
    assert shared.comparison.shared[0].n_documents == 500


# --- nothing to lose -----------------------------------------------------------------------------


def test_where_the_base_has_nothing_no_verdict_stands_on_it(samples: Samples) -> None:
    """A base at 4 % and a candidate at 0 % held a margin of 5 points: all was lost."""
    base, candidate = flips(2000, 80, 0, n_right=80)
    samples.add("hard", base, candidate, lambda _, line: line.update(arguments=["q"], resps=["a"]))

    review = samples.review()

    capability, finding = only(review)
    assert capability.evidence.p_held is not None
    assert capability.evidence.p_held < 0.05
    assert (finding.outcome, finding.counts) == (Outcome.NOT_MEASURED, False)
    assert review.verdict.outcome is Outcome.INCONCLUSIVE
    assert "hard had nothing to lose on this base (4.0 → 0.0 %)" in review.verdict.sentence


def test_a_base_below_guessing_is_said_to_be_where_it_is(samples: Samples) -> None:
    """Not at what guessing earns; chance of samples is one in as many as they have choices."""
    samples.add("hard", [0.0] * 100, [0.0] * 100)

    capability, finding = only(samples.review())

    assert finding.reason == (
        "nothing to lose on this base (0.0 %, 50.0 % by guessing, margin 5 points), by a strategy "
        "that does worse than guessing"
    )
    assert [task.chance for task in capability.diagnostics.tasks] == [0.5]


def test_what_has_nothing_to_lose_stops_no_other(samples: Samples) -> None:
    """It does not count; the sentence names it beside what held."""
    samples.add("hard", *flips(500, 0, 0, n_right=10))
    samples.add("easy", *flips(500, 5, 5))

    verdict = samples.review().verdict

    assert verdict.outcome is Outcome.PASS
    assert "hard had nothing to lose" in verdict.sentence


def test_a_policy_may_demand_it(samples: Samples) -> None:
    """`gate: true` says that it must be measured; then it is open."""
    samples.add("hard", *flips(500, 0, 0, n_right=10))
    samples.add("easy", *flips(500, 5, 5))

    review = samples.review(capabilities={"hard": CapabilityPolicy(gate=True)})

    outcomes = {finding.capability: finding.outcome for finding in review.verdict.findings}
    assert outcomes == {"hard": Outcome.INCONCLUSIVE, "easy": Outcome.HELD}
    assert review.verdict.outcome is Outcome.INCONCLUSIVE


def test_guessing_among_choices_is_nothing_to_lose(samples: Samples) -> None:
    """Two choices: a base at 52 % has two points, and a margin of five."""
    samples.add("coin", *flips(400, 3, 3, n_right=208))

    capability, finding = only(samples.review())

    assert capability.evidence.chance == 0.5
    assert finding.outcome is Outcome.NOT_MEASURED


# --- parts ---------------------------------------------------------------------------------------


@pytest.mark.slow
def test_one_subject_of_many_that_falls_fails_the_gate(samples: Samples) -> None:
    """The mean of 57 holds its margin; one falls from 80 to 25 %."""
    for number in range(57):
        base, candidate = flips(100, 0, 0, n_right=80)
        if number == 11:
            candidate = [0.0] * 55 + list(candidate)[55:]
        samples.add(f"mmlu_{number}", base, candidate)

    verdict = samples.review("mmlu_*", default_margin=0.03).verdict

    finding = verdict.findings[0]
    assert (verdict.outcome, finding.cause, finding.stratum) == (Outcome.FAIL, "stratum", "mmlu_11")
    assert verdict.sentence == "all regressed in mmlu_11 (80.0 → 25.0 %)."


def test_small_parts_are_named_and_not_tested(samples: Samples) -> None:
    """Fewer than ten items prove nothing of a part."""
    samples.add("large", *flips(600, 6, 6))
    samples.add("small", *flips(8, 8, 0))

    capability, finding = only(samples.review("large", "small"))

    (small,) = (stratum for stratum in capability.diagnostics.strata if stratum.name == "small")
    assert (small.p_beyond, small.why) == (None, "fewer than 10 scored items")
    assert finding.outcome is Outcome.HELD


def test_parts_alike_fail_rarely() -> None:
    """Ten tasks at a drop of exactly the margin: their family errs no more often than its level."""
    from cliffguard.stats.multiplicity import holm
    from cliffguard.stats.paired import beyond_p

    rng = np.random.default_rng(7)
    n_false = 0
    for _ in range(400):
        p_values = []
        for _ in range(10):
            n_broken, n_fixed, _ = rng.multinomial(120, [0.10, 0.05, 0.85])
            p_values.append(
                beyond_p(n_broken=int(n_broken), n_fixed=int(n_fixed), n_items=120, margin=0.05)
            )
        n_false += min(holm(p_values)) <= 0.05
    assert n_false / 400 <= 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5


# --- answers that are none -----------------------------------------------------------------------


def test_answers_that_nobody_reads_are_lost_by_format(samples: Samples) -> None:
    """200 of 600 turn into "[invalid]": the drop is lm-eval's own, and its cause is told."""
    base, _ = flips(600, 0, 0, n_right=400)
    candidate = [0.0] * 200 + list(base)[200:]
    for side, scores in (("base", base), ("tuned", candidate)):
        rows = [
            row(n, s, filtered_resps=["[invalid]" if side == "tuned" and n < 200 else "4"])
            for n, s in enumerate(scores)
        ]
        write(samples.folder / side, "sums", rows)

    review = samples.review()

    capability, finding = only(review)
    assert capability.evidence.drop == pytest.approx(1 / 3)
    assert capability.diagnostics.readable is not None
    assert (capability.diagnostics.readable.n_items, capability.diagnostics.readable.drop) == (
        400,
        0.0,
    )
    assert (review.verdict.outcome, finding.cause) == (Outcome.FAIL, "format")
    assert "regressed by format (66.7 → 33.3 %)" in review.verdict.sentence


def test_what_the_base_lacks_is_taken_for_right(samples: Samples) -> None:
    """150 of 1,000 that only the candidate was asked, and got wrong, may all be losses."""
    base, candidate = flips(1000, 5, 5)
    candidate = [0.0] * 150 + list(candidate)[150:]
    write(samples.folder / "base", "t", rows_of(base)[150:])
    write(samples.folder / "tuned", "t", rows_of(candidate))

    capability, finding = only(samples.review())

    assert (capability.counts.n_missing_base, capability.counts.n_lost) == (150, 150)
    assert finding.outcome is Outcome.INCONCLUSIVE


def test_many_missing_answers_forbid_held_and_unmake_no_loss(samples: Samples) -> None:
    """Above 5 % on either side nothing is held, even where they could be no losses."""
    base, candidate = flips(1000, 5, 5, n_right=800)
    lines = rows_of(candidate)
    write(samples.folder / "base", "t", rows_of(base))
    write(samples.folder / "tuned", "t", lines[:850] + lines[910:])
    write(samples.folder / "base", "u", rows_of(base))
    lost = rows_of([0.0] * 200 + list(base)[200:])
    write(samples.folder / "tuned", "u", lost[:850] + lost[910:])

    findings = {finding.capability: finding for finding in samples.review().verdict.findings}

    assert findings["t"].outcome is Outcome.INCONCLUSIVE
    assert "60 of 1000 items have no answer of the candidate" in findings["t"].reason
    assert findings["u"].outcome is Outcome.REGRESSED


def test_few_clusters_say_how_many_held_takes(samples: Samples) -> None:
    """At 3 points 50 clusters of one size are needed, however many items lie in them."""
    base, candidate = flips(40, 0, 0)
    for number in range(20):
        for side, scores in (("base", base), ("tuned", candidate)):
            path = write(samples.folder / side, f"t{number}", rows_of(scores))
            path.write_text(path.read_text().replace(f'"t{number} d', '"d'))

    _, finding = only(samples.review("t*", default_margin=0.03))

    assert finding.outcome is Outcome.INCONCLUSIVE
    assert "40 clusters, worth 40 of one size; HELD at this margin takes 50" in finding.reason


def test_another_filter_that_reads_them_is_told(samples: Samples) -> None:
    """lm-eval logs every filter; what a lax one makes of the unread answers says what they were."""
    base, _ = flips(300, 0, 0)
    for side in ("base", "tuned"):
        rows = []
        for number, score in enumerate(base):
            unread = side == "tuned" and number < 100
            strict = "[invalid]" if unread else "4"
            rows.append(
                row(number, 0.0 if unread else score, filter="strict", filtered_resps=[strict])
            )
            lax = float(number % 4 > 0) if unread else score
            rows.append(row(number, lax, filter="flexible-extract", filtered_resps=["4"]))
        write(samples.folder / side, "gsm8k", rows)

    capability, finding = only(samples.review())

    assert capability.diagnostics.readable is not None
    text = "flexible-extract reads 100 of the 100 that this filter does not: 75 %"
    assert capability.diagnostics.readable.other == text
    assert text in finding.reason


def limited(folder: Path, limit: float | None, **counts: Any) -> None:
    """Write a results file beside the samples, as lm-eval does."""
    results = {"config": {"limit": limit}, "n-samples": counts}
    (folder / "results_2026-01-01T10-00-00.json").write_text(json.dumps(results))


@pytest.mark.parametrize("has_limit", [True, False])
def test_a_limit_of_one_side_is_no_lack(samples: Samples, has_limit: bool) -> None:
    """100 of 400 were asked on purpose: they are judged, and the sentence says of how many."""
    write(samples.folder / "base", "t", rows_of([1.0] * 400))
    write(samples.folder / "tuned", "t", rows_of([1.0] * 100))
    limited(samples.folder / "tuned", 100.0 if has_limit else None)

    review = samples.review()

    capability, finding = only(review)
    assert (capability.counts.n_asked, capability.counts.n_missing_candidate) == (
        (100, 0) if has_limit else (400, 300)
    )
    assert finding.outcome is (Outcome.HELD if has_limit else Outcome.INCONCLUSIVE)
    assert ("t on 100 of 400" in review.verdict.sentence) is has_limit


def test_fields_of_documents_make_clusters_and_parts(samples: Samples) -> None:
    """Ten questions a passage; a topic that falls is found. A field that is not there: exit 2."""
    base, _ = flips(600, 0, 0)
    lost = [0.0 if n % 60 < 6 and n % 2 else 1.0 for n in range(600)]

    def about(number: int, line: dict[str, Any]) -> None:
        line["doc"] = {
            "passage": {"id": number // 10},
            "topic": "law" if number % 60 < 6 else "art",
        }

    samples.add("drop", base, lost, about)
    capability_policy = CapabilityPolicy(
        tasks=("drop",), cluster="passage.id", strata="topic", margin=0.2
    )

    capability, _ = only(samples.review(capabilities={"reading": capability_policy}))

    assert (
        capability.counts.n_clusters,
        {stratum.name for stratum in capability.diagnostics.strata},
    ) == (60, {"topic = law", "topic = art"})
    with support.refused("policy.unknown-field", 2, "'passage'"):
        samples.review(capabilities={"reading": replace(capability_policy, cluster="passage")})


# --- a margin relative to what the base has ------------------------------------------------------


def relative(share: float) -> dict[str, Any]:
    """Return a policy under which every capability named t may lose this share."""
    return {"capabilities": {"t": CapabilityPolicy(relative_margin=share)}}


def test_a_relative_margin_is_a_share_of_what_the_base_has(samples: Samples) -> None:
    """A base at 60 % of two choices has ten points: a tenth of them is one, a half is five."""
    base, candidate = flips(2000, 30, 30, n_right=1200)
    samples.add("t", base, candidate)

    tenth, _ = only(samples.review(**relative(0.1)))
    half, finding = only(samples.review(**relative(0.5)))

    assert (tenth.evidence.chance, tenth.evidence.margin, half.evidence.margin) == pytest.approx(
        (0.5, 0.01, 0.05)
    )
    assert tenth.evidence.p_held is not None
    assert half.evidence.p_held is not None
    assert half.evidence.p_held < tenth.evidence.p_held
    assert finding.outcome is Outcome.HELD


def test_a_relative_margin_has_its_level() -> None:
    """At exactly the share lost, the base's own error included: false HELD is rare as alpha."""
    from cliffguard.stats.graded import each_p_at_least

    rng = np.random.default_rng(5)
    right = rng.random((400, 300)) < 0.4
    broken = right & (rng.random((400, 300)) < 0.3)
    fixed = ~right & (rng.random((400, 300)) < 0.1)
    # The base has 40 points, 12 of them are lost and 6 won: 6 of 40 is the share.
    excess = broken.astype(float) - fixed - 0.15 * right
    rate = (each_p_at_least(excess, 0.0) <= 0.05).mean()

    assert rate <= 0.05 + 3 * (0.05 * 0.95 / 400) ** 0.5


def test_two_margins_are_refused() -> None:
    """One line with an id."""
    with support.refused("policy.two-margins", 2):
        CapabilityPolicy(margin=0.05, relative_margin=0.1)


# --- what a careful opponent found ---------------------------------------------------------------


def test_rows_that_the_candidate_lacks_take_nothing_from_the_base(samples: Samples) -> None:
    """The base is right on half; the candidate has no line on just these: that is no empty base."""
    base, _ = flips(400, 0, 0, n_right=200)
    samples.add("good", *flips(400, 2, 2, n_right=320))
    write(samples.folder / "base", "bad", rows_of(base))
    write(samples.folder / "tuned", "bad", rows_of(base)[200:])

    review = samples.review()

    findings = {finding.capability: finding for finding in review.verdict.findings}
    assert findings["bad"].outcome is Outcome.INCONCLUSIVE
    assert review.verdict.outcome is Outcome.INCONCLUSIVE


def test_leaving_some_rows_out_unmakes_no_failure(samples: Samples) -> None:
    """Within the 5 % that may be missing: the base's skill is that of all it answered."""
    base = [1.0] * 260 + [0.0] * 140
    candidate = rows_of([0.0] * 400)[20:]
    write(samples.folder / "base", "t", rows_of(base))
    write(samples.folder / "tuned", "t", candidate)
    samples.add("good", *flips(400, 2, 2, n_right=320))

    assert samples.review(default_margin=0.13).verdict.outcome is Outcome.FAIL


def test_a_base_that_was_not_asked_has_not_nothing_to_lose(samples: Samples) -> None:
    """Most of its lines are missing, the rest is at chance: it was not measured."""
    base, candidate = flips(400, 0, 0, n_right=200)
    write(samples.folder / "base", "bad", rows_of(base)[160:240])
    write(samples.folder / "tuned", "bad", rows_of(candidate))
    samples.add("good", *flips(400, 2, 2, n_right=320))

    assert samples.review().verdict.outcome is Outcome.INCONCLUSIVE


def test_where_no_pair_is_scored_nothing_is_said_of_the_base(samples: Samples) -> None:
    """The base is wrong everywhere, and no line of the candidate has a number: all are unscored."""
    write(samples.folder / "base", "t", rows_of([0.0] * 40))
    write(samples.folder / "tuned", "t", rows_of([None] * 40))

    capability, finding = only(samples.review())

    assert (capability.counts.n_items, finding.outcome, finding.counts) == (
        0,
        Outcome.NOT_MEASURED,
        True,
    )


def test_one_continuation_is_no_choice(samples: Samples) -> None:
    """Of a last word, as in lambada, nobody guesses right every time."""
    base, candidate = flips(400, 200, 0, n_right=280)

    def last_word(number: int, line: dict[str, Any]) -> None:
        line["arguments"] = {"gen_args_0": {"arg_0": f"Story {number}", "arg_1": " end"}}
        line["filtered_resps"] = [["-1.0", "False"]]

    samples.add("lambada", base, candidate, last_word)

    capability, finding = only(samples.review())
    assert capability.evidence.chance is None
    assert finding.outcome is Outcome.REGRESSED


def test_a_limit_excuses_only_what_lies_beyond_it(samples: Samples) -> None:
    """Both were told 400, and one has 300 of them: a lack. Hand-picked documents are no limit."""
    write(samples.folder / "base", "t", rows_of([1.0] * 400))
    write(samples.folder / "tuned", "t", rows_of([1.0] * 400)[100:])
    for side in ("base", "tuned"):
        limited(samples.folder / side, 400.0)
    capability, _ = only(samples.review())
    assert (capability.counts.n_asked, capability.counts.n_missing_candidate) == (400, 100)

    write(samples.folder / "base", "t", rows_of([1.0] * 1000))
    write(samples.folder / "tuned", "t", rows_of([1.0] * 1000)[::3])
    capability, _ = only(samples.review())
    assert (capability.counts.n_asked, capability.counts.n_missing_candidate) == (1000, 666)


def test_a_share_as_limit_is_told_by_the_counts(samples: Samples) -> None:
    """lm-eval takes a share of each task; its results file says how many that were."""
    write(samples.folder / "base", "t", rows_of([1.0] * 400))
    write(samples.folder / "tuned", "t", rows_of([1.0] * 100))
    limited(samples.folder / "tuned", 0.25, t={"original": 400, "effective": 100})

    capability, finding = only(samples.review())

    assert (capability.counts.n_asked, capability.counts.n_in_all, finding.outcome) == (
        100,
        400,
        Outcome.HELD,
    )


@pytest.mark.parametrize("small", ["ta", "tz"])
def test_copies_belong_to_every_part_they_stand_in(samples: Samples, small: str) -> None:
    """Sixty that are lost stand in a large task and in a small one, whatever its name."""
    base, candidate = [1.0] * 2000, [0.0] * 60 + [1.0] * 1940
    for side, scores in (("base", base), ("tuned", candidate)):
        folder = samples.folder / side
        large = write(folder, "tm", rows_of(scores))
        part = write(folder, small, rows_of(scores[:60]))
        part.write_text(part.read_text().replace(f'"{small} ', '"tm '))
        assert large.is_file()

    _, finding = only(samples.review("t*"))

    assert (finding.outcome, finding.stratum) == (Outcome.REGRESSED, small)


def test_shuffled_rows_move_no_digit_of_clusters(samples: Samples, tmp_path: Path) -> None:
    """P-values, the interval and what items are worth."""
    rng = np.random.default_rng(2)
    base = rng.integers(0, 2, 300).astype(float)
    candidate = np.where(rng.random(300) < 0.2, 1 - base, base)
    rows = {"base": rows_of(base), "tuned": rows_of(candidate)}
    for lines in rows.values():
        for number, line in enumerate(lines):
            line["doc"] = {"p": number % 40}
    policies = {"t": CapabilityPolicy(cluster="p", margin=0.1)}
    results = []
    for run in range(2):
        other = Samples(tmp_path / f"run{run}")
        order = rng.permutation(300) if run else np.arange(300)
        for side, lines in rows.items():
            write(other.folder / side, "t", [lines[n] for n in order])
        results.append(statistics(only(other.review(capabilities=policies))[0]))

    assert results[0] == results[1]


# --- a second run --------------------------------------------------------------------------------


def test_the_interval_of_a_later_run_says_its_own_confidence(samples: Samples) -> None:
    """More items after a first run: what is left of alpha is little, and the interval is wide."""
    base, candidate = flips(400, 30, 20)
    for side, scores in (("base", base), ("tuned", candidate)):
        write(samples.folder / side, "t", rows_of(scores))
    first = samples.review()
    for side, scores in (("base", base), ("tuned", candidate)):
        more = [*scores, *([1.0] * 100)]
        write(samples.folder / side, "t", rows_of(more))

    sides = (str(samples.folder / "base"), str(samples.folder / "tuned"))
    later = compare_samples(*sides, Policy(), after=[first])

    assert later.comparison.capabilities[0].evidence.level == pytest.approx(0.00125)
    assert "99.75 % interval" in render(later, "markdown")
    assert "90.5 % interval" not in render(later, "markdown")
    assert "90.5 % interval" in render(first, "markdown")


def test_a_review_with_looks_that_are_none_is_refused(samples: Samples) -> None:
    """Numbers out of range, written by hand: one line, no traceback."""
    samples.add("t", *flips(100, 1, 1))
    document = json.loads(render_json(samples.review()))
    for key, value in (("spent", -1), ("counted", []), ("counted", [-5]), ("n_items", 0)):
        spoilt = json.loads(json.dumps(document))
        spoilt["taken"][0][key] = value
        with support.refused("review.damaged", 2, "looks"):
            read_review(json.dumps(spoilt), "review.json")


def test_the_filter_that_judged_is_told_where_there_are_several(samples: Samples) -> None:
    """The first of the file decides, and whoever wants another one reads how."""
    for side in ("base", "tuned"):
        rows = [
            row(number, 1.0, filter=name, filtered_resps=["4"])
            for number in range(80)
            for name in ("strict", "lax")
        ]
        write(samples.folder / side, "sums", rows)

    chosen = CapabilityPolicy(tasks=("sums",), filter="lax")

    assert support.caveat_texts(samples.review(), "samples.chosen-filter") == [
        "sums is judged by the filter strict, the first in its file; there are also lax (`filter` "
        "in the policy)."
    ]
    quiet = samples.review(capabilities={"sums": chosen})
    assert "samples.chosen-filter" not in support.caveat_ids(quiet)


def test_parts_of_a_relative_margin_are_held_to_what_the_base_has(samples: Samples) -> None:
    """A tenth of 40 points is four, for the whole and for each of its tasks."""
    for task in ("one", "two"):
        samples.add(task, *flips(400, 4, 4, n_right=360))
    capability_policy = CapabilityPolicy(tasks=("one", "two"), relative_margin=0.1)

    capability, _ = only(samples.review(capabilities={"all": capability_policy}))

    assert capability.evidence.margin == pytest.approx(0.04)
    assert {
        stratum.margin for stratum in capability.diagnostics.strata if stratum.kind == "task"
    } == {capability.evidence.margin}


@pytest.mark.parametrize("estimand", ["capability", "suite"])
def test_a_share_of_nothing_is_no_traceback(samples: Samples, estimand: Any) -> None:
    """The base is at chance: there is nothing of which a share could be lost."""
    samples.add("t", *flips(400, 4, 4, n_right=200))

    _, finding = only(samples.review(estimand=estimand, **relative(0.1)))

    assert finding.outcome is Outcome.NOT_MEASURED
