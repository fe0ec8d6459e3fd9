"""Templates of prompts: what is the same in many of them, with gaps where they are filled in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence, Set
from functools import lru_cache
from itertools import chain

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
_MOST_ENDS = 64  # whose sentences are held: with shots all prompts of a task begin alike
_MOST_SENTENCES = 4096  # whose words are held

_SENTENCE = re.compile(r"[^.?!:\n]*[.?!:\n]?")
_TOKEN = re.compile(r"\"[^\"\n]*\"|\d[\d.,]*|[^\W\d_]+(?:['’-][^\W\d_]+)*|[^\w\s]")


def template_traits(items: Sequence[CountedItem]) -> Traits:
    """Return the templates of whole prompts, of their first sentences and of their last.

    Prompts that begin alike are filled in where fewer than half of them have the same word.
    """
    prompts = [_sentences(item.pair.item.prompt) for item in items]
    texts = [list(chain.from_iterable(prompt)) for prompt in prompts]
    counts = Counter(chain.from_iterable(map(set, texts)))
    common = {word for word, n in counts.items() if n >= _COMMON * len(items)}
    choices = _spelt_in([item.pair.item.choices for item in items], counts)
    first, last = ([prompt[end] if prompt else () for prompt in prompts] for end in (0, -1))
    firsts, lasts = (
        [tuple(_masked(row, common)[:_N_OPENING_WORDS]) for row in rows] for rows in (first, last)
    )
    keys: tuple[Sequence[Hashable], ...] = (list(zip(firsts, lasts, strict=True)), firsts, lasts)
    traits: list[list[Trait]] = [[] for _ in items]
    parts: tuple[Sequence[Sequence[str]], ...] = (texts, first, last)
    for part, says, alike, rows in zip(_PARTS, _SAYS, keys, parts, strict=True):
        skeletons = _skeletons(alike, rows, choices, counts if rows is texts else None)
        made = {skeleton: _trait(part, says, skeleton) for skeleton in set(skeletons)}
        for skeleton, of_item in zip(skeletons, traits, strict=True):
            of_item.extend(made[skeleton])
    return traits


def _trait(part: str, says: str, skeleton: str) -> list[Trait]:
    """Return the trait of a template, of which something has to be left."""
    if not skeleton.strip(f"{_GAP}.?!: "):
        return []
    return [Trait("template", f"template:{part}:{skeleton}", f"{says} {quoted(skeleton)}", True)]


def _sentences(prompt: str) -> list[tuple[str, ...]]:
    """Return the words and signs of every sentence of a prompt, of a long one of its ends."""
    ends = ends_of(prompt).split(LEFT_OUT)  # no more is held of all logged ones
    return [row for end in ends for row in _sentences_in(end)]


@lru_cache(_MOST_ENDS)
def _sentences_in(text: str) -> tuple[tuple[str, ...], ...]:
    return tuple(row for sentence in _SENTENCE.findall(text) if (row := _tokens(sentence)))


@lru_cache(_MOST_SENTENCES)
def _tokens(sentence: str) -> tuple[str, ...]:
    return tuple(_TOKEN.findall(sentence))


def _skeletons(
    keys: Sequence[Hashable],
    rows: Sequence[Sequence[str]],
    choices: Sequence[set[str]],
    of_all: Counter[str] | None,
) -> list[str]:
    """Return texts with gaps where most of those of the same key have another word, or a choice.

    `of_all` is in how many of them each word stands, where it is counted already.
    """
    sizes = Counter(keys)
    counts: dict[Hashable, Counter[str]] = {key: Counter() for key in sizes}
    if of_all is not None and len(sizes) == 1:
        counts = dict.fromkeys(sizes, of_all)
    else:
        for key, row in zip(keys, rows, strict=True):
            counts[key].update(set(row))
    kept = {
        key: {word for word, n in c.items() if 2 * n >= sizes[key]} for key, c in counts.items()
    }
    return [
        " ".join(_masked(row, kept[key] - without if without else kept[key]))
        for key, row, without in zip(keys, rows, choices, strict=True)
    ]


def _spelt_in(choices: Sequence[Sequence[str]], words: Iterable[str]) -> list[set[str]]:
    """Return of the choices of every item those that are among `words`, as they are spelt there."""
    spelt: dict[str, list[str]] = {}
    for word in words:
        spelt.setdefault(word.casefold(), []).append(word)
    return [
        {word for choice in of_item for word in spelt.get(bare(choice), ())} for of_item in choices
    ]


def _masked(row: Sequence[str], kept: Set[str]) -> list[str]:
    """Return a sentence with a gap for every name, and word that is not kept."""
    masked: list[str] = []
    before = "."
    for token in row:
        # A name begins large within a sentence; the cheapest question comes first.
        if token in kept and (not token[0].isupper() or before in _ENDS or token == "I"):
            masked.append(token)
        elif not masked or masked[-1] != _GAP:
            masked.append(_GAP)
        before = token
    return masked


def opening_traits(items: Sequence[CountedItem]) -> Traits:
    """Return the first three words of every prompt."""
    return [list(_opening_traits(item.pair.item.prompt)) for item in items]


def _opening_traits(prompt: str) -> Iterator[Trait]:
    start = ends_of(prompt).partition(LEFT_OUT)[0]
    words = " ".join(start.split(maxsplit=_N_OPENING_WORDS)[:_N_OPENING_WORDS])
    if words:
        yield Trait("opening", f"opening:{words}", f"the prompt opens with {quoted(words)}", True)
