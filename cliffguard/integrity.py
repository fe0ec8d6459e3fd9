"""Canaries: what must hold before two sets of answers may be compared at all.

`check_pair` reads files and is done before anything is asked; `check_answers` reads answers, at
every look, before anything is judged. Each raises IntegrityError for what makes a comparison
void, and returns a line for what a reader must know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from pathlib import Path

from cliffguard.checkpoint_files import chat_template_of, refuse_growing
from cliffguard.checkpoints import vocabulary_size
from cliffguard.errors import IntegrityError, UsageError
from cliffguard.logged import ONE_RUN
from cliffguard.plans import Protocol
from cliffguard.records import Answer, Checkpoint, Comparison
from cliffguard.samples import TELLING
from cliffguard.tensors import Tensor, are_same, is_zero, tensors_of
from cliffguard.tokenizer_files import tokenizer_change

# --- before anything is asked --------------------------------------------------------------------


def check_pair(base: Checkpoint, candidate: Checkpoint, protocol: Protocol) -> tuple[str, ...]:
    """Refuse a pair whose comparison would say nothing; return remarks for the report.

    No weights are loaded: files of weights are read only as far as they are alike.
    """
    return tuple(line for check in pair_checks() for line in check(base, candidate, protocol))


PairCheck = Callable[[Checkpoint, Checkpoint, Protocol], Iterable[str]]
"""Returns remarks about a pair; raises a CliffguardError where it cannot be compared."""


def pair_checks() -> tuple[PairCheck, ...]:
    """Return all that is looked at before anything is asked, each on its own."""
    return (
        _refuse_same,
        _refuse_zeros,
        _refuse_inert,
        _growing,
        _templates,
        _system_prompt,
        _tokenizers,
        _fewer_rows,
    )


def _refuse_same(base: Checkpoint, candidate: Checkpoint, _: Protocol) -> tuple[()]:
    """A candidate with the weights of its base was not trained, or not saved, or not merged."""
    if candidate.adapter is not None:
        return ()
    if candidate.weights != base.weights and not _have_same_tensors(base, candidate):
        return ()
    parts = {
        "tokenizer": base.tokenizer != candidate.tokenizer,
        "chat template": base.chat_template != candidate.chat_template,
        "settings": base.settings != candidate.settings,
    }
    other = ", ".join(name for name, differs in parts.items() if differs)
    raise IntegrityError(
        f"{candidate.name}: its weights are those of {base.name}, bit for bit"
        f"{f' (what differs: {other})' if other else ''}; was the fine-tune saved elsewhere, or an "
        f"adapter never merged? To ask one checkpoint twice, use `cliffguard noise {base.name}`",
        id="sides.same-weights",
    )


def _growing(base: Checkpoint, candidate: Checkpoint, _: Protocol) -> tuple[()]:
    """A tokenizer that makes a terabyte of a word is told before it reads one."""
    for side in (base, candidate):
        if side.files is not None:
            refuse_growing(side.name, side.files.tokenizer)
    return ()


def _have_same_tensors(base: Checkpoint, candidate: Checkpoint) -> bool:
    sides = [_safetensors(side) for side in (base, candidate)]
    return all(sides) and are_same(*sides)


def _safetensors(checkpoint: Checkpoint) -> list[Path]:
    if checkpoint.files is None:
        return []
    return sorted(checkpoint.files.weights.glob("*.safetensors"))


def _refuse_zeros(base: Checkpoint, candidate: Checkpoint, _: Protocol) -> tuple[()]:
    """Weights of nothing but zeros were never written: a copy that broke off, an empty gather.

    Of full weights the matrices count, beside which norms may be ones. As soon as one value is
    none the rest is not read.
    """
    for side in (base, candidate):
        weights = _of_adapter(side) if side.adapter is not None else _matrices(side)
        if weights and all(map(is_zero, weights.values())):
            raise IntegrityError(
                f"{side.name}: all its {len(weights):,} matrices of weights are zero: its training "
                "or its copy never wrote them; save or copy it again",
                id="weights.all-zero",
            )
    return ()


def _matrices(checkpoint: Checkpoint) -> dict[str, Tensor]:
    tensors = tensors_of(_safetensors(checkpoint))
    return {name: one for name, one in tensors.items() if len(one.shape) > 1}


def _refuse_inert(_: Checkpoint, candidate: Checkpoint, __: Protocol) -> tuple[()]:
    """A LoRA adapter whose B matrices are all zero, as before training, is its base."""
    tensors = _of_adapter(candidate)
    ups = [one for name, one in tensors.items() if ".lora_B" in name or ".lora_embedding_B" in name]
    # What else it holds (a head of its own, biases, magnitudes) may do something.
    if ups and _is_plain_lora(tensors) and all(map(is_zero, ups)):
        raise IntegrityError(
            f"{candidate.name}: the adapter changes nothing: all its B matrices are zero; was it "
            "trained?",
            id="adapter.zero",
        )
    return ()


def _of_adapter(checkpoint: Checkpoint) -> dict[str, Tensor]:
    if checkpoint.files is None or checkpoint.files.adapter is None:
        return {}
    file = checkpoint.files.adapter / "adapter_model.safetensors"
    return tensors_of([file]) if file.is_file() else {}


def _is_plain_lora(tensors: Mapping[str, Tensor]) -> bool:
    parts = (".lora_A", ".lora_B", ".lora_embedding_A", ".lora_embedding_B")
    return all(any(part in name for part in parts) for name in tensors)


def _templates(base: Checkpoint, candidate: Checkpoint, protocol: Protocol) -> Iterator[str]:
    """Judge chat templates by the protocol's policy; yield remarks.

    Under "none" no template is applied, and a difference can change nothing. Under "own" it is
    part of what is compared, and is told. Under "base" the candidate's own is not used.
    """
    if base.files is None or candidate.files is None:
        return
    policy = protocol.chat_template
    own = {"base": base.files.tokenizer, "candidate": candidate.files.tokenizer}
    templates = {side: chat_template_of(folder) for side, folder in own.items()}
    _refuse_no_template(base, candidate, templates, policy)
    if templates["base"] != templates["candidate"]:
        which = [side for side, template in templates.items() if template is not None]
        what = "differ" if len(which) == 2 else f"differ: only the {which[0]} has one"
        yield f"The chat templates {what}; {_BY_POLICY[policy]} (chat_template: {policy})."
    used = {"none": [], "base": [templates["base"]], "own": list(templates.values())}[policy]
    is_dated = any("strftime_now" in str(template) for template in used)
    if is_dated and "date_string" not in protocol.template_args:
        yield (
            "The chat template may write the day's date, so that answers of different days are to "
            "different prompts; where it takes one, fix it with template_args: date_string."
        )


_BY_POLICY = {
    "none": "none is applied",
    "own": "each side is asked under its own, and what that does is part of every drop",
    "base": "both sides are asked under the base's",
}


def _refuse_no_template(
    base: Checkpoint, candidate: Checkpoint, templates: Mapping[str, object], policy: str
) -> None:
    """Tell before hours are spent on the base that the candidate cannot be asked like this."""
    if policy != "none" and templates["base"] is None:
        raise UsageError(
            f"{base.name}: has no chat template; use --chat-template none", id="template.missing"
        )
    if policy == "own" and templates["candidate"] is None:
        raise UsageError(
            f"{candidate.name}: has no chat template; use --chat-template none or base",
            id="template.missing",
        )


def _system_prompt(base: Checkpoint, candidate: Checkpoint, protocol: Protocol) -> tuple[()]:
    """Refuse a system prompt that a side's chat template would drop, before either is asked."""
    if protocol.system_prompt is None or base.files is None or candidate.files is None:
        return ()
    from cliffguard.engine.templates import check_system_prompt

    check_system_prompt(base, protocol)
    if protocol.chat_template == "own":  # under "base" the two have one
        check_system_prompt(candidate, protocol, way_out=", or use --chat-template base")
    return ()


def _tokenizers(base: Checkpoint, candidate: Checkpoint, _: Protocol) -> Iterator[str]:
    """Judge tokenizers by what their difference can change; yield remarks.

    An adapter that brings no embedding reads with its base's rows, so that a token under another
    id is another word to it. Whatever else differs is told; that it splits prompts otherwise,
    `check_answers` sees.
    """
    if base.files is None or candidate.files is None or base.tokenizer == candidate.tokenizer:
        return
    change = tokenizer_change(base.files.tokenizer, candidate.files.tokenizer)
    tensors = _of_adapter(candidate)
    if change.n_moved and tensors and not any(map(_is_of_embedding, tensors)):
        raise IntegrityError(
            f"{candidate.name}: its tokenizer has {change.n_moved:,} tokens of {base.name} under "
            "other ids, and the adapter brings no embedding for them: every prompt would be "
            "misread; save the adapter with the tokenizer that it was trained with",
            id="tokenizer.moved",
        )
    if change.told:
        yield f"The tokenizers differ: {change.told}."


def _is_of_embedding(name: str) -> bool:
    parts = ("embed", "wte", "trainable_tokens")
    return "prompt_embeddings" not in name and any(part in name for part in parts)


def _fewer_rows(base: Checkpoint, candidate: Checkpoint, _: Protocol) -> Iterator[str]:
    """A vocabulary that shrank: the softmax of the candidate runs over less than the base's."""
    before, after = vocabulary_size(base), vocabulary_size(candidate)
    if before is not None and after is not None and after < before:
        yield (
            f"The vocabulary shrank from {before:,} rows to {after:,}: the candidate's "
            "probabilities are spread over fewer tokens than the base's."
        )


# --- before anything is judged -------------------------------------------------------------------


def check_answers(
    base: Mapping[str, Sequence[Answer]],
    candidate: Mapping[str, Sequence[Answer]],
    protocol: Protocol | None,
) -> tuple[str, ...]:
    """Raise IntegrityError unless both sides answered the same items from the same prompts.

    The untemplated prompts must always agree. The rendered ones must agree where the protocol
    gives both sides the same template, and then begin alike; without a protocol another harness
    asked, and what it logged has been looked through by who read it. Answers that are the same to
    the last bit, or long ones to the letter, were not given by two models. Return what a reader
    must know of answers that do not count.
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
                f"{task}: {len(base_answers)} answers of the base, "
                f"{len(candidate_answers)} of the candidate",
                id="sides.other-items",
            )
        for left, right in zip(base_answers, candidate_answers, strict=True):
            _check_pair(task, left, right, same_template=is_one_template)
    _refuse_one_model(base, candidate)
    if protocol is not None:  # of samples, texts are what a filter left of them
        _refuse_one_voice(base, candidate)
    return tuple(
        line
        for task, base_answers in base.items()
        for line in _uncounted(task, base_answers, candidate[task])
    )


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
            "at the same place; measure both again with one suite",
            id="sides.other-items",
        )
    if base.prompt_digest != candidate.prompt_digest:
        raise IntegrityError(
            f"{task}: item {base.item_id} was put to the two sides differently; where its shots or "
            "its wording changed since one side was stored, measure both into another --store",
            id="sides.asked-otherwise",
        )
    if same_template and base.rendered_digest != candidate.rendered_digest:
        raise IntegrityError(
            f"{task}: the rendered prompts of item {base.item_id} differ between the sides; does "
            "the chat template write the date, or another special token?",
            id="sides.rendered-otherwise",
        )
    marks = [one.n_bos or 0 for one in (base, candidate)]
    n_text = [one.n_prompt_tokens - n for one, n in zip((base, candidate), marks, strict=True)]
    if same_template and marks[0] != marks[1] and n_text[0] == n_text[1]:
        raise IntegrityError(
            f"{task}: the prompts of the base begin with {marks[0]} tokens that mark the beginning "
            f"of a text, those of the candidate with {marks[1]}; save the candidate with its "
            "base's tokenizer (bos_token, add_bos_token)",
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
    both = [pair for task, own in base.items() for pair in zip(own, candidate[task], strict=True)]
    told = [pair for pair in both if all(one.confidence is not None for one in pair)]
    is_alike = all(
        (one.confidence, one.text, one.score) == (other.confidence, other.text, other.score)
        for one, other in told
    )
    # Where a choice is certain, its probability is 1 under many models.
    n_telling = sum(one.confidence != 1.0 for one, _ in told)
    if is_alike and n_telling >= _LEAST_ALIKE:
        raise IntegrityError(
            f"all {len(told):,} answers of base and candidate have the same probabilities to the "
            "last bit: one model answered for both; is the adapter active, and does the server "
            "know the candidate?",
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
    both = [pair for task, own in base.items() for pair in zip(own, candidate[task], strict=True)]
    told = [pair for pair in both if any(map(_is_long, pair))]
    is_alike = all((a.text, a.confidence) == (b.text, b.confidence) for a, b in told)
    if is_alike and len({one.text for one, _ in told}) >= _LEAST_TEXTS:
        raise IntegrityError(
            f"all {len(told):,} generated answers of {TELLING} characters or more are the same on "
            "both sides, to the letter: one model answered for both; is the adapter active, and "
            "does the server know the candidate?",
            id=ONE_RUN,
        )


def _is_long(answer: Answer) -> bool:
    return answer.finish_reason != "choice" and len(answer.text) >= TELLING


def _uncounted(task: str, base: Sequence[Answer], candidate: Sequence[Answer]) -> Iterator[str]:
    """Say how many items count on neither side, since an answer is missing on one."""
    for what, is_so in _UNCOUNTED.items():
        sides = [sum(map(is_so, own)) for own in (base, candidate)]
        if any(sides):
            yield (
                f"{task}: of {len(base):,} items, {sides[0]:,} of the base and {sides[1]:,} of the "
                f"candidate {what}."
            )
    other = [
        one.tokens_digest != two.tokens_digest and one.rendered_digest == two.rendered_digest
        for one, two in zip(base, candidate, strict=True)
    ]
    if any(other):
        yield (
            f"{task}: {sum(other):,} of {len(base):,} prompts are the same text in other tokens; "
            "what a tokenizer does is part of the drop."
        )


_SAID = ("choice", "stop", "string", "length", "stopped")
_UNCOUNTED: dict[str, Callable[[Answer], bool]] = {
    "do not fit the context": lambda one: one.finish_reason == "overlong",
    "were cut before an answer came": lambda one: one.finish_reason == "thinking",
    "are missing": lambda one: one.finish_reason == "missing",
    "hold no answer that can be read": lambda one: one.score is None and one.finish_reason in _SAID,
}


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
