"""Pairs that were measured, judged on the command line: of a bundle, or of the store by name."""

from __future__ import annotations

import contextlib
import re
import tempfile
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import partial
from pathlib import Path
from typing import TYPE_CHECKING, Any, NamedTuple

from cliffguard.cli.console import ProgressOutput, failure_recorded
from cliffguard.cli.flag_values import spelt
from cliffguard.cli.given import open_store
from cliffguard.cli.outcome import Output, code_of_all, finished, in_turn, print_together, recorded
from cliffguard.cli.overview import finish_overview
from cliffguard.cli.report_folders import folders_of, names_of, prepare
from cliffguard.cli.stored_pairs import is_of, pair_named
from cliffguard.core.errors import UsageError, nearest
from cliffguard.core.files import is_special, user_path
from cliffguard.core.hub_names import is_said
from cliffguard.core.progress import doing

if TYPE_CHECKING:
    from cliffguard.compare.write_review import Decision
    from cliffguard.core.caveats import Caveat
    from cliffguard.core.reviews import Review
    from cliffguard.core.settings import Plan, Policy
    from cliffguard.core.texts import Texts
    from cliffguard.planning.selection import Choice
    from cliffguard.run.measured import MeasuredPair
    from cliffguard.store.answers import Store


class Measured(NamedTuple):
    """Pairs that were measured, and the store that has their answers."""

    pairs: Sequence[MeasuredPair]
    answers: Store


@dataclass(kw_only=True)
class Reporting:
    """Where verdicts go, and how much of texts with them. Looks are noted in the `store`."""

    out: Path | None
    store: Path | None
    screen: ProgressOutput
    texts: Texts
    output: Output = Output()  # noqa: RUF009 (a tuple, which nobody changes)


def measured_in(
    base: str,
    candidate: str | None,
    only: str | None,
    flags: Mapping[str, Any],
    store: Path | None,
    kept: contextlib.ExitStack,
) -> Measured | None:
    """Return what `measure` left of the pairs that are meant; None where places are named.

    What a bundle holds is there as long as the stack is.
    """
    if candidate is not None:
        _refuse_bundle_as_side(base, candidate)
    elif _is_bundle(base):
        _refuse_other_flags(flags)
        return _unpacked(base, only, Path(kept.enter_context(_folder())))
    if only is not None:
        raise UsageError(
            f"--candidate {only}: picks one of a bundle, and {base} is none; leave it out",
            id="bundle.candidate",
        )
    if candidate is None or _lies_somewhere(base) or _lies_somewhere(candidate):
        return None
    answers = open_store(store)
    pair = pair_named(answers, base, candidate, flags)
    return None if pair is None else Measured([pair], answers)


_folder = partial(tempfile.TemporaryDirectory, prefix="cliffguard-")


def _is_bundle(path: str) -> bool:
    """Return whether what stands for both sides is a file, and no plan and no samples."""
    from cliffguard.runners.logged import is_logged

    if _TAR.search(path):  # also one that is not there, or compressed: what reads it says so
        return True
    if is_special(user_path(path, UsageError)):
        raise UsageError(
            f"{path}: a pipe or a device cannot be read as a bundle; write it into a file first",
            id="archive.none",
        )
    is_plan = path.endswith((".yaml", ".yml"))
    return user_path(path, UsageError).is_file() and not is_plan and not is_logged(path)


_TAR = re.compile(r"\.(?:tar(?:\.\w+)?|tgz)$")


def _refuse_bundle_as_side(base: str, candidate: str) -> None:
    for side in (base, candidate):
        if side.endswith(".tar") and not user_path(side, UsageError).is_dir():
            raise UsageError(
                f"{side}: a bundle has both sides in it; give it alone (`cliffguard compare "
                f"{side}`), with --candidate NAME for one of several; an archive of lm-eval's "
                "samples is unpacked first",
                id="bundle.as-side",
            )


def _lies_somewhere(side: str) -> bool:
    return is_said(side) or user_path(side, UsageError).exists()


def _unpacked(path: str, only: str | None, folder: Path) -> Measured:
    """Return what a bundle holds, or the one candidate of it that is named, in a folder."""
    from cliffguard.run.measured import pairs_in
    from cliffguard.store.answers import Store
    from cliffguard.store.maintenance.archive_import import read_archive

    answers = Store(folder)
    with doing(f"reading {path}"):
        read_archive(answers, Path(path))
        return Measured(_named(path, pairs_in(answers), only), answers)


def _refuse_other_flags(flags: Mapping[str, Any]) -> None:
    """Refuse flags that shape what is asked: a bundle holds what was asked."""
    if unheard := [name for name in spelt(flags) if name != "--policy"]:
        raise UsageError(
            f"{', '.join(unheard)}: has no effect on what was measured; leave it out, or give it "
            "to `cliffguard measure`",
            id="bundle.no-effect",
        )


def _named(
    path: str, pairs: Sequence[MeasuredPair], candidate: str | None
) -> Sequence[MeasuredPair]:
    """Return the pairs of a bundle in the order of their candidates, or the one of `candidate`."""
    if not pairs:
        raise UsageError(
            f"{path}: holds answers and no pair that was measured; `cliffguard measure BASE "
            "CANDIDATE --bundle` writes one, `cliffguard store import` takes the answers",
            id="bundle.no-pair",
        )
    if candidate is None:
        return pairs
    chosen = [
        pair
        for pair in pairs
        for side in [pair.survey.candidate]
        if is_of(candidate, side.name, side.fingerprint)
    ]
    if len(chosen) != 1:
        names = [pair.survey.candidate.name for pair in pairs]
        raise UsageError(
            f"--candidate {candidate}: names {len(chosen) or 'none'} of the candidates of {path} "
            f"({', '.join(names)}){nearest(candidate, names)}",
            id="bundle.candidate",
        )
    return chosen


def judge(
    measured: Measured, policy: Policy | None, choose: Choice | None, command: str, to: Reporting
) -> int:
    """Judge pairs one after the other, print and write what comes of it; return the exit code.

    `policy` None: the one under which each was measured. `choose` is the flag of that name. Looks
    at these pairs of which the store knows count, and those of this run are noted there.
    """
    from cliffguard.planning.selection import CandidateReview, remark

    pairs = _for_choice(measured.pairs, policy, choose)
    plans = [pair.survey.plan for pair in pairs]
    several = len(pairs) > 1
    # Without folders numbers stand for them: a candidate is known again by its own.
    places = [Path(str(number)) for number in range(len(pairs))]
    if to.out is not None:
        places = [prepare(folder) for folder in folders_of(to.out, plans)]
    reviews: dict[int, Review] = {}
    form = None if several and to.output.form == "json" else to.output.form

    def ask(plan: Plan, where: Path, remarks: Sequence[Caveat]) -> tuple[CandidateReview, int]:
        number, folder = places.index(where), None if to.out is None else where
        chosen = policy if choose is None else plan.policy
        with failure_recorded(folder):
            review, decision = _reviewed(
                pairs[number], measured.answers, chosen, remarks, command, folder, to
            )
        reviews[number] = review
        code = finished(review, folder, to.screen, to.output._replace(form=form))
        return CandidateReview(review, decision.pairs), code

    codes = in_turn(plans, places, choose, ask, remark(choose, plans) if choose else ())
    if several and to.out is not None:
        finish_overview(names_of(plans), places, reviews, to.out, to.screen)
    print_together(plans, reviews, to.output.form)
    return code_of_all(codes, names_of(plans), choose, to.screen.say)


def _for_choice(
    pairs: Sequence[MeasuredPair], policy: Policy | None, choose: Choice | None
) -> Sequence[MeasuredPair]:
    """Return the pairs under what each may spend of alpha where one of them is chosen."""
    from cliffguard.planning.selection import shared
    from cliffguard.run.policies import default_policy

    if choose is None:
        return pairs
    plans = [  # with a policy each, since their suites need not be here
        replace(plan, policy=policy or plan.policy or default_policy(pair.survey.suites))
        for pair in pairs
        for plan in [pair.survey.plan]
    ]
    return [
        replace(pair, survey=replace(pair.survey, plan=plan))
        for pair, plan in zip(pairs, shared(plans, choose), strict=True)
    ]


def _reviewed(
    pair: MeasuredPair,
    answers: Store,
    policy: Policy | None,
    remarks: Sequence[Caveat],
    command: str,
    folder: Path | None,
    to: Reporting,
) -> tuple[Review, Decision]:
    """Return the review of a pair after the looks that the store knows, which knows of its own."""
    from cliffguard.gate import judge_measured

    decisions: list[Decision] = []
    with _shared_looks(pair, answers, open_store(to.store)):
        review = judge_measured(
            pair,
            policy,
            store=answers,
            caveats=remarks,
            witness=decisions.append,
            command=command,
        )
    return recorded(review, decisions, folder, to.texts, to.output.tracking), decisions[-1]


@contextlib.contextmanager
def _shared_looks(pair: MeasuredPair, answers: Store, store: Store) -> Iterator[None]:
    """Let a run know of the looks at its pair in another store, and that store of the run's."""
    from cliffguard.store.looks import add_looks, looks_path, read_looks, scales_of, turn

    base, origin = pair.survey.base.fingerprint, pair.survey.origin
    sides = [pair.survey.candidate.fingerprint, *([scales_of(origin)] if origin else [])]
    if answers.root == store.root:
        yield
        return
    with turn(store, base, *sides):
        for side in sides:
            if (path := looks_path(store, base, side)).is_file():
                add_looks(answers, read_looks(path))
        yield
        for side in sides:
            if (path := looks_path(answers, base, side)).is_file():
                add_looks(store, read_looks(path))
