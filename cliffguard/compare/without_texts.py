"""A review without a text of what was asked and answered: for data that may not leave."""

from __future__ import annotations

from collections.abc import Callable
from dataclasses import replace

from cliffguard.core.caveats import Caveat
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.diagnostics import ClassesComparison
from cliffguard.core.hashing import sha256_of_text
from cliffguard.core.reviews import Review, with_texts

LEFT_OUT = "(left out)"

_CAVEAT = Caveat(
    id="texts.left-out",
    text="Prompts, choices and answers are left out (--texts none): classes, named values and "
    "items.jsonl have digests in their place.",
)
_DIGITS = 16  # of a digest in a name
_NAMED_BY_ITEMS = ("class", "field")  # parts whose name is made of a value of the data


def without_texts(review: Review) -> Review:
    """Return the review with examples that hold no text, and digests for classes and named values.

    Names of tasks and levels, and ids of items, stay. Only what was measured and said of it is
    changed: plan and provenance are the user's own words.
    """
    capabilities = review.comparison.capabilities
    names = {
        part.name: _hidden_part(part.name, capability)
        for capability in capabilities
        for part in capability.diagnostics.strata
        if part.kind in _NAMED_BY_ITEMS
    }
    hide = _renamer(names)
    comparison = replace(
        review.comparison,
        capabilities=tuple(with_texts(_hidden_classes(row), hide) for row in capabilities),
        caveats=(*review.comparison.caveats, _CAVEAT),
    )
    examples = tuple(
        replace(
            example,
            prompt=LEFT_OUT,
            answer=LEFT_OUT,
            base_text=LEFT_OUT,
            candidate_text=LEFT_OUT,
        )
        for example in review.examples
    )
    return replace(
        review,
        comparison=comparison,
        verdict=with_texts(review.verdict, hide),
        health=tuple(with_texts(note, hide) for note in review.health),
        examples=examples,
    )


def _hidden(text: str) -> str:
    return f"sha256:{sha256_of_text(text)[:_DIGITS]}"


def _hidden_part(name: str, capability: CapabilityComparison) -> str:
    """Return a part's name with a digest for its value: that of a class, or of a field."""
    heads = [f"{task.task}: " for task in capability.diagnostics.tasks]
    head = next((head for head in heads if name.startswith(head)), None)
    if head is None:
        field, sign, _ = name.partition(" = ")
        head = field + sign
    return head + _hidden(name.removeprefix(head))


def _hidden_classes(row: CapabilityComparison) -> CapabilityComparison:
    classes = tuple(_hidden_labels(task) for task in row.diagnostics.classes)
    return replace(row, diagnostics=replace(row.diagnostics, classes=classes))


def _hidden_labels(task: ClassesComparison) -> ClassesComparison:
    return replace(task, classes=tuple(replace(c, label=_hidden(c.label)) for c in task.classes))


def _renamer(names: dict[str, str]) -> Callable[[str], str]:
    """Return what puts each name's other name in its place, wherever in a text it stands."""
    longest_first = sorted(names, key=len, reverse=True)

    def rename(text: str) -> str:
        for name in longest_first:
            text = text.replace(name, names[name])
        return text

    return rename
