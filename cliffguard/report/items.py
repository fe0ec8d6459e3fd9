"""items.jsonl: every item that was asked, beside its review; written, and read if it is whole."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator
from dataclasses import replace
from functools import partial
from json.encoder import encode_basestring_ascii
from math import isfinite
from pathlib import Path
from typing import Any, TypeVar

from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.files import read_error, write_lines
from cliffguard.core.hashing import sha256_now
from cliffguard.core.item_results import ITEMS_FILE, ItemAnswer, ItemResult, ItemsFile, ItemText
from cliffguard.core.reviews import Review
from cliffguard.core.validation import adapter_of

_NEXT = "take review and items as one run wrote them, or run the comparison again"
T = TypeVar("T")

_BUFFER_BYTES = 1 << 20
_KEPT_SINCE = 2  # the layout whose reviews may have items beside them


def write_items(review: Review, directory: Path, results: Iterable[ItemResult]) -> Review:
    """Write items.jsonl, an item a line, and return the review that names it by its digest.

    A few items are in memory at a time. What `write_reports` leaves beside it is of the review that
    is returned. Raises as `core.files.write_lines`, and IntegrityError for a number that is none.
    """
    sha256, n_lines = write_lines(Path(directory) / ITEMS_FILE, map(_line, results))
    return replace(review, items=ItemsFile(file=ITEMS_FILE, sha256=sha256, n=n_lines))


def _line(result: ItemResult) -> str:
    try:
        return spelt(result)
    except ValueError:
        raise IntegrityError(
            f"{ITEMS_FILE}: {result.task}, item {result.item}: a confidence that is not a number; "
            "the measurement behind it cannot be trusted: look at the answers of that task",
            id="items.not-finite",
        ) from None


def spelt(result: ItemResult) -> str:
    """Return an item in canonical JSON, as of `as_plain`; ValueError for a number that is none.

    Part by part: to put the keys of a dozen objects in order for every line takes twice as long.
    """
    return (
        f'{{"base":{_side(result.base)}'
        f',"candidate":{_side(result.candidate)}'
        f',"capability":{_string(result.capability)}'
        f',"cause":{_string(result.cause)}'
        f',"choices":[{",".join(map(_text, result.choices))}]'
        f',"cluster":{_string(result.cluster)}'
        f',"counted":{"true" if result.counted else "false"}'
        f',"digest":{_string(result.digest)}'
        f',"drop":{_number(result.drop)}'
        f',"item":{_string(result.item)}'
        f',"level":{_number(result.level)}'
        f',"n_copies":{result.n_copies}'
        f',"patterns":[{",".join(map(_string, result.patterns))}]'
        f',"prompt":{_text(result.prompt)}'
        f',"right":[{",".join(map(_text, result.right))}]'
        f',"task":{_string(result.task)}'
        f',"uncounted":{_string(result.uncounted)}}}'
    )


def _side(answer: ItemAnswer) -> str:
    parts = "" if answer.parts is None else f',"parts":{canonical_json(dict(answer.parts))}'
    return (
        f'{{"answer":{_text(answer.answer)},"confidence":{_number(answer.confidence)}'
        f',"finish_reason":{_string(answer.finish_reason)}{parts},"score":{_number(answer.score)}}}'
    )


def _text(text: ItemText) -> str:
    return f'{{"sha256":{_string(text.sha256)},"text":{_string(text.text)}}}'


def _string(text: str | None) -> str:
    return "null" if text is None else encode_basestring_ascii(text)


def _number(number: float | None) -> str:
    if type(number) is float and isfinite(number):
        return repr(number)
    return canonical_json(number)  # also of what is none, which it refuses


def as_plain(result: ItemResult) -> dict[str, Any]:
    """Return an item in the types of JSON: of both sides without the parts that it has not."""
    plain: dict[str, Any] = adapter_of(ItemResult).dump_python(result)
    for side in (plain["base"], plain["candidate"]):
        if side["parts"] is None:
            del side["parts"]
    return plain


def items_path(review: Review, folder: Path) -> Path | None:
    """Return the items of a review in its folder, whole; None where there are none.

    Raises IntegrityError where they are others than those of the review.
    """
    path = folder / ITEMS_FILE
    if review.items is None or not path.is_file():
        return None
    try:
        sha256 = sha256_now(path)
    except OSError as failure:
        raise read_error(path, failure) from failure
    if sha256 != review.items.sha256:
        raise IntegrityError(
            f"{path}: is not what the review beside it was written with (its SHA-256 is "
            f"{sha256[:16]}…, not {review.items.sha256[:16]}…); {_NEXT}",
            id="items.altered",
        )
    return path


def without_items(review: Review) -> str:
    """Say why a review has no items: by its layout, or as it was written."""
    if review.format < _KEPT_SINCE:
        return f"it is a review of layout {review.format}, which had none"
    return f"no {ITEMS_FILE} was written with this review"


def read_items(review: Review, folder: Path) -> Iterator[ItemResult]:
    """Return the items of a review that lies in `folder`, in their order, one by one.

    Raises UsageError where there are none, IntegrityError where they are not those of the review.
    """
    path = items_path(review, folder)
    if path is None:
        why = (
            without_items(review)
            if review.items is None
            else "they no longer lie beside the review"
        )
        raise UsageError(
            f"{folder / ITEMS_FILE}: no items: {why}; run the comparison again with --out, which "
            "asks nothing that is stored",
            id="items.missing",
        )
    return results_in(path)


def changed_in(path: Path) -> Iterator[ItemResult]:
    """Yield the items that changed of a file that `items_path` gave. Raises as `results_in`.

    That an item did not shows in how its line is spelt, so that nine lines of ten are not parsed.
    """
    results = _parts_in(path, ItemResult, lambda line: None if _UNCHANGED in line else line)
    return (result for result in results if result.is_broken or result.is_fixed)


# Keys are sorted, and in a text the quotes are escaped.
_UNCHANGED = b',"drop":0.0,"item":'
_BEHIND_ANSWERS = b',"digest":'  # most of a line, the prompt among it


def results_in(path: Path) -> Iterator[ItemResult]:
    """Yield the items of a file that `items_path` gave. Raises IntegrityError for what is none."""
    return _parts_in(path, ItemResult, lambda line: line)


def answers_in(path: Path, kind: type[T]) -> Iterator[T]:
    """Yield what `kind` has of both answers to every item, and of whether it counts.

    The rest of a line is not parsed. Else as `results_in`.
    """
    return _parts_in(path, kind, lambda line: line[: line.find(_BEHIND_ANSWERS)] + b"}")


def _parts_in(path: Path, kind: type[T], part_of: Callable[[bytes], bytes | None]) -> Iterator[T]:
    """Yield what `kind` has of a part of every line; `part_of` None: of this one it has nothing."""
    read = partial(adapter_of(kind).validate_json, strict=True)
    with path.open("rb", buffering=_BUFFER_BYTES) as file:
        for number, line in enumerate(file, start=1):
            if (part := part_of(line)) is None:
                continue
            try:
                yield read(part)
            except ValueError:  # whoever wrote this wrote the digest into the review, too
                raise IntegrityError(
                    f"{path}:{number}: is no item as cliffguard writes them; {_NEXT}",
                    id="items.damaged",
                ) from None
