"""What must hold before two sets of answers may be compared."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cliffguard.errors import IntegrityError
from cliffguard.integrity import check_answers
from cliffguard.plans import Protocol
from cliffguard.records import Answer
from tests import support

ITEMS = [support.item(number) for number in range(3)]


def answers() -> dict[str, list[Answer]]:
    """Return one task's answers."""
    return {"t": [support.answer(item) for item in ITEMS]}


def test_equal_prompts_pass() -> None:
    """Two sides that answered the same prompts may be compared."""
    check_answers(answers(), answers(), Protocol())


def test_other_tasks_are_refused() -> None:
    """Sides that answered other tasks are not compared."""
    with pytest.raises(IntegrityError, match="other tasks"):
        check_answers(answers(), {"u": answers()["t"]}, Protocol())


def test_missing_answers_are_refused() -> None:
    """Sides with different numbers of answers are not compared."""
    short = {"t": answers()["t"][:-1]}

    with pytest.raises(IntegrityError, match="3 answers of the base, 2 of the candidate"):
        check_answers(answers(), short, Protocol())


def test_another_item_at_the_same_place_is_refused() -> None:
    """Answers are compared item by item, never by position alone."""
    turned = {"t": answers()["t"][::-1]}

    with pytest.raises(IntegrityError, match="base answered item item-0, candidate item-2"):
        check_answers(answers(), turned, Protocol())


def test_another_prompt_is_refused() -> None:
    """The untemplated prompts must agree by digest."""
    other = answers()
    other["t"][1] = replace(other["t"][1], prompt_digest="other", rendered_digest="other")

    with pytest.raises(IntegrityError, match="item item-1 was put to the two sides differently"):
        check_answers(answers(), other, Protocol())


@pytest.mark.parametrize("template", ["none", "base"])
def test_another_rendering_is_refused_under_one_template(template: str) -> None:
    """Where both sides get the same template, the rendered prompts must agree."""
    other = answers()
    other["t"][0] = replace(other["t"][0], rendered_digest="other")

    with pytest.raises(IntegrityError, match="rendered prompts of item item-0 differ"):
        check_answers(answers(), other, Protocol(chat_template=template))  # type: ignore[arg-type]


def test_own_templates_may_render_differently() -> None:
    """With each side's own template the rendered prompts may differ."""
    other = answers()
    other["t"][0] = replace(other["t"][0], rendered_digest="other")

    check_answers(answers(), other, Protocol(chat_template="own"))
