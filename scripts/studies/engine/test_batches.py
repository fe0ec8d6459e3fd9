"""The study of batches counts picks, not distances."""

from __future__ import annotations

from lm_eval.api.instance import Instance

from scripts.studies.engine.batches import as_markdown, flips
from scripts.studies.engine.tasks import Task


def test_a_flip_is_another_likeliest_choice() -> None:
    """The first item moves and keeps its pick, the second has another."""
    requests = [
        Instance("loglikelihood", {}, ("q", f" {choice}"), choice)
        for _ in range(2)
        for choice in range(2)
    ]
    task = Task(name="t", kind="loglikelihood", n_items=2, requests=requests)

    assert flips(task, [-1.0, -2.0, -1.0, -2.0], [-1.5, -1.6, -1.7, -1.6]) == 1


def test_a_model_that_is_not_there_has_a_row_of_all_columns() -> None:
    """So that the table stays one."""
    figures = {
        "command": "c",
        "dtype": "bfloat16",
        "machine": {"cpu": "a processor"},
        "models": {"far": "not there"},
    }

    *_, header, rule, row = as_markdown(figures).splitlines()

    assert header.count("|") == rule.count("|") == row.count("|")
