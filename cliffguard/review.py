"""From a finished comparison to its record: the examples a reader needs, and how to repeat it."""

from __future__ import annotations

import shlex
from collections.abc import Sequence
from importlib.metadata import version

from cliffguard.compare import Pair
from cliffguard.measure import Measurement
from cliffguard.records import (
    FORMAT,
    Comparison,
    Example,
    Plan,
    Protocol,
    Provenance,
    Review,
    Suite,
    SuiteStamp,
    Verdict,
)

N_EXAMPLES = 5
"""Broken items per capability that a review carries."""

_EXAMPLE_CHARACTERS = 1500
_LIBRARIES = ("torch", "transformers", "peft", "lm-eval", "datasets", "numpy", "scipy")


def write_up(
    *,
    plan: Plan,
    comparison: Comparison,
    verdict: Verdict,
    pairs: Sequence[Pair],
    suites: Sequence[Suite],
    measured: Sequence[Measurement],
    runner: str,
) -> Review:
    """Return the record of a comparison, from which every report is made."""
    return Review(
        format=FORMAT,
        plan=plan,
        comparison=comparison,
        verdict=verdict,
        examples=pick_examples(pairs),
        provenance=Provenance(
            cliffguard_version=version("cliffguard"),
            runner=runner,
            measured_on=tuple(
                f"{who}: {place}"
                for who, side in zip(("base", "candidate"), measured, strict=True)
                for place in side.measured_on
            ),
            suites=tuple(
                SuiteStamp(name=suite.name, version=suite.version, digest=suite.digest)
                for suite in suites
            ),
            questions=tuple(key for side in measured for key in side.questions),
            versions={name: version(name) for name in _LIBRARIES},
            command=command_of(plan),
        ),
    )


def pick_examples(pairs: Sequence[Pair]) -> tuple[Example, ...]:
    """Return the first broken items of each capability, easiest level first.

    An easy item that broke says more about what was lost than a hard one.
    """
    by_capability: dict[str, list[Pair]] = {}
    for pair in pairs:
        if pair.is_broken:
            by_capability.setdefault(pair.task.capability, []).append(pair)
    picked = [
        pair
        for broken in by_capability.values()
        for pair in sorted(broken, key=lambda pair: pair.item.level or 0)[:N_EXAMPLES]
    ]
    return tuple(_example(pair) for pair in picked)


def _example(pair: Pair) -> Example:
    return Example(
        capability=pair.task.capability,
        task=pair.task.name,
        item_id=pair.item.id,
        level=pair.item.level,
        prompt=_shortened(pair.item.prompt),
        answer=_shortened(pair.item.answer),
        base_text=_shortened(pair.base.text),
        candidate_text=_shortened(pair.candidate.text),
        base_confidence=pair.base.confidence,
        candidate_confidence=pair.candidate.confidence,
    )


def _shortened(text: str) -> str:
    if len(text) <= _EXAMPLE_CHARACTERS:
        return text
    half = _EXAMPLE_CHARACTERS // 2
    return f"{text[:half]} […] {text[-half:]}"


def command_of(plan: Plan) -> str:
    """Return a command that repeats the comparison, policy file apart."""
    words = ["cliffguard", "check", "--candidate", plan.candidate]
    if plan.base is not None:
        words += ["--base", plan.base]
    for suite in plan.suites:
        words += ["--suite", suite]
    words += _protocol_words(plan.protocol)
    if plan.allow_base_mismatch:
        words.append("--allow-base-mismatch")
    if plan.allow_pickle:
        words.append("--allow-pickle")
    words += ["--device", plan.runner.device, "--batch-size", str(plan.runner.batch_size)]
    return shlex.join(words)


def _protocol_words(protocol: Protocol) -> list[str]:
    words: list[str] = []
    if protocol.system_prompt is not None:
        words += ["--system-prompt", protocol.system_prompt]
    if protocol.chat_template != "none":
        words += ["--chat-template", protocol.chat_template]
    if protocol.num_fewshot is not None:
        words += ["--num-fewshot", str(protocol.num_fewshot)]
    if protocol.limit is not None:
        words += ["--limit", str(protocol.limit)]
    if protocol.dtype != "auto":
        words += ["--dtype", protocol.dtype]
    if protocol.seed != 0:
        words += ["--seed", str(protocol.seed)]
    return words
