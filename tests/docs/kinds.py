"""Files that the documentation shows, read by the parser of their kind."""

from __future__ import annotations

import contextlib
import json
import re
from collections.abc import Mapping, Sequence
from dataclasses import fields
from pathlib import Path
from typing import Any

from cliffguard.config import make_plans, make_policy
from cliffguard.core.canonical_json import parse_json
from cliffguard.core.errors import CliffguardError, ConfigError
from cliffguard.core.settings import Plan, Policy
from cliffguard.core.yaml_files import read_yaml
from cliffguard.report.json import read_review
from cliffguard.suites.items import ITEM_KEYS, make_item
from cliffguard.suites.loading import read_suite
from cliffguard.suites.schema import SuiteFile
from cliffguard.suites.scorers import SCORERS
from tests.docs.blocks import Block

_NAMED = re.compile(r"# (\S+\.ya?ml)\b")
_OR = re.compile(r"^# or\b.*\n", re.MULTILINE)
_KEYS = {
    "plan": {field.name for field in fields(Plan)},
    "policy": {field.name for field in fields(Policy)},
    "suite": {*SuiteFile.model_fields},
}


def read_yaml_block(block: Block, root: Path) -> None:
    """Read each of the block's alternatives; a file that its first line names is put there."""
    for text in _OR.split(block.text):
        path = root / "block.yaml"
        path.write_text(text, encoding="utf-8")
        written = read_yaml(path, ConfigError)
        read_as(kinds_of(written, block), written, root)
        if named := _NAMED.match(text):
            (root / named[1]).write_text(text, encoding="utf-8")


def kinds_of(written: Mapping[str, Any], block: Block) -> list[str]:
    """Return which of our files have all these keys, or the one that a mark names."""
    if "kind" in block.marks:
        return [block.marks["kind"]]
    kinds = [kind for kind, keys in _KEYS.items() if written.keys() <= keys]
    assert kinds, f"{block.where}: no file of ours has these keys; say its kind by a mark"
    return kinds


def read_as(kinds: Sequence[str], written: Mapping[str, Any], root: Path) -> None:
    """Read a file of ours, with what an excerpt leaves out: it must be sound as one of `kinds`."""
    *others, last = kinds
    for kind in others:
        with contextlib.suppress(CliffguardError):
            return _READERS[kind](written, root)
    return _READERS[last](written, root)


def _plan(written: Mapping[str, Any], root: Path) -> None:
    make_plans({"candidate": "runs/ft/adapter", "suites": ["adjacent"], **written}, "block")


def _policy(written: Mapping[str, Any], root: Path) -> None:
    make_policy(written, "block")


def _suite(written: Mapping[str, Any], root: Path) -> None:
    whole = {"name": "excerpt", "version": 1, **written}
    (root / "block.yaml").write_text(json.dumps(whole, default=str), encoding="utf-8")
    read_suite(str(root / "block.yaml"))


_READERS = {"plan": _plan, "policy": _policy, "suite": _suite}


def read_json_block(block: Block) -> None:
    """Read an item (one a line), or a review."""
    if block.marks.get("kind") == "review":
        read_review(block.text, block.where)
        return
    for line in filter(str.strip, block.text.split("\n")):
        row = parse_json(line)
        is_item = "id" in row and bool({"answer", "answers"} & row.keys())
        assert is_item, f"{block.where}: no item; say its kind by a mark"
        metric = block.marks.get("kind", "acc" if "choices" in row else "exact_match")
        assert metric == "acc" or metric in SCORERS, f"{block.where}: {metric} is no metric"
        level = [name for name in row if name not in ITEM_KEYS]
        make_item(row, metric=metric, level=level[0] if level else None, where=block.where)
