"""The store of answers: one directory per question, written shard by shard.

    <root>/README                          what this folder is
    <root>/questions/ab/ab12…/question.json    the readable pre-image of the key
                             /items.jsonl      what was asked, in the order of the run
                             /shards/0000.jsonl answers, one line per item
                             /provenance.json  what should not change an answer

A shard is written to a temporary file, flushed and renamed: it is there whole or not at all. An
absent shard is run again as a whole, so that a resumed run has the same batches as an undisturbed
one. Damage is an error that names the directory, never a silent second measurement.
"""

from __future__ import annotations

import dataclasses
import json
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from platformdirs import user_cache_path

from cliffguard.canonical import canonical_json, digest, parse_json
from cliffguard.errors import StoreError, UsageError
from cliffguard.files import user_path, write_error, write_whole
from cliffguard.records import Answer, Item, Question

_README = """\
Answers of language models, measured by cliffguard and kept so that none is computed twice.
Safe to delete as a whole; what is missing is measured again.
"""


_ABOUT = {"name", "suite", "entry", "metric", "filter", "shots"}


def default_store_folder() -> Path:
    """Return the folder of the store where none is named."""
    return user_cache_path("cliffguard") / "store"


@dataclass(frozen=True, slots=True)
class Entry:
    """The answers to one question, as far as they are there."""

    folder: Path

    @property
    def shards_folder(self) -> Path:
        """Where the answers lie."""
        return self.folder / "shards"

    def has_shard(self, number: int) -> bool:
        """Say whether shard `number` is stored."""
        return self._shard(number).is_file()

    def read_shard(self, number: int, items: Sequence[Item]) -> tuple[Answer, ...]:
        """Return the answers of a shard, which must be those to `items`, in order.

        Raises StoreError naming the directory when the file is damaged or holds other items.
        """
        lines = self._lines(self._shard(number))
        seal = lines.pop() if lines else {}
        answers = tuple(self._answer(line) for line in lines)
        if seal != {"seal": self._digest(lines)}:
            raise self._damaged(f"shard {number} does not match its seal")
        if [(a.item_id, a.item_digest) for a in answers] != [(i.id, i.digest) for i in items]:
            raise self._damaged(f"shard {number} answers other items")
        return answers

    def write_shard(self, number: int, answers: Sequence[Answer]) -> None:
        """Store the answers of a shard with a seal, a digest of them, as the last line."""
        lines = [dataclasses.asdict(answer) for answer in answers]
        text = "".join(canonical_json(line) + "\n" for line in [*lines, {"seal": digest(lines)}])
        write_whole(self._shard(number), text)

    def read_items(self) -> tuple[Item, ...]:
        """Return what was asked, in the order of the run."""
        rows = self._lines(self.folder / "items.jsonl")
        if self._digest(rows) != self.read_question().get("items"):
            raise self._damaged("items.jsonl does not match its digest in question.json")
        try:
            return tuple(Item(**{**row, "choices": tuple(row["choices"])}) for row in rows)
        except (TypeError, KeyError):
            raise self._damaged("items.jsonl does not hold items") from None

    def read_question(self) -> dict[str, Any]:
        """Return the pre-image of the key, checked against the folder's name."""
        question = self._object(self.folder / "question.json")
        if self._digest(question.get("asked")) != self.folder.name:
            raise self._damaged("question.json does not match the folder's name")
        about = question.get("about")
        if not isinstance(about, dict) or not about.keys() >= _ABOUT:
            raise self._damaged("question.json lacks the names that lie beside the question")
        return question

    def read_provenance(self) -> list[dict[str, Any]]:
        """Return what was noted of device and batches, once for each way of measuring."""
        path = self.folder / "provenance.json"
        if not path.is_file():
            return []
        found = self._object(path).get("measured")
        if not isinstance(found, list) or not all(isinstance(notes, dict) for notes in found):
            raise self._damaged("provenance.json does not hold a list of notes")
        return found

    def write_provenance(self, notes: Mapping[str, Any]) -> None:
        """Note what should not change an answer, beside what was noted otherwise before."""
        known = self.read_provenance()
        if notes not in known:
            told = {"measured": [*known, dict(notes)]}
            write_whole(
                self.folder / "provenance.json", json.dumps(told, indent=2, sort_keys=True) + "\n"
            )

    def read_noise(self) -> dict[str, Any] | None:
        """Return the noise floor that was noted of these answers: against what, items, flips."""
        path = self.folder / "noise.json"
        if not path.is_file():
            return None
        noise = self._object(path)
        counts = (noise.get("items"), noise.get("flips"))
        if not all(isinstance(count, int) for count in counts):
            raise self._damaged("noise.json does not hold counts")
        return noise

    def write_noise(self, noise: Mapping[str, Any]) -> None:
        """Note a noise floor beside the answers; the last one counts."""
        text = json.dumps(dict(noise), indent=2, sort_keys=True) + "\n"
        write_whole(self.folder / "noise.json", text)

    def _shard(self, number: int) -> Path:
        return self.shards_folder / f"{number:04d}.jsonl"

    def _answer(self, line: dict[str, Any]) -> Answer:
        try:
            return Answer(**line)
        except (TypeError, ValueError):
            raise self._damaged("a line does not hold an answer") from None

    def _digest(self, rows: Any) -> str:
        try:
            return digest(rows)
        except ValueError:  # NaN, which we never write
            raise self._damaged("question.json or a line holds a number that is none") from None

    def _lines(self, path: Path) -> list[dict[str, Any]]:
        try:
            text = path.read_text(encoding="utf-8")
            return [parse_json(line) for line in text.split("\n") if line]
        except (OSError, ValueError) as failure:
            raise self._damaged(f"{path.name} cannot be read ({failure})") from None

    def _object(self, path: Path) -> dict[str, Any]:
        try:
            value = parse_json(path.read_text(encoding="utf-8"))
        except (OSError, ValueError) as failure:
            raise self._damaged(f"{path.name} cannot be read ({failure})") from None
        if not isinstance(value, dict):
            raise self._damaged(f"{path.name} does not hold an object")
        return value

    def _damaged(self, what: str) -> StoreError:
        return StoreError(
            f"{self.folder}: {what}; remove this directory to measure the question again"
        )


class Store:
    """All answers below one folder, found by the key of their question."""

    def __init__(self, root: Path | str) -> None:
        self.root = user_path(str(root), UsageError)

    def open(self, question: Question, items: Sequence[Item]) -> Entry:
        """Return the entry of a question, creating it with its items in the order of the run."""
        entry = Entry(self._folder(question.key))
        try:
            is_new = not (entry.folder / "question.json").is_file()
        except OSError as failure:  # a folder above that may not be entered
            raise write_error(self.root, failure) from failure
        if is_new:
            self._create(entry, question, items)
        entry.read_question()
        return entry

    def entry(self, key: str) -> Entry:
        """Return the entry of a question that was opened before."""
        return Entry(self._folder(key))

    def entries(self) -> list[Entry]:
        """Return every entry that was begun, in order of the keys."""
        found = sorted((self.root / "questions").glob("*/*/question.json"))
        return [Entry(path.parent) for path in found]

    def _folder(self, key: str) -> Path:
        return self.root / "questions" / key[:2] / key

    def _create(self, entry: Entry, question: Question, items: Sequence[Item]) -> None:
        if not (self.root / "README").is_file():
            write_whole(self.root / "README", _README)
        rows = [json.loads(canonical_json(dataclasses.asdict(item))) for item in items]
        text = "".join(canonical_json(row) + "\n" for row in rows)
        write_whole(entry.folder / "items.jsonl", text)
        task = question.task
        # For a reader, and to find the entry again by the name that a suite gives a stock task.
        about = {
            "name": question.checkpoint.name,
            "suite": task.suite,
            "entry": task.entry,
            "metric": task.metric,
            "filter": task.filter,
            "shots": task.num_fewshot,
            "limit": task.limit,
        }
        described = {"asked": question.preimage(), "about": about, "items": digest(rows)}
        # Written last: where question.json is, the items are.
        write_whole(
            entry.folder / "question.json", json.dumps(described, indent=2, sort_keys=True) + "\n"
        )
