"""Which base an adapter was trained on, as far as names and shapes tell.

A name is what a trainer saw: a hub id, a path of another machine, a quantised or repackaged copy.
What is compared is the model's own name in it.
"""

from __future__ import annotations

import re
import unicodedata
from collections.abc import Iterable, Mapping, Sequence
from pathlib import Path
from typing import Any

from cliffguard.checkpoints.tensors import Tensor, tensors_of
from cliffguard.core.errors import IntegrityError
from cliffguard.core.texts import cut_middle

_MOST_BYTES = 4096  # of a path, by most systems


def base_named_in(config_file: Path, config: Mapping[str, Any]) -> str | None:
    """Return the base that an adapter's config names, None without one.

    Raises IntegrityError for a name that no path and no hub can have.
    """
    named = config.get("base_model_name_or_path")
    if not isinstance(named, str) or not named.strip():
        return None
    if named.isprintable() and len(named.encode()) < _MOST_BYTES:
        return named
    raise IntegrityError(
        f"{config_file}: its base_model_name_or_path is {cut_middle(ascii(named))}, which no model "
        "can be called; write the base there, or save the adapter again",
        id="adapter.base-name",
    )


# --- names ---------------------------------------------------------------------------------------

# What says how a copy was packed or quantised, and changes nothing of which model it is.
_PACKAGING = re.compile(
    r"(?:[-_. ]+(?:unsloth|bnb|bitsandbytes|nf4|gguf|ggml|gptq|awq|exl2|eetq|hqq|aqlm|mlx|onnx"
    r"|openvino|safetensors|sharded|hf|dynamic|quantized|quant|i1|g?[0-9]+g|group[0-9]+"
    r"|[248]-?bits?|int[48]|u?int8|fp(?:4|8|16|32)|f(?:16|32)|bf16|(?:mx|nv)fp4|w[0-9]+a[0-9]+"
    r"|q[2-8](?:[-_.][01k])?(?:[-_.][sml])?))+$"
)
_GENERIC = re.compile(
    "base|basemodel|models?|llm|checkpoints?|ckpts?|final|latest|last|best|outputs?|results?|merged"
    "|adapter|q?lora|snapshot|weights|main|local|default|te?mp|tuned|ft|sft|[dp]po|trained|training"
    "|finetuned?|fine|runs?|jobs?|tests?|exp|experiments?|trial|steps?|epoch|iter|global|full|saved"
    "|pretrained|pytorch|my|new|old|the|version|hf|dir|path|[a-z]|[0-9]+"
)
_HASH = re.compile(r"(?=.*[0-9])[0-9a-f]{7,64}")
_LONGEST = 255  # characters of a name; no file system takes more


def model_name(spec: str) -> str | None:
    """Return the name of a model in a path or a hub id, in one spelling; None of a generic one.

    Dropped are the path, the cache's "models--org--" and "snapshots/COMMIT", a revision, suffixes
    of quantisation and packaging, case and separators, but for those between two numbers.
    """
    bare = _PACKAGING.sub("", _last_part(spec))
    words = re.findall(r"[^\W\d_]+|\d+", bare)
    is_generic = all(_GENERIC.fullmatch(word) for word in words)
    # 1.1B is not 11B, and a "2-2b" no "22b".
    name = re.sub(r"(?<=\d) (?=\d)", ".", " ".join(words)).replace(" ", "")
    return None if is_generic or _HASH.fullmatch(name) else name


def revision_named(spec: str) -> str | None:
    """Return the revision in a hub id or a path: of org/model@step1000, of snapshots/COMMIT."""
    parts = _parts(spec)
    if "snapshots" in parts[1:-1]:
        return parts[parts.index("snapshots", 1) + 1].lower()
    return parts[-1].partition("@")[2].lower() or None if parts else None


COMMIT = re.compile("[0-9a-f]{40}")
"""A revision that never moves; a branch or a tag may."""
_LEAST_COMMIT = 7  # characters of one that is cut


def is_other_revision(trained_at: str, known: Iterable[str]) -> bool | None:
    """Return whether an adapter's revision is none of the `known` ones of its base.

    None where it cannot be told: a tag tells nothing of a commit.
    """
    known = [revision.lower() for revision in known]
    if trained_at in known or any(_is_start(trained_at, revision) for revision in known):
        return False
    is_commit = COMMIT.fullmatch(trained_at) is not None
    alike = [
        revision for revision in known if (COMMIT.fullmatch(revision) is not None) == is_commit
    ]
    return True if alike else None


def _is_start(cut: str, commit: str) -> bool:
    is_commit = COMMIT.fullmatch(commit) is not None
    return is_commit and len(cut) >= _LEAST_COMMIT and commit.startswith(cut)


def _parts(spec: str) -> list[str]:
    return [part for part in re.split(r"[/\\]+", spec.strip()) if part not in ("", ".", "..")]


def _last_part(spec: str) -> str:
    parts = _parts(spec)
    if "snapshots" in parts[1:]:
        parts = parts[: parts.index("snapshots", 1)]
    last = parts[-1].partition("@")[0].rpartition("--")[2] if parts else ""
    return unicodedata.normalize("NFKC", last).lower()[:_LONGEST]


_TUNED_TO_TALK = re.compile(r"(?:^|[^a-z])(?:instruct|chat|it)(?:[^a-z]|$)")


def is_same_model(named: str, spellings: Iterable[str]) -> bool:
    """Return whether a name is one of the base's `spellings`, but for path, packaging and case.

    A generic name (base, checkpoint-500, a hash) is that of no model, unless the whole of it,
    with its owner or path, is the same. Where one that is not generic tells an -Instruct of what
    is named without, or the other way, it is not the same.
    """
    spellings = list(spellings)
    known = [spelling for spelling in spellings if model_name(spelling) is not None]
    if any(_talks(spelling) != _talks(named) for spelling in known):
        return False
    is_named_whole = named in spellings and "/" in named
    wanted = model_name(named)
    return is_named_whole or (wanted is not None and wanted in map(model_name, known))


def _talks(spec: str) -> bool:
    """Return whether a name is that of a model which was tuned to follow instructions."""
    return _TUNED_TO_TALK.search(_last_part(spec)) is not None


# --- shapes --------------------------------------------------------------------------------------

_INTO, _OUT_OF = ".lora_A.weight", ".lora_B.weight"


def refuse_other_shapes(
    name: str, base_name: str, adapter: Sequence[Path], base: Sequence[Path]
) -> None:
    """Raise IntegrityError where LoRA matrices do not fit the weights that they are added to.

    Only what is named alike in both files is looked at; `base_name` is how the base was called.
    """
    if not adapter or not base:
        return
    small, large = tensors_of(adapter), tensors_of(base)
    for key, matrix in small.items():
        for ending, axis in ((_INTO, 1), (_OUT_OF, 0)):
            target = large.get(_target(key, ending)) if key.endswith(ending) else None
            if target is not None and _misfits(matrix, axis, target):
                raise IntegrityError(
                    f"{name}: {key} is of shape {list(matrix.shape)}, and the weight of {base_name}"
                    f" that it is added to of {list(target.shape)}: it was trained on another "
                    "model; give that one with --base",
                    id="adapter.other-shapes",
                )


def _target(key: str, ending: str) -> str:
    return key.removeprefix("base_model.model.").removesuffix(ending) + ".weight"


def _misfits(matrix: Tensor, axis: int, target: Tensor) -> bool:
    if len(matrix.shape) != 2 or len(target.shape) != 2:
        return False
    # Conv1D keeps its matrix the other way round.
    return matrix.shape[axis] not in target.shape
