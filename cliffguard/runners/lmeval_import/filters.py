"""Filters of a file that does not name them, taken from the other side if order and count agree."""

from __future__ import annotations

from collections.abc import Sequence

from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import UsageError
from cliffguard.core.texts import n_things
from cliffguard.runners.lmeval_import.folders import LoggedRun
from cliffguard.runners.lmeval_logs.releases import filters_of, names_filters

_NO_FILTER = ("none",)  # lm-eval's own name for it, and ours for the only one of a file


def filters_by_side(
    task: str, runs: Sequence[LoggedRun]
) -> tuple[list[tuple[str, ...]], Caveat | None]:
    """Return the filters of each side's file as far as results files tell, and a caveat.

    lm-eval before 0.4.7 does not write a sample's filter. Where one side has neither the names nor
    a results file, it has as many as the other, and that one's names are taken, in its order, which
    is that of the task. Raises UsageError where they are not as many.
    """
    filters = [run.results_of(task).filters.get(task, ()) for run in runs]
    paths = [run.path(task) for run in runs]
    named = [names_filters(path) for path in paths]
    nameless = [side for side in (0, 1) if not named[side] and not filters[side]]
    if len(nameless) != 1:
        return filters, None
    side, other = nameless[0], 1 - nameless[0]
    names = filters_of(paths[other], filters[other])
    if names == _NO_FILTER:
        return filters, None
    there = filters_of(paths[side])
    shown = ", ".join(names)
    if len(there) != len(names):
        date = runs[side].files[task].date
        raise UsageError(
            f"{paths[side]}: {n_things(len(there), 'filter')} wrote it, which lm-eval before "
            f"0.4.7 does not name, and {paths[other]} has {len(names)} ({shown}); put the results "
            f"file of its run (results{f'_{date}' if date else ''}.json) beside it, or run "
            "lm-eval on both sides with one release",
            id="samples.unnamed-filters",
        )
    filters[side] = names
    text = (
        f"{task}: {paths[side].name} of the {('base', 'candidate')[side]} does not name its "
        f"filters: by their order they are taken for {shown}, as on the other side."
    )
    return filters, Caveat(id="samples.filters-by-order", text=text)
