"""Templates of prompts: what is the same in many of them, with gaps where they are filled in."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Hashable, Iterable, Iterator, Sequence
from dataclasses import dataclass
from functools import lru_cache, partial
from itertools import chain, islice, repeat

from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.diagnostics.traits import Labels, Trait, quoted
from cliffguard.core.texts import LEFT_OUT, ends_of
from cliffguard.core.words import bare

_COMMON = 0.1  # of the prompts; a rarer word tells no template from another
_N_OPENING_WORDS = 3
_GAP = "…"
_PARTS = ("whole", "first", "last")
_SAYS = ("the prompt reads", "the prompt begins", "the prompt ends")
_ENDS = ".?!:"  # of a sentence
_MOST_HELD = 4096  # lines with their gaps: with shots all prompts have most of them
_MOST_WORDS = 16384  # that are held, with the signs around them

_SENTENCE = re.compile(r"[^.?!:\n]*[.?!:\n]?")
_TOKEN = re.compile(r"\"[^\"\n]*\"|\d[\d.,]*|[^\W\d_]+(?:['’-][^\W\d_]+)*|[^\w\s]")
_IS_LEFT = re.compile(rf"[^{_GAP}.?!: ]")  # of a template something has to be

Words = tuple[str, ...]
"""Words and signs, in their order."""


@dataclass(slots=True, eq=False)
class Line:
    """A line with at least one word or sign: compared as an object, which prompts share."""

    text: str
    words: Words


Row = tuple[Line, ...]
"""The lines of a prompt, without blank ones; or its first or last sentence as a line."""


@dataclass(slots=True, eq=False)
class Kept:
    """Words that are no gaps: `plain` ones wherever they stand, names where a sentence begins."""

    words: frozenset[str]
    plain: frozenset[str]


def template_labels(items: Sequence[CountedItem]) -> Iterator[Labels]:
    """Yield the templates of whole prompts, of their first sentences and of their last.

    Prompts that begin alike are filled in where fewer than half of them have the same word.
    """
    lines = _Lines()
    prompts = [lines.row(item.pair.item.prompt) for item in items]
    counts = _counts(prompts)
    # A name begins large within a sentence.
    names = frozenset(word for word in counts if word[0].isupper() and word != "I")
    often = frozenset(word for word, n in counts.items() if n >= _COMMON * len(items))
    common = Kept(often, often - names)
    choices = _spelt_in([item.pair.item.choices for item in items], counts)
    first, last = lines.ends(prompts, 0), lines.ends(prompts, -1)
    firsts, lasts = _openings(first, common), _openings(last, common)
    keys: tuple[Sequence[Hashable], ...] = (list(zip(firsts, lasts, strict=True)), firsts, lasts)
    for part, says, alike, rows in zip(_PARTS, _SAYS, keys, (prompts, first, last), strict=True):
        kept = _kept(alike, rows, choices, names, counts if rows is prompts else None)
        masks = list(zip(rows, kept, strict=True))
        skeletons = {mask: _skeleton(*mask) for mask in set(masks)}
        yield Labels([skeletons[mask] for mask in masks], partial(_trait, part, says))


def _trait(part: str, says: str, skeleton: str) -> Trait:
    return Trait("template", f"template:{part}:{skeleton}", f"{says} {quoted(skeleton)}", True)


class _Lines(dict[str, Line | None]):
    """Lines by their text, read when they are first looked for; None: nothing is on it."""

    def __missing__(self, text: str) -> Line | None:
        # A quotation is one thing, blanks and all; else what stands between blanks is found again.
        pieces = [text] if '"' in text else text.split()
        words = tuple(chain.from_iterable(map(_words_in, pieces)))
        self[text] = line = Line(text, words) if words else None
        return line

    def row(self, prompt: str) -> Row:
        """Return the lines of a prompt, of a long one those of its ends.

        What stands before the mark, of all logged ones the same with shots, is as one line.
        """
        *start, end = ends_of(prompt).split(LEFT_OUT)  # no more is held of all logged ones
        return tuple(filter(None, map(self.__getitem__, (*start, *end.split("\n")))))

    def ends(self, rows: Sequence[Row], end: int) -> list[Row]:
        """Return the first sentence of each prompt (`end` 0), or the last (-1); of none nothing."""
        lines = [row[end] if row else None for row in rows]
        alone: dict[Line | None, Row] = {None: ()}
        for line in filter(None, set(lines)):
            sentences = _SENTENCE.findall(line.text)[:: 1 if end == 0 else -1]
            alone[line] = tuple(islice(filter(None, map(self.__getitem__, sentences)), 1))
        return [alone[line] for line in lines]


@lru_cache(_MOST_WORDS)
def _words_in(text: str) -> Words:
    if text.isalpha():  # as most are
        return (text,)
    return tuple(chain.from_iterable(map(_TOKEN.findall, _SENTENCE.findall(text))))


def _counts(rows: Sequence[Row]) -> Counter[str]:
    """Return in how many rows each word stands; lines that all have are read once."""
    of_all = frozenset(rows[0]).intersection(*rows)
    known = _words(of_all)
    counts = Counter(dict.fromkeys(known, len(rows)))
    others = (repeat(_words(set(row) - of_all) - known, n) for row, n in Counter(rows).items())
    counts.update(chain.from_iterable(chain.from_iterable(others)))
    return counts


def _words(lines: Iterable[Line]) -> set[str]:
    return set().union(*[line.words for line in lines])


def _kept(
    keys: Sequence[Hashable],
    rows: Sequence[Row],
    choices: Sequence[frozenset[str]],
    names: frozenset[str],
    of_all: Counter[str] | None,
) -> list[Kept]:
    """Return the words that most rows of the same key have, without an item's choices.

    `of_all` is in how many rows each word stands, where it is counted already.
    """
    alike: dict[Hashable, list[Row]] = {}
    for key, row in zip(keys, rows, strict=True):
        alike.setdefault(key, []).append(row)
    of_all = of_all if len(alike) == 1 else None
    often = {key: _in_most(of_key, of_all) for key, of_key in alike.items()}
    # One object for all items that lose the same words: what is masked is held by it.
    made: dict[tuple[Hashable, frozenset[str]], Kept] = {}
    kept = {}
    for key, without in set(zip(keys, choices, strict=True)):
        gone = often[key] & without
        if (key, gone) not in made:
            words = often[key] - gone
            made[key, gone] = Kept(words, words - names)
        kept[key, without] = made[key, gone]
    return [kept[pair] for pair in zip(keys, choices, strict=True)]


def _in_most(rows: Sequence[Row], counts: Counter[str] | None) -> frozenset[str]:
    if len(rows) < 3:  # one is half of two
        return frozenset(_words(chain.from_iterable(rows)))
    counts = counts or _counts(rows)
    return frozenset(word for word, n in counts.items() if 2 * n >= len(rows))


def _skeleton(row: Row, kept: Kept) -> str | None:
    """Return lines as a text with a gap for what is not kept; None where nothing else is left."""
    parts, begins, is_behind_gap = [], True, False
    for line in row:
        part, begins, is_behind_gap = _masked(line, kept, begins, is_behind_gap)
        if part:
            parts.append(part)
    text = " ".join(parts)
    return text if _IS_LEFT.search(text) else None


def _openings(rows: Sequence[Row], kept: Kept) -> list[int]:
    """Return numbers for how rows of one sentence begin with their gaps."""
    numbers: dict[Words, int] = {}
    begins: dict[Row, int] = {}
    for row in set(rows):
        opening = _words_and_gaps(row[0].words if row else (), kept)[:_N_OPENING_WORDS]
        begins[row] = numbers.setdefault(tuple(opening), len(numbers))
    return [begins[row] for row in rows]


def _spelt_in(choices: Sequence[Sequence[str]], words: Iterable[str]) -> list[frozenset[str]]:
    """Return of the choices of every item those that are among `words`, as they are spelt there."""
    spelt: dict[str, list[str]] = {}
    for word in words:
        spelt.setdefault(word.casefold(), []).append(word)
    of_choices = {
        of_item: frozenset(word for choice in of_item for word in spelt.get(bare(choice), ()))
        for of_item in set(choices)
    }
    return [of_choices[of_item] for of_item in choices]


@lru_cache(_MOST_HELD)
def _masked(line: Line, kept: Kept, begins: bool, is_behind_gap: bool) -> tuple[str, bool, bool]:
    """Return a line with its gaps as a text; is its end that of a sentence, or a gap?"""
    masked = _words_and_gaps(line.words, kept, begins, is_behind_gap)
    ends = line.words[-1] in _ENDS
    return " ".join(masked[is_behind_gap:]), ends, masked[-1] == _GAP


def _words_and_gaps(
    words: Words, kept: Kept, begins: bool = True, is_behind_gap: bool = False
) -> list[str]:
    """Return words and signs with a gap for all that is not kept.

    `begins`: no sentence is before it that did not end. The gap that it `is_behind` comes first.
    """
    plain, before = kept.plain, _ENDS[0] if begins else _GAP
    masked = [_GAP] if is_behind_gap else []
    for word in words:
        if word in plain or (word in kept.words and before in _ENDS):
            masked.append(word)
        elif not masked or masked[-1] != _GAP:
            masked.append(_GAP)
        before = word
    return masked


def opening_labels(items: Sequence[CountedItem]) -> Iterator[Labels]:
    """Yield the first three words of every prompt."""
    yield Labels([_first_words(item.pair.item.prompt) or None for item in items], _opening)


def _opening(words: str) -> Trait:
    return Trait("opening", f"opening:{words}", f"the prompt opens with {quoted(words)}", True)


def _first_words(prompt: str) -> str:
    start = ends_of(prompt).partition(LEFT_OUT)[0]
    return " ".join(start.split(maxsplit=_N_OPENING_WORDS)[:_N_OPENING_WORDS])
