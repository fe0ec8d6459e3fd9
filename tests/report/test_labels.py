"""Labels that people give to items: what is taken, where it shows, and that no verdict moves."""

from __future__ import annotations

import csv
import json
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from cliffguard.report.json import read_review
from cliffguard.report.labels import beside, read_labels
from tests import support
from tests.report import samples
from tests.report.listed import RESULTS, result, run, side, written
from tests.report.samples import HOSTILE

GOOD = (
    "item,label,note\nb-1,real,\nb-2,wrong-item,two answers are right\nfixed,unclear,\nb-1,real,\n"
)
LINE = "labels: 1 real, 1 wrong item of 49 broken"


def given(folder: Path, text: str, name: str = "labels.csv") -> Path:
    """Write a file of labels beside the folder."""
    path = folder / name
    path.write_text(text, encoding="utf-8")
    return path


def test_a_link_for_labels_is_not_followed(tmp_path: Path) -> None:
    """A folder that came from elsewhere writes over no file of its reader."""
    folder = written(tmp_path / "out")
    (tmp_path / "mine").write_text("")
    (folder / "labels.jsonl").symlink_to(tmp_path / "mine")

    assert run("flips", folder, "--labels", given(tmp_path, GOOD)).exit_code == 0

    assert (tmp_path / "mine").read_text() == ""
    assert not (folder / "labels.jsonl").is_symlink()


@pytest.mark.parametrize(
    ("name", "text"),
    [
        ("labels.csv", GOOD),
        ("excel.csv", "\ufeff" + GOOD.replace(",", ";").replace("\n", "\r\n")),
        (
            "labels.jsonl",
            '{"item": "b-1", "label": "real"}\n{"item": "b-2", "label": "wrong-item"}\n'
            '{"item": "kept", "label": "", "reviewer": "nobody yet"}\n',
        ),
    ],
)
def test_labels_are_kept_beside_the_review(name: str, text: str, tmp_path: Path) -> None:
    """And every report for people counts those of broken items; the review stays as it is."""
    folder = written(tmp_path / "out")
    before = (folder / "review.json").read_bytes()
    verdict = run("report", folder / "review.json", "--format", "junit").stdout.split("<testcase")[
        0
    ]

    done = run("flips", folder, "--labels", given(tmp_path, text, name))

    assert done.exit_code == 0, done.output
    assert done.stdout.splitlines()[0] == f"multi_step_reasoning: {LINE}"
    assert (folder / "review.json").read_bytes() == before
    for format in ("text", "markdown", "html"):
        report = run("report", folder / "review.json", "--format", format).stdout
        assert LINE in " ".join(report.split())
    after = run("report", folder / "review.json", "--format", "junit").stdout
    assert after.split("<testcase")[0] == verdict


def test_a_list_that_nobody_filled_in_erases_nothing(tmp_path: Path) -> None:
    """It is the list as it was written, saved over the one with labels."""
    folder = written(tmp_path / "out")
    run("flips", folder, "--labels", given(tmp_path, GOOD))
    before = (folder / "labels.jsonl").read_bytes()

    for text in ("item,label\nb-1,\nb-2,\n", "item,label\n"):
        done = run("flips", folder, "--labels", given(tmp_path, text))

        assert done.exit_code == 2
        assert "labels.empty" in done.stderr
        assert "those that are kept stay" in " ".join(done.stderr.split())
    assert (folder / "labels.jsonl").read_bytes() == before


@pytest.mark.parametrize("encoding", ["utf-16", "utf-8-sig", "utf-32"])
@pytest.mark.parametrize("name", ["labels.csv", "labels.jsonl"])
def test_labels_of_any_editor_are_read(name: str, encoding: str, tmp_path: Path) -> None:
    """Excel's "Unicode text" is UTF-16, with tabs."""
    text = "item\tlabel\nb-1\treal\n" if name.endswith("csv") else '{"item":"b-1","label":"real"}'
    (tmp_path / name).write_bytes(text.encode(encoding))

    labels = read_labels(str(tmp_path / name), RESULTS, samples.failed())

    assert [(label.item, label.label) for label in labels] == [("b-1", "real")]


def test_a_label_is_kept_with_what_was_said_of_it(tmp_path: Path) -> None:
    """One canonical line a label, with the items that it was given to."""
    folder = written(tmp_path)
    text = "item,label,note,reviewer,date\nb-1,acceptable,same name,ada,2026-01-02\n"

    run("flips", folder, "--labels", given(tmp_path, text))

    (line,) = (folder / "labels.jsonl").read_text().splitlines()
    label = json.loads(line)
    assert label["items"] == json.loads((folder / "review.json").read_text())["items"]["sha256"]
    assert (label["item"], label["task"], label["label"]) == ("b-1", "ball_passing", "acceptable")
    assert (label["note"], label["reviewer"], label["date"]) == ("same name", "ada", "2026-01-02")


def test_labels_of_other_items_are_not_counted(tmp_path: Path) -> None:
    """They were given to the answers of another run; every format for people says so."""
    folder = written(tmp_path)
    run("flips", folder, "--labels", given(tmp_path, GOOD))

    others = [replace(each, digest="e" * 64) for each in RESULTS[:2]]
    written(tmp_path, [*others, result("more")])

    review = folder / "review.json"
    for format in ("text", "markdown", "html"):
        report = " ".join(run("report", review, "--format", format).stdout.split())
        assert "labels:" not in report
        assert "3 labels in labels.jsonl are of other items than these" in report
    (caveat,) = beside(read_review(review.read_text(), "it"), folder).caveats
    assert caveat.id == "labels.other-items"


def test_labels_stay_with_items_that_are_written_anew(tmp_path: Path) -> None:
    """Of the same content and answers, as with --texts none or items more; else they are others."""
    folder = written(tmp_path)
    run("flips", folder, "--labels", given(tmp_path, GOOD))
    bare = [
        replace(each, prompt=replace(each.prompt, text=None), cluster="sha256:1")
        for each in RESULTS
    ]
    answered = replace(bare[0], candidate=side("Somebody else", 0.0))

    for results, expected in ((bare, 3), ([*bare, result("more")], 3), ([answered, *bare[1:]], 2)):
        written(tmp_path, results)

        there = beside(read_review((folder / "review.json").read_text(), "it"), folder)
        assert (len(there.labels), there.n_other_labels) == (expected, 3 - expected)


def test_a_second_list_adds_to_the_first(tmp_path: Path) -> None:
    """The later label of an item counts; what it does not name stays, and how many is printed."""
    folder = written(tmp_path)
    run("flips", folder, "--labels", given(tmp_path, GOOD))

    done = run("flips", folder, "--labels", given(tmp_path, "item,label\nb-2,real\nkept,unclear\n"))

    assert done.stdout.splitlines()[-1].endswith(
        "labels.jsonl: 2 labels; of those before 1 replaced, 2 kept"
    )
    lines = map(json.loads, (folder / "labels.jsonl").read_text().splitlines())
    assert {line["item"]: line["label"] for line in lines} == {
        "b-1": "real", "b-2": "real", "fixed": "unclear", "kept": "unclear",
    }  # fmt: skip


def test_a_list_can_be_filled_in_and_read_again(tmp_path: Path) -> None:
    """Hostile ids and all, and the label stands in the next list."""
    ids = [f"=1+1 {HOSTILE.split()[0]}", "two\nlines", " -3\t\x07", "'=1", "\u200b＝1;2", "plain"]
    folder = written(tmp_path, [result(id, prompt=f'"{HOSTILE}",\n;') for id in ids])
    rows = list(csv.DictReader(StringIO(run("flips", folder, "--format", "csv").stdout)))
    text = StringIO(newline="")
    out = csv.DictWriter(text, rows[0].keys())
    out.writeheader()
    out.writerows(row | {"label": "real"} for row in rows if row["item"] != "plain")
    out.writerow(rows[-1])

    done = run("flips", folder, "--labels", given(tmp_path, text.getvalue()))

    assert done.exit_code == 0, done.output
    items = json.loads(run("flips", folder, "--format", "json").stdout)
    assert [item["label"] for item in items] == ["real"] * 5 + [None]


@pytest.mark.parametrize(
    ("text", "id", "names"),
    [
        ("item,label\nb-1,rael\n", "labels.unknown-word", ["line 2", "'rael'", "'real'"]),
        ("item,label\nb-1,Real\n", "labels.unknown-word", ["line 2", "'Real'"]),
        ("item,label\nb-1,real\nb-9,real\n", "labels.unknown-item", ["line 3", "'b-9'"]),
        ("item,label\ntwice,real\n", "labels.unknown-item", ["line 2", "2 items"]),
        ("item,label\nb-1,real\nb-1,unclear\n", "labels.twice", ["line 3", "line 2", "'b-1'"]),
        ("item,word\nb-1,real\n", "labels.columns", [".csv:2", "label"]),
        ("id,label\nb-1,real\n", "labels.columns", [".csv:2", "item"]),
        (
            "item,label\nb-8,real\nb-9,real\nb-1,no\n",
            "labels.unknown-item",
            ["line 2", "line 3", "line 4"],
        ),
    ],
)
def test_labels_that_are_refused(text: str, id: str, names: list[str], tmp_path: Path) -> None:
    """By their lines, all of them."""
    twice = [result("twice"), result("twice", task="other")]

    with support.refused(id, 2, *names):
        read_labels(str(given(tmp_path, text)), [*RESULTS, *twice], samples.failed())


def test_a_task_tells_ids_apart(tmp_path: Path) -> None:
    """Where an id is that of two items."""
    folder = written(tmp_path, [result("twice"), result("twice", task="other")])

    done = run("flips", folder, "--labels", given(tmp_path, "item,label,task\ntwice,real,other\n"))

    assert done.exit_code == 0, done.output
    assert json.loads((folder / "labels.jsonl").read_text())["task"] == "other"


def test_damaged_labels_are_exit_2(tmp_path: Path) -> None:
    """A report does not pass over what nobody can read."""
    folder = written(tmp_path)
    (folder / "labels.jsonl").write_text("{}\n")

    done = run("report", folder / "review.json")

    assert done.exit_code == 2
    assert "error[labels.damaged]" in done.stderr
