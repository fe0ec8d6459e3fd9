"""The wording of all error lines of the corpus: one file, which `make golden` rewrites."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest

from cliffguard.core.libraries import installed
from tests.bad_input.place import Workspace
from tests.bad_input.test_corpus import names

LINES = Path(__file__).parent.parent / "golden" / "error_lines.txt"


def plain(line: str, root: Path) -> str:
    """Return a line without what is another one elsewhere: folders, and releases of libraries."""
    line = line.replace(str(root), "ROOT")
    for library in ("transformers", "peft"):
        line = line.replace(str(installed(library)), f"RELEASE-OF-{library.upper()}")
    return re.sub(r"/[^\s'\"]*?/(?:pytest-\d+/[\w-]+|tmp\w{8})(?=[/\s'\":;,]|$)", "TMP", line)


def read_lines() -> dict[str, str]:
    """Return the lines of the snapshot by case."""
    written = LINES.read_text(encoding="utf-8").split("\n\n") if LINES.is_file() else []
    return dict(part.strip("\n").split("\n", 1) for part in written)


@pytest.fixture(scope="session")
def lines_of_corpus(request: pytest.FixtureRequest) -> Iterator[dict[str, str]]:
    """The snapshot; at the end of `make golden` it is what the cases said."""
    lines = read_lines()
    yield lines
    if request.config.getoption("--update-golden", default=False):
        kept = {case: lines[case] for case in names() if case in lines}
        text = "\n".join(f"{case}\n{line}\n" for case, line in kept.items())
        LINES.write_text(text, encoding="utf-8", newline="\n")


@pytest.fixture
def assert_worded(
    request: pytest.FixtureRequest, lines_of_corpus: dict[str, str], workspace: Workspace
) -> Callable[[str, str], None]:
    """Compare the line of a case with the snapshot, or note it for the next."""

    def check(case: str, line: str) -> None:
        worded = plain(line, workspace.root)
        if request.config.getoption("--update-golden", default=False):
            lines_of_corpus[case] = worded
        assert worded == lines_of_corpus.get(case), (
            f"{case}: if the new wording is meant, run `make golden` and read the diff"
        )

    return check
