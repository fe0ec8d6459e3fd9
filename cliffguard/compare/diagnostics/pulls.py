"""Pulls: what the candidate says where it is wrong, and the base does not.

A pull is to a choice by its words, to a place among the choices (as listed, or as the prompt
mentions them), to a short generated answer, or to the first words of one. It is paired: of every
item in which it is on offer and wrong both answers are looked at, and of a healthy candidate as
many items go over to it as leave it. So is *overconfident*: confident and wrong, as
`core.diagnostics` has it. Who is wrong more often by mere chance says every wrong thing more often:
`Noise` is what that is told apart by.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Sequence
from itertools import chain
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cliffguard.compare.diagnostics.answer_places import mention_order
from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.diagnostics.meanings import LEAST_FRAMED, is_wrong, meanings
from cliffguard.compare.diagnostics.pull import Marks, Noise, Numbers, Pull
from cliffguard.compare.diagnostics.slices import LEAST_ITEMS
from cliffguard.compare.diagnostics.traits import MOST_CHARACTERS, Trait, ordinal, quoted
from cliffguard.core.answers import Answer
from cliffguard.core.items import Item
from cliffguard.core.words import bare
from cliffguard.stats.calibration import confident_wrong

GENERATED = "pull:answer"
"""What keys of pulls to generated answers begin with: where nothing is offered, no option is."""

_N_BEGINNING_WORDS = 2
_HALF = 0.5

Texts = Sequence[tuple[str, str] | None]
"""What both sides say of every item; None of an item with choices."""

Integers = NDArray[np.int64]


def pulls_of(items: Sequence[CountedItem]) -> tuple[Pull, ...]:
    """Return the pulls that at least 12 items of a capability offer.

    Of several with the same items and picks the first is kept: a choice before its place.
    """
    texts = meanings(items)
    sides = [item.pair.base for item in items], [item.pair.candidate for item in items]
    wrong = np.array([list(map(is_wrong, side)) for side in sides], dtype=bool)
    known: dict[bytes, Pull] = {}
    for pull in chain(
        _choices(items, wrong),
        _answers(items, texts, wrong),
        _beginnings(texts, wrong),
        _overconfident(sides, wrong),
    ):
        if pull.offered.sum() >= LEAST_ITEMS:
            parts = (pull.offered, pull.base, pull.candidate)
            known.setdefault(b"".join(part.tobytes() for part in parts), pull)
    return tuple(known.values())


class _Offers(NamedTuple):
    """What is on offer in the items of these numbers; all have shape (n_offers,).

    Is it right to say it, do the base and the candidate? `guess` is the chance of a guess to.
    """

    numbers: Integers
    is_right: Marks
    base: Marks
    candidate: Marks
    guess: Numbers

    def at(self, places: Integers) -> _Offers:
        """Return those that stand at these places."""
        return _Offers(
            self.numbers[places],
            self.is_right[places],
            self.base[places],
            self.candidate[places],
            self.guess[places],
        )


def _pull(trait: Trait, offers: _Offers, wrong: Marks, *, is_word: bool) -> Pull:
    """Return the pull to what is on offer; `wrong` has shape (2, n_items), a row for each side."""
    known, right, base, candidate = np.zeros((4, wrong.shape[1]), dtype=bool)
    known[offers.numbers] = True
    right[offers.numbers] = offers.is_right
    base[offers.numbers] = offers.base
    candidate[offers.numbers] = offers.candidate
    chance = np.zeros(wrong.shape[1])
    chance[offers.numbers] = offers.guess
    offered = known & ~right
    return Pull(
        trait=trait,
        offered=offered,
        base=base & offered,
        candidate=candidate & offered,
        noise=Noise(
            base_wrong=(base | wrong[0]) & offered,
            candidate_wrong=(candidate | wrong[1]) & offered,
            base=base,
            candidate=candidate,
            right=right,
            chance=chance if chance.any() else None,
        ),
        is_word=is_word,
    )


# --- choices -------------------------------------------------------------------------------------


def _option(choice: str) -> Trait:
    return Trait("pull", f"pull:word:{choice}", quoted(choice), True)


def _listed(rank: int) -> Trait:
    return Trait("pull", f"pull:listed:{rank + 1}", f"the choice listed {ordinal(rank)}")


def _mentioned(rank: int) -> Trait:
    return Trait("pull", f"pull:mentioned:{rank + 1}", f"the choice mentioned {ordinal(rank)}")


def _choices(items: Sequence[CountedItem], wrong: Marks) -> Iterator[Pull]:
    """Yield the pulls to choices by what they are, and by their place in both orders."""
    picked = [
        (number, item.pair.item, base, candidate)
        for number, item in enumerate(items)
        if item.pair.item.choices
        and (base := bare(item.pair.base.text))
        and (candidate := bare(item.pair.candidate.text))
    ]  # of others it is not known what was picked
    if not picked:
        return
    words, on_list, offers = _on_list(picked)
    for key, places in _groups(on_list):
        yield _pull(_option(words[key]), offers.at(places), wrong, is_word=True)
    sizes = [len(question.choices) for _, question, *_ in picked]
    for key, places in _groups(_flat(map(range, sizes))):
        yield _pull(_listed(key), offers.at(places), wrong, is_word=False)
    orders = [mention_order(question) for _, question, *_ in picked]
    starts = np.cumsum(sizes) - sizes
    mentioned = offers.at(_flat(orders) + np.repeat(starts, list(map(len, orders))))
    for key, places in _groups(_flat(range(len(order)) for order in orders)):
        yield _pull(_mentioned(key), mentioned.at(places), wrong, is_word=False)


def _on_list(
    picked: Sequence[tuple[int, Item, str, str]],
) -> tuple[Sequence[str], Integers, _Offers]:
    """Return the words of choices, and all choices of these items: numbers of words, and offers.

    `picked` are the numbers of the items, the items, and what both sides picked.
    """
    numbers, questions, *sides = zip(*picked, strict=True)
    # Many questions have the same choices; their words are numbered as they come.
    words: dict[str, int] = {}
    spelt = {
        choices: [words.setdefault(bare(choice), len(words)) for choice in choices]
        for choices in dict.fromkeys(question.choices for question in questions)
    }
    marks = {
        (choices, right): _are_right(choices, right)
        for choices, right in {(question.choices, question.right) for question in questions}
    }
    sizes = [len(question.choices) for question in questions]
    on_list = _flat(spelt[question.choices] for question in questions)
    base, candidate = (
        np.repeat([words.get(text, -1) for text in side], sizes) == on_list for side in sides
    )
    offers = _Offers(
        numbers=np.repeat(numbers, sizes),
        is_right=_flat(marks[each.choices, each.right] for each in questions).astype(bool),
        base=base,
        candidate=candidate,
        guess=np.repeat(1.0 / np.array(sizes), sizes),
    )
    return list(words), on_list, offers


def _are_right(choices: Sequence[str], right: Sequence[str]) -> list[bool]:
    rights = set(map(bare, right))
    return [bare(choice) in rights for choice in choices]


def _flat(rows: Iterable[Iterable[int]]) -> Integers:
    return np.array(list(chain.from_iterable(rows)), dtype=np.int64)


def _groups(keys: Integers) -> Iterator[tuple[int, Integers]]:
    """Yield every key that at least 12 have, from the smallest on, and at which places they are."""
    sizes = np.bincount(keys)
    order, ends = np.argsort(keys, kind="stable"), np.cumsum(sizes)
    for key in np.flatnonzero(sizes >= LEAST_ITEMS):
        yield int(key), order[ends[key] - sizes[key] : ends[key]]


# --- generated answers ---------------------------------------------------------------------------


def _answers(items: Sequence[CountedItem], texts: Texts, wrong: Marks) -> Iterator[Pull]:
    """Yield the pulls to short answers: each would be wrong in all items but those it is right in.

    Which answers are looked at does not depend on whose they are.
    """
    questions = [item.pair.item for item in items]
    rights = {bare(question.answer) for question in questions if not question.choices}
    right_in: dict[str, list[int]] = {}
    for number, question in enumerate(questions):
        for text in map(bare, question.right):
            right_in.setdefault(text, []).append(number)
    answered = np.flatnonzero([sides is not None for sides in texts])
    for text, says in _frequent(texts):
        if len(text) > MOST_CHARACTERS:
            continue
        base, candidate = says & ~wrong
        is_right = base | candidate  # other words may be scored right as well
        is_right[right_in.get(text, [])] = True
        offers = _Offers(
            numbers=np.arange(len(items)),
            is_right=is_right,
            base=says[0],
            candidate=says[1],
            guess=np.full(len(items), 1.0 / len(rights) if text in rights else 0.0),
        )
        name = Trait("pull", f"{GENERATED}:{text}", quoted(text), True)
        yield _pull(name, offers.at(answered), wrong, is_word=True)


def _beginnings(texts: Texts, wrong: Marks) -> Iterator[Pull]:
    """Yield the pulls to wrong answers that begin alike, without the words of a side's style."""
    starts = [
        None if sides is None else (_beginning(sides[0]), _beginning(sides[1])) for sides in texts
    ]
    offered = np.array([sides is not None for sides in starts], dtype=bool)
    for start, begins in _frequent(starts):
        if _is_habit(begins[1], wrong[1]):
            continue
        name = f"answers that begin {quoted(start)}"
        base, candidate = begins & wrong
        yield Pull(
            trait=Trait("pull", f"pull:begins:{start}", name, True),
            offered=offered,
            base=base,
            candidate=candidate,
            noise=_noise(offered, wrong, begins),
        )


def _is_habit(begins: Marks, wrong: Marks) -> bool:
    """Return whether right answers of the candidate begin so half as often as its wrong ones."""
    right = begins[~wrong]
    is_often = right.sum() >= LEAST_FRAMED
    return bool(is_often and right.mean() >= _HALF * begins[wrong].mean())


def _noise(offered: Marks, wrong: Marks, says: Marks) -> Noise:
    """Return it of what can be right in no item; `wrong` and `says` have a row of each side."""
    return Noise(
        base_wrong=wrong[0] & offered,
        candidate_wrong=wrong[1] & offered,
        base=says[0],
        candidate=says[1],
        right=np.zeros(len(offered), dtype=bool),
    )


def _frequent(texts: Texts) -> Iterator[tuple[str, Marks]]:
    """Yield what is said of at least six items, by whichever side: a choice that favours none.

    With it goes which side says it of which item, in shape (2, n_items).
    """
    times = Counter(text for sides in texts for text in dict.fromkeys(sides or ()) if text)
    frequent = [text for text, n in times.items() if n >= LEAST_ITEMS // 2]
    if not frequent:
        return
    numbers = {text: number for number, text in enumerate(frequent)}
    numbered = np.array(
        [[numbers.get(text, -1) for text in sides or ("", "")] for sides in texts], dtype=np.int64
    )
    for number, text in enumerate(frequent):
        yield text, (numbered == number).T


def _beginning(text: str) -> str:
    words = text[:200].casefold().split()
    return " ".join(words[:_N_BEGINNING_WORDS]) if len(words) > _N_BEGINNING_WORDS else ""


# --- confidence ----------------------------------------------------------------------------------


def _overconfident(sides: Sequence[Sequence[Answer]], wrong: Marks) -> Iterator[Pull]:
    offered = np.all([list(map(_is_sure, side)) for side in sides], axis=0)
    if not offered.any():
        return
    base, candidate = says = offered & [
        confident_wrong(
            [answer.confidence or 0.0 for answer in side], [answer.score or 0.0 for answer in side]
        )
        for side in sides
    ]
    yield Pull(
        trait=Trait("overconfident", "overconfident", "confident and wrong"),
        offered=offered,
        base=base,
        candidate=candidate,
        noise=_noise(offered, wrong, says),
    )


def _is_sure(answer: Answer) -> bool:
    is_choice = answer.finish_reason == "choice"
    return is_choice and answer.confidence is not None and answer.score in (0.0, 1.0)
