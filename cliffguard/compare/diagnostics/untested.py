"""Causes that cannot be looked for in a capability's answers, with what is missing."""

from __future__ import annotations

from collections.abc import Container, Iterator, Mapping, Sequence

from cliffguard.compare.diagnostics.bad_calls import TOOL_CALL
from cliffguard.compare.diagnostics.counted import CountedItem
from cliffguard.compare.diagnostics.languages import has_language
from cliffguard.compare.diagnostics.leaks import Leaks, offers_label
from cliffguard.compare.diagnostics.other_readers import is_readable
from cliffguard.core.diagnosis import CauseName, UntestedCause
from cliffguard.core.languages import LEAST_LETTERS
from cliffguard.core.reviews import SAMPLES

_OF_TEXTS: tuple[CauseName, ...] = ("cut", "degenerate", "format", "refusal", "wrong_language")


def untested_causes(
    items: Sequence[CountedItem], leaks: Leaks, *, shown: Container[CauseName]
) -> Iterator[UntestedCause]:
    """Yield the causes that no reader can try on these items; some answers have `shown` theirs."""
    generated = [item for item in items if item.pair.candidate.finish_reason != "choice"]
    why: dict[CauseName, str] = {}
    if not any(item.pair.task.metric == TOOL_CALL for item in items):
        why["bad_call"] = "no item here asks for a tool"
    if not generated:
        why |= dict.fromkeys(_OF_TEXTS, "all items are choices")
        if not any(offers_label(leaks, item.pair.item) for item in items):
            why["leak"] = "no item offers a label of the target among other choices"
    else:
        why |= _unread(generated, shown)
    if leaks.why:
        why["leak"] = leaks.why
    return (UntestedCause(cause=cause, why=reason) for cause, reason in why.items())


def _unread(
    generated: Sequence[CountedItem], shown: Container[CauseName]
) -> Mapping[CauseName, str]:
    """Return which readers have nothing to read in generated answers."""
    why: dict[CauseName, str] = {}
    if not any(is_readable(item.pair.task) for item in generated):
        why["format"] = "the metric is about all of the text"
    if all(item.pair.task.suite == SAMPLES for item in generated) and "cut" not in shown:
        why["cut"] = "logged samples do not say how an answer ended"
    is_told = any(has_language(item.worse.text) for item in generated if item.drop)
    if not is_told and "wrong_language" not in shown:
        why["wrong_language"] = f"no answer that changed has {LEAST_LETTERS} letters of prose"
    return why
