"""What a release is tried with: its wheel and its sdist, each in empty environments of its own.

    python -m scripts.make.release [wheel|sdist] [NAME…]

It builds both, and installs each (or that one) as a user does, with pip and without constraints,
with each extra NAME (default: core); torch comes first, at the build of constraints.txt. In each
environment the command says its version, lists suites, and compares two folders of samples of
lm-eval's, the second of which lost a fifth: exit 10. Prints a row of docs/install.md for each; 1
where one fails.
"""

from __future__ import annotations

import json
import re
import subprocess
import sys
import tarfile
import tempfile
import venv
from collections.abc import Callable, Sequence
from pathlib import Path
from tempfile import TemporaryDirectory

from scripts.make.sizes import CHECKOUT, alone, pip

IN_SDIST = ("requirements", "constraints.txt", "suites", "tests", "Makefile")
"""What whoever builds from the sdist needs, and what its tests read."""
_PYPROJECT = (CHECKOUT / "pyproject.toml").read_text(encoding="utf-8")
VERSION = re.findall(r'^version = "(.+)"', _PYPROJECT, re.MULTILINE)[0]


def main(names: Sequence[str]) -> int:
    """Try each extra with both packages, or one; return 1 where a row says what failed."""
    kinds, bad = {*names} & {"wheel", "sdist"}, 0
    extras = [name for name in names if name not in kinds] or ["core"]
    with tempfile.TemporaryDirectory() as folder:
        for package in build(Path(folder)):
            for name in extras if not kinds or _kind(package) in kinds else ():
                row, is_good = _row(name, package)
                print(row, flush=True)
                bad += not is_good
    return int(bad > 0)


def build(folder: Path) -> tuple[Path, Path]:
    """Build both, the wheel from the sdist as `python -m build` does; return their paths."""
    pip("wheel", "--no-deps", "--wheel-dir", str(folder), str(sdist := _sdist(folder)))
    (wheel,) = folder.glob("*.whl")
    return wheel, sdist


def _sdist(folder: Path) -> Path:
    """Build the sdist with hatchling, in an environment of its own."""
    venv.create(folder / "builder", with_pip=False)
    python = folder / "builder" / "bin" / "python"
    pip("install", "hatchling", python=python)
    program = f"import hatchling.build as b; b.build_sdist({str(folder)!r})"
    subprocess.run([python, "-c", program], check=True, cwd=CHECKOUT, env=alone())
    (sdist,) = folder.glob("*.tar.gz")
    with tarfile.open(sdist) as packed:
        tops = {name.split("/")[1] for name in packed.getnames() if "/" in name}
    if lacking := {*IN_SDIST} - tops:
        raise SystemExit(f"{sdist.name} lacks {', '.join(sorted(lacking))}")
    return sdist


def _row(name: str, package: Path) -> tuple[str, bool]:
    """Install into an empty environment and use it; return its row, and whether all was right."""
    extra = "" if name == "core" else f"[{name}]"
    with TemporaryDirectory() as folder:
        python = Path(folder) / "venv" / "bin" / "python"
        venv.create(python.parent.parent, with_pip=False)
        try:
            if needs_torch(name):
                pip("install", "-c", str(CHECKOUT / "constraints.txt"), "torch", python=python)
            pip("install", f"{package}{extra}", python=python)
            wrong = _wrong(python.with_name("cliffguard"), Path(folder))
        except subprocess.CalledProcessError as failure:
            wrong = f"pip failed with {failure.returncode}"
    cells = (_kind(package), f"`cliffguard{extra}`", wrong or "all three as expected")
    return f"| {' | '.join(cells)} |", not wrong


def _kind(package: Path) -> str:
    return "wheel" if package.suffix == ".whl" else "sdist"


def needs_torch(name: str) -> bool:
    """Return whether an extra brings torch: `run`, or one that brings `run`."""
    (listed,) = re.findall(rf"^{name} = (\[.*)", _PYPROJECT, re.MULTILINE) or [""]
    return name == "run" or re.search(r"cliffguard\[run\b", listed) is not None


def _wrong(command: Path, folder: Path) -> str:
    """Use the installed command; return what was not as expected."""
    _samples(folder / "base", lambda _: True)
    _samples(folder / "tuned", lambda number: number % 5 > 0)
    out = folder / "gate"
    expected = (
        (("--version",), 0, lambda text: text.strip() == VERSION),
        (("suites", "ls"), 0, lambda text: "support-tickets" in text),
        (
            ("compare", "base", "tuned", "--out", str(out)),
            10,
            lambda _: (out / "review.json").is_file(),
        ),
    )
    for words, code, is_right in expected:
        done = subprocess.run(
            [command, *words], check=False, capture_output=True, text=True, cwd=folder, env=alone()
        )
        if done.returncode != code or not is_right(done.stdout):
            return f"`{words[0]}`: exit {done.returncode}; {(done.stderr or done.stdout)[-300:]}"
    return ""


def _samples(folder: Path, is_right: Callable[[int], bool]) -> None:
    """Write what lm-eval logs with --log_samples of 200 documents."""
    folder.mkdir()
    lines = (
        {
            "doc_id": number,
            "doc": {"question": f"what is {number} + {number}?"},
            "target": str(2 * number),
            "filter": "none",
            "metrics": ["exact_match"],
            "exact_match": float(is_right(number)),
            "doc_hash": f"doc{number}",
            "prompt_hash": f"prompt{number}",
            "target_hash": f"target{number}",
            "of": folder.name,
        }
        for number in range(200)
    )
    text = "".join(json.dumps(line) + "\n" for line in lines)
    (folder / "samples_gsm8k_2026-12-01T00-00-00.jsonl").write_text(text, encoding="utf-8")


if __name__ == "__main__":
    sys.exit(main(sys.argv[1:]))
