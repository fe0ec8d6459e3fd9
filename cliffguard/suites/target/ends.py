"""Where answers end: marks of their end, and after how many tokens a model is cut off."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cliffguard.core.errors import SuiteError
from cliffguard.core.settings import TargetData
from cliffguard.core.texts import n_things, plural
from cliffguard.suites.scorers import SCORERS
from cliffguard.suites.structure.call_readers import without_ends
from cliffguard.suites.target.cells import Value, as_text
from cliffguard.suites.target.drafts import ParsedRow
from cliffguard.suites.target.metrics import ScoringPlan

MOST_TOKENS = 2048
"""That a right answer is given by its length."""

_RULES = ("regex", "excludes", "constraints", "json_schema", "language")
"""Metrics whose right answer is a rule, and no text that a model would say."""


def without_end_marks(
    drafts: Sequence[ParsedRow], metric: str | None
) -> tuple[Sequence[ParsedRow], str | None]:
    """Return drafts without the marks that end their answers, and a note on it.

    A model says a mark as a token that is not part of its text. Raises SuiteError with the row of
    an answer that is nothing else.
    """
    if metric in _RULES:
        return drafts, None
    kept = [
        replace(draft, answers=tuple(_bare(a, draft) for a in draft.answers)) for draft in drafts
    ]
    n = sum(new.answers != old.answers for new, old in zip(kept, drafts, strict=True))
    if not n:
        return drafts, None
    ends = plural(n, "ends", "end")
    rows = f"{n} of {n_things(len(drafts), 'right answer')}"
    return kept, f"{rows} {ends} with a template's mark, such as <|im_end|>, which is left out."


def _bare(answer: Value, draft: ParsedRow) -> Value:
    if not isinstance(answer, str) or draft.is_call or answer in draft.choices:
        return answer
    text = without_ends(answer)
    is_struck = draft.chat is None and answer.strip().endswith("</s>") and "<s>" in answer  # HTML
    if text == answer.strip() or is_struck:
        return answer
    if not text:
        raise SuiteError(
            f"{draft.row.where}: the right answer is {answer.strip()!r} alone, which ends a turn; "
            "leave the row out, or name a column with --target-answer",
            id="target.no-answer",
        )
    return text


def token_limit(drafts: Sequence[ParsedRow], way: ScoringPlan, target: TargetData) -> int | None:
    """Return how many tokens an answer may have; None: as many as its metric lets it.

    In chats half as many as the longest answer has characters, up to the next power of two.
    `drafts` hold answers as the data have them, with the steps to a result.
    """
    scorer = SCORERS.get(way.metric)
    is_fixed = target.max_tokens is not None or way.metric in _RULES or drafts[0].chat is None
    if scorer is None or is_fixed:
        return target.max_tokens
    needed = (longest_answer(drafts) + 1) // 2
    limit = min(MOST_TOKENS, 1 << (needed - 1).bit_length())
    return limit if limit > scorer.max_tokens else None


def longest_answer(drafts: Sequence[ParsedRow]) -> int:
    """Return how many characters the longest right answer has."""
    return max(len(as_text(answer)) for draft in drafts for answer in draft.answers)


def limit_note(drafts: Sequence[ParsedRow], limit: int | None, target: TargetData) -> str | None:
    """Return what is said of a limit that follows from the data."""
    if limit is None or target.max_tokens is not None:
        return None
    return (
        f"The longest right answer has {n_things(longest_answer(drafts), 'character')}: answers "
        f"are cut off after {limit} tokens (--target-max-tokens)."
    )
