"""What the page on planted causes says is what the recorded and scripted answers give."""

from __future__ import annotations

import re
from collections import Counter
from pathlib import Path

import pytest

from cliffguard.core.canonical_json import digest
from cliffguard.suites.scorers import SCORERS
from scripts.studies.planted import study
from scripts.studies.planted.cases import CASES, N_ITEMS, rows_of
from scripts.studies.planted.joined import (
    read_rows,
    recorded_cases,
    recorded_patterns,
    scripted_cases,
)  # fmt: skip
from scripts.studies.planted.training import KINDS, POSITION, training_rows

ROOT = Path(__file__).parent.parent.parent.parent
ANSWERS = ROOT / study.ANSWERS
PAGE = ROOT / "reports" / "planted" / "README.md"


def test_the_page_states_how_many_causes_are_named_right() -> None:
    """By the largest cause and by the first line; at least five of the nine are adapters'."""
    recorded = [study.named(case) for case in recorded_cases(ANSWERS)]
    scripted = [study.named(case) for case in scripted_cases(ROOT / study.TEXTS)]
    proof = study.ten_of_each(recorded, scripted)

    assert Counter(row.kind for row in proof) == dict.fromkeys(study.KINDS, 10)
    assert len({row.kind for row in recorded}) >= 5
    stated = re.findall(r"\*\*(\d+) of (\d+)\*\*", PAGE.read_text(encoding="utf-8"))
    counts = [sum(row.is_right for row in proof), sum(row.is_first for row in proof)]
    assert stated == [(str(count), "90") for count in counts]


def test_scripted_calls_have_the_scores_that_their_metric_gives() -> None:
    """What is right is so, and what is wrong is wrong or unreadable."""
    calls = [case for case in scripted_cases(ROOT / study.TEXTS) if case.kind == "bad_call"]

    assert len(calls) == 10
    for item in (item for case in calls for item in case.items):
        for answer in (item.pair.base, item.pair.candidate):
            score = SCORERS["tool_call"].best(answer.text, item.pair.item.right)
            assert (score or 0.0) == answer.score, answer


@pytest.mark.parametrize("kind", KINDS)
def test_an_adapter_was_trained_on_the_rows_that_are_made_today(kind: str) -> None:
    """By digest: whoever changes a text has to train again."""
    records = {row["planted"]: row for row in read_rows(ANSWERS / "adapters.jsonl")}

    assert records[kind]["rows"] == digest([list(row) for row in training_rows(kind)])


def test_the_page_states_how_often_the_planted_pattern_is_first() -> None:
    """Of the ten cases of the adapter that always picks the first option."""
    rows = study.patterns_of(recorded_patterns(ANSWERS))

    assert len(rows) == len(CASES)
    n_right = sum(row["named"] == "right" for row in rows)
    assert f"in {n_right} of {len(rows)} cases" in PAGE.read_text(encoding="utf-8")


@pytest.mark.parametrize("side", ["base-questions", *(kind for kind in KINDS if kind != POSITION)])
def test_recorded_answers_are_to_the_questions_that_are_made_today(side: str) -> None:
    """Every item has an answer, and the score that its metric gives."""
    right = {row["id"]: row["answers"] for case in CASES for row in rows_of(case)}
    rows = read_rows(ANSWERS / f"{side}.jsonl")

    assert [row["item_id"] for row in rows] == list(right)
    assert len(rows) == len(CASES) * N_ITEMS
    scorer = SCORERS["normalized_match"]
    for row in rows:
        line = row["text"].strip().split("\n")[0]
        assert row["score"] == scorer.best(line, right[row["item_id"]]), row


def test_no_question_of_a_case_was_trained_on() -> None:
    """What a case asks stands in no training row."""
    trained = {question for kind in KINDS for question, _, _ in training_rows(kind)}

    assert not trained & {row["prompt"] for case in CASES for row in rows_of(case)}
