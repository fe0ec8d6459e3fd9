"""Labels that people give to items: checked against the items, kept beside the review, counted.

They are read by people and change no verdict: who labels has seen the outcome.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import asdict, dataclass, replace
from pathlib import Path
from typing import TYPE_CHECKING, Any, Literal, get_args

from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import UsageError, nearest
from cliffguard.core.files import read_text, write_lines
from cliffguard.core.hashing import sha256_of_text
from cliffguard.core.item_results import ItemResult
from cliffguard.core.reviews import Review
from cliffguard.core.texts import first_and_more, n_things
from cliffguard.core.validation import adapter_of
from cliffguard.report.cells import unguarded
from cliffguard.report.clean import clean
from cliffguard.report.items import items_path, results_in

if TYPE_CHECKING:
    from cliffguard.suites.rows import Row

LABELS_FILE = "labels.jsonl"

LabelWord = Literal["real", "wrong-item", "acceptable", "unclear"]
"""*real*: the candidate is worse here. *wrong-item*: the item or its right answer is wrong.
*acceptable*: the answer differs, and will do. *unclear*: nobody can say."""

LABELS: tuple[LabelWord, ...] = get_args(LabelWord)

_COLUMNS = ("item", "label")
_REMARKS = ("note", "reviewer", "date")
_N_NAMED = 5  # lines that a message names


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemLabel:
    """A label as labels.jsonl has it.

    `items` is the SHA-256 of the file of items that it was given to, `answers` that of the item and
    both answers to it (empty: not known), by which it is known again in another file of them.
    """

    item: str
    task: str
    capability: str
    is_broken: bool
    label: LabelWord
    note: str
    reviewer: str
    date: str
    items: str
    answers: str = ""


def read_labels(path: str, results: Iterable[ItemResult], review: Review) -> list[ItemLabel]:
    """Return the labels in a file with the columns item and label, in its order.

    CSV and JSON Lines are read. `task` is needed where an id is that of several items; rows whose
    label is empty are not labelled yet. Raises UsageError, with the lines, for missing columns,
    unknown ids and words, for an item that is labelled in two ways, and where no row has a label.
    """
    from cliffguard.suites.rows import read_records  # late: most reports are without labels

    rows = [_read(row) for row in read_records(path)]
    wanted = {row["item"] for row in rows}
    by_id: dict[str, list[ItemResult]] = {}
    for result in results:
        if (id := _as_a_cell(result.item)) in wanted:
            by_id.setdefault(id, []).append(result)
    sha256 = "" if review.items is None else review.items.sha256
    faults: list[tuple[str, str]] = []
    labels: dict[tuple[str, str], tuple[str, ItemLabel]] = {}
    for row in rows:
        if not row["label"]:
            continue
        fault, label = _labelled(row, by_id, sha256)
        if label is not None:
            key = (label.task, label.item)
            where, before = labels.setdefault(key, (row["line"], label))
            if before.label != label.label:
                fault = ("labels.twice", f"{row['item']!r} is {before.label} in line {where}")
        if fault is not None:
            faults.append((fault[0], f"line {row['line']}: {fault[1]}"))
    if not faults and not labels:
        raise UsageError(
            f"{path}: no row has a label, and those that are kept stay; write {', '.join(LABELS)} "
            "in the column label",
            id="labels.empty",
        )
    if faults:
        (id, _), *_ = faults
        lines = first_and_more([line for _, line in faults], _N_NAMED)
        raise UsageError(f"{path}: {lines}; {_HOW[id]}", id=id)
    return [label for _, label in labels.values()]


_HOW = {
    "labels.unknown-item": "take ids from items.jsonl of this review, and task where they repeat",
    "labels.unknown-word": f"write {', '.join(LABELS)}",
    "labels.twice": "leave one of the two out",
}
"""What to do about each kind of fault."""


def _read(row: Row) -> dict[str, str]:
    """Return the texts of a row, by column, with its line."""
    value: Mapping[str, Any] = row.value
    if lacking := [name for name in _COLUMNS if name not in value]:
        raise UsageError(
            f"{row.where}: no column {' and none '.join(lacking)}; labels have the columns "
            f"{', '.join(_COLUMNS)}, and may have task, {', '.join(_REMARKS)}",
            id="labels.columns",
        )
    names = (*_COLUMNS, "task", *_REMARKS)
    cells = {name: value.get(name) for name in names}
    texts = {name: "" if cell is None else str(cell) for name, cell in cells.items()}
    return {**{name: _as_a_cell(unguarded(t)) for name, t in texts.items()}, "line": str(row.line)}


def _as_a_cell(text: str) -> str:
    """Return a text as it comes back from a list that somebody filled in."""
    return clean(text).strip()


def _labelled(
    row: Mapping[str, str], by_id: Mapping[str, Sequence[ItemResult]], sha256: str
) -> tuple[tuple[str, str] | None, ItemLabel | None]:
    """Return what is wrong with a row, or the label in it."""
    results = [r for r in by_id.get(row["item"], ()) if row["task"] in ("", r.task)]
    if len(results) != 1:
        what = f"the id of {n_things(len(results), 'item')}" if results else "no item"
        return ("labels.unknown-item", f"{row['item']!r} is {what}"), None
    word = next((word for word in LABELS if word == row["label"]), None)
    if word is None:
        what = f"{row['label']!r} is no label{nearest(row['label'], LABELS)}"
        return ("labels.unknown-word", what), None
    (result,) = results
    return None, ItemLabel(
        item=result.item,
        task=result.task,
        capability=result.capability,
        is_broken=result.is_broken,
        label=word,
        **{name: row[name] for name in _REMARKS},
        items=sha256,
        answers=_answers(result),
    )


def _answers(result: ItemResult) -> str:
    """Return the digest of an item and what both sides said; the same however it is judged."""
    digests = (result.digest, result.base.answer.sha256, result.candidate.answer.sha256)
    return sha256_of_text("\n".join(digests))


@dataclass(frozen=True, slots=True, kw_only=True)
class KeptLabels:
    """What was written: where, how many were given, and what became of those before."""

    path: Path
    n_given: int
    n_replaced: int
    n_before: int

    @property
    def line(self) -> str:
        """It in words, with the path."""
        given = n_things(self.n_given, "label", ",")
        if not self.n_before:
            return f"{self.path}: {given}"
        stay = self.n_before - self.n_replaced
        return f"{self.path}: {given}; of those before {self.n_replaced:,} replaced, {stay:,} kept"


def write_labels(labels: Sequence[ItemLabel], folder: Path) -> KeptLabels:
    """Write labels into labels.jsonl, each in place of one of the same item before; others stay.

    Raises UsageError where what lies there are no labels.
    """
    path = folder / LABELS_FILE
    before = {(label.task, label.item): label for label in _stored(path)}
    given = {(label.task, label.item): label for label in labels}
    write_lines(path, (canonical_json(asdict(label)) for label in (before | given).values()))
    return KeptLabels(
        path=path,
        n_given=len(given),
        n_replaced=len(before.keys() & given.keys()),
        n_before=len(before),
    )


@dataclass(frozen=True, slots=True, kw_only=True)
class BesideReview:
    """What lies beside a review: its items, whole (None: they do not), and their labels.

    `n_other_labels` lie there too, of other items or of other answers to them.
    """

    items: Path | None
    labels: tuple[ItemLabel, ...] = ()
    n_other_labels: int = 0

    @property
    def caveats(self) -> tuple[Caveat, ...]:
        """What a reader must know of labels that are not counted."""
        if not self.n_other_labels:
            return ()
        n = n_things(self.n_other_labels, "label", ",")
        are = "is" if self.n_other_labels == 1 else "are"
        text = (
            f"{n} in {LABELS_FILE} {are} of other items than these, or of other answers to them, "
            "and not counted."
        )
        return (Caveat(id="labels.other-items", text=text),)

    def of(self, capability: str, n_broken: int) -> str:
        """Return what the labels of a capability's broken items say; empty without any."""
        words = Counter(
            label.label
            for label in self.labels
            if label.is_broken and label.capability == capability
        )
        counts = [f"{words[word]:,} {word.replace('-', ' ')}" for word in LABELS if words[word]]
        return f"labels: {', '.join(counts)} of {n_broken:,} broken" if counts else ""


def beside(review: Review, folder: Path) -> BesideReview:
    """Return what lies beside a review in its folder. Labels of other items are but counted.

    A label holds for an item of the same content with the same answers, in whatever file of items,
    such as one of the same comparison with fewer texts.
    Raises IntegrityError for items that are not those of the review, UsageError for labels that
    cannot be read.
    """
    path = items_path(review, folder)
    stored = tuple(_stored(folder / LABELS_FILE))
    labels = tuple(_known(stored, review, path))
    return BesideReview(items=path, labels=labels, n_other_labels=len(stored) - len(labels))


def _known(stored: Sequence[ItemLabel], review: Review, path: Path | None) -> Iterator[ItemLabel]:
    """Yield the labels that are of these items; the file is read where some are of another one."""
    sha256 = None if review.items is None else review.items.sha256
    others = {(label.task, label.item): label for label in stored if label.items != sha256}
    yield from (label for label in stored if label.items == sha256)
    if others and path is not None:
        for result in results_in(path):
            label = others.get((result.task, result.item))
            if label is not None and label.answers == _answers(result):
                yield replace(label, capability=result.capability, is_broken=result.is_broken)


def _stored(path: Path) -> Iterator[ItemLabel]:
    if not path.is_file():
        return
    for number, line in enumerate(read_text(path, UsageError).splitlines(), start=1):
        try:
            yield adapter_of(ItemLabel).validate_json(line)
        except ValueError:
            raise UsageError(
                f"{path}:{number}: is no label as `cliffguard flips --labels` writes them; remove "
                "the file, and give it the labels again",
                id="labels.damaged",
            ) from None
