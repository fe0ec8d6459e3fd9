"""Local files in place of the data of lm-eval's tasks, whose configurations are the installed."""

from __future__ import annotations

import gzip
import json
import os
import re
from collections.abc import Mapping
from hashlib import sha256
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cliffguard import EvalSettings, RunnerSettings
from cliffguard.checkpoints.identity import FindOptions, find_base
from cliffguard.cli.app import app
from cliffguard.cli.flag_values import overrides
from cliffguard.config import load_plan
from cliffguard.core.items import Task
from cliffguard.runners.harness import HarnessRunner
from cliffguard.runners.local_data import _table
from cliffguard.suites.loading import load_suite
from tests import support

ARC = [
    {
        "id": f"q{n}",
        "question": f"What follows {n}?",
        "choices": {"text": [str(n + 1), str(n - 1), "nothing"], "label": ["A", "B", "C"]},
        "answerKey": "A",
    }
    for n in range(6)
]
BOOLQ = [
    {"passage": f"The lamp {n} is on.", "question": f"is the lamp {n} on", "idx": n, "label": 1}
    for n in range(5)
]
SUMS = [{"question": f"What is {n} + 1?", "answer": f"One more.\n#### {n + 1}"} for n in range(8)]
SHOTS = [{"question": f"What is {n} + 2?", "answer": f"Two more.\n#### {n + 2}"} for n in range(4)]
SWAG = [
    {
        "activity_label": "Cooking",
        "ctx_a": f"A man has {n} eggs.",
        "ctx_b": "he",
        "endings": ["breaks them [title] all.", "flies.", "sings.", "sleeps."],
        "label": "0",
        "ind": n,
    }
    for n in range(3)
]
MMLU = [{"question": f"{n}?", "choices": list("wxyz"), "answer": n % 4} for n in range(4)]


def resolved(
    folder: Path,
    entry: str,
    data: Mapping[str, str | Mapping[str, str]],
    protocol: EvalSettings | None = None,
) -> tuple[Task, ...]:
    """Return the tasks of a suite of one entry over local files."""
    return runner(data).resolve([load_suite(str(suite(folder, entry)))], protocol or EvalSettings())


def runner(data: Mapping[str, str | Mapping[str, str]]) -> HarnessRunner:
    """Return a runner on the CPU over local files."""
    return HarnessRunner(RunnerSettings(device="cpu", batch_size=4), data=data)


def suite(folder: Path, entry: str) -> Path:
    """Write a suite of one entry."""
    path = folder / "suite.yaml"
    text = f"name: s\nversion: 1\ncapabilities:\n  c:\n    ring: general\n    tasks: [{entry}]\n"
    path.write_text(text, encoding="utf-8")
    return path


def rows(folder: Path, name: str, documents: list[dict[str, Any]]) -> str:
    """Write documents as JSON Lines and return the file's path."""
    return str(support.write_jsonl(folder / name, documents))


# --- documents -----------------------------------------------------------------------------------


def test_the_documents_are_the_files(tmp_path: Path) -> None:
    """A stock task asks the file's documents, in lm-eval's words and with its metric."""
    (task,) = resolved(tmp_path, "arc_easy", {"arc_easy": rows(tmp_path, "a.jsonl", ARC)})

    assert [item.prompt for item in task.items][:1] == ["Question: What follows 0?\nAnswer:"]
    assert task.items[0].choices == ("1", "-1", "nothing")
    assert {item.answer for item in task.items} == {str(n + 1) for n in range(6)}
    assert (len(task.items), task.metric) == (6, "acc")


def test_a_file_that_grew_has_the_same_terms(tmp_path: Path) -> None:
    """Its task is another one, and its old items are asked and scored as before."""
    files = [rows(tmp_path, f"{n}.jsonl", ARC[:n]) for n in (4, 6)]

    few, all_of_them = (resolved(tmp_path, "arc_easy", {"arc_easy": file})[0] for file in files)

    assert few.terms is not None
    assert all_of_them.terms is not None
    assert few.terms.key == all_of_them.terms.key
    assert few.digest != all_of_them.digest
    assert {item.id for item in few.items} < {item.id for item in all_of_them.items}


def test_a_validation_split_is_what_is_evaluated_where_there_is_no_test(tmp_path: Path) -> None:
    """boolq has no test split: one file is its validation split."""
    (task,) = resolved(tmp_path, "boolq", {"boolq": rows(tmp_path, "b.jsonl", BOOLQ)})

    assert [item.answer for item in task.items] == ["yes"] * 5


def test_a_task_still_prepares_its_documents(tmp_path: Path) -> None:
    """What a task makes of its documents (process_docs) it makes of the file's."""
    (task,) = resolved(tmp_path, "hellaswag", {"hellaswag": rows(tmp_path, "h.jsonl", SWAG)})

    assert task.items[0].prompt == "Cooking: A man has 0 eggs. He"
    assert task.items[0].choices[0] == "breaks them. all."


def test_members_of_a_group_go_by_their_own_names(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a group, a member with a file is asked its documents, and the others their own."""
    import datasets

    def load(path: str, **_: Any) -> Any:
        split = datasets.Dataset.from_list([{"input": "not ( )", "target": "True"}])
        return {"test": split}

    monkeypatch.setattr("lm_eval.api.task.datasets.load_dataset", load)
    documents = [{"input": f"not {n}", "target": "No"} for n in range(3)]
    file = rows(tmp_path, "n.jsonl", documents)

    tasks = resolved(tmp_path, "bbh_cot_fewshot", {"bbh_cot_fewshot_navigate": file})

    sizes = {task.name: len(task.items) for task in tasks}
    assert sizes.pop("bbh_cot_fewshot_navigate") == 3
    assert len(sizes) > 20
    assert set(sizes.values()) == {1}


def test_a_changed_file_is_read_anew(tmp_path: Path) -> None:
    """A file that changed under the same path and time is not taken for the old one."""
    file = Path(rows(tmp_path, "b.jsonl", BOOLQ))
    before = file.stat()
    resolved(tmp_path, "boolq", {"boolq": str(file)})
    rows(tmp_path, "b.jsonl", [{**row, "label": 0} for row in BOOLQ])
    os.utime(file, ns=(before.st_atime_ns, before.st_mtime_ns))

    (task,) = resolved(tmp_path, "boolq", {"boolq": str(file)})

    assert [item.answer for item in task.items] == ["no"] * 5


def test_answers_over_a_local_file_are_scored(tmp_path: Path, tiny_base: Path) -> None:
    """A checkpoint answers local documents of a multiple-choice task."""
    asker = runner({"arc_easy": rows(tmp_path, "a.jsonl", ARC)})
    file = suite(tmp_path, "{name: arc_easy, num_fewshot: 0}")
    (task,) = asker.resolve([load_suite(str(file))], EvalSettings())

    answers = asker.ask(find_base(str(tiny_base), FindOptions()), task, task.items, EvalSettings())

    assert all(answer.score in (0.0, 1.0) for answer in answers)
    assert all(
        answer.text in item.choices for answer, item in zip(answers, task.items, strict=True)
    )


# --- formats -------------------------------------------------------------------------------------


def test_a_json_list_is_read(tmp_path: Path) -> None:
    """A .json file with a list of objects gives the same items as JSON Lines."""
    lines = resolved(tmp_path, "boolq", {"boolq": rows(tmp_path, "b.jsonl", BOOLQ)})
    (tmp_path / "b.json").write_text(json.dumps(BOOLQ, indent=1), encoding="utf-8")

    listed = resolved(tmp_path, "boolq", {"boolq": str(tmp_path / "b.json")})

    assert listed[0].items == lines[0].items


def test_a_csv_is_read(tmp_path: Path) -> None:
    """A .csv file with a header gives the same items; columns of whole numbers are numbers."""
    lines = resolved(tmp_path, "boolq", {"boolq": rows(tmp_path, "b.jsonl", BOOLQ)})
    text = "".join(f'"The lamp {n} is on.",is the lamp {n} on,{n},1\n' for n in range(5))
    (tmp_path / "b.csv").write_text("passage,question,idx,label\n" + text, encoding="utf-8")

    read = resolved(tmp_path, "boolq", {"boolq": str(tmp_path / "b.csv")})

    assert read[0].items == lines[0].items


def test_a_parquet_file_is_read(tmp_path: Path) -> None:
    """A .parquet file gives the same items."""
    import datasets

    lines = resolved(tmp_path, "arc_easy", {"arc_easy": rows(tmp_path, "a.jsonl", ARC)})
    datasets.Dataset.from_list(ARC).to_parquet(str(tmp_path / "a.parquet"))

    read = resolved(tmp_path, "arc_easy", {"arc_easy": str(tmp_path / "a.parquet")})

    assert read[0].items == lines[0].items


def test_what_a_target_is_read_from_is_read(tmp_path: Path) -> None:
    """Compressed rows, tabs and a list inside an object give the same items."""
    lines = resolved(tmp_path, "boolq", {"boolq": rows(tmp_path, "b.jsonl", BOOLQ)})
    text = (tmp_path / "b.jsonl").read_bytes()
    (tmp_path / "b.jsonl.gz").write_bytes(gzip.compress(text))
    (tmp_path / "b.json").write_text(json.dumps({"data": BOOLQ}), encoding="utf-8")
    cells = "".join("\t".join(map(str, row.values())) + "\n" for row in BOOLQ)
    (tmp_path / "b.tsv").write_text("\t".join(BOOLQ[0]) + "\n" + cells, encoding="utf-8")

    for name in ("b.jsonl.gz", "b.json", "b.tsv"):
        (task,) = resolved(tmp_path, "boolq", {"boolq": str(tmp_path / name)})
        assert task.items == lines[0].items


def test_a_saved_dataset_is_read(tmp_path: Path) -> None:
    """A folder that `datasets` has saved gives the same items, and its files' bytes count."""
    import datasets

    lines = resolved(tmp_path, "boolq", {"boolq": rows(tmp_path, "b.jsonl", BOOLQ)})
    datasets.Dataset.from_list(BOOLQ).save_to_disk(str(tmp_path / "saved"))

    (task,) = resolved(tmp_path, "boolq", {"boolq": str(tmp_path / "saved")})

    assert task.items == lines[0].items


def test_the_digest_is_of_the_files_bytes(tmp_path: Path) -> None:
    """What the question names as its data is the SHA-256 of the file, whatever its form."""
    import datasets

    datasets.Dataset.from_list(BOOLQ).to_parquet(str(tmp_path / "b.parquet"))
    rows(tmp_path, "b.jsonl", BOOLQ)

    for name in ("b.parquet", "b.jsonl"):
        file = tmp_path / name
        assert _table(str(file), "data.boolq").sha256 == sha256(file.read_bytes()).hexdigest()


# --- splits --------------------------------------------------------------------------------------


def test_shots_come_from_the_split_that_the_task_takes_them_from(
    tmp_path: Path, tiny_base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """With a file for each split, the examples of gsm8k are those of its train split."""
    files = {"test": rows(tmp_path, "a.jsonl", SUMS), "train": rows(tmp_path, "t.jsonl", SHOTS)}
    asker = runner({"gsm8k": files})
    file = suite(tmp_path, "{name: gsm8k, num_fewshot: 2}")
    (task,) = asker.resolve([load_suite(str(file))], EvalSettings())
    base = find_base(str(tiny_base), FindOptions())
    model = support.model_of(asker, base)
    monkeypatch.setattr(type(model), "max_length", 4096)
    monkeypatch.setattr(model, "generate", support.saying(["#### 1"] * 8))

    asker.ask(base, task, task.items, EvalSettings())

    for item in task.items:
        prompt = asker._tasks["gsm8k"].requests(item)[0].args[0]
        assert prompt.count("+ 2?") == 2
        assert prompt.count("+ 1?") == 1


def test_shots_without_their_split_are_refused(tmp_path: Path) -> None:
    """One file alone does not say where the examples of gsm8k come from."""
    data = {"gsm8k": rows(tmp_path, "a.jsonl", SUMS)}

    with support.refused("data.no-shots", 2, "data.gsm8k"):
        resolved(tmp_path, "gsm8k", data)


def test_without_shots_one_file_is_enough(tmp_path: Path) -> None:
    """Where the protocol asks for no shots, gsm8k needs no train split."""
    data = {"gsm8k": rows(tmp_path, "a.jsonl", SUMS)}

    (task,) = resolved(tmp_path, "gsm8k", data, EvalSettings(num_fewshot=0))

    assert len(task.items) == 8


def test_examples_that_lm_eval_ships_need_no_split(tmp_path: Path) -> None:
    """gsm8k_cot has its eight examples in its configuration."""
    (task,) = resolved(tmp_path, "gsm8k_cot", {"gsm8k_cot": rows(tmp_path, "a.jsonl", SUMS)})

    assert len(task.items) == 8


@pytest.mark.parametrize(
    ("splits", "error"),
    [
        (["test", "trian"], ("data.unknown-split", 2, "data.gsm8k.trian")),
        (["train"], ("data.no-evaluated-split", 2, "data.gsm8k")),
    ],
)
def test_splits_are_those_of_the_task(tmp_path: Path, splits: list[str], error: Any) -> None:
    """A split that the task lacks is refused, and so is none to evaluate."""
    file = rows(tmp_path, "a.jsonl", SUMS)

    with support.refused(*error):
        resolved(tmp_path, "gsm8k", {"gsm8k": dict.fromkeys(splits, file)})


# --- what is part of the question ----------------------------------------------------------------


def test_the_content_is_part_of_the_task_and_the_path_is_not(tmp_path: Path) -> None:
    """The same bytes elsewhere are the same task; another text in the shots is another."""
    digests = []
    for name, shots in (("one", SHOTS), ("two", SHOTS), ("three", SHOTS[:-1])):
        files = {
            "test": rows(tmp_path / name, "a.jsonl", SUMS),
            "train": rows(tmp_path / name, "t.jsonl", shots),
        }
        (task,) = resolved(tmp_path, "gsm8k", {"gsm8k": files})
        digests.append(task.digest)

    assert digests[0] == digests[1] != digests[2]


def test_a_limit_is_part_of_a_stock_task(tmp_path: Path) -> None:
    """Another limit is another question, over the same items."""
    data = {"boolq": rows(tmp_path, "b.jsonl", BOOLQ)}
    (plain,) = resolved(tmp_path, "boolq", data)

    (cut,) = resolved(tmp_path, "{name: boolq, limit: 2}", data)

    assert cut.items == plain.items
    assert (cut.limit, cut.digest == plain.digest) == (2, False)


# --- what does not fit ---------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("entry", "name", "error"),
    [
        ("boolq", "bolq", ("data.unknown-task", 2, "data.bolq")),
        ("boolq", "piqa", ("data.unknown-task", 2, "data.piqa", "boolq")),
        (
            "mmlu_stem",
            "mmlu_stem",
            ("data.several-tasks", 2, "data.mmlu_stem", "mmlu_abstract_algebra"),
        ),
    ],
)
def test_names_that_no_suite_asks_for_are_refused(
    tmp_path: Path, entry: str, name: str, error: Any
) -> None:
    """A misspelt name, a task of no suite, or a group's own name is one clear line."""
    with support.refused(*error):
        resolved(tmp_path, entry, {name: rows(tmp_path, "b.jsonl", BOOLQ)})


def test_own_items_take_no_data(tmp_path: Path) -> None:
    """Data for a task with items of its own is refused, without a look at lm-eval's index."""
    file = support.write_suite(tmp_path)

    with support.refused("data.unknown-task", 2, "data.say"):
        runner({"say": "x.jsonl"}).resolve([load_suite(str(file))], EvalSettings())


@pytest.mark.parametrize(
    ("name", "text", "error"),
    [
        ("b.jsonl", '{"a": 1}\n{"a": }\n', ("data.misfit", 2, "data.boolq", "b.jsonl:2")),
        ("b.jsonl", '{"a": 1}\n[1]\n', ("data.misfit", 2, "data.boolq", "b.jsonl:2")),
        ("b.jsonl", '{"a": 1}\n\n{"b": 1}\n', ("data.misfit", 2, "data.boolq", "b.jsonl:3", "'a'")),
        ("b.jsonl", '{"a": 1}\n{"a": "x"}\n', ("data.no-table", 2, "data.boolq", "b.jsonl")),
        ("b.jsonl", "\n", ("data.misfit", 2, "data.boolq", "b.jsonl")),
        ("b.json", '[{"a": 1},\n{"a" 2}]', ("data.misfit", 2, "data.boolq", "b.json:2")),
        ("b.json", '[{"a": 1}, 2]', ("data.misfit", 2, "data.boolq", "b.json:1")),
        ("b.csv", "a,b\n1,2\n1\n", ("data.misfit", 2, "data.boolq", "b.csv:3")),
        ("b.csv", "a,a\n1,2\n", ("data.misfit", 2, "data.boolq", "b.csv:1")),
        ("b.csv", 'a,b\n1,"2\n', ("data.misfit", 2, "data.boolq", "b.csv:2")),
        ("b.parquet", "PAR2", ("data.misfit", 2, "data.boolq", "b.parquet")),
        ("b.txt", "x", ("data.misfit", 2, "data.boolq", "b.txt:1")),
        ("b.xlsx", "x", ("data.misfit", 2, "data.boolq", "b.xlsx")),
    ],
)
def test_bad_files_name_the_line(tmp_path: Path, name: str, text: str, error: Any) -> None:
    """What cannot be read says which file, and which line where there is one."""
    (tmp_path / name).write_text(text, encoding="utf-8")

    with support.refused(*error):
        resolved(tmp_path, "boolq", {"boolq": str(tmp_path / name)})


@pytest.mark.parametrize("name", ["none.jsonl", "none.parquet"])
def test_a_missing_file_is_named(tmp_path: Path, name: str) -> None:
    """A file that is not there is one line, of the plan's key and the path."""
    with support.refused("data.misfit", 2, "data.boolq", name):
        resolved(tmp_path, "boolq", {"boolq": str(tmp_path / name)})


@pytest.mark.parametrize(
    ("entry", "documents", "error"),
    [
        ("boolq", [{"text": "x"}], ("data.misfit", 2, "b.jsonl:1")),
        (  # google/boolq, whose rows are not those of super_glue
            "boolq",
            [{"question": "is it on", "passage": "It is on.", "answer": True}],
            ("data.misfit", 2, "b.jsonl:1", "no column 'label'", "answer, passage, question"),
        ),
        (
            "arc_easy",
            [*ARC[:2], {**ARC[2], "answerKey": "E"}],
            ("data.misfit", 2, "b.jsonl:3", "arc_easy"),
        ),
        (
            "boolq",
            [*BOOLQ[:1], {**BOOLQ[1], "label": 7}],
            ("data.misfit", 2, "b.jsonl:2"),
        ),
        ("hellaswag", [{"ctx_a": "x"}], ("data.misfit", 2, "b.jsonl")),
    ],
)
def test_documents_in_another_layout_are_refused(
    tmp_path: Path, entry: str, documents: list[dict[str, Any]], error: Any
) -> None:
    """A document that the task cannot use, or whose answer is no choice, is named by its line."""
    file = rows(tmp_path, "b.jsonl", documents)

    with support.refused(*error):
        resolved(tmp_path, f"{{name: {entry}, num_fewshot: 0}}", {entry: file})


def test_shots_in_another_layout_are_refused(tmp_path: Path, tiny_base: Path) -> None:
    """Examples that cannot be put into a prompt are an error of the file, not of the template."""
    files = {"test": rows(tmp_path, "a.jsonl", SUMS), "train": rows(tmp_path, "t.jsonl", BOOLQ)}
    asker = runner({"gsm8k": files})
    (task,) = asker.resolve([load_suite(str(suite(tmp_path, "gsm8k")))], EvalSettings())

    with support.refused("data.misfit", 2, "t.jsonl"):
        asker.ask(find_base(str(tiny_base), FindOptions()), task, task.items, EvalSettings())


def test_tasks_that_are_programs_take_no_data(tmp_path: Path) -> None:
    """A task that lm-eval has as a class of its own loads its own data, and says so."""
    file = rows(tmp_path, "b.jsonl", BOOLQ)

    with support.refused("task.program", 2, "data.squad_completion"):
        resolved(tmp_path, "squad_completion", {"squad_completion": file})


# --- plan and flag -------------------------------------------------------------------------------


def test_paths_are_taken_from_the_plans_folder(tmp_path: Path) -> None:
    """A file beside the plan is found from anywhere, of a split as of a task."""
    rows(tmp_path, "a.jsonl", ARC)
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "candidate: c\nsuites: [adjacent]\n"
        "data: {boolq: a.jsonl, gsm8k: {test: a.jsonl, train: elsewhere.jsonl}}\n",
        encoding="utf-8",
    )

    beside = str(tmp_path / "a.jsonl")
    assert load_plan(plan).data == {
        "boolq": beside,
        "gsm8k": {"test": beside, "train": "elsewhere.jsonl"},
    }


def test_the_flag_adds_to_the_plans_files(tmp_path: Path) -> None:
    """--data names one file for a task, or one for each of its splits, beside the plan's."""
    plan = tmp_path / "plan.yaml"
    plan.write_text("candidate: c\nsuites: [adjacent]\ndata: {piqa: p.jsonl}\n", encoding="utf-8")
    given = overrides({"data": ["boolq=b=1.jsonl", "gsm8k:test=t.jsonl", "gsm8k:train=s.jsonl"]})

    assert load_plan(plan, given).data == {
        "piqa": "p.jsonl",
        "boolq": "b=1.jsonl",
        "gsm8k": {"test": "t.jsonl", "train": "s.jsonl"},
    }


@pytest.mark.parametrize(
    ("given", "error_id"),
    [
        (["boolq"], "data.form"),
        (["=x"], "data.form"),
        (["boolq="], "data.form"),
        (["boolq:=x"], "data.form"),
        (["a=x", "a=y"], "data.twice"),
        (["a=x", "a:b=y"], "data.twice"),
        (["a:b=x"] * 2, "data.twice"),
    ],
)
def test_a_flag_that_says_nothing_or_too_much_is_refused(given: list[str], error_id: str) -> None:
    """A flag without name or path, or for what has a file already, is a usage error."""
    with support.refused(error_id, 2, "--data"):
        overrides({"data": given})


def test_the_command_line_says_in_one_line_what_is_wrong(tmp_path: Path) -> None:
    """`plan --data` with a bad file is exit code 2 and one line on stderr."""
    (tmp_path / "b.jsonl").write_text("{\n", encoding="utf-8")
    words = ["plan", "--base", "b", "--suite", str(suite(tmp_path, "boolq"))]

    done = CliRunner().invoke(app, [*words, "--data", f"boolq={tmp_path / 'b.jsonl'}"])

    assert done.exit_code == 2
    assert re.match(r"cliffguard: error\[[a-z.-]+\]: data\.boolq: ", done.stderr)
    assert len(done.stderr.splitlines()) == 1


def test_shots_of_a_named_split_are_a_groups_members_own(tmp_path: Path) -> None:
    """mmlu's shots are of its dev split, and need a file for it."""
    file = rows(tmp_path, "m.jsonl", MMLU)
    entry = "{name: mmlu_anatomy, num_fewshot: 2}"

    with support.refused("data.no-shots", 2):
        resolved(tmp_path, entry, {"mmlu_anatomy": file})
    (task,) = resolved(tmp_path, entry, {"mmlu_anatomy": {"test": file, "dev": file}})

    assert [item.answer for item in task.items] == list("ABCD")
