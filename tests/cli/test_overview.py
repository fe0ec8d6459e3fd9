"""The overview on the command line: of `report` over several reviews, of `check` and `demo`."""

from __future__ import annotations

import json
import sys
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cliffguard.cli.app import app
from cliffguard.core.errors import InfrastructureError
from cliffguard.core.items import Item
from cliffguard.core.settings import Plan
from cliffguard.report.overview.files import OVERVIEW_FILES
from tests import support
from tests.fake_runner import FakeRunner
from tests.report import checkpoints
from tests.report.checkpoints import checkpoint, trained
from tests.report.test_overview import item


def run(*words: object) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


@pytest.fixture
def runs(tmp_path: Path) -> Path:
    """Three checkpoints of a training, as a check leaves them."""
    return checkpoints.write(tmp_path / "runs", trained(3))


def in_json(text: str) -> Any:
    """Return what a JSON text says of each candidate."""
    return [(row["name"], row["outcome"]) for row in json.loads(text)["candidates"]]


# --- report --------------------------------------------------------------------------------------


def test_reviews_and_a_folder_of_them_are_one_overview(runs: Path) -> None:
    """A file each, a folder each, or the folder above them."""
    names = [f"checkpoint-{n}" for n in (250, 500, 750)]
    by_file = run("report", *(runs / n / "review.json" for n in names), "-f", "json")
    by_folder = run("report", *(runs / n for n in names), "-f", "json")
    above = run("report", runs, "-f", "json")

    assert by_file.exit_code == 0, by_file.stderr
    assert by_file.stdout == by_folder.stdout == above.stdout
    assert in_json(above.stdout) == list(zip(names, ("FAIL", "PASS", "FAIL"), strict=True))


def test_on_a_terminal_it_is_the_matrix(runs: Path) -> None:
    """In a line a candidate and four."""
    result = run("report", runs)

    assert len(result.stdout.splitlines()) <= 3 + 4
    assert "to ship one of n, judge with --choose" in result.stdout
    assert "Last PASS: 500" in result.stdout


@pytest.mark.parametrize("columns", [80, 150])
def test_a_terminal_gets_its_width_and_a_pipe_a_hundred(
    columns: int, runs: Path, monkeypatch: pytest.MonkeyPatch, capsys: pytest.CaptureFixture[str]
) -> None:
    """Of one review and of several."""
    monkeypatch.setenv("COLUMNS", str(columns))
    for path in (runs, runs / "checkpoint-250"):
        widths = []
        for is_terminal in (True, False):
            monkeypatch.setattr(sys.stdout, "isatty", lambda shown=is_terminal: shown)
            app(["report", str(path)], standalone_mode=False)
            widths.append(max(map(len, capsys.readouterr().out.splitlines())))
        assert widths[0] <= columns
        assert widths[1] <= 100
        if path != runs:
            assert widths[0] > columns - 15
            assert widths[1] > 90


def test_out_takes_every_file(runs: Path) -> None:
    """Their paths are printed; links begin in that folder."""
    out = runs / "together"

    result = run("report", runs, "--out", out)

    assert result.stdout.splitlines() == [str(out / name) for name in OVERVIEW_FILES]
    written = json.loads((out / "overview.json").read_text())
    assert written["candidates"][0]["report"] == "../checkpoint-250/report.html"


def test_a_folder_with_one_review_is_that_review(runs: Path) -> None:
    """As its file is."""
    folder = runs / "checkpoint-250"

    assert run("report", folder).stdout == run("report", folder / "review.json").stdout
    assert "checkpoint-250" in run("report", folder).stdout


@pytest.mark.parametrize("words", [("--out", "x"), ("--by", "suite")])
def test_one_review_has_no_overview(runs: Path, words: tuple[str, ...]) -> None:
    """What is for several is refused with it."""
    result = run("report", runs / "checkpoint-250", *words)

    assert result.exit_code == 2
    assert "overview.one-review" in result.stderr


def test_reviews_that_make_no_table_are_one_line(runs: Path) -> None:
    """Exit 2, with what differs and in which files."""
    other = checkpoint("other", broken={"sums": 0})
    other_root = checkpoints.write(runs.parent / "other", {"other": other})
    path = other_root / "other" / "review.json"
    path.write_text(path.read_text().replace("e5" * 32, "77" * 32))

    result = run("report", runs, path)

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    assert "error[overview.other-suite]" in result.stderr
    assert str(path) in result.stderr
    assert run("report", runs, path, "--by", "suite").exit_code == 0


def test_there_is_no_junit_of_several(runs: Path) -> None:
    """Each has its own beside its review."""
    result = run("report", runs, "-f", "junit")

    assert result.exit_code == 2
    assert "overview.format" in result.stderr


def test_an_overview_is_not_written_over_a_review(runs: Path) -> None:
    """Nor is any other format."""
    path = runs / "checkpoint-500" / "review.json"
    before = path.read_text()

    result = run("report", runs, "-f", "json", "-o", path)

    assert "out.is-review" in result.stderr
    assert path.read_text() == before


def test_items_of_another_review_are_refused(tmp_path: Path) -> None:
    """What broke is said of the items of each review, or of none."""
    reviews = {n: checkpoint(n) for n in "ab"}
    root = checkpoints.write(tmp_path, reviews, {n: [item("x", 0)] for n in "ab"})
    (root / "a" / "items.jsonl").write_text("{}\n")

    result = run("report", root)

    assert result.exit_code == 12
    assert "items.altered" in result.stderr


# --- check ---------------------------------------------------------------------------------------


@pytest.fixture
def steps(tmp_path: Path) -> dict[str, str]:
    """A base, a small suite, and three steps of a training."""
    base = support.write_checkpoint(tmp_path / "base")
    for number in (1, 2, 3):
        support.write_checkpoint(tmp_path / f"step-{number}", seed=number)
    suite = support.write_suite(tmp_path, n_items=150, n_said=120)
    return {
        "root": str(tmp_path), "base": str(base), "suite": str(suite),
        "out": str(tmp_path / "out"), "store": str(tmp_path / "store"),
    }  # fmt: skip


def scripted(monkeypatch: pytest.MonkeyPatch, *losing: str, failing: str = "-") -> None:
    """Let candidates answer right, but for those that lose the hard levels or cannot be asked."""

    class Runner(FakeRunner):
        def ask(self, checkpoint: Any, *rest: Any) -> Any:
            if checkpoint.name.endswith(failing):
                raise InfrastructureError("no memory", id="device.memory")
            return super().ask(checkpoint, *rest)

    def script(name: str, item: Item) -> float:
        return float(not name.endswith(tuple(losing) or ("-",)) or (item.level or 0) < 2)

    monkeypatch.setattr("cliffguard.runners.harness.HarnessRunner", lambda *_, **__: Runner(script))


def check(steps: dict[str, str], numbers: str, *words: str) -> Result:
    """Check some of the steps."""
    candidates = [w for n in numbers for w in ("--candidate", f"{steps['root']}/step-{n}")]
    return run(
        "check", "--base", steps["base"], "--suite", steps["suite"], *candidates,
        "--store", steps["store"], "--out", steps["out"], *words,
    )  # fmt: skip


def test_check_leaves_the_overview_beside_the_folders(
    steps: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With links to each report, the matrix at the end, and the same as `report` makes of it."""
    scripted(monkeypatch, "step-2", "step-3")

    result = check(steps, "123")

    out = Path(steps["out"])
    assert result.exit_code == 10
    text = (out / "overview.json").read_text()
    assert in_json(text) == [("step-1", "PASS"), ("step-2", "FAIL"), ("step-3", "FAIL")]
    written = json.loads(text)
    assert [row["report"] for row in written["candidates"]] == [
        f"step-{n}/report.html" for n in (1, 2, 3)
    ]  # fmt: skip
    assert written["trajectory"]["last_pass"] == 1
    broken = [(row["n_candidates"], row["n_by_all"]) for row in written["broken"]]
    assert broken == [(3, 0), (3, 0)]  # step-1 broke nothing
    assert "judge with --choose" in result.stderr
    assert f"overview: {out / 'overview.html'} " in result.stderr
    assert run("report", out, "--out", out).exit_code == 0
    assert (out / "overview.json").read_text() == text


def test_a_candidate_that_cannot_be_asked_stands_in_the_overview(
    steps: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With its exit code and why; without any verdict there is no overview."""
    scripted(monkeypatch, failing="step-2")
    out = Path(steps["out"])

    assert check(steps, "12").exit_code == 20
    (failed,) = json.loads((out / "overview.json").read_text())["uncompared"]
    assert (failed["name"], failed["exit_code"], failed["reason"]) == ("step-2", 20, "no memory")

    scripted(monkeypatch, failing="")
    check(steps, "12", "--store", str(out / "other-store"))
    assert not (out / "overview.json").exists()


def test_with_choose_there_is_who_may_ship(
    steps: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In order; the one after the first that fails was not tried."""
    scripted(monkeypatch, "step-2")

    result = check(steps, "123", "--choose", "last")

    written = json.loads((Path(steps["out"]) / "overview.json").read_text())
    assert [row["may_ship"] for row in written["candidates"]] == [True, False]
    assert [(r["name"], r["exit_code"]) for r in written["uncompared"]] == [("step-3", None)]
    assert "step-1 may ship" in result.stderr
    assert "– not tried" in result.stderr


def test_one_candidate_has_no_overview(
    steps: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Its report says it all."""
    scripted(monkeypatch)

    check(steps, "1")

    assert not list(Path(steps["out"]).glob("overview.*"))


def test_quiet_prints_no_matrix(steps: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """The files are written all the same."""
    scripted(monkeypatch)

    result = check(steps, "12", "--quiet")

    assert result.stderr == ""
    assert (Path(steps["out"]) / "overview.json").is_file()


def test_the_demo_shows_both_in_one_table(
    steps: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Beside the folders of the two."""
    root, out = Path(steps["root"]), Path(steps["out"])
    for number, name in enumerate(("healthy", "overtrained"), start=1):
        (root / f"step-{number}").rename(root / name)

    def plan(name: str, base: Path) -> Plan:
        return Plan(base=str(base), candidate=str(root / name), suites=(steps["suite"],))

    scripted(monkeypatch, "overtrained")
    monkeypatch.setattr("cliffguard.demo.base_path", lambda _: Path(steps["base"]))
    monkeypatch.setattr("cliffguard.demo.demo_plan", plan)

    result = run("demo", "--out", out, "--store", steps["store"])

    assert result.exit_code == 0, result.stderr
    names = in_json((out / "overview.json").read_text())
    assert names == [("healthy", "PASS"), ("overtrained", "FAIL")]
    assert 'href="overtrained/report.html"' in (out / "overview.html").read_text()
    assert "overtrained: FAIL, check would exit 10" in result.stderr
