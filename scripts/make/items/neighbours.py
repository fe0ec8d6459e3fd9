"""The target's own tickets, asked otherwise: in other words, with typos, in other languages.

The prompt is that of `ticket_routing`, so that only the text differs. The cluster is the source
ticket and not its intent: the intents are all that the target has, no sample of them.
"""

from __future__ import annotations

import random
import re
from typing import NamedTuple

from scripts.make.items.common import Item, positions, rng, texts, with_answer_at
from scripts.make.items.tickets import INTENTS, QUEUES, problem_of, queue_prompt


class Source(NamedTuple):
    """One ticket of the target, an intent's phrasing about a product, and its other forms."""

    intent: str
    phrasing: int
    product: str
    time: str
    paraphrased: str
    formal: str
    terse: str
    german: str
    french: str
    spanish: str


SOURCES = tuple(Source(**row) for row in texts("retold_tickets"))
FORMS = ("paraphrased", "formal", "terse", "german", "french", "spanish")
QUEUE_OF = {intent.name: intent.queue for intent in INTENTS}
INTENT_OF = {intent.name: intent for intent in INTENTS}

KEYBOARD = ("qwertyuiop", "asdfghjkl", "zxcvbnm")
BESIDE = {
    key: row[max(0, position - 1) : position] + row[position + 1 : position + 2]
    for row in KEYBOARD
    for position, key in enumerate(row)
}
LEAST_LETTERS = 5  # of a word that may get a typo: one in a shorter word makes another word of it
SHARE_OF_WORDS = 0.4  # of the longer words, the share that gets one typo each


def cluster_of(source: Source) -> str:
    """Return the name of a source ticket."""
    return f"{source.intent}-{source.phrasing}"


def routed(task: str, texts: list[str]) -> list[Item]:
    """Return multiple-choice items, ticket → one of all eight queues, one per source ticket."""
    where = positions(task, "", len(texts), len(QUEUES))
    items: list[Item] = []
    for index, (source, text) in enumerate(zip(SOURCES, texts, strict=True)):
        queue = QUEUE_OF[source.intent]
        others = [other for other in QUEUES if other != queue]
        items.append(
            {
                "id": f"{task}-{source.intent.replace('_', '-')}-{source.phrasing}",
                "prompt": queue_prompt(text),
                "choices": with_answer_at(queue, others, where[index], rng(task, "choices", index)),
                "answer": queue,
                "cluster": cluster_of(source),
            }
        )
    return items


def tickets_in(form: str) -> list[Item]:
    """Return the tickets in one of `FORMS`."""
    return routed(f"tickets_{form}", [getattr(source, form) for source in SOURCES])


def tickets_typos() -> list[Item]:
    """Return the tickets in the target's words, with slips of the keyboard."""
    task = "tickets_typos"
    return routed(
        task,
        [with_typos(problem_text(source), rng(task, "", cluster_of(source))) for source in SOURCES],
    )


def problem_text(source: Source) -> str:
    """Return the source ticket in the words of the target's suite."""
    intent = INTENT_OF[source.intent]
    text = problem_of(intent, source.phrasing, source.product, source.time)
    return text[0].upper() + text[1:]


def with_typos(text: str, source: random.Random) -> str:
    """Return the text with one slip in about every third longer word, in two at least."""
    pieces = re.split(r"([A-Za-z]+)", text)
    long = [i for i, piece in enumerate(pieces) if i % 2 and len(piece) >= LEAST_LETTERS]
    for index in source.sample(long, max(2, round(SHARE_OF_WORDS * len(long)))):
        pieces[index] = slip(pieces[index], source)
    return "".join(pieces)


def slip(word: str, source: random.Random) -> str:
    """Return the word with one letter swapped, missed, doubled or mistaken; never the first."""
    kinds = ["swap", "miss", "double", "beside"]
    while True:
        at = source.randrange(1, len(word) - 1)
        kind = source.choice(kinds)
        head, letter, tail = word[:at], word[at], word[at + 1 :]
        made = {
            "swap": head + tail[0] + letter + tail[1:],
            "miss": head + tail,
            "double": head + letter + letter + tail,
            "beside": head + source.choice(BESIDE[letter]) + tail,
        }[kind]
        if made != word:
            return made
