"""Response statistics of both sides: length, refusals, repetition, truncation, calibration.

Nothing here needs a right answer but the counts that say so, and nothing here is decided: how
often two models agree says that something changed, not that it is worse.

References
----------
Dutta et al. (2024), arXiv:2407.09141 (answers flip while scores stay). Welleck et al. (2020),
ICLR, arXiv:1908.04319 (repetition as the share of n-grams seen before).
"""

from __future__ import annotations

from collections.abc import Sequence
from typing import NamedTuple

import numpy as np
from numpy.typing import NDArray

from cliffguard.core.answers import Answer
from cliffguard.core.diagnostics import ResponseComparison, ResponseStatistics
from cliffguard.core.words import bare, words_and_signs
from cliffguard.stats.calibration import confidence_gap, confident_wrong, smooth_calibration_error
from cliffguard.stats.interval import Interval
from cliffguard.stats.paired import tango_interval

Both = tuple[Answer, Answer]
"""The base's and the candidate's answer to one item."""

LEAST_CONFIDENT = 30
"""Fewer items with a probability have no smECE and no interval: both would be mostly noise."""

_UNANSWERED = ("overlong", "missing")

_LEAST_WORDS = 20  # a short answer may repeat itself in good faith
_N_GRAM = 4
_LEAST_DISTINCT = 0.5  # of a text's n-grams
_CIRCLE_WORDS = 30  # at the end of a text, all of them one block again and again
_CIRCLE_ROUNDS = 3


def response_comparison(answers: Sequence[Both], *, confidence: float) -> ResponseComparison | None:
    """Return how both sides answered, over the items that both answered; None where there is none.

    `confidence` is that of the interval.
    """
    both = [
        (base, candidate)
        for base, candidate in answers
        if base.finish_reason not in _UNANSWERED and candidate.finish_reason not in _UNANSWERED
    ]
    if not both:
        return None
    generated = [(a, b) for a, b in both if not (_is_choice(a) or _is_choice(b))]
    picked = [(a, b) for a, b in both if _is_sure(a) and _is_sure(b)]
    known = [(a, b) for a, b in both if _is_known(a) and _is_known(b)]
    # What another harness logged has no lengths; so has nothing, if all answers have none.
    has_lengths = any(answer.n_answer_tokens for pair in generated for answer in pair)
    sure = [_sure([pair[side] for pair in picked]) for side in (0, 1)]
    sides = [
        _statistics([pair[side] for pair in generated], sure[side], has_lengths=has_lengths)
        for side in (0, 1)
    ]
    agreed = [_agree(*pair) for pair in known]
    return ResponseComparison(
        agreement=sum(agreed) / len(known) if known else None,
        n_other_wrong=(
            sum(_are_wrong(pair) and not same for pair, same in zip(known, agreed, strict=True))
            if known
            else None
        ),
        n_generated=len(generated),
        n_confident=len(picked),
        n_worse_cut=sum(lost_to_truncation(*pair) for pair in generated),
        confident_wrong_rise=_rise(sure[0], sure[1], confidence),
        base=sides[0],
        candidate=sides[1],
    )


def runs_in_a_circle(text: str) -> bool:
    """Return whether a text repeats itself as a model does that does not find the end.

    So it does if it ends in 30 words or more that are one block three times or oftener, or if it
    has 20 words or more and less than half of its runs of four words are distinct.
    """
    words = words_and_signs(text)
    if len(words) < _LEAST_WORDS:
        return False
    n_grams = [tuple(words[start : start + _N_GRAM]) for start in range(len(words) - _N_GRAM + 1)]
    if len(set(n_grams)) < _LEAST_DISTINCT * len(n_grams):
        return True
    return any(
        _n_repeated(words, period) >= max(_CIRCLE_WORDS, _CIRCLE_ROUNDS * period)
        for period in range(1, len(words) // _CIRCLE_ROUNDS + 1)
    )


def _n_repeated(words: Sequence[str], period: int) -> int:
    """Return how many words at the end repeat the one a period before, and the first period."""
    n_same = 0
    for index in range(len(words) - 1, period - 1, -1):
        if words[index] != words[index - period]:
            break
        n_same += 1
    return n_same + period


# --- one side ------------------------------------------------------------------------------------


class _Sure(NamedTuple):
    """A side's confidences and scores where both sides are sure, and which are confident errors."""

    confidences: NDArray[np.float64]
    scores: NDArray[np.float64]
    is_wrong: NDArray[np.bool_]


def _sure(answers: Sequence[Answer]) -> _Sure | None:
    if not answers:
        return None
    confidences = np.array([answer.confidence or 0.0 for answer in answers], dtype=float)
    scores = np.array([answer.score or 0.0 for answer in answers], dtype=float)
    return _Sure(confidences, scores, confident_wrong(confidences, scores))


def _statistics(
    generated: Sequence[Answer], sure: _Sure | None, *, has_lengths: bool
) -> ResponseStatistics:
    texts = [answer.text for answer in generated]
    gap = None if sure is None else confidence_gap(sure.confidences, sure.scores)
    return ResponseStatistics(
        mean_tokens=_share([answer.n_answer_tokens for answer in generated])
        if has_lengths
        else None,
        cut=_share([answer.is_cut for answer in generated]) if has_lengths else None,
        repeated=_share([runs_in_a_circle(text) for text in texts]),
        empty=_share([not text.strip() for text in texts]),
        confident_wrong=None if sure is None else float(sure.is_wrong.mean()),
        overconfidence=None if gap is None else float(gap.mean()),
        calibration_error=smooth_calibration_error(sure.confidences, sure.scores)
        if sure is not None and len(sure.scores) >= LEAST_CONFIDENT
        else None,
    )


def _share(values: Sequence[float]) -> float | None:
    return sum(values) / len(values) if values else None


# --- one answer, one pair ------------------------------------------------------------------------


def _is_choice(answer: Answer) -> bool:
    return answer.finish_reason == "choice"


def _is_sure(answer: Answer) -> bool:
    """Return whether it is a choice with a probability, and right or wrong."""
    return _is_choice(answer) and answer.confidence is not None and answer.score in (0.0, 1.0)


def _is_known(answer: Answer) -> bool:
    """Return whether it is known what was said: of a choice without a probability it is not.

    Such a choice is a likelihood of one text, or was logged by another harness.
    """
    return not _is_choice(answer) or (answer.confidence is not None and bool(answer.text))


def _agree(base: Answer, candidate: Answer) -> bool:
    if _is_choice(base) or _is_choice(candidate):
        return base.text == candidate.text
    return bare(base.text) == bare(candidate.text)


def _are_wrong(pair: Both) -> bool:
    return pair[0].score == 0.0 and pair[1].score == 0.0


def lost_to_truncation(base: Answer, candidate: Answer) -> bool:
    """Return whether the candidate lost this item, or its score, where it alone was cut."""
    if not candidate.is_cut or base.is_cut:
        return False
    return (base.score or 0.0) > (candidate.score or 0.0)


def _rise(before: _Sure | None, after: _Sure | None, confidence: float) -> Interval | None:
    """Return the interval of the rise of answers that are confident and wrong."""
    if before is None or after is None or len(after.scores) < LEAST_CONFIDENT:
        return None
    return tango_interval(
        n_broken=int(np.sum(after.is_wrong & ~before.is_wrong)),
        n_fixed=int(np.sum(before.is_wrong & ~after.is_wrong)),
        n_items=len(after.scores),
        confidence=confidence,
    )
