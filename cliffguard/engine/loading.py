"""Checkpoints → models in memory, with every failure translated."""

from __future__ import annotations

import contextlib
import os
import re
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any, NoReturn

from cliffguard.checkpoints.files import chat_template_of, refuse_growing
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError, InfrastructureError, IntegrityError, UsageError
from cliffguard.engine.adapter_settings import refuse_endless
from cliffguard.engine.adapters import make_room, special_tokens, with_adapter
from cliffguard.engine.devices import cpu_model
from cliffguard.engine.foreign_names import advice, foreign_part, lost_weights
from cliffguard.engine.mapped import into_memory, refuse_on_disk
from cliffguard.engine.smoke_test import probe, refuse_no_effect, refuse_no_numbers
from cliffguard.engine.tokenizing import panics_explained, panics_held
from cliffguard.engine.trainers_files import refuse_wrapped
from cliffguard.engine.weight_checks import (
    refuse_missing_tokens,
    refuse_no_bos_or_eos,
    refuse_no_weights,
    unread,
)

_DEVICE = re.compile(r"cpu|cuda(?::([0-9]{1,3}))?")


def pick_device(wanted: str) -> str:
    """Return the torch device that `wanted` ("auto", "cpu", "cuda", "cuda:1", …) stands for."""
    import torch

    if wanted in ("auto", "cuda") and torch.cuda.is_available():
        # Each process of a launcher has a card of its own; counted within its machine.
        return f"cuda:{os.environ['LOCAL_RANK']}" if "LOCAL_RANK" in os.environ else "cuda"
    if wanted == "auto":
        return "cpu"
    named = _DEVICE.fullmatch(wanted)
    if named is None:
        raise UsageError(
            f"device {wanted!r} is unknown; use auto, cpu, cuda or cuda:N", id="runner.device"
        )
    if wanted != "cpu":
        n_devices = torch.cuda.device_count() if torch.cuda.is_available() else 0
        if int(named[1] or 0) >= n_devices:
            raise InfrastructureError(
                f"device {wanted}: this machine has {n_devices} CUDA devices; use --device cpu",
                id="device.absent",
            )
    return wanted


def describe_device(wanted: str) -> str:
    """Return the device that answers by its model, whichever of its kind."""
    import torch

    device = pick_device(wanted)
    if device == "cpu":
        return f"cpu ({cpu_model()})"
    return f"cuda ({torch.cuda.get_device_name(device)})"


def pick_dtype(wanted: str, device: str) -> str:
    """Return the dtype of the weights: bfloat16 on a GPU and float32 on CPU unless told."""
    if wanted != "auto":
        return wanted
    return "bfloat16" if device.startswith("cuda") else "float32"


@dataclass(frozen=True, slots=True, kw_only=True)
class LoadOptions:
    """How weights are put into memory.

    `device_map` "auto" spreads them over all devices; `attention` None is transformers' choice;
    `quantization` is "none", "4bit" (NF4) or "8bit", both of bitsandbytes. `prepacks` lays linear
    layers out for the processor (`engine.prepacked`).
    """

    dtype: str
    device: str
    device_map: str | None = None
    attention: str | None = None
    quantization: str = "none"
    allow_pickle: bool = False
    prepacks: bool = False


def load(checkpoint: Checkpoint, options: LoadOptions) -> tuple[Any, Any]:
    """Return (model in eval mode, with the checkpoint's adapter on it, tokenizer).

    Raises IntegrityError for weights that cannot be trusted and InfrastructureError when memory
    runs out.
    """
    assert checkpoint.files is not None, "a checkpoint that is loaded has files"
    tokenizer = load_tokenizer(checkpoint)
    model = load_weights(checkpoint, options)
    if checkpoint.files.adapter is None:
        refuse_missing_tokens(checkpoint, model, tokenizer)
        return model, tokenizer
    return put_on(model, checkpoint, tokenizer, is_alone=True), tokenizer


def load_tokenizer(checkpoint: Checkpoint) -> Any:
    """Return the checkpoint's tokenizer, with the chat template that its files name."""
    from transformers import AutoTokenizer

    assert checkpoint.files is not None, "a checkpoint that is loaded has files"
    files = checkpoint.files
    refuse_growing(checkpoint.name, files.tokenizer)
    with damage_explained(checkpoint.name), panics_explained(checkpoint.name), panics_held():
        # Said, since transformers would otherwise ask on the terminal whether to run code.
        options: dict[str, Any] = {"local_files_only": True, "trust_remote_code": False}
        tokenizer = AutoTokenizer.from_pretrained(files.tokenizer, **options)
        if files.chat_template.is_file():
            tokenizer.chat_template = chat_template_of(files.chat_template)
        elif files.chat_template != files.tokenizer:
            other = AutoTokenizer.from_pretrained(files.chat_template, **options)
            tokenizer.chat_template = other.chat_template
    refuse_no_bos_or_eos(checkpoint.name, tokenizer)
    return tokenizer


def load_weights(checkpoint: Checkpoint, options: LoadOptions) -> Any:
    """Return the checkpoint's model without its adapter, in eval mode on its device."""
    with out_of_memory_explained(checkpoint.name), damage_explained(checkpoint.name):
        model = _from_files(checkpoint, options)
        if options.device_map is None and options.quantization == "none":
            model = model.to(options.device)
        model = model.eval()
        refuse_on_disk(checkpoint.name, model)
        into_memory(model)
    refuse_no_weights(checkpoint.name, model)
    with out_of_memory_explained(checkpoint.name):
        refuse_no_numbers(checkpoint.name, probe(model))
    return model


@contextlib.contextmanager
def ties_kept(model: Any) -> Iterator[None]:
    """Leave tied weights as they are while lm-eval, which would tie them anew, takes the model.

    What was loaded is tied already; tied anew, the head of a base takes the embedding that an
    adapter brought.
    """
    tie_weights = model.__dict__.get("tie_weights")
    model.tie_weights = lambda *_, **__: None
    try:
        yield
    finally:
        del model.tie_weights
        if tie_weights is not None:
            model.tie_weights = tie_weights


def put_on(
    model: Any,
    checkpoint: Checkpoint,
    tokenizer: Any,
    adapter_name: str = "default",
    *,
    is_alone: bool = False,
) -> Any:
    """Return `model`, or the PeftModel around it, with the checkpoint's adapter active.

    One that `is_alone` may write into the base's own weights, which are looked through, too.
    Raises IntegrityError for an adapter under which the model says what it said without.
    """
    assert checkpoint.files is not None
    assert checkpoint.files.adapter is not None
    name, folder = checkpoint.name, checkpoint.files.adapter
    refuse_endless(checkpoint)
    with out_of_memory_explained(name), damage_explained(name):
        tokens, n_rows = special_tokens(folder), model.get_input_embeddings().weight.shape[0]
        # First, since a head of another size may compute other last bits.
        make_room(model, name, folder)
        before = probe(model, tokens, n_rows=n_rows)
        tuned = with_adapter(model, name, folder, adapter_name).eval()
    refuse_missing_tokens(checkpoint, tuned, tokenizer)
    refuse_no_weights(name, tuned, only="" if is_alone else f".{adapter_name}")
    with out_of_memory_explained(name):
        refuse_no_numbers(name, probe(tuned, tokens, adapted=True))
        after = probe(tuned, tokens, adapted=True, n_rows=n_rows)
    refuse_no_effect(name, before, after)
    return tuned


def _from_files(checkpoint: Checkpoint, options: LoadOptions) -> Any:
    import torch
    from transformers import AutoModelForCausalLM

    assert checkpoint.files is not None
    more: dict[str, Any] = {}
    if options.attention is not None:
        more["attn_implementation"] = options.attention
    if options.device_map is not None:
        more["device_map"] = options.device_map
    if options.quantization != "none":
        more["quantization_config"] = _quantization(options)
        more.setdefault("device_map", {"": options.device})
    model, about = AutoModelForCausalLM.from_pretrained(
        checkpoint.files.weights,
        dtype=getattr(torch, options.dtype),
        local_files_only=True,
        use_safetensors=None if options.allow_pickle else True,
        trust_remote_code=False,
        output_loading_info=True,
        **more,
    )
    if missing := sorted(about["missing_keys"]):
        # transformers would fill them with random numbers and only warn.
        extra = sorted(about["unexpected_keys"])
        refuse_wrapped(checkpoint.name, checkpoint.files.weights, extra)
        _refuse_missing(checkpoint.name, model, missing, extra)
    model.unread = unread(checkpoint.name, model, about["unexpected_keys"])
    return model


def _refuse_missing(
    name: str, model: Any, missing: Sequence[str], extra: Sequence[str]
) -> NoReturn:
    """Say what stands in place of missing weights, which headers of pickled files do not."""
    if (run := foreign_part(extra, model.state_dict())) is not None:
        raise IntegrityError(
            f"{name}: the names of its weights have {run!r} in them ({extra[0]}); they were saved "
            f"{advice(run)}",
            id="weights.foreign-names",
        )
    beside = f", and {extra[0]} is there, which no model of its config.json has" if extra else ""
    raise IntegrityError(
        f"{name}: {lost_weights(missing)}{beside}; save or copy the checkpoint again",
        id="weights.missing",
    )


def _quantization(options: LoadOptions) -> Any:
    import torch
    from transformers import BitsAndBytesConfig

    if not options.device.startswith("cuda"):
        raise UsageError(
            f"quantization {options.quantization} needs a CUDA device", id="quantization.no-cuda"
        )
    if options.quantization == "8bit":
        return BitsAndBytesConfig(load_in_8bit=True)
    return BitsAndBytesConfig(
        load_in_4bit=True,
        bnb_4bit_quant_type="nf4",
        bnb_4bit_compute_dtype=getattr(torch, options.dtype),
    )


@contextlib.contextmanager
def out_of_memory_explained(name: str) -> Iterator[None]:
    """Turn exhausted memory, and a dtype that the device lacks, into an error of ours."""
    try:
        yield
    except (MemoryError, RuntimeError) as failure:  # torch's own is a RuntimeError
        if "not implemented for" in str(failure):  # 'Half', 'BFloat16'
            raise InfrastructureError(
                f"{name}: this device does not compute in its dtype ({first_words(failure)}); use "
                "--dtype float32, or another --device",
                id="device.dtype",
            ) from failure
        if not is_out_of_memory(failure):
            raise
        raise InfrastructureError(
            f"{name}: out of memory; use a smaller --batch-size or another --device",
            id="memory.too-small",
        ) from failure


@contextlib.contextmanager
def damage_explained(name: str) -> Iterator[None]:
    """Turn what transformers, peft and safetensors raise about a file into an error of ours."""
    try:
        yield
    except CliffguardError:
        raise
    except ImportError as failure:
        raise InfrastructureError(
            f"{name}: needs a library that is not installed: {first_words(failure).rstrip('.')}"
            + ("; install it, or leave --attention out" if "ttention" in str(failure) else ""),
            id="weights.library",
        ) from failure
    except Exception as failure:  # files decide what a loader raises, so anything may come
        if is_out_of_memory(failure):
            raise
        if "trust_remote_code" in str(failure):
            raise IntegrityError(
                f"{name}: needs code of its own (auto_map in its settings), and cliffguard runs no "
                "checkpoint's code; convert it to an architecture that transformers knows",
                id="checkpoint.own-code",
            ) from failure
        raise IntegrityError(
            f"{name}: cannot be loaded: {first_words(failure).rstrip('.')}; copy its files "
            "again, or mend what its config says",
            id="checkpoint.not-loaded",
        ) from failure


def is_out_of_memory(failure: Exception) -> bool:
    """Return whether a failure means exhausted memory, in one of its several disguises."""
    import torch

    if isinstance(failure, (torch.cuda.OutOfMemoryError, MemoryError)):
        return True
    says = str(failure).lower()
    return isinstance(failure, RuntimeError) and (
        "allocate memory" in says or "out of memory" in says
    )


def first_words(failure: Exception) -> str:
    """Return the first words of another program's message, on one line."""
    if isinstance(failure, KeyError):  # whose message is the key alone
        return f"no {failure} is known"
    lines = [line.strip() for line in str(failure).splitlines() if line.strip()]
    # torch heads a list of mismatched tensors with a line that names only the class.
    text = " ".join(lines[:2]) if lines else type(failure).__name__
    # Half a command would be taken for one.
    return text if len(text) <= 300 else f"{text[:300].rpartition('. ')[0] or text[:300]} …"
