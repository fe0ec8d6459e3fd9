"""Where a verdict goes: reports, and the exit code."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from pathlib import Path
from typing import TYPE_CHECKING, NamedTuple

from cliffguard.cli.console import ProgressOutput, complain, write_data
from cliffguard.cli.options import URL_VARIABLE
from cliffguard.cli.report_folders import names_of
from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import CliffguardError
from cliffguard.core.files import write_whole
from cliffguard.core.progress import doing
from cliffguard.core.settings import are_both
from cliffguard.core.signals import raise_put_off

if TYPE_CHECKING:
    from cliffguard.cli.tracking import Tracking
    from cliffguard.compare.write_review import Decision
    from cliffguard.core.reviews import Review
    from cliffguard.core.settings import Plan
    from cliffguard.core.texts import Texts
    from cliffguard.core.timing import Spent
    from cliffguard.planning.selection import CandidateReview, Choice
    from cliffguard.report.comment_options import CommentOptions
    from cliffguard.runners import Runner


def one_of_both(plan: Plan, plans: Sequence[Plan]) -> tuple[Caveat, ...]:
    """Return what a report says where another one stands beside it that has to pass as well."""
    if not are_both(plans):
        return ()
    here, there = "each side's own chat template", "the base's chat template on both sides"
    if plan.protocol.chat_template == "base":
        here, there = there, here
    text = f"This is under {here}; the comparison under {there} has to pass as well."
    return (Caveat(id="template.one-of-both", text=text),)


def refusals_of(plans: Sequence[Plan], runner: Runner) -> Iterator[str]:
    """Yield which of several candidates will not be asked, before hours are spent on the others."""
    from cliffguard.gate import refused

    for number, plan in enumerate(plans if len(plans) > 1 else (), start=1):
        if failure := refused(plan, runner):
            yield f"! candidate {number} of {len(plans)} will not be asked: {failure.line}"


def worst(codes: Sequence[int]) -> int:
    """Return the exit code of several candidates: that of the one that fared worst."""
    return max(codes, key=_SEVERITY.index)


def code_of_all(
    codes: Sequence[int],
    names: Sequence[str],
    choose: Choice | None,
    say: Callable[[str], None],
) -> int:
    """Return the exit code of several candidates: that of the worst.

    Of candidates that are chosen from it is 0 where one may be shipped; `say` hears which.
    """
    code = worst(codes)
    if choose is None:
        return code
    from cliffguard.planning.selection import shippable

    say(shippable(choose, names, [code == 0 for code in codes]))
    return 0 if 0 in codes else code


# A comparison that cannot be trusted, then a proven loss, then what a retry or a correction mends.
_SEVERITY = (0, 11, 2, 20, 10, 12, 1)


@contextlib.contextmanager
def contained(codes: list[int]) -> Iterator[None]:
    """Say what went wrong with one of several candidates, and let the others be checked."""
    try:
        yield
    except CliffguardError as error:
        complain(error)
        codes.append(error.exit_code)


def in_turn(
    plans: Sequence[Plan],
    folders: Sequence[Path],
    choose: Choice | None,
    ask: Callable[[Plan, Path, Sequence[Caveat]], tuple[CandidateReview, int]],
    remarks: Sequence[Caveat],
) -> list[int]:
    """Ask one candidate after the other, and return their exit codes.

    Of those that share alpha, what is open after all were asked is judged again at what each may
    spend then.
    """
    codes: list[int] = []
    candidates: list[CandidateReview | None] = []
    for plan, folder in zip(plans, folders, strict=True):
        if codes and codes[-1] != 0 and choose == "last":
            break
        with contained(codes) if len(plans) > 1 else contextlib.nullcontext():
            candidate, code = ask(plan, folder, remarks)
            candidates.append(candidate if choose == "any" else None)
            codes.append(code)
        candidates += [None] * (len(codes) - len(candidates))  # one that could not be compared
    if choose == "any":
        from cliffguard.planning.selection import raised, raised_remark

        for index, plan in raised(candidates, plans).items():
            _, codes[index] = ask(plan, folders[index], [raised_remark(plan, len(plans))])
    return codes


def recorded(
    review: Review,
    decisions: Sequence[Decision],
    out: Path | None,
    texts: Texts,
    tracking: Tracking | None = None,
) -> Review:
    """Return the review with as much of `texts` as may be kept; write its items, if anything.

    `decisions` are what `guard` let a witness see. What is tracked and has no folder is kept apart.
    """
    from cliffguard.compare.item_results import item_results
    from cliffguard.compare.kept_texts import with_texts_kept
    from cliffguard.report.items import write_items

    review = with_texts_kept(review, texts)
    if out is None and tracking is None:
        return review
    results = item_results(decisions[-1], texts)
    with doing("writing the items"):
        if out is not None:
            review = write_items(review, out, results)
        elif tracking is not None:
            tracking.keep(review, results)
    if out is not None and tracking is not None:
        tracking.note(review, out)
    return review


class Output(NamedTuple):
    """What goes to stdout (`form` None: nothing), what a comment shows, and what is tracked."""

    form: str | None = None
    comment: CommentOptions | None = None
    tracking: Tracking | None = None


def output_of(
    form: str | None,
    comment_id: str | None,
    report_url: str | None,
    out: Path | None,
    tracking: Tracking | None = None,
) -> Output:
    """Return the output that flags ask for; what they may not say is refused before a run.

    A comment is made in `out`, or where its format is asked for; else its flags are nobody's.
    """
    if out is None and form != "comment":
        return Output(form, tracking=tracking)
    return Output(form, comment_options(comment_id, report_url), tracking)


def comment_options(comment_id: str | None, report_url: str | None) -> CommentOptions:
    """Return what a comment is to show. Raises UsageError, with the flag or variable it is of."""
    from cliffguard.report.comment_options import CommentOptions

    is_of_variable = report_url is not None and os.environ.get(URL_VARIABLE) == report_url
    return CommentOptions(
        comment_id=comment_id,
        report_url=report_url,
        url_from=URL_VARIABLE if is_of_variable else "--report-url",
    )


def finished(
    review: Review,
    out: Path | None,
    screen: ProgressOutput,
    output: Output,
    spent: Mapping[str, Spent] | None = None,
) -> int:
    """Print and write the reports of a review; return its exit code.

    Raises the Interrupted that came after the verdict, and waited for the reports.
    """
    from cliffguard.core.timing import Timings
    from cliffguard.report import render, write_reports
    from cliffguard.report.labels import beside
    from cliffguard.report.text import print_review
    from cliffguard.report.timings import summary_of

    @functools.cache
    def timings() -> Timings:
        return Timings(
            wall_seconds=screen.wall_seconds(),
            stages=spent or {},
            tasks=dict(screen.seconds),
            started=screen.started_at(),
        )

    if not screen.quiet:
        print_review(review, screen.console, folder=None if out is None else str(out))
    if out is not None:
        with doing("writing the reports"):
            written = write_reports(review, out, timings, output.comment)
        screen.close()
        text = json.dumps(dataclasses.asdict(timings()), indent=2)
        write_whole(out / "timings.json", text + "\n", follows=False)
        screen.say(f"time: {summary_of(timings())}")
        screen.say("reports: " + " ".join(str(path) for path in written))
    if output.form is not None:
        there = None if out is None else beside(review, out)
        printed(render(review, output.form, timings, there, output.comment))
    raise_put_off()
    return review.verdict.exit_code


def printed(text: str) -> None:
    """Write a report to stdout."""
    write_data(text)


def print_together(
    plans: Sequence[Plan], reviews: Mapping[int, Review], output_format: str | None
) -> None:
    """Print the reviews of several comparisons as one JSON object, by their names."""
    if output_format == "json" and len(plans) > 1:
        from cliffguard.report.json import render_several

        printed(render_several({n: reviews.get(i) for i, n in enumerate(names_of(plans))}))
