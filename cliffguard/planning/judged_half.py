"""What a half of the items can prove, before anything is asked of a scale.

The judged half is judged on the best answers that anybody could give: nothing that gates changes,
and the target is all gained. What is not proven there, in too few items or clusters, is proven at
no scale, and a rescue would buy INCONCLUSIVE.
"""

from __future__ import annotations

import math
from collections import Counter
from collections.abc import Sequence
from typing import NamedTuple

from cliffguard.compare.case import Case
from cliffguard.compare.clusters import cluster_name
from cliffguard.compare.comparison import compare
from cliffguard.compare.pairs import pair_answers
from cliffguard.compare.verdict import judge
from cliffguard.core.answers import Answer
from cliffguard.core.errors import UsageError
from cliffguard.core.items import Item
from cliffguard.core.reviews import Outcome
from cliffguard.core.settings import Role
from cliffguard.core.texts import n_things
from cliffguard.evaluate.ledger import accounts_of
from cliffguard.evaluate.looks import Look
from cliffguard.evaluate.measure import Measurement
from cliffguard.run.look import wholly_spent
from cliffguard.run.prepare import Run
from cliffguard.stats.clusters import least_effective_clusters
from cliffguard.stats.power import smallest_deciding_n
from cliffguard.store.looks import looks_at_scales


class Provable(NamedTuple):
    """Something that PASS takes a proof of, and whether these items could prove it.

    `n_clusters` are groups of gating items, each item alone counted as one; `n_effective` of one
    size would weigh as much.
    """

    capability: str
    role: Role
    margin: float
    n_items: int
    n_clusters: int
    n_effective: float
    is_provable: bool

    @property
    def size(self) -> str:
        """How much there is of it, in words."""
        items = n_things(self.n_items, "item", ",")
        if self.n_clusters == self.n_items:
            return items
        return f"{items} in {n_things(self.n_clusters, 'cluster', ',')}"

    def lacks(self, alpha: float) -> str:
        """Return what it would take, in words."""
        if self.n_clusters < self.n_items:
            margin = self.margin if self.role == "gating" else 0.5  # a gain takes the least alone
            least = least_effective_clusters(margin=margin, alpha=alpha)
            worth = math.floor(self.n_effective)
            return f"at least {least} clusters of like size (here worth {worth})"
        if self.role == "gating":
            return f"at least {smallest_deciding_n(margin=self.margin, alpha=alpha):,} items"
        return "more items"


def provable(run: Run) -> tuple[Provable, ...]:
    """Return what PASS takes a proof of, and whether the items of a run could prove it."""
    case = run.case
    look = run.schedule.everything()
    pairs = pair_answers(look, *(_best(case, look, is_base=side) for side in (True, False)))
    verdict = judge(compare(pairs, case, look=look), case.policy)
    sizes = _clusters(case, look)
    rows = []
    for finding in verdict.findings:
        if finding.role == "monitored":
            continue
        groups = sizes.get(finding.capability, [])
        rows.append(
            Provable(
                capability=finding.capability,
                role=finding.role,
                margin=finding.margin or 0.0,
                n_items=sum(groups),
                n_clusters=len(groups),
                n_effective=sum(groups) ** 2 / max(1, sum(n * n for n in groups)),
                is_provable=finding.outcome is Outcome.HELD or not finding.counts,
            )
        )
    return tuple(rows)


def refuse_without_proof(run: Run) -> str:
    """Return what the judged half of a run can prove, in a line.

    Raises UsageError where something that PASS takes a proof of can be proven at no scale.
    """
    rows = provable(run)
    sizes = ", ".join(f"{row.capability} ({row.size})" for row in rows)
    never = [row for row in rows if not row.is_provable]
    if not never:
        return f"the judged half can prove, where nothing is lost: {sizes}"
    alpha = run.case.policy.first_level
    lacking = "; ".join(
        f"{row.capability}: {row.size} on the judged half prove "
        f"{'a gain' if row.role == 'target' else 'HELD'} at no scale, whatever is answered; it "
        f"takes {row.lacks(alpha)}"
        for row in never
    )
    raise UsageError(
        f"{lacking}; add items (of other clusters), or leave it out: in the policy `target: null`, "
        "or `gate: false` for a capability",
        id="rescue.no-proof",
    )


def spent_on_scales(run: Run) -> str | None:
    """Return a line where other scales were judged on these items; None where none was."""
    case = run.case
    if case.origin is None:
        return None
    known = [wholly_spent(taken) for taken in looks_at_scales(run.store, case.base, case.origin)]
    accounts = [row for row in accounts_of(case.runs, known, case.policy).values() if row.before]
    if not accounts:
        return None
    level = min(account.level.now for account in accounts)
    number = max(account.level.number for account in accounts)
    return (
        f"scales of this fine-tune were judged on these items before: another one is run {number}, "
        f"which may spend {100 * level:.2g} % of alpha's {100 * case.policy.alpha:g} %; take new "
        "items for a fresh start"
    )


def _best(case: Case, look: Look, *, is_base: bool) -> Measurement:
    """Return one side's answers where nothing that gates changes and all of a target is gained."""
    rings = {c.name: c.ring for suite in case.suites for c in suite.capabilities}
    answers = {}
    for series in look:
        is_target = rings.get(series.task.capability) == "target"
        score = 0.0 if is_target and is_base else 1.0
        answers[series.task.name] = tuple(_answer(item, score) for item in series.planned)
    return Measurement(answers=answers, questions=(), measured_on=())


def _answer(item: Item, score: float) -> Answer:
    return Answer(
        item_id=item.id,
        item_digest=item.digest,
        prompt_digest=item.digest,
        rendered_digest=item.digest,
        score=score,
        text="",
        confidence=None,
        finish_reason="choice" if item.choices else "stop",
        n_prompt_tokens=1,
        n_answer_tokens=1,
    )


def _clusters(case: Case, look: Look) -> dict[str, Sequence[int]]:
    """Return the sizes of the clusters of what gates, by capability."""
    counts: dict[str, Counter[str]] = {}
    for series in look:
        by_name = counts.setdefault(series.task.capability, Counter())
        by_name.update(
            cluster_name(series.task, item, case.policy)
            for item in series.planned
            if series.task.gates(item)
        )
    return {name: sorted(by_name.values()) for name, by_name in counts.items()}
