"""Data of a target for tests: rows into a file, and what is made of them."""

from __future__ import annotations

import os
import re
import shlex
import shutil
import subprocess
import sys
from collections.abc import Sequence
from contextlib import ExitStack, redirect_stdout
from pathlib import Path
from typing import Any

import pytest

from cliffguard import TargetData
from cliffguard.core.errors import UsageError
from cliffguard.core.items import Item
from cliffguard.suites.target import read_target
from cliffguard.suites.target.reading import Reading
from tests import support

ROOT = Path(__file__).parents[3]
Rows = Sequence[dict[str, Any]]


def reading(folder: Path, rows: Rows, **keys: Any) -> Reading:
    """Return how rows are read under these keys."""
    path = support.write_jsonl(folder / "data.jsonl", rows)
    return read_target(TargetData(data=str(path), **keys))


def items(folder: Path, rows: Rows, **keys: Any) -> tuple[Item, ...]:
    """Return the items that rows make."""
    return reading(folder, rows, **keys).task.items


def refused(folder: Path, rows: Rows, error_id: str, **keys: Any) -> str:
    """Return the one line with which rows are refused under an id; it is the user's to mend."""
    with pytest.raises(UsageError) as caught:
        reading(folder, rows, **keys)
    assert caught.value.id == error_id, str(caught.value)
    assert caught.value.exit_code == 2
    assert "\n" not in caught.value.line
    return str(caught.value)


def flags_in(text: str) -> dict[str, Any]:
    """Return the keys of a target that the flags in a line set, as a shell reads them."""
    keys: dict[str, Any] = {}
    for name, value in re.findall(_FLAG, text):
        (word,) = shlex.split(value)
        keys[name] = (*keys.get(name, ()), word) if name in ("ignore", "labels") else word
    return keys


_FLAG = r"""--target-(\w+) ((?:'[^']*'|"[^"]*"|[^\s;'"])+)"""
_COMMANDS = re.compile(
    r"""(?:(?:[gb]zip2?|xz)\ -dc\ \S+\ \|\ )?jq\ -c\ .+?\ >\ \S+\.jsonl
    |python\ -c\ "[^"]+"(?:\ >\ \S+\.jsonl)?|cp\ \S+\ rows\.\S+""",
    re.VERBOSE,
)


def commands_in(line: str) -> list[str]:
    """Return the commands that a line prints, in their order."""
    return _COMMANDS.findall(line)


def done(command: str, folder: Path) -> Path:
    """Do what a line prints, in a shell and in a folder, and return the file that it makes.

    The shell reads the words of `python -c …` and makes the file; this process, which has imported
    cliffguard, runs the code in the place of another, which takes a third of a second to start.
    """
    tools = {word for word in ("jq", "gzip", "sqlite3") if word in command.split()}
    if missing := [tool for tool in tools if shutil.which(tool) is None]:
        pytest.skip(f"no {missing[0]} here")
    path = os.pathsep.join([str(Path(sys.executable).parent), os.environ["PATH"]])
    modules = os.pathsep.join([str(ROOT), os.environ.get("PYTHONPATH", "")])
    where = os.environ | {"PATH": path, "PYTHONPATH": modules}
    before = {file.name for file in folder.iterdir()}
    code = folder.with_name(f"{folder.name}-code")
    code.unlink(missing_ok=True)
    stand_in = (
        "" if "|" in command else f'python() {{ printf %s "$2" > {shlex.quote(str(code))}; }}\n'
    )
    subprocess.run(["bash", "-c", stand_in + command], cwd=folder, env=where, check=True)
    if code.exists():
        run_code(code.read_text("utf-8"), folder, before)
    (made,) = (file for file in folder.iterdir() if file.name not in before)
    return made


def run_code(code: str, folder: Path, before: set[str]) -> None:
    """Run code in a folder; what it prints goes into the file that is new there, if one is."""
    new = [file for file in folder.iterdir() if file.name not in before]
    with pytest.MonkeyPatch.context() as patched, ExitStack() as held:
        patched.chdir(folder)
        if new:
            stdout = held.enter_context(new[0].open("w", encoding="utf-8", newline=""))
            held.enter_context(redirect_stdout(stdout))
        exec(compile(code, "<printed>", "exec"), {"__name__": "__main__"})


def line_of(path: Path, error_id: str, **keys: Any) -> str:
    """Return the one line with which a file is refused under an id."""
    with support.refused(error_id, 2) as caught:
        read_target(TargetData(data=str(path), **keys))
    return str(caught.value)


def questions(path: Path, **keys: Any) -> list[tuple[str, str]]:
    """Return what a file asks under these keys, and what is right."""
    tried = read_target(TargetData(data=str(path), **keys)).task.items
    return [(item.spoken, item.answer or " or ".join(item.answers)) for item in tried]
