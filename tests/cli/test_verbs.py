"""The verbs on the command line: what they print, write and return."""

from __future__ import annotations

import dataclasses
import json
import re
import shlex
import subprocess
import sys
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import pytest
import yaml
from typer.testing import CliRunner, Result

from cliffguard.cli.app import app
from cliffguard.core.answers import Answer
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.items import Item, Task
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.core.timing import Spent
from cliffguard.engine.loading import out_of_memory_explained
from tests import support
from tests.fake_runner import FakeRunner, Script
from tests.runners import test_imports
from tests.support import all_right, loses_hard_levels

REPORTS = (
    "comment.md", "items.jsonl", "junit.xml", "report.html", "report.md", "review.json",
    "timings.json",
)  # fmt: skip


@pytest.fixture
def files(tmp_path: Path) -> dict[str, str]:
    """A base, a candidate, a suite, a store and an output folder, as text."""
    return {
        "base": str(support.write_checkpoint(tmp_path / "base", seed=0)),
        "tuned": str(support.write_checkpoint(tmp_path / "tuned", seed=1)),
        "suite": str(support.write_suite(tmp_path / "suite", n_items=150, n_said=80)),
        "store": str(tmp_path / "store"),
        "out": str(tmp_path / "out"),
    }


def scripted(monkeypatch: pytest.MonkeyPatch, script: Script) -> FakeRunner:
    """Let the command line ask a script instead of a model."""
    runner = FakeRunner(script)

    def make(settings: RunnerSettings, **_: Any) -> FakeRunner:
        return runner

    monkeypatch.setattr("cliffguard.runners.harness.HarnessRunner", make)
    return runner


def run(*words: str) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def check(files: dict[str, str], *more: str) -> Result:
    """Run `check` over the files."""
    named = ("--base", files["base"], "--candidate", files["tuned"], "--suite", files["suite"])
    return run("check", *named, "--store", files["store"], "--out", files["out"], *more)


@pytest.fixture
def right(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The files; whoever is asked is always right."""
    scripted(monkeypatch, all_right)
    return files


@pytest.fixture
def losing(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The files; the candidate fails from level 3 on."""
    scripted(monkeypatch, loses_hard_levels)
    return files


def review_in(files: dict[str, str], *folder: str) -> Any:
    """Return the review.json of a check, or of one of its candidates."""
    return json.loads(Path(files["out"], *folder, "review.json").read_text())


def test_a_pass_exits_0(right: dict[str, str]) -> None:
    """PASS is exit code 0."""
    assert check(right).exit_code == 0


def test_a_regression_exits_10(losing: dict[str, str]) -> None:
    """FAIL is exit code 10, and the level where it breaks stands on the screen."""
    result = check(losing)

    assert result.exit_code == 10
    assert "worse from hops = 3" in result.stderr


def test_too_little_evidence_exits_11(right: dict[str, str]) -> None:
    """INCONCLUSIVE is exit code 11: the gate is fail-closed."""
    assert check(right, "--limit", "10").exit_code == 11


class OneForBoth(FakeRunner):
    """A runner that knows one model, whoever is asked."""

    def ask(self, checkpoint: Any, task: Any, items: Any, protocol: Any) -> Any:
        """Answer with probabilities that depend on the item alone."""
        answers = super().ask(checkpoint, task, items, protocol)
        return [
            dataclasses.replace(answer, confidence=0.3 + len(answer.item_id + answer.text) % 7 / 10)
            for answer in answers
        ]


def same_weights(files: dict[str, str]) -> None:
    """Save the base in place of the fine-tune."""
    support.write_checkpoint(Path(files["tuned"]), seed=0)


def as_they_are(files: dict[str, str]) -> None:
    """Do nothing to the files: what is wrong is who answers."""


FAULTS = {
    "the fine-tune was not saved": (same_weights, FakeRunner, "its weights are those of"),
    "one model answers for both": (as_they_are, OneForBoth, "one model answered for both"),
}


@pytest.mark.parametrize("fault", FAULTS)
def test_a_comparison_of_nothing_exits_12(
    fault: str, files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Equal answers would be a perfect PASS; there is no review, and failure.json says why."""
    change, kind, says = FAULTS[fault]
    change(files)
    runner = kind(all_right)
    monkeypatch.setattr("cliffguard.runners.harness.HarnessRunner", lambda *_, **__: runner)

    result = check(files)

    assert result.exit_code == 12
    assert says in result.stderr
    written = {path.name for path in Path(files["out"]).iterdir()}
    assert "failure.json" in written
    assert "review.json" not in written


def test_what_the_policy_names_and_no_suite_has_exits_11(
    right: dict[str, str], tmp_path: Path
) -> None:
    """An absent test is no pass, and no mistake in the policy either: another suite may have it."""
    policy = tmp_path / "policy.yaml"
    policy.write_text("capabilities: {translation: {margin: 0.05}}\n")

    result = check(right, "--policy", str(policy))

    assert result.exit_code == 11, result.output
    review = review_in(right)
    named = {finding["capability"]: finding["outcome"] for finding in review["verdict"]["findings"]}
    assert named["translation"] == "NOT_MEASURED"


def test_exit_zero_reports_only(losing: dict[str, str]) -> None:
    """--exit-zero exits 0 whatever the verdict; the verdict stands in the review."""
    result = check(losing, "--exit-zero")

    review = review_in(losing)
    assert result.exit_code == 0
    assert review["verdict"]["outcome"] == "FAIL"


def test_all_reports_are_written(right: dict[str, str]) -> None:
    """check leaves every report in the output folder, which may exist already."""
    Path(right["out"]).mkdir()

    check(right)

    written = sorted(path.name for path in Path(right["out"]).iterdir())
    assert written == sorted((*REPORTS, "plan.yaml", "policy.yaml"))


def test_two_runs_write_the_same_bytes(losing: dict[str, str]) -> None:
    """But for where the time went, which stands at the end of those for people."""
    check(losing)
    first = timeless(losing["out"])

    check(losing)

    assert timeless(losing["out"]) == first


def timeless(out: str) -> dict[str, str]:
    """Return the reports by name, without what a clock said."""
    texts = {name: (Path(out) / name).read_text(encoding="utf-8") for name in REPORTS[:-1]}
    cut = {
        "report.html": r"<section class=\"timings\">.*?</section>",
        "report.md": r"## Where .*?(?=## )",
        "junit.xml": r' time(stamp)?="[^"]*"',
    }
    for name, pattern in cut.items():
        texts[name], n_cut = re.subn(pattern, "", texts[name], flags=re.DOTALL)
        assert n_cut
    return texts


def test_timings_add_up(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """Wall time, what each stage took of it, and the tokens that it computed."""
    runner = scripted(monkeypatch, all_right)
    readings = iter((1.0, 3.5))
    monkeypatch.setattr(
        type(runner),
        "spent",
        lambda self: {"scoring": Spent(seconds=next(readings), n_tokens=1000)},
        raising=False,
    )

    check(files)

    timings = json.loads((Path(files["out"]) / "timings.json").read_text())
    assert timings["stages"] == {"scoring": {"seconds": 2.5, "n_tokens": 0}}
    assert timings["wall_seconds"] > 0
    assert any("reasoning" in label or "ball" in label for label in timings["tasks"])


def test_a_report_shows_the_timings_beside_its_review(right: dict[str, str]) -> None:
    """And is refused where they are no timings, instead of leaving them out."""
    check(right)
    review = Path(right["out"]) / "review.json"

    shown = CliRunner().invoke(app, ["report", str(review), "--format", "markdown"])
    assert "## Where the time went" in shown.stdout

    (review.parent / "timings.json").write_text('{"wall_seconds": "long"}')
    refused = CliRunner().invoke(app, ["report", str(review), "--format", "markdown"])
    assert refused.exit_code == 2
    assert "timings.json: wall_seconds" in refused.stderr


class Fainting(FakeRunner):
    """A runner whose memory does not suffice after a while, for the first time."""

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Answer, until it is asked about the candidate's second task."""
        if checkpoint.name.endswith("tuned") and task.name == "say" and self.n_asked < 1000:
            self.n_asked += 1000
            with out_of_memory_explained(checkpoint.name):
                raise MemoryError
        return super().ask(checkpoint, task, items, protocol)


def test_exhausted_memory_is_one_line_and_the_next_run_goes_on(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit code 20: the same call may succeed later, and asks only what is not answered yet."""
    runner = Fainting(all_right)
    monkeypatch.setattr("cliffguard.runners.harness.HarnessRunner", lambda *_, **__: runner)

    failed = check(files, "--no-early-stop", "--quiet")

    assert failed.exit_code == 20
    assert len(failed.stderr.splitlines()) == 1, failed.stderr
    assert "out of memory" in failed.stderr
    assert check(files, "--no-early-stop").exit_code == 0
    assert runner.n_asked - 1000 == 2 * (150 + 80), "an answer was asked for twice"


def test_a_failed_run_leaves_no_old_verdict(right: dict[str, str]) -> None:
    """After a check that could not be made, the folder holds the failure and no review."""
    check(right)
    torn = Path(right["tuned"]) / "model.safetensors"
    torn.write_bytes(torn.read_bytes()[:-4])

    result = check(right)

    assert result.exit_code == 12
    left = {path.name for path in Path(right["out"]).iterdir()} - {"plan.yaml", "policy.yaml"}
    assert left == {"failure.json", "junit.xml"}


@pytest.mark.slow
def test_a_reader_that_leaves_does_not_change_the_verdict(losing: dict[str, str]) -> None:
    """`check --format html | head` on a regression still exits 10, never 0."""
    check(losing)
    words = ["compare", losing["base"], losing["tuned"], "-s", losing["suite"]]
    words += ["--store", losing["store"], "--format", "html", "-q"]
    command = [sys.executable, "-m", "cliffguard", *words]

    with subprocess.Popen(command, stdout=subprocess.PIPE, stderr=subprocess.PIPE) as running:
        assert running.stdout is not None
        running.stdout.close()
        running.wait()

    assert running.returncode == 10


def test_stdout_is_silent_unless_asked(right: dict[str, str]) -> None:
    """People read stderr; stdout belongs to machines."""
    assert check(right).stdout == ""


def test_format_json_prints_the_review(right: dict[str, str]) -> None:
    """--format json prints what review.json holds."""
    printed = check(right, "--format", "json", "-q").stdout

    assert printed == (Path(right["out"]) / "review.json").read_text(encoding="utf-8")


def test_quiet_is_silent(right: dict[str, str]) -> None:
    """-q prints nothing at all for a run that worked."""
    result = check(right, "-q")

    assert (result.stdout, result.stderr) == ("", "")


def test_progress_names_what_is_measured(right: dict[str, str]) -> None:
    """Without a terminal there is a line for each task of each side and look, as it begins."""
    support.write_suite(Path(right["suite"]).parent, n_items=300, n_said=80)  # of two looks
    lines = [
        line for line in check(right).stderr.splitlines() if " items" in line and line[0] == "["
    ]

    labels = [line.partition("] ")[2].partition(" (")[0] for line in lines]
    assert labels[:2] == ["base: ball", "base: say"]
    assert labels[2:] == ["tuned, look 1: ball", "tuned, look 1: say", "tuned, look 2: ball"]
    assert "(0 of 380 items)" in lines[0]


def test_no_color_is_honoured(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """NO_COLOR takes all escape sequences out, even where colour is forced."""
    scripted(monkeypatch, loses_hard_levels)
    monkeypatch.setenv("FORCE_COLOR", "1")
    monkeypatch.setenv("NO_COLOR", "1")

    assert "\x1b[3" not in check(files).stderr
    monkeypatch.delenv("NO_COLOR")
    assert "\x1b[3" in check(files).stderr  # or the line above would prove nothing


def test_show_config_runs_nothing(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """--show-config prints the resolved plan as YAML and asks nobody."""
    runner = scripted(monkeypatch, all_right)

    result = check(files, "--show-config", "--limit", "7", "--dtype", "float32")

    shown = yaml.safe_load(result.stdout)
    assert (shown["protocol"]["limit"], shown["protocol"]["dtype"]) == (7, "float32")
    assert shown["candidate"] == files["tuned"]
    assert runner.n_asked == 0


def test_show_config_shows_the_policy_that_would_judge(files: dict[str, str]) -> None:
    """Without a policy of one's own the default one is shown, not an empty key."""
    shown = yaml.safe_load(check(files, "--show-config").stdout)

    assert shown["policy"]["default_margin"] == 0.05


def test_several_candidates_have_a_report_each_and_the_worst_code(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """--candidate repeats: one folder of reports each, and the exit code of the worst."""
    support.write_checkpoint(tmp_path / "other", seed=2)
    scripted(
        monkeypatch,
        lambda name, item: 0.0 if name.endswith("other") and (item.level or 0) > 1 else 1.0,
    )

    result = check(files, "--candidate", str(tmp_path / "other"))

    outcomes = {name: review_in(files, name)["verdict"]["outcome"] for name in ("tuned", "other")}
    assert outcomes == {"tuned": "PASS", "other": "FAIL"}
    assert result.exit_code == 10


def test_a_candidate_that_cannot_be_judged_stops_no_other(
    right: dict[str, str], tmp_path: Path
) -> None:
    """A missing candidate is named, the others are judged, and the exit code tells."""
    result = check(right, "--candidate", str(tmp_path / "nowhere"))

    assert "nowhere: no such directory" in result.stderr
    soon, _, late = result.stderr.partition("tuned, look 1")
    assert "! candidate 2 of 2 will not be asked: " in soon
    assert late
    assert (Path(right["out"]) / "tuned" / "review.json").is_file()
    assert result.exit_code == 2


class LosingUnderItsOwn(FakeRunner):
    """A candidate that forgot the hard levels under the template that it was saved with."""

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Return right answers but there."""
        is_lost = protocol.chat_template == "own" and checkpoint.name.endswith("tuned")
        self.script = lambda _, item: 0.0 if is_lost and (item.level or 0) > 1 else 1.0
        return super().ask(checkpoint, task, items, protocol)


@pytest.fixture
def templated(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> dict[str, str]:
    """The files, with a chat template on each side, and a candidate that fails under its own."""
    for side, template in (("base", "{{ messages }}"), ("tuned", "{{ messages }}!")):
        (Path(files[side]) / "chat_template.jinja").write_text(template)
    runner = LosingUnderItsOwn(all_right)
    monkeypatch.setattr("cliffguard.runners.harness.HarnessRunner", lambda *_, **__: runner)
    return files


def test_both_templates_are_two_comparisons_that_have_to_pass(templated: dict[str, str]) -> None:
    """Either alone would be half of the story, and each report names the other."""
    result = check(templated, "--chat-template", "both")

    reviews = {way: review_in(templated, f"tuned-{way}-template") for way in ("own", "base")}
    outcomes = {way: review["verdict"]["outcome"] for way, review in reviews.items()}
    assert outcomes == {"own": "FAIL", "base": "PASS"}
    assert result.exit_code == 10
    assert (Path(templated["out"]) / "overview.json").is_file(), result.stderr
    assert "template.one-of-both" in caveat_ids(reviews["base"])


def test_both_templates_in_a_plan_are_shown_as_they_stand(templated: dict[str, str]) -> None:
    """--show-config gives back a plan that asks for the same."""
    shown = yaml.safe_load(check(templated, "--chat-template", "both", "--show-config").stdout)

    assert shown["protocol"]["chat_template"] == "both"
    assert shown["candidate"] == templated["tuned"]


def test_a_choice_under_both_templates_is_refused(
    templated: dict[str, str], tmp_path: Path
) -> None:
    """One that passes under one template alone would be shipped."""
    other = str(support.write_checkpoint(tmp_path / "other", seed=2))

    result = check(templated, "--candidate", other, "--chat-template", "both", "--choose", "any")

    assert result.exit_code == 2
    assert "--choose and chat_template: both" in result.stderr


@pytest.mark.parametrize("verb", [["measure"], ["noise"], ["compare", "base"]])
def test_both_templates_are_for_check_alone(templated: dict[str, str], verb: list[str]) -> None:
    """A verb that asks in one way says so."""
    sides = [templated.get(word, word) for word in verb]

    result = run(
        *sides, templated["tuned"], "--suite", templated["suite"], "--chat-template", "both"
    )

    assert result.exit_code == 2
    assert "--chat-template both: is for check" in result.stderr


@pytest.fixture
def trajectory(files: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """Three candidates: step-1 and step-3 keep everything, step-2 loses the hard levels."""
    for number in (1, 2, 3):
        support.write_checkpoint(tmp_path / f"step-{number}", seed=number + 3)
    support.write_suite(tmp_path / "suite", n_items=150, n_said=120)  # enough for a third of alpha
    return files


@pytest.fixture
def long_trajectory(trajectory: dict[str, str], tmp_path: Path) -> dict[str, str]:
    """The same three, over items of which an earlier run may have seen half."""
    support.write_suite(tmp_path / "suite", n_items=300, n_said=120)
    return trajectory


def chosen(files: dict[str, str], steps: str, how: str) -> Result:
    """Check some of the three with --choose."""
    folder = Path(files["base"]).parent
    words = [word for n in steps for word in ("--candidate", str(folder / f"step-{n}"))]
    named = ("--base", files["base"], "--suite", files["suite"], "--choose", how, *words)
    return run("check", *named, "--store", files["store"], "--out", files["out"])


def loses_at_step_2(name: str, item: Item) -> float:
    """Script: the second of three candidates fails from level 3 on."""
    return 0.0 if "step-2" in name and (item.level or 0) >= 3 else 1.0


def test_candidates_to_choose_from_share_alpha(
    trajectory: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whichever passed may be shipped; one that failed does not stop the others."""
    scripted(monkeypatch, loses_at_step_2)

    result = chosen(trajectory, "123", "any")

    assert result.exit_code == 0
    assert "of 3 candidates, which share alpha, " in result.stderr
    assert re.search(r"step-1 or \S*step-3 may be shipped", result.stderr)
    review = review_in(trajectory, "step-1")
    assert review["plan"]["policy"]["alpha"] == pytest.approx(0.05 / 3)
    assert review["comparison"]["confidence"] == pytest.approx(1 - 2 * 0.95 * 0.05 / 3)
    assert "choose.shared-alpha" in caveat_ids(review)


def caveat_ids(review: Any) -> list[str]:
    """Return the ids of the caveats in a review.json."""
    return [caveat["id"] for caveat in review["comparison"]["caveats"]]


def turns(share: int, *names: str) -> Script:
    """Script: the named of the candidates break one item in `share`, and fix as many."""

    def script(name: str, item: Item) -> float:
        index = int(item.id.rpartition("-")[2]) if item.level is not None else -1
        is_base_wrong, is_turned = index % share == 0, index % share == share // 2
        if index < 0 or not any(candidate in name for candidate in names):
            return float(index < 0 or not is_base_wrong)
        return float(not is_turned)

    return script


@pytest.mark.slow
def test_candidates_that_change_together_share_more_of_alpha(
    long_trajectory: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is open at an equal share passes at what near twins may spend, without a question."""
    runner = scripted(monkeypatch, turns(11, "step-1", "step-2", "step-3"))

    result = chosen(long_trajectory, "123", "any")

    assert result.exit_code == 0
    assert re.search(r"step-1 or \S*step-2 or \S*step-3 may be shipped", result.stderr)
    assert runner.n_asked == 4 * (300 + 120)
    review = review_in(long_trajectory, "step-2")
    assert 0.05 / 3 < review["plan"]["policy"]["alpha"] < 0.05
    assert "choose.raised-alpha" in caveat_ids(review)
    assert "choose.shared-alpha" not in caveat_ids(review)
    again = Path(long_trajectory["out"]) / "again"
    repeated = run(*shlex.split(review["provenance"]["command"])[1:], "--out", str(again))
    assert repeated.exit_code == 0
    assert json.loads((again / "review.json").read_text())["verdict"] == review["verdict"]


@pytest.mark.slow
def test_what_an_earlier_run_saw_leaves_equal_shares(
    long_trajectory: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """How looks at fewer items hang together with those at more is not known of several."""
    scripted(monkeypatch, turns(11, "step-1", "step-2", "step-3"))
    folder = Path(long_trajectory["base"]).parent
    named = (
        "--base",
        long_trajectory["base"],
        "--suite",
        long_trajectory["suite"],
        "--limit",
        "150",
    )
    run("check", *named, "--candidate", str(folder / "step-1"), "--store", long_trajectory["store"],
        "--out", long_trajectory["out"])  # fmt: skip

    result = chosen(long_trajectory, "123", "any")

    assert result.exit_code == 11
    assert "of 3 candidates, which share alpha, none passed" in result.stderr


def test_a_trajectory_is_tested_until_one_does_not_pass(
    trajectory: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In the order given, each at the whole alpha; what comes after is not even asked."""
    scripted(monkeypatch, loses_at_step_2)

    result = chosen(trajectory, "123", "last")

    assert result.exit_code == 0
    assert re.search(
        r"step-1 is the last that passed; 1 after the first .* not tested", result.stderr
    )
    assert not (Path(trajectory["out"]) / "step-3" / "review.json").exists()
    review = review_in(trajectory, "step-1")
    assert review["plan"]["policy"] is None or review["plan"]["policy"]["alpha"] == 0.05


@pytest.mark.parametrize("how", ["any", "last"])
def test_where_none_passed_the_worst_code_is_kept(
    trajectory: dict[str, str], monkeypatch: pytest.MonkeyPatch, how: str
) -> None:
    """A choice among failures is none."""
    scripted(monkeypatch, lambda name, item: float("base" in name or (item.level or 0) < 2))

    result = chosen(trajectory, "23", how)

    assert result.exit_code == 10
    assert re.search("none passed|did not pass", result.stderr)


@pytest.mark.slow
def test_after_a_failure_of_one_of_several_no_more_is_asked(
    trajectory: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What it left stored is compared as it was run; checked alone, it is asked on."""
    scripted(monkeypatch, lambda name, item: float("base" in name or item.level is not None))
    suite = support.write_suite(Path(trajectory["suite"]).parent, n_items=1500, n_said=120)
    base = Path(trajectory["base"])
    pair = [str(base), str(base.parent / "step-2"), "--suite", str(suite)]

    stopped = chosen(trajectory, "12", "any")
    plainly = run("compare", *pair, "--store", trajectory["store"])
    as_run = run("compare", *pair, "--store", trajectory["store"], "--after-failure", "stop")
    finished = run(
        "check", "--base", pair[0], "--candidate", pair[1], *pair[2:],
        "--store", trajectory["store"], "--out", str(base.parent / "alone"),
    )  # fmt: skip

    assert stopped.exit_code == as_run.exit_code == finished.exit_code == 10
    assert plainly.exit_code == 2
    assert "only part of ball is stored" in plainly.stderr
    assert "compare with --after-failure stop" in plainly.stderr
    review = review_in(trajectory, "step-2")
    assert review["plan"]["after_failure"] == "stop"
    alone = json.loads((base.parent / "alone" / "review.json").read_text())
    assert alone["plan"]["after_failure"] == "finish"
    assert [finding["outcome"] for finding in alone["verdict"]["findings"]] == ["HELD", "REGRESSED"]


def test_a_choice_needs_candidates(trajectory: dict[str, str]) -> None:
    """With one there is nothing to choose."""
    result = chosen(trajectory, "2", "any")

    assert result.exit_code == 2
    assert "--choose: there is one candidate only" in result.stderr


@pytest.mark.parametrize(
    ("words", "key", "value"),
    [
        (("--num_fewshot", "3"), ("protocol", "num_fewshot"), 3),
        (("--batch_size", "4"), ("runner", "batch_size"), 4),
        (("--apply_chat_template",), ("protocol", "chat_template"), "own"),
        (("--limit", "9"), ("protocol", "limit"), 9),
        (("--num-fewshot", "3"), ("protocol", "num_fewshot"), 3),
        (("--batch-size", "4"), ("runner", "batch_size"), 4),
        (("--apply-chat-template",), ("protocol", "chat_template"), "own"),
    ],
)
def test_lm_evals_spellings_are_aliases(
    files: dict[str, str], words: tuple[str, ...], key: tuple[str, str], value: Any
) -> None:
    """lm-eval's flags and ours set the same keys of the plan."""
    shown = yaml.safe_load(check(files, *words, "--show-config").stdout)

    assert shown[key[0]][key[1]] == value


def test_a_plan_file_is_enough(
    files: dict[str, str], tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plan with paths beside it needs no flags, from whichever folder it is run."""
    scripted(monkeypatch, all_right)
    plan = tmp_path / "plan.yaml"
    plan.write_text("base: base\ncandidate: tuned\nsuites: [suite/small.yaml]\n")
    monkeypatch.chdir(tmp_path.parent)

    result = run("check", str(plan), "--store", files["store"], "--out", files["out"])

    assert result.exit_code == 0


def test_flags_override_the_plan(files: dict[str, str], tmp_path: Path) -> None:
    """A flag replaces one key of the plan and leaves the others."""
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "base: base\ncandidate: tuned\nsuites: [suite/small.yaml]\n"
        "protocol: {limit: 5, seed: 3}\npolicy: {default_margin: 0.1}\n"
    )

    shown = yaml.safe_load(run("check", str(plan), "--limit", "8", "--show-config").stdout)

    assert (shown["protocol"]["limit"], shown["protocol"]["seed"]) == (8, 3)
    assert shown["policy"]["default_margin"] == 0.1


def test_compare_reads_the_store_alone(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """compare gives check's verdict from stored answers and asks nobody."""
    runner = scripted(monkeypatch, loses_hard_levels)
    check(files)
    n_asked = runner.n_asked

    result = run(
        "compare", files["base"], files["tuned"], "--suite", files["suite"],
        "--store", files["store"], "--format", "json", "-q",
    )  # fmt: skip

    assert result.exit_code == 10
    assert json.loads(result.stdout)["verdict"]["outcome"] == "FAIL"
    assert runner.n_asked == n_asked


def test_measure_fills_the_store(files: dict[str, str], monkeypatch: pytest.MonkeyPatch) -> None:
    """measure exits 0 and leaves nothing of that checkpoint for check to ask."""
    runner = scripted(monkeypatch, all_right)

    result = run(
        "measure", files["base"], "--suite", files["suite"], "--store", files["store"]
    )  # fmt: skip

    assert result.exit_code == 0
    assert runner.n_asked == 230
    check(files, "--no-early-stop")
    assert runner.n_asked == 2 * 230


def test_report_is_a_pure_function(losing: dict[str, str]) -> None:
    """report renders a review in any format, the same bytes twice."""
    check(losing)

    for output_format in ("text", "markdown", "html", "json", "junit", "comment", "github"):
        words = ("report", str(Path(losing["out"]) / "review.json"), "--format", output_format)
        once, again = run(*words), run(*words)
        assert once.exit_code == 0
        assert once.stdout == again.stdout != ""


def test_the_comment_has_the_id_and_the_address_of_the_command(losing: dict[str, str]) -> None:
    """Beside the reports and on stdout, of check and of compare; no command repeats them."""
    flags = (
        "--format",
        "comment",
        "--comment-id",
        "gate-2",
        "--report-url",
        "https://ci.example/7",
    )

    checked = check(losing, *flags)
    compared = run(
        "compare", losing["base"], losing["tuned"], "-s", losing["suite"], "--store",
        losing["store"], *flags, "--out", losing["out"],
    )  # fmt: skip

    for done in (checked, compared):
        assert done.exit_code == 10
        assert done.stdout.startswith("<!-- cliffguard:gate-2 -->\n**✗ FAIL**: ")
        assert done.stdout.endswith(" [Full report](<https://ci.example/7>)\n")
        assert "that broke" in done.stdout
    assert (Path(losing["out"]) / "comment.md").read_text("utf-8") == compared.stdout
    unwritten = run(
        "compare", losing["base"], losing["tuned"], "-s", losing["suite"], "--store",
        losing["store"], "--report-url", "https://ci.example/7", "--format", "json",
    )  # fmt: skip
    assert "ci.example" not in unwritten.stdout


def test_report_writes_a_file(right: dict[str, str]) -> None:
    """--output takes the place of stdout."""
    check(right)
    page = Path(right["out"]) / "again.html"

    run("report", str(Path(right["out"]) / "review.json"), "-f", "html", "-o", str(page))

    assert page.read_bytes() == (Path(right["out"]) / "report.html").read_bytes()


def test_version_is_printed() -> None:
    """--version prints the version of the package."""
    from importlib.metadata import version

    result = run("--version")

    assert (result.exit_code, result.stdout.strip()) == (0, version("cliffguard"))


@pytest.mark.parametrize(
    "verb", ["check", "measure", "compare", "report", "init", "demo", "suites"]
)
def test_every_verb_has_help(verb: str) -> None:
    """Each verb explains itself."""
    result = run(verb, "--help")

    assert result.exit_code == 0
    assert "Usage" in result.stdout


def test_check_with_a_real_adapter(
    tiny_adapter: Path, files: dict[str, str], tmp_path: Path
) -> None:
    """From an adapter directory alone to a verdict: its config names the base."""
    result = run(
        "check", "--candidate", str(tiny_adapter), "--suite", files["suite"], "--limit", "12",
        "--store", files["store"], "--out", files["out"], "--device", "cpu",
    )  # fmt: skip

    assert result.exit_code in (0, 10, 11), result.stderr
    review = json.loads((tmp_path / "out" / "review.json").read_text())
    assert review["comparison"]["candidate"]["adapter"] is not None


def test_compare_takes_folders_of_samples(tmp_path: Path) -> None:
    """Two folders and a policy; no suite, no store, no model."""
    for side, n_wrong in (("base", 0), ("tuned", 60)):
        for task in ("gsm8k", "race"):
            wrong = n_wrong if task == "gsm8k" else 0
            rows = test_imports.scored(300, lambda n, wrong=wrong: n < wrong)
            test_imports.write(tmp_path / side, task, rows)
    policy = tmp_path / "policy.yaml"
    policy.write_text(
        "alpha: 0.05\n"
        "capabilities:\n"
        "  reasoning: {tasks: [gsm8k], margin: 0.03}\n"
        "  reading: {tasks: [race], margin: 0.05}\n"
    )
    sides = (str(tmp_path / "base"), str(tmp_path / "tuned"))

    result = run("compare", *sides, "--policy", str(policy), "--format", "json", "-q")

    assert result.exit_code == 10, result.output
    review = json.loads(result.stdout)
    assert "reasoning regressed (100.0 → 80.0 %)" in review["verdict"]["sentence"]

    out = run("compare", *sides, "--out", str(tmp_path / "out"), "-q")
    assert (tmp_path / "out" / "report.html").is_file(), out.output


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (("base", "nowhere"), r"and nowhere is no path; compare samples with samples"),
        (("base", "base", "--limit", "3"), r"--limit: has no effect on samples that are logged"),
        (("base", "base", "--suite", "adjacent"), r"--suite: has no effect"),
    ],
)
def test_compare_of_samples_refuses_what_has_no_place(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, words: tuple[str, ...], message: str
) -> None:
    """One line, exit 2."""
    monkeypatch.chdir(tmp_path)
    test_imports.write(tmp_path / "base", "race", test_imports.scored(3))

    result = run("compare", *words)

    assert result.exit_code == 2
    assert re.search(message, result.stderr)


def test_a_review_is_not_written_over_by_its_report(right: dict[str, str]) -> None:
    """The record would be lost, and with it every other report."""
    check(right)
    review = Path(right["out"]) / "review.json"

    result = run("report", str(review), "-f", "markdown", "-o", str(review))

    assert result.exit_code == 2
    assert "is the review itself" in result.stderr
    assert json.loads(review.read_text())["format"]


@pytest.mark.parametrize(
    ("keys", "value"), [(("provenance", "looks", 0, "n_items"), []), (("plan", "base"), "\0")]
)
def test_a_review_that_no_check_writes_is_the_users_error(
    keys: tuple[Any, ...], value: Any, right: dict[str, str]
) -> None:
    """Edited by hand, it may pass the reader and not be shown."""
    check(right)
    review = Path(right["out"]) / "review.json"
    edited = json.loads(review.read_text())
    *way, last = keys
    inner = edited
    for step in way:
        inner = inner[step]
    inner[last] = value
    review.write_text(json.dumps(edited))

    result = run("report", str(review), "-f", "markdown")

    assert result.exit_code == 2, result.stdout
    assert len(result.stderr.splitlines()) == 1


def test_a_nested_timings_file_is_the_users_error(right: dict[str, str]) -> None:
    """Whoever wrote it, the parser answers."""
    check(right)
    (Path(right["out"]) / "timings.json").write_text("[" * 100_000)

    result = run("report", str(Path(right["out"]) / "review.json"))

    assert result.exit_code == 2
    assert "timings.json: not valid JSON" in result.stderr


def test_a_candidate_named_by_dots_has_its_reports_in_a_folder_of_its_name(
    files: dict[str, str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """In `cliffguard-out/..` they would take the place of other files."""
    scripted(monkeypatch, all_right)
    inside = Path(files["tuned"]) / "inside"
    inside.mkdir()
    (inside / "junit.xml").write_text("mine")
    monkeypatch.chdir(inside)

    run("check", "--base", files["base"], "--candidate", "..", "--suite", files["suite"],
        "--store", files["store"])  # fmt: skip

    assert (inside / "cliffguard-out" / "tuned" / "review.json").is_file()
    assert (inside / "junit.xml").read_text() == "mine"


@pytest.mark.parametrize("flag", ["--out", "--store"])
def test_an_empty_folder_is_a_usage_error(flag: str, files: dict[str, str]) -> None:
    """The variable of a shell that was not set would mean the working directory."""
    named = ("--base", files["base"], "--candidate", files["tuned"], "--suite", files["suite"])

    result = run("check", *named, flag, "")

    assert result.exit_code == 2
    assert "an empty" in result.stderr


def test_a_limit_of_all_is_none(right: dict[str, str]) -> None:
    """It takes a plan's limit away, and picks what was stored without one."""
    assert check(right, "--limit", "50", "--seed", "1").exit_code in (0, 11)
    assert check(right, "--seed", "1").exit_code in (0, 11)
    named = (right["base"], right["tuned"], "--suite", right["suite"], "--store", right["store"])

    unsaid = run("compare", *named)
    shown = run("compare", *named, "--limit", "all", "--show-config")

    assert unsaid.exit_code == 2
    assert "choose one with --limit (all: none)" in unsaid.stderr
    reviews = [
        json.loads(run("compare", *named, "--limit", limit, "--format", "json").stdout)
        for limit in ("all", "50")
    ]
    assert [review["plan"]["protocol"]["limit"] for review in reviews] == [None, 50]
    assert yaml.safe_load(shown.stdout)["protocol"]["limit"] is None
    assert check(right, "--limit", "many").exit_code == 2
