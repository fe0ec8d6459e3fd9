"""The diagnosis of a run: after its last look, changed items are asked again and causes counted."""

from __future__ import annotations

from dataclasses import replace

from cliffguard.compare.diagnosis import (
    Capabilities,
    changed_capabilities,
    diagnose,
    explained_items,
)
from cliffguard.compare.diagnostics.probe_results import Probes, items_to_probe, probe_results
from cliffguard.compare.write_review import Decision
from cliffguard.evaluate.probe_budget import RunTokens
from cliffguard.evaluate.probes import Asking, Reasked, ask_again
from cliffguard.run.prepare import Run


def diagnosed(run: Run, decision: Decision) -> Decision:
    """Return the decision with why items broke; comparison and verdict stay what they are.

    Some of them are asked again first, where the run is to probe. What keeps a capability from
    being probed is told of it, and raises nothing.
    """
    capabilities = changed_capabilities(decision.pairs, decision.case, decision.look)
    return replace(
        decision,
        diagnosed=diagnose(
            capabilities,
            decision.case,
            decision.look,
            training=run.training,
            probes=_probed(run, decision, capabilities) if run.limits.probes else None,
        ),
    )


def _probed(run: Run, decision: Decision, capabilities: Capabilities) -> Probes:
    """Return what comes back of the items that changed and that no reader explains."""
    known = explained_items(capabilities, decision.case, decision.look, training=run.training)
    changed, why = items_to_probe(capabilities, known)
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
