"""Checks of answers before they are compared: same items, same prompts, two models."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import replace
from operator import attrgetter

from cliffguard.core.answers import Answer
from cliffguard.core.caveats import Caveat
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.errors import IntegrityError
from cliffguard.core.settings import EvalSettings
from cliffguard.core.texts import n_things, plural
from cliffguard.runners.import_checks import ONE_RUN
from cliffguard.runners.lmeval_logs import TELLING

# --- before anything is judged -------------------------------------------------------------------


def check_answers(
    base: Mapping[str, Sequence[Answer]],
    candidate: Mapping[str, Sequence[Answer]],
    protocol: EvalSettings | None,
    *,
    may_be_alike: bool = False,
) -> tuple[Caveat, ...]:
    """Raise IntegrityError unless both sides answered the same items from the same prompts.

    The untemplated prompts must always agree. The rendered ones must agree where the protocol
    gives both sides the same template, and then begin alike; without a protocol another harness
    asked, and what it logged has been looked through by who read it. Answers that are the same to
    the last bit, or long ones to the letter, were not given by two models, unless sides that were
    told apart `may_be_alike`. Return what a reader must know of answers that do not count.
    """
    if base.keys() != candidate.keys():
        raise IntegrityError(
            f"base and candidate answered other tasks: {sorted(base)} and {sorted(candidate)}",
            id="sides.other-tasks",
        )
    is_one_template = protocol is None or protocol.chat_template != "own"
    for task, base_answers in base.items():
        candidate_answers = candidate[task]
        if len(base_answers) != len(candidate_answers):
            raise IntegrityError(
                f"{task}: {n_things(len(base_answers), 'answer')} of the base, "
                f"{len(candidate_answers)} of the candidate",
                id="sides.other-items",
            )
        for left, right in zip(base_answers, candidate_answers, strict=True):
            if _QUESTION(left) != _QUESTION(right):  # mostly a fault: `n_bos` may be None or 0
                _check_pair(task, left, right, same_template=is_one_template)
    # Without a protocol all likelihoods of samples, and texts before any filter, were read.
    if protocol is not None and not may_be_alike:
        _refuse_one_model(base, candidate)
        _refuse_one_voice(base, candidate)
    return tuple(
        caveat
        for task, base_answers in base.items()
        for caveat in _unscored(task, base_answers, candidate[task])
    )


def differences(base: Sequence[str], candidate: Sequence[str]) -> tuple[Caveat, ...]:
    """Return a caveat when the sides were measured on other devices or in other batches."""
    if tuple(base) == tuple(candidate):
        return ()
    sides = f"base: {'; '.join(base)}. Candidate: {'; '.join(candidate)}."
    text = f"The sides were not measured alike, which can flip near-ties. {sides}"
    return (Caveat(id="sides.measured-otherwise", text=text),)


_QUESTION = attrgetter("item_id", "item_digest", "prompt_digest", "rendered_digest", "n_bos")
"""What an answer says of its question; on most items both sides say the same."""


def _check_pair(task: str, base: Answer, candidate: Answer, *, same_template: bool) -> None:
    if (base.item_id, base.item_digest) != (candidate.item_id, candidate.item_digest):
        raise IntegrityError(
            f"{task}: base answered item {base.item_id}, candidate {candidate.item_id}, "
            "at the same place; measure both again with one suite",
            id="sides.other-items",
        )
    if base.prompt_digest != candidate.prompt_digest:
        raise IntegrityError(
            f"{task}: the prompt of item {base.item_id} differs between base and candidate (its "
            "shots or wording changed since one side was stored); measure both into a new --store",
            id="sides.asked-otherwise",
        )
    if same_template and base.rendered_digest != candidate.rendered_digest:
        raise IntegrityError(
            f"{task}: the rendered prompts of item {base.item_id} differ between the sides; does "
            "the chat template write the date, or another special token?",
            id="sides.rendered-otherwise",
        )
    n_bos = [answer.n_bos or 0 for answer in (base, candidate)]
    n_text = [
        answer.n_prompt_tokens - n for answer, n in zip((base, candidate), n_bos, strict=True)
    ]
    if same_template and n_bos[0] != n_bos[1] and n_text[0] == n_text[1]:
        raise IntegrityError(
            f"{task}: the base's prompts begin with {n_things(n_bos[0], 'BOS token')}, the "
            f"candidate's with {n_bos[1]}; save the candidate with its base's tokenizer "
            "(bos_token, add_bos_token)",
            id="sides.begun-otherwise",
        )


# In bfloat16 a slight fine-tune may leave the logits of four choices as they were, now and then.
_LEAST_ALIKE = 30


def _refuse_one_model(
    base: Mapping[str, Sequence[Answer]], candidate: Mapping[str, Sequence[Answer]]
) -> None:
    """Two models do not give the same probabilities to the last bit, whatever they pick.

    Where they seem to, one was asked twice: an adapter that is not switched on, a server that
    has one model under two names, a cache that knows no models.
    """
    both = [
        pair
        for task, answers in base.items()
        for pair in zip(answers, candidate[task], strict=True)
    ]
    known = [pair for pair in both if all(answer.confidence is not None for answer in pair)]
    is_alike = all(
        (answer.confidence, answer.text, answer.score)
        == (other.confidence, other.text, other.score)
        for answer, other in known
    )
    # Where a choice is certain, its probability is 1 under many models.
    n_telling = sum(answer.confidence != 1.0 for answer, _ in known)
    if is_alike and n_telling >= _LEAST_ALIKE:
        raise IntegrityError(
            f"all {n_things(len(known), 'answer', ',')} of base and candidate have the same "
            "probabilities to the last bit: one model answered for both; is the adapter active, "
            "and does the server know the candidate?",
            id=ONE_RUN,
        )


_LEAST_TEXTS = 8


def _refuse_one_voice(
    base: Mapping[str, Sequence[Answer]], candidate: Mapping[str, Sequence[Answer]]
) -> None:
    """Two models do not write every long answer alike.

    Where probabilities are known, a gentle fine-tune that writes as its base does shows in them;
    a server's answers have none.
    """
    both = [
        pair
        for task, answers in base.items()
        for pair in zip(answers, candidate[task], strict=True)
    ]
    pairs = [pair for pair in both if any(map(_is_long, pair))]
    is_alike = all((a.text, a.confidence) == (b.text, b.confidence) for a, b in pairs)
    if is_alike and len({answer.text for answer, _ in pairs}) >= _LEAST_TEXTS:
        raise IntegrityError(
            f"all {n_things(len(pairs), 'generated answer', ',')} of {TELLING} characters or more "
            "are the same on both sides, to the letter: one model answered for both; is the "
            "adapter active, and does the server know the candidate?",
            id=ONE_RUN,
        )


def _is_long(answer: Answer) -> bool:
    return answer.finish_reason != "choice" and len(answer.text) >= TELLING


def _unscored(task: str, base: Sequence[Answer], candidate: Sequence[Answer]) -> Iterator[Caveat]:
    """Say how many items have no score on a side: of the missing neither side counts."""
    both = [
        [each for each in answers if each.score is None or each.finish_reason in _UNANSWERED]
        for answers in (base, candidate)
    ]
    for what, is_so in _UNSCORED.items():
        sides = [sum(map(is_so, answers)) for answers in both]
        if any(sides):
            text = (
                f"{task}: of {n_things(len(base), 'item', ',')}, {sides[0]:,} of the base and "
                f"{sides[1]:,} of the candidate {what.text}."
            )
            yield replace(what, text=text)
    other = [
        first.tokens_digest != second.tokens_digest
        and first.rendered_digest == second.rendered_digest
        for first, second in zip(base, candidate, strict=True)
    ]
    if any(other):
        yield Caveat(
            id="tokenizer.other-tokens",
            text=f"{task}: {sum(other):,} of {n_things(len(base), 'prompt', ',')} "
            f"{plural(sum(other), 'is', 'are')} the same text in other tokens; what a tokenizer "
            "does is part of the drop.",
        )


_UNANSWERED = ("overlong", "thinking", "missing")
_UNSCORED: dict[Caveat, Callable[[Answer], bool]] = {
    Caveat(id="answers.overlong", text="do not fit the context"): (
        lambda answer: answer.finish_reason == "overlong"
    ),
    Caveat(id="answers.cut-thinking", text="were cut before an answer came"): (
        lambda answer: answer.finish_reason == "thinking"
    ),
    Caveat(id="answers.missing", text="are missing"): lambda answer: (
        answer.finish_reason == "missing"
    ),
    Caveat(id="answers.unreadable", text="hold no answer that can be read, which is wrong"): (
        lambda answer: answer.is_unreadable
    ),
    Caveat(id="answers.cut-unread", text="were cut before an answer could be read: wrong"): (
        lambda answer: answer.is_wrong_unread and not answer.is_unreadable
    ),
}
"""What an item without a score is, in the words behind the numbers of both sides."""


def instrument_moved(capabilities: Iterable[CapabilityComparison]) -> tuple[Caveat, ...]:
    """Return a caveat for each capability of the control ring whose score has provably changed."""
    return tuple(
        Caveat(
            id="control.moved",
            text=f"The control {control.capability} moved by {-100 * control.evidence.drop:+.1f} "
            "points, and a fine-tune has no reason to touch it: look for a change of the "
            "instrument (chat template, tokenizer, dtype, quantization) before you believe the "
            "other numbers.",
        )
        for control in capabilities
        if control.ring == "control"
        and control.evidence.drop is not None
        and control.evidence.drop_interval is not None
        and not control.evidence.drop_interval.low <= 0.0 <= control.evidence.drop_interval.high
    )
