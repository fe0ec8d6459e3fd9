"""The verb `figures`: what it writes, prints and leaves out."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cliffguard.cli.app import app
from cliffguard.core.reviews import Review
from cliffguard.report import render
from tests.report import samples
from tests.report.checkpoints import checkpoint
from tests.report.listed import result, written
from tests.report.test_overview import UNLIKE


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the reviews of two checkpoints of a run, and a third as a file."""
    for name, review in (("step-100", samples.passed()), ("step-200", samples.failed())):
        write(tmp_path / name / "review.json", review)
    write(tmp_path / "step-300.json", samples.failed())
    return tmp_path


def write(path: Path, review: Review) -> None:
    """Write a review where a check would, of a candidate that is called as its place is."""
    path.parent.mkdir(exist_ok=True)
    review = replace(review, plan=replace(review.plan, candidate=str(path)))
    path.write_text(render(review, "json"), encoding="utf-8")


def figures(*words: object) -> tuple[list[str], str]:
    """Return the names that are printed, and stderr."""
    result = CliRunner().invoke(app, ["figures", *map(str, words)])
    assert result.exit_code == 0, result.output
    return [Path(line).name for line in result.stdout.splitlines()], result.stderr


def test_the_files_of_one_review_are_written_and_printed(folder: Path) -> None:
    """Under the names of the figures; what there is no data for is named on stderr."""
    names, stderr = figures(folder / "step-200", "--out", folder / "out")

    assert names == [
        "forest.svg",
        "ladder-ball_passing.svg",
        "ladder-digit_sums.svg",
        "distance.svg",
    ]
    assert sorted(path.name for path in (folder / "out").iterdir()) == sorted(names)
    assert [line.split(":")[2].strip() for line in stderr.splitlines()] == [
        "calibration of step-200",
        "gain",
        "trajectory",
    ]


def test_a_folder_of_several_reviews_is_as_good_as_their_folders(folder: Path) -> None:
    """As `report` takes it; what was not compared is passed over."""
    (folder / "step-400").mkdir()
    (folder / "step-400" / "failure.json").write_text("{}")

    names, _ = figures(folder, "--out", folder / "one", "--only", "gain,trajectory")
    each = [folder / "step-100", folder / "step-200"]

    assert names == figures(*each, "--out", folder / "two", "--only", "gain,trajectory")[0]
    assert [path.read_bytes() for path in sorted((folder / "one").iterdir())] == [
        path.read_bytes() for path in sorted((folder / "two").iterdir())
    ]


@pytest.mark.slow
@pytest.mark.parametrize(
    ("format", "start"), [("svg", b"<?xml"), ("png", b"\x89PNG"), ("pdf", b"%PDF")]
)
def test_several_reviews_in_any_format(folder: Path, format: str, start: bytes) -> None:
    """A folder or a file each; those that are asked for, of all reviews together."""
    reviews = (folder / "step-100", folder / "step-200" / "review.json", folder / "step-300.json")
    out = folder / "out"

    names, stderr = figures(*reviews, "--out", out, "-f", format, "--only", "trajectory,gain")

    assert names == [f"trajectory.{format}", f"gain.{format}"]
    assert stderr == ""
    assert all((out / name).read_bytes().startswith(start) for name in names)


def refused(*words: object) -> str:
    """Return the error line of a call that exits 2 and writes nothing."""
    result = CliRunner().invoke(app, ["figures", *map(str, words)])
    assert (result.exit_code, result.stdout) == (2, "")
    return " ".join(result.stderr.split())


def test_a_review_that_is_given_twice_is_refused(folder: Path) -> None:
    """As `report` refuses it, by whatever path."""
    both = (folder / "step-100", folder / "step-100" / "review.json")

    assert "error[overview.same-review]" in refused(*both, "--out", folder / "out")


def test_nothing_drawn_is_no_success(folder: Path) -> None:
    """A script that wants the figure is not told that all went well."""
    line = refused(folder / "step-200", "--out", folder / "out", "--only", "gain,calibration")

    assert "error[figures.nothing]" in line
    assert "two reviews or more" in line
    assert "no items.jsonl lies beside the review" in line
    assert not (folder / "out").exists()


def test_few_answers_in_every_bin_are_no_missing_file(tmp_path: Path) -> None:
    """The file lies there, and the message says what is short."""
    results = [result(f"b-{n}", sure=0.1 + 0.2 * n) for n in range(4)]
    folder = written(tmp_path / "few", results)

    line = refused(folder, "--out", tmp_path / "out", "--only", "calibration")

    assert "no bin of confidence has 5 answers or more (of 8 answers)" in line


def test_reviews_of_one_lack_share_its_line(folder: Path) -> None:
    """Forty of them are no page of lines."""
    reviews = [folder / f"step-{n}00" for n in range(1, 9)]
    for path in reviews:
        write(path / "review.json", samples.passed())

    _, stderr = figures(*reviews, "--out", folder / "out")

    (line,) = [line for line in stderr.splitlines() if "calibration" in line]
    assert "step-100, step-200, step-300 and 5 more" in line
    assert len(stderr.splitlines()) == 2  # the other is of distances


def test_figures_of_several_reviews_bear_their_names(folder: Path) -> None:
    """A figure of one review each."""
    reviews = (folder / "step-100", folder / "step-200")

    names, _ = figures(*reviews, "--out", folder / "out", "--only", "forest")

    assert names == ["step-100-forest.svg", "step-200-forest.svg"]


@pytest.mark.parametrize("kind", UNLIKE)
def test_what_makes_no_one_table_makes_no_one_figure(tmp_path: Path, kind: str) -> None:
    """What differs is said in one line; each review's own figures are drawn nonetheless."""
    change, _, name = UNLIKE[kind]
    write(tmp_path / "step-1" / "review.json", checkpoint("step-1"))
    write(tmp_path / "step-2" / "review.json", change(checkpoint("step-2")))

    names, stderr = figures(tmp_path, "--out", tmp_path / "out")

    assert [file for file in names if not file.startswith("step-")] == []
    assert f"{name}" in next(line for line in stderr.splitlines() if ": gain, trajectory: " in line)
    words = ["figures", str(tmp_path), "--out", str(tmp_path / "two"), "--only", "gain,trajectory"]
    assert CliRunner().invoke(app, words).exit_code == 2
    assert not (tmp_path / "two").exists()
