"""The reader of JSON: what Python's own makes of a text, sooner."""

from __future__ import annotations

import json
from functools import partial
from typing import Any

import pytest
from hypothesis import HealthCheck, given, settings
from hypothesis import strategies as st

from cliffguard.core import canonical_json
from cliffguard.core.canonical_json import (
    MOST_LEVELS,
    TwoKeysError,
    parse_json,
    parse_single,
    refuse_two_keys,
)

VALUES = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats() | st.text(st.characters(), max_size=9),
    lambda inner: (
        st.lists(inner, max_size=4) | st.dictionaries(st.text(max_size=4), inner, max_size=4)
    ),
    max_leaves=6,
)
CANONICAL: dict[str, Any] = {"sort_keys": True, "separators": (",", ":"), "allow_nan": False}
slowly = settings(deadline=None, suppress_health_check=[HealthCheck.too_slow])
NUMBERS = st.from_regex(r"-?[0-9]{1,40}(\.[0-9]{1,30})?([eE][+-]?[0-9]{1,3})?", fullmatch=True)


def either(read: Any, text: Any) -> str:
    """Return what a reader or a writer makes of it, with classes, signs and the order of keys."""
    try:
        return repr(read(text))
    except ValueError as failure:
        return f"{type(failure).__name__}: {failure}"


@slowly
@given(VALUES, st.booleans(), st.sampled_from([None, 1]))
def test_every_value_is_read_as_python_reads_it(
    value: Any, is_ascii: bool, indent: int | None
) -> None:
    """Half characters, NaN and integers beyond 64 bits among them."""
    text = json.dumps(value, ensure_ascii=is_ascii, indent=indent)

    assert either(parse_json, text) == either(json.loads, text)


@slowly
@given(VALUES, st.booleans())
def test_a_value_without_two_keys_is_the_same_as_text_and_as_bytes(
    value: Any, is_ascii: bool
) -> None:
    """By whichever reader: those of bytes know no half characters, which then another one reads."""
    text = json.dumps(value, ensure_ascii=is_ascii)

    expected = either(json.loads, text)

    assert either(parse_single, text) == expected
    assert either(parse_single, text.encode("utf-8", "surrogatepass")) == expected or not is_ascii


TORN = st.text(st.sampled_from('{}[]",:a1\\u0061 \n-.e'), max_size=24)


@slowly
@given(TORN)
def test_what_one_reader_refuses_the_next_one_says(text: str) -> None:
    """The words are those of the readers before there was a quick one."""

    def before(text: str) -> Any:
        value = parse_json(text)
        refuse_two_keys(text, value)
        return value

    assert either(parse_single, text) == either(before, text)
    assert either(parse_single, text.encode()) == either(before, text)


@slowly
@given(NUMBERS)
def test_every_number_is_read_as_python_reads_it(text: str) -> None:
    """To the last bit; what is spelled as no number of JSON is refused in the same words."""
    assert either(parse_json, text) == either(json.loads, text)


@slowly
@given(VALUES)
def test_the_text_is_that_of_the_standard_writer(value: Any) -> None:
    """To the byte, since digests stand on it; what is no number is refused in its words."""
    written = either(canonical_json.canonical_json, value)

    assert written == either(partial(json.dumps, **CANONICAL), value)


@pytest.mark.parametrize("value", [float("nan"), [float("-inf")], {"a": float("inf")}], ids=str)
def test_what_is_no_number_is_not_written(value: Any) -> None:
    """Another reader would not take it."""
    with pytest.raises(ValueError, match="JSON"):
        canonical_json.canonical_json(value)


@slowly
@given(VALUES, st.data())
def test_a_text_that_is_torn_is_refused_in_pythons_words(value: Any, data: st.DataObject) -> None:
    """Cut, or with a character put in: read alike, or refused alike."""
    text = json.dumps(value)
    index = data.draw(st.integers(0, len(text)))
    more = data.draw(st.sampled_from(["", ",", "]", "}", '"', "\\", "\t", "\ufeff", "\ud83d", "0"]))
    rest = data.draw(st.sampled_from(["", text[index:]]))

    torn = text[:index] + more + rest

    assert either(parse_json, torn) == either(json.loads, torn)


@pytest.mark.parametrize(
    "text",
    [
        '{"b": 1, "a": 2, "b": 3}',
        "[1e400, -1e400, 5e-324, -0.0, -0]",
        '"\\ud83d"',
        '"\\u0000"',
        "[NaN, Infinity, -Infinity]",
        "123456789012345678901234567890",
        " [1]\r\n",
    ],
)
def test_what_readers_differ_on_is_read_as_python_reads_it(text: str) -> None:
    """Keys that repeat, numbers without a double, half a surrogate pair."""
    assert either(parse_json, text) == either(json.loads, text)


@pytest.mark.parametrize(
    ("text", "key"),
    [
        ('{"a": 1, "a": 2}', "a"),
        ('{"a": 1, "a" : 1}', "a"),
        ('{"a": 1, "\\u0061"\t:2}', "a"),
        ('[{"b": {"c": [{"": 1, "": 1}]}}]', ""),
        ('{"text": "\\"a\\": 1", "b": 1, "b": 2}', "b"),
        ('{"a": 1, "b": "x", "a": {"c": 1, "d": 2}}', "a"),
    ],
)
def test_a_key_that_stands_twice_is_told(text: str, key: str) -> None:
    """However it is spelled, however deep, and whatever texts look like beside it."""
    with pytest.raises(TwoKeysError) as failure:
        refuse_two_keys(text, parse_json(text))
    with pytest.raises(TwoKeysError) as by_bytes:
        parse_single(text.encode())

    assert failure.value.key == by_bytes.value.key == key


@pytest.mark.parametrize(
    "text",
    [
        "1",
        '"a"',
        "[]",
        '{"a": {"a": [{"a": 1}, {"a": 1}]}}',
        '{"text": "\\"a\\": 1, \\"a\\" : 2", "a:": "\\\\"}',
        '{"\\"a\\": ": "b", "":":"}',
        '{"a": NaN, "b": "\\ud83d"}',
    ],
)
def test_keys_that_stand_once_in_their_object_are_taken(text: str) -> None:
    """Also where a text holds what looks like one."""
    refuse_two_keys(text, parse_json(text))
    assert repr(parse_single(text.encode())) == repr(json.loads(text))


def test_the_standard_reader_is_not_needed(monkeypatch: pytest.MonkeyPatch) -> None:
    """It takes three times as long, and reads what the first one refused."""
    monkeypatch.setattr(canonical_json.json, "loads", None)

    assert parse_json('{"a": [1, 2.5, "x\\n"]}') == {"a": [1, 2.5, "x\n"]}


@pytest.mark.parametrize("n_levels", [MOST_LEVELS, MOST_LEVELS + 1, 199, 201, 100_000])
def test_only_so_many_levels_are_read(n_levels: int) -> None:
    """Either reader would take more."""
    text = "[" * n_levels + "]" * n_levels

    if n_levels <= MOST_LEVELS:
        assert parse_json(text) == json.loads(text)
        return
    with pytest.raises(ValueError, match="nested too deeply"):
        parse_json(text)
