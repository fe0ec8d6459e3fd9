"""Second copies of a file of samples, as browsers, file managers and wget call them."""

from __future__ import annotations

import re
from collections.abc import Sequence
from dataclasses import dataclass
from pathlib import Path

from cliffguard.core.errors import UsageError
from cliffguard.runners.lmeval_logs.packing import PACKED, digest_of

_PACKED = "|".join(re.escape(end) for end in PACKED)
ENDS = rf"(?i:\.jsonl?(?:{_PACKED})?|\.parquet|\.zip)"
"""How the name of a file of samples may end."""

_FIRST = re.compile(r"(?:copy of|kopie von|copie de|copia de|cópia de) ", re.IGNORECASE)
_MARK = re.compile(
    r"(?: ?\(\d{1,3}\)"  # a browser's: x (1).jsonl, x(1).jsonl
    r"| \((?:another |\d{1,2}(?:st|nd|rd|th) )?copy(?: \d{1,3})?\)"  # Linux: x (copy).jsonl
    r"| copy(?: \d{1,3})?| \d{1,3}"  # macOS: x copy.jsonl, x 2.jsonl
    r"| - (?:copy|kopie|copie|copia|cópia)(?: ?\(\d{1,3}\))?)"  # Windows: x - Copy.jsonl
    rf"(?=(?:\.jsonl?|\.parquet|{_PACKED})(?:[ (.]|$))",
    re.IGNORECASE,
)
_NUMBERED = re.compile(rf"(?<=.)({ENDS})\.\d{{1,3}}")  # wget's: x.jsonl.1


def unmarked(name: str) -> str:
    """Return the name that a file had before it was copied: `x.jsonl` of `Copy of x (1).jsonl`."""
    name = _FIRST.sub("", name, count=1) if _FIRST.match(name) else name
    name = _MARK.sub("", name)
    match = _NUMBERED.search(name)
    return name[: match.end(1)] if match is not None and match.end() == len(name) else name


@dataclass(frozen=True, slots=True)
class Copy:
    """A file that is not read, since it holds what another of its folder does."""

    path: Path
    of: Path


def without_copies(folder: Path, task: str, files: Sequence[Path]) -> tuple[Path, list[Copy]]:
    """Return the one file that is read of those of a task and a run, and the others.

    It is the one that bears lm-eval's own name and is not packed. Raises UsageError where another
    holds other samples, since nobody knows which of the two is meant.
    """
    first, *others = sorted(files, key=lambda path: (unmarked(path.name) != path.name, _rank(path)))
    if others:
        meant = digest_of(first)
        for other in others:
            if digest_of(other) != meant:
                raise UsageError(
                    f"{folder}: {first.name} and {other.name} are both of {task}, of one run, and "
                    f"do not hold the same ({first.stat().st_size:,} and {other.stat().st_size:,} "
                    f"bytes); remove {other.name}, or {first.name} if that is the one that is torn "
                    "or old",
                    id="samples.other-copy",
                )
    return first, [Copy(path, first) for path in others]


def _rank(path: Path) -> tuple[bool, int, str]:
    return path.suffix.lower() in PACKED, len(path.name), path.name
