"""Which figures there are, and which of them some reviews have the data for."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterator, Mapping, Sequence
from typing import NamedTuple

from cliffguard.core.errors import UsageError, nearest
from cliffguard.core.texts import first_and_more
from cliffguard.report.figures import several, single
from cliffguard.report.figures.calibration import calibration_lack, calibration_of
from cliffguard.report.figures.charts import Chart
from cliffguard.report.page import Page
from cliffguard.report.reach import reaches

_N_NAMED = 3  # reviews that a line about a lack names
_MOST_CHARACTERS = 60  # of a file's name, of each of its parts


def _ladders(page: Page) -> list[Chart]:
    return [single.ladder(view) for view in page.ladders]


def _some(chart: Chart | None) -> list[Chart]:
    return [] if chart is None else [chart]


class _Kind(NamedTuple):
    """How a figure is made, of one review or of all; why there is none; None where none can be."""

    of_one: Callable[[Page], list[Chart]] | None
    of_all: Callable[[Mapping[str, Page]], list[Chart]] | None
    lack: str | Callable[[Page], str]


_KINDS = {
    "forest": _Kind(lambda page: _some(single.forest(page)), None, "no capability was judged"),
    "ladder": _Kind(_ladders, None, "no task is a ladder"),
    "calibration": _Kind(
        lambda page: _some(calibration_of(page)), None, calibration_lack,
    ),
    "distance": _Kind(
        lambda page: _some(single.distance(reaches(page))), None,
        "no distance was measured; run with --screen and --train",
    ),
    "gain": _Kind(
        None, lambda pages: _some(several.gain(pages)),
        "two reviews or more with a target and a gating capability are needed",
    ),
    "trajectory": _Kind(
        None, lambda pages: _some(several.trajectory(pages)),
        "two reviews or more are needed, each in a folder whose name ends in the step",
    ),
}  # fmt: skip
KINDS = tuple(_KINDS)


def kinds_of(names: str | None) -> tuple[str, ...]:
    """Return the kinds that a list with commas names; all without one.

    Raises UsageError for a name that is none.
    """
    if names is None:
        return KINDS
    kinds = tuple(dict.fromkeys(name.strip() for name in names.split(",") if name.strip()))
    for name in kinds or ("",):
        if name not in KINDS:
            raise UsageError(
                f"--only: no figure is called {name!r}{nearest(name, KINDS)} "
                f"(known: {', '.join(KINDS)})",
                id="figures.unknown",
            )
    return kinds


def charts_of(
    pages: Mapping[str, Page], kinds: Sequence[str] = KINDS, unlike: str = ""
) -> tuple[dict[str, Chart], list[str]]:
    """Return the figures by the name of their file, without its ending, and a line for each lack.

    Of several reviews, a review's own figures bear its name. Those that lack a figure for one
    reason share its line. `unlike` is what keeps the reviews out of one figure (empty: nothing).
    """
    charts: dict[str, Chart] = {}
    lacks = []
    for kind in kinds:
        of_one, of_all, lack = _KINDS[kind]
        if of_all is not None or of_one is None:
            made = [("", chart) for chart in of_all(pages)] if of_all and not unlike else []
            lacks += [] if made or unlike else [f"{kind}: {lack}"]
        else:
            each = {name: of_one(page) for name, page in pages.items()}
            made = [(name if pages.keys() - {name} else "", c) for name in each for c in each[name]]
            lacks += _lacks(kind, lack, [name for name in each if not each[name]], pages)
        for name, chart in made:
            charts[_free("-".join(filter(None, map(_plain, (name, chart.name)))), charts)] = chart
    of_several = ", ".join(kind for kind in kinds if _KINDS[kind].of_all)
    return charts, [*lacks, *([f"{of_several}: {unlike}"] if unlike and of_several else [])]


def _lacks(
    kind: str, lack: str | Callable[[Page], str], names: Sequence[str], pages: Mapping[str, Page]
) -> Iterator[str]:
    """Yield why reviews have no figure of a kind, those of one reason in one line."""
    by_reason: dict[str, list[str]] = {}
    for name in names:
        reason = lack if isinstance(lack, str) else lack(pages[name])
        by_reason.setdefault(reason, []).append(name)
    for reason, lacking in by_reason.items():
        yield f"{kind} of {first_and_more(lacking, _N_NAMED)}: {reason}"


def _plain(name: str) -> str:
    """Return a name as a file may have it anywhere."""
    return re.sub(r"[^A-Za-z0-9._-]+", "-", name).strip("-.")[:_MOST_CHARACTERS]


def _free(name: str, taken: Mapping[str, Chart]) -> str:
    lowered = {other.lower() for other in taken}  # some systems tell no cases apart
    names = (name, *(f"{name}-{number}" for number in range(2, len(taken) + 3)))
    return next(free for free in names if free.lower() not in lowered)
