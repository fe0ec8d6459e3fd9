"""The store of answers: one directory per question, written shard by shard.

    <root>/README                          what this folder is
    <root>/items/cd34….jsonl               what was asked, in the order of the run
    <root>/questions/ab/ab12…/question.json    the readable pre-image of the key
                             /shards/0000.jsonl answers, one line per item, and how they came about
                             /noise.json       how many flip by noise, where that was measured
                             /judged/cd34…     empty: a verdict on this pair was formed on them

A shard is written to a temporary file, flushed and put in its place, once: it is there whole or
not at all, and of two processes that ask the same the first one's stays. An absent shard is run
again as a whole, so that a resumed run has the same batches as an undisturbed one. Of every file
a digest is kept. Damage is an error that names the directory, never a silent second measurement.
"""

from __future__ import annotations

import os
import re
from collections.abc import Iterator, Sequence
from pathlib import Path

from platformdirs import user_cache_path

from cliffguard.core.answers import Question
from cliffguard.core.errors import UsageError
from cliffguard.core.files import (
    user_path,
    write_error,
    write_whole,
)
from cliffguard.core.items import Item
from cliffguard.store.entry import Entry, with_seal
from cliffguard.store.item_lists import (
    write_list,
)

_README = """\
Answers of language models, measured by cliffguard and kept so that none is computed twice.
Safe to delete as a whole; what is missing is measured again.
"""

STORE_VARIABLE = "CLIFFGUARD_STORE"


def default_store_folder() -> Path:
    """Return the folder of the store where none is named: CLIFFGUARD_STORE, or the user's."""
    named = os.environ.get(STORE_VARIABLE, "").strip()
    return Path(named) if named else user_cache_path("cliffguard") / "store"


def _free(path: Path) -> Path:
    """Return the path, or where it is taken another one with a number."""
    taken, number = path, 1
    while path.exists():
        path = taken.with_name(f"{taken.name}.{number}")
        number += 1
    return path


_KEY = re.compile(r"[0-9a-f]{64}")
_N_BYTES = 32  # of a key


class KnownQuestions:
    """The keys that were read of a store's questions, and by what they share with other forms.

    What is asked under a key never changes. See `cliffguard.store.earlier`. A store may have
    thousands of keys: they are held as bytes.
    """

    def __init__(self) -> None:
        self._keys: set[bytes] = set()
        self._alike: dict[bytes, bytes] = {}  # keys that share it, one after the other

    def has(self, key: str) -> bool:
        """Return whether a key was read; what is no key never is."""
        return _KEY.fullmatch(key) is not None and bytes.fromhex(key) in self._keys

    def add(self, key: str, shared: bytes | None) -> None:
        """Note a key, and what it shares (None: nothing that is known)."""
        raw = bytes.fromhex(key)
        self._keys.add(raw)
        if shared is not None:
            before = self._alike.get(shared)
            self._alike[shared] = raw if before is None else before + raw

    def sharing(self, shared: bytes) -> list[str]:
        """Return the keys that share something, in order."""
        raw = self._alike.get(shared, b"")
        return sorted(raw[n : n + _N_BYTES].hex() for n in range(0, len(raw), _N_BYTES))


class Store:
    """All answers below one folder, found by the key of their question.

    >>> from cliffguard import Plan, Store, guard
    >>> store = Store("answers")
    >>> plan = Plan(candidate="runs/ft/adapter", suites=("adjacent",))
    >>> guard(plan, store=store).verdict == guard(plan, store=store).verdict
    True
    >>> len(list(store.entries())) > 0
    True
    """

    def __init__(self, root: Path | str) -> None:
        self.root = user_path(str(root), UsageError)
        self.forms = KnownQuestions()

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
        if not entry.items_file().exists():  # moved aside, or gone with what needed it before
            write_list(self.root, items)
        return entry

    def begin(self) -> None:
        """Leave a note for whoever stumbles over the folder."""
        if not (self.root / "README").is_file():
            write_whole(self.root / "README", _README)

    def entry(self, key: str) -> Entry:
        """Return the entry of a question that was opened before."""
        return Entry(self._folder(key))

    def entries(self) -> list[Entry]:
        """Return every entry that was begun, in order of the keys."""
        paths = sorted((self.root / "questions").glob("*/*/question.json"))
        return [Entry(path.parent) for path in paths]

    def begun_since(self, known: KnownQuestions) -> Iterator[Entry]:
        """Yield the entries that were begun, but for those that are known.

        Of these no file is looked at: a sweep has thousands, and begins some for each checkpoint.
        What may not be looked into is passed over, as `entries` does.
        """
        folders = self.root / "questions"
        for part in _names_in(folders):
            for key in _names_in(folders / part):
                entry = Entry(folders / part / key)
                if not known.has(key) and _is_file(entry.folder / "question.json"):
                    yield entry

    def move_aside(self, path: Path) -> Path:
        """Move a file or a question's folder below `<root>/damaged`; return where it lies now."""
        parts = path.relative_to(self.root).parts
        target = _free(self.root.joinpath("damaged", *(parts[2:] or parts[1:])))
        try:
            target.parent.mkdir(parents=True, exist_ok=True)
            os.replace(path, target)
        except OSError as failure:
            raise write_error(target, failure) from failure
        return target

    def _folder(self, key: str) -> Path:
        return self.root / "questions" / key[:2] / key

    def _create(self, entry: Entry, question: Question, items: Sequence[Item]) -> None:
        self.begin()
        listed = write_list(self.root, items)
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
            **({"lower_is_better": True} if task.lower_is_better else {}),
            # By which the answers to items are known again under a later form of the question.
            **({} if task.terms is None else {"terms": task.terms.key}),
        }
        described = {"asked": question.preimage(), "about": about, "items": listed}
        # Written last: where question.json is, the items are.
        write_whole(entry.folder / "question.json", with_seal(described))


def _names_in(folder: Path) -> list[str]:
    """Return what lies in a folder; nothing of what is none, or gone, or somebody else's."""
    try:
        return sorted(os.listdir(folder))
    except OSError:
        return []


def _is_file(path: Path) -> bool:
    try:
        return path.is_file()
    except OSError:
        return False
