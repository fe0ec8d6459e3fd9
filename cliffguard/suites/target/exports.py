"""Rows as other tools and data sets write them: what they are, and the flags that read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from pydantic import TypeAdapter

from cliffguard.core.errors import SuiteError
from cliffguard.core.settings import TargetData
from cliffguard.core.validation import validate
from cliffguard.core.yaml_files import read_yaml
from cliffguard.suites.rows import Row, new_file
from cliffguard.suites.target.conversions import Converted, command
from cliffguard.suites.target.known import quoted, says
from cliffguard.suites.target.paths import values_at
from cliffguard.suites.target.roleless import without_roles


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Rows that flags read as they are. All of `has` stand in a row, as patterns of paths.

    `prompt` is a pattern, all of whose texts are asked, or a text with columns in braces. Of
    `answer` the first pattern counts that finds something; of `*` it is neither a prompt nor one
    of `aside`. `more` are further flags.
    """

    name: str
    has: tuple[str, ...]
    prompt: str
    answer: tuple[str, ...]
    more: str = ""
    aside: tuple[str, ...] = ()


@dataclass(frozen=True, slots=True, kw_only=True)
class Unasked:
    """Rows that hold nothing a target could ask, and what to do instead."""

    name: str
    has: tuple[str, ...]
    how: str


@dataclass(frozen=True, slots=True, kw_only=True)
class KnownForms:
    """What `forms.yaml` lists; of each kind the first form counts that fits."""

    flags: tuple[Export, ...]
    commands: tuple[Converted, ...]
    unasked: tuple[Unasked, ...]


@cache
def known_forms() -> KnownForms:
    """Return the forms that are known."""
    path = Path(__file__).with_name("forms.yaml")
    return validate(TypeAdapter(KnownForms), read_yaml(path, SuiteError), str(path), SuiteError)


_N_TRIED = 20  # rows by which a form is told: the first may lack an answer


def refuse_exports(rows: Sequence[Row], target: TargetData) -> None:
    """Raise SuiteError for rows of a known form that their usual names do not read, with how to.

    Whoever names the prompt or the answer has seen them.
    """
    if target.prompt is not None or target.answer is not None:
        return
    tried = rows[:_N_TRIED]
    read = (_description(row, target) for row in tried)
    unasked = (
        f"{form.name}; {form.how}"
        for row in tried
        for form in known_forms().unasked
        if _has(row.value, form.has)
    )
    # Of a batch some rows may lack the answer that the others have.
    if (
        description := next((line for line in chain(read, unasked) if line is not None), None)
    ) is not None:
        raise SuiteError(f"{rows[0].source}: holds {description}", id="target.other-form")


def _description(row: Row, target: TargetData) -> str | None:
    """Return what the rows are and how they are read, where they are of a known form."""
    for export in known_forms().flags:
        if _has(row.value, export.has) and (flags := _flags(export, row.value)):
            return f"{export.name}; {flags} reads it (in a plan, keys of target without the prefix)"
    for kind in known_forms().commands:
        if _has(row.value, kind.has):
            more = kind.more and f" {kind.more}"
            made = command(kind, row, target)
            return (
                f"{kind.name}; {made} makes rows of it, for --target {new_file(row.source)}{more}"
            )
    if (turns := without_roles(row.value)) is not None:
        made = command(turns, row, target)
        return f"{turns.name}; {made} makes rows of it, for --target {new_file(row.source)}"
    return None


def _has(value: Mapping[str, Any], patterns: Sequence[str]) -> bool:
    """Return whether all patterns find something: a path, or one whose text holds what follows ~.

    Of a pattern behind ! there must be nothing.
    """
    for pattern in patterns:
        path, _, mark = pattern.removeprefix("!").partition("~")
        is_there = any(mark in str(held) for _, held in values_at(value, path))
        if is_there == pattern.startswith("!"):
            return False
    return True


def _flags(export: Export, value: Mapping[str, Any]) -> str | None:
    """Return the flags that read a row, or None where it holds no answer that they could name."""
    prompt, right = export.prompt, None
    if "{" not in prompt:
        texts = [path for path, held in values_at(value, prompt) if says(held)]
        if export.answer == (export.prompt,):  # the first is asked, and the second is right
            texts, right = texts[:1], next(iter(texts[1:]), None)
        prompt = texts[0] if len(texts) == 1 else "\\n".join(f"{{{path}}}" for path in texts)
    out = {*export.aside, prompt}
    answer_paths = (path for p in export.answer for path, held in values_at(value, p) if says(held))
    right = right or next((path for path in answer_paths if path not in out), None)
    if not prompt or right is None:
        return None
    flags = [f"--target-prompt {quoted(prompt)}", f"--target-answer {quoted(right)}", export.more]
    return " ".join(filter(None, flags))
