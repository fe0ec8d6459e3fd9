"""Keys, tokens and passwords: none is written anywhere."""

from __future__ import annotations

import json
from dataclasses import replace
from pathlib import Path

import pytest

from cliffguard import Plan, RunnerSettings, Store, guard
from cliffguard.config import make_plan
from cliffguard.core.errors import CliffguardError, is_secret_name, redacted
from cliffguard.report import RENDERERS, render, write_reports
from cliffguard.report.json import read_review
from cliffguard.runners.backends import identity_of
from cliffguard.runners.lmeval_backends import LmevalBackend
from tests import support
from tests.bad_input.place import Workspace, run
from tests.fake_runner import FakeRunner

TOKEN = "hf_ThisIsNoTokenOfAnybody42"
SERVER = "http://user:hunter2@10.0.0.1:8000/v1/completions"


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        (SERVER, "http://[hidden]@10.0.0.1:8000/v1/completions"),
        (f"token {TOKEN} is wrong", "token [hidden] is wrong"),
        ("Authorization: Bearer abcdefghijklmnop", "Authorization: Bearer [hidden]"),
        ("key sk-proj-abcdefghijklmnopqrst", "key [hidden]"),
        ("https://hub.example/org/model@main", "https://hub.example/org/model@main"),
        ("mail someone@example.org, org/model@v1", "mail someone@example.org, org/model@v1"),
        ("a task-list of hf_models and sk-learn", "a task-list of hf_models and sk-learn"),
    ],
)
def test_what_looks_like_a_secret_is_hidden(text: str, expected: str) -> None:
    """A password in an address, a bearer token, a key in its issuer's spelling; nothing else."""
    assert redacted(text) == expected


@pytest.mark.parametrize("name", ["HF_TOKEN", "OPENAI_API_KEY", "DB_PASSWORD", "AWS_SECRET"])
def test_the_secrets_of_the_environment_are_hidden(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Whatever it looks like: what a variable of such a name holds is never shown."""
    monkeypatch.setenv(name, "correct horse")

    assert redacted("the horse is a correct horse") == "the horse is a [hidden]"


@pytest.mark.parametrize("name", ["PATH", "MAX_TOKENS", "TOKENIZERS_PARALLELISM", "KEYBOARD"])
def test_other_variables_are_no_secrets(name: str, monkeypatch: pytest.MonkeyPatch) -> None:
    """A name in which such a word is only a part of another."""
    monkeypatch.setenv(name, "/usr/bin/env")

    assert redacted("see /usr/bin/env") == "see /usr/bin/env"


@pytest.mark.parametrize(
    ("name", "is_secret"),
    [
        *((name, True) for name in ("api_key", "auth_token", "hf_token", "header", "password")),
        *((name, False) for name in ("add_bos_token", "max_tokens", "tokenizer", "key_size")),
    ],
)
def test_names_of_secrets(name: str, is_secret: bool) -> None:
    """Names of lm-eval's model arguments, of which some speak of tokens and mean text."""
    assert is_secret_name(name) is is_secret


@pytest.mark.parametrize("name", ["auth_token", "api_key", "header", "hf_token"])
def test_a_secret_among_arguments_is_refused(name: str) -> None:
    """It would stand in the plan, which stands in every report; the message does not show it."""
    runner = {"model": "vllm", "args": {name: TOKEN}}

    with support.refused("runner.args", 2, f"args.{name}") as caught:
        make_plan({"candidate": "a", "suites": ["adjacent"], "runner": runner}, "p")

    assert TOKEN not in str(caught.value)


def test_an_error_does_not_show_a_token(monkeypatch: pytest.MonkeyPatch) -> None:
    """Other programs' messages are quoted, and some quote what they were given."""
    monkeypatch.setenv("HF_TOKEN", "opensesame")

    assert str(CliffguardError("401 for opensesame")) == "401 for [hidden]"


def test_no_secret_is_in_a_review_or_a_report(workspace: Workspace, tmp_path: Path) -> None:
    """Address, command, notes and names are written without it, in every format."""
    runner = RunnerSettings(model="local-completions", args={"base_url": SERVER, "note": TOKEN})
    plan = Plan(
        base=str(workspace.base), candidate=str(workspace.tuned), suites=(str(workspace.suite),)
    )
    review = guard(
        replace(plan, runner=runner),
        store=Store(tmp_path / "store"),
        runner=FakeRunner(lambda *_: 1.0),
        caveats=[f"asked {SERVER}"],
    )

    write_reports(review, workspace.out)
    written = [render(review, name) for name in RENDERERS]
    written += [path.read_text() for path in workspace.out.rglob("*") if path.is_file()]
    assert written
    assert not [text for text in written if "hunter2" in text or TOKEN in text]
    assert "http://[hidden]@10.0.0.1:8000" in render(review, "json")
    again = read_review(render(review, "json"), "r.json")
    assert render(again, "json") == render(review, "json")


def test_no_secret_is_in_the_store() -> None:
    """Neither in the key of a question nor in the notes beside it."""
    settings = RunnerSettings(model="local-completions", args={"base_url": SERVER, "x": TOKEN})

    written = json.dumps([identity_of(settings), LmevalBackend(settings).notes()])

    assert "hunter2" not in written
    assert TOKEN not in written


def test_no_secret_is_in_a_resolved_plan(workspace: Workspace) -> None:
    """--show-config goes into logs."""
    args = json.dumps({"base_url": SERVER})

    result = run(
        workspace.check("--model", "local-completions", "--model-args", args, "--show-config")
    )

    assert result.exit_code == 0
    assert "10.0.0.1" in result.stdout
    assert "hunter2" not in result.stdout
