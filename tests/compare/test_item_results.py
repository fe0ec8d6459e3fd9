"""Every item that was asked has a result, whether or not it counts, and as much text as may be."""

from __future__ import annotations

import dataclasses
import hashlib
import json
from collections import Counter
from collections.abc import Sequence
from pathlib import Path
from typing import Any, get_args

import jsonschema
import pytest

from cliffguard import Plan, Policy, Store, guard
from cliffguard.compare.item_results import item_results, kept
from cliffguard.compare.kept_texts import LEFT_OUT, with_texts_kept
from cliffguard.compare.write_review import Decision
from cliffguard.config import schema
from cliffguard.core.answers import FinishReason
from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.hashing import sha256_now
from cliffguard.core.item_results import ItemResult
from cliffguard.core.items import Item
from cliffguard.core.reviews import Review
from cliffguard.core.settings import CapabilityPolicy
from cliffguard.core.texts import SHORT, Texts
from cliffguard.report import RENDERERS, render
from cliffguard.report.items import as_plain, read_items, spelt, write_items
from tests import support
from tests.fake_runner import FakeRunner
from tests.report import listed, samples

SUITE = """\
name: mixed
version: 1
capabilities:
  saying:
    ring: general
    tasks:
      - {name: say, items: say.jsonl, metric: exact_match, max_tokens: 4}
  reasoning:
    ring: adjacent
    tasks:
      - name: ball
        items: ball.jsonl
        level: hops
        gate_levels: [1, 2, 3]
        metric: acc
        chance: 0.25
"""


def ball_rows() -> list[dict[str, Any]]:
    """Return a ladder of four levels whose last two items ask the same."""
    rows = support.choice_rows(100, n_levels=4)
    return [*rows, {**rows[0], "id": "again", "cluster": "twins"}]


def script(name: str, item: Item) -> float | None:
    """Nobody is right at level 3; the candidate breaks an item, fixes one, and lacks one."""
    number = item.id.partition("-")[2]
    if item.level == 3 or ("base" in name and number == "001"):
        return 0.0
    if "tuned" in name and number in ("004", "005"):
        return None if number == "004" else 0.0
    return 1.0


def answered(
    folder: Path,
    store: Store,
    texts: Texts = "short",
    script: Any = script,
    **changes: Any,
) -> tuple[Review, list[ItemResult]]:
    """Return the review of a suite and the results of its items."""
    support.write_jsonl(folder / "say.jsonl", support.generated_rows(20))
    support.write_jsonl(folder / "ball.jsonl", ball_rows())
    suite = folder / "mixed.yaml"
    suite.write_text(changes.pop("suite", SUITE))
    plan = Plan(
        base=str(support.write_checkpoint(folder / "base", seed=0)),
        candidate=str(support.write_checkpoint(folder / "tuned", seed=1)),
        suites=(str(suite),),
        **changes,
    )
    decisions: list[Decision] = []
    review = guard(plan, store=store, runner=FakeRunner(script), witness=decisions.append)
    return review, list(item_results(decisions[-1], texts))


def by_id(results: Sequence[ItemResult]) -> dict[str, ItemResult]:
    """Return the results by the ids of their items."""
    return {result.item: result for result in results}


def test_every_item_is_there_with_why_it_does_not_count(tmp_path: Path, store: Store) -> None:
    """What a review counts is what the results say, capability by capability."""
    train = support.write_jsonl(
        tmp_path / "train.jsonl",
        [{"prompt": "The ball number 8 is with", "completion": "Ann"}],
    )
    review, results = answered(tmp_path, store, train=(str(train),))

    for row in review.comparison.capabilities:
        of_it = [result for result in results if result.capability == row.capability]
        assert sum(result.counted for result in of_it) == row.counts.n_items
        assert sum(result.is_broken for result in of_it) == row.counts.n_broken
        assert sum(result.is_fixed for result in of_it) == row.counts.n_fixed
    assert Counter(result.uncounted for result in results) == {
        None: 67,
        "not-gating": 25,
        "surface": 25,
        "copy": 1,
        "missing": 2,
        "in-training-data": 1,
    }
    assert all(result.counted == (result.uncounted is None) for result in results)


@pytest.mark.parametrize("texts", get_args(Texts))
def test_a_line_fits_its_schema(texts: Texts, tmp_path: Path, store: Store) -> None:
    """And is the one canonical JSON of its item."""
    review, results = answered(tmp_path, store, texts)

    written = write_items(review, tmp_path, results)

    lines = (tmp_path / "items.jsonl").read_text(encoding="ascii").splitlines()
    assert written.items is not None
    assert written.items.n == len(lines) == len(results)
    assert written.items.sha256 == sha256_now(tmp_path / "items.jsonl")
    checker = jsonschema.validators.validator_for(schema("item"))(schema("item"))
    for line in lines:
        assert canonical_json(json.loads(line)) == line
        checker.validate(json.loads(line))
    assert list(read_items(written, tmp_path)) == results


def test_the_order_is_that_of_the_suite(tmp_path: Path, store: Store) -> None:
    """Whatever the order in which the items were asked."""
    _, results = answered(tmp_path, store)

    rows = [*support.generated_rows(20), *ball_rows()]
    assert [result.item for result in results] == [row["id"] for row in rows]


def test_a_result_says_what_was_asked_and_answered(tmp_path: Path, store: Store) -> None:
    """Its level, cluster, texts and scores, and how each side ended."""
    results = by_id(answered(tmp_path, store)[1])

    broken = results["ball-005"]
    assert (broken.task, broken.capability, broken.level, broken.drop) == (
        "ball",
        "reasoning",
        2,
        1,
    )
    assert [choice.text for choice in broken.choices] == ["Ann", "Bob", "Carl", "Dana"]
    assert [answer.text for answer in broken.right] == ["Bob"]
    assert (broken.base.score, broken.candidate.score) == (1.0, 0.0)
    assert broken.candidate.answer.text == "(something else)"
    assert results["ball-001"].is_fixed
    missing = results["ball-004"]
    assert (missing.uncounted, missing.drop) == ("missing", None)
    assert (missing.candidate.score, missing.candidate.finish_reason) == (None, "overlong")
    copies = {results[name].cluster for name in ("ball-000", "again")}
    assert copies == {"twins"}
    assert broken.cluster is None


class _Mumbles(FakeRunner):
    """Says nothing that a metric reads."""

    ended: FinishReason = "stop"

    def _answer(self, checkpoint: Any, item: Item) -> Any:
        answer = super()._answer(checkpoint, item)
        return dataclasses.replace(answer, score=None, finish_reason=self.ended)


@pytest.mark.parametrize("ended", ["stop", "length", "stopped"])
def test_an_unreadable_answer_counts_as_wrong(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch, ended: FinishReason
) -> None:
    """Its score is the one that counts, by itself or cut."""
    monkeypatch.setattr(_Mumbles, "ended", ended)
    monkeypatch.setattr("tests.compare.test_item_results.FakeRunner", _Mumbles)

    result = answered(tmp_path, store)[1][0]

    assert (result.counted, result.base.score, result.drop) == (True, 0.0, 0.0)


class _Calls(FakeRunner):
    """Knows of each answer which parts of a tool's call are right."""

    def _answer(self, checkpoint: Any, item: Item) -> Any:
        answer = super()._answer(checkpoint, item)
        return dataclasses.replace(answer, parts={"called": 1.0, "tool": answer.score or 0.0})


def test_parts_of_a_score_lie_beside_it(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From the answer to the line and back; where a metric has none, the line has no key."""
    monkeypatch.setattr("tests.compare.test_item_results.FakeRunner", _Calls)
    review, results = answered(tmp_path, store)
    plain = dataclasses.replace(results[0].base, parts=None)
    results.append(dataclasses.replace(results[0], base=plain, candidate=plain))

    written = write_items(review, tmp_path, results)

    lines = (tmp_path / "items.jsonl").read_text(encoding="ascii").splitlines()
    checker = jsonschema.validators.validator_for(schema("item"))(schema("item"))
    checker.validate(json.loads(lines[0]))
    assert json.loads(lines[0])["base"]["parts"] == results[0].base.parts
    assert results[0].base.parts is not None
    assert "parts" not in lines[-1]
    assert list(read_items(written, tmp_path)) == results


@pytest.mark.parametrize("text", ["", "short", "x" * SHORT, "a\x1b[31m\u202e|\n"])
def test_a_short_text_is_kept_to_the_letter(text: str) -> None:
    """With the digest that anybody can compute."""
    digest = hashlib.sha256(text.encode()).hexdigest()

    assert kept(text, "short") == kept(text, "full")
    assert (kept(text, "short").text, kept(text, "none").text) == (text, None)
    assert kept(text, "none").sha256 == kept(text, "full").sha256 == digest


def test_of_a_long_text_both_ends_are_kept() -> None:
    """In no more characters than are told; the digest is of the whole."""
    text = "begin" + "x" * 5000 + "end"

    short = kept(text, "short")

    assert short.text is not None
    assert len(short.text) <= SHORT
    assert short.text.startswith("begin")
    assert short.text.endswith("end")
    assert (short.sha256, kept(text, "full").text) == (kept(text, "full").sha256, text)


def test_half_a_character_is_replaced() -> None:
    """No file in UTF-8 can hold it; the digest is of what can be written."""
    assert kept("a\ud800b", "full") == kept("a\ufffdb", "full")


LABELLED = """\
name: mixed
version: 1
capabilities:
  routing:
    ring: adjacent
    tasks: [{name: route, items: route.jsonl, metric: acc, chance: 0.25}]
"""


@pytest.mark.parametrize("named_by", ["class", "field"])
def test_without_texts_no_report_holds_one(tmp_path: Path, store: Store, named_by: str) -> None:
    """Neither prompt nor choice nor answer, nor the class or named value that regressed."""
    labels = ["zebra billing", "zebra returns", "zebra sales", "zebra other"]
    support.write_jsonl(
        tmp_path / "route.jsonl",
        [
            {
                "id": f"r-{number}",
                "prompt": f"zebra {number}",
                "choices": labels,
                "answer": labels[number % 4],
                "cluster": f"zebra {number}",
                "fields": {"topic": f"zebra topic {number % 4}"},
            }
            for number in range(200)
        ],
    )
    strata = "topic" if named_by == "field" else None
    rules = CapabilityPolicy(margin=0.4, stratum_margin=0.05, strata=strata)
    whole, results = answered(
        tmp_path,
        store,
        "none",
        lambda name, item: float(not ("tuned" in name and item.answer == labels[0])),
        suite=LABELLED,
        policy=Policy(capabilities={"routing": rules}),
    )
    review = with_texts_kept(whole, "none")

    assert "zebra" in render(whole, "junit")
    assert {part.kind for part in whole.comparison.capabilities[0].diagnostics.strata} >= {named_by}
    assert whole.verdict.findings[0].cause == "stratum"
    for format in RENDERERS:
        assert "zebra" not in render(review, format), format
        assert "sha256:" in render(review, format), format
    assert "zebra" not in repr(results)
    assert {example.prompt for example in review.examples} == {LEFT_OUT}
    assert "texts.left-out" in support.caveat_ids(review)
    assert review.verdict.exit_code == whole.verdict.exit_code


@pytest.mark.parametrize(
    "result",
    [
        *listed.RESULTS,
        listed.result(sure=1e-7, text='"\\\ud83d\n\u2028 é 𝔘'),
        listed.result(base=1, candidate=0),
        listed.result(drop=None, level=None, uncounted="missing", counted=False),
        listed.result(cluster='a "b"', cause="loops", patterns=("a", "é"), n_copies=2),
        listed.result(right=(), choices=(), prompt="", digest="\ud83d"),
    ],
)
def test_a_line_is_the_canonical_json_of_its_item(result: ItemResult) -> None:
    """It is spelt part by part, and no key or kind of value may be left out."""
    bare = dataclasses.replace(
        result,
        prompt=kept("not kept", "none"),
        base=dataclasses.replace(result.base, parts={"tool": 1.0, "called": 0.5}),
    )

    assert spelt(result) == canonical_json(as_plain(result))
    assert spelt(bare) == canonical_json(as_plain(bare))


def test_a_number_that_is_none_is_refused(tmp_path: Path) -> None:
    """It would be a line that no reader of JSON takes; nothing is left of the file."""
    results = [listed.result("b-1", sure=0.5), listed.result("b-2", sure=float("nan"))]

    with support.refused("items.not-finite", 12, "b-2"):
        write_items(samples.failed(), tmp_path, results)

    assert list(tmp_path.iterdir()) == []
