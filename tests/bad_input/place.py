"""A folder in which everything is in order, and what a broken one must answer."""

from __future__ import annotations

import json
import re
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import NamedTuple

import pytest
from typer.testing import CliRunner, Result

from cliffguard.cli.app import app
from tests import support
from tests.fake_runner import FakeRunner


@dataclass(frozen=True)
class Workspace:
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
        config = {"peft_type": "LORA", "base_model_name_or_path": named}
        self.write("adapter/adapter_config.json", json.dumps(config))
        return folder

    def spoil(self, name: str, content: str | bytes, words: Sequence[object] = ()) -> list[object]:
        """Write a file and return the words of a check, or `words`."""
        self.write(name, content)
        return list(words) or [*self.check()]


class Case(NamedTuple):
    """How it is broken, and what a run answers; tests/golden/error_lines.txt has the line."""

    breaking: Callable[[Workspace], Sequence[object]]
    exit_code: int
    id: str


Cases = dict[str, Case]


def in_order(root: Path) -> Workspace:
    """Return a folder in which everything is in order."""
    workspace = Workspace(root)
    support.write_checkpoint(workspace.base, seed=0)
    support.write_checkpoint(workspace.tuned, seed=1)
    support.write_suite(root / "suite", n_items=150, n_said=80)
    return workspace


def answering(monkeypatch: pytest.MonkeyPatch, runner: FakeRunner) -> None:
    """Let the command line ask this runner."""
    monkeypatch.setattr("cliffguard.runners.harness.HarnessRunner", lambda *_, **__: runner)


def run(words: Sequence[str]) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, list(words))


LINE = re.compile(r"cliffguard: error\[([a-z-]+\.[a-z0-9-]+)\]: (?=[^:\s]).*")


def assert_refused(result: Result, code: int, id: str) -> str:
    """One line on stderr with the id, the exact code, nothing else, no crash; return the line."""
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        pytest.fail(f"crashed with {result.exception!r}")
    assert "Traceback" not in result.output
    lines = result.stderr.removesuffix("\n").split("\n")
    assert len(lines) == 1, lines
    match = LINE.fullmatch(lines[0])
    assert match is not None, lines[0]
    assert match[1] == id, lines[0]
    assert result.stdout == ""
    assert result.exit_code == code
    return lines[0]
