"""The bench measures both sides on a tiny model, and its report keeps what others measured."""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

import pytest
import torch
from lm_eval.api.instance import Instance
from torch import nn

from cliffguard.engine import prepacked
from cliffguard.engine.lm import CliffguardLM
from cliffguard.engine.prepacked import PrepackedLinear
from scripts.studies.engine import bench, overview, peak
from scripts.studies.engine.measuring import in_turns, paired
from scripts.studies.engine.report import as_markdown, write
from scripts.studies.engine.tasks import Task
from scripts.studies.engine.test_ablations import lm  # noqa: F401  a fixture

packs = pytest.mark.skipif(not prepacked.is_known(), reason="another release of torch")


def task_of(kind: Any, prompts: list[str]) -> Task:
    """Return a task with a request for each prompt."""
    requests = [Instance(kind, {}, (prompt, " a"), 0) for prompt in prompts]
    return Task(name="arc_5shot", kind=kind, n_items=len(prompts), requests=requests)


@pytest.fixture
def arguments(lm: CliffguardLM, tmp_path: Path) -> argparse.Namespace:  # noqa: F811
    """Return what measures a tiny model in float32 on three made-up questions."""
    lm.model.save_pretrained(tmp_path / "model")
    lm.tokenizer.save_pretrained(tmp_path / "model")
    (tmp_path / "arc").mkdir()
    rows = [
        {
            "query": f"Which of both letters goes with the number {n}?",
            "choices": ["a", "b"],
            "gold": n % 2,
        }
        for n in range(12)
    ]
    text = "".join(json.dumps(row) + "\n" for row in rows)
    (tmp_path / "arc" / "arc_easy.jsonl").write_text(text)
    return argparse.Namespace(
        data=tmp_path, model=str(tmp_path / "model"), items=3, repeats=2, hf_batch=4,
        tasks=["arc_5shot"], dtypes=["float32", "bfloat16"],
    )  # fmt: skip


def test_the_overview_has_a_row_for_each_dtype(arguments: argparse.Namespace) -> None:
    """With seconds of both sides, the share of the peak, and how far the answers are apart."""
    rows = list(overview.overview(arguments))

    assert [row["dtype"] for row in rows] == ["float32", "bfloat16"]
    assert rows[0]["parity"].endswith("0 of 6 greedy flags differ")
    assert float(rows[0]["parity"].split()[0]) < 1e-4
    for row in rows:
        assert (row["items"], row["items_a_prefix"]) == (3, 3.0)
        assert all(len(row["seconds"][side]) == 2 for side in ("hf", "engine"))
        assert row["gflop"]["hf"] > 2 * row["gflop"]["engine"] > 0
        assert 0 < row["share_of_peak"]["engine"] < 1
        assert len(overview.cells(row)) == len(overview.HEAD)


def test_items_are_counted_by_the_text_before_them() -> None:
    """Examples of a subject are one prefix; questions without any have one each."""
    subjects = ["geography " * 30, "astronomy " * 30]
    shared = [f"{subject}{number}" for subject in subjects for number in range(4)]

    assert overview.items_a_prefix(task_of("loglikelihood", shared)) == 4.0
    assert overview.items_a_prefix(task_of("loglikelihood", ["one", "two", "two"])) == 1.0


def test_parity_is_the_largest_distance() -> None:
    """Of sums of log-likelihoods, with greedy flags; of texts how many are the same."""
    task = task_of("loglikelihood", ["a", "b"])
    apart = overview.parity(task, [(-1.0, True), (-2.0, False)], [(-1.5, True), (-2.0, True)])

    assert apart == "5.0e-01 nats, 1 of 2 greedy flags differ"
    assert overview.parity(task_of("generate_until", ["a"]), ["x", "y"], ["x", "z"]) == (
        "1 of 2 texts"
    )


def test_operations_are_those_of_the_linear_layers() -> None:
    """Two for each weight that a row meets, plain or laid out."""
    model = nn.Sequential(nn.Linear(128, 256), nn.ReLU(), nn.Linear(256, 128))

    with peak.linear_flops(model) as counted:
        model(torch.ones(2, 3, 128))

    assert counted() == pytest.approx(1e-9 * 2 * 6 * 2 * 128 * 256)


@packs
def test_layers_are_laid_out_and_put_back() -> None:
    """Both ways are measured over the same weights."""
    model = nn.Sequential(nn.Linear(128, 256))

    peak.lay_out(model, is_packed=True)
    assert type(model[0]) is PrepackedLinear
    peak.lay_out(model, is_packed=False)
    assert type(model[0]) is nn.Linear


def test_a_peak_is_measured_in_every_dtype() -> None:
    """In GFLOP a second, which no processor has fewer of than this."""
    assert all(peak.matmul_peak(dtype) > 0.1 for dtype in (torch.float32, torch.bfloat16))


def test_sides_take_turns_at_being_first() -> None:
    """What the first run warms up is nobody's gain."""
    assert list(in_turns(("engine", "hf"), 2)) == ["hf", "engine", "engine", "hf"]
    assert paired([4.0, 9.0], [2.0, 3.0]) == {"median": 2.5, "min": 2.0, "max": 3.0}


def figures_of(machine: str, dtype: str, task: str) -> dict[str, Any]:
    """Return a row of the overview."""
    return {
        "machine": machine, "dtype": dtype, "task": task, "items": 3, "items_a_prefix": 3.0,
        "seconds": {"hf": [4.0], "engine": [2.0]}, "ratio": {"median": 2.0},
        "share_of_peak": {"hf": 0.9, "engine": 0.5}, "fallback_reason": None, "parity": "0 nats",
    }  # fmt: skip


def test_a_run_replaces_what_it_measures_anew(monkeypatch: pytest.MonkeyPatch) -> None:
    """Rows of another machine, dtype or task stay."""
    monkeypatch.setattr(bench, "machine_kind", lambda: "here")
    arguments = argparse.Namespace(dtypes=["float32"], tasks=["arc_5shot"])

    rows = [
        figures_of(*names)
        for names in (
            ("here", "float32", "arc_5shot"), ("there", "float32", "arc_5shot"),
            ("here", "bfloat16", "arc_5shot"), ("here", "float32", "mmlu_5shot"),
        )
    ]  # fmt: skip

    assert [bench.replaced(row, arguments) for row in rows] == [True, False, False, False]
    assert bench.replaced({"task": "arc_5shot"}, arguments)
    assert sorted(rows, key=bench.order)[0] == figures_of("here", "float32", "arc_5shot")


def test_the_overview_comes_first_in_the_report(tmp_path: Path) -> None:
    """Written beside the figures."""
    figures = {
        "model": "tiny",
        "commands": ["python -m …"],
        "machine": {"cpu": "x", "cores": 1, "threads": 1, "python": "3", "libraries": {}},
        "sections": {"overview": [figures_of("here", "float32", "arc_5shot")]},
    }

    write(figures, tmp_path)

    assert json.loads((tmp_path / "figures.json").read_text())["sections"] == figures["sections"]
    assert "| here | float32 | arc_5shot | 3 | 3 | 4.0 | 2.0 | 2.00 | 90 % | 50 % | 0 nats |" in (
        as_markdown(figures)
    )


def test_the_committed_report_is_of_the_committed_figures() -> None:
    """A key that was renamed would end a run after its first row."""
    folder = Path(__file__).resolve().parents[3] / "reports" / "engine"
    figures = json.loads((folder / "figures.json").read_text(encoding="utf-8"))

    assert as_markdown(figures) == (folder / "README.md").read_text(encoding="utf-8")


def test_a_machine_replaces_its_own_section(tmp_path: Path) -> None:
    """And leaves those of others, in the order of their names."""
    path = tmp_path / "report.md"
    for kind, section in (("B", "first"), ("A", "other"), ("B", "second")):
        peak.with_section(path, "# Head\n", kind, section)

    assert path.read_text() == "# Head\n\n## A\n\nother\n\n## B\n\nsecond\n"
