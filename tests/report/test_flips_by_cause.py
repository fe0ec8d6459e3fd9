"""`cliffguard flips --cause` and `--pattern`: what they list, and what they refuse."""

from __future__ import annotations

import csv
import json
import re
import shlex
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest

from cliffguard.core.diagnosis import CAUSES
from cliffguard.core.hashing import sha256_now
from cliffguard.core.reviews import with_texts
from cliffguard.report.broken_by import known_cause, known_pattern
from cliffguard.report.items import read_items
from cliffguard.report.json import read_review, render_json
from tests import support
from tests.report import diagnosed, listed, samples
from tests.report.listed import result, run


@pytest.mark.parametrize(
    ("flags", "ids"),
    [
        (("--cause", "refusal"), ["r-1", "r-2"]),
        (("--cause", "refusal", "--level", "4"), ["r-2"]),
        (("--cause", "format"), ["if-1"]),
        (("--cause", "format", "--capability", diagnosed.LOST), []),
        (("--cause", "unprobed"), ["u-1"]),
        (("--cause", "wrong-language"), []),
        (("--pattern", "pull:ticket"), ["r-1"]),
        (("--pattern", "pull:ticket", "--all"), ["r-1", "same"]),
        (("--pattern", "position:first", "--changed"), ["r-1", "c-1", "fixed"]),
        (("--pattern", "position:first", "--cause", "cut"), ["c-1"]),
    ],
)
def test_what_is_listed(flags: tuple[str, ...], ids: list[str], tmp_path: Path) -> None:
    """Items of that cause and in that pattern, beside what the other flags say."""
    done = run("flips", diagnosed.written(tmp_path), *flags, "--format", "json")

    assert done.exit_code == 0, done.output
    assert [item["item"] for item in json.loads(done.stdout)] == ids


def test_every_list_has_a_column_of_causes(tmp_path: Path) -> None:
    """As the flag spells them; CSV has patterns as well."""
    items = [result("b", cause="wrong_language", patterns=("a", "=b"))]
    folder = diagnosed.written(tmp_path, items=items)

    table, markdown = (run("flips", folder, "--format", f).stdout for f in ("table", "markdown"))
    (row,) = csv.DictReader(StringIO(run("flips", folder, "--format", "csv").stdout, newline=""))
    (item,) = json.loads(run("flips", folder, "--format", "json").stdout)

    head, line = table.splitlines()[1:]
    assert line[head.index("cause") :].startswith("wrong-language ")
    assert markdown.splitlines()[2].split("|")[5].strip() == "wrong-language"
    assert (row["cause"], row["patterns"]) == ("wrong-language", "a | =b")
    assert (item["cause"], item["patterns"]) == ("wrong_language", ["a", "=b"])


def test_a_pattern_is_no_formula(tmp_path: Path) -> None:
    """Its key may begin with what a spreadsheet computes."""
    folder = diagnosed.written(tmp_path, items=[result("b", patterns=("=cmd|x",))])

    (row,) = csv.DictReader(StringIO(run("flips", folder, "--format", "csv").stdout, newline=""))

    assert row["patterns"] == "'=cmd|x"


# --- what is refused -----------------------------------------------------------------------------


def test_an_unknown_cause_lists_the_known_ones(tmp_path: Path) -> None:
    """As the flag spells them, the nearest first; with an underscore it is unknown, too."""
    folder = diagnosed.written(tmp_path)

    for word in ("refusel", "wrong_language"):
        done = run("flips", folder, "--cause", word)
        assert (done.exit_code, done.stdout) == (2, "")
        assert "error[flips.no-cause]" in done.stderr
        assert all(cause.replace("_", "-") in done.stderr for cause in CAUSES)
        assert len(done.stderr.strip().splitlines()) == 1
    with support.refused("flips.no-cause", 2, "did you mean 'refusal'"):
        known_cause("refusel", diagnosed.review(), None)


def test_a_cause_that_was_not_tested_is_no_empty_list() -> None:
    """Unless it was tested of another capability that is listed."""
    review = diagnosed.review()

    with support.refused("flips.untested-cause", 2, "no target and no --train"):
        known_cause("leak", review, diagnosed.LOST)
    assert known_cause("leak", review, None) == "leak"
    assert known_cause("leak", review, diagnosed.KEPT) == "leak"


@pytest.mark.parametrize("capability", [None, diagnosed.LOST])
def test_an_unknown_pattern_lists_the_known_ones(capability: str | None) -> None:
    """Of the capability that is listed."""
    with support.refused("flips.no-pattern", 2, "pull:ticket", "position:first"):
        known_pattern("pull:tickets", diagnosed.review(), capability)
    assert known_pattern("level:hops = 2", diagnosed.review(), None) == "level:hops = 2"
    with support.refused("flips.no-pattern", 2):
        known_pattern("level:hops = 2", diagnosed.review(), diagnosed.LOST)


@pytest.mark.parametrize("word", ["lost", "suppressed"])
def test_what_only_probes_tell_is_untested_where_nothing_was_probed(word: str) -> None:
    """No item is known to be either: a list of nothing would say that none is."""
    with support.refused("flips.untested-cause", 2, word, "compare asks nothing"):
        known_cause(word, diagnosed.review(), diagnosed.LOST)


@pytest.mark.parametrize("flags", [("--cause", "cut"), ("--pattern", "pull:ticket")])
def test_a_review_without_causes_says_so(flags: tuple[str, str], tmp_path: Path) -> None:
    """In one line: an older one, or one for which nobody looked."""
    folder = listed.written(tmp_path)

    done = run("flips", folder, *flags)

    assert (done.exit_code, done.stdout) == (2, "")
    assert len(done.stderr.strip().splitlines()) == 1
    with support.refused("flips.no-diagnosis", 2, "run the comparison again with --out"):
        known_cause("cut", samples.failed(), None)


def test_items_and_reviews_of_before_there_were_causes_are_read(tmp_path: Path) -> None:
    """With none in their place."""
    folder = listed.written(tmp_path)
    path = folder / "items.jsonl"
    lines = [json.loads(line) for line in path.read_text().splitlines()]
    for line in lines:
        del line["cause"], line["patterns"]
    path.write_text("".join(json.dumps(line) + "\n" for line in lines))
    review = json.loads((folder / "review.json").read_text())
    review["items"]["sha256"] = sha256_now(path)
    del review["diagnosis"]

    read = read_review(json.dumps(review), "review.json")

    assert read.diagnosis is None
    assert [(item.cause, item.patterns) for item in read_items(read, folder)] == [(None, ())] * len(
        lines
    )


def test_a_diagnosis_comes_back(tmp_path: Path) -> None:
    """With every number and every item's own."""
    folder = diagnosed.written(tmp_path)
    text = (folder / "review.json").read_text(encoding="utf-8")

    read = read_review(text, "review.json")

    assert read.diagnosis == diagnosed.review().diagnosis
    assert [item.cause for item in read_items(read, folder)] == [
        item.cause for item in diagnosed.ITEMS
    ]
    with support.refused("review.damaged", 2, "diagnosis"):
        read_review(text.replace('"n_tried"', '"n_tired"'), "review.json")


@pytest.mark.parametrize(
    ("change", "words"),
    [
        ({"n_items": 0}, "more than n_items"),
        ({"n_broken": 0, "n_fixed": 0, "n_items": 0, "causes": []}, "less than one"),
        ({"n_broken": 48}, "add up"),
        ({"n_fixed": -1}, "more than n_items"),
        ({"capability": "nope"}, "no such capability"),
        ({"capability": diagnosed.KEPT}, "twice"),
    ],
)
def test_a_diagnosis_that_contradicts_itself_is_damaged(
    change: dict[str, object], words: str
) -> None:
    """A stranger's file: reports divide by its counts."""
    value = json.loads(render_json(diagnosed.review()))
    value["diagnosis"]["capabilities"][0].update(change)

    with support.refused("review.damaged", 2, "diagnosis.capabilities.", words):
        read_review(json.dumps(value), "review.json")


def test_a_probe_that_was_not_asked_is_null(tmp_path: Path) -> None:
    """Not an object of zeros."""
    review = replace(diagnosed.review())
    folder = diagnosed.written(tmp_path, review)

    lost, kept = json.loads((folder / "review.json").read_text())["diagnosis"]["capabilities"]

    assert lost["probes"] is None
    assert kept["probes"]["n_broken"] == 32


@pytest.mark.parametrize(
    "name",
    [
        "a  b",
        "a\tb",
        "a\nb",
        "a\u202eb \u2069",
        "\x1b[31ma\x1b[0m",
        'it\'s "$(x)" *',
        "-a --all",
        "é語",
    ],
)
def test_every_command_of_a_page_runs(tmp_path: Path, name: str) -> None:
    """As it is printed: of a name and a key on one line, whatever characters they have inside."""
    results = [
        replace(each, capability=name, patterns=tuple(f"{key} {name}" for key in each.patterns))
        if each.capability == diagnosed.LOST
        else each
        for each in diagnosed.ITEMS
    ]
    keys = {each.key for each in diagnosed.refusing().patterns}

    def renamed(text: str) -> str:
        return name if text == diagnosed.LOST else f"{text} {name}" if text in keys else text

    whole = with_texts(diagnosed.review(), renamed)
    folder = diagnosed.written(tmp_path / "out", whole, results)

    page = run("report", folder, "--format", "html").stdout

    (data,) = re.findall(r'<script type="application/json"[^>]*>(.*?)</script>', page, re.DOTALL)
    made = json.loads(data)
    commands = {made["command"]}
    for each in made["capabilities"]:
        if each["name"] != diagnosed.KEPT:
            commands |= {each["command"], *(reason[3] for reason in each["reasons"])}
    assert sum("--pattern" in command for command in commands) == len(keys)
    for command in commands:
        program, verb, _, *words = shlex.split(command)
        assert (program, verb) == ("cliffguard", "flips")
        listed = run(verb, folder, *words)
        assert listed.exit_code == 0, command
        assert not listed.stdout.startswith("0 items"), command


def test_a_name_that_stands_for_two_is_refused(tmp_path: Path) -> None:
    """What is listed is what was meant, or nothing."""
    two = {diagnosed.LOST: "a  b", diagnosed.KEPT: "a\tb"}
    whole = with_texts(diagnosed.review(), lambda text: two.get(text, text))
    folder = diagnosed.written(tmp_path / "out", whole)

    refused = run("flips", folder, "--capability", "a b")
    assert (refused.exit_code, "flips.no-capability" in refused.output) == (2, True)
    assert run("flips", folder, "--capability", "a  b").exit_code == 0
