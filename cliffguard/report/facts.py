"""What a reader needs to repeat the comparison, as labelled lines."""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass, fields

from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.reviews import Commit, PlannedLooks, Provenance, Review, TakenLooks
from cliffguard.core.settings import EvalSettings, Plan, Policy
from cliffguard.core.texts import n_things, plural
from cliffguard.report.clean import one_line

_SHORT = 16  # characters of a digest that tell two apart by eye; all of it is in review.json


@dataclass(frozen=True, slots=True, kw_only=True)
class Fact:
    """One line; `is_code` asks for a fixed-width font."""

    label: str
    value: str
    is_code: bool


def checkpoint_facts(checkpoint: Checkpoint) -> tuple[Fact, ...]:
    """Name, revision and digests of one side."""
    digests = {
        "fingerprint": checkpoint.fingerprint,
        "weights": checkpoint.weights[:_SHORT],
        "adapter": (checkpoint.adapter or "none")[:_SHORT],
        "tokenizer": checkpoint.tokenizer[:_SHORT],
        "chat template": (checkpoint.chat_template or "none")[:_SHORT],
        "settings": checkpoint.settings[:_SHORT],
    }
    revision = one_line(checkpoint.revision or "none")
    return (
        Fact(label="name", value=one_line(checkpoint.name), is_code=False),
        Fact(label="revision", value=revision, is_code=True),
        *(Fact(label=name, value=one_line(text), is_code=True) for name, text in digests.items()),
    )


def run_facts(review: Review) -> tuple[Fact, ...]:
    """Suites, protocol, policy, runner, machine and versions."""
    provenance = review.provenance
    stamps = [f"{s.name} version {s.version}, digest {s.digest}" for s in provenance.suites]
    versions = [f"{name} {provenance.versions[name]}" for name in sorted(provenance.versions)]
    lines = [
        *(("suite", stamp) for stamp in stamps),
        ("protocol", _protocol(review.plan.protocol)),
        ("policy", _policy(review.plan.policy)),
        *(("policy", text) for text in _own_policies(review.plan.policy)),
        *(("items", text) for text in _dealing(review.plan)),
        *(("after a failure", text) for text in _after_failure(review.plan)),
        *(("looks", _looks(planned)) for planned in provenance.looks),
        *(("looks taken", _taken(looks)) for looks in review.taken),
        *(("training data", _training(review)) for _ in review.plan.train[:1]),
        ("runner", provenance.runner),
        *(("measured on", machine) for machine in provenance.measured_on),
        ("versions", ", ".join([_release(provenance), *versions])),
        *(("started in", _commit(commit)) for commit in [provenance.commit] if commit is not None),
        (
            "stored answers",
            f"{n_things(len(provenance.questions), 'question')}; their keys are in review.json",
        ),
    ]
    return tuple(Fact(label=label, value=one_line(text), is_code=False) for label, text in lines)


def _release(provenance: Provenance) -> str:
    number = f"cliffguard {provenance.cliffguard_version}"
    commit = provenance.cliffguard_commit
    return number if commit is None else f"{number} ({_commit(commit)})"


def _commit(commit: Commit) -> str:
    return f"commit {commit.digest[:_SHORT]}{', with changes' if commit.is_dirty else ''}"


def _training(review: Review) -> str:
    n_items = len(review.comparison.overlaps)
    overlap = (
        f"{n_things(n_items, 'item')} of the suites {plural(n_items, 'is', 'are')} in it"
        if n_items
        else "no item of the suites is in it"
    )
    return f"{', '.join(review.plan.train)}; {overlap}"


def _protocol(protocol: EvalSettings) -> str:
    shots = "each task's own" if protocol.num_fewshot is None else str(protocol.num_fewshot)
    limit = (
        "all items" if protocol.limit is None else f"{n_things(protocol.limit, 'item')} per task"
    )
    system = "with a system prompt" if protocol.system_prompt else "no system prompt"
    return (
        f"chat template {protocol.chat_template}, {system}, few-shot examples: {shots}, "
        f"dtype {protocol.dtype}, {limit}, seed {protocol.seed}{_unusual(protocol)}"
    )


_TOLD_ALWAYS = ("chat_template", "system_prompt", "num_fewshot", "dtype", "limit", "seed")


def _unusual(protocol: EvalSettings) -> str:
    """Name the settings that most runs leave alone, where they were set."""
    usual = EvalSettings()
    names = [f.name for f in fields(EvalSettings) if f.name not in _TOLD_ALWAYS]
    settings = {name: getattr(protocol, name) for name in names}
    set_ones = {name: value for name, value in settings.items() if value != getattr(usual, name)}
    return "".join(f", {name.replace('_', ' ')} {value}" for name, value in set_ones.items())


def _looks(planned: PlannedLooks) -> str:
    counts = [f"{n:,}" for n in planned.n_items]
    places = " and ".join([", ".join(counts[:-1]), counts[-1]]) if counts[1:] else counts[0]
    shared = {
        "one look": "in one look",
        "held: cubic, drop: linear": "alpha spent late on HELD, evenly on a drop",
        "linear": "alpha spent evenly over the items",
        "betting": "by bets, which are good at any look",
    }
    dealt = "" if planned.churn is None else f", dealt by a churn of {100 * planned.churn:.1f} %"
    return (
        f"{planned.capability} at {places} {plural(planned.n_items[-1], 'item')}{dealt}, "
        f"{shared[planned.spending]}; order {planned.order[:_SHORT]}"
    )


def _taken(looks: TakenLooks) -> str:
    """One run's looks at one capability, and what they spent of alpha."""
    counted = ", ".join(f"{n:,}" for n in looks.counted)
    last = looks.counted[-1] if looks.counted else 0
    name = looks.capability or "all that gates together"
    return f"{name} at {counted} {plural(last, 'item')}, alpha spent: {looks.spent:.3g}"


def _own_policies(policy: Policy | None) -> Iterator[str]:
    """Return what a policy says of single capabilities, by name: a review has no other order."""
    for name, rules in sorted(({} if policy is None else policy.capabilities).items()):
        margins = {"margin": rules.margin, "margin of a part": rules.stratum_margin}
        settings = [f"{word} {100 * m:.1f} pp" for word, m in margins.items() if m is not None]
        fields = {"clusters": rules.cluster, "parts": rules.strata}
        settings += [f"{word} by {field}" for word, field in fields.items() if field]
        if rules.lower_is_better is not None:
            settings.append(f"{'lower' if rules.lower_is_better else 'higher'} is better")
        if rules.gate is not None:
            settings.append("gates, and must be measured" if rules.gate else "does not gate")
        if settings:
            yield f"{name}: {', '.join(settings)}"


def _dealing(plan: Plan) -> Iterator[str]:
    if plan.items is not None:
        yield f"{plan.items:,} of each side at the most, more where more answers change"


def _after_failure(plan: Plan) -> Iterator[str]:
    if plan.after_failure == "stop":
        yield "no more was asked (stop)"


def _policy(policy: Policy | None) -> str:
    if policy is None:  # a plan whose policy was left to cliffguard
        return "the default of cliffguard"
    parts = [f"alpha {policy.alpha:g}"]
    parts += [f"of which {100 * policy.reserve:g} % for later runs"] if policy.reserve else []
    parts += [f"default margin {100 * policy.default_margin:.1f} pp"]
    if policy.mean_margin is not None:
        parts.append(f"margin on the mean drop {100 * policy.mean_margin:.1f} pp")
    if policy.target is None:
        parts.append("no gain demanded")
    else:
        parts.append(f"demanded gain above {100 * policy.target.min_gain:.1f} pp")
    return ", ".join(parts)
