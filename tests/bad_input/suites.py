"""Suite files and items with a fault in them, or that reach for what is not theirs."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests import support
from tests.bad_input.place import Cases, Place


def linked(workspace: Place, target: Path) -> list[str]:
    """Put a link in the place of the items and return the words of a check."""
    path = workspace.root / "suite" / "ball.jsonl"
    path.unlink()
    path.symlink_to(target)
    return workspace.check()


def piped(workspace: Place) -> list[str]:
    """Put a pipe that nobody writes to in the place of the items."""
    path = workspace.root / "suite" / "ball.jsonl"
    path.unlink()
    os.mkfifo(path)
    return workspace.check()


def first_item(workspace: Place, **values: object) -> list[str]:
    """Set keys of the first item (None: remove it) and return the words of a check."""

    def change(lines: list[str]) -> list[str]:
        row = {**json.loads(lines[0]), **values}
        kept = {key: value for key, value in row.items() if value is not ...}
        return [json.dumps(kept), *lines[1:]]

    return workspace.items(change)


def check_lines(workspace: Place, metric: str, answer: str) -> list[str]:
    """Return the words of a check of a generated item with this answer."""
    workspace.write("suite/one.jsonl", json.dumps({"id": "a", "prompt": "P", "answer": answer}))
    return task(workspace, f"{{name: one, items: one.jsonl, metric: {metric}}}")


def task(workspace: Place, written: str) -> list[str]:
    """Return the words of a check of a suite of one task."""
    text = f"name: s\nversion: 1\ncapabilities: {{c: {{ring: general, tasks: [{written}]}}}}\n"
    return workspace.check(suite=workspace.write("suite/one.yaml", text))


def made(workspace: Place, more: str) -> list[str]:
    """Return the words of a check of generated items."""
    return task(workspace, f"{{name: one, items: {{generator: arithmetic, seed: a, {more}}}}}")


CASES: Cases = {
    "unknown suite": (lambda p: p.check(suite="adjacnt"), 2, "suite.unknown-suite"),
    "suite is empty": (lambda p: p.check(suite=""), 2, "suite.unknown-suite"),
    "suite file is missing": (lambda p: p.check(suite="./none.yaml"), 2, "suite.file"),
    "suite is a directory": (lambda p: p.check(suite=f"{p.root}/suite"), 2, "suite.file"),
    "suite file is empty": (lambda p: p.check(suite=p.write("suite/e.yaml", "")), 2, "suite.file"),
    "suite file is torn": (
        lambda p: p.check(suite=p.write("suite/t.yaml", support.SUITE[:-20])),
        2,
        "suite.file",
    ),
    "suite is its items": (
        lambda p: p.check(suite=p.root / "suite" / "ball.jsonl"),
        2,
        "suite.file",
    ),
    "suite twice": (lambda p: p.check("-s", p.suite), 2, "suite.name"),
    "unknown key of a suite": (
        lambda p: p.suite_with("version: 1", "version: 1\nverson: 1"),
        2,
        "suite.unknown-key",
    ),
    "unknown key of a task": (
        lambda p: p.suite_with("level: hops", "levl: hops"),
        2,
        "suite.unknown-key",
    ),
    "chance in percent": (lambda p: p.suite_with("0.25", "25"), 2, "suite.chance"),
    "unknown metric": (
        lambda p: p.suite_with("metric: acc,", "metric: accuracy,"),
        2,
        "suite.metric",
    ),
    "unknown ring": (lambda p: p.suite_with("ring: adjacent", "ring: near"), 2, "suite.ring"),
    "items outside the suite": (
        lambda p: p.suite_with("items: ball.jsonl", "items: ../ball.jsonl"),
        2,
        "suite.items-path",
    ),
    "items are missing": (
        lambda p: p.suite_with("items: ball.jsonl", "items: bull.jsonl"),
        2,
        "file.missing",
    ),
    "items are empty": (lambda p: p.items(lambda _: []), 2, "suite.no-items"),
    "an item is torn": (
        lambda p: p.items(lambda lines: [*lines[:6], lines[6][:-5], *lines[7:]]),
        2,
        "file.not-json",
    ),
    "an item is no object": (lambda p: p.items(lambda lines: [*lines, "[]"]), 2, "file.not-json"),
    "an item twice": (lambda p: p.items(lambda lines: [*lines, lines[4]]), 2, "item.twice"),
    "a key of an item is misspelt": (
        lambda p: p.items(lambda lines: [lines[0].replace('"answer"', '"anwser"'), *lines[1:]]),
        2,
        "item.unknown-key",
    ),
    "an item's level is no number": (
        lambda p: p.items(lambda lines: [lines[0].replace('"hops": 1', '"hops": "1"')]),
        2,
        "item.level",
    ),
    "an item is not UTF-8": (
        lambda p: [p.write("suite/ball.jsonl", b'{"id": "\xfc"}\n'), *p.check()][1:],
        2,
        "text.not-utf-8",
    ),
    "an item holds half a character": (
        lambda p: p.items(lambda lines: [lines[0].replace("The ball", r"The \ud83d")]),
        2,
        "text.half-character",
    ),
    "validate what is not there": (
        lambda _: ["suites", "validate", "./none.yaml"],
        2,
        "suite.file",
    ),
    "show an unknown suite": (lambda _: ["suites", "show", "adjacnt"], 2, "suite.unknown-suite"),
    "a tag that would run a program": (
        lambda p: task(p, "!!python/object/apply:os.system [id]"),
        2,
        "suite.file",
    ),
    "a function of lm-eval's": (
        lambda p: task(p, "{name: one, items: !function utils.items}"),
        2,
        "suite.file",
    ),
    "aliases that multiply": (
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
    "an alias inside itself": (
        lambda p: p.check(suite=p.write("suite/loop.yaml", "name: &a [*a]\n")),
        2,
        "suite.file",
    ),
    "a suite nested without end": (
        lambda p: p.check(suite=p.write("suite/deep.yaml", "name: " + "[" * 20_000)),
        2,
        "suite.file",
    ),
    "a suite with a null character": (
        lambda p: p.check(suite=p.write("suite/null.yaml", "name: a\nversion: \0\n")),
        2,
        "suite.file",
    ),
    "a suite with half a character": (
        lambda p: p.suite_with("a suite for tests", '"\\ud800"'),
        2,
        "suite.file",
    ),
    "a suite of two documents": (
        lambda p: p.suite_with("version: 1", "version: 1\n---\nb: 1"),
        2,
        "suite.file",
    ),
    "a suite called by a path": (
        lambda p: p.suite_with("name: small", "name: ../small"),
        2,
        "suite.name",
    ),
    "version zero": (lambda p: p.suite_with("version: 1", "version: 0"), 2, "suite.version"),
    "version of words": (lambda p: p.suite_with("version: 1", "version: one"), 2, "suite.version"),
    "no capability": (
        lambda p: p.check(
            suite=p.write("suite/none.yaml", "name: a\nversion: 1\ncapabilities: {}\n")
        ),
        2,
        "suite.capabilities",
    ),
    "no task": (
        lambda p: p.check(
            suite=p.write(
                "suite/none.yaml",
                "name: a\nversion: 1\ncapabilities: {c: {ring: general, tasks: []}}\n",
            )
        ),
        2,
        "suite.tasks",
    ),
    "a capability is a word": (
        lambda p: p.check(
            suite=p.write("suite/none.yaml", "name: a\nversion: 1\ncapabilities: {c: general}\n")
        ),
        2,
        "suite.capabilities",
    ),
    "a capability twice": (lambda p: p.suite_with("  saying:", "  reasoning:"), 2, "suite.file"),
    "a task twice": (lambda p: p.suite_with("name: say,", "name: ball,"), 2, "suite.name"),
    "a margin of everything": (
        lambda p: p.suite_with("ring: adjacent", "ring: adjacent\n    margin: 0.9"),
        2,
        "suite.margin",
    ),
    "a limit of nothing in a suite": (
        lambda p: p.suite_with("chance: 0.25", "limit: 0"),
        2,
        "suite.limit",
    ),
    "an unknown cost": (lambda p: p.suite_with("chance: 0.25", "cost: cheap"), 2, "suite.cost"),
    "gating levels without levels": (
        lambda p: p.suite_with("level: hops,", "gate_levels: [1],"),
        2,
        "suite.gate-levels",
    ),
    "gating levels that no item has": (
        lambda p: p.suite_with("level: hops,", "level: hops, gate_levels: [9],"),
        2,
        "suite.gate-levels",
    ),
    "a filter for own items": (
        lambda p: p.suite_with("metric: acc,", "metric: acc, filter: none,"),
        2,
        "suite.filter",
    ),
    "a stop for choices": (
        lambda p: p.suite_with("metric: acc,", "metric: acc, stop: [x],"),
        2,
        "suite.max-tokens",
    ),
    "an empty stop": (lambda p: p.suite_with("max_tokens: 4", 'stop: [""]'), 2, "suite.stop"),
    "levels of lm-eval's tasks": (lambda p: task(p, "{name: gsm8k, level: x}"), 2, "suite.items"),
    "a task named like a path": (lambda p: task(p, "{name: ../gsm8k}"), 2, "suite.name"),
    "an unknown generator": (
        lambda p: task(
            p, "{name: o, items: {generator: dice, seed: a, n_per_level: 1, digest: a}}"
        ),
        2,
        "suite.items",
    ),
    "no item on a level": (lambda p: made(p, "n_per_level: 0, digest: a"), 2, "suite.n-per-level"),
    "a billion items on a level": (
        lambda p: made(p, "n_per_level: 1000000000, digest: a"),
        2,
        "suite.n-per-level",
    ),
    "a level that nobody generates": (
        lambda p: made(p, "n_per_level: 1, levels: [99], digest: a"),
        2,
        "suite.items",
    ),
    "generated items of another digest": (
        lambda p: made(p, "n_per_level: 1, digest: abc"),
        2,
        "suite.other-items",
    ),
    "items through a link that leads outside": (
        lambda p: linked(p, p.write("secret.jsonl", '{"id": "a"}')),
        2,
        "suite.items-path",
    ),
    "items through a link to itself": (
        lambda p: linked(p, p.root / "suite" / "ball.jsonl"),
        2,
        "suite.items-path",
    ),
    "items through a link to nothing": (
        lambda p: linked(p, p.root / "suite" / "gone.jsonl"),
        2,
        "file.missing",
    ),
    "items in a pipe": (piped, 2, "suite.items-path"),
    "items at an absolute path": (
        lambda p: p.suite_with("items: ball.jsonl", "items: /etc/passwd"),
        2,
        "suite.items-path",
    ),
    "items at a home": (
        lambda p: p.suite_with("items: ball.jsonl", "items: ~/ball.jsonl"),
        2,
        "file.missing",
    ),
    "items with a null character": (
        lambda p: p.suite_with("items: ball.jsonl", 'items: "a\\0b"'),
        2,
        "suite.items-path",
    ),
    "items are a folder": (
        lambda p: p.suite_with("items: ball.jsonl", "items: ."),
        2,
        "file.is-folder",
    ),
    "items are a number": (
        lambda p: p.suite_with("items: ball.jsonl", "items: 5"),
        2,
        "suite.items",
    ),
    "a task from outside": (
        lambda p: [
            p.write("other.yaml", support.SUITE),
            *task(p, "{name: ball, from: ../other.yaml}"),
        ][1:],
        2,
        "suite.items-path",
    ),
    "a task from nowhere": (
        lambda p: task(p, "{name: ball, from: nowhere}"),
        2,
        "suite.unknown-suite",
    ),
    "a task that its suite lacks": (
        lambda p: task(p, "{name: bull, from: ./small.yaml}"),
        2,
        "suite.from",
    ),
    "a borrowed task with a metric": (
        lambda p: task(p, "{name: ball, from: ./small.yaml, metric: acc}"),
        2,
        "suite.metric",
    ),
    "a task from its own suite": (
        lambda p: task(p, "{name: one, from: ./one.yaml}"),
        2,
        "suite.from",
    ),
    "an item without an id": (lambda p: first_item(p, id=...), 2, "item.missing-key"),
    "an item whose id is a number": (lambda p: first_item(p, id=5), 2, "item.text"),
    "an item without a prompt": (lambda p: first_item(p, prompt=" "), 2, "item.text"),
    "a prompt that ends in a space": (
        lambda p: first_item(p, prompt="Who? "),
        2,
        "item.white-space",
    ),
    "one choice": (lambda p: first_item(p, choices=["Ann"]), 2, "item.choices"),
    "choices are a word": (lambda p: first_item(p, choices="Ann"), 2, "item.choices"),
    "a blank choice": (lambda p: first_item(p, choices=["Ann", " "]), 2, "item.choices"),
    "a choice twice": (lambda p: first_item(p, choices=["Ann", "Ann"]), 2, "item.choices"),
    "an answer that is no choice": (lambda p: first_item(p, answer="Eve"), 2, "item.answer"),
    "a cluster that is a number": (lambda p: first_item(p, cluster=5), 2, "item.cluster"),
    "a level that is NaN": (lambda p: first_item(p, hops=float("nan")), 2, "item.level"),
    "an item nested without end": (
        lambda p: p.items(lambda lines: [*lines, '{"id":' + "[" * 50_000]),
        2,
        "file.not-json",
    ),
    "an item with a number of 5,000 digits": (
        lambda p: p.items(lambda lines: [*lines, '{"id": ' + "9" * 5000 + "}"]),
        2,
        "file.not-json",
    ),
    "items with a byte order mark in the middle": (
        lambda p: p.items(lambda lines: [lines[0], "\ufeff" + lines[1], *lines[2:]]),
        2,
        "file.not-json",
    ),
    "items are a list of JSON": (lambda p: p.items(lambda _: ["[", "]"]), 2, "file.not-json"),
    "items are a table": (lambda p: p.items(lambda _: ["id,prompt", "a,b"]), 2, "file.not-json"),
    "choices for a generated answer": (
        lambda p: p.suite_with("metric: acc, chance: 0.25", "metric: exact_match"),
        2,
        "item.choices",
    ),
    "a number that is none": (lambda p: check_lines(p, "numeric", "five"), 2, "item.answer"),
    "a number beyond numbers": (lambda p: check_lines(p, "numeric", "sNaN"), 2, "item.answer"),
    "a pattern that is none": (lambda p: check_lines(p, "regex", "("), 2, "item.answer"),
    "constraints that are no JSON": (
        lambda p: check_lines(p, "constraints", "max 3"),
        2,
        "item.answer",
    ),
    "an unknown constraint": (
        lambda p: check_lines(p, "constraints", '{"max_wrds": 3}'),
        2,
        "item.answer",
    ),
    "a constraint of another kind": (
        lambda p: check_lines(p, "constraints", '{"max_words": "3"}'),
        2,
        "item.answer",
    ),
    "constraints nested without end": (
        lambda p: check_lines(p, "constraints", "[" * 50_000),
        2,
        "item.answer",
    ),
}
