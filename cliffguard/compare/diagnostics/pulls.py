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
from collections.abc import Callable, Iterator, Sequence
from typing import NamedTuple

import numpy as np

from cliffguard.compare.diagnostics.answer_places import mentioned
from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.diagnostics.meanings import LEAST_FRAMED, is_wrong, meanings
from cliffguard.compare.diagnostics.pull import Marks, Noise, Pull
from cliffguard.compare.diagnostics.slices import LEAST_ITEMS
from cliffguard.compare.diagnostics.traits import MOST_CHARACTERS, Trait, ordinal, quoted
from cliffguard.core.answers import Answer
from cliffguard.core.words import bare
from cliffguard.stats.calibration import confident_wrong

GENERATED = "pull:answer"
"""What keys of pulls to generated answers begin with: where nothing is offered, no option is."""

_N_BEGINNING_WORDS = 2
_HALF = 0.5


def pulls_of(items: Sequence[CountedItem]) -> tuple[Pull, ...]:
    """Return the pulls that at least 12 items of a capability offer.

    Of several with the same items and picks the first is kept: a choice before its place.
    """
    known: dict[bytes, Pull] = {}
    for kind in _KINDS:
        for pull in kind(items):
            if pull.offered.sum() >= LEAST_ITEMS:
                parts = (pull.offered, pull.base, pull.candidate)
                known.setdefault(b"".join(part.tobytes() for part in parts), pull)
    return tuple(known.values())


# --- choices -------------------------------------------------------------------------------------


def _option(choice: str | int) -> Trait:
    return Trait("pull", f"pull:word:{choice}", quoted(str(choice)), True)


def _listed(rank: str | int) -> Trait:
    rank = int(rank)
    return Trait("pull", f"pull:listed:{rank + 1}", f"the choice listed {ordinal(rank)}")


def _mentioned(rank: str | int) -> Trait:
    rank = int(rank)
    return Trait("pull", f"pull:mentioned:{rank + 1}", f"the choice mentioned {ordinal(rank)}")


class _BothAnswers(NamedTuple):
    """Of the item of this number: what is right, what both sides say, and is that wrong?"""

    number: int
    rights: frozenset[str]
    texts: Sequence[str]
    are_wrong: tuple[bool, bool]
    n_choices: int


def _both_answers(number: int, item: CountedItem, texts: Sequence[str]) -> _BothAnswers:
    pair = item.pair
    return _BothAnswers(
        number=number,
        rights=frozenset(map(bare, pair.item.right)),
        texts=texts,
        are_wrong=(is_wrong(pair.base), is_wrong(pair.candidate)),
        n_choices=len(pair.item.choices),
    )


def _choices(items: Sequence[CountedItem]) -> Iterator[Pull]:
    """Yield the pulls to choices by what they are, and by their place in both orders."""
    picked = [
        _both_answers(number, item, texts)
        for number, item in enumerate(items)
        if item.pair.item.choices
        and all(texts := [bare(side.text) for side in (item.pair.base, item.pair.candidate)])
    ]  # of others it is not known what was picked
    listed = [tuple(map(bare, items[each.number].pair.item.choices)) for each in picked]
    in_prompt = [mentioned(items[each.number].pair.item) for each in picked]
    on_list, mentions = _offers(picked, listed), _offers(picked, in_prompt)
    for trait, offered in ((_option, on_list), (_listed, on_list), (_mentioned, mentions)):
        rows: dict[str | int, list[_Offer]] = {}
        for rank, choice, offer in offered:
            rows.setdefault(choice if trait is _option else rank, []).append(offer)
        for key, offers in rows.items():
            if len(offers) >= LEAST_ITEMS:
                yield _pull(trait(key), offers, len(items), is_word=trait is _option)


def _offers(
    picked: Sequence[_BothAnswers], orders: Sequence[Sequence[str]]
) -> list[tuple[int, str, _Offer]]:
    """Return all choices of these items with their places in an order."""
    return [
        (rank, choice, _offer(each, choice, each.n_choices))
        for each, order in zip(picked, orders, strict=True)
        for rank, choice in enumerate(order)
    ]


class _Offer(NamedTuple):
    """Of the item of this number: is it wrong to say it, do both sides, are they wrong?

    `guess` is the chance of a guess to say it.
    """

    number: int
    is_wrong: bool
    base: bool
    candidate: bool
    base_wrong: bool
    candidate_wrong: bool
    guess: float


def _offer(both: _BothAnswers, text: str, n_choices: int) -> _Offer:
    """Return how a text is on offer in an item, among so many others."""
    base, candidate = both.texts[0] == text, both.texts[1] == text
    base_wrong, candidate_wrong = both.are_wrong
    is_right = text in both.rights
    if not both.n_choices:  # other words may be scored right as well
        is_right = is_right or (base and not base_wrong) or (candidate and not candidate_wrong)
    return _Offer(
        both.number,
        not is_right,
        base,
        candidate,
        base or base_wrong,
        candidate or candidate_wrong,
        1.0 / n_choices if n_choices else 0.0,
    )


def _pull(trait: Trait, offers: Sequence[_Offer], n_items: int, *, is_word: bool) -> Pull:
    columns = np.zeros((6, n_items), dtype=bool)
    numbers, *marks, guesses = (list(column) for column in zip(*offers, strict=True))
    columns[:5, numbers], columns[5, numbers] = marks, True
    offered, base, candidate, base_wrong, candidate_wrong, known = columns
    chance = np.zeros(n_items)
    chance[numbers] = guesses
    return Pull(
        trait=trait,
        offered=offered,
        base=base & offered,
        candidate=candidate & offered,
        noise=Noise(
            base_wrong=base_wrong & offered,
            candidate_wrong=candidate_wrong & offered,
            base=base,
            candidate=candidate,
            right=known & ~offered,
            chance=chance if chance.any() else None,
        ),
        is_word=is_word,
    )


# --- generated answers ---------------------------------------------------------------------------


def _answers(items: Sequence[CountedItem]) -> Iterator[Pull]:
    """Yield the pulls to short answers: each would be wrong in all items but those it is right in.

    Which answers are looked at does not depend on whose they are.
    """
    texts = meanings(items)
    rights = {bare(i.pair.item.answer) for i in items if not i.pair.item.choices}
    answered = [
        _both_answers(number, items[number], sides)
        for number, sides in enumerate(texts)
        if sides is not None
    ]
    for text in _frequent(texts):
        if len(text) <= MOST_CHARACTERS:
            n_choices = len(rights) if text in rights else 0
            offers = [_offer(each, text, n_choices) for each in answered]
            name = Trait("pull", f"{GENERATED}:{text}", quoted(text), True)
            yield _pull(name, offers, len(items), is_word=True)


def _beginnings(items: Sequence[CountedItem]) -> Iterator[Pull]:
    """Yield the pulls to wrong answers that begin alike, without the words of a side's style."""
    starts = [
        None if sides is None else (_beginning(sides[0]), _beginning(sides[1]))
        for sides in meanings(items)
    ]
    wrong = np.array(
        [[is_wrong(side) for side in (item.pair.base, item.pair.candidate)] for item in items]
    )
    offered = np.array([sides is not None for sides in starts], dtype=bool)
    for start in _frequent(starts):
        begins = np.array([[side == start for side in sides or ("", "")] for sides in starts])
        wrongly = begins & wrong
        if _is_habit(begins[:, 1], wrong[:, 1]):
            continue
        yield Pull(
            trait=Trait(
                "pull", f"pull:begins:{start}", f"answers that begin {quoted(start)}", True
            ),
            offered=offered,
            base=wrongly[:, 0],
            candidate=wrongly[:, 1],
            noise=_noise(offered, wrong, begins),
        )


def _is_habit(begins: Marks, wrong: Marks) -> bool:
    """Return whether right answers of the candidate begin so half as often as its wrong ones."""
    right = begins[~wrong]
    is_often = right.sum() >= LEAST_FRAMED
    return bool(is_often and right.mean() >= _HALF * begins[wrong].mean())


def _noise(offered: Marks, wrong: Marks, says: Marks) -> Noise:
    """Return it of what can be right in no item; `wrong` and `says` have a column of each side."""
    return Noise(
        base_wrong=wrong[:, 0] & offered,
        candidate_wrong=wrong[:, 1] & offered,
        base=says[:, 0],
        candidate=says[:, 1],
        right=np.zeros(len(offered), dtype=bool),
    )


def _frequent(texts: Sequence[tuple[str, str] | None]) -> list[str]:
    """Return what is said of at least six items, by whichever side: a choice that favours none."""
    counts = Counter(text for sides in texts for text in set(sides or ()) if text)
    return [text for text, n in counts.items() if n >= LEAST_ITEMS // 2]


def _beginning(text: str) -> str:
    words = text[:200].casefold().split()
    return " ".join(words[:_N_BEGINNING_WORDS]) if len(words) > _N_BEGINNING_WORDS else ""


# --- confidence ----------------------------------------------------------------------------------


def _overconfident(items: Sequence[CountedItem]) -> Iterator[Pull]:
    sides = [(item.pair.base, item.pair.candidate) for item in items]
    offered = np.array([all(map(_is_sure, pair)) for pair in sides], dtype=bool)
    if not offered.any():
        return
    base, candidate = (
        confident_wrong(
            [float(pair[side].confidence or 0.0) for pair in sides],
            [float(pair[side].score or 0.0) for pair in sides],
        )
        for side in (0, 1)
    )
    wrong = np.array([list(map(is_wrong, pair)) for pair in sides])
    yield Pull(
        trait=Trait("overconfident", "overconfident", "confident and wrong"),
        offered=offered,
        base=base & offered,
        candidate=candidate & offered,
        noise=_noise(offered, wrong, np.column_stack([base, candidate]) & offered[:, None]),
    )


def _is_sure(answer: Answer) -> bool:
    is_choice = answer.finish_reason == "choice"
    return is_choice and answer.confidence is not None and answer.score in (0.0, 1.0)


_KINDS: tuple[Callable[[Sequence[CountedItem]], Iterator[Pull]], ...] = (
    _choices,
    _answers,
    _beginnings,
    _overconfident,
)
