"""The items of a page: which are on it, in what order, how long, and what their texts can do."""

from __future__ import annotations

import json
import random
import re
import shlex
from collections.abc import Iterable, Sequence
from dataclasses import replace
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from cliffguard.compare.item_results import kept
from cliffguard.core.item_results import ItemResult, ItemText
from cliffguard.core.texts import ends_of
from cliffguard.report.clean import clean, cleaned
from cliffguard.report.item_browser import LENGTHS, ItemBrowser, item_browser
from cliffguard.report.item_order import largest
from cliffguard.report.item_views import CUT, LONGEST, Best, cut_to, example_view, view_of
from cliffguard.report.items import read_items
from cliffguard.report.json import read_review
from cliffguard.report.largest_changes import largest_changes
from tests.report import samples
from tests.report.item_page import few, many, page_of, template
from tests.report.listed import result, run, side, written

HOSTILE = (
    "</script><!--<script>alert(1)//--> ]]> & \u2028 \u2029 \x1b[31m \u202e \ud800 {{ 7*7 }} \x00"
)


def browser(results: Iterable[ItemResult], order: Sequence[str] = ()) -> ItemBrowser:
    """Return the items of a page with these."""
    largest = largest_changes(results, len(order))
    return item_browser(samples.failed(), largest, order)


def ids(view: ItemBrowser, capability: str = "multi_step_reasoning") -> list[str]:
    """Return the broken items of a capability, in order."""
    (group,) = (group for group in view.groups if group.capability == capability)
    return [item.item for item in group.broken]


def rows(view: ItemBrowser) -> list[dict[str, Any]]:
    """Return the items that the script reads."""
    data = json.loads(view.data)
    return [dict(zip(data["columns"], row, strict=True)) for row in data["rows"]]


# --- which ---------------------------------------------------------------------------------------


def test_a_capability_shows_100_broken_and_50_fixed_items() -> None:
    """And says of how many."""
    view = browser(
        [result(f"b-{n}") for n in range(312)] + [result(f"f-{n}", 0.0, 1.0) for n in range(80)]
    )

    (group,) = view.groups
    assert group.counts == "100 of 312 broken, 50 of 80 fixed"
    assert (len(group.broken), len(group.fixed), len(group.surest)) == (100, 50, 10)
    assert [row["is_broken"] for row in rows(view)] == [1] * 100 + [0] * 50


@pytest.mark.slow
def test_many_capabilities_share_3000_items() -> None:
    """Of 40 each shows half as many, so that a page stays one."""
    names = [f"c{n}" for n in range(40)]
    items = [
        result(f"{n}", *scores, capability=name)
        for name in names
        for n, scores in enumerate([(1.0, 0.0)] * 60 + [(0.0, 1.0)] * 30)
    ]

    counts = {group.counts for group in browser(items, names).groups}

    assert counts == {"50 of 60 broken, 25 of 30 fixed"}


def test_ten_are_held_of_one_among_many_to_be_quoted() -> None:
    """Of which a page shows two."""
    items = [result(f"{n}") for n in range(30)]
    largest = largest_changes(items, 1000)
    view = item_browser(samples.failed(), largest, [f"c{n}" for n in range(1000)])

    assert len(largest["multi_step_reasoning"].broken.first) == 10
    assert ids(view) == ["0", "1"]


def test_what_does_not_count_or_did_not_change_is_not_shown() -> None:
    """`flips --all` has it."""
    view = browser(
        [
            result("broken"),
            result("same", 1.0, 1.0),
            result("shown", counted=False, uncounted="not-gating"),
        ]
    )

    assert [row["id"] for row in rows(view)] == ["broken"]


@pytest.mark.parametrize("seed", range(20))
def test_the_best_of_a_stream_are_those_of_all(seed: int) -> None:
    """Holding a few at a time loses none, with clusters and with equal ones."""
    rng = random.Random(seed)
    items = [
        result(
            f"{n}",
            1.0,
            rng.choice([0.0, 0.25, 0.5]),
            sure=rng.choice([None, 0.5, 0.9]),
            cluster=rng.choice([None, "a", "b", "c", f"d{n}"]),
        )
        for n in range(60)
    ]
    best = Best(7)
    for item in items:
        best.add(item)

    assert [view.item for view in best.views(7, are_broken=True)] == [
        item.item for item in largest(items, 7)
    ]


def test_a_stream_is_not_held() -> None:
    """Neither many items nor their long texts."""
    best = Best(5)
    for number in range(1000):
        best.add(result(f"{number}", prompt="x" * 50_000))
        assert len(best._held) <= 10

    assert best.n_seen == 1000
    assert all(len(item.prompt.text or "") <= LONGEST for item in best._held)


def test_the_largest_gain_comes_first_of_what_was_fixed() -> None:
    """As the largest loss does of what broke."""
    view = browser([result("small", 0.5, 0.75), result("large", 0.0, 1.0)])

    assert [item.item for item in view.groups[0].fixed] == ["large", "small"]
    assert not any(item.is_broken for item in view.groups[0].fixed)


def test_capabilities_stand_in_the_order_of_the_page() -> None:
    """Whatever the order of the items."""
    items = few()

    order = ["instruction_following", "multi_step_reasoning"]
    assert [group.capability for group in browser(items, order).groups] == order
    assert [group.capability for group in browser(items, order[::-1]).groups] == order[::-1]


def test_items_are_read_from_beside_the_review(tmp_path: Path) -> None:
    """As they lie there, one by one."""
    folder = written(tmp_path / "review")
    read = read_review((folder / "review.json").read_text(encoding="utf-8"), "review.json")
    view = item_browser(cleaned(read), largest_changes(read_items(read, folder), 4))

    assert view.counts == "3 of 3 broken, 1 of 1 fixed"


# --- how long ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_20000_items_with_long_prompts_fit_a_page() -> None:
    """Of 20 capabilities, of which 30 % changed: all of it is within the budget."""
    names = [f"capability_{number}" for number in range(20)]

    view = browser(many(20, 1000, 5000), names)
    page = page_of(view)

    assert view.counts == "2,000 of 4,000 broken, 1,000 of 2,000 fixed"
    assert len(page.encode("utf-8")) < 1_540_000  # the style and the script among them
    assert view.length >= 200
    assert f"at most {view.length:,} characters of a prompt" in page


def test_few_items_have_all_that_a_page_shows_of_a_text() -> None:
    """Longer ones their two ends."""
    view = browser([result("long", prompt="a" * 5000 + "b"), result("short", prompt="ab")])

    prompts = {row["id"]: row["prompt"] for row in rows(view)}
    assert (view.length, view.is_cut) == (LONGEST, True)
    assert prompts["short"] == "ab"
    assert len(prompts["long"]) <= LONGEST
    assert CUT in prompts["long"]
    assert prompts["long"].endswith("ab")


@pytest.mark.parametrize(
    ("long", "is_said"),
    [
        ({"prompt": "a" * 5000}, True),
        ({"text": "a" * 1000}, True),  # an answer, cut at half as many
        ({"prompt": ends_of("a" * 5000)}, True),  # by whoever wrote items.jsonl
        ({"prompt": "a" * 1000, "text": "a" * 500}, False),
    ],
)
def test_a_page_says_that_texts_are_cut(long: dict[str, str], is_said: bool) -> None:
    """Wherever it was done; and that nothing else is searched, and where all of it is."""
    view = browser([result("long", **long), result("short")])
    page = page_of(view)

    assert view.is_cut is is_said
    assert ("at most 1,600 characters of a prompt and 800 of any other" in page) is is_said
    assert ("<code>--texts full</code>" in page) is is_said


def test_the_longest_texts_that_fit_are_taken(monkeypatch: pytest.MonkeyPatch) -> None:
    """A larger budget leaves more of them, and one that nothing fits the least."""
    items = [result(f"{n}", prompt="x" * 3000) for n in range(50)]
    lengths = []
    for budget in (10, 60_000, 100_000, 1_000_000):
        monkeypatch.setattr("cliffguard.report.item_browser.BUDGET", budget)
        lengths.append(browser(items).length)

    assert lengths == sorted(lengths)
    assert (lengths[0], lengths[-1]) == (LENGTHS[-1], LENGTHS[0])
    assert len(set(lengths)) == 4


def test_a_text_that_was_cut_is_cut_again_as_if_once() -> None:
    """Only its ends are left, with one mark."""
    text = "".join(chr(97 + n % 26) for n in range(9000))
    long = cut_to(view_of(result("a", prompt=text)), LONGEST)

    assert cut_to(long, 200).prompt == cut_to(view_of(result("a", prompt=text)), 200).prompt
    assert (cut_to(long, 200).prompt.text or "").count(CUT) == 1


# --- what their texts can do ---------------------------------------------------------------------


def hostile() -> list[ItemResult]:
    """Return an item that is hostile wherever it has a text."""
    text = kept(HOSTILE, "full")
    item = result(HOSTILE, capability=HOSTILE, task=HOSTILE, cluster=HOSTILE, prompt=HOSTILE)
    answers = {"base": side(HOSTILE, 1.0), "candidate": side(HOSTILE, 0.0)}
    return [replace(item, choices=(text,), right=(text,), **answers)]


def test_the_data_cannot_leave_its_element() -> None:
    """None of the signs that HTML or a script could read; yet every text is whole, and clean."""
    view = browser(hostile())

    assert not re.search("[<>&\u2028\u2029\x00\x1b\u202e]", view.data)
    (row,) = rows(view)
    assert row["prompt"] == clean(HOSTILE)
    assert row["candidate"][0] == clean(HOSTILE)


def test_the_markup_holds_no_element_of_a_text() -> None:
    """Nor an attribute that styles or runs; ids are there once."""
    page = page_of(browser([*hostile(), *few()]))
    tags: list[str] = []
    names: list[tuple[str, str | None]] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            names.extend(attrs)

    Reader().feed(page.partition("</style>")[2])

    assert tags.count("script") == 2  # the data, and items.js
    assert not {"img", "iframe", "form", "style", "base"} & set(tags)
    assert [name for name, _ in names if name == "style" or name.startswith("on")] == []
    anchors = [value for name, value in names if name == "id"]
    assert len(anchors) == len(set(anchors))
    assert not any(re.search(r"\s", anchor or "") for anchor in anchors)


@pytest.mark.parametrize("sure", [None, 0.9])
def test_an_order_by_confidence_is_named_only_where_there_is_one(sure: float | None) -> None:
    """Of items of which nobody knows how sure the sides were, neither the text nor the menu."""
    page = page_of(browser([result(f"b-{n}", sure=sure) for n in range(20)]))
    markup = page.partition("</style>")[2].partition("<script")[0]

    of_confidence = ("the surest first", "both sides were surest of", "candidate’s confidence")
    assert [words in markup for words in of_confidence] == [sure is not None] * 3
    assert ("as in the file" in markup) == (sure is None)


def test_the_script_makes_no_markup_of_strings() -> None:
    """Nothing of it parses a text as markup, script or style."""
    script = template("items.js")

    for word in (
        "innerHTML",
        "outerHTML",
        "insertAdjacent",
        "document.write",
        "eval(",
        "Function(",
    ):
        assert word not in script
    assert ".style" not in script
    assert "new RegExp" not in script.replace("new RegExp(`${WORD.source}", "")


@pytest.mark.parametrize(
    "name", ["a b", "-x", 'it\'s; rm -rf $HOME `id` "q"', "multi_step_reasoning", "ü|&<>*"]
)
def test_the_command_names_the_capability_to_a_shell(name: str) -> None:
    """As one word, whatever is in it."""
    (group,) = browser([result("b", capability=name)]).groups

    assert shlex.split(group.command) == [
        "cliffguard", "flips", ".", "--changed", f"--capability={name}",
    ]  # fmt: skip


def test_the_command_lists_the_items(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """In the folder of the report, all that changed."""
    monkeypatch.chdir(written(tmp_path / "review"))
    (group, *_) = browser(few()).groups

    listed = run(*shlex.split(group.command)[1:]).output

    assert listed.startswith("3 items")
    assert run(*shlex.split(browser(few()).command)[1:]).output.startswith("4 items")


# --- what there is not ---------------------------------------------------------------------------


def test_texts_that_were_not_kept_are_shown_as_such() -> None:
    """By their digests, in the data and in the markup."""
    text = ItemText(text=None, sha256="0123456789abcdef" * 4)
    item = result("b")
    answer = replace(item.base, answer=text)
    view = browser(
        [replace(item, prompt=text, choices=(), right=(text,), base=answer, candidate=answer)]
    )

    (row,) = rows(view)
    assert row["prompt"] == row["base"][0] == {"sha256": "0123456789abcdef"}
    assert page_of(view).count("text not kept, SHA-256 <code>0123456789abcdef…</code>") == 3


def test_without_items_the_examples_are_shown_in_the_same_form() -> None:
    """Of how many the review knows; there is nothing that lists the rest."""
    review = samples.failed()
    counts = {c.capability: c.counts for c in review.comparison.capabilities}

    view = item_browser(review, None)

    assert [row["id"] for row in rows(view)] == [example.item_id for example in review.examples]
    (group,) = view.groups
    n = counts[group.capability]
    assert group.counts == f"2 of {n.n_broken} broken, 0 of {n.n_fixed} fixed"
    assert (group.command, view.command, view.has_items) == ("", "", False)
    assert "cliffguard flips" not in page_of(view)
    assert group.broken[0] == example_view(review.examples[0])


def test_where_nothing_changed_the_page_says_so() -> None:
    """And has nothing to filter."""
    page = page_of(browser([result("same", 1.0, 1.0)]))

    assert "No item that counts changed its score." in page
    assert "<select" not in page


def test_a_score_between_right_and_wrong_is_a_number() -> None:
    """The page says how good each answer was, and how one ended that was cut off."""
    item = result("b", 0.75, 0.5)
    cut = replace(item.candidate, finish_reason="length")

    page = page_of(browser([replace(item, candidate=cut)]))

    assert "base (better) · counts as 0.75" in page
    assert "candidate (worse) · counts as 0.5 · ended: length" in page


def test_the_page_says_which_parts_of_a_call_are_right() -> None:
    """In words, in their order, with and without a script; a name that is none is not shown."""
    parts = {"values": 0.0, "arguments": 0.0, "called": 1.0, "<b>": 1.0, "tool": 1.0}
    item = result("b")
    view = browser([replace(item, candidate=replace(item.candidate, parts=parts))])

    line = "called ✓, tool ✓, arguments ✗, values ✗"
    assert f"✗ candidate · counts as 0 · {line}<" in page_of(view)
    assert rows(view)[0]["candidate"][4:] == [line]
    assert rows(view)[0]["base"][4:] == []


def test_the_page_is_the_same_twice() -> None:
    """The same items give the same bytes."""
    assert page_of(browser(few())) == page_of(browser(few()))
