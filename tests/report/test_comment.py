"""The comment on a pull request: short, harmless, and clear to whoever approves."""

from __future__ import annotations

import re
from collections.abc import Callable, Sequence
from dataclasses import replace
from html import unescape
from pathlib import Path
from urllib.parse import unquote

import pytest
from hypothesis import given, settings
from hypothesis import strategies as st
from markdown_it import MarkdownIt
from markdown_it.token import Token

from cliffguard.core.item_results import ItemResult, ItemText
from cliffguard.core.reviews import Outcome, Pooled, Review
from cliffguard.report import render
from cliffguard.report.comment import MOST_BYTES, render_comment
from cliffguard.report.comment_options import CommentOptions, default_id, is_safe
from cliffguard.report.comment_text import fitted
from cliffguard.report.items import write_items
from tests import support
from tests.report import listed, samples
from tests.report.samples import HOSTILE

TARGET = "https://ci.example/runs/7"
NAMES = {
    "long": "n" * 200,
    "right to left": "שלום عليكم " * 20,
    "emoji": "👩‍👩‍👧‍👦🔥" * 20,
    "pipes": "a|b" * 66,
    "backticks": "`" * 200,
    "escapes": "\\|" * 100,
    "markup": "<b>[x](http://a.example)" * 8,
    "mentions": "@a#1GH-1" * 25,
    "end of a comment": "-->" * 66,
    "terminal": HOSTILE,
}


def tokens(text: str) -> list[Token]:
    """Return what a reader of GitHub's Markdown makes of a text."""
    return MarkdownIt("commonmark", {"html": True}).enable("table").parse(text)


def cells(text: str) -> list[list[str]]:
    """Return the cells of a table, row after row, as they are written."""
    rows: list[list[str]] = []
    for before, token in zip(tokens(text), tokens(text)[1:], strict=False):
        if before.type == "tr_open":
            rows.append([])
        if before.type in ("td_open", "th_open"):
            rows[-1].append(token.content)
    return rows


def many(name: str, n: int = 40, outcome: Outcome = Outcome.REGRESSED) -> Review:
    """Return a review of `n` capabilities of one outcome, whose names differ in their number."""
    pairs = []
    for number in range(n):
        capability = samples.measured(
            f"{number} {name}", n_items=200, n_right_base=150, n_broken=20 + number, n_fixed=6,
            p_drop=1e-6,
        )  # fmt: skip
        pairs.append((capability, samples.finding(capability, outcome, name)))
    examples = tuple(
        samples.example(number, capability=f"39 {name}", prompt=name, candidate_text=name)
        for number in range(3)
    )
    original = samples.review(Outcome.FAIL, f"{name} regressed.", pairs, examples=examples)
    side = samples.checkpoint(name)
    comparison = replace(original.comparison, base=side, candidate=side)
    return replace(original, comparison=comparison)


def assert_sound(text: str) -> None:
    """It is short, has its marker, a table of four columns, closed elements, and whole fences."""
    assert len(text.encode("utf-8")) <= MOST_BYTES == 2900
    marker, _ = text.split("\n", 1)
    assert re.fullmatch(r"<!-- cliffguard:[\w.-]+ -->", marker)
    assert text.count("-->") == 1 or "```" in text
    assert {len(row) for row in cells(text)} <= {4}
    kinds = [token.type for token in tokens(text)]
    html = "".join(token.content for token in tokens(text) if token.type == "html_block")
    assert re.findall(r"<[^>]+>", html)[1:] in (
        [],
        ["<details>", "<summary>", "</summary>", "</details>"],
    )
    fences = [token for token in tokens(text) if token.type == "fence"]
    assert all(token.content.count("\n") == 4 for token in fences)
    assert ("html_block" in kinds[1:]) == bool(fences)
    outside = "\n".join(token.content for token in tokens(text) if token.type == "inline")
    assert re.findall(r"@\w|(?<!&)[#!]\d|GH-\d|(?<!<https)(?<!<http)://", outside) == []


@pytest.mark.parametrize("name", ["failed", "passed", "inconclusive", "not_measured", "causes"])
def test_golden(name: str, check_golden: Callable[[str, str], None]) -> None:
    """The comment of a review is what it was."""
    options = CommentOptions(comment_id="gate", report_url=TARGET)

    text = render_comment(getattr(samples, name)(), options=options)

    check_golden(f"{name}.comment.md", text)
    assert_sound(text)


@pytest.mark.parametrize("name", NAMES)
def test_forty_losses_fit(name: str) -> None:
    """Whatever their names: whole rows, those of the largest drops, and how many more there are."""
    text = render_comment(many(NAMES[name]), options=CommentOptions(report_url=TARGET))

    assert_sound(text)
    first, *rows = cells(text)
    assert first[0] == "capability"
    assert [row[0].split()[0] for row in rows] == [str(39 - n) for n in range(len(rows))]
    assert len(rows) >= 3
    assert f"None held. {40 - len(rows)} more that are not held are in the report." in text


@settings(deadline=None)
@given(name=st.text(min_size=1, max_size=300), n=st.integers(1, 12))
def test_any_name_is_harmless(name: str, n: int) -> None:
    """Also one that nobody thought of."""
    assert_sound(render_comment(many(name, n)))


def test_a_hostile_review_is_harmless() -> None:
    """Its model text stands in fences longer than any run of backticks in it."""
    text = render_comment(samples.hostile())

    assert_sound(text)
    assert not set(text) & set("\x00\x07\x08\x1b\u202e\u202c\ufffe")
    (fence,) = {token.markup for token in tokens(text) if token.type == "fence"}
    assert fence == "````"


@pytest.mark.parametrize(
    "text",
    ["#12", "org/repo#12", "GH-12", "gh-12", "!12", "8c22764a7e3675c50d4c7c9a4edb474456022b16",
     "at 8c22764", "8C22764A7E3675C50D4C7C9A4EDB474456022B16", "@team",
     "https://x.example", "www.x.example"],
)  # fmt: skip
def test_nothing_is_referred_to(text: str) -> None:
    """An invisible space, or a written-out character, takes the power from each of them."""
    written = fitted(text, 200)

    assert text not in written
    assert not re.search("[0-9a-f]{7}", unescape(written), re.IGNORECASE)
    assert re.sub(r"[\\\u200b]", "", unescape(written)) == text


@pytest.mark.parametrize("text", ["A", "7", "模", "ab", "abc"])
def test_a_short_text_is_whole(text: str) -> None:
    """Also one of a single character, and one of exactly the bytes that there are."""
    assert fitted(text, len(text.encode()), str) == fitted(text, 200, str) == text
    assert len(fitted(text, 2, str).encode()) <= 2


def test_answers_of_one_letter_are_quoted() -> None:
    """As of every choice among A to D."""
    review = samples.failed()
    example = samples.example(
        capability="multi_step_reasoning", answer="A", base_text="7", candidate_text="模",
        base_confidence=None, candidate_confidence=None,
    )  # fmt: skip

    text = render_comment(replace(review, examples=(example,)))

    assert "right:     A\nbase:      7\ncandidate: 模\n" in text
    # How sure a side was nobody knows.
    assert "that broke where the gate is closed</summary>" in text


def test_a_drop_of_all_together_within_margins_is_said() -> None:
    """A PASS is one, and yet something was lost: at most how much, of which margin."""
    review = samples.passed()
    pooled = Pooled(drop=0.021, p_value=0.004, n_capabilities=2, has_dropped=True)
    for has_dropped in (True, False):
        verdict = replace(review.verdict, pooled=replace(pooled, has_dropped=has_dropped))
        line = words_of(render_comment(replace(review, verdict=verdict)))
        assert line.endswith("Largest drop: arithmetic +0.4 pp of margin 5.0 pp.") == has_dropped
        assert ("Largest drop" in line) == has_dropped


def test_only_what_is_not_held_has_a_row() -> None:
    """Proven losses first, what is only shown last; what held is a number."""
    text = render_comment(samples.failed())

    assert [row[0] for row in cells(text)[1:]] == ["multi_step_reasoning", "copying_control"]
    assert "\n3 held.\n" in text
    assert "|" not in render_comment(samples.passed())


def test_losses_come_before_what_is_open() -> None:
    """However large the drops of the open ones are."""
    outcomes = [row[3] for row in cells(render_comment(samples.crowded()))[1:]]

    assert outcomes == sorted(outcomes, key=["✗ REGRESSED", "? INCONCLUSIVE"].index)
    assert len({*outcomes}) == 2


def test_where_a_loss_is_proven_its_items_are_quoted() -> None:
    """Not those of what is open, however sure both sides were of them."""
    review = samples.crowded()
    findings = review.verdict.findings[:3]  # held, open, lost
    examples = tuple(
        samples.example(capability=finding.capability, base_confidence=1.0) for finding in findings
    )
    verdict = replace(review.verdict, findings=findings)

    text = render_comment(replace(review, verdict=verdict, examples=examples))

    assert re.findall(r"^capability_number_(\d+)_.*: ball", text, re.MULTILINE) == ["02"]


def test_what_next_is_left_out_step_by_step() -> None:
    """And how many are left out is said."""
    review = many("open " + "n" * 150, outcome=Outcome.NOT_MEASURED)
    findings = [
        replace(finding, reason=f"reason {n} {'r' * 900}")  # a step each
        for n, finding in enumerate(review.verdict.findings)
    ]
    verdict = replace(review.verdict, outcome=Outcome.INCONCLUSIVE, findings=tuple(findings[:5]))

    text = render_comment(replace(review, verdict=verdict))

    n_shown = len(re.findall(r"^\d+\. ", text, re.MULTILINE))
    assert 1 <= n_shown < 5
    assert f"\n{5 - n_shown} more in the report." in text


def test_the_items_beside_the_review_are_quoted(tmp_path: Path) -> None:
    """Two, the surest first, of what regressed alone."""
    results = [
        listed.result("guessed", sure=0.5),
        listed.result("sure", sure=0.9, text="```` @team #1"),
        listed.result("surer", sure=0.8),
        listed.result("held", sure=1.0, capability="instruction_following"),
    ]
    folder = listed.written(tmp_path, results)

    text = listed.run("report", folder / "review.json", "--format", "comment").stdout

    assert_sound(text)
    titles = re.findall(r"^multi\\?_step\\?_reasoning: (.*)$", text, re.MULTILINE)
    assert titles == ["ball_passing, sure, level 3", "ball_passing, surer, level 3"]
    assert "candidate: ```` @team #1 (90.0 % sure)\n`````\n" in text
    assert "2 of 49 items that broke where the gate is closed, the surest first" in text


def worst_last(
    folder: Path, names: Sequence[str], n_rows: int = 0, results: Sequence[ItemResult] = ()
) -> str:
    """Return the comment of a review whose worst capability stands last in items.jsonl."""
    pairs = []
    for number, name in enumerate(names):
        row = samples.measured(
            name, n_items=200, n_right_base=150, n_broken=20 + 5 * number, n_fixed=6, p_drop=1e-6
        )
        pairs.append((row, samples.finding(row, Outcome.REGRESSED, "lost")))
    for number in range(n_rows):
        row = samples.measured(
            f"open_{number}", n_items=200, n_right_base=150, n_broken=9, n_fixed=6, p_drop=0.2
        )
        pairs.append((row, samples.finding(row, Outcome.INCONCLUSIVE, "open")))
    results = results or [
        listed.result(f"{name}-{number}", capability=name) for name in names for number in range(9)
    ]
    review = samples.review(Outcome.FAIL, "lost.", pairs)
    review = write_items(review, folder, results)
    (folder / "review.json").write_text(render(review, "json"), encoding="utf-8")
    return listed.run("report", folder, "--format", "comment").stdout


@pytest.mark.parametrize("n_lost", [1, 2, 5])
def test_of_equal_items_those_of_the_worst_capabilities_are_quoted(
    tmp_path: Path, n_lost: int
) -> None:
    """No two of one capability while others are left, which the words say."""
    names = [f"lost_{number}" for number in range(n_lost)]

    text = worst_last(tmp_path, names)

    quoted = re.findall(r"^lost\\?_\d: .*?(lost\\?_\d-\d)", text, re.MULTILINE)
    worst = [f"lost_{n_lost - 1}-0", f"lost_{n_lost - 2}-0" if n_lost > 1 else "lost_0-1"]
    assert [each.replace("\\", "") for each in quoted] == worst
    words = " that broke where the gate is closed, no two of one capability while others are left<"
    assert (words in text) is (n_lost > 1)


def test_the_surest_items_are_quoted_of_whatever_capability(tmp_path: Path) -> None:
    """Which is not always the one that lost most."""
    names = [f"lost_{number}" for number in range(4)]
    sure = {"lost_1": 0.7, "lost_2": 0.9}
    results = [
        listed.result(f"{name}-{n}", capability=name, sure=sure.get(name, 0.5) + n / 100)
        for n in range(3)
        for name in names
    ]

    text = worst_last(tmp_path, names, results=results)

    quoted = re.findall(r"^lost\\?_\d: .*?(lost\\?_\d-\d)", text, re.MULTILINE)
    assert [each.replace("\\", "") for each in quoted] == ["lost_2-2", "lost_1-2"]
    assert ", the surest first, no two of one capability while others are left<" in text


@pytest.mark.parametrize("n_rows", [6, 40])
def test_two_items_stand_before_a_seventh_row(tmp_path: Path, n_rows: int) -> None:
    """However many rows there are."""
    text = worst_last(tmp_path, ["lost"], n_rows)

    assert_sound(text)
    assert "<summary>2 of " in text


def test_texts_that_are_left_out_are_not_quoted(tmp_path: Path) -> None:
    """Of digests alone nobody learns anything."""
    silent = ItemText(text=None, sha256="0" * 64)
    folder = listed.written(tmp_path, [replace(listed.result(), prompt=silent)])

    text = listed.run("report", folder / "review.json", "--format", "comment").stdout

    assert "<details>" not in text


def test_the_command_takes_an_id_and_an_address(tmp_path: Path) -> None:
    """With the id and the address of a command; the environment may have the address, too."""
    folder = listed.written(tmp_path)
    words = ("report", folder / "review.json", "-f", "comment", "--comment-id", "night.ly")

    by_flag = listed.run(*words, "--report-url", TARGET).stdout
    with pytest.MonkeyPatch.context() as patch:
        patch.setenv("CLIFFGUARD_REPORT_URL", TARGET)
        by_environment = listed.run(*words).stdout

    assert by_flag == by_environment
    assert by_flag.startswith("<!-- cliffguard:night.ly -->\n")
    assert f"[Full report](<{TARGET}>)" in by_flag


@pytest.mark.parametrize("id", ["", "a b", "-->", "a--b", "a-", "x" * 65, "a\n", "ä", "a/b", '"'])
def test_an_id_that_could_end_the_comment_is_refused(id: str) -> None:
    """The empty one is the candidate's name, as of a variable that is not set."""
    assert not is_safe(id)
    if id:
        with support.refused("comment.id", 2, "--comment-id"):
            CommentOptions(comment_id=id)
    else:
        text = render_comment(samples.passed(), options=CommentOptions(comment_id=id))
        assert text.startswith("<!-- cliffguard:runs-ft-support-tickets-")


@pytest.mark.parametrize("name", ["adapter", "a/b", "a-b", "a--b", "模型", "-->", "x" * 200, ""])
def test_a_name_makes_an_id(name: str) -> None:
    """A safe one, of each name another one."""
    assert is_safe(default_id(name))
    assert default_id("adapter") == "adapter"
    assert len({default_id(other) for other in ("a/b", "a-b", "a--b", "模", "型")}) == 5


@pytest.mark.parametrize(
    "url",
    ["javascript:alert(1)", "ftp://x.example", "//x.example", "https://", "https:///x", "x.example",
     "https://x.example/a b", "https://x.example/\n", "https://user:word@x.example",
     "https://x@", "https://x.example/" + "a" * 600, "data:text/html,x", "https://\ud800"],
)  # fmt: skip
def test_an_address_that_is_no_page_is_refused(url: str) -> None:
    """Only http and https, nothing secret, nothing that breaks a line."""
    with support.refused("comment.url", 2, "--report-url"):
        CommentOptions(report_url=url)


@pytest.mark.parametrize(
    "end", [">)", "[x](y)", "a|b", '"q"', "`c`", "a&copy;b", "%3E", "ü", "\\>"]
)
def test_an_address_stays_in_its_link(end: str) -> None:
    """It is the one link of the comment, and its words are ours."""
    options = CommentOptions(report_url=f"{TARGET}?{end}")

    text = render_comment(samples.failed(), options=options)

    parts = [part for token in tokens(text) for part in token.children or ()]
    (link,) = (part for part in parts if part.type == "link_open")
    assert unquote(str(link.attrs["href"])) == unquote(f"{TARGET}?{end}")
    assert [p.content for p in parts if p.content.startswith("Full")] == ["Full report"]
    assert text.rstrip().endswith(">)")


def test_a_scheme_may_be_in_capitals() -> None:
    """As a browser opens it."""
    text = render_comment(samples.passed(), options=CommentOptions(report_url="HTTPS://a.example"))

    assert "[Full report](<HTTPS://a.example>)" in text


def test_a_secret_in_an_address_is_not_repeated() -> None:
    """The line that refuses it names the flag."""
    with pytest.raises(Exception, match="--report-url") as failure:
        CommentOptions(report_url="https://user:hunter2@x.example")

    assert "hunter2" not in str(failure.value)


def words_of(text: str) -> Sequence[str]:
    """Return the words that a reader sees first."""
    return unescape(text).replace("\\", "").split("\n")[1]


def test_the_first_line_has_verdict_and_gain() -> None:
    """In one line, before any table."""
    line = words_of(render_comment(samples.failed()))

    assert line.startswith("**✗ FAIL**: multi_step_reasoning regressed (90.0 → 67.5 %)")
    assert line.endswith("Target gain: ticket_routing +13.0 pp [+9.0, +17.0].")


def test_render_without_options_is_the_same_bytes() -> None:
    """A pure function of the review."""
    assert render(samples.failed(), "comment") == render_comment(samples.failed())
