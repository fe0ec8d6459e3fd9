"""Suite files and items with a fault in them, or that reach for what is not theirs."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests import support
from tests.bad_input.place import Case, Cases, Workspace


def linked(workspace: Workspace, target: Path) -> list[str]:
    """Put a link in the place of the items and return the words of a check."""
    path = workspace.root / "suite" / "ball.jsonl"
    path.unlink()
    path.symlink_to(target)
    return workspace.check()


def piped(workspace: Workspace) -> list[str]:
    """Put a pipe that nobody writes to in the place of the items."""
    path = workspace.root / "suite" / "ball.jsonl"
    path.unlink()
    os.mkfifo(path)
    return workspace.check()


def first_item(workspace: Workspace, **values: object) -> list[str]:
    """Set keys of the first item (None: remove it) and return the words of a check."""

    def change(lines: list[str]) -> list[str]:
        row = {**json.loads(lines[0]), **values}
        kept = {key: value for key, value in row.items() if value is not ...}
        return [json.dumps(kept), *lines[1:]]

    return workspace.items(change)


def check_lines(workspace: Workspace, metric: str, answer: str) -> list[str]:
    """Return the words of a check of a generated item with this answer."""
    workspace.write("suite/one.jsonl", json.dumps({"id": "a", "prompt": "P", "answer": answer}))
    return task(workspace, f"{{name: one, items: one.jsonl, metric: {metric}}}")


def task(workspace: Workspace, written: str) -> list[str]:
    """Return the words of a check of a suite of one task."""
    text = f"name: s\nversion: 1\ncapabilities: {{c: {{ring: general, tasks: [{written}]}}}}\n"
    return workspace.check(suite=workspace.write("suite/one.yaml", text))


def made(workspace: Workspace, more: str) -> list[str]:
    """Return the words of a check of generated items."""
    return task(workspace, f"{{name: one, items: {{generator: arithmetic, seed: a, {more}}}}}")


CASES: Cases = {
    "unknown suite": Case(lambda p: p.check(suite="adjacnt"), 2, "suite.unknown-suite"),
    "suite is auto in capitals": Case(lambda p: p.check(suite="Auto"), 2, "suite.unknown-suite"),
    "suite is empty": Case(lambda p: p.check(suite=""), 2, "suite.unknown-suite"),
    "suite file is missing": Case(lambda p: p.check(suite="./none.yaml"), 2, "suite.file"),
    "suite is a directory": Case(lambda p: p.check(suite=f"{p.root}/suite"), 2, "suite.file"),
    "suite file is empty": Case(
        lambda p: p.check(suite=p.write("suite/e.yaml", "")), 2, "suite.file"
    ),
    "suite file is torn": Case(
        lambda p: p.check(suite=p.write("suite/t.yaml", support.SUITE[:-20])), 2, "suite.file"
    ),
    "suite is its items": Case(
        lambda p: p.check(suite=p.root / "suite" / "ball.jsonl"), 2, "suite.file"
    ),
    "suite twice": Case(lambda p: p.check("-s", p.suite), 2, "suite.name"),
    "unknown key of a suite": Case(
        lambda p: p.suite_with("version: 1", "version: 1\nverson: 1"), 2, "suite.unknown-key"
    ),
    "unknown key of a task": Case(
        lambda p: p.suite_with("level: hops", "levl: hops"), 2, "suite.unknown-key"
    ),
    "chance in percent": Case(lambda p: p.suite_with("0.25", "25"), 2, "suite.chance"),
    "unknown metric": Case(
        lambda p: p.suite_with("metric: acc,", "metric: accuracy,"), 2, "suite.metric"
    ),
    "unknown ring": Case(lambda p: p.suite_with("ring: adjacent", "ring: near"), 2, "suite.ring"),
    "items outside the suite": Case(
        lambda p: p.suite_with("items: ball.jsonl", "items: ../ball.jsonl"), 2, "suite.items-path"
    ),
    "items are missing": Case(
        lambda p: p.suite_with("items: ball.jsonl", "items: bull.jsonl"), 2, "file.missing"
    ),
    "items are empty": Case(lambda p: p.items(lambda _: []), 2, "suite.no-items"),
    "an item is torn": Case(
        lambda p: p.items(lambda lines: [*lines[:6], lines[6][:-5], *lines[7:]]), 2, "file.not-json"
    ),
    "an item is no object": Case(
        lambda p: p.items(lambda lines: [*lines, "[]"]), 2, "file.not-json"
    ),
    "an item twice": Case(lambda p: p.items(lambda lines: [*lines, lines[4]]), 2, "item.twice"),
    "a key of an item is misspelt": Case(
        lambda p: p.items(lambda lines: [lines[0].replace('"answer"', '"anwser"'), *lines[1:]]),
        2,
        "item.unknown-key",
    ),
    "an item's level is no number": Case(
        lambda p: p.items(lambda lines: [lines[0].replace('"hops": 1', '"hops": "1"')]),
        2,
        "item.level",
    ),
    "an item is not UTF-8": Case(
        lambda p: [p.write("suite/ball.jsonl", b'{"id": "\xfc"}\n'), *p.check()][1:],
        2,
        "text.not-utf-8",
    ),
    "an item holds half a character": Case(
        lambda p: p.items(lambda lines: [lines[0].replace("The ball", r"The \ud83d")]),
        2,
        "text.half-character",
    ),
    "an item's fields are a list": Case(
        lambda p: p.items(lambda lines: [lines[0][:-1] + ', "fields": ["law"]}', *lines[1:]]),
        2,
        "item.fields",
    ),
    "validate what is not there": Case(
        lambda _: ["suites", "validate", "./none.yaml"], 2, "suite.file"
    ),
    "show an unknown suite": Case(
        lambda _: ["suites", "show", "adjacnt"], 2, "suite.unknown-suite"
    ),
    "a tag that would run a program": Case(
        lambda p: task(p, "!!python/object/apply:os.system [id]"), 2, "suite.file"
    ),
    "a function of lm-eval's": Case(
        lambda p: task(p, "{name: one, items: !function utils.items}"), 2, "suite.file"
    ),
    "aliases that multiply": Case(
        lambda p: p.check(
            suite=p.write(
                "suite/bomb.yaml",
                "a: &a [x, x, x, x, x, x, x, x, x, x]\n"
                + "".join(
                    f"{new}: &{new} [{', '.join([f'*{old}'] * 10)}]\n"
                    for old, new in zip("abcdefgh", "bcdefghi", strict=True)
                ),
            )
        ),
        2,
        "suite.file",
    ),
    "an alias inside itself": Case(
        lambda p: p.check(suite=p.write("suite/loop.yaml", "name: &a [*a]\n")), 2, "suite.file"
    ),
    "a suite nested without end": Case(
        lambda p: p.check(suite=p.write("suite/deep.yaml", "name: " + "[" * 3_000)),
        2,
        "suite.file",
    ),
    "a suite with a null character": Case(
        lambda p: p.check(suite=p.write("suite/null.yaml", "name: a\nversion: \0\n")),
        2,
        "suite.file",
    ),
    "a suite with half a character": Case(
        lambda p: p.suite_with("a suite for tests", '"\\ud800"'), 2, "suite.file"
    ),
    "a suite of two documents": Case(
        lambda p: p.suite_with("version: 1", "version: 1\n---\nb: 1"), 2, "suite.file"
    ),
    "a suite called by a path": Case(
        lambda p: p.suite_with("name: small", "name: ../small"), 2, "suite.name"
    ),
    "version zero": Case(lambda p: p.suite_with("version: 1", "version: 0"), 2, "suite.version"),
    "version of words": Case(
        lambda p: p.suite_with("version: 1", "version: one"), 2, "suite.version"
    ),
    "no capability": Case(
        lambda p: p.check(
            suite=p.write("suite/none.yaml", "name: a\nversion: 1\ncapabilities: {}\n")
        ),
        2,
        "suite.capabilities",
    ),
    "no task": Case(
        lambda p: p.check(
            suite=p.write(
                "suite/none.yaml",
                "name: a\nversion: 1\ncapabilities: {c: {ring: general, tasks: []}}\n",
            )
        ),
        2,
        "suite.tasks",
    ),
    "a capability is a word": Case(
        lambda p: p.check(
            suite=p.write("suite/none.yaml", "name: a\nversion: 1\ncapabilities: {c: general}\n")
        ),
        2,
        "suite.capabilities",
    ),
    "a capability twice": Case(
        lambda p: p.suite_with("  saying:", "  reasoning:"), 2, "suite.file"
    ),
    "a task twice": Case(lambda p: p.suite_with("name: say,", "name: ball,"), 2, "suite.name"),
    "a margin of everything": Case(
        lambda p: p.suite_with("ring: adjacent", "ring: adjacent\n    margin: 0.9"),
        2,
        "suite.margin",
    ),
    "a limit of nothing in a suite": Case(
        lambda p: p.suite_with("chance: 0.25", "limit: 0"), 2, "suite.limit"
    ),
    "an unknown cost": Case(lambda p: p.suite_with("chance: 0.25", "cost: cheap"), 2, "suite.cost"),
    "gating levels without levels": Case(
        lambda p: p.suite_with("level: hops,", "gate_levels: [1],"), 2, "suite.gate-levels"
    ),
    "gating levels that no item has": Case(
        lambda p: p.suite_with("level: hops,", "level: hops, gate_levels: [9],"),
        2,
        "suite.gate-levels",
    ),
    "a filter for own items": Case(
        lambda p: p.suite_with("metric: acc,", "metric: acc, filter: none,"), 2, "suite.filter"
    ),
    "a stop for choices": Case(
        lambda p: p.suite_with("metric: acc,", "metric: acc, stop: [x],"), 2, "suite.max-tokens"
    ),
    "an empty stop": Case(lambda p: p.suite_with("max_tokens: 4", 'stop: [""]'), 2, "suite.stop"),
    "levels of lm-eval's tasks": Case(
        lambda p: task(p, "{name: gsm8k, level: x}"), 2, "suite.items"
    ),
    "a task named like a path": Case(lambda p: task(p, "{name: ../gsm8k}"), 2, "suite.name"),
    "an unknown generator": Case(
        lambda p: task(
            p, "{name: o, items: {generator: dice, seed: a, n_per_level: 1, digest: a}}"
        ),
        2,
        "suite.items",
    ),
    "no item on a level": Case(
        lambda p: made(p, "n_per_level: 0, digest: a"), 2, "suite.n-per-level"
    ),
    "a billion items on a level": Case(
        lambda p: made(p, "n_per_level: 1000000000, digest: a"), 2, "suite.n-per-level"
    ),
    "a level that nobody generates": Case(
        lambda p: made(p, "n_per_level: 1, levels: [99], digest: a"), 2, "suite.items"
    ),
    "generated items of another digest": Case(
        lambda p: made(p, "n_per_level: 1, digest: abc"), 2, "suite.other-items"
    ),
    "items through a link that leads outside": Case(
        lambda p: linked(p, p.write("secret.jsonl", '{"id": "a"}')), 2, "suite.items-path"
    ),
    "items through a link to itself": Case(
        lambda p: linked(p, p.root / "suite" / "ball.jsonl"), 2, "suite.items-path"
    ),
    "items through a link to nothing": Case(
        lambda p: linked(p, p.root / "suite" / "gone.jsonl"), 2, "file.missing"
    ),
    "items in a pipe": Case(piped, 2, "suite.items-path"),
    "items at an absolute path": Case(
        lambda p: p.suite_with("items: ball.jsonl", "items: /etc/passwd"), 2, "suite.items-path"
    ),
    "items at a home": Case(
        lambda p: p.suite_with("items: ball.jsonl", "items: ~/ball.jsonl"), 2, "file.missing"
    ),
    "items with a null character": Case(
        lambda p: p.suite_with("items: ball.jsonl", 'items: "a\\0b"'), 2, "suite.items-path"
    ),
    "items are a folder": Case(
        lambda p: p.suite_with("items: ball.jsonl", "items: ."), 2, "file.is-folder"
    ),
    "items are a number": Case(
        lambda p: p.suite_with("items: ball.jsonl", "items: 5"), 2, "suite.items"
    ),
    "a task from outside": Case(
        lambda p: [
            p.write("other.yaml", support.SUITE),
            *task(p, "{name: ball, from: ../other.yaml}"),
        ][1:],
        2,
        "suite.items-path",
    ),
    "a task from nowhere": Case(
        lambda p: task(p, "{name: ball, from: nowhere}"), 2, "suite.unknown-suite"
    ),
    "a task that its suite lacks": Case(
        lambda p: task(p, "{name: bull, from: ./small.yaml}"), 2, "suite.from"
    ),
    "a borrowed task with a metric": Case(
        lambda p: task(p, "{name: ball, from: ./small.yaml, metric: acc}"), 2, "suite.metric"
    ),
    "a task from its own suite": Case(
        lambda p: task(p, "{name: one, from: ./one.yaml}"), 2, "suite.from"
    ),
    "an item without an id": Case(lambda p: first_item(p, id=...), 2, "item.missing-key"),
    "an item whose id is a number": Case(lambda p: first_item(p, id=5), 2, "item.text"),
    "an item without a prompt": Case(lambda p: first_item(p, prompt=" "), 2, "item.text"),
    "a prompt that ends in a space": Case(
        lambda p: first_item(p, prompt="Who? "), 2, "item.white-space"
    ),
    "one choice": Case(lambda p: first_item(p, choices=["Ann"]), 2, "item.choices"),
    "choices are a word": Case(lambda p: first_item(p, choices="Ann"), 2, "item.choices"),
    "a blank choice": Case(lambda p: first_item(p, choices=["Ann", " "]), 2, "item.choices"),
    "a choice twice": Case(lambda p: first_item(p, choices=["Ann", "Ann"]), 2, "item.choices"),
    "an answer that is no choice": Case(lambda p: first_item(p, answer="Eve"), 2, "item.answer"),
    "a cluster that is a number": Case(lambda p: first_item(p, cluster=5), 2, "item.cluster"),
    "a level that is NaN": Case(lambda p: first_item(p, hops=float("nan")), 2, "item.level"),
    "an item nested without end": Case(
        lambda p: p.items(lambda lines: [*lines, '{"id":' + "[" * 50_000]), 2, "file.not-json"
    ),
    "an item with a number of 5,000 digits": Case(
        lambda p: p.items(lambda lines: [*lines, '{"id": ' + "9" * 5000 + "}"]), 2, "file.not-json"
    ),
    "items with a byte order mark in the middle": Case(
        lambda p: p.items(lambda lines: [lines[0], "\ufeff" + lines[1], *lines[2:]]),
        2,
        "file.not-json",
    ),
    "items are a list of JSON": Case(lambda p: p.items(lambda _: ["[", "]"]), 2, "file.not-json"),
    "items are a table": Case(
        lambda p: p.items(lambda _: ["id,prompt", "a,b"]), 2, "file.not-json"
    ),
    "choices for a generated answer": Case(
        lambda p: p.suite_with("metric: acc, chance: 0.25", "metric: exact_match"),
        2,
        "item.choices",
    ),
    "a number that is none": Case(lambda p: check_lines(p, "numeric", "five"), 2, "item.answer"),
    "a number beyond numbers": Case(lambda p: check_lines(p, "numeric", "sNaN"), 2, "item.answer"),
    "a pattern that is none": Case(lambda p: check_lines(p, "regex", "("), 2, "item.answer"),
    "constraints that are no JSON": Case(
        lambda p: check_lines(p, "constraints", "max 3"), 2, "item.answer"
    ),
    "an unknown constraint": Case(
        lambda p: check_lines(p, "constraints", '{"max_wrds": 3}'), 2, "item.answer"
    ),
    "a constraint of another kind": Case(
        lambda p: check_lines(p, "constraints", '{"max_words": "3"}'), 2, "item.answer"
    ),
    "a schema that leads elsewhere": Case(
        lambda p: check_lines(p, "json_schema", '{"$ref": "https://example.org/a.json"}'),
        2,
        "item.answer",
    ),
    "a schema that never ends": Case(
        lambda p: check_lines(p, "json_schema", '{"not": {"$ref": "#"}}'), 2, "item.answer"
    ),
    "a call without its arguments": Case(
        lambda p: check_lines(p, "tool_call", '{"name": "pay"}'), 2, "item.answer"
    ),
    "JSON with a key twice": Case(
        lambda p: check_lines(p, "json_equal", '{"a": 1, "a": 1}'), 2, "item.answer"
    ),
    "no code of a language": Case(lambda p: check_lines(p, "language", "german"), 2, "item.answer"),
    "constraints nested without end": Case(
        lambda p: check_lines(p, "constraints", "[" * 50_000), 2, "item.answer"
    ),
}
