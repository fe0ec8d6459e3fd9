"""Rows as other tools and data sets write them: what they are, and the flags that read them."""

from __future__ import annotations

import re
import shlex
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache
from itertools import chain
from pathlib import Path
from typing import Any

from cliffguard.core.errors import SuiteError, UsageError
from cliffguard.core.settings import TargetData
from cliffguard.core.texts import first_of
from cliffguard.core.validation import adapter_of, validate
from cliffguard.core.yaml_files import read_yaml
from cliffguard.suites.rows import Row, new_file
from cliffguard.suites.target.conversions import Converted, command
from cliffguard.suites.target.inner_rows import inner_rows
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
    return validate(adapter_of(KnownForms), read_yaml(path, SuiteError), str(path), SuiteError)


_SIGN = re.compile(r"([^~=]+)(?:([~=])(.*))?", re.DOTALL)
_IN_PLAN = " (in a plan, keys of target without the prefix)"
_LISTED = 8  # columns that a message names
_N_TRIED = 20  # rows by which a form is told: the first may lack an answer


def refuse_exports(
    rows: Sequence[Row], target: TargetData, read: Callable[[TargetData], object]
) -> None:
    """Raise SuiteError for rows of a known form that their usual names do not read, with how to.

    Whoever names the prompt or the answer has seen them. `read` reads the rows under flags: what
    it refuses stands in the line, beside the flags.
    """
    if target.prompt is not None or target.answer is not None:
        return
    tried = rows[:_N_TRIED]
    known = (_description(row, tried, target, read) for row in tried)
    unasked = (
        f"{form.name}; {form.how}"
        for row in tried
        for form in known_forms().unasked
        if _has(row.value, form.has)
    )
    # Of a batch some rows may lack the answer that the others have.
    lines = chain(known, unasked, [inner_rows(rows)])
    if (description := next((line for line in lines if line is not None), None)) is not None:
        raise SuiteError(f"{rows[0].source}: holds {description}", id="target.other-form")


def _description(
    row: Row, tried: Sequence[Row], target: TargetData, read: Callable[[TargetData], object]
) -> str | None:
    """Return what the rows are and how they are read, where they are of a known form."""
    for export in known_forms().flags:
        if _has(row.value, export.has) and (how := _how(export, row, tried, target, read)):
            plan = "" if _IN_PLAN in how else _IN_PLAN
            return f"{export.name}; {how}{plan}"
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
    """Return whether all patterns find something.

    A pattern is a path; or one whose text holds what follows ~, or is what follows =, or is true
    or false where =? follows. Of a pattern behind ! there must be nothing.
    """
    for pattern in patterns:
        path, sign, mark = _SIGN.fullmatch(pattern.removeprefix("!")).groups()  # type: ignore[union-attr]
        texts = [str(held) for _, held in values_at(value, path)]
        if sign == "=":
            right = ("true", "false") if mark == "?" else (mark,)
            is_there = any(text.casefold() in right for text in texts)
        else:
            is_there = any((mark or "") in text for text in texts)
        if is_there == pattern.startswith("!"):
            return False
    return True


def _how(
    export: Export,
    row: Row,
    tried: Sequence[Row],
    target: TargetData,
    read: Callable[[TargetData], object],
) -> str | None:
    """Return the flags that read rows like this; None where it holds no answer to be named.

    Where several columns may be the answer, in any of the rows, none is named for another.
    """
    prompt, pattern, _ = _parts(export, row.value)
    if not prompt or pattern is None:
        return None
    alike = [_parts(export, each.value) for each in tried if _has(each.value, export.has)]
    rights = list(
        dict.fromkeys(path for _, number, paths in alike if number == pattern for path in paths)
    )
    asking = f"--target-prompt {quoted(prompt)}"
    if len(rights) > 1:
        return (
            f"{' '.join(filter(None, [asking, export.more]))} asks it, and what is right may be in "
            f"{first_of(rights, _LISTED)}: name it with --target-answer"
        )
    flags = " ".join(filter(None, [asking, f"--target-answer {quoted(rights[0])}", export.more]))
    try:
        read(replace(target, **_keys(flags)))
    except UsageError as failure:
        return f"{flags} reads it, once this is mended: {failure}"
    return f"{flags} reads it"


def _parts(export: Export, value: Mapping[str, Any]) -> tuple[str, int | None, list[str]]:
    """Return the prompt of a row, the pattern that finds an answer, by number, and all it finds."""
    prompt = export.prompt
    texts = []
    if "{" not in prompt:
        texts = [path for path, held in values_at(value, prompt) if says(held)]
        if export.answer == (export.prompt,):  # the first is asked, and another is right
            return next(iter(texts), ""), 0 if texts[1:] else None, texts[1:]
        prompt = texts[0] if len(texts) == 1 else "\\n".join(f"{{{path}}}" for path in texts)
    out = {*export.aside, prompt, *texts}
    for number, pattern in enumerate(export.answer):
        paths = [path for path, held in values_at(value, pattern) if says(held)]
        if rights := [path for path in paths if path not in out]:
            return prompt, number, rights
    return prompt, None, []


def _keys(flags: str) -> dict[str, Any]:
    """Return the keys of a target that flags set."""
    keys: dict[str, Any] = {}
    words = shlex.split(flags)
    for flag, word in zip(words[::2], words[1::2], strict=True):
        key = flag.removeprefix("--target-")
        keys[key] = (*keys.get(key, ()), word) if key in ("ignore", "labels") else word
    return keys
