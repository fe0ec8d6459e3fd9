"""What an installation takes: an empty environment for each extra, and all bytes in it.

    python -m scripts.make.sizes [NAME…]

It builds the wheel, and installs it as a user does, with pip, at the versions of constraints.txt;
torch comes first, at the build that the index has for that version. Prints a row of
docs/install.md for each NAME (core, inspect, figures, run, all). `all` takes minutes, and 2 GB.
"""

from __future__ import annotations

import os
import subprocess
import sys
import tempfile
import venv
from collections.abc import Sequence
from pathlib import Path

CHECKOUT = Path(__file__).parent.parent.parent
EXTRAS = {
    "core": "",
    "inspect": "[inspect]",
    "figures": "[figures]",
    "run": "[run]",
    "all": "[all]",
}
_WITH_TORCH = ("run", "all")


def main(names: Sequence[str]) -> int:
    """Print the size of the wheel, and the row of each name."""
    if unknown := [name for name in names if name not in EXTRAS]:
        print(f"{', '.join(unknown)}: no such row; there are {', '.join(EXTRAS)}", file=sys.stderr)
        return 2
    with tempfile.TemporaryDirectory() as folder:
        wheel = _wheel(Path(folder))
        print(f"wheel: {wheel.stat().st_size / 1e6:.1f} MB")
        for name in names or EXTRAS:
            print(_row(name, wheel, Path(folder) / name), flush=True)
    return 0


def _wheel(folder: Path) -> Path:
    pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(CHECKOUT))
    return next(folder.glob("*.whl"))


def pip(*words: str, python: Path | None = None) -> None:
    """Run pip for this Python, or for the one of an environment that has none of its own."""
    where = [] if python is None else ["--python", str(python)]
    command = [sys.executable, "-m", "pip", *where, "-qq", "--disable-pip-version-check"]
    subprocess.run([*command, *words], check=True, env=alone())


def alone() -> dict[str, str]:
    """Return the environment without what else a path leads to, which would count as installed."""
    return {name: value for name, value in os.environ.items() if name != "PYTHONPATH"}


def _row(name: str, wheel: Path, folder: Path) -> str:
    """Install into an empty environment; return its row."""
    venv.create(folder, with_pip=False)
    python = folder / "bin" / "python"
    pinned = ("install", "-c", str(CHECKOUT / "constraints.txt"))
    if name in _WITH_TORCH:
        pip(*pinned, "torch", python=python)
    pip(*pinned, f"{wheel}{EXTRAS[name]}", python=python)
    (packages,) = folder.glob("lib/python*/site-packages")
    n_packages = len([*packages.glob("*.dist-info")])
    n_bytes = sum(path.lstat().st_size for path in packages.rglob("*") if path.is_file())
    command = f"cliffguard{EXTRAS[name]}"
    return f"| `pip install '{command}'` | {n_packages} | {n_bytes / 1e6:,.0f} MB |"


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
