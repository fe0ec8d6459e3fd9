"""What items.jsonl says of logged samples: prompts by text and digest, and how sure a pick was."""

from __future__ import annotations

import math
from pathlib import Path
from typing import Any

import pytest

from cliffguard.compare.item_results import item_results
from cliffguard.compare.write_review import Decision
from cliffguard.core.hashing import sha256_of_text
from cliffguard.core.item_results import ItemResult
from cliffguard.core.texts import SHORT, Texts, ends_of
from cliffguard.gate import compare_samples
from tests.runners.test_imports import Row, row, write

LONG = "Question: " + "word " * SHORT
PROMPTS = {"short": "  Question: is it?\n", "long": LONG, "half a character": f"{LONG}\ud800"}
N = 40


def put(prompt: str, **changes: Any) -> Row:
    """Return what changes a sample's prompt; lm-eval's hash of it is of the whole."""
    requests = {f"gen_args_{n}": {"arg_0": prompt, "arg_1": f" {n}"} for n in range(2)}
    return {"arguments": requests, "prompt_hash": sha256_of_text(prompt), **changes}


def results_of(folder: Path, sides: tuple[list[Row], list[Row]], texts: Texts) -> list[ItemResult]:
    """Return the items of two sides, as they would be written."""
    for name, rows in zip(("base", "tuned"), sides, strict=True):
        folder.joinpath(name).mkdir(parents=True)
        write(folder / name, "t", rows)
    decisions: list[Decision] = []
    paths = [str(folder / name) for name in ("base", "tuned")]
    compare_samples(paths[0], paths[1], texts=texts, witness=decisions.append)
    return list(item_results(decisions[-1], texts))


@pytest.mark.parametrize("texts", ["full", "short", "none"])
@pytest.mark.parametrize("prompt", PROMPTS.values(), ids=PROMPTS)
def test_every_item_has_its_whole_prompts_digest_and_no_false_text(
    tmp_path: Path, prompt: str, texts: Texts
) -> None:
    """Whether it broke, was fixed, stayed, or is lacked by a side; as --texts has it elsewhere."""

    def side(wrong: int, lacks: int) -> list[Row]:
        return [row(n, float(n != wrong), **put(f"{n} {prompt}")) for n in range(N) if n != lacks]

    results = results_of(tmp_path, (side(0, lacks=2), side(1, lacks=3)), texts)

    assert {result.item for result in results} == {str(n) for n in range(N)}
    for result in results:
        whole = f"{result.item} {prompt}".replace("\ud800", "\ufffd")
        expected = {"full": whole, "short": ends_of(whole), "none": None}[texts]
        assert (result.prompt.text, result.prompt.sha256) == (expected, sha256_of_text(whole))


def likelihoods(values: list[Any], choices: list[str]) -> Row:
    """Return what changes a sample's choices, and their likelihoods as they are logged."""
    pairs = [[value, "False"] for value in values]
    requests = {f"gen_args_{n}": {"arg_0": "Q", "arg_1": c} for n, c in enumerate(choices)}
    return {"arguments": requests, "filtered_resps": pairs, "resps": [[pair] for pair in pairs]}


@pytest.mark.parametrize(
    ("values", "choices", "expected"),
    [
        (["-1.0", "-2.0"], [" a", " b"], 1 / (1 + math.exp(-1))),
        ([-5.0, -3.0, -3.5], [" a", " b", " c"], 1 / (1 + math.exp(-2) + math.exp(-0.5))),
        (["-1.0"], [" a"], None),
        (["-1.0", "-2.0"], [" a", " a"], None),
        (["0.9", "0.1"], [" a", " b"], None),
        (["-inf", "-2.0"], [" a", " b"], None),
        (["nan", "-2.0"], [" a", " b"], None),
    ],
    ids=["texts", "numbers", "a single one", "twice", "no logs", "infinite", "no number"],
)
def test_the_confidence_of_a_pick_is_its_share_of_the_logged_likelihoods(
    tmp_path: Path, values: list[Any], choices: list[str], expected: float | None
) -> None:
    """As the engine has it of its own answers; unknown where the numbers are no log-likelihoods."""
    rows = [row(n, 1.0, **likelihoods(values, choices)) for n in range(N)]

    for result in results_of(tmp_path, (rows, rows), "short"):
        for side in (result.base, result.candidate):
            assert side.confidence == (None if expected is None else pytest.approx(expected))
