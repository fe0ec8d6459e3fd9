"""Tokenizers whose rules blow texts up are told by their files."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cliffguard.checkpoints.files import refuse_growing
from cliffguard.checkpoints.token_growth import growth
from cliffguard.core.errors import IntegrityError
from tests import support


def rule(pattern: str, content: str, kind: str = "String") -> dict[str, Any]:
    """Return a rule that writes `content` for `pattern`."""
    return {"type": "Replace", "pattern": {kind: pattern}, "content": content}


def in_turn(*rules: Any) -> dict[str, Any]:
    """Return rules that are applied one after the other."""
    return {"type": "Sequence", "normalizers": list(rules)}


@pytest.mark.parametrize(
    ("stage", "factor"),
    [
        (None, 1.0),
        ({"type": "NFKC"}, 1.0),
        (rule(" ", "▁"), 1.0),
        (rule("``", '"'), 1.0),
        (rule(" {2,}", "    ", "Regex"), 4.0),
        (in_turn(rule("\n", "<n>"), rule("…", "...")), 9.0),
        (in_turn(rule("a", "b" * 5), in_turn(rule("b", "c" * 10, "Regex"))), 50.0),
    ],
)
def test_the_growth_of_a_text_is_that_of_its_rules(stage: Any, factor: float) -> None:
    """At the most, each follows on what the one before has written."""
    assert growth(stage) == factor


@pytest.mark.parametrize("stage", ["normalizer", "decoder"])
@pytest.mark.parametrize(
    "bomb",
    [
        in_turn(*[rule("a", "a" * 1000)] * 4),
        in_turn(*[rule("a", "aa")] * 9),
        {"type": "Sequence", "decoders": [rule("x", "y" * 300, "Regex")]},
    ],
    ids=["thousands", "doublings", "one rule"],
)
def test_a_bomb_is_refused(stage: str, bomb: Any, tmp_path: Path) -> None:
    """Exit 12 in one line, instead of a process that the system ends."""
    (tmp_path / "tokenizer.json").write_text(json.dumps({stage: bomb}))

    with support.refused("tokenizer.grows", 12) as failure:
        refuse_growing("tuned", tmp_path)
    assert (failure.value.exit_code, failure.value.id) == (12, "tokenizer.grows")


def test_rules_without_end_are_looked_at_so_far(tmp_path: Path) -> None:
    """A file of a million rules that do nothing is no reason to look for hours."""
    rules = [{"type": "Lowercase"}] * 200_000

    assert growth(in_turn(*rules)) == 1.0


def test_a_tokenizer_is_looked_through_once_as_long_as_it_stays(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """It is loaded several times in a run, and may be 30 MB; another file in its place counts."""
    read: list[Path] = []
    monkeypatch.setattr(
        "cliffguard.checkpoints.files.read_json",
        lambda path: read.append(path) or json.loads(path.read_text()),
    )
    path = tmp_path / "tokenizer.json"
    path.write_text(json.dumps({"normalizer": rule("a", "b")}))
    for _ in range(3):
        refuse_growing("tuned", tmp_path)
    assert len(read) == 1

    path.write_text(json.dumps({"normalizer": rule("a", "b" * 1000)}))

    with pytest.raises(IntegrityError):
        refuse_growing("tuned", tmp_path)
