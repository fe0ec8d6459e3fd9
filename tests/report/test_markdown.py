"""The report in pull requests and job summaries."""

from __future__ import annotations

import re
from collections.abc import Callable

import pytest

from cliffguard.report.markdown import escape, preformatted, render_markdown
from tests.report import samples


@pytest.mark.parametrize("name", ["failed", "passed", "inconclusive", "causes"])
def test_golden(name: str, check_golden: Callable[[str, str], None]) -> None:
    """The Markdown of a review is what it was."""
    check_golden(f"{name}.md", render_markdown(getattr(samples, name)()))


@pytest.mark.parametrize(
    ("text", "expected"),
    [
        ("a|b", "a\\|b"),
        ("`x`", "\\`x\\`"),
        ("<b>", "&lt;b&gt;"),
        ("@team", "@&#8203;team"),
        ("a\nb", "a b"),
        ("multi_step", "multi_step"),
        ("_loose_", "\\_loose\\_"),
        ("![x](y)", "!\\[x\\](y)"),
        ("# head", "\\# head"),
        ("1. list", "1\\. list"),
        ("http://x", "http&#58;//x"),
        ("a $x$", "a \\$x\\$"),
    ],
)
def test_escape(text: str, expected: str) -> None:
    """Foreign text is shown, never read as Markdown."""
    assert escape(text) == expected


def test_block_keeps_lines_and_escapes() -> None:
    """A block of model text keeps its line breaks and closes no element."""
    assert preformatted("a\n\n</pre>|`") == "<pre>a\n&#8203;\n&lt;/pre&gt;&#124;&#96;</pre>"


def test_hostile_text_opens_no_element() -> None:
    """Only the report's own elements are in the text."""
    tags = set(re.findall(r"</?([a-z]+)", render_markdown(samples.hostile())))

    assert tags == {"details", "summary", "pre", "code"}


def test_hostile_text_notifies_nobody() -> None:
    """No mention, no link and no image survives."""
    text = render_markdown(samples.hostile())

    assert (
        re.findall(r"@\w|://|(?<!\\)\]\(", re.sub(r"<(pre|code|summary)>.*?</\1>", "", text)) == []
    )
    assert "@maintainer" not in text


def test_every_element_is_closed() -> None:
    """Hostile text leaves no element open."""
    text = render_markdown(samples.hostile())

    assert text.count("<details>") == text.count("</details>")
    assert text.count("<pre>") == text.count("</pre>")


def test_terminal_sequences_do_not_survive() -> None:
    """No control or direction character is left."""
    assert not set(render_markdown(samples.hostile())) & set("\x00\x07\x08\x1b\u202e\u202c\ufffe")


def test_it_fits_into_a_comment() -> None:
    """However long the examples are, a pull request's comment can hold the report."""
    assert len(render_markdown(samples.hostile())) < 65_536


def test_examples_left_out_are_counted() -> None:
    """What is not shown is said."""
    assert "20 more are in review.json" in render_markdown(samples.hostile())


def test_missing_numbers_are_dashes() -> None:
    """What was not measured has no number."""
    assert "| refusals | gating | – | – | – | 5.0 | 0 | 0 / 0 | – NOT_MEASURED |" in (
        render_markdown(samples.not_measured())
    )
