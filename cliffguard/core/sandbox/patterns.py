"""Regular expressions that strangers wrote, read and searched for in the child.

`regex` can be told when to give up, but looks at the clock only now and then, and never while it
reads a pattern; `re` cannot be told at all.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from functools import lru_cache
from typing import Any

from cliffguard.core.sandbox.process import Apart, Failed, Stopped
from cliffguard.core.texts import cut_end

READ_SECONDS = 5.0
"""For reading one pattern."""

SEARCH_SECONDS = 2.0
"""For one answer; a pattern that takes longer is at fault."""

MATCH_SECONDS = 5.0
"""For all the names of a model's modules under all patterns of an adapter."""

_child = Apart("cliffguard.core.sandbox.patterns")


def check_pattern(pattern: str) -> None:
    """Raise ValueError for what is no regular expression, or takes too long to be read."""
    try:
        wrong = _child.call({"read": pattern}, seconds=READ_SECONDS)
    except (Stopped, Failed) as failure:
        raise ValueError(f"{_short(pattern)} cannot be read: {failure}") from None
    if wrong is not None:
        raise ValueError(f"{_short(pattern)} is no regular expression: {wrong}")


def is_found(pattern: str, text: str) -> bool:
    """Return whether a pattern is found in a text; raises Stopped past the limits."""
    try:
        return bool(_child.call({"find": pattern, "in": text}, seconds=SEARCH_SECONDS))
    except Failed as failure:
        raise Stopped(str(failure)) from None


def match_names(patterns: Sequence[str], names: Sequence[str]) -> None:
    """Match names as peft does, in every way that it knows, with `re`.

    Raises Stopped where that takes too long, and Failed for a pattern that cannot be read.
    """
    _child.call({"match": list(patterns), "names": list(names)}, seconds=MATCH_SECONDS)


def _short(pattern: str) -> str:
    return repr(cut_end(pattern, 80))


# --- in the child --------------------------------------------------------------------------------


def start() -> Callable[[Any], Any]:
    """Return what answers the three questions above."""
    import regex

    compiled = lru_cache(maxsize=256)(regex.compile)

    def read(pattern: str) -> str | None:
        try:
            compiled(pattern)
        except regex.error as failure:
            return str(failure)
        return None

    def answer(question: dict[str, Any]) -> Any:
        if "read" in question:
            return read(question["read"])
        if "find" in question:
            return compiled(question["find"]).search(question["in"]) is not None
        return _match(question["match"], question["names"])

    return answer


def _match(patterns: Sequence[str], names: Sequence[str]) -> None:
    for pattern in patterns:
        for made in _as_peft_does(pattern):
            for name in names:
                made.fullmatch(name) if made.pattern == pattern else made.match(name)


def _as_peft_does(pattern: str) -> list[re.Pattern[str]]:
    """Return what peft may make of a pattern; raises the error of one that it can make nothing of.

    Which of them it makes goes by the setting: not each pattern can be read in all the ways.
    """
    made: list[re.Pattern[str]] = []
    failures: list[Exception] = []
    for form in ("{}", r"(.*\.)?({})$", r".*\.{}$", r"(?:^|.*?\.){}\.(?P<idx>\d+)\."):
        try:
            made.append(re.compile(form.replace("{}", pattern)))
        except (re.error, RecursionError) as failure:
            failures.append(failure)
    if not made:
        raise failures[0]
    return made
