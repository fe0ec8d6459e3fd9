"""Data of a target and of a fine-tune with a fault in them."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path

from tests.bad_input.place import Cases, Place


def target(place: Place, name: str, content: str | bytes, *more: str) -> list[str]:
    """Write data and return the words of a check of the target that they make."""
    path = place.write(name, content)
    return place.check("--target", path, *more, suite=None)


def rows(place: Place, given: Sequence[object], *more: str) -> list[str]:
    """The same, of rows."""
    return target(place, "t.jsonl", "".join(json.dumps(row) + "\n" for row in given), *more)


def train(place: Place, name: str, content: str | bytes) -> list[str]:
    """Write data of a fine-tune and return the words of a check."""
    return place.check("--train", place.write(name, content))


def saved(place: Place, state: object, splits: object = None) -> list[str]:
    """Write a folder as datasets saves it and return the words of a check."""
    place.write("saved/state.json", json.dumps(state))
    if splits is not None:
        place.write("saved/dataset_dict.json", json.dumps(splits))
    return place.check("--target", place.root / "saved", suite=None)


def saved_link(place: Place, target: Path) -> list[str]:
    """The same, its file a link."""
    words = saved(place, {"_data_files": [{"filename": "t.arrow"}]})
    (place.root / "saved" / "t.arrow").symlink_to(target)
    return words


ROW = {"question": "Which?", "answer": "x"}
CHOICE = {"question": "Which?", "choices": ["x", "y"], "answer": "x"}
USER, REPLY = {"role": "user", "content": "Hi"}, {"role": "assistant", "content": "Yes"}

CASES: Cases = {
    "target of an unknown kind": (
        lambda p: target(p, "t.xlsx", "PK"),
        2,
        r"t\.xlsx: cannot tell what kind of file this is.*known: \.jsonl",
    ),
    "target is empty": (lambda p: target(p, "t.jsonl", ""), 2, r"t\.jsonl: holds no items"),
    "target is not UTF-8": (
        lambda p: target(p, "t.csv", b"a,\xff\n"),
        2,
        r"t\.csv: not UTF-8",
    ),
    "target is torn": (
        lambda p: target(p, "t.jsonl", json.dumps(ROW) + '\n{"question": '),
        2,
        r"t\.jsonl:2: not valid JSON",
    ),
    "target of numbers": (
        lambda p: rows(p, [1, 2]),
        2,
        r"t\.jsonl:1: expected a row with named",
    ),
    "two rows on a line": (
        lambda p: target(p, "t.jsonl", "{} {}"),
        2,
        r"t\.jsonl:1: not valid JSON: something follows the row",
    ),
    "a list without its end": (
        lambda p: target(p, "t.json", '[{"a": 1}'),
        2,
        r"t\.json:1: not valid JSON: the list ends without a bracket",
    ),
    "something behind a list": (
        lambda p: target(p, "t.json", '[{"a": 1}]\nx'),
        2,
        r"t\.json:2: not valid JSON: something follows the list",
    ),
    "target nested without end": (
        lambda p: target(p, "t.jsonl", "[" * 50_000),
        2,
        r"t\.jsonl:1: too much for one row: nested too deeply",
    ),
    "target with a number without end": (
        lambda p: target(p, "t.jsonl", '{"question": ' + "9" * 5000 + "}"),
        2,
        r"t\.jsonl:1: too much for one row: .*digits",
    ),
    "target with half a character": (
        lambda p: rows(p, [{**ROW, "question": "\ud800"}]),
        2,
        r"t\.jsonl:1: holds half a surrogate pair",
    ),
    "a table of uneven rows": (
        lambda p: target(p, "t.csv", "question,answer\na,b,c\n"),
        2,
        r"t\.csv:2: 3 cells, where the first row has 2",
    ),
    "a table with an open quote": (
        lambda p: target(p, "t.csv", 'question,answer\n"a,b\n'),
        2,
        r"t\.csv:2: not valid CSV",
    ),
    "a table with a heading twice": (
        lambda p: target(p, "t.csv", "answer,answer\na,b\n"),
        2,
        r"t\.csv:1: expected the names of the columns, each once",
    ),
    "a table without a heading": (
        lambda p: target(p, "t.tsv", "question\t\na\tb\n"),
        2,
        r"t\.tsv:2: has 'b' in a column without a name; name it",
    ),
    "lines have no columns": (
        lambda p: target(p, "t.txt", "one\ntwo\n"),
        2,
        r"t\.txt:1: expected a row with named columns",
    ),
    "no column of prompts": (
        lambda p: rows(p, [{"frage": "a", "answer": "b"}]),
        2,
        r"t\.jsonl:1: prompt is missing.*there are: frage, answer.*--target-prompt COLUMN",
    ),
    "two columns of prompts": (
        lambda p: rows(p, [{**ROW, "text": "a"}]),
        2,
        r"any of question, text could be the prompt",
    ),
    "no column of answers": (lambda p: rows(p, [{"question": "a"}]), 2, r"answer is missing"),
    "a context beside": (
        lambda p: rows(p, [{**ROW, "context": "c"}]),
        2,
        r"has a column 'context' beside 'question'",
    ),
    "a column that is not there": (
        lambda p: rows(p, [ROW], "--target-prompt", "qestion"),
        2,
        r"has no column 'qestion'; did you mean 'question'",
    ),
    "a column in braces that is not there": (
        lambda p: rows(p, [ROW], "--target-prompt", "Q: {q}"),
        2,
        r"has no column 'q'",
    ),
    "a prompt of nothing": (
        lambda p: rows(p, [ROW, {"answer": "x"}]),
        2,
        r"t\.jsonl:2: question is missing",
    ),
    "a prompt that is a list": (
        lambda p: rows(p, [{**ROW, "question": [1]}]),
        2,
        r"t\.jsonl:1: question must be text, found \[1\]",
    ),
    "an answer that is blank": (
        lambda p: rows(p, [{**ROW, "answer": " "}]),
        2,
        r"t\.jsonl:1: answer must be text or a number, not blank",
    ),
    "an answer beyond the choices": (
        lambda p: rows(p, [{**CHOICE, "answer": 2}]),
        2,
        r"t\.jsonl:1: the answer 2 is no place among 2 choices",
    ),
    "an answer among no choices": (
        lambda p: rows(p, [{**CHOICE, "answer": "z"}]),
        2,
        r"t\.jsonl:1: the answer 'z' is not among the choices",
    ),
    "choices of one": (
        lambda p: rows(p, [{**CHOICE, "choices": ["x"]}]),
        2,
        r"t\.jsonl:1: choices must be a list of at least two texts",
    ),
    "choices of lists": (
        lambda p: rows(p, [{**CHOICE, "choices": [["x"], ["y"]]}]),
        2,
        r"t\.jsonl:1: choices must be a list of at least two texts",
    ),
    "a choice of a target twice": (
        lambda p: rows(p, [{**CHOICE, "choices": ["x", "x"]}]),
        2,
        r"t\.jsonl:1: a choice stands twice",
    ),
    "one label": (
        lambda p: rows(p, [ROW], "--target-labels", "x"),
        2,
        r"target: labels must be two or more",
    ),
    "an answer that is no label": (
        lambda p: rows(p, [ROW], "--target-labels", "a", "--target-labels", "b"),
        2,
        r"t\.jsonl:1: the answer 'x' is not among the labels",
    ),
    "labels beside choices": (
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
        r"has choices and labels; name one of them",
    ),
    "an unknown metric of a target": (
        lambda p: rows(p, [ROW], "--target-metric", "exact"),
        2,
        r"metric 'exact' is not one of acc.*did you mean 'exact_match'",
    ),
    "a long answer without a metric": (
        lambda p: rows(p, [{**ROW, "answer": "word " * 50}]),
        2,
        r"t\.jsonl:1: an answer of 249 characters is no short one; name a metric",
    ),
    "an id of a target twice": (
        lambda p: rows(p, [{**ROW, "id": 1}, {**ROW, "id": 1}]),
        2,
        r"t\.jsonl:2: the id '1' stands already in .*t\.jsonl:1",
    ),
    "a cluster that is a list": (
        lambda p: rows(p, [{**ROW, "cluster": [1]}]),
        2,
        r"t\.jsonl:1: cluster must be text or a whole number",
    ),
    "a chat without its answer": (
        lambda p: rows(p, [{"messages": [USER]}]),
        2,
        r"t\.jsonl:1: the chat in messages does not end with the assistant's turn",
    ),
    "a chat with two answers": (
        lambda p: rows(p, [{"messages": [USER, REPLY], "answer": "x"}]),
        2,
        r"t\.jsonl:1: the chat in messages ends with the assistant's turn, and answer is",
    ),
    "a chat with a picture": (
        lambda p: rows(
            p, [{"messages": [{"role": "user", "content": [{"type": "image"}]}, REPLY]}]
        ),
        2,
        r"t\.jsonl:1: a turn of the chat holds something else than text",
    ),
    "a chat with a number": (
        lambda p: rows(p, [{"messages": [{"role": "user", "content": 5}, REPLY]}]),
        2,
        r"t\.jsonl:1: a turn of the chat must be text, found a int",
    ),
    "a split of a file": (
        lambda p: rows(p, [ROW], "--target-split", "test"),
        2,
        r"t\.jsonl: a file has no splits",
    ),
    "a subset of a file": (
        lambda p: rows(p, [ROW], "--target-subset", "en"),
        2,
        r"t\.jsonl: only a data set on a hub has subsets",
    ),
    "a table of garbage": (
        lambda p: target(p, "t.parquet", "PAR1garbage"),
        2,
        r"t\.parquet: cannot be read as a table",
    ),
    "a stream of garbage": (
        lambda p: target(p, "t.arrow", b"\xff" * 64),
        2,
        r"t\.arrow: cannot be read as a table",
    ),
    "a folder that nobody saved": (
        lambda p: p.check("--target", p.root / "suite", suite=None),
        2,
        r"suite: not a folder that datasets has saved",
    ),
    "a saved folder that reaches outside": (
        lambda p: saved(p, {"_data_files": [{"filename": "../../t.arrow"}]}),
        2,
        r"state\.json: '\.\./\.\./t\.arrow' is no file in this folder",
    ),
    "a saved folder whose file is a link to elsewhere": (
        lambda p: saved_link(p, p.write("secret.arrow", "x")),
        2,
        r"saved/t\.arrow: leads out of the folder",
    ),
    "answers that a table lacks": (
        lambda p: target(p, "t.jsonl", b'{"question": "a", "answer": NaN}\n'),
        2,
        r"t\.jsonl:1: answer is missing",
    ),
    "a saved folder whose file is half a character": (
        lambda p: saved(p, {"_data_files": [{"filename": "\ud800.arrow"}]}),
        2,
        r"ud800\.arrow' is no file in .*saved",
    ),
    "a saved folder without names": (
        lambda p: saved(p, {"_data_files": [None]}),
        2,
        r"state\.json: does not name files; save the dataset again",
    ),
    "a saved folder of a list": (lambda p: saved(p, []), 2, r"state\.json: not a mapping"),
    "a saved folder without its file": (
        lambda p: saved(p, {"_data_files": [{"filename": "t.arrow"}]}),
        2,
        r"t\.arrow: cannot be read as a table",
    ),
    "splits that reach outside": (
        lambda p: saved(p, {}, {"splits": ["../base"]}),
        2,
        r"dataset_dict\.json: does not name splits",
    ),
    "splits that are a word": (
        lambda p: saved(p, {}, {"splits": 5}),
        2,
        r"dataset_dict\.json: does not name splits",
    ),
    "a split that is not there": (
        lambda p: saved(p, {}, {"splits": ["train"]}),
        2,
        r"saved/train: no such folder, though dataset_dict\.json names it",
    ),
    "training data that are tokenised": (
        lambda p: train(p, "t.jsonl", '{"input_ids": [1, 2]}\n'),
        2,
        r"t\.jsonl:1: the row holds no text \(only input_ids\)",
    ),
    "training data that are empty": (
        lambda p: train(p, "t.txt", "\n"),
        2,
        r"t\.txt: holds no rows",
    ),
    "training data that are torn": (
        lambda p: train(p, "t.jsonl", '{"text": "a"}\n{"text": "b'),
        2,
        r"t\.jsonl:2: not valid JSON",
    ),
    "training data of garbage": (
        lambda p: train(p, "t.parquet", b"\0" * 100),
        2,
        r"t\.parquet: cannot be read as a table",
    ),
    "training data of weights": (
        lambda p: p.check("--train", p.tuned / "model.safetensors"),
        2,
        r"model\.safetensors: cannot tell what kind of file this is",
    ),
}
