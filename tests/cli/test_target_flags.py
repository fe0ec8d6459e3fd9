"""--target and its flags in every verb, and `suites new`."""

from __future__ import annotations

import json
import re
from pathlib import Path
from typing import Any

import pytest
import yaml

from cliffguard.core.items import Item
from cliffguard.report.json import read_review
from cliffguard.report.text import render_text
from cliffguard.suites import target as targets
from cliffguard.suites.loading import load_suite
from tests import support
from tests.cli.test_verbs import run, scripted
from tests.runners import test_imports
from tests.suites.target.data import commands_in, done, questions

LABELS = ("billing", "security", "shipping")
TICKETS = [{"text": f"Ticket number {n}", "label": LABELS[n % 3]} for n in range(300)]


@pytest.fixture
def sides(tmp_path: Path) -> list[str]:
    """Flags that name a base and a target; the candidate lies beside the base."""
    base = support.write_checkpoint(tmp_path / "base", seed=0)
    support.write_checkpoint(tmp_path / "tuned", seed=1)
    data = support.write_jsonl(tmp_path / "tickets.jsonl", TICKETS)
    return ["--base", str(base), "--target", str(data)]


def gains(name: str, item: Item) -> float:
    """Script: the candidate is right, the base every other time."""
    return 1.0 if "tuned" in name else float(int(item.id[-5:]) % 2)


def test_check_measures_a_target_without_a_suite(
    tmp_path: Path, sides: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """One flag instead of a suite; its classes stand in the reports."""
    scripted(monkeypatch, gains)
    words = [
        *sides,
        "--suite",
        "none",
        "--candidate",
        str(tmp_path / "tuned"),
        "--store",
        str(tmp_path / "store"),
    ]

    result = run("check", *words, "--out", str(tmp_path / "out"))

    review = json.loads((tmp_path / "out" / "review.json").read_text(encoding="utf-8"))
    (capability,) = review["comparison"]["capabilities"]
    assert (capability["capability"], capability["ring"], capability["n_items"]) == (
        "target",
        "target",
        300,
    )
    assert review["plan"]["policy"]["target"] == {"min_gain": 0.0}
    assert [cls["label"] for cls in capability["classes"][0]["classes"]] == list(LABELS)
    assert "By class" in result.output


def test_a_target_alone_takes_what_lies_around_it(
    tmp_path: Path, sides: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What that costs is said before the first item, and PASS means that something held."""
    scripted(monkeypatch, lambda name, item: gains(name, item) if "target-" in item.id else 1.0)
    words = [*sides, "--candidate", str(tmp_path / "tuned"), "--store", str(tmp_path / "store")]

    result = run("check", *words, "--format", "json")

    assert result.exit_code == 0, result.output
    review = json.loads(result.stdout)
    assert review["plan"]["suites"] == ["adjacent"]
    assert "all 3 gating capabilities held" in review["verdict"]["sentence"]
    cost = result.stderr.index("target, and around it suites by auto: adjacent: about ")
    assert cost < result.stderr.index("look 1")
    assert re.search(r"of [\d,]+ items, [\d.]+ million tokens on both sides", result.stderr)
    assert "--suite none asks the target alone" in result.stderr


def test_a_checkpoint_that_is_measured_alone_is_asked_all(
    tmp_path: Path, sides: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said to be asked is what is asked, and minutes are of this checkpoint."""
    scripted(monkeypatch, support.all_right)
    base = sides[sides.index("--base") + 1]
    words = [base, *sides[sides.index("--target") :], "--store", str(tmp_path / "store")]

    result = run("measure", *words, "--max-minutes", "30")

    assert result.exit_code == 0, result.output
    planned = re.search(r"by auto: adjacent: ([\d,]+) items, about .* on this", result.stderr)
    n_stored = re.search(r"base: ([\d,]+) answers to", result.stderr)
    assert planned is not None
    assert n_stored is not None
    assert planned[1].replace(",", "") == n_stored[1].replace(",", "")


@pytest.mark.parametrize(
    ("policy", "code", "sentence"),
    [
        ("target: {min_gain: 0.0}", 11, "nothing but the target gates, so nothing can pass"),
        (
            "{target: {min_gain: 0.0}, target_only: true}",
            0,
            "nothing around it was asked to hold, which target_only in the policy allows",
        ),
    ],
)
def test_a_gain_alone_is_no_pass_unless_the_policy_says_so(
    policy: str,
    code: int,
    sentence: str,
    tmp_path: Path,
    sides: list[str],
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """And then the sentence says that nothing else was looked at."""
    scripted(monkeypatch, gains)
    (tmp_path / "policy.yaml").write_text(policy)
    words = [*sides, "--candidate", str(tmp_path / "tuned"), "--store", str(tmp_path / "store")]

    result = run(
        "check", *words, "--suite", "none", "--policy", str(tmp_path / "policy.yaml"),
        "--format", "json",
    )  # fmt: skip

    assert result.exit_code == code, result.output
    assert sentence in json.loads(result.stdout)["verdict"]["sentence"]
    assert "by auto" not in result.stderr
    text = render_text(read_review(result.stdout, "stdout"))
    assert ("Ask what lies around the target" in text) is (code == 11)


@pytest.mark.parametrize(
    ("text", "suites"),
    [
        ("target: t.jsonl", ("adjacent",)),
        ("target: t.jsonl\nsuites: none", ()),
        ("target: t.jsonl\nsuites: [none]", ()),
        ("target: t.jsonl\nsuites: []", ()),
        ("target: t.jsonl\nsuites: [support-tickets]", ("support-tickets",)),
    ],
)
def test_a_plan_says_what_lies_around_a_target(
    text: str, suites: tuple[str, ...], tmp_path: Path
) -> None:
    """Nothing said is adjacent, none is none."""
    from cliffguard.config import load_plan

    (tmp_path / "plan.yaml").write_text(f"candidate: c\n{text}\n")

    assert load_plan(tmp_path / "plan.yaml").suites == suites


def test_measure_then_compare_needs_no_runner(
    tmp_path: Path, sides: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """The store's answers to a target are found by the same flag."""
    runner = scripted(monkeypatch, gains)
    store = ["--suite", "none", "--store", str(tmp_path / "store")]
    for side in ("base", "tuned"):
        done = run("measure", str(tmp_path / side), *sides[2:], *store)
        assert done.exit_code == 0, done.output
    assert runner.n_asked == 600

    names = [str(tmp_path / side) for side in ("base", "tuned")]
    result = run("compare", *names, *sides[2:], *store, "--format", "json")

    assert runner.n_asked == 600
    assert '"capability": "target"' in result.stdout


def test_plan_knows_the_target(sides: list[str]) -> None:
    """What a plan can decide is said of a target from data, too."""
    plan = json.loads(run("plan", *sides, "--suite", "adjacent", "--format", "json").stdout)

    rows = {row["capability"]: row for row in plan["capabilities"]}
    assert (rows["target"]["role"], rows["target"]["n_items"]) == ("target", 300)
    assert "multi_step_reasoning" in rows


def test_every_key_is_a_flag(tmp_path: Path, sides: list[str]) -> None:
    """--show-config shows what the flags set, and the policy that a target brings."""
    flags = {
        "name": "routing",
        "prompt": "text",
        "answer": "label",
        "cluster": "text",
        "metric": "exact_match",
        "max_tokens": 9,
    }
    words = [word for key, value in flags.items() for word in (_flag(key), str(value))]

    result = run("check", *sides, "--candidate", "c", *words, "--show-config")

    shown = yaml.safe_load(result.stdout)
    assert {key: shown["target"][key] for key in flags} == flags
    assert shown["target"]["data"] == str(tmp_path / "tickets.jsonl")
    assert shown["protocol"]["max_tokens"] is None
    assert shown["policy"]["target"] == {"min_gain": 0.0}


def _flag(key: str) -> str:
    return "--target-" + key.replace("_", "-")


def test_flags_override_single_keys_of_the_plan(tmp_path: Path) -> None:
    """Other data, asked as the plan says."""
    support.write_jsonl(tmp_path / "one.jsonl", TICKETS)
    other = support.write_jsonl(tmp_path / "other.jsonl", TICKETS[:90])
    plan = tmp_path / "plan.yaml"
    plan.write_text(
        "candidate: c\ntarget: {data: one.jsonl, labels: [billing, security, shipping]}"
    )

    shown = yaml.safe_load(run("check", str(plan), "--show-config").stdout)
    assert shown["target"]["data"] == str(tmp_path / "one.jsonl")
    words = ("check", str(plan), "--target", str(other), "--show-config")
    shown = yaml.safe_load(run(*words).stdout)
    assert shown["target"]["data"] == str(other)
    assert shown["target"]["labels"] == list(LABELS)


@pytest.mark.parametrize(
    ("words", "message"),
    [
        (["check", "--candidate", "c", "--target-prompt", "q"], "target.data: missing"),
        (["check", "--candidate", "c"], "c: no such directory"),
        (["check", "--candidate", "c", "--target", "gone.jsonl", "--show-config"], "no such file"),
        (["suites", "new", "gone.jsonl"], "gone.jsonl: no such file or folder"),
        (["suites", "new", "gone.jsonl", "--labels", "a"], "labels must be two or more"),
    ],
)
def test_what_is_wrong_is_one_line(words: list[str], message: str) -> None:
    """Exit code 2, and what to do next."""
    result = run(*words)

    assert result.exit_code == 2, result.output
    assert len(result.stderr.splitlines()) == 1
    assert re.search(message, result.stderr), result.stderr


def test_logged_samples_have_no_target(tmp_path: Path, sides: list[str]) -> None:
    """A flag without effect is refused by its own name."""
    for side in ("one", "two"):
        test_imports.write(tmp_path / side, "task", test_imports.scored(9, lambda _: False))

    result = run("compare", str(tmp_path / "one"), str(tmp_path / "two"), *sides[2:])

    assert result.exit_code == 2
    assert "--target: has no effect" in result.stderr


# --- what was read is said -----------------------------------------------------------------------


def test_check_says_what_it_reads_and_stdout_stays_one_document(
    tmp_path: Path, sides: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Columns, metric and two prompts stand on stderr; rows left out are a caveat as well."""
    odd = [{"text": "Odd", "label": label} for label in LABELS[:2]]
    support.write_jsonl(tmp_path / "tickets.jsonl", [*TICKETS, *odd])
    scripted(monkeypatch, gains)
    words = [*sides, "--candidate", str(tmp_path / "tuned"), "--store", str(tmp_path / "store")]
    words += ["--suite", "none"]

    result = run("check", *words, "--format", "json", "--out", str(tmp_path / "out"))

    review = json.loads(result.stdout)
    message = "2 of 302 rows have a prompt that other rows answer otherwise"
    assert any(message in caveat["text"] for caveat in review["comparison"]["caveats"])
    for text in (
        "tickets.jsonl: 302 rows, 300 items",
        "read: prompt = text; answer = label",
        "metric: acc (3 answers repeat over 302 rows, and are taken for labels)",
        message,
        'target-00001: "Ticket number 0" -> "billing" of 3 choices',
        'target-00002: "Ticket number 1"',
    ):
        assert text in result.stderr
    assert run("check", *words, "--quiet", "--out", str(tmp_path / "o")).stderr == ""


def test_a_refused_target_is_recorded_with_its_id(tmp_path: Path, sides: list[str]) -> None:
    """Exit 2, one line, and failure.json to go by."""
    rows = [{**row, "passage": f"Told {n}"} for n, row in enumerate(TICKETS)]
    support.write_jsonl(tmp_path / "tickets.jsonl", rows)

    words = [*sides, "--candidate", str(tmp_path / "tuned"), "--out", str(tmp_path / "out")]
    result = run("check", *words)

    assert result.exit_code == 2
    assert len(result.stderr.splitlines()) == 1
    failure = json.loads((tmp_path / "out" / "failure.json").read_text(encoding="utf-8"))
    assert failure["id"] == "target.unused-column"
    ignored = run("check", *words, "--target-ignore", "passage", "--show-config")
    assert yaml.safe_load(ignored.stdout)["target"]["ignore"] == ["passage"]


def test_blank_rows_of_training_data_are_a_caveat(
    tmp_path: Path, sides: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """They are counted in the report; data of nothing else are refused before anything is asked."""
    scripted(monkeypatch, gains)
    train = support.write_jsonl(tmp_path / "train.jsonl", [{"text": ""}, {"text": "Some text"}])
    words = [*sides, "--suite", "none", "--candidate", str(tmp_path / "tuned")]
    words += ["--store", str(tmp_path / "store"), "--train", str(train), "--format", "json"]

    review = json.loads(run("check", *words).stdout)
    support.write_jsonl(train, [{"text": ""}, {"text": " "}])
    refused = run("check", *words)

    message = "1 of 2 rows of the training data holds blank texts alone"
    assert any(message in caveat["text"] for caveat in review["comparison"]["caveats"])
    assert refused.exit_code == 2
    assert "[training.blank]" in refused.stderr


def test_new_says_what_it_reads(tmp_path: Path) -> None:
    """On stderr: the files stay alone on stdout."""
    result = new(tmp_path)

    assert "read: prompt = text; answer = label" in result.stderr
    assert len(result.stdout.splitlines()) == 2


@pytest.mark.slow
def test_prompts_are_shown_as_the_model_gets_them(
    tmp_path: Path, tiny_base: Path, tiny_adapter: Path
) -> None:
    """Under a chat template: before it, and as it renders them."""
    rows = [{"question": f"Who wrote {n}?", "answer": ["Ann", "A. Lee"]} for n in range(4)]
    data = support.write_jsonl(tmp_path / "d.jsonl", rows)
    words = ["--base", tiny_base, "--candidate", tiny_adapter, "--target", data, "--offline"]

    result = run("check", *map(str, words), "--chat-template", "own", "--out", str(tmp_path / "o"))

    assert 'target-00001: "Who wrote 0?" -> "Ann" or "A. Lee"' in result.stderr
    assert "<|user|>Who wrote" in result.stderr
    assert result.exit_code == 11, result.stderr
    again = run("check", *map(str, words), "--chat-template", "own", "--out", str(tmp_path / "o"))
    assert [line for line in again.stderr.splitlines() if "gets it" in line] == [
        line for line in result.stderr.splitlines() if "gets it" in line
    ], "all answers are stored, and the prompts are shown"


# --- suites new ----------------------------------------------------------------------------------


def new(folder: Path, *more: Any) -> Any:
    """Make a suite of the tickets in a folder of its own."""
    data = support.write_jsonl(folder / "tickets.jsonl", TICKETS)
    return run("suites", "new", str(data), "--out", str(folder / "out"), *map(str, more))


def test_new_writes_a_sound_suite(tmp_path: Path) -> None:
    """A suite file with comments and its items, which `suites validate` accepts."""
    result = new(tmp_path, "--name", "routing")

    files = [tmp_path / "out" / name for name in ("routing.yaml", "routing.jsonl")]
    assert result.stdout.splitlines() == [str(path) for path in files]
    assert files[0].read_text(encoding="utf-8").count("#") >= 4
    assert "routing: sound, 300 items" in run("suites", "validate", str(files[0])).stdout


@pytest.mark.parametrize("prefix", ["--", "--target-"])
def test_new_takes_the_same_fields(tmp_path: Path, prefix: str) -> None:
    """By their short names, and as the other verbs call them."""
    new(tmp_path, f"{prefix}metric", "f1", f"{prefix}max-tokens", 20, f"{prefix}prompt", "{text}?")

    (capability,) = load_suite(str(tmp_path / "out" / "target.yaml")).capabilities
    (task,) = capability.tasks
    assert (task.metric, task.max_tokens, task.items[0].prompt) == ("f1", 20, "Ticket number 0?")


def test_new_overwrites_nothing(tmp_path: Path) -> None:
    """What is there stays, unless by force."""
    new(tmp_path)
    path = tmp_path / "out" / "target.yaml"
    path.write_text("mine\n")

    refused = new(tmp_path)

    assert refused.exit_code == 2
    assert "target.yaml: exists already; pass --force" in refused.stderr
    assert path.read_text() == "mine\n"
    assert new(tmp_path, "--force").exit_code == 0


def test_init_takes_the_fields(tmp_path: Path) -> None:
    """init makes its suite by the same reading."""
    data = support.write_jsonl(tmp_path / "t.jsonl", [{"a": "q", "b": "x"}])

    words = ("--data", str(data), "--target-prompt", "a", "--target-answer", "b")
    result = run("init", "--out", str(tmp_path / "out"), *words)

    assert result.exit_code == 0, result.output
    (capability,) = load_suite(str(tmp_path / "out" / "target.yaml")).capabilities
    assert capability.tasks[0].items[0].prompt == "q"


@pytest.mark.slow
def test_data_are_read_once(
    tmp_path: Path, sides: list[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    """What is said of them, what is foretold and what is asked are of one reading in each verb."""
    scripted(monkeypatch, lambda *_: 1.0)
    read: list[str] = []
    original = targets.read_records
    monkeypatch.setattr(
        targets, "read_records", lambda path, **more: read.append(path) or original(path, **more)
    )
    base, tuned = sides[1], str(tmp_path / "tuned")
    words = ["--target", sides[3], "--store", str(tmp_path / "store")]
    alone, out = [*words, "--suite", "none"], ["--out", str(tmp_path / "out")]

    for verb in (
        ["check", "--base", base, "--candidate", tuned, *words, *out],
        ["check", "--base", base, "--candidate", tuned, *alone, *out, "-q"],
        ["check", "--base", base, "--candidate", tuned, *alone, "--show-config"],
        ["plan", "--base", base, "--candidate", tuned, *words],
        ["compare", base, tuned, *alone],
        ["measure", base, *alone],
        ["noise", base, *alone],
    ):
        assert run(*verb).exit_code in (0, 10, 11)
        assert len(read) == 1, verb
        read.clear()

    run("measure", base, *alone)
    (tmp_path / "tickets.jsonl").write_text('{"text": "Another?", "label": "yes"}\n' * 2)
    assert "2 rows" in run("measure", base, *alone).stderr


def test_a_flag_of_a_target_says_one_thing(tmp_path: Path) -> None:
    """Of two files, or two columns, one would be dropped; a command puts the files together."""
    files = [
        support.write_jsonl(tmp_path / f"{name}.jsonl", [{"question": name, "answer": "b"}])
        for name in ("rows", "more")
    ]
    twice = [word for file in files for word in ("--target", str(file))]

    result = run("plan", *twice, "--candidate", "x")

    assert (result.exit_code, "error[flag.repeated]" in result.stderr) == (2, True)
    (command,) = commands_in(result.stderr)
    made = done(command, tmp_path)
    assert made.name == "rows-2.jsonl"
    assert [prompt for prompt, _ in questions(made)] == ["rows", "more"]
    result = run("suites", "new", str(made), "--prompt", "question", "--prompt", "answer")
    assert (result.exit_code, "--target-prompt: is given" in result.stderr) == (2, True)
