"""Plain results, a line an item: what is paired, and each way in which a line can be wrong."""

from __future__ import annotations

import gzip
import json
from pathlib import Path
from typing import Any

import pytest

from cliffguard import Outcome, Policy
from cliffguard.core.errors import CliffguardError
from cliffguard.core.reviews import Review
from cliffguard.core.settings import CapabilityPolicy
from cliffguard.gate import compare_samples
from tests import support

Row = dict[str, Any]


def row(id: Any, score: Any = 1, **more: Any) -> Row:
    """Return a whole line; ... takes a key away."""
    full = {"id": id, "score": score, "higher_is_better": True, **more}
    return {key: value for key, value in full.items() if value is not ...}


def write(path: Path, rows: list[Row] | str | bytes) -> Path:
    """Write a file, with a key that tells two runs apart."""
    if isinstance(rows, list):
        rows = "".join(json.dumps({**row, "of": path.stem}) + "\n" for row in rows)
    path.write_bytes(rows.encode() if isinstance(rows, str) else rows)
    return path


def compared(
    folder: Path, base: list[Row] | str | bytes, candidate: list[Row] | str | bytes, **rules: Any
) -> Review:
    """Return the review of two files, under rules of the capability `results`."""
    policy = Policy(capabilities={"results": CapabilityPolicy(**rules)}) if rules else None
    paths = write(folder / "base.jsonl", base), write(folder / "candidate.jsonl", candidate)
    return compare_samples(*map(str, paths), policy)


def refused(folder: Path, *sides: Any, **rules: Any) -> CliffguardError:
    """Return the error of two files."""
    with pytest.raises(CliffguardError) as caught:
        compared(folder, *sides, **rules)
    assert "\n" not in str(caught.value)
    assert "lm-eval" not in str(caught.value)
    return caught.value


def test_scores_are_paired_by_id(tmp_path: Path) -> None:
    """Whole numbers, shares and truth values; 1 and "1" are one id, and tasks are capabilities."""
    base = [row(n, 1) for n in range(100)] + [row(f"r{n}", 0.5, task="rouge") for n in range(50)]
    candidate = [row(str(n), n % 5 > 0) for n in range(100)]
    candidate += [row(f"r{n}", 0.25, task="rouge") for n in range(50)]

    review = compared(tmp_path, base, candidate)

    by_name = {c.capability: c for c in review.comparison.capabilities}
    assert by_name["results"].counts.n_broken == 20
    assert by_name["results"].evidence.candidate_mean == pytest.approx(0.8)
    assert by_name["rouge"].evidence.drop == pytest.approx(0.25)
    assert review.verdict.outcome is Outcome.FAIL
    (text,) = support.caveat_texts(review, "results.unknown")
    assert "what 300 of 300 lines asked (no prompt_sha256)" in text


def test_what_is_better_low_is_turned(tmp_path: Path) -> None:
    """By the file, or by the policy where the file does not say."""
    low = {"higher_is_better": False}
    review = compared(
        tmp_path,
        [row(n, 0.1, **low) for n in range(50)],
        [row(n, 0.4, **low) for n in range(50)],
    )
    assert review.comparison.capabilities[0].counts.n_broken == 50

    silent = {"higher_is_better": ...}
    review = compared(
        tmp_path,
        [row(n, 0.1, **silent) for n in range(50)],
        [row(n, 0.4, **silent) for n in range(50)],
        lower_is_better=True,
    )
    assert review.comparison.capabilities[0].counts.n_broken == 50


def test_what_one_side_lacks_is_missing(tmp_path: Path) -> None:
    """So is null, which says that there is no score."""
    review = compared(
        tmp_path, [row(n) for n in range(10)], [row(n, None if n == 3 else 1) for n in range(8)]
    )

    counts = review.comparison.capabilities[0].counts
    assert (counts.n_items, counts.n_missing_candidate, counts.n_missing_base) == (7, 3, 0)


def test_clusters_and_fields_tie_items(tmp_path: Path) -> None:
    """`cluster` does by itself, other keys where a policy names them."""
    rows = [row(n, cluster=n // 5) for n in range(20)]
    assert compared(tmp_path, rows, rows).comparison.capabilities[0].counts.n_clusters == 4
    rows = [row(n, passage=n // 2) for n in range(20)]
    review = compared(tmp_path, rows, rows, cluster="passage")
    assert review.comparison.capabilities[0].counts.n_clusters == 10


def test_one_prompt_twice_is_no_new_evidence(tmp_path: Path) -> None:
    """Items without a prompt stand alone."""
    rows = [row(n, prompt_sha256=f"{n % 10:064x}") for n in range(20)]
    review = compared(tmp_path, rows, rows)
    assert review.comparison.capabilities[0].counts.n_clusters == 10
    (text,) = support.caveat_texts(review, "results.unknown")
    assert "prompt_sha256" not in text


@pytest.mark.parametrize("silent", [0, 1])
def test_one_side_that_names_its_prompts_ties_both(tmp_path: Path, silent: int) -> None:
    """Whichever side it is: the items are the same ones."""
    named = [row(n, prompt_sha256=f"{n % 10:064x}") for n in range(20)]
    sides = [named, named]
    sides[silent] = [row(n) for n in range(20)]

    review = compared(tmp_path, *sides)

    assert review.comparison.capabilities[0].counts.n_clusters == 10


LINES = [json.dumps(row(n)).encode() for n in (1, 2)]


@pytest.mark.parametrize(
    "content",
    [b"\xef\xbb\xbf" + b"\r\n\r\n  \r\n".join(LINES), b"[" + b",\n".join(LINES) + b"]"],
)
def test_any_systems_lines_are_read(tmp_path: Path, content: bytes) -> None:
    """A byte-order mark, other ends of lines, blank ones, a list."""
    review = compared(tmp_path, content, [row(1), row(2)])

    assert review.comparison.capabilities[0].counts.n_items == 2


def test_a_packed_file_is_read(tmp_path: Path) -> None:
    """As lm-eval's are."""
    base = tmp_path / "base.jsonl.gz"
    base.write_bytes(gzip.compress(json.dumps(row(1)).encode()))
    candidate = write(tmp_path / "candidate.jsonl", [row(1)])

    assert compare_samples(str(base), str(candidate)).comparison.capabilities[0].counts.n_items == 1


WRONG = [
    (row(2, 1.5), "score is 1.5"),
    (row(2, -0.1), "score is -0.1"),
    (row(2, "1"), "score is a text of 1 character"),
    (row(2, [1]), "score is a list of 1 number"),
    (row(2, 10**400), "score is 1000"),
    (row(2, float("inf")), "score is inf"),
    (row(2, ...), "no score"),
    (row(...), "no id"),
    (row(None), "id is nothing"),
    (row(1.5), "id is 1.5"),
    (row(True), "id is True"),
    (row(""), "id is a text of 0 characters"),
    (row(2, higher_is_better="yes"), "higher_is_better is a text"),
    (row(2, higher_is_better=False), "higher_is_better is false, and was not"),
    (row(2, prompt_sha256="abc"), "prompt_sha256 is a text of 3"),
    (row(2, cluster=[1]), "cluster is a list"),
    (row(2, task=7), "task is 7"),
]


@pytest.mark.parametrize(("wrong", "what"), WRONG)
def test_a_wrong_line_is_named(tmp_path: Path, wrong: Row, what: str) -> None:
    """Whichever side has it, before anything is paired."""
    for sides in (([row(1), wrong], [row(1)]), ([row(1)], [row(1), wrong])):
        error = refused(tmp_path, *sides)

        assert (error.exit_code, error.id) == (2, "results.wrong-line")
        assert f".jsonl:2: {what}" in str(error)


@pytest.mark.parametrize(
    ("base", "candidate", "exit_code", "id", "where"),
    [
        ([row(1), row("1")], [row(1)], 2, "results.repeated-id", "base.jsonl:2"),
        ([row(1, higher_is_better=...)], [row(1)], 2, "metric.unknown-direction", "base.jsonl:1"),
        ([row(1), row(2, higher_is_better=...)], [row(1)], 2, "metric.unknown-direction", ":2"),
        ([row(1, higher_is_better=False)], [row(1)], 12, "metric.direction-differs", ":1"),
        (
            [row(1, prompt_sha256="a" * 64)], [row(2), row(1, prompt_sha256="b" * 64)],
            12, "sides.asked-otherwise", "candidate.jsonl:2",
        ),
        (
            [row(1, cluster=1)], [row(1, cluster=2)],
            12, "sides.asked-otherwise", "candidate.jsonl:1",
        ),
        ([row(1)], [row(2)], 12, "sides.asked-otherwise", "in common (base 1; candidate 2)"),
        ([row(1)], [row(1, lower_is_better=True)], 2, "results.wrong-line", "are both true"),
        ([row(1)], [row(1, score=..., correct=1)], 2, "results.wrong-line", "'correct' may be it"),
        ([row(..., qid=1)], [row(1)], 2, "results.wrong-line", "'qid' may be it"),
        ([row(1)], '{"id": 1, "acc": 1}', 2, "results.wrong-line", "'acc' may be it"),
        ([row(1)], [row(1, task="t")], 12, "sides.other-tasks", "results only in"),
        ([row(1)], "", 12, "samples.empty", "candidate.jsonl"),
        ([row(1)], '{"id": 1, "score": 1,}', 12, "samples.torn", "candidate.jsonl:1"),
        ([row(1)], json.dumps(row(1)) + "\n[]", 12, "samples.not-an-object", "candidate.jsonl:2"),
        ([row(1)], b'{"id": "\xff", "score": 1}', 12, "samples.not-utf8", "candidate.jsonl"),
        ([row(1)], '{"score": ' + "[" * 9999, 12, "samples.torn", "candidate.jsonl:1"),
    ],
)  # fmt: skip
def test_what_cannot_be_compared_is_one_line(
    tmp_path: Path, base: Any, candidate: Any, exit_code: int, id: str, where: str
) -> None:
    """With its place, and what it is."""
    error = refused(tmp_path, base, candidate)

    assert (error.exit_code, error.id) == (exit_code, id)
    assert where in str(error)


def test_one_file_is_not_two_runs(tmp_path: Path) -> None:
    """Byte for byte, as for lm-eval; a key of one's own tells two apart."""
    path = write(tmp_path / "a.jsonl", [row(1)])

    with pytest.raises(CliffguardError) as caught:
        compare_samples(str(path), str(path))

    assert (caught.value.exit_code, caught.value.id) == (12, "sides.one-run")
