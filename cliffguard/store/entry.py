"""One question's folder in the store: its items, its answers shard by shard, what was noted."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cliffguard.core.answers import Answer
from cliffguard.core.canonical_json import canonical_json, digest, parse_json
from cliffguard.core.errors import StoreError
from cliffguard.core.files import (
    is_unreachable,
    read_error,
    write_new,
    write_whole,
)
from cliffguard.core.items import Item
from cliffguard.store.item_lists import (
    BESIDE,
    digest_of_lines,
    lines_of,
    list_path,
    parsed_list,
)
from cliffguard.store.types import are, row_of

_ABOUT = {"name", "suite", "entry", "metric", "filter", "shots"}
_QUESTION = {"asked", "about", "items"}
_NOISE = {"against", "items", "flips"}
_SHARD = re.compile(r"(\d{4}|[1-9]\d{4,})\.jsonl")
_DIGEST = re.compile(r"[0-9a-f]{64}")
_NOTED = '{"notes":'


@dataclass(frozen=True, slots=True)
class Entry:
    """The answers to one question, as far as they are there."""

    folder: Path

    @property
    def shards_folder(self) -> Path:
        """Where the answers lie."""
        return self.folder / "shards"

    def has_shard(self, number: int) -> bool:
        """Return whether shard `number` is stored."""
        try:
            return self.shard_file(number).is_file()
        except OSError as failure:
            raise read_error(self.shards_folder, failure) from failure

    def read_shard(self, number: int, items: Sequence[Item]) -> ShardAnswers:
        """Return the answers of a shard, which must be those to `items`, in order.

        Raises StoreError naming the directory when the file is damaged or holds other items.
        """
        stored = self.read_sealed(number)
        if [(a.item_id, a.item_digest) for a in stored.answers] != [
            (i.id, i.digest) for i in items
        ]:
            raise self._damaged(f"shard {number} answers other items")
        return stored

    def read_sealed(self, number: int) -> ShardAnswers:
        """Return the answers of a shard to whatever items, which must match their seal."""
        path = self.shard_file(number)
        lines = lines_of(self._text(path))
        seal = self._parsed(path, lines.pop()) if lines else {}
        if seal != {"seal": digest_of_lines(lines)}:
            raise self._damaged(f"shard {number} does not match its seal")
        noted = self._parsed(path, lines.pop()) if lines and lines[-1].startswith(_NOTED) else {}
        notes = noted.get("notes", {})
        if not isinstance(notes, dict):
            raise self._damaged(f"shard {number} does not say how it was measured")
        return ShardAnswers(answers=self._answers(path, lines), notes=notes)

    def read_all(self) -> Iterator[ShardAnswers]:
        """Yield every shard that is there, whose answers must be to items of this question."""
        digests = {item.id: item.digest for item in self.read_items()}
        for number in self.shard_numbers():
            stored = self.read_sealed(number)
            for answer in stored.answers:
                is_text = isinstance(answer.item_id, str)
                if not is_text or digests.get(answer.item_id) != answer.item_digest:
                    raise self._damaged(f"shard {number} answers other items")
            yield stored

    def write_shard(self, number: int, answers: Sequence[Answer], notes: Mapping[str, Any]) -> bool:
        """Store the answers of a shard unless it is there; return whether they were stored.

        `notes` say what should not change an answer: device, batches. The last line is a seal, a
        digest of all others.
        """
        rows = [*map(_row_of, answers), {"notes": dict(notes)}]
        lines = [canonical_json(row) for row in rows]
        lines.append(canonical_json({"seal": digest_of_lines(lines)}))
        return write_new(self.shard_file(number), "".join(line + "\n" for line in lines))

    def shard_numbers(self) -> list[int]:
        """Return the numbers of the shards that are there, in order."""
        try:
            names = [path.name for path in self.shards_folder.iterdir()]
        except FileNotFoundError:
            return []
        except OSError as failure:
            raise read_error(self.shards_folder, failure) from failure
        return sorted(int(match[1]) for name in names if (match := _SHARD.fullmatch(name)))

    def read_items(self, question: Mapping[str, Any] | None = None) -> tuple[Item, ...]:
        """Return what was asked, in the order of the run; `question` is what `read_question` gave.

        Where a list is damaged that other questions share, the error's id is `store.list-damaged`,
        and where it is missing `store.list-missing`.
        """
        digest = (question or self.read_question())["items"]
        path = self._list_file(digest)
        try:
            if path.parent == self.folder:
                return parsed_list(self._text(path), digest)
            return parsed_list(path.read_text(encoding="utf-8"), digest)
        except FileNotFoundError:
            raise self._lacking(path) from None
        except OSError as failure:
            if is_unreachable(failure):
                raise read_error(path, failure) from failure
            raise self._damaged_list(path, f"cannot be read ({failure.strerror})") from None
        except ValueError as failure:
            raise self._damaged_list(path, str(failure)) from None

    def items_file(self) -> Path:
        """Return where the list of what was asked lies: beside all questions, or with this one."""
        return self._list_file(None)

    def _list_file(self, digest: str | None) -> Path:
        with_it = self.folder / BESIDE  # as earlier versions stored it
        if with_it.exists():
            return with_it
        return list_path(self.root, digest or self.read_question()["items"])

    @property
    def root(self) -> Path:
        """The folder of the store."""
        return self.folder.parent.parent.parent

    def read_question(self) -> dict[str, Any]:
        """Return the pre-image of the key, checked against the folder's name."""
        question = self._sealed(self.folder / "question.json", _QUESTION)
        if self._digest(question["asked"]) != self.folder.name:
            raise self._damaged("question.json does not match the folder's name")
        about = question["about"]
        if not isinstance(about, dict) or not about.keys() >= _ABOUT:
            raise self._damaged("question.json lacks the names that lie beside the question")
        if not isinstance(question["items"], str) or not _DIGEST.fullmatch(question["items"]):
            raise self._damaged("question.json does not name its items")
        return question

    def read_noise(self) -> dict[str, Any] | None:
        """Return the noise floor that was noted of these answers: against what, items, flips."""
        path = self.folder / "noise.json"
        if not path.exists():
            return None
        noise = self._sealed(path, _NOISE)
        if not all(isinstance(noise[count], int) for count in ("items", "flips")):
            raise self._damaged("noise.json does not hold counts")
        return noise

    def write_noise(self, noise: Mapping[str, Any]) -> None:
        """Note a noise floor beside the answers; the last one counts."""
        write_whole(self.folder / "noise.json", with_seal(noise))

    def notes_terms(self) -> bool:
        """Return whether the version that began this question kept looks, and noted the terms."""
        return "terms" in self.read_question()["about"]

    def was_judged(self, pair: str) -> bool:
        """Return whether a verdict on a pair of checkpoints was formed on these answers."""
        return (self.folder / "judged" / pair).is_file()

    def mark_judged(self, pair: str) -> None:
        """Leave the mark that a verdict on a pair was formed, whatever becomes of its looks."""
        if not self.was_judged(pair):
            write_new(self.folder / "judged" / pair, "")

    def shard_file(self, number: int) -> Path:
        """Return where the answers of a shard lie."""
        return self.shards_folder / f"{number:04d}.jsonl"

    def _answers(self, path: Path, lines: Sequence[str]) -> tuple[Answer, ...]:
        """Return the answers on the lines of a shard, whose seal they match."""
        rows = self._parsed(path, f"[{','.join(lines)}]")
        try:
            answers = tuple(Answer(**row) for row in rows)
            is_finite = all(math.isfinite(answer.confidence or 0) for answer in answers)
            is_whole = are(Answer, answers) and is_finite
        except (AttributeError, TypeError, ValueError):  # the first of parts that are a list
            is_whole = False
        if not is_whole:
            raise self._damaged("a line does not hold an answer")
        return answers

    def _digest(self, rows: Any) -> str:
        try:
            return digest(rows)
        except ValueError:  # NaN, which we never write
            raise self._damaged("question.json or a line holds a number that is none") from None

    def _sealed(self, path: Path, keys: set[str]) -> dict[str, Any]:
        """Return the object in a file with exactly these keys, checked against its seal."""
        value = self._parsed(path, self._text(path))
        if not isinstance(value, dict):
            raise self._damaged(f"{path.name} does not hold an object")
        seal = value.pop("seal", None)
        # None: begun before these files had seals.
        if value.keys() != keys or seal not in (None, self._digest(value)):
            raise self._damaged(f"{path.name} does not match its seal")
        return value

    def _text(self, path: Path) -> str:
        try:
            return path.read_text(encoding="utf-8")
        except FileNotFoundError:
            raise self._damaged(f"{path.name} is missing") from None
        except OSError as failure:
            if is_unreachable(failure):
                raise read_error(path, failure) from failure
            raise self._damaged(f"{path.name} cannot be read ({failure.strerror})") from None
        except ValueError as failure:
            raise self._damaged(f"{path.name} cannot be read ({failure})") from None

    def _parsed(self, path: Path, text: str) -> Any:
        try:
            return parse_json(text)
        except (ValueError, RecursionError) as failure:
            raise self._damaged(f"{path.name} cannot be read ({failure})") from None

    def _damaged(self, what: str) -> StoreError:
        return StoreError(
            f"{self.folder}: {what}; `cliffguard store verify --store {self.root} --repair` moves "
            "it aside, and the next run asks again",
            id="store.damaged",
        )

    def _damaged_list(self, path: Path, what: str) -> StoreError:
        if path.parent == self.folder:
            return self._damaged(f"{path.name} {what}")
        return StoreError(
            f"{path}: {what}; `cliffguard store verify --store {self.root} --repair` moves it "
            "aside, and the next run that asks the same items writes it again",
            id="store.list-damaged",
        )

    def _lacking(self, path: Path) -> StoreError:
        name = path.relative_to(self.root).as_posix()
        return StoreError(
            f"{self.folder}: {name} is missing; the next run that asks the same items writes it "
            "again, and so does `cliffguard store import` of answers to them",
            id="store.list-missing",
        )


@dataclass(frozen=True, slots=True, kw_only=True)
class ShardAnswers:
    """The answers of a shard, and what was noted of the device and batches that gave them."""

    answers: tuple[Answer, ...]
    notes: Mapping[str, Any]


def _row_of(answer: Answer) -> dict[str, Any]:
    """Return an answer as it is stored: without the parts that most metrics have not."""
    row = row_of(answer)
    if answer.parts is None:
        del row["parts"]
    return row


def with_seal(value: Mapping[str, Any]) -> str:
    sealed = {**value, "seal": digest(dict(value))}
    return json.dumps(sealed, indent=2, sort_keys=True) + "\n"
