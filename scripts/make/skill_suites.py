"""The suites of chats, whose items are made when they are loaded: their files, as text."""

from __future__ import annotations

from collections.abc import Mapping
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from cliffguard.core.canonical_json import digest
from cliffguard.suites import skills

SEED, SHADOW_SEED = "cliffguard-skills-1", "cliffguard-skills-1-shadow"
SPECS: Mapping[str, Mapping[str, Any]] = yaml.safe_load(
    Path(__file__).with_name("skills.yaml").read_text(encoding="utf-8")
)


def suite(name: str, *, is_shadow: bool = False) -> str:
    """Return the file of a suite, or of the same suite from another seed."""
    spec, end, suffix = SPECS[name], "-shadow" * is_shadow, "_shadow" * is_shadow
    description = f"The suite {name} once more, from another seed." if is_shadow else None
    text = (
        f"# Made by scripts/make/suites.py from skills.yaml.\nname: {name}{end}\nversion: 1\n"
        f"description: {description or spec['description']}\ncapabilities:\n"
    )
    for capability, body in spec["capabilities"].items():
        covers = [*([capability] if is_shadow else []), *body.get("covers", [])]
        text += f"  {capability}{suffix}:\n    ring: {body['ring']}\n"
        text += f"    covers: [{', '.join(covers)}]\n" if covers else ""
        text += (
            f"    margin: {body['margin']}\n    description: {body['description']}\n    tasks:\n"
        )
        for task, keys in body["tasks"].items():
            text += _task(task, dict(keys), suffix, SHADOW_SEED if is_shadow else SEED)
    return text


def _task(name: str, keys: dict[str, Any], suffix: str, seed: str) -> str:
    n_per_level = keys.pop("n_per_level")
    rows = skills.make(name, seed=seed, n_per_level=n_per_level)
    text = (
        f"      - name: {name}{suffix}\n        items: {{generator: {name}, seed: {seed}, "
        f"n_per_level: {n_per_level}, digest: {digest(rows)}}}\n"
    )
    return text + "".join(f"        {key}: {value}\n" for key, value in keys.items())


TEXTS = {
    f"{name}{'-shadow' * is_shadow}.yaml": partial(suite, name, is_shadow=is_shadow)
    for name in SPECS
    for is_shadow in (False, True)
}
