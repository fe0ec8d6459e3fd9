"""The control: English subject-verb agreement as minimal pairs of two verb forms.

A fine-tune on tickets has no reason to touch this. The noun next to the verb agrees with the
answer in half of the items and misleads in the other half.
"""

from __future__ import annotations

from scripts.make.items.common import Item, positions, rng, with_answer_at

NOUNS = (
    ("key", "keys"), ("dog", "dogs"), ("teacher", "teachers"), ("picture", "pictures"),
    ("farmer", "farmers"), ("letter", "letters"), ("boat", "boats"), ("child", "children"),
    ("flower", "flowers"), ("guest", "guests"), ("book", "books"), ("player", "players"),
    ("window", "windows"), ("song", "songs"), ("friend", "friends"), ("horse", "horses"),
    ("tree", "trees"), ("worker", "workers"), ("girl", "girls"), ("road", "roads"),
)  # fmt: skip
NEIGHBOURS = (
    ("cabinet", "cabinets"), ("house", "houses"), ("student", "students"), ("wall", "walls"),
    ("river", "rivers"), ("neighbor", "neighbors"), ("garden", "gardens"), ("bench", "benches"),
    ("church", "churches"), ("singer", "singers"), ("hill", "hills"), ("manager", "managers"),
)  # fmt: skip
LINKS = ("near", "behind", "next to", "in front of", "beside", "across from")
# (singular form, plural form, what may come before the subject)
VERBS = (("is", "are"), ("was", "were"), ("has", "have"))
OPENINGS = ("The {}", "I think the {}", "We know that the {}", "Today the {}")


def agreement(n_items: int = 200) -> list[Item]:
    """Return minimal pairs; number, verb and misleading neighbour are balanced."""
    task = "agreement"
    where = positions(task, "", n_items, 2)
    items: list[Item] = []
    seen: set[str] = set()
    for index in range(n_items):
        plural, misleads = index % 2, index // 2 % 2
        verb = VERBS[index // 4 % len(VERBS)]
        for attempt in range(1000):
            source = rng(task, index, attempt)
            near = source.choice(NEIGHBOURS)[1 - plural if misleads else plural]
            subject = f"{source.choice(NOUNS)[plural]} {source.choice(LINKS)} the {near}"
            prompt = source.choice(OPENINGS).format(subject)
            if prompt not in seen:
                break
        seen.add(prompt)
        answer, other = verb[plural], verb[1 - plural]
        items.append(
            {
                "id": f"agreement-{verb[plural]}-{'misled' if misleads else 'plain'}-{index:03d}",
                "prompt": prompt,
                "choices": with_answer_at(answer, [other], where[index], source),
                "answer": answer,
            }
        )
    return items
