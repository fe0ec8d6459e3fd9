"""Items that no model reads end in exit 2, before anything is loaded."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cliffguard.core.errors import SuiteError
from cliffguard.core.extents import MOST_CHARACTERS, MOST_CHOICES
from cliffguard.core.settings import TargetData
from cliffguard.suites.items import make_item
from cliffguard.suites.target import target_suite
from tests import support


def row(**keys: Any) -> dict[str, Any]:
    """Return an item as a line of JSON Lines has it."""
    return {"id": "a", "prompt": "Who?", "choices": [" Ann", " Bob"], "answer": " Ann", **keys}


@pytest.mark.parametrize(
    ("keys", "metric", "error_id"),
    [
        ({"prompt": "x" * (MOST_CHARACTERS + 1)}, "acc", "item.too-long"),
        (
            {"choices": [" Ann", *(f" {n}" for n in range(MOST_CHOICES))]},
            "acc",
            "item.too-many-choices",
        ),
        ({"choices": [" Ann", "y" * MOST_CHARACTERS]}, "acc", "item.too-long"),
    ],
    ids=["prompt", "choices", "one choice"],
)
def test_an_absurd_item_is_refused(keys: dict[str, Any], metric: str, error_id: str) -> None:
    """Whichever part of it is absurd."""
    with support.refused(error_id, 2, "items.jsonl:3"):
        make_item(row(**keys), metric=metric, level=None, where="items.jsonl:3")


def test_a_long_item_is_an_item() -> None:
    """What a model with a context of a million tokens reads is asked."""
    item = make_item(
        row(prompt="x" * (MOST_CHARACTERS // 2)), metric="acc", level=None, where="items.jsonl:1"
    )
    assert len(item.prompt) == MOST_CHARACTERS // 2


def test_an_absurd_target_is_refused(tmp_path: Path) -> None:
    """Data of one's own come in by the same door."""
    data = support.write_jsonl(
        tmp_path / "t.jsonl", [{"prompt": "x" * (MOST_CHARACTERS + 1), "answer": "yes"}] * 2
    )
    with pytest.raises(SuiteError) as failure:
        target_suite(TargetData(data=str(data)))
    assert failure.value.id == "item.too-long"
