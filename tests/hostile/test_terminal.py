"""Text of suites, checkpoints and models on a terminal: it cannot repaint or reorder a line."""

from __future__ import annotations

import json
import re

import pytest

from tests.bad_input.place import Workspace, run
from tests.report.samples import HOSTILE

UNSAFE = re.compile(r"[\x00-\x08\x0b-\x1f\x7f-\x9f\u061c\u200e\u200f\u202a-\u202e\u2066-\u2069]")


@pytest.fixture
def hostile(workspace: Workspace) -> Workspace:
    """A folder whose suite speaks like an attacker, wherever text is free."""
    word = json.dumps(HOSTILE.replace("\x00", "").replace("\x08", "").replace("\ufffe", ""))
    text = workspace.suite.read_text().replace("a suite for tests", word)
    text = text.replace("ring: adjacent", f"ring: adjacent\n    description: {word}")
    text = text.replace("level: hops", f"level: {word}")
    workspace.suite.write_text(text)
    path = workspace.root / "suite" / "ball.jsonl"
    rows = [json.loads(line) for line in path.read_text().splitlines()]
    for row in rows:
        row[json.loads(word)] = row.pop("hops")
        row["prompt"] = f"{HOSTILE}: {row['prompt']}"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows))
    return workspace


@pytest.mark.parametrize("verb", ["show", "items", "validate", "check"])
def test_suites_are_shown_clean(hostile: Workspace, verb: str) -> None:
    """What a suite says of itself reaches the terminal without its sequences."""
    result = run(["suites", verb, str(hostile.suite)])

    assert result.exit_code == 0, result.stderr
    assert UNSAFE.search(result.output) is None


def test_items_are_printed_without_loss(hostile: Workspace) -> None:
    """Escaped, as JSON can: whoever reads them has every character."""
    result = run(["suites", "items", str(hostile.suite)])

    assert json.loads(result.stdout.splitlines()[0])["prompt"].startswith(HOSTILE)


def test_a_check_of_a_hostile_suite_is_printed_clean(
    hostile: Workspace, always_right: object
) -> None:
    """From the files to stdout and stderr, and from its review in every format."""
    check = run([word for word in hostile.check("--format", "text") if word != "-q"])
    reports = [
        run(["report", str(hostile.out), "--format", name])
        for name in ("markdown", "html", "junit", "json", "comment", "github")
    ]

    for result in (check, *reports):
        assert result.exit_code == 0, result.output
        assert UNSAFE.search(result.stdout) is None
        assert UNSAFE.search(result.stderr) is None
