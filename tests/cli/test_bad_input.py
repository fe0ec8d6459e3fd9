"""What a tired person types: each mistake is one line, one exit code, and no traceback."""

from __future__ import annotations

import errno
import json
import os
import re
import shutil
import subprocess
import sys
from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cliffguard.cli.app import app
from cliffguard.plans import Protocol
from cliffguard.records import Answer, Checkpoint, Item, Task
from cliffguard.runners.fake import FakeRunner
from tests import support


@dataclass(frozen=True)
class Place:
    """A folder with what a check needs; each case breaks something in it."""

    root: Path

    @property
    def base(self) -> Path:
        """A base that can be found, not loaded."""
        return self.root / "base"

    @property
    def tuned(self) -> Path:
        """A candidate with weights of its own."""
        return self.root / "tuned"

    @property
    def suite(self) -> Path:
        """A suite with a ladder and generated items."""
        return self.root / "suite" / "small.yaml"

    @property
    def out(self) -> Path:
        """Where the reports go."""
        return self.root / "out"

    @property
    def store(self) -> Path:
        """Where the answers go."""
        return self.root / "store"

    def check(self, *more: object, **instead: object) -> list[str]:
        """Return the words of a check; None leaves a flag out."""
        named = {"base": self.base, "candidate": self.tuned, "suite": self.suite, **instead}
        words = ["check"]
        for name, value in named.items():
            if value is not None:
                words += [f"--{name}", str(value)]
        return [*words, "--store", str(self.store), "--out", str(self.out), "-q", *map(str, more)]

    def measure(self, checkpoint: object, *more: object) -> list[str]:
        """Return the words of a measurement on the CPU."""
        words = ["measure", checkpoint, "--suite", self.suite, "--store", self.store]
        return [str(word) for word in [*words, "--device", "cpu", "--limit", "3", "-q", *more]]

    def write(self, name: str, content: str | bytes) -> Path:
        """Write a file, with the folders on the way."""
        path = self.root / name
        path.parent.mkdir(parents=True, exist_ok=True)
        path.write_bytes(content if isinstance(content, bytes) else content.encode("utf-8"))
        return path

    def plan(self, more: str = "", *, text: str | None = None) -> list[str]:
        """Write a plan and return the words of a check of it."""
        start = f"base: {self.base}\ncandidate: {self.tuned}\nsuites: [{self.suite}]\n"
        path = self.write("plan.yaml", (start if text is None else text) + more)
        return ["check", str(path), "--store", str(self.store), "--out", str(self.out), "-q"]

    def policy(self, text: str) -> list[str]:
        """Write a policy and return the words of a check under it."""
        return self.check("--policy", self.write("policy.yaml", text))

    def suite_with(self, old: str, new: str) -> list[str]:
        """Change the suite file and return the words of a check of it."""
        assert old in support.SUITE
        return self.check(suite=self.write("suite/mine.yaml", support.SUITE.replace(old, new)))

    def items(self, change: Callable[[list[str]], list[str]]) -> list[str]:
        """Change the lines of the items and return the words of a check."""
        path = self.root / "suite" / "ball.jsonl"
        path.write_text("".join(f"{line}\n" for line in change(path.read_text().splitlines())))
        return self.check()

    def adapter(self, named: object) -> Path:
        """Write an adapter that names a base."""
        folder = support.write_checkpoint(self.root / "adapter", seed=7)
        (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
        (folder / "config.json").unlink()
        self.write("adapter/adapter_config.json", json.dumps({"base_model_name_or_path": named}))
        return folder


@pytest.fixture
def place(tmp_path: Path) -> Place:
    """A folder in which everything is in order."""
    found = Place(tmp_path)
    support.write_checkpoint(found.base, seed=0)
    support.write_checkpoint(found.tuned, seed=1)
    support.write_suite(tmp_path / "suite", n_items=300, n_said=80)
    return found


@pytest.fixture
def runner(monkeypatch: pytest.MonkeyPatch) -> FakeRunner:
    """Whoever asks for a model gets one that is always right."""
    always_right = FakeRunner(lambda *_: 1.0)
    answering(monkeypatch, always_right)
    return always_right


def answering(monkeypatch: pytest.MonkeyPatch, runner: FakeRunner) -> None:
    """Let the command line ask this runner."""
    monkeypatch.setattr("cliffguard.runners.harness.HarnessRunner", lambda *_, **__: runner)


def run(words: Sequence[str]) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, list(words))


def assert_refused(result: Result, code: int, pattern: str) -> None:
    """One line on stderr that says what, the exact exit code, nothing on stdout, no crash."""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        pytest.fail(f"crashed with {result.exception!r}")
    assert "Traceback" not in result.output
    lines = result.stderr.removesuffix("\n").split("\n")
    assert len(lines) == 1, lines
    assert re.search(pattern, lines[0]), lines[0]
    assert lines[0].startswith("cliffguard: ")
    assert not lines[0].startswith("cliffguard: :")
    assert result.stdout == ""
    assert result.exit_code == code


# --- the table -----------------------------------------------------------------------------------

Break = Callable[[Place], Sequence[object]]


def resized(place: Place, change: Callable[[bytes], bytes]) -> list[str]:
    """Change the bytes of the candidate's weights and return the words of a check."""
    path = place.tuned / "model.safetensors"
    path.write_bytes(change(path.read_bytes()))
    return place.check()


def linked_to_nothing(place: Place) -> list[str]:
    """Put a link to nothing in the place of the candidate's weights."""
    path = place.tuned / "model.safetensors"
    path.unlink()
    path.symlink_to(place.root / "gone")
    return place.check()


def pickled(place: Place) -> list[str]:
    """Rename the candidate's weights to those of a pickle."""
    (place.tuned / "model.safetensors").rename(place.tuned / "pytorch_model.bin")
    return place.check()


def lacking_a_shard(place: Place) -> list[str]:
    """Let an index name a shard that is not there."""
    index = {"weight_map": {"a": "model-00002-of-00002.safetensors"}}
    place.write("tuned/model.safetensors.index.json", json.dumps(index))
    return place.check()


def emptied_store(place: Place) -> list[str]:
    """Return the words of a comparison of what was never measured."""
    return ["compare", str(place.base), str(place.tuned), "-s", str(place.suite), "-q"]


CASES: dict[str, tuple[Break, int, str]] = {
    # checkpoints
    "candidate is not there": (
        lambda p: p.check(candidate=p.root / "nowhere"),
        2,
        r"nowhere: no such directory; check the path$",
    ),
    "base is not there": (
        lambda p: p.check(base="runs/ft/base"),
        2,
        r"runs/ft/base: no such directory",
    ),
    "base is not on this machine": (
        lambda p: p.check("--offline", base="org/model"),
        2,
        r"org/model: .*not on this machine; drop --offline",
    ),
    "hub cannot be reached": (
        lambda p: p.check(base="org/model"),
        20,
        r"org/model: no such directory, and the hub cannot be reached",
    ),
    "base breaks the rules of the hub": (
        lambda p: p.check(base="org/model--v1"),
        2,
        r"org/model--v1: ",
    ),
    "candidate is empty": (lambda p: p.check(candidate=""), 2, r"candidate"),
    "base is empty": (lambda p: p.check(base=""), 2, r"base"),
    "candidate is too long a name": (
        lambda p: p.check(candidate="/" + "x" * 300),
        2,
        r"/xxx",
    ),
    "candidate lies in the home of nobody": (
        lambda p: p.check(candidate="~nobody-of-that-name/ft"),
        2,
        r"~nobody-of-that-name/ft",
    ),
    "candidate is a file": (
        lambda p: p.check(candidate=p.tuned / "model.safetensors"),
        2,
        r"model\.safetensors: is a file; give the directory",
    ),
    "candidate is no checkpoint": (
        lambda p: p.check(candidate=p.root),
        2,
        r"not a checkpoint: neither config\.json nor adapter_config\.json",
    ),
    "candidate holds no weights": (
        lambda p: [(p.tuned / "model.safetensors").unlink(), *p.check()][1:],
        2,
        r"tuned: no weights inside",
    ),
    "base is an adapter": (
        lambda p: p.check(base=p.adapter("org/model")),
        2,
        r"adapter: is an adapter; a base must have weights",
    ),
    "no base for full weights": (
        lambda p: p.check(base=None),
        2,
        r"tuned: not an adapter, so its base must be given with --base",
    ),
    "adapter names no base": (
        lambda p: p.check(base=None, candidate=p.adapter(None)),
        2,
        r"names no base; give it with --base",
    ),
    "adapter names a base that is gone": (
        lambda p: p.check(base=None, candidate=p.adapter("/gone/models/llama")),
        2,
        r"/gone/models/llama: .*adapter_config\.json.*--base",
    ),
    "adapter of another base": (
        lambda p: p.check(candidate=p.adapter("org/another")),
        12,
        r"trained on another base than .*--allow-base-mismatch",
    ),
    "weights are torn": (
        lambda p: resized(p, lambda b: b[:-5]),
        12,
        r"torn: \d+ bytes where its header promises \d+; copy it again",
    ),
    "weights are longer than they say": (
        lambda p: resized(p, lambda b: b + b"\0\0"),
        12,
        r"torn: \d+ bytes where its header promises",
    ),
    "weights are a pointer of git-lfs": (
        lambda p: resized(p, lambda _: b"version https://git-lfs.github.com/spec/v1\n"),
        12,
        r"torn or not a safetensors file",
    ),
    "weights are empty": (lambda p: resized(p, lambda _: b""), 12, r"torn or not a safetensors"),
    "weights are a link to nothing": (linked_to_nothing, 12, r"model\.safetensors"),
    "a shard is missing": (
        lacking_a_shard,
        12,
        r"shard model-00002-of-00002\.safetensors is missing; copy the checkpoint again",
    ),
    "weights are pickled": (
        pickled,
        2,
        r"pickled \(pytorch_model\.bin\).*--allow-pickle",
    ),
    "config is torn": (
        lambda p: [p.write("tuned/config.json", '{"a":'), *p.check()][1:],
        12,
        r"config\.json: not readable as JSON",
    ),
    "config is a list": (
        lambda p: [p.write("tuned/config.json", "[]"), *p.check()][1:],
        12,
        r"config\.json: expected a JSON object, found a list",
    ),
    # suites
    "unknown suite": (
        lambda p: p.check(suite="adjacnt"),
        2,
        r"no suite is called 'adjacnt'; did you mean 'adjacent'\?",
    ),
    "suite is empty": (lambda p: p.check(suite=""), 2, r"no suite is called ''"),
    "suite file is missing": (lambda p: p.check(suite="./none.yaml"), 2, r"none\.yaml: no such"),
    "suite is a directory": (
        lambda p: p.check(suite=f"{p.root}/suite"),
        2,
        r"suite: is a directory, not a file",
    ),
    "suite file is empty": (
        lambda p: p.check(suite=p.write("suite/e.yaml", "")),
        2,
        r"e\.yaml: expected a mapping .* the file is empty",
    ),
    "suite file is torn": (
        lambda p: p.check(suite=p.write("suite/t.yaml", support.SUITE[:-20])),
        2,
        r"t\.yaml:\d+: not valid YAML",
    ),
    "suite is its items": (
        lambda p: p.check(suite=p.root / "suite" / "ball.jsonl"),
        2,
        r"ball\.jsonl:2: not valid YAML",
    ),
    "suite twice": (lambda p: p.check("-s", p.suite), 2, r"the suite 'small' stands twice"),
    "unknown key of a suite": (
        lambda p: p.suite_with("version: 1", "version: 1\nverson: 1"),
        2,
        r"verson: unknown key; did you mean 'version'\?",
    ),
    "unknown key of a task": (
        lambda p: p.suite_with("level: hops", "levl: hops"),
        2,
        r"levl: unknown key; did you mean 'level'\?",
    ),
    "chance in percent": (lambda p: p.suite_with("0.25", "25"), 2, r"chance: .*less than 1"),
    "unknown metric": (
        lambda p: p.suite_with("metric: acc,", "metric: accuracy,"),
        2,
        r"metric 'accuracy' is not one of acc, acc_norm, exact_match",
    ),
    "unknown ring": (lambda p: p.suite_with("ring: adjacent", "ring: near"), 2, r"ring: "),
    "items outside the suite": (
        lambda p: p.suite_with("items: ball.jsonl", "items: ../ball.jsonl"),
        2,
        r"lies outside the suite's folder",
    ),
    "items are missing": (
        lambda p: p.suite_with("items: ball.jsonl", "items: bull.jsonl"),
        2,
        r"bull\.jsonl: no such file",
    ),
    "items are empty": (lambda p: p.items(lambda _: []), 2, r"ball\.jsonl: holds no items"),
    "an item is torn": (
        lambda p: p.items(lambda lines: [*lines[:6], lines[6][:-5], *lines[7:]]),
        2,
        r"ball\.jsonl:7: not valid JSON",
    ),
    "an item is no object": (
        lambda p: p.items(lambda lines: [*lines, "[]"]),
        2,
        r"ball\.jsonl:301: expected an object, found a list",
    ),
    "an item twice": (
        lambda p: p.items(lambda lines: [*lines, lines[4]]),
        2,
        r"ball\.jsonl:301: the id 'ball-004' stands already in line 5",
    ),
    "a key of an item is misspelt": (
        lambda p: p.items(lambda lines: [lines[0].replace('"answer"', '"anwser"'), *lines[1:]]),
        2,
        r"ball\.jsonl:1: unknown key 'anwser'; did you mean 'answer'\?",
    ),
    "an item's level is no number": (
        lambda p: p.items(lambda lines: [lines[0].replace('"hops": 1', '"hops": "1"')]),
        2,
        r"ball\.jsonl:1: hops \(the level\) must be a whole number",
    ),
    "an item is not UTF-8": (
        lambda p: [p.write("suite/ball.jsonl", b'{"id": "\xfc"}\n'), *p.check()][1:],
        2,
        r"ball\.jsonl: not UTF-8 text",
    ),
    "an item holds half a character": (
        lambda p: p.items(lambda lines: [lines[0].replace("The ball", r"The \ud83d")]),
        2,
        r"ball\.jsonl:1: ",
    ),
    # plans and policies
    "plan is missing": (lambda p: ["check", p.root / "paln.yaml"], 2, r"paln\.yaml: no such file"),
    "plan is a checkpoint": (lambda p: ["check", p.base], 2, r"base: is a directory, not a file"),
    "plan is binary": (
        lambda p: ["check", p.base / "model.safetensors"],
        2,
        r"model\.safetensors: not (UTF-8|valid YAML)",
    ),
    "plan is empty": (lambda p: p.plan(text=""), 2, r"plan\.yaml: expected a mapping"),
    "plan is torn": (lambda p: p.plan("protocol: {limit: 5\n"), 2, r"plan\.yaml:\d+: not valid"),
    "plan has a tab": (lambda p: p.plan("protocol:\n\tlimit: 5\n"), 2, r"plan\.yaml:5: not valid"),
    "plan has a key twice": (
        lambda p: p.plan("seed: 1\nseed: 2\n"),
        2,
        r"plan\.yaml:5: not valid YAML: the key 'seed' stands twice",
    ),
    "plan is a policy": (
        lambda p: p.plan(text="alpha: 0.05\ndefault_margin: 0.05\n"),
        2,
        r"plan\.yaml: ",
    ),
    "plan without suites": (
        lambda p: p.plan(text=f"base: {p.base}\ncandidate: {p.tuned}\n"),
        2,
        r"suites is empty: name at least one",
    ),
    "plan without candidate": (
        lambda p: p.plan(text=f"base: {p.base}\nsuites: [adjacent]\n"),
        2,
        r"candidate: missing",
    ),
    "unknown key of a plan": (
        lambda p: p.plan("polcy: policy.yaml\n"),
        2,
        r"polcy: unknown key; did you mean 'policy'\?",
    ),
    "unknown key with a line break": (lambda p: p.plan('"a\\nb": 1\n'), 2, r"unknown key"),
    "unknown key with colours": (lambda p: p.plan('"\\e[31mred": 1\n'), 2, r"^[^\x1b]*$"),
    "date that is none": (
        lambda p: p.plan("protocol: {seed: 2024-13-45}\n"),
        2,
        r"plan\.yaml.*: not valid YAML",
    ),
    "policy of the plan is missing": (
        lambda p: p.plan("policy: none.yaml\n"),
        2,
        r"none\.yaml: no such file",
    ),
    "policy is missing": (
        lambda p: p.check("--policy", "none.yaml"),
        2,
        r"none\.yaml: no such file",
    ),
    "margin in percent": (
        lambda p: p.policy("default_margin: 5\n"),
        2,
        r"default_margin must lie above 0 and at most 0\.5, not 5",
    ),
    "margin with a sign": (
        lambda p: p.policy("capabilities: {reasoning: {margin: -0.05}}\n"),
        2,
        r"capabilities\.reasoning: margin must lie above 0 and at most 0\.5, not -0\.05",
    ),
    "alpha out of range": (
        lambda p: p.policy("alpha: 0.95\n"),
        2,
        r"alpha must lie between 0 and 0\.5, not 0\.95",
    ),
    "alpha is no number": (lambda p: p.policy("alpha: 5 %\n"), 2, r"alpha: .*valid number"),
    "unknown key of a policy": (
        lambda p: p.policy("defalt_margin: 0.1\n"),
        2,
        r"defalt_margin: unknown key; did you mean 'default_margin'\?",
    ),
    # flags
    "no candidate": (lambda p: p.check(candidate=None), 2, r"no candidate: give a plan file"),
    "no suite": (lambda p: p.check(suite=None), 2, r"no suite: give --suite NAME"),
    "nothing at all": (lambda _: ["check"], 2, r"no candidate: give a plan file, or --candidate"),
    "negative limit": (lambda p: p.check("--limit", -1), 2, r"limit must be at least 1, not -1"),
    "limit of nothing": (lambda p: p.check("--limit", 0), 2, r"limit must be at least 1, not 0"),
    "negative shots": (lambda p: p.check("--num-fewshot", -1), 2, r"num_fewshot must not be neg"),
    "batch of nothing": (lambda p: p.check("--batch-size", 0), 2, r"batch_size must be at least 1"),
    "system prompt without template": (
        lambda p: p.check("--system-prompt", "Be brief."),
        2,
        r"system_prompt needs chat_template: own or base",
    ),
    "output is a file": (
        lambda p: [p.write("out", ""), *p.check()][1:],
        2,
        r"/out.*: cannot be written: .*choose another place",
    ),
    "output lies in a file": (
        lambda p: p.check("--out", p.suite / "out"),
        2,
        r"small\.yaml/out.*: cannot be written: Not a directory",
    ),
    "store is a file": (
        lambda p: [p.write("store", ""), *p.check()][1:],
        2,
        r"/store.*: cannot be written: .*choose another place",
    ),
    # other verbs
    "measure without suite": (lambda p: ["measure", p.base], 2, r"no suite: give --suite NAME"),
    "measure what is not there": (
        lambda p: p.measure(p.root / "nowhere"),
        2,
        r"nowhere: no such directory",
    ),
    "compare what was not measured": (
        emptied_store,
        2,
        r"holds no answers of .*base to ball .*run `cliffguard measure .*base` with the same",
    ),
    "compare without suite": (
        lambda p: ["compare", p.base, p.tuned],
        2,
        r"no suite: give --suite NAME",
    ),
    "report of nothing": (lambda p: ["report", p.out / "review.json"], 2, r"no such file"),
    "report of the folder": (lambda p: ["report", p.root], 2, r"is a directory, not a file"),
    "report of a page": (
        lambda p: ["report", p.write("report.html", "<html>\n")],
        2,
        r"report\.html:1: not valid JSON",
    ),
    "report of a list": (lambda p: ["report", p.write("r.json", "[]")], 2, r"found a list"),
    "report of another JSON": (
        lambda p: ["report", p.tuned / "config.json"],
        2,
        r"config\.json: format: missing, so this is not a review",
    ),
    "report of a torn review": (
        lambda p: ["report", p.write("r.json", '{"format": 1,\n"plan": {')],
        2,
        r"r\.json:2: not valid JSON",
    ),
    "report of a part of a review": (
        lambda p: ["report", p.write("r.json", '{"format": 1}')],
        2,
        r"r\.json: plan: missing",
    ),
    "report of a later version": (
        lambda p: ["report", p.write("r.json", '{"format": 99}')],
        2,
        r"99 is newer than this cliffguard.*update cliffguard",
    ),
    "validate what is not there": (
        lambda _: ["suites", "validate", "./none.yaml"],
        2,
        r"none\.yaml: no such file",
    ),
    "show an unknown suite": (lambda _: ["suites", "show", "adjacnt"], 2, r"did you mean 'adjac"),
}


@pytest.mark.parametrize("case", CASES)
def test_a_mistake_is_one_line(
    case: str,
    place: Place,
    runner: FakeRunner,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The table: how it is broken, the exit code, and what the one line says."""
    monkeypatch.chdir(place.root)
    breaking, code, pattern = CASES[case]

    result = run([str(word) for word in breaking(place)])

    assert_refused(result, code, pattern)
    assert runner.n_asked == 0
    assert not (place.out / "review.json").exists()


# --- mistakes that Typer answers -----------------------------------------------------------------

USAGE: dict[str, tuple[list[str], str]] = {
    "unknown verb": (["chekc"], r"No such command 'chekc'"),
    "unknown flag": (["check", "--limt", "5"], r"No such option: --limt"),
    "limit in words": (["check", "--limit", "ten"], r"--limit"),
    "unknown dtype": (["check", "--dtype", "fp16"], r"--dtype"),
    "unknown template": (["check", "--chat-template", "chatml"], r"--chat-template"),
    "unknown format": (["check", "--format", "pdf"], r"--format"),
    "a flag without its value": (["check", "--base"], r"--base"),
    "too many words": (["check", "plan.yaml", "other.yaml"], r"other\.yaml"),
    "compare with one side": (["compare", "base"], r"(?i)candidate"),
    "report without review": (["report"], r"(?i)review"),
    "validate nothing": (["suites", "validate"], r"(?i)names"),
}


@pytest.mark.parametrize("case", USAGE)
def test_a_usage_error_is_exit_2(case: str) -> None:
    """What Typer refuses ends with exit code 2, on stderr, without a traceback."""
    words, pattern = USAGE[case]

    result = run(words)

    assert result.exit_code == 2
    assert re.search(pattern, result.stderr)
    assert result.stdout == ""
    assert "Traceback" not in result.stderr


# --- with real models ----------------------------------------------------------------------------

Weights = dict[str, Any]


def copied(source: Path, target: Path, change: Callable[[Weights], None] | None = None) -> Path:
    """Copy a model or adapter and change its weights."""
    from safetensors.torch import load_file, save_file

    shutil.copytree(source, target)
    if change is not None:
        (path,) = target.glob("*.safetensors")
        weights = load_file(path)
        change(weights)
        save_file(weights, path, metadata={"format": "pt"})
    return target


def with_json(folder: Path, name: str, **values: Any) -> Path:
    """Set keys of a JSON file in a checkpoint."""
    before = json.loads((folder / name).read_text())
    (folder / name).write_text(json.dumps({**before, **values}))
    return folder


def set_first(value: float) -> Callable[[Weights], None]:
    """Return a change that puts a value into the first weight."""

    def change(weights: Weights) -> None:
        weights[sorted(weights)[0]].view(-1)[0] = value

    return change


@dataclass(frozen=True)
class Models:
    """The tiny models, and where to put broken copies."""

    base: Path
    adapter: Path
    broken: Path


@pytest.fixture
def models(tiny_base: Path, tiny_adapter: Path, tmp_path: Path) -> Models:
    """The tiny models of the session."""
    return Models(tiny_base, tiny_adapter, tmp_path / "broken")


def pickled_tiny(models: Models) -> Path:
    """Copy the tiny model with pickled weights."""
    import torch
    from safetensors.torch import load_file

    folder = copied(models.base, models.broken)
    torch.save(load_file(folder / "model.safetensors"), folder / "pytorch_model.bin")
    (folder / "model.safetensors").unlink()
    return folder


def with_text(models: Models, name: str, text: str | bytes) -> Path:
    """Copy the tiny model and put a text in the place of one of its files."""
    folder = copied(models.base, models.broken)
    (folder / name).write_bytes(text if isinstance(text, bytes) else text.encode())
    return folder


def damaged_pickle(models: Models) -> Path:
    """Copy the tiny model with something else in the place of its weights."""
    folder = with_text(models, "pytorch_model.bin", b"garbage")
    (folder / "model.safetensors").unlink()
    return folder


def wide_adapter(models: Models) -> Path:
    """Copy the adapter and claim another rank."""
    return with_json(copied(models.adapter, models.broken), "adapter_config.json", r=7)


def drop_one(weights: Weights) -> None:
    """Take one weight out."""
    del weights[sorted(weights)[-1]]


def without_effect(weights: Weights) -> None:
    """Set all weights to zero."""
    for weight in weights.values():
        weight.zero_()


Made = tuple[Callable[[Models], Path], tuple[str, ...], int, str]

LOADED: dict[str, Made] = {
    "NaN among the weights": (
        lambda m: copied(m.base, m.broken, set_first(float("nan"))),
        (),
        12,
        r"holds NaN or infinite weights; the training diverged",
    ),
    "infinity among the weights": (
        lambda m: copied(m.base, m.broken, set_first(float("inf"))),
        (),
        12,
        r"holds NaN or infinite weights",
    ),
    "NaN in an adapter": (
        lambda m: copied(m.adapter, m.broken, set_first(float("nan"))),
        (),
        12,
        r"holds NaN or infinite weights",
    ),
    "adapter of another shape": (wide_adapter, (), 12, r"broken: .*(size mismatch|do not fit)"),
    "adapter without effect": (
        lambda m: copied(m.adapter, m.broken, without_effect),
        (),
        12,
        r"broken: .*(zero|no effect|changes nothing)",
    ),
    "weight missing": (
        lambda m: copied(m.base, m.broken, drop_one),
        (),
        12,
        r"weights are missing",
    ),
    "config of another shape": (
        lambda m: with_json(copied(m.base, m.broken), "config.json", hidden_size=32),
        (),
        12,
        r"broken: ",
    ),
    "config with a word for a number": (
        lambda m: with_json(copied(m.base, m.broken), "config.json", hidden_size="many"),
        (),
        12,
        r"broken: cannot be loaded: .*hidden_size",
    ),
    "config that contradicts itself": (
        lambda m: with_json(copied(m.base, m.broken), "config.json", num_attention_heads=3),
        (),
        12,
        r"broken: cannot be loaded: ",
    ),
    "unknown kind of model": (
        lambda m: with_json(copied(m.base, m.broken), "config.json", model_type="lama"),
        (),
        12,
        r"broken: cannot be loaded: .*lama",
    ),
    "quantised without the library for it": (
        lambda m: with_json(
            copied(m.base, m.broken),
            "config.json",
            quantization_config={"quant_method": "gptq", "bits": 4},
        ),
        (),
        20,
        r"broken: .*(?i:gptq)",
    ),
    "tokenizer is garbage": (
        lambda m: with_text(m, "tokenizer.json", '{"version": "1.0", "model": {}}'),
        (),
        12,
        r"broken: cannot be loaded: ",
    ),
    "chat template is garbage": (
        lambda m: with_text(m, "chat_template.jinja", "{% for"),
        ("--chat-template", "own"),
        12,
        r"broken: .*template",
    ),
    "pickled weights": (pickled_tiny, (), 2, r"pickled \(pytorch_model\.bin\)"),
    "damaged pickle": (damaged_pickle, ("--allow-pickle",), 12, r"broken: cannot be loaded: "),
    "unknown device": (lambda m: m.base, ("--device", "gpu0"), 2, r"device 'gpu0' is unknown"),
    "device without numbers": (lambda m: m.base, ("--device", "meta"), 2, r"device 'meta' is unk"),
    "device of another vendor": (lambda m: m.base, ("--device", "xpu"), 2, r"device 'xpu' is unkn"),
    "device of another system": (lambda m: m.base, ("--device", "mps"), 2, r"device 'mps' is unkn"),
    "GPU that is not there": (
        lambda m: m.base,
        ("--device", "cuda"),
        20,
        r"device cuda: this machine has 0 CUDA devices; use --device cpu",
    ),
    "GPU of a high number": (
        lambda m: m.base,
        ("--device", "cuda:7", "--dtype", "float32"),
        20,
        r"device cuda:7: this machine has 0 CUDA devices",
    ),
}


@pytest.mark.parametrize("case", LOADED)
def test_a_model_that_cannot_be_asked_is_one_line(
    case: str, place: Place, models: Models, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The same for what shows only when a model is loaded."""
    monkeypatch.setattr("torch.cuda.is_available", lambda: False)
    make, flags, code, pattern = LOADED[case]

    result = run(place.measure(make(models), *flags))

    assert_refused(result, code, pattern)


def test_pickled_weights_load_when_allowed(place: Place, models: Models) -> None:
    """With --allow-pickle the same checkpoint is measured."""
    result = run(place.measure(pickled_tiny(models), "--allow-pickle"))

    assert (result.exit_code, result.stderr) == (0, "")


def test_what_cannot_be_trusted_leaves_a_failure(place: Place, models: Models) -> None:
    """check leaves failure.json and a JUnit error where the reports would be, and no review."""
    broken = copied(models.base, models.broken, set_first(float("nan")))

    result = run(place.check("--device", "cpu", base=models.base, candidate=broken))

    assert_refused(result, 12, "NaN")
    failure = json.loads((place.out / "failure.json").read_text())
    assert (failure["exit_code"], failure["kind"]) == (12, "integrity")
    assert "<error" in (place.out / "junit.xml").read_text()
    assert not (place.out / "review.json").exists()


def test_what_the_user_wrote_leaves_no_failure(place: Place, runner: FakeRunner) -> None:
    """A usage error is for whoever typed it, not for a dashboard."""
    run(place.check(candidate="runs/ft/nowhere"))

    assert list(place.out.iterdir()) == []


@pytest.mark.slow
def test_an_unknown_task_of_lm_eval_offers_the_nearest(place: Place) -> None:
    """A bare task name that lm-eval does not know is answered with one that it does."""
    text = "name: a\nversion: 1\ncapabilities: {maths: {ring: general, tasks: [gsm8kk]}}\n"

    result = run(place.check(suite=place.write("suite/stock.yaml", text)))

    assert_refused(result, 2, r"'gsm8kk' is neither .* nor known to lm-eval; did you mean 'gsm8k")


@pytest.mark.parametrize("kind", ["NotImplementedError", "RecursionError", "AcceleratorError"])
def test_a_bug_below_us_is_not_called_a_lack_of_memory(kind: str) -> None:
    """What a retry cannot mend is not sent into one, whichever RuntimeError it is."""
    import builtins

    import torch

    from cliffguard.engine.loading import out_of_memory_explained

    failure = getattr(builtins, kind, None) or getattr(torch, kind, None)
    if failure is None:
        pytest.skip(f"this torch has no {kind}")
    with pytest.raises(failure), out_of_memory_explained("model"):
        raise failure("device-side assert triggered")


# --- disks ---------------------------------------------------------------------------------------


def full(*_: object, **__: object) -> None:
    """Raise what a full disk raises."""
    raise OSError(errno.ENOSPC, os.strerror(errno.ENOSPC))


def test_a_full_disk_is_worth_a_retry(
    place: Place, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A disk that is full from the start ends with exit code 20."""
    monkeypatch.setattr(os, "fsync", full)

    assert_refused(run(place.check()), 20, r"No space left on device; free some space")


def test_a_disk_that_fills_up_keeps_what_is_stored(
    place: Place, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """When the disk fills up after two shards, a second run asks only for the rest."""
    link, written = os.link, []

    def filling(source: str, target: Path) -> None:
        if target.parent.name == "shards":
            if len(written) == 2:
                full()
            written.append(target)
        link(source, target)

    monkeypatch.setattr(os, "link", filling)
    assert_refused(run(place.check()), 20, r"0002\.jsonl: No space left on device")
    monkeypatch.setattr(os, "link", link)
    runner.n_asked = 0

    assert run(place.check("--no-early-stop")).exit_code == 0
    assert runner.n_asked == 2 * 380 - 2 * 64
    assert not list(place.store.rglob(".*"))


@pytest.fixture
def read_only(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Iterator[Path]:
    """A read-only file system where one can be mounted, else a folder that acts like one."""
    folder = tmp_path / "read-only"
    folder.mkdir()
    mount = shutil.which("mount")
    words = [mount or "", "-t", "tmpfs", "-o", "ro,size=64k", "tmpfs", str(folder)]
    if (
        sys.platform == "linux"
        and os.geteuid() == 0
        and mount
        and subprocess.run(words, check=False, capture_output=True).returncode == 0
    ):
        yield folder
        subprocess.run(["umount", str(folder)], check=True)
        return
    make = Path.mkdir

    def refuse(path: Path, *positional: Any, **named: Any) -> None:
        if folder in path.parents:
            raise OSError(errno.EROFS, os.strerror(errno.EROFS))
        make(path, *positional, **named)

    monkeypatch.setattr(Path, "mkdir", refuse)
    yield folder


@pytest.mark.parametrize("flag", ["--out", "--store"])
def test_a_read_only_place_is_the_users_error(
    flag: str, place: Place, runner: FakeRunner, read_only: Path
) -> None:
    """Reports and answers need a place that can be written; that shows before any work."""
    result = run(place.check(flag, read_only / "deep"))

    assert_refused(result, 2, r"read-only/deep.*: Read-only file system; choose another place")
    assert runner.n_asked == 0


def test_a_report_on_a_read_only_place_is_the_users_error(
    place: Place, runner: FakeRunner, read_only: Path
) -> None:
    """report --output says that it cannot write there."""
    assert run(place.check()).exit_code == 0

    result = run(["report", str(place.out / "review.json"), "-o", str(read_only / "a" / "r.txt")])

    assert_refused(result, 2, r"r\.txt: cannot be written: Read-only file system")


def test_a_report_onto_a_folder_is_the_users_error(place: Place, runner: FakeRunner) -> None:
    """report --output takes a file."""
    assert run(place.check()).exit_code == 0

    result = run(["report", str(place.out / "review.json"), "-o", str(place.root)])

    assert_refused(result, 2, r"cannot be written: Is a directory")


def test_a_tilde_after_the_equals_sign_is_the_home(
    place: Place, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """`--out=~/reports`, which the shell leaves alone, makes no folder called ~."""
    monkeypatch.setenv("HOME", str(place.root / "home"))
    monkeypatch.chdir(place.root)

    run(place.check("--out=~/reports"))

    assert not (place.root / "~").exists()


def test_a_folder_that_may_not_be_entered_is_the_users_error(
    place: Place, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A colleague's closed folder is one line, not a crash."""
    look = Path.stat

    def closed(path: Path, **options: bool) -> os.stat_result:
        if place.tuned in path.parents:
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return look(path, **options)

    monkeypatch.setattr(Path, "stat", closed)

    assert_refused(run(place.check()), 2, r"tuned.*: .*Permission denied")


def test_weights_that_may_not_be_read_are_one_line(
    place: Place, runner: FakeRunner, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A file that belongs to somebody else is no crash."""
    reading = Path.open

    def closed(path: Path, *positional: Any, **named: Any) -> Any:
        if path == place.tuned / "model.safetensors":
            raise PermissionError(errno.EACCES, os.strerror(errno.EACCES), str(path))
        return reading(path, *positional, **named)

    monkeypatch.setattr(Path, "open", closed)

    assert_refused(run(place.check()), 20, r"model\.safetensors: .*Permission denied")


# --- damage and interruption ---------------------------------------------------------------------


def test_a_damaged_store_is_not_measured_again(place: Place, runner: FakeRunner) -> None:
    """A flipped score in the store ends with exit code 12 and names the directory."""
    assert run(place.check()).exit_code == 0
    shard = sorted(place.store.rglob("0000.jsonl"))[0]
    shard.write_text(shard.read_text().replace('"score":1.0', '"score":0.0', 1))
    runner.n_asked = 0

    result = run(place.check())

    assert_refused(
        result,
        12,
        r"shard 0 does not match its seal; `cliffguard store verify --store .* --repair`",
    )
    assert str(shard.parent.parent) in result.stderr
    assert runner.n_asked == 0


class Interrupted(FakeRunner):
    """A runner at whose second shard somebody presses ^C."""

    n_shards = 0

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: Protocol
    ) -> Sequence[Answer]:
        """Answer one shard, then stop."""
        self.n_shards += 1
        if self.n_shards == 2:
            raise KeyboardInterrupt
        return super().ask(checkpoint, task, items, protocol)


def test_an_interruption_is_exit_130_in_one_line(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """^C ends with the code that shells know, and says that nothing is lost."""
    answering(monkeypatch, Interrupted(lambda *_: 1.0))

    assert_refused(run(place.check()), 130, r"interrupted; what is stored is kept")


def test_an_interrupted_check_goes_on_where_it_stopped(
    place: Place, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The shard that was answered before ^C stays, and only the rest is asked."""
    answering(monkeypatch, Interrupted(lambda *_: 1.0))
    assert run(place.check()).exit_code == 130
    (stored,) = place.store.rglob("0*.jsonl")
    before = stored.stat().st_mtime_ns
    again = FakeRunner(lambda *_: 1.0)
    answering(monkeypatch, again)

    result = run(place.check("--no-early-stop"))

    assert result.exit_code == 0
    assert again.n_asked == 2 * 380 - 64
    assert stored.stat().st_mtime_ns == before


def test_an_interruption_leaves_no_failure(place: Place, monkeypatch: pytest.MonkeyPatch) -> None:
    """Who stops a run knows it; no failure.json says so to others."""
    answering(monkeypatch, Interrupted(lambda *_: 1.0))

    run(place.check())

    assert list(place.out.iterdir()) == []


# --- the program itself --------------------------------------------------------------------------


# Python may be told not to buffer; users do not tell it.
BUFFERED = {name: value for name, value in os.environ.items() if name != "PYTHONUNBUFFERED"}


def program(*words: str, **options: Any) -> subprocess.CompletedProcess[str]:
    """Run the command line in a process of its own."""
    command = [sys.executable, "-m", "cliffguard", *words]
    return subprocess.run(command, text=True, check=False, env=BUFFERED, **options)


def test_the_program_refuses_like_its_parts(tmp_path: Path) -> None:
    """The exit code and the line reach the shell."""
    done = program("check", str(tmp_path / "plan.yaml"), capture_output=True)

    assert (done.returncode, done.stdout) == (2, "")
    assert done.stderr == f"cliffguard: {tmp_path / 'plan.yaml'}: no such file\n"


@pytest.mark.skipif(not Path("/dev/full").exists(), reason="needs /dev/full")
@pytest.mark.parametrize("words", ["items adjacent", "ls"], ids=["much", "little"])
def test_a_full_disk_behind_stdout_is_worth_a_retry(words: str) -> None:
    """`cliffguard … > file` on a full disk is exit code 20 in one line, not a traceback."""
    with Path("/dev/full").open("w") as stdout:
        done = program("suites", *words.split(), stdout=stdout, stderr=subprocess.PIPE)

    assert re.fullmatch(r"cliffguard: [^\n]+\n", done.stderr)
    assert done.returncode == 20


@pytest.mark.skipif(sys.platform == "win32", reason="needs a POSIX shell")
@pytest.mark.parametrize("words", ["suites ls", "suites ls --format json", "--version"])
def test_a_closed_stdout_is_no_crash(words: str) -> None:
    """A job without stdout, as some schedulers start it, ends like any other."""
    line = f'exec "{sys.executable}" -m cliffguard {words} >&-'

    done = subprocess.run(
        ["sh", "-c", line], stderr=subprocess.PIPE, text=True, check=False, env=BUFFERED
    )

    assert (done.returncode, done.stderr) == (0, "")


@pytest.mark.parametrize("words", ["items adjacent", "ls"], ids=["much", "little"])
def test_a_reader_that_leaves_is_no_failure(words: str) -> None:
    """`cliffguard suites … | head -0` ends in silence, however much there was to say."""
    command = [sys.executable, "-m", "cliffguard", "suites", *words.split()]
    with subprocess.Popen(
        command, text=True, stdout=subprocess.PIPE, stderr=subprocess.PIPE, env=BUFFERED
    ) as running:
        assert running.stdout is not None
        assert running.stderr is not None
        running.stdout.close()
        said = running.stderr.read()

    assert said == ""
    assert running.returncode == 0
