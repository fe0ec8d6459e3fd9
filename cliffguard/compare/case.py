"""What is compared, and under which policy: the same at every look of a run."""

from __future__ import annotations

from dataclasses import dataclass, field

from cliffguard.compare.diagnostics.screens import Screens
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.comparisons import Contamination
from cliffguard.core.items import Suite
from cliffguard.core.settings import EvalSettings, Policy
from cliffguard.evaluate.capability_runs import CapabilityRun


@dataclass(frozen=True, slots=True, kw_only=True)
class Case:
    """The two sides, what they are asked, and all that is known before the first answer.

    `protocol` None: it was another harness's, and the scores themselves say whether they are
    graded. `runs` say by what the looks are known again. `caveats` stand in every report,
    `overlaps` are the planned items that the training data hold, `screens` what loaded models tell.
    `origin` is the fingerprint of the fine-tune of which the candidate is a scale: all of these
    have one account of alpha (None: it is no scale). Where it `is_in_training` the candidate may
    still answer as its base does.
    """

    base: Checkpoint
    candidate: Checkpoint
    suites: tuple[Suite, ...]
    policy: Policy
    protocol: EvalSettings | None
    runs: tuple[CapabilityRun, ...] = ()
    caveats: tuple[Caveat, ...] = ()
    overlaps: tuple[Contamination, ...] = ()
    screens: Screens = field(default_factory=Screens)
    origin: str | None = None
    is_in_training: bool = False
