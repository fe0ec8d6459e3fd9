"""Samples that lm-eval logged, damaged or not of one another."""

from __future__ import annotations

import json
from collections.abc import Sequence
from typing import Any

from tests.bad_input.place import Case, Cases, Workspace


def row(number: int, **changes: Any) -> dict[str, Any]:
    """Return a line as lm-eval writes it; ... takes a key away."""
    full = {
        "doc_id": number,
        "target": "1",
        "arguments": {"gen_args_0": {"arg_0": f"Q{number}", "arg_1": " a"}},
        "filtered_resps": ["1"],
        "filter": "none",
        "metrics": ["acc"],
        "doc_hash": f"d{number}",
        "prompt_hash": f"p{number}",
        "acc": 1.0,
        **changes,
    }
    return {key: value for key, value in full.items() if value is not ...}


def compared(workspace: Workspace, given: Sequence[Any] | str | bytes, *more: str) -> list[str]:
    """Give the candidate's folder these samples of the task t and return the words to compare."""
    lines = [json.dumps(row(number, of="one")) for number in range(3)]
    workspace.write("one/samples_t.jsonl", "\n".join(lines))
    if not isinstance(given, (str, bytes)):
        given = "\n".join(json.dumps(sample) for sample in given)
    workspace.write("two/samples_t.jsonl", given)
    return ["compare", str(workspace.root / "one"), str(workspace.root / "two"), "-q", *more]


def under(workspace: Workspace, policy: str) -> list[str]:
    """Return the words to compare whole samples under a policy."""
    whole = [row(number) for number in range(3)]
    return compared(workspace, whole, "--policy", str(workspace.write("policy.yaml", policy)))


def with_file(workspace: Workspace, name: str, content: str = "") -> list[str]:
    """Return the words to compare whole samples, beside which another file lies."""
    words = compared(workspace, [row(number) for number in range(3)])
    workspace.write(name, content)
    return words


def a_folder_for_a_file(workspace: Workspace) -> list[str]:
    """Put a folder in the place of a file of samples."""
    words = compared(workspace, [row(0)])
    (workspace.root / "two" / "samples_t.jsonl").unlink()
    (workspace.root / "two" / "samples_t.jsonl").mkdir()
    return words


def pointing(
    workspace: Workspace, metric: str, policy: str, *, values: Any = 0.5, **results: Any
) -> list[str]:
    """Return the words to compare a metric, beside a results file, under a policy of t."""
    rows = [row(n, metrics=[metric], **{metric: values}) for n in range(3)]
    words = compared(workspace, rows, "--policy")
    lines = [json.dumps({**sample, "of": "one"}) for sample in rows]
    workspace.write("one/samples_t.jsonl", "\n".join(lines))
    results = {key: {"t": value} for key, value in results.items()}
    workspace.write("two/results_2026-01-01T10-00-00.json", json.dumps(results))
    body = f"capabilities: {{t: {{{policy}}}}}\n" if policy else "{}\n"
    return [*words, str(workspace.write("policy.yaml", body))]


def disagreeing(workspace: Workspace) -> list[str]:
    """Let each side's results file say the opposite of the other's."""
    words = compared(workspace, [row(number) for number in range(3)])
    for side, is_high in (("one", True), ("two", False)):
        results = json.dumps({"higher_is_better": {"t": {"acc": is_high}}})
        workspace.write(f"{side}/results_2026-01-01T10-00-00.json", results)
    return words


def copied(workspace: Workspace) -> list[str]:
    """Put the base's file into the candidate's folder."""
    words = compared(workspace, [row(0)])
    (workspace.root / "two/samples_t.jsonl").write_bytes(
        (workspace.root / "one/samples_t.jsonl").read_bytes()
    )
    return words


def said_twice(workspace: Workspace) -> list[str]:
    """Let both sides generate the same eight sentences."""
    rows = [row(n, resps=[[f"So it is, as I said, {n}."]]) for n in range(8)]
    words = compared(workspace, rows)
    lines = [json.dumps({**sample, "of": "one"}) for sample in rows]
    workspace.write("one/samples_t.jsonl", "\n".join(lines))
    return words


CASES: Cases = {
    "samples on one side": Case(
        lambda p: [*compared(p, [row(0)])[:2], str(p.base), "-q"], 2, "samples.one-side"
    ),
    "samples beside a path that is none": Case(
        lambda p: [*compared(p, [row(0)])[:2], "nowhere", "-q"], 2, "samples.one-side"
    ),
    "samples of nobody": Case(
        lambda p: [*compared(p, [row(0)])[:2], "~nobody-of-that-name/x"], 2, "path.no-user"
    ),
    "samples at a null character": Case(
        lambda p: [*compared(p, [row(0)])[:2], "a\0b"], 2, "path.impossible"
    ),
    "samples that are empty": Case(lambda p: compared(p, ""), 12, "samples.empty"),
    "samples that are torn": Case(
        lambda p: compared(p, json.dumps(row(0)) + '\n{"doc_id"'), 12, "samples.torn"
    ),
    "samples that are bytes": Case(lambda p: compared(p, b"\xff\xfe"), 12, "samples.not-utf8"),
    "samples that Git LFS keeps": Case(
        lambda p: compared(p, "version https://git-lfs.github.com/spec/v1\noid sha256:0\n"),
        12,
        "samples.lfs-pointer",
    ),
    "samples that are numbers": Case(lambda p: compared(p, [5]), 12, "samples.not-an-object"),
    "samples nested without end": Case(
        lambda p: compared(p, '{"doc_id":' + "[" * 50_000), 12, "samples.torn"
    ),
    "samples with a number without end": Case(
        lambda p: compared(p, '{"doc_id": ' + "9" * 5000 + "}"), 12, "samples.torn"
    ),
    "samples are a folder": Case(a_folder_for_a_file, 2, "samples.unreadable"),
    "a sample without a document": Case(
        lambda p: compared(p, [row(0, doc_id=...)]), 12, "samples.no-sample"
    ),
    "a sample without a hash": Case(
        lambda p: compared(p, [row(0), row(1, prompt_hash=...)]), 12, "samples.missing-key"
    ),
    "a sample without metrics": Case(
        lambda p: compared(p, [row(0, metrics=..., acc=...)]), 12, "samples.no-metric"
    ),
    "a sample whose metrics are a number": Case(
        lambda p: compared(p, [row(0, metrics=5)]), 12, "samples.no-metric"
    ),
    "samples that were copied": Case(copied, 12, "sides.one-run"),
    "one model's words on both sides": Case(said_twice, 12, "sides.one-run"),
    "a document twice": Case(lambda p: compared(p, [row(0), row(0)]), 12, "samples.twice"),
    "a score in percent": Case(
        lambda p: compared(p, [row(0, acc=55.0)]), 12, "samples.damaged-score"
    ),
    "a score without end": Case(
        lambda p: compared(p, [row(0, acc=float("inf"))]), 12, "samples.damaged-score"
    ),
    "scores in percent on both sides": Case(
        lambda p: pointing(p, "bleu", "", values=55.0), 2, "samples.no-scores"
    ),
    "a score in words": Case(
        lambda p: compared(p, [row(0, acc="good")]), 12, "samples.damaged-score"
    ),
    "other documents": Case(
        lambda p: compared(p, [row(n, doc_hash="x") for n in range(3)]), 12, "sides.asked-otherwise"
    ),
    "other prompts": Case(
        lambda p: compared(p, [row(0), row(1), row(2, prompt_hash="x")]),
        12,
        "sides.asked-otherwise",
    ),
    "no document in common": Case(lambda p: compared(p, [row(7)]), 12, "sides.asked-otherwise"),
    "a task of one side": Case(
        lambda p: with_file(p, "two/samples_u.jsonl", json.dumps(row(0))), 12, "sides.other-tasks"
    ),
    "two files of one task": Case(
        lambda p: with_file(p, "two/samples_t_2026-01-01T10-00-00.jsonl", json.dumps(row(0))),
        2,
        "samples.undated-runs",
    ),
    "a metric that no sample has": Case(
        lambda p: under(p, "capabilities: {c: {tasks: [t], metric: f1}}\n"), 2, "samples.no-metric"
    ),
    "a filter that no sample has": Case(
        lambda p: under(p, "capabilities: {c: {tasks: [t], filter: strict}}\n"),
        2,
        "samples.no-filter",
    ),
    "a task in two capabilities": Case(
        lambda p: under(p, "capabilities: {c: {tasks: [t]}, d: {tasks: ['*']}}\n"),
        2,
        "policy.task-twice",
    ),
    "a metric that is no score of an item": Case(
        lambda p: pointing(p, "word_perplexity", "", values=[-80.5, 40]), 2, "samples.no-scores"
    ),
    "a metric of which nobody knows whether it is better high": Case(
        lambda p: pointing(p, "mae", ""), 2, "metric.unknown-direction"
    ),
    "a direction in words": Case(
        lambda p: pointing(p, "mae", "lower_is_better: down"), 2, "policy.lower-is-better"
    ),
    "a direction that contradicts the results file": Case(
        lambda p: pointing(p, "mae", "lower_is_better: true", higher_is_better={"mae": True}),
        2,
        "policy.direction-contradicts",
    ),
    "directions that contradict each other": Case(disagreeing, 12, "metric.direction-differs"),
    "a flag that samples have no use for": Case(
        lambda p: compared(p, [row(0)], "--limit", "5"), 2, "samples.no-effect"
    ),
    "a plan of samples": Case(
        lambda p: compared(p, [row(0)], "--show-config"), 2, "samples.no-plan"
    ),
}
