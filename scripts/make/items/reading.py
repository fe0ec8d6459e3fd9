"""Reading in context: a short passage of our own, a cloze about it, four words of the passage.

Each passage tells what four people did with four things, and the cloze says one of these facts
again, up to the thing. The asked fact stands first, second, third and last equally often. All four
are told twice: what stands at an end at first stands elsewhere the second time. Told once, small
models knew the facts at the ends and missed the others, so that the task measured the place.
"""

from __future__ import annotations

from scripts.make.items.common import (
    NAMES,
    OBJECTS,
    PLACES,
    Item,
    positions_in_parts,
    rng,
    with_answer_at,
)

N_FACTS = 4
PARTS = (200, 400)  # items, as they were added
AGAIN = (1, 3, 0, 2)  # the order of the second telling
ORDINALS = ("first", "second", "third", "last")
DEEDS = ("bought", "sold", "broke", "found", "lost", "painted", "cleaned", "drew", "hid", "stole")
SETTINGS = (
    "It was a rainy day at the {p}.", "Four friends met at the {p}.", "A day at the {p} ended.",
    "There was a party at the {p}.", "Much happened at the {p} last week.",
)  # fmt: skip
CLOZES = ("We know that", "It is true that", "The story says that", "As we read,")


def with_article(noun: str) -> str:
    """Return the noun with its indefinite article."""
    return f"an {noun}" if noun[0] in "aeiou" else f"a {noun}"


def reading_in_context() -> list[Item]:
    """Return passages with one question each."""
    task = "reading_in_context"
    where = positions_in_parts(task, "", PARTS, N_FACTS)
    picks = positions_in_parts(task, "asked", PARTS, N_FACTS)
    items: list[Item] = []
    for index in range(sum(PARTS)):
        source = rng(task, "", index)
        people, things = source.sample(NAMES, N_FACTS), source.sample(OBJECTS, N_FACTS)
        deeds = source.sample(DEEDS, N_FACTS)
        facts = [
            f"{person} {deed} {with_article(thing)}."
            for person, deed, thing in zip(people, deeds, things, strict=True)
        ]
        setting = source.choice(SETTINGS).format(p=source.choice(PLACES))
        again = " ".join(facts[number] for number in AGAIN)
        k = picks[index]
        others = [thing for thing in things if thing != things[k]]
        cloze = f"{source.choice(CLOZES)} {people[k]} {deeds[k]} a"
        items.append(
            {
                "id": f"reading-{ORDINALS[k]}-{index:03d}",
                "prompt": f"{setting} {' '.join(facts)} Once more: {again} {cloze}",
                "choices": with_answer_at(things[k], others, where[index], source),
                "answer": things[k],
            }
        )
    return items
