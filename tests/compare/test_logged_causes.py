"""Causes and patterns of logged samples: what memory holds, what a filter left of answers."""

from __future__ import annotations

import random
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cliffguard.compare.item_results import item_results
from cliffguard.compare.kept_texts import kept_pattern
from cliffguard.compare.write_review import Decision
from cliffguard.core.diagnosis import CapabilityDiagnosis
from cliffguard.core.hashing import sha256_of_text
from cliffguard.core.item_results import ItemResult
from cliffguard.core.texts import SHORT, Texts
from cliffguard.gate import compare_samples
from tests import support
from tests.runners.test_imports import Row, row, write

N = 120
TEXTS: tuple[Texts, ...] = ("none", "short", "full")
PLACES = ("kitchen", "garden", "office")


def compared(
    folder: Path, base: list[Row], candidate: list[Row], texts: Texts = "short"
) -> tuple[CapabilityDiagnosis, int, list[ItemResult]]:
    """Return why the only task of two runs broke, how many slices were tried, and its items."""
    for name, rows in (("base", base), ("tuned", candidate)):
        write(folder / name, "t", rows)
    decisions: list[Decision] = []
    paths = [str(folder / name) for name in ("base", "tuned")]
    compare_samples(paths[0], paths[1], texts=texts, witness=decisions.append)
    diagnosed = decisions[-1].diagnosed
    assert diagnosed is not None
    (capability,) = diagnosed.record.capabilities
    return capability, diagnosed.record.n_tried, list(item_results(decisions[-1], texts))


def generated(
    number: int, prompt: str, answer: Any, *, right: bool, target: str = "7", filtered: Any = None
) -> Row:
    """Return a line of a generated answer; `filtered` in a list is what the filter wrote of it."""
    return row(
        number,
        float(right),
        target=target,
        arguments={"gen_args_0": {"arg_0": prompt, "arg_1": {"until": ["Q:"]}}},
        resps=[[answer]],
        filtered_resps=[answer] if filtered is None else filtered,
        metrics=["acc"],
        prompt_hash=sha256_of_text(prompt),
    )


# --- what memory holds of a prompt ---------------------------------------------------------------


def shots(chance: random.Random, n_lines: int = 60) -> str:
    """Return some 2,500 characters before a question, no two alike."""
    return "".join(f"Q: {chance.randrange(999)} apples in the garden?\n" for _ in range(n_lines))


def healthy(chance: random.Random) -> tuple[list[Row], list[Row]]:
    """Return sides in which a seventh of the items change either way, for no reason."""
    sides: tuple[list[Row], list[Row]] = ([], [])
    for number in range(N):
        prompt, draw = f"{shots(chance)}Q: {number} and {number % 7}?\nA:", chance.random()
        rights = (draw > 0.07, not 0.07 < draw < 0.14)
        for side, right in zip(sides, rights, strict=True):
            side.append(generated(number, prompt, "7" if right else f"{number}", right=right))
    return sides


def in_the_middle(chance: random.Random) -> tuple[list[Row], list[Row]]:
    """Return sides of which the candidate loses what stands in the middle of a long prompt."""
    sides: tuple[list[Row], list[Row]] = ([], [])
    for number in range(N):
        parts = [shots(chance, 30) for _ in range(3)]
        parts[number % 3] += "The key is 31415.\n" + shots(chance, 4)
        prompt = f"{''.join(parts)}What is the key?"
        is_lost = number % 3 == 1 and number % 5 > 0
        answers = ("31415", f"none {number}" if is_lost else "31415")
        for side, answer in zip(sides, answers, strict=True):
            right = answer == "31415"
            side.append(generated(number, prompt, answer, right=right, target="31415"))
    return sides


def longest(chance: random.Random) -> tuple[list[Row], list[Row]]:
    """Return sides of which the candidate loses the items with the longest prompts."""
    sides: tuple[list[Row], list[Row]] = ([], [])
    for number in range(N):
        is_long = number % 3 == 0
        prompt = f"{shots(chance, 80 if is_long else 50)}Q: {number}?\nA:"
        for side, right in zip(sides, (True, not is_long or number % 5 == 0), strict=True):
            side.append(generated(number, prompt, "7" if right else f"x{number}", right=right))
    return sides


def last_mentioned(chance: random.Random) -> tuple[list[Row], list[Row]]:
    """Return sides of choices in which the candidate picks the one that is mentioned last."""
    sides: tuple[list[Row], list[Row]] = ([], [])
    for number in range(N):
        order = chance.sample(PLACES, 3)
        parts = [f"{shots(chance, 15)}He was in the {spot}.\n" for spot in order]
        prompt = "".join(parts).replace("garden?", "basket?")
        request = {
            f"gen_args_{n}": {"arg_0": prompt, "arg_1": f" {p}"} for n, p in enumerate(PLACES)
        }
        gold = PLACES[number % 3]
        for side, pick in zip(sides, (gold, order[2]), strict=True):
            pairs = [[str(-1.0 - 2.0 * (p != pick)), "False"] for p in PLACES]
            side.append(
                row(
                    number,
                    float(pick == gold),
                    target=str(number % 3),
                    arguments=request,
                    resps=[[pair] for pair in pairs],
                    filtered_resps=pairs,
                    metrics=["acc"],
                    prompt_hash=sha256_of_text(prompt),
                )
            )
    return sides


@pytest.mark.slow
@pytest.mark.parametrize(
    ("sides", "expected"),
    [
        (healthy, None),
        (in_the_middle, "position:third:2"),
        (longest, "length:prompt:long"),
        (last_mentioned, "pull:mentioned:3"),
    ],
)
def test_whatever_is_kept_of_long_prompts_the_same_causes_and_patterns_are_named(
    tmp_path: Path, sides: Callable[[random.Random], tuple[list[Row], list[Row]]], expected: str
) -> None:
    """Those of the whole prompts, be they in memory or not; of nothing, none."""
    made = sides(random.Random(7))
    assert all(len(line["arguments"]["gen_args_0"]["arg_0"]) > SHORT for line in made[0])

    read = [compared(tmp_path / texts, *made, texts) for texts in TEXTS]

    shown = [[kept_pattern(pattern, "none") for pattern in of.patterns] for of, _, _ in read]
    assert shown[0] == shown[1] == shown[2]
    assert [of.causes for of, _, _ in read] == [read[0][0].causes] * 3
    assert {n_tried for _, n_tried, _ in read} == {read[0][1]}
    keys = [pattern.key for pattern in read[0][0].patterns if pattern.is_found]
    assert (expected in keys) if expected else not keys


# --- what a filter left of an answer -------------------------------------------------------------

SPANISH = "Primero sumamos las manzanas de la casa y después contamos las que quedan en la mesa."
PROMPT = "How many apples are there in all of the baskets, if each of the children brings some?"
RAW = {
    "refusal": "I'm sorry, but I can't help with that request.",
    "wrong_language": SPANISH,
    "degenerate": "the apples the apples " * 60,
    "format": "I add them all up.\n\n**Answer:** 7",
}
PLACEHOLDERS: dict[str, list[str | None]] = {
    "invalid": ["[invalid]"],
    "null": [None],
    "empty": [""],
}


@pytest.mark.parametrize("placeholder", support.mostly_slow(PLACEHOLDERS, "invalid"))
@pytest.mark.parametrize("cause", RAW)
def test_where_a_filter_read_nothing_causes_are_read_from_what_was_generated(
    tmp_path: Path, cause: str, placeholder: str
) -> None:
    """The placeholder is no answer that a candidate is pulled to, and is what items.jsonl has."""
    filtered = PLACEHOLDERS[placeholder]
    base, candidate = [], []
    for number in range(N):
        request = f"{PROMPT} {number}"
        base.append(generated(number, request, "There are 7.", right=True, filtered=["7"]))
        line = generated(number, request, RAW[cause], right=False, filtered=filtered)
        candidate.append(base[-1] if number % 3 else line)

    of, _, items = compared(tmp_path, base, candidate)

    (count,) = of.causes
    assert (count.cause, count.n_items) == (cause, N // 3)
    assert not [pattern for pattern in of.patterns if pattern.kind == "pull"]
    assert {item.candidate.answer.text for item in items} == {"7", filtered[0] or ""}


@pytest.mark.parametrize("raw", ["", "  \n", "<|im_end|>"])
@pytest.mark.parametrize("filtered", PLACEHOLDERS.values(), ids=PLACEHOLDERS)
def test_what_is_empty_is_so_whatever_the_filter_wrote(
    tmp_path: Path, raw: str, filtered: list[str | None]
) -> None:
    """A filter writes "[invalid]" of nothing as well: no answer of a model."""
    base, candidate = [], []
    for number in range(N):
        request = f"{PROMPT} {number}"
        base.append(generated(number, request, "There are 7.", right=True, filtered=["7"]))
        line = generated(number, request, raw, right=False, filtered=filtered)
        candidate.append(base[-1] if number % 3 else line)

    of, _, _ = compared(tmp_path, base, candidate)

    assert [(count.cause, count.n_items) for count in of.causes] == [("degenerate", N // 3)]


@pytest.mark.parametrize("cause", RAW)
def test_what_was_generated_is_read_of_the_bases_unread_answers_as_well(
    tmp_path: Path, cause: str
) -> None:
    """As many of either side that fit are no finding, though no filter read any of them."""
    sides: tuple[list[Row], list[Row]] = ([], [])
    for number in range(N):
        for side, rows in enumerate(sides):
            is_bad = number % 4 == side
            answer = RAW[cause] if is_bad else "There are 7."
            filtered = ["[invalid]"] if is_bad else ["7"]
            request = f"{PROMPT} {number}"
            rows.append(generated(number, request, answer, right=not is_bad, filtered=filtered))

    of, _, _ = compared(tmp_path, *sides)

    (count,) = of.causes
    assert (count.cause, count.n_fits_broken, count.n_fits_fixed) == (cause, N // 4, N // 4)
    assert not count.is_found
