"""Rules that deviate from habit: who answers from memory is wrong, and that answer is a choice.

1 things have other colours in an invented land; 2 two words mean each other; 3 a list is read from
its end; 4 an operator means another; 5 two operators do, in two steps; 6 the same, from right to
left.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Mapping
from operator import add, mul, sub

from cliffguard.suites.ladders.draft import Generator, LadderItem
from cliffguard.suites.ladders.words import COLOURS, LANDS, THINGS, listed, with_trap

LEVELS = (1, 2, 3, 4, 5, 6)
_USUAL = {
    "snow": "white", "grass": "green", "blood": "red", "coal": "black", "the sun": "yellow",
    "the sea": "blue", "milk": "white", "a ripe banana": "yellow", "a lemon": "yellow",
    "a raven": "black",
}  # fmt: skip
_OPERATIONS: Mapping[str, tuple[str, Callable[[int, int], int]]] = {
    "+": ("plus", add),
    "-": ("minus", sub),
    "*": ("times", mul),
}
_LEAST = -99  # of a choice; results lie far above
_HOW = "Answer with the {kind} only.\nAnswer:"


def _other_colours(source: random.Random) -> LadderItem:
    land = source.choice(LANDS)
    things = source.sample(sorted(_USUAL), 4)
    colours = source.sample([c for c in COLOURS if c not in {_USUAL[t] for t in things}], 4)
    template = source.choice(("In {land}, {thing} is {colour}.", "In {land} {thing} is {colour}."))
    facts = " ".join(
        template.format(land=land, thing=thing, colour=colour)
        for thing, colour in zip(things, colours, strict=True)
    )
    index = source.randrange(4)
    others = [c for c in colours if c != colours[index]]
    return LadderItem(
        context=facts,
        prompt=f" So in {land}, {things[index]} is",
        answer=colours[index],
        wrong=(_USUAL[things[index]], *source.sample(others, 2)),
        question=f"\nWhich colour has {things[index]} in {land}? " + _HOW.format(kind="colour"),
    )


def _swapped_words(source: random.Random) -> LadderItem:
    land = source.choice(LANDS)
    thing = source.choice(sorted(_USUAL))
    usual = _USUAL[thing]
    other, *rest = source.sample([c for c in COLOURS if c != usual], 3)
    a, b = source.sample([usual, other], 2)
    context = source.choice(
        (
            f"In {land}, the word {a} means {b}, and the word {b} means {a}.",
            f"The people of {land} say {a} where we say {b}, and {b} where we say {a}.",
        )
    )
    return LadderItem(
        context=context,
        prompt=f" In {land}, {thing} is called",
        answer=other,
        wrong=(usual, *rest),
        question=f"\nWhich colour do they call {thing}? " + _HOW.format(kind="word"),
    )


def _from_the_end(source: random.Random) -> LadderItem:
    things = source.sample(THINGS, 6)
    index = source.randrange(4)
    word = ("first", "second", "third", "fourth")[index]
    context = source.choice(
        (
            f"This list is read from right to left: {', '.join(things)}.",
            f"The order is from last to first. The list: {', '.join(things)}.",
        )
    )
    answer = things[-1 - index]
    others = [t for t in things if t not in (answer, things[index])]
    return LadderItem(
        context=context,
        prompt=f" The {word} thing in it is the",
        answer=answer,
        wrong=(things[index], *source.sample(others, 2)),
        question=f"\nWhich is the {word} thing in it? " + _HOW.format(kind="word"),
    )


def _one_operator(source: random.Random) -> LadderItem:
    sign, meant = source.sample(["+", "-", "*"], 2)
    a, b = source.randint(4, 12), source.randint(2, 4)
    return _reckoned({sign: meant}, [a, b], [sign], source)


def _two_operators(source: random.Random, *, is_reversed: bool = False) -> LadderItem:
    signs = source.sample(["+", "-", "*"], 3)
    meant = dict(zip(signs, [*signs[1:], signs[0]], strict=True))
    meant.pop(signs[2])
    numbers = [source.randint(5, 12), source.randint(2, 4), source.randint(2, 4)]
    return _reckoned(meant, numbers, source.sample(signs[:2], 2), source, is_reversed=is_reversed)


def _reckoned(
    meant: Mapping[str, str],
    numbers: list[int],
    signs: list[str],
    source: random.Random,
    *,
    is_reversed: bool = False,
) -> LadderItem:
    text = str(numbers[0]) + "".join(
        f" {sign} {number}" for sign, number in zip(signs, numbers[1:], strict=True)
    )
    rules = listed([f"{sign} means {_OPERATIONS[to][0]}" for sign, to in meant.items()])
    way = "from right to left" if is_reversed else "from left to right"
    order = "" if len(signs) == 1 else f", and we reckon {way}"
    context = source.choice((f"Here {rules}{order}.", f"In this text {rules}{order}."))
    answer = _value(numbers, [meant.get(sign, sign) for sign in signs], is_reversed)
    habit = _value(numbers, signs, False)
    wrong = with_trap(answer, habit, source, least=_LEAST)
    return LadderItem(
        context=context,
        prompt=f" So what is {text}? The answer is",
        answer=str(answer),
        wrong=wrong or (),
        question=f"\nWhat is {text}? " + _HOW.format(kind="number"),
    )


def _value(numbers: list[int], signs: list[str], is_reversed: bool) -> int:
    """Return the result of reckoning in one direction, without precedence."""
    rest, operations = list(numbers), list(signs)
    while operations:
        at = -1 if is_reversed else 0
        sign = operations.pop(at)
        if is_reversed:
            b, a = rest.pop(), rest.pop()
            rest.append(_OPERATIONS[sign][1](a, b))
        else:
            a, b = rest.pop(0), rest.pop(0)
            rest.insert(0, _OPERATIONS[sign][1](a, b))
    return rest[0]


_KINDS: Mapping[int, Callable[[random.Random], LadderItem]] = {
    1: _other_colours,
    2: _swapped_words,
    3: _from_the_end,
    4: _one_operator,
    5: _two_operators,
    6: lambda source: _two_operators(source, is_reversed=True),
}


def _draw(level: int, source: random.Random) -> LadderItem:
    return _KINDS[level](source)


ALTERED_RULES = Generator(name="altered_rules", level_name="stage", levels=LEVELS, draw=_draw)
