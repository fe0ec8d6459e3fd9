"""Templates of prompts: what is the same in many of them, with gaps where they are filled in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Container, Hashable, Iterator, Sequence

from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.diagnostics.traits import Trait, Traits, quoted
from cliffguard.core.texts import LEFT_OUT, ends_of
from cliffguard.core.words import bare

_COMMON = 0.1  # of the prompts; a rarer word tells no template from another
_N_OPENING_WORDS = 3
_GAP = "…"
_PARTS = ("whole", "first", "last")
_SAYS = ("the prompt reads", "the prompt begins", "the prompt ends")
_ENDS = ".?!:"  # of a sentence

_SENTENCE = re.compile(r"[^.?!:\n]*[.?!:\n]?")
_TOKEN = re.compile(r"\"[^\"\n]*\"|\d[\d.,]*|[^\W\d_]+(?:['’-][^\W\d_]+)*|[^\w\s]")


def template_traits(items: Sequence[CountedItem]) -> Traits:
    """Return the templates of whole prompts, of their first sentences and of their last.

    Prompts that begin alike are filled in where fewer than half of them have the same word.
    """
    prompts = [_sentences(item.pair.item.prompt) for item in items]
    counts = Counter(word for prompt in prompts for word in {t for row in prompt for t in row})
    common = {word for word, n in counts.items() if n >= _COMMON * len(items)}
    choices = [{bare(choice) for choice in item.pair.item.choices} for item in items]
    heads = [[tuple(_masked(row, common)[:_N_OPENING_WORDS]) for row in rows] for rows in prompts]
    firsts, lasts = ([tuple(row[end : end + 1 or None]) for row in heads] for end in (0, -1))
    keys: tuple[Sequence[Hashable], ...] = (list(zip(firsts, lasts, strict=True)), firsts, lasts)
    texts = [[token for row in prompt for token in row] for prompt in prompts]
    ends = ([prompt[end] if prompt else [] for prompt in prompts] for end in (0, -1))
    traits: list[list[Trait]] = [[] for _ in items]
    for part, says, alike, rows in zip(_PARTS, _SAYS, keys, (texts, *ends), strict=True):
        for number, skeleton in enumerate(_skeletons(alike, rows, choices)):
            if skeleton.strip(f"{_GAP}.?!: "):
                name = f"{says} {quoted(skeleton)}"
                traits[number].append(Trait("template", f"template:{part}:{skeleton}", name, True))
    return traits


def _sentences(prompt: str) -> list[list[str]]:
    """Return the words and signs of every sentence of a prompt, of a long one of its ends."""
    prompt = ends_of(prompt).replace(LEFT_OUT, "\n")  # no more is held of all logged ones
    return [row for sentence in _SENTENCE.findall(prompt) if (row := _TOKEN.findall(sentence))]


def _skeletons(
    keys: Sequence[Hashable], rows: Sequence[list[str]], choices: Sequence[set[str]]
) -> list[str]:
    """Return texts with gaps where most of those of the same key have another word."""
    sizes = Counter(keys)
    counts: dict[Hashable, Counter[str]] = {key: Counter() for key in sizes}
    for key, row in zip(keys, rows, strict=True):
        counts[key].update(set(row))
    kept = {
        key: {word for word, n in c.items() if 2 * n >= sizes[key]} for key, c in counts.items()
    }
    return [
        " ".join(_masked(row, kept[key], without))
        for key, row, without in zip(keys, rows, choices, strict=True)
    ]


def _masked(row: Sequence[str], kept: set[str], without: Container[str] = ()) -> list[str]:
    """Return a sentence with a gap for every name, and word that is not kept or is a choice."""
    masked: list[str] = []
    for number, token in enumerate(row):
        is_name = (
            number > 0 and token[0].isupper() and token != "I" and row[number - 1] not in _ENDS
        )
        is_kept = token in kept and not is_name and token.casefold() not in without
        if is_kept or masked[-1:] != [_GAP]:
            masked.append(token if is_kept else _GAP)
    return masked


def opening_traits(items: Sequence[CountedItem]) -> Traits:
    """Return the first three words of every prompt."""
    return [list(_opening_traits(item.pair.item.prompt)) for item in items]


def _opening_traits(prompt: str) -> Iterator[Trait]:
    words = " ".join(ends_of(prompt).partition(LEFT_OUT)[0].split()[:_N_OPENING_WORDS])
    if words:
        yield Trait("opening", f"opening:{words}", f"the prompt opens with {quoted(words)}", True)
