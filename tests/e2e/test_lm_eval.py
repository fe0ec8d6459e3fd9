"""lm-eval's command line with our model prints the table that it prints with its own."""

from __future__ import annotations

import os
import subprocess
import sys
from functools import partial
from pathlib import Path

import pytest

from cliffguard.runners.lmeval_cli import run_lm_eval
from tests import support

pytestmark = pytest.mark.slow

CHOICE = """\
task: ball_local
dataset_path: json
dataset_kwargs:
  data_files: {{test: {folder}/ball.jsonl}}
test_split: test
fewshot_split: test
output_type: multiple_choice
doc_to_text: "{{{{prompt}}}}"
doc_to_choice: "{{{{choices}}}}"
doc_to_target: "{{{{choices.index(answer)}}}}"
metric_list:
  - {{metric: acc, aggregation: mean, higher_is_better: true}}
  - {{metric: acc_norm, aggregation: mean, higher_is_better: true}}
  - {{metric: brier_score, aggregation: brier_score, higher_is_better: false}}
metadata: {{version: 1.0}}
"""
TEXT = """\
task: text_local
dataset_path: json
dataset_kwargs:
  data_files: {{test: {folder}/ball.jsonl}}
test_split: test
output_type: loglikelihood_rolling
doc_to_text: ""
doc_to_target: "{{{{prompt}}}}"
metric_list: [{{metric: bits_per_byte}}]
metadata: {{version: 1.0}}
"""
GENERATED = """\
task: said_local
dataset_path: json
dataset_kwargs:
  data_files: {{test: {folder}/ball.jsonl}}
test_split: test
output_type: generate_until
doc_to_text: "{{{{prompt}}}}"
doc_to_target: "{{{{answer}}}}"
generation_kwargs: {{until: ["\\n"], max_gen_toks: 6, do_sample: false}}
metric_list: [{{metric: exact_match}}]
metadata: {{version: 1.0}}
"""


@pytest.fixture(scope="module")
def tasks(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """A folder with three tasks of lm-eval's over the same items."""
    folder = tmp_path_factory.mktemp("tasks")
    support.write_jsonl(folder / "ball.jsonl", support.choice_rows(40))
    for name, text in (("ball", CHOICE), ("text", TEXT), ("said", GENERATED)):
        (folder / f"{name}.yaml").write_text(text.format(folder=folder))
    return folder


def words(model: str, arguments: str, tasks: Path, *more: str) -> list[str]:
    """Return the words of an evaluation on the CPU."""
    return [
        "run", "--model", model, "--model_args", f"{arguments},dtype=float32",
        "--tasks", "ball_local,text_local,said_local", "--include_path", str(tasks),
        "--device", "cpu", *more,
    ]  # fmt: skip


def table(printed: str, model: str) -> list[str]:
    """Return the table that was printed, without the line above it, which names the model."""
    lines = [line for line in printed.splitlines() if line.strip()]
    heads = [number for number, line in enumerate(lines) if line.startswith(f"{model} (")]
    assert len(heads) == 1, f"lm-eval printed no table, or several: {printed!r}"
    rows = lines[heads[0] + 1 :]
    assert len(rows) >= 6, f"lm-eval printed only {rows}"
    return rows


def test_the_command_prints_the_table_of_hf(tasks: Path, tiny_base: Path, tmp_path: Path) -> None:
    """`cliffguard lm-eval run` with our model and with hf: the same values to the last decimal."""
    tables = {}
    for model in ("cliffguard", "hf"):
        done = subprocess.run(
            [
                sys.executable, "-m", "cliffguard", "lm-eval",
                *words(model, f"pretrained={tiny_base}", tasks),
            ],
            env={**os.environ, "HF_DATASETS_CACHE": str(tmp_path / "datasets")},
            capture_output=True,
            text=True,
            check=False,
        )  # fmt: skip
        assert done.returncode == 0, done.stderr
        tables[model] = table(done.stdout, model)

    assert tables["cliffguard"] == tables["hf"]


@pytest.fixture
def local_tasks_only(monkeypatch: pytest.MonkeyPatch, tmp_path: Path) -> None:
    """Spare lm-eval the reading of its own 14,000 task files."""
    import lm_eval.tasks

    monkeypatch.setattr(
        lm_eval.tasks, "TaskManager", partial(lm_eval.tasks.TaskManager, include_defaults=False)
    )
    monkeypatch.setattr("datasets.config.HF_DATASETS_CACHE", tmp_path / "datasets")
    monkeypatch.setattr(sys, "argv", ["lm-eval"])


@pytest.mark.usefixtures("local_tasks_only")
@pytest.mark.parametrize(
    "more",
    [
        [],
        ["--batch_size", "4"],
        ["--num_fewshot", "2"],
        ["--system_instruction", "Be brief.", "--apply_chat_template"],
    ],
    ids=" ".join,
)
@pytest.mark.parametrize("tuned", [False, True], ids=["base", "adapter"])
def test_lm_evals_own_options_work_alike(
    more: list[str],
    tuned: bool,
    tasks: Path,
    tiny_base: Path,
    tiny_adapter: Path,
    capsys: pytest.CaptureFixture[str],
) -> None:
    """With an adapter, shots, a template or a batch size, the tables are alike."""
    arguments = f"pretrained={tiny_base}" + (f",peft={tiny_adapter}" if tuned else "")
    tables = {}
    for model in ("cliffguard", "hf"):
        run_lm_eval(words(model, arguments, tasks, *more))
        tables[model] = table(capsys.readouterr().out, model)

    assert tables["cliffguard"] == tables["hf"]


@pytest.mark.usefixtures("local_tasks_only")
def test_an_adapter_changes_the_table(
    tasks: Path, tiny_base: Path, tiny_adapter: Path, capsys: pytest.CaptureFixture[str]
) -> None:
    """peft=… is not lost on the way: the adapter's values are not the base's."""
    tables = []
    for more in ("", f",peft={tiny_adapter}"):
        run_lm_eval(words("cliffguard", f"pretrained={tiny_base}{more}", tasks))
        tables.append(table(capsys.readouterr().out, "cliffguard"))

    assert tables[0] != tables[1]
