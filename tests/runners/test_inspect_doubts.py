"""Logs of inspect_ai that are whole, and of which something is not as it seems."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.runners.test_inspect_logs import Log, compared, counts, log, pair, refused, write


def _with_examples(side: str, content: Log) -> None:
    for sample in content["samples"]:
        shots = [
            {"role": role, "content": f"{role} {n}"}
            for n in range(1 if side == "base" else 3)
            for role in ("user", "assistant")
        ]
        sample["messages"] = [*shots, *sample["messages"]]


def _best_of_more_epochs(side: str, content: Log) -> None:
    n = 1 if side == "base" else 3
    content["eval"]["config"] |= {"epochs": n, "epochs_reducer": ["max"]}
    content["samples"] = [{**s, "epoch": e + 1} for s in content["samples"] for e in range(n)]
    values = [{"sample_id": s["id"], "value": 1.0} for s in content["samples"]]
    content["reductions"] = [{"scorer": "includes", "reducer": "max", "samples": values}]


def _with_more_attempts(side: str, content: Log) -> None:
    attempts = 1 if side == "base" else 5
    content["plan"]["steps"][1]["params"] = {"attempts": attempts, "of": "<X at 0x7f00>"}


@pytest.mark.parametrize("change", [_with_examples, _with_more_attempts, _best_of_more_epochs])
def test_what_helps_one_side_is_refused(tmp_path: Path, change: Callable[[str, Log], None]) -> None:
    """More examples before the question, a solver's argument, and the best of more answers."""
    error = refused(pair(tmp_path, change))

    assert (error.exit_code, error.id) == (12, "sides.asked-otherwise")


def test_an_object_of_another_process_is_the_same_argument(tmp_path: Path) -> None:
    """Python shows it with its address."""

    def change(side: str, content: Log) -> None:
        content["plan"]["steps"][1]["params"] = {"of": f"<X object at 0x7f{len(side)}>"}

    assert counts(compared(pair(tmp_path, change)))[0] == 6


def _other_reductions(content: Log) -> None:
    values = [{"sample_id": sample["id"], "value": 1.0} for sample in content["samples"]]
    content["reductions"] = [{"scorer": "includes", "reducer": "mean", "samples": values}]
    content["results"] = None


def _without_an_epoch(content: Log) -> None:
    content["eval"]["config"]["epochs"] = 2
    content["samples"] += [{**sample, "epoch": 2} for sample in content["samples"][1:]]


@pytest.mark.parametrize(
    ("change", "id", "what"),
    [
        (_other_reductions, "samples.log-disagrees", "is another in the log's reductions"),
        (_without_an_epoch, "samples.unfinished", "1 answer of 2 epochs not there"),
    ],
)
def test_a_log_that_contradicts_itself_is_a_caveat(
    tmp_path: Path, change: Callable[[Log], None], id: str, what: str
) -> None:
    """Each score is in it twice, and so is how often a document was to be asked."""
    (text, _) = support.caveat_texts(
        compared(pair(tmp_path, lambda _, content: change(content))), id
    )

    assert what in text


@pytest.mark.parametrize("stated", [10**400, "a text", [1], True, float("nan"), float("inf")])
def test_a_mean_that_is_none_is_passed(tmp_path: Path, stated: Any) -> None:
    """Whatever a header says of its own mean, the documents are counted."""

    def change(_: str, content: Log) -> None:
        metrics = {"accuracy": {"value": stated}}
        entry = {"name": "includes", "scorer": "includes", "metrics": metrics}
        content["results"] = {"scores": [entry]}

    assert counts(compared(pair(tmp_path, change))) == (6, 0, 1, 0)


def _folder(path: Path, *changes: dict[str, Any]) -> Path:
    for day, change in enumerate(changes, start=1):
        content = log(path.name)
        content["eval"] |= {"created": f"2026-01-0{day}T10:00:00+00:00", **change}
        write(path / f"2026-01-0{day}T10-00-00+00-00_task_x{day}.json", content)
    return path


@pytest.mark.parametrize(
    ("key", "changes", "id"),
    [
        ("task_args", [{"language": "en"}, {"language": "de"}], "samples.several-arguments"),
        ("model_args", [{"model_path": "ft"}, {"model_path": "ft2"}], "samples.several-models"),
    ],
)
def test_a_later_log_of_something_else_replaces_none(
    tmp_path: Path, key: str, changes: list[dict[str, Any]], id: str
) -> None:
    """One name stands for two tasks, or for two checkpoints: neither is an older run."""
    sides = [_folder(tmp_path / s, *({key: c} for c in changes)) for s in ("base", "candidate")]

    error = refused((sides[0], sides[1]))

    assert (error.exit_code, error.id) == (2, id)
    assert "2026-01-02T10-00-00+00-00_task_x2.json" in str(error)
