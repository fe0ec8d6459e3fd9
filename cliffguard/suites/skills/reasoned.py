"""Everyday word problems of one to five steps, to be reasoned out in words; the number comes last.

Names, things and sums are those of a schoolbook: what is measured is the reasoning, not whether a
model can keep invented names apart, which the ladders ask.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping, Sequence

from cliffguard.suites.skills.draft import PEOPLE, ChatItem, Skill, Turn, user

STEPS = (1, 2, 3, 4, 5)
_ENDINGS = (
    "Reason in a few short sentences, one step in each, and end with the number.",
    "Say each step in one short sentence without formulas. The last sentence gives the number.",
    'Keep your steps brief, in words, and end with a line that says "Answer:" and the number.',
)

# Each a sentence for each step, then the question behind each step. The numbers are drawn once for
# all three stories of a ladder, so that a level is as hard in each.
Story = tuple[Sequence[str], Sequence[str]]

_MONEY: Sequence[Story] = (
    (
        (
            "{who} buys {n} notebooks at {p} euros each.",
            "{who} pays with {note} euros.",
            "With some of the change {who} buys a sandwich for {s} euros.",
            "Then {who} buys {m} pens at {q} euros each.",
            "On the way home {who} finds {v} euros.",
        ),
        (
            "How many euros does {who} pay?",
            "How many euros does {who} get back?",
            "How many euros are left?",
            "How many euros are left?",
            "How many euros does {who} have now?",
        ),
    ),
    (
        (
            "{who} works {n} hours in a garden for {p} dollars an hour.",
            "Before that, {who} had {note} dollars.",
            "{who} buys a book for {s} dollars.",
            "Then {who} works {m} hours in a shop for {q} dollars an hour.",
            "A bus ticket home costs {who} {v} dollars.",
        ),
        (
            "How many dollars does {who} earn?",
            "How many dollars does {who} have now?",
            "How many dollars does {who} have now?",
            "How many dollars does {who} have now?",
            "How many dollars does {who} have in the end?",
        ),
    ),
    (
        (
            "At the school fair {who} sells {n} cakes for {p} euros each.",
            "There were {note} euros in the cash box before.",
            "{who} takes {s} euros out of the box for paper cups.",
            "Then {who} sells {m} bottles of juice for {q} euros each.",
            "{who} takes {v} euros out of the box for the table.",
        ),
        (
            "How many euros does {who} take in?",
            "How many euros are in the cash box now?",
            "How many euros are in the cash box now?",
            "How many euros are in the cash box now?",
            "How many euros are in the cash box in the end?",
        ),
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


def _money(level: int, story: int, source: random.Random) -> tuple[Mapping[str, int], int]:
    """Return the numbers of a day with money, and what the question of a level asks for."""
    n, m = source.randint(2, 5), source.randint(2, 4)
    p, q = source.randint(2, 6), source.randint(2, 5)
    v, s = source.randint(2, 5), source.randint(2, 6)
    spends = story == 0  # what is bought first is taken off, what is earned first comes on top
    note = source.choice((60, 70, 80, 90)) if spends else source.randint(10, 40)
    sign = -1 if spends else 1
    results = [n * p, note + sign * n * p]
    results += [results[1] - s, results[1] - s + sign * m * q]
    results.append(results[3] - sign * v)
    return {"n": n, "m": m, "p": p, "q": q, "v": v, "s": s, "note": note}, results[level - 1]


def _work(level: int, story: int, source: random.Random) -> tuple[Mapping[str, int], int]:
    """Return the numbers of a day's work, and what the question of a level asks for."""
    p, q = source.choice((4, 5, 6, 8, 10)), source.randint(2, 9)
    n, m = source.choice((8, 10, 12, 15, 20, 24, 25, 30)), source.randint(2, 6)
    made = n * m
    # A few are lost, and whole boxes are left.
    v = made % p + p * source.randint(0 if made % p else 1, max(1, made // p // 3))
    boxes = (made - v) // p
    s = source.randint(2, max(2, min(9, boxes * q - 1)))
    last = boxes * q + (s if story == 2 else -s)
    results = (made, made - v, boxes, boxes * q, last)
    return {"n": n, "m": m, "p": p, "q": q, "v": v, "s": s}, results[level - 1]


Numbers = Callable[[int, int, random.Random], tuple[Mapping[str, int], int]]


def _from_stories(stories: Sequence[Story], numbers: Numbers) -> Callable[..., ChatItem]:
    """Return the generator of the problems of these stories."""

    def draw(level: int, turn: Turn, source: random.Random) -> ChatItem:
        story = turn.pick(len(stories))
        values, result = numbers(level, story, source)
        who = source.choice(PEOPLE)
        sentences, questions = stories[story]
        text = " ".join((*sentences[:level], questions[level - 1])).format(who=who, **values)
        return _problem(text, result, turn)

    return draw


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
    Skill(
        name="money_problems", level_name="steps", levels=STEPS, draw=_from_stories(_MONEY, _money)
    ),
    Skill(name="work_problems", level_name="steps", levels=STEPS, draw=_from_stories(_WORK, _work)),
    Skill(name="counting_problems", level_name="steps", levels=STEPS, draw=_counted),
)
