"""The target's job in other houses: who sends what to which of four desks.

The desks are named in the prompt, since no model can know them; no message names one.
"""

from __future__ import annotations

from scripts.make.items.common import Item, positions_in_parts, rng, texts

FIRST, ADDED = texts("desks").values()  # by business and desk, what people write to it
FRAMES = (
    "The desks of the {b} are {d}.\nMessage: {m}\nDesk:",
    "At the {b}, mail goes to one of four desks: {d}.\nMail: {m}\nGoes to:",
    "Business: {b}\nDesks: {d}\nCaller: {m}\nPut through to:",
    "You sort the letters of the {b} into four boxes: {d}.\nLetter: {m}\nBox:",
)
N_DESKS = 4


def other_desks() -> list[Item]:
    """Return one item per message; the desks stand in the prompt in the order of the choices."""
    task = "other_desks"
    rows = [
        (business, desk, list(desks), message)
        for business, desks in (*FIRST.items(), *ADDED.items())
        for desk, messages in desks.items()
        for message in messages
    ]
    n_first = sum(len(messages) for desks in FIRST.values() for messages in desks.values())
    where = positions_in_parts(task, "", (n_first, len(rows) - n_first), N_DESKS)
    items: list[Item] = []
    for index, (business, desk, desks, message) in enumerate(rows):
        source = rng(task, business, index)
        named = [other for other in desks if other != desk]
        source.shuffle(named)
        named.insert(where[index], desk)
        listed = ", ".join(named)
        items.append(
            {
                "id": f"desk-{business.split()[-1]}-{desk}-{index:03d}",
                "prompt": source.choice(FRAMES).format(b=business, d=listed, m=message),
                "choices": named,
                "answer": desk,
                "cluster": f"{business}: {desk}",
            }
        )
    return items
