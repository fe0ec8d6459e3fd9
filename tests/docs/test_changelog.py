"""CHANGELOG.md keeps to the form of Keep a Changelog: sections in their order, an entry a line."""

from __future__ import annotations

import re
from collections.abc import Iterator

from tests.docs.blocks import CHECKOUT

SECTIONS = ["Added", "Changed", "Deprecated", "Removed", "Fixed", "Security"]
_VERSION = re.compile(r"\[(Unreleased|\d+\.\d+\.\d+\] - \d{4}-\d{2}-\d{2})\]?")
LINES = (CHECKOUT / "CHANGELOG.md").read_text(encoding="utf-8").split("\n")


def versions() -> Iterator[tuple[str, list[str], list[str]]]:
    """Yield each version's heading, those of its sections, and its other lines."""
    starts = [number for number, line in enumerate(LINES) if line.startswith("## ")]
    for start, end in zip(starts, [*starts[1:], len(LINES)], strict=True):
        body = LINES[start + 1 : end]
        sections = [line.removeprefix("### ") for line in body if line.startswith("#")]
        yield LINES[start].removeprefix("## "), sections, [*filter(None, body)]


def test_versions_have_the_sections_of_keep_a_changelog() -> None:
    """What is not released stands first; sections stand once, in the order of the format."""
    headings = [heading for heading, _, _ in versions()]

    assert headings[0] == "[Unreleased]"
    assert all(map(_VERSION.fullmatch, headings))
    for _, sections, _ in versions():
        assert sections == [name for name in SECTIONS if name in sections]


def test_an_entry_is_one_line() -> None:
    """No section is empty, no entry goes on in another line, and none stands twice."""
    for heading, _, lines in versions():
        entries = [line for line in lines if line.startswith("- ")]

        assert [line for line in lines if not line.startswith(("- ", "### "))] == []
        assert len({*entries}) == len(entries), heading
        for line, following in zip(lines, [*lines[1:], ""], strict=True):
            assert line.startswith("- ") or following.startswith("- "), f"{line} is empty"
