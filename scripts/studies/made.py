"""Tasks and answers that a study makes, and the verdict of the gate itself over them."""

from __future__ import annotations

from collections.abc import Sequence

from cliffguard.compare.case import Case
from cliffguard.compare.comparison import compare
from cliffguard.compare.pairs import pair_answers
from cliffguard.compare.verdict import judge
from cliffguard.core.answers import Answer
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.comparisons import Comparison
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.reviews import Verdict
from cliffguard.core.settings import EvalSettings, Policy
from cliffguard.evaluate.measure import Measurement
from cliffguard.evaluate.schedule import Schedule

Answers = dict[str, dict[str, Answer]]
"""By task and item."""


def made_task(
    name: str,
    items: Sequence[Item],
    *,
    suite: str,
    capability: str | None = None,
    metric: str = "acc",
    chance: float = 0.0,
    level: str | None = None,
) -> Task:
    """Return a task of items that a study has made; its capability has its name by default."""
    return Task(
        name=name,
        entry=name,
        suite=suite,
        capability=capability or name,
        stock=False,
        metric=metric,
        filter=None,
        chance=chance,
        level=level,
        gate_levels=None,
        num_fewshot=None,
        max_tokens=None,
        stop=(),
        limit=None,
        cost=None,
        items=tuple(items),
        digest=name,
    )


def made_answer(item: Item, score: float) -> Answer:
    """Return a choice of this score."""
    return Answer(
        item_id=item.id,
        item_digest=item.digest,
        prompt_digest=item.digest,
        rendered_digest=item.digest,
        score=score,
        text="",
        confidence=None,
        finish_reason="choice",
        n_prompt_tokens=0,
        n_answer_tokens=0,
    )


def judged(
    suite: Suite, policy: Policy, schedule: Schedule, sides: tuple[Answers, Answers]
) -> tuple[Verdict, Comparison]:
    """Return the verdict over the answers of base and candidate, and the comparison behind it."""
    case = Case(
        base=_checkpoint("base"),
        candidate=_checkpoint("candidate"),
        suites=(suite,),
        policy=policy,
        protocol=EvalSettings(),
    )
    verdict = comparison = None
    while look := schedule.next(verdict):
        measured = [
            Measurement(
                answers={
                    series.task.name: tuple(
                        side[series.task.name][item.id] for item in series.items[: series.n_counted]
                    )
                    for series in look
                },
                questions=(),
                measured_on=(),
            )
            for side in sides
        ]
        comparison = compare(pair_answers(look, *measured), case, look=look)
        verdict = judge(comparison, policy, verdict)
    assert verdict is not None, "a schedule has at least one look"
    assert comparison is not None, "a verdict is of one"
    return verdict, comparison


def _checkpoint(name: str) -> Checkpoint:
    return Checkpoint(
        name=name,
        revision=None,
        weights=name,
        adapter=None,
        tokenizer="",
        chat_template=None,
        settings="",
        notes=(),
        files=None,
    )
