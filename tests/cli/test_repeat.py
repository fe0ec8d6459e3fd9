"""The command that a report prints gives that report's verdict again, for each kind of run."""

from __future__ import annotations

import json
import shlex
import shutil
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
import yaml

from cliffguard import EvalSettings, Plan, Policy, RunnerSettings, Store, TargetData, guard
from cliffguard.compare.repeat_command import names_of, plan_written, write_plan
from cliffguard.config import load_plan, make_plan
from cliffguard.core.items import Item
from cliffguard.core.reviews import Review
from cliffguard.core.settings import CapabilityPolicy, TargetPolicy
from cliffguard.report import write_reports
from tests import support
from tests.cli.test_verbs import run, scripted
from tests.fake_runner import FakeRunner, ProbedRunner, Script
from tests.report import samples
from tests.runners import test_imports
from tests.support import loses_hard_levels

pytestmark = pytest.mark.slow

LABELS = ("billing", "security", "shipping")
TICKETS = [{"text": f"Ticket number {n}", "label": LABELS[n % 3]} for n in range(300)]


@pytest.fixture
def workspace(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with a base, candidates, a suite, a policy and data, in which one stands."""
    support.write_checkpoint(tmp_path / "base", seed=0)
    for seed, name in enumerate(("tuned", "a/final", "b/final"), start=1):
        support.write_checkpoint(tmp_path / name, seed=seed)
    support.write_suite(tmp_path / "suite", n_items=150, n_said=80)
    support.write_jsonl(tmp_path / "tickets.jsonl", TICKETS)
    support.write_jsonl(tmp_path / "train.jsonl", [{"text": "Where is the ball?"}])
    seen = [{"text": row["prompt"]} for row in support.choice_rows(300)[:30]]
    support.write_jsonl(tmp_path / "seen.jsonl", seen)
    (tmp_path / "policy.yaml").write_text("{alpha: 0.1, default_margin: 0.08}")
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def losing(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is asked scripts a candidate that fails from level 3 on."""
    scripted(monkeypatch, loses_hard_levels)


@pytest.fixture
def right(monkeypatch: pytest.MonkeyPatch) -> None:
    """Whoever is asked is always right."""
    scripted(monkeypatch, lambda *_: 1.0)


def verdict_in(folder: Path) -> dict[str, Any]:
    """Return the review in a folder."""
    review: dict[str, Any] = json.loads((folder / "review.json").read_text(encoding="utf-8"))
    return review


PAIR = ("--base", "base", "--candidate", "tuned", "--suite", "suite/small.yaml")


def repeated(folder: Path, code: int) -> dict[str, Any]:
    """Run the command of the review in a folder, which gives its verdict; return the new review."""
    once = verdict_in(folder)
    result = run(*shlex.split(once["provenance"]["command"])[1:], "--out", "again")
    assert result.exit_code == code, result.output
    again = verdict_in(Path("again"))
    assert again["verdict"] == once["verdict"]
    return again


def loses(name: str, item: Item) -> float:
    """Script: the base is half right of tickets, the candidate right; ladders are lost."""
    if item.id.startswith("target-"):
        return float(int(item.id[-5:]) % 2 or "tuned" in name or "final" in name)
    return loses_hard_levels(name, item)


RUNS: dict[str, tuple[list[str], Script, int]] = {
    "checkpoints": ([], loses_hard_levels, 10),
    "a policy": (["--policy", "policy.yaml"], lambda *_: 1.0, 0),
    "one look": (["--no-early-stop"], loses_hard_levels, 10),
    "items dealt": (["--items", "200", "--churn", "reasoning=0.03"], lambda *_: 1.0, 0),
    "training data": (["--train", "train.jsonl"], lambda *_: 1.0, 0),
    "a protocol": (["--seed", "3", "--limit", "60", "--dtype", "float32"], lambda *_: 1.0, 0),
    "a target": (["--target", "tickets.jsonl"], loses, 10),
    "a target alone": (["--target", "tickets.jsonl", "--suite", "none"], loses, 11),
    "stopped": (["--after-failure", "stop"], loses_hard_levels, 10),
    "training data that hold items": (["--train", "seen.jsonl"], loses_hard_levels, 10),
    "answers drawn": (["--temperature", "0.7", "--repeats", "3"], loses_hard_levels, 10),
    "minutes that sufficed": (["--max-minutes", "9"], loses_hard_levels, 10),
    "nothing asked again": (["--no-diagnose"], loses_hard_levels, 10),
}


@pytest.mark.slow
@pytest.mark.parametrize("name", RUNS)
def test_a_check_is_repeated_by_its_command(
    name: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """From another folder, with nothing but the files beside the review, and nothing asked anew."""
    words, script, code = RUNS[name]
    runner = scripted(monkeypatch, script)
    suite = [] if "--suite" in words else ["--suite", "suite/small.yaml"]
    given = ["--base", "base", "--candidate", "tuned", *suite, "--store", "store", "--out", "out"]

    assert run("check", *given, *words).exit_code == code

    n_asked = runner.n_asked
    command = verdict_in(workspace / "out")["provenance"]["command"]
    assert command.startswith("cliffguard check out/plan.yaml")
    monkeypatch.chdir(workspace)
    once, again = verdict_in(workspace / "out"), repeated(workspace / "out", code)
    assert again["comparison"]["capabilities"] == once["comparison"]["capabilities"]
    assert runner.n_asked == n_asked


@pytest.mark.slow
@pytest.mark.parametrize("flag", ["--diagnose", "--no-diagnose"])
def test_broken_items_are_asked_again_unless_that_is_refused(
    flag: str, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The flag decides, the command of the report keeps it, and Python's `probes` does the same."""
    runner = ProbedRunner(lambda name, item, _: float(("tuned" in name) != (int(item.id[-3:]) % 2)))
    monkeypatch.setattr("cliffguard.runners.harness.HarnessRunner", lambda *_, **__: runner)

    assert run("check", *PAIR, "--store", "store", "--out", "out", flag).exit_code in (10, 11)

    command = verdict_in(workspace / "out")["provenance"]["command"]
    assert (runner.n_probed > 0, flag in command) == (flag == "--diagnose", flag != "--diagnose")
    review = guard(
        load_plan("out/plan.yaml"),
        store=Store("other"),
        runner=runner,
        probes=flag == "--diagnose",
    )
    assert ("--no-diagnose" in review.provenance.command) == (flag != "--diagnose")


@pytest.mark.parametrize("is_named", [True, False])
def test_an_adapter_is_repeated(
    is_named: bool,
    workspace: Path,
    tiny_base: Path,
    tiny_adapter: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """On the base that was given, or that it names itself."""
    scripted(monkeypatch, lambda name, item: loses_hard_levels("tuned" * ("adapter" in name), item))
    words = ["--candidate", str(tiny_adapter), "--suite", "suite/small.yaml", "--out", "out"]
    words += ["--base", str(tiny_base)] if is_named else []
    assert run("check", *words).exit_code == 10

    assert repeated(Path("out"), 10)


def test_a_plan_is_read_from_anywhere(workspace: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Its paths are whole, and the policy lies beside it."""
    scripted(monkeypatch, loses_hard_levels)
    out = workspace / "out"
    assert run("check", *PAIR, "--out", str(out)).exit_code == 10

    (workspace / "elsewhere").mkdir()
    monkeypatch.chdir(workspace / "elsewhere")

    assert repeated(out, 10)


def everything_relative(folder: Path, tiny_base: Path, tiny_adapter: Path) -> list[str]:
    """Return a check in which all that can be a path is one from here; the files are made."""
    shutil.copytree(tiny_base, folder / "models" / "base")
    shutil.copytree(tiny_adapter, folder / "runs" / "adapter")
    config = folder / "runs" / "adapter" / "adapter_config.json"
    named = {**json.loads(config.read_text()), "base_model_name_or_path": "models/base"}
    config.write_text(json.dumps(named))
    (folder / "plan.yaml").write_text(
        "{candidate: runs/adapter, suites: [suite/small.yaml, ./other/more.yaml], "
        "target: {data: tickets.jsonl}, train: [train.jsonl], policy: policy.yaml, "
        "churn: churn.yaml, items: 505}"
    )
    (folder / "churn.yaml").write_text("reasoning: 0.05\n")
    rows = [{**row, "prompt": f"More: {row['prompt']}"} for row in support.choice_rows(90)]
    support.write_jsonl(folder / "other" / "more.jsonl", rows)
    (folder / "other" / "more.yaml").write_text(
        "{name: more, version: 1, description: x, capabilities: {more: {ring: adjacent, "
        "description: x, tasks: [{name: more, items: more.jsonl, level: hops, metric: acc, "
        "chance: 0.25}]}}}"
    )
    return ["check", "plan.yaml", "--store", "store"]


@pytest.mark.parametrize("is_named", [True, False])
def test_paths_of_every_kind_are_found_from_elsewhere(
    is_named: bool,
    workspace: Path,
    tiny_base: Path,
    tiny_adapter: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """Also the base that an adapter names by a path from where its trainer stood."""
    runner = scripted(monkeypatch, loses)
    words = everything_relative(workspace, tiny_base, tiny_adapter)
    words += ["--base", "models/base"] if is_named else []
    first = run(*words, "--out", str(workspace / "out"))
    assert first.exit_code in (0, 10, 11), first.output
    n_asked = runner.n_asked
    (workspace / "elsewhere").mkdir()
    monkeypatch.chdir(workspace / "elsewhere")

    assert repeated(workspace / "out", first.exit_code)
    assert runner.n_asked == n_asked


def test_a_server_knows_a_side_by_the_name_that_it_was_given() -> None:
    """Its path is whole in the plan, and the server still hears the short one."""
    review = samples.failed()
    settings = RunnerSettings(model="local-completions", args={"base_url": "http://x/v1"})
    given = replace(
        review.plan,
        base=review.comparison.base.name,
        candidate=review.comparison.candidate.name,
        runner=settings,
    )

    def asked_as(plan: Plan) -> list[str]:
        known = plan.runner.served_as
        return [known.get(name or "", name or "") for name in (plan.base, plan.candidate)]

    for served in ({}, {given.candidate: "tuned-served"}):
        plan = replace(given, runner=replace(settings, served_as=served))
        written = make_plan(plan_written(replace(review, plan=plan)), "plan")
        assert asked_as(written) == asked_as(plan)


@pytest.mark.slow
@pytest.mark.parametrize("choose", [None, "any", "last"])
def test_each_of_several_candidates_is_repeated(
    choose: str | None, workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """At the alpha that it was judged at, whichever way one is chosen."""
    scripted(
        monkeypatch, lambda name, item: loses_hard_levels("tuned", item) if "b/" in name else 1
    )
    words = ["--base", "base", "--candidate", "a/final", "--candidate", "b/final"]
    words += ["--suite", "suite/small.yaml", "--store", "store", "--out", "out"]
    run("check", *words, *(["--choose", choose] if choose else []))

    for name, code in (("a/final", 0), ("b/final", 10)):
        assert repeated(Path("out") / name, code)


@pytest.mark.usefixtures("right")
def test_both_templates_are_repeated_each_by_itself(workspace: Path) -> None:
    """Each report is of one way to put prompts."""
    for side in ("base", "tuned"):
        (workspace / side / "chat_template.jinja").write_text(support.CHAT_TEMPLATE)
    run("check", *PAIR, "--chat-template", "both", "--out", "out")

    for way in ("own", "base"):
        again = repeated(Path("out") / f"tuned-{way}-template", 0)
        assert again["plan"]["protocol"]["chat_template"] == way


def test_items_dealt_by_measured_noise_are_dealt_again(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Also from a store that has learnt more of the noise since."""
    runner = scripted(monkeypatch, lambda *_: 1.0)
    options = ["--suite", "suite/small.yaml", "--store", "store"]
    assert run("noise", "base", *options).exit_code == 0
    words = ["--base", "base", "--candidate", "tuned", *options, "--items", "200"]
    code = run("check", *words, "--out", "out").exit_code
    n_asked = runner.n_asked
    for entry in Store("store").entries():
        if (noise := entry.read_noise()) is not None:
            entry.write_noise({**noise, "flips": noise["items"] // 2})

    assert repeated(Path("out"), code)
    assert runner.n_asked == n_asked


@pytest.mark.usefixtures("right")
def test_a_run_that_its_time_ended_is_repeated(workspace: Path) -> None:
    """What it had asked is in the store, and what it had not is still for later."""
    words = ["--store", "store", "--max-minutes", "1e-9"]
    assert run("check", *PAIR, *words, "--out", "out").exit_code == 11

    assert repeated(Path("out"), 11)


@pytest.mark.usefixtures("losing")
def test_a_comparison_that_leaves_no_plan_names_itself(workspace: Path) -> None:
    """Without --out the command is the one that was given, and gives the verdict again."""
    options = ["--suite", "suite/small.yaml", "--limit", "60"]
    for side in ("base", "tuned"):
        assert run("measure", side, *options, "--store", "store").exit_code == 0
    words = ["base", "tuned", "-s", "suite/small.yaml", "-L", "60", "--store", "store"]
    words += ["-p", "policy.yaml", "--train", "train.jsonl", "--chat-template", "none"]
    words += ["--churn", "reasoning=0.03", "--churn", "saying=0.1", "--items", "120", "--offline"]

    first = run("compare", *words, "--format", "json", "--quiet")

    once = json.loads(first.stdout)
    command = once["provenance"]["command"]
    assert command.startswith("cliffguard compare base tuned --")
    result = run(*shlex.split(command)[1:], "--format", "json")
    assert result.exit_code == first.exit_code == 10, result.output
    again = json.loads(result.stdout)
    assert (again["verdict"], again["plan"]) == (once["verdict"], once["plan"])
    assert again["provenance"]["command"] == command


def test_a_side_that_reads_as_a_flag_is_named_again(workspace: Path) -> None:
    """Behind the mark that ends the flags."""
    for side in ("one", "-two"):
        test_imports.write(workspace / side, "task", test_imports.scored(300))

    first = run("compare", "--format", "json", "--", "one", "-two")

    command = json.loads(first.stdout)["provenance"]["command"]
    assert command == "cliffguard compare -- one -two"
    assert run(*shlex.split(command)[1:]).exit_code == first.exit_code == 0


def test_samples_that_leave_no_plan_name_themselves(workspace: Path) -> None:
    """With the policy and the earlier reviews of the command."""
    for side, wrong in (("one", 0), ("two", 9)):
        rows = test_imports.scored(300, lambda n, wrong=wrong: n % 10 < wrong)
        test_imports.write(workspace / side, "task", rows)
    (workspace / "own.yaml").write_text("capabilities: {all: {tasks: ['ta*'], margin: 0.07}}")
    assert run("compare", "one", "two", "-p", "own.yaml", "--out", "out").exit_code == 10
    words = ["one", "two", "--policy", "own.yaml", "--after", "out/review.json"]

    first = run("compare", *words, "--format", "json")

    once = json.loads(first.stdout)
    command = once["provenance"]["command"]
    assert command == f"cliffguard compare {' '.join(words)}"
    result = run(*shlex.split(command)[1:], "--format", "json")
    assert result.exit_code == first.exit_code == 10, result.output
    assert json.loads(result.stdout)["verdict"] == once["verdict"]


def test_what_an_earlier_comparison_spent_is_counted_again(workspace: Path) -> None:
    """More samples of the same two, after fewer of them: the command names the earlier review."""
    for side in ("one", "two"):
        for n_rows, name in ((100, "few"), (300, "all")):
            rows = test_imports.scored(n_rows, lambda n, side=side: side == "two" and n % 14 == 0)
            test_imports.write(workspace / name / side, "task", rows)
    run("compare", "few/one", "few/two", "--out", "few/out")
    words = ["all/one", "all/two", "--after", "few/out/review.json", "--out", "out"]
    first = run("compare", *words)

    once = verdict_in(Path("out"))
    assert "--after" in once["provenance"]["command"]
    assert repeated(Path("out"), first.exit_code)["taken"] == once["taken"]


@pytest.mark.slow
@pytest.mark.usefixtures("losing")
def test_a_repeat_without_a_place_leaves_other_reviews_alone(workspace: Path) -> None:
    """Two plans of one candidate are repeated, none over the review of the other."""
    run("check", *PAIR, "--out", "one")
    run("check", *PAIR, "--policy", "policy.yaml", "--out", "two")

    results = [run("check", f"{folder}/plan.yaml") for folder in ("one", "two", "one")]

    here = workspace / "cliffguard-out"
    assert sorted(path.name for path in here.iterdir()) == ["tuned", "tuned-2"]
    assert verdict_in(here / "tuned")["verdict"] == verdict_in(workspace / "one")["verdict"]
    assert verdict_in(here / "tuned-2")["verdict"] == verdict_in(workspace / "two")["verdict"]
    away = "! cliffguard-out/tuned is of another run; the reports go to cliffguard-out/tuned-2"
    assert [away in result.stderr for result in results] == [False, True, False]


@pytest.mark.usefixtures("losing")
def test_what_is_refused_leaves_no_numbered_folders(workspace: Path) -> None:
    """A name is mended, and the run goes where the first try would have gone."""
    here = workspace / "cliffguard-out"

    refused = [
        run("check", PAIR[0], PAIR[1], "--candidate", f"gone/{more}tuned", *PAIR[4:])
        for more in ("", "e/", "ee/")
    ]

    assert [result.exit_code for result in refused] == [2, 2, 2]
    assert not here.exists()
    assert run("check", *PAIR).exit_code == 10
    again = run("check", PAIR[0], PAIR[1], "--candidate", "gone/tuned", *PAIR[4:])
    assert again.exit_code == 2
    assert [path.name for path in here.iterdir()] == ["tuned"]
    assert (here / "tuned" / "review.json").exists()


@pytest.mark.usefixtures("losing")
def test_a_review_that_somebody_put_there_stays(workspace: Path) -> None:
    """Whether it was written with --out or by an older release: nothing says whose it is."""
    run("check", *PAIR, "--out", "cliffguard-out/tuned")
    once = (workspace / "cliffguard-out" / "tuned" / "review.json").read_bytes()

    command = shlex.split(
        verdict_in(workspace / "cliffguard-out" / "tuned")["provenance"]["command"]
    )
    for _ in range(2):
        assert run(*command[1:]).exit_code == 10

    assert (workspace / "cliffguard-out" / "tuned" / "review.json").read_bytes() == once
    assert (
        verdict_in(workspace / "cliffguard-out" / "tuned-2")["verdict"]
        == json.loads(once)["verdict"]
    )
    assert not (workspace / "cliffguard-out" / "tuned-3").exists()


def test_stored_answers_are_compared_again(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By `compare` and the plan beside the review; nothing is asked."""
    runner = scripted(monkeypatch, loses_hard_levels)
    words = ["--suite", "suite/small.yaml", "--store", "store"]
    for side in ("base", "tuned"):
        assert run("measure", side, *words).exit_code == 0
    n_asked = runner.n_asked
    assert run("compare", "base", "tuned", *words, "--out", "out").exit_code == 10

    command = verdict_in(Path("out"))["provenance"]["command"]
    assert command.startswith("cliffguard compare out/plan.yaml --store ")
    assert repeated(Path("out"), 10)
    assert runner.n_asked == n_asked


@pytest.mark.parametrize("policy", [True, False])
def test_samples_are_compared_again(policy: bool, workspace: Path) -> None:
    """With the policy that judged them, given or not, and with what an earlier one spent."""
    for side, wrong in (("one", 0), ("two", 9)):
        rows = test_imports.scored(300, lambda n, wrong=wrong: n % 10 < wrong)
        test_imports.write(workspace / side, "task", rows)
    (workspace / "own.yaml").write_text("capabilities: {all: {tasks: ['ta*'], margin: 0.07}}")
    words = ["--policy", "own.yaml"] if policy else []
    first = run("compare", "one", "two", *words, "--out", "out")

    command = verdict_in(Path("out"))["provenance"]["command"]
    assert (command, first.exit_code) == ("cliffguard compare out/plan.yaml", 10)
    assert repeated(Path("out"), 10)


@pytest.mark.usefixtures("right")
def test_a_plan_of_somebody_elses_is_left_alone(workspace: Path) -> None:
    """The command names the file that lies beside it."""
    text = "base: base\ncandidate: tuned\nsuites: [suite/small.yaml]\npolicy: policy.yaml\n"
    (workspace / "plan.yaml").write_text(text)

    assert run("check", "plan.yaml", "--out", ".").exit_code == 0

    assert (workspace / "plan.yaml").read_text() == text
    assert (workspace / "policy.yaml").read_text() == "{alpha: 0.1, default_margin: 0.08}"
    command = verdict_in(workspace)["provenance"]["command"]
    assert command.startswith("cliffguard check review-plan.yaml")
    assert run(*shlex.split(command)[1:], "--out", "again").exit_code == 0
    assert (
        verdict_in(workspace / "again")["plan"]["policy"] == verdict_in(workspace)["plan"]["policy"]
    )


def test_a_model_in_memory_says_that_it_cannot_be_repeated(workspace: Path) -> None:
    """And no plan lies beside its review."""
    plan = Plan(base="base", candidate="tuned", suites=("suite/small.yaml",))
    review = guard(plan, store=Store("store"), runner=FakeRunner(lambda *_: 1.0))
    sides = (review.comparison.base, review.comparison.candidate)

    live = guard(plan, store=Store("store"), runner=FakeRunner(lambda *_: 1.0), sides=sides)
    write_reports(live, workspace / "live")

    assert "cannot be repeated by a command" in live.provenance.command
    assert not (workspace / "live" / "plan.yaml").exists()


def test_python_writes_the_plan_beside_the_review(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The command is read in the folder of the review."""
    scripted(monkeypatch, loses_hard_levels)
    plan = Plan(base="base", candidate="tuned", suites=("suite/small.yaml",))
    review = guard(plan, store=Store("store"), runner=FakeRunner(loses_hard_levels))
    write_reports(review, workspace / "out")
    monkeypatch.chdir(workspace / "out")

    result = run(*shlex.split(review.provenance.command)[1:], "--out", "again")

    assert review.provenance.command == "cliffguard check plan.yaml"
    assert result.exit_code == review.verdict.exit_code == 10


def test_python_names_the_plan_beside_somebody_elses(
    workspace: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The review in the folder says which of the two is its own."""
    scripted(monkeypatch, loses_hard_levels)
    plan = Plan(base="base", candidate="tuned", suites=("suite/small.yaml",))
    review = guard(
        plan, store=Store("store"), runner=FakeRunner(loses_hard_levels), stops_early=False
    )
    (workspace / "out").mkdir()
    (workspace / "out" / "plan.yaml").write_text("candidate: another\n")
    write_reports(review, workspace / "out")
    monkeypatch.chdir(workspace / "out")

    command = verdict_in(workspace / "out")["provenance"]["command"]

    assert command == "cliffguard check review-plan.yaml --no-early-stop"
    assert run(*shlex.split(command)[1:], "--out", "again").exit_code == 10


def test_a_model_of_a_hub_is_named_at_its_commit(workspace: Path) -> None:
    """A branch moves on; what was asked does not."""
    plan = Plan(base="base", candidate="tuned", suites=("suite/small.yaml",))
    measured = guard(plan, store=Store("store"), runner=FakeRunner(lambda *_: 1.0))
    commit = "c" * 40
    candidate = replace(measured.comparison.candidate, revision=commit)
    review: Review = replace(
        measured,
        plan=replace(measured.plan, candidate="hf:org/tuned@main"),
        comparison=replace(measured.comparison, candidate=candidate),
    )

    assert plan_written(review)["candidate"] == f"hf:org/tuned@{commit}"
    assert yaml.safe_load(yaml.safe_dump(plan_written(review)))["base"] == str(workspace / "base")


PLAN = Plan(candidate="tuned", suites=("adjacent",), policy=Policy())
PLANS = {
    "a name in lines": replace(PLAN, candidate="tu\nned"),
    "a name that YAML reads": replace(PLAN, candidate="true"),
    "churn": replace(PLAN, churn={"a": 1e-05, "no": 0.3}, items=7),
    "labels": replace(
        PLAN,
        target=TargetData(
            data="tickets.jsonl", labels=("yes", "no", "1", "null", "~", "1:30", " x ")
        ),
        suites=(),
    ),
    "a protocol": replace(
        PLAN,
        protocol=EvalSettings(
            chat_template="own", system_prompt="a: b\n#c\n", template_args={"x": True, "y": None}
        ),
    ),
    "a runner": replace(PLAN, runner=RunnerSettings(model="vllm", args={"a": "1", "b": 2.0})),
    "switches": replace(PLAN, hub=True, after_failure="stop", screen=True, allow_pickle=True),
    "a policy": replace(
        PLAN,
        policy=Policy(
            alpha=1e-7,
            target_only=True,
            target=TargetPolicy(min_gain=0.02),
            capabilities={"no": CapabilityPolicy(relative_margin=0.1, strata="on", tasks=("a*",))},
        ),
    ),
}


@pytest.mark.parametrize("name", PLANS)
def test_a_plan_survives_its_file(name: str, workspace: Path) -> None:
    """Whatever is in it, but for paths, which are whole."""
    plan = PLANS[name]

    write_plan(replace(samples.failed(), plan=plan), workspace / "out")

    read = load_plan(workspace / "out" / "plan.yaml")
    target = plan.target and replace(plan.target, data=str(workspace / plan.target.data))
    here = str(workspace / "tuned")
    candidate = here if plan.candidate == "tuned" else plan.candidate
    assert read == replace(plan, target=target, candidate=candidate)


# --- several candidates --------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("given", "names"),
    [
        (["runs/ft/adapter"], ["adapter"]),
        (["runs/a/adapter", "runs/b/adapter"], ["a/adapter", "b/adapter"]),
        (["runs/a/adapter", "runs/b/adapter", "runs/c/final"], ["a/adapter", "b/adapter", "final"]),
        (["/x/1/ft/adapter", "/x/2/ft/adapter"], ["1/ft/adapter", "2/ft/adapter"]),
        (["hf:org/model@v1", "hf:other/model@v1"], ["org/model-v1", "other/model-v1"]),
        (["hf:org/model@v1", "hf:org/model@v2"], ["model-v1", "model-v2"]),
        (["a/../b/adapter", "c/adapter/"], ["b/adapter", "c/adapter"]),
        (["adapter", "old/adapter"], ["HERE/adapter", "old/adapter"]),
    ],
)
def test_candidates_have_the_shortest_names_that_tell_them_apart(
    given: list[str], names: list[str], workspace: Path
) -> None:
    """Each of its own, whatever the others need."""
    assert names_of(given) == [name.replace("HERE", workspace.name) for name in names]


@pytest.mark.usefixtures("right")
def test_reports_of_several_lie_under_these_names(workspace: Path) -> None:
    """Adapters of two runs are called alike, and are checked together."""
    words = ["--base", "base", "--candidate", "a/final", "--candidate", "b/final"]

    result = run("check", *words, "--suite", "suite/small.yaml", "--out", "out", "--format", "json")

    assert result.exit_code == 0, result.output
    both = json.loads(result.stdout)
    assert list(both) == ["a/final", "b/final"]
    for name, review in both.items():
        assert review == verdict_in(Path("out") / name)


@pytest.mark.usefixtures("right")
def test_a_candidate_without_a_review_is_null(workspace: Path) -> None:
    """Who reads the one object sees that it is missing."""
    words = ["--base", "base", "--candidate", "gone", "--candidate", "tuned"]

    result = run("check", *words, "--suite", "suite/small.yaml", "--format", "json")

    assert result.exit_code == 2
    both = json.loads(result.stdout)
    assert both["gone"] is None
    assert both["tuned"]["verdict"]["outcome"] == "PASS"


@pytest.mark.parametrize("other", ["tuned", "./tuned", "a/../tuned"])
def test_one_candidate_given_twice_is_refused(other: str, workspace: Path) -> None:
    """By whatever path."""
    words = ["--base", "base", "--candidate", "tuned", "--candidate", other]

    result = run("check", *words, "--suite", "suite/small.yaml")

    assert result.exit_code == 2
    assert result.stderr.startswith("cliffguard: error[candidates.twice]: ")
