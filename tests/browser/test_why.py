"""Causes and patterns of a page in a real browser: their names filter the items below."""

from __future__ import annotations

from dataclasses import replace
from pathlib import Path

import pytest

from cliffguard.report import render
from tests.browser.conftest import Opener, serious
from tests.browser.test_items import control, listed_ids, lists
from tests.report import diagnosed, samples
from tests.report.listed import run

pytestmark = pytest.mark.browser


@pytest.fixture
def markup(tmp_path: Path) -> str:
    """A page of a review that says why, with its items."""
    folder = diagnosed.written(tmp_path / "out")
    return run("report", folder / "review.json", "--format", "html").stdout


def test_a_cause_filters_the_items(markup: str, open_page: Opener) -> None:
    """By a click, and by a second one after other filters; the list's command follows."""
    page = open_page(markup)
    link = page.locator("section.why").get_by_role("link", name="refusal")

    link.click()
    lists(page, ["r-1", "r-2"])
    command = page.locator(".item-all pre").inner_text()
    control(page, "Why").select_option("every reason")
    assert len(listed_ids(page)) == 4
    link.click()

    lists(page, ["r-1", "r-2"])
    assert command == (
        "cliffguard flips . --changed --capability=multi_step_reasoning --cause=refusal"
    )


def test_a_pattern_filters_the_items(markup: str, open_page: Opener) -> None:
    """And so does the line at the top, with the keyboard."""
    page = open_page(markup)

    page.locator("section.why").get_by_role("link", name="position").click()
    lists(page, ["r-1", "c-1"])
    page.get_by_role("link", name="see items").focus()
    page.keyboard.press("Enter")

    lists(page, ["r-1", "r-2"])
    page.locator("#item-why:focus").wait_for()


def test_reasons_are_those_of_the_capability(markup: str, open_page: Opener) -> None:
    """Of all capabilities only causes are offered, which they share."""
    page = open_page(markup)
    control(page, "Capability").select_option("")
    every = control(page, "Why").locator("option").all_inner_texts()
    control(page, "Capability").select_option("instruction_following")
    mine = control(page, "Why").locator("option").all_inner_texts()

    assert [each for each in every if ":" in each] == []
    assert mine == [
        "every reason", "right in another format", "suppression not proven (probed)",
        "level: hops = 2",
    ]  # fmt: skip


def test_a_link_leads_to_what_it_names(markup: str, open_page: Opener) -> None:
    """Sent to somebody else, it opens the page filtered."""
    page = open_page(markup, "#pattern=multi_step_reasoning/pull%3Aticket")

    assert listed_ids(page) == ["r-1"]


def test_without_a_script_it_leads_to_the_items(markup: str, open_page: Opener) -> None:
    """Those of the capability, where each says its cause."""
    page = open_page(markup, java_script_enabled=False)

    page.locator("section.why").get_by_role("link", name="refusal").click()

    first = page.locator(".item-static .item").first
    assert first.locator("summary").inner_text().count("refusal") == 1
    page.wait_for_function(
        "each => each.getBoundingClientRect().top < 720", arg=first.element_handle()
    )


@pytest.mark.parametrize("width", [390, 1280])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_anybody_can_read_it(width: int, scheme: str, markup: str, open_page: Opener) -> None:
    """Nothing scrolls sideways, and axe finds nothing serious."""
    size = {"width": width, "height": 800}
    page = open_page(markup, viewport=size, color_scheme=scheme)

    assert serious(page) == []
    assert page.evaluate(
        "[...document.querySelectorAll('.scroll')].every(e => e.scrollWidth <= e.clientWidth)"
    )
    assert page.evaluate("document.documentElement.scrollWidth") <= width


def test_a_long_word_of_the_data_breaks(open_page: Opener) -> None:
    """Such as a value by which a policy parts its items, of which none was tested."""
    review = samples.causes()
    rows = tuple(
        replace(
            row,
            diagnostics=replace(
                row.diagnostics,
                strata=tuple(
                    replace(part, name="a" * 10_000, p_beyond=None, why="b" * 10_000)
                    for part in row.diagnostics.strata
                ),
            ),
        )
        for row in review.comparison.capabilities
    )
    markup = render(
        replace(review, comparison=replace(review.comparison, capabilities=rows)), "html"
    )

    page = open_page(markup, viewport={"width": 390, "height": 800})

    assert "b" * 1000 in markup
    assert page.evaluate("document.documentElement.scrollWidth") <= 390
