"""Records of earlier versions are still read: reviews, stored answers, what a demo gave."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cliffguard import Outcome
from cliffguard.cli.app import app
from cliffguard.core.answers import QUESTION_FORMAT
from cliffguard.core.caveats import Caveat
from cliffguard.core.reviews import REVIEW_FORMAT
from cliffguard.report.json import read_review, render_json
from cliffguard.store.answers import Store
from cliffguard.store.entry import Entry

LAYOUTS = Path(__file__).parent / "layouts"
FIRST = LAYOUTS / "1"
REVIEWS = sorted(LAYOUTS.glob("*/reviews/[!f]*.json"))
OUTCOMES = {
    "causes": Outcome.FAIL,
    "cliff": Outcome.FAIL,
    "healthy": Outcome.PASS,
    "ladder": Outcome.INCONCLUSIVE,
    "samples": Outcome.FAIL,
    "several": Outcome.INCONCLUSIVE,
}


@pytest.mark.parametrize("path", REVIEWS, ids=lambda path: path.stem)
def test_a_review_of_an_earlier_layout_is_read(path: Path) -> None:
    """What it says stays, its caveats without an id; it may be written again."""
    text = path.read_text(encoding="utf-8")
    review = read_review(text, path.name)

    assert str(review.format) == path.parts[-3]
    assert review.format < REVIEW_FORMAT
    assert review.verdict.outcome is OUTCOMES[path.stem]
    caveats = json.loads(text)["comparison"]["caveats"]
    assert review.comparison.caveats == tuple(Caveat(id="unknown", text=text) for text in caveats)
    assert read_review(render_json(review), "again") == review


@pytest.mark.parametrize("path", [*(FIRST / "reviews").glob("[!f]*.json")], ids=lambda p: p.stem)
def test_what_the_first_layout_did_not_know_is_at_its_default(path: Path) -> None:
    """Of causes it knew nothing, and every finding counts."""
    findings = read_review(path.read_text(encoding="utf-8"), path.name).verdict.findings

    assert all(finding.cause is None and finding.counts for finding in findings)


@pytest.mark.parametrize("form", ["text", "markdown", "html", "json", "junit", "comment", "github"])
@pytest.mark.parametrize("path", REVIEWS, ids=lambda path: path.stem)
def test_a_review_of_an_earlier_layout_is_rendered(path: Path, form: str) -> None:
    """In every form, with no trace of what later layouts added."""
    done = CliRunner().invoke(app, ["report", str(path), "--format", form])

    assert done.exit_code == 0, done.output
    assert done.stdout.strip()
    if form in ("text", "markdown", "html"):
        is_first = path.is_relative_to(FIRST)
        assert ("a review of layout 1, which had none" in " ".join(done.stdout.split())) is is_first


def test_a_review_of_this_layout_lacks_nothing(tmp_path: Path) -> None:
    """Only an earlier layout may lack keys: here a missing one is damage."""
    document = json.loads((FIRST / "reviews" / "healthy.json").read_text(encoding="utf-8"))
    document["format"] = REVIEW_FORMAT

    path = tmp_path / "review.json"
    path.write_text(json.dumps(document), encoding="utf-8")
    done = CliRunner().invoke(app, ["report", str(path)])

    assert done.exit_code == 2


def test_a_failure_of_the_first_layout_has_its_keys() -> None:
    """Pipelines read `failure.json`: its keys may grow, and none may go."""
    failure = json.loads((FIRST / "reviews" / "failure.json").read_text(encoding="utf-8"))

    assert failure.keys() == {"exit_code", "kind", "message"}
    assert (failure["exit_code"], failure["kind"]) == (12, "integrity")


def test_a_store_of_the_first_layout_is_read() -> None:
    """Its keys are those that the same questions have today, and every answer is there."""
    entries = Store(FIRST / "store").entries()

    questions = [entry.read_question() for entry in entries]
    n_answers = [
        sum(len(entry.read_sealed(number).answers) for number in entry.shard_numbers())
        for entry in entries
    ]

    assert {question["asked"]["format"] for question in questions} == {QUESTION_FORMAT} == {1}
    assert sorted(n_answers) == [48, 48, 96, 96]
    assert all(len(entry.read_items()) == n for entry, n in zip(entries, n_answers, strict=True))


def test_a_store_with_the_items_beside_each_question_is_looked_after(tmp_path: Path) -> None:
    """As earlier versions laid it out: listed, verified, and taken to a store of this layout."""
    first, second = FIRST / "store", tmp_path / "second"
    assert not (first / "items").exists()

    for words in (
        ["ls", "--store", first],
        ["verify", "--store", first],
        ["export", "--store", first, "--out", tmp_path / "a.tar"],
        ["import", tmp_path / "a.tar", "--store", second],
        ["verify", "--store", second],
    ):
        done = CliRunner().invoke(app, ["store", *map(str, words)])
        assert done.exit_code == 0, done.output

    sides = [Store(root).entries() for root in (first, second)]
    items, shards = (
        [[read(entry) for entry in side] for side in sides]
        for read in (Entry.read_items, lambda entry: list(entry.read_all()))
    )
    assert items[0] == items[1]
    assert shards[0] == shards[1]
    assert len(list((second / "items").iterdir())) == len(set(items[0]))
    assert list(second.rglob("items.jsonl")) == []
