"""How a generated answer is scored against the right one: each metric of own items, by name.

No metric runs code, neither the suite's nor the model's. Whoever changes what a metric gives for
the same answer raises `core.items.SCORING`.
"""

from __future__ import annotations

import json
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from typing import Any

from cliffguard.core.sandbox import Stopped
from cliffguard.core.sandbox.patterns import check_pattern, is_found
from cliffguard.core.texts import cut_end
from cliffguard.core.words import squad_words
from cliffguard.suites.constraints import check_constraints, meets
from cliffguard.suites.numbers import number_in, number_said
from cliffguard.suites.structure.call_readers import call_parts, tool_call
from cliffguard.suites.structure.calls import right_calls
from cliffguard.suites.structure.json_texts import json_equal, read_json
from cliffguard.suites.structure.schemas import check_schema, meets_schema
from cliffguard.suites.structure.texts import check_language, contains, language, same_text


class PatternTooSlow(Exception):
    """A pattern or a schema did not end, within its limits, on what a model said."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Scorer:
    """A metric of generated answers.

    `score` takes what was said and the right answer, and returns 0 to 1, or None where what was
    said holds nothing that could be right or wrong; `check` raises ValueError for a right answer
    that it cannot be asked about. `is_graded`: scores lie anywhere
    between 0 and 1. `is_one_line`: what follows the first line is no part of the answer.
    `takes_several`: there may be several right answers, any of which is right. `takes_json`: one
    may be written as an object or a list of JSON. `parts`: what the score is made of, by name,
    each 0 to 1; None where nothing can be read.
    """

    score: Callable[[str, str], float | None]
    check: Callable[[str], Any] = str
    is_graded: bool = False
    is_one_line: bool = False
    takes_several: bool = False
    takes_json: bool = False
    parts: Callable[[str, str], Mapping[str, float] | None] | None = None
    max_tokens: int = 128

    def best(self, response: str, answers: Sequence[str]) -> float | None:
        """Return the score against the right answer that fits best, as SQuAD and NQ count."""
        scores = [
            score for answer in answers if (score := self.score(response, answer)) is not None
        ]
        return max(scores, default=None)

    def best_parts(self, response: str, answers: Sequence[str]) -> Mapping[str, float] | None:
        """Return the parts under the right answer of which most are right; None: there are none."""
        if self.parts is None:
            return None
        several = [parts for answer in answers if (parts := self.parts(response, answer))]
        return max(several, key=lambda parts: sum(parts.values()), default=None)


def exact_match(response: str, answer: str) -> float:
    """Compare what counts of a short answer: not its case, its quotes, or how it ends.

    Signs and points inside stay: -5 is not 5, and 1.5 is not 15.
    """
    return float(_bare(response) == _bare(answer))


def _bare(text: str) -> str:
    text = text.strip()
    return text.strip("\"'`").rstrip(".,;:!?").strip().casefold() or text


def normalized_match(response: str, answer: str) -> float:
    """Compare words alone: without case, punctuation, articles and white space.

    The normalisation of Rajpurkar et al. (2016), SQuAD, EMNLP.
    """
    return float(squad_words(response) == squad_words(answer))


def token_f1(response: str, answer: str) -> float:
    """Return the F1 of the words that both have, each as often as in the poorer (SQuAD)."""
    response_words, right_words = squad_words(response), squad_words(answer)
    if not response_words or not right_words:
        return float(response_words == right_words)
    n_common = sum((Counter(response_words) & Counter(right_words)).values())
    return 2 * n_common / (len(response_words) + len(right_words))


def numeric(response: str, answer: str) -> float | None:
    """Compare the number that an answer ends in with the right one, by their values.

    None where no number was said.
    """
    number = number_said(response)
    return None if number is None else float(number == number_in(answer))


def matches(response: str, pattern: str) -> float:
    """Return whether the pattern is found in what was said."""
    try:
        return float(is_found(pattern, response))
    except Stopped as failure:
        raise PatternTooSlow(f"the pattern {pattern!r} on one answer: {failure}") from None


def excludes(response: str, pattern: str) -> float:
    """Return whether the pattern is not found in what was said."""
    return 1.0 - matches(response, pattern)


def rouge_l(response: str, answer: str) -> float:
    """Return the F-measure of the longest common subsequence of stemmed words (Lin, 2004)."""
    return float(_rouge().score(answer, response)["rougeL"].fmeasure)


@cache
def _rouge() -> Any:
    from rouge_score.rouge_scorer import RougeScorer

    return RougeScorer(["rougeL"], use_stemmer=True)


def constraints(response: str, answer: str) -> float:
    """Return whether what was said meets every constraint; see `cliffguard.suites.constraints`."""
    return float(meets(response, json.loads(answer)))


def json_schema(response: str, schema: str) -> float | None:
    """Return whether what was said is JSON that keeps to a schema; None where it is no JSON."""
    try:
        return meets_schema(response, schema)
    except Stopped as failure:
        raise PatternTooSlow(f"the schema {cut_end(schema, 80)} on one answer: {failure}") from None


SCORERS: Mapping[str, Scorer] = {
    "exact_match": Scorer(score=exact_match, is_one_line=True, takes_several=True, max_tokens=16),
    "normalized_match": Scorer(
        score=normalized_match, is_one_line=True, takes_several=True, max_tokens=32
    ),
    "numeric": Scorer(score=numeric, check=number_in, takes_several=True),
    "regex": Scorer(score=matches, check=check_pattern),
    "excludes": Scorer(score=excludes, check=check_pattern),
    "f1": Scorer(score=token_f1, is_graded=True, takes_several=True),
    "rouge_l": Scorer(score=rouge_l, is_graded=True, max_tokens=256),
    "constraints": Scorer(score=constraints, check=check_constraints),
    "contains": Scorer(score=contains, takes_several=True),
    "text": Scorer(score=same_text, takes_several=True, max_tokens=256),
    "language": Scorer(score=language, check=check_language, takes_several=True),
    "json_equal": Scorer(
        score=json_equal, check=read_json, takes_several=True, takes_json=True, max_tokens=256
    ),
    "json_schema": Scorer(
        score=json_schema, check=check_schema, takes_several=True, takes_json=True, max_tokens=256
    ),
    "tool_call": Scorer(
        score=tool_call,
        check=right_calls,
        takes_several=True,
        takes_json=True,
        parts=call_parts,
        max_tokens=256,
    ),
}
"""The metrics of own items that are answered by generation."""

BY_LIKELIHOOD = ("acc", "acc_norm")
OWN_METRICS = (*BY_LIKELIHOOD, *SCORERS)

_RULES = {"regex", "excludes", "constraints", "language", "json_schema"}
SPEAKING = frozenset(OWN_METRICS) - _RULES
"""Metrics of own items whose right answer is a text that could have been said."""
