"""A policy made whole by the suites that are measured under it."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from cliffguard.compare.mean_margin import refuse_wide_mean
from cliffguard.core.errors import UsageError
from cliffguard.core.items import Suite
from cliffguard.core.settings import Policy, TargetPolicy


def default_policy(suites: tuple[Suite, ...]) -> Policy:
    """Return the policy of a plan without one: a proven gain where a target is measured."""
    rings = {capability.ring for suite in suites for capability in suite.capabilities}
    return Policy(target=TargetPolicy() if "target" in rings else None)


def with_margins(policy: Policy, suites: Sequence[Suite]) -> Policy:
    """Return the policy with the suites' margins for the capabilities that it names none for.

    Raises ConfigError where a margin on the mean is then no narrower than one of them.
    """
    capabilities = [capability for suite in suites for capability in suite.capabilities]
    policies = dict(policy.capabilities)
    for capability in capabilities:
        rules = policy.rules(capability.name)
        is_said = rules.margin is not None or rules.relative_margin is not None
        if capability.margin is not None and not is_said:
            policies[capability.name] = replace(rules, margin=capability.margin)
    policy = replace(policy, capabilities=policies)
    refuse_wide_mean(policy, [(capability.name, capability.ring) for capability in capabilities])
    return policy


def gating(suites: Sequence[Suite], policy: Policy) -> set[str]:
    """Return the names of the capabilities that gate."""
    capabilities = [capability for suite in suites for capability in suite.capabilities]
    return {c.name for c in capabilities if policy.role(c.name, c.ring) == "gating"}


def refuse_tasks(policy: Policy) -> None:
    """Raise UsageError for what a policy says of logged samples alone."""
    for name, rules in policy.capabilities.items():
        if rules.tasks or rules.metric or rules.filter:
            raise UsageError(
                f"policy.capabilities.{name}: tasks, metric and filter are for comparing folders "
                "of lm-eval's samples; here the suite says what a capability is made of",
                id="policy.only-samples",
            )
