"""A sweep of real models: the workers' store is that of one worker, and of `check`."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

from tests import support
from tests.sweep import runs

pytestmark = pytest.mark.slow

N_ADAPTERS = 3


@pytest.fixture(scope="module")
def root(tiny_base: Path, tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with adapters of one training, and full weights beside them."""
    folder = tmp_path_factory.mktemp("sweep")
    for number in range(N_ADAPTERS):
        adapter = folder / "runs" / "ft" / f"checkpoint-{number + 1}00"
        support.save_tiny_adapter(adapter, tiny_base, seed=number)
    support.save_tiny_llama(folder / "runs" / "full" / "checkpoint-100", seed=1)
    suite = support.write_suite(folder / "suite", n_items=200, n_said=80)
    (folder / "plan.yaml").write_text(
        f"base: {tiny_base}\nsuites: [{suite}]\nprotocol: {{dtype: float32}}\n"
        "runner: {device: cpu, batch_tokens: 4096}\n"
    )
    return folder


def run(root: Path, store: str, *words: object) -> subprocess.CompletedProcess[str]:
    """Run a command over the folder, with one thread."""
    where = ("--store", root / store, "--out", root / f"out-{store}", "--exit-zero")
    return subprocess.run(
        [sys.executable, "-m", "cliffguard", *map(str, (*words, *where))],
        env={**os.environ, "OMP_NUM_THREADS": "1", "HF_HUB_OFFLINE": "1"},
        capture_output=True,
        text=True,
        timeout=1200,
        check=True,
    )


def test_two_workers_store_what_one_stores_and_what_check_stores(root: Path) -> None:
    """Byte for byte: adapters that are switched, full weights, choices, text, and probes."""
    words = ("sweep", root / "plan.yaml", "--candidates", root / "runs/*/checkpoint-*")
    paths = [root / "runs/full/checkpoint-100"]
    paths += [root / f"runs/ft/checkpoint-{number}00" for number in range(1, N_ADAPTERS + 1)]
    each = [word for path in paths for word in ("--candidate", path)]

    two = run(root, "two", *words, "--workers", 2, "--threads-per-worker", 1)
    run(root, "single", *words, "--workers", 1, "--threads-per-worker", 1)
    run(root, "checked", "check", root / "plan.yaml", *each)

    assert sum("/shards/" in name for name in runs.stored(root, "two")) >= 15
    runs.same_stores(root, "two", "single")
    runs.same_stores(root, "two", "checked")
    assert "Warning" not in two.stderr
    assert (root / "out-two" / "full" / "checkpoint-100" / "review.json").is_file()
