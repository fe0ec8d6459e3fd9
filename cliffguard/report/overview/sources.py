"""Which reviews an overview is made of: files, folders with one, or folders of such folders."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cliffguard.core.canonical_json import parse_json
from cliffguard.core.errors import UsageError
from cliffguard.core.files import read_text, user_path
from cliffguard.core.reviews import Review
from cliffguard.report.json import read_review

REVIEW, FAILURE, REPORT = "review.json", "failure.json", "report.html"


@dataclass(frozen=True, slots=True, kw_only=True)
class NamedReview:
    """A candidate's review, the file that it is or will be in, and what tells it from the others.

    `review` None: there is no verdict, for the `reason`; `exit_code` None: it was not tried.
    """

    name: str
    file: Path
    review: Review | None
    reason: str = ""
    exit_code: int | None = None

    @property
    def folder(self) -> Path:
        return self.file.parent


def review_files(paths: Sequence[Path]) -> list[Path]:
    """Return the files that paths stand for, each a review or a folder of some.

    A folder stands for its review.json; without one, for all below it, and for each failure.json
    that lies where a review would. Raises UsageError where there is none, or one twice.
    """
    files: list[Path] = []
    for path in paths:
        written = user_path(str(path), UsageError)
        files += _inside(written) if written.is_dir() else [written]
    refuse_twice(files)
    return files


def refuse_twice(files: Sequence[Path]) -> None:
    """Raise UsageError for a file that is given twice, by whatever path."""
    twice = [file for file, n in Counter(map(os.path.realpath, files)).items() if n > 1]
    if twice:
        raise UsageError(
            f"{twice[0]}: is given twice; leave one of them out", id="overview.same-review"
        )


def _inside(folder: Path) -> list[Path]:
    files = [folder / REVIEW] if (folder / REVIEW).is_file() else _below(folder)
    if not any(file.name == REVIEW for file in files):
        raise UsageError(
            f"{folder}: no review.json lies in it or below; name the --out of a check, or a "
            "review.json",
            id="overview.no-review",
        )
    return sorted(files, key=_by_numbers)


def _below(folder: Path) -> list[Path]:
    """Return, of each folder below, its review.json, or the failure.json in the place of one."""
    files = []
    for path in _entries(folder):
        if not path.is_dir() or path.is_symlink():
            continue
        if (path / REVIEW).is_file():
            files.append(path / REVIEW)
        elif below := _below(path):
            files += below
        elif (path / FAILURE).is_file():
            files.append(path / FAILURE)
    return files


def _entries(folder: Path) -> list[Path]:
    try:
        return list(folder.iterdir())
    except OSError as failure:
        raise UsageError(f"{folder}: {failure.strerror}", id="file.unreadable") from None


def _by_numbers(path: Path) -> list[tuple[int, str]]:
    """Return a key by which checkpoint-900 stands before checkpoint-1000."""
    parts = re.split(r"([0-9]+)", str(path))
    return [(int(part), "") if part.isdecimal() else (-1, part) for part in parts]


def read_named(files: Sequence[Path]) -> list[NamedReview]:
    """Return the reviews in files under the shortest paths that tell them apart.

    Raises UsageError for what is no review, and where two files are one review.
    """
    texts = [read_text(file, UsageError) for file in files]
    for number, text in enumerate(texts):
        if text in texts[:number]:
            other = files[texts.index(text)]
            raise UsageError(
                f"{files[number]}: is the same review as {other}; leave one of them out",
                id="overview.same-review",
            )
    triples = zip(names_of_files(files), files, texts, strict=True)
    return [_named(name, file, text) for name, file, text in triples]


def names_of_files(files: Sequence[Path]) -> list[str]:
    """Return the shortest paths that tell reviews apart, each by its folder or its file's name."""
    from cliffguard.compare.repeat_command import names_of

    paths = [Path(os.path.abspath(file)) for file in files]
    of_folder = (REVIEW, FAILURE)
    whole = [str(p.parent if p.name in of_folder else p.with_suffix("")) for p in paths]
    if len(set(whole)) < len(files):  # a.json beside a/review.json
        whole = [str(path) for path in paths]
    return list(names_of(whole))


def _named(name: str, file: Path, text: str) -> NamedReview:
    if file.name != FAILURE:
        return NamedReview(name=name, file=file, review=read_review(text, str(file)))
    return failed(name, file, otherwise="the check left no reason")


def failed(name: str, file: Path, *, otherwise: str) -> NamedReview:
    """Return a candidate without a verdict, for what its failure.json says.

    Without that file it was not tried, for the reason `otherwise`.
    """
    try:
        content = parse_json(file.read_text(encoding="utf-8"))
        reason, code = str(content["message"]), int(content["exit_code"])
    except (OSError, ValueError, LookupError, TypeError):
        reason, code = otherwise, None
    return NamedReview(name=name, file=file, review=None, reason=reason, exit_code=code)
