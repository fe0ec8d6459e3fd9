"""An environment for each file of foreign packages: their pinned versions and the light core."""

from __future__ import annotations

import hashlib
import os
import subprocess
import sys
import venv
from functools import cache
from pathlib import Path

from filelock import FileLock

CHECKOUT = Path(__file__).parent.parent.parent
REQUIREMENTS = CHECKOUT / "requirements"
FOLDER = CHECKOUT / "build" / "extern"


@cache
def python_with(name: str) -> Path:
    """Return the Python of `requirements/extern-NAME.txt`, made where it is not there yet.

    What cannot be installed fails the test that wants it.
    """
    listed = REQUIREMENTS / f"extern-{name}.txt"
    folder = FOLDER / name
    python = folder / "bin" / "python"
    content = listed.read_bytes() + (CHECKOUT / "pyproject.toml").read_bytes()
    mark, made_of = folder / "made-of", hashlib.sha256(content).hexdigest()
    FOLDER.mkdir(parents=True, exist_ok=True)
    with FileLock(FOLDER / f"{name}.lock"):
        if not mark.is_file() or mark.read_text() != made_of:
            venv.create(folder, with_pip=False, clear=True)
            for words in _installations(listed):
                _pip(python, *words)
            mark.write_text(made_of)
    return python


def _installations(listed: Path) -> list[list[str]]:
    """Return what pip is called with: torch first and alone, or packages for a GPU come with it.

    What is marked `# by itself` comes without what it depends on, whatever Python it wants.
    """
    written = listed.read_text().splitlines()
    by_themselves = [line.partition("#")[0].strip() for line in written if "# by itself" in line]
    lines = [line.partition("#")[0].strip() for line in written if "# by itself" not in line]
    torch = [[line] for line in lines if line.startswith("torch==")]
    extras = next((line for line in lines if line.startswith("cliffguard[")), "cliffguard")
    others = [line for line in lines if line and not line.startswith("cliffguard")]
    bare = [["--no-deps", "--ignore-requires-python", line] for line in by_themselves]
    return [*torch, [*others, "-e", extras.replace("cliffguard", str(CHECKOUT))], *bare]


def _pip(python: Path, *words: str) -> None:
    command = [
        *(sys.executable, "-m", "pip", "--python", str(python), "install", "-q"),
        "--disable-pip-version-check",
        *words,
    ]
    # What else a path leads to would count as installed.
    env = {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}
    done = subprocess.run(command, check=False, capture_output=True, text=True, env=env)
    assert done.returncode == 0, done.stdout + done.stderr


def run_in(python: Path, *words: object, **env: str) -> subprocess.CompletedProcess[str]:
    """Run a Python with words, offline; return what it printed."""
    return subprocess.run(
        [str(python), *map(str, words)],
        check=False,
        capture_output=True,
        text=True,
        env={**os.environ, "HF_HUB_OFFLINE": "1", **env},
        timeout=600,
    )
