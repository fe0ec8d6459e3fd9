"""What is right in a call: which parts, in what order they fall, and what right answers may be."""

from __future__ import annotations

import json

import pytest

from cliffguard.core.answers import CALL_PARTS
from cliffguard.suites.scorers import SCORERS
from cliffguard.suites.structure.call_readers import call_parts, tool_call

RIGHT = '{"name": "pay", "arguments": {"to": "Ada", "sum": 3, "note": null}}'


def made(**changes: object) -> str:
    """Return the right call with other arguments; of ... one is left out."""
    arguments = {"to": "Ada", "sum": 3, "note": None, **changes}
    kept = {name: value for name, value in arguments.items() if value is not ...}
    return json.dumps({"name": "pay", "arguments": kept})


@pytest.mark.parametrize(
    ("response", "n_right"),
    [
        (made(), 4),
        (made(sum=3.0), 4),
        (made(to="Bob"), 3),
        (made(sum=4), 3),
        (made(sum=3.5), 3),
        (made(sum="3"), 2),
        (made(sum=True), 2),
        (made(note=...), 2),
        (made(note=""), 2),
        (made(extra=1), 2),
        (made().replace("pay", "Pay"), 1),
        (made().replace("pay", "pay_now"), 1),
        (f"[{made()}, {made()}]", 1),
        ("I have paid.", 0),
        ("[]", 0),
    ],
)
def test_each_part_is_right_only_with_those_before_it(response: str, n_right: int) -> None:
    """Called or not, the tool, names and types of arguments, their values."""
    parts = call_parts(response, RIGHT)

    assert parts == {name: float(at < n_right) for at, name in enumerate(CALL_PARTS)}
    assert tool_call(response, RIGHT) == float(n_right == len(CALL_PARTS))


@pytest.mark.parametrize(
    ("response", "value", "is_right"),
    [
        ('{"b": 2, "a": 1}', '{"a": 1, "b": 2}', True),
        ('{"a": 1.0, "b": 2}', '{"a": 1, "b": 2}', True),
        ("[1, 2]", "[2, 1]", False),
        ("1", "true", False),
        ("0.1", "0.10", True),
        ("-0.0", "0", True),
        ('"a"', '"A"', False),
        ('["x", {"y": [1.0]}]', '["x", {"y": [1]}]', True),
    ],
)
def test_values_are_equal_as_those_of_json_are(response: str, value: str, is_right: bool) -> None:
    """The order of an object says nothing, that of a list does; true is no 1."""
    call = '{"name": "f", "arguments": {"v": %s}}'

    assert tool_call(call % response, call % value) == float(is_right)
    assert SCORERS["json_equal"].score(f'{{"v": {response}}}', f'{{"v": {value}}}') == is_right


def test_of_several_right_answers_the_best_fit_counts() -> None:
    """Its parts, too; the right one may be to call nothing."""
    scorer, other = SCORERS["tool_call"], made(to="Bob")

    assert scorer.best(other, [RIGHT, other]) == 1.0
    assert scorer.best_parts(other, [RIGHT, other]) == dict.fromkeys(CALL_PARTS, 1.0)
    assert scorer.best_parts("No.", [RIGHT, "[]"]) == dict.fromkeys(CALL_PARTS, 1.0)
    assert scorer.best_parts("<tool_call>", [RIGHT, "[]"]) is None
    assert SCORERS["numeric"].best_parts("3", ["3"]) is None


@pytest.mark.parametrize(
    "answer",
    [
        "pay",
        "3",
        "{}",
        '{"name": "pay"}',
        '{"name": "", "arguments": {}}',
        '{"name": "pay", "arguments": "{}"}',
        '[{"name": "pay", "arguments": {}}, []]',
        '{"name": "pay", "arguments": {"a": NaN}}',
        '{"name": "pay", "arguments": {"a": 1, "a": 2}}',
    ],
)
def test_what_is_no_call_is_no_right_answer(answer: str) -> None:
    """Before any model is asked."""
    with pytest.raises(ValueError, match=r"."):
        SCORERS["tool_call"].check(answer)
