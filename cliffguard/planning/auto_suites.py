"""The suites that `auto` stands for: what fits both sides, the time, and can be passed together."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from functools import cache

from cliffguard.checkpoints.files import chat_template_of
from cliffguard.checkpoints.identity import context_window
from cliffguard.config import AROUND_A_TARGET
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.items import Suite, Task
from cliffguard.core.settings import CapabilityPolicy, Plan, Policy, TargetPolicy
from cliffguard.core.texts import in_points, n_things
from cliffguard.planning.capability_power import CHARACTERS_A_TOKEN
from cliffguard.planning.power import PowerAnalysis
from cliffguard.suites.loading import load_suite

ALWAYS = AROUND_A_TARGET
IN_TURN = ("structure", "tools", "chat", "reasoned")
"""What is taken beside it where it fits, the first first."""

LEAST_CHANCE = 0.8
"""To pass all suites together, of a candidate that lost nothing while a tenth of answers change."""

MOST_MINUTES = 60.0
"""Of a run that names no limit of its own, by the estimate for this machine."""

WIDE_MARGIN, MEAN_MARGIN = 0.08, 0.03
"""Of each capability, and of the mean of all drops, where the plan has no policy."""

Refusal = Callable[[Checkpoint, Suite], "str | None"]
"""From a side and a suite of chats to why its template does not render them; None where it does."""

_N_TRIED = 6  # chats of each task

_suite = cache(load_suite)  # of the package, which no run changes

Analyse = Callable[[Plan], "tuple[PowerAnalysis, float | None]"]
"""From a plan to its power analysis and the minutes that it will take, None where nobody knows."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Chosen:
    """What `auto` came to: the plan with its suites named, and why each other one is `left`.

    One side `is_alone` where nothing is compared yet.
    """

    plan: Plan
    analysis: PowerAnalysis
    minutes: float | None
    left: Mapping[str, str]
    is_alone: bool = False

    @property
    def lines(self) -> list[str]:
        """What was chosen, at what cost, and why nothing else was, for the terminal."""
        plan, cost = self.plan, self.analysis
        n_items = n_things(cost.n_planned, "item", ",")
        tokens = f"{cost.n_tokens / 1e6:,.2f} million tokens"
        shown = f"about {cost.n_expected:,.0f} of {n_items}, {tokens} on both sides"
        if self.is_alone:
            shown = f"{n_items}, about {tokens} on this checkpoint"
        around = "" if plan.target is None else f"{plan.target.name}, and around it "
        alone = "" if plan.target is None else "; --suite none asks the target alone"
        time = f", roughly {max(self.minutes, 0.1):,.1f} minutes here" if self.minutes else ""
        lines = [
            f"{around}suites by auto: {', '.join(plan.suites)}: {shown}{time}; "
            f"--suite NAME asks others{alone}"
        ]
        has_margins = len(plan.suites) > 1 and not self.is_alone
        if has_margins and plan.policy is not None and plan.policy.mean_margin is not None:
            lines.append(
                f"margins by auto: {in_points(plan.policy.default_margin)} each, "
                f"{in_points(plan.policy.mean_margin)} for the mean drop; a policy sets others"
            )
        return [*lines, *(f"not {name}: {why}" for name, why in self.left.items())]


def choose(
    plan: Plan,
    sides: Sequence[Checkpoint],
    analyse: Analyse,
    *,
    refusal: Refusal = lambda *_: None,
    minutes: float | None = None,
    is_alone: bool = False,
) -> Chosen:
    """Return the plan with the suites that `auto` stands for; of a side that `is_alone` to measure.

    `adjacent` always; of the others those that each of the `sides` can be asked, of which none is a
    `refusal` of its template once it renders the first chats, less the last ones
    until the estimate keeps to `minutes` and a candidate that lost nothing passes all together with
    a chance of 80 %. Without a policy of its own the plan gets wide margins and one for the mean.
    """
    left = {name: why for name in IN_TURN if (why := _misfit(name, sides, plan, refusal))}
    names = [name for name in IN_TURN if name not in left]
    most = MOST_MINUTES if minutes is None else minutes
    while True:
        named = _with_policy(replace(plan, suites=(ALWAYS, *names)))
        analysis, needed = analyse(named)
        why = _too_much(analysis, needed, most)
        if why is None or not names:
            ordered = {name: left[name] for name in IN_TURN if name in left}
            return Chosen(
                plan=named, analysis=analysis, minutes=needed, left=ordered, is_alone=is_alone
            )
        left[names.pop()] = why


def _with_policy(plan: Plan) -> Plan:
    """Return the plan with the policy of `auto`, where it has none and asks more than usual."""
    if plan.policy is not None or plan.suites == (ALWAYS,):
        return plan
    suites = tuple(map(_suite, plan.suites))
    wide = {
        capability.name: CapabilityPolicy(margin=max(WIDE_MARGIN, capability.margin or 0.0))
        for suite in suites
        for capability in suite.capabilities
        if capability.ring not in ("target", "control")
    }
    policy = Policy(
        default_margin=WIDE_MARGIN,
        mean_margin=MEAN_MARGIN,
        target=None if plan.target is None else TargetPolicy(),
        capabilities=wide,
    )
    return replace(plan, policy=policy)


def _too_much(analysis: PowerAnalysis, needed: float | None, most: float) -> str | None:
    if needed is not None and needed > most:
        return f"roughly {needed:,.0f} minutes with it, {most:g} are there (--max-minutes)"
    if analysis.chance_pass < LEAST_CHANCE:
        return (
            f"a candidate that lost nothing would pass with {100 * analysis.chance_pass:.0f} % "
            f"only, {100 * LEAST_CHANCE:.0f} % are wanted"
        )
    return None


# --- what fits a side -----------------------------------------------------------------------------


def _misfit(name: str, sides: Sequence[Checkpoint], plan: Plan, refusal: Refusal) -> str | None:
    """Return why a suite cannot be put to one of the sides; None where it can."""
    tasks = _suite(name).tasks
    if plan.runner.is_served:
        return "its items are chats, which a server is not asked"
    if plan.protocol.chat_template == "none" and any(task.are_chats for task in tasks):
        return "its items are chats, and chat_template is none"
    if (why := next(_misfits(tasks, sides), None)) is not None:
        return why
    return next(filter(None, (refusal(side, _beginning(name)) for side in sides)), None)


def _beginning(name: str) -> Suite:
    """Return a suite with the first chats of each task: as many kinds as it has wordings."""
    suite = _suite(name)
    capabilities = tuple(
        replace(
            capability, tasks=tuple(replace(t, items=t.items[:_N_TRIED]) for t in capability.tasks)
        )
        for capability in suite.capabilities
    )
    return replace(suite, capabilities=capabilities)


def _misfits(tasks: Sequence[Task], sides: Sequence[Checkpoint]) -> Iterator[str]:
    n_tokens = max(_n_tokens(task) for task in tasks)
    has_tools = any(task.have_tools for task in tasks)
    for side in sides:
        template = None if side.files is None else chat_template_of(side.files.chat_template)
        if template is None:
            yield f"{side.name} has no chat template"
        elif has_tools and "tools" not in str(template):
            yield f"the chat template of {side.name} knows no tools"
        window = context_window(side)
        if window is not None and window < n_tokens:
            yield f"{side.name} reads {window:,} tokens, {n_tokens:,.0f} are needed"


def _n_tokens(task: Task) -> float:
    longest = max((len(item.chat or item.prompt) for item in task.items), default=0)
    return longest / CHARACTERS_A_TOKEN + (task.max_tokens or 0)
