"""DVC over two stages, with a tiny model: a gate that is closed leaves what was measured."""

from __future__ import annotations

import json
import shutil
import subprocess
from collections.abc import Callable
from pathlib import Path

import pytest

from tests.ci.test_files import FOLDER
from tests.ci.two_stages import exchange_adapter, furnish, set_margin, verbs_called


@pytest.mark.extern
def test_dvc_measures_once(
    environment: Callable[[str], Path], tiny_base: Path, tmp_path: Path
) -> None:
    """PASS; another policy asks nothing; a closed gate is judged again, and never measured."""
    dvc = [str(environment("dvc")), "-m", "dvc"]
    env = furnish(tmp_path, tiny_base)
    env |= {"DVC_NO_ANALYTICS": "1", "HOME": str(tmp_path)}
    shutil.copy(FOLDER / "dvc.yaml", tmp_path)
    subprocess.run([*dvc, "init", "--no-scm", "-q"], cwd=tmp_path, env=env, check=True)

    def gate() -> tuple[int, str, list[str]]:
        done = subprocess.run(
            [*dvc, "repro"], cwd=tmp_path, env=env, capture_output=True, text=True, check=False
        )
        review = json.loads((tmp_path / "gate" / "review.json").read_text())
        outcome = review["verdict"]["outcome"]
        code = {"PASS": 0, "FAIL": 10, "INCONCLUSIVE": 11}[outcome]
        assert not code or f"exited with {code}" in done.stderr, done.stderr
        return done.returncode, outcome, verbs_called(tmp_path)

    assert gate() == (0, "PASS", ["measure", "compare"])
    assert gate() == (0, "PASS", [])
    set_margin(tmp_path, 0.001)
    for _ in range(2):
        assert gate() == (255, "INCONCLUSIVE", ["compare"])
    set_margin(tmp_path, 0.2)
    exchange_adapter(tmp_path)
    assert gate() == (255, "FAIL", ["measure", "compare"])
