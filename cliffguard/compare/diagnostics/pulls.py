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
from cliffguard.core.items import Item
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


def _option(choice: str, _: int) -> Trait:
    return Trait("pull", f"pull:word:{choice}", quoted(choice), True)


def _listed(_: str, rank: int) -> Trait:
    return Trait("pull", f"pull:listed:{rank + 1}", f"the choice listed {ordinal(rank)}")


def _mentioned(_: str, rank: int) -> Trait:
    return Trait("pull", f"pull:mentioned:{rank + 1}", f"the choice mentioned {ordinal(rank)}")


def _bare_choices(item: Item) -> tuple[str, ...]:
    return tuple(map(bare, item.choices))


def _of_choices(
    order: Callable[[Item], Sequence[str]], trait: Callable[[str, int], Trait]
) -> Callable[[Sequence[CountedItem]], Iterator[Pull]]:
    """Return what yields the pulls to choices by what they are, or by their place in an order."""

    def pulls(items: Sequence[CountedItem]) -> Iterator[Pull]:
        rows: dict[Trait, list[_Offer]] = {}
        for number, item in enumerate(items):
            pair = item.pair
            picks = [bare(answer.text) for answer in (pair.base, pair.candidate)]
            if not all(picks) or not pair.item.choices:
                continue  # what was picked is not known
            for rank, choice in enumerate(order(pair.item)):
                row = _offer(number, item, choice, picks, len(pair.item.choices))
                rows.setdefault(trait(choice, rank), []).append(row)
        for name, offers in rows.items():
            if len(offers) >= LEAST_ITEMS:
                yield _pull(name, offers, len(items), is_word=trait is _option)

    return pulls


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


def _offer(
    number: int, item: CountedItem, text: str, sides: Sequence[str], n_choices: int
) -> _Offer:
    """Return how a text is on offer in an item of which the sides say these texts."""
    pair = item.pair
    base, candidate = (side == text for side in sides)
    is_right = text in {bare(answer) for answer in pair.item.right}
    if not pair.item.choices:  # other words may be scored right as well
        says = zip((base, candidate), (pair.base, pair.candidate), strict=True)
        is_right = is_right or any(side and not is_wrong(answer) for side, answer in says)
    return _Offer(
        number=number,
        is_wrong=not is_right,
        base=base,
        candidate=candidate,
        base_wrong=base or is_wrong(pair.base),
        candidate_wrong=candidate or is_wrong(pair.candidate),
        guess=1.0 / n_choices if n_choices else 0.0,
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
    for text in _frequent(texts):
        if len(text) <= MOST_CHARACTERS:
            n_choices = len(rights) if text in rights else 0
            offers = [
                _offer(number, items[number], text, sides, n_choices)
                for number, sides in enumerate(texts)
                if sides is not None
            ]
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
    _of_choices(_bare_choices, _option),
    _of_choices(_bare_choices, _listed),
    _of_choices(mentioned, _mentioned),
    _answers,
    _beginnings,
    _overconfident,
)
