"""The table of behaviour, and what is noted under it."""

from __future__ import annotations

from dataclasses import replace

import pytest

from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.diagnostics import ResponseComparison
from cliffguard.core.reviews import Outcome
from cliffguard.report.blocks import Listing, Section, TableBlock
from cliffguard.report.html import render_html
from cliffguard.report.markdown import render_markdown
from cliffguard.report.page import lay_out
from cliffguard.report.sections import behaviour as behaviours
from cliffguard.report.text import render_text
from tests import support
from tests.report import samples


def viewed(
    behaviour: ResponseComparison | None, *, n_broken: int = 8, n_lost: int = 0, **changes: object
) -> Section | None:
    """Return the section of a review of one capability; `changes` are of its finding."""
    capability: CapabilityComparison = support.changed(
        samples.measured(
            "reading", n_items=200, n_right_base=160, n_broken=n_broken, n_fixed=6, p_drop=0.3,
            behaviour=behaviour,
        ),
        n_lost=n_lost,
    )  # fmt: skip
    finding = replace(samples.finding(capability, Outcome.HELD, "held"), **changes)  # type: ignore[arg-type]
    return behaviours.section(
        lay_out(samples.review(Outcome.PASS, "held.", [(capability, finding)]))
    )


def notes(behaviour: ResponseComparison, **changes: object) -> tuple[str, ...]:
    """Return what is noted about one capability."""
    section = viewed(behaviour, **changes)  # type: ignore[arg-type]
    assert section is not None
    lists = [block for block in section.blocks if isinstance(block, Listing)]
    return tuple(str(line).removeprefix("reading: ") for lines in lists for line in lines.lines)


def talking(**candidate: float) -> ResponseComparison:
    """Return how two sides answer in words; alike but for what is given."""
    behaviour = samples.talking()
    even = replace(behaviour.base, empty=0.0)
    return replace(
        behaviour, agreement=0.9, n_worse_cut=0, base=even, candidate=replace(even, **candidate)
    )


def test_no_behaviour_no_section() -> None:
    """Where nothing is known, no report has an empty table."""
    assert viewed(None) is None
    for render in (render_markdown, render_html, render_text):
        assert "Behaviour" not in render(samples.inconclusive())


def test_only_columns_with_a_value() -> None:
    """Choices have no length, and no column for it."""
    section = viewed(samples.choosing())

    assert section is not None
    (table,) = (block for block in section.blocks if isinstance(block, TableBlock))
    names = [column.name for column in table.columns]
    assert names == ["capability", "agreement", "confident wrong", "smECE"]
    assert table.rows[0].cells == ("reading", "93.5 %", "2.0 → 2.0 %", "4.4 → 4.4 %")
    assert "length" not in str(section.blocks[-1])


def test_two_alike_are_not_worth_a_note() -> None:
    """No change, no note."""
    assert notes(talking()) == ()
    assert notes(samples.choosing()) == ()


@pytest.mark.parametrize(
    ("candidate", "note"),
    [
        ({"mean_tokens": 115.0}, "answers are 40 % shorter (192 → 115 tokens on average)"),
        ({"mean_tokens": 115.6}, None),
        ({"mean_tokens": 330.0}, "answers are 72 % longer (192 → 330 tokens on average)"),
        ({"mean_tokens": 310.0}, None),
        ({"repeated": 0.06}, "more answers that run in a circle (0.5 → 6.0 %)"),
        ({"repeated": 0.05}, None),
        ({"cut": 0.09}, "more answers that were cut (3.0 → 9.0 %)"),
        ({"cut": 0.07}, None),
        ({"empty": 0.05}, "more empty answers (0.0 → 5.0 %)"),
        ({"cut": 0.0, "repeated": 0.0}, None),
    ],
)
def test_the_thresholds(candidate: dict[str, float], note: str | None) -> None:
    """Each rule notes what reaches its threshold, and nothing short of it."""
    assert notes(talking(**candidate)) == ((note,) if note else ())


def test_few_answers_make_no_note() -> None:
    """Of 29 answers, two more would be a rise of seven points."""
    assert notes(replace(talking(repeated=0.5), n_generated=29)) == ()


def test_what_the_limit_explains() -> None:
    """More answers cut than items lost on balance: the note counts the broken ones among them."""
    cut = replace(talking(cut=0.04), n_worse_cut=3)

    lines = notes(cut, n_broken=8)

    assert lines == (
        "of 8 broken items, 3 were cut: a higher limit, or other stop strings, would tell whether "
        "anything else was lost",
    )


def test_what_the_limit_does_not_explain() -> None:
    """More was lost than was cut."""
    assert notes(replace(talking(cut=0.04), n_worse_cut=3), n_broken=40) == ()


def test_unanswered_items_are_named() -> None:
    """A thinking that was cut leaves no answer, which is not a broken one."""
    lines = notes(replace(talking(cut=0.06), n_worse_cut=1), n_broken=8, n_lost=1)

    assert lines[0].startswith("of 9 broken or unanswered items, 1 was cut")


def test_other_answers_behind_a_score_that_held() -> None:
    """A score can hold while a third of the answers are others."""
    lines = notes(samples.choosing(agreement=0.69))

    assert lines == (
        "the score held, with other answers: 69.0 % are the same, 3 wrong answers became other "
        "wrong ones",
    )


@pytest.mark.parametrize(
    ("behaviour", "changes"),
    [
        (samples.choosing(agreement=0.71), {}),
        (samples.choosing(agreement=0.5), {"outcome": Outcome.INCONCLUSIVE}),
        (samples.choosing(agreement=0.5), {"role": "target"}),
        (replace(talking(), agreement=0.1), {}),
    ],
)
def test_other_answers_that_are_expected(
    behaviour: ResponseComparison, changes: dict[str, object]
) -> None:
    """Not where the score moved, not of a target, and not of answers as long as these."""
    assert notes(behaviour, **changes) == ()


def test_confident_mistakes_need_an_interval_above_zero() -> None:
    """A rise that may be none is not noted."""
    assert notes(samples.choosing(rise=0.03)) == ()
    assert notes(samples.choosing(rise=0.04)) == (
        "more answers that are confident and wrong (2.0 → 6.0 %, interval of the rise "
        "[+1.0, +7.0] pp)",
    )


def test_every_report_has_the_notes() -> None:
    """The terminal has the notes alone, the files the table as well."""
    review = samples.failed()
    text = render_text(review)

    assert "answers are 48 % shorter (192 → 99 tokens on average)" in text
    assert "smECE" not in text
    for render in (render_markdown, render_html):
        assert "×0.52" in render(review)
        assert "answers are 48 % shorter (192 → 99 tokens on average)" in render(review)
