"""Both sides' samples of one task, joined: the same items in the same order on either side."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass

from cliffguard.core.answers import Answer, FinishReason
from cliffguard.core.canonical_json import digest_of_rows
from cliffguard.core.items import Item, Task
from cliffguard.core.reviews import SAMPLES
from cliffguard.core.texts import cut_end, first_of
from cliffguard.runners.lmeval_logs import Sample, ScoreChoice

_N_NAMED = 3  # differences of a kind that a message spells out
_LONGEST_NAME = 60  # characters of an id, which may be a text


def differences(
    task: str, base: Mapping[str, Sample], candidate: Mapping[str, Sample]
) -> list[str]:
    """Return in what documents, prompts, choices and targets of a task differ between the sides."""
    shared = [(name, base[name], candidate[name]) for name in base if name in candidate]
    kinds = {
        "documents": [n for n, a, b in shared if a.document_hash != b.document_hash],
        "prompts": [n for n, a, b in shared if a.prompt_hash != b.prompt_hash],
        "choices": [n for n, a, b in shared if a.choices != b.choices],
        "targets": [
            n for n, a, b in shared if a.target != b.target and a.target.strip() != b.target.strip()
        ],
    }
    differing = [
        f"{task}: {len(names)} of {len(shared)} {kind} differ (number {_first(names)})"
        for kind, names in kinds.items()
        if names
    ]
    if shared or not (base and candidate):
        return differing if shared else [f"{task}: no document in common"]
    ids = [_first(list(side)) for side in (base, candidate)]
    return [f"{task}: no document in common (base {ids[0]}; candidate {ids[1]})"]


def _first(names: Sequence[str]) -> str:
    return first_of([cut_end(name, _LONGEST_NAME) for name in names[: _N_NAMED + 1]], _N_NAMED)


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined:
    """One task with both sides' answers, item by item."""

    task: Task
    base: tuple[Answer, ...]
    candidate: tuple[Answer, ...]
    other_filters: tuple[str, ...]


def join(
    task: str,
    capability: str,
    choice: ScoreChoice,
    is_low: bool,
    base: dict[str, Sample],
    candidate: dict[str, Sample],
    *,
    others: Sequence[Mapping[str, Mapping[str, float | None]]],
    n_all: int | None,
) -> Joined:
    """Return a task with both sides' answers; the samples are used up, since memory is short."""
    read_otherwise = _read_otherwise((base, candidate), others)
    items: list[Item] = []
    answers: tuple[list[Answer], list[Answer]] = ([], [])
    fields, unread = {}, {}
    for name in list(dict.fromkeys([*base, *candidate])):
        both = (base.pop(name, None), candidate.pop(name, None))
        reference = both[0] or both[1]
        assert reference is not None, "a name of one of them"
        for side, sample in zip(answers, both, strict=True):
            side.append(_answer(reference, sample, is_low))
        items.append(_item(reference, both))
        texts = (_unread(both[0]), _unread(both[1]))
        if texts != (None, None) and len({side[-1].score or 0.0 for side in answers}) > 1:
            unread[reference.document] = texts  # of changed items: memory is short
        if reference.fields:
            fields[reference.document] = reference.fields
    made = Task(
        name=task,
        entry=task,
        suite=SAMPLES,
        capability=capability,
        stock=True,
        metric=choice.metric,
        filter=choice.filter,
        chance=None,
        level=None,
        gate_levels=None,
        num_fewshot=None,
        max_tokens=None,
        stop=(),
        limit=None,
        cost=None,
        items=tuple(items),
        digest=digest_of_rows([answer.item_digest, answer.prompt_digest] for answer in answers[0]),
        lower_is_better=is_low,
        fields=fields,
        n_in_all=n_all,
        read_otherwise=read_otherwise,
        other_scores=_other_scores([item.id for item in items], others, is_low=is_low),
        unread=unread,
    )
    return Joined(
        task=made,
        base=tuple(answers[0]),
        candidate=tuple(answers[1]),
        other_filters=tuple(dict.fromkeys(name for side in others for name in side)),
    )


def _item(sample: Sample, both: tuple[Sample | None, Sample | None]) -> Item:
    prompts = both[1] or sample
    right = _right(sample, [side.fitting for side in both if side is not None])
    return Item(
        id=sample.document,
        digest=sample.document_hash,
        prompt=prompts.prompt,
        choices=sample.choices,
        answer=sample.target,
        level=None,
        cluster=sample.cluster,
        answers=() if right == sample.target else (right,),
        prompt_sha256=prompts.prompt_sha256,
        facts=prompts.facts,
    )


def _right(sample: Sample, fitting: Sequence[tuple[str, ...]]) -> str:
    """Return the choice that a target stands for by both sides, else the target as logged.

    That is marked so where it would read like a choice that it may not be.
    """
    meant = [choice for choice in fitting[0] if all(choice in side for side in fitting)]
    if len(meant) == 1:
        return meant[0]
    return f"{sample.target} (as logged)" if sample.target in sample.choices else sample.target


def _read_otherwise(
    sides: Sequence[Mapping[str, Sample]],
    others: Sequence[Mapping[str, Mapping[str, float | None]]],
) -> str | None:
    """Say what another filter makes of the candidate's answers that this one cannot read."""
    unread = [name for name, sample in sides[1].items() if not sample.is_readable]
    for name, scores in others[1].items():
        read = [score for document in unread if (score := scores.get(document)) is not None]
        if read:
            return (
                f"{name} reads {len(read)} of the {len(unread)} that this filter does not: "
                f"{100 * sum(read) / len(read):.0f} %"
            )
    return None


def _other_scores(
    documents: Sequence[str],
    others: Sequence[Mapping[str, Mapping[str, float | None]]],
    *,
    is_low: bool,
) -> dict[str, tuple[float | None, float | None]]:
    """Return the best score by another filter of each document's answers, where there is one."""
    scores: dict[str, tuple[float | None, float | None]] = {}
    if not any(others):  # as of nearly every task
        return scores
    for document in documents:
        sides = [
            _best([by[document] for by in side.values() if document in by], is_low=is_low)
            for side in others
        ]
        if any(score is not None for score in sides):
            scores[document] = (sides[0], sides[1])
    return scores


def _best(logged: Sequence[float | None], *, is_low: bool) -> float | None:
    scores = [1.0 - score if is_low else score for score in logged if score is not None]
    return max(scores, default=None)


def _answer(reference: Sample, sample: Sample | None, is_low: bool) -> Answer:
    """Return one side's answer, its score turned so that higher is better; a lack is unscored."""
    score = None if sample is None else sample.score
    return Answer(
        item_id=reference.document,
        item_digest=reference.document_hash,
        prompt_digest=reference.prompt_hash,
        rendered_digest=reference.prompt_hash,
        score=1.0 - score if is_low and score is not None else score,
        text="" if sample is None else sample.text,
        confidence=None if sample is None else sample.confidence,
        finish_reason=_how_it_ended(sample),
        n_prompt_tokens=0,
        n_answer_tokens=0,
    )


def _unread(sample: Sample | None) -> str | None:
    return None if sample is None else sample.unread


def _how_it_ended(sample: Sample | None) -> FinishReason:
    if sample is None or (sample.score is None and sample.is_readable):
        return "missing"  # no line, or no number on it
    return "choice" if sample.is_choice else "stop"
