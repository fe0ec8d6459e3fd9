"""Items that broke, as a comment quotes them: in fences that nothing in them ends."""

from __future__ import annotations

import re

from cliffguard.core.reviews import Example
from cliffguard.report import numbers
from cliffguard.report.comment_text import fitted, named

_PROMPT_BYTES, _ANSWER_BYTES = 260, 120
_BACKTICKS = re.compile("`+")


def quoted(item: Example) -> str:
    """Return an item in a fence that is longer than any run of backticks in it."""
    title = f"{named(item.capability)}: {named(f'{item.task}, {item.item_id}')}"
    lines = [f"prompt:    {fitted(item.prompt, _PROMPT_BYTES, str)}"]
    for label, text, confidence in (
        ("right:     ", item.answer, None),
        ("base:      ", item.base_text, item.base_confidence),
        ("candidate: ", item.candidate_text, item.candidate_confidence),
    ):
        sure = "" if confidence is None else f" ({numbers.percent(confidence)} sure)"
        lines.append(f"{label}{fitted(text, _ANSWER_BYTES, str)}{sure}")
    body = "\n".join(lines)
    fence = "`" * max(3, 1 + max(map(len, _BACKTICKS.findall(body)), default=0))
    at = "" if item.level is None else f", level {item.level}"
    return f"{title}{at}\n\n{fence}text\n{body}\n{fence}"
