"""Data-parallel training is looked at by all of its processes; sharded weights are refused."""

from __future__ import annotations

import json
import os
import socket
import subprocess
import sys
from pathlib import Path
from typing import Any

import pytest

from tests import support

pytestmark = pytest.mark.slow

PATIENCE_S = 240  # processes that wait for each other fail here


@pytest.fixture
def both(tiny_base: Path, tmp_path: Path) -> Any:
    """Run two processes of a kind; return what each said."""
    suite = support.write_suite(tmp_path / "suite", n_items=70, n_said=4)

    def run(kind: str) -> list[dict[str, Any]]:
        with socket.socket() as probe:
            probe.bind(("127.0.0.1", 0))
            port = str(probe.getsockname()[1])
        module = "tests.integrations.one_process"
        words = [kind, str(tiny_base), str(suite), str(tmp_path / kind)]
        common = {"WORLD_SIZE": "2", "MASTER_ADDR": "127.0.0.1", "MASTER_PORT": port}
        env = {**os.environ, **common, "ACCELERATE_USE_CPU": "true", "OMP_NUM_THREADS": "1"}
        processes = [
            subprocess.Popen(
                [sys.executable, "-m", module, *words],
                env={**env, "RANK": rank, "LOCAL_RANK": rank},
                cwd=Path(__file__).parents[2],
                stdout=subprocess.PIPE,
                stderr=subprocess.PIPE,
                text=True,
            )
            for rank in ("0", "1")
        ]
        try:
            done = [process.communicate(timeout=PATIENCE_S) for process in processes]
        finally:
            for process in processes:
                process.kill()
        for process, (_, err) in zip(processes, done, strict=True):
            assert process.returncode == 0, err
        return [{**json.loads(out.splitlines()[-1]), "err": err} for out, err in done]

    return run


@pytest.mark.parametrize("lora", ["", "-lora"])
def test_two_processes_look_on_and_train_as_without(lora: str, both: Any) -> None:
    """Bit for bit; each answers its share of whole shards, and both know the same of it."""
    bare, watched = both(f"bare{lora}"), both(f"watched{lora}")

    for name in ("weights", "optimizer", "torch", "step"):
        assert [rank[name] for rank in bare] == [rank[name] for rank in watched], name
    first, second = watched
    assert first["record"] == second["record"]
    assert first["exit code"] == second["exit code"] in (0, 10, 11)
    assert first["record"]["steps"] == [2, 4, 6]
    # Of two tasks each process asks one at a time: 64 choices, or four answers.
    shares = [sorted({tuple(shard[1:]) for shard in rank["shards"]}) for rank in watched]
    assert shares == [[("ball", 64)], [("say", 4)]]
    assert "3 of 3 checks made" in first["err"]
    assert "cliffguard: " not in second["err"]


def test_a_process_that_fails_fails_the_check_in_both(both: Any) -> None:
    """And neither waits for the other; the training goes on."""
    first, second = both("failing")

    assert first["step"] == second["step"] == 6
    assert first["exit code"] == second["exit code"] == 20
    assert "0 of 3 checks made" in first["err"]


@pytest.mark.parametrize("kind", ["fsdp1", "fsdp1-original", "fsdp2"])
def test_weights_that_fsdp_has_sharded_are_refused(kind: str, both: Any) -> None:
    """No process holds them whole."""
    for rank in both(kind):
        assert rank["error"] == "live.several-devices"
        assert rank["exit code"] == 2


def test_what_fsdp_saves_is_checked_beside_the_training(both: Any) -> None:
    """One process runs the checks, and both hear what they came to."""
    first, second = both("fsdp-saved")

    for name in ("steps", "metrics", "exit code", "review"):
        assert first[name] == second[name], name
    assert first["steps"][-1] == 2
    assert first["review"].endswith("checkpoint-2")
    assert "eval_cliffguard_worst_drop" in first["metrics"]
    assert " of 2 checks made" in first["err"]
    assert "cliffguard: " not in second["err"]
