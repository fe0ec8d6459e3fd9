"""Items in the training data: which are found, and what becomes of them in a comparison."""

from __future__ import annotations

import json
import random
from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cliffguard import EvalSettings, Outcome, Plan, Review, Store, guard
from cliffguard.cli.app import app
from cliffguard.config import load_plan
from cliffguard.core.comparisons import Contamination
from cliffguard.core.items import Item, Task
from cliffguard.core.words import content_words
from cliffguard.gate import find_sides
from cliffguard.planning.power import power_analysis
from cliffguard.report.html import render_html
from cliffguard.report.json import read_review, render_json
from cliffguard.report.markdown import render_markdown
from cliffguard.runners.stored_protocols import find_stored
from cliffguard.suites.contamination import (
    contamination_caveats,
    drop_contaminated,
    find_contamination,
    near_duplicates,
)
from cliffguard.suites.loading import load_suites
from cliffguard.suites.ngrams import Index, Runs, share_within
from cliffguard.suites.train_data import TrainingText, read_all_training
from tests import support
from tests.fake_runner import FakeRunner
from tests.report import samples
from tests.support import loses_hard_levels

WORDS = (
    "amber", "birch", "cedar", "dune", "ember", "frost", "grove", "haze", "iris", "jade", "kelp",
    "lark", "moss", "nettle", "opal",
)  # fmt: skip
PROMPT = "The lamp that my aunt bought last winter no longer turns on after the storm"


def texts(*rows: str | Sequence[str]) -> list[TrainingText]:
    """Return rows of training data, one a line."""
    return [
        TrainingText(parts=(row,) if isinstance(row, str) else tuple(row), source="t", line=line)
        for line, row in enumerate(rows, start=1)
    ]


def task(*prompts: str, answer: str = "yes") -> Task:
    """Return a task of these prompts."""
    items = [replace(support.item(number), prompt=prompt) for number, prompt in enumerate(prompts)]
    return support.task([replace(item, digest=item.prompt, answer=answer) for item in items])


def hits(task: Task, *rows: str | Sequence[str]) -> list[tuple[str, str, int]]:
    """Return item, kind and line of every overlap."""
    return [(o.item_id, o.kind, o.line) for o in find_contamination(texts(*rows), [task])]


def written(source: random.Random, n_words: int = 20) -> str:
    """Return a sentence of random words."""
    return " ".join(source.choices(WORDS, k=n_words))


# --- words ---------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("The Lamp, the “LAMP”!", "the lamp the lamp"),
        ("snake_case\u00a0and\ttabs", "snake case and tabs"),
        ("STRASSE Straße", "strasse strasse"),
        ("ｆｕｌｌ　ｗｉｄｔｈ", "full width"),
        ("2 + 3 - (-4) = x, well-known", "2 + 3 - - 4 x well known"),
        ("Which?\nA. one\n(b) two\n 3) three", "which one two three"),
        ("日本語 text", "日 本 語 text"),
    ],
)
def test_words(text: str, expected: str) -> None:
    """Case, marks and spaces do not count; signs between numbers do, and scripts without spaces."""
    assert content_words(text) == expected.split()


def test_a_share_is_that_of_the_runs_a_text_holds() -> None:
    """Half of the runs, at equal weights, are half of the share."""
    wanted = list("abcdef")
    index = Index([wanted])
    index.read([list("xyz"), list("abcdx"), wanted])
    runs = index.runs(wanted)

    shares = index.closest(Runs(runs, runs * 0 + 1 / len(runs)), 0.4)

    assert shares == [(2, 1.0), (1, 0.5)]


def test_runs_do_not_reach_from_one_text_into_the_next() -> None:
    """Two halves in two texts are no whole."""
    wanted = list("abc")
    index = Index([wanted])
    index.read([["a", "b"], ["c"]])

    assert index.closest(Runs(index.runs(wanted), 1.0 + 0.0 * index.runs(wanted)), 0.1) == []


def test_the_index_finds_what_counting_finds() -> None:
    """Shares and order agree with a plain count, on texts that share many runs."""
    source = random.Random(3)
    wanted = [written(source, 12).split() for _ in range(8)]
    others = [written(source, 300).split() for _ in range(60)] + wanted
    index = Index(wanted)
    index.read(others)
    for words in wanted:
        runs = index.runs(words)
        weights = [source.random() for _ in runs]
        by_run = dict(zip(runs.tolist(), [w / sum(weights) for w in weights], strict=True))
        counted = {
            number: sum(by_run[run] for run in set(index.in_order(text).tolist()) if run in by_run)
            for number, text in enumerate(others)
        }
        expected = sorted(
            ((number, share) for number, share in counted.items() if share >= 0.2),
            key=lambda pair: (-round(pair[1], 9), pair[0]),
        )
        got = index.closest(Runs(runs, runs * 0 + [by_run[r] for r in runs.tolist()]), 0.2)
        assert [number for number, _ in got] == [number for number, _ in expected]
        assert [s for _, s in got] == pytest.approx([s for _, s in expected], abs=1e-8)


def test_a_window_counts_what_stands_together() -> None:
    """Runs far from each other are not one place; a run that is repeated counts once."""
    wanted = list("abcdef")
    index = Index([wanted])
    runs = Runs(index.runs(wanted), index.runs(wanted) * 0 + 0.25)
    apart = index.in_order("abcdxxxxxxxxxcdef")
    twice = index.in_order("abcabcabc")

    assert share_within(apart, runs, 12) == 0.5
    assert share_within(apart, runs, 17) == 1.0
    assert share_within(twice, runs, 12) == 0.25


# --- what is found -------------------------------------------------------------------------------


@pytest.mark.parametrize(
    "row",
    [
        PROMPT,
        PROMPT.upper().replace(" ", " ... "),
        f"Hello there. {PROMPT}, what now?",
        ["You are kind.", PROMPT, "yes"],
        ["The lamp that my aunt bought last winter", "no longer turns on after the storm"],
    ],
)
def test_an_item_in_a_row_is_exact(row: str | Sequence[str]) -> None:
    """Verbatim, in other case and marks, inside other text, in a chat, over two columns."""
    assert hits(task(PROMPT), "something else", row) == [("item-0", "exact", 2)]


def test_an_item_whose_choices_are_contexts_is_its_right_sentence() -> None:
    """As WinoGrande has it, whose prompt is the number of the right choice."""
    first, rest = PROMPT[:40], PROMPT[40:]
    item = replace(
        support.item(0), prompt="1", choices=(first.replace("aunt", "uncle"), first), answer=rest
    )

    assert hits(support.task([item]), "something else", PROMPT) == [("item-0", "exact", 2)]


def test_a_word_that_was_replaced_is_near() -> None:
    """The similarity says how much of it is there."""
    (overlap,) = find_contamination(texts(PROMPT.replace("winter", "spring")), [task(PROMPT)])

    assert (overlap.kind, overlap.similarity) == ("near", pytest.approx(10 / 13, abs=1e-4))


@pytest.mark.parametrize("row", [PROMPT[: len(PROMPT) // 2], "a lamp after the storm", ""])
def test_a_part_of_an_item_is_none(row: str) -> None:
    """Half an item is neither exact nor near."""
    assert hits(task(PROMPT), row) == []


def test_an_exact_place_comes_before_a_near_one() -> None:
    """Of the places of an item the best is named, then the first."""
    rows = (PROMPT.replace("winter", "spring"), f"x {PROMPT}", PROMPT)

    assert hits(task(PROMPT), *rows) == [("item-0", "exact", 2)]


def test_the_nearest_place_is_named() -> None:
    """Of two near places the one that holds more."""
    far = PROMPT.replace("lamp", "oven").replace("storm", "rain")

    assert hits(task(PROMPT), far, PROMPT.replace("lamp", "oven")) == [("item-0", "near", 2)]


def test_the_words_must_stand_together() -> None:
    """A long text that has the item's runs here and there has no copy of it."""
    source = random.Random(1)
    words = PROMPT.split()
    pieces = [" ".join(words[k : k + 4]) for k in range(0, len(words), 2)]
    scattered = f" {written(source, 40)} ".join(pieces)

    assert hits(task(PROMPT), scattered) == []
    assert hits(task(PROMPT), f"{scattered} {PROMPT.replace('aunt', 'uncle')}") != []


def test_what_all_items_share_weighs_nothing() -> None:
    """A text with the same long instruction and another question is no near duplicate."""
    source = random.Random(5)
    head = "Read the message of the customer with care and name the one queue it belongs to. "
    tested = task(*(f"{head}{written(source, 12)} Queue:" for _ in range(40)))

    assert hits(tested, *(f"{head}{written(source, 12)} Queue:" for _ in range(40))) == []


def test_what_all_items_begin_and_end_with_may_be_absent() -> None:
    """The data of a fine-tune has no "Question:" before its questions; copies are exact still."""
    source = random.Random(6)
    plain = [written(source, 12) for _ in range(12)]
    tested = task(*(f"Question: {prompt}\nAnswer:" for prompt in plain))

    assert hits(tested, plain[3]) == [("item-3", "exact", 1)]


@pytest.mark.parametrize("row", ["7", "France", "yes"])
def test_a_word_between_what_all_items_share_is_no_item(row: str) -> None:
    """What differs between the prompts may be a word, which any data hold."""
    tested = task(*(f"The capital of {name} is" for name in ("7", "France", "yes", *"abcdefghij")))

    assert hits(tested, row) == []


def test_what_a_few_items_begin_with_is_part_of_them() -> None:
    """Of two items that begin alike, the beginning may be what they are about."""
    tested = task(f"{PROMPT} in the hall", f"{PROMPT} at the bank")

    assert hits(tested, "in the hall", "at the bank", PROMPT) == []


def test_ladder_items_that_differ_in_names_are_no_duplicates() -> None:
    """New items of the shipped ladder's templates stay in the gate."""
    (suite,) = load_suites(["adjacent"])
    ladder = suite.capabilities[0].tasks[0]
    source = random.Random(2)
    chosen = source.sample(ladder.items, 250)
    kept = replace(ladder, items=tuple(i for i in ladder.items if i not in chosen))

    assert find_contamination(texts(*(item.prompt for item in chosen)), [kept]) == ()


# --- short items ---------------------------------------------------------------------------------

SHORT = "The capital of France is"


@pytest.mark.parametrize(
    "row", [SHORT, "the capital of FRANCE is…", f"{SHORT} Paris.", ["x", SHORT, "Paris"]]
)
def test_a_short_item_is_found_where_it_is_all_that_is_said(row: str | Sequence[str]) -> None:
    """A row, or one text of it, is the prompt, or the prompt with its answer."""
    assert hits(task(SHORT, answer="Paris"), row) == [("item-0", "exact", 1)]


@pytest.mark.parametrize(
    "row", [f"They say {SHORT} large", "The capital of Spain is", f"{SHORT} old", ""]
)
def test_a_short_item_is_not_found_in_passing(row: str) -> None:
    """Eight words or fewer stand in many texts that have nothing to do with the item."""
    assert hits(task(SHORT, answer="Paris"), row) == []


def test_an_item_of_ten_words_is_exact_or_nothing() -> None:
    """With one word changed it may be another question."""
    prompt = "Today the two old dogs behind the red church were"

    assert hits(task(prompt), f"Yes. {prompt} asleep") == [("item-0", "exact", 1)]
    assert hits(task(prompt), prompt.replace("dogs", "men")) == []


def test_items_that_share_a_prompt_are_told_apart_by_their_choices() -> None:
    """The prompt alone is no copy of either; prompt and choices are one of the one."""
    prompt = "Which one of the following statements about the topic above is true"
    tested = task(prompt, prompt)
    tested = replace(
        tested,
        items=tuple(
            replace(item, digest=f"{number}", choices=(f"the sky is {number}", "the sea is calm"))
            for number, item in enumerate(tested.items)
        ),
    )

    assert hits(tested, prompt) == []
    assert hits(tested, f"{prompt}?\nA. the sky is 1\nB. the sea is calm") == [
        ("item-1", "exact", 1)
    ]


@pytest.mark.parametrize("prompts", [(), ("…",), ("", "a")])
def test_nothing_is_found_of_nothing(prompts: tuple[str, ...]) -> None:
    """Tasks without items and prompts without words overlap with no text."""
    assert hits(task(*prompts), "", "…", "a b c d") == []


def test_tasks_are_told_apart() -> None:
    """Each task has its own overlaps, in the order of the tasks."""
    tested, other = task(PROMPT), replace(task(SHORT, PROMPT), name="other")

    overlaps = find_contamination(texts(PROMPT), [other, tested])

    assert [(o.task, o.item_id) for o in overlaps] == [("other", "item-1"), ("ball", "item-0")]


# --- within a task -------------------------------------------------------------------------------


def test_near_duplicates_within_a_task() -> None:
    """Equal and nearly equal prompts are pairs; the others are none."""
    source = random.Random(4)
    other = PROMPT.replace("winter", "spring")
    tested = task(PROMPT, *(written(source) for _ in range(30)), other, SHORT, SHORT.upper())

    assert near_duplicates(tested) == (
        ("item-0", "item-31", pytest.approx(0.74, abs=0.02)),
        ("item-32", "item-33", 1.0),
    )


def test_an_item_that_goes_on_is_no_duplicate() -> None:
    """A ladder may tell the same story, with one more step per level."""
    source = random.Random(4)
    tested = task(PROMPT, f"{PROMPT} {written(source)}", *(written(source) for _ in range(30)))

    assert near_duplicates(tested) == ()


# --- what is said of them ------------------------------------------------------------------------


def test_a_sentence_for_each_task() -> None:
    """How many of how many, and of which kind."""
    exact = Contamination(task="a", item_id="1", kind="exact", similarity=1.0, source="t", line=1)
    near = replace(exact, item_id="2", kind="near", similarity=0.8)

    caveats = contamination_caveats([exact, near, replace(exact, task="b")], {"a": 9, "b": 3})

    assert [caveat.text for caveat in caveats] == [
        "2 of 9 items of a are in the training data (1 exact, 1 near) and do not count.",
        "1 of 3 items of b is in the training data (1 exact, 0 near) and does not count.",
    ]


def test_without_training_data_tasks_are_as_they_were() -> None:
    """Nothing is excluded where nothing is named."""
    tested = task(PROMPT)

    assert drop_contaminated([tested], ()) == ((tested,), ())


# --- through the gate -----------------------------------------------------------------------------


@pytest.fixture
def plan(tmp_path: Path) -> Plan:
    """A plan over 300 ladder items and 80 generated ones, of which 30 and all are trained on."""
    suite = support.write_suite(tmp_path / "suite", n_items=300, n_said=80)
    base = support.write_checkpoint(tmp_path / "base", seed=0)
    tuned = support.write_checkpoint(tmp_path / "tuned", seed=1)
    rows = [{"prompt": f"The ball number {number} is with"} for number in range(30)]
    support.write_jsonl(tmp_path / "some.jsonl", rows)
    support.write_jsonl(tmp_path / "said.jsonl", [{"q": f"Say {n}:"} for n in range(80)])
    return Plan(
        base=str(base),
        candidate=str(tuned),
        suites=(str(suite),),
        train=(str(tmp_path / "some.jsonl"),),
        offline=True,
    )


def both(plan: Plan) -> Plan:
    """Return the plan whose second capability is trained on as a whole."""
    return replace(plan, train=(*plan.train, str(Path(plan.train[0]).with_name("said.jsonl"))))


@pytest.fixture
def review(plan: Plan, store: Store) -> Review:
    """The review of a candidate that lost the hard levels, measured in full."""
    return guard(plan, store=store, runner=FakeRunner(loses_hard_levels), stops_early=False)


def test_overlapping_items_count_nowhere(review: Review) -> None:
    """Not in the capability, not in its task, not on its ladder."""
    reasoning, saying = review.comparison.capabilities

    assert (reasoning.counts.n_planned, reasoning.counts.n_asked, reasoning.counts.n_items) == (
        270,
        270,
        270,
    )
    assert (reasoning.counts.n_excluded, saying.counts.n_excluded, saying.counts.n_items) == (
        30,
        0,
        80,
    )
    assert (reasoning.counts.n_broken, reasoning.diagnostics.tasks[0].n_items) == (90, 270)
    assert [level.n_items for level in reasoning.diagnostics.ladders[0].levels] == [90, 90, 90]
    assert all(level.is_gating for level in reasoning.diagnostics.ladders[0].levels)


def test_overlapping_items_are_listed(plan: Plan, review: Review) -> None:
    """With their place, and with a sentence among the caveats."""
    overlaps = review.comparison.overlaps

    assert overlaps[7] == Contamination(
        task="ball", item_id="ball-007", kind="exact", similarity=1.0, source=plan.train[0], line=8
    )
    assert len(overlaps) == 30
    assert support.caveat_texts(review, "training.holds-items") == [
        "30 of 300 items of ball are in the training data (30 exact, 0 near) and do not count."
    ]


def test_examples_are_of_items_that_count(plan: Plan, store: Store) -> None:
    """An item that broke and does not count is not shown as one that broke."""

    def script(name: str, item: Item) -> float:
        return 0.0 if "tuned" in name and item.id < "ball-031" else 1.0

    review = guard(plan, store=store, runner=FakeRunner(script), stops_early=False)

    assert [example.item_id for example in review.examples] == ["ball-030"]


def test_stored_answers_stay_good(plan: Plan, store: Store) -> None:
    """What was measured without training data is not asked again with it, nor in another order."""
    runner = FakeRunner(loses_hard_levels)
    before = guard(replace(plan, train=()), store=store, runner=runner, stops_early=False)
    runner = FakeRunner(loses_hard_levels)

    after = guard(plan, store=store, runner=runner, stops_early=False)

    assert runner.n_asked == 0
    assert after.provenance.questions == before.provenance.questions
    assert [look.order for look in after.provenance.looks] == [
        look.order for look in before.provenance.looks
    ]
    assert after.provenance.looks[0].n_items == (270,)


def test_a_capability_that_was_trained_on_is_not_measured(plan: Plan, store: Store) -> None:
    """All of its items overlap: no test is not a pass, and the reason says why."""
    review = guard(both(plan), store=store, runner=FakeRunner(lambda *_: 1.0))

    finding = review.verdict.findings[1]
    assert (finding.capability, finding.outcome) == ("saying", Outcome.NOT_MEASURED)
    assert finding.reason == "all 80 items are in the training data"
    assert review.verdict.outcome is Outcome.INCONCLUSIVE


def test_levels_that_do_not_gate_exclude_nothing_from_the_gate(plan: Plan, store: Store) -> None:
    """An excluded item of a level that is only shown leaves the ladder, not the gate."""
    suite = Path(plan.suites[0])
    suite.write_text(suite.read_text().replace("level: hops", "level: hops, gate_levels: [1, 2]"))

    review = guard(plan, store=store, runner=FakeRunner(lambda *_: 1.0), stops_early=False)

    reasoning = review.comparison.capabilities[0]
    assert (reasoning.counts.n_planned, reasoning.counts.n_excluded) == (180, 20)
    levels = reasoning.diagnostics.ladders[0].levels
    assert [(level.n_items, level.is_gating) for level in levels] == [
        (90, True),
        (90, True),
        (90, False),
    ]


def test_a_run_with_a_limit_lists_what_it_asked(plan: Plan, store: Store) -> None:
    """Items beyond the limit are no part of the run, and of no count in its caveats."""
    limited = replace(plan, protocol=EvalSettings(limit=60))

    review = guard(limited, store=store, runner=FakeRunner(lambda *_: 1.0), stops_early=False)

    n_excluded = review.comparison.capabilities[0].counts.n_excluded
    assert 0 < n_excluded == len(review.comparison.overlaps) < 30
    assert review.comparison.capabilities[0].counts.n_items == 60 - n_excluded
    (text,) = support.caveat_texts(review, "training.holds-items")
    assert text.startswith(f"{n_excluded} of 60 items of ball ")


def test_looks_are_those_that_were_planned(plan: Plan, store: Store) -> None:
    """The power analysis leaves out what the run leaves out, and says so."""
    plan = both(plan)
    review = guard(plan, store=store, runner=FakeRunner(lambda *_: 1.0))

    assert review.plan.policy is not None
    suites = load_suites(plan.suites)
    tasks, _ = drop_contaminated(
        [t for c in suites[0].capabilities for t in c.tasks], read_all_training(plan.train)
    )
    ahead = power_analysis(plan, suites, tasks, review.plan.policy)
    assert ahead.looks == review.provenance.looks
    assert [row.n_items for row in ahead.capabilities] == [270, 0]
    assert ahead.remarks[0] == (
        "ball: of 300 items 30 stand in the training data, and do not count"
    )
    assert "saying: no item counts, so that nothing can pass" in ahead.remarks


def test_a_suite_that_is_the_contract_is_what_is_left_of_it(plan: Plan, store: Store) -> None:
    """Bets without replacement count the items that can be asked, or nothing would be decided."""
    from cliffguard import Policy

    contract = replace(plan, policy=Policy(estimand="suite"))

    review = guard(contract, store=store, runner=FakeRunner(lambda *_: 1.0), stops_early=False)

    assert review.verdict.outcome is Outcome.PASS


def test_stored_answers_are_compared_without_what_was_trained_on(
    plan: Plan, store: Store, review: Review
) -> None:
    """compare gives what check gave."""
    runner = find_stored(store, find_sides(plan), load_suites(plan.suites), {})

    again = guard(
        replace(plan, protocol=runner.protocol), store=store, runner=runner, stops_early=False
    )

    assert again.comparison == review.comparison


def test_a_review_with_overlaps_survives_its_file(review: Review) -> None:
    """Overlaps and counts are read as they were written."""
    text = render_json(review)

    assert render_json(read_review(text, "review.json")) == text


def test_data_that_cannot_be_read_is_refused_before_anything_is_asked(
    plan: Plan, store: Store
) -> None:
    """A path with a typing error costs no measurement."""
    runner = FakeRunner(lambda *_: 1.0)

    with support.refused("rows.no-file", 2):
        guard(replace(plan, train=("nowhere.jsonl",)), store=store, runner=runner)
    assert runner.n_asked == 0


def test_a_plan_finds_its_data_beside_itself(tmp_path: Path) -> None:
    """Paths under train are taken from the plan's folder, as those of suites are."""
    (tmp_path / "t.jsonl").write_text('"a"\n')
    path = tmp_path / "plan.yaml"
    path.write_text("candidate: c\nsuites: [adjacent]\ntrain: [t.jsonl, other.jsonl]\n")

    assert load_plan(path).train == (str(tmp_path / "t.jsonl"), "other.jsonl")
    assert load_plan(path, {"train": ["x.jsonl"]}).train == ("x.jsonl",)


# --- reports -------------------------------------------------------------------------------------


def overlapping(n_items: int = 2, *, name: str = "routing-1") -> Review:
    """Return a review with items that overlap."""
    told_of = samples.passed()
    overlap = Contamination(
        task="ticket_routing",
        item_id=name,
        kind="near",
        similarity=0.8125,
        source="data/train.jsonl",
        line=12,
    )
    return replace(
        told_of,
        plan=replace(told_of.plan, train=("data/train.jsonl",)),
        comparison=replace(told_of.comparison, overlaps=(overlap,) * n_items),
    )


def test_markdown_lists_overlaps() -> None:
    """Folded, one line an item, with its place in the training data."""
    text = render_markdown(overlapping())

    assert "| ticket_routing | routing-1 | near | 81.2 % | data/train.jsonl:12 |" in text
    assert "training data: data/train.jsonl; 2 items of the suites are in it" in text


def test_html_lists_overlaps() -> None:
    """In an element of details of its own."""
    text = render_html(overlapping())

    assert ">data/train.jsonl:12</td>" in text
    assert "Items in the training data, which do not count" in text


def test_a_long_list_says_what_it_leaves_out() -> None:
    """Comments on pull requests are short; the review has them all."""
    review = overlapping(600)

    assert "550 more are in review.json" in render_markdown(review)
    assert "550 more are in review.json" in render_html(review)


def test_a_review_says_that_nothing_was_found() -> None:
    """No list is not the same as no search."""
    assert "no item of the suites is in it" in render_markdown(overlapping(0))
    assert "Items in the training data" not in render_markdown(overlapping(0))
    assert "training data" not in render_markdown(samples.passed())


def test_hostile_names_stay_text() -> None:
    """The id of an item and the name of a file open no element and notify nobody."""
    review = overlapping(name=samples.HOSTILE)
    hostile = replace(
        review,
        comparison=replace(
            review.comparison,
            overlaps=tuple(
                replace(overlap, source=samples.HOSTILE, task=samples.HOSTILE)
                for overlap in review.comparison.overlaps
            ),
        ),
    )

    for text in (render_markdown(hostile), render_html(hostile)):
        assert "<script>" not in text.replace('<script>"use strict"', "")  # the page's own
        assert "\x1b" not in text
    assert "@maintainer" not in render_markdown(hostile)


# --- the command line ----------------------------------------------------------------------------


def test_suites_overlap_prints_the_list(plan: Plan) -> None:
    """A line an item, then a sentence a task; no model is needed."""
    done = CliRunner().invoke(app, ["suites", "overlap", *plan.suites, "--train", plan.train[0]])

    lines = done.stdout.splitlines()
    assert done.exit_code == 0
    assert lines[0] == f"ball  ball-000  exact  1.00  {plan.train[0]}:1".replace("  ", " ")
    assert lines[-1].startswith("30 of 300 items of ball are in the training data")


def test_suites_overlap_as_json(plan: Plan) -> None:
    """Machines get a list with an object for each item."""
    words_given = ["suites", "overlap", *plan.suites, "--train", plan.train[0], "--format", "json"]

    rows = json.loads(CliRunner().invoke(app, words_given).stdout)

    assert len(rows) == 30
    assert rows[0] == {
        "task": "ball",
        "item_id": "ball-000",
        "kind": "exact",
        "similarity": 1.0,
        "source": plan.train[0],
        "line": 1,
    }


def test_suites_overlap_says_that_there_is_none(plan: Plan, tmp_path: Path) -> None:
    """An empty answer would leave open whether anything was read."""
    (tmp_path / "other.txt").write_text("something else\n")
    words_given = ["suites", "overlap", *plan.suites, "--train", str(tmp_path / "other.txt")]

    assert CliRunner().invoke(app, words_given).stdout.startswith("None of 380 items, in ")


def test_plan_counts_what_is_left(plan: Plan) -> None:
    """The flag reaches the power analysis."""
    words_given = ["plan", "--suite", plan.suites[0], "--train", plan.train[0], "--format", "json"]

    told_of = json.loads(CliRunner().invoke(app, words_given).stdout)

    assert told_of["capabilities"][0]["n_items"] == 270


def test_measure_knows_no_training_data(plan: Plan) -> None:
    """What is measured does not depend on it: every answer is stored."""
    done = CliRunner().invoke(app, ["measure", plan.candidate, "--train", plan.train[0]])

    assert done.exit_code == 2
    assert "error[measure.no-effect]" in done.stderr
