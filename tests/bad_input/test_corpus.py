"""Everything that a tired person, or a hostile one, may hand in: one line, one code, no traceback.

The corpus is in the tables beside this file, one for each kind of input.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from tests.bad_input import (
    checkpoints,
    data,
    flags,
    imported,
    models,
    plans,
    results,
    reviews,
    stores,
    suites,
)
from tests.bad_input.place import Workspace, assert_refused, run
from tests.fake_runner import FakeRunner

TABLES = (checkpoints, suites, plans, data, imported, results, stores, reviews, flags)
CASES = {f"{t.__name__.split('.')[-1]}: {k}": v for t in TABLES for k, v in t.CASES.items()}


def names() -> Iterator[str]:
    """Yield the names of all cases, in the order of the snapshot."""
    yield from CASES
    yield from (f"usage: {case}" for case in flags.USAGE)
    yield from (f"models: {case}" for case in models.CASES)


def test_no_case_hides_another() -> None:
    """Each has a name of its own."""
    assert len(CASES) == sum(len(table.CASES) for table in TABLES)


def left_half_written(root: Path) -> list[Path]:
    """Return what a broken-off write leaves: temporary files, and a review without a verdict."""
    return [path for path in root.rglob("*") if path.name.startswith(".")]


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_one_line(
    case: str,
    workspace: Workspace,
    always_right: FakeRunner,
    monkeypatch: pytest.MonkeyPatch,
    assert_worded: Callable[[str, str], None],
) -> None:
    """The exact code, one line that says what and where, and nothing asked or half written."""
    monkeypatch.chdir(workspace.root)
    breaking, code, id = CASES[case]
    words = [str(word) for word in breaking(workspace)]
    always_right.n_asked = 0

    result = run(words)

    assert_worded(case, assert_refused(result, code, id))
    assert always_right.n_asked == 0
    assert not (workspace.out / "review.json").exists()
    assert left_half_written(workspace.root) == []


@pytest.mark.parametrize("case", flags.USAGE)
def test_a_usage_error_is_one_line(case: str, assert_worded: Callable[[str, str], None]) -> None:
    """What typer refuses has an id, exit code 2, and no box."""
    words, id = flags.USAGE[case]

    assert_worded(f"usage: {case}", assert_refused(run(words), 2, id))


@pytest.mark.parametrize("case", models.CASES)
def test_a_model_that_cannot_be_asked_is_one_line(
    case: str,
    workspace: Workspace,
    tiny_models: models.Models,
    monkeypatch: pytest.MonkeyPatch,
    assert_worded: Callable[[str, str], None],
) -> None:
    """The same for what shows only when a model is loaded."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    monkeypatch.setattr("cliffguard.core.sandbox.patterns.MATCH_SECONDS", 0.5)
    make, more, code, id = models.CASES[case]

    result = run(workspace.measure(make(tiny_models), *more))

    assert_worded(f"models: {case}", assert_refused(result, code, id))
    assert left_half_written(workspace.root) == []
