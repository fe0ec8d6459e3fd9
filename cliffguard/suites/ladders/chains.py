"""Calendar and unit chains: days counted on from day to day, invented units of invented units.

`steps` is how many of them are chained. The wrong days are the nearest ones; the wrong amounts are
those of a step too few, or of the numbers added instead of multiplied.
"""

from __future__ import annotations

import math
import random
from itertools import pairwise

from cliffguard.suites.ladders.draft import Generator, LadderItem
from cliffguard.suites.ladders.words import DAYS, UNITS, names, near_numbers, with_trap

LEVELS = (1, 2, 3, 4, 5)
_EVENTS = ("fair", "parade", "concert", "wedding", "race", "exam", "match", "feast")
_MOVES = {
    1: "the day after {of}",
    -1: "the day before {of}",
    2: "two days after {of}",
    -2: "two days before {of}",
    7: "a week after {of}",
}


def _draw(n_steps: int, source: random.Random) -> LadderItem:
    return source.choice((_days, _events, _units))(n_steps, source)


def _move(n_steps: int, source: random.Random) -> int:
    """Return by how many days a step goes; a single step by one, to the next."""
    return 1 if n_steps == 1 else source.choice(sorted(_MOVES))


def _days(n_steps: int, source: random.Random) -> LadderItem:
    start = source.randrange(7)
    day, path = start, DAYS[start]
    for _ in range(n_steps):
        by = _move(n_steps, source)
        day = (day + by) % 7
        path = _MOVES[by].format(of=path)
    return _day(day, f"{path[0].upper()}{path[1:]} is", f"Which day is {path}?", source)


def _events(n_steps: int, source: random.Random) -> LadderItem:
    events = source.sample(_EVENTS, n_steps + 1)
    day = source.randrange(7)
    facts = [f"The {events[0]} is on {DAYS[day]}."]
    for before, event in pairwise(events):
        by = _move(n_steps, source)
        day = (day + by) % 7
        facts.append(f"The {event} is {_MOVES[by].format(of=f'the {before}')}.")
    story = " ".join(facts)
    return _day(
        day,
        f" So the {events[-1]} is on",
        f"\nOn which day is the {events[-1]}?",
        source,
        context=story,
    )


def _day(
    day: int, prompt: str, question: str, source: random.Random, context: str = ""
) -> LadderItem:
    near = [(day + by) % 7 for by in (-3, -2, -1, 1, 2, 3)]
    return LadderItem(
        context=context,
        prompt=prompt,
        answer=DAYS[day],
        wrong=tuple(DAYS[day] for day in source.sample(near, 3)),
        question=f"{question} Answer with the day only.\nAnswer:",
    )


def _units(n_steps: int, source: random.Random) -> LadderItem:
    units = source.sample(UNITS, n_steps + 1)
    factors = [source.randint(2, 5) for _ in range(n_steps)]
    if n_steps == 1:  # what is small has no room below it for wrong choices
        factors = [source.randint(7, 15)]
    facts = [
        f"One {big} is {factor} {small}s."
        for big, factor, small in zip(units, factors, units[1:], strict=False)
    ]
    source.shuffle(facts)
    answer = math.prod(factors)
    trap = source.choice((answer // factors[-1], answer * factors[0], sum(factors)))
    if n_steps == 1:
        wrong = near_numbers(answer, source, least=1)
    else:
        wrong = with_trap(answer, trap, source, least=1) or ()
    (who,) = names(1, source)
    ask = f"How many {units[-1]}s are in one {units[0]}?"
    return LadderItem(
        context=f"{who} says: {' '.join(facts)}",
        prompt=f" {ask} The answer is",
        answer=str(answer),
        wrong=wrong,
        question=f"\n{ask} Answer with the number only.\nAnswer:",
    )


CALENDAR_AND_UNITS = Generator(
    name="calendar_and_units", level_name="steps", levels=LEVELS, draw=_draw
)
