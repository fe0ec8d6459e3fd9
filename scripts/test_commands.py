"""Every command that a document shows names a module that exists and takes its flags."""

from __future__ import annotations

import argparse
import importlib
import re
import subprocess
from collections import defaultdict
from collections.abc import Iterator
from pathlib import Path
from typing import Any, NoReturn

import pytest
from typer.main import get_command

from cliffguard.cli.app import app

ROOT = Path(__file__).parent.parent
_COMMAND = re.compile(r"python3? -m ((?:scripts|tests)\.[\w.]*\w)([^`|>#\n]*)")
_WRAPPED = re.compile(r"`[^`\n]+\n[^`\n]+`")
_PATH = re.compile(r"(?<![\w/.])(?:scripts|tests)/[\w/]+\.(?:py|sh|ya?ml)\b")
_FLAG = re.compile(r"(?<![\w-])--[a-z][\w-]*")
_OF_OTHERS = {"scripts/model_comparator.py"}  # lm-eval's, which a report compares with
_KINDS = {".md", ".py", ".json", ".yaml", ".toml", ".sh"}
_TOLD_OF_THE_PAST = ("CHANGELOG.md", "docs/decisions/", "tests/docs/test_links.py")


def texts() -> Iterator[tuple[str, str]]:
    """Yield every committed text by its path."""
    command = ["git", "ls-files", "-co", "--exclude-standard"]
    done = subprocess.run(command, cwd=ROOT, check=True, capture_output=True, text=True)
    for name in done.stdout.splitlines():
        path = ROOT / name
        if path.is_file() and (path.suffix in _KINDS or name in {"Makefile", ".ci/run"}):
            yield name, path.read_text(encoding="utf-8")


def commands() -> dict[str, dict[str, str]]:
    """Return, by module, the flags that it is shown with, and a text that shows each."""
    flags: dict[str, dict[str, str]] = defaultdict(dict)
    for name, text in texts():
        if name == "CHANGELOG.md":
            continue
        joined = _WRAPPED.sub(lambda span: span[0].replace("\n", " "), text.replace("\\\n", " "))
        for module, words in _COMMAND.findall(joined):
            flags[module] |= dict.fromkeys(_FLAG.findall(words), name)
    return flags


COMMANDS = commands()


class _Reached(Exception):
    """A program came to its command line."""


def options(module: Any, monkeypatch: pytest.MonkeyPatch) -> set[str]:
    """Return the flags of a program: it is started, and stopped where it parses."""
    flags: set[str] = set()
    source = Path(module.__file__).read_text(encoding="utf-8")
    if "from cliffguard.cli import main" in source:  # it hands its arguments to our own verbs
        verbs = get_command(app).commands.values()  # type: ignore[attr-defined]
        return {flag for verb in verbs for option in verb.params for flag in option.opts}
    if not re.search("argparse|write_or_check", source):
        return flags

    def stop(self: argparse.ArgumentParser, *_: Any, **__: Any) -> NoReturn:
        flags.update(self._option_string_actions)
        raise _Reached

    monkeypatch.setattr(argparse.ArgumentParser, "parse_args", stop)
    with pytest.raises(_Reached):
        module.main()
    return flags


def test_commands_are_found() -> None:
    """Each script that writes a report is named by it or by itself, and its flags are."""
    assert len(COMMANDS) > 30
    assert COMMANDS["scripts.make.suites"]["--check"]
    assert COMMANDS["scripts.studies.overlap"].keys() == {"--unrelated", "--time"}
    assert COMMANDS["scripts.studies.engine.bench"]["--only"].startswith("reports/")


@pytest.mark.parametrize("name", sorted(COMMANDS))
def test_a_program_takes_the_flags_it_is_shown_with(
    name: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    """And it is there."""
    module = importlib.import_module(name)
    if not COMMANDS[name]:
        return

    known = options(module, monkeypatch)

    assert {flag: text for flag, text in COMMANDS[name].items() if flag not in known} == {}


def test_files_that_are_named_exist() -> None:
    """Wherever a script or a test is named by its path; what tells of the past may."""
    missing = {
        f"{name}: {path}"
        for name, text in texts()
        if not name.startswith(_TOLD_OF_THE_PAST)
        for path in _PATH.findall(text)
        if path not in _OF_OTHERS and not (ROOT / path).is_file()
    }

    assert missing == set()


def test_no_document_starts_a_script_by_its_path() -> None:
    """They import each other as a package: only `-m`, from the checkout, finds it."""
    by_path = re.compile(r"python3? (?:scripts|tests)/")

    assert [name for name, text in texts() if by_path.search(text) and name != "CHANGELOG.md"] == []


def test_no_committed_file_is_large() -> None:
    """Nothing above 2 MB is committed, but the demo's adapters: no weights, no wheel."""
    done = subprocess.run(["git", "ls-files"], cwd=ROOT, check=True, capture_output=True, text=True)
    paths = [ROOT / name for name in done.stdout.splitlines()]
    large = [path for path in paths if path.is_file() and path.stat().st_size > 2_000_000]

    assert {path.parent.parent for path in large} <= {ROOT / "suites" / "demo"}
