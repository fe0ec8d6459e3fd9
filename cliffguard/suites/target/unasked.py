"""Rows as other tools write them that hold nothing a target could ask, and what to do instead."""

from __future__ import annotations

from dataclasses import dataclass


@dataclass(frozen=True, slots=True, kw_only=True)
class Unasked:
    """Rows that hold nothing a target could ask, and what to do instead."""

    name: str
    has: tuple[str, ...]
    how: str


_NO_ANSWER = "no right answers stand in it: write one into each row, under answer, then"
_NO_TESTS = "no metric of a target runs code: a suite with"

UNASKED = (
    Unasked(
        name="requests of a batch of OpenAI's",
        has=("custom_id", "body/messages"),
        how=f"{_NO_ANSWER} --target-prompt body.messages",
    ),
    Unasked(
        name="requests of a batch of Anthropic's",
        has=("custom_id", "params/messages"),
        how=f"{_NO_ANSWER} --target-prompt params.messages",
    ),
    Unasked(
        name="requests of a batch of Gemini's",
        has=("request/contents/0/parts",),
        how=f"{_NO_ANSWER} --target-prompt request.contents",
    ),
    Unasked(
        name="answers of a model without what they answer",
        has=("choices/0/message", "object"),
        how="name the file of the questions with --target",
    ),
    Unasked(
        name="answers of a model to MT-bench",
        has=("question_id", "choices/0/turns"),
        how="name the file of the questions with --target",
    ),
    Unasked(
        name="MT-bench's questions without references",
        has=("question_id", "turns/0"),
        how=f"{_NO_ANSWER} --target-prompt turns.0",
    ),
    Unasked(
        name="a data set of pictures (COCO)",
        has=("images/0", "annotations/0", "categories"),
        how="a target cannot ask pictures yet: name data of texts with --target",
    ),
    Unasked(
        name="problems that tests score (HumanEval)",
        has=("task_id", "prompt", "entry_point", "test"),
        how=f"{_NO_TESTS} lm_eval: humaneval asks them",
    ),
    Unasked(
        name="problems that tests score (MBPP)",
        has=("task_id", "code", "test_list/0"),
        how=f"{_NO_TESTS} lm_eval: mbpp asks them",
    ),
)
