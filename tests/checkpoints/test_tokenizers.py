"""Two tokenizers: other bytes need not mean other tokens, and what does is told."""

from __future__ import annotations

import copy
import json
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cliffguard.checkpoints.tokenizers import TokenizerChange, tokenizer_change

BPE: dict[str, Any] = {
    "version": "1.0",
    "truncation": None,
    "added_tokens": [{"id": 3, "content": "<s>"}],
    "pre_tokenizer": {"type": "ByteLevel", "add_prefix_space": False},
    "model": {"type": "BPE", "vocab": {"a": 0, "b": 1, "ab": 2}, "merges": ["a b"]},
}
UNIGRAM: dict[str, Any] = {"model": {"type": "Unigram", "vocab": [["a", -1.0], ["b", -2.0]]}}


def written(folder: Path, tokenizer: Any, config: dict[str, Any] | None = None) -> Path:
    """Write a tokenizer's files and return their folder."""
    folder.mkdir()
    (folder / "tokenizer.json").write_text(json.dumps(tokenizer), encoding="utf-8")
    if config is not None:
        (folder / "tokenizer_config.json").write_text(json.dumps(config), encoding="utf-8")
    return folder


def change(tmp_path: Path, edit: Callable[[Any], object], start: Any = BPE) -> TokenizerChange:
    """Return what differs between a tokenizer and an edited copy."""
    other = copy.deepcopy(start)
    edit(other)
    sides = written(tmp_path / "base", start), written(tmp_path / "candidate", other)
    return tokenizer_change(*sides)


@pytest.mark.parametrize(
    "edit",
    [
        lambda t: t.update(version="2.0"),
        lambda t: t.update(truncation={"max_length": 512}, padding={"strategy": "BatchLongest"}),
        lambda t: t["model"].update(merges=[["a", "b"]]),
    ],
    ids=["another version", "how training padded", "merges in pairs"],
)
def test_what_makes_no_other_token_is_no_change(edit: Any, tmp_path: Path) -> None:
    """A trainer that writes the files anew has changed nothing."""
    assert change(tmp_path, edit).description == ""


CHANGES: dict[str, tuple[Callable[[Any], object], str]] = {
    "added": (lambda t: t["added_tokens"].append({"id": 4, "content": "</s>"}), "1 token added"),
    "gone": (lambda t: t["model"]["vocab"].pop("ab"), "1 token gone"),
    "moved": (lambda t: t["model"]["vocab"].update(a=1, b=0), "2 tokens under other ids"),
    "merges": (lambda t: t["model"].update(merges=[]), "other merges"),
    "pieces": (lambda t: t["pre_tokenizer"].update(add_prefix_space=True), "other pre-tokenizer"),
    "model": (lambda t: t["model"].update(type="WordPiece"), "other model"),
}


@pytest.mark.parametrize("name", CHANGES)
def test_what_can_make_other_tokens_is_told(name: str, tmp_path: Path) -> None:
    """By number of tokens, or by the part that differs."""
    edit, description = CHANGES[name]

    assert change(tmp_path, edit).description == description


def test_the_order_of_a_unigram_is_its_ids(tmp_path: Path) -> None:
    """Tokens that change places have other ids; other weights cut text otherwise."""
    turned = change(tmp_path, lambda t: t["model"]["vocab"].reverse(), UNIGRAM)

    assert (turned.n_moved, turned.parts) == (2, ("model",))


def test_first_and_last_tokens_are_told(tmp_path: Path) -> None:
    """Whether a text begins with a token, and which one ends it, stands in the config."""
    before = {"eos_token": "</s>", "add_bos_token": True, "tokenizer_file": "/home/x"}
    after = {"eos_token": {"content": "<|im_end|>"}, "add_bos_token": False}
    sides = written(tmp_path / "a", BPE, before), written(tmp_path / "b", BPE, after)

    description = tokenizer_change(*sides).description

    assert description == "eos_token: </s> → <|im_end|>; add_bos_token: True → False"


def test_unlike_kinds_of_files_are_told_apart_only(tmp_path: Path) -> None:
    """Where one side has no tokenizer.json, it is said that the files differ."""
    (tmp_path / "b").mkdir()

    assert (
        tokenizer_change(written(tmp_path / "a", BPE), tmp_path / "b").description == "other files"
    )
