"""Two machines: a bundle judged elsewhere comes to what `check` comes to, byte for byte."""

from __future__ import annotations

import json
import re
import shutil
from collections.abc import Callable, Mapping
from pathlib import Path

import pytest
from typer.testing import Result

from cliffguard.core.items import Item
from cliffguard.core.settings import EvalSettings, Policy
from cliffguard.run.halves import halved
from cliffguard.run.policies import with_margins
from cliffguard.suites.loading import load_suite
from tests import support
from tests.cli.test_verbs import run, scripted
from tests.fake_runner import Script
from tests.runners.test_chats import CHATML
from tests.runners.test_data_override import ARC
from tests.runners.test_data_override import suite as suite_of
from tests.support import all_right, loses_hard_levels


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A base, a candidate, a suite, and where stores and reports go, as text."""
    return {
        "base": str(support.write_checkpoint(tmp_path / "base", seed=0)),
        "tuned": str(support.write_checkpoint(tmp_path / "tuned", seed=1)),
        "suite": str(support.write_suite(tmp_path / "suite", n_items=150, n_said=80)),
        "bundle": str(tmp_path / "run.tar"),
    }


def plain(folder: Path) -> str:
    """Return the review in a folder, but for its versions and its command."""
    review = json.loads((folder / "review.json").read_text())
    del review["provenance"]["versions"], review["provenance"]["command"]
    return json.dumps(review, indent=1)


def checked(files: Mapping[str, str], tmp_path: Path, *more: str) -> Result:
    """Check the pair in a store of its own."""
    sides = ("--base", files["base"], "--candidate", files["tuned"], "--suite", files["suite"])
    where = ("--store", str(tmp_path / "store-check"), "--out", str(tmp_path / "checked"))
    return run("check", *sides, *where, "--no-diagnose", *more)


def measured(files: Mapping[str, str], tmp_path: Path, *more: str) -> Result:
    """Measure the pair in another store, and write a bundle."""
    where = ("--store", str(tmp_path / "store-gpu"), "--bundle", files["bundle"])
    return run("measure", files["base"], files["tuned"], "--suite", files["suite"], *where, *more)


def judged(files: Mapping[str, str], tmp_path: Path, *more: str) -> Result:
    """Judge the bundle in a third store, where neither side nor suite is there any more."""
    for name in ("base", "tuned", "suite"):
        path = Path(files[name])
        if path.exists():
            shutil.move(path.parent if path.is_file() else path, tmp_path / f"gone-{name}")
    where = ("--store", str(tmp_path / "store-ci"), "--out", str(tmp_path / "judged"))
    return run("compare", files["bundle"], *where, *more)


SCRIPTS: dict[str, tuple[Script, int]] = {
    "pass": (all_right, 0),
    "fail": (loses_hard_levels, 10),
    "open": (lambda name, item: float(hash_of(item) % (3 if "tuned" in name else 4) > 0), 11),
}


def hash_of(item: Item) -> int:
    """Return a number that an item always has."""
    return int(item.digest[:8], 16)


def trained_on(files: Mapping[str, str]) -> tuple[str, ...]:
    """Return flags of training data that hold some of the items, and outputs of their own."""
    rows = [{"text": row["prompt"] + " Ann"} for row in support.choice_rows(9)]
    rows += [{"prompt": f"film {n}", "completion": f"This film is {n} of ten, ask"} for n in "abcd"]
    return "--train", str(support.write_jsonl(Path(files["suite"]).parent / "train.jsonl", rows))


def aimed_at(files: Mapping[str, str]) -> tuple[str, ...]:
    """Return flags of a target."""
    rows = [{"prompt": f"Say {n} again:", "answer": f"word {n}"} for n in range(70)]
    path = support.write_jsonl(Path(files["suite"]).parent / "target.jsonl", rows)
    return "--target", str(path), "--target-metric", "exact_match"


def clustered(files: Mapping[str, str]) -> tuple[str, ...]:
    """Return flags of a policy that ties items by a field of theirs."""
    folder = Path(files["suite"]).parent
    rows = [
        {**row, "fields": {"topic": f"t{number // 5}"}}
        for number, row in enumerate(support.choice_rows(150))
    ]
    support.write_jsonl(folder / "ball.jsonl", rows)
    path = folder.parent / "policy.yaml"
    path.write_text("capabilities: {reasoning: {cluster: topic, margin: 0.12}}\n")
    return "--policy", str(path)


def dealt(_: Mapping[str, str]) -> tuple[str, ...]:
    """Return flags by which fewer items are dealt."""
    return "--items", "140", "--churn", "0.2", "--after-failure", "stop"


PLANS: dict[str, Callable[[Mapping[str, str]], tuple[str, ...]]] = {
    "training data": trained_on, "a target": aimed_at, "clusters": clustered, "items dealt": dealt,
}  # fmt: skip


@pytest.mark.slow
@pytest.mark.parametrize("name", PLANS)
def test_whatever_the_plan_says_travels(
    name: str, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """So do overlaps with training data, a target's items, fields of items, and shares of them."""
    scripted(monkeypatch, SCRIPTS["open"][0])
    flags = PLANS[name](files)
    code = checked(files, tmp_path, *flags).exit_code
    assert measured(files, tmp_path, *flags).exit_code == 0

    assert judged(files, tmp_path).exit_code == code
    assert plain(tmp_path / "judged") == plain(tmp_path / "checked")


def test_a_policy_may_come_later(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Answers are measured under none, and judged as if it had been there."""
    scripted(monkeypatch, SCRIPTS["open"][0])
    policy = clustered(files)
    code = checked(files, tmp_path, *policy).exit_code
    assert measured(files, tmp_path).exit_code == 0

    assert judged(files, tmp_path, *policy).exit_code == code
    assert plain(tmp_path / "judged") == plain(tmp_path / "checked")


def test_a_field_that_no_item_has_is_one_line(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A policy may tie items by what was kept of them alone."""
    scripted(monkeypatch, all_right)
    assert measured(files, tmp_path, "--limit", "20").exit_code == 0
    policy = tmp_path / "policy.yaml"
    policy.write_text("capabilities: {reasoning: {cluster: author}}\n")

    result = judged(files, tmp_path, "--policy", str(policy))

    assert (result.exit_code, error_of(result)) == (2, "pair.lacks-field")


def test_answers_that_are_not_there_are_one_line(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is judged on less than the policy takes."""
    scripted(monkeypatch, all_right)
    assert measured(files, tmp_path, "--limit", "20").exit_code == 0
    for shard in (tmp_path / "store-gpu").glob("questions/*/*/shards/0000.jsonl"):
        shard.unlink()
    for name in ("base", "tuned"):
        shutil.move(files[name], tmp_path / f"gone-{name}")

    monkeypatch.chdir(tmp_path)
    result = run("compare", "base", "tuned", "--store", str(tmp_path / "store-gpu"))

    assert (result.exit_code, error_of(result)) == (2, "pair.lacks-answers")


def error_of(result: Result) -> str:
    """Return the id of the error that is all that a command printed."""
    (line,) = result.stderr.splitlines()
    match = re.match(r"cliffguard: error\[([\w.-]+)\]: ", line)
    assert match, line
    return match[1]


def test_looks_that_were_taken_travel(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What an earlier check of the pair spent is spent, and what `compare` spends is noted."""
    scripted(monkeypatch, SCRIPTS["open"][0])
    for store in ("store-check", "store-gpu"):
        files["out"] = str(tmp_path / "first")
        first = ("--base", files["base"], "--candidate", files["tuned"], "--suite", files["suite"])
        where = ("--store", str(tmp_path / store), "--out", files["out"], "--limit", "70")
        run("check", *first, *where, "--no-diagnose")
    code = checked(files, tmp_path).exit_code
    measured(files, tmp_path)

    assert judged(files, tmp_path).exit_code == code
    text = plain(tmp_path / "judged")
    assert text == plain(tmp_path / "checked")
    assert len(json.loads(text)["taken"]) > 4
    assert list((tmp_path / "store-ci" / "looks").glob("*/*.json"))


@pytest.mark.slow
def test_the_same_bundle_twice_is_the_same_review(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Judging what was judged spends nothing; another policy counts what was spent."""
    scripted(monkeypatch, SCRIPTS["open"][0])
    measured(files, tmp_path)
    judged(files, tmp_path)
    first = plain(tmp_path / "judged")

    judged(files, tmp_path)

    assert plain(tmp_path / "judged") == first


@pytest.mark.slow
def test_several_candidates_travel_together(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Each is judged as a check of all would, and one of them alone where it is named."""
    scripted(monkeypatch, loses_hard_levels)
    other = str(support.write_checkpoint(tmp_path / "other", seed=2))
    assert checked(files, tmp_path, "--candidate", other).exit_code == 10
    where = ("--store", str(tmp_path / "store-gpu"), "--bundle", files["bundle"])
    sides = (files["base"], files["tuned"], other)
    assert run("measure", *sides, "--suite", files["suite"], *where).exit_code == 0

    assert judged(files, tmp_path).exit_code == 10
    for name in ("tuned", "other"):
        assert plain(tmp_path / "judged" / name) == plain(tmp_path / "checked" / name)
    assert (tmp_path / "judged" / "overview.json").exists()
    assert judged(files, tmp_path, "--candidate", "other").exit_code == 0
    result = judged(files, tmp_path, "--candidate", "nobody")
    assert (result.exit_code, error_of(result)) == (2, "bundle.candidate")


CHOSEN_FAST = {("pass", "any"), ("fail", "last"), ("either", "last")}  # each case takes two seconds


@pytest.mark.slow
@pytest.mark.parametrize(
    ("script", "name"),
    [
        pytest.param(script, name, marks=() if (script, name) in CHOSEN_FAST else pytest.mark.slow)
        for script in (*SCRIPTS, "either", "near")
        for name in ("any", "last")
    ],
)
def test_one_of_several_is_chosen_as_a_check_would(
    name: str, script: str, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Alpha is shared among all of a bundle, or they are tested in order; reviews say so."""
    either: dict[str, Script] = {
        "either": lambda name, item: float("other" in name or loses_hard_levels(name, item)),
        "near": lambda name, item: float("base" in name or hash_of(item) % 33 > 0),
    }
    scripted(monkeypatch, either[script] if script in either else SCRIPTS[script][0])
    others = [str(support.write_checkpoint(tmp_path / f"other{n}", seed=n)) for n in (2, 3)]
    named = [word for path in others for word in ("--candidate", path)]
    result = checked(files, tmp_path, *named, "--choose", name)
    where = ("--store", str(tmp_path / "store-gpu"), "--bundle", files["bundle"])
    sides = (files["base"], files["tuned"], *others)
    assert run("measure", *sides, "--suite", files["suite"], *where).exit_code == 0

    later = judged(files, tmp_path, "--choose", name)

    assert later.exit_code == result.exit_code, later.output
    there = sorted(path.parent.name for path in (tmp_path / "checked").glob("*/review.json"))
    assert there == sorted(p.parent.name for p in (tmp_path / "judged").glob("*/review.json"))
    for folder in there:
        assert plain(tmp_path / "judged" / folder) == plain(tmp_path / "checked" / folder)
    refused = run("compare", files["bundle"], "--candidate", "tuned", "--choose", name)
    assert (refused.exit_code, error_of(refused)) == (2, "choose.one-candidate")


def twins(name: str, item: Item) -> float:
    """Script: all candidates break and fix the same items."""
    index = int(item.id.rpartition("-")[2]) if item.level is not None else -1
    return float(index < 0 or index % 11 != (0 if "base" in name else 5))


@pytest.mark.slow
def test_near_twins_of_a_bundle_share_more_of_alpha(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is open at an equal share is judged again, as it is by `check`."""
    scripted(monkeypatch, twins)
    files["suite"] = str(support.write_suite(tmp_path / "suite", n_items=300, n_said=120))
    others = [str(support.write_checkpoint(tmp_path / f"other{n}", seed=n)) for n in (2, 3)]
    named = [word for path in others for word in ("--candidate", path)]
    assert checked(files, tmp_path, *named, "--choose", "any").exit_code == 0
    where = ("--store", str(tmp_path / "store-gpu"), "--bundle", files["bundle"])
    sides = (files["base"], files["tuned"], *others)
    assert run("measure", *sides, "--suite", files["suite"], *where).exit_code == 0

    assert judged(files, tmp_path, "--choose", "any").exit_code == 0
    for name in ("tuned", "other2", "other3"):
        assert "choose.raised-alpha" in plain(tmp_path / "judged" / name)
        assert plain(tmp_path / "judged" / name) == plain(tmp_path / "checked" / name)


def test_of_several_candidates_none_is_measured_where_one_says_nothing(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A bundle holds all of them or is not written."""
    runner = scripted(monkeypatch, all_right)
    copy = str(support.write_checkpoint(tmp_path / "copy", seed=0))
    where = ("--store", str(tmp_path / "store-gpu"), "--bundle", files["bundle"])

    result = run("measure", files["base"], files["tuned"], copy, "-s", files["suite"], *where)

    assert (result.exit_code, error_of(result)) == (12, "sides.same-weights")
    assert runner.n_asked == 0


def test_a_pair_of_the_store_goes_by_names_and_fingerprints(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As `store ls` shows them, and where the checkpoints are gone; a pair that nobody checked
    is refused."""
    scripted(monkeypatch, loses_hard_levels)
    third = str(support.write_checkpoint(tmp_path / "third", seed=3))
    store = ("--store", str(tmp_path / "store-gpu"))
    assert measured(files, tmp_path).exit_code == 0
    run("measure", third, "--suite", files["suite"], *store)
    rows = json.loads(run("store", "ls", "--format", "json", *store).stdout)
    short = {Path(row["checkpoint"]).name: row["fingerprint"][:12] for row in rows}
    for name in ("base", "tuned", "third"):
        shutil.move(tmp_path / name, tmp_path / f"gone-{name}")

    monkeypatch.chdir(tmp_path)
    assert run("compare", "base", "tuned", *store).exit_code == 10
    assert run("compare", short["base"], short["tuned"], *store).exit_code == 10
    assert run("compare", "base", "tuned", "--suite", files["suite"], *store).exit_code == 10
    refused = run("compare", "base", "third", *store)
    assert (refused.exit_code, error_of(refused)) == (2, "compare.unchecked-pair")
    refused = run("compare", "base", "tuned", "--limit", "7", *store)
    assert (refused.exit_code, error_of(refused)) == (2, "compare.other-plan")


def test_flags_that_change_nothing_are_refused(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What shapes the questions is said where they are asked, and how two compare of two alone."""
    scripted(monkeypatch, all_right)
    assert measured(files, tmp_path).exit_code == 0

    for words, error_id in (
        (("compare", files["bundle"], "--limit", "5"), "bundle.no-effect"),
        (("compare", files["bundle"], "--show-config"), "samples.no-plan"),
        (("compare", files["bundle"], "--after", "review.json"), "after.only-samples"),
        (("compare", files["base"], files["tuned"], "--candidate", "x"), "bundle.candidate"),
        (("compare", files["base"], files["tuned"], "--choose", "any"), "choose.one-candidate"),
        (("measure", files["base"], "--train", "x.jsonl"), "measure.no-effect"),
        (
            ("measure", files["base"], "--suite", "chat", "--max-minutes", "5"),
            "measure.max-minutes",
        ),
        (("measure", files["base"], files["tuned"], "--base", "x"), "measure.two-bases"),
        (("measure", files["base"], files["tuned"], files["tuned"]), "candidates.twice"),
    ):
        result = run(*words)
        assert (result.exit_code, error_of(result)) == (2, error_id)


def test_a_pair_that_says_nothing_is_not_measured(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The pair checks are made where the files lie, and no bundle is written."""
    scripted(monkeypatch, all_right)
    support.write_checkpoint(Path(files["tuned"]), seed=0)

    result = measured(files, tmp_path)

    assert (result.exit_code, error_of(result)) == (12, "sides.same-weights")
    assert not Path(files["bundle"]).exists()


def test_a_bundle_that_cannot_be_written_is_refused_before_anybody_is_asked(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Hours of a GPU are not spent on it."""
    runner = scripted(monkeypatch, all_right)
    files["bundle"] = str(tmp_path)

    result = measured(files, tmp_path)

    assert (result.exit_code, error_of(result), runner.n_asked) == (2, "out.no-file", 0)


def test_what_a_limit_of_time_left_out_is_not_judged(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """As far as both sides were asked there is a verdict, which says what ended the run."""
    runner = scripted(monkeypatch, all_right)
    with pytest.MonkeyPatch.context() as patched:
        is_up = property(lambda _: lambda: runner.n_asked >= 300)
        patched.setattr("cliffguard.run.limits.Limits.is_time_up", is_up)
        assert measured(files, tmp_path, "--max-minutes", "5").exit_code == 0

    assert judged(files, tmp_path).exit_code == 11
    comparison = json.loads((tmp_path / "judged" / "review.json").read_text())["comparison"]
    assert "run.time-limit" in [caveat["id"] for caveat in comparison["caveats"]]
    n_asked = {row["capability"]: row["n_asked"] for row in comparison["capabilities"]}
    assert 0 < sum(n_asked.values()) < 230


def test_a_plan_is_measured_as_it_is_checked(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The plan's file names base, candidates, suites and a policy."""
    scripted(monkeypatch, loses_hard_levels)
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        f"base: {files['base']}\ncandidate: {files['tuned']}\nsuites: [{files['suite']}]\n"
        "policy: {capabilities: {saying: {gate: false}}}\n"
    )
    store = ("--store", str(tmp_path / "store-check"), "--out", str(tmp_path / "checked"))
    assert run("check", str(plan), "--no-diagnose", *store).exit_code == 10
    store = ("--store", str(tmp_path / "store-gpu"))
    assert run("measure", str(plan), "--bundle", files["bundle"], *store).exit_code == 0

    assert judged(files, tmp_path).exit_code == 10
    assert plain(tmp_path / "judged") == plain(tmp_path / "checked")


def test_one_half_of_the_items_travels_with_its_account(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Of a fine-tune whose scale was chosen; under another policy its halves are other ones."""
    scripted(monkeypatch, all_right)
    suite = load_suite(files["suite"])
    policy = with_margins(Policy(), (suite,))
    half = halved(suite.tasks, EvalSettings(chat_template="none"), policy).half("judged")
    plan = {
        "base": files["base"], "candidate": files["tuned"], "suites": [files["suite"]],
        "half": {"part": half.part, "digest": half.digest}, "policy": {"default_margin": 0.05},
    }  # fmt: skip
    path = tmp_path / "plan.yaml"
    path.write_text(json.dumps(plan))
    store = ("--store", str(tmp_path / "store-check"), "--out", str(tmp_path / "checked"))
    code = run("check", str(path), "--no-diagnose", *store).exit_code
    store = ("--store", str(tmp_path / "store-gpu"))
    assert run("measure", str(path), "--bundle", files["bundle"], *store).exit_code == 0

    assert judged(files, tmp_path).exit_code == code
    assert plain(tmp_path / "judged") == plain(tmp_path / "checked")
    assert len(list((tmp_path / "store-ci" / "looks").glob("*/*.json"))) == 2
    other = tmp_path / "policy.yaml"
    other.write_text("default_margin: 0.1\n")
    result = judged(files, tmp_path, "--policy", str(other))
    assert (result.exit_code, error_of(result)) == (2, "pair.half")


@pytest.mark.parametrize("name", SCRIPTS)
def test_a_bundle_is_judged_as_it_would_be_checked(
    name: str, files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Verdict, exit code and review are those of `check`; checkpoints and suite are gone."""
    script, code = SCRIPTS[name]
    scripted(monkeypatch, script)
    assert checked(files, tmp_path).exit_code == code
    assert measured(files, tmp_path).exit_code == 0

    result = judged(files, tmp_path)

    assert result.exit_code == code, result.output
    assert plain(tmp_path / "judged") == plain(tmp_path / "checked")


REAL: dict[str, tuple[str, ...]] = {
    "an adapter, in a chat template": ("--suite", "SUITE", "--chat-template", "base"),
    "chats with tools": ("--suite", "tools", "--limit", "2", "--chat-template", "TEMPLATE"),
    "a task of lm-eval, tied by a field": ("--suite", "STOCK", "--data", "DATA", "-p", "POLICY"),
    "training data, which is placed": ("--suite", "SUITE", "--train", "TRAIN", "--screen"),
}


def written(folder: Path) -> dict[str, str]:
    """Write what the flags above name into a folder; return what stands for each name."""
    rows = [{"text": row["prompt"] + " Ann"} for row in support.choice_rows(9)]
    arc = [{**document, "topic": f"t{n // 2}"} for n, document in enumerate(ARC)]
    (folder / "policy.yaml").write_text("capabilities: {c: {cluster: topic}}\n")
    (folder / "chat.jinja").write_text(CHATML)
    return {
        "SUITE": str(support.write_suite(folder, n_items=20, n_said=4)),
        "TRAIN": str(support.write_jsonl(folder / "train.jsonl", rows)),
        "TEMPLATE": str(folder / "chat.jinja"),
        "STOCK": str(suite_of(folder, "arc_easy")),
        "DATA": f"arc_easy={support.write_jsonl(folder / 'arc.jsonl', arc)}",
        "POLICY": str(folder / "policy.yaml"),
    }


@pytest.mark.slow
@pytest.mark.parametrize("name", REAL)
def test_answers_of_models_are_judged_as_they_would_be_checked(
    name: str, tiny_base: Path, tiny_adapter: Path, tmp_path: Path
) -> None:
    """So are an adapter's, those of chats, and what loaded models tell of training data."""
    (tmp_path / "files").mkdir()
    files = written(tmp_path / "files")
    flags = [files.get(word, word) for word in REAL[name]]
    base, adapter = str(tiny_base), str(tiny_adapter)
    where = ("--store", str(tmp_path / "store-check"), "--out", str(tmp_path / "checked"))
    code = run(
        "check", "--base", base, "--candidate", adapter, *flags, *where, "--no-diagnose"
    ).exit_code
    where = ("--store", str(tmp_path / "store-gpu"), "--bundle", str(tmp_path / "run.tar"))
    assert run("measure", base, adapter, *flags, *where).exit_code == 0
    shutil.rmtree(tmp_path / "files")

    words = ("--store", str(tmp_path / "store-ci"), "--out", str(tmp_path / "judged"))
    assert run("compare", str(tmp_path / "run.tar"), *words).exit_code == code
    assert plain(tmp_path / "judged") == plain(tmp_path / "checked")
