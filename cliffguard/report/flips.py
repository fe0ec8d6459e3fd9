"""The items of a review that changed, as a table, JSON, CSV or Markdown: which, and in what order.

Model text is hostile here as in reports: terminals, spreadsheets and Markdown get it harmless.
JSON is the lines of items.jsonl, in which everything but ASCII is escaped.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Literal

from rich.cells import cell_len, set_cell_size

from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.diagnosis import CauseName
from cliffguard.core.item_results import ItemAnswer, ItemResult, ItemText
from cliffguard.core.texts import clip, cut_middle, n_things
from cliffguard.report import markdown, numbers
from cliffguard.report.cells import csv_cell, guarded
from cliffguard.report.clean import clean, one_line
from cliffguard.report.items import as_plain
from cliffguard.report.labels import ItemLabel
from cliffguard.report.wording import flag_word, parts_in_words

Kind = Literal["broken", "fixed", "changed", "all"]
Format = Literal["table", "json", "csv", "markdown"]

_DIGITS = 16  # of a digest that stands for a text
_SEEN = 400  # characters of a text that a cell may be made of
_NAME_CELLS = 28  # of a table: columns of a name
_LEAST_CELLS = 12  # and of a text, however narrow the terminal


@dataclass(frozen=True, slots=True, kw_only=True)
class Filter:
    """Which items are listed: those that changed so, of one capability and one level (None: any).

    And of one `cause`, and in one `pattern`, by its key. *changed* are the broken and the fixed.
    What does not count is listed under *all* alone.
    """

    kind: Kind = "broken"
    capability: str | None = None
    level: int | None = None
    cause: CauseName | None = None
    pattern: str | None = None

    def takes(self, result: ItemResult) -> bool:
        """Return whether an item is listed."""
        return (
            {
                "broken": result.is_broken,
                "fixed": result.is_fixed,
                "changed": result.is_broken or result.is_fixed,
                "all": True,
            }[self.kind]
            and self.capability in (None, result.capability)
            and self.level in (None, result.level)
            and self.cause in (None, result.cause)
            and self.pattern in (None, *result.patterns)
        )


def largest(results: Iterable[ItemResult], n: int) -> list[ItemResult]:
    """Return the `n` items of the largest loss, no two of one cluster while others are left.

    Of the same loss those come first that both sides were surest of: by the lower confidence, one
    that is not known last. The order of equal ones is that of the items.
    """
    ranked = sorted(results, key=lambda result: (-(result.drop or 0.0), -_sureness(result)))
    n_before: Counter[str] = Counter()
    rounds = []
    for result in ranked:
        rounds.append(n_before[result.cluster] if result.cluster is not None else 0)
        if result.cluster is not None:
            n_before[result.cluster] += 1
    order = sorted(range(len(ranked)), key=rounds.__getitem__)
    return [ranked[index] for index in order[:n]]


def _sureness(result: ItemResult) -> float:
    sides = (result.base.confidence, result.candidate.confidence)
    return min(-1.0 if confidence is None else confidence for confidence in sides)


def lines_of(
    results: Iterable[ItemResult], format: Format, labels: Sequence[ItemLabel], *, width: int
) -> Iterator[str]:
    """Yield the lines of a list of items, without their ends; `width` is of a table, in columns."""
    words = {(label.task, label.item): label.label for label in labels}
    if format == "json":
        return _json(results, words)
    if format == "csv":
        return _csv(results, {(label.task, label.item): label for label in labels})
    if format == "markdown":
        return _markdown(results, words)
    return _table(results, words, width)


Words = Mapping[tuple[str, str], str]
"""Labels by task and item."""


def _json(results: Iterable[ItemResult], labels: Words) -> Iterator[str]:
    yield "["
    before = ""
    for result in results:
        if before:
            yield before + ","
        label = labels.get((result.task, result.item))
        before = canonical_json({**as_plain(result), "label": label})
    if before:
        yield before
    yield "]"


# --- CSV -----------------------------------------------------------------------------------------

_REMARKS = ("label", "note", "reviewer", "date")
_COLUMNS = (
    "item", "task", "capability", "level", "cluster", "counted", "uncounted", "n_copies",
    "cause", "patterns",
    "base_counts_as", "candidate_counts_as", "base_confidence", "candidate_confidence",
    "base_finish", "candidate_finish", "base_parts", "candidate_parts",
    "prompt", "choices", "right", "base", "candidate", *_REMARKS,
)  # fmt: skip


def _csv(
    results: Iterable[ItemResult], labels: Mapping[tuple[str, str], ItemLabel]
) -> Iterator[str]:
    """Yield a header and a row for each item; its label is there to be filled in, and read again.

    Numbers are ours and never below 0; everything else is guarded.
    """
    yield ",".join(_COLUMNS)
    for result in results:
        base, candidate = result.base, result.candidate
        label = labels.get((result.task, result.item))
        texts = (result.item, result.task, result.capability)
        cells = (
            *map(_cell, texts),
            result.level,
            _cell(result.cluster or ""),
            str(result.counted).lower(),
            result.uncounted,
            result.n_copies,
            flag_word(result.cause),
            _cell(" | ".join(result.patterns)),
            base.score,
            candidate.score,
            base.confidence,
            candidate.confidence,
            base.finish_reason,
            candidate.finish_reason,
            parts_in_words(base.parts),
            parts_in_words(candidate.parts),
            _cell(shown(result.prompt)),
            _cell(" | ".join(map(shown, result.choices))),
            _cell(_right(result)),
            _cell(shown(base.answer)),
            _cell(shown(candidate.answer)),
            *(_cell(getattr(label, name, "")) for name in _REMARKS),
        )
        yield ",".join(map(csv_cell, cells))


def _cell(text: str) -> str:
    return guarded(clean(text))


# --- for people ----------------------------------------------------------------------------------

_HEADERS = (
    "item", "capability", "level", "drop, pp", "cause", "right", "base", "candidate", "prompt", "",
)  # fmt: skip
_N_NAMES = 5  # columns before those that hold texts


def _cells(result: ItemResult, labels: Words) -> tuple[str, ...]:
    """Return a cell for each of `_HEADERS`, not cleaned; the last says what does not count."""
    copies = f"mean of {result.n_copies} copies" if result.n_copies > 1 else None
    notes = (labels.get((result.task, result.item)), result.uncounted, copies)
    return (
        result.item,
        result.capability,
        "" if result.level is None else str(result.level),
        numbers.MISSING if result.drop is None else numbers.signed(result.drop),
        flag_word(result.cause),
        _right(result),
        _answer(result.base),
        _answer(result.candidate),
        shown(result.prompt),
        ", ".join(note for note in notes if note),
    )


def _markdown(results: Iterable[ItemResult], labels: Words) -> Iterator[str]:
    yield markdown.table_of(_HEADERS, "llrrllllll", [])
    for result in results:
        yield f"| {' | '.join(markdown.escape(cell) for cell in _cells(result, labels))} |"


def _table(results: Iterable[ItemResult], labels: Words, width: int) -> Iterator[str]:
    """Yield how many there are, and a table whose texts share what its names leave of `width`."""
    rows = [[_line(cell) for cell in _cells(result, labels)] for result in results]
    yield n_things(len(rows), "item", ",")
    if not rows:
        return
    rows.insert(0, list(_HEADERS))
    widths = [min(_NAME_CELLS, max(map(cell_len, column))) for column in zip(*rows, strict=True)]
    n_gaps = 2 * (len(widths) - 1)
    left = width - n_gaps - sum(widths[:_N_NAMES]) - widths[-1]
    share = max(_LEAST_CELLS, left // (len(widths) - _N_NAMES - 1))
    widths[_N_NAMES:-1] = [share] * (len(widths) - _N_NAMES - 1)
    for row in rows:
        cells = (_fitted(cell, n) for cell, n in zip(row, widths, strict=True))
        yield "  ".join(cells).rstrip()


def _line(text: str) -> str:
    return one_line(cut_middle(text, _SEEN, mark=" … "))


def _fitted(text: str, n_cells: int) -> str:
    """Return a cell of so many columns; of a longer text both ends, since questions stand last."""
    if cell_len(text) > n_cells:
        text = cut_middle(text, n_cells - 1) if n_cells > _LEAST_CELLS else clip(text, n_cells)
    return set_cell_size(text, n_cells)


def _right(result: ItemResult) -> str:
    return ", or ".join(map(shown, result.right))


def _answer(side: ItemAnswer) -> str:
    """Return an answer, its confidence, how it ended if not by itself, and its parts' marks."""
    sure = "" if side.confidence is None else f" ({side.confidence:.2f})"
    ended = "" if side.finish_reason in ("choice", "stop", "string") else f" [{side.finish_reason}]"
    parts = f" [{words}]" if (words := parts_in_words(side.parts)) else ""
    return f"{shown(side.answer)}{sure}{ended}{parts}"


def shown(text: ItemText) -> str:
    """Return a text as far as it is kept, or its digest."""
    return f"sha256:{text.sha256[:_DIGITS]}" if text.text is None else text.text
