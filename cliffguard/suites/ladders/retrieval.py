"""Key-value retrieval in a long context, by its length in tokens of about four characters.

Four keys with their values lie spread over plain sentences about other people; one is asked for.
The wrong choices are values of other keys, so that only the pairing helps.
"""

from __future__ import annotations

import random

from cliffguard.suites.ladders.draft import Generator, LadderItem
from cliffguard.suites.ladders.words import COLOURS, JOBS, THINGS, TOWNS, names

LEVELS = (256, 512, 1024, 2048, 4096, 8192, 16384, 32768)
"""Tokens of the context, at the most, under tokenizers of English."""

CHARACTERS_A_TOKEN = 3.0
"""Of such text, at the least: invented names take several tokens each."""

_N_KEYS = 4
_MARGIN_TOKENS = 48  # for the question and the answer
_FACTS = (
    ("The locker of {who} holds a {what}.", "The locker of {who} holds a"),
    ("{who} keeps the {what} safe.", "{who} keeps the"),
    ("{who} was given a {what} today.", "{who} was given a"),
)
_QUESTIONS = (
    "What does the locker of {who} hold?",
    "What does {who} keep safe?",
    "What was {who} given today?",
)
_FILLER = (
    "A {job} from {town} painted the door {colour}.",
    "The train to {town} was late, and the {job} waited.",
    "In {town} the houses are {colour}, they say.",
    "The {job} told a long story about {town}.",
    "Nobody in {town} knew the {job} with the {colour} coat.",
)


def _draw(n_tokens: int, source: random.Random) -> LadderItem:
    n_characters = int((n_tokens - _MARGIN_TOKENS) * CHARACTERS_A_TOKEN)
    people, things = names(_N_KEYS, source), source.sample(THINGS, _N_KEYS)
    kind = source.randrange(len(_FACTS))
    fact, cloze = _FACTS[kind]
    facts = [fact.format(who=w, what=t) for w, t in zip(people, things, strict=True)]
    filler: list[str] = []
    left = n_characters - sum(len(fact) + 1 for fact in facts)
    while True:
        sentence = source.choice(_FILLER).format(
            job=source.choice(JOBS), town=source.choice(TOWNS), colour=source.choice(COLOURS)
        )
        left -= len(sentence) + 1
        if left < 0:
            break
        filler.append(sentence)
    for position, needle in zip(_spread(len(filler), source), facts, strict=True):
        filler.insert(position, needle)
    text = " ".join(filler)
    index = source.randrange(_N_KEYS)
    others = [thing for thing in things if thing != things[index]]
    ask = _QUESTIONS[kind].format(who=people[index])
    return LadderItem(
        context=text,
        prompt=f" {cloze.format(who=people[index])}",
        answer=things[index],
        wrong=tuple(source.sample(others, 3)),
        question=f"\n{ask} Answer with the thing only.\nAnswer:",
    )


def _spread(n_sentences: int, source: random.Random) -> list[int]:
    """Return where the facts go in, from the end to the start, one in every fourth of the text."""
    edges = [round(part * n_sentences / _N_KEYS) for part in range(_N_KEYS + 1)]
    return [
        source.randint(low, high) for low, high in zip(edges[-2::-1], edges[:0:-1], strict=True)
    ]


KEY_VALUE_RETRIEVAL = Generator(
    name="key_value_retrieval", level_name="tokens", levels=LEVELS, draw=_draw
)
