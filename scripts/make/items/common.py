"""What every item generator needs: texts, seeded randomness, balanced choices, words, and writing.

All word lists hold words that are one token with a leading space in the byte-level tokenizers we
looked at, so that a multiple-choice item costs a single forward pass.
"""

from __future__ import annotations

import hashlib
import json
import random
from collections.abc import Sequence
from pathlib import Path
from typing import Any

import yaml

Item = dict[str, Any]

SALT = "cliffguard-suites-1"

# ruff: noqa: SIM905 (lists of words are easier to read and to extend as text)
NAMES = (
    "Adam Alice Amy Andrew Ann Anna Arthur Barbara Ben Betty Bill Bob Carl Carol Charlie Chris "
    "Claire Clara Dan Daniel Dave David Diana Edward Ella Emily Emma Eric Eva Frank Fred George "
    "Grace Greg Harry Helen Henry Ian Jack Jacob James Jane Jason Jeff Jim Joe John Julia Karen "
    "Kate Ken Kevin Laura Leo Lily Linda Lisa Louis Lucy Maria Mark Martin Mary Max Mia Mike Nancy "
    "Nick Nina Noah Oliver Oscar Paul Peter Rachel Ray Rob Robert Rosa Ruth Ryan Sally Sam Sara "
    "Sarah Simon Sofia Sophie Steve Sue Susan Ted Thomas Tim Tom Tony Victor Dana"
).split()
OBJECTS = (
    "ball book key cup hat coin map letter bag box pen stone ring lamp card phone basket bottle "
    "apple doll drum flag kite rope shell spoon ticket"
).split()
SMALL_THINGS = "ball book key coin map letter pen stone ring card apple doll shell spoon".split()
CONTAINERS = "box bag basket bucket case chest drawer trunk barrel sack bin pot tin jar".split()
PLACES = (
    "kitchen garden office garage attic basement bathroom bedroom hall library park school shop "
    "station barn church hotel museum bank forest river beach bakery market hospital"
).split()


def texts(name: str) -> Any:
    """Return what `texts/NAME.yaml` holds; each file says in its head how it is built."""
    path = Path(__file__).parent / "texts" / f"{name}.yaml"
    return yaml.safe_load(path.read_text(encoding="utf-8"))


def rng(task: str, level: object, index: object, salt: str = SALT) -> random.Random:
    """Return a generator that depends on nothing but its arguments.

    The seed is a hash of all of them. Seeds made by adding the index to a number would let two
    tasks, or two seeds next to each other, share most of their items.
    """
    text = f"{task}|{level}|{index}|{salt}"
    return random.Random(hashlib.blake2b(text.encode(), digest_size=8).digest())


def positions(task: str, level: object, n_items: int, n_choices: int) -> list[int]:
    """Return the answer position of every item: equally often each, in seeded order."""
    places = [i % n_choices for i in range(n_items)]
    rng(task, level, "positions").shuffle(places)
    return places


def positions_in_parts(task: str, level: object, parts: Sequence[int], n_choices: int) -> list[int]:
    """Return the answer positions of items that were added part by part, each part balanced.

    The first part is what `positions` alone gives: what was asked before stays as it was.
    """
    first, *more = parts
    places = positions(task, level, first, n_choices)
    for number, n_items in enumerate(more, start=2):
        places += positions(task, f"{level}, part {number}", n_items, n_choices)
    return places


def with_answer_at(
    answer: str, distractors: Sequence[str], position: int, source: random.Random
) -> list[str]:
    """Return the shuffled distractors with the answer at ``position``; refuse duplicates."""
    choices = list(distractors)
    source.shuffle(choices)
    choices.insert(position, answer)
    if len(set(choices)) != len(choices):
        raise ValueError(f"choices repeat: {choices}")
    return choices


def fill(template: str, **slots: str) -> str:
    """Fill a template and capitalise its first letter."""
    text = template.format(**slots)
    return text[0].upper() + text[1:]


def to_jsonl(items: Sequence[Item]) -> bytes:
    """Return the items as UTF-8 JSON lines, after checking ids and prompts for repeats."""
    prompts = [item.get("context", "") + item["prompt"] for item in items]
    for key, values in (("id", [item["id"] for item in items]), ("prompt", prompts)):
        if len(set(values)) != len(values):
            twice = next(value for value in values if values.count(value) > 1)
            raise ValueError(f"{key} occurs more than once: {twice!r}")
    return "".join(json.dumps(item, ensure_ascii=False) + "\n" for item in items).encode()
