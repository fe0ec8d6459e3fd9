"""What lm-eval gives as an item's score, and what of it is none."""

from __future__ import annotations

from dataclasses import replace
from types import SimpleNamespace
from typing import Any

import pytest

from cliffguard.runners.loaded_task import LoadedTask
from cliffguard.suites.scorers import PatternTooSlow
from tests import support

REQUEST = SimpleNamespace(doc={}, doc_id=0, request_type="loglikelihood", filtered_resps={"f": 0})


def score(values: Any, *, lower_is_better: bool = False) -> float | None:
    """Return the score of an item for which lm-eval's task gives (or raises) these values."""

    def process_results(document: Any, responses: Any) -> Any:
        if isinstance(values, Exception):
            raise values
        return values

    harness = SimpleNamespace(get_config=lambda name: None, process_results=process_results)
    task = replace(support.task([]), filter="f", lower_is_better=lower_is_better)
    return LoadedTask(task, harness, {}).score([REQUEST])


def test_a_score_is_better_the_higher_it_is() -> None:
    """That of a metric which is better low is turned; what could not be scored is None."""
    assert score({"acc": 0.25}) == 0.25
    assert score({"acc": 0.25}, lower_is_better=True) == 0.75
    assert score({"acc": None}) is None


@pytest.mark.parametrize(
    ("values", "error"),
    [
        ({"f1": 1.0}, ("task.no-metric", 2, "ball", "acc", "f1")),
        ({"acc": 1.5}, ("task.no-share", 2, "ball", "acc")),
        ({"acc": -0.1}, ("task.no-share", 2, "ball", "acc")),
        ({"acc": float("nan")}, ("task.no-share", 2, "ball", "acc")),
        ({"acc": (1, 2)}, ("task.no-share", 2, "ball", "acc")),
        (PatternTooSlow("(a+)+b"), ("task.pattern", 2, "ball", "(a+)+b")),
    ],
)
def test_what_is_no_score_is_refused(values: Any, error: Any) -> None:
    """It is the suite's fault, and named with its task."""
    with support.refused(*error):
        score(values)
