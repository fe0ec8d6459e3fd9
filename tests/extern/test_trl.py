"""TRL's trainers, looked at: each trains, bit for bit, as it does without."""

from __future__ import annotations

import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from tests import support
from tests.extern.environments import CHECKOUT, run_in

pytestmark = pytest.mark.extern

MODULE = "tests.extern.trl_training"


@pytest.fixture(scope="module")
def python(environment: Callable[[str], Path]) -> Path:
    """The Python that has TRL."""
    return environment("trl")


@pytest.mark.parametrize(
    "kind", ["sft", "sft-adapter", "dpo", "dpo-adapter", "grpo", "grpo-adapter"]
)
def test_a_run_that_is_looked_at_is_the_same_run(
    kind: str, python: Path, tiny_base: Path, tmp_path: Path
) -> None:
    """Weights, optimizer, logs and all randomness after twelve steps with three checks."""
    suite = support.write_suite(tmp_path / "suite", n_items=24, n_said=4)

    def trained(*more: Path) -> dict[str, Any]:
        words = ("-m", MODULE, kind, tiny_base, suite, tmp_path / f"run-{len(more)}", *more)
        done = run_in(python, *words, PYTHONPATH=str(CHECKOUT))
        assert done.returncode == 0, done.stderr
        result: dict[str, Any] = json.loads(done.stdout.splitlines()[-1])
        return result

    bare, watched = trained(), trained(tmp_path / "store")

    assert watched.pop("checks") == [4, 8, 12]
    assert watched.pop("exit_code") in (0, 10, 11)
    assert bare.pop("checks") == []
    assert bare.pop("exit_code") is None
    assert [name for name in bare if bare[name] != watched[name]] == []
