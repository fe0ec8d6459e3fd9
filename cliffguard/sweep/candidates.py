"""Which checkpoints a sweep takes: what patterns match, what it is called, and when it is whole."""

from __future__ import annotations

import glob
import json
import os
import re
import struct
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path

from cliffguard.core.errors import UsageError, nearest
from cliffguard.core.files import user_path
from cliffguard.core.texts import n_things

SETTLED_SECONDS = 10.0
"""So long the files of a checkpoint have to stay as they are before it is taken."""

_MARKS = ("trainer_state.json", "adapter_config.json")
_CONFIGS = ("config.json", "adapter_config.json")
_MOST_HEADER = 100_000_000  # bytes, as safetensors itself allows
_MAGIC = "*?["
_NO_HEADER = (
    ValueError, LookupError, AttributeError, TypeError, OverflowError, RecursionError
)  # fmt: skip
"""What a text raises that is no header or index, or is one by half, or by somebody's malice."""
_MOST_NAMES = 200  # among which what was meant is looked for


@dataclass(frozen=True, slots=True, kw_only=True)
class Candidate:
    """A checkpoint of a sweep: its folder, and what tells it from the others below `--out`."""

    path: str
    name: str


def matching(patterns: Sequence[str], base: str | None = None) -> list[Candidate]:
    """Return the checkpoints that patterns match, by the numbers in their names.

    A checkpoint is a folder with a config.json or an adapter_config.json; `base` is none, nor is a
    link to another one of them. Each is called by its path below the part that all patterns share.
    """
    patterns = _expanded(patterns)
    paths: dict[str, str] = {}
    for path in sorted(set(_matched(patterns)), key=_links):
        if is_there(path):
            paths.setdefault(os.path.realpath(path), path)
    if base is not None:
        paths.pop(os.path.realpath(user_path(base, UsageError)), None)
    root = _shared_root(patterns)
    names: dict[str, str] = {}
    for path in sorted(paths.values()):
        name = _name_below(root, path)
        while name in names:
            name += "-"  # of `a@1` beside `a-1`
        names[name] = path
    return [Candidate(path=names[name], name=name) for name in sorted(names, key=by_numbers)]


def refuse_none(patterns: Sequence[str], candidates: Sequence[Candidate]) -> None:
    """Raise UsageError where a pattern matches no checkpoint, or all of them the base alone."""
    for pattern in patterns:
        matched = _matched(_expanded([pattern]))
        if not any(map(is_there, matched)):
            raise _none(pattern, _why_none(pattern, matched))
    if not candidates:
        raise _none(patterns[0], f"matches the base alone; {_ADVICE}")


def refuse_out(out: Path, patterns: Sequence[str]) -> None:
    """Raise UsageError where reports of what patterns match would lie in checkpoints.

    So it is of `out` where their names begin: below it each checkpoint is its report's folder.
    """
    root, folder = _shared_root(_expanded(patterns)), user_path(str(out), UsageError)
    paths = {candidate.name: candidate.path for candidate in matching(patterns)}
    refuse_reports_in(out, paths)
    if os.path.realpath(folder) == os.path.realpath(root):
        raise _among(out, f"what matches {patterns[0]}")


def refuse_reports_in(out: Path, paths: Mapping[str, str]) -> None:
    """Raise UsageError where one of the reports below `out` would lie in a checkpoint.

    `paths` are those of the checkpoints by the names of their reports' folders.
    """
    folder = user_path(str(out), UsageError)
    there = {os.path.realpath(path): path for path in paths.values() if is_there(path)}
    for name in paths:
        reports = Path(os.path.realpath(folder / name))
        for part in map(str, (reports, *reports.parents)):
            if part in there:
                raise _among(out, there[part])


def _among(out: Path, path: str) -> UsageError:
    return UsageError(
        f"--out {out}: reports would lie among the files of {path}; name a folder beside the "
        "checkpoints",
        id="out.in-checkpoint",
    )


_ADVICE = "name the checkpoints themselves, as in 'runs/*/checkpoint-*'"


def _none(pattern: str, why: str) -> UsageError:
    return UsageError(f"--candidates {pattern}: {why}", id="sweep.no-candidate")


def _why_none(pattern: str, matched: Sequence[str]) -> str:
    if matched:
        return (
            f"matches {n_things(len(matched), 'path')}, none of which is a folder with a "
            f"{' or an '.join(_CONFIGS)} (the first: {matched[0]}); {_ADVICE}"
        )
    (pattern,) = _expanded([pattern])
    parent = _fixed(pattern)
    known = sorted(os.listdir(parent))[:_MOST_NAMES] if parent.is_dir() else []
    near = nearest(_next_part(pattern, parent), known)
    what = "matches nothing" + ("" if parent.is_dir() else f": there is no {parent}")
    return f"{what}; mend it, or --watch for checkpoints that come{near}"


def by_numbers(name: str) -> list[tuple[int, str]]:
    """Return a key by which checkpoint-900 stands before checkpoint-1000."""
    parts = re.split(r"([0-9]+)", name)
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def is_there(path: str) -> bool:
    """Return whether a checkpoint's folder still has what makes it one."""
    return any(os.path.isfile(os.path.join(path, name)) for name in _CONFIGS)


def has_lost(path: str, files: Iterable[str]) -> bool:
    """Return whether a checkpoint's folder is gone, or is going: it lacks one of `files`."""
    return not is_there(path) or not set(files) <= files_in(path)


def files_in(path: str) -> set[str]:
    """Return the names of what is in a folder; nothing is in one that is gone."""
    try:
        return set(os.listdir(path))
    except OSError:
        return set()


def _fixed(pattern: str) -> Path:
    """Return the folder in which a pattern begins to stand for several."""
    parts = Path(pattern).parts
    n_fixed = next((n for n, part in enumerate(parts) if set(part) & set(_MAGIC)), len(parts) - 1)
    return Path(*parts[:n_fixed]) if n_fixed > 0 else Path()


def _next_part(pattern: str, parent: Path) -> str:
    parts = Path(pattern).parts[len(parent.parts) :]
    return parts[0] if parts else ""


def _expanded(patterns: Sequence[str]) -> list[str]:
    return [str(user_path(pattern, UsageError)) for pattern in patterns]


def _matched(patterns: Sequence[str]) -> list[str]:
    return [path for pattern in patterns for path in glob.iglob(pattern, recursive=True)]


def _links(path: str) -> tuple[bool, str]:
    """Return a key by which a folder comes before links to it, which may lead elsewhere later."""
    return os.path.islink(path), path


def _shared_root(patterns: Sequence[str]) -> str:
    return os.path.commonpath([os.path.abspath(_fixed(pattern)) for pattern in patterns])


def _name_below(root: str, path: str) -> str:
    """Return a path as the name of a folder below another one, whatever it is written as."""
    whole = os.path.abspath(path)
    name = os.path.relpath(whole, root)
    # Of `.` and `..` nothing is below it: reports would lie beside the overview, or outside.
    is_below = name.partition(os.sep)[0] not in (os.curdir, os.pardir)
    return (name if is_below else os.path.basename(whole) or "candidate").replace("@", "-")


# --- folders that are being written --------------------------------------------------------------


class Watched:
    """Folders that come while a sweep runs: each is taken once it is whole, and stays so."""

    def __init__(self, patterns: Sequence[str], base: str | None) -> None:
        self._patterns = patterns
        self._base = base
        self.changed = -float("inf")  # when anything changed last
        self._seen: dict[str, tuple[Mapping[str, tuple[int, int]], float]] = {}
        self._taken: set[str] = set()
        self._known: dict[str, Candidate] = {}

    @property
    def waiting(self) -> list[str]:
        """The folders that were seen and are not whole yet."""
        untaken = sorted(set(self._seen) - self._taken, key=by_numbers)
        return [path for path in untaken if not is_whole(path)]

    @property
    def missed(self) -> list[Candidate]:
        """The checkpoints that went before they could be taken."""
        paths = sorted(set(self._known) - set(self._seen), key=by_numbers)
        return [self._known[path] for path in paths]

    def due(self, now: float) -> list[Candidate]:
        """Return the checkpoints that are whole since 10 seconds, and were not returned before.

        `now` is in seconds, by any clock that goes on.
        """
        there = matching(self._patterns, self._base)
        self._known |= {candidate.path: candidate for candidate in there}
        gone = set(self._seen) - {candidate.path for candidate in there}
        for path in gone - self._taken:
            del self._seen[path]
        return [candidate for candidate in there if self._is_due(candidate.path, now)]

    def _is_due(self, path: str, now: float) -> bool:
        if path in self._taken:
            return False
        state = _state(path)
        before, since = self._seen.get(path, ({}, now))
        if state != before:
            since = self.changed = now
        self._seen[path] = (state, since)
        if now - since < SETTLED_SECONDS or not is_whole(path):
            return False
        self._taken.add(path)
        return True


def _state(path: str) -> Mapping[str, tuple[int, int]]:
    """Return size and time of each file in a folder; of one that goes meanwhile none."""
    state = {}
    try:
        with os.scandir(path) as entries:
            for entry in entries:
                facts = entry.stat()
                state[entry.name] = (facts.st_size, facts.st_mtime_ns)
    except OSError:
        return {}
    return state


def is_whole(path: str) -> bool:
    """Return whether a trainer has left a checkpoint: its marks, and weights as long as they say.

    Sizes are those of the headers of the safetensors files, of which an index names all.
    """
    folder = Path(path)
    if not any((folder / mark).is_file() for mark in _MARKS):
        return False
    try:
        files = sorted(folder.glob("*.safetensors"))
        named = {
            name for index in folder.glob("*.safetensors.index.json") for name in _named(index)
        }
        has_all = named <= {file.name for file in files}
        return bool(files) and has_all and all(map(_is_as_long_as_it_says, files))
    except OSError:
        return False


def _named(index: Path) -> Iterator[str]:
    try:
        yield from map(str, json.loads(index.read_text(encoding="utf-8"))["weight_map"].values())
    except _NO_HEADER:  # it is being written
        yield ""


def _is_as_long_as_it_says(file: Path) -> bool:
    size = file.stat().st_size
    with file.open("rb") as stream:
        begun = stream.read(8)
        if len(begun) < 8:
            return False
        n_header = struct.unpack("<Q", begun)[0]
        if n_header > min(size, _MOST_HEADER):
            return False
        text = stream.read(n_header)
    try:
        header = json.loads(text)
        ends = [int(row["data_offsets"][1]) for n, row in header.items() if n != "__metadata__"]
    except _NO_HEADER:
        return False
    return bool(size == 8 + n_header + max(ends, default=0))
