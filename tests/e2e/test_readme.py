"""What the README says is true."""

from __future__ import annotations

import re
import subprocess
import sys
from pathlib import Path

import pytest

from cliffguard.cli.app import VERBS
from cliffguard.compare.verdict import EXIT_CODES
from cliffguard.core.errors import CliffguardError, InfrastructureError, IntegrityError, UsageError

CHECKOUT = Path(__file__).parent.parent.parent
README = (CHECKOUT / "README.md").read_text(encoding="utf-8")


@pytest.mark.parametrize("verb", VERBS)
def test_every_verb_is_in_the_readme(verb: str) -> None:
    """No command is missing from the table of commands."""
    assert f"`cliffguard {verb}" in README


def test_every_exit_code_is_in_the_readme() -> None:
    """The table of exit codes covers what the code can return."""
    errors = (CliffguardError, UsageError, IntegrityError, InfrastructureError)
    codes = {*EXIT_CODES.values(), *(error.exit_code for error in errors)}

    assert {int(code) for code in re.findall(r"^\| (\d+) ", README, re.MULTILINE)} >= codes


def test_every_link_leads_somewhere() -> None:
    """Files that the README and the pages below docs/ point to exist."""
    pages = [CHECKOUT / "README.md", *(CHECKOUT / "docs").glob("*.md")]
    broken = [
        f"{page.name}: {link}"
        for page in pages
        for link in re.findall(r"\]\(([^)#]+)\)", page.read_text(encoding="utf-8"))
        if "://" not in link and not (page.parent / link).exists()
    ]

    assert broken == []


EXAMPLES = re.findall(r"```python\n(.*?)```", README, re.DOTALL)


@pytest.mark.slow
@pytest.mark.parametrize("example", EXAMPLES[:1], ids=["checkpoints"])  # tests/docs has a trainer
def test_the_python_examples_run(
    example: str,
    tiny_base: Path,
    tiny_adapter: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """The few lines of Python end in a verdict."""
    (tmp_path / "models").mkdir()
    (tmp_path / "runs" / "ft").mkdir(parents=True)
    (tmp_path / "models" / "base").symlink_to(tiny_base)
    (tmp_path / "runs" / "ft" / "adapter").symlink_to(tiny_adapter)
    monkeypatch.setenv("XDG_CACHE_HOME", str(tmp_path / "cache"))

    done = subprocess.run(
        [sys.executable, "-c", example], cwd=tmp_path, capture_output=True, text=True, check=False
    )

    assert re.match(r"(PASS|FAIL|INCONCLUSIVE) \w", done.stdout), done.stderr
    assert len(EXAMPLES) == 2, "an example that no test runs"
