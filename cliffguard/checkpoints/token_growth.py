"""How far a tokenizer's normalisation can blow a text up.

A rule that writes a thousand letters for one, four times over, makes a terabyte of a word: the
library that follows it ends the whole process.
"""

from __future__ import annotations

from typing import Any

MOST_GROWTH = 256.0
"""Characters for one. Real rules write a word for a sign: some ten."""

STAGES = ("normalizer", "pre_tokenizer", "decoder")
"""Of a tokenizer.json, what changes a text before tokens are made of it, or after."""

_MOST_RULES = 10_000


def growth(stage: Any) -> float:
    """Return by how much the replacements of a stage, one after the other, lengthen a text."""
    factor = 1.0
    waiting, n_rules = [stage], 0
    while waiting and n_rules < _MOST_RULES:
        rule, n_rules = waiting.pop(), n_rules + 1
        if isinstance(rule, list):
            waiting += rule
        elif isinstance(rule, dict):
            factor *= max(1.0, _of_one(rule))
            waiting += [inner for inner in rule.values() if isinstance(inner, (list, dict))]
        if factor > MOST_GROWTH:
            break
    return factor


def _of_one(rule: dict[str, Any]) -> float:
    content, pattern = rule.get("content"), rule.get("pattern")
    if rule.get("type") != "Replace" or not isinstance(content, str):
        return 1.0
    literal = pattern.get("String") if isinstance(pattern, dict) else None
    return len(content) / max(1, len(literal) if isinstance(literal, str) else 1)
