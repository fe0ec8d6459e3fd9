"""The whole gate as its users run it: folders of samples on disk, judged by `compare_samples`.

    python -m scripts.studies.black_box [--gates 100] [--out reports/black-box]

Of every setting so many pairs of folders are written as lm-eval writes them, with answers of known
truth, and compared. Nothing of the statistics is called directly, so that what reading, pairing and
joining do is in the figures. Prints Markdown and writes it into `--out`; exits with 1 where a false
verdict is more frequent than 5.5 % and three standard errors.
"""

from __future__ import annotations

import argparse
import json
import math
import sys
import tempfile
from collections.abc import Iterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import numpy as np

from cliffguard.core.reviews import Outcome
from cliffguard.core.settings import CapabilityPolicy, Policy
from cliffguard.gate import compare_samples
from scripts.studies.page import publish, table

MARGIN, CHURN, LIMIT = 0.05, 0.10, 0.055
Array = Any


@dataclass(frozen=True)
class Setting:
    """What is true of the answers, and what of that is a false verdict.

    `n_items` of each of `n_capabilities`; of the first the drop is `drop`. With `size` so many
    items share a passage, and its changes with the chance `tied`; with `shares` all capabilities
    ask about the same documents.
    """

    name: str
    wrong: Outcome
    n_capabilities: int = 4
    n_items: int = 400
    drop: float = 0.0
    size: int = 1
    tied: float = 0.0
    shares: bool = False


SETTINGS = (
    Setting("nothing lost", Outcome.FAIL),
    Setting("nothing lost, documents shared by all", Outcome.FAIL, shares=True, tied=0.6),
    Setting("nothing lost, passages of four", Outcome.FAIL, size=4, tied=0.5),
    Setting("one at the margin", Outcome.PASS, drop=MARGIN),
    Setting("alone, at the margin", Outcome.PASS, n_capabilities=1, drop=MARGIN),
    Setting("alone, at the margin, passages of four", Outcome.PASS, 1, 400, MARGIN, 4, 0.5),
)


def changes_of(setting: Setting, rng: np.random.Generator) -> Array:
    """Return +1 (broken), 0 or -1 (fixed) of every item, by capability."""

    def draw(drop: float, n: int) -> Array:
        churn = max(CHURN, drop)
        chances = [(churn + drop) / 2, 1 - churn, (churn - drop) / 2]
        return rng.choice([1, 0, -1], p=chances, size=n)

    shape = setting.n_items
    common = draw(0.0, shape)
    rows = []
    for number in range(setting.n_capabilities):
        drop = setting.drop if number == 0 else 0.0
        change = draw(drop, shape)
        if setting.size > 1:
            passage = np.repeat(draw(drop, shape // setting.size), setting.size)
            change = np.where(rng.random(shape) < setting.tied, passage, change)
        if setting.shares:
            change = np.where(rng.random(shape) < setting.tied, common, change)
        rows.append(change)
    return np.array(rows)


def lines(
    setting: Setting, number: int, right: Array, side: str, rng: np.random.Generator
) -> Iterator[str]:
    """Yield one side's samples of a capability, as lm-eval writes them."""
    for index, score in enumerate(right):
        document = index if setting.shares else f"{number}-{index}"
        yield json.dumps(
            {
                "doc_id": index,
                "doc": {"passage": f"{number}-{index // setting.size}"},
                "target": "4",
                "arguments": [[f"capability {number}, question {index}:", {"until": ["\n"]}]],
                "resps": [[f"{side} {rng.integers(10**9)}"]],
                "filtered_resps": ["4" if score else "5"],
                "filter": "none",
                "metrics": ["exact_match"],
                "doc_hash": f"d{document}",
                "prompt_hash": f"p{number}-{index}",
                "exact_match": float(score),
            }
        )


def verdict(setting: Setting, folder: Path, rng: np.random.Generator) -> Outcome:
    """Write one pair of folders and return what the gate says of it."""
    changes = changes_of(setting, rng)
    for number, change in enumerate(changes):
        base = np.where(change == 0, rng.random(len(change)) < 0.75, change > 0).astype(bool)
        candidate = np.where(change == 0, base, change < 0).astype(bool)
        for side, right in (("base", base), ("tuned", candidate)):
            path = folder / side / f"samples_t{number}_2026-01-01T10-00-00.123456.jsonl"
            path.parent.mkdir(exist_ok=True)
            path.write_text("\n".join(lines(setting, number, right, side, rng)) + "\n")
    cluster = "passage" if setting.size > 1 else None
    own_policy = {
        f"t{number}": CapabilityPolicy(tasks=(f"t{number}",), cluster=cluster)
        for number in range(setting.n_capabilities)
    }
    policy = Policy(default_margin=MARGIN, capabilities=own_policy)
    review = compare_samples(str(folder / "base"), str(folder / "tuned"), policy)
    return review.verdict.outcome


def row_of(setting: Setting, n_gates: int, rng: np.random.Generator) -> dict[str, Any]:
    """Judge so many pairs of folders."""
    outcomes = []
    for _ in range(n_gates):
        with tempfile.TemporaryDirectory() as folder:
            outcomes.append(verdict(setting, Path(folder), rng))
    shares = {outcome: outcomes.count(outcome) / n_gates for outcome in Outcome}
    return {
        "setting": setting.name,
        "capabilities": setting.n_capabilities,
        "PASS": shares[Outcome.PASS],
        "FAIL": shares[Outcome.FAIL],
        "INCONCLUSIVE": shares[Outcome.INCONCLUSIVE],
        f"false verdict ({LIMIT:.1%} at most)": shares[setting.wrong],
    }


def main() -> int:
    """Run the study; return the exit code."""
    parser = argparse.ArgumentParser(description=__doc__.splitlines()[0])
    parser.add_argument("--gates", type=int, default=100, help="gates a setting")
    parser.add_argument("--out", type=Path, default=Path("reports/black-box"))
    arguments = parser.parse_args()
    rng = np.random.default_rng(20261128)
    rows = [row_of(setting, arguments.gates, rng) for setting in SETTINGS]
    text = (
        "# The gate as a black box\n\n"
        f"{arguments.gates} pairs of folders a row, 400 items a capability, margin "
        f"{100 * MARGIN:g} points, {100 * CHURN:g} % churn; standard error at 5 % "
        f"{100 * math.sqrt(0.05 * 0.95 / arguments.gates):.1f} points.\n\n"
        f"    python -m scripts.studies.black_box --gates {arguments.gates}\n\n{table(rows)}\n"
    )
    publish(text, arguments.out / "README.md")
    most = LIMIT + 3 * math.sqrt(LIMIT * (1 - LIMIT) / arguments.gates)
    return 1 if any(row[f"false verdict ({LIMIT:.1%} at most)"] > most for row in rows) else 0


if __name__ == "__main__":
    sys.exit(main())
