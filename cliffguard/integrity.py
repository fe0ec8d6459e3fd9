"""Canaries: what must hold before two sets of answers may be compared at all."""

from __future__ import annotations

from collections.abc import Mapping, Sequence

from cliffguard.errors import IntegrityError
from cliffguard.plans import Protocol
from cliffguard.records import Answer, Comparison


def check_answers(
    base: Mapping[str, Sequence[Answer]],
    candidate: Mapping[str, Sequence[Answer]],
    protocol: Protocol,
) -> None:
    """Raise IntegrityError unless both sides answered the same items from the same prompts.

    The untemplated prompts must always agree. The rendered ones must agree where the protocol
    gives both sides the same template.
    """
    if base.keys() != candidate.keys():
        raise IntegrityError(
            f"base and candidate answered other tasks: {sorted(base)} and {sorted(candidate)}"
        )
    for task, base_answers in base.items():
        candidate_answers = candidate[task]
        if len(base_answers) != len(candidate_answers):
            raise IntegrityError(
                f"{task}: {len(base_answers)} answers of the base, "
                f"{len(candidate_answers)} of the candidate"
            )
        for left, right in zip(base_answers, candidate_answers, strict=True):
            _check_pair(task, left, right, same_template=protocol.chat_template != "own")


def differences(base: Sequence[str], candidate: Sequence[str]) -> tuple[str, ...]:
    """Return a caveat when the sides were measured on other devices or in other batches."""
    if tuple(base) == tuple(candidate):
        return ()
    sides = f"base: {'; '.join(base)}. Candidate: {'; '.join(candidate)}."
    return (f"The sides were not measured alike, which can flip near-ties. {sides}",)


def _check_pair(task: str, base: Answer, candidate: Answer, *, same_template: bool) -> None:
    if (base.item_id, base.item_digest) != (candidate.item_id, candidate.item_digest):
        raise IntegrityError(
            f"{task}: base answered item {base.item_id}, candidate {candidate.item_id}, "
            "at the same place; measure both again with one suite"
        )
    if base.prompt_digest != candidate.prompt_digest:
        raise IntegrityError(f"{task}: item {base.item_id} was put to the two sides differently")
    if same_template and base.rendered_digest != candidate.rendered_digest:
        raise IntegrityError(
            f"{task}: the rendered prompts of item {base.item_id} differ between the sides"
        )


def instrument_moved(comparison: Comparison) -> tuple[str, ...]:
    """Return a line for each capability of the control ring whose score has provably changed."""
    return tuple(
        f"The control {found.capability} moved by {-100 * found.drop:+.1f} points, and a fine-tune "
        "has no reason to touch it: look for a change of the instrument (chat template, tokenizer, "
        "dtype, quantization) before you believe the other numbers."
        for found in comparison.capabilities
        if found.ring == "control"
        and found.drop is not None
        and found.drop_interval is not None
        and not found.drop_interval.low <= 0.0 <= found.drop_interval.high
    )
