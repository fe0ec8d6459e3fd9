"""JSON as a program at the other end reads it: strictly, and within limits of size and depth."""

from __future__ import annotations

import json
import math
import re
from typing import Any, NoReturn

from cliffguard.core.canonical_json import canonical_json

MOST_BYTES = 64 * 1024
"""Of an answer, and of a schema, in UTF-8."""

MOST_LEVELS = 64
"""So deeply may lists and objects lie in each other in an answer."""

_MOST_DIGITS = 300  # of a whole number: what follows may count on a float holding it
_FENCE = "```"
_BRACKET = re.compile(r"[\[{]")
_MOST_BRACKETS = 32


class Unreadable(ValueError):
    """A text that no reader of structure takes; the message says why."""


def without_fence(text: str) -> str:
    """Return what stands in a block of code that is all of a text; any other text as it is."""
    head, _, rest = text.strip().partition("\n")
    body = rest.removesuffix(_FENCE)
    is_fence = head.startswith(_FENCE) and "`" not in head[len(_FENCE) :] and body != rest
    return body.rstrip(" \t").removesuffix("\n") if is_fence and _FENCE not in body else text


def refuse_large(text: str) -> None:
    """Raise Unreadable for a text of more than `MOST_BYTES`."""
    if len(text) > MOST_BYTES or len(text.encode("utf-8", "surrogatepass")) > MOST_BYTES:
        raise Unreadable(f"it is larger than {MOST_BYTES // 1024} KiB")


def read_json(text: str, *, most_levels: int = MOST_LEVELS) -> Any:
    """Return the value of a text that is JSON and nothing else, white space around it aside.

    Raises Unreadable for what is none, is too large or too deep, names a key twice, or holds a
    number that is none (NaN) or that no float can hold.
    """
    value, end = first_json(text.strip(), 0, most_levels=most_levels)
    if end != len(text.strip()):
        raise Unreadable("there is text behind the JSON")
    return value


def first_json(text: str, start: int, *, most_levels: int = MOST_LEVELS) -> tuple[Any, int]:
    """Return the JSON value that begins at `start`, and where it ends. Raises as `read_json`."""
    refuse_large(text)
    try:
        value, end = _DECODER.raw_decode(text, start)
    except json.JSONDecodeError as failure:
        raise Unreadable(f"no JSON: {failure.msg}") from None
    except RecursionError:
        raise Unreadable("nested too deeply") from None
    _refuse_deep(value, most_levels)
    return value, end


def only_json_in(text: str) -> str | None:
    """Return the one object or list that stands in a text; None where none does, or several do.

    Words may stand in square brackets; an object that is broken may hold whole ones, and is none.
    It is looked for at the first few brackets: a text with more of them says something else.
    """
    parts: list[str] = []
    at = 0
    for _ in range(_MOST_BRACKETS):
        if (match := _BRACKET.search(text, at)) is None:
            return parts[0] if len(parts) == 1 else None
        try:
            _, at = first_json(text, match.start())
        except Unreadable:
            if match[0] == "{":
                return None
            at = match.end()
        else:
            parts.append(text[match.start() : at])
    return None


def _refuse_deep(value: Any, most_levels: int) -> None:
    level = [value] if isinstance(value, (dict, list)) else []
    for _ in range(most_levels):
        inner = [part for held in level for part in (held.values() if type(held) is dict else held)]
        level = [part for part in inner if isinstance(part, (dict, list))]
        if not level:
            return
    raise Unreadable("nested too deeply")


def _without_twins(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    value = dict(pairs)
    if len(value) != len(pairs):
        raise Unreadable("a key stands twice in an object")
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise Unreadable(f"{name} is no number of JSON")


def _finite(text: str) -> float:
    number = float(text)
    if not math.isfinite(number):
        raise Unreadable(f"{text[:20]} is larger than any number")
    return number


def _whole(text: str) -> int:
    if len(text) > _MOST_DIGITS:
        raise Unreadable("a number has too many digits")
    return int(text)


_DECODER = json.JSONDecoder(
    object_pairs_hook=_without_twins,
    parse_constant=_refuse_constant,
    parse_float=_finite,
    parse_int=_whole,
)


def normal_form(value: Any) -> str:
    """Return the text that equal values of JSON share: in it keys are sorted, and 1.0 is 1.

    The order of a list counts; true is not 1.
    """
    return canonical_json(_with_whole_numbers(value))


def _with_whole_numbers(value: Any) -> Any:
    if isinstance(value, dict):
        return {key: _with_whole_numbers(inner) for key, inner in value.items()}
    if isinstance(value, list):
        return [_with_whole_numbers(inner) for inner in value]
    return int(value) if isinstance(value, float) and value.is_integer() else value


def json_equal(response: str, answer: str) -> float | None:
    """Compare the values of two JSON texts; None where what was said is no JSON.

    One block of code around it is read, any other text beside it is not.
    """
    try:
        value = read_json(without_fence(response))
    except Unreadable:
        return None
    return float(normal_form(value) == normal_form(read_json(answer)))
