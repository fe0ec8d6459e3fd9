"""LoRA adapters as vLLM takes them: the room that an engine has for ranks, and what it refuses.

vLLM reads `adapter_config.json` by itself, and stops its engine over what it cannot apply; some of
what peft saves beside an adapter it passes over. So a candidate is judged by its files beforehand.
"""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from pathlib import Path
from typing import Any

from cliffguard.checkpoints.files import read_json
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.engine.adapters import apart_because

RANKS = (1, 8, 16, 32, 64, 128, 256, 320, 512)
"""What vLLM takes as `max_lora_rank`."""

DEFAULT_RANK = 16
"""Its own default, for an engine that has met no adapter yet."""

PATTERNS_SINCE = (0, 33)
"""The release from which ranks and scales by module are known to be applied."""

_OTHERWISE = "merge it into full weights, or use the runner cliffguard"


def room_for(rank: int, name: str) -> int:
    """Return the least `max_lora_rank` that has room. Raises UsageError where none has."""
    if rank > RANKS[-1]:
        raise UsageError(
            f"{name}: its adapter has rank {rank}, and vLLM takes {RANKS[-1]} at the most; "
            + _OTHERWISE,
            id="runner.lora-rank",
        )
    return min(room for room in RANKS if room >= rank)


def rank_of(checkpoint: Checkpoint) -> int:
    """Return the largest rank of an adapter's modules, by its config."""
    config = _config(checkpoint)
    ranks = [config.get("r"), *_pattern(config, "rank_pattern").values()]
    if wrong := [rank for rank in ranks if not _is_rank(rank)]:
        raise _other_kind(checkpoint, f"a rank of {wrong[0]!r}")
    if isinstance(alpha := config.get("lora_alpha"), bool) or not isinstance(alpha, int | float):
        raise _other_kind(checkpoint, f"a lora_alpha of {alpha!r}")
    return max(rank for rank in ranks if isinstance(rank, int))


def refuse_unservable(checkpoint: Checkpoint, release: tuple[int, ...]) -> None:
    """Raise UsageError for an adapter that vLLM would refuse, or apply in part.

    `release` is that of vLLM, as numbers.
    """
    config = _config(checkpoint)
    if (reason := next(_reasons(config, release), None) or apart_because(checkpoint)) is not None:
        raise UsageError(
            f"{checkpoint.name}: vLLM cannot apply this adapter: {reason}; {_OTHERWISE}",
            id="runner.refused-adapter",
        )


_REFUSED = {
    "use_dora": "it is a DoRA",
    "lora_bias": "its LoRA has biases",
    "modules_to_save": "it holds whole modules (modules_to_save)",
    "alora_invocation_tokens": "it waits for a cue (aLoRA)",
    "layer_replication": "it repeats layers of the base",
    "use_bdlora": "it is a block-diagonal LoRA",
    "use_qalora": "it is a QALoRA",
    "trainable_token_indices": "it trains tokens of the base",
}
"""Keys of an adapter's config that, where they say something, no engine of vLLM's applies."""


def _reasons(config: Mapping[str, Any], release: tuple[int, ...]) -> Iterator[str]:
    yield from (reason for key, reason in _REFUSED.items() if config.get(key))
    if release < PATTERNS_SINCE and (config.get("rank_pattern") or config.get("alpha_pattern")):
        since = ".".join(map(str, PATTERNS_SINCE))
        yield f"its ranks or scales differ by module, which is known of vLLM from {since} on"


def _config(checkpoint: Checkpoint) -> dict[str, Any]:
    return read_json(_folder(checkpoint) / "adapter_config.json")


def _folder(checkpoint: Checkpoint) -> Path:
    assert checkpoint.files is not None
    assert checkpoint.files.adapter is not None, "only of an adapter"
    return checkpoint.files.adapter


def _pattern(config: Mapping[str, Any], key: str) -> Mapping[str, Any]:
    pattern = config.get(key) or {}
    return pattern if isinstance(pattern, dict) else {"": pattern}


def _is_rank(value: object) -> bool:
    return isinstance(value, int) and not isinstance(value, bool) and value > 0


def _other_kind(checkpoint: Checkpoint, what: str) -> IntegrityError:
    return IntegrityError(
        f"{_folder(checkpoint) / 'adapter_config.json'}: it holds {what}, which peft does not "
        "write; copy or save it again",
        id="adapter.other-kind",
    )
