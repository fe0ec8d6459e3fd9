"""Logs of inspect_ai and plain results, wrong or not of one another."""

from __future__ import annotations

from pathlib import Path

from tests.bad_input.place import Case, Cases, Workspace

LOGS = Path(__file__).parent.parent / "runners" / "inspect_logs"
LINE = '{"id": 1, "score": 1, "higher_is_better": true}\n'


def plain(workspace: Workspace, candidate: str) -> list[str]:
    """Give the candidate a file of these lines and return the words to compare."""
    paths = [workspace.write("one.jsonl", LINE), workspace.write("two.jsonl", candidate)]
    return ["compare", *map(str, paths), "-q"]


def logs(workspace: Workspace, name: str, candidate: bytes) -> list[str]:
    """Give the candidate a log of these bytes and return the words to compare."""
    base = workspace.root / "one.json"
    base.write_bytes((LOGS / "0.3.18" / "base.json").read_bytes())
    (workspace.root / name).write_bytes(candidate)
    return ["compare", str(base), str(workspace.root / name), "-q"]


CASES: Cases = {
    "a score of 50 among plain results": Case(
        lambda p: plain(p, LINE.replace("1, ", "50, ")), 2, "results.wrong-line"
    ),
    "plain results of no direction": Case(
        lambda p: plain(p, '{"id": 1, "score": 1}\n'), 2, "metric.unknown-direction"
    ),
    "plain results of two directions": Case(
        lambda p: plain(p, LINE.replace("true", "false")), 12, "metric.direction-differs"
    ),
    "plain results that name an item twice": Case(
        lambda p: plain(p, LINE + LINE), 2, "results.repeated-id"
    ),
    "plain results with two scores on a line": Case(
        lambda p: plain(p, LINE.replace('"score": 1', '"score": 0, "score" : 1')),
        2,
        "samples.two-keys",
    ),
    "a list of plain results with two scores of one": Case(
        lambda p: plain(p, "[" + LINE.replace('"score": 1', '"score": 0, "score": 1') + "]"),
        2,
        "samples.two-keys",
    ),
    "a log that says twice what it is of": Case(
        lambda p: logs(p, "two.json", b'{"version": 2, "eval": {"task": "t", "task": "u"}}'),
        2,
        "samples.two-keys",
    ),
    "a log beside plain results": Case(
        lambda p: logs(p, "two.jsonl", LINE.encode()), 2, "samples.other-kind"
    ),
    "a log of a version to come": Case(
        lambda p: logs(p, "two.json", b'{"version": 9, "eval": {"task": "t"}}'),
        2,
        "samples.log-version",
    ),
    "a log that is no archive": Case(
        lambda p: logs(p, "two.eval", b"{}"), 12, "samples.torn-archive"
    ),
}
