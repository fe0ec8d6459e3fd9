"""Files of samples that lm-eval logged, read line by line; damage is named with its place."""

from __future__ import annotations

import json
import math
from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cliffguard.canonical import digest, parse_json
from cliffguard.errors import IntegrityError, UsageError

TELLING = 20
"""Characters of a generated answer from which on two models do not say the same every time."""

# What lm-eval's filters write where they find no answer in what was said, and score as wrong.
_NOTHING_READ = "[invalid]"


@dataclass(frozen=True, slots=True)
class Sample:
    """One line of a file.

    `likelihoods` are those of all choices, as they were logged, if any; `is_readable` is false of
    an answer in which lm-eval's filter found nothing, which has no score. `score` is what the
    metric says, whichever way it points. `said` is the digest of a generated answer of `TELLING`
    characters or more, before any filter; None of a shorter one and of choices.
    """

    document: str
    document_hash: str
    prompt_hash: str
    score: float | None
    prompt: str
    target: str
    text: str
    is_choice: bool
    is_readable: bool
    choices: tuple[str, ...]
    likelihoods: str
    said: str | None


@dataclass(frozen=True, slots=True)
class Choice:
    """Which of a file's scores counts; None: the first."""

    metric: str | None
    filter: str | None


class Reading:
    """Reads a task's file of each side, by the metric and the filter that the first one settles.

    `logged` are all metrics of the file that was read last.
    """

    def __init__(self, choice: Choice) -> None:
        self.choice = choice
        self.logged: tuple[str, ...] = ()

    def __call__(self, path: Path) -> dict[str, Sample]:
        """Return the samples of a file by document, of one filter."""
        rows = list(_rows(path))
        if not rows:
            raise IntegrityError(f"{path}: holds no sample; run lm-eval again")
        self._settle(path, rows)
        found: dict[str, Sample] = {}
        for line, row in rows:
            if row.get("filter", "none") != self.choice.filter:
                continue
            sample = self._sample(path, line, row)
            if sample.document in found:
                raise IntegrityError(
                    f"{path}:{line}: document {sample.document} stands twice; two runs were "
                    "written into one file"
                )
            found[sample.document] = sample
        return found

    def _settle(self, path: Path, rows: Sequence[tuple[int, Mapping[str, Any]]]) -> None:
        filters = list(dict.fromkeys(str(row.get("filter", "none")) for _, row in rows))
        chosen = self.choice.filter or filters[0]
        if chosen not in filters:
            raise UsageError(f"{path}: no filter {chosen!r}; there are: {', '.join(filters)}")
        known = list(dict.fromkeys(name for _, row in rows for name in _metrics(row)))
        if not known:
            raise IntegrityError(f"{path}: no sample names its metrics; run lm-eval again")
        metric = self.choice.metric or known[0]
        if metric not in known:
            raise UsageError(f"{path}: no metric {metric!r}; there are: {', '.join(known)}")
        self.logged = tuple(known)
        self.choice = Choice(metric, chosen)

    def _sample(self, path: Path, line: int, row: Mapping[str, Any]) -> Sample:
        try:
            arguments, answer = row.get("arguments"), row.get("filtered_resps")
            said = _said(answer)
            score = self._score(path, line, row)
            return Sample(
                document=str(row["doc_id"]),
                document_hash=str(row["doc_hash"]),
                prompt_hash=str(row["prompt_hash"]),
                score=None if said == _NOTHING_READ else score,
                prompt=_prompt(arguments),
                target=str(row.get("target", "")),
                text=json.dumps(answer, ensure_ascii=False) if said is None else said,
                is_choice=said is None,
                is_readable=said != _NOTHING_READ,
                choices=_choices(arguments) if said is None else (),
                likelihoods=json.dumps(row.get("resps", "")) if said is None else "",
                said=None if said is None else _long(row.get("resps", answer)),
            )
        except KeyError as failure:
            raise IntegrityError(f"{path}:{line}: {failure.args[0]} is missing") from None

    def _score(self, path: Path, line: int, row: Mapping[str, Any]) -> float | None:
        assert self.choice.metric is not None
        value = row.get(self.choice.metric)
        if value is None or (isinstance(value, float) and math.isnan(value)):
            return None
        if isinstance(value, (bool, int, float)) and 0 <= value <= 1:
            return float(value)
        names = ", ".join(_metrics(row))
        raise UsageError(
            f"{path}:{line}: {self.choice.metric} is {str(value)[:40]}, not a score between 0 and "
            f"1; choose another with metric: in the policy's capability (there are: {names})"
        )


def _rows(path: Path) -> Iterator[tuple[int, Mapping[str, Any]]]:
    try:
        with path.open(encoding="utf-8") as lines:
            for number, line in enumerate(lines, start=1):
                if not line.strip():
                    continue
                row = parse_json(line)
                if not isinstance(row, dict):
                    raise IntegrityError(f"{path}:{number}: not an object; run lm-eval again")
                yield number, row
    except ValueError as failure:  # of JSON, and of UTF-8
        what = getattr(failure, "msg", None) or str(failure)[:100]
        raise IntegrityError(f"{path}: torn or no JSON Lines ({what}); run lm-eval again") from None
    except OSError as failure:
        raise UsageError(f"{path}: {failure.strerror}") from None


def _metrics(row: Mapping[str, Any]) -> list[str]:
    named = row.get("metrics")
    return [str(name) for name in named] if isinstance(named, list) else []


def _prompt(arguments: Any) -> str:
    """Return what was asked: lm-eval writes a list, or a mapping gen_args_0 → arg_0."""
    while isinstance(arguments, (list, dict)) and arguments:
        values = arguments if isinstance(arguments, list) else list(arguments.values())
        arguments = values[0]
    return "" if arguments is None else str(arguments)


def _long(response: Any) -> str | None:
    """Return the digest of what was generated where it is long enough to tell models apart."""
    said = _said(response)
    said = json.dumps(response) if said is None else said
    return digest(said) if len(said) >= TELLING else None


def _choices(arguments: Any) -> tuple[str, ...]:
    """Return the choices of a question by likelihood: what follows each request's context."""
    rows = list(arguments.values()) if isinstance(arguments, dict) else arguments
    if not isinstance(rows, list):
        return ()
    pairs = [list(row.values()) if isinstance(row, dict) else row for row in rows]
    return tuple(str(pair[1]) for pair in pairs if isinstance(pair, list) and len(pair) > 1)


def _said(answer: Any) -> str | None:
    """Return the text that was generated; None of likelihoods, one or several."""
    while isinstance(answer, list) and len(answer) == 1:
        answer = answer[0]
    return answer if isinstance(answer, str) else None
