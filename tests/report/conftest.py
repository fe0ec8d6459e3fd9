"""The files under tests/golden/report, and the option that rewrites them."""

from __future__ import annotations

from collections.abc import Callable
from pathlib import Path

import pytest

GOLDEN = Path(__file__).parent.parent / "golden" / "report"


def pytest_addoption(parser: pytest.Parser) -> None:
    """Let `make golden` rewrite what the renderers are held to."""
    parser.addoption("--update-golden", action="store_true", help="rewrite tests/golden")


@pytest.fixture
def check_golden(request: pytest.FixtureRequest) -> Callable[[str, str], None]:
    """Compare a text with the golden file of that name, or rewrite the file."""
    # The option is unknown where pytest was not started on this folder.
    updates = request.config.getoption("--update-golden", default=False)

    def check(name: str, text: str) -> None:
        path = GOLDEN / name
        if updates:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_text(text, encoding="utf-8", newline="\n")
        assert path.is_file(), f"{path} is missing: run `make golden` and read what it writes"
        assert text == path.read_text(encoding="utf-8"), (
            f"{name} changed: if that is meant, run `make golden` and read the diff"
        )

    return check
