"""Made chats: from the seed alone, balanced, each once, and right where the right is said."""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Mapping
from functools import cache
from typing import Any

import pytest

from cliffguard.suites import skills
from cliffguard.suites.items import make_item
from cliffguard.suites.loading import read_suite
from cliffguard.suites.scorers import SCORERS

N = 36
METRICS = {
    task.name: task.metric
    for suite in ("structure", "tools", "chat", "reasoned")
    for body in read_suite(suite)[1].capabilities.values()
    for task in body.tasks
}
every_skill = pytest.mark.parametrize("name", sorted(skills.SKILLS))


@cache
def made(name: str, seed: str = "a") -> list[dict[str, Any]]:
    """Return `N` rows of every level."""
    return skills.make(name, seed=seed, n_per_level=N)


def level_of(name: str, row: Mapping[str, Any]) -> int:
    """Return the level of a row; 1 where there is but one."""
    return int(row.get(skills.SKILLS[name].level_name or "", 1))


def test_every_generator_stands_in_a_suite() -> None:
    """None is made for nothing."""
    assert set(METRICS) == set(skills.SKILLS)


@every_skill
def test_chats_follow_from_the_seed(name: str) -> None:
    """The same seed gives the same chats, another one others."""
    chats = {json.dumps(row["messages"]) for row in made(name)}

    assert skills.make(name, seed="a", n_per_level=N) == made(name)
    shared = chats & {json.dumps(row["messages"]) for row in made(name, "b")}
    assert len(shared) <= 0.25 * len(chats)


@every_skill
def test_no_chat_stands_twice_and_wordings_are_balanced(name: str) -> None:
    """Three wordings or more, each as often on every level."""
    rows = made(name)

    chats = {json.dumps([row["messages"], row.get("tools")]) for row in rows}
    assert len(chats) == len(rows)
    for level in skills.SKILLS[name].levels:
        counts = Counter(row["fields"]["wording"] for row in rows if level_of(name, row) == level)
        assert len(counts) >= 3
        assert set(counts.values()) == {N // len(counts)}


@every_skill
def test_a_level_does_not_depend_on_the_others(name: str) -> None:
    """Whoever takes one level gets its chats."""
    level = skills.SKILLS[name].levels[-1]

    alone = skills.make(name, seed="a", n_per_level=N, levels=[level])

    assert alone == [row for row in made(name) if level_of(name, row) == level]


@every_skill
def test_each_row_is_an_item_and_its_answer_is_right(name: str) -> None:
    """The metric takes the right answer; where that could be said, saying it scores 1."""
    metric, skill = METRICS[name], skills.SKILLS[name]
    for row in made(name):
        item = make_item(row, metric=metric, level=skill.level_name, where="here")
        assert item.chat is not None
        said_right = right_of(row["answer"], metric)
        if said_right is not None:
            assert SCORERS[metric].score(said_right, item.answer) == 1.0


def right_of(answer: Any, metric: str) -> str | None:
    """Return an answer that is right; None where the metric's rule says none by itself."""
    if metric == "constraints":
        wanted = json.loads(answer)
        return f"It is {wanted['includes'][0]}." if "includes" in wanted else None
    if metric in ("regex", "json_schema", "language"):
        return None
    return answer if isinstance(answer, str) else json.dumps(answer)


def test_a_level_or_a_number_that_there_is_not_is_named() -> None:
    """As of the ladders."""
    with pytest.raises(ValueError, match="has no level 9"):
        skills.make("recall", seed="a", n_per_level=2, levels=[9])
    with pytest.raises(ValueError, match="different items"):
        skills.make("system_forbidden_word", seed="a", n_per_level=5_000)
