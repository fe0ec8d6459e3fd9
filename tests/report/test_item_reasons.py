"""Causes and patterns by which a page's items are filtered: which, and that they do no harm."""

from __future__ import annotations

import json
import re
import shlex
from html.parser import HTMLParser
from pathlib import Path
from typing import Any

import pytest

from cliffguard.core.item_results import ItemResult
from cliffguard.report.clean import cleaned
from cliffguard.report.item_browser import ItemBrowser, item_browser
from cliffguard.report.largest_changes import largest_changes
from cliffguard.report.reasons import MOST_PATTERNS
from tests.report import diagnosed, samples
from tests.report.diagnosed import LOST, capability, cause, pattern
from tests.report.item_page import page_of
from tests.report.listed import result, run


def browser(*items: ItemResult, **explained: Any) -> ItemBrowser:
    """Return the items of a page whose capability has these patterns."""
    review = diagnosed.review(capability([cause("refusal", 30), cause("lost", 19)], **explained))
    return item_browser(cleaned(review), largest_changes(items, 1))


def data(view: ItemBrowser) -> dict[str, Any]:
    """Return what the script reads, its rows by the names of their columns."""
    read: dict[str, Any] = json.loads(view.data)
    read["rows"] = [dict(zip(read["columns"], row, strict=True)) for row in read["rows"]]
    return read


def test_an_item_has_its_cause_and_the_places_of_its_patterns() -> None:
    """Among the reasons of its capability; one that the page lacks is left out."""
    slices = (pattern("pull", "ticket"), diagnosed.slipped())
    view = browser(
        result("b", cause="refusal", patterns=("position:first", "gone", "pull:ticket")),
        patterns=slices,
    )

    (group,), (row,) = data(view)["capabilities"], data(view)["rows"]
    keys = [key for _, key, _, _ in group["reasons"]]
    assert keys == ["refusal", "lost", "pull:ticket", "position:first"]
    assert [keys[spot] for spot in row["patterns"]] == ["position:first", "pull:ticket"]
    assert row["cause"] == "refusal"


def test_a_page_has_the_surest_patterns_of_a_capability() -> None:
    """As the section above it has, whose links lead here."""
    many = tuple(pattern("opening", f"words {n}") for n in range(MOST_PATTERNS + 5))

    (group,) = browser(result("b"), patterns=many).groups

    assert [each.key for each in group.reasons[2:]] == [p.key for p in many[:MOST_PATTERNS]]


@pytest.mark.parametrize(
    "key", ["a b", "-x", "it's; rm -rf $HOME `id`", "ü|&<>*", "\u2028x", "x\u200b"]
)
def test_the_command_names_the_pattern_to_a_shell(key: str) -> None:
    """As one word, whatever is in it; what nobody can type is KEY."""
    view = browser(result("b"), patterns=(pattern("opening", "x", key=key),))

    *_, last = view.groups[0].reasons
    shown = "KEY" if "\u200b" in key else key.strip()
    assert shlex.split(last.command)[2:] == [
        ".", "--changed", f"--capability={LOST}", f"--pattern={shown}",
    ]  # fmt: skip


def test_the_command_of_a_reason_lists_its_items(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Those, and no others."""
    monkeypatch.chdir(diagnosed.written(tmp_path / "review"))
    view = item_browser(cleaned(diagnosed.review()), largest_changes(diagnosed.ITEMS, 1))
    (group,) = (each for each in view.groups if each.capability == LOST)
    commands = {each.key: each.command for each in group.reasons}

    def listed(key: str) -> str:
        return run(*shlex.split(commands[key])[1:]).output.splitlines()[0]

    assert listed("refusal") == "2 items"
    assert listed("position:first") == "3 items"


def test_hostile_keys_stay_in_their_place() -> None:
    """No sign of them closes the data, opens an element, or makes an id of two words."""
    bad = f"</script>{samples.HOSTILE}"
    slices = (pattern("opening", bad, key=bad), pattern("class", bad, key=f"{bad} too"))
    view = browser(result("b", patterns=(bad,)), patterns=slices)
    tags: list[str] = []
    ids: list[str] = []

    class Reader(HTMLParser):
        def handle_starttag(self, tag: str, attrs: list[tuple[str, str | None]]) -> None:
            tags.append(tag)
            ids.extend(value or "" for name, value in attrs if name == "id")

    Reader().feed(page_of(view).partition("</style>")[2])

    assert not re.search("[<>&\u2028\u2029\x00\x1b\u202e]", view.data)
    assert tags.count("script") == 2
    assert len(ids) == len(set(ids))
    assert not any(re.search(r"\s", each) for each in ids)


def test_without_a_diagnosis_there_is_nothing_to_filter_by() -> None:
    """As in older reviews."""
    view = item_browser(samples.failed(), largest_changes([result("b")], 4))

    assert view.groups[0].reasons == ()
    assert data(view)["rows"][0]["cause"] == ""
