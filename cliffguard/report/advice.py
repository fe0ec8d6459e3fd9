"""What to do about a cause or a pattern: steps, each with what was measured of it, from a table."""

from __future__ import annotations

import re
import shlex
from dataclasses import dataclass, replace
from functools import cache
from pathlib import Path

from cliffguard.compare.diagnosis import NO_MODEL, NOT_PROBED
from cliffguard.compare.kept_texts import is_left_out
from cliffguard.core.behaviours import Behaviour
from cliffguard.core.diagnosis import CauseName, PatternKind
from cliffguard.core.errors import UsageError
from cliffguard.core.reviews import Outcome
from cliffguard.core.validation import adapter_of, validate
from cliffguard.core.yaml_files import read_yaml
from cliffguard.report.clean import one_line
from cliffguard.report.commands import FOLDER, in_backticks, plan_in
from cliffguard.report.figures.several import earlier_of, step_of
from cliffguard.report.page import Page
from cliffguard.report.reasons import Reason, named, reasons

_STANDS_FOR = re.compile(rf"\b(?:KEY|NAME|PLAN|{FOLDER})\b|{{(?:candidate|before)}}")

_MORE_MENDS = (
    "tokens does not reach", "time was up", "prove nothing", "no item was fixed", "interrupted",
)  # fmt: skip
"""In the reasons why probes ended: those that a run of more items, or a longer one, mends."""

_RESCUE = "cliffguard rescue"  # which takes no plan of a half

_MOST_BEHAVIOURS = 2  # of a report's steps

MOST_STEPS = 3
"""Of one capability; more are in the documentation."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Advice:
    """One step: what to `do`, what was measured of it, by whom, and the command that does it.

    `sources` are numbers of arXiv, addresses, and pages of this project. In the place of `do` stand
    `at_step` where the candidate is a checkpoint with a step, `of_no_word` where the pattern is a
    place or a beginning, `without_words` where its words were left out, `where_tried` where the run
    asked again and nothing came of it. `needs_files`: the models have to be there, not only what
    they answered.
    """

    do: str
    evidence: str
    sources: tuple[str, ...]
    command: str = ""
    at_step: str = ""
    of_no_word: str = ""
    without_words: str = ""
    where_tried: str = ""
    needs_files: bool = False


@dataclass(frozen=True, slots=True, kw_only=True)
class AdviceTable:
    """All steps by name, and the names of those that follow from each cause, pattern, behaviour."""

    steps: dict[str, Advice]
    causes: dict[CauseName, tuple[str, ...]]
    patterns: dict[PatternKind, tuple[str, ...]]
    behaviours: dict[Behaviour, tuple[str, ...]]


@cache
def advice_table() -> AdviceTable:
    """Return the table that the package holds. Raises UsageError where somebody has damaged it."""
    path = Path(__file__).with_name("advice.yaml")
    return validate(adapter_of(AdviceTable), read_yaml(path, UsageError), str(path), UsageError)


def advice_for(reason: Reason, page: Page) -> tuple[Advice, ...]:
    """Return at most three steps for what is named of a capability, the cheapest first.

    Nothing follows from a cause that was not tested, nor from models that are not there.
    """
    table = advice_table()
    names = {str(key): steps for key, steps in (*table.causes.items(), *table.patterns.items())}
    if reason.key in {untested.cause for untested in reason.diagnosis.untested}:
        return ()
    steps = (table.steps[name] for name in names[reason.key])
    wanted = [
        step
        for step in steps
        if not (step.needs_files and page.is_of_samples)
        and not (step.where_tried and _is_in_vain(reason.diagnosis.unprobed))
    ]
    return tuple(_made_out(step, reason, page) for step in wanted[:MOST_STEPS])


def _is_in_vain(why: str) -> bool:
    """Return whether asking again came to nothing for a reason that asking more does not mend."""
    return _was_tried(why) and not any(words in why for words in _MORE_MENDS)


def _was_tried(why: str) -> bool:
    return why not in ("", NOT_PROBED, NO_MODEL)


def first_advice(page: Page) -> str:
    """Return the first step for the worst capability that broke, in a line; empty without any."""
    for reason in reasons(page):
        for step in advice_for(reason, page):
            command = f" `{step.command}`" if step.command else ""
            return f"Try first, for {reason.capability}: {_lower(step.do)}{command}"
    return ""


def behaviour_advice(page: Page) -> list[str]:
    """Return the first step for each behaviour that regressed, a line each, two at most."""
    table, lines = advice_table(), []
    for row in page.rows:
        behaviour, is_lost = row.finding.behaviour, row.finding.outcome is Outcome.REGRESSED
        if behaviour is None or not is_lost or row.finding.role == "monitored":
            continue
        step = table.steps[table.behaviours[behaviour][0]]
        command = _command(step.command, page)
        shown = f" `{command}`" if command else ""
        lines.append(f"Try first, for {row.capability}: {_lower(_do(step, page))}{shown}")
    return lines[:_MOST_BEHAVIOURS]


def source_name(source: str) -> str:
    """Return a source as a reader looks it up."""
    return f"arXiv {source}" if source[:4].isdigit() else source.removeprefix("https://")


def _made_out(step: Advice, reason: Reason, page: Page) -> Advice:
    """Return a step that names the candidate's own step, the pattern, and what kept it before."""
    pattern, why = reason.pattern, reason.diagnosis.unprobed
    do = _do(step, page)
    if step.where_tried and _was_tried(why):
        do = step.where_tried.replace("{why}", one_line(why))
    if pattern is not None:
        if step.of_no_word and not named(pattern).startswith('"'):
            do = step.of_no_word
        is_bare = step.without_words and is_left_out(pattern)
        do = step.without_words if is_bare else do.replace("{pattern}", named(pattern))
    key, name = "" if pattern is None else pattern.key, reason.diagnosis.capability
    return replace(step, do=do, command=_command(step.command, page, key=key, name=name))


def _do(step: Advice, page: Page) -> str:
    number = step_of(page.review.plan.candidate)
    return (
        step.at_step.format(step=f"{number:,}") if step.at_step and number is not None else step.do
    )


def _command(command: str, page: Page, *, key: str = "", name: str = "") -> str:
    """Return a command as the reader's shell takes it; empty where it lacks what it is about.

    That may be the `key` of a pattern, and the `name` of a capability.
    """
    plan, candidate = plan_in(page.review, page.folder), page.review.plan.candidate
    words = {
        "KEY": key,
        "NAME": name,
        FOLDER: page.folder,
        "PLAN": plan,
        "{candidate}": candidate,
        "{before}": earlier_of(candidate),
    }
    is_of_half = page.review.plan.half is not None and command.startswith(_RESCUE)
    if is_of_half or not all(words[each] for each in _STANDS_FOR.findall(command)):
        return ""
    return _STANDS_FOR.sub(
        lambda match: shlex.quote(in_backticks(words[match[0]], match[0].strip("{}").upper())),
        command,
    )


def _lower(sentence: str) -> str:
    return sentence[:1].lower() + sentence[1:]
