"""The HTML report in a real browser."""

from __future__ import annotations

import shutil
import subprocess
import threading
from collections.abc import Iterator
from http.server import BaseHTTPRequestHandler, ThreadingHTTPServer
from pathlib import Path

import pytest

from cliffguard.report import render
from cliffguard.report.overview.files import OverviewReport
from cliffguard.report.overview.sources import NamedReview
from tests.report import checkpoints, samples

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


# --- a report of a hostile model -----------------------------------------------------------------


class Listener:
    """A server of this machine that hears what a page fetches."""

    def __init__(self) -> None:
        self.heard: list[str] = []
        heard = self.heard

        class Handler(BaseHTTPRequestHandler):
            def do_GET(self) -> None:
                heard.append(self.path)
                self.send_response(204)
                self.end_headers()

            def log_message(self, *_: object) -> None:
                """Say nothing."""

        self.server = ThreadingHTTPServer(("127.0.0.1", 0), Handler)
        self.origin = f"http://127.0.0.1:{self.server.server_port}"

    @property
    def run(self) -> str:
        """Return a script that tells the listener that it runs."""
        return f"document.title='ran';fetch('{self.origin}/run')"

    def naive(self) -> str:
        """Return markup of the simplest kind that does so, and fetches."""
        return f"<script>{self.run}</script><img src='{self.origin}/image' onerror=\"{self.run}\">"

    def attack(self) -> str:
        """Return text that would run, fetch, navigate or submit, were it markup."""
        run = self.run
        return (
            f'"\'></pre></td></title></style>{self.naive()}<svg onload="{run}"></svg>'
            f'<style>@import "{self.origin}/style";</style>'
            f'<link rel=stylesheet href="{self.origin}/link">'
            f'<iframe src="{self.origin}/frame"></iframe>'
            f'<iframe srcdoc="<script>{run}</script>"></iframe>'
            f'<base href="{self.origin}/"><object data="{self.origin}/object"></object>'
            f'<form action="{self.origin}/form">'
            f'<input autofocus onfocus="{run};this.form.submit()"></form>'
            f'<meta http-equiv="refresh" content="0;url={self.origin}/away">'
            f'{{{{ 7*7 }}}} <a href="javascript:{run}">x</a> \u202e \x1b[31m'
        )


@pytest.fixture
def listener() -> Iterator[Listener]:
    """A listener that listens."""
    made = Listener()
    threading.Thread(target=made.server.serve_forever, daemon=True).start()
    yield made
    made.server.shutdown()
    made.server.server_close()


def test_a_hostile_report_runs_nothing(
    tmp_path: Path, listener: Listener, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Every name and text of the review attacks; the page neither runs, fetches nor leaves."""
    monkeypatch.setattr(samples, "HOSTILE", listener.attack())
    path = tmp_path / "hostile.html"
    path.write_text(render(samples.hostile(), "html"), encoding="utf-8")

    done = browse(
        tmp_path, path, "--dump-dom", "--virtual-time-budget=5000", "--enable-logging=stderr"
    )

    assert listener.heard == []
    assert "<title>FAIL: " in done.stdout
    assert done.stdout.count("<script") == 2  # its data and its program
    assert not [tag for tag in ("<iframe", "<img", "<form") if tag in done.stdout]
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []


def test_a_hostile_overview_runs_nothing(tmp_path: Path, listener: Listener) -> None:
    """The names of candidates, capabilities and folders attack, and the reason of a failure."""
    attack = listener.attack()
    sources = [
        NamedReview(
            name=f"{attack}{name}",
            file=tmp_path / "javascript:alert(1)" / name / "review.json",
            review=checkpoints.checkpoint(name, broken={attack: 60}),
        )
        for name in "ab"
    ]
    sources.append(NamedReview(name=attack, file=tmp_path / "c", review=None, reason=attack))
    for source in sources[:2]:
        source.folder.mkdir(parents=True)
        (source.folder / "report.html").write_text("a page", encoding="utf-8")
    path = tmp_path / "overview.html"
    made = OverviewReport(sources=sources, folder=tmp_path)
    path.write_text(made.render("html"), encoding="utf-8")

    done = browse(
        tmp_path, path, "--dump-dom", "--virtual-time-budget=5000", "--enable-logging=stderr"
    )

    assert listener.heard == []
    assert 'href="javascript%3Aalert%281%29/a/report.html' in done.stdout
    assert not [tag for tag in ("<iframe", "<img", "<form") if tag in done.stdout]
    assert done.stdout.count("<script") == 1  # the one that sorts
    assert [line for line in done.stderr.splitlines() if "CONSOLE" in line] == []


def test_the_listener_hears_such_an_attack(tmp_path: Path, listener: Listener) -> None:
    """A part of it, unescaped on a page without a policy, does run: the test above can fail."""
    path = tmp_path / "naive.html"
    path.write_text(f"<!doctype html><title>x</title>{listener.naive()}", encoding="utf-8")

    shown = browse(tmp_path, path, "--dump-dom", "--virtual-time-budget=5000").stdout

    assert "<title>ran</title>" in shown
    assert {"/run", "/image"} <= set(listener.heard)
