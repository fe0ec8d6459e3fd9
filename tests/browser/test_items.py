"""The item browser in a real browser: filters, order, search, links, keys, and hostile texts."""

from __future__ import annotations

import statistics
from collections.abc import Sequence
from dataclasses import replace
from itertools import combinations
from typing import TYPE_CHECKING, Any

import pytest

from cliffguard.compare.item_results import kept
from cliffguard.core.item_results import ItemResult, ItemText
from cliffguard.report.anchors import encoded
from cliffguard.report.item_browser import item_browser
from cliffguard.report.largest_changes import largest_changes
from tests.browser.conftest import Opener, serious
from tests.report import samples
from tests.report.item_page import few, many, page_of, template
from tests.report.listed import result, side

if TYPE_CHECKING:
    from playwright.sync_api import Page

pytestmark = pytest.mark.browser

RUN = "document.title='ran'"
HOSTILE = (
    f'</script><script>{RUN}</script><img src=x onerror="{RUN}"><!-- \x1b[31m \u202e .* [a-z]+ '
    "מי מחזיק בכדור? من يحمل الكرة؟ " + "w" * 10_000
)


def markup(results: Sequence[ItemResult] | None) -> str:
    """Return a page with these items."""
    largest = None if results is None else largest_changes(results, 4)
    return page_of(item_browser(samples.failed(), largest))


@pytest.fixture(scope="module")
def large() -> str:
    """A page of 3,000 items of 20,000."""
    names = [f"capability_{number}" for number in range(20)]
    largest = largest_changes(many(20, 1000, 5000), len(names))
    return page_of(item_browser(samples.failed(), largest, names))


def listed_ids(page: Page) -> list[str]:
    """Return the ids of the items that are listed."""
    return page.locator(".item-list .item-id").all_text_contents()


def lists(page: Page, ids: list[str]) -> None:
    """Wait until these items are listed, as after a link, which is followed a moment later."""
    from playwright.sync_api import expect

    expect(page.locator(".item-list .item-id")).to_have_text(ids)


def control(page: Page, label: str) -> Any:
    """Return a control by the label that a reader hears."""
    return page.get_by_label(label, exact=True)


def focused(page: Page) -> str:
    """Return the id of the item whose line has the focus."""
    return str(page.evaluate("document.querySelector('summary:focus .item-id')?.textContent"))


def open_item(page: Page, position: int = 0) -> None:
    """Open an item of the list; its content is made a moment later."""
    entry = page.locator(".item-list > li").nth(position)
    entry.locator("summary").click()
    entry.locator(".item-body").wait_for()


# --- the list ------------------------------------------------------------------------------------


def test_items_are_filtered(open_page: Opener) -> None:
    """By what became of them, capability and level; the count is spoken."""
    page = open_page(markup(few()))
    assert len(listed_ids(page)) == 15
    assert not page.locator(".item-static").is_visible()

    control(page, "Show").select_option("fixed")
    assert listed_ids(page) == ["m-fixed"]

    control(page, "Show").select_option("all shown")
    control(page, "Capability").select_option("multi_step_reasoning")
    control(page, "Level").select_option("2")
    assert set(listed_ids(page)) == {"m-1", "m-4", "m-7", "m-10"}
    assert page.get_by_role("status").first.inner_text() == "4 of 16 on this page"

    control(page, "Capability").select_option("instruction_following")
    assert len(listed_ids(page)) == 3  # a level that it has not filters nothing
    assert control(page, "Level").is_disabled()


def test_the_command_follows_the_capability(open_page: Opener) -> None:
    """Copied, it is the one that is shown."""
    page = open_page(markup(few()), permissions=["clipboard-read", "clipboard-write"])
    control(page, "Capability").select_option("instruction_following")
    assert page.locator(".item-held").inner_text() == "On this page: 3 of 3 broken, 0 of 0 fixed."

    page.get_by_role("button", name="Copy").first.click()
    page.get_by_text("copied").wait_for()

    copied = page.evaluate("navigator.clipboard.readText()")
    assert copied == "cliffguard flips . --changed --capability=instruction_following"


def test_items_are_ordered(open_page: Opener) -> None:
    """By either confidence, which is missing last, by level and by id."""
    page = open_page(markup([*few(), replace(result("odd"), base=side("Omar", 1.0, 0.99))]))

    control(page, "Order").select_option("base’s confidence")
    assert listed_ids(page)[:3] == ["odd", "m-12", "m-11"]
    control(page, "Order").select_option("candidate’s confidence")
    assert listed_ids(page)[:2] == ["m-12", "m-11"]
    assert set(listed_ids(page)[12:]) == {"odd", "if/1", "if/2", "if/10"}
    control(page, "Order").select_option("level")
    assert listed_ids(page)[-3:] == ["if/2", "if/10", "if/1"]
    control(page, "Order").select_option("id")
    assert listed_ids(page)[:4] == ["if/1", "if/2", "if/10", "m-1"]


def test_items_are_searched(open_page: Opener) -> None:
    """In prompts, answers and ids, whatever the case; signs of patterns are only signs."""
    page = open_page(markup([*few(), result("dots", text="a.*(b[")]))
    search = control(page, "Search")

    for text, names in {
        "TOM 11": ["m-11"],
        "if/10": ["if/10"],
        ".*(B[": ["dots"],
        "no": [],
    }.items():
        search.fill(text)
        assert listed_ids(page) == names


def test_100_items_are_listed_at_once(open_page: Opener, large: str) -> None:
    """And 100 more where a reader wants them; what is closed has no content."""
    page = open_page(large)
    assert page.locator(".item-list > li").count() == 100
    assert page.locator(".item-list .item-body").count() == 0

    page.get_by_role("button", name="Show 100 more").click()

    assert page.locator(".item-list > li").count() == 200
    assert focused(page) == listed_ids(page)[100]
    assert "2,000 of 3,000" in page.get_by_role("status").first.inner_text()


def test_words_of_both_answers_are_marked_in_the_prompt(open_page: Opener) -> None:
    """Those of the better and of the worse one apart."""
    page = open_page(markup([result("b", prompt="Omar has it; omar gives it to Lena. Lenas?")]))
    open_item(page)
    prompt = page.locator(".item-list pre").first

    assert prompt.locator("mark.is-better").all_text_contents() == ["Omar", "omar"]
    assert prompt.locator("mark.is-worse").all_text_contents() == ["Lena"]
    assert prompt.inner_text() == "Omar has it; omar gives it to Lena. Lenas?"


def test_long_answers_are_compared_word_by_word(open_page: Opener) -> None:
    """What only one of them has is marked there, and nothing is lost of either."""
    base, candidate = (
        "The ball is with Omar, near the river.",
        "The ball is with Lena, by the river.",
    )
    page = open_page(
        markup([replace(result("b"), base=side(base, 1.0), candidate=side(candidate, 0.0))])
    )
    open_item(page)

    assert page.locator("pre.is-better").last.inner_text() == base
    assert page.locator("pre.is-worse").last.inner_text() == candidate
    assert page.locator("pre.is-better mark").all_text_contents() == ["Omar", "near"]
    assert page.locator("pre.is-worse mark").all_text_contents() == ["Lena", "by"]


def test_marked_words_side_by_side_are_one_mark(open_page: Opener) -> None:
    """A phrase is read as one."""
    page = open_page(markup([result("b", prompt="Ask New  York, not York.", text="New York")]))
    open_item(page)

    marks = page.locator(".item-list pre").first.locator("mark")
    assert marks.all_text_contents() == ["New  York", "York"]


def test_labels_are_those_of_the_static_list(open_page: Opener) -> None:
    """The script and the macro write the same of scores, confidences, ends and parts."""
    cut = replace(side("x", 0.5, 0.25), finish_reason="length", parts={"called": 1.0, "tool": 0.0})
    half = replace(result("h", 0.75, 0.5), candidate=cut)
    scripted = open_page(markup([half]))
    static = open_page(markup([half]), java_script_enabled=False)
    scripted.evaluate("location.hash = 'item=ball_passing/h'")
    scripted.locator(".item-list details[open]").first.wait_for()

    labels = scripted.locator(".item-list details[open] .item-label").all_text_contents()
    expected = static.locator("[id='item=ball_passing/h'] .item-label").all_text_contents()
    assert labels == expected
    assert labels[-1] == (
        "candidate (worse) · counts as 0.5 · confidence 25.0 % · ended: length · called ✓, tool ✗"
    )


def test_examples_stand_in_for_items(open_page: Opener) -> None:
    """In the same list, without a command."""
    page = open_page(markup(None))

    assert listed_ids(page) == [example.item_id for example in samples.failed().examples]
    assert page.get_by_role("button", name="Copy").count() == 0


def test_texts_that_were_not_kept(open_page: Opener) -> None:
    """Are named by their digests."""
    text = ItemText(text=None, sha256="0123456789abcdef" * 4)
    item = result("b")
    answer = replace(item.base, answer=text)
    page = open_page(markup([replace(item, prompt=text, base=answer, candidate=answer)]))
    open_item(page)

    shown = page.locator(".item-list").inner_text()
    assert shown.count("text not kept, SHA-256 0123456789abcdef…") == 3


# --- links and keys ------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ["if/10", "if/1"])
def test_a_link_opens_its_item(open_page: Opener, name: str) -> None:
    """Of a task and an id with signs in them, as the page itself writes it."""
    page = open_page(markup(few()), f"#item={encoded('follow & go')}/{encoded(name)}")

    assert page.locator(".item-list details[open] .item-id").all_text_contents() == [name]
    assert focused(page) == name
    link = page.locator(".item-list details[open] a").get_attribute("href")
    assert link == f"#item={encoded('follow & go')}/{encoded(name)}"


def test_a_link_finds_what_the_filters_hide(open_page: Opener) -> None:
    """Also while the page is open, and behind the first hundred."""
    items = [result(f"b-{number}") for number in range(100)] + few()
    page = open_page(markup(items))
    control(page, "Search").fill("no such item")

    page.evaluate("location.hash = 'item=ball_passing/m-fixed'")
    page.locator(".item-list details[open]").wait_for()

    assert focused(page) == "m-fixed"
    assert control(page, "Show").input_value() == "fixed"


FOLLOWED = """fragment => new Promise(resolve => {
    addEventListener('hashchange', () => setTimeout(resolve), { once: true });
    location.hash = fragment;
    setTimeout(resolve, 500);
})"""
UNKNOWN = [
    "#item=ball_passing/none", "#item=%E0%A4%A", "#item=", "#item=a/b/c", "#other", "#item",
    "#item=<img src=x onerror=alert(1)>/x", "#capability=__proto__", "#item=__proto__/toString",
]  # fmt: skip


def test_an_unknown_link_does_nothing(open_page: Opener) -> None:
    """Whatever is in it, as the page is opened and later."""
    page = open_page(markup(few()), UNKNOWN[0])
    for fragment in UNKNOWN:
        page.evaluate(FOLLOWED, fragment)

        assert page.locator(".item-list details[open]").count() == 0
        assert len(listed_ids(page)) == 15
    assert page.locator("img").count() == 0


def test_a_link_to_a_capability_shows_its_items(open_page: Opener) -> None:
    """As the page's table may have it."""
    page = open_page(markup(few()), "#capability=instruction_following")

    assert set(listed_ids(page)) == {"if/1", "if/2", "if/10"}


def test_a_fragment_is_encoded_as_the_browser_does(open_page: Opener) -> None:
    """Python and the script write the same link."""
    page = open_page(markup(few()))

    for name in ("a b/c", "it's (100%) ~!*", "ü😀", '<&>"#?', "-_.", "\u200d"):
        assert page.evaluate("name => encodeURIComponent(name)", name) == encoded(name)


def test_keys_go_from_item_to_item(open_page: Opener) -> None:
    """And Enter opens one; from the last the list goes on."""
    page = open_page(markup([result(f"b-{number}") for number in range(100)] + few()))
    control(page, "Show").select_option("all shown")
    control(page, "Order").select_option("id")
    names = listed_ids(page)

    page.evaluate("document.activeElement.blur()")
    page.keyboard.press("j")
    assert focused(page) == names[0]
    control(page, "Search").press("ArrowDown")
    for key, position in (("j", 1), ("ArrowDown", 2), ("k", 1), ("ArrowUp", 0), ("j", 1)):
        page.keyboard.press(key)
        assert focused(page) == names[position]
    page.keyboard.press("Enter")
    assert page.locator(".item-list details[open] .item-id").all_text_contents() == [names[1]]
    assert page.evaluate("getComputedStyle(document.activeElement).outlineStyle") == "solid"

    page.locator(".item-list summary").last.focus()
    page.keyboard.press("j")
    assert focused(page) == listed_ids(page)[100]
    page.locator(".item-list summary").first.focus()
    page.keyboard.press("k")
    page.keyboard.type("j")
    assert control(page, "Search").input_value() == "j"


@pytest.mark.parametrize("width", [1280, 768, 390])
def test_no_control_lies_on_another(open_page: Opener, width: int) -> None:
    """However long the name of a capability is: what a mouse points at is what is there."""
    name = "leaderboard_bbh_tracking_shuffled_objects_seven_objects_" * 2
    page = open_page(markup([result("b-1", capability=name), *few()]))
    page.set_viewport_size({"width": width, "height": 900})

    boxes = page.locator(".item-controls :is(select, input):visible").evaluate_all(
        "all => all.map((e) => e.getBoundingClientRect().toJSON())"
    )

    assert len(boxes) == 6
    for a, b in combinations(boxes, 2):
        is_beside = a["right"] <= b["left"] or b["right"] <= a["left"]
        assert is_beside or a["bottom"] <= b["top"] or b["bottom"] <= a["top"]


def test_every_control_has_a_name_and_is_reached_by_tab(open_page: Opener) -> None:
    """In the order in which they stand."""
    page = open_page(markup(few()))
    names = []
    for _ in range(6):
        page.keyboard.press("Tab")
        names.append(page.evaluate("(document.activeElement.labels ?? [])[0]?.textContent ?? ''"))

    assert names == ["Show", "Capability", "Level", "Order", "Search", ""]


# --- without a script, on paper ------------------------------------------------------------------


def test_without_a_script_the_surest_are_readable(open_page: Opener) -> None:
    """Ten of each capability, with the command; nothing is there that does nothing."""
    page = open_page(markup(few()), java_script_enabled=False)

    assert page.locator(".item-static details").count() == 13
    page.locator(".item-static summary").first.click()
    assert page.locator(".item-static pre").first.is_visible()
    assert "flips . --changed --capability=multi_step" in page.locator("main").inner_text()
    assert not page.locator(".item-controls").is_visible()
    assert page.locator("button:visible, select:visible").count() == 0


def test_a_link_leads_to_a_static_item(open_page: Opener) -> None:
    """Without a script: the address is its id."""
    page = open_page(
        markup(few()),
        f"#item={encoded('follow & go')}/{encoded('if/1')}",
        java_script_enabled=False,
    )

    assert page.locator(":target .item-id").inner_text() == "if/1"


def test_what_is_open_is_printed(open_page: Opener) -> None:
    """Beside the surest ones with their texts; no control is."""
    page = open_page(markup(few()))
    page.emulate_media(media="print")
    assert page.locator(".item-static details pre").first.is_visible()
    assert page.locator(".item-list > li:visible").count() == 0
    assert page.locator("button:visible, select:visible, input:visible").count() == 0

    page.evaluate("location.hash = 'item=ball_passing/m-3'")
    page.locator(".item-list details[open] .item-choices li").first.wait_for()
    assert page.locator(".item-list > li:visible").count() == 1
    assert page.locator(".item-static details pre").first.is_visible()


# --- hostile texts -------------------------------------------------------------------------------


def hostile() -> list[ItemResult]:
    """Return items that are hostile wherever they have a text."""
    text = kept(HOSTILE, "full")
    item = result(HOSTILE, capability=HOSTILE, task=HOSTILE, prompt=HOSTILE)
    answers = {"base": side(HOSTILE, 1.0), "candidate": side(HOSTILE + " more", 0.0)}
    return [replace(item, choices=(text,), right=(text,), **answers), *few()]


@pytest.mark.parametrize("width", [390, 768, 1280])
def test_hostile_texts_do_nothing_and_stay_in_their_boxes(open_page: Opener, width: int) -> None:
    """Nor do markup, long words and two directions of writing widen the page."""
    page = open_page(markup(hostile()), viewport={"width": width, "height": 800})
    control(page, "Search").fill("<img src=x")
    open_item(page)

    assert page.title() == "items"
    assert page.locator("img").count() == 0
    assert page.evaluate("document.documentElement.scrollWidth") <= width
    outside = """() => [...document.querySelectorAll('main *')].filter(
        each => each.checkVisibility() && each.getBoundingClientRect().right > innerWidth + 1
    ).length"""
    assert page.evaluate(outside) == 0


def test_without_a_script_hostile_texts_do_nothing(open_page: Opener) -> None:
    """Nor do they leave their boxes."""
    page = open_page(
        markup(hostile()), java_script_enabled=False, viewport={"width": 390, "height": 800}
    )
    page.locator("summary").first.click()

    assert page.locator("img").count() == 0
    assert page.locator("main").bounding_box()["width"] <= 390


def test_a_text_is_set_in_its_direction(open_page: Opener) -> None:
    """Of right-to-left letters from the right."""
    page = open_page(markup([result("b", prompt="מי מחזיק בכדור?")]))
    open_item(page)
    prompt = page.locator(".item-list pre").first

    assert prompt.evaluate("each => each.matches(':dir(rtl)')")
    assert page.locator("pre.is-better").last.evaluate("each => each.matches(':dir(ltr)')")


# --- size, widths, access ------------------------------------------------------------------------


def test_a_large_page_loads_within_two_seconds(open_page: Opener, large: str) -> None:
    """The median of five; 3,000 items are in it."""
    page = open_page(large)
    times = []
    for _ in range(5):
        page.reload()
        times.append(
            page.evaluate("performance.getEntriesByType('navigation')[0].loadEventEnd") / 1000
        )

    assert statistics.median(times) < 2.0


def test_nothing_serious_is_wrong_where_no_script_runs(open_page: Opener) -> None:
    """Of the static list, by the rules of axe, which would see a control without a name."""
    bare = markup(few()).replace(template("page.js") + template("items.js"), "")
    page = open_page(bare, bypass_csp=True)
    page.locator("summary").first.click()

    assert serious(page) == []
    page.evaluate("document.body.append(document.createElement('select'))")
    assert serious(page) == ["select-name"]


@pytest.mark.parametrize(
    ("width", "scheme"), [(390, "light"), (768, "light"), (1280, "light"), (390, "dark")]
)
def test_nothing_serious_is_wrong_for_a_screen_reader(
    open_page: Opener, width: int, scheme: str
) -> None:
    """By the rules of axe, in both colour schemes, and nothing scrolls sideways."""
    page = open_page(
        markup(few()),
        viewport={"width": width, "height": 800},
        color_scheme=scheme,
        bypass_csp=True,
    )
    open_item(page, 0)
    open_item(page, 1)

    assert serious(page) == []
    assert page.evaluate("document.documentElement.scrollWidth") <= width
