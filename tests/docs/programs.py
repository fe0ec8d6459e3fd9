"""Commands of the documentation, run in this process or parsed by their own parser."""

from __future__ import annotations

import re
import shlex
import subprocess
from importlib.metadata import metadata
from pathlib import Path

import pytest
import typer
from packaging.requirements import Requirement
from typer.testing import CliRunner

from cliffguard.cli.app import app
from tests.docs.blocks import CHECKOUT, Block

VERDICTS = {0, 10, 11}
_OF_A_SHELL = {"|", "||", "<", ">>", "&", ";"}


def commands_of(text: str) -> list[list[str]]:
    """Return the commands of a shell block, word by word, comments left out."""
    joined = re.sub(r"\\\n\s*", " ", text)
    commands: list[list[str]] = []
    for line in joined.split("\n"):
        commands.append([])
        for word in shlex.split(line, comments=True):
            if word == "&&":
                commands.append([])
            else:
                commands[-1].append(word)
    return [words for words in commands if words]


def run(words: list[str], block: Block) -> str:
    """Run one command in this folder; return what it printed, stderr after stdout."""
    program, *rest = filled(words, block)
    assert not _OF_A_SHELL & {*rest}, f"{block.where}: a pipe; mark the block, or split it"
    if program == "pip":
        return check_pip(rest)
    if program == "make":
        return check_make(rest)
    assert program == "cliffguard", f"{block.where}: no test knows how to run {program}; mark it"
    target = None
    if ">" in rest:
        target, rest = rest[rest.index(">") + 1], rest[: rest.index(">")]
    result = CliRunner().invoke(app, rest)
    if result.exception is not None and not isinstance(result.exception, SystemExit):
        raise result.exception
    wanted = VERDICTS if rest[0] in ("check", "compare", "rescue") else {0}
    if "exit" in block.marks:
        wanted = {int(block.marks["exit"])}
    assert result.exit_code in wanted, f"{block.where}: {shlex.join(words)}\n{result.output}"
    if target is not None:
        Path(target).write_text(result.stdout, encoding="utf-8")
    return result.stdout + result.stderr


def filled(words: list[str], block: Block) -> list[str]:
    """Return the words with what the block's mark puts for an ellipsis."""
    if "…" not in words:
        return words
    assert "…" in block.marks, f"{block.where}: say by a mark what … stands for (blocks.py)"
    at = words.index("…")
    return [*words[:at], *shlex.split(block.marks["…"]), *words[at + 1 :]]


def parse(words: list[str], block: Block) -> None:
    """Parse a command by its program's own parser, and run nothing."""
    program, *rest = filled(words, block)
    if program == "pip":
        check_pip(rest)
    elif program == "make":
        check_make(rest)
    elif rest[:1] == ["lm-eval"]:
        parse_lm_eval(rest[1:])
    else:
        assert program == "cliffguard", f"{block.where}: {program} has no parser here"
        parse_own(rest)


def parse_own(words: list[str]) -> None:
    """Let our command line read flags and arguments, and do nothing with them."""
    command, words = typer.main.get_command(app), list(words)
    context = None
    while hasattr(command, "commands"):
        name = words.pop(0)
        assert name in command.commands, f"cliffguard has no verb {name}"
        context, command = typer.Context(command, parent=context), command.commands[name]
    command.make_context(command.name, words, parent=context)


def parse_lm_eval(words: list[str]) -> None:
    """Let lm-eval's command line read its flags."""
    from lm_eval._cli.harness import HarnessCLI

    HarnessCLI()._parser.parse_args(words)


def check_pip(words: list[str]) -> str:
    """Look whether what is to be installed can be: a requirement, and an extra that we have."""
    assert words[0] == "install"
    for word in words[1:]:
        wanted = Requirement(re.sub(r"^\.(?=\[|$)", "cliffguard", word))  # the checkout itself
        if wanted.name == "cliffguard":
            assert wanted.extras <= {*(metadata("cliffguard").get_all("Provides-Extra") or ())}
    return ""


def check_make(words: list[str]) -> str:
    """Let make say what it would do."""
    done = subprocess.run(
        ["make", "-n", "-C", str(CHECKOUT), *words], capture_output=True, text=True, check=False
    )
    assert done.returncode == 0, done.stderr
    return done.stdout


def assert_printed(printed: str, claimed: str, block: Block) -> None:
    """What a page shows as output is there, line after line; `…` stands for anything."""
    lines = [_plain(line) for line in printed.split("\n")]
    at = 0
    for claim in filter(str.strip, claimed.split("\n")):
        pattern = ".*".join(re.escape(part) for part in _plain(claim).split("…"))
        while at < len(lines) and not re.fullmatch(pattern, lines[at]):
            at += 1
        if at == len(lines):
            pytest.fail(f"{block.where}: not printed: {claim}\n{printed}")


def _plain(line: str) -> str:
    return " ".join(line.split())
