"""Right answers: several, with reasoning before them, or behind the steps that lead there."""

from __future__ import annotations

import json
from pathlib import Path
from typing import Any

import pytest

from cliffguard import TargetData
from cliffguard.core.errors import SuiteError
from cliffguard.suites.items import make_item
from cliffguard.suites.loading import load_suite
from cliffguard.suites.scorers import SCORERS
from cliffguard.suites.target import read_target, suite_files
from tests.suites.target.data import items, reading, refused
from tests.suites.target.test_exports import command_in, run

NQ = [{"question": f"Who wrote {n}?", "answer": ["Ann Lee", "A. Lee", "Ann Lee"]} for n in range(3)]


@pytest.mark.parametrize(
    ("metric", "response", "score"),
    [
        ("exact_match", "bo orr", 1.0),
        ("exact_match", "Lee", 0.0),
        ("normalized_match", "The Bo, Orr", 1.0),
        ("f1", "Lee", 2 / 3),
        ("numeric", "it is 7", 1.0),
        ("numeric", "none", None),
    ],
)
def test_any_of_several_answers_is_right(metric: str, response: str, score: float | None) -> None:
    """The answer that fits best counts, as SQuAD and NQ count."""
    answers = ("6", "7.0") if metric == "numeric" else ("Ann Lee", "Bo Orr")

    best = SCORERS[metric].best(response, answers)

    assert best == (score if score is None else pytest.approx(score))


def test_a_list_of_answers_is_kept_each_once(tmp_path: Path) -> None:
    """As JSON in a cell, too; one in a list is one, with the digest of one."""
    assert items(tmp_path, NQ)[0].answers == ("Ann Lee", "A. Lee")
    cell = [{"question": "q", "answers": json.dumps(["x", "y"])}]
    assert items(tmp_path, cell)[0].right == ("x", "y")
    (item,) = items(tmp_path, [{"question": "q", "answer": ["x"]}])
    (same,) = items(tmp_path, [{"question": "q", "answer": "x"}])
    assert item == same


def test_a_suite_has_them_and_other_items_keep_their_digest() -> None:
    """`answers` stands in place of `answer`."""
    row = {"id": "1", "prompt": "q", "answer": "x"}
    several = {"id": "1", "prompt": "q", "answers": ["x", "y"]}

    def made(row: dict[str, Any]) -> Any:
        return make_item(row, metric="f1", level=None, where="w")

    assert made(row).digest == "718163d30ca94e8748df1363531ac3ebdca79f57bfb57e9a706b58635aed83bc"
    assert made({"id": "1", "prompt": "q", "answers": ["x"]}) == made(row)
    assert made(several).digest != made(row).digest
    assert made(several).right == ("x", "y")


@pytest.mark.parametrize(
    ("row", "metric", "error_id"),
    [
        ({"answers": ["x", "y"], "answer": "x"}, "f1", "suite.two-answers"),
        ({"answers": []}, "f1", "suite.answers"),
        ({"answers": ["x", " "]}, "f1", "suite.answers"),
        ({"answers": ["x", "y"]}, "regex", "suite.several-answers"),
        ({"answers": ["x", "y"], "choices": ["x", "y"]}, "acc", "suite.several-answers"),
    ],
)
def test_a_list_that_cannot_be_scored_is_refused(
    row: dict[str, Any], metric: str, error_id: str
) -> None:
    """By a suite as by a target."""
    with pytest.raises(SuiteError) as caught:
        make_item({"id": "1", "prompt": "q", **row}, metric=metric, level=None, where="w")

    assert caught.value.id == error_id


def test_a_list_of_labels_is_not_taken_for_spellings_of_one(tmp_path: Path) -> None:
    """Two labels of a text are right together; who means any of them names a metric."""
    rows = [{"text": f"t{n}", "label": ["a", "b"]} for n in range(4)]

    refused(tmp_path, rows, "target.several-labels")
    refused(tmp_path, rows, "target.several-labels", answer="label")

    assert items(tmp_path, rows, metric="exact_match")[0].right == ("a", "b")


@pytest.mark.parametrize("answers", [["a", "", " ", None], {"text": ["a", ""]}])
def test_blank_ones_among_right_answers_are_left_out_by_a_command(
    tmp_path: Path, answers: Any
) -> None:
    """An empty text would be right of whatever says nothing."""
    line = refused(tmp_path, [{"question": "Q?", "answers": answers}], "target.blank")

    run(command_in(line)[0], tmp_path)

    assert read_target(TargetData(data=str(tmp_path / "rows.jsonl"))).task.items[0].right == ("a",)


def test_numbers_beside_texts_are_right_answers(tmp_path: Path) -> None:
    """Each counts once."""
    rows = [{"question": "Q?", "answers": [4, "4", "four", "four"]}]

    assert items(tmp_path, rows)[0].right == ("4", "four")


@pytest.mark.parametrize("blank", [None, "", "  "])
@pytest.mark.parametrize("path", ["f.q", "f.a"])
def test_a_row_that_is_blank_at_a_path_is_left_out_by_a_command(
    tmp_path: Path, path: str, blank: str | None
) -> None:
    """Missing or empty, the prompt's or the answer's."""
    rows: list[dict[str, Any]] = [{"f": {"q": "Q?", "a": "b"}}, {"f": {"q": "R?", "a": "c"}}]
    rows[1]["f"][path[-1]] = blank
    keys = {"prompt": "f.q", "answer": "f.a"}

    run(command_in(refused(tmp_path, rows, "target.blank", **keys))[0], tmp_path)
    read = read_target(TargetData(data=str(tmp_path / "rows.jsonl"), **keys))

    assert [item.prompt for item in read.task.items] == ["Q?"]


def test_several_answers_are_written_into_a_suite(tmp_path: Path) -> None:
    """Its task has the target's digest."""
    read = reading(tmp_path, NQ)
    target = read.suite.capabilities[0].tasks[0]
    for name, text in suite_files(TargetData(data=read.source), read).items():
        (tmp_path / name).write_text(text, encoding="utf-8")

    (written,) = load_suite(str(tmp_path / "target.yaml")).capabilities
    assert written.tasks[0].digest == target.digest


# --- what stands before an answer ----------------------------------------------------------------


def test_steps_before_a_result_are_no_part_of_it(tmp_path: Path) -> None:
    """GSM8K's answers end in #### and a number, and are numbers."""
    rows = [
        {"question": f"{n}?", "answer": f"1 + {n} <<1+{n}>>\n#### {1000 + n:,}"} for n in range(9)
    ]

    read = reading(tmp_path, rows)

    assert (read.task.metric, read.task.items[0].answer) == ("numeric", "1,000")
    assert "what follows ####" in read.notes[0]
    assert "####" in items(tmp_path, rows, metric="rouge_l")[0].answer


def test_one_answer_without_a_result_keeps_all_as_they_are(tmp_path: Path) -> None:
    """Then #### is no mark of a result."""
    rows = [{"question": "q", "answer": "a #### 1"}, {"question": "r", "answer": "b"}]

    assert items(tmp_path, rows)[0].answer == "a #### 1"


@pytest.mark.parametrize(
    ("solution", "right", "metric"),
    [
        ("So $\\boxed{%d}$.", "%d", "numeric"),
        ("First \\boxed{9}, then \\boxed{\\frac{%d}{2}}", "\\frac{%d}{2}", "exact_match"),
        ("\\fbox {\\text{a \\} b} %d}", "\\text{a \\} b} %d", "exact_match"),
    ],
)
def test_what_a_box_holds_is_right(tmp_path: Path, solution: str, right: str, metric: str) -> None:
    """Of MATH's solutions: the last box, whatever braces it holds."""
    rows = [{"question": f"Q{n}?", "answer": solution.replace("%d", str(n))} for n in (1, 2)]

    target = reading(tmp_path, rows)

    rights = [item.answer for item in target.task.items]
    assert rights == [right.replace("%d", str(n)) for n in (1, 2)]
    assert target.task.metric == metric
    assert "boxed" in target.notes[0]


def test_a_solution_without_a_box_is_not_compared_whole(tmp_path: Path) -> None:
    """Beside others that have one; whoever names a metric that takes all words has them."""
    rows = [{"question": f"Q{n}?", "answer": f"So $\\boxed{{{n}}}$."} for n in (1, 2)]
    rows.append({"question": "Q3?", "answer": "So it is proven."})

    assert "data.jsonl:3" in refused(tmp_path, rows, "target.no-final")
    assert reading(tmp_path, rows, metric="f1").task.items[2].answer == "So it is proven."


def test_thoughts_are_no_part_of_the_right_answer(tmp_path: Path) -> None:
    """They are taken away, and said, with the flag that takes them from the model's answers."""
    rows = [
        {"question": f"{n}?", "answer": f"{mark}add\n</think>\n\n{n}"}
        for n, mark in enumerate(["<think>\n", ""])
    ]

    read = reading(tmp_path, rows)

    assert [item.answer for item in read.task.items] == ["0", "1"]
    (remark,) = read.suite.remarks
    assert remark.id == "target.thought-taken-away"
    assert remark.text.startswith("2 of 2 right answers begin with <think>")
    assert "--think-end" in read.notes[0]


def test_a_thought_without_an_end_is_said(tmp_path: Path) -> None:
    """Nothing is taken away that may be the answer; a thought alone is none."""
    rows = [{"question": "q", "answer": "<think> about 5"}]

    assert "1 of 1 right answer holds <think>" in reading(tmp_path, rows).notes[0]
    rows = [{"question": "q", "answer": "<think>5</think> "}]
    refused(tmp_path, rows, "target.no-answer")


@pytest.mark.parametrize("mark", ["<think>", "<thinking>", "[THINK]", "<|channel|>"])
def test_reasoning_of_any_mark_is_said(tmp_path: Path, mark: str) -> None:
    """What is not taken away stays part of the answer, and is told."""
    rows = [{"prompt": f"q{n}", "response": f"{mark}hm a{n}"} for n in range(4)]

    assert (
        f"4 of 4 right answers hold {mark} as part of the answer." in reading(tmp_path, rows).notes
    )
