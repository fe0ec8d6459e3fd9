"""Plain results of any program: JSON Lines of an id and a score, one line an item.

    {"id": "q-17", "score": 1, "higher_is_better": true}

and, if wanted, `task`, `prompt_sha256` (the SHA-256 of what was asked), `cluster` (items that stand
or fall together), and fields that a policy names in `strata` or `cluster`.
"""

from __future__ import annotations

import math
import re
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

from cliffguard.core.canonical_json import digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.files import user_path
from cliffguard.core.texts import n_things
from cliffguard.runners import imported
from cliffguard.runners.lmeval_logs import Sample, ScoreChoice, fields_of
from cliffguard.runners.lmeval_logs.lines import rows_in
from cliffguard.runners.lmeval_logs.sample import NO_SAMPLE, in_words
from cliffguard.runners.plain_lines import LINE, may_be
from cliffguard.runners.score_choices import TaskScores
from cliffguard.runners.scored import ScoredSide, Source

SOURCE = Source("plain results (JSON Lines)", "the same program", "filter")
_AGAIN = "write the file again"
_TASK = "results"
"""The task of lines that name none."""
_SCORE = ScoreChoice("score", "none")
_SHA256 = re.compile(r"[0-9a-fA-F]{64}")
_MISSING = object()


@dataclass(slots=True)
class _Task:
    """What a file says of one task, by id, with the lines."""

    samples: dict[str, Sample] = field(default_factory=dict)
    scores: dict[str, float | None] = field(default_factory=dict)
    lines: dict[str, int] = field(default_factory=dict)
    is_high: bool | None = None
    undirected: int | None = None  # the first line that does not say it


def read_plain(sides: Sequence[str], wanted: Sequence[str]) -> tuple[ScoredSide, ScoredSide]:
    """Return both files' scores; `wanted` are fields of a line that are kept.

    Raises UsageError for a line that says no score, naming it, and IntegrityError where the sides
    say different things of one item.
    """
    paths = [user_path(name, UsageError) for name in sides]
    files = [_tasks(path, wanted) for path in paths]
    for task in files[0].keys() & files[1].keys():
        _refuse_other(task, paths, [file[task] for file in files])
    base, candidate = (
        ScoredSide(
            name=name,
            tasks={task: _scored(path, read, other.get(task)) for task, read in file.items()},
        )
        for name, path, file, other in zip(sides, paths, files, files[::-1], strict=True)
    )
    return base, candidate


def unknown(sides: Sequence[ScoredSide]) -> Caveat:
    """Say what plain results do not tell."""
    samples = [s for side in sides for task in side.tasks.values() for s in task.samples.values()]
    n_silent = sum(not sample.prompt_hash for sample in samples)
    prompts = (
        f", what {n_silent:,} of {n_things(len(samples), 'line', ',')} asked (no prompt_sha256)"
        if n_silent
        else ""
    )
    return imported.unknown(
        "Plain results do not say which weights answered, with which versions and settings"
        f"{prompts}, nor what was answered."
    )


def _tasks(path: Path, wanted: Sequence[str]) -> dict[str, _Task]:
    tasks: dict[str, _Task] = {}
    for line, row in rows_in(path, _AGAIN):
        where = f"{path}:{line}"
        name = row.get("task", _TASK)
        if not isinstance(name, str) or not name.strip():
            raise _wrong(where, f"task is {in_words(name)}, and must be a name")
        _add(tasks.setdefault(name, _Task()), name, where, line, row, wanted)
    if not tasks:
        raise IntegrityError(f"{path}: holds no line; {_AGAIN}", id="samples.empty")
    return tasks


def _add(
    task: _Task, name: str, where: str, line: int, row: Mapping[str, Any], wanted: Sequence[str]
) -> None:
    document = _id(where, row)
    if document in task.samples:
        raise UsageError(
            f"{where}: id {document[:60]} stands in line {task.lines[document]} already; give "
            'every item of a task an id of its own (1 and "1" are one)',
            id="results.repeated-id",
        )
    prompt, cluster = _prompt(where, row), _cluster(where, row)
    task.scores[document] = _score(where, row)
    task.lines[document] = line
    task.samples[document] = NO_SAMPLE._replace(
        document=document,
        document_hash=digest([name, document]),
        prompt_hash=prompt,
        is_readable=True,
        fields=fields_of(row, wanted),
        cluster=cluster,
    )
    is_high = row.get("higher_is_better")
    if is_high is None:
        task.undirected = task.undirected or line
        return
    if not isinstance(is_high, bool):
        raise _wrong(where, f"higher_is_better is {in_words(is_high)}, and must be true or false")
    if row.get("lower_is_better") is is_high:
        raise _wrong(where, f"higher_is_better and lower_is_better are both {_word(is_high)}")
    if task.is_high not in (None, is_high):
        raise _wrong(where, f"higher_is_better is {_word(is_high)}, and was not on earlier lines")
    task.is_high = is_high


def _id(where: str, row: Mapping[str, Any]) -> str:
    value = row.get("id", _MISSING)
    if value is _MISSING:
        raise _wrong(where, f"no id{may_be('id', row)}")
    if isinstance(value, bool) or not isinstance(value, (int, str)) or value == "":
        raise _wrong(where, f"id is {in_words(value)}, and must be a text or a whole number")
    return str(value)


def _score(where: str, row: Mapping[str, Any]) -> float | None:
    value = row.get("score", _MISSING)
    if value is _MISSING:
        raise _wrong(where, f"no score{may_be('score', row)}; null says that there is none")
    if value is None or (isinstance(value, float) and math.isnan(value)):
        return None
    if not isinstance(value, (bool, int, float)) or not 0 <= value <= 1:
        raise _wrong(where, f"score is {in_words(value)}, and must be a number from 0 to 1")
    return float(value)


def _prompt(where: str, row: Mapping[str, Any]) -> str:
    value = row.get("prompt_sha256")
    if value is None:
        return ""
    if not isinstance(value, str) or _SHA256.fullmatch(value) is None:
        raise _wrong(where, f"prompt_sha256 is {in_words(value)}, and must be 64 hex digits")
    return value.lower()


def _cluster(where: str, row: Mapping[str, Any]) -> str | None:
    value = row.get("cluster")
    if isinstance(value, bool) or not isinstance(value, (int, str, type(None))):
        raise _wrong(where, f"cluster is {in_words(value)}, and must be a text or a whole number")
    return None if value is None else str(value)


def _wrong(where: str, what: str) -> UsageError:
    return UsageError(f"{where}: {what}; a line is {LINE}", id="results.wrong-line")


def _refuse_other(task: str, paths: Sequence[Path], sides: Sequence[_Task]) -> None:
    """Refuse sides that say different things of one item, or of what is better."""
    base, candidate = sides
    if None not in (base.is_high, candidate.is_high) and base.is_high != candidate.is_high:
        places = [f"{p}:{min(side.lines.values())}" for p, side in zip(paths, sides, strict=True)]
        raise IntegrityError(
            f"{task}: higher_is_better is {_word(base.is_high)} in {places[0]} and "
            f"{_word(candidate.is_high)} in {places[1]}; make both say what is true",
            id="metric.direction-differs",
        )
    for document, what in _differing(base, candidate):
        places = [f"{p}:{side.lines[document]}" for p, side in zip(paths, sides, strict=True)]
        raise IntegrityError(
            f"the two sides were not asked the same: {what} of {task} {document[:60]} differs "
            f"between {places[0]} and {places[1]}; measure both on the same items",
            id="sides.asked-otherwise",
        )


def _differing(base: _Task, candidate: _Task) -> Iterator[tuple[str, str]]:
    for document, sample in base.samples.items():
        other = candidate.samples.get(document)
        if other is None:
            continue
        if sample.prompt_hash and other.prompt_hash and sample.prompt_hash != other.prompt_hash:
            yield document, "prompt_sha256"
        if sample.cluster != other.cluster:
            yield document, "cluster"


def _scored(path: Path, task: _Task, other: _Task | None) -> TaskScores:
    is_said = task.is_high is not None and task.undirected is None
    return TaskScores(
        path=path,
        samples={
            name: _tied(sample, None if other is None else other.samples.get(name))
            for name, sample in task.samples.items()
        },
        scores={_SCORE: task.scores},
        higher_is_better={"score": task.is_high} if is_said and task.is_high is not None else {},
        undirected=None if task.undirected is None else f"{path}:{task.undirected}",
    )


def _tied(sample: Sample, twin: Sample | None) -> Sample:
    """Return a sample tied to those that ask the same, by what either side knows of its prompt."""
    if sample.cluster:
        return sample
    # Of items that ask the same, one says nothing that another does not.
    return sample._replace(cluster=sample.prompt_hash or (twin and twin.prompt_hash) or None)


def _word(value: bool | None) -> str:
    return str(value).lower()
