"""Logs that inspect_ai's mock model wrote: n, means and flips are what inspect_ai says of them."""

from __future__ import annotations

import json
import subprocess
from collections.abc import Callable, Mapping
from math import fsum
from pathlib import Path
from typing import Any

import pytest

from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.report.json import read_review
from tests.extern.environments import run_in

pytestmark = pytest.mark.extern

Made = tuple[Path, dict[str, Any], Path]
"""The folder of the logs of both sides, what inspect_ai says of them, and the Python that may."""

CHOSEN = [  # a task, a scorer and a reducer of it, and whether the policy names them
    ("choices", "choice", "mean", False),
    ("numbers", "includes", "mean", False),
    ("numbers", "match", "mean", True),
    ("grades", "graded", "mean", False),
    ("grades", "shares", "mean", True),
    ("grades", "rubric/help", "mean", True),
    ("errors", "includes", "mean", False),
    ("cancelled", "includes", "mean", False),
    ("repeated", "includes", "mean", False),
    ("repeated", "includes", "at_least_2", True),
    ("repeated", "graded", "pass_at_2", True),
    ("repeated", "graded", "mode", True),
    ("repeated", "graded", "max", True),
]


@pytest.fixture(scope="module", params=["eval", "json"])
def made(
    request: pytest.FixtureRequest,
    environment: Callable[[str], Path],
    tmp_path_factory: pytest.TempPathFactory,
) -> Made:
    """Make the logs in one of their two forms."""
    python, folder = environment("inspect"), tmp_path_factory.mktemp("logs")
    script = Path(__file__).with_name("inspect_runs.py")
    done = run_in(python, script, folder, request.param)
    assert done.returncode == 0, done.stdout + done.stderr
    return folder / request.param, json.loads(done.stdout.splitlines()[-1]), python


COMPARE = """
import json, sys
from cliffguard import Policy
from cliffguard.core.settings import CapabilityPolicy
from cliffguard.gate import compare_samples
from cliffguard.report import render
for task, rules, *sides in json.load(sys.stdin):
    policy = Policy(capabilities={task: CapabilityPolicy(**rules)})
    print(json.dumps(render(compare_samples(*sides, policy), "json")))
"""


@pytest.fixture(scope="module")
def capabilities(made: Made) -> list[CapabilityComparison]:
    """What comes of each comparison in `CHOSEN`, and of `unreduced` at the end."""
    _, summary, python = made
    wanted = []
    for task, metric, reducer, is_named in (*CHOSEN, ("unreduced", "", "", False)):
        named = {"metric": metric, "filter": reducer, "lower_is_better": False}
        sides = [summary[task][side]["path"] for side in ("base", "candidate")]
        wanted.append([task, named if is_named else {}, *sides])
    done = subprocess.run(
        [python, "-c", COMPARE],
        input=json.dumps(wanted), capture_output=True, text=True, check=False, timeout=600,
    )  # fmt: skip
    assert done.returncode == 0, done.stdout + done.stderr
    reviews = [read_review(json.loads(line), "review.json") for line in done.stdout.splitlines()]
    return [capability for review in reviews for capability in review.comparison.capabilities]


def numbers(side: Mapping[str, Any], metric: str, reducer: str) -> dict[str, float | None]:
    """Return what inspect_ai made of each sample."""
    chosen = [n for n in side["numbers"] if (n["metric"], n["reducer"]) == (metric, reducer)]
    return {entry["id"]: entry["number"] for entry in chosen}


@pytest.mark.parametrize("chosen", CHOSEN, ids=lambda chosen: "-".join(chosen[:3]))
def test_numbers_are_those_of_inspect(
    made: Made, capabilities: list[CapabilityComparison], chosen: tuple[str, str, str, bool]
) -> None:
    """n, both means, and how many samples changed either way."""
    task, metric, reducer, _ = chosen
    capability = capabilities[CHOSEN.index(chosen)]

    base, candidate = (
        numbers(made[1][task][side], metric, reducer) for side in ("base", "candidate")
    )
    pairs = [
        (number, candidate[name])
        for name, number in base.items()
        if number is not None and candidate.get(name) is not None
    ]
    counts, evidence = capability.counts, capability.evidence
    assert counts.n_items == len(pairs) > 0
    assert counts.n_broken == sum(b > c for b, c in pairs if c is not None)
    assert counts.n_fixed == sum(b < c for b, c in pairs if c is not None)
    assert evidence.base_mean == pytest.approx(fsum(b for b, _ in pairs) / len(pairs))
    assert evidence.candidate_mean == pytest.approx(fsum(c or 0 for _, c in pairs) / len(pairs))
    for side, numbered, mean in (
        ("base", base, evidence.base_mean),
        ("candidate", candidate, evidence.candidate_mean),
    ):
        (result,) = (
            result
            for result in made[1][task][side]["results"]
            if (result["metric"], result["reducer"]) == (metric, reducer)
        )
        assert result["n"] == sum(number is not None for number in numbered.values())
        if result["n"] == len(pairs):
            assert mean == pytest.approx(result["mean"])


def test_epochs_without_a_reducer_are_averaged(
    made: Made, capabilities: list[CapabilityComparison]
) -> None:
    """A document is an item, however often it was asked."""
    capability = capabilities[-1]

    means = [made[1]["unreduced"][side]["results"][0]["mean"] for side in ("base", "candidate")]
    assert capability.counts.n_items == 12
    assert capability.evidence.base_mean == pytest.approx(means[0])
    assert capability.evidence.candidate_mean == pytest.approx(means[1])


def test_a_folder_of_logs_is_all_of_its_tasks(made: Made, tmp_path: Path) -> None:
    """What failed or was not reached is missing, and the header contradicts no score."""
    folder, summary, python = made
    out = tmp_path / "review"

    done = run_in(
        python, "-m", "cliffguard", "compare", folder / "base", folder / "candidate", "--out", out
    )

    assert done.returncode == 11, done.stdout + done.stderr
    review = read_review((out / "review.json").read_text(), "review.json")
    comparison = review.comparison
    missing = {
        capability.capability: capability.counts.n_missing_base
        for capability in comparison.capabilities
    }
    nothing = dict.fromkeys(summary, 0)
    assert missing == {**nothing, "errors": 2, "died": 10, "cancelled": 7}
    ids = {caveat.id for caveat in comparison.caveats}
    assert {"results.unknown", "samples.unfinished", "samples.chosen-filter"} <= ids
    assert "samples.log-disagrees" not in ids


def test_a_bomb_of_zstd_is_refused(environment: Callable[[str], Path], tmp_path: Path) -> None:
    """By what its directory says, and where that lies by what comes out of it."""
    python = environment("inspect")
    script = """
import struct, sys, zipfile, zipfile_zstd
honest, lying = sys.argv[1:]
header = b'{"version": 2, "eval": {"task": "t"}}'
for path in (honest, lying):
    with zipfile.ZipFile(path, "w", compression=zipfile.ZIP_ZSTANDARD) as zipped:
        zipped.writestr("header.json", header)
        zipped.writestr("samples/1_epoch_1.json", bytes(1 << 28))
data = bytearray(open(lying, "rb").read())
big, small = struct.pack("<I", 1 << 28), struct.pack("<I", 100)
open(lying, "wb").write(bytes(data).replace(big, small))
"""
    paths = [tmp_path / name for name in ("honest.eval", "lying.eval")]
    done = run_in(python, "-c", script, *paths)
    assert done.returncode == 0, done.stderr

    for path, shown in zip(paths, ("samples.unsafe-archive", "samples.torn-archive"), strict=True):
        done = run_in(python, "-m", "cliffguard", "compare", path, path, "-q")

        assert done.returncode == 12
        assert done.stderr.startswith(f"cliffguard: error[{shown}]: {path}")
