"""Whether a generated answer shows what a policy may gate: cut, in a circle, declining, foreign.

Both sides are read by one rule, and nothing is asked of the score.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from functools import lru_cache

from cliffguard.compare.diagnostics.declining import declines
from cliffguard.compare.diagnostics.degenerate import repeats_itself
from cliffguard.compare.diagnostics.languages import is_in_another, tells_language
from cliffguard.compare.diagnostics.leaks import texts_of
from cliffguard.compare.pairs import Pair
from cliffguard.core.answers import Answer
from cliffguard.core.behaviours import Behaviour

_MOST_KEPT = 1 << 14


def sides_of(pair: Pair) -> tuple[Answer, Answer]:
    """Return the base's and the candidate's answer."""
    return pair.base, pair.candidate


def _is_cut(pair: Pair, side: int) -> bool:
    return sides_of(pair)[side].is_cut


def _repeats(pair: Pair, side: int) -> bool:
    """Return whether an answer runs in a circle, or is empty; what was emptied by a cut is cut."""
    answer = sides_of(pair)[side]
    is_empty = not answer.text.strip() and not answer.is_cut
    return is_empty or _shows(pair, answer, repeats_itself)


def _refuses(pair: Pair, side: int) -> bool:
    right = next(iter(texts_of(pair.task, pair.item)), "")

    def is_refusal(text: str) -> bool:
        return _declines(text, pair.item.prompt, right)

    return _shows(pair, sides_of(pair)[side], is_refusal)


def _is_in_another(pair: Pair, side: int) -> bool:
    """Return whether an answer is in another language than it was to be in.

    Both are held to the right answer and the prompt; where neither tells, the candidate's to the
    base's.
    """
    asked_in = " ".join(texts_of(pair.task, pair.item)), pair.item.spoken
    is_told = any(map(tells_language, asked_in)) or _is_foreign(pair.base.text, "", *asked_in)
    good = pair.base.text if side and not is_told else ""
    return _is_foreign(sides_of(pair)[side].text, good, *asked_in)


# What is asked in full at the first look is read again at every later one.
@lru_cache(maxsize=_MOST_KEPT)
def _declines(text: str, prompt: str, right: str) -> bool:
    return declines(text, prompt=prompt, right=right)


@lru_cache(maxsize=_MOST_KEPT)
def _is_foreign(text: str, good: str, right: str, prompt: str) -> bool:
    return is_in_another(text, good=good, right=right, prompt=prompt)


def _shows(pair: Pair, answer: Answer, reads: Callable[[str], bool]) -> bool:
    """Return whether an answer shows what no right answer does: then it may be as it should."""
    return reads(answer.text) and not any(map(reads, texts_of(pair.task, pair.item)))


SHOWN: Mapping[Behaviour, Callable[[Pair, int], bool]] = {
    "cut": _is_cut,
    "repeats": _repeats,
    "refuses": _refuses,
    "language": _is_in_another,
}
"""Whether the answer of a side shows a behaviour: 0 is the base's, 1 the candidate's."""
