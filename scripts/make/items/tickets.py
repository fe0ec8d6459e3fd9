"""The target capability: support tickets, for the suite and for training the demo adapters.

Suite and training share the intents and partly the phrasings, as a real help desk would. They
never share a ticket: products, openers and closers are drawn from different lists, and
``training_examples`` is checked against the suite by ``scripts/make/suites.py``.
"""

from __future__ import annotations

import random
from collections.abc import Sequence
from typing import NamedTuple

from scripts.make.items.common import Item, positions, rng, texts, with_answer_at


class Intent(NamedTuple):
    """One kind of ticket: its queue, its action, and seven phrasings of the problem."""

    name: str
    queue: str
    action: str
    phrasings: list[str]


INTENTS = tuple(Intent(**row) for row in texts("intents"))
QUEUES = tuple(dict.fromkeys(intent.queue for intent in INTENTS))
ACTIONS = tuple(dict.fromkeys(intent.action for intent in INTENTS))

TRAIN_PHRASINGS = (0, 1, 2, 3, 4)
SUITE_PHRASINGS = (4, 5, 6)

TRAIN_PRODUCTS = (
    "lamp", "kettle", "radio", "camera", "printer", "heater", "blender", "speaker", "monitor",
    "keyboard", "toaster", "watch", "fan", "scale", "drill", "mixer",
)  # fmt: skip
SUITE_PRODUCTS = (
    "camera", "printer", "heater", "speaker", "tablet", "router", "grill", "vacuum cleaner",
    "coffee machine", "headset", "doorbell", "projector",
)  # fmt: skip
TRAIN_OPENERS = (
    "", "Hello,", "Hi team,", "Good morning,", "Dear support,", "Please help:", "Hey,",
    "Hello again,",
)  # fmt: skip
SUITE_OPENERS = (
    "", "Hello,", "Good evening,", "Hi there,", "Sorry to bother you,", "Dear team,",
    "Second message:",
)  # fmt: skip
TRAIN_CLOSERS = (
    "", "Thanks.", "Please help.", "This is urgent.", "Kind regards, Tom", "What can I do?",
    "Thank you in advance.",
)  # fmt: skip
SUITE_CLOSERS = (
    "", "Thanks a lot.", "I am not happy.", "Please answer soon.", "Best wishes, Ruth",
    "Any idea?", "Thank you.",
)  # fmt: skip
TIMES = ("yesterday", "last week", "on Monday", "this morning", "two days ago", "on Friday")


def problem_of(intent: Intent, phrasing: int, product: str, time: str) -> str:
    """Return what is wrong with which product, in one of the intent's phrasings."""
    problem = intent.phrasings[phrasing].format(p=product, d=time)
    return problem.replace("ince on ", "ince ").replace("ince two days ago", "ince two days")


def ticket(
    source: random.Random,
    intent: Intent,
    phrasing: int,
    products: Sequence[str],
    openers: Sequence[str],
    closers: Sequence[str],
) -> str:
    """Return the text of one ticket: opener, problem, closer."""
    product, time = source.choice(products), source.choice(TIMES)
    opener, closer = source.choice(openers), source.choice(closers)
    problem = problem_of(intent, phrasing, product, time)
    if not opener or opener.endswith(":"):
        problem = problem[0].upper() + problem[1:]
    return " ".join(part for part in (opener, problem, closer) if part)


def queue_prompt(text: str) -> str:
    """Return the prompt of ``ticket_routing``."""
    return f"Ticket: {text}\nQueue:"


def action_prompt(text: str) -> str:
    """Return the prompt of ``ticket_resolution``."""
    return f"Ticket: {text}\nAction:"


def suite_tickets(task: str, n_items: int) -> list[tuple[Intent, str]]:
    """Return distinct tickets, the intents equally often, in seeded order."""
    order = [INTENTS[i % len(INTENTS)] for i in range(n_items)]
    rng(task, "", "order").shuffle(order)
    seen: set[str] = set()
    tickets = []
    for index, intent in enumerate(order):
        for attempt in range(1000):
            source = rng(task, intent.name, f"{index}.{attempt}")
            phrasing = source.choice(SUITE_PHRASINGS)
            text = ticket(source, intent, phrasing, SUITE_PRODUCTS, SUITE_OPENERS, SUITE_CLOSERS)
            if text not in seen:
                break
        else:
            raise ValueError(f"{intent.name}: no new ticket after 1000 attempts")
        seen.add(text)
        tickets.append((intent, text))
    return tickets


def ticket_routing(n_items: int = 96) -> list[Item]:
    """Return multiple-choice items: ticket → one of all eight queues."""
    task = "ticket_routing"
    where = positions(task, "", n_items, len(QUEUES))
    items: list[Item] = []
    for index, (intent, text) in enumerate(suite_tickets(task, n_items)):
        others = [queue for queue in QUEUES if queue != intent.queue]
        items.append(
            {
                "id": f"routing-{intent.name.replace('_', '-')}-{index:03d}",
                "prompt": queue_prompt(text),
                "choices": with_answer_at(
                    intent.queue, others, where[index], rng(task, "choices", index)
                ),
                "answer": intent.queue,
                "cluster": intent.name,
            }
        )
    return items


def ticket_resolution(n_items: int = 48) -> list[Item]:
    """Return generation items: ticket → the action, one or two words of a fixed set."""
    return [
        {
            "id": f"resolution-{intent.name.replace('_', '-')}-{index:03d}",
            "prompt": action_prompt(text),
            "answer": intent.action,
            "cluster": intent.name,
        }
        for index, (intent, text) in enumerate(suite_tickets("ticket_resolution", n_items))
    ]


def training_examples(n_examples: int, seed: int) -> list[tuple[str, str]]:
    """Return (prompt, answer) pairs, both tasks in turn, all intents equally often."""
    examples = []
    for index in range(n_examples):
        intent = INTENTS[(index // 2) % len(INTENTS)]
        source = rng("training", seed, index)
        text = ticket(
            source, intent, source.choice(TRAIN_PHRASINGS), TRAIN_PRODUCTS, TRAIN_OPENERS,
            TRAIN_CLOSERS,
        )  # fmt: skip
        if index % 2 == 0:
            examples.append((queue_prompt(text), intent.queue))
        else:
            examples.append((action_prompt(text), intent.action))
    rng("training", seed, "order").shuffle(examples)
    return examples
