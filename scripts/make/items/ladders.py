"""Multi-step reasoning: one ladder, the same question with one more hop per level.

``nested_places``: a thing lies in a container, which lies in a container, and so on, and the last
one stands in a place. Three other containers stand in the three other places. The blocks come
in random order, so the place that is named first, last or next to the question is no hint.
"""

from __future__ import annotations

from scripts.make.items.common import (
    CONTAINERS,
    PLACES,
    SMALL_THINGS,
    Item,
    positions_in_parts,
    rng,
    with_answer_at,
)

HOPS = (1, 2, 3, 4, 5)
N_DISTRACTORS = 3
PARTS = (100, 40)  # items a level, as they were added


def chain(things: list[str], room: str) -> list[str]:
    """Return the sentences that put each thing into the next and the last one into the place."""
    where = [*things[1:], room]
    return [f"The {a} is in the {b}." for a, b in zip(things, where, strict=True)]


def nested_places() -> list[Item]:
    """Return the ladder; ``hops`` is the number of containers between the thing and the place."""
    task = "nested_places"
    items: list[Item] = []
    for hops in HOPS:
        where = positions_in_parts(task, hops, PARTS, N_DISTRACTORS + 1)
        for index in range(sum(PARTS)):
            source = rng(task, hops, index)
            things = [source.choice(SMALL_THINGS)]
            things += source.sample(CONTAINERS, hops + N_DISTRACTORS)
            rooms = source.sample(PLACES, N_DISTRACTORS + 1)
            nested, others = things[: hops + 1], things[hops + 1 :]
            blocks = [chain(nested, rooms[0])]
            blocks += [chain([t], r) for t, r in zip(others, rooms[1:], strict=True)]
            source.shuffle(blocks)
            story = " ".join(fact for block in blocks for fact in block)
            items.append(
                {
                    "id": f"nested-{hops}-{index:03d}",
                    "prompt": f"{story} So the {nested[0]} is in the",
                    "choices": with_answer_at(rooms[0], rooms[1:], where[index], source),
                    "answer": rooms[0],
                    "hops": hops,
                }
            )
    return items
