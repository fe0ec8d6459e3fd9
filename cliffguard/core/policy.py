"""The policy: margins, error rate, and what a capability can do to the verdict."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from cliffguard.core.behaviours import MARGINS, PREFIX, Behaviour, behaviour_of
from cliffguard.core.bounds import Bounds, check_bounds
from cliffguard.core.errors import UsageError
from cliffguard.core.flags import STRICT, key

Ring = Literal["target", "adjacent", "general", "safety", "control"]
Role = Literal["target", "gating", "monitored"]
Estimand = Literal["capability", "suite"]
# Below these no suite decides anything, and numbers lose their digits.
_LEAST_ALPHA = 1e-9
_LEAST_MARGIN = 1e-6

Margin = Annotated[float, Bounds(above=0.0, least=_LEAST_MARGIN, most=0.5)]

_SUPPOSED_SKILL = 0.5
_TARGET_STRATUM_MARGIN = 0.10  # whoever trains for a target shifts its parts


@dataclass(frozen=True, slots=True, kw_only=True)
class CapabilityPolicy:
    """What a policy says of one capability.

    >>> from cliffguard import CapabilityPolicy, Policy
    >>> policy = Policy(capabilities={"arithmetic": CapabilityPolicy(margin=0.03)})
    >>> policy.margin("arithmetic"), policy.margin("reading")
    (0.03, 0.05)
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    margin: Margin | None = key(
        None,
        "The drop in mean score that is tolerated, 0.05 being 5 points. Without it the suite's "
        "margin, else the policy's `default_margin`.",
    )
    relative_margin: Annotated[float, Bounds(above=0.0, below=1.0)] | None = key(
        None,
        "Instead of `margin`: the share of what the base has beyond guessing that may be lost.",
    )
    stratum_margin: Margin | None = key(
        None,
        "The drop that is tolerated in one part of it: a task, a level, a class, a value of "
        "`strata`. Without it the margin; of a target 10 points, or its margin if that is wider.",
    )
    cluster: str | None = key(
        None,
        "A field of the documents, or of own items; what has the same value of it (a passage's id) "
        "stands or falls together.",
    )
    strata: str | None = key(
        None,
        "A field of the documents, or of own items; each value of it (a topic) is a part in which "
        "a loss is looked for.",
    )
    gate: bool | None = key(
        None,
        "Whether it can fail the gate. Without it every ring but control gates. true also demands "
        "that something can be lost there.",
    )
    surface: Literal["exclude", "caveat"] = key(
        "exclude",
        "What becomes of a level whose score on this base depends on how its items look (the place "
        "of the right answer, its label, a prompt's length) by more than 20 points: exclude leaves "
        "it out of the verdict, caveat says it and lets it gate.",
    )
    tasks: tuple[str, ...] = key(
        (),
        "What it is made of where there is no suite, in comparing lm-eval's samples: names, groups "
        "(`mmlu`) or patterns (`mmlu_*`).",
    )
    metric: str | None = key(
        None, "Which score of these samples counts. Without it the first that lies between 0 and 1."
    )
    filter: str | None = key(None, "Which filter of these samples counts. Without it the first.")
    lower_is_better: bool | None = key(
        None, "Which way the metrics of its lm-eval tasks point, where the tasks do not say it."
    )

    def __post_init__(self) -> None:
        check_bounds(self, "policy")
        if self.margin is not None and self.relative_margin is not None:
            raise UsageError(
                "margin and relative_margin exclude each other; keep one", id="policy.two-margins"
            )


_NOTHING_SAID = CapabilityPolicy()


@dataclass(frozen=True, slots=True, kw_only=True)
class BehaviourPolicy:
    """What a policy says of one behaviour of generated answers.

    >>> from cliffguard import BehaviourPolicy, Policy
    >>> policy = Policy(behaviour={"length": BehaviourPolicy(margin=0.2)})
    >>> policy.margin("behaviour: length"), policy.role("behaviour: length", "general")
    (0.2, 'gating')
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    margin: Margin | None = key(
        None,
        "Of `length` the change of the mean number of tokens, longer or shorter, as a share of the "
        "base's; of the others the rise of a share of answers. Without it 0.10 of `length`, else "
        "0.02.",
    )
    gate: bool = key(True, "Whether it can fail the gate; else it is judged and only shown.")

    def __post_init__(self) -> None:
        check_bounds(self, "policy")


@dataclass(frozen=True, slots=True, kw_only=True)
class TargetPolicy:
    """What is demanded of a target for PASS.

    >>> from cliffguard import Policy, TargetPolicy
    >>> Policy(target=TargetPolicy(min_gain=0.1)).role("tickets", "target")
    'target'
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    min_gain: Annotated[float, Bounds(above=-1.0, below=1.0)] = key(
        0.0, "The gain in the target's mean score (0…1) that must be proven for PASS."
    )

    def __post_init__(self) -> None:
        check_bounds(self, "policy")


@dataclass(frozen=True, slots=True, kw_only=True)
class Policy:
    """Margins and error rate, written before the results. Margins are drops in score, 0…1.

    >>> from cliffguard import Policy
    >>> policy = Policy(alpha=0.05, default_margin=0.03)
    >>> policy.margin("arithmetic"), policy.role("arithmetic", "adjacent")
    (0.03, 'gating')
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT

    alpha: Annotated[float, Bounds(above=0.0, least=_LEAST_ALPHA, below=0.5)] = key(
        0.05, "Error rate of a wrong FAIL, and of a wrong PASS."
    )
    reserve: Annotated[float, Bounds(least=0.0, most=0.5)] = key(
        0.05,
        "Share of alpha that the first run of a candidate leaves to later ones with more items, on "
        "the side of PASS and on that of FAIL.",
    )
    default_margin: Margin = key(
        0.05, "The drop in mean score (0…1) that is tolerated where no margin of its own is named."
    )
    mean_margin: Margin | None = key(
        None,
        "The largest mean of all gating drops that is tolerated, each weighed alike, beside wider "
        "margins for each. PASS then takes both proofs.",
    )
    estimand: Estimand = key(
        "capability",
        "What a drop is a drop of. capability: of the skill that the items are a sample of. suite: "
        "of the score on exactly these items, which are then the contract.",
    )
    target: TargetPolicy | None = key(
        None, "What gain of the target must be proven. Without it the gain is only reported."
    )
    target_only: bool = key(
        False,
        "The target's gain alone decides; nothing around it needs to be measured, or to count.",
    )
    capabilities: Mapping[str, CapabilityPolicy] = key(
        dict, "What holds for single capabilities, by name."
    )
    behaviour: Mapping[Behaviour, BehaviourPolicy] = key(
        dict,
        "Which behaviours of the generated answers, over all capabilities that gate, are judged as "
        "capabilities are: `length`, and the shares that are `cut`, that run in a circle "
        "(`repeats`), that decline (`refuses`) or are in another `language`.",
    )

    def __post_init__(self) -> None:
        check_bounds(self, "policy")
        for name in self.capabilities if self.behaviour else ():
            if name.startswith(PREFIX):
                raise UsageError(
                    f"policy.capabilities: {name!r} is what a finding about a behaviour is called; "
                    "name it under behaviour, or give the capability another name",
                    id="policy.behaviour-name",
                )

    @property
    def first_level(self) -> float:
        """Alpha less the reserve: the error rate of a candidate's first run."""
        return self.alpha * (1.0 - self.reserve)

    @property
    def confidence(self) -> float:
        """Confidence of two-sided intervals, each end of which is a test at the first level."""
        return 1.0 - 2.0 * self.first_level

    def rules(self, capability: str) -> CapabilityPolicy:
        """Return what the policy says of one capability; nothing where it does not name it."""
        return self.capabilities.get(capability) or _NOTHING_SAID

    def margin(self, capability: str) -> float:
        """Return the largest drop of a capability that is tolerated.

        Of a relative one, of a base that has half of what there is beyond guessing: before it is
        asked nobody knows what it has.
        """
        behaviour = behaviour_of(capability)
        if behaviour is not None and behaviour in self.behaviour:
            margin = self.behaviour[behaviour].margin
            return MARGINS[behaviour] if margin is None else margin
        rules = self.rules(capability)
        if rules.relative_margin is not None:
            return rules.relative_margin * _SUPPOSED_SKILL
        return self.default_margin if rules.margin is None else rules.margin

    def stratum_margin(self, capability: str, role: Role, *, margin: float) -> float:
        """Return the largest drop of a part that is tolerated; `margin` is that of the whole."""
        if (part := self.rules(capability).stratum_margin) is not None:
            return part
        if role == "target":
            return max(self.margin(capability), _TARGET_STRATUM_MARGIN)
        return max(margin, _LEAST_MARGIN)

    def role(self, capability: str, ring: Ring) -> Role:
        """Return what a capability can do to the verdict."""
        behaviour = behaviour_of(capability)
        if behaviour is not None and behaviour in self.behaviour:
            return "gating" if self.behaviour[behaviour].gate else "monitored"
        if ring == "target":
            return "target" if self.target is not None else "monitored"
        gate = self.rules(capability).gate
        return "gating" if (ring != "control" if gate is None else gate) else "monitored"
