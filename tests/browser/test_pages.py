"""Whole pages in a real browser: every kind of report at every width, and the overview's order."""

from __future__ import annotations

import re
import statistics
from dataclasses import replace
from io import BytesIO
from pathlib import Path
from typing import TYPE_CHECKING

import pytest
from PIL import Image

from cliffguard.core.reviews import Outcome, Review
from cliffguard.report import render
from cliffguard.report.items import write_items
from cliffguard.report.labels import beside
from cliffguard.report.overview.files import OverviewReport
from cliffguard.report.overview.sources import NamedReview
from tests.browser.conftest import Opener, serious
from tests.report import checkpoints, samples
from tests.report.item_page import many

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

WIDTHS = (1280, 768, 390)
_MOST_BYTES = 2_000_000
_MOST_MS = 2_000


def without_items() -> Review:
    """Return a review in which nothing was judged."""
    review = samples.inconclusive()
    return replace(
        review,
        comparison=replace(review.comparison, capabilities=()),
        verdict=replace(review.verdict, findings=()),
    )


def crowd() -> Review:
    """Return a review of 200 capabilities whose names would end a cell of a table."""
    pairs = []
    for number in range(200):
        row = samples.measured(
            f"a|b_{number} `c`", n_items=60, n_right_base=50, n_broken=4, n_fixed=2, p_drop=0.3
        )
        pairs.append((row, samples.finding(row, Outcome.INCONCLUSIVE, "open | `so`")))
    return samples.review(Outcome.INCONCLUSIVE, "open.", pairs)


REVIEWS = {
    "failed": samples.failed,
    "causes": samples.causes,
    "not measured": samples.not_measured,
    "hostile": samples.hostile,
    "zero items": without_items,
    "crowd": crowd,
    "easiest": samples.lost_early,
}


@pytest.mark.parametrize("name", REVIEWS)
def test_no_report_is_wider_than_its_screen(open_page: Opener, name: str) -> None:
    """At three widths: nothing scrolls sideways; every outcome is seen, on paper too."""
    review = REVIEWS[name]()
    page = open_page(render(review, "html"))

    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate("document.documentElement.scrollWidth") <= width
        outcomes = page.locator(".capabilities .outcome")
        assert outcomes.count() == len(review.verdict.findings)
        for position in range(min(5, outcomes.count())):
            box = outcomes.nth(position).bounding_box()
            assert box is not None
            assert box["x"] >= 0
            assert box["x"] + box["width"] <= width
    page.emulate_media(media="print")
    assert page.locator(".capabilities .outcome").count() == len(review.verdict.findings)
    assert not page.locator("nav").is_visible()


@pytest.mark.parametrize("name", ["failed", "causes", "hostile"])
def test_every_table_is_whole_on_its_screen(open_page: Opener, name: str) -> None:
    """None is scrolled sideways, folded ones neither; the contents take a line of a phone."""
    page = open_page(render(REVIEWS[name](), "html"))
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")

    for width in (1280, 1000, 900, 390):
        page.set_viewport_size({"width": width, "height": 900})
        cut = page.locator(".scroll").evaluate_all(
            "tables => tables.filter((t) => t.scrollWidth > t.clientWidth).map((t) => t.ariaLabel)"
        )
        assert cut == [], width
    assert page.locator("nav").evaluate("nav => nav.offsetHeight") < 45


def edge(page: Page, side: str) -> set[tuple[int, int, int]]:
    """Return the colours of the contents' last column of pixels, without the line below."""
    picture = Image.open(BytesIO(page.locator("nav").screenshot())).convert("RGB")
    x = 0 if side == "left" else picture.width - 1
    return {picture.getpixel((x, y)) for y in range(picture.height - 4)}  # type: ignore[misc]


@pytest.mark.parametrize("width", [390, 768])
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_contents_that_are_cut_say_so(open_page: Opener, width: int, scheme: str) -> None:
    """A shadow stands where more follows, at no end, and is no link's way."""
    page = open_page(
        render(samples.failed(), "html"),
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
    )
    nav = page.locator("nav")
    nav.evaluate("nav => { for (const link of nav.children) link.style.color = 'transparent'; }")
    plain = page.evaluate("getComputedStyle(document.body).backgroundColor")
    ground = {tuple(int(n) for n in re.findall(r"\d+", plain))}

    assert nav.evaluate("nav => nav.scrollWidth > nav.clientWidth")
    assert (edge(page, "left") == ground, edge(page, "right") == ground) == (True, False)
    nav.evaluate("nav => { nav.scrollLeft = 100; }")
    assert (edge(page, "left") == ground, edge(page, "right") == ground) == (False, False)
    nav.evaluate("nav => { nav.scrollLeft = 9999; }")
    assert (edge(page, "left") == ground, edge(page, "right") == ground) == (False, True)


_BROKEN_WORDS = """() => {
  const broken = [];
  for (const head of document.querySelectorAll("thead th")) {
    const walker = document.createTreeWalker(head, NodeFilter.SHOW_TEXT);
    while (walker.nextNode()) {
      for (const word of walker.currentNode.data.matchAll(/[^\\s_]{1,12}(?![^\\s_])/g)) {
        const range = document.createRange();
        range.setStart(walker.currentNode, word.index);
        range.setEnd(walker.currentNode, word.index + word[0].length);
        const boxes = [...range.getClientRects()].filter((box) => box.width > 1);
        if (new Set(boxes.map((box) => box.top)).size > 1) broken.push(word[0]);
      }
    }
  }
  return broken;
}"""


@pytest.mark.parametrize("name", ["failed", "causes", "easiest"])
def test_no_word_of_a_head_is_broken(open_page: Opener, name: str) -> None:
    """At any width, on paper too."""
    page = open_page(render(REVIEWS[name](), "html"))
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")

    for width in WIDTHS:
        page.set_viewport_size({"width": width, "height": 900})
        assert page.evaluate(_BROKEN_WORDS) == [], width
    page.emulate_media(media="print")
    assert page.evaluate(_BROKEN_WORDS) == []


@pytest.mark.parametrize("name", ["failed", "causes", "easiest", "not measured"])
def test_every_head_has_a_name(open_page: Opener, name: str) -> None:
    """A column without one has no head, which a screen reader would read out."""
    page = open_page(render(REVIEWS[name](), "html"))

    heads = page.locator("th").evaluate_all("all => all.map((head) => head.textContent.trim())")

    assert heads
    assert "" not in heads


def test_paper_tears_nothing_apart(open_page: Opener, tmp_path: Path) -> None:
    """A capability stays with its reason, and an item is whole on its sheet."""
    review = write_items(samples.failed(), tmp_path, many(3, 40, 300))
    page = open_page(render(review, "html", None, beside(review, tmp_path)))
    page.emulate_media(media="print")

    for whole in ("table.capabilities tbody", ".item-static .item"):
        parts = page.locator(whole)
        breaks = parts.evaluate_all("all => all.map((each) => getComputedStyle(each).breakInside)")
        assert set(breaks) == {"avoid"}, whole
    assert page.locator("main").inner_text().count("JavaScript") == 0


def test_paper_gets_tables_and_the_items(open_page: Opener, tmp_path: Path) -> None:
    """No row is stacked as on a phone, and an item that was opened hides no other."""
    review = write_items(samples.failed(), tmp_path, many(1, 20, 50))
    page = open_page(render(review, "html", None, beside(review, tmp_path)))
    page.locator(".item-list summary").first.click()
    page.set_viewport_size({"width": 718, "height": 1000})
    page.emulate_media(media="print")

    rows = page.locator(".fold tbody tr, table.capabilities tbody tr")
    displays = rows.evaluate_all("rows => rows.map((row) => getComputedStyle(row).display)")
    assert set(displays) == {"table-row"}
    static = page.locator(".item-static details")
    n_seen = static.evaluate_all("all => all.filter((each) => each.offsetParent).length")
    assert n_seen == static.count() > 0


@pytest.mark.parametrize("width", WIDTHS)
@pytest.mark.parametrize("scheme", ["light", "dark"])
def test_nothing_serious_is_wrong_with_a_report(open_page: Opener, width: int, scheme: str) -> None:
    """By the rules of axe, with every fold open."""
    page = open_page(
        render(samples.failed(), "html"),
        viewport={"width": width, "height": 900},
        color_scheme=scheme,
        bypass_csp=True,
    )
    page.evaluate("document.querySelectorAll('details').forEach((d) => { d.open = true; })")

    assert serious(page) == []


def test_a_large_report_is_small_and_opens_soon(open_page: Opener, tmp_path: Path) -> None:
    """20 capabilities of 1,000 items, 30 % of them changed, with prompts of 5 kB."""
    review = write_items(samples.failed(), tmp_path, many(20, 1000, 5000))
    page_of_all = render(review, "html", None, beside(review, tmp_path))

    times = []
    for _ in range(5):
        page = open_page(page_of_all)
        times.append(page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd"))

    assert len(page_of_all.encode()) < _MOST_BYTES
    assert statistics.median(times) < _MOST_MS


# --- the overview --------------------------------------------------------------------------------


@pytest.fixture
def overview(tmp_path: Path) -> str:
    """The overview of nine checkpoints, of which the last ones lost reasoning."""
    sources = [
        NamedReview(name=name, file=tmp_path / name / "review.json", review=review)
        for name, review in checkpoints.trained(9).items()
    ]
    return OverviewReport(sources=sources, folder=tmp_path).render("html")


def test_a_click_on_a_head_sorts(open_page: Opener, overview: str) -> None:
    """The largest first, then the smallest; a reader hears by which column, and in which order."""
    page = open_page(overview)
    table = page.locator("table:has([data-key])").first
    head = table.locator("thead th").filter(has_text="multi_").first
    column = int(head.evaluate("head => head.cellIndex"))

    def keys() -> list[float]:
        cells = table.locator(f"tbody tr > :nth-child({column + 1})")
        numbers = cells.evaluate_all("cells => cells.map((cell) => Number(cell.dataset.key))")
        return [float(key) for key in numbers]

    before = keys()
    head.get_by_role("button").click()
    assert keys() == sorted(before, reverse=True) != before
    assert head.get_attribute("aria-sort") == "descending"

    head.get_by_role("button").press("Enter")
    assert keys() == sorted(before)
    assert head.get_attribute("aria-sort") == "ascending"


@pytest.mark.parametrize("width", WIDTHS)
def test_nothing_serious_is_wrong_with_an_overview(
    open_page: Opener, overview: str, width: int
) -> None:
    """By the rules of axe; a wide table scrolls in its own box."""
    page = open_page(overview, viewport={"width": width, "height": 900}, bypass_csp=True)

    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
