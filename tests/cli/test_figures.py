"""The verb `figures`: what it writes, prints and leaves out."""

from __future__ import annotations

from pathlib import Path

import pytest
from typer.testing import CliRunner

from cliffguard.cli.app import app
from cliffguard.core.reviews import Review
from cliffguard.report import render
from tests.report import samples


@pytest.fixture
def folder(tmp_path: Path) -> Path:
    """A folder with the reviews of two checkpoints of a run, and a third as a file."""
    for name, review in (("step-100", samples.passed()), ("step-200", samples.failed())):
        write(tmp_path / name / "review.json", review)
    write(tmp_path / "step-300.json", samples.failed())
    return tmp_path


def write(path: Path, review: Review) -> None:
    """Write a review where a check would."""
    path.parent.mkdir(exist_ok=True)
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


def test_figures_of_several_reviews_bear_their_names(folder: Path) -> None:
    """One that is given twice is drawn once."""
    reviews = (folder / "step-100", folder / "step-200", folder / "step-100" / "review.json")

    names, _ = figures(*reviews, "--out", folder / "out", "--only", "forest")

    assert names == ["step-100-forest.svg", "step-200-forest.svg"]
