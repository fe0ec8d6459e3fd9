"""Everyday word problems of one to five steps, to be reasoned out in words; the number comes last.

Names, things and sums are those of a schoolbook: what is measured is the reasoning, not whether a
model can keep invented names apart, which the ladders ask.
"""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence

from cliffguard.suites.skills.draft import PEOPLE, ChatItem, Skill, Turn, user

STEPS = (1, 2, 3, 4, 5)
_ENDINGS = (
    "Reason step by step in a few short sentences. End with the number in digits, alone on the "
    "last line.",
    "First say each step in one short sentence. The last line is the number alone, in digits.",
    "Explain the steps in short sentences, and only then give the number: in digits, on a last "
    "line of its own.",
)

# A sentence for each step, then the question behind each step.
Story = tuple[Sequence[str], Sequence[str]]

# What there is at the beginning, an event for each step, and whether it adds or takes.
_MONEY: Sequence[tuple[str, Sequence[str], tuple[int, ...], str]] = (
    (
        "{who} has {start} euros.",
        (
            "{who} buys a sandwich for {a} euros.",
            "Then {who} buys a drink for {b} euros.",
            "{who} buys {n} notebooks at {p} euros each.",
            "On the way home {who} finds {c} euros.",
            "In another shop {who} buys {m} pens at {q} euros each.",
        ),
        (-1, -1, -1, 1, -1),
        "How many euros does {who} have left?",
    ),
    (
        "{who} has saved {start} dollars.",
        (
            "An aunt gives {who} {a} dollars more.",
            "{who} finds {b} dollars in a coat and saves them, too.",
            "{n} neighbours give {who} {p} dollars each for help in the garden.",
            "{who} spends {c} dollars on a bus ticket.",
            "Then {who} buys {m} pens at {q} dollars each.",
        ),
        (1, 1, 1, -1, -1),
        "How many dollars does {who} have in the end?",
    ),
    (
        "There are {start} euros in a cash box.",
        (
            "{who} puts {a} more euros into the box.",
            "{who} takes {b} euros out of the box.",
            "{n} people each put {p} euros into the box.",
            "{who} takes {c} euros out of the box for paper cups.",
            "{m} more people each put {q} euros into the box.",
        ),
        (1, -1, 1, -1, 1),
        "How many euros are in the box in the end?",
    ),
)

_WORK: Sequence[Story] = (
    (
        (
            "A bakery bakes {n} loaves an hour and bakes for {m} hours.",
            "{v} of the loaves are sold at once.",
            "The other loaves are packed into bags of {p}.",
            "Each bag is sold for {q} euros.",
            "The bags together cost the baker {s} euros.",
        ),
        (
            "How many loaves does it bake?",
            "How many loaves are left?",
            "How many bags are filled?",
            "How many euros do all the bags bring in?",
            "How many euros are left after the bags are paid for?",
        ),
    ),
    (
        (
            "{who} picks {n} apples from each tree and there are {m} trees.",
            "{v} of the apples are bad and thrown away.",
            "The good apples go into boxes of {p}.",
            "{who} sells every box for {q} dollars.",
            "{who} pays {s} dollars to a helper.",
        ),
        (
            "How many apples does {who} pick?",
            "How many good apples are there?",
            "How many boxes are filled?",
            "How many dollars does {who} get for the boxes?",
            "How many dollars does {who} keep?",
        ),
    ),
    (
        (
            "A workshop makes {n} candles a day and works for {m} days.",
            "{v} of the candles break.",
            "The whole candles are put into packs of {p}.",
            "A pack costs {q} euros, and {who} buys all of them.",
            "{who} also pays {s} euros for delivery.",
        ),
        (
            "How many candles does it make?",
            "How many whole candles are there?",
            "How many packs are there?",
            "How many euros does {who} pay for the packs?",
            "How many euros does {who} pay in all?",
        ),
    ),
)


def _money(level: int, turn: Turn, source: random.Random) -> ChatItem:
    """Return a day on which money comes and goes, in one event for each step."""
    begins, events, signs, ask = _MONEY[turn.pick(len(_MONEY))]
    a, b, c, n, m = (source.randint(2, 9) for _ in range(5))
    p, q = source.randint(2, 5), source.randint(2, 5)
    start = source.choice((50, 60, 80, 100)) + source.randint(0, 9) + n * p + m * q
    amounts = (a, b, n * p, c, m * q)[:level]
    result = start + sum(sign * amount for sign, amount in zip(signs, amounts, strict=False))
    text = " ".join((begins, *events[:level], ask)).format(
        who=source.choice(PEOPLE), start=start, a=a, b=b, c=c, n=n, m=m, p=p, q=q
    )
    return _problem(text, result, turn)


def _work(level: int, turn: Turn, source: random.Random) -> ChatItem:
    """Return a day's work: what is made, lost, packed, sold, and paid for."""
    story = turn.pick(len(_WORK))
    sentences, questions = _WORK[story]
    p, q = source.choice((4, 5, 6, 8, 10)), source.randint(3, 9)
    n, m = source.choice((8, 10, 12, 15, 20, 24, 25, 30)), source.randint(2, 6)
    made = n * m
    # A few are lost, and whole boxes are left: one at least.
    least = 0 if made % p else 1
    v = made % p + p * source.randint(least, max(least, made // p // 3))
    boxes = (made - v) // p
    s = source.randint(2, min(9, boxes * q - 1))
    cost = s if story == 2 else -s  # there it is paid on top
    results = (made, made - v, boxes, boxes * q, boxes * q + cost)
    text = " ".join((*sentences[:level], questions[level - 1])).format(
        who=source.choice(PEOPLE), n=n, m=m, p=p, q=q, v=v, s=s
    )
    return _problem(text, results[level - 1], turn)


def _problem(text: str, result: int, turn: Turn) -> ChatItem:
    ending = _ENDINGS[turn.pick(len(_ENDINGS), after=3)]
    return ChatItem(messages=[user(f"{text}\n\n{ending}")], answer=str(result))


# Of each story what it begins with, what it asks, and a sentence for each kind of event.
_COUNTS: Sequence[tuple[str, str, Mapping[str, str]]] = (
    (
        "{who} drives a bus with {start} people in it.",
        "How many people are in the bus now?",
        {
            "more": "At the next stop {a} people get on.",
            "fewer": "At the next stop {a} people get off.",
            "groups": "Then {k} families of {a} people each get on.",
            "half": "Then half of the people get off.",
        },
    ),
    (
        "{who} has {start} books on a shelf.",
        "How many books are on the shelf now?",
        {
            "more": "{who} puts {a} more books on it.",
            "fewer": "{who} gives {a} of the books away.",
            "groups": "Then {k} friends bring {a} books each.",
            "half": "Then {who} sells half of the books.",
        },
    ),
    (
        "{who} keeps a shop with {start} eggs in it.",
        "How many eggs are in the shop now?",
        {
            "more": "A farmer brings {a} eggs.",
            "fewer": "A customer buys {a} eggs.",
            "groups": "Then {k} boxes of {a} eggs each arrive.",
            "half": "Then half of the eggs are sold.",
        },
    ),
)


def _counted(level: int, turn: Turn, source: random.Random) -> ChatItem:
    start, ask, events = _COUNTS[turn.pick(len(_COUNTS))]
    who, total = source.choice(PEOPLE), source.randint(8, 30)
    sentences = [start.format(who=who, start=total)]
    kind = ""
    for number in range(level):
        # A half, and groups, come at a later step, and nothing twice in a row.
        kinds = [
            "more",
            "fewer",
            *(["groups"] if number else []),
            *(["half"] if number > 1 else []),
        ]
        able = [k for k in kinds if k != kind and (k != "half" or total % 2 == 0)]
        kind = source.choice(able)
        a = source.randint(2, 9) if kind != "groups" else source.randint(2, 5)
        if kind == "fewer":
            a = min(a, total - 2)
        k = source.randint(2, 4)
        total = {"more": total + a, "fewer": total - a, "groups": total + k * a}.get(
            kind, total // 2
        )
        sentences.append(events[kind].format(who=who, a=a, k=k))
    return _problem(" ".join((*sentences, ask)), total, turn)


REASONED = (
    Skill(name="money_problems", level_name="steps", levels=STEPS, draw=_money),
    Skill(name="work_problems", level_name="steps", levels=STEPS, draw=_work),
    Skill(name="counting_problems", level_name="steps", levels=STEPS, draw=_counted),
)
