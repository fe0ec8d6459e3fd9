"""--track and --promote: what a command judged, told to trackers once its exit code is known."""

from __future__ import annotations

import sys
import tempfile
from collections.abc import Iterable, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cliffguard.cli.console import ProgressOutput, hold
from cliffguard.core.errors import CliffguardError, UsageError, nearest, redacted
from cliffguard.core.libraries import refuse_lacking_extra
from cliffguard.core.progress import doing
from cliffguard.core.texts import cut_middle
from cliffguard.integrations.trackers import REGISTRIES, TRACKERS, Promotion, Reported, TrackerName

if TYPE_CHECKING:
    from cliffguard.core.item_results import ItemResult
    from cliffguard.core.reviews import Review
    from cliffguard.core.settings import Plan


@dataclass(kw_only=True)
class Tracking:
    """The reports of a command, for its trackers; `alias` and `model` are to be promoted.

    By candidate and policy for chat templates, since one that is judged again counts once.
    """

    trackers: Sequence[TrackerName]
    alias: str | None
    model: str | None
    reports: dict[tuple[str, str], tuple[Plan, Path]] = field(default_factory=dict)

    def note(self, review: Review, folder: Path) -> None:
        """Note the folder in which the reports of a review will lie when the command ends."""
        key = (review.plan.candidate, review.plan.protocol.chat_template)
        self.reports[key] = (review.plan, folder)

    def keep(self, review: Review, results: Iterable[ItemResult]) -> None:
        """Write the reports of a review that nobody wants in a folder, until the command ends."""
        from cliffguard.report import write_reports
        from cliffguard.report.items import write_items

        try:
            scratch = tempfile.TemporaryDirectory(prefix="cliffguard-", ignore_cleanup_errors=True)
            hold(scratch)
            folder = Path(scratch.name)
            write_reports(write_items(review, folder, results), folder)
        except (CliffguardError, OSError) as failure:  # nobody but a tracker misses them
            _warn(", ".join(self.trackers), redacted(str(failure)))
        else:
            self.note(review, folder)

    def refuse_several(self, candidates: Sequence[str]) -> None:
        """Raise UsageError where a version of a model would stand for several candidates."""
        if self.alias is not None and len(set(candidates)) > 1:
            raise UsageError(
                f"--promote {self.alias}: --promote-model is one candidate, and here are "
                f"{len(set(candidates))}; check the one that is to be promoted in a run of its own",
                id="promote.several",
            )

    def send(self, code: int, out: Path | None, screen: ProgressOutput) -> None:
        """Send what was noted to every tracker; `code` is that of the verdicts of all.

        What a tracker does not do is a line on stderr, whatever is quiet: nothing else changes.
        """
        from cliffguard.integrations.trackers.sending import send

        if not self.reports:
            return
        try:
            reports = self._named()
        except CliffguardError as failure:  # a name of another machine
            _warn(", ".join(self.trackers), str(failure))
            return
        group = None if len(reports) == 1 else (out and out.name) or "cliffguard"
        for tracker in self.trackers:
            promotion = self._promotion(code) if tracker in REGISTRIES else None
            with doing(f"sending to {tracker}"):
                sent = send(tracker, reports, group=group, promotion=promotion)
            for where in sent.runs:
                screen.say(f"{tracker}: {where}")
            if sent.alias is not None:
                screen.say(f"{tracker}: {self.model} is {sent.alias}")
            if sent.failure is not None:
                is_open = promotion is not None and promotion.alias is not None and not sent.alias
                _warn(tracker, sent.failure + (f"; {self.alias} was not set" if is_open else ""))

    def _named(self) -> list[Reported]:
        """Return the reports by names as their folders have them."""
        from cliffguard.compare.repeat_command import names_of
        from cliffguard.core.settings import are_both

        candidates = list(dict.fromkeys(candidate for candidate, _ in self.reports))
        short = dict(zip(candidates, names_of(candidates), strict=True))
        is_both = are_both([plan for plan, _ in self.reports.values()])
        return [
            Reported(short[name] + f"-{template}-template" * is_both, folder)
            for (name, template), (_, folder) in self.reports.items()
        ]

    def _promotion(self, code: int) -> Promotion | None:
        if self.model is None:
            return None
        verdict = _VERDICTS.get(code, "none")
        return Promotion(
            model=self.model,
            alias=self.alias if code == 0 else None,
            tags={"cliffguard.verdict": verdict},
        )


def _warn(tracker: str, failure: str) -> None:
    line = (
        f"cliffguard: warning[track.failed]: {tracker}: {failure}; the verdict stands, and the "
        "same command sends again what it has stored"
    )
    print(line, file=sys.stderr)


_VERDICTS = {0: "PASS", 10: "FAIL", 11: "INCONCLUSIVE"}


def tracking_of(
    trackers: Sequence[str] | None, alias: str | None, model: str | None
) -> Tracking | None:
    """Return what flags ask for, None without any. Raises UsageError for what could not be done."""
    named = list(dict.fromkeys(map(_known, trackers or ())))
    if alias is not None or model is not None:
        _refuse_promotion(named, alias, model)
    for name in named:
        refuse_lacking_extra(name)
    if named:
        from cliffguard.integrations.trackers.sending import seconds_each

        seconds_each()
    return Tracking(trackers=named, alias=alias, model=model) if named else None


def _known(name: str) -> TrackerName:
    for known in TRACKERS:
        if known == name:
            return known
    raise UsageError(
        f"--track {cut_middle(name)}: no such tracker{nearest(name, TRACKERS)} (known: "
        f"{', '.join(TRACKERS)})",
        id="track.unknown",
    )


def _refuse_promotion(named: Sequence[TrackerName], alias: str | None, model: str | None) -> None:
    """Raise UsageError where an alias, a version or a registry is not given, or cannot be one."""
    from cliffguard.integrations.trackers.mlflow_runs import refuse_alias, version_of

    if alias is None:
        raise UsageError(
            f"--promote-model {model}: is for --promote ALIAS; give both", id="promote.no-alias"
        )
    if not REGISTRIES & set(named):
        others = f", not by {' or '.join(named)}" if named else ""
        raise UsageError(
            f"--promote {alias}: is done in MLflow's registry alone{others}; add --track mlflow",
            id="promote.no-registry",
        )
    if model is None:
        raise UsageError(
            f"--promote {alias}: names no model; add --promote-model models:/NAME/VERSION, the "
            "version that holds the candidate",
            id="promote.no-model",
        )
    version_of(model)
    refuse_alias(alias)
