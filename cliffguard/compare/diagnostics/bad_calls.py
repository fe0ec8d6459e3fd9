"""Calls of tools that are none: unreadable, not made, or of another tool or other arguments."""

from __future__ import annotations

from typing import Final

from cliffguard.core.answers import Answer
from cliffguard.core.items import Item, Task
from cliffguard.suites.scorers import SCORERS

TOOL_CALL: Final = "tool_call"
"""The metric whose items ask for calls."""


def is_bad_call(task: Task, item: Item, answer: Answer) -> bool:
    """Return whether an answer's call is unreadable, or wrong in more than values of arguments.

    Wrong is one that is missing or superfluous, of another tool, or whose arguments have other
    names or types. Read anew from the text: another harness has stored no parts.
    """
    if task.metric != TOOL_CALL or answer.score == 1.0:
        return False
    try:
        parts = SCORERS[TOOL_CALL].best_parts(answer.text, item.right)
    except ValueError:  # a metric of this name in another harness, whose right answers are no calls
        return False
    return parts is None or not parts["arguments"]
