"""Make over two stages, with a tiny model: what is measured once is judged again."""

from __future__ import annotations

import json
import shutil
import subprocess
from pathlib import Path

import pytest

from tests.ci.test_files import FOLDER
from tests.ci.two_stages import exchange_adapter, furnish, set_margin, verbs_called


@pytest.mark.slow
def test_make_measures_once(tiny_base: Path, tmp_path: Path) -> None:
    """PASS; another policy asks nothing; other weights are measured, and fail."""
    env = furnish(tmp_path, tiny_base)
    shutil.copy(FOLDER / "Makefile", tmp_path)

    def gate() -> tuple[int, str, list[str]]:
        done = subprocess.run(
            ["make", "gate"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        review = json.loads((tmp_path / "gate" / "review.json").read_text())
        outcome = review["verdict"]["outcome"]
        assert outcome == "PASS" or f"Error {10 if outcome == 'FAIL' else 11}" in done.stderr
        return done.returncode, outcome, verbs_called(tmp_path)

    assert gate() == (0, "PASS", ["measure", "compare"])
    set_margin(tmp_path, 0.001)
    assert gate() == (2, "INCONCLUSIVE", ["compare"])
    set_margin(tmp_path, 0.2)
    exchange_adapter(tmp_path)
    assert gate() == (2, "FAIL", ["measure", "compare"])


@pytest.mark.slow
def test_what_could_not_be_measured_leaves_no_bundle(tmp_path: Path, tiny_base: Path) -> None:
    """So that the next `make` measures again, and nothing is judged."""
    env = furnish(tmp_path, tiny_base)
    shutil.copy(FOLDER / "Makefile", tmp_path)
    (tmp_path / "runs/ft/adapter/adapter_model.safetensors").write_bytes(b"torn")

    for _ in range(2):
        done = subprocess.run(
            ["make", "gate"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        assert (done.returncode, verbs_called(tmp_path)) == (2, ["measure"])
        assert "Error 12" in done.stderr
        assert not (tmp_path / "run.tar").exists()
