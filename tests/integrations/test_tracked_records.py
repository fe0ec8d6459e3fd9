"""Names of metrics and steps of checkpoints, as every tracker takes them."""

from __future__ import annotations

import posixpath
import re
from dataclasses import replace

import pytest
from hypothesis import given
from hypothesis import strategies as st

from cliffguard.integrations.trackers.records import metric_part, metrics_of, step_and_series
from tests.report import samples

MLFLOW = re.compile(r"^[/\w.\- :]*$")
"""What MLflow takes for a metric (mlflow/utils/validation.py), beside the form of a path."""


@given(st.text(min_size=1) | st.text("./ ab", min_size=1, max_size=6))
def test_every_name_makes_a_metric(name: str) -> None:
    """A tracker takes it: one part of a path, of known characters, of some length."""
    whole = f"cliffguard/{metric_part(name)}/drop_high"

    assert MLFLOW.match(whole)
    assert posixpath.normpath(whole) == whole
    assert whole.count("/") == 2
    assert len(whole) <= 250


@given(st.text(min_size=1, max_size=200), st.text(min_size=1, max_size=200))
def test_two_names_make_two_metrics(one_name: str, other: str) -> None:
    """Also where both have to be changed, or cut."""
    assert (metric_part(one_name) == metric_part(other)) == (one_name == other)


def test_usual_names_stay() -> None:
    """What people chose is what they search for; the name of the verdict's metric is taken."""
    usual = ("multi_step_reasoning", "mmlu-pro", "tone of voice", "v1.5", "Zusätze")

    assert [metric_part(name) for name in usual] == [*usual]
    assert metric_part("verdict").startswith("verdict-")
    assert metric_part("a/b") != metric_part("a:b") != metric_part("a_b") == "a_b"


def test_a_name_in_two_suites_is_two_metrics() -> None:
    """Each has its suite before it; what nobody measured has none."""
    review = samples.failed()
    first = review.comparison.capabilities[0]
    evidence = replace(first.evidence, drop=0.25, drop_interval=None)
    again = replace(first, suite="another", evidence=evidence)
    unknown = replace(first, capability="unknown", evidence=replace(evidence, drop=None))
    comparison = replace(review.comparison, capabilities=(first, again, unknown))

    metrics = dict(metrics_of(replace(review, comparison=comparison)))

    assert metrics[f"cliffguard/another.{first.capability}/drop"] == 0.25
    assert metrics[f"cliffguard/{first.suite}.{first.capability}/drop"] == first.evidence.drop
    assert {name.split("/")[1] for name in metrics} == {
        f"another.{first.capability}", f"{first.suite}.{first.capability}", "verdict",
    }  # fmt: skip


@pytest.mark.parametrize(
    ("candidate", "step", "series"),
    [
        ("runs/ft/checkpoint-300", 300, "ft"),
        ("runs/ft/checkpoint-300/adapter", 300, "ft"),
        ("checkpoint-0", 0, "checkpoints"),
        ("./checkpoint-7", 7, "checkpoints"),
        ("out/global_step400", 400, "out"),
        ("out/step=12", 12, "out"),
        ("out/epoch=1-step=40", 40, "out"),
        ("out/iter_0000100", 100, "out"),
        ("hf:org/model@step-1000", 1000, "model"),
        ("hf:org/llama-3", None, "llama-3"),
        ("runs/footstep-3", None, "footstep-3"),
        ("models/v2", None, "v2"),
        ("checkpoint-1/final", 1, "checkpoints"),
        ("C:\\runs\\ft\\checkpoint-5", 5, "ft"),
        ("/", None, "candidate"),
    ],
)
def test_a_checkpoint_says_its_step(candidate: str, step: int | None, series: str) -> None:
    """A number that is a version, or of anything else, is no step."""
    assert step_and_series(candidate) == (step, series)
