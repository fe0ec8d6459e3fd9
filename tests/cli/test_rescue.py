"""`cliffguard rescue`: what it prints, writes and returns, and what it refuses."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import replace
from functools import cache
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import Result

from cliffguard.cli.console import ProgressOutput
from cliffguard.cli.rescue import _print_curve
from cliffguard.core.half import Half
from cliffguard.core.rescues import RescueRecord
from cliffguard.planning.rescue import Rescue
from tests import support
from tests.cli.test_verbs import run, scripted
from tests.planning.test_rescue import Bench, bench, clustered, half_as_much, late, steep

pytestmark = pytest.mark.slow


@pytest.fixture
def work(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """A fine-tune whose target gains with the scale, and which loses a lot from 0.5 on."""
    return commanded(bench(tmp_path, late, half_as_much), monkeypatch)


def commanded(work: Bench, monkeypatch: pytest.MonkeyPatch) -> Bench:
    """Let the command line ask the script of a bench, and write its plan."""
    work.runner = scripted(monkeypatch, work.runner.script)
    plan = {"base": work.plan.base, "candidate": work.plan.candidate}
    written = {**plan, "suites": list(work.plan.suites)}
    (work.root / "plan.yaml").write_text(yaml.safe_dump(written))
    return work


def rescue(work: Bench, *more: str, plan: str = "plan.yaml") -> Result:
    """Run `rescue` over the plan."""
    out = () if "--out" in more else ("--out", str(work.root / "out"))
    return run("rescue", str(work.root / plan), "--store", str(work.root / "store"), *out, *more)


@cache
def rescued_in(folder: Path) -> tuple[Bench, Result]:
    """Return a bench in a folder, and what the command printed over it, once."""
    with pytest.MonkeyPatch.context() as patched:
        work = commanded(bench(folder, late, half_as_much), patched)
        return work, rescue(work)


@pytest.fixture
def rescued(
    tmp_path_factory: pytest.TempPathFactory, monkeypatch: pytest.MonkeyPatch
) -> tuple[Bench, Result]:
    """The bench after its rescue, for tests that change nothing in its folder."""
    work, result = rescued_in(tmp_path_factory.getbasetemp() / "rescued-by-command")
    return replace(work, runner=scripted(monkeypatch, work.runner.script)), result


def listed(folder: Path) -> list[str]:
    """Return what lies in a folder, but for what is hidden."""
    return sorted(path.name for path in folder.iterdir() if not path.name.startswith("."))


def test_a_scale_that_passes_exits_0(rescued: tuple[Bench, Result]) -> None:
    """It prints the curve of the selection half, the verdict on the judged one, and the cost."""
    work, result = rescued

    record = json.loads((work.root / "out" / "rescue.json").read_text())
    assert result.exit_code == 0, result.output
    assert record["chosen"] == 0.5
    for part in (record["chosen_on"]["digest"], record["judged"]["digest"]):
        assert part[:12] in result.stderr
    rows = [line.split() for line in result.stderr.splitlines()]
    curve = {row[0]: row for row in rows if row and row[0] in {"0", "0.25", "0.5", "0.75", "1"}}
    assert len(curve) == 5
    for point in record["points"]:
        assert f"{100 * point['drop']:+.1f}" in curve[f"{point['scale']:g}"]
        assert f"{100 * point['gain']:+.1f}" in curve[f"{point['scale']:g}"]
    assert f"{record['n_asked']:,} answers were asked" in result.stderr


def test_the_scaled_checkpoint_its_plan_and_reports_are_written(
    rescued: tuple[Bench, Result],
) -> None:
    """The plan names the judged half by its digest."""
    out = rescued[0].root / "out"

    assert set(listed(out)) >= {"model", "plan.yaml", "policy.yaml", "rescue.json", "review.json"}
    plan = yaml.safe_load((out / "plan.yaml").read_text())
    record = json.loads((out / "rescue.json").read_text())
    assert plan["half"] == record["judged"]
    assert plan["candidate"] == "model"


def test_a_check_of_the_plan_asks_nothing_and_gives_the_same_verdict(
    rescued: tuple[Bench, Result], tmp_path: Path
) -> None:
    """The command that the rescue prints."""
    work, first = rescued
    out, again = work.root / "out", tmp_path / "again"

    store = ("--store", str(work.root / "store"))
    result = run("check", str(out / "plan.yaml"), *store, "--out", str(again))

    assert result.exit_code == first.exit_code == 0
    assert work.runner.n_asked == 0
    verdicts = [json.loads((f / "review.json").read_text())["verdict"] for f in (out, again)]
    assert verdicts[0] == verdicts[1]
    assert f"cliffguard check {out / 'plan.yaml'}" in first.stderr


def test_a_folder_that_is_moved_gives_the_same_verdict(work: Bench) -> None:
    """Its plan names the checkpoint beside it as it lies there, and nothing is asked again."""
    first = rescue(work)
    n_asked = work.runner.n_asked
    out, moved = work.root / "out", work.root / "elsewhere" / "moved"
    moved.parent.mkdir()
    out.rename(moved)

    store = ("--store", str(work.root / "store"))
    again = ("--out", str(work.root / "again"))
    result = run("check", str(moved / "plan.yaml"), *store, *again)

    assert result.exit_code == first.exit_code == 0
    assert work.runner.n_asked == n_asked


def test_none_leaves_nothing_of_an_earlier_choice(work: Bench) -> None:
    """After whatever made every scale lose, the folder has nothing to ship and no plan of it."""
    rescue(work)
    out = work.root / "out"
    left = {"model", "plan.yaml", "policy.yaml"}
    assert left <= set(listed(out))
    other = bench(work.root / "other", steep)

    record, review = Rescue(
        plan=work.plan, store=other.store, runner=other.runner, folder=out
    ).run()

    assert (record.chosen, review) == (None, None)
    assert not left & set(listed(out))


def test_what_the_plan_can_decide_is_of_its_half(rescued: tuple[Bench, Result]) -> None:
    """`cliffguard plan` counts the items of the judged half."""
    work, _ = rescued
    counts = [
        json.loads(run("plan", str(folder / "plan.yaml"), "--format", "json").stdout)["n_planned"]
        for folder in (work.root, work.root / "out")
    ]

    assert counts == [600, 301]


def test_no_scale_exits_10_and_says_none(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """No review and no checkpoint is left, and the record says why each is out."""
    work = commanded(bench(tmp_path, steep, half_as_much), monkeypatch)

    result = rescue(work)

    assert result.exit_code == 10
    assert "none: no scale" in result.stderr
    assert listed(tmp_path / "out") == ["rescue.json"]


def test_a_chosen_scale_that_does_not_pass_exits_as_its_verdict(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Little is lost, and few items do not prove it: INCONCLUSIVE is exit code 11."""
    work = commanded(
        bench(tmp_path, lambda s: 0.03 * (s > 0), half_as_much, n_items=130), monkeypatch
    )

    result = rescue(work)

    record = json.loads((tmp_path / "out" / "rescue.json").read_text())
    assert (record["outcome"], result.exit_code) == ("INCONCLUSIVE", 11)


def test_json_on_stdout_is_the_record(work: Bench) -> None:
    """One object, and with --quiet nothing else."""
    result = rescue(work, "--format", "json", "--quiet")

    assert result.stderr == ""
    assert result.stdout == (work.root / "out" / "rescue.json").read_text()


def test_the_same_rescue_may_be_run_again_with_and_without_a_hub(work: Bench) -> None:
    """In its own folder; whether connections are allowed is no part of what is asked."""
    first = rescue(work, "--offline")
    n_asked = work.runner.n_asked

    again = rescue(work)

    assert first.exit_code == again.exit_code == 0
    assert work.runner.n_asked == n_asked


def test_without_out_the_folder_is_named_after_the_candidate(
    work: Bench, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the reports of its check, and not over them."""
    monkeypatch.chdir(work.root)

    result = run("rescue", "plan.yaml", "--store", "store")

    assert result.exit_code == 0, result.output
    assert (work.root / "cliffguard-out" / "tuned-rescue" / "rescue.json").is_file()


def a_grid(text: str) -> Callable[[Bench], Sequence[str]]:
    """Return how a bench is given a grid."""
    return lambda _: ("--grid", text)


def several(work: Bench) -> Sequence[str]:
    """Name two candidates."""
    path = work.root / "plan.yaml"
    plan = yaml.safe_load(path.read_text())
    path.write_text(yaml.safe_dump({**plan, "candidate": [plan["candidate"], plan["base"]]}))
    return ()


def both_templates(work: Bench) -> Sequence[str]:
    """Ask for two comparisons of one candidate."""
    return ("--chat-template", "both")


def of_another(work: Bench) -> Sequence[str]:
    """Let the folder hold the record of another grid."""
    rescue(work, "--grid", "0.5")
    return ()


def with_a_review(work: Bench) -> Sequence[str]:
    """Let the folder hold the review of a check."""
    (work.root / "out").mkdir()
    (work.root / "out" / "review.json").write_text("{}")
    return ()


def of_a_half(work: Bench) -> Sequence[str]:
    """Rescue what was rescued."""
    rescue(work)
    (work.root / "out" / "plan.yaml").rename(work.root / "plan.yaml")
    (work.root / "out" / "policy.yaml").rename(work.root / "policy.yaml")
    return ("--out", str(work.root / "other"))


def in_few_clusters(work: Bench) -> Sequence[str]:
    """Put the target's items into clusters, twelve of which are in a half."""
    clustered(work, "say", 24)
    return ()


def the_base(work: Bench) -> Sequence[str]:
    """Save the base in place of the fine-tune."""
    support.write_checkpoint(work.root / "tuned", seed=0)
    return ()


def other_weights(work: Bench) -> Sequence[str]:
    """Save tensors of another name."""
    import numpy as np
    from safetensors.numpy import save_file

    save_file({"v": np.ones((4, 4), np.float32)}, work.root / "tuned" / "model.safetensors")
    return ()


BAD: dict[str, tuple[Callable[[Bench], Sequence[str]], str, int]] = {
    "a grid above 1": (a_grid("0.5,1.5"), "rescue.grid", 2),
    "a grid below 0": (a_grid("-0.5,0.5"), "rescue.grid", 2),
    "no number": (a_grid("half"), "rescue.grid", 2),
    "not a number": (a_grid("nan"), "rescue.grid", 2),
    "an empty grid": (a_grid(""), "rescue.grid", 2),
    "nothing between": (a_grid("0,1"), "rescue.grid", 2),
    "too many": (a_grid("0.1,0.2,0.3,0.4,0.5,0.6"), "rescue.grid", 2),
    "several candidates": (several, "rescue.several", 2),
    "both templates": (both_templates, "rescue.several", 2),
    "the folder of another rescue": (of_another, "rescue.other-files", 2),
    "the folder of a check": (with_a_review, "rescue.other-files", 2),
    "a half": (of_a_half, "rescue.half", 2),
    "no proof": (in_few_clusters, "rescue.no-proof", 2),
    "the base": (the_base, "sides.same-weights", 12),
    "what cannot be scaled": (other_weights, "scale.weights", 2),
}


@pytest.mark.parametrize("how", BAD)
def test_what_cannot_be_rescued_is_one_line(how: str, work: Bench) -> None:
    """With its id and exit code; what lay in the folder lies there still."""
    breaking, error_id, code = BAD[how]
    words = breaking(work)
    out = work.root / "out"
    kept = {path: path.read_bytes() for path in out.rglob("*") if path.is_file()}
    n_asked = work.runner.n_asked

    result = rescue(work, *words)

    assert result.exit_code == code, result.output
    (line,) = [line for line in result.stderr.splitlines() if "error" in line]
    assert line.startswith(f"cliffguard: error[{error_id}]: ")
    assert work.runner.n_asked == n_asked
    if "rescue.other-files" in error_id:
        assert {path: path.read_bytes() for path in out.rglob("*") if path.is_file()} == kept


def test_stored_answers_of_a_half_are_not_compared(rescued: tuple[Bench, Result]) -> None:
    """`compare` wants all of a suite; `check` of the plan asks nothing either."""
    work, _ = rescued

    result = run(
        "compare", str(work.root / "out" / "plan.yaml"), "--store", str(work.root / "store")
    )

    assert result.exit_code == 2
    assert "error[half.only-check]" in result.stderr


@pytest.mark.slow
def test_stored_answers_of_both_sides_are_compared_as_before(work: Bench) -> None:
    """The halves' entries in the store do not stand in the way of the whole suite's."""
    plan, store = str(work.root / "plan.yaml"), ("--store", str(work.root / "store"))
    checked = run("check", plan, *store, "--no-early-stop", "--out", str(work.root / "checked"))
    rescue(work)

    compared = run("compare", plan, *store, "--out", str(work.root / "compared"))

    assert compared.exit_code == checked.exit_code
    reviews: list[Any] = [
        json.loads((work.root / name / "review.json").read_text())["verdict"]["outcome"]
        for name in ("checked", "compared")
    ]
    assert reviews[0] == reviews[1]


@pytest.mark.parametrize(("n", "words"), [(1, "1 item"), (2, "2 items"), (1000, "1,000 items")])
def test_the_selection_half_is_counted_in_words(
    capsys: pytest.CaptureFixture[str], n: int, words: str
) -> None:
    """Of one item, of several, of thousands."""
    record = RescueRecord(
        base="b", candidate="c", points=(), chosen=None,
        chosen_on=Half(part="selection", digest="a" * 64),
        judged=Half(part="judged", digest="b" * 64),
        outcome=None, selection=("d" * 12,) * n, n_asked=0, n_check=0,
    )  # fmt: skip

    _print_curve(record, ProgressOutput(quiet=False, verbose=True))

    first, *_ = capsys.readouterr().err.splitlines()
    assert first == f"selection half {'a' * 12}: {words}"
