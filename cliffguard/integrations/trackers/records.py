"""What is logged of a comparison: a pure function of the reports in its folder."""

from __future__ import annotations

import math
import re
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from dataclasses import dataclass
from itertools import islice
from pathlib import Path
from typing import TYPE_CHECKING

from cliffguard.core.errors import UsageError, redacted, redactor
from cliffguard.core.files import read_text
from cliffguard.core.hashing import sha256_of_text
from cliffguard.core.texts import clip, ends_of
from cliffguard.report.clean import clean, one_line
from cliffguard.report.flips import Filter, shown
from cliffguard.report.items import read_items
from cliffguard.report.json import read_review
from cliffguard.report.wording import flag_word

if TYPE_CHECKING:
    from cliffguard.core.comparisons import CapabilityComparison
    from cliffguard.core.item_results import ItemResult
    from cliffguard.core.reviews import Review
    from cliffguard.integrations.trackers import Reported

PREFIX = "cliffguard"
MOST_ROWS = 10_000
"""Rows of the table of flips: more, no page of a tracker shows."""

Row = tuple[str | int | float | None, ...]
COLUMNS = (
    "item", "task", "capability", "level", "change", "drop", "cause", "prompt", "right", "base",
    "candidate",
)  # fmt: skip


@dataclass(frozen=True, slots=True, kw_only=True)
class TrackedRun:
    """One comparison as a run.

    `step` is that of a checkpoint (None: its name has none), `series` what is left of its path
    without it: checkpoints of one training share it. `metrics` are finite: what was not measured is
    left out. `tags` hold no secret. `review` is that of the `folder`, in which the reports lie.
    """

    name: str
    step: int | None
    series: str
    metrics: Mapping[str, float]
    tags: Mapping[str, str]
    review: Review
    folder: Path

    def flips(self) -> list[Row]:
        """Return a row of `COLUMNS` for each item that broke or was fixed, `MOST_ROWS` at most.

        Of texts it has what `--texts` left of them, of long ones the ends, without secrets. Raises
        UsageError or IntegrityError where the items do not lie beside the review as written.
        """
        takes, redact = Filter(kind="changed").takes, redactor()
        changed = (item for item in read_items(self.review, self.folder) if takes(item))
        return [_row(item, redact) for item in islice(changed, MOST_ROWS)]

    def report(self) -> str:
        """Return the page with the whole report, without secrets."""
        return redacted(read_text(self.folder / "report.html", UsageError))


def tracked(reported: Reported) -> TrackedRun:
    """Return what is logged of a comparison. Raises UsageError where no review of ours lies."""
    path = reported.folder / "review.json"
    review = read_review(read_text(path, UsageError), str(path))
    step, series = step_and_series(review.plan.candidate)
    return TrackedRun(
        name=reported.name,
        step=step,
        series=series,
        metrics=dict(metrics_of(review)),
        tags=_tags(review),
        review=review,
        folder=reported.folder,
    )


# --- metrics -------------------------------------------------------------------------------------


def metrics_of(review: Review) -> Iterator[tuple[str, float]]:
    """Yield the numbers of a review by their names, in score units 0…1; none that is none."""
    rows = review.comparison.capabilities
    n_of_name = Counter(row.capability for row in rows)
    for row in rows:
        is_alone = n_of_name[row.capability] == 1
        name = metric_part(row.capability if is_alone else f"{row.suite}.{row.capability}")
        for ending, number in _drops(row):
            if number is not None and math.isfinite(number):
                yield f"{PREFIX}/{name}/{ending}", number
    yield f"{PREFIX}/verdict", float(review.verdict.exit_code)


def _drops(row: CapabilityComparison) -> Iterator[tuple[str, float | None]]:
    interval = row.evidence.drop_interval
    yield "drop", row.evidence.drop
    yield "drop_low", None if interval is None else interval.low
    yield "drop_high", None if interval is None else interval.high


_REFUSED = re.compile(r"[^\w. -]|^[. ]+|[. ]+$")  # by one tracker or another, or read as a path
_MOST_CHARACTERS = 100
_RESERVED = {"verdict", "step", "sentence"}  # which name something else


def metric_part(name: str) -> str:
    """Return a capability's name as a part of a metric's that every tracker takes.

    One that has to be changed gets the first digits of its digest, so that no two become one.

    >>> metric_part("multi_step_reasoning"), metric_part("a/b")
    ('multi_step_reasoning', 'a_b-c14cdd')
    """
    kept = _REFUSED.sub("_", name)[:_MOST_CHARACTERS]
    if kept == name and name not in _RESERVED:
        return name
    return f"{kept}-{sha256_of_text(name)[:6]}"


# --- tags ----------------------------------------------------------------------------------------

_MOST_OF_TAG = 1000  # characters


def _tags(review: Review) -> dict[str, str]:
    compared, provenance = review.comparison, review.provenance
    tags = {
        "verdict": str(review.verdict.outcome),
        "sentence": review.verdict.sentence,
        "base": compared.base.label,
        "candidate": compared.candidate.label,
        "base_fingerprint": compared.base.fingerprint,
        "candidate_fingerprint": compared.candidate.fingerprint,
        "version": provenance.cliffguard_version,
    }
    return {f"{PREFIX}.{key}": _tag(value) for key, value in tags.items()}


def _tag(text: str) -> str:
    return clip(one_line(redacted(text)), _MOST_OF_TAG)


# --- steps ---------------------------------------------------------------------------------------

_SAVED_AT = re.compile(
    r"(?:.*[^a-z])?(?:checkpoint|ckpt|global_?step|step|iteration|iter|epoch)[-_=]?([0-9]{1,15})",
    re.IGNORECASE,
)


def step_and_series(candidate: str) -> tuple[int | None, str]:
    """Return the step at which a checkpoint was saved, by its path, and what it is a step of.

    >>> step_and_series("runs/ft/checkpoint-300/adapter"), step_and_series("runs/llama-3")
    ((300, 'ft'), (None, 'llama-3'))
    """
    parts = [part for part in re.split(r"[/\\@:]", candidate) if part not in ("", ".", "..")]
    for at in reversed(range(len(parts))):
        if match := _SAVED_AT.fullmatch(parts[at]):
            return int(match[1]), parts[at - 1] if at else "checkpoints"
    return None, parts[-1] if parts else "candidate"


# --- the table -----------------------------------------------------------------------------------


def _row(item: ItemResult, redact: Callable[[str], str]) -> Row:
    def cell(text: str) -> str:
        return ends_of(clean(redact(text)))

    texts = (
        shown(item.prompt),
        ", or ".join(map(shown, item.right)),
        shown(item.base.answer),
        shown(item.candidate.answer),
    )
    return (
        cell(item.item),
        cell(item.task),
        cell(item.capability),
        item.level,
        "broken" if item.is_broken else "fixed",
        item.drop,
        flag_word(item.cause),
        *map(cell, texts),
    )
