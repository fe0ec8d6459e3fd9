"""A log of inspect_ai as JSON: its header, reductions and samples, of an `.eval` or a `.json`."""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cliffguard.core.canonical_json import TwoKeysError, parse_single
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.runners.inspect_logs.members import Members
from cliffguard.runners.lmeval_logs.lines import two_keys

MOST_JSON = 1 << 29
"""Bytes of a `.json` log, which is read at once; an `.eval` is read sample by sample."""
_VERSIONS = (1, 2)
_SEEN = 1 << 16  # bytes of a `.json`, by which it is known
_LOG = re.compile(rb'"eval"\s*:\s*\{')
_NAMED = re.compile(
    r"\d{4}-\d\d-\d\dT\d\d-\d\d-\d\d(?:[+-]\d\d-\d\d|Z)?_.+\.json|.+\.eval", re.IGNORECASE
)
_SAMPLE = re.compile(r"samples/.+\.json", re.DOTALL)
_IN_PARTS = re.compile(r"samples/.+/sample\.json", re.DOTALL)


@dataclass(frozen=True, slots=True, kw_only=True)
class LogFile:
    """A log that was opened; its samples are parsed as they are read.

    `header` is what it says of the run, with `eval` and in it `task` for certain.
    """

    path: Path
    header: Mapping[str, Any]
    reductions: Any
    samples: Iterator[tuple[str, Mapping[str, Any]]]

    @property
    def eval(self) -> Mapping[str, Any]:
        """What was run."""
        spec: Mapping[str, Any] = self.header["eval"]
        return spec

    @property
    def task(self) -> str:
        """The name of the task."""
        return str(self.eval["task"])


def is_named_like_a_log(name: str) -> bool:
    """Return whether inspect_ai calls its logs so."""
    return _NAMED.fullmatch(name) is not None


def is_log(path: Path) -> bool:
    """Return whether a file is a log, by its name or, of `.json`, by its first bytes."""
    if path.suffix.lower() == ".eval":
        return True
    if path.suffix.lower() != ".json":
        return False
    try:
        with path.open("rb") as file:
            first = file.read(_SEEN).lstrip(b"\xef\xbb\xbf \t\r\n")
    except OSError:
        return False
    return first.startswith(b"{") and _LOG.search(first) is not None


def open_log(path: Path) -> LogFile:
    """Return a log. Raises IntegrityError for damage, UsageError for what cannot be read here."""
    log = _archived(path) if path.suffix.lower() == ".eval" else _plain(path)
    version = log.header.get("version", 1)
    if version not in _VERSIONS:
        raise UsageError(
            f"{path}: is a log of version {str(version)[:20]}; versions 1 and 2 are read, so give "
            "it as one of these (`inspect log convert` of an older inspect_ai)",
            id="samples.log-version",
        )
    return log


def _archived(path: Path) -> LogFile:
    members = Members(path)
    # What is still written, or was killed, has what was known at its start.
    name = next((n for n in ("header.json", "_journal/start.json") if n in members.names), None)
    if name is None:
        raise IntegrityError(
            f"{path}: has neither header.json nor _journal/start.json, so that it is no log of "
            "inspect_ai; copy it again",
            id="samples.no-sample",
        )
    if any(_IN_PARTS.fullmatch(name) for name in members.names):
        raise UsageError(
            f"{path}: holds its samples in parts, which are not read here; give the log as JSON "
            "(`inspect log convert --to json`)",
            id="samples.log-version",
        )
    samples = [name for name in members.names if _SAMPLE.fullmatch(name)]
    reduced = "reductions.json"
    return LogFile(
        path=path,
        header=_header(path, _parsed(path, name, members.read(name))),
        reductions=_parsed(path, reduced, members.read(reduced))
        if reduced in members.names
        else None,
        samples=((name, _object(path, name, members.read(name))) for name in samples),
    )


def _plain(path: Path) -> LogFile:
    try:
        if path.stat().st_size > MOST_JSON:
            raise UsageError(
                f"{path}: is longer than the {MOST_JSON:,} bytes that are read at once; give the "
                "log as .eval (`inspect log convert --to eval`)",
                id="samples.large-log",
            )
        content = path.read_bytes()
    except OSError as failure:
        raise UsageError(
            f"{path}: {failure.strerror or failure}", id="samples.unreadable"
        ) from None
    header = _header(path, _parsed(path, "", content.removeprefix(b"\xef\xbb\xbf")))
    rows = header.get("samples")
    listed = rows if isinstance(rows, list) else []
    samples = ((f"sample {n}", row) for n, row in enumerate(listed, start=1))
    return LogFile(
        path=path,
        header={key: value for key, value in header.items() if key != "samples"},
        reductions=header.get("reductions"),
        samples=((name, _as_object(path, name, row)) for name, row in samples),
    )


def _header(path: Path, value: Any) -> Mapping[str, Any]:
    spec = value.get("eval") if isinstance(value, dict) else None
    if not isinstance(spec, dict) or not isinstance(spec.get("task"), str) or not spec["task"]:
        raise IntegrityError(
            f"{path}: names no task under eval.task, so that it is no log of inspect_ai; copy it "
            "again",
            id="samples.no-sample",
        )
    header: Mapping[str, Any] = value
    return header


def _object(path: Path, name: str, content: bytes) -> Mapping[str, Any]:
    return _as_object(path, name, _parsed(path, name, content))


def _as_object(path: Path, name: str, value: Any) -> Mapping[str, Any]:
    if not isinstance(value, dict):
        raise IntegrityError(
            f"{path}: {ascii(name)[1:80]} is no object; copy it again", id="samples.not-an-object"
        )
    return value


def _parsed(path: Path, name: str, content: bytes) -> Any:
    where = f"{path}: {ascii(name)[1:-1][:80]}: " if name else f"{path}: "
    try:
        text = content.decode("utf-8")
        return parse_single(text)
    except TwoKeysError as failure:
        raise two_keys(where.removesuffix(": "), failure, "copy it again") from None
    except UnicodeDecodeError as failure:
        what = f"byte {failure.start} is no UTF-8"
    except ValueError as failure:
        what = getattr(failure, "msg", None) or str(failure)[:100]
    raise IntegrityError(f"{where}torn or no JSON ({what}); copy it again", id="samples.torn")
