"""The diagnosis of a run: after its last look, changed items are asked again and causes counted."""

from __future__ import annotations

from dataclasses import replace

from cliffguard.compare.diagnosis import (
    Capabilities,
    changed_capabilities,
    diagnose,
)
from cliffguard.compare.diagnostics.causes import explained
from cliffguard.compare.diagnostics.probe_results import Probes, items_to_probe, probe_results
from cliffguard.compare.write_review import Decision
from cliffguard.core.signals import finishing, is_put_off, putting_off
from cliffguard.evaluate.probe_budget import RunTokens
from cliffguard.evaluate.probes import Asking, Reasked, ask_again
from cliffguard.run.prepare import Run


def diagnosed(run: Run, decision: Decision) -> Decision:
    """Return the decision with why items broke; comparison and verdict stay what they are.

    Some of them are asked again first, where the run is to probe. What keeps a capability from
    being probed is told of it, and raises nothing: a signal ends the probes, and the process once
    the reports of the verdict are written (`signals.raise_put_off`).
    """
    capabilities: Capabilities | None = None
    with putting_off(), finishing():  # to count is soon done
        capabilities = changed_capabilities(decision.gathered)
    if capabilities is None:
        return decision
    probes = _until_stopped(run, decision, capabilities) if run.limits.probes else None
    with putting_off(), finishing():
        decision = replace(
            decision,
            diagnosed=diagnose(
                capabilities,
                decision.case,
                decision.look,
                leaks=run.leaks,
                probes=probes,
            ),
        )
    return decision


INTERRUPTED = "interrupted"
"""Why there are no probes where a signal came before they were at their end."""


def _until_stopped(run: Run, decision: Decision, capabilities: Capabilities) -> Probes:
    """Return what comes back of the items that changed; nothing where a signal comes before."""
    with putting_off():
        if not is_put_off():
            return _probed(run, decision, capabilities)
    return Probes(why=dict.fromkeys(capabilities, INTERRUPTED))


def _probed(run: Run, decision: Decision, capabilities: Capabilities) -> Probes:
    """Return what comes back of the items that changed and that no reader explains."""
    known = explained(capabilities, run.leaks)
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
