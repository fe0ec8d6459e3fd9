"""Calendar and unit chains: days counted on from day to day, invented units of invented units.

`steps` is how many of them are chained. The wrong days are the nearest ones; the wrong amounts are
those of a step too few, or of the numbers added instead of multiplied.
"""

from __future__ import annotations

import math
import random
from itertools import pairwise

from cliffguard.ladders.draft import Draft, Generator
from cliffguard.ladders.words import DAYS, UNITS, names, near_numbers

LEVELS = (1, 2, 3, 4, 5)
_EVENTS = ("fair", "parade", "concert", "wedding", "race", "exam", "match", "feast")
_MOVES = {
    1: "the day after {of}",
    -1: "the day before {of}",
    2: "two days after {of}",
    -2: "two days before {of}",
    7: "a week after {of}",
}


def _draw(n_steps: int, source: random.Random) -> Draft:
    return source.choice((_days, _events, _units))(n_steps, source)


def _move(n_steps: int, source: random.Random) -> int:
    """Return by how many days a step goes; a single step by one, to the next."""
    return 1 if n_steps == 1 else source.choice(sorted(_MOVES))


def _days(n_steps: int, source: random.Random) -> Draft:
    start = source.randrange(7)
    place, path = start, DAYS[start]
    for _ in range(n_steps):
        by = _move(n_steps, source)
        place = (place + by) % 7
        path = _MOVES[by].format(of=path)
    return _day(place, f"{path[0].upper()}{path[1:]} is", f"Which day is {path}?", source)


def _events(n_steps: int, source: random.Random) -> Draft:
    events = source.sample(
        ["fair", "parade", "concert", "wedding", "race", "exam", "match", "feast"], n_steps + 1
    )
    place = source.randrange(7)
    told = [f"The {events[0]} is on {DAYS[place]}."]
    for before, event in pairwise(events):
        by = _move(n_steps, source)
        place = (place + by) % 7
        told.append(f"The {event} is {_MOVES[by].format(of=f'the {before}')}.")
    story = " ".join(told)
    return _day(
        place,
        f" So the {events[-1]} is on",
        f"\nOn which day is the {events[-1]}?",
        source,
        context=story,
    )


def _day(place: int, prompt: str, question: str, source: random.Random, context: str = "") -> Draft:
    near = [(place + by) % 7 for by in (-3, -2, -1, 1, 2, 3)]
    return Draft(
        context=context,
        prompt=prompt,
        answer=DAYS[place],
        wrong=tuple(DAYS[day] for day in source.sample(near, 3)),
        question=f"{question} Answer with the day only.\nAnswer:",
    )


def _units(n_steps: int, source: random.Random) -> Draft:
    units = source.sample(UNITS, n_steps + 1)
    factors = [source.randint(2, 5) for _ in range(n_steps)]
    amount = 1
    facts = [
        f"One {big} is {factor} {small}s."
        for big, factor, small in zip(units, factors, units[1:], strict=False)
    ]
    source.shuffle(facts)
    story = " ".join(facts)
    answer = amount * math.prod(factors)
    trap = source.choice((answer // factors[-1], answer * factors[0], sum(factors) + amount - 1))
    much = f"{amount} {units[0]}s are" if amount > 1 else f"One {units[0]} is"
    (who,) = names(1, source)
    return Draft(
        context=f"{who} says: {story}",
        prompt=f" So {much[0].lower()}{much[1:]} this many {units[-1]}s:",
        answer=str(answer),
        wrong=near_numbers(answer, source, traps=(trap,), least=1),
        question=f"\nHow many {units[-1]}s are {amount} {units[0]}"
        f"{'s' if amount > 1 else ''}? Answer with the number only.\nAnswer:",
    )


CALENDAR_AND_UNITS = Generator(
    name="calendar_and_units", level_name="steps", levels=LEVELS, draw=_draw
)
