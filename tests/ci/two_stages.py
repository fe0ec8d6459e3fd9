"""A folder as a pipeline finds it: tiny models, and a suite of which the base knows all."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

from safetensors.numpy import load_file, save_file

from tests import support

CHECKOUT = Path(__file__).parent.parent.parent
SUITE = """\
name: small
version: 1
description: what the base says itself
capabilities:
  saying: {ring: adjacent, tasks: [{name: say, items: say.jsonl, metric: acc, chance: 0.25}]}
"""
N_ITEMS = 160


def furnish(folder: Path, base: Path) -> dict[str, str]:
    """Write plan, policy, suite and models; return the environment in which commands run there.

    The adapter changes few answers, that in `other` many.
    """
    shutil.copytree(base, folder / "models" / "base")
    for name, scale in (("runs/ft/adapter", 0.002), ("other", 1.0)):
        support.save_tiny_adapter(folder / name, folder / "models" / "base")
        weights = folder / name / "adapter_model.safetensors"
        tensors = {k: v * (scale if "lora_B" in k else 1.0) for k, v in load_file(weights).items()}
        save_file({k: v.astype("float32") for k, v in tensors.items()}, weights, {"format": "pt"})
    programs = folder / "programs"
    programs.mkdir()
    (programs / "cliffguard").write_text(
        f'#!/bin/sh\necho "$@" >> {folder}/calls\nexec {sys.executable} -m cliffguard "$@"\n'
    )
    (programs / "cliffguard").chmod(0o755)
    env = {
        **os.environ,
        "PATH": f"{programs}:{os.environ['PATH']}",
        "PYTHONPATH": str(CHECKOUT),
        "CLIFFGUARD_STORE": str(folder / "store"),
        "HF_HUB_OFFLINE": "1",
    }
    (folder / "gate.yaml").write_text(
        "base: models/base\ncandidate: runs/ft/adapter\nsuites: [suite/small.yaml]\n"
    )
    set_margin(folder, 0.2)
    _let_base_be_right(folder, env)
    (folder / "calls").write_text("")
    return env


def set_margin(folder: Path, margin: float) -> None:
    """Write another policy."""
    (folder / "policy.yaml").write_text(f"default_margin: {margin}\n")


def exchange_adapter(folder: Path) -> None:
    """Put the adapter that changes many answers in place of the other."""
    for path in (folder / "other").iterdir():
        shutil.copy(path, folder / "runs" / "ft" / "adapter" / path.name)


def verbs_called(folder: Path) -> list[str]:
    """Return the verbs that were called since the last time."""
    lines = (folder / "calls").read_text().splitlines()
    (folder / "calls").write_text("")
    return [line.partition(" ")[0] for line in lines]


def _let_base_be_right(folder: Path, env: dict[str, str]) -> None:
    """Write the suite, its right answers being those that the base gives."""
    rows = support.choice_rows(N_ITEMS)
    (folder / "suite").mkdir()
    (folder / "suite" / "small.yaml").write_text(SUITE)
    for _ in range(2):
        written = [{key: row[key] for key in ("id", "prompt", "choices", "answer")} for row in rows]
        support.write_jsonl(folder / "suite" / "say.jsonl", written)
        if (folder / "first").exists():
            return
        subprocess.run(
            ["cliffguard", "check", "gate.yaml", "--out", "first", "--no-diagnose",
             "--no-early-stop", "--exit-zero", "--quiet"],
            cwd=folder, env=env, check=True, capture_output=True,
        )  # fmt: skip
        lines = (folder / "first" / "items.jsonl").read_text().splitlines()
        given = {row["item"]: row["base"]["answer"]["text"] for row in map(json.loads, lines)}
        rows = [{**row, "answer": given[row["id"]]} for row in rows]
