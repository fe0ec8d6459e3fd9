"""The report in pull requests and job summaries."""

from __future__ import annotations

import html
import json
import re
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path

import pytest

from cliffguard.report.markdown import escape, preformatted, render_markdown
from tests.report import listed, samples


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
        ("#1", "\\#&#8203;1"),
        ("org/repo#1", "org/repo#&#8203;1"),
        ("gh-1", "gh-&#8203;1"),
        ("!1 high-1", "!&#8203;1 high-1"),
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


def test_of_how_many_that_broke_the_first_are_shown() -> None:
    """Of the counts, which the examples of a review are only some of."""
    section = render_markdown(samples.failed()).split("## Items that broke\n\n")[1].split("\n")[0]

    assert section.startswith("2 of 49 items that broke where the gate is closed, the surest first")


@pytest.mark.parametrize(("format", "n"), [("markdown", 4), ("comment", 2)])
def test_what_is_quoted_is_what_flips_lists_first(tmp_path: Path, format: str, n: int) -> None:
    """Of what closes the gate, wherever it stands in the file; nothing in it is markup."""
    results = [
        listed.result(f"x-{item}", sure=sure, prompt=f"<b>{item}</b> \x1b[31m", cluster=cluster)
        for item, sure, cluster in [
            ("a", 0.6, None), ("b", 0.9, "one"), ("c", 0.85, "one"), ("d", 0.7, None)
        ]
    ]  # fmt: skip
    held = listed.result("x-held", sure=1.0, capability="instruction_following")
    folder = listed.written(tmp_path, [*results, held])

    of_lost = ("--capability", "multi_step_reasoning", "--format", "json")
    top = json.loads(listed.run("flips", folder, "--top", n, *of_lost).stdout)
    text = listed.run("report", folder, "--format", format).stdout

    assert re.findall(r"x-\w+", text) == [line["item"] for line in top]
    assert f"{n} of 49 items that broke where the gate is closed, the surest first" in text
    assert "cliffguard flips FOLDER" in text.split("Items that broke")[-1]
    assert "\x1b" not in text


def test_missing_numbers_are_dashes() -> None:
    """What was not measured has no number."""
    assert "| refusals | gating | – | – | – | 5.0 | 0 | 0 / 0 | – NOT_MEASURED |" in (
        render_markdown(samples.not_measured())
    )


@pytest.mark.parametrize("text", ["@team", "#12", "org/repo#12", "GH-12", "!12", "https://x.y"])
def test_a_summary_refers_to_nothing(text: str) -> None:
    """As no other line does: it names the items that broke by what others called them."""
    review = samples.failed()
    review = replace(review, examples=(samples.example(task=f"a {text} b"),))

    (summary,) = re.findall(r"<summary>.*item ball.*", render_markdown(review))

    assert text not in summary
    assert text in html.unescape(summary).replace("\u200b", "")
