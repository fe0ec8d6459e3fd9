"""Items that broke: a lower score under the candidate, as a selection."""

from __future__ import annotations

from cliffguard.core.reviews import Example
from cliffguard.core.texts import shorten
from cliffguard.report import numbers
from cliffguard.report.blocks import Code, Details, Paragraph, Section
from cliffguard.report.clean import one_line
from cliffguard.report.page import Page

ANCHOR = "broken"  # the page's data has the id "items"

_MOST = 10  # a job summary and a comment have their limits
_PROMPT_CHARACTERS = 600
_ANSWER_CHARACTERS = 300


def section(page: Page) -> Section:
    """Return the first of the selected items, of what failed the gate first."""
    every = [example for _, group in page.examples for example in group]
    left_out = len(every) - _MOST
    more = f" {left_out:,} more are in review.json." if left_out > 0 else ""
    intro = f"The candidate's score counts less than the base's.{more}" if every else "None."
    return Section(
        title="Items that broke",
        anchor=ANCHOR,
        blocks=(
            Paragraph(text=intro, is_brief=False),
            *(_example(example) for example in every[:_MOST]),
        ),
    )


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
