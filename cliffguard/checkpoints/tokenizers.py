"""Differences between two tokenizers, as far as they change tokens.

Trainers write a tokenizer's files anew, and other bytes need not mean other tokens.
"""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cliffguard.checkpoints.files import read_json
from cliffguard.core.texts import n_things

# How a batch is padded or cut, which nothing here asks for.
_NO_MATTER = {"version", "truncation", "padding", "added_tokens", "model"}
_SPECIAL = ("bos_token", "eos_token", "add_bos_token", "add_eos_token")


@dataclass(frozen=True, slots=True, kw_only=True)
class TokenizerChange:
    """What a candidate's tokenizer does otherwise than its base's.

    `n_moved` tokens of both have other ids; `parts` are those of its files that differ: how text
    is cut before tokens are made of it, and how. `special` are settings of first and last tokens,
    each as "name: base → candidate".
    """

    n_added: int
    n_gone: int
    n_moved: int
    parts: tuple[str, ...]
    special: tuple[str, ...]

    @property
    def description(self) -> str:
        """What differs, in words; empty where nothing does that can change a token."""
        counts = {"added": self.n_added, "gone": self.n_gone, "under other ids": self.n_moved}
        changes = [f"{n_things(n, 'token', ',')} {what}" for what, n in counts.items() if n]
        if self.parts:
            changes.append(f"other {', '.join(self.parts)}")
        return "; ".join([*changes, *self.special])


def tokenizer_change(base: Path, candidate: Path) -> TokenizerChange:
    """Compare the tokenizers that lie in two folders."""
    left, right = _model(base), _model(candidate)
    if left is None or right is None:
        # Of the older kinds of files, or of unlike kinds, only that they differ can be told.
        return TokenizerChange(
            n_added=0, n_gone=0, n_moved=0, parts=("files",), special=_special(base, candidate)
        )
    old, new = _vocabulary(left), _vocabulary(right)
    return TokenizerChange(
        n_added=len(new.keys() - old.keys()),
        n_gone=len(old.keys() - new.keys()),
        n_moved=sum(new[token] != old[token] for token in old.keys() & new.keys()),
        parts=tuple(sorted(_differing(left, right))),
        special=_special(base, candidate),
    )


def special_marks(folder: Path) -> tuple[str, ...]:
    """Return the tokens of a tokenizer that are marks and no words, as they are written.

    Of the older kinds of files none is known.
    """
    added = (_model(folder) or {}).get("added_tokens") or []
    marks = (str(token.get("content")) for token in added if token.get("special"))
    return tuple(mark for mark in marks if mark.strip())


def _model(folder: Path) -> dict[str, Any] | None:
    path = folder / "tokenizer.json"
    return read_json(path) if path.is_file() else None


def _vocabulary(tokenizer: dict[str, Any]) -> dict[str, Any]:
    listed = (tokenizer.get("model") or {}).get("vocab") or {}
    if isinstance(listed, list):  # of Unigram: pairs of a token and its weight, in order
        vocabulary = {str(row[0]): index for index, row in enumerate(listed)}
    else:
        vocabulary = dict(listed)
    added = tokenizer.get("added_tokens") or []
    return vocabulary | {str(token.get("content")): token.get("id") for token in added}


def _differing(left: dict[str, Any], right: dict[str, Any]) -> set[str]:
    names = (left.keys() | right.keys()) - _NO_MATTER
    differing = {name.replace("_", "-") for name in names if left.get(name) != right.get(name)}
    models = [dict(side.get("model") or {}) for side in (left, right)]
    merges = [_merges(model.pop("merges", None)) for model in models]
    for model in models:
        if isinstance(vocabulary := model.pop("vocab", None), list):
            model["weights of tokens"] = vocabulary
    if merges[0] != merges[1]:
        differing.add("merges")
    return differing | ({"model"} if models[0] != models[1] else set())


def _merges(listed: Any) -> list[Any] | None:
    """Return merges in one spelling: older files write "a b" where newer ones write [a, b]."""
    if not isinstance(listed, list):
        return None
    return [" ".join(map(str, merge)) if isinstance(merge, list) else merge for merge in listed]


def _special(base: Path, candidate: Path) -> tuple[str, ...]:
    left, right = (_settings(folder) for folder in (base, candidate))
    return tuple(
        f"{name}: {_word(left.get(name))} → {_word(right.get(name))}"
        for name in _SPECIAL
        if _word(left.get(name)) != _word(right.get(name))
    )


def _settings(folder: Path) -> dict[str, Any]:
    path = folder / "tokenizer_config.json"
    return read_json(path) if path.is_file() else {}


def _word(value: Any) -> str:
    """Return a token's text, however it is written; what is not said is "unsaid"."""
    if isinstance(value, dict):
        value = value.get("content")
    return "unsaid" if value is None else str(value)
