"""The files beside a checkpoint's weights: settings, tokenizer, chat template; their digests."""

from __future__ import annotations

import math
from collections.abc import Mapping
from functools import lru_cache
from pathlib import Path
from typing import Any

from cliffguard.checkpoints.settings_checks import refuse_marked
from cliffguard.checkpoints.token_growth import MOST_GROWTH, STAGES, growth
from cliffguard.core.canonical_json import digest, parse_json
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.hashing import sha256_of_file

_TOKENIZER_FILES = (
    "tokenizer.json", "special_tokens_map.json", "added_tokens.json", "vocab.json", "vocab.txt",
    "merges.txt", "tekken.json", "bpe.codes", "dict.txt", "emoji.json", "byte_maps.json",
)  # fmt: skip
_TOKENIZER_PATTERNS = ("*.model", "*.tiktoken", "*.spm")
# Where it lay, who wrote it, and what has a digest of its own.
_NOT_TOKENS = {"name_or_path", "tokenizer_file", "special_tokens_map_file", "chat_template"}
# Keys that say where something lay or which version wrote it, not how the model answers.
_NOT_SETTINGS = {"_name_or_path", "transformers_version", "base_model_name_or_path"}


def has_tokenizer(folder: Path) -> bool:
    """Return whether a tokenizer lies in `folder`."""
    return any((folder / n).is_file() for n in ("tokenizer.json", "tokenizer.model", "vocab.json"))


def chat_template_of(folder: Path) -> Any:
    """Return the chat template beside the tokenizer, wherever it stands; None without one.

    A text, or what an older tokenizer's config lists in place of one. A file is one itself.
    """
    if folder.is_file():
        return _template_in(folder)
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


def no_chat_template(name: str, *, may_be_base: bool) -> UsageError:
    """Return the error of a checkpoint without the chat template that it is asked under.

    `may_be_base`: the other side's would do.
    """
    return UsageError(
        f"{name}: has no chat template; use --chat-template none{' or base' * may_be_base}, or, "
        "for chats (messages), name a file with one (--chat-template FILE)",
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
    """Return how many rows the embedding has by a model's config; None where it is silent.

    Of a model of several parts the language model's own number counts, as for its window.
    """
    for name in _LANGUAGE_PARTS:
        inner = config.get(name)
        if isinstance(inner, Mapping) and (size := vocabulary_in(inner)) is not None:
            return size
    return _length(config.get("vocab_size"))


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


def tokenizer_files(folder: Path) -> list[Path]:
    """Return the files of `folder` that make a tokenizer, but for its settings and template."""
    names = {name for name in _TOKENIZER_FILES if (folder / name).is_file()}
    names |= {path.name for pattern in _TOKENIZER_PATTERNS for path in folder.glob(pattern)}
    return [folder / name for name in sorted(names)]


def tokenizer_digest(folder: Path) -> str:
    """Return the digest of all files that make a tokenizer, but for its chat template."""
    parts: dict[str, Any] = {path.name: sha256_of_file(path) for path in tokenizer_files(folder)}
    settings = settings_of(folder, "tokenizer_config.json") or {}
    kept = {name: value for name, value in settings.items() if name not in _NOT_TOKENS}
    return digest({**parts, "settings": kept} if kept else parts)


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
