"""Right answers that nobody could give are refused, with the item and what is wrong with it."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cliffguard.core.items import Item
from cliffguard.suites.loading import load_suite
from tests import support

PARAMETERS = {
    "type": "object",
    "properties": {"city": {"type": "string"}, "days": {"type": "integer"}},
    "required": ["city"],
    "additionalProperties": False,
}


def items_of(folder: Path, rows: list[dict[str, Any]], task: str) -> tuple[Item, ...]:
    """Write a suite of these rows, load it, and return its items."""
    return load_suite(str(support.write_task(folder, rows, task))).tasks[0].items


def calling(arguments: dict[str, Any], parameters: Any = PARAMETERS) -> dict[str, Any]:
    return {
        "messages": [{"role": "user", "content": "How is the weather in Rome?"}],
        "tools": [{"name": "weather", "parameters": parameters}],
        "answer": {"name": "weather", "arguments": arguments},
    }


@pytest.mark.parametrize(
    ("arguments", "why"),
    [
        ({"city": "Rome", "days": "two"}, "days: 'two' is not of type 'integer'"),
        ({"days": 2}, "'city' is a required property"),
        ({"city": "Rome", "cty": 1}, "'cty' is not among its properties"),
    ],
)
def test_a_call_that_its_own_tool_forbids_is_refused(
    arguments: dict[str, Any], why: str, tmp_path: Path
) -> None:
    """By what the schema of its parameters says; the second line has it."""
    rows = [calling({"city": "Rome"}), calling(arguments)]

    with support.refused("item.answer", 2, "items.jsonl:2: answer: calls 'weather'", why):
        items_of(tmp_path, rows, "metric: tool_call")


@pytest.mark.parametrize(
    "parameters", [{}, {"type": "dict"}, {"$ref": "https://example.org/schema"}, PARAMETERS]
)
def test_what_no_schema_forbids_is_let(parameters: Any, tmp_path: Path) -> None:
    """Tools from elsewhere have parameters in words that are no JSON Schema."""
    rows = [calling({"city": "Rome", "days": 2}, parameters)]

    assert len(items_of(tmp_path, rows, "metric: tool_call")) == 1


def test_null_is_right_where_a_tool_says_nullable(tmp_path: Path) -> None:
    """As in OpenAPI; no schema of JSON forbids the word."""
    nullable = {"type": "object", "properties": {"city": {"type": "string", "nullable": True}}}

    assert items_of(tmp_path, [calling({"city": None}, nullable)], "metric: tool_call")
    with support.refused("item.answer", 2, "None is not of type 'string'"):
        items_of(tmp_path, [calling({"city": None})], "metric: tool_call")


def test_a_text_that_looks_like_json_may_be_a_text(tmp_path: Path) -> None:
    """ "5" keeps to a schema of texts."""
    row = {"question": "Write it.", "expected": {"type": "string", "enum": ["5"]}, "answer": "5"}

    assert items_of(tmp_path, [row], "metric: json_schema")


@pytest.mark.parametrize(
    ("row", "why"),
    [
        (
            {"question": "Write it.", "expected": PARAMETERS, "answer": '{"city": 1}'},
            "answer: does not keep to the schema that is expected",
        ),
        (
            {"prompt": "Write it.", "answer": {**PARAMETERS, "required": ["town"]}},
            "answer: the schema requires 'town', and forbids it",
        ),
    ],
)
def test_an_answer_and_its_schema_agree(row: dict[str, Any], why: str, tmp_path: Path) -> None:
    with support.refused("item.answer", 2, "items.jsonl:1", why):
        items_of(tmp_path, [row], "metric: json_schema")


def choosing(n_choices: int) -> dict[str, Any]:
    choices = [f"c{n}" for n in range(n_choices)]
    return {"prompt": "Which?", "choices": choices, "answer": "c0"}


def test_guessing_among_choices_earns_one_in_as_many(tmp_path: Path) -> None:
    """Unless the suite says otherwise, or the items differ: then it is asked for."""
    assert items_of(tmp_path, [choosing(4), choosing(4)], "metric: acc")
    assert load_suite(str(tmp_path / "suite.yaml")).tasks[0].chance == 0.25
    items_of(tmp_path, [choosing(4), choosing(2)], "metric: acc, chance: 0.0")
    assert load_suite(str(tmp_path / "suite.yaml")).tasks[0].chance == 0.0
    with support.refused("suite.chance", 2, "2 to 4 choices", "`chance: 0.375`"):
        items_of(tmp_path, [choosing(4), choosing(2)], "metric: acc_norm")
