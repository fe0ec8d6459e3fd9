"""Words for made items: invented names that stand in no text, and plain things."""

from __future__ import annotations

import random
from collections.abc import Sequence

# ruff: noqa: SIM905 (lists of words are easier to read and to extend as text)
_HEADS = "bra dor fen gal hul jor kel lum mar nol pel quin rav sel tam ulm vor wen yar zeb".split()
_TAILS = "bek da dric fin go kas lin mo nax por ric sa til vik win zo".split()
NAMES = tuple((head + tail).capitalize() for head in _HEADS for tail in _TAILS)
"""Invented names of people, all of two syllables."""

_LANDS = "ia or and une esh".split()
LANDS = tuple((head + tail).capitalize() for head in _HEADS for tail in _LANDS)
UNITS = "bim dak fep gorn hask jeb lod mib nurl pask rill sonk tib vask wop zent".split()
"""Invented units of measure; the plural takes an s."""

THINGS = (
    "ball book key cup hat coin map letter bag box pen stone ring lamp card phone basket bottle "
    "apple doll drum flag kite rope shell spoon ticket"
).split()
COLOURS = "red blue green black white yellow brown pink grey orange".split()
TOWNS = "Lisbon Cairo Oslo Delhi Lima Rome Paris Tokyo Boston Dublin Berlin Athens".split()
JOBS = "baker doctor farmer lawyer nurse painter pilot singer teacher writer".split()
DAYS = "Monday Tuesday Wednesday Thursday Friday Saturday Sunday".split()


def names(n: int, source: random.Random) -> list[str]:
    """Return `n` invented names that begin with different syllables."""
    heads = source.sample(range(len(_HEADS)), n) if n <= len(_HEADS) else None
    if heads is None:
        return source.sample(NAMES, n)
    return [NAMES[head * len(_TAILS) + source.randrange(len(_TAILS))] for head in heads]


def plural(thing: str) -> str:
    """Return the plural of one of `THINGS`."""
    return f"{thing}es" if thing.endswith("x") else f"{thing}s"


_GAPS = (1, 2, 3, 10)


def near_numbers(answer: int, source: random.Random, *, least: int = 0) -> tuple[str, ...]:
    """Return three other numbers of at least `least`, near the answer.

    The gaps between the four are drawn before the answer's rank among them, so that the numbers
    alone say nothing: each is as likely the answer, but for what `least` forbids.
    """
    gaps = [source.choice(_GAPS if answer - least > sum(_GAPS) else _GAPS[:3]) for _ in range(3)]
    lowest = [answer - sum(gaps[:rank]) for rank in range(4)]
    first = source.choice([number for number in lowest if number >= least])
    all_four = [first + sum(gaps[:rank]) for rank in range(4)]
    return tuple(str(number) for number in all_four if number != answer)


def with_trap(
    answer: int, trap: int, source: random.Random, *, least: int = 0
) -> tuple[str, ...] | None:
    """Return a number that is wrong in a likely way, and a neighbour of it and of the answer.

    The two pairs are alike, so that the numbers alone do not tell the answer from the trap or from
    its own neighbour. None where the two are one, or fewer than four numbers would be different.
    """
    beside = [number + source.choice((-1, 1)) * source.choice(_GAPS) for number in (trap, answer)]
    four = (answer, trap, *beside)
    is_possible = len(set(four)) == len(four) and min(four) >= least
    return tuple(map(str, four[1:])) if is_possible else None


def listed(parts: Sequence[str], last: str = "and") -> str:
    """Join words as a sentence does: "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}"
