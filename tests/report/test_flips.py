"""`cliffguard flips`: which items it lists, in what order, and that nothing of them does harm."""

from __future__ import annotations

import csv
import json
import re
import time
from dataclasses import replace
from io import StringIO
from pathlib import Path
from typing import Any

import pytest

from cliffguard.core.hashing import sha256_now
from cliffguard.core.item_results import ItemResult
from cliffguard.report.flips import largest
from cliffguard.report.items import read_items
from cliffguard.report.json import read_review
from tests import support
from tests.hostile.test_terminal import UNSAFE
from tests.report.listed import RESULTS, result, run, written
from tests.report.samples import HOSTILE


def listed(*words: object) -> list[str]:
    """Return the ids of the items that a command lists."""
    done = run("flips", *words, "--format", "json")
    assert done.exit_code == 0, done.output
    return [item["item"] for item in json.loads(done.stdout)]


@pytest.mark.parametrize(
    ("flags", "ids"),
    [
        ((), ["b-1", "b-2", "if-1"]),
        (("--broken",), ["b-1", "b-2", "if-1"]),
        (("--fixed",), ["fixed"]),
        (("--changed",), ["b-1", "b-2", "fixed", "if-1"]),
        (("--all",), [item.item for item in RESULTS]),
        (("--capability", "instruction_following"), ["if-1"]),
        (("--level", "4"), ["b-2"]),
        (("--fixed", "--level", "4"), []),
        (("--capability", "conversation", "--all"), []),
    ],
)
def test_what_is_listed(flags: tuple[str, ...], ids: list[str], tmp_path: Path) -> None:
    """What counts and changed so, in the order of the review; the folder or its file are named."""
    folder = written(tmp_path / "out")

    if "conversation" in flags:
        names = [r.capability for r in read_review_in(folder).comparison.capabilities]
        flags = ("--capability", next(n for n in names if n not in {r.capability for r in RESULTS}))

    assert listed(folder, *flags) == listed(folder / "review.json", *flags) == ids


def read_review_in(folder: Path) -> Any:
    """Return the review of a folder."""
    path = folder / "review.json"
    return read_review(path.read_text(encoding="utf-8"), str(path))


def test_the_lines_of_json_are_those_of_the_file(tmp_path: Path) -> None:
    """With a label beside them."""
    folder = written(tmp_path)
    lines = (folder / "items.jsonl").read_text().splitlines()

    items = json.loads(run("flips", folder, "--all", "--format", "json").stdout)

    assert [{**json.loads(line), "label": None} for line in lines] == items


def ids(results: list[ItemResult]) -> list[str]:
    """Return the ids of results."""
    return [result.item for result in results]


def test_the_largest_losses_come_first_then_the_surest() -> None:
    """By the lower of both confidences; what is not known of them comes last."""
    results = [
        result("unknown"),
        result("less", candidate=0.5, sure=0.99),
        result("sure", sure=0.9),
        result("guessed", sure=0.4),
    ]

    assert ids(largest(results, 9)) == ["sure", "guessed", "unknown", "less"]
    assert ids(largest(results, 2)) == ["sure", "guessed"]


def test_no_two_of_one_cluster_while_others_are_left() -> None:
    """A cluster's second comes after all first ones, however large its loss."""
    results = [
        result("a-1", cluster="a", sure=0.9),
        result("a-2", cluster="a", sure=0.8),
        result("b-1", cluster="b", candidate=0.5),
        result("alone", candidate=0.9),
        result("lonely", candidate=0.9),
    ]

    assert ids(largest(results, 4)) == ["a-1", "b-1", "alone", "lonely"]
    assert ids(largest(results, 5)) == ["a-1", "b-1", "alone", "lonely", "a-2"]


@pytest.mark.parametrize("start", ["=", "+", "-", "@", "\t", "\r", "\x00=", "\x1b[31m@"])
def test_no_cell_is_a_formula(start: str, tmp_path: Path) -> None:
    """A spreadsheet shows what the model wrote, and computes none of it."""
    attack = f"{start}cmd|' /C calc'!A0"
    attacked = result(attack, task=attack, cluster=attack, text=attack, prompt=attack)
    folder = written(tmp_path, [attacked])

    text = run("flips", folder, "--format", "csv").stdout

    header, row = csv.reader(StringIO(text, newline=""))
    assert row[header.index("candidate")].startswith("'")
    assert not [cell for cell in row if cell.startswith(("=", "+", "-", "@", "\t", "\r"))]


@pytest.mark.parametrize("format", ["table", "json", "csv", "markdown"])
def test_parts_of_a_call_are_listed(format: str, tmp_path: Path) -> None:
    """In words for people, by name in JSON."""
    item = result("b-1", text="f")
    parts = {"called": 1.0, "tool": 0.0}
    folder = written(tmp_path, [replace(item, candidate=replace(item.candidate, parts=parts))])

    text = run("flips", folder, "--format", format).stdout

    if format == "json":
        assert json.loads(text)[0]["candidate"]["parts"] == parts
        assert "parts" not in json.loads(text)[0]["base"]
    elif format == "csv":
        (row,) = csv.DictReader(StringIO(text, newline=""))
        assert (row["base_parts"], row["candidate_parts"]) == ("", "called ✓, tool ✗")
    elif format == "markdown":
        assert "called ✓, tool ✗" in text


@pytest.mark.parametrize("format", ["table", "json", "csv", "markdown"])
def test_hostile_text_does_no_harm(format: str, tmp_path: Path) -> None:
    """No sequence reaches the terminal, and a table has as many rows as there are items."""
    text = f"a|b\n{HOSTILE}\ud800"
    name = text.removesuffix("\ud800")  # ids are written without
    folder = written(tmp_path, [result(name, text=text, prompt=text), result("after")])

    done = run("flips", folder, "--format", format)

    assert done.exit_code == 0
    assert UNSAFE.search(done.stdout) is None
    if format == "table":
        assert len(done.stdout.splitlines()) == 4
    if format == "markdown":
        lines = done.stdout.splitlines()
        assert len({len(re.findall(r"(?<!\\)\|", line)) for line in lines}) == 1
        assert len(lines) == 4
        assert "<script" not in done.stdout


@pytest.mark.parametrize("format", ["table", "json", "csv", "markdown"])
def test_none_is_no_failure(format: str, tmp_path: Path) -> None:
    """Exit 0, and a list of nothing."""
    done = run("flips", written(tmp_path, [result(candidate=1.0)]), "--format", format)

    assert done.exit_code == 0
    assert "b-1" not in done.stdout


def test_altered_items_are_exit_12(tmp_path: Path) -> None:
    """Whoever reads them: a list, or the report."""
    folder = written(tmp_path)
    with (folder / "items.jsonl").open("a") as file:
        file.write("\n")

    for words in (["flips", folder], ["report", folder / "review.json"]):
        done = run(*words)
        assert (done.exit_code, done.stdout) == (12, "")
        assert "error[items.altered]" in done.stderr


def test_a_line_that_is_no_item_is_exit_12(tmp_path: Path) -> None:
    """Even where its digest stands in the review."""
    folder = written(tmp_path)
    text = (folder / "items.jsonl").read_text()
    (folder / "items.jsonl").write_text(text.replace('"drop"', '"drip"'))
    review = json.loads((folder / "review.json").read_text())
    review["items"]["sha256"] = sha256_now(folder / "items.jsonl")
    (folder / "review.json").write_text(json.dumps(review))

    with support.refused("items.damaged", 12, "items.jsonl:1"):
        list(read_items(read_review_in(folder), folder))


@pytest.mark.parametrize("kept", [True, False])
def test_without_items_a_report_says_so(kept: bool, tmp_path: Path) -> None:
    """In one line; a list of them is refused."""
    folder = written(tmp_path)
    (folder / "items.jsonl").unlink()
    if not kept:
        review = json.loads((folder / "review.json").read_text())
        del review["items"]  # as in reviews of before there were any
        (folder / "review.json").write_text(json.dumps(review))

    for format in ("text", "markdown", "html"):
        text = run("report", folder / "review.json", "--format", format).stdout
        assert len(re.findall(r"Single items are not (kept|here)", " ".join(text.split()))) == 1
    with support.refused("items.missing", 2, "items.jsonl"):
        list(read_items(read_review_in(folder), folder))


def test_no_review_names_another_file(tmp_path: Path) -> None:
    """What is read lies beside it."""
    folder = written(tmp_path)
    text = (folder / "review.json").read_text().replace('"items.jsonl"', '"../items.jsonl"')

    with support.refused("review.damaged", 2, "items.file"):
        read_review(text, "r.json")


@pytest.mark.slow
def test_twenty_thousand_items_take_three_seconds(tmp_path: Path) -> None:
    """Of the processor's time, with prompts as long as are kept."""
    prompts = "word " * 240
    results = (result(f"i-{n}", candidate=n % 2, prompt=prompts) for n in range(20_000))
    folder = written(tmp_path, list(results))

    began = time.process_time()
    done = run("flips", folder)

    assert time.process_time() - began < 3 * support.slowness()
    assert done.stdout.startswith("10,000 items\n")
