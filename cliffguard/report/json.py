"""The review as JSON, and back: the record from which every other report can be made again."""

from __future__ import annotations

import json
import math
import re
from collections.abc import Mapping
from dataclasses import fields, is_dataclass
from enum import Enum
from typing import Any, NoReturn

from cliffguard.core.canonical_json import parse_json
from cliffguard.core.checkpoint import CheckpointFiles
from cliffguard.core.comparisons import CapabilityComparison, CapabilityCounts, CapabilityEvidence
from cliffguard.core.diagnostics import Diagnostics
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.overviews import Overview
from cliffguard.core.reviews import REVIEW_FORMAT, Finding, Outcome, Review
from cliffguard.core.settings import Policy
from cliffguard.core.texts import cut_middle
from cliffguard.core.validation import adapter_of, validate
from cliffguard.report.miscounted import miscounted

_NEXT = "read a review.json as cliffguard wrote it, or run the check again"

# Harmless to JSON, not to whoever prints the file: C1 controls, direction marks, invisible ones.
_TO_ESCAPE = re.compile(
    r"[\x7f-\x9f\u061c\u200e\u200f\u2028-\u202e\u2060-\u2069\ufeff\ufff9-\ufffb\ufffe\uffff"
    r"\U000e0000-\U000e007f]"
)
_RECORDS = re.compile(r"(capabilities\.\d+)\.(?:counts|evidence|diagnostics)\b")
_SURFACE = (
    r"comparison\.capabilities\.\d+\.(n_surface|is_surface|surface)"
    r"|plan\.policy\.capabilities\..+\.surface"
)
_MAY_LACK = {
    1: re.compile(".*"),
    # What reviews of it were given after some had been written.
    2: re.compile(
        r"taken\.\d+\.(level|alpha|comparison)|plan\.(protocol\.packing|runner\.linear|half)"
        rf"|items|diagnosis|{_SURFACE}"
    ),
    3: re.compile(rf"items|diagnosis|plan\.half|{_SURFACE}"),
}
"""The keys that a review of a layout may lack, with their default in their place."""
_WITH_IDS = 3  # the first layout whose caveats have one
_VERSION = re.compile(r"[0-9][0-9A-Za-z.+!-]{0,39}")
_SURROGATES = re.compile(r"[\ud800-\udfff]")


def render_json(review: Review) -> str:
    """Return the review as indented JSON whose keys stand in the order of the records.

    `Checkpoint.files`, which belong to one machine, are null. Every text is kept exactly, with
    control and direction characters escaped. Raises IntegrityError for a number that is none.
    """
    return _text_of(review)


def render_overview(overview: Overview) -> str:
    """Return the overview of several candidates as JSON, spelled as a review is."""
    return _text_of(overview)


def _text_of(record: Review | Overview) -> str:
    text = json.dumps(_plain(record, ""), indent=2, ensure_ascii=False, allow_nan=False)
    return escaped(_SURROGATES.sub("\ufffd", text)) + "\n"


def render_several(reviews: Mapping[str, Review | None]) -> str:
    """Return several reviews as one object, by name; null where a comparison could not be made."""
    plain = {name: review and json.loads(render_json(review)) for name, review in reviews.items()}
    return escaped(json.dumps(plain, indent=2, ensure_ascii=False)) + "\n"


def escaped(text: str) -> str:
    """Return a JSON text with control and direction characters escaped, for whoever prints it."""
    return _TO_ESCAPE.sub(_escape, text)


def read_review(text: str, source: str) -> Review:
    """Return the review that `render_json` wrote, with `Checkpoint.files` None.

    `source` names the text in messages. What the layout of an earlier version did not have is at
    its default. Raises UsageError, with the line or the dotted key, for what is not a review, is
    one of a newer cliffguard, or has an outcome that does not follow from its findings.

    >>> from cliffguard import Plan, guard, read_review, render
    >>> review = guard(Plan(candidate="runs/ft/adapter", suites=("adjacent",)))
    >>> read_review(render(review, "json"), "review.json").verdict == review.verdict
    True
    """
    value = _load(text, source)
    _check_format(value, source)
    if value["format"] < _WITH_IDS:
        _give_ids(value.get("comparison"))
    try:
        review = validate(adapter_of(Review), _nested(value), source, UsageError)
    except UsageError as failure:
        line = _RECORDS.sub(r"\1", str(failure))
        raise UsageError(f"{line}; {_NEXT}", id="review.damaged") from None
    # A reader that is generous would let a changed review pass for the one that was written.
    may_lack = _MAY_LACK.get(value["format"])
    difference = _difference(value, _plain(review, ""), "", may_lack)
    if difference is not None:
        raise UsageError(f"{source}: {difference}; {_NEXT}", id="review.damaged")
    _refuse_contradiction(review, source)
    if (contradiction := miscounted(review)) is not None:
        raise UsageError(f"{source}: {contradiction}; {_NEXT}", id="review.damaged")
    return review


def _refuse_contradiction(review: Review, source: str) -> None:
    """Raise UsageError for a review that says PASS over its own losses, or the like."""
    from cliffguard.compare.verdict import follows

    judged = {finding.capability for finding in review.verdict.findings}
    unjudged = [
        row.capability for row in review.comparison.capabilities if row.capability not in judged
    ]
    if unjudged:
        raise UsageError(
            f"{source}: verdict.findings: nothing is said of {cut_middle(unjudged[0])}, which was "
            f"measured; {_NEXT}",
            id="review.damaged",
        )
    for number, finding in enumerate(review.verdict.findings):
        if (why := _other_than_measured(finding, review)) is not None:
            raise UsageError(
                f"{source}: verdict.findings.{number}.{why}; {_NEXT}", id="review.damaged"
            )
    if not follows(review.verdict, review.plan.policy or Policy()):
        raise UsageError(
            f"{source}: verdict.outcome: {review.verdict.outcome} does not follow from "
            f"verdict.findings; {_NEXT}",
            id="review.damaged",
        )


def _other_than_measured(finding: Finding, review: Review) -> str | None:
    """Return what of a finding the policy or the comparison says otherwise; None where nothing.

    By these a loss would fail no gate, though its outcome stands there.
    """
    policy, rows = review.plan.policy or Policy(), review.comparison.capabilities
    role = policy.role(finding.capability, finding.ring)
    is_usual = review.plan.policy is None and finding.ring == "target"  # whose gain is demanded
    if finding.role != role and not is_usual:
        return f"role: {finding.role}, and by the policy it is {role}"
    row = next((row for row in rows if row.capability == finding.capability), None)
    if row is not None and finding.ring != row.ring:
        return f"ring: {finding.ring}, and in the comparison it is {row.ring}"
    p_held = None if row is None else row.evidence.p_held
    if finding.outcome is Outcome.HELD and p_held is not None and p_held > _MOST_HELD:
        return f"outcome: HELD, and in the comparison p_held is {p_held:g}"
    is_idle = finding.outcome is Outcome.NOT_MEASURED and row is not None and row.cannot_fail
    return None if finding.counts or is_idle else "counts: false, though it can pass or fail"


_MOST_HELD = 0.5  # of p_held under any policy: alpha is smaller


def _plain(value: Any, where: str) -> Any:
    """Return `value` in the types of JSON; `where` is its dotted key."""
    if type(value) in _LEAVES:  # as most are
        return value
    if isinstance(value, CheckpointFiles):
        return None
    if isinstance(value, Enum):
        return value.value
    if isinstance(value, float) and not math.isfinite(value):
        raise IntegrityError(
            f"review: {where} is {value}, not a number; the measurement behind it cannot be "
            "trusted: look at the answers of that capability",
            id="review.not-finite",
        )
    if isinstance(value, tuple):
        return [_plain(part, f"{where}.{index}") for index, part in enumerate(value)]
    if isinstance(value, Mapping):
        return {key: _plain(value[key], _join(where, key)) for key in sorted(value)}
    return _fields(value, where) if is_dataclass(value) else value


_LEAVES = frozenset({str, int, bool, type(None)})

_PARTS = {"counts": CapabilityCounts, "evidence": CapabilityEvidence, "diagnostics": Diagnostics}
"""The records of a capability, whose fields stand side by side in JSON, in the order below."""

_ORDER = (
    "capability", "suite", "ring", "n_planned", "n_asked", "n_looks", "n_items", "n_unscored",
    "n_lost", "n_broken", "n_fixed", "n_effective", "square", "base_mean", "candidate_mean", "drop",
    "drop_interval", "margin", "p_held", "p_drop", "p_beyond", "method", "tasks", "ladders",
    "behaviour", "n_excluded", "distance", "shift", "classes", "uncut", "n_copies",
    "n_missing_base", "n_missing_candidate", "n_unreadable_base", "n_unreadable_candidate",
    "readable", "n_cut_base", "chance", "skill", "n_clusters", "n_effective_clusters", "n_empty",
    "n_in_all", "strata", "level", "next_level", "n_surface", "is_surface", "surface",
    "n_cut_candidate", "uncut_base",
)  # fmt: skip


def _fields(record: Any, where: str) -> dict[str, Any]:
    """Return a record's fields; of a capability those of its three records, side by side."""
    is_row = isinstance(record, CapabilityComparison)
    flat: dict[str, Any] = {}
    for field in fields(record):
        value = getattr(record, field.name)
        if isinstance(record, Policy) and field.name == "behaviour" and not value:
            continue  # an opt-in: without it a review is what it was before there was one
        if field.name in ("n_cut_candidate", "uncut_base") and not value:
            continue  # of that opt-in; of a base none of whose answers was cut
        if is_row and field.name in _PARTS:
            flat |= _fields(value, where)
        else:
            flat[field.name] = _plain(value, _join(where, field.name))
    return {name: flat[name] for name in _ORDER if name in flat} if is_row else flat


def _nested(value: dict[str, Any]) -> dict[str, Any]:
    """Return a review as it was read, with the fields of every capability in their records."""
    comparison = value.get("comparison")
    if not isinstance(comparison, dict) or not isinstance(comparison.get("capabilities"), list):
        return value
    rows = comparison["capabilities"]
    nested = [_in_records(row) if isinstance(row, dict) else row for row in rows]
    return {**value, "comparison": {**comparison, "capabilities": nested}}


def _give_ids(comparison: Any) -> None:
    """Make caveats of the sentences of an earlier layout; whatever else stands there is damage."""
    if not isinstance(comparison, dict):
        return
    sides = [(comparison.get(side), "notes") for side in ("base", "candidate")]
    for record, key in [(comparison, "caveats"), *sides]:
        if isinstance(record, dict) and isinstance(record.get(key), list):
            record[key] = [
                {"id": "unknown", "text": line} if isinstance(line, str) else line
                for line in record[key]
            ]


def _in_records(row: dict[str, Any]) -> dict[str, Any]:
    homes = {field.name: part for part, record in _PARTS.items() for field in fields(record)}
    nested: dict[str, Any] = {part: {} for part in _PARTS}
    for name, value in row.items():
        if name in homes:
            nested[homes[name]][name] = value
        elif name not in _PARTS:  # which JSON does not have, and is told of as an unknown key
            nested[name] = value
    return nested


def _join(where: str, key: str) -> str:
    return f"{where}.{key}" if where else key


def _escape(match: re.Match[str]) -> str:
    return json.dumps(match[0])[1:-1]


def _load(text: str, source: str) -> dict[str, Any]:
    try:
        value = parse_json(text, parse_constant=_refuse_constant)
    except json.JSONDecodeError as failure:
        raise UsageError(
            f"{source}:{failure.lineno}: not valid JSON: {failure.msg}; {_NEXT}",
            id="review.not-json",
        ) from None
    except ValueError as failure:
        raise UsageError(
            f"{source}: not valid JSON: {failure}; {_NEXT}", id="review.not-json"
        ) from None
    if not isinstance(value, dict):
        raise UsageError(
            f"{source}: expected an object, found a {type(value).__name__}; {_NEXT}",
            id="review.not-json",
        )
    return value


def _refuse_constant(name: str) -> NoReturn:
    raise ValueError(f"{name} is not a number of JSON")


def _check_format(value: dict[str, Any], source: str) -> None:
    if {"exit_code", "kind", "id", "message"} <= value.keys():
        raise UsageError(
            f"{source}: is no review but what a check left that ended with exit code "
            f"{value['exit_code']}: {cut_middle(str(value['message']), 300)}; mend that, run the "
            "check again, and give its review.json",
            id="review.is-failure",
        )
    if "format" not in value:
        raise UsageError(
            f"{source}: format: missing, so this is not a review; {_NEXT}", id="review.format"
        )
    number = value["format"]
    if not isinstance(number, int) or isinstance(number, bool) or number < 1:
        raise UsageError(
            f"{source}: format: expected a whole number, found {number!r}; {_NEXT}",
            id="review.format",
        )
    if number > REVIEW_FORMAT:
        raise UsageError(
            f"{source}: format: {number} is newer than this cliffguard, which reads up to "
            f"{REVIEW_FORMAT}; {_what_reads(value)}",
            id="review.newer",
        )


def _what_reads(value: Mapping[str, Any]) -> str:
    """Return what to install to read a newer review: the version that wrote it, as it says."""
    provenance = value.get("provenance")
    version = provenance.get("cliffguard_version") if isinstance(provenance, dict) else None
    if not isinstance(version, str) or not _VERSION.fullmatch(version):
        return "install the cliffguard that wrote it, or a newer one"
    return f"cliffguard {version} wrote it: pip install 'cliffguard>={version}'"


def _difference(
    read: Any, written: Any, where: str, may_lack: re.Pattern[str] | None
) -> str | None:
    """Say where what was read is not what would be written, or None where it is."""
    if read == written:  # compared as a whole, as nearly every part is the same
        return None
    if isinstance(read, dict) and isinstance(written, dict):
        for key in dict.fromkeys([*written, *read]):
            key_path, difference = _join(where, key), None
            if key not in written:
                difference = f"{key_path}: unknown key"
            elif key in read:
                difference = _difference(read[key], written[key], key_path, may_lack)
            elif may_lack is None or not may_lack.fullmatch(key_path):
                difference = f"{key_path}: missing"
            if difference is not None:
                return difference
        return None
    if isinstance(read, list) and isinstance(written, list) and len(read) == len(written):
        pairs = enumerate(zip(read, written, strict=True))
        steps = (_difference(*pair, f"{where}.{index}", may_lack) for index, pair in pairs)
        return next((step for step in steps if step is not None), None)
    return f"{where}: expected {written!r}, found {read!r}"
