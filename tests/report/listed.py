"""A review in a folder, with its items beside it: three that broke, one that was fixed, others."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

from typer.testing import CliRunner, Result

from cliffguard.cli.app import app
from cliffguard.compare.item_results import kept
from cliffguard.core.item_results import ItemAnswer, ItemResult
from cliffguard.report import render
from cliffguard.report.items import write_items
from tests.report import samples


def side(text: str, score: float | None, confidence: float | None = None) -> ItemAnswer:
    """Return an answer that was picked."""
    return ItemAnswer(
        answer=kept(text, "full"), score=score, confidence=confidence, finish_reason="choice"
    )


def result(
    item: str = "b-1", base: float = 1.0, candidate: float = 0.0, **changes: Any
) -> ItemResult:
    """Return an item of the capability that the sample review lost."""
    sure, text = changes.pop("sure", None), changes.pop("text", "Lena")
    whole = ItemResult(
        item=item,
        digest="d" * 64,
        task="ball_passing",
        capability="multi_step_reasoning",
        level=3,
        cluster=None,
        counted=True,
        uncounted=None,
        drop=base - candidate,
        prompt=kept(changes.pop("prompt", "Who has the ball?"), "full"),
        choices=(kept("Omar", "full"), kept("Lena", "full")),
        right=(kept("Omar", "full"),),
        base=side("Omar", base, sure),
        candidate=side(text, candidate, sure),
    )
    return replace(whole, **changes)


RESULTS = (
    result("b-1"),
    result("b-2", level=4),
    result("kept", 1.0, 1.0),
    result("fixed", 0.0, 1.0),
    result("shown", counted=False, uncounted="not-gating"),
    result("if-1", capability="instruction_following", task="follow", level=None),
)


def written(folder: Path, results: Sequence[ItemResult] = RESULTS) -> Path:
    """Write a review and its items into a folder, and return it."""
    folder.mkdir(exist_ok=True)
    review = write_items(samples.failed(), folder, results)
    (folder / "review.json").write_text(render(review, "json"), encoding="utf-8")
    return folder


def run(*words: object) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)
