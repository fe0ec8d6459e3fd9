"""Checkpoints: from what the user wrote to an identity by content.

"dir", "hf:org/model@revision" or an adapter directory → Checkpoint. Nothing here loads weights.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cliffguard.checkpoints.adapter_bases import base_named_in
from cliffguard.checkpoints.files import (
    chat_template_digest,
    chat_template_of,
    has_tokenizer,
    read_json,
    settings_digest,
    settings_of,
    stated_window,
    tokenizer_digest,
    vocabulary_in,
)
from cliffguard.checkpoints.formats import (
    refuse_leftover_settings,
    refuse_no_checkpoint,
    refuse_other_adapters,
    refuse_other_models,
    refuse_pointers,
    whole_model_in,
)
from cliffguard.checkpoints.hub import locate
from cliffguard.checkpoints.other_files import refuse_other_files
from cliffguard.checkpoints.settings_checks import refuse_marked, refuse_sizes
from cliffguard.checkpoints.trained_on import refuse_other_base
from cliffguard.checkpoints.weight_sets import pickled_beside, refuse_two_sets
from cliffguard.checkpoints.weights import adapter_digest, weight_files, weights_digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint, CheckpointFiles
from cliffguard.core.errors import CliffguardError, IntegrityError, UsageError
from cliffguard.core.files import user_path
from cliffguard.core.hub_names import is_said, without_prefix


@dataclass(frozen=True, slots=True, kw_only=True)
class FindOptions:
    """How to look for checkpoints. `hub`: a plain org/name may be fetched, as hf:org/name is."""

    offline: bool = False
    hub: bool = False
    allow_pickle: bool = False
    allow_base_mismatch: bool = False


def find_pair(
    base: str | None, candidate: str, options: FindOptions
) -> tuple[Checkpoint, Checkpoint]:
    """Return the identities of base and candidate.

    An adapter as candidate names its own base where `base` is None. Raises UsageError for what
    is not there, IntegrityError for torn weights and for an adapter of another base.
    """
    candidate_folder, revision = _locate(candidate, options)
    if not _is_adapter(candidate_folder):
        if base is None:
            raise _no_base(candidate)
        base_found = find_base(base, options)
        return base_found, _full(candidate, candidate_folder, revision, options, base_found)
    base_found = (
        find_base(base, options)
        if base is not None
        else _find_base_of_adapter(candidate_folder, options)
    )
    return base_found, _adapted(candidate, candidate_folder, revision, options, base_found)


def _no_base(candidate: str) -> UsageError:
    return UsageError(
        f"{candidate}: not an adapter, so its base must be given with --base", id="base.missing"
    )


def refuse_bases(candidates: Sequence[str], options: FindOptions) -> None:
    """Raise the first failure to find a base where no candidate names one that can be had.

    A CliffguardError. Each base is looked for once; a candidate that cannot be read counts for
    neither side.
    """
    failures: dict[str | None, CliffguardError] = {}
    for candidate in candidates:
        try:
            folder, _ = _locate(candidate, options)
            config = folder / "adapter_config.json"
            named = base_named_in(config, _adapter_config(folder)) if _is_adapter(folder) else None
        except CliffguardError:
            continue
        if named in failures:
            continue
        try:
            if not _is_adapter(folder):
                raise _no_base(candidate)
            _find_base_of_adapter(folder, options)
            return
        except CliffguardError as failure:
            failures[named] = failure
    if failures:
        raise next(iter(failures.values()))


def find_base(spec: str, options: FindOptions) -> Checkpoint:
    """Return the identity of a checkpoint with weights and tokenizer of its own."""
    folder, revision = _locate(spec, options)
    if _is_adapter(folder):
        refuse_leftover_settings(spec, folder)
        raise UsageError(
            f"{spec}: is an adapter; a base must have weights of its own", id="base.is-adapter"
        )
    return _full(spec, folder, revision, options, None)


def is_adapter(spec: str, options: FindOptions) -> bool:
    """Return whether `spec` is an adapter, which needs a base, or has weights of its own."""
    return _is_adapter(_locate(spec, options)[0])


def with_template_of(candidate: Checkpoint, base: Checkpoint) -> Checkpoint:
    """Return `candidate` under the base's chat template (policy "base")."""
    assert candidate.files is not None
    assert base.files is not None
    files = replace(candidate.files, chat_template=base.files.chat_template)
    return replace(candidate, chat_template=base.chat_template, files=files)


def with_template_in(side: Checkpoint, path: Path) -> Checkpoint:
    """Return a side under the chat template of a file, or of a checkpoint's folder.

    Raises UsageError where there is none.
    """
    assert side.files is not None
    template = chat_template_digest(path) if path.exists() else None
    if template is None:
        what = "no such file" if not path.exists() else "a folder without a chat template"
        raise UsageError(
            f"--chat-template {path}: {what}; name a .jinja file, or a folder of a checkpoint that "
            "has one",
            id="template.no-file",
        )
    return replace(side, chat_template=template, files=replace(side.files, chat_template=path))


def context_window(checkpoint: Checkpoint) -> int | None:
    """Return how many tokens the checkpoint's files say it reads; None where they do not say."""
    files = checkpoint.files
    return None if files is None else stated_window(files.weights, files.tokenizer)


def vocabulary_size(checkpoint: Checkpoint) -> int | None:
    """Return how many rows the embedding has by the model's own config; None where it is silent."""
    if checkpoint.files is None:
        return None
    return vocabulary_in(settings_of(checkpoint.files.weights, "config.json") or {})


def _locate(spec: str, options: FindOptions) -> tuple[Path, str | None]:
    folder = user_path(spec, UsageError)
    if not is_said(spec) and folder.is_dir():
        try:
            (folder / "config.json").is_file()
        except OSError as failure:  # another user's, closed to us
            raise UsageError(
                f"{spec}: cannot be looked into: {failure.strerror}", id="checkpoint.unreadable"
            ) from None
        return folder, None
    if folder.is_file():
        raise UsageError(
            f"{spec}: is a file; give the directory of the checkpoint", id="checkpoint.is-file"
        )
    return locate(spec, offline=options.offline, hub=options.hub)


def _is_adapter(folder: Path) -> bool:
    return (folder / "adapter_config.json").is_file()


def _full(
    name: str, folder: Path, revision: str | None, options: FindOptions, base: Checkpoint | None
) -> Checkpoint:
    if not (folder / "config.json").is_file():
        refuse_no_checkpoint(name, folder)
    refuse_pointers(name, folder)
    refuse_marked(folder)
    refuse_other_models(name, read_json(folder / "config.json"))
    refuse_sizes(name, read_json(folder / "config.json"))
    refuse_other_files(name, folder)
    _refuse_kernels(name, folder)
    files = weight_files(name, folder, "*.safetensors", options.allow_pickle)
    weights = weights_digest(files)
    refuse_two_sets(name, folder)
    notes = pickled_beside(name, folder, files, "*.safetensors")
    tokenizer = folder
    if not has_tokenizer(folder):
        if base is None or base.files is None:
            raise UsageError(
                f"{name}: no tokenizer inside; copy the tokenizer's files into it",
                id="tokenizer.missing",
            )
        tokenizer = base.files.tokenizer
        text = f"{name} holds no tokenizer: the tokenizer of {base.name} is used."
        notes += (Caveat(id="tokenizer.of-base", text=text),)
    return Checkpoint(
        name=without_prefix(name),
        revision=revision,
        weights=weights,
        adapter=None,
        tokenizer=tokenizer_digest(tokenizer),
        chat_template=chat_template_digest(tokenizer),
        settings=settings_digest(folder),
        notes=notes,
        files=CheckpointFiles(
            weights=folder, tokenizer=tokenizer, chat_template=tokenizer, adapter=None
        ),
    )


def _adapted(
    name: str, folder: Path, revision: str | None, options: FindOptions, base: Checkpoint
) -> Checkpoint:
    assert base.files is not None
    refuse_pointers(name, folder)
    refuse_marked(folder)
    refuse_other_adapters(name, folder, _adapter_config(folder))
    adapter = adapter_digest(name, folder, options.allow_pickle)
    refuse_other_files(name, folder)
    _refuse_elsewhere(name, _adapter_config(folder))
    notes = refuse_other_base(name, folder, base, is_allowed=options.allow_base_mismatch)
    if (read := folder / _ADAPTER).is_file():
        notes += pickled_beside(name, folder, [read], _ADAPTER)
    if whole_model_in(folder) is not None:
        text = (
            f"{name} holds the weights of a whole model beside the adapter: they are not read, "
            f"and the adapter is asked on {base.name}."
        )
        notes += (Caveat(id="adapter.whole-model-beside", text=text),)
    own_tokenizer = has_tokenizer(folder)
    tokenizer = folder if own_tokenizer else base.files.tokenizer
    if not own_tokenizer and chat_template_of(folder) is not None:
        text = f"{name} has a chat template and no tokenizer: the template is not used."
        notes += (Caveat(id="template.without-tokenizer", text=text),)
    return Checkpoint(
        name=without_prefix(name),
        revision=revision,
        weights=base.weights,
        adapter=adapter,
        tokenizer=tokenizer_digest(tokenizer),
        chat_template=chat_template_digest(tokenizer),
        settings=base.settings,
        notes=notes,
        files=CheckpointFiles(
            weights=base.files.weights, tokenizer=tokenizer, chat_template=tokenizer, adapter=folder
        ),
    )


_ADAPTER = "adapter_model.safetensors"


# --- an adapter and its base ---------------------------------------------------------------------


def _find_base_of_adapter(folder: Path, options: FindOptions) -> Checkpoint:
    config = folder / "adapter_config.json"
    named = base_named_in(config, _adapter_config(folder))
    if named is None:
        raise UsageError(f"{config} names no base; give it with --base", id="adapter.no-base")
    try:
        # By peft's convention what is no folder is a name on a hub.
        return find_base(named, replace(options, hub=True))
    except CliffguardError as failure:
        # The user never wrote that name: say where it stands.
        raise type(failure)(
            f"{failure} (named by {config}; --base overrides it)", id=failure.id
        ) from None


def _adapter_config(folder: Path) -> dict[str, Any]:
    return read_json(folder / "adapter_config.json")


def _refuse_kernels(name: str, folder: Path) -> None:
    """Refuse a model whose settings name attention kernels on a hub, which are programs."""
    waiting: list[Any] = [read_json(folder / "config.json")]
    while waiting:
        part = waiting.pop()
        inner = part.values() if isinstance(part, dict) else part if isinstance(part, list) else ()
        waiting += inner
        for key in _KERNEL_KEYS if isinstance(part, dict) else ():
            if any("/" in text for text in _texts(part.get(key))):
                raise IntegrityError(
                    f"{name}: its config.json takes {key} from a hub, which is a program, and "
                    "cliffguard runs no checkpoint's code; take the key out, or use --attention",
                    id="checkpoint.own-code",
                )


_KERNEL_KEYS = ("attn_implementation", "_attn_implementation", "experts_implementation")


def _texts(value: Any) -> list[str]:
    """Return a text, or the texts of a mapping, as transformers takes them by sub-model."""
    values = value.values() if isinstance(value, dict) else [value]
    return [text for text in values if isinstance(text, str)]


# What peft would import, or read from wherever they point to, besides the adapter's own weights.
_ELSEWHERE = ("megatron_config", "prompt_tuning_init_state_dict_path", "adapters")


def _refuse_elsewhere(name: str, config: Mapping[str, Any]) -> None:
    for key in _ELSEWHERE:
        if config.get(key):
            raise IntegrityError(
                f"{name}: its adapter_config.json sets {key}, which makes a loader read or run "
                "what lies outside the adapter; save the adapter without it",
                id="adapter.outside-files",
            )
