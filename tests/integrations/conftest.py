"""A tracker that notes what it is called for, in place of MLflow."""

from __future__ import annotations

import json
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.bad_input.place import answering
from tests.fake_runner import FakeRunner

FAKES = Path(__file__).parent / "fakes"


@dataclass(frozen=True)
class FakeTracker:
    """The calls that a stand-in noted in a file."""

    path: Path

    def calls(self, *names: str) -> list[dict[str, Any]]:
        """Return the calls of these names, or all, in their order."""
        lines = self.path.read_text(encoding="utf-8").splitlines() if self.path.exists() else []
        return [call for call in map(json.loads, lines) if not names or call["call"] in names]

    def metrics(self) -> dict[str, float]:
        """Return the numbers that were logged, by name."""
        batches = [call["more"]["metrics"] for call in self.calls("log_batch")]
        return {metric["key"]: metric["value"] for batch in batches for metric in batch}


@pytest.fixture
def tracker(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> FakeTracker:
    """A stand-in where `import mlflow` looks first, in children of this process as well."""
    monkeypatch.syspath_prepend(str(FAKES))
    monkeypatch.setenv("FAKE_CALLS", str(tmp_path / "calls.jsonl"))
    monkeypatch.delenv("MLFLOW_RUN_ID", raising=False)
    return FakeTracker(tmp_path / "calls.jsonl")


@pytest.fixture
def losing(monkeypatch: pytest.MonkeyPatch) -> FakeRunner:
    """What answers every check: the candidate loses hard levels."""
    runner = FakeRunner(support.loses_hard_levels)
    answering(monkeypatch, runner)
    return runner


@pytest.fixture
def passing(monkeypatch: pytest.MonkeyPatch) -> FakeRunner:
    """What answers every check: both sides are right."""
    runner = FakeRunner(support.all_right)
    answering(monkeypatch, runner)
    return runner
