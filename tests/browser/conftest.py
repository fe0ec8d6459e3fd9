"""A headless Chromium that a test drives, and what its console says."""

from __future__ import annotations

import shutil
from collections.abc import Iterator
from importlib.resources import files
from pathlib import Path
from typing import TYPE_CHECKING, Any, Protocol

import pytest

if TYPE_CHECKING:
    from playwright.sync_api import Browser, BrowserContext, Page


# A browser follows a link in a task of its own, soon after the click. Here it is never soon, so
# that a test which does not wait for it fails each time and not once in a thousand.
SLOW_LINKS = """(() => {
    const add = window.addEventListener;
    window.addEventListener = (type, listener, ...options) => add.call(
        window, type,
        type === "hashchange" ? (event) => setTimeout(listener, 100, event) : listener,
        ...options,
    );
})()"""


class Opener(Protocol):
    """Opens markup as a file, with the options of a browser context."""

    def __call__(self, markup: str, fragment: str = "", **options: Any) -> Page: ...


def serious(page: Page) -> list[str]:
    """Return the rules of axe that a page breaks seriously."""
    axe = files("axe_playwright_python").joinpath("axe.min.js").read_text(encoding="utf-8")
    page.evaluate(axe)
    violations = page.evaluate("axe.run()")["violations"]
    return [each["id"] for each in violations if each["impact"] in ("serious", "critical")]


@pytest.fixture(scope="session")
def chromium() -> Iterator[Browser]:
    """The browser, which is started once."""
    from playwright.sync_api import sync_playwright

    path = shutil.which("chromium") or shutil.which("chromium-browser")
    if path is None:
        pytest.fail("no Chromium on this machine; install it, or leave out the marker `browser`")
    with sync_playwright() as playwright:
        browser = playwright.chromium.launch(executable_path=path, args=["--no-sandbox"])
        yield browser
        browser.close()


@pytest.fixture
def open_page(chromium: Browser, tmp_path: Path) -> Iterator[Opener]:
    """Opens a page; at the end no console has had anything to say, errors and refusals of CSP."""
    contexts: list[BrowserContext] = []
    logged: list[str] = []

    def opened(markup: str, fragment: str = "", **options: Any) -> Page:
        path = tmp_path / f"page-{len(contexts)}.html"
        path.write_text(markup, encoding="utf-8")
        context = chromium.new_context(**options)
        contexts.append(context)
        page = context.new_page()
        page.set_default_timeout(10_000)
        page.add_init_script(SLOW_LINKS)
        page.on("console", lambda message: logged.append(message.text))
        page.on("pageerror", lambda error: logged.append(str(error)))
        page.on("dialog", lambda dialog: (logged.append(dialog.message), dialog.dismiss()))
        page.goto(path.as_uri() + fragment)
        return page

    yield opened
    for context in contexts:
        context.close()
    assert logged == []
