"""Metrics of generated answers: what each forgives, and what it does not."""

from __future__ import annotations

import json

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st

from cliffguard.core.items import RIGHT_OR_WRONG
from cliffguard.suites.constraints import check_constraints, meets
from cliffguard.suites.scorers import SCORERS, PatternTooSlow


@pytest.mark.parametrize(
    ("metric", "response", "answer", "score"),
    [
        ("exact_match", ' "Paris."', "paris", 1.0),
        ("exact_match", "Paris, France", "Paris", 0.0),
        ("exact_match", "5", "-5", 0.0),
        ("exact_match", "-5", "5", 0.0),
        ("exact_match", "1.5", "15", 0.0),
        ("exact_match", "15", "1.5", 0.0),
        ("exact_match", "", "!", 0.0),
        ("normalized_match", "The Eiffel Tower!", "eiffel tower", 1.0),
        ("normalized_match", "tower", "eiffel tower", 0.0),
        ("numeric", "3 + 4 makes 7.", "7", 1.0),
        ("numeric", "It costs 1,250.00", "1250", 1.0),
        ("numeric", "7 of 12", "7", 0.0),
        ("numeric", "\u22125", "-5", 1.0),
        ("numeric", "none", "0", None),
        ("numeric", "**$1,250.00**.", "1250", 1.0),
        ("numeric", "= 12 apples (3 per box).", "12", 1.0),
        ("numeric", "20 apples. (20 - 8 = 12)", "12", 1.0),
        ("numeric", "I had 3.\nSo it is twelve (12)", "12", 1.0),
        ("numeric", "so \\boxed{12} apples, 3 a box", "12", 1.0),
        ("numeric", "\\boxed{\\frac{3}{4}}", "0.75", 1.0),
        ("numeric", "\\boxed{none of 4}, or \\boxed{x}: 7", "7", 1.0),
        ("numeric", "#### 12\nThat is 3 a box.", "12", 1.0),
        ("numeric", "12{,}000", "12000", 1.0),
        ("numeric", "12/3", "4", 1.0),
        ("numeric", "12/3", "3", 0.0),
        ("numeric", "-3/4", "-0.75", 1.0),
        ("numeric", "1/0", "0", 1.0),
        ("numeric", "on 1/2/2024", "2024", 1.0),
        ("numeric", "between 10-12", "12", 1.0),
        ("numeric", "x = -5", "-5", 1.0),
        ("numeric", "12 dollars and 50 cents", "50", 1.0),
        ("numeric", "2.000", "2000", 0.0),
        ("numeric", "#### Step 1: Add\n3 + 9 = 12.\n#### Step 2: Say it\n**12**", "12", 1.0),
        ("numeric", "#### 2. Say it\nIt is twelve: 12", "12", 1.0),
        ("numeric", "#### 12 apples, since 3 * 4", "12", 1.0),
        ("numeric", "#### x = 3 + 9 = 12", "12", 1.0),
        ("numeric", "\\boxed{2\\frac{1}{2}}, 3 1/2 and $-\\frac{1}{2}$", "2.5", 1.0),
        ("numeric", "It takes 3 1/2 hours", "3.5", 1.0),
        ("numeric", "$-\\frac{1}{2}$", "-0.5", 1.0),
        ("numeric", "\\boxed{\\$12.50 \\text{ for } 5 \\text{ pens}}", "12.5", 1.0),
        ("numeric", "\\boxed{14\\text{ cm}^2}", "14", 1.0),
        ("numeric", "the answer for question 3 is (18).", "18", 1.0),
        ("numeric", "The total for 3 people: ($54)", "54", 1.0),
        ("numeric", "Answer: 18 [2]", "18", 1.0),
        ("numeric", "a field of 14 m2", "14", 1.0),
        ("numeric", "he is at -$3", "-3", 1.0),
        ("regex", "order A-17 found", r"[A-Z]-\d+", 1.0),
        ("regex", "order found", r"[A-Z]-\d+", 0.0),
        ("excludes", "I would like tea.", r"(?i)\bqueue:", 1.0),
        ("excludes", "Queue: billing", r"(?i)\bqueue:", 0.0),
        ("f1", "the red house", "a red boat", 0.5),
        ("f1", "", "boat", 0.0),
        ("rouge_l", "the cat sat", "the cat sat", 1.0),
        ("constraints", "A lamp!", '{"includes": ["lamp"], "ends_with": "!"}', 1.0),
        ("constraints", "A lamp.", '{"includes": ["lamp"], "ends_with": "!"}', 0.0),
    ],
)
def test_a_metric_scores(metric: str, response: str, answer: str, score: float | None) -> None:
    """Each by its own rule; without a number there is none to be right or wrong."""
    assert SCORERS[metric].score(response, answer) == pytest.approx(score)


@pytest.mark.parametrize("metric", sorted(SCORERS))
@given(response=st.text(max_size=60))
@settings(deadline=None)  # the first score imports a library
def test_a_score_lies_between_nought_and_one(metric: str, response: str) -> None:
    """Whatever a model says."""
    answer = {
        "regex": "a+",
        "excludes": "a+",
        "numeric": "12",
        "constraints": '{"max_words": 3}',
        "language": "en",
        "json_equal": "[1]",
        "json_schema": '{"type": "array"}',
        "tool_call": "[]",
    }

    score = SCORERS[metric].score(response, answer.get(metric, "one two"))

    assert score is None or 0.0 <= score <= 1.0


@pytest.mark.parametrize(
    ("metric", "answer"),
    [
        ("numeric", "seven"),
        ("regex", "(a"),
        ("excludes", "[a"),
        ("constraints", "lamp"),
        ("constraints", "{}"),
        ("constraints", '{"rhymes": true}'),
        ("constraints", '{"max_words": "3"}'),
        ("constraints", '{"max_words": true}'),
        ("constraints", '{"includes": [3]}'),
        ("json_equal", "lamp"),
        ("json_equal", '{"a": NaN}'),
    ],
)
def test_an_answer_that_cannot_be_asked_about_is_refused(metric: str, answer: str) -> None:
    """Before any model is asked."""
    with pytest.raises(ValueError, match=r"."):
        SCORERS[metric].check(answer)


def test_a_pattern_that_never_ends_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """What a model says must not hang the run."""
    monkeypatch.setattr("cliffguard.core.sandbox.patterns.SEARCH_SECONDS", 0.5)
    with pytest.raises(PatternTooSlow):
        SCORERS["regex"].score("a" * 60, r"^(a|a|aa)+$b")


@pytest.mark.parametrize(
    ("text", "wanted", "is_met"),
    [
        ("In Rome, it rains", {"has_comma": True, "n_words": 4}, True),
        ("IN ROME!", {"is_upper_case": True}, True),
        ("In Rome!", {"is_upper_case": True}, False),
        ("in rome", {"is_lower_case": True, "last_word": "rome"}, True),
        ("One. Two? Three", {"n_sentences": 3}, True),
        ("No vowel here", {"without_letter": "o"}, False),
        ("room 4", {"has_digit": True, "first_word": "room"}, True),
        ("a b c", {"min_words": 2, "max_words": 3, "excludes": ["d"]}, True),
        ("", {"max_words": 3}, False),
    ],
)
def test_constraints_are_checked(text: str, wanted: dict[str, object], is_met: bool) -> None:
    """All of them, and silence meets none."""
    check_constraints(json.dumps(wanted))

    assert meets(text, wanted) is is_met


def test_graded_metrics_are_known_as_such() -> None:
    """A metric of own items is right or wrong for the statistics where its scores are."""
    assert {name for name, scorer in SCORERS.items() if scorer.is_graded} == {"f1", "rouge_l"}
    assert SCORERS.keys() & RIGHT_OR_WRONG == SCORERS.keys() - {"f1", "rouge_l"}
