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


KINDS = ("sft", "sft-adapter", "dpo", "dpo-adapter", "grpo", "grpo-adapter")


@pytest.fixture(scope="module")
def trained(
    environment: Callable[[str], Path], tiny_base: Path, tmp_path_factory: pytest.TempPathFactory
) -> dict[str, list[dict[str, Any]]]:
    """What each training leaves behind, without anybody looking and with."""
    folder = tmp_path_factory.mktemp("trl")
    suite = support.write_suite(folder / "suite", n_items=24, n_said=4)
    words = ("-m", MODULE, tiny_base, suite, folder / "runs", *KINDS)
    done = run_in(environment("trl"), *words, PYTHONPATH=str(CHECKOUT))
    assert done.returncode == 0, done.stderr
    results: dict[str, list[dict[str, Any]]] = json.loads(done.stdout.splitlines()[-1])
    return results


@pytest.mark.parametrize("kind", KINDS)
def test_a_run_that_is_looked_at_is_the_same_run(
    kind: str, trained: dict[str, list[dict[str, Any]]]
) -> None:
    """Weights, optimizer, logs and all randomness after twelve steps with three checks."""
    bare, watched = trained[kind]

    assert watched.pop("checks") == [4, 8, 12]
    assert watched.pop("exit_code") in (0, 10, 11)
    assert bare.pop("checks") == []
    assert bare.pop("exit_code") is None
    assert [name for name in bare if bare[name] != watched[name]] == []
