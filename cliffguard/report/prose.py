"""Sentences of ours, in which commands stand in backticks beside names that others gave."""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence

from cliffguard.core.reviews import Review
from cliffguard.report.blocks import Span
from cliffguard.report.clean import one_line


def spans(text: str, quoting: Sequence[str]) -> Iterator[str | Span]:
    """Yield the parts of a sentence: what stands in backticks as code, the rest as it is.

    Names that hold a backtick themselves, which `quoting` returns, are no code, nor begin any.
    """
    names = sorted(quoting, key=len, reverse=True)
    code = "|".join((*map(re.escape, names), r"`(?P<code>[^`]+)`"))
    before, end = "", 0
    for match in re.finditer(code, text):
        before += text[end : match.start()]
        end = match.end()
        if match["code"] is None:
            before += match[0]
            continue
        if before:
            yield before
        yield Span(match["code"], "code")
        before = ""
    if rest := before + text[end:]:
        yield rest


def quoting(names: Iterable[str]) -> tuple[str, ...]:
    """Return the names that hold a backtick, as sentences of a report spell them."""
    return tuple({one_line(name) for name in names if "`" in name})


def names_in(review: Review) -> Iterator[str]:
    """Yield what others named in a review, and sentences repeat."""
    yield from (review.comparison.base.label, review.comparison.candidate.label)
    for finding in review.verdict.findings:
        yield from filter(None, (finding.capability, finding.suite, finding.stratum))
    for row in review.comparison.capabilities:
        yield from (task.task for task in row.diagnostics.tasks)
        yield from (stratum.name for stratum in row.diagnostics.strata)
        yield from (ladder.level_name for ladder in row.diagnostics.ladders)
