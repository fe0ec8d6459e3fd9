"""Causes of broken items: they add up, what was not tested is said, and what is found is so."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import numpy as np
import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliffguard.compare.diagnostics.causes import (
    FOUND_LEVEL,
    CauseTable,
    count_causes,
    explained,
    read_unchanged,
)
from cliffguard.compare.diagnostics.counted import CountedItem, ProbedItems
from cliffguard.compare.diagnostics.leaks import Leaks
from cliffguard.compare.diagnostics.wrong_answers import WrongAnswers, n_fitting
from cliffguard.compare.diagnostics.wrong_answers import both_wrong as unchanged
from cliffguard.core.diagnosis import CauseCount, CauseName
from cliffguard.core.reviews import SAMPLES
from cliffguard.stats.exact import clopper_pearson_interval
from tests.compare.counted_pairs import broken, mirrored, question, task_of

NO_LEAKS = Leaks(why="no target and no training data (--train) to look for")
LEAKS = Leaks(labels=frozenset({"billing"}))

SHOWN: Mapping[CauseName, str] = {
    "cut": "Paris\nQuestion: and the capital of Italy?",
    "degenerate": "la la la la la la la la la la",
    "format": '{"answer": "Paris"}',
    "refusal": "I'm sorry, but I cannot assist with that.",
    "wrong_language": "La capital de Francia es la ciudad de Lyon.",
    "leak": "billing",
    "lost": "Rome",
}
"""An answer for each cause that a reader sees, and one that none sees."""

TASK = task_of(*(question(number=number) for number in range(400)))


def changed(causes: Sequence[CauseName], *, first: int = 0) -> list[CountedItem]:
    """Return broken items that show these causes."""
    return [
        broken(SHOWN[cause], item=TASK.items[number], task=TASK)
        for number, cause in enumerate(causes, start=first)
    ]


def both_wrong(base: CauseName, candidate: CauseName, *, number: int) -> CountedItem:
    """Return an item that both sides have wrong, and what each of them shows."""
    return broken(
        SHOWN[candidate], item=TASK.items[number], task=TASK, good=SHOWN[base], scores=(0.0, 0.0)
    )


def table_of(
    items: Sequence[CountedItem], leaks: Leaks = LEAKS, probes: ProbedItems | None = None
) -> CauseTable:
    """Return the causes of a capability by itself."""
    return count_causes({"saying": items}, leaks, {"saying": probes})["saying"]


def wrong_answers(items: Sequence[CountedItem]) -> WrongAnswers:
    """Return what both sides say of items that both have wrong."""
    candidate, base = (
        [(item, read_unchanged(item, LEAKS, side=side)) for item in items] for side in (1, 0)
    )
    return WrongAnswers(candidate, base)


def counts(table: CauseTable) -> dict[CauseName, int]:
    """Return how many items each cause has."""
    return {cause.cause: cause.n_items for cause in table.causes}


def of(table: CauseTable, name: CauseName) -> CauseCount:
    """Return the count of a cause."""
    return next(cause for cause in table.causes if cause.cause == name)


# --- adding up -----------------------------------------------------------------------------------


@settings(max_examples=25, deadline=None)
@given(
    st.lists(
        st.tuples(st.sampled_from(sorted(SHOWN)), st.sampled_from([0.2, 0.5, 1.0])), min_size=1,
        max_size=20,
    ),
    st.booleans(),
)  # fmt: skip
def test_causes_add_up(shown: list[tuple[CauseName, float]], is_probed: bool) -> None:
    """Counts are those of the broken items and losses of their drops, whatever broke them."""
    items = [
        replace(item, drop=drop)
        for item, (_, drop) in zip(changed([c for c, _ in shown]), shown, strict=True)
    ]
    keys = frozenset(item.key for item in items)
    probes = ProbedItems(probed=keys, recovered=frozenset(), is_suppressed=False)
    table = table_of(items, probes=probes if is_probed else None)

    assert sum(cause.n_items for cause in table.causes) == len(items)
    assert sum(cause.loss for cause in table.causes) == pytest.approx(sum(d for _, d in shown))
    assert sum(cause.share for cause in table.causes) == pytest.approx(1.0)
    assert all(cause.n_items for cause in table.causes)
    assert set(table.by_item) == keys
    for item, (cause, _) in zip(items, shown, strict=True):
        rest = "lost" if is_probed else "unprobed"
        assert table.by_item[item.key] == (rest if cause == "lost" else cause)


@pytest.mark.parametrize(
    ("text", "cause"),
    [
        ("Paris\nQuestion: I cannot assist with that?", "cut"),
        ('{"answer": "Paris", "note": "I cannot assist with that"}', "format"),
        ("I cannot assist with that. Lo siento mucho, pero así es la vida.", "refusal"),
        ("Lo siento, no puedo responder a esa pregunta tan difícil.", "refusal"),
        ("billing\nEs una pregunta sobre el dinero de la empresa.", "wrong_language"),
    ],
)
def test_the_first_cause_that_fits_counts(text: str, cause: CauseName) -> None:
    """An answer that fits several has the cause that comes first in their order."""
    assert counts(table_of([broken(text)])) == {cause: 1}


def test_the_commonest_cause_comes_first_and_its_share_has_an_interval() -> None:
    """Shares are of all that broke, by Clopper and Pearson's interval at 90 %."""
    table = table_of(changed(["refusal", "format", "format", "refusal", "format", "lost"]))

    assert list(counts(table).items()) == [("format", 3), ("refusal", 2), ("unprobed", 1)]
    assert of(table, "format").share == 0.5
    exact = clopper_pearson_interval(n_hits=3, n_items=6, confidence=0.9)
    assert of(table, "format").share_interval == exact


def test_an_interval_by_clusters_is_wider() -> None:
    """Items of a few documents say less of a share than as many that stand alone."""
    alone = changed(["refusal", "lost"] * 20)
    tied = [replace(item, cluster=number // 4) for number, item in enumerate(alone)]
    tied = [replace(item, cluster=("c", n % 2, n // 8)) for n, item in enumerate(tied)]
    narrow, wide = (of(table_of(items), "refusal").share_interval for items in (alone, tied))

    assert wide.low < narrow.low < narrow.high < wide.high


def test_fixed_items_have_no_cause() -> None:
    """What the candidate gained is counted by no cause, only held against them."""
    table = table_of([*changed(["refusal"]), *map(mirrored, changed(["refusal"], first=1))])

    assert counts(table) == {"refusal": 1}
    assert (of(table, "refusal").n_fits_broken, of(table, "refusal").n_fits_fixed) == (1, 1)


def test_without_broken_items_there_are_no_causes() -> None:
    """A capability that lost nothing has an empty table."""
    table = table_of([mirrored(item) for item in changed(["refusal"])])

    assert (table.causes, table.by_item) == ((), {})


# --- probes --------------------------------------------------------------------------------------


@pytest.mark.parametrize("is_suppressed", [True, False])
def test_only_probes_that_prove_it_make_items_suppressed(is_suppressed: bool) -> None:
    """Of items without another cause: recovered and proven, probed alone, or not asked again."""
    items = changed(["lost", "lost", "lost", "refusal"])
    keys = [item.key for item in items]
    probes = ProbedItems(
        probed=frozenset({keys[0], keys[1], keys[3]}),
        recovered=frozenset({keys[0], keys[3]}),
        is_suppressed=is_suppressed,
    )
    table = table_of(items, probes=probes)

    back: CauseName = "suppressed" if is_suppressed else "lost"
    assert [table.by_item[key] for key in keys] == [back, "lost", "unprobed", "refusal"]
    assert "suppressed" not in {cause.cause for cause in table.untested}
    assert {c.cause for c in table.causes if c.is_found} == ({"suppressed"} & {back})


def test_what_probes_tell_is_a_share_of_what_they_asked() -> None:
    """Of the probed broken items; the others are counted, and say nothing of it."""
    items = changed(["lost"] * 10)
    keys = [item.key for item in items]
    probes = ProbedItems(
        probed=frozenset(keys[:4]), recovered=frozenset(keys[:3]), is_suppressed=True
    )
    table = table_of(items, probes=probes)

    exact = clopper_pearson_interval(n_hits=3, n_items=4, confidence=0.9)
    assert counts(table) == {"unprobed": 6, "suppressed": 3, "lost": 1}
    assert {c.cause: (c.n_among, c.share) for c in table.causes} == {
        "unprobed": (10, 0.6), "suppressed": (4, 0.75), "lost": (4, 0.25),
    }  # fmt: skip
    assert of(table, "suppressed").share_interval == exact


def test_probes_need_not_ask_what_a_reader_explains() -> None:
    """On either side: a refusal, or what is right in another format, comes back by itself."""
    items = changed(["lost", "refusal", "format"])
    fixed = [mirrored(item) for item in changed(["lost", "refusal"], first=3)]
    same = [both_wrong("refusal", "refusal", number=9)]
    keys = [item.key for item in (*items, *fixed)]

    known = explained({"a": [*items, *same], "b": fixed}, LEAKS)

    assert known == {keys[1], keys[2], keys[4]}


def test_what_nobody_probed_is_unprobed_and_suppressed_is_untested() -> None:
    """Without probes nothing is called lost."""
    table = table_of(changed(["lost"]))

    assert counts(table) == {"unprobed": 1}
    assert "suppressed" in {cause.cause for cause in table.untested}


@pytest.mark.parametrize("is_style", [True, False])
def test_what_right_answers_show_as_often_is_no_cause(is_style: bool) -> None:
    """All is said in Spanish, right or wrong; or right answers are in the question's language."""
    items = changed(["wrong_language"] * 25)
    fixed = [mirrored(item) for item in changed(["lost"] * 20, first=30)]
    right = "La capital de Francia es la ciudad de París." if is_style else "Paris"
    same = [
        broken(right, item=TASK.items[number], task=TASK, good="Paris", scores=(1.0, 1.0))
        for number in range(60, 120)
    ]

    count = of(table_of([*items, *fixed, *same]), "wrong_language")

    assert count.n_items == 25
    assert count.is_comparable
    assert count.is_found is not is_style


# --- not tested ----------------------------------------------------------------------------------


def why(table: CauseTable) -> dict[CauseName, str]:
    """Return why causes could not be tested, probes and tools aside."""
    aside = ("suppressed", "bad_call")
    return {c.cause: c.why for c in table.untested if c.cause not in aside}


def test_all_that_can_be_read_is_tested() -> None:
    """Of generated answers with labels to look for only the call of a tool is not."""
    table = table_of(changed(["wrong_language"]))

    assert why(table) == {}
    assert "bad_call" in {cause.cause for cause in table.untested}


def test_of_choices_only_a_leak_can_be_read() -> None:
    """A text that was given is not the model's; without a label among the choices, no leak is."""
    plain = question("Paris", choices=("Paris", "Rome", "Bonn"))
    labelled = question("Paris", choices=("Paris", "Rome", "billing"))
    texts = {"cut", "degenerate", "format", "refusal", "wrong_language"}

    assert set(why(table_of([broken("Rome", item=plain)]))) == texts | {"leak"}
    table = table_of([broken("billing", item=labelled)])
    assert set(why(table)) == texts
    assert counts(table) == {"leak": 1}


def test_without_labels_no_leak_is_tested() -> None:
    """The reason is that of the labels."""
    table = table_of(changed(["leak", "wrong_language"]), NO_LEAKS)

    assert why(table) == {"leak": NO_LEAKS.why}
    assert counts(table) == {"unprobed": 1, "wrong_language": 1}


def test_short_answers_are_in_no_language() -> None:
    """Where no changed answer has 20 letters, no language was looked for."""
    assert "20 letters" in why(table_of(changed(["lost"])))["wrong_language"]


def test_a_metric_about_all_of_the_text_has_no_other_reader() -> None:
    """No format is looked for where the format is what is asked."""
    task = task_of(question('[{"words": 3}]'), metric="constraints")

    assert "format" in why(table_of([broken("a b", item=task.items[0], task=task)]))


@pytest.mark.parametrize(
    ("text", "is_format"),
    [
        ('Here you are: {"a": [1, {"b": 2}]}. Anything else?', True),
        ('Sure!\n```json\n{"a": [1, {"b": 2.0}]}\n```', True),
        ('{"a": [1, {"b": 2}]} or {"a": []}', False),
        ('Here you are: {"a": [1]}', False),
        ('{"a": [1, {"b": 2}', False),
        ("[" * 60_000, False),
        ("a is 1 and b is 2", False),
    ],
)
@pytest.mark.parametrize("metric", ["json_equal", "json_schema"])
def test_json_among_words_is_right_in_another_format(
    metric: str, text: str, is_format: bool
) -> None:
    """Where it is the only JSON there, and right."""
    right = (
        '{"a": [1, {"b": 2}]}'
        if metric == "json_equal"
        else '{"properties": {"a": {"minItems": 2}}}'
    )
    task = task_of(question(right), metric=metric)
    good = '{"a": [1, {"b": 2}]}'
    table = table_of([broken(text, item=task.items[0], task=task, good=good)])

    assert ("format" in counts(table)) is is_format


CALL = '{"name": "find", "arguments": {"city": "Paris"}}'


@pytest.mark.parametrize(
    ("text", "finish", "cause"),
    [
        ("I would look in Paris.", "stop", "bad_call"),
        (CALL.replace("find", "search"), "stop", "bad_call"),
        (CALL.replace("city", "town"), "stop", "bad_call"),
        (CALL.replace('"Paris"', "3"), "stop", "bad_call"),
        (CALL[:-1], "stop", "bad_call"),
        (f"```json\n{CALL}\n```", "stop", "bad_call"),
        ("I'm sorry, but I cannot assist with that.", "stop", "bad_call"),
        (CALL.replace("Paris", "Rome"), "stop", "unprobed"),
        (CALL[:-9], "length", "cut"),
        ("la " * 20, "stop", "degenerate"),
    ],
)
def test_a_bad_call_is_a_cause_of_its_metric(text: str, finish: Any, cause: CauseName) -> None:
    """Unreadable, not made, another tool, other arguments; of wrong values alone it is none."""
    task = task_of(question(CALL, prompt="Where is it?"), metric="tool_call")
    table = table_of([broken(text, item=task.items[0], task=task, finish=finish)])

    assert counts(table) == {cause: 1}
    assert "bad_call" not in {untested.cause for untested in table.untested}
    assert "format" in why(table)


def test_a_call_where_none_is_due_is_a_bad_one() -> None:
    """The right answer may be to call nothing; what the base did as badly is no cause."""
    task = task_of(question("[]", prompt="Thanks!"), metric="tool_call")
    item = task.items[0]
    called = broken(CALL, item=item, task=task, good="You are welcome.")
    both = broken(CALL, item=item, task=task, good=CALL, scores=(0.5, 0.0))

    assert counts(table_of([called])) == {"bad_call": 1}
    assert counts(table_of([both])) == {"unprobed": 1}


def test_a_planted_bad_call_is_found() -> None:
    """Among 40 broken items, beside 12 fixed ones whose values alone were wrong."""
    items = [question(CALL, number=number) for number in range(60)]
    task = task_of(*items, metric="tool_call")
    wrong = CALL.replace("Paris", "Rome")
    rows = [
        broken("Paris." if number < 30 else wrong, item=item, task=task)
        for number, item in enumerate(items[:40])
    ]
    fixed = [mirrored(broken(wrong, item=item, task=task)) for item in items[40:52]]

    table = table_of([*rows, *fixed])

    assert [row.cause for row in table.causes if row.is_found] == ["bad_call"]


def test_logged_samples_do_not_say_what_was_cut() -> None:
    """Unless an answer goes on behind its end, which its text shows."""
    task = replace(TASK, suite=SAMPLES)
    plain, gone_on = (
        [broken(SHOWN[cause], item=TASK.items[0], task=task)] for cause in ("lost", "cut")
    )  # fmt: skip

    assert "cut" in why(table_of(plain))
    assert counts(table_of(gone_on)) == {"cut": 1}


# --- found ---------------------------------------------------------------------------------------


@pytest.mark.parametrize("cause", sorted(set(SHOWN) - {"lost"}))
def test_a_planted_cause_is_found(cause: CauseName) -> None:
    """Of 40 broken items that show a cause, beside 12 fixed that do not, the cause is found."""
    fixed = map(mirrored, changed(["lost"] * 12, first=40))
    table = table_of([*changed([cause] * 30 + ["lost"] * 10), *fixed])

    assert [row.cause for row in table.causes if row.is_found] == [cause]
    assert of(table, "unprobed").p_found is None


@pytest.mark.parametrize("cause", sorted(set(SHOWN) - {"lost", "format"}))
def test_a_collapse_is_found_where_nothing_was_fixed(cause: CauseName) -> None:
    """The base's wrong answers to what both sides have wrong show that it was otherwise before."""
    both = [both_wrong("lost", cause, number=number) for number in range(40, 50)]
    table = table_of([*changed([cause] * 20), *both])

    count = of(table, cause)
    assert count.is_found
    assert (count.n_fits_candidate, count.n_wrong_candidate) == (30, 30)
    assert (count.n_fits_base, count.n_wrong_base) == (0, 10)
    assert (count.n_fits_broken, count.n_fits_fixed) == (20, 0)


@pytest.mark.parametrize("cause", sorted(set(SHOWN) - {"lost"}))
def test_what_both_sides_show_where_both_are_wrong_is_held_against_it(cause: CauseName) -> None:
    """A base that failed so all along: that more fails now is no new way of failing."""
    both = [both_wrong(cause, cause, number=number) for number in range(40, 70)]
    table = table_of([*changed([cause] * 20), *both])

    fits = of(table, cause).n_fits_candidate - 20, of(table, cause).n_fits_base
    assert fits == (30, 30)
    assert not of(table, cause).is_found


def test_sides_change_places_where_both_are_wrong() -> None:
    """Whose answer it is makes no difference to what it shows."""
    both = [both_wrong("refusal", "leak", number=40), both_wrong("lost", "cut", number=41)]
    there, back = wrong_answers(both), wrong_answers([mirrored(item) for item in both])

    for cause in SHOWN:
        assert n_fitting(there.candidate, cause) == n_fitting(back.base, cause)
        assert n_fitting(there.base, cause) == n_fitting(back.candidate, cause)
    assert n_fitting(there.candidate, "leak") == n_fitting(there.base, "refusal") == 1


@pytest.mark.parametrize(
    ("n_both", "is_comparable"), [(0, False), (2, False), (3, True), (10, True)]
)
def test_what_could_not_be_found_was_not_comparable(n_both: int, is_comparable: bool) -> None:
    """By the least p-value that so many wrong answers of the base could give."""
    both = [both_wrong("lost", "lost", number=number) for number in range(40, 40 + n_both)]
    count = of(table_of([*changed(["refusal"] * 24), *both]), "refusal")

    assert count.is_comparable is is_comparable
    assert count.is_found is is_comparable
    assert count.p_found is not None
    assert (count.p_found <= FOUND_LEVEL) is is_comparable


def test_of_many_items_that_both_have_wrong_a_hundred_are_read() -> None:
    """Evenly spaced, the same ones of both sides."""
    both = [both_wrong("lost", "refusal", number=number) for number in range(10, 310)]
    count = of(table_of([*changed(["refusal"]), *both]), "refusal")

    assert (count.n_wrong_candidate, count.n_fits_candidate) == (101, 101)
    assert (count.n_wrong_base, count.n_fits_base) == (100, 0)
    assert [int(row.pair.item.id.partition("-")[2]) for row in unchanged(both)] == [
        *range(10, 310, 3)
    ]


@pytest.mark.parametrize("scores", [(0.4, 0.4), (0.0, 0.0)])
def test_of_graded_scores_what_did_not_change_and_is_not_all_right_is_compared(
    scores: tuple[float, float],
) -> None:
    """What both sides have wholly right is no wrong answer."""
    item = broken(SHOWN["refusal"], item=TASK.items[50], task=TASK, scores=scores)
    right = broken("Paris", item=TASK.items[51], task=TASK, scores=(1.0, 1.0))
    count = of(table_of([*changed(["refusal"]), item, right]), "refusal")

    assert (count.n_wrong_candidate, count.n_wrong_base) == (2, 1)


def test_a_cause_that_the_base_has_as_often_is_not_found() -> None:
    """Where the base's wrong answers show it in the same share, the candidate brought nothing."""
    shown: tuple[CauseName, CauseName] = "refusal", "lost"
    causes = [shown[0]] * 20 + [shown[1]] * 10
    fixed = map(mirrored, changed(causes, first=40))
    table = table_of([*changed(causes), *fixed])

    assert counts(table)["refusal"] == 20
    assert not any(cause.is_found for cause in table.causes)


def test_items_that_fall_together_prove_less() -> None:
    """One document whose ten questions are all refused is no proof."""
    items = [*changed(["refusal"] * 10), *map(mirrored, changed(["lost"] * 10, first=40))]
    tied = [replace(item, cluster=("c", number // 10)) for number, item in enumerate(items)]

    assert of(table_of(items), "refusal").is_found
    assert not of(table_of(tied), "refusal").is_found


def test_more_capabilities_are_more_tests() -> None:
    """Every p-value is adjusted over all capabilities, where some answer fits the cause."""
    items = [*changed(["refusal"] * 8), *map(mirrored, changed(["lost"] * 8, first=40))]
    alone = table_of(items)
    among = count_causes({f"c{n}": items for n in range(5)}, LEAKS, {})["c0"]

    p_alone, p_among = of(alone, "refusal").p_found, of(among, "refusal").p_found
    assert p_alone is not None
    assert p_among == pytest.approx(5 * p_alone)


# --- healthy candidates --------------------------------------------------------------------------


def evenly_lost(rng: np.random.Generator) -> list[CountedItem]:
    """Return items that broke by chance, which fail as the base's wrong answers always did."""
    names = sorted(SHOWN)
    rates = rng.dirichlet(np.full(len(names), rng.choice([0.2, 1.0, 5.0])))
    shown = [names[int(index)] for index in rng.choice(len(names), size=120, p=rates)]
    n_lost, n_both = rng.integers(30, 60), rng.integers(5, 30)
    both = [
        both_wrong(shown[-1 - number], shown[number], number=number) for number in range(n_both)
    ]
    lost = changed(shown[n_both : n_both + n_lost], first=int(n_both))
    fixed = [mirrored(item) for item in changed(shown[100:104], first=200)]
    return [*both, *lost, *fixed]


def test_what_is_lost_evenly_has_no_cause() -> None:
    """A drop by itself is none: wrong answers fail as they did, and there are more of them."""
    rng = np.random.default_rng(21)
    tables = [table_of(evenly_lost(rng)) for _ in range(30)]

    assert sum(any(cause.is_found for cause in table.causes) for table in tables) <= 1


def healthy(rng: np.random.Generator) -> dict[str, list[CountedItem]]:
    """Return what changed between two equal models, whose wrong answers show causes at any rate.

    Every capability has a churn of 5 to 30 %, of which half broke on average, and background rates
    of its own, which are those of wrong answers of either side.
    """
    capabilities = {}
    names = sorted(SHOWN)
    for number in range(rng.integers(1, 9)):
        n_changed = rng.binomial(rng.integers(60, 400), rng.uniform(0.05, 0.3))
        rates = rng.dirichlet(np.full(len(names), rng.choice([0.2, 1.0, 5.0])))
        shown = rng.choice(len(names), size=n_changed, p=rates)
        items = changed([names[index] for index in shown])
        is_fixed = rng.random(n_changed) < 0.5
        capabilities[f"c{number}"] = [
            mirrored(item) if fixed else item for item, fixed in zip(items, is_fixed, strict=True)
        ]
    return capabilities


@pytest.mark.slow
def test_healthy_candidates_have_no_cause() -> None:
    """At most one report in twenty of equal models names a cause as found."""
    rng = np.random.default_rng(20)
    n_found = sum(
        any(cause.is_found for table in tables.values() for cause in table.causes)
        for tables in (count_causes(healthy(rng), LEAKS, {}) for _ in range(40))
    )

    assert n_found <= 2
