"""Probes of a run: after its last look, changed items are asked again."""

from __future__ import annotations

from dataclasses import replace

from cliffguard.compare.comparison import gathered
from cliffguard.compare.diagnostics.counted import counted_items
from cliffguard.compare.diagnostics.probe_results import Probes, items_to_probe, probe_results
from cliffguard.compare.write_review import Decision
from cliffguard.evaluate.probe_budget import RunTokens
from cliffguard.evaluate.probes import Asking, Reasked, ask_again
from cliffguard.run.prepare import Run


def probed(run: Run, decision: Decision) -> Probes:
    """Return what comes back of the items that changed; the decision stays what it is.

    Raises no CliffguardError: what keeps a capability from being probed is told of it.
    """
    capabilities = {
        capability.name: counted_items(items)
        for _, capability, items in gathered(decision.pairs, decision.case, decision.look)
    }
    changed, why = items_to_probe(capabilities)
    base, candidate = decision.measured
    tokens = RunTokens(candidate=candidate.answers, base=base.answers)
    asking = Asking(
        base=run.case.base,
        candidate=run.case.candidate,
        protocol=run.plan.protocol,
        runner=run.runner,
        store=run.store,
        is_time_up=run.limits.is_time_up,
        progress=run.audience.progress,
        tell=run.audience.tell,
    )
    reasked = ask_again(asking, changed, tokens) if changed else Reasked()
    probes = probe_results(reasked, capabilities, tokens.in_all, run.plan.protocol.seed)
    return replace(probes, why={**why, **probes.why})
