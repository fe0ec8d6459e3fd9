"""Ladders from reasoning-gym's generators: made once, frozen, and from then on a suite as any.

reasoning-gym is an optional extra. It is asked for questions and answers only. Its item number
`i` of seed `s` is number `i + 1` of seed `s - 1`, so a seed here is a hash of the seed that was
given, the generator and the level. Generators may repeat themselves: an item that is there
already is drawn again.
"""

from __future__ import annotations

import hashlib
import importlib
import json
from collections.abc import Iterator, Mapping
from importlib import metadata
from typing import Any

from cliffguard.core.errors import UsageError, nearest
from cliffguard.suites.gym.allowed import ALLOWED, REFUSED, Allowed, Config

__all__ = ["ALLOWED", "REFUSED", "check_generator", "freeze", "seed_of"]

_DISTRIBUTION = "reasoning-gym"
_DRAWS_AN_ITEM = 20  # at most, for each item that is wanted
_SEEDS = 2**48  # some generators would not take more than a machine word


def freeze(
    generators: list[str], *, name: str, seed: str, n_levels: int, n_per_level: int
) -> dict[str, str]:
    """Return the files of a suite, texts by path: NAME.yaml and NAME/GENERATOR.jsonl.

    Raises UsageError where reasoning-gym is missing, a generator is not allowed, or a level has
    too few different items.
    """
    for generator in generators:
        check_generator(generator)
        _check_levels(generator, n_levels)
    gym = _reasoning_gym()
    files: dict[str, str] = {}
    entries: list[str] = []
    for generator in dict.fromkeys(generators):
        rows = list(_rows(gym, generator, seed, n_levels, n_per_level))
        path = f"{name}/{generator}.jsonl"
        files[path] = "".join(json.dumps(row, ensure_ascii=False) + "\n" for row in rows)
        entries.append(_capability(generator, path, seed, n_levels))
    head = _HEAD.format(version=_version(), seed=_quoted(seed), n=n_per_level, name=name)
    return {f"{name}.yaml": head + "".join(entries), **files}


def check_generator(name: str) -> None:
    """Refuse a generator that is not allowed, with the reason, or the nearest name."""
    if name in ALLOWED:
        return
    allowed = f"(allowed: {', '.join(ALLOWED)})"
    if name in REFUSED:
        raise UsageError(
            f"reasoning-gym's {name} is not allowed: {REFUSED[name]} {allowed}",
            id="gym.not-allowed",
        )
    theirs = _reasoning_gym().factory.DATASETS
    if name in theirs:
        raise UsageError(
            f"reasoning-gym's {name} is not allowed: nobody has looked whether its answers are "
            f"right and its levels in order {allowed}",
            id="gym.not-allowed",
        )
    near = nearest(name, [*ALLOWED, *theirs])
    raise UsageError(
        f"no generator of reasoning-gym is called {name!r}{near} {allowed}", id="gym.unknown"
    )


def _check_levels(name: str, n_levels: int) -> None:
    known = list(ALLOWED[name].levels)
    if n_levels > len(known):
        told = ", ".join(map(str, known))
        raise UsageError(
            f"--levels {n_levels}: {name} has {len(known)} levels "
            f"({ALLOWED[name].unit} {told}); ask for fewer",
            id="gym.levels",
        )


def _reasoning_gym() -> Any:
    try:
        return importlib.import_module("reasoning_gym")
    except ImportError as failure:
        raise UsageError(
            f"reasoning-gym cannot be imported ({failure}); install it with "
            'pip install "cliffguard[gym]"',
            id="environment.missing-library",
        ) from None


def _version() -> str:
    """Return the installed version; the one that the module gives is an older one."""
    try:
        return metadata.version(_DISTRIBUTION)
    except metadata.PackageNotFoundError:
        return "of unknown version"


def seed_of(seed: str, generator: str, level: int) -> int:
    """Return the number that reasoning-gym is seeded with."""
    text = f"{seed}|{generator}|{level}"
    return int.from_bytes(hashlib.blake2b(text.encode(), digest_size=16).digest(), "big") % _SEEDS


def _levels(entry: Allowed, n_levels: int) -> list[tuple[int, Config]]:
    return list(entry.levels.items())[:n_levels]


def _rows(
    gym: Any, name: str, seed: str, n_levels: int, n_per_level: int
) -> Iterator[dict[str, Any]]:
    entry, seen = ALLOWED[name], set[str]()
    for level, config in _levels(entry, n_levels):
        n_made = 0
        for question, answer in _drawn(gym, name, level, config, seed, n_per_level):
            if n_made == n_per_level:
                break
            if question in seen or not answer or not entry.is_sound(question):
                continue
            seen.add(question)
            yield {
                "id": f"{name}-{level}-{n_made:03d}",
                "prompt": f"{question}\n{entry.ask}",
                "answer": answer,
                entry.unit: level,
            }
            n_made += 1
        if n_made < n_per_level:
            raise UsageError(
                f"{name} has {n_made} different sound items at {entry.unit} {level} in "
                f"{_DRAWS_AN_ITEM * n_per_level} draws, not {n_per_level}; ask for fewer per level",
                id="gym.too-few",
            )


def _drawn(
    gym: Any, name: str, level: int, config: Config, seed: str, n_items: int
) -> Iterator[tuple[str, str]]:
    """Give questions and answers as reasoning-gym makes them, without the white space around."""
    size = _DRAWS_AN_ITEM * n_items
    try:
        made = gym.create_dataset(name, seed=seed_of(seed, name, level), size=size, **config)
        for number in range(size):
            item = made[number]
            yield item["question"].strip(), item["answer"].strip()
    except (TypeError, ValueError, KeyError, AssertionError) as failure:
        raise UsageError(
            f"reasoning-gym {_version()} does not make {name} with {dict(config)} ({failure}); "
            'take the one of pip install "cliffguard[gym]"',
            id="gym.other-release",
        ) from None


_HEAD = """\
# Written by cliffguard suites gym. The items are frozen: loading them needs no reasoning-gym.
# They come from reasoning-gym {version} (Apache-2.0), seed {seed}, {n} a level. An answer is
# right or wrong by cliffguard's own metric; reasoning-gym's scorers are not asked.
# Each task stops at the end of the line. For a model that thinks aloud raise max_tokens and
# set stop: [] where the metric is numeric, which takes the last number.
name: "{name}"
version: 1
description: {name}, ladders frozen from reasoning-gym {version}.
capabilities:
"""


def _capability(name: str, path: str, seed: str, n_levels: int) -> str:
    """Return a generator's entry in the suite file, its configs as comments."""
    entry = ALLOWED[name]
    configs = "".join(
        f"    # {entry.unit} {level}: {_spelled(config)}, seed={seed_of(seed, name, level)}\n"
        for level, config in _levels(entry, n_levels)
    )
    covers = f"    covers: [{', '.join(entry.covers)}]\n" if entry.covers else ""
    chance = f", chance: {entry.chance}" if entry.chance else ""
    return (
        f"  gym_{name}:\n    # reasoning-gym's {name}: {entry.why}.\n{configs}"
        f"    ring: general\n{covers}    description: {entry.what}\n    tasks:\n"
        f"      - {{name: gym_{name}, items: {path}, level: {entry.unit}, "
        f'metric: {entry.metric}, max_tokens: {entry.max_tokens}, stop: ["\\n"]{chance}}}\n'
    )


def _spelled(config: Mapping[str, Any]) -> str:
    return ", ".join(f"{key}={value}" for key, value in config.items())


def _quoted(text: str) -> str:
    return json.dumps(text)  # in ASCII, so that no line of the comment breaks
