"""Answers with structure, spoilt: every reader takes them or gives them up, and soon."""

from __future__ import annotations

import json
import time

import pytest
from hypothesis import example, given
from hypothesis import strategies as st

from cliffguard.suites.scorers import SCORERS
from cliffguard.suites.structure.call_readers import read_calls
from cliffguard.suites.structure.json_texts import Unreadable, normal_form, read_json
from cliffguard.suites.structure.python_calls import python_calls
from tests.fuzz.answering import MOST_SECONDS, fuzzed, spoilt
from tests.fuzz.mutations import as_json, spoilt_bytes

CALL = {"name": "pay", "arguments": {"to": "Ada", "sum": 3, "when": [2024, {"day": None}]}}
OPENAI = {"tool_calls": [{"function": {"name": "pay", "arguments": json.dumps({"sum": 3})}}]}
SCHEMA = {
    "type": "object",
    "properties": {"name": {"pattern": "^[a-z]+$"}, "arguments": {"$ref": "#/$defs/all"}},
    "$defs": {"all": {"additionalProperties": {"type": ["string", "number", "array"]}}},
}
PYTHON = "[pay(to='Ada', sum=-3.5, when=[2024, {'day': None}]), a.b(x=(1, 2), y=True)]"
MARKS = ("<tool_call>%s</tool_call>", "<|python_tag|>%s;%s", "[TOOL_CALLS][%s]", "%s", "[%s, %s]")

answers = st.sampled_from([CALL, OPENAI, [CALL, CALL]]).flatmap(
    lambda value: spoilt(as_json(value), value, as_json)
)


def text_of(content: bytes) -> str:
    """Return what a model could have said: any text, with half characters, too."""
    return content.decode("utf-8", "surrogateescape")


@fuzzed
@given(content=answers, mark=st.sampled_from(MARKS))
def test_calls(content: bytes, mark: str) -> None:
    """In each spelling: calls, none, or unreadable; the score follows."""
    text = text_of(content)
    said_text = mark.replace("%s", text)
    start = time.process_time()
    try:
        calls = read_calls(said_text)
    except Unreadable:
        assert SCORERS["tool_call"].score(said_text, json.dumps(CALL)) is None
    else:
        assert all(call.name and isinstance(call.arguments, dict) for call in calls)
        assert SCORERS["tool_call"].score(said_text, json.dumps(CALL)) in (0.0, 1.0)
    assert time.process_time() - start < MOST_SECONDS


@fuzzed
@given(content=spoilt_bytes(PYTHON.encode()))
@example(content=b"[f(a=" + b"(" * 60_000)
@example(content=b"[f(a='\\N{x}')]")
@example(content=b"[f(a=1)" + b"if 1 else f(a=1)" * 3000 + b"]")
def test_calls_of_python(content: bytes) -> None:
    """Values are those of JSON, whatever Python would make of the text."""
    start = time.process_time()
    try:
        calls = python_calls(text_of(content))
    except Unreadable:
        calls = ()
    for call in calls:
        normal_form(dict(call.arguments))
    assert time.process_time() - start < MOST_SECONDS


@fuzzed
@given(content=answers)
def test_json(content: bytes) -> None:
    """What is read is equal to itself and keeps to a schema or not; nothing else is scored."""
    text = text_of(content)
    start = time.process_time()
    try:
        value = read_json(text)
    except Unreadable:
        assert SCORERS["json_equal"].score(text, "[]") is None
        assert SCORERS["json_schema"].score(text, json.dumps(SCHEMA)) is None
    else:
        assert json.loads(normal_form(value)) == value
        assert SCORERS["json_equal"].score(text, text) == 1.0
        assert SCORERS["json_schema"].score(text, json.dumps(SCHEMA)) in (0.0, 1.0)
    assert time.process_time() - start < MOST_SECONDS


@fuzzed
@given(content=spoilt(as_json(SCHEMA), SCHEMA, as_json))
def test_schemas(content: bytes) -> None:
    """A schema is refused with one line, or answers are held to it."""
    text = text_of(content)
    scorer, reason = SCORERS["json_schema"], ""
    try:
        scorer.check(text)
    except ValueError as failure:
        reason = str(failure)
    assert "\n" not in reason
    if not reason:
        assert scorer.score(json.dumps(CALL), text) in (0.0, 1.0)


@fuzzed
@given(content=answers, metric=st.sampled_from(["contains", "text", "language"]))
def test_texts(content: bytes, metric: str) -> None:
    """Of whatever is said."""
    right = "en" if metric == "language" else "Ada"
    assert SCORERS[metric].score(text_of(content), right) in (0.0, 1.0, None)


@pytest.mark.parametrize("metric", ["tool_call", "json_equal", "json_schema", "contains", "text"])
@pytest.mark.parametrize("character", ["[", "{", '"', "<tool_call>", "[f(", "```\n", " ", "-", "("])
def test_a_megabyte_of_anything_is_soon_over(metric: str, character: str) -> None:
    """Also where it is a beginning, over and over."""
    right = {"tool_call": "[]", "json_equal": "[]", "json_schema": "{}"}.get(metric, "a b")
    start = time.process_time()
    for n_bytes in (65_000, 1_000_000):
        SCORERS[metric].score(character * (n_bytes // len(character)), right)
    assert time.process_time() - start < MOST_SECONDS
