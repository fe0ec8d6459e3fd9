"""Tokenizers are programs of strangers too: text that grows without bound, rules that give up."""

from __future__ import annotations

import contextlib
import json
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cliffguard.errors import IntegrityError

_MOST_GROWTH = 64
"""How many times longer a tokenizer may make a text before it is cut; known ones stay below 4."""


def refuse_growing_text(name: str, folder: Path) -> None:
    """Raise IntegrityError for a tokenizer whose replacements make a text longer beyond any sense.

    Each is a short rule; four of them that put a thousand letters in the place of one take all
    memory for a word.
    """
    path = folder / "tokenizer.json"
    content = path.read_bytes() if path.is_file() else b""
    if b'"Replace"' not in content:
        return
    try:
        rules = json.loads(content)
    except (ValueError, RecursionError):
        return  # whoever loads it says so
    parts = ("normalizer", "decoder") if isinstance(rules, dict) else ()
    for part in parts:
        if (growth := _growth(rules.get(part))) > _MOST_GROWTH:
            raise IntegrityError(
                f"{name}: {path}: its {part} makes a text up to {growth:,.0f} times longer; save "
                "the tokenizer that the model was trained with",
                id="tokenizer.growing-text",
            )


def _growth(rule: Any) -> float:
    """Return how many times longer a rule, with all that it is made of, can make a text."""
    found, open_rules = 1.0, [rule]
    while open_rules:
        one = open_rules.pop()
        if isinstance(one, list):
            open_rules += one
        elif isinstance(one, dict):
            open_rules += [one[n] for n in ("normalizers", "decoders") if n in one]
            if one.get("type") == "Replace":
                found *= max(1.0, _lengthening(one.get("pattern"), one.get("content")))
    return min(found, 1e18)


def _lengthening(pattern: Any, content: Any) -> float:
    """Return what one replacement does: a regular expression may match one character, or none."""
    given = pattern.get("String") if isinstance(pattern, dict) else None
    n_replaced = len(given) if isinstance(given, str) and given else 1
    return len(content) / n_replaced if isinstance(content, str) else 1.0


@contextlib.contextmanager
def panics_explained(name: str) -> Iterator[None]:
    """Turn a panic of the tokenizers library, which is no Exception, into an error of ours."""
    try:
        yield
    except BaseException as failure:
        if type(failure).__name__ != "PanicException":
            raise
        raise IntegrityError(
            f"{name}: its tokenizer gave up on a prompt: {failure}; save the tokenizer that the "
            "model was trained with",
            id="tokenizer.gave-up",
        ) from failure
