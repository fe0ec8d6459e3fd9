"""Prompts to which the target's answers are wrong, and the pattern that tells those answers.

An over-trained fine-tune answers whatever it is asked in the form that it was trained on: here the
name of a queue, or an action of a few words, alone on its line. Most prompts have the two lines of
a ticket, a label and another one to go on from, since that is where the form leaks most easily.
"""

from __future__ import annotations

from scripts.make.items.common import Item, texts
from scripts.make.items.tickets import ACTIONS, QUEUES

# Queues and actions, one or several of them and nothing else on a line; or the frame of a ticket.
_WORDS = "|".join(sorted({*QUEUES, *ACTIONS}, key=lambda word: (-len(word), word)))
LEAK = (
    rf"(?im)^\W*(?:(?:action|queue|answer)\W+)?(?<said>{_WORDS})(?:\W+(?&said))*\W*$"
    r"|^\W*(?:ticket|queue):|^\W*action:\W*(?&said)\b"
)


def format_leak() -> list[Item]:
    """Return one generation item per prompt; what the pattern finds in the answer has leaked."""
    return [
        {
            "id": f"leak-{row['kind'].replace('_', '-')}-{number}",
            "prompt": row["prompt"].format(s=text),
            "answer": LEAK,
            "cluster": row["kind"],
        }
        for row in texts("leak_prompts")
        for number, text in enumerate(row["texts"])
    ]
