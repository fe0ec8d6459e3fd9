"""Made items: from the seed alone, sound, balanced, and solved by no trivial strategy."""

from __future__ import annotations

import json
from collections import Counter
from functools import cache
from typing import Any

import pytest

from cliffguard.core.words import words
from cliffguard.suites import ladders
from cliffguard.suites.constraints import meets
from cliffguard.suites.items import make_item
from cliffguard.suites.ladders.draft import Generator, LadderItem
from cliffguard.suites.ladders.rules import _value
from cliffguard.suites.scorers import SCORERS

SHORT = 1024  # tokens; the longer levels are made in the same way
N = 40


@cache
def made(name: str, seed: str = "a") -> list[dict[str, Any]]:
    """Return `N` rows of every short level."""
    levels = [level for level in ladders.GENERATORS[name].levels if level <= SHORT]
    return ladders.make(name, seed=seed, n_per_level=N, levels=levels)


@pytest.mark.parametrize("name", sorted(ladders.GENERATORS))
def test_items_follow_from_the_seed(name: str) -> None:
    """The same seed gives the same items, another one others."""
    prompts = {row.get("context", "") + row["prompt"] for row in made(name)}

    assert made(name) == made(name)
    shared = prompts & {row.get("context", "") + row["prompt"] for row in made(name, "b")}
    # What is small by nature, such as the sums of two digits, comes again.
    assert len(shared) <= 0.2 * len(prompts)


@pytest.mark.parametrize("name", sorted(ladders.GENERATORS))
def test_a_level_does_not_depend_on_the_others(name: str) -> None:
    """A ladder that is cut to a model's window keeps its items."""
    level = ladders.GENERATORS[name].levels[1]
    alone = ladders.make(name, seed="a", n_per_level=N, levels=[level])

    key = ladders.GENERATORS[name].level_name
    assert alone == [row for row in made(name) if row[key] == level]


@pytest.mark.parametrize("name", sorted(ladders.GENERATORS))
def test_a_ladder_has_five_levels_of_different_items(name: str) -> None:
    """Each with four choices, and the right one at each place equally often."""
    rows, key = made(name), ladders.GENERATORS[name].level_name

    assert len(ladders.GENERATORS[name].levels) >= 5
    for level in {row[key] for row in rows}:
        places = Counter(r["choices"].index(r["answer"]) for r in rows if r[key] == level)
        assert set(places.values()) == {N // 4}
    questions = [row.get("context", "") + row["prompt"] for row in rows]
    assert len(set(questions)) == len(questions)
    assert all(len(set(row["choices"])) == 4 for row in rows)


@pytest.mark.parametrize("name", sorted(ladders.GENERATORS))
@pytest.mark.parametrize("metric", ["acc", "generated"])
def test_both_forms_are_items_of_a_suite(name: str, metric: str) -> None:
    """By likelihood and generated, from the same row."""
    if metric == "generated":
        metric = "constraints" if name == "instruction_constraints" else "exact_match"
    key = ladders.GENERATORS[name].level_name

    for row in made(name):
        item = make_item(row, metric=metric, level=key, where="here")
        assert bool(item.choices) is (metric == "acc")
        if metric == "constraints":
            assert SCORERS[metric].score(row["answer"], item.answer) == 1.0


@pytest.mark.parametrize("name", sorted(ladders.GENERATORS))
def test_the_place_in_the_text_is_no_hint(name: str) -> None:
    """Of the choices that the text names, the right one is not mostly the first or the last."""
    rows = ladders.make(name, seed="c", n_per_level=100, levels=ladders.GENERATORS[name].levels[:5])
    hits, n = Counter[Any](), 0
    for row in rows:
        text = " ".join(words(row.get("context", "") + row["prompt"]))
        positions = {c: text.rfind(" ".join(words(c))) for c in row["choices"]}
        positions = {choice: position for choice, position in positions.items() if position >= 0}
        if len(positions) == 4:
            for pick in (min, max):
                hits[pick] += pick(positions, key=positions.__getitem__) == row["answer"]
            n += 1
    # Of fewer, chance alone exceeds it too often.
    assert n < 20 or max(hits.values()) / n < 0.40


@pytest.mark.parametrize("name", ["arithmetic", "altered_rules", "calendar_and_units"])
def test_the_size_of_a_number_is_no_hint(name: str) -> None:
    """Of four numbers the right one is not mostly the smallest, the largest or in the middle."""
    rows = ladders.make(name, seed="c", n_per_level=200)
    rows = [r for r in rows if all(c.lstrip("-").isdigit() for c in r["choices"])]
    ranks = Counter(sorted(map(int, row["choices"])).index(int(row["answer"])) for row in rows)

    assert max(ranks.values()) / len(rows) < 0.40


def test_wrong_sentences_break_one_constraint_another_and_both() -> None:
    """And the right one none; of a single constraint all others break it."""
    for row in made("instruction_constraints"):
        item = make_item(row, metric="constraints", level="constraints", where="here")
        wanted = json.loads(item.answer)
        broken = [
            sum(not meets(choice, {name: value}) for name, value in wanted.items())
            for choice in row["choices"]
        ]
        assert sorted(broken) == ([0, 1, 1, 2] if len(wanted) > 1 else [0, 1, 1, 1])


def test_reckoning_has_a_direction_and_no_precedence() -> None:
    """(7 - 4) * 2, and 7 - (4 * 2)."""
    assert _value([7, 4, 2], ["-", "*"], False) == 6
    assert _value([7, 4, 2], ["-", "*"], True) == -1


def test_a_context_is_about_as_long_as_its_level() -> None:
    """Never longer, at three characters a token, and hardly shorter."""
    for row in ladders.make("key_value_retrieval", seed="a", n_per_level=5, levels=[256, 4096]):
        n_tokens = len(row["context"]) / 3.0
        assert 0.7 * row["tokens"] < n_tokens <= row["tokens"]


def test_items_that_would_repeat_are_refused(monkeypatch: pytest.MonkeyPatch) -> None:
    """A level cannot have more items than there are."""
    draft = LadderItem(prompt="1 + 1 =", answer="2", wrong=("1", "3", "4"), question="1 + 1?")
    only = Generator(name="sum", level_name="stage", levels=(1,), draw=lambda *_: draft)
    monkeypatch.setattr(ladders, "GENERATORS", {"sum": only})

    with pytest.raises(ValueError, match="sum has no 2 different items at level 1"):
        ladders.make("sum", seed="a", n_per_level=2)


@pytest.mark.parametrize(
    ("options", "message"),
    [
        ({"name": "relation_hop"}, "no generator is called 'relation_hop'; did you mean"),
        ({"name": "relation_hops", "levels": [9]}, "relation_hops has no level 9, only"),
    ],
)
def test_what_cannot_be_made_is_refused(options: dict[str, Any], message: str) -> None:
    """With a reason."""
    with pytest.raises(ValueError, match=message):
        ladders.make(**{"seed": "a", "n_per_level": 4, **options})
