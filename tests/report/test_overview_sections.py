"""The overview as its readers see it: sections of blocks, and the matrix on a terminal."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import replace
from io import StringIO
from pathlib import Path

import pytest
from rich.console import Console

from cliffguard.core.overviews import BrokenAlone, BrokenItem, BrokenItems, Overview
from cliffguard.core.reviews import Outcome, Pooled, Review
from cliffguard.report import render
from cliffguard.report.blocks import (
    Block,
    Datum,
    Details,
    Figure,
    Listing,
    Section,
    TableBlock,
    plain,
)
from cliffguard.report.markdown import markdown_of
from cliffguard.report.overview.build import build
from cliffguard.report.overview.files import OverviewReport
from cliffguard.report.overview.sections import document, figures_of, link, sections
from cliffguard.report.overview.sources import NamedReview, read_named, review_files
from cliffguard.report.overview.terminal import print_matrix, render_matrix
from cliffguard.report.overview.wording import ALONE, counted, falls, headline
from tests.report import checkpoints
from tests.report.checkpoints import checkpoint, trained
from tests.report.samples import HOSTILE
from tests.report.test_overview import item

ROOT = Path("out")


def overview(reviews: Mapping[str, Review]) -> Overview:
    """Return the overview of reviews in folders of `out`."""
    return build(checkpoints.sources(reviews, ROOT), ROOT)


def shown(reviews: Mapping[str, Review]) -> dict[str, Section]:
    """Return the sections of an overview by their anchors."""
    sources = checkpoints.sources(reviews, ROOT)
    return {s.anchor: s for s in sections(build(sources, ROOT), figures_of(sources))}


def flat(blocks: tuple[Block, ...]) -> Iterator[Block]:
    """Yield blocks, also those that are folded."""
    for block in blocks:
        yield block
        if isinstance(block, Details):
            yield from flat(block.blocks)


def table_of(section: Section) -> TableBlock:
    """Return the first table of a section, also that of a figure."""
    tables = (b.table if isinstance(b, Figure) else b for b in section.blocks)
    return next(block for block in tables if isinstance(block, TableBlock))


def texts(table: TableBlock) -> list[list[str]]:
    """Return the cells of a table as texts."""
    return [[c.text if isinstance(c, Datum) else str(c) for c in r.cells] for r in table.rows]


# --- sections ------------------------------------------------------------------------------------


def test_a_cell_has_its_drop_outcome_and_link(tmp_path: Path) -> None:
    """Mark and sign in the text, the outcome for its colour, the number to sort by."""
    reviews = {n: checkpoint(n, broken={"sums": b}) for n, b in (("a", 60), ("b b", 0))}
    root = checkpoints.write(tmp_path, reviews)
    sources = read_named(review_files([root]))
    (candidates, *_) = sections(build(sources, root), figures_of(sources))

    table = table_of(candidates)

    assert [column.name for column in table.columns] == [
        "candidate", "verdict", "gain: ticket_routing", "sums",
    ]  # fmt: skip
    lost = Datum(
        text="✗ +14.5", href="a/report.html#judged=sums", outcome=Outcome.REGRESSED, key=0.145
    )
    assert table.rows[0].cells[3] == lost
    assert table.rows[1].cells[0] == Datum(text="b b", href="b%20b/report.html")


def test_a_gain_is_shown_as_a_gain() -> None:
    """Above 0 is better there, in its column alone."""
    table = table_of(shown({n: checkpoint(n, n_gained=80) for n in "ab"})["candidates"])

    assert texts(table)[0][2] == "✓ +20.0"


def test_may_ship_is_a_column_only_of_a_choice() -> None:
    """Without --choose the head says what to do for one."""
    alone = {n: checkpoint(n) for n in "ab"}
    chosen = {n: checkpoint(n, choose="choose.shared-alpha") for n in "ab"}

    assert "may ship" not in [c.name for c in table_of(shown(alone)["candidates"]).columns]
    assert headline(overview(alone)) == ALONE
    table = table_of(shown(chosen)["candidates"])
    assert [c.name for c in table.columns][2] == "may ship"
    assert [row[2] for row in texts(table)] == ["yes", "yes"]
    assert "a, b may ship" in headline(overview(chosen))


def test_nothing_of_a_choice_passed() -> None:
    """And so the head says."""
    reviews = {n: checkpoint(n, broken={"sums": 60}, choose="choose.shared-alpha") for n in "ab"}

    assert "none passed" in headline(overview(reviews))


def test_candidates_without_a_verdict_stand_in_the_matrix_with_their_reason() -> None:
    """At their step, and not among those that were judged."""
    failed = NamedReview(
        name="c-2",
        file=ROOT / "c-2" / "failure.json",
        review=None,
        reason="no memory",
        exit_code=20,
    )
    sources = [failed, *checkpoints.sources({n: checkpoint(n) for n in ("c-1", "c-3")})]

    made = build(sources, ROOT)

    section = sections(made, figures_of(sources))[0]
    assert [row[:2] for row in texts(table_of(section))] == [
        ["c-1", "✓ PASS"], ["c-2", "no verdict, exit 20"], ["c-3", "✓ PASS"],
    ]  # fmt: skip
    assert ("c-2: no memory",) in [b.lines for b in section.blocks if isinstance(b, Listing)]
    assert counted(made) == ("3 candidates", "2 PASS, 1 without a verdict")


def test_gain_against_loss_has_the_front_first() -> None:
    """The figure of `cliffguard figures`, and a table of its points."""
    section = shown(trained(5))["gain"]

    assert [b.chart.name for b in section.blocks if isinstance(b, Figure)] == ["gain"]
    marks = [row[-1] for row in texts(table_of(section))]
    assert marks == sorted(marks, reverse=True)
    assert set(marks) == {"yes", ""}


def test_without_a_target_there_is_no_gain() -> None:
    """Nothing is drawn of nothing."""
    reviews = {n: checkpoint(n) for n in "ab"}
    sources = checkpoints.sources(reviews)

    assert "gain" not in {s.anchor for s in sections(build(sources, ROOT), {})}


def test_the_training_says_where_falls_begin() -> None:
    """The chart, a row a capability, and the last step that passes in the first line."""
    section = shown(trained(40))["training"]

    assert texts(table_of(section))[0] == ["multi_step_reasoning", "8000", "9 of 40", "+35.8 pp"]
    first = section.blocks[0]
    assert plain(first.text) == (  # type: ignore[union-attr]
        "Last PASS: 7000; REGRESSED: multi_step_reasoning from 8000 on."
    )


@pytest.mark.parametrize(
    ("names", "words"),
    [
        (("a", "b-2"), "a ends in no step"),
        (("a", "b", "c", "d", "e-1"), "a, b, c and 1 more end in no step"),
        (("x/c-2", "y/c-2"), "x/c-2, y/c-2 end in the same step"),
        (("alone",), None),
        (("c-1", "c-2"), None),
    ],
)
@pytest.mark.parametrize("form", ["html", "markdown"])
def test_without_a_trajectory_it_is_said_why(
    names: tuple[str, ...], words: str | None, form: str
) -> None:
    """With what the names would have to be; nothing where there is one, or one candidate."""
    sources = [
        NamedReview(name=name, file=ROOT / name / "review.json", review=checkpoint(name))
        for name in names
    ]

    text = OverviewReport(sources=sources, folder=ROOT).render(form)

    assert ("No trajectory is shown" in text) is (words is not None)
    assert words is None or words in text


@pytest.mark.parametrize("name", ["sums", "a b/c", "ü %41 (x)", "n" * 300, HOSTILE])
def test_a_cell_leads_to_its_capability(tmp_path: Path, name: str) -> None:
    """The page of the candidate has a row of that address, whatever it is called."""
    root = checkpoints.write(tmp_path, {"a": checkpoint("a", broken={name: 60, "other": 3})})
    sources = read_named(review_files([root]))
    assert sources[0].review is not None
    page = render(sources[0].review, "html")

    row = table_of(sections(build(sources, root), {})[0]).rows[0]
    leads = [cell.href for cell in row.cells if isinstance(cell, Datum) and "#judged" in cell.href]

    assert len(leads) == 3  # the target's as well
    for href in leads:
        assert page.count(f'id="{href.partition("#")[2]}"') == 1
        assert not re.search(r"[\s()<>\"*]", href)


def test_items_are_counted_and_named(tmp_path: Path) -> None:
    """By capability; who lies without items is said."""
    items = {"a": [item("x", 0), item("y", 0)], "b": [item("x", 0), item("y", 1)]}
    reviews = {n: checkpoint(n) for n in ("a", "b", "without")}
    root = checkpoints.write(tmp_path, reviews, items)
    sources = read_named(review_files([root]))

    section = {s.anchor: s for s in sections(build(sources, root), {})}["items"]

    assert texts(table_of(section)) == [["multi_step_reasoning", "2", "2", "1", "1"]]
    listed = [b.lines for b in flat(section.blocks) if isinstance(b, Listing)]
    assert listed == [
        ("multi_step_reasoning: 1 item: ball_passing/x",),
        ("a, multi_step_reasoning: 1 item: ball_passing/y",),
    ]
    assert "left out: without" in plain(section.blocks[0].text)  # type: ignore[union-attr]


def test_markdown_of_forty_fits_a_comment() -> None:
    """65,536 characters on a pull request, though each candidate broke much alone."""
    made = overview(trained(40))
    named = tuple(
        BrokenItem(task="multi_step_reasoning_items", item=f"reasoning-{n:04}") for n in range(10)
    )
    alone = tuple(BrokenAlone(candidate=c.name, n_items=12, items=named) for c in made.candidates)
    row = BrokenItems(
        capability="multi_step_reasoning", n_candidates=40, n_common=500, n_by_all=0, n_alone=480,
        by_all=(), alone=alone,
    )  # fmt: skip

    markdown = markdown_of(document(replace(made, broken=(row,) * 4), {}))

    assert markdown.count(", multi_step_reasoning: 12 items: ") == 160
    assert len(markdown) < 65_536


@pytest.mark.parametrize(
    ("path", "address"),
    [
        ("a b/report.html", "a%20b/report.html"),
        ("javascript:alert(1)/report.html", "javascript%3Aalert%281%29/report.html"),
        ('"><script>/r.html', "%22%3E%3Cscript%3E/r.html"),
        ("a?b#c/report.html", "a%3Fb%23c/report.html"),
        ("../ü/report.html", "../%C3%BC/report.html"),
    ],
)
def test_a_link_is_a_path_and_nothing_else(path: str, address: str) -> None:
    """Names of folders are not ours."""
    assert link(path) == address


# --- pages ---------------------------------------------------------------------------------------


def written(reviews: Mapping[str, Review], form: str) -> str:
    """Return an overview in a format."""
    return OverviewReport(sources=checkpoints.sources(reviews, ROOT), folder=ROOT).render(form)


@pytest.mark.parametrize("form", ["html", "markdown", "json", "text"])
def test_the_same_reviews_give_the_same_bytes(form: str) -> None:
    """In every format."""
    assert written(trained(3), form) == written(trained(3), form)


def test_a_page_links_each_cell_and_has_the_number_to_sort_by(tmp_path: Path) -> None:
    """In the colour of its outcome, which its mark says as well."""
    reviews = {n: checkpoint(n, broken={"sums": 60}) for n in ("a", "b")}
    root = checkpoints.write(tmp_path, reviews)
    made = OverviewReport(sources=read_named(review_files([root])), folder=root)

    page, markdown = made.render("html"), made.render("markdown")

    link = '<a class="outcome REGRESSED" href="a/report.html#judged=sums">✗ +14.5</a>'
    assert f'data-key="0.145">{link}</td>' in page
    assert '<a href="b/report.html">b</a>' in page
    assert "[✗ +14.5](a/report.html#judged=sums)" in markdown
    assert page.count("<script") == 1  # the one that sorts


def test_the_head_is_of_all(tmp_path: Path) -> None:
    """How many there are, how they were judged, and where the training fell."""
    markdown = written(trained(3), "markdown")

    assert markdown.splitlines()[:7] == [
        "# 3 candidates",
        "",
        "**Each candidate judged alone; to ship one of n, judge with --choose.** 1 PASS, 2 FAIL.",
        "",
        "Base Qwen/Qwen2.5-0.5B-Instruct.",
        "",
        "Last PASS: 500; REGRESSED: multi_step_reasoning from 750 on",
    ]


def test_points_on_the_front_have_the_first_numbers() -> None:
    """Of forty, twenty are numbered."""
    reviews = {f"beaten{n}": checkpoint("x", n_gained=1 + n, broken={"sums": 9}) for n in range(25)}
    reviews["best"] = checkpoint("best", n_gained=100, broken={"sums": 0})

    assert re.search(r">1</text>.*?>best</text>", written(reviews, "html"), re.DOTALL)


def test_hostile_texts_are_words_on_a_page() -> None:
    """Names of folders, capabilities and items bring no markup, links, or mentions."""
    reviews = {n: checkpoint(n, broken={HOSTILE: 60}) for n in ("a", "b")}
    sources = [
        NamedReview(name=f"{HOSTILE}{n}", file=ROOT / n / "review.json", review=reviews[n])
        for n in reviews
    ]
    failed = NamedReview(
        name=HOSTILE, file=ROOT / "c" / "failure.json", review=None, reason=HOSTILE, exit_code=20
    )
    made = OverviewReport(sources=[*sources, failed], folder=ROOT)

    page, markdown = made.render("html"), made.render("markdown")

    assert "<script" not in markdown
    assert page.count("<script") == 1  # ours
    assert "<img" not in page + markdown
    assert "@maintainer" not in markdown
    assert not re.search(r"(?<!\\)\]\(http", markdown)
    assert not {"\x1b", "\u202e", "\x00"} & set(page + markdown)


# --- the terminal --------------------------------------------------------------------------------


def printed(made: Overview, width: int) -> list[str]:
    """Return the lines of the matrix on a terminal."""
    stream = StringIO()
    print_matrix(made, Console(file=stream, width=width, color_system=None))
    return [line.rstrip() for line in stream.getvalue().splitlines()]


@pytest.mark.parametrize("n", [2, 3, 40])
@pytest.mark.parametrize("width", [80, 120])
def test_the_matrix_has_a_line_a_candidate_and_four(n: int, width: int) -> None:
    """At any width; the candidate's name and verdict are whole."""
    lines = printed(overview(trained(n)), width)

    assert len(lines) <= n + 4
    assert max(map(len, lines)) <= width
    assert lines[3 + n - 1].startswith(f"checkpoint-{250 * n} ")
    assert "✗ FAIL" in lines[3 + n - 1]


def test_what_failed_by_all_together_says_so() -> None:
    """No cell is REGRESSED: a column of its own has the mark, in every format."""
    reviews = trained(2)
    name = next(iter(reviews))
    thin = Pooled(drop=0.0321, p_value=1e-4, n_capabilities=4, has_dropped=True)
    verdict = replace(reviews[name].verdict, outcome=Outcome.FAIL, pooled=thin)
    failed = {**reviews, name: replace(reviews[name], verdict=verdict)}

    lines = printed(overview(failed), 80)
    table = table_of(shown(failed)["candidates"])

    assert any("all to-" in line for line in lines)
    assert sum("✗ +3.2" in line for line in lines) == 1
    assert max(map(len, lines)) <= 80
    assert [column.name for column in table.columns][2] == "all together"
    assert "✗ +3.2" in str(texts(table))
    assert {len(row.cells) for row in table.rows} == {len(table.columns)}
    assert not any("all to-" in line for line in printed(overview(reviews), 80))


def test_all_of_the_adjacent_suite_fits_on_eighty_columns() -> None:
    """Four capabilities and the gain."""
    lines = printed(overview(trained(3)), 80)

    assert [" ".join(line.split()) for line in lines[1:4]] == [
        "drop in pp, target's multi_step_ refusals out_of_ reading_",
        "+ is worse verdict gain reasoning domain_qa in_context",
        "checkpoint-250 ✗ FAIL ✓ +13.2 ✓ −0.2 ✗ +10.8 ✓ 0.0 ✓ −0.2",
    ]


def test_losses_for_which_there_is_no_room_are_counted() -> None:
    """No capability that was lost is hidden by a narrow terminal."""
    lost = {f"capability_{number}": 60 for number in range(20)}
    made = overview({n: checkpoint(n, broken=lost) for n in "ab"})

    lines = printed(made, 80)

    n_shown = lines[3].count("✗ +14.5")
    assert lines[1].split()[-1] == str(20 - n_shown)
    assert lines[3].endswith(f"✗ {20 - n_shown}")


def test_long_names_keep_their_ends() -> None:
    """Which tell them apart."""
    name = "runs/with/a/long/path/of/many/folders/checkpoint-1000"
    sources = [
        NamedReview(name=n, file=ROOT / n / "review.json", review=checkpoint(n))
        for n in (name, "b")
    ]

    lines = printed(build(sources, ROOT), 80)

    assert lines[3].startswith("…")
    assert "checkpoint-1000 " in lines[3]


def test_falls_are_the_last_line() -> None:
    """With the last step that passes."""
    lines = render_matrix(overview(trained(40))).splitlines()

    assert lines[-1] == "Last PASS: 7000; REGRESSED: multi_step_reasoning from 8000 on"
    assert falls(overview({n: checkpoint(n) for n in "ab"})) == ""


def test_hostile_names_stay_words(tmp_path: Path) -> None:
    """No sequence for terminals, and one line each."""
    reviews = {n: checkpoint(n, broken={HOSTILE: 60}) for n in ("a", "b")}
    sources = [
        NamedReview(name=f"{HOSTILE}{n}", file=ROOT / n / "review.json", review=reviews[n])
        for n in reviews
    ]

    lines = printed(build(sources, ROOT), 80)

    assert len(lines) <= 6
    assert not {"\x1b", "\u202e", "\x00"} & set("".join(lines))


@pytest.mark.parametrize("width", [40, 60, 80, 100])
def test_no_sentence_of_a_narrow_terminal_is_cut(width: int) -> None:
    """What holds for all is whole, flags too; of many names as many as two lines hold."""
    reviews = {f"c-{n}": checkpoint(f"c-{n}", broken={"sums": 60}) for n in (1, 2)}
    long = {f"c-{n}": checkpoint(f"c-{n}", broken=dict.fromkeys("abcd" * 40, 60)) for n in (1, 2)}
    crowd = {
        f"c-{n}": checkpoint(f"c-{n}", broken={f"capability_{k}": 60 for k in range(30)})
        for n in (1, 2)
    }

    for of in (reviews, long, crowd):
        lines = render_matrix(overview(of), width).splitlines()
        assert ALONE in " ".join(lines[:2])
        assert max(map(len, lines)) <= width
        last = len(lines) - next(n for n, line in enumerate(lines) if "No step passes" in line)
        assert last <= 2
    words = " ".join(render_matrix(overview(reviews), width).splitlines()[-2:])
    assert "No step passes; REGRESSED: sums from 1 on" in words
