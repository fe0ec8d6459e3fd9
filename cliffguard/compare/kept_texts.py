"""A review with as much of what was asked and answered as may be kept."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import replace

from cliffguard.core.caveats import Caveat
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.diagnosis import CapabilityDiagnosis, Diagnosis, Pattern, PatternKind
from cliffguard.core.hashing import sha256_of_text
from cliffguard.core.reviews import Example, Review, with_texts
from cliffguard.core.texts import Texts, ends_of

LEFT_OUT = "(left out)"

_CAVEAT = Caveat(
    id="texts.left-out",
    text="Prompts, choices and answers are left out (--texts none): classes, named values and "
    "items.jsonl have digests in their place.",
)
_DIGEST = "sha256:"
_DIGITS = 16  # of a digest in a name
_NAMED_BY_ITEMS = ("class", "field")  # parts whose name is made of a value of the data


Spelling = Callable[[str], str]
"""From a text to what is written of it."""


def with_texts_kept(review: Review, texts: Texts) -> Review:
    """Return the review with as much of `texts` as may be kept.

    A new one holds the ends of long ones, but for classes and named values; of *none* examples hold
    no text, and these have digests for names. Names of tasks and levels, and ids of items, stay.
    Only what was measured and said of it is changed: plan and provenance are the user's own words.
    """
    if texts == "full":
        return review
    spell = _digest if texts == "none" else ends_of
    capabilities = review.comparison.capabilities
    rename = _renamer(
        {
            part.name: _respelt(part.name, row, spell)
            for row in capabilities
            for part in row.diagnostics.strata
            if part.kind in _NAMED_BY_ITEMS
        }
    )
    is_none = texts == "none"
    comparison = replace(
        review.comparison,
        capabilities=tuple(with_texts(_classes(row, spell), rename) for row in capabilities),
        caveats=(*review.comparison.caveats, *([_CAVEAT] if is_none else [])),
    )
    return replace(
        review,
        comparison=comparison,
        verdict=with_texts(review.verdict, rename),
        health=with_texts(review.health, rename),
        examples=tuple(map(_emptied, review.examples)) if is_none else review.examples,
        diagnosis=review.diagnosis and _diagnosis(review.diagnosis, texts),
    )


def kept_pattern(pattern: Pattern, texts: Texts) -> Pattern:
    """Return a pattern whose key and name hold as much of the data's texts as may be kept."""
    if texts != "none" or not pattern.shows_text:
        return pattern
    return replace(
        pattern,
        key=f"{pattern.kind}:{_digest(pattern.key)}",
        name=f"{_A_TEXT.get(pattern.kind, 'a text')} ({_digest(pattern.name)})",
    )


_A_TEXT: Mapping[PatternKind, str] = {
    "pull": "a word, a text or a beginning",
    "template": "a form of the prompt",
    "class": "a right answer",
    "cluster": "a cluster",
    "opening": "the first words of the prompt",
}
"""What a pattern is about whose words are left out."""


def is_left_out(pattern: Pattern) -> bool:
    """Return whether the words that a pattern is about were left out of its review."""
    return pattern.shows_text and pattern.key.startswith(f"{pattern.kind}:{_DIGEST}")


def _diagnosis(diagnosis: Diagnosis, texts: Texts) -> Diagnosis:
    def kept(capability: CapabilityDiagnosis) -> CapabilityDiagnosis:
        patterns = (kept_pattern(pattern, texts) for pattern in capability.patterns)
        return replace(capability, patterns=tuple(patterns))

    return replace(diagnosis, capabilities=tuple(map(kept, diagnosis.capabilities)))


def _digest(text: str) -> str:
    return f"{_DIGEST}{sha256_of_text(text)[:_DIGITS]}"


def _emptied(example: Example) -> Example:
    return replace(
        example,
        prompt=LEFT_OUT,
        answer=LEFT_OUT,
        base_text=LEFT_OUT,
        candidate_text=LEFT_OUT,
    )


def _respelt(name: str, row: CapabilityComparison, spell: Spelling) -> str:
    """Return a part's name with its value spelt otherwise: that of a class, or of a field."""
    heads = [f"{task.task}: " for task in row.diagnostics.tasks]
    head = next((head for head in heads if name.startswith(head)), None)
    if head is None:
        field, sign, _ = name.partition(" = ")
        head = field + sign
    return head + spell(name.removeprefix(head))


def _classes(row: CapabilityComparison, spell: Spelling) -> CapabilityComparison:
    classes = tuple(
        replace(
            task,
            classes=tuple(replace(label, label=spell(label.label)) for label in task.classes),
        )
        for task in row.diagnostics.classes
    )
    return replace(row, diagnostics=replace(row.diagnostics, classes=classes))


def _renamer(names: dict[str, str]) -> Spelling:
    """Return what puts each name's other name in its place, wherever in a text it stands."""
    longest_first = sorted(names, key=len, reverse=True)

    def rename(text: str) -> str:
        for name in longest_first:
            text = text.replace(name, names[name])
        return text

    return rename
