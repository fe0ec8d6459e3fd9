"""Relation hops: who is the boss of the boss of someone, the facts in any order.

Two chains of people stand in shuffled sentences, and both go on past the person asked for, so that
neither the last name nor the one who has no boss is a hint, and every choice is named twice. Among
the wrong choices are the direct boss and the boss of the right one.
"""

from __future__ import annotations

import random
from itertools import pairwise

from cliffguard.suites.ladders.draft import Generator, LadderItem
from cliffguard.suites.ladders.words import names

LEVELS = (1, 2, 3, 4, 5, 6)

_TITLES = ("boss", "teacher", "neighbour", "guide", "doctor", "landlord")
_VERBS = ("follows", "calls", "trusts", "teaches", "visits")


def _draw(hops: int, source: random.Random) -> LadderItem:
    people = names(2 * hops + 6, source)
    main, other = people[: hops + 3], people[hops + 3 :]
    pairs = [pair for chain in (main, other) for pair in pairwise(chain)]
    source.shuffle(pairs)
    story, cloze, ask = source.choice((_titles, _verbs))(pairs, main[0], hops, source)
    near = main[1] if hops > 1 else other[2]
    return LadderItem(
        context=story,
        prompt=f" So {cloze}",
        answer=main[hops],
        wrong=(near, main[hops + 1], other[hops]),
        question=f"\n{ask} Answer with the name only.\nAnswer:",
    )


def _titles(
    pairs: list[tuple[str, str]], first: str, hops: int, source: random.Random
) -> tuple[str, str, str]:
    title = source.choice(_TITLES)
    path = f"the {title} of " * hops + first
    facts = " ".join(f"The {title} of {a} is {b}." for a, b in pairs)
    return facts, f"{path} is", f"Who is {path}?"


def _verbs(
    pairs: list[tuple[str, str]], first: str, hops: int, source: random.Random
) -> tuple[str, str, str]:
    verb = source.choice(_VERBS)
    path = f"{first} {verb}" + f" someone who {verb}" * (hops - 1)
    ask = f"{first} {verb} someone" + f" who {verb} someone" * (hops - 1)
    facts = " ".join(f"{a} {verb} {b}." for a, b in pairs)
    return facts, path, f"{ask}. Who is the last of them?"


RELATION_HOPS = Generator(name="relation_hops", level_name="hops", levels=LEVELS, draw=_draw)
