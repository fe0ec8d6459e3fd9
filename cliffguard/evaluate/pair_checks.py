"""Sanity checks of a pair before anything is asked: weights, adapter, tokenizers, templates.

`check_pair` reads files and is done before anything is asked; `check_answers` reads answers, at
every look, before anything is judged. Each raises IntegrityError for what makes a comparison
void, and returns a caveat for what a reader must know.
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping
from pathlib import Path

from cliffguard.checkpoints.files import chat_template_of, no_chat_template, refuse_growing
from cliffguard.checkpoints.identity import vocabulary_size
from cliffguard.checkpoints.tensors import Tensor, are_same, is_zero, tensors_of
from cliffguard.checkpoints.tokenizers import tokenizer_change
from cliffguard.core.caveats import Caveat
from cliffguard.core.chats import template_file
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.libraries import is_there
from cliffguard.core.settings import EvalSettings
from cliffguard.core.texts import n_things

# --- before anything is asked --------------------------------------------------------------------


def check_pair(
    base: Checkpoint, candidate: Checkpoint, protocol: EvalSettings
) -> tuple[Caveat, ...]:
    """Refuse a pair whose comparison would say nothing; return caveats for the report.

    No weights are loaded: files of weights are read only as far as they are alike.
    """
    return tuple(caveat for check in pair_checks() for caveat in check(base, candidate, protocol))


PairCheck = Callable[[Checkpoint, Checkpoint, EvalSettings], Iterable[Caveat]]
"""Returns caveats about a pair; raises a CliffguardError where it cannot be compared."""


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


def _refuse_same(base: Checkpoint, candidate: Checkpoint, _: EvalSettings) -> tuple[()]:
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


def _growing(base: Checkpoint, candidate: Checkpoint, _: EvalSettings) -> tuple[()]:
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


def _refuse_zeros(base: Checkpoint, candidate: Checkpoint, _: EvalSettings) -> tuple[()]:
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
    return {name: tensor for name, tensor in tensors.items() if len(tensor.shape) > 1}


def _refuse_inert(_: Checkpoint, candidate: Checkpoint, __: EvalSettings) -> tuple[()]:
    """A LoRA adapter whose B matrices are all zero, as before training, is its base."""
    tensors = _of_adapter(candidate)
    ups = [
        tensor
        for name, tensor in tensors.items()
        if ".lora_B" in name or ".lora_embedding_B" in name
    ]
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


def _templates(base: Checkpoint, candidate: Checkpoint, protocol: EvalSettings) -> Iterator[Caveat]:
    """Judge chat templates by the protocol's policy; yield caveats.

    Under "none" no template is applied, and a difference can change nothing. Under "own", and of
    chats under "auto", it is part of what is compared, and is told. Under "base", and with a file,
    the candidate's own is not used.
    """
    if base.files is None or candidate.files is None:
        return
    policy = "file" if template_file(protocol) is not None else protocol.chat_template
    folders = {"base": base.files.tokenizer, "candidate": candidate.files.tokenizer}
    if policy == "file":
        folders = dict.fromkeys(folders, base.files.chat_template)
    templates = {side: chat_template_of(folder) for side, folder in folders.items()}
    _refuse_no_template(base, candidate, templates, policy)
    if templates["base"] != templates["candidate"]:
        which = [side for side, template in templates.items() if template is not None]
        what = "differ" if len(which) == 2 else f"differ: only the {which[0]} has one"
        text = f"The chat templates {what}; {_BY_POLICY[policy]} (chat_template: {policy})."
        yield Caveat(id="template.differs", text=text)
    used = {"none": [], "base": [templates["base"]]}.get(policy, list(templates.values()))
    is_dated = any("strftime_now" in str(template) for template in used)
    if is_dated and "date_string" not in protocol.template_args:
        yield Caveat(
            id="template.dated",
            text="The chat template may write the day's date, so that answers of different days "
            "are to different prompts; where it takes one, fix it with template_args: date_string.",
        )


_BY_POLICY = {
    "none": "none is applied",
    "own": "each side is asked under its own, and what that does is part of every drop",
    "auto": "each side's chats are asked under its own, and what that does is part of their drop",
    "base": "both sides are asked under the base's",
}


def _refuse_no_template(
    base: Checkpoint, candidate: Checkpoint, templates: Mapping[str, object], policy: str
) -> None:
    """Tell before hours are spent on the base that the candidate cannot be asked like this."""
    if policy == "auto":
        for side, checkpoint in (("base", base), ("candidate", candidate)):
            if templates[side] is None:
                raise UsageError(
                    f"{checkpoint.name}: has no chat template, and items are chats (messages); "
                    "name a file with one, or a folder with a tokenizer, such as the other side's "
                    "(--chat-template FILE)",
                    id="template.missing",
                )
    if policy in ("own", "base") and templates["base"] is None:
        raise no_chat_template(base.name, may_be_base=False)
    if policy == "own" and templates["candidate"] is None:
        raise no_chat_template(candidate.name, may_be_base=True)


def _system_prompt(base: Checkpoint, candidate: Checkpoint, protocol: EvalSettings) -> tuple[()]:
    """Refuse a system prompt that a side's chat template would drop, before either is asked."""
    if protocol.system_prompt is None or base.files is None or candidate.files is None:
        return ()
    if not is_there("torch"):  # stored answers alone are compared: asking them looked at this, too
        return ()
    from cliffguard.engine.templates import check_system_prompt

    check_system_prompt(base, protocol)
    if protocol.chat_template in ("own", "auto"):  # under "base" the two have one
        check_system_prompt(candidate, protocol, way_out=", or use --chat-template base")
    return ()


def _tokenizers(base: Checkpoint, candidate: Checkpoint, _: EvalSettings) -> Iterator[Caveat]:
    """Judge tokenizers by what their difference can change; yield caveats.

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
            f"{candidate.name}: its tokenizer has {n_things(change.n_moved, 'token', ',')} of "
            f"{base.name} under other ids, and the adapter brings no embedding for them: every "
            "prompt would be misread; save the adapter with the tokenizer that it was trained with",
            id="tokenizer.moved",
        )
    if change.description:
        yield Caveat(id="tokenizer.differs", text=f"The tokenizers differ: {change.description}.")


def _is_of_embedding(name: str) -> bool:
    parts = ("embed", "wte", "trainable_tokens")
    return "prompt_embeddings" not in name and any(part in name for part in parts)


def _fewer_rows(base: Checkpoint, candidate: Checkpoint, _: EvalSettings) -> Iterator[Caveat]:
    """A vocabulary that shrank: the softmax of the candidate runs over less than the base's."""
    before, after = vocabulary_size(base), vocabulary_size(candidate)
    if before is not None and after is not None and after < before:
        yield Caveat(
            id="vocabulary.shrank",
            text=f"The vocabulary shrank from {n_things(before, 'row', ',')} to {after:,}: the "
            "candidate's probabilities are spread over fewer tokens than the base's.",
        )
