"""Data of a target and of a fine-tune with a fault in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.bad_input.place import Case, Cases, Workspace


def target(workspace: Workspace, name: str, content: str | bytes, *more: str) -> list[str]:
    """Write data and return the words of a check of the target that they make."""
    path = workspace.write(name, content)
    return workspace.check("--target", path, *more, suite=None)


def rows(workspace: Workspace, given: Sequence[object], *more: str) -> list[str]:
    """The same, of rows."""
    return target(workspace, "t.jsonl", "".join(json.dumps(row) + "\n" for row in given), *more)


def train(workspace: Workspace, name: str, content: str | bytes) -> list[str]:
    """Write data of a fine-tune and return the words of a check."""
    return workspace.check("--train", workspace.write(name, content))


def saved(workspace: Workspace, state: object, splits: object = None) -> list[str]:
    """Write a folder as datasets saves it and return the words of a check."""
    workspace.write("saved/state.json", json.dumps(state))
    if splits is not None:
        workspace.write("saved/dataset_dict.json", json.dumps(splits))
    return workspace.check("--target", workspace.root / "saved", suite=None)


def saved_link(workspace: Workspace, target: Path) -> list[str]:
    """The same, its file a link."""
    words = saved(workspace, {"_data_files": [{"filename": "t.arrow"}]})
    (workspace.root / "saved" / "t.arrow").symlink_to(target)
    return words


ROW = {"question": "Which?", "answer": "x"}
CHOICE = {"question": "Which?", "choices": ["x", "y"], "answer": "x"}
USER, REPLY = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}

CASES: Cases = {
    "target of an unknown kind": Case(lambda p: target(p, "t.xlsx", "PK"), 2, "rows.unknown-kind"),
    "target is empty": Case(lambda p: target(p, "t.jsonl", ""), 2, "target.no-items"),
    "target is not UTF-8": Case(lambda p: target(p, "t.csv", b"a,\xff\n"), 2, "text.not-utf-8"),
    "target is torn": Case(
        lambda p: target(p, "t.jsonl", json.dumps(ROW) + '\n{"question": '), 2, "rows.json"
    ),
    "target of numbers": Case(lambda p: rows(p, [1, 2]), 2, "rows.no-columns"),
    "two rows on a line": Case(lambda p: target(p, "t.jsonl", "{} {}"), 2, "rows.json"),
    "a list without its end": Case(lambda p: target(p, "t.json", '[{"a": 1}'), 2, "rows.json"),
    "something behind a list": Case(lambda p: target(p, "t.json", '[{"a": 1}]\nx'), 2, "rows.json"),
    "target nested without end": Case(lambda p: target(p, "t.jsonl", "[" * 50_000), 2, "rows.json"),
    "target with a number without end": Case(
        lambda p: target(p, "t.jsonl", '{"question": ' + "9" * 5000 + "}"), 2, "rows.json"
    ),
    "target with half a character": Case(
        lambda p: rows(p, [{**ROW, "question": "\ud800"}]), 2, "rows.half-character"
    ),
    "a table of uneven rows": Case(
        lambda p: target(p, "t.csv", "question,answer\na,b,c\n"), 2, "rows.uneven"
    ),
    "a table with an open quote": Case(
        lambda p: target(p, "t.csv", 'question,answer\n"a,b\n'), 2, "rows.csv"
    ),
    "a table with a heading twice": Case(
        lambda p: target(p, "t.csv", "answer,answer\na,b\n"), 2, "rows.header"
    ),
    "a table without a heading": Case(
        lambda p: target(p, "t.tsv", "question\t\na\tb\n"), 2, "rows.header"
    ),
    "a quote that swallows a row": Case(
        lambda p: target(p, "t.tsv", 'question\tanswer\n"a\tb\nc"\td\n'), 2, "rows.quote"
    ),
    "no line of names": Case(
        lambda p: target(p, "t.csv", "one,yes\ntwo,no\nthree,yes\n"), 2, "target.no-header"
    ),
    "rows of JSON under the name of a table": Case(
        lambda p: target(p, "t.csv", '{"question": "a", "answer": "b"}\n'), 2, "rows.no-table"
    ),
    "a key twice in a row": Case(
        lambda p: target(p, "t.jsonl", '{"question": "a", "answer": "b", "answer": "c"}'),
        2,
        "rows.two-keys",
    ),
    "lines have no columns": Case(lambda p: target(p, "t.txt", "one\ntwo\n"), 2, "rows.no-columns"),
    "no column of prompts": Case(
        lambda p: rows(p, [{"frage": "a", "answer": "b"}]), 2, "target.no-column"
    ),
    "two columns of prompts": Case(
        lambda p: rows(p, [{**ROW, "text": "a"}]), 2, "target.two-columns"
    ),
    "no column of answers": Case(lambda p: rows(p, [{"question": "a"}]), 2, "target.no-column"),
    "a context beside": Case(
        lambda p: rows(p, [{**ROW, "context": "c"}]), 2, "target.unused-column"
    ),
    "a column that is not there": Case(
        lambda p: rows(p, [ROW], "--target-prompt", "qestion"), 2, "target.unknown-column"
    ),
    "a column in braces that is not there": Case(
        lambda p: rows(p, [ROW], "--target-prompt", "Q: {q}"), 2, "target.unknown-column"
    ),
    "a prompt of nothing": Case(lambda p: rows(p, [ROW, {"answer": "x"}]), 2, "target.blank"),
    "a prompt that is a list": Case(
        lambda p: rows(p, [{**ROW, "question": [1]}]), 2, "target.no-text"
    ),
    "an answer that is blank": Case(lambda p: rows(p, [{**ROW, "answer": " "}]), 2, "target.blank"),
    "an answer beyond the choices": Case(
        lambda p: rows(p, [{**CHOICE, "answer": 2}]), 2, "target.no-choice"
    ),
    "an answer among no choices": Case(
        lambda p: rows(p, [{**CHOICE, "answer": "z"}]), 2, "target.no-choice"
    ),
    "choices of one": Case(lambda p: rows(p, [{**CHOICE, "choices": ["x"]}]), 2, "target.choices"),
    "choices of lists": Case(
        lambda p: rows(p, [{**CHOICE, "choices": [["x"], ["y"]]}]), 2, "target.choices"
    ),
    "a choice of a target twice": Case(
        lambda p: rows(p, [{**CHOICE, "choices": ["x", "x"]}]), 2, "item.choices"
    ),
    "one label": Case(lambda p: rows(p, [ROW], "--target-labels", "x"), 2, "target.labels"),
    "an answer that is no label": Case(
        lambda p: rows(p, [ROW], "--target-labels", "a", "--target-labels", "b"),
        2,
        "target.no-choice",
    ),
    "labels beside choices": Case(
        lambda p: rows(
            p,
            [CHOICE],
            "--target-labels",
            "x",
            "--target-labels",
            "y",
            "--target-choices",
            "choices",
        ),
        2,
        "target.choices-and-labels",
    ),
    "an unknown metric of a target": Case(
        lambda p: rows(p, [ROW], "--target-metric", "exact"), 2, "target.unknown-metric"
    ),
    "a long answer without a metric": Case(
        lambda p: rows(p, [{**ROW, "answer": "word " * 50}]), 2, "target.long-answer"
    ),
    "an id of a target twice": Case(
        lambda p: rows(p, [{**ROW, "id": 1}, {**ROW, "id": 1}]), 2, "target.two-ids"
    ),
    "a cluster that is a list": Case(
        lambda p: rows(p, [{**ROW, "cluster": [1]}]), 2, "target.cluster"
    ),
    "a chat without its answer": Case(
        lambda p: rows(p, [{"messages": [USER]}]), 2, "target.no-answer"
    ),
    "a chat with two answers": Case(
        lambda p: rows(p, [{"messages": [USER, REPLY], "answer": "x"}]), 2, "target.two-answers"
    ),
    "a chat with a picture": Case(
        lambda p: rows(
            p, [{"messages": [{"role": "user", "content": [{"type": "image"}]}, REPLY]}]
        ),
        2,
        "target.turn-not-text",
    ),
    "a chat with a number": Case(
        lambda p: rows(p, [{"messages": [{"role": "user", "content": 5}, REPLY]}]),
        2,
        "target.turn-not-text",
    ),
    "a split of a file": Case(lambda p: rows(p, [ROW], "--target-split", "test"), 2, "rows.split"),
    "a subset of a file": Case(
        lambda p: rows(p, [ROW], "--target-subset", "en"), 2, "target.subset"
    ),
    "a table of garbage": Case(lambda p: target(p, "t.parquet", "PAR1garbage"), 2, "rows.table"),
    "a stream of garbage": Case(lambda p: target(p, "t.arrow", b"\xff" * 64), 2, "rows.table"),
    "a folder that nobody saved": Case(
        lambda p: p.check("--target", p.root / "suite", suite=None), 2, "rows.folder"
    ),
    "a saved folder that reaches outside": Case(
        lambda p: saved(p, {"_data_files": [{"filename": "../../t.arrow"}]}),
        2,
        "rows.saved-dataset",
    ),
    "a saved folder whose file is a link to elsewhere": Case(
        lambda p: saved_link(p, p.write("secret.arrow", "x")), 2, "rows.leads-out"
    ),
    "answers that a table lacks": Case(
        lambda p: target(p, "t.jsonl", b'{"question": "a", "answer": NaN}\n'), 2, "target.blank"
    ),
    "a saved folder whose file is half a character": Case(
        lambda p: saved(p, {"_data_files": [{"filename": "\ud800.arrow"}]}), 2, "rows.saved-dataset"
    ),
    "a saved folder without names": Case(
        lambda p: saved(p, {"_data_files": [None]}), 2, "rows.saved-dataset"
    ),
    "a saved folder of a list": Case(lambda p: saved(p, []), 2, "rows.saved-dataset"),
    "a saved folder without its file": Case(
        lambda p: saved(p, {"_data_files": [{"filename": "t.arrow"}]}), 2, "rows.table"
    ),
    "splits that reach outside": Case(
        lambda p: saved(p, {}, {"splits": ["../base"]}), 2, "rows.saved-dataset"
    ),
    "splits that are a word": Case(lambda p: saved(p, {}, {"splits": 5}), 2, "rows.saved-dataset"),
    "a split that is not there": Case(
        lambda p: saved(p, {}, {"splits": ["train"]}), 2, "rows.saved-dataset"
    ),
    "a column that comes late": Case(
        lambda p: rows(
            p,
            [
                *({"prompt": f"Say {n}", "answer": f"say {n}"} for n in range(40)),
                {"prompt": "Say", "answer": "say", "choices": ["say", "no"]},
            ],
        ),
        2,
        "target.late-column",
    ),
    "likelihoods of a single label": Case(
        lambda p: rows(
            p,
            [{"prompt": f"Is {n} even?", "answer": "yes"} for n in range(40)],
            "--target-metric",
            "acc",
        ),
        2,
        "target.one-label",
    ),
    "training data that are tokenised": Case(
        lambda p: train(p, "t.jsonl", '{"input_ids": [1, 2]}\n'), 2, "training.no-text"
    ),
    "training data that are empty": Case(lambda p: train(p, "t.txt", "\n"), 2, "training.empty"),
    "training data that are torn": Case(
        lambda p: train(p, "t.jsonl", '{"text": "a"}\n{"text": "b'), 2, "rows.json"
    ),
    "training data of garbage": Case(lambda p: train(p, "t.parquet", b"\0" * 100), 2, "rows.table"),
    "training data of weights": Case(
        lambda p: p.check("--train", p.tuned / "model.safetensors"), 2, "rows.unknown-kind"
    ),
}
