"""Right answers that the prompt shows."""

from __future__ import annotations

from pathlib import Path

import pytest

from tests.suites.target.data import flags_in, items, refused

ROWS = [{"v1": ("ham", "spam")[n % 2], "v2": f"The message number {n}"} for n in range(10)]


@pytest.mark.parametrize("prompt", ["{v1}\n{v2}", "{v2}\n{v1}", "Mail:\n{v1}\n{v2}"])
def test_an_answer_inside_the_prompt_is_refused(tmp_path: Path, prompt: str) -> None:
    """The flag that is printed leaves it out."""
    keys = {"prompt": prompt, "answer": "v1"}

    line = refused(tmp_path, ROWS, "target.answer-in-prompt", **keys)
    made = items(tmp_path, ROWS, answer="v1", prompt=flags_in(line)["prompt"].replace("\\n", "\n"))

    assert made[1].answer == "spam"
    assert "spam" not in made[1].prompt
    assert made[1].prompt.endswith("The message number 1")


@pytest.mark.parametrize("prompt", ["v1", "{v1}", "{v1}: {v2}"])
def test_where_no_line_is_left_the_user_says_which(tmp_path: Path, prompt: str) -> None:
    """The message has no flag that would ask half of a line."""
    line = refused(tmp_path, ROWS, "target.answer-in-prompt", prompt=prompt, answer="v1")

    assert "take it out of --target-prompt" in line


def test_a_label_of_few_values_is_no_part_of_the_question(tmp_path: Path) -> None:
    """Of columns that count up; and a table says which columns are left."""
    line = refused(tmp_path, ROWS, "target.no-column")

    assert "'{v2}'" in line
    assert "leaves v1" in line
    assert "'{v1}\\n{v2}'" in refused(tmp_path, ROWS[:4], "target.no-column")


def test_a_chat_may_hold_its_answer(tmp_path: Path) -> None:
    """Its last turn is not asked."""
    turns = [{"role": "user", "content": "q"}, {"role": "assistant", "content": "a"}]

    assert items(tmp_path, [{"messages": turns}], prompt="messages")[0].answer == "a"
