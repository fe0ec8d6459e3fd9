"""The files of a checkpoint: which there are, whether they are whole, and their digests.

Nothing here loads weights: safetensors are checked by header and size, and hashed as bytes.
"""

from __future__ import annotations

import json
import math
import os
import struct
from collections.abc import Mapping, Sequence
from functools import lru_cache
from pathlib import Path
from typing import Any

from cliffguard.checkpoints.formats import refuse_no_weights
from cliffguard.checkpoints.settings_checks import refuse_marked
from cliffguard.checkpoints.tensors import tensors_of
from cliffguard.checkpoints.token_growth import MOST_GROWTH, STAGES, growth
from cliffguard.core.canonical_json import digest, parse_json
from cliffguard.core.errors import CliffguardError, InfrastructureError, IntegrityError, UsageError
from cliffguard.core.hashing import sha256_of_file, sha256_of_files
from cliffguard.core.texts import n_things, plural

_TOKENIZER_FILES = (
    "tokenizer.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt",
    "merges.txt", "tekken.json",
)  # fmt: skip
_TOKENIZER_PATTERNS = ("*.model", "*.tiktoken")
# Where it lay, who wrote it, and what has a digest of its own.
_NOT_TOKENS = {"name_or_path", "tokenizer_file", "special_tokens_map_file", "chat_template"}
_INDEX = "model.safetensors.index.json"
# What a trainer leaves beside them (optimizer.bin, training_args.bin, scheduler.bin) is no weights.
_PICKLED = {
    "*.safetensors": ("pytorch_model.bin", "pytorch_model-*.bin", "consolidated*.pth"),
    "adapter_model.safetensors": ("adapter_model.bin",),
}
# Keys that say where something lay or which version wrote it, not how the model answers.
_NOT_SETTINGS = {"_name_or_path", "transformers_version", "base_model_name_or_path"}
_MAX_HEADER_BYTES = 100 * 1024 * 1024


def weight_files(name: str, folder: Path, pattern: str, allow_pickle: bool) -> list[Path]:
    """Return the files that hold the weights of the checkpoint `name`.

    Raises UsageError when there are none or only pickled ones, IntegrityError when a shard that
    the index names is missing.
    """
    files = sorted(folder.glob(pattern))
    if files:
        _refuse_missing_shards(name, folder)
        return files
    pickled = pickled_files(folder, pattern)
    if not pickled:
        if pattern == "*.safetensors":
            _refuse_missing_shards(name, folder)
        refuse_no_weights(name, folder, pattern)
    if not allow_pickle:
        raise UsageError(
            f"{name}: weights are pickled ({pickled[0].name}), which can run code when loaded; "
            "convert them to safetensors, or pass --allow-pickle if you trust their author",
            id="weights.pickled",
        )
    return pickled


def pickled_files(folder: Path, pattern: str) -> list[Path]:
    """Return the files of pickled weights in place of those of `pattern`."""
    return sorted(path for glob in _PICKLED[pattern] for path in folder.glob(glob))


def _refuse_missing_shards(name: str, folder: Path) -> None:
    index = folder / _INDEX
    if not index.is_file():
        return
    shards = read_json(index).get("weight_map")
    if not isinstance(shards, dict) or not all(isinstance(s, str) for s in shards.values()):
        raise IntegrityError(
            f"{index}: does not map weights to files; copy the checkpoint again", id="weights.index"
        )
    # A loader follows these names wherever they lead, and unpickles what is no safetensors.
    strange = sorted({s for s in shards.values() if not _is_shard(s)})
    if strange:
        raise IntegrityError(
            f"{index}: names {strange[0]!r}, which is no safetensors file beside it; save or copy "
            "the checkpoint again",
            id="weights.index",
        )
    missing = sorted({s for s in shards.values() if not os.path.isfile(folder / s)})
    if missing:
        raise IntegrityError(
            f"{name}: the shard {missing[0]} is missing; copy the checkpoint again",
            id="weights.missing-shard",
        )


def _is_shard(name: str) -> bool:
    return name.endswith(".safetensors") and not set("/\\\0") & set(name)


def has_tokenizer(folder: Path) -> bool:
    """Return whether a tokenizer lies in `folder`."""
    return any((folder / n).is_file() for n in ("tokenizer.json", "tokenizer.model", "vocab.json"))


def chat_template_of(folder: Path) -> Any:
    """Return the chat template beside the tokenizer, wherever it stands; None without one.

    A text, or what an older tokenizer's config lists in place of one.
    """
    beside = {"default": folder / "chat_template.jinja"}
    beside |= {path.stem: path for path in sorted(folder.glob("additional_chat_templates/*.jinja"))}
    templates = {name: _template_in(path) for name, path in beside.items() if path.is_file()}
    if templates:
        return templates["default"] if templates.keys() == {"default"} else templates
    config = folder / "tokenizer_config.json"
    return read_json(config).get("chat_template") if config.is_file() else None


def _template_in(path: Path) -> str:
    try:
        return path.read_text(encoding="utf-8")
    except (OSError, UnicodeDecodeError) as failure:
        raise IntegrityError(
            f"{path}: not readable as text: {failure}; copy it again", id="checkpoint.not-text"
        ) from None


# With these keys transformers reads other files than those by the usual names, which are hashed.
_OTHER_FILES = {
    "config.json": ("transformers_weights", "configuration_files"),
    "tokenizer_config.json": ("fast_tokenizer_files",),
}


def refuse_other_files(name: str, folder: Path) -> None:
    """Refuse settings that lead a loader to files which no digest covers."""
    for file, keys in _OTHER_FILES.items():
        settings = read_json(folder / file) if (folder / file).is_file() else {}
        for key in keys:
            if settings.get(key):
                raise IntegrityError(
                    f"{name}: its {file} sets {key}, so that other files than the usual ones would "
                    "be read; take the key out, and put the files in their usual places",
                    id="checkpoint.other-files",
                )


def no_chat_template(name: str, *, may_be_base: bool) -> UsageError:
    """Return the error of a checkpoint without the chat template that it is asked under.

    `may_be_base`: the other side's would do.
    """
    return UsageError(
        f"{name}: has no chat template; use --chat-template none{' or base' * may_be_base}",
        id="template.missing",
    )


def chat_template_digest(folder: Path) -> str | None:
    """Return the digest of the chat template beside the tokenizer, None without one."""
    template = chat_template_of(folder)
    return None if template is None else digest(template)


def settings_of(folder: Path, file: str) -> dict[str, Any] | None:
    """Return what a JSON settings file says about how the model answers, None without it."""
    if not (folder / file).is_file():
        return None
    return {k: v for k, v in read_json(folder / file).items() if k not in _NOT_SETTINGS}


_WINDOW_KEYS = (
    "max_position_embeddings", "n_positions", "n_ctx", "max_seq_len", "max_sequence_length",
    "model_max_length", "seq_length", "context_length", "max_target_positions",
)  # fmt: skip
_LANGUAGE_PARTS = ("text_config", "language_config", "llm_config", "thinker_config", "decoder")
_NO_WINDOW = 1 << 40  # tokenizers write 1e30 where they know of no length


def window_in(config: Mapping[str, Any]) -> int | None:
    """Return how many tokens a model's config says that it reads; None where it does not say.

    What is nested for the language model comes first: of a model of several parts, the outer
    length may be that of another part.
    """
    for name in _LANGUAGE_PARTS:
        inner = config.get(name)
        if isinstance(inner, Mapping) and (window := window_in(inner)) is not None:
            return window
    return next((n for n in (_length(config.get(key)) for key in _WINDOW_KEYS) if n), None)


def vocabulary_in(config: Mapping[str, Any]) -> int | None:
    """Return how many rows the embedding has by a model's config; None where it is silent."""
    inner = config.get("text_config")
    for part in (config, inner if isinstance(inner, Mapping) else {}):
        size = part.get("vocab_size")
        if isinstance(size, int) and size > 0:
            return int(size)
    return None


def stated_window(weights: Path, tokenizer: Path) -> int | None:
    """Return how many tokens a checkpoint's own files say that it reads, or None.

    Where config.json is silent, the tokenizer's settings may say it.
    """
    window = window_in(settings_of(weights, "config.json") or {})
    if window is not None:
        return window
    return _length((settings_of(tokenizer, "tokenizer_config.json") or {}).get("model_max_length"))


def _length(value: Any) -> int | None:
    is_number = isinstance(value, int) and not isinstance(value, bool)
    return value if is_number and 0 < value < _NO_WINDOW else None


SETTINGS_FILES = ("config.json", "generation_config.json")


def settings_digest(folder: Path) -> str:
    """Return the digest of the model's and its generation's settings."""
    return digest([settings_of(folder, name) for name in SETTINGS_FILES])


def adapter_digest(name: str, folder: Path, allow_pickle: bool) -> str:
    """Return the digest of an adapter's weights and of its own settings."""
    weights = weight_files(name, folder, "adapter_model.safetensors", allow_pickle)
    return digest([weights_digest(weights), settings_of(folder, "adapter_config.json")])


def _finite(written: str) -> float | str:
    """Return a number, or the text of one that is too large for any, as 1e999."""
    number = float(written)
    return number if math.isfinite(number) else written


def read_json(path: Path) -> dict[str, Any]:
    """Return the object in a JSON file of a checkpoint; IntegrityError for anything else."""
    try:
        # JSON has no infinity, Python's has: as text it can be compared and digested.
        text = path.read_text(encoding="utf-8")
        value = parse_json(text, parse_constant=str, parse_float=_finite)
    except (OSError, ValueError) as failure:
        refuse_marked(path.parent)
        raise IntegrityError(
            f"{path}: not readable as JSON: {failure}; copy it again", id="checkpoint.not-json"
        ) from None
    if not isinstance(value, dict):
        raise IntegrityError(
            f"{path}: expected a JSON object, found a {type(value).__name__}; copy it again",
            id="checkpoint.not-json",
        )
    return value


def tokenizer_digest(folder: Path) -> str:
    """Return the digest of all files that make a tokenizer, but for its chat template."""
    names = {name for name in _TOKENIZER_FILES if (folder / name).is_file()}
    names |= {path.name for pattern in _TOKENIZER_PATTERNS for path in folder.glob(pattern)}
    parts: dict[str, Any] = {name: sha256_of_file(folder / name) for name in names}
    settings = settings_of(folder, "tokenizer_config.json") or {}
    kept = {name: value for name, value in settings.items() if name not in _NOT_TOKENS}
    return digest({**parts, "settings": kept} if kept else parts)


def weights_digest(files: list[Path]) -> str:
    """Return the digest of weight files by name and content, after a check that they are whole.

    Where an index says which of them are read, it counts as well.
    """
    whole = [path for path in files if path.suffix == ".safetensors"]
    for path in whole:
        check_safetensors(path)
    if whole:
        _refuse_empty(whole)
    hashes = sha256_of_files(files)
    digests: dict[str, Any] = {path.name: hashes[path] for path in files}
    index = files[0].with_name(_INDEX)
    if index.is_file():
        digests[_INDEX] = read_json(index).get("weight_map")
    return digest(digests)


def _refuse_empty(files: Sequence[Path]) -> None:
    """Refuse files without a number in them: what a sharded run saves that gathers nothing."""
    tensors = tensors_of(files)
    # Integers may be empty: an order of columns that a quantisation left as it was.
    empty = sorted(
        n for n, tensor in tensors.items() if 0 in tensor.shape and tensor.dtype in _FLOATS
    )
    where = files[0] if len(files) == 1 else files[0].parent
    if not tensors:
        n_bytes = sum(path.stat().st_size for path in files)
        raise IntegrityError(
            f"{where}: holds no tensors ({n_bytes:,} bytes); {_GATHER}", id="weights.no-tensors"
        )
    if empty:
        shape = list(tensors[empty[0]].shape)
        raise IntegrityError(
            f"{where}: {len(empty):,} of its {n_things(len(tensors), 'tensor', ',')} "
            f"{plural(len(empty), 'is', 'are')} empty, the first is {empty[0]} "
            f"(shape {shape}); {_GATHER}",
            id="weights.empty-tensors",
        )


_FLOATS = {"F64", "F32", "F16", "BF16", "F8_E4M3", "F8_E5M2"}
_GATHER = (
    "so saves DeepSpeed ZeRO-3 that gathers no weights: set "
    "stage3_gather_16bit_weights_on_model_save, or run its zero_to_fp32.py, and save again"
)


def check_safetensors(path: Path) -> None:
    """Raise IntegrityError unless header and size of a safetensors file agree.

    Layout: 8 bytes of header length (little endian), the JSON header, the data; every tensor's
    `data_offsets` are relative to the end of the header.
    """
    if not path.is_file():
        raise IntegrityError(
            f"{path}: not a file, or a link to nothing; copy it again", id="weights.no-file"
        )
    try:
        size = path.stat().st_size
        with path.open("rb") as stream:
            start = stream.read(8)
            length = struct.unpack("<Q", start)[0] if len(start) == 8 else -1
            fits = 2 <= length <= min(size - 8, _MAX_HEADER_BYTES)
            header_bytes = stream.read(length) if fits else b""
    except OSError as failure:
        raise InfrastructureError(
            f"{path}: cannot be read: {failure.strerror}", id="checkpoint.unreadable"
        ) from None
    if not fits:
        raise IntegrityError(
            f"{path}: torn or not a safetensors file; copy or save it again", id="weights.torn"
        )
    try:
        header = parse_json(header_bytes.decode("utf-8"))
        ends = [_end(about) for name, about in header.items() if name != "__metadata__"]
        expected = 8 + length + max(ends, default=0)
    except (ValueError, KeyError, TypeError, AttributeError):
        raise IntegrityError(
            f"{path}: its safetensors header is damaged; copy or save it again", id="weights.torn"
        ) from None
    if expected != size:
        raise IntegrityError(
            f"{path}: torn: {size} bytes where its header promises {expected}; copy it again",
            id="weights.torn",
        )


def _end(about: Mapping[str, Any]) -> int:
    """Return where a tensor ends in the data; ValueError unless it is described as one."""
    start, end = about["data_offsets"]
    numbers = [start, end, *about["shape"]]
    if not isinstance(about["dtype"], str) or not all(type(n) is int and n >= 0 for n in numbers):
        raise ValueError("not a tensor")
    return int(end)


def n_parameters(folder: Path) -> int | None:
    """Return how many numbers the safetensors of a folder hold, read from their headers.

    None where there are none, or a header cannot be read.
    """
    total = 0
    for path in sorted(folder.glob("*.safetensors")):
        try:
            check_safetensors(path)
            with path.open("rb") as stream:
                header = json.loads(stream.read(int.from_bytes(stream.read(8), "little")))
            shapes = [v["shape"] for k, v in header.items() if k != "__metadata__"]
            total += sum(math.prod(shape) for shape in shapes)
        except (CliffguardError, OSError, ValueError, KeyError, TypeError, OverflowError):
            return None
    return total or None


def refuse_growing(name: str, folder: Path) -> None:
    """Raise IntegrityError for a tokenizer whose rules multiply a text beyond all use."""
    path = folder / "tokenizer.json"
    if not path.is_file():
        return
    status = path.stat()
    stage = _growing_stage(path.absolute(), status.st_mtime_ns, status.st_size, status.st_ino)
    if stage is not None:
        raise IntegrityError(
            f"{name}: the rules of its {path.name} ({stage}) make a text more than "
            f"{MOST_GROWTH:g} times as long; save the tokenizer that the model was trained with",
            id="tokenizer.grows",
        )


@lru_cache(maxsize=64)
def _growing_stage(path: Path, *_: int) -> str | None:
    """Return what of a tokenizer.json grows; read once, since it is loaded often and is large."""
    file = read_json(path)
    return next((stage for stage in STAGES if growth(file.get(stage)) > MOST_GROWTH), None)
