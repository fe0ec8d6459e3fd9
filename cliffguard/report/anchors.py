"""Addresses on a page: of an item, a capability's row and items, those of a cause or pattern."""

from __future__ import annotations

from typing import Literal
from urllib.parse import quote

from cliffguard.core.texts import cut_middle
from cliffguard.report.clean import one_line

ReasonKind = Literal["cause", "pattern"]

_NAME = 200  # characters of an id, a task, a capability
_IN_FRAGMENTS = "!~*'()"  # left as they are by JavaScript's encodeURIComponent


def cut_name(text: str) -> str:
    """Return a name as a page has it: one line, its two ends where it is long."""
    return cut_middle(one_line(text), _NAME)


def encoded(name: str) -> str:
    """Return a name as a part of a fragment, as JavaScript's encodeURIComponent would."""
    return quote(name, safe=_IN_FRAGMENTS)


def capability_anchor(capability: str) -> str:
    """Return the address of a capability's items, without the #."""
    return f"capability={encoded(one_line(capability))}"


def row_anchor(capability: str) -> str:
    """Return the address of a capability's own row, without the #; other pages lead there."""
    return f"judged={quote(cut_name(capability), safe='')}"


def reason_anchor(kind: ReasonKind, capability: str, key: str) -> str:
    """Return the address of a capability's items of one cause or pattern, without the #."""
    return f"{kind}={encoded(one_line(capability))}/{encoded(cut_name(key))}"
