"""What a store says it holds."""

from __future__ import annotations

from pathlib import Path

import pytest

from cliffguard.core.settings import EvalSettings
from cliffguard.store.answers import Store
from cliffguard.store.maintenance.questions import describe, entries_of, select
from tests import support
from tests.store.maintenance.stores import answered, filled, question


def test_a_question_is_described_as_far_as_it_is_answered(tmp_path: Path) -> None:
    """Names, counts and bytes are those of the files."""
    entry = answered(Store(tmp_path), question(), n_shards=1)

    row = describe(entry)

    assert (row.checkpoint, row.suite, row.task) == ("base", "small", "ball")
    assert (row.n_answers, row.n_items) == (64, 70)
    assert row.n_bytes == sum(p.stat().st_size for p in entry.folder.rglob("*") if p.is_file())


@pytest.mark.parametrize(
    ("protocol", "replicate", "how"),
    [
        (EvalSettings(), 0, "float32"),
        (EvalSettings(limit=30, chat_template="own"), 0, "float32, chat_template own, limit 30"),
        (EvalSettings(), 1, "float32, replicate 1"),
    ],
)
def test_the_protocol_is_told_in_short(
    protocol: EvalSettings, replicate: int, how: str, tmp_path: Path
) -> None:
    """Only what is not as usual is listed beside the dtype."""
    variant = question(protocol=protocol, replicate=replicate)

    assert describe(answered(Store(tmp_path), variant)).how == how


@pytest.mark.parametrize("name", ["runs/tuned", "tuned", "fingerprint"])
def test_a_checkpoint_goes_by_name_or_fingerprint(name: str, tmp_path: Path) -> None:
    """Its name, the last part of it, or the beginning of its fingerprint."""
    store = filled(tmp_path)
    if name == "fingerprint":
        name = question("runs/tuned").checkpoint.fingerprint[:8]

    assert [row.checkpoint for row in select(store, checkpoint=name)] == ["runs/tuned"]


def test_conditions_narrow_each_other_down(tmp_path: Path) -> None:
    """A checkpoint and a task together are one question."""
    store = filled(tmp_path)

    assert len(select(store)) == 3
    assert len(select(store, suite="small", task="ball")) == 2
    assert len(select(store, checkpoint="base", task="ball")) == 1


def test_a_name_that_fits_nothing_is_refused(tmp_path: Path) -> None:
    """A misspelt name is told, with the nearest one that is there."""
    with support.refused("store.no-answers", 2, "'bowl'"):
        select(filled(tmp_path), task="bowle")


def test_an_unreadable_question_is_not_left_out_in_silence(tmp_path: Path) -> None:
    """Choosing among questions needs all of them to be readable."""
    store = filled(tmp_path)
    (entries_of(store)[0].folder / "question.json").write_text("{}")

    with support.refused("store.damaged", 12, "question.json"):
        select(store)


def test_answers_without_their_question_are_listed(tmp_path: Path) -> None:
    """A folder whose question.json is gone is damaged, and not invisible."""
    store = filled(tmp_path)
    (entries_of(store)[0].folder / "question.json").unlink()

    assert len(entries_of(store)) == 3
