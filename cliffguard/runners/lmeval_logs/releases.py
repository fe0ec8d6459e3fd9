"""What releases of lm-eval before 0.4.7 leave out of a sample, told from the rest of it.

Which release writes what stands in docs/logged-samples.md. Hashes are computed as lm-eval does
since 0.4.3, so that sides of two releases can be paired; metrics are the keys that are no others;
filters, which wrote the whole task once each, are told apart by their order.
"""

from __future__ import annotations

import hashlib
import json
import math
from collections import Counter
from collections.abc import Iterator, Mapping, Sequence
from itertools import chain
from pathlib import Path
from typing import Any

from cliffguard.core.errors import IntegrityError
from cliffguard.core.hashing import sha256_of_text
from cliffguard.core.texts import n_things
from cliffguard.runners.lmeval_logs.lines import rows_in
from cliffguard.runners.plain_lines import LINE, may_be

_NO_METRIC = frozenset(
    {
        *("doc_id", "doc", "target", "arguments", "resps", "filtered_resps", "filter", "metrics"),
        *("doc_hash", "prompt_hash", "target_hash"),
    }
)
_OVER_THE_SET = frozenset(
    {
        *("f1", "mcc", "bleu", "chrf", "ter", "brier_score", "likelihood", "perplexity"),
        *("word_perplexity", "byte_perplexity", "bits_per_byte"),
    }
)
_TRUTH = {"True": 1.0, "False": 0.0}


def samples_in(path: Path, filters: Sequence[str] = ()) -> Iterator[tuple[int, Mapping[str, Any]]]:
    """Yield a file's samples with their lines, with what their release leaves out put in.

    What the first sample lacks is left out by the release; what a later one lacks is damage.
    `filters` are the task's, in order, as a results file names them.
    """
    rows = rows_in(path)
    first = next(rows, None)
    if first is None:
        return
    if "doc_id" not in first[1]:
        raise IntegrityError(
            f"{path}:{first[0]}: doc_id is missing, so that it is no sample of lm-eval's; expected "
            "is samples_TASK_DATE.jsonl, as lm-eval writes it with --log_samples, or a file of "
            f"plain results, of which a line is {LINE}{may_be('score', first[1])}",
            id="samples.no-sample",
        )
    lacking = {"filter", "metrics", "doc_hash", "prompt_hash"} - first[1].keys()
    rows = chain((first,), rows)
    if not lacking:
        yield from rows
        return
    names = _filters(path, filters) if "filter" in lacking else ()
    times: Counter[str] = Counter()
    for line, row in rows:
        document = str(row.get("doc_id"))
        added = _missing_fields(row, lacking, names[times[document]] if names else None)
        times[document] += 1
        yield line, {**row, **added}


def names_filters(path: Path) -> bool:
    """Return whether a file's first sample names its filter, or there is none."""
    first = next(rows_in(path), None)
    return first is None or "filter" in first[1]


def filters_of(path: Path, named: Sequence[str] = ()) -> tuple[str, ...]:
    """Return the filters that wrote a file, in order: as its samples name them, else as `named`.

    Where nobody names them they are called 1, 2, …, and the only one "none".
    """
    if not names_filters(path):
        return _filters(path, named)
    return tuple(dict.fromkeys(str(row.get("filter", "none")) for _, row in rows_in(path)))


def _missing_fields(
    row: Mapping[str, Any], lacking: set[str], filter: str | None
) -> dict[str, Any]:
    added: dict[str, Any] = {}
    if filter is not None:
        added["filter"] = filter
    if "metrics" in lacking:
        added["metrics"] = [name for name in row if name not in _NO_METRIC]
    if "doc_hash" in lacking and "doc" in row:
        added["doc_hash"] = sha256_of_text(json.dumps(row["doc"], indent=2, ensure_ascii=False))
    if "prompt_hash" in lacking and "arguments" in row:
        added["prompt_hash"] = sha256_of_text(prompt_of(row["arguments"]))
    return added


def _filters(path: Path, named: Sequence[str]) -> tuple[str, ...]:
    """Return the names of the filters that wrote a file, by their order in it.

    Each of them wrote every document once, over the same responses. Raises IntegrityError where
    that does not hold: the file is torn, or of two runs.
    """
    times: Counter[str] = Counter()
    responses: dict[str, bytes] = {}
    for line, row in rows_in(path):
        document = str(row.get("doc_id"))
        times[document] += 1
        digest = hashlib.blake2b(json.dumps(row.get("resps")).encode(), digest_size=12).digest()
        if responses.setdefault(document, digest) != digest:
            raise IntegrityError(
                f"{path}:{line}: document {document} stands twice, with other responses; two runs "
                "were written into one file",
                id="samples.two-runs",
            )
    n_filters = max(times.values())
    uneven = next((document for document, n in times.items() if n != n_filters), None)
    if uneven is not None or (named and len(named) != n_filters):
        of = uneven or next(iter(times))
        expected = len(named) or n_filters
        raise IntegrityError(
            f"{path}: document {of} stands there {n_things(times[of], 'time')}, and "
            f"{n_things(expected, 'filter')} wrote it; lm-eval before 0.4.7 does not say "
            "which; run lm-eval again",
            id="samples.filters-uneven",
        )
    if named:
        return tuple(named)
    return ("none",) if n_filters == 1 else tuple(str(n + 1) for n in range(n_filters))


def prompt_of(arguments: Any) -> str:
    """Return what was asked: lm-eval writes a list, or a mapping gen_args_0 → arg_0."""
    while isinstance(arguments, (list, dict)) and arguments:
        values = arguments if isinstance(arguments, list) else list(arguments.values())
        arguments = values[0]
    return "" if arguments is None else str(arguments)


def number_of(metric: str, value: Any, n_repeats: int = 1) -> float | None:
    """Return what a sample says of a metric as a number; None of null and NaN.

    Before 0.4.13 numpy's numbers are written as text. A list with a number for each of `n_repeats`
    responses, more than one, is their mean, unless one of them is outside 0 to 1, which is
    returned. Raises ValueError for what is no number of a sample, as the pairs of a metric that
    lm-eval computes over the whole set.
    """
    if isinstance(value, list) and 1 < n_repeats == len(value) and metric not in _OVER_THE_SET:
        numbers = [number_of(metric, element) for element in value]
        known = [number for number in numbers if number is not None]
        outside = [number for number in known if not 0 <= number <= 1]
        if outside or len(known) < len(numbers):
            return outside[0] if outside else None
        return math.fsum(known) / len(known)
    if isinstance(value, str):
        value = _TRUTH.get(value, value)
    elif value is not None and not isinstance(value, (bool, int, float)):
        raise ValueError("not a number")
    try:
        number = math.nan if value is None else float(value)
    except OverflowError:  # of an integer
        number = math.inf
    return None if math.isnan(number) else number
