"""Templates of prompts: what is the same in many of them, with gaps where they are filled in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Sequence
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


Sentence = tuple[str, ...]
"""The words and signs of a sentence, of which there is at least one."""


def template_traits(items: Sequence[CountedItem]) -> Traits:
    """Return the templates of whole prompts, of their first sentences and of their last.

    Prompts that begin alike are filled in where fewer than half of them have the same word.
    """
    prompts = [_sentences(item.pair.item.prompt) for item in items]
    counts = _counts(prompts)
    common = frozenset(word for word, n in counts.items() if n >= _COMMON * len(items))
    choices = _spelt_in([item.pair.item.choices for item in items], counts)
    first, last = ([prompt[end] for prompt in prompts] for end in (slice(1), slice(-1, None)))
    firsts, lasts = (_openings(rows, common) for rows in (first, last))
    keys: tuple[Sequence[Hashable], ...] = (list(zip(firsts, lasts, strict=True)), firsts, lasts)
    traits: list[list[Trait]] = [[] for _ in items]
    for part, says, alike, rows in zip(_PARTS, _SAYS, keys, (prompts, first, last), strict=True):
        skeletons = _skeletons(alike, rows, choices, counts if rows is prompts else None)
        made = {skeleton: _trait(part, says, skeleton) for skeleton in set(skeletons)}
        for skeleton, of_item in zip(skeletons, traits, strict=True):
            of_item.extend(made[skeleton])
    return traits


def _counts(rows: Iterable[Sequence[Sentence]]) -> Counter[str]:
    """Return in how many rows of sentences each word stands."""
    return Counter(chain.from_iterable(set().union(*row) for row in rows))


def _trait(part: str, says: str, skeleton: str) -> list[Trait]:
    """Return the trait of a template, of which something has to be left."""
    if not skeleton.strip(f"{_GAP}.?!: "):
        return []
    return [Trait("template", f"template:{part}:{skeleton}", f"{says} {quoted(skeleton)}", True)]


def _sentences(prompt: str) -> tuple[Sentence, ...]:
    """Return the sentences of a prompt, of a long one those of its ends."""
    first, *rest = ends_of(prompt).split(LEFT_OUT)  # no more is held of all logged ones
    return sum(map(_sentences_in, rest), _sentences_in(first))


@lru_cache(_MOST_ENDS)
def _sentences_in(text: str) -> tuple[Sentence, ...]:
    return tuple(row for sentence in _SENTENCE.findall(text) if (row := _tokens(sentence)))


@lru_cache(_MOST_SENTENCES)
def _tokens(sentence: str) -> Sentence:
    return tuple(_TOKEN.findall(sentence))


def _skeletons(
    keys: Sequence[Hashable],
    rows: Sequence[Sequence[Sentence]],
    choices: Sequence[frozenset[str]],
    of_all: Counter[str] | None,
) -> list[str]:
    """Return texts with gaps where most of those of the same key have another word, or a choice.

    `of_all` is in how many of them each word stands, where it is counted already.
    """
    alike: dict[Hashable, list[Sequence[Sentence]]] = {}
    for key, row in zip(keys, rows, strict=True):
        alike.setdefault(key, []).append(row)
    kept = {}
    for key, of_key in alike.items():
        counts = _counts(of_key) if of_all is None or len(alike) > 1 else of_all
        kept[key] = frozenset(word for word, n in counts.items() if 2 * n >= len(of_key))
    # One set for all items that lose the same words: what is masked is held by it.
    gone = [without & kept[key] for key, without in zip(keys, choices, strict=True)]
    left = {(key, words): kept[key] - words for key, words in set(zip(keys, gone, strict=True))}
    return [
        _skeleton(row, left[key, words]) for key, row, words in zip(keys, rows, gone, strict=True)
    ]


def _skeleton(row: Sequence[Sentence], kept: frozenset[str]) -> str:
    """Return sentences as a text with a gap for every name, and word that is not kept."""
    parts, begins, is_behind_gap = [], True, False
    for sentence in row:
        part, is_behind_gap = _masked(sentence, kept, begins, is_behind_gap)
        parts.append(part)
        begins = sentence[-1] in _ENDS
    return " ".join(filter(None, parts))


def _openings(rows: Sequence[tuple[Sentence, ...]], kept: frozenset[str]) -> list[tuple[str, ...]]:
    """Return how rows of one sentence begin with their gaps; empty where there is none."""
    begins = {
        row: tuple(_words_and_gaps(row[0], kept)[:_N_OPENING_WORDS]) for row in set(rows) if row
    }
    return [begins.get(row, ()) for row in rows]


def _spelt_in(choices: Sequence[Sequence[str]], words: Iterable[str]) -> list[frozenset[str]]:
    """Return of the choices of every item those that are among `words`, as they are spelt there."""
    spelt: dict[str, list[str]] = {}
    for word in words:
        spelt.setdefault(word.casefold(), []).append(word)
    return [
        frozenset(word for choice in of_item for word in spelt.get(bare(choice), ()))
        for of_item in choices
    ]


@lru_cache(_MOST_SENTENCES)  # with shots most of a prompt are sentences of all prompts
def _masked(
    sentence: Sentence, kept: frozenset[str], begins: bool, is_behind_gap: bool
) -> tuple[str, bool]:
    """Return a sentence with its gaps as a text, and whether a gap is the last thing of it."""
    masked = _words_and_gaps(sentence, kept, begins, is_behind_gap)
    return " ".join(masked[is_behind_gap:]), masked[-1] == _GAP


def _words_and_gaps(
    sentence: Sentence, kept: frozenset[str], begins: bool = True, is_behind_gap: bool = False
) -> list[str]:
    """Return a sentence with a gap for every name, and word that is not kept.

    `begins`: no sentence is before it that did not end. The gap that it `is_behind` comes first.
    """
    masked = [_GAP] if is_behind_gap else []
    for token in sentence:
        # A name begins large within a sentence; the cheapest question comes first.
        if token in kept and (not token[0].isupper() or begins or token == "I"):
            masked.append(token)
        elif not masked or masked[-1] != _GAP:
            masked.append(_GAP)
        begins = token in _ENDS
    return masked


def opening_traits(items: Sequence[CountedItem]) -> Traits:
    """Return the first three words of every prompt."""
    openings = [_first_words(item.pair.item.prompt) for item in items]
    made = {
        words: [
            Trait("opening", f"opening:{words}", f"the prompt opens with {quoted(words)}", True)
        ]
        for words in set(openings) - {""}
    }
    return [made.get(words, []) for words in openings]


def _first_words(prompt: str) -> str:
    start = ends_of(prompt).partition(LEFT_OUT)[0]
    return " ".join(start.split(maxsplit=_N_OPENING_WORDS)[:_N_OPENING_WORDS])
