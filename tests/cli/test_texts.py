"""--texts: what of prompts, choices and answers the files of a run hold, and what repeats it."""

from __future__ import annotations

import json
import tracemalloc
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from cliffguard.core.texts import SHORT
from cliffguard.report.items import write_items
from tests import support
from tests.bad_input.place import Workspace, answering, run
from tests.fake_runner import FakeRunner
from tests.report import samples
from tests.report.listed import result
from tests.runners import test_imports

BEGIN, MIDDLE = "Quagga begins", "okapi"
SUITE = """\
name: mixed
version: 1
capabilities:
  routing:
    ring: adjacent
    tasks: [{name: route, items: route.jsonl, metric: acc, chance: 0.25}]
  saying:
    ring: general
    tasks: [{name: say, items: say.jsonl, metric: exact_match, max_tokens: 4}]
"""


@pytest.fixture
def texts(workspace: Workspace, monkeypatch: pytest.MonkeyPatch) -> Workspace:
    """A folder with long prompts, choices and answers; the candidate breaks a class."""
    long = "x" * SHORT
    choices = [f"{BEGIN} {number}{long}{MIDDLE}{long}end" for number in range(4)]
    rows = [
        {
            "id": f"route-{number}",
            "prompt": f"{BEGIN} {number} {long}{MIDDLE}{long}?",
            "choices": choices,
            "answer": choices[number % 4],
        }
        for number in range(120)
    ]
    folder = workspace.suite.parent
    support.write_jsonl(folder / "route.jsonl", rows)
    talk = [row | {"prompt": f"{BEGIN} {row['prompt']}"} for row in support.generated_rows(40)]
    support.write_jsonl(folder / "say.jsonl", talk)
    workspace.suite.write_text(SUITE)
    is_lost = lambda name, item: "tuned" in name and item.answer == choices[0]  # noqa: E731
    answering(monkeypatch, FakeRunner(lambda name, item: float(not is_lost(name, item))))
    return workspace


def check(workspace: Workspace, *more: str) -> Any:
    """Run a check that tells all that it has to."""
    return run([word for word in workspace.check(*more) if word != "-q"])


def files(folder: Path) -> Iterator[tuple[str, str]]:
    """Yield the files below a folder with their texts."""
    for path in sorted(folder.rglob("*")):
        if path.is_file():
            yield path.name, path.read_text(encoding="utf-8")


@pytest.mark.parametrize("format", ["text", "html", "json", "comment"])
def test_none_leaves_no_text_anywhere(texts: Workspace, format: str) -> None:
    """In no file, on neither stream; the reports say so, and what repeats them does the same."""
    done = check(texts, "--texts", "none", "--format", format)

    assert done.exit_code == 10, done.output
    written = dict(files(texts.out))
    assert {
        "items.jsonl",
        "review.json",
        "report.html",
        "report.md",
        "comment.md",
    } <= written.keys()
    assert [name for name, text in written.items() if BEGIN in text or MIDDLE in text] == []
    assert BEGIN not in done.output
    assert "--texts none" in json.loads(written["review.json"])["provenance"]["command"]
    for name in ("report.md", "report.html"):
        assert written[name].count("Prompts, choices and answers are left out") == 1


def test_of_a_target_no_prompt_is_printed(texts: Workspace) -> None:
    """As it would be, to show how its data are read; rows that contradict are told by lines."""
    rows = [{"prompt": f"{BEGIN} {max(n, 1)}?", "completion": f"{BEGIN}, {n}."} for n in range(40)]
    data = support.write_jsonl(texts.root / "target.jsonl", rows)

    done = check(texts, "--texts", "none", "--target", str(data))

    assert BEGIN not in done.output, done.output
    written = dict(files(texts.out))
    assert "target.conflicts-left-out" in written["review.json"]
    assert [name for name, text in written.items() if BEGIN in text] == []


def test_short_keeps_the_ends(texts: Workspace) -> None:
    """Nothing of the middle of a long text stands in any file."""
    check(texts)

    written = dict(files(texts.out))
    lines = [json.loads(line) for line in written["items.jsonl"].splitlines()]
    assert lines[0]["prompt"]["text"].startswith(BEGIN)
    assert [name for name, text in written.items() if MIDDLE in text] == []
    assert max(len(line["prompt"]["text"]) for line in lines) <= SHORT


def test_full_keeps_all(texts: Workspace) -> None:
    """To the letter."""
    check(texts, "--texts", "full")

    lines = dict(files(texts.out))["items.jsonl"].splitlines()
    assert all(MIDDLE in json.loads(line)["prompt"]["text"] for line in lines[:120])


def test_each_candidate_has_its_items(texts: Workspace) -> None:
    """Beside its own review."""
    other = support.write_checkpoint(texts.root / "tuned-2", seed=2)

    check(texts, "--candidate", str(other), "--texts", "none")

    for name in ("tuned", "tuned-2"):
        review = json.loads((texts.out / name / "review.json").read_text())
        assert review["items"]["n"] == 160
        assert len((texts.out / name / "items.jsonl").read_text().splitlines()) == 160


def test_items_of_an_earlier_run_do_not_outlive_it(texts: Workspace) -> None:
    """A run that fails leaves none."""
    check(texts)
    (texts.tuned / "model.safetensors").write_bytes(b"torn")

    assert check(texts).exit_code == 12
    left = {name for name, _ in files(texts.out)}
    assert left == {"failure.json", "junit.xml", "plan.yaml", "policy.yaml"}


def test_samples_of_lm_eval_have_items(tmp_path: Path) -> None:
    """With their documents' ids, and the prompts that were logged."""
    for side, wrong in (("base", 0), ("candidate", 30)):
        rows = test_imports.scored(120, lambda number, wrong=wrong: number < wrong)
        test_imports.write(tmp_path / side, "arc", rows)

    words = ["compare", str(tmp_path / "base"), str(tmp_path / "candidate"), "-q"]
    done = run([*words, "--out", str(tmp_path / "out")])

    assert done.exit_code == 10, done.output
    lines = [json.loads(s) for s in (tmp_path / "out" / "items.jsonl").read_text().splitlines()]
    assert (len(lines), sum((line["drop"] or 0) > 0 for line in lines)) == (120, 30)
    assert lines[0]["prompt"]["text"] == "Q: q0\nA:"


def test_items_are_streamed(tmp_path: Path) -> None:
    """Thirty megabytes of them take a few of memory."""
    results = (result(f"i-{number}", prompt="word " * 2000) for number in range(3_000))

    tracemalloc.start()
    review = write_items(samples.failed(), tmp_path, results)
    _, peak = tracemalloc.get_traced_memory()
    tracemalloc.stop()

    assert review.items is not None
    assert (tmp_path / "items.jsonl").stat().st_size > 30e6
    assert peak < 3e6
