"""Answers under a JSON Schema: what is read of them, and which schemas are refused."""

from __future__ import annotations

import json
import time

import pytest

from cliffguard.suites.scorers import SCORERS, PatternTooSlow

SCORER = SCORERS["json_schema"]
PERSON = json.dumps(
    {
        "type": "object",
        "properties": {
            "name": {"type": "string", "pattern": r"^\p{Lu}"},
            "age": {"type": "integer"},
        },
        "required": ["name"],
        "patternProperties": {"^x-": {"type": "null"}},
        "additionalProperties": False,
    }
)


@pytest.mark.parametrize(
    ("response", "score"),
    [
        ('{"name": "Ada", "age": 36}', 1.0),
        ('\n {"age": 36.0, "name": "Ada"} \n', 1.0),
        ('{"name": "Ada", "x-note": null}', 1.0),
        ('```json\n{"name": "Ada"}\n```', 1.0),
        ('```\n{"name": "Ada"}\n```\n', 1.0),
        ('{"name": "ada"}', 0.0),
        ('{"name": "Ada", "x-note": 1}', 0.0),
        ('{"name": "Ada", "born": 1815}', 0.0),
        ('{"age": 36}', 0.0),
        ("[]", 0.0),
        ('"Ada"', 0.0),
        ('Here: {"name": "Ada"}', None),
        ('{"name": "Ada"} as you asked', None),
        ('Here:\n```json\n{"name": "Ada"}\n```', None),
        ('```json\n{"name": "Ada"}\n```\n```json\n{"name": "Ada"}\n```', None),
        ('```json\n{"name": "Ada"}', None),
        ('{"name": "Ada", "name": "Bob"}', None),
        ('{"name": "Ada", "age": NaN}', None),
        ('{"name": "Ada", "age": Infinity}', None),
        ('{"name": "Ada", "age": 1e999}', None),
        ("{'name': 'Ada'}", None),
        ('{"name": "Ada",}', None),
        ("Ada", None),
        ("", None),
        ('{"name": "' + "A" * 65536 + '"}', None),
        ("[" * 65 + "]" * 65, None),
        ("[" * 60_000, None),
        ("9" * 5000, None),
    ],
    ids=lambda value: str(value)[:40],
)
def test_an_answer_keeps_to_a_schema_or_is_no_json(response: str, score: float | None) -> None:
    """Text around it, a key twice and numbers that are none make it unreadable, not wrong."""
    assert SCORER.score(response, PERSON) == score


def test_multiples_are_counted_in_decimals() -> None:
    """In binary 4.35 is no multiple of 0.01; numbers of any size have an end."""
    price = '{"type": "number", "multipleOf": 0.01}'
    SCORER.check(price)

    assert [SCORER.score(text, price) for text in ("4.35", "1e300", "7")] == [1.0, 1.0, 1.0]
    assert [SCORER.score(text, price) for text in ("4.355", "1e-300")] == [0.0, 0.0]
    assert SCORER.score("1e999", price) in (0.0, None)


def test_answers_of_64_levels_and_64_kib_are_read() -> None:
    """Under a schema that refers to itself at each of them."""
    schema = '{"anyOf": [{"type": "null"}, {"type": "array", "items": {"allOf": [{"$ref": "#"}]}}]}'
    SCORER.check(schema)

    assert SCORER.score("[" * 64 + "]" * 64, schema) == 1.0
    assert SCORER.score(f"[{'null,' * 10_000}1]", schema) == 0.0


REFUSED = {
    "no JSON": ("{", "no JSON"),
    "no object": ("[]", "object"),
    "a type that there is not": ('{"type": "text"}', r"\$\.type"),
    "a key twice": ('{"type": "null", "type": "object"}', "twice"),
    "elsewhere": ('{"$ref": "https://example.org/a.json"}', "leads elsewhere"),
    "elsewhere, far down": ('{"not": {"items": {"$ref": "a.json"}}}', "leads elsewhere"),
    "elsewhere, by a detour": (
        '{"$ref": "#/x/y", "x": {"y": {"$ref": "urn:a"}}}', "leads elsewhere",
    ),
    "a file": ('{"$ref": "file:///etc/passwd"}', "leads elsewhere"),
    "a dialect's own schema": (
        '{"$ref": "https://json-schema.org/draft/2020-12/schema"}', "leads elsewhere",
    ),
    "nowhere": ('{"$ref": "#/$defs/a"}', "leads elsewhere"),
    "itself": ('{"$ref": "#"}', "without end"),
    "in a circle": (
        '{"$ref": "#/$defs/a", "$defs": {"a": {"$ref": "#/$defs/b"}, "b": {"$ref": "#/$defs/a"}}}',
        "without end",
    ),
    "another dialect": ('{"$schema": "https://example.org/mine"}', "dialect"),
    "a dialect that is no text": ('{"$schema": 7}', "dialect"),
    "no pattern": ('{"pattern": "(a"}', "regular expression"),
    "no pattern of a key": ('{"patternProperties": {"(": {}}}', "regular expression"),
    "33 levels": ('{"not":' * 32 + '{"enum":[]}' + "}" * 32, "deep"),
    "more than 64 KiB": ('{"title": "' + "a" * 65536 + '"}', "64 KiB"),
}  # fmt: skip


@pytest.mark.parametrize("what", REFUSED)
def test_a_schema_that_cannot_be_kept_to_is_refused(what: str) -> None:
    """When the suite is loaded, with the reason."""
    schema, reason = REFUSED[what]
    with pytest.raises(ValueError, match=reason):
        SCORER.check(schema)


@pytest.mark.parametrize(
    "schema",
    [
        '{"$ref": "#/$defs/a", "$defs": {"a": {"type": "string"}}}',
        '{"$schema": "http://json-schema.org/draft-07/schema#", "$ref": "#/definitions/a", '
        '"definitions": {"a": {"type": "string"}}}',
        '{"$id": "https://example.org/a", "$ref": "b", '
        '"$defs": {"b": {"$id": "b", "type": "string"}}}',
    ],
)
def test_a_schema_may_refer_to_itself(schema: str) -> None:
    """By a pointer or by the address that a part of it has; nothing is fetched."""
    SCORER.check(schema)

    assert (SCORER.score('"a"', schema), SCORER.score("1", schema)) == (1.0, 0.0)


@pytest.mark.slow
def test_a_schema_that_takes_too_long_is_given_up(monkeypatch: pytest.MonkeyPatch) -> None:
    """By its pattern on an answer, or by itself, when the suite is loaded."""
    for limit in ("CHECK_SECONDS", "ANSWER_SECONDS"):
        monkeypatch.setattr(f"cliffguard.core.sandbox.schemas.{limit}", 1.0)
    slow = r'{"pattern": "^(a|a|aa)+$"}'
    links = {f"l{n}": {"allOf": [{"$ref": f"#/$defs/l{n + 1}"}] * 2} for n in range(60)}
    bomb = json.dumps({"$ref": "#/$defs/l0", "$defs": {**links, "l60": {}}})
    start = time.monotonic()
    SCORER.check(slow)

    with pytest.raises(PatternTooSlow, match="more than 1 s"):
        SCORER.score(json.dumps("a" * 60 + "b"), slow)
    with pytest.raises(ValueError, match="more than 1 s"):
        SCORER.check(bomb)
    assert time.monotonic() - start < 60
    assert SCORER.score('"aa"', slow) == 1.0
