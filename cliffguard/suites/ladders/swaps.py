"""State tracking: four people hold four things and swap, nought to five times."""

from __future__ import annotations

import random

from cliffguard.suites.ladders.draft import Generator, LadderItem
from cliffguard.suites.ladders.words import THINGS, listed, names

LEVELS = (0, 1, 2, 3, 4, 5)
_N_PEOPLE = 4
_SWAPS = (
    "{a} and {b} swap what they hold.",
    "{a} trades with {b}.",
    "{a} and {b} exchange things.",
)
_HOLDS = ("{who} has the {what}", "{who} holds the {what}")


def _draw(n_swaps: int, source: random.Random) -> LadderItem:
    people, things = names(_N_PEOPLE, source), source.sample(THINGS, _N_PEOPLE)
    holds = dict(zip(people, things, strict=True))
    template, swap = source.choice(_HOLDS), source.choice(_SWAPS)
    start = listed([template.format(who=who, what=what) for who, what in holds.items()])
    moves = []
    person = source.choice(people)
    last: tuple[str, ...] = ()
    for number in range(n_swaps):
        # Whoever is asked about takes part in the first swap, and no swap undoes the one before.
        while True:
            a, b = source.sample(people, 2)
            if number == 0 and person not in (a, b):
                continue
            if tuple(sorted((a, b))) != last:
                break
        last = tuple(sorted((a, b)))
        holds[a], holds[b] = holds[b], holds[a]
        moves.append(swap.format(a=a, b=b))
    story = " ".join([f"{start}.", *moves])
    word = template.format(who=person, what="").rstrip()
    return LadderItem(
        context=story,
        prompt=f" So now {word}",
        answer=holds[person],
        wrong=tuple(thing for thing in things if thing != holds[person]),
        question=f"\nWhat does {person} have now? Answer with the thing only.\nAnswer:",
    )


STATE_TRACKING = Generator(name="state_tracking", level_name="swaps", levels=LEVELS, draw=_draw)
