"""What changed is read from items.jsonl without parsing the lines of what did not."""

from __future__ import annotations

from dataclasses import dataclass, replace
from pathlib import Path

import pytest

from cliffguard.core.errors import IntegrityError
from cliffguard.report.items import answers_in, changed_in, results_in
from tests.report.listed import RESULTS, result, written

NAMES_ITS_OWN_LINE = result("says-so", prompt='"digest":"d","drop":0.0,"item":"x"')
NO_CHANGE = result("negative", 0.0, 0.0, drop=-0.0)
LACKS = result("lacks", drop=None, uncounted="missing", counted=False)


def test_what_changed_is_what_all_lines_say_changed(tmp_path: Path) -> None:
    """Whatever stands in a text, and however nothing is spelt: zero, minus zero or none."""
    items = [*RESULTS, NAMES_ITS_OWN_LINE, NO_CHANGE, LACKS, result("half", 1.0, 0.5)]
    path = written(tmp_path / "out", items) / "items.jsonl"

    every = list(results_in(path))
    assert every == items
    assert list(changed_in(path)) == [each for each in every if each.is_broken or each.is_fixed]


def test_an_unchanged_line_is_not_parsed(tmp_path: Path) -> None:
    """That it is skipped hangs on how lines are spelt, which a new layout may not change unseen."""
    path = written(tmp_path / "out", [result("kept", 1.0, 1.0), result()]) / "items.jsonl"
    kept, broken = path.read_bytes().splitlines(keepends=True)
    path.write_bytes(kept.replace(b'"task"', b'"tusk"') + broken)

    assert [each.item for each in changed_in(path)] == ["b-1"]
    with pytest.raises(IntegrityError, match=r"items\.jsonl:1"):
        list(results_in(path))


def test_a_damaged_line_is_named_by_its_place_in_the_file(tmp_path: Path) -> None:
    """Lines that are passed over count."""
    items = [result("kept", 1.0, 1.0), result(), replace(result(), item="b-2")]
    path = written(tmp_path / "out", items) / "items.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"item":"b-2"', b'"item":2'))

    with pytest.raises(IntegrityError, match=r"items\.jsonl:3"):
        list(changed_in(path))


@dataclass(frozen=True, slots=True)
class _Counted:
    counted: bool


def test_of_answers_the_rest_of_a_line_is_not_parsed(tmp_path: Path) -> None:
    """Whatever the texts before it say; a line without answers is named by its place."""
    items = [result("says-so", text=',"digest":"'), LACKS]
    path = written(tmp_path / "out", items) / "items.jsonl"
    path.write_bytes(path.read_bytes().replace(b'"task"', b'"tusk"') + b"{}\n")

    answers = answers_in(path, _Counted)

    assert [next(answers).counted, next(answers).counted] == [True, False]
    with pytest.raises(IntegrityError, match=r"items\.jsonl:3"):
        next(answers)
