"""Canonical JSON and its digest; a wary JSON reader."""

from __future__ import annotations

import hashlib
import json
import json.encoder
import re
from collections.abc import Callable, Iterable
from functools import cache, partial
from itertools import islice
from typing import Any

from cliffguard.core.texts import cut_middle

_ENCODER = json.JSONEncoder(sort_keys=True, separators=(",", ":"), allow_nan=False)
# What `_ENCODER.encode` makes anew for each value, which takes three times as long as a short one.
_PARTS = json.encoder.c_make_encoder(  # type: ignore[attr-defined]
    None, _ENCODER.default, json.encoder.encode_basestring_ascii, None, ":", ",", True, False, False
)


def canonical_json(value: Any) -> str:
    """Return the only JSON text of `value`: ASCII, sorted keys, no spaces, NaN refused.

    ASCII, since models do emit half a surrogate pair, which UTF-8 cannot hold.
    """
    return "".join(_PARTS(value, 0))


def digest(value: Any) -> str:
    """Return the hexadecimal SHA-256 of the canonical JSON of `value`."""
    return hashlib.sha256(canonical_json(value).encode("utf-8")).hexdigest()


def digest_of_rows(rows: Iterable[Any]) -> str:
    """Return the `digest` of the list of these rows, of which memory never holds all."""
    seen = hashlib.sha256(b"[")
    rows, is_first = iter(rows), True
    while some := list(islice(rows, _ROWS)):
        text = canonical_json(some)[1:-1]
        seen.update((text if is_first else "," + text).encode("utf-8"))
        is_first = False
    seen.update(b"]")
    return seen.hexdigest()


_ROWS = 1024  # that are spelled at once

MOST_LEVELS = 100
"""So deeply may lists and objects lie in each other in a file that is read here."""


def parse_json(
    text: str,
    *,
    parse_constant: Callable[[str], Any] | None = None,
    parse_float: Callable[[str], Any] | None = None,
) -> Any:
    """Return the value of a JSON text. Raises ValueError, and no other, for what cannot be read.

    That is what is no JSON (JSONDecodeError), and what is too long or too deep for Python. The
    reader inside pydantic comes first, at three times the speed; what both read, they read alike.
    """
    value = _parsed(text, parse_constant, parse_float)
    refuse_depth(value)
    return value


def parse_single(text: str | bytes) -> Any:
    """Return the value of a JSON text, as `parse_json`; TwoKeysError where a key stands twice.

    Bytes are UTF-8. What jiter's reader reads has no key twice; what it does not is read once more,
    by those that say what is wrong with it in the words that people know.
    """
    try:
        value = _single_reader()(text.encode() if isinstance(text, str) else text)
    except ValueError:  # UnicodeEncodeError is one, of half characters
        text = text if isinstance(text, str) else text.decode()
        value = _parsed(text, None, None)
        refuse_two_keys(text, value)
    else:
        refuse_depth(value)
    return value


@cache  # late, as below
def _single_reader() -> Callable[[bytes], Any]:
    import jiter

    return partial(jiter.from_json, cache_mode="keys", catch_duplicate_keys=True)


def _parsed(
    text: str,
    parse_constant: Callable[[str], Any] | None,
    parse_float: Callable[[str], Any] | None,
) -> Any:
    if parse_constant is None and parse_float is None:
        try:
            return _quick_reader()(text, cache_strings="keys")
        except (ValueError, TypeError):  # which it raises of half characters
            pass
    # The standard reader takes half a surrogate pair, which models do emit, and its messages of
    # what is no JSON are those that people know.
    try:
        return json.loads(text, parse_constant=parse_constant, parse_float=parse_float)
    except RecursionError:
        raise ValueError("nested too deeply") from None


@cache  # late: it is loaded in a twentieth of a second
def _quick_reader() -> Callable[..., Any]:
    from pydantic_core import from_json

    return from_json


class TwoKeysError(ValueError):
    """An object has a key twice: which value is meant, nobody knows. `msg` is as of json's."""

    def __init__(self, key: str) -> None:
        self.key = key
        self.msg = f"the key {cut_middle(key, 40)!r} stands twice in an object"
        super().__init__(self.msg)


def refuse_two_keys(text: str, value: Any) -> None:
    """Raise TwoKeysError where an object of a JSON text has a key twice; `value` was read of it.

    And ValueError as `refuse_depth`. Readers take the last. Where the text has no more keys than
    the value, none was lost; texts in it may look like keys, so that one with more is read once
    more.
    """
    if len(_KEY.findall(text)) != _n_keys([value]):
        json.loads(text, object_pairs_hook=single_keys)


def single_keys(pairs: list[tuple[str, Any]]) -> dict[str, Any]:
    """Return an object of its keys and values, as a hook of json. Raises TwoKeysError."""
    made = dict(pairs)
    if len(made) < len(pairs):
        keys = [key for key, _ in pairs]
        raise TwoKeysError(next(key for n, key in enumerate(keys) if key in keys[:n]))
    return made


_KEY = re.compile(r'"[ \t\n\r]*:')  # its end; in a text its quote is escaped, and seen as well


def _n_keys(values: Iterable[Any], n_left: int = MOST_LEVELS) -> int:
    """Return how many keys parsed values have; ValueError where they lie deeper than `n_left`."""
    if n_left < 0:
        raise ValueError("nested too deeply")
    n = 0
    for value in values:
        kind = type(value)  # a parser makes no other classes than these
        if kind is str:
            pass  # as most are
        elif kind is dict:
            n += len(value) + _n_keys(value.values(), n_left - 1)
        elif kind is list:
            n += _n_keys(value, n_left - 1)
    return n


def refuse_depth(value: Any) -> None:
    """Raise ValueError where a parsed `value` has more than `MOST_LEVELS`."""
    _n_keys([value])
