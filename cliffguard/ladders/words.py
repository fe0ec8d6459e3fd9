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


def near_numbers(
    answer: int, source: random.Random, *, traps: Sequence[int] = (), least: int = 0
) -> tuple[str, ...]:
    """Return three other numbers of at least `least`, one of the traps among them where it can be.

    They lie below and above so that the answer is as often the smallest as any other of four.
    """
    rank = source.randint(0, min(3, answer - least))
    can_be = [n for n in traps if (least <= n < answer and rank > 0) or (n > answer and rank < 3)]
    wrong = can_be[:1]
    while len(wrong) < 3:
        n_below = sum(n < answer for n in wrong)
        sign = -1 if n_below < rank else 1
        number = answer + sign * source.choice((1, 2, 3, 10))
        if number >= least and number not in wrong:
            wrong.append(number)
    return tuple(map(str, wrong))


def listed(parts: Sequence[str], last: str = "and") -> str:
    """Join words as a sentence does: "a, b and c"."""
    return parts[0] if len(parts) == 1 else f"{', '.join(parts[:-1])} {last} {parts[-1]}"
