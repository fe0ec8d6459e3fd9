"""Which reviews an overview is made of: files, folders with one, or folders of such folders."""

from __future__ import annotations

import os
import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace
from pathlib import Path
from typing import Any

from cliffguard.core.canonical_json import parse_json
from cliffguard.core.diagnostics import Diagnostics
from cliffguard.core.errors import UsageError
from cliffguard.core.files import read_text, user_path
from cliffguard.core.hashing import sha256_of_text
from cliffguard.core.reviews import Review
from cliffguard.report.json import read_review

REVIEW, FAILURE, REPORT = "review.json", "failure.json", "report.html"
OVERVIEW = "overview.json"
NOT_TRIED = "one before it did not pass"
_NOTHING = Diagnostics(tasks=(), ladders=(), behaviour=None)


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


def for_table(review: Review) -> Review:
    """Return a review without what no overview reads: of a thousand, that fills the memory.

    Left out are the looks, the examples, why items broke, and all of a capability beside its mean.
    """
    rows = [replace(row, diagnostics=_NOTHING) for row in review.comparison.capabilities]
    return replace(
        review,
        comparison=replace(review.comparison, capabilities=tuple(rows)),
        provenance=replace(review.provenance, questions=(), looks=()),
        taken=(),
        examples=(),
        diagnosis=None,
    )


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
    files = sorted(files, key=_by_numbers)
    return [*_as_tested(folder, files), *_not_tried(folder)]


def _as_tested(folder: Path, files: Sequence[Path]) -> list[Path]:
    """Return files in the order of a `check --choose last` of this folder, if it was one."""
    links = [str(row.get("report")) for row in _tested(folder, "candidates")]
    order = {Path(link).parent.as_posix(): number for number, link in enumerate(links)}
    names = [file.parent.relative_to(folder).as_posix() for file in files]
    ranked = sorted(range(len(files)), key=lambda n: order.get(names[n], len(order)))
    return [files[n] for n in ranked]


def _not_tried(folder: Path) -> list[Path]:
    """Return where the failures of candidates would lie that were not tried, of which none does."""
    names = [
        str(r.get("name")) for r in _tested(folder, "uncompared") if r.get("exit_code") is None
    ]
    paths = [Path(name) for name in names if "\0" not in name]
    inside = [path for path in paths if not path.is_absolute() and ".." not in path.parts]
    files = [folder / path / FAILURE for path in inside]
    return [f for f in files if not (f.exists() or f.with_name(REVIEW).exists())]


def _tested(folder: Path, key: str) -> list[dict[str, Any]]:
    """Return rows of the overview that `check --choose last` left; none of another or none."""
    try:
        content = parse_json((folder / OVERVIEW).read_text(encoding="utf-8"))
        rows = content[key] if content["choice"] == "last" else []
        return [row for row in rows if isinstance(row, dict)]
    except (OSError, ValueError, LookupError, TypeError):
        return []


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


def read_named(
    files: Sequence[Path], keep: Callable[[Review], Review] = lambda review: review
) -> list[NamedReview]:
    """Return the reviews in files under the shortest paths that tell them apart.

    Of each stays in memory what `keep` makes of it. Raises UsageError for what is no review, and
    where two files are one review.
    """
    read: dict[str, Path] = {}  # by their contents
    sources = []
    for name, file in zip(names_of_files(files), files, strict=True):
        # Where a failure is missing the candidate was not tried.
        is_tried = file.name != FAILURE or file.exists()
        text = read_text(file, UsageError) if is_tried else ""
        other = read.setdefault(sha256_of_text(text), file) if is_tried else file
        if other is not file:
            raise UsageError(
                f"{file}: is the same review as {other}; leave one of them out",
                id="overview.same-review",
            )
        sources.append(_named(name, file, text, keep))
    return sources


def names_of_files(files: Sequence[Path]) -> list[str]:
    """Return the shortest paths that tell reviews apart, each by its folder or its file's name."""
    from cliffguard.compare.repeat_command import names_of

    paths = [Path(os.path.abspath(file)) for file in files]
    of_folder = (REVIEW, FAILURE)
    whole = [str(p.parent if p.name in of_folder else p.with_suffix("")) for p in paths]
    if len(set(whole)) < len(files):  # a.json beside a/review.json
        whole = [str(path) for path in paths]
    return list(names_of(whole))


def _named(name: str, file: Path, text: str, keep: Callable[[Review], Review]) -> NamedReview:
    if file.name != FAILURE:
        return NamedReview(name=name, file=file, review=keep(read_review(text, str(file))))
    otherwise = "the check left no reason" if file.exists() else NOT_TRIED
    return failed(name, file, otherwise=otherwise)


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
