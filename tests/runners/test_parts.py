"""Parts of tasks, as probes ask them: their prompts, their shots, and what cannot be asked so."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest

from cliffguard import EvalSettings, RunnerSettings
from cliffguard.core.items import Item, Task
from cliffguard.runners import TaskPart
from cliffguard.runners.harness import HarnessRunner
from cliffguard.runners.live import LiveRunner
from cliffguard.runners.stored import StoredRunner
from cliffguard.suites.loading import load_suite
from tests import support

SUMS = [{"question": f"What is {n} + 1?", "answer": f"One more.\n#### {n + 1}"} for n in range(8)]
SHOTS = [{"question": f"What is {n} + 2?", "answer": f"Two more.\n#### {n + 2}"} for n in range(7)]
ARC = [
    {
        "id": f"q{n}",
        "question": f"What follows {n}?",
        "choices": {"text": [str(n + 1), str(n - 1)], "label": ["A", "B"]},
        "answerKey": "A",
    }
    for n in range(8)
]
USUAL = EvalSettings(chat_template="none")
THREE = replace(USUAL, num_fewshot=3)


def resolved(folder: Path, entry: str, data: Mapping[str, Any]) -> tuple[HarnessRunner, Task]:
    """Return a runner over local files, and its only task."""
    path = folder / "suite.yaml"
    path.write_text(
        f"name: s\nversion: 1\ncapabilities:\n  c:\n    ring: general\n    tasks: [{entry}]\n"
    )
    runner = HarnessRunner(RunnerSettings(device="cpu", batch_size=4), data=data)
    (task,) = runner.resolve([load_suite(str(path))], USUAL)
    return runner, task


def rows(folder: Path, name: str, documents: list[dict[str, Any]]) -> str:
    """Write documents as JSON Lines and return the file's path."""
    return str(support.write_jsonl(folder / name, documents))


def part_of(task: Task, items: tuple[Item, ...], protocol: EvalSettings, **more: Any) -> TaskPart:
    """Return some items of a task, under a name of their own."""
    some = replace(task, name=f"{task.name}:part", items=items, digest="p" * 64, terms=None)
    return TaskPart(task=some, whole=task, protocol=protocol, usual=USUAL, **more)


def prompts(runner: HarnessRunner, part: TaskPart) -> dict[str, str]:
    """Return what a part's items are asked as, without a template, by their ids."""
    assert runner.take_part(part) is None
    loaded = runner._tasks[part.task.name]
    return {item.id: text for item, text in loaded.first(99, None, "", part.protocol)}


def test_an_own_item_has_the_shots_that_it_is_given(tmp_path: Path) -> None:
    """In their order, the same before each item, and never the item itself."""
    suite = load_suite(str(support.write_suite(tmp_path, n_items=12, n_said=8)))
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    for task in runner.resolve([suite], USUAL):
        shots, items = task.items[:3], task.items[3:6]
        shown = "\n\n".join(f"{shot.prompt} {shot.answer}" for shot in shots)

        words = prompts(runner, part_of(task, items, THREE, shots=shots))

        assert words == {item.id: f"{shown}\n\n{item.prompt}" for item in items}


def test_an_own_part_without_shots_is_asked_as_its_task_is(tmp_path: Path) -> None:
    """Only the items are fewer."""
    suite = load_suite(str(support.write_suite(tmp_path, n_items=12, n_said=8)))
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    task = runner.resolve([suite], USUAL)[0]

    words = prompts(runner, part_of(task, task.items[4:7], USUAL))

    assert words == {item.id: item.prompt for item in task.items[4:7]}


def test_a_part_of_a_stock_task_builds_its_own_items_alone(tmp_path: Path) -> None:
    """Items in any order have their own prompts, and the task itself is what it was."""
    runner, task = resolved(tmp_path, "arc_easy", {"arc_easy": rows(tmp_path, "a.jsonl", ARC)})
    items = (task.items[5], task.items[2])
    before = runner.asked_as(task, task.items, USUAL)

    part = part_of(task, items, USUAL)

    assert prompts(runner, part) == {item.id: item.prompt for item in items}
    assert runner.asked_as(part.task, items, USUAL) == [before[5], before[2]]
    assert runner.asked_as(task, task.items, USUAL) == before


def test_shots_of_a_stock_task_are_no_avoided_documents(tmp_path: Path) -> None:
    """Where lm-eval would draw them from what it evaluates, probed items are left out."""
    runner, task = resolved(tmp_path, "arc_easy", {"arc_easy": rows(tmp_path, "a.jsonl", ARC)})
    items, others = task.items[:4], task.items[4:]

    words = prompts(
        runner, part_of(task, items, THREE, avoided=frozenset(item.id for item in items))
    )

    for item in items:
        assert words[item.id].endswith(item.prompt)
        assert sum(other.prompt in words[item.id] for other in others) == 3
        assert sum(probed.prompt in words[item.id] for probed in items) == 1


def test_shots_leave_the_task_itself_as_it_was(tmp_path: Path) -> None:
    """After a part with other shots the task is asked in the words in which it was."""
    data = {
        "gsm8k": {s: rows(tmp_path, f"{s}.jsonl", d) for s, d in (("test", SUMS), ("train", SHOTS))}
    }
    runner, task = resolved(tmp_path, "gsm8k", data)
    before = runner.asked_as(task, task.items, USUAL)

    prompts(runner, part_of(task, task.items[:2], replace(USUAL, num_fewshot=6)))

    assert runner.asked_as(task, task.items, USUAL) == before


@pytest.mark.parametrize(
    ("entry", "n_shots", "avoided", "why"),
    [
        ("gsm8k", 3, 2, "5 shots"),  # its usual number
        ("gsm8k_cot_zeroshot", 3, 2, "takes no shots"),
        ("arc_easy", 3, 6, "fewer than 4 documents"),
    ],
)
def test_what_a_task_cannot_give_is_a_reason(
    tmp_path: Path, entry: str, n_shots: int, avoided: int, why: str
) -> None:
    """No error: a line that says what is in the way."""
    documents = ARC if entry == "arc_easy" else SUMS
    split = {
        "test": rows(tmp_path, "test.jsonl", documents),
        "train": rows(tmp_path, "train.jsonl", SHOTS),
    }
    data = {entry: split if entry == "gsm8k" else split["test"]}
    runner, task = resolved(tmp_path, entry, data)
    ids = frozenset(item.id for item in task.items[:avoided])

    reason = runner.take_part(
        part_of(task, task.items[:2], replace(USUAL, num_fewshot=n_shots), avoided=ids)
    )

    assert reason is not None
    assert why in reason


def test_shots_in_another_layout_are_a_fault_of_the_part(tmp_path: Path) -> None:
    """What lm-eval raises over shots that nobody tried before is one line, and no traceback."""
    other = [{"question": f"What is {n} + 2?", "solution": "?"} for n in range(9)]
    data = {
        "arc_easy": {
            "test": rows(tmp_path, "a.jsonl", ARC),
            "train": rows(tmp_path, "b.jsonl", other),
        }
    }
    runner, task = resolved(tmp_path, "arc_easy", data)
    part = part_of(task, task.items[:2], THREE)
    assert runner.take_part(part) is None
    runner._tasks[part.task.name]._local = None  # as of data of its own

    with support.refused("task.no-prompts", 2, part.task.name):
        runner.asked_as(part.task, part.task.items, THREE)


def test_runners_without_a_model_to_ask_give_their_reason() -> None:
    """Stored answers, and a model in the middle of its training."""
    part = part_of(support.task([support.item()]), (support.item(),), USUAL)

    assert "stored" in str(StoredRunner.take_part(StoredRunner.__new__(StoredRunner), part))
    assert "in memory" in str(LiveRunner.take_part(LiveRunner.__new__(LiveRunner), part))
