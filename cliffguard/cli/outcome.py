"""Where a verdict goes: folders, reports, exit codes."""

from __future__ import annotations

import contextlib
import dataclasses
import functools
import json
import os
from collections.abc import Callable, Iterator, Mapping, Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cliffguard.cli.console import ProgressOutput, complain, remove_reports, write_data
from cliffguard.cli.options import URL_VARIABLE
from cliffguard.core.canonical_json import digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import CliffguardError, UsageError
from cliffguard.core.files import user_path, write_whole
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


def names_of(plans: Sequence[Plan]) -> list[str]:
    """Return what tells the comparisons of a run apart: the shortest path of each candidate."""
    names = _names_of(plans)
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice:
        raise UsageError(
            f"the candidate {twice[0]!r} is given twice; leave one of them out",
            id="candidates.twice",
        )
    return names


def _names_of(plans: Sequence[Plan]) -> list[str]:
    from cliffguard.compare.repeat_command import names_of as shortest_names

    candidates = list(dict.fromkeys(plan.candidate for plan in plans))
    short = dict(zip(candidates, shortest_names(candidates), strict=True))
    names = [short[plan.candidate] for plan in plans]
    if are_both(plans):
        names = [
            f"{name}-{plan.protocol.chat_template}-template"
            for name, plan in zip(names, plans, strict=True)
        ]
    return names


def refuse_out(out: Path | None, plans: Sequence[Plan]) -> None:
    """Raise UsageError where the reports of one of several candidates would lie in a checkpoint."""
    from cliffguard.sweep.candidates import refuse_reports_in

    if out is not None and len(plans) > 1:
        candidates = [plan.candidate for plan in plans]
        refuse_reports_in(out, dict(zip(_names_of(plans), candidates, strict=True)))


def folders_of(out: Path | None, plans: Sequence[Plan]) -> list[Path]:
    """Return the folder of each plan's reports: of several candidates, one below the other."""
    names = names_of(plans)
    if len(plans) == 1:
        return [out or Path("cliffguard-out") / names[0]]
    return [(out or Path("cliffguard-out")) / name for name in names]


def places_of(
    out: Path | None, plans: Sequence[Plan], how: Sequence[Any], tell: Callable[[str], None]
) -> list[Path]:
    """Return the folders of `folders_of`; without `out`, none that holds another run's review.

    `how` is what of a run no plan says. The same plan asked in the same way has the same folder;
    another one has the next that is free, which `tell` hears.
    """
    from cliffguard.config import as_written

    folders = folders_of(out, plans)
    if out is not None:
        return folders
    places = []
    for folder, plan in zip(folders, plans, strict=True):
        stamp = digest([as_written(plan), *how])
        numbered = (folder.with_name(f"{folder.name}-{number}") for number in count(2))
        places.append(next(path for path in chain([folder], numbered) if _is_ours(path, stamp)))
        if places[-1] != folder:
            tell(f"! {folder} is of another run; the reports go to {places[-1]}")
    return places


_MARK = ".plan"


def _is_ours(folder: Path, stamp: str) -> bool:
    """Claim a folder for the run of the digest `stamp`; return False where another run has it."""
    mark = folder / _MARK
    try:
        if mark.exists() or (folder / "review.json").exists():
            return mark.is_file() and mark.read_text(encoding="utf-8") == stamp
        folder.mkdir(parents=True, exist_ok=True)
        with mark.open("x", encoding="utf-8") as file:
            file.write(stamp)
    except (FileExistsError, UnicodeError):  # another run was first, or it is no mark of ours
        return False
    except OSError:  # for `prepare` to say
        return True
    return True


@contextlib.contextmanager
def left_empty(folder: Path | None) -> Iterator[None]:
    """Remove a folder that nobody named once the run in it is refused for what was written.

    Whoever mends a name in the command would find a numbered folder for each of the tries.
    """
    try:
        yield
    except UsageError:
        with contextlib.suppress(OSError):  # gone, or beside the folders of other runs
            files = [] if folder is None else list(folder.iterdir())
            if folder is not None and {path.name for path in files} <= _OF_REFUSED:
                for path in files:
                    path.unlink()
                folder.rmdir()
                folder.parent.rmdir()
        raise


_OF_REFUSED = {_MARK, "failure.json", "junit.xml"}


def one_of_both(plan: Plan, plans: Sequence[Plan]) -> tuple[Caveat, ...]:
    """Return what a report says where another one stands beside it that has to pass as well."""
    if not are_both(plans):
        return ()
    here, there = "each side's own chat template", "the base's chat template on both sides"
    if plan.protocol.chat_template == "base":
        here, there = there, here
    text = f"This is under {here}; the comparison under {there} has to pass as well."
    return (Caveat(id="template.one-of-both", text=text),)


def prepare(out: Path) -> Path:
    """Make sure that the reports can be written, before hours are spent on what goes into them."""
    out = user_path(str(out), UsageError)
    probe = out / ".cliffguard"
    write_whole(probe, "", follows=False)
    probe.unlink()
    remove_reports(out)
    return out


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
