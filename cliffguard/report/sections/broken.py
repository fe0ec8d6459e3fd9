"""Items that broke: a lower score under the candidate, the first of them."""

from __future__ import annotations

from cliffguard.core.reviews import Example
from cliffguard.core.texts import n_things, shorten
from cliffguard.report import numbers
from cliffguard.report.blocks import Block, Code, Details, Paragraph, Section
from cliffguard.report.clean import one_line
from cliffguard.report.first_broken import closing, first_broken, n_broken_of, order_of
from cliffguard.report.largest_changes import MOST_QUOTED
from cliffguard.report.next_steps import where_broken
from cliffguard.report.page import Page

ANCHOR = "broken"  # the page's data has the id "items"

MOST = MOST_QUOTED  # a job summary has its limits
_PROMPT_CHARACTERS = 600
_ANSWER_CHARACTERS = 300


def section(page: Page, n: int) -> Section:
    """Return the first `n` items that broke where the gate is closed; where it is open, of all.

    For 0 no item is read, and nothing stands under the title.
    """
    return Section(title="Items that broke", anchor=ANCHOR, blocks=_blocks(page, n) if n else ())


def _blocks(page: Page, n: int) -> tuple[Block, ...]:
    rows = closing(page)
    where = " where the gate is closed" if rows else ""
    rows = rows or list(page.rows)
    shown = first_broken(page, rows, n)
    of = n_things(n_broken_of(rows), "item", ",")
    intro = f"{len(shown)} of {of} that broke{where}{order_of(shown, rows)}."
    if not shown:
        intro = f"{of} broke{where}; none is quoted."
    intro = f"{intro} {where_broken(page)}" if n_broken_of(rows) else "None."
    return (Paragraph(text=intro, is_brief=False), *map(_example, shown))


def _example(example: Example) -> Details:
    level = "" if example.level is None else f", level {example.level}"
    names = (one_line(name) for name in (example.capability, example.task, example.item_id))
    answers = (
        ("Right answer", example.answer, None),
        ("Base", example.base_text, example.base_confidence),
        ("Candidate", example.candidate_text, example.candidate_confidence),
    )
    blocks: list[Code | Paragraph] = [Code(text=shorten(example.prompt, _PROMPT_CHARACTERS))]
    for label, text, confidence in answers:
        sure = "" if confidence is None else f" (confidence {numbers.percent(confidence)})"
        blocks += [
            Paragraph(text=f"{label}{sure}:"),
            Code(text=shorten(text, _ANSWER_CHARACTERS)),
        ]
    return Details(summary="{}: {}, item {}".format(*names) + level, blocks=tuple(blocks))
