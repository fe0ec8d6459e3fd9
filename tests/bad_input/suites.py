"""Suite files and items with a fault in them, or that reach for what is not theirs."""

from __future__ import annotations

import json
import os
from pathlib import Path

from tests import support
from tests.bad_input.place import Cases, Place


def linked(place: Place, target: Path) -> list[str]:
    """Put a link in the place of the items and return the words of a check."""
    path = place.root / "suite" / "ball.jsonl"
    path.unlink()
    path.symlink_to(target)
    return place.check()


def piped(place: Place) -> list[str]:
    """Put a pipe that nobody writes to in the place of the items."""
    path = place.root / "suite" / "ball.jsonl"
    path.unlink()
    os.mkfifo(path)
    return place.check()


def first_item(place: Place, **values: object) -> list[str]:
    """Set keys of the first item (None: remove it) and return the words of a check."""

    def change(lines: list[str]) -> list[str]:
        row = {**json.loads(lines[0]), **values}
        kept = {key: value for key, value in row.items() if value is not ...}
        return [json.dumps(kept), *lines[1:]]

    return place.items(change)


def said(place: Place, metric: str, answer: str) -> list[str]:
    """Return the words of a check of a generated item with this answer."""
    place.write("suite/one.jsonl", json.dumps({"id": "a", "prompt": "P", "answer": answer}))
    return task(place, f"{{name: one, items: one.jsonl, metric: {metric}}}")


def task(place: Place, written: str) -> list[str]:
    """Return the words of a check of a suite of one task."""
    text = f"name: s\nversion: 1\ncapabilities: {{c: {{ring: general, tasks: [{written}]}}}}\n"
    return place.check(suite=place.write("suite/one.yaml", text))


def made(place: Place, more: str) -> list[str]:
    """Return the words of a check of generated items."""
    return task(place, f"{{name: one, items: {{generator: arithmetic, seed: a, {more}}}}}")


CASES: Cases = {
    "unknown suite": (
        lambda p: p.check(suite="adjacnt"),
        2,
        r"no suite is called 'adjacnt'; did you mean 'adjacent'\?",
    ),
    "suite is empty": (lambda p: p.check(suite=""), 2, r"no suite is called ''"),
    "suite file is missing": (lambda p: p.check(suite="./none.yaml"), 2, r"none\.yaml: no such"),
    "suite is a directory": (
        lambda p: p.check(suite=f"{p.root}/suite"),
        2,
        r"suite: is a directory, not a file",
    ),
    "suite file is empty": (
        lambda p: p.check(suite=p.write("suite/e.yaml", "")),
        2,
        r"e\.yaml: expected a mapping .* the file is empty",
    ),
    "suite file is torn": (
        lambda p: p.check(suite=p.write("suite/t.yaml", support.SUITE[:-20])),
        2,
        r"t\.yaml:\d+: not valid YAML",
    ),
    "suite is its items": (
        lambda p: p.check(suite=p.root / "suite" / "ball.jsonl"),
        2,
        r"ball\.jsonl:2: not valid YAML",
    ),
    "suite twice": (lambda p: p.check("-s", p.suite), 2, r"the suite 'small' stands twice"),
    "unknown key of a suite": (
        lambda p: p.suite_with("version: 1", "version: 1\nverson: 1"),
        2,
        r"verson: unknown key; did you mean 'version'\?",
    ),
    "unknown key of a task": (
        lambda p: p.suite_with("level: hops", "levl: hops"),
        2,
        r"levl: unknown key; did you mean 'level'\?",
    ),
    "chance in percent": (lambda p: p.suite_with("0.25", "25"), 2, r"chance: .*less than 1"),
    "unknown metric": (
        lambda p: p.suite_with("metric: acc,", "metric: accuracy,"),
        2,
        r"metric 'accuracy' is not one of acc, acc_norm, exact_match",
    ),
    "unknown ring": (lambda p: p.suite_with("ring: adjacent", "ring: near"), 2, r"ring: "),
    "items outside the suite": (
        lambda p: p.suite_with("items: ball.jsonl", "items: ../ball.jsonl"),
        2,
        r"lies outside the suite's folder",
    ),
    "items are missing": (
        lambda p: p.suite_with("items: ball.jsonl", "items: bull.jsonl"),
        2,
        r"bull\.jsonl: no such file",
    ),
    "items are empty": (lambda p: p.items(lambda _: []), 2, r"ball\.jsonl: holds no items"),
    "an item is torn": (
        lambda p: p.items(lambda lines: [*lines[:6], lines[6][:-5], *lines[7:]]),
        2,
        r"ball\.jsonl:7: not valid JSON",
    ),
    "an item is no object": (
        lambda p: p.items(lambda lines: [*lines, "[]"]),
        2,
        r"ball\.jsonl:301: expected an object, found a list",
    ),
    "an item twice": (
        lambda p: p.items(lambda lines: [*lines, lines[4]]),
        2,
        r"ball\.jsonl:301: the id 'ball-004' stands already in line 5",
    ),
    "a key of an item is misspelt": (
        lambda p: p.items(lambda lines: [lines[0].replace('"answer"', '"anwser"'), *lines[1:]]),
        2,
        r"ball\.jsonl:1: unknown key 'anwser'; did you mean 'answer'\?",
    ),
    "an item's level is no number": (
        lambda p: p.items(lambda lines: [lines[0].replace('"hops": 1', '"hops": "1"')]),
        2,
        r"ball\.jsonl:1: hops \(the level\) must be a whole number",
    ),
    "an item is not UTF-8": (
        lambda p: [p.write("suite/ball.jsonl", b'{"id": "\xfc"}\n'), *p.check()][1:],
        2,
        r"ball\.jsonl: not UTF-8 text",
    ),
    "an item holds half a character": (
        lambda p: p.items(lambda lines: [lines[0].replace("The ball", r"The \ud83d")]),
        2,
        r"ball\.jsonl:1: ",
    ),
    "validate what is not there": (
        lambda _: ["suites", "validate", "./none.yaml"],
        2,
        r"none\.yaml: no such file",
    ),
    "show an unknown suite": (lambda _: ["suites", "show", "adjacnt"], 2, r"did you mean 'adjac"),
    "a tag that would run a program": (
        lambda p: task(p, "!!python/object/apply:os.system [id]"),
        2,
        r"one\.yaml:3: not valid YAML: the tag !!python/object/apply:os\.system is no plain data",
    ),
    "a function of lm-eval's": (
        lambda p: task(p, "{name: one, items: !function utils.items}"),
        2,
        r"one\.yaml:3: not valid YAML: the tag !function is no plain data",
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
        r"bomb\.yaml:\d: not valid YAML: aliases and lists make more than 100,000 values",
    ),
    "an alias inside itself": (
        lambda p: p.check(suite=p.write("suite/loop.yaml", "name: &a [*a]\n")),
        2,
        r"loop\.yaml:1: not valid YAML: an alias stands inside what it stands for",
    ),
    "a suite nested without end": (
        lambda p: p.check(suite=p.write("suite/deep.yaml", "name: " + "[" * 20_000)),
        2,
        r"deep\.yaml: not valid YAML: nested too deeply",
    ),
    "a suite with a null character": (
        lambda p: p.check(suite=p.write("suite/null.yaml", "name: a\nversion: \0\n")),
        2,
        r"null\.yaml:2: not valid YAML: unacceptable character #x0000",
    ),
    "a suite with half a character": (
        lambda p: p.suite_with("a suite for tests", '"\\ud800"'),
        2,
        r"mine\.yaml: holds half a surrogate pair",
    ),
    "a suite of two documents": (
        lambda p: p.suite_with("version: 1", "version: 1\n---\nb: 1"),
        2,
        r"mine\.yaml:3: not valid YAML: ",
    ),
    "a suite called by a path": (
        lambda p: p.suite_with("name: small", "name: ../small"),
        2,
        r"mine\.yaml: name: ",
    ),
    "version zero": (
        lambda p: p.suite_with("version: 1", "version: 0"),
        2,
        r"version: .*equal to 1",
    ),
    "version of words": (lambda p: p.suite_with("version: 1", "version: one"), 2, r"version: "),
    "no capability": (
        lambda p: p.check(
            suite=p.write("suite/none.yaml", "name: a\nversion: 1\ncapabilities: {}\n")
        ),
        2,
        r"capabilities: .*at least 1",
    ),
    "no task": (
        lambda p: p.check(
            suite=p.write(
                "suite/none.yaml",
                "name: a\nversion: 1\ncapabilities: {c: {ring: general, tasks: []}}\n",
            )
        ),
        2,
        r"capabilities\.c\.tasks: .*at least 1",
    ),
    "a capability is a word": (
        lambda p: p.check(
            suite=p.write("suite/none.yaml", "name: a\nversion: 1\ncapabilities: {c: general}\n")
        ),
        2,
        r"capabilities\.c: ",
    ),
    "a capability twice": (
        lambda p: p.suite_with("  saying:", "  reasoning:"),
        2,
        r"mine\.yaml:\d+: not valid YAML: the key 'reasoning' stands twice",
    ),
    "a task twice": (
        lambda p: p.suite_with("name: say,", "name: ball,"),
        2,
        r"the task 'ball' stands twice",
    ),
    "a margin of everything": (
        lambda p: p.suite_with("ring: adjacent", "ring: adjacent\n    margin: 0.9"),
        2,
        r"capabilities\.reasoning\.margin: .*0\.5",
    ),
    "a limit of nothing in a suite": (
        lambda p: p.suite_with("chance: 0.25", "limit: 0"),
        2,
        r"limit: .*equal to 1",
    ),
    "an unknown cost": (lambda p: p.suite_with("chance: 0.25", "cost: cheap"), 2, r"cost: "),
    "gating levels without levels": (
        lambda p: p.suite_with("level: hops,", "gate_levels: [1],"),
        2,
        r"gate_levels needs level",
    ),
    "gating levels that no item has": (
        lambda p: p.suite_with("level: hops,", "level: hops, gate_levels: [9],"),
        2,
        r"gate_levels names \[9\], but no item has such a level",
    ),
    "a filter for own items": (
        lambda p: p.suite_with("metric: acc,", "metric: acc, filter: none,"),
        2,
        r"filter belongs to lm-eval tasks",
    ),
    "a stop for choices": (
        lambda p: p.suite_with("metric: acc,", "metric: acc, stop: [x],"),
        2,
        r"max_tokens and stop belong to answers that are generated",
    ),
    "an empty stop": (
        lambda p: p.suite_with("max_tokens: 4", 'stop: [""]'),
        2,
        r"stop holds an empty text",
    ),
    "levels of lm-eval's tasks": (
        lambda p: task(p, "{name: gsm8k, level: x}"),
        2,
        r"level, max_tokens and stop need items of your own",
    ),
    "a task named like a path": (lambda p: task(p, "{name: ../gsm8k}"), 2, r"tasks\.0\.name: "),
    "an unknown generator": (
        lambda p: task(
            p, "{name: o, items: {generator: dice, seed: a, n_per_level: 1, digest: a}}"
        ),
        2,
        r"c\.o: items: .*dice",
    ),
    "no item on a level": (lambda p: made(p, "n_per_level: 0, digest: a"), 2, r"n_per_level: "),
    "a billion items on a level": (
        lambda p: made(p, "n_per_level: 1000000000, digest: a"),
        2,
        r"n_per_level: .*10000",
    ),
    "a level that nobody generates": (
        lambda p: made(p, "n_per_level: 1, levels: [99], digest: a"),
        2,
        r"c\.one: items: .*99",
    ),
    "generated items of another digest": (
        lambda p: made(p, "n_per_level: 1, digest: abc"),
        2,
        r"arithmetic makes other items \(digest [0-9a-f]+\)",
    ),
    "items through a link that leads outside": (
        lambda p: linked(p, p.write("secret.jsonl", '{"id": "a"}')),
        2,
        r"reasoning\.ball: items 'ball\.jsonl' lies outside the suite's folder",
    ),
    "items through a link to itself": (
        lambda p: linked(p, p.root / "suite" / "ball.jsonl"),
        2,
        r"ball\.jsonl.*: no such file",
    ),
    "items through a link to nothing": (
        lambda p: linked(p, p.root / "suite" / "gone.jsonl"),
        2,
        r"gone\.jsonl: no such file",
    ),
    "items in a pipe": (
        piped,
        2,
        r"items 'ball\.jsonl' is a pipe or a device, not a file",
    ),
    "items at an absolute path": (
        lambda p: p.suite_with("items: ball.jsonl", "items: /etc/passwd"),
        2,
        r"items '/etc/passwd' lies outside the suite's folder",
    ),
    "items at a home": (
        lambda p: p.suite_with("items: ball.jsonl", "items: ~/ball.jsonl"),
        2,
        r"ball\.jsonl: no such file",
    ),
    "items with a null character": (
        lambda p: p.suite_with("items: ball.jsonl", 'items: "a\\0b"'),
        2,
        r"items: a path cannot hold a null character",
    ),
    "items are a folder": (
        lambda p: p.suite_with("items: ball.jsonl", "items: ."),
        2,
        r"suite: is a directory, not a file",
    ),
    "items are a number": (lambda p: p.suite_with("items: ball.jsonl", "items: 5"), 2, r"items"),
    "a task from outside": (
        lambda p: [
            p.write("other.yaml", support.SUITE),
            *task(p, "{name: ball, from: ../other.yaml}"),
        ][1:],
        2,
        r"c\.ball: from '\.\./other\.yaml' lies outside the suite's folder",
    ),
    "a task from nowhere": (
        lambda p: task(p, "{name: ball, from: nowhere}"),
        2,
        r"no suite is called 'nowhere'",
    ),
    "a task that its suite lacks": (
        lambda p: task(p, "{name: bull, from: ./small.yaml}"),
        2,
        r"c\.bull: \./small\.yaml has no such task; did you mean 'ball'",
    ),
    "a borrowed task with a metric": (
        lambda p: task(p, "{name: ball, from: ./small.yaml, metric: acc}"),
        2,
        r"metric is for \./small\.yaml to say",
    ),
    "a task from its own suite": (
        lambda p: task(p, "{name: one, from: ./one.yaml}"),
        2,
        r"\./one\.yaml has it from \./one\.yaml",
    ),
    "an item without an id": (lambda p: first_item(p, id=...), 2, r"ball\.jsonl:1: id is missing"),
    "an item whose id is a number": (
        lambda p: first_item(p, id=5),
        2,
        r"ball\.jsonl:1: id must be text, not blank, found 5",
    ),
    "an item without a prompt": (
        lambda p: first_item(p, prompt=" "),
        2,
        r"ball\.jsonl:1: prompt must be text, not blank",
    ),
    "a prompt that ends in a space": (
        lambda p: first_item(p, prompt="Who? "),
        2,
        r"ball\.jsonl:1: prompt ends in white space",
    ),
    "one choice": (
        lambda p: first_item(p, choices=["Ann"]),
        2,
        r":1: choices must be a list of at",
    ),
    "choices are a word": (
        lambda p: first_item(p, choices="Ann"),
        2,
        r":1: choices must be a list",
    ),
    "a blank choice": (
        lambda p: first_item(p, choices=["Ann", " "]),
        2,
        r":1: every choice must be text that is not blank",
    ),
    "a choice twice": (
        lambda p: first_item(p, choices=["Ann", "Ann"]),
        2,
        r":1: a choice stands twice",
    ),
    "an answer that is no choice": (
        lambda p: first_item(p, answer="Eve"),
        2,
        r":1: the answer 'Eve' is not among the choices",
    ),
    "a cluster that is a number": (
        lambda p: first_item(p, cluster=5),
        2,
        r":1: cluster must be text, found 5",
    ),
    "a level that is NaN": (
        lambda p: first_item(p, hops=float("nan")),
        2,
        r":1: hops \(the level\) must be a whole number",
    ),
    "an item nested without end": (
        lambda p: p.items(lambda lines: [*lines, '{"id":' + "[" * 50_000]),
        2,
        r"ball\.jsonl:301: not valid JSON: ",
    ),
    "an item with a number of 5,000 digits": (
        lambda p: p.items(lambda lines: [*lines, '{"id": ' + "9" * 5000 + "}"]),
        2,
        r"ball\.jsonl:301: not valid JSON: .*digits",
    ),
    "items with a byte order mark in the middle": (
        lambda p: p.items(lambda lines: [lines[0], "\ufeff" + lines[1], *lines[2:]]),
        2,
        r"ball\.jsonl:2: not valid JSON: ",
    ),
    "items are a list of JSON": (
        lambda p: p.items(lambda _: ["[", "]"]),
        2,
        r"ball\.jsonl:1: not valid JSON",
    ),
    "items are a table": (
        lambda p: p.items(lambda _: ["id,prompt", "a,b"]),
        2,
        r"ball\.jsonl:1: not valid JSON",
    ),
    "choices for a generated answer": (
        lambda p: p.suite_with("metric: acc, chance: 0.25", "metric: exact_match"),
        2,
        r"ball\.jsonl:1: choices and metric exact_match exclude each other",
    ),
    "a number that is none": (
        lambda p: said(p, "numeric", "five"),
        2,
        r"one\.jsonl:1: answer: 'fiv",
    ),
    "a number beyond numbers": (
        lambda p: said(p, "numeric", "sNaN"),
        2,
        r"one\.jsonl:1: answer: 'sNaN' is not a number",
    ),
    "a pattern that is none": (
        lambda p: said(p, "regex", "("),
        2,
        r"one\.jsonl:1: answer: '\(' is no regular expression",
    ),
    "constraints that are no JSON": (
        lambda p: said(p, "constraints", "max 3"),
        2,
        r"answer: constraints are no JSON",
    ),
    "an unknown constraint": (
        lambda p: said(p, "constraints", '{"max_wrds": 3}'),
        2,
        r"answer: no constraint is called 'max_wrds'",
    ),
    "a constraint of another kind": (
        lambda p: said(p, "constraints", '{"max_words": "3"}'),
        2,
        r"answer: max_words: '3' is not what it takes",
    ),
    "constraints nested without end": (
        lambda p: said(p, "constraints", "[" * 50_000),
        2,
        r"answer: constraints are no JSON: ",
    ),
}
