"""Root cause analysis: why items broke, by causes, error patterns and probes.

A diagnosis is made after the verdict, of the answers that it was made of, and changes nothing
above: no statistic that the verdict uses depends on it.
"""

from __future__ import annotations

import math
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from typing import TYPE_CHECKING

from cliffguard.compare.case import Case
from cliffguard.compare.comparison import Counting
from cliffguard.compare.diagnostics.causes import CauseTable, count_causes
from cliffguard.compare.diagnostics.counted import CountedItem, Key, counted_items
from cliffguard.compare.diagnostics.leaks import Leaks, leaks_of
from cliffguard.compare.diagnostics.patterns import Patterns, find_patterns
from cliffguard.compare.diagnostics.probe_results import Probes
from cliffguard.compare.diagnostics.restated import with_restated
from cliffguard.core.diagnosis import CapabilityDiagnosis, CauseName, Diagnosis
from cliffguard.core.items import Suite, Task
from cliffguard.core.progress import doing
from cliffguard.evaluate.looks import Look

if TYPE_CHECKING:
    from cliffguard.suites.train_data import TrainingText

Capabilities = Mapping[str, Sequence[CountedItem]]
"""The items that count, by the name of their capability."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Diagnosed:
    """A diagnosis, the cause of every broken item, and the keys of the patterns that items are in.

    Items without a cause or a pattern are left out. `probes` is what it was made of beside answers.
    """

    record: Diagnosis
    causes: Mapping[Key, CauseName]
    patterns: Mapping[Key, tuple[str, ...]]
    probes: Probes = field(default_factory=Probes)


def changed_capabilities(gathered: Sequence[Counting]) -> Capabilities:
    """Return the items that count of every capability of which one broke."""
    counted = {capability.name: counted_items(items) for _, capability, items in gathered}
    return {name: items for name, items in counted.items() if any(item.is_broken for item in items)}


@doing("looking for causes")
def diagnose(
    capabilities: Capabilities,
    case: Case,
    look: Look,
    *,
    leaks: Leaks | None = None,
    probes: Probes | None = None,
) -> Diagnosed:
    """Return why items of these capabilities broke; `probes` None: nobody was to be asked again.

    `leaks` None: those of the look's targets, without training data.
    """
    probes = Probes() if probes is None else probes
    if leaks is None:
        leaks = leaks_at(case.suites, [series.task for series in look])
    tables = count_causes(capabilities, leaks, probes.items)
    by_item = {name: table.by_item for name, table in tables.items()}
    patterns = with_restated(find_patterns(capabilities), by_item)
    return Diagnosed(
        record=Diagnosis(
            capabilities=tuple(
                _diagnosis(name, items, tables[name], patterns, probes)
                for name, items in capabilities.items()
            ),
            n_tried=patterns.n_tried,
            probe_tokens=probes.tokens,
            run_tokens=probes.run_tokens,
        ),
        causes={key: cause for causes in by_item.values() for key, cause in causes.items()},
        patterns=patterns.by_item,
        probes=probes,
    )


def leaks_at(
    suites: Sequence[Suite], tasks: Sequence[Task], training: Sequence[TrainingText] = ()
) -> Leaks:
    """Return by what is known again what a fine-tune for the suites' targets puts out."""
    capabilities = (row for suite in suites for row in suite.capabilities)
    targets = {row.name for row in capabilities if row.ring == "target"}
    return leaks_of([task for task in tasks if task.capability in targets], training)


def _diagnosis(
    name: str,
    items: Sequence[CountedItem],
    table: CauseTable,
    patterns: Patterns,
    probes: Probes,
) -> CapabilityDiagnosis:
    drops = [item.drop for item in items]
    result = probes.results.get(name)
    return CapabilityDiagnosis(
        capability=name,
        n_items=len(items),
        n_broken=sum(drop > 0 for drop in drops),
        n_fixed=sum(drop < 0 for drop in drops),
        loss=math.fsum(drop for drop in drops if drop > 0),
        gain=math.fsum(-drop for drop in drops if drop < 0),
        causes=table.causes,
        untested=table.untested,
        patterns=patterns.by_capability.get(name, ()),
        probes=result,
        unprobed="" if result else probes.why.get(name, NOT_PROBED),
    )


NOT_PROBED = "nothing was to be asked again; `cliffguard check` of the same plan asks"
"""Why there are no probes where the run was to ask none."""

NO_MODEL = "logged answers were compared, and no model is there to ask"
"""Why there are no probes where answers are all that there is."""
