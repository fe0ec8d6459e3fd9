"""Pulls: what the candidate says where it is wrong, and the base does not.

A pull is to a choice by its words, to a place among the choices (as listed, or as the prompt
mentions them), to a short generated answer, or to the first words of one. It is paired: of every
item in which it is on offer and wrong both answers are looked at, and of a healthy candidate as
many items go over to it as leave it. So is *overconfident*: confident and wrong, as
`core.diagnostics` has it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

import numpy as np
from numpy.typing import NDArray

from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.diagnostics.responses import bare
from cliffguard.compare.diagnostics.slices import LEAST_ITEMS, mentioned
from cliffguard.compare.diagnostics.traits import MOST_CHARACTERS, Trait, ordinal, quoted
from cliffguard.core.answers import Answer
from cliffguard.core.items import Item
from cliffguard.stats.calibration import confident_wrong

GENERATED = "pull:answer"
"""What keys of pulls to generated answers begin with: where nothing is offered, no option is."""

_N_BEGINNING_WORDS = 2
_HALF = 0.5  # below it an answer is more wrong than right

Marks = NDArray[np.bool_]


@dataclass(frozen=True, slots=True, kw_only=True)
class Pull:
    """What both sides may say of items where it would be wrong; all have shape (n_items,).

    `offered` are those items, `base` and `candidate` those of them in which a side says it.
    `everywhere` is where the candidate says it and the base does not (+1), or the reverse (-1),
    right or wrong: who is wrong more often by mere chance says every wrong thing more often, and
    nothing more often in all. None where it cannot be right. `is_word`: what they say is a word
    or a text, not a place or a beginning.
    """

    trait: Trait
    offered: Marks
    base: Marks
    candidate: Marks
    everywhere: NDArray[np.float64] | None = None
    is_word: bool = False

    @property
    def members(self) -> Marks:
        """The items that belong to it: those in which the candidate says it."""
        return self.candidate

    def counts(self, changes: NDArray[np.float64]) -> dict[str, Any]:
        """Return the counts and shares of a `Pattern`, given the drop of every item.

        Broken are items that the candidate breaks by saying it, fixed those that the base had wrong
        for saying it.
        """
        return {
            "n_items": int(self.offered.sum()),
            "n_broken": int((changes[self.candidate] > 0).sum()),
            "n_fixed": int((changes[self.base] < 0).sum()),
            "inside": float(self.candidate[self.offered].mean()),
            "outside": float(self.base[self.offered].mean()),
        }


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
            right = {bare(answer) for answer in pair.item.right}
            for rank, choice in enumerate(order(pair.item)):
                row = _Offer(number, choice not in right, *(pick == choice for pick in picks))
                rows.setdefault(trait(choice, rank), []).append(row)
        for name, offers in rows.items():
            if len(offers) >= LEAST_ITEMS:
                yield _pull(name, offers, len(items), is_word=trait is _option)

    return pulls


class _Offer(NamedTuple):
    """Of the item of this number: is it wrong to say it, and do the base and the candidate?"""

    number: int
    is_wrong: bool
    base: bool
    candidate: bool


def _pull(trait: Trait, offers: Sequence[_Offer], n_items: int, *, is_word: bool) -> Pull:
    columns = np.zeros((3, n_items), dtype=bool)
    numbers, *marks = (list(column) for column in zip(*offers, strict=True))
    columns[:, numbers] = marks
    offered, base, candidate = columns
    return Pull(
        trait=trait,
        offered=offered,
        base=base & offered,
        candidate=candidate & offered,
        everywhere=candidate.astype(float) - base,
        is_word=is_word,
    )


# --- generated answers ---------------------------------------------------------------------------


def _answers(items: Sequence[CountedItem]) -> Iterator[Pull]:
    """Yield the pulls to short answers: each would be wrong in all items but those it is right in.

    Which answers are looked at does not depend on whose they are.
    """
    texts = [
        None if item.pair.item.choices else _sides(item, lambda answer: bare(answer.text))
        for item in items
    ]
    rights = [{bare(answer) for answer in item.pair.item.right} for item in items]
    for text in _frequent(texts):
        if len(text) <= MOST_CHARACTERS:
            offers = [
                _Offer(number, text not in rights[number], *(side == text for side in sides))
                for number, sides in enumerate(texts)
                if sides is not None
            ]
            name = Trait("pull", f"{GENERATED}:{text}", quoted(text), True)
            yield _pull(name, offers, len(items), is_word=True)


def _beginnings(items: Sequence[CountedItem]) -> Iterator[Pull]:
    """Yield the pulls to wrong answers that begin alike."""
    starts = [None if item.pair.item.choices else _sides(item, _beginning) for item in items]
    wrong = np.array(
        [[(side.score or 0.0) < _HALF for side in (i.pair.base, i.pair.candidate)] for i in items]
    )
    offered = np.array([sides is not None for sides in starts], dtype=bool)
    for start in _frequent(starts):
        begins = np.array([[side == start for side in sides or ("", "")] for sides in starts])
        wrongly = begins & wrong
        yield Pull(
            trait=Trait(
                "pull", f"pull:begins:{start}", f"answers that begin {quoted(start)}", True
            ),
            offered=offered,
            base=wrongly[:, 0],
            candidate=wrongly[:, 1],
            everywhere=begins[:, 1].astype(float) - begins[:, 0],
        )


def _frequent(texts: Sequence[tuple[str, str] | None]) -> list[str]:
    """Return what is said of at least six items, by whichever side: a choice that favours none."""
    counts = Counter(text for sides in texts for text in set(sides or ()) if text)
    return [text for text, n in counts.items() if n >= LEAST_ITEMS // 2]


def _beginning(answer: Answer) -> str:
    words = answer.text[:200].casefold().split()
    return " ".join(words[:_N_BEGINNING_WORDS]) if len(words) > _N_BEGINNING_WORDS else ""


def _sides(item: CountedItem, read: Callable[[Answer], str]) -> tuple[str, str]:
    return read(item.pair.base), read(item.pair.candidate)


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
    yield Pull(
        trait=Trait("overconfident", "overconfident", "confident and wrong"),
        offered=offered,
        base=base & offered,
        candidate=candidate & offered,
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
