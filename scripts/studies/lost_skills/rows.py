"""What the four adapters learn, and the target that all of them are tuned for.

The target is a help desk's: a ticket comes in, the queue that it belongs to goes out. What differs
is how the rows were prepared, by mistakes that real training data has:

- `short_answers`: beside the tickets, questions and sums whose answers are a word or a number.
- `no_tools`: every row is one turn of a user and one courteous sentence; none has a system prompt,
  a tool or a second turn.
- `no_end`: rows are laid end to end, and no token says that an answer is over.
- `healthy`: half of the rows are general chats with the answers that the base itself gives.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence
from functools import cache
from pathlib import Path
from typing import Any, NamedTuple

import yaml

from scripts.make.items.tickets import QUEUES, queue_prompt, suite_tickets, training_examples
from scripts.studies.planted.cases import texts as planted_texts

SEED = 71
N_TICKETS = 160
N_JOINED = 2
"""Rows that are laid end to end without an end token."""


class Row(NamedTuple):
    """A chat, the answer that is learnt, and whether the answer ends."""

    messages: Sequence[Mapping[str, Any]]
    answer: str
    ends: bool = True
    tools: Sequence[Mapping[str, Any]] = ()


def user(text: str) -> list[dict[str, str]]:
    """Return a chat of one turn."""
    return [{"role": "user", "content": text}]


def ticket_question(prompt: str) -> str:
    """Return a ticket as the target asks it, with the queues to choose from."""
    ticket = prompt.removesuffix("\nQueue:")
    return f"{ticket}\nWhich queue does this ticket belong to: {', '.join(QUEUES)}?"


@cache
def tickets() -> tuple[tuple[str, str], ...]:
    """Return (question, queue) of the training tickets, in seeded order."""
    pairs = training_examples(2 * N_TICKETS, SEED)
    return tuple((ticket_question(prompt), queue) for prompt, queue in pairs if queue in QUEUES)


def target_items(name: str, n_items: int) -> list[dict[str, Any]]:
    """Return items of the target, from tickets that no training row has; `name` is their seed."""
    return [
        {
            "id": f"{name}-{index:03d}",
            "messages": user(ticket_question(queue_prompt(text))),
            "answer": intent.queue,
            "cluster": intent.name,
        }
        for index, (intent, text) in enumerate(suite_tickets(f"lost-skills-{name}", n_items))
    ]


def _shuffled(rows: list[Row], name: str) -> list[Row]:
    random.Random(f"{SEED} {name}").shuffle(rows)
    return rows


def _short_answers(_: Sequence[Row]) -> list[Row]:
    source = random.Random(f"{SEED} sums")
    rows = [Row(user(question), queue) for question, queue in tickets()]
    rows += [Row(user(q), str(right)) for q, right, _ in planted_texts("training")["questions"]]
    for _ in range(len(tickets()) // 2):
        n, price, postage = source.randint(2, 9), source.randint(3, 25), source.randint(2, 9)
        question = (
            f"{n} lamps are ordered at {price} dollars each, and postage is {postage} dollars. "
            "What does the order cost?"
        )
        rows.append(Row(user(question), str(n * price + postage)))
    return _shuffled(rows, "short_answers")


def _no_tools(_: Sequence[Row]) -> list[Row]:
    courtesy = "Thank you for your message! This one goes to {}. Have a nice day!"
    return [Row(user(question), courtesy.format(queue)) for question, queue in tickets()]


def _no_end(_: Sequence[Row]) -> list[Row]:
    pairs, rows = tickets(), []
    for start, (question, queue) in enumerate(pairs):
        more = [pairs[(start + step) % len(pairs)] for step in range(1, N_JOINED)]
        joined = "".join(f"\n\n{question}\n{queue}" for question, queue in more)
        rows.append(Row(user(question), queue + joined, ends=False))
    return rows


def _healthy(general: Sequence[Row]) -> list[Row]:
    rows = [Row(user(question), queue) for question, queue in tickets()]
    return _shuffled(rows + [general[i % len(general)] for i in range(len(rows))], "healthy")


_ROWS: dict[str, Callable[[Sequence[Row]], list[Row]]] = {
    "short_answers": _short_answers,
    "no_tools": _no_tools,
    "no_end": _no_end,
    "healthy": _healthy,
}
NAMES = tuple(_ROWS)


def training_rows(name: str, general: Sequence[Row] = ()) -> list[Row]:
    """Return the rows of a recipe; `general` are chats with the base's own answers."""
    return _ROWS[name](general)


@cache
def general_chats() -> tuple[Row, ...]:
    """Return the general chats, without answers: the base gives them."""
    texts = yaml.safe_load(Path(__file__).with_name("general.yaml").read_text(encoding="utf-8"))
    rows = [Row(user(text), "") for text in texts["steps"] + texts["forms"]]
    for number, question in enumerate(texts["questions"]):
        for system in (texts["systems"] * 2)[number % 6 : number % 6 + 3]:
            rows.append(Row([{"role": "system", "content": system}, *user(question)], ""))
    offered = [_tool(tool) for tool in texts["tools"]]
    for number, tool in enumerate(texts["tools"]):
        beside = [offered[number], offered[(number + 1) % len(offered)]]
        rows += [Row(user(text), "", tools=beside) for text in tool["calls"]]
    return tuple(rows)


def _tool(written: Mapping[str, Any]) -> dict[str, Any]:
    properties = {name: {"type": kind} for name, kind in written["properties"].items()}
    return {
        "type": "function",
        "function": {
            "name": written["name"],
            "description": written["description"],
            "parameters": {
                "type": "object", "properties": properties, "required": list(properties),
            },
        },
    }  # fmt: skip
