"""The HTML report in a real browser."""

from __future__ import annotations

import shutil
import subprocess
from pathlib import Path

import pytest

from cliffguard.report import render
from tests.report import samples

pytestmark = pytest.mark.browser

FLAGS = [
    "--headless", "--no-sandbox", "--disable-gpu", "--disable-quic", "--no-first-run",
    "--disable-background-networking", "--disable-component-update", "--disable-sync",
    "--hide-scrollbars",
]  # fmt: skip


def browse(folder: Path, page: Path, *flags: str) -> subprocess.CompletedProcess[str]:
    """Open a page in Chromium with a profile of its own."""
    chromium = shutil.which("chromium") or shutil.which("chromium-browser")
    if chromium is None:
        pytest.fail("no Chromium on this machine; install it, or leave out the marker `browser`")
    command = [chromium, *FLAGS, f"--user-data-dir={folder / 'profile'}", *flags, page.as_uri()]
    return subprocess.run(command, capture_output=True, text=True, timeout=120, check=True)


@pytest.fixture
def page(tmp_path: Path) -> Path:
    """A report of a failed review as a file."""
    path = tmp_path / "report.html"
    path.write_text(render(samples.failed(), "html"), encoding="utf-8")
    return path


def test_the_verdict_is_on_the_page(tmp_path: Path, page: Path) -> None:
    """The browser shows the verdict's sentence and both kinds of figures."""
    shown = browse(tmp_path, page, "--dump-dom").stdout

    assert samples.failed().verdict.sentence in shown
    assert shown.count("<svg") >= 2


def test_the_page_can_be_drawn(tmp_path: Path, page: Path) -> None:
    """A screenshot at the width of a phone shows more than an empty page."""
    picture = tmp_path / "page.png"

    browse(tmp_path, page, f"--screenshot={picture}", "--window-size=480,2000")

    assert picture.stat().st_size > 20_000


def test_the_page_fetches_nothing(tmp_path: Path, page: Path) -> None:
    """The browser's console has nothing to say: no blocked fetch, no refused style."""
    logged = browse(tmp_path, page, "--enable-logging=stderr", "--v=0", "--dump-dom").stderr

    assert [line for line in logged.splitlines() if "CONSOLE" in line] == []
