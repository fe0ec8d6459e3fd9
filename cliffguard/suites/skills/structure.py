"""Forms that a program reads on: JSON by schema, tables, blocks of code, exact lines.

Whatever is asked for is all of the answer, which each chat says; a text around it is wrong.
"""

from __future__ import annotations

import json
import random
import re
from collections.abc import Mapping, Sequence
from typing import Any

from cliffguard.suites.ladders.words import COLOURS, DAYS, JOBS, THINGS, TOWNS
from cliffguard.suites.skills.draft import PEOPLE, ChatItem, Skill, Turn, user

# A key, the sentence that tells its value, and the values.
_ENTRIES: Sequence[tuple[str, str, Sequence[Any]]] = (
    ("name", "The name is {value}.", PEOPLE),
    ("town", "The town is {value}.", TOWNS),
    ("job", "The job is {value}.", JOBS),
    ("age", "The age is {value}.", tuple(range(18, 90))),
    ("colour", "The colour is {value}.", COLOURS),
    ("day", "The day is {value}.", DAYS),
    ("count", "The count is {value}.", tuple(range(2, 60))),
    ("price", "The price is {value}.", tuple(range(2, 60))),
)
_AS_JSON = (
    "Write this as one JSON object with exactly the keys {keys}. Write nothing else, and no quotes "
    "around a number.\n\n{facts}",
    "{facts}\n\nReturn only a JSON object. It has the keys {keys} and no others; a number has no "
    "quotes.",
    "Turn the text into a JSON object, with no words before or after it and no quotes around a "
    "number. Its only keys: {keys}.\n\n{facts}",
)


def _json_values(n_keys: int, turn: Turn, source: random.Random) -> ChatItem:
    entries = source.sample(_ENTRIES, n_keys)
    values = {key: source.choice(pool) for key, _, pool in entries}
    facts = [says.format(value=values[key]) for key, says, _ in entries]
    text = _AS_JSON[turn.pick(len(_AS_JSON))].format(keys=", ".join(values), facts=" ".join(facts))
    return ChatItem(messages=[user(text)], answer=values)


_BY_SCHEMA = (
    "Invent {what}. Here is its JSON Schema:\n{schema}\n\nWrite one JSON object with values for "
    "{keys}. Do not repeat the schema, and write nothing else.",
    "{schema}\n\nThis schema describes {what}. Answer with an example of it: one JSON object with "
    "the keys {keys} and values that you invent. Only the object, not the schema.",
    "Schema:\n{schema}\n\nFill it in for {what} of your invention. Return only a JSON object that "
    "gives {keys} a value each, without the schema.",
)
_THINGS: Sequence[tuple[str, Mapping[str, Mapping[str, Any]]]] = (
    (
        "a person",
        {
            "name": {"type": "string"},
            "age": {"type": "integer", "minimum": 0},
            "town": {"type": "string"},
            "is_member": {"type": "boolean"},
            "hobbies": {"type": "array", "items": {"type": "string"}},
        },
    ),
    (
        "a book",
        {
            "title": {"type": "string"},
            "author": {"type": "string"},
            "pages": {"type": "integer", "minimum": 1},
            "is_lent": {"type": "boolean"},
            "language": {"enum": ["en", "fr", "de"]},
        },
    ),
    (
        "an order in a shop",
        {
            "number": {"type": "integer"},
            "customer": {"type": "string"},
            "articles": {"type": "array", "items": {"type": "string"}},
            "state": {"enum": ["open", "sent", "paid"]},
            "is_gift": {"type": "boolean"},
        },
    ),
    (
        "a meeting",
        {
            "topic": {"type": "string"},
            "minutes": {"type": "integer", "minimum": 5},
            "people": {"type": "array", "items": {"type": "string"}},
            "day": {"enum": list(DAYS)},
            "is_online": {"type": "boolean"},
        },
    ),
)


def _json_by_schema(_: int, turn: Turn, source: random.Random) -> ChatItem:
    what, known = _THINGS[turn.pick(len(_THINGS), after=3)]
    keys = source.sample(sorted(known), source.randint(2, 4))
    schema = {
        "type": "object",
        "properties": {key: known[key] for key in keys},
        "required": keys,
        "additionalProperties": False,
    }
    text = _BY_SCHEMA[turn.pick(len(_BY_SCHEMA))].format(
        what=f"{what} for {source.choice(PEOPLE)}",
        schema=json.dumps(schema),
        keys=" and ".join(keys),
    )
    return ChatItem(messages=[user(text)], answer=schema)


_TABLES = (
    (
        "Write each person as one line of CSV, in the form NAME,TOWN,AGE. No spaces, no header, "
        "nothing else.\n\n{facts}",
        ",".join,
    ),
    (
        "Make one line of each person, in the form NAME;TOWN;AGE, with a number as the age. Write "
        "these lines alone.\n\n{facts}",
        ";".join,
    ),
    (
        "{facts}\n\nWrite a line for each of these people in the form NAME|TOWN|AGE. Only such "
        "lines, without spaces or a header.",
        "|".join,
    ),
)


def _table_rows(n_rows: int, turn: Turn, source: random.Random) -> ChatItem:
    wording, join = _TABLES[turn.pick(len(_TABLES))]
    people, towns = source.sample(PEOPLE, n_rows), source.sample(TOWNS, n_rows)
    ages = source.sample(range(18, 90), n_rows)
    rows = [(who, town, str(age)) for who, town, age in zip(people, towns, ages, strict=True)]
    facts = " ".join(f"{who} lives in {town} and is {age} years old." for who, town, age in rows)
    text = wording.format(facts=facts)
    return ChatItem(messages=[user(text)], answer="\n".join(map(join, rows)))


_FENCED = (
    "Put this line into a block of code that begins with ```{language}, and write nothing else:\n"
    "{line}",
    "Answer with one fenced code block that opens with ```{language} and holds this line only:\n"
    "{line}",
    "Write the following line in a ```{language} block, without a word before or after it:\n{line}",
)
_LINES: Mapping[str, Sequence[str]] = {
    "python": ("{thing} = {n}", "print({n} + {m})", 'print("{thing}")'),
    "bash": ("echo {thing}", "mkdir {thing}_{n}", "cp {thing}.txt {thing}_{n}.txt"),
    "yaml": ("{thing}: {n}", "- {thing}", "{thing}_size: {m}"),
    "sql": (
        "SELECT {thing} FROM shop;",
        "DELETE FROM {thing}s WHERE id = {n};",
        "SELECT * FROM {thing}s LIMIT {n};",
    ),
}


def _code_fences(_: int, turn: Turn, source: random.Random) -> ChatItem:
    language = list(_LINES)[turn.pick(len(_LINES), after=3)]
    values = {"thing": source.choice(THINGS), "n": source.randint(2, 99)}
    line = source.choice(_LINES[language]).format(**values, m=source.randint(2, 99))
    text = _FENCED[turn.pick(len(_FENCED))].format(language=language, line=line)
    pattern = rf"^\s*```{language}[ \t]*\r?\n\s*{re.escape(line)}\s*\n```\s*$"
    return ChatItem(messages=[user(text)], answer=pattern)


_ONLY = (
    "{ask} Write only that.",
    "{ask} Answer with it alone, without another word.",
    "{ask} Nothing else may stand in your answer.",
)
_MONTHS = "January February March April May June July August September October".split()  # noqa: SIM905


def _exact_line(_: int, turn: Turn, source: random.Random) -> ChatItem:
    ask, answer = _EXACT[turn.pick(len(_EXACT), after=3)](source)
    return ChatItem(messages=[user(_ONLY[turn.pick(len(_ONLY))].format(ask=ask))], answer=answer)


def _date(source: random.Random) -> tuple[str, str]:
    month, day, year = source.randrange(10), source.randint(10, 28), source.randint(1950, 2030)
    ask = f"Write the date {_MONTHS[month]} {day}, {year} in the form YYYY-MM-DD."
    return ask, f"{year}-{month + 1:02d}-{day}"


def _joined(source: random.Random) -> tuple[str, str]:
    words = source.sample(THINGS, 3)
    sign, name = source.choice((("-", "hyphens"), ("_", "underscores"), ("/", "slashes")))
    ask = f"Write the words {', '.join(words)} in this order, joined by {name} without spaces."
    return ask, sign.join(words)


def _upper(source: random.Random) -> tuple[str, str]:
    words = " ".join(source.sample(THINGS, 3))
    ask = f"Write the words {words} in capital letters, in this order, with one space in between."
    return ask, words.upper()


def _bullets(source: random.Random) -> tuple[str, str]:
    words = source.sample(THINGS, 3)
    ask = (
        f"Write {', '.join(words)} as a list: each word on a line of its own, "
        "which begins with a hyphen and a space."
    )
    return ask, "\n".join(f"- {word}" for word in words)


_EXACT = (_date, _joined, _upper, _bullets)

STRUCTURE = (
    Skill(name="json_values", level_name="keys", levels=(2, 5, 8), draw=_json_values),
    Skill(name="json_by_schema", draw=_json_by_schema),
    Skill(name="table_rows", level_name="rows", levels=(1, 2, 4), draw=_table_rows),
    Skill(name="code_fences", draw=_code_fences),
    Skill(name="exact_line", draw=_exact_line),
)
