"""Scores of inspect_ai as numbers: grades, truth values, and what reducers made of epochs."""

from __future__ import annotations

import math
from collections.abc import Iterable, Iterator, Mapping
from statistics import fmean
from typing import Any

from cliffguard.runners.lmeval_logs import ScoreChoice
from cliffguard.runners.lmeval_logs.sample import in_words
from cliffguard.runners.score_choices import Number

_GRADES = {"C": 1.0, "P": 0.5, "I": 0.0, "N": 0.0}
_WORDS = {"yes": 1.0, "true": 1.0, "no": 0.0, "false": 0.0}
MEAN = "mean"
"""The reducer of a log that names none."""


def mapping(value: Any) -> Mapping[str, Any]:
    """Return an object of JSON; of anything else an empty one."""
    return value if isinstance(value, dict) else {}


def is_grade(value: Any) -> bool:
    """Return whether a score is one of inspect_ai's letters, of which C is right."""
    return isinstance(value, str) and value in _GRADES


def number_in(value: Any) -> Number:
    """Return a score as inspect_ai's `value_to_float` does; NaN and null are none.

    A text that it cannot read counts as 0 there, and stands in place of a score here.
    """
    if isinstance(value, str):
        known = _GRADES.get(value, _WORDS.get(value.lower()))
        if known is not None:
            return known
        try:
            value = float(value)
        except ValueError:
            return in_words(value)
        return value if math.isfinite(value) else "a text"
    if value is None:
        return None
    if not isinstance(value, (bool, int, float)):
        return in_words(value)
    try:
        number = float(value)
    except OverflowError:
        number = math.inf
    return None if math.isnan(number) else number


def parts_of(scorer: str, value: Any) -> Iterator[tuple[str, Any]]:
    """Yield what a scorer's value is judged by: itself, or of an object `SCORER/KEY` of each."""
    if isinstance(value, Mapping):
        for key, part in value.items():
            yield f"{scorer}/{key}", part
    else:
        yield scorer, value


def mean_of(values: Iterable[Number]) -> Number:
    """Return the mean of the scores among the values of a sample's epochs.

    None where there is none, and what stands in place of one where anything does.
    """
    numbers: list[float] = []
    for value in values:
        if isinstance(value, str):
            return value
        if value is not None:
            numbers.append(value)
    return fmean(numbers) if numbers else None


Scores = dict[ScoreChoice, dict[str, Number]]
"""By metric and reducer, and by document."""


def reduced(reductions: Any) -> Scores:
    """Return what a log says that reducers made of the epochs of each sample."""
    scores: Scores = {}
    for entry in reductions if isinstance(reductions, list) else ():
        if not isinstance(entry, Mapping):
            continue
        scorer, reducer = str(entry.get("scorer")), str(entry.get("reducer") or MEAN)
        samples = entry.get("samples")
        for sample in samples if isinstance(samples, list) else ():
            if isinstance(sample, Mapping) and sample.get("sample_id") is not None:
                for metric, value in parts_of(scorer, sample.get("value")):
                    by_document = scores.setdefault(ScoreChoice(metric, reducer), {})
                    by_document[str(sample["sample_id"])] = number_in(value)
    return scores
