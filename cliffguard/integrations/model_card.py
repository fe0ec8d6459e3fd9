"""A review in a model card: what a fine-tune kept, as a section for people and entries for a hub.

Names and numbers alone stand there: no prompt, no answer, no reason that quotes one.
"""

from __future__ import annotations

import codecs
import re
from collections.abc import Iterator
from functools import partial
from pathlib import Path
from typing import Any

import yaml

from cliffguard.core.errors import InfrastructureError, UsageError
from cliffguard.core.files import read_error, write_whole
from cliffguard.core.hub_names import is_offline, without_prefix
from cliffguard.core.reviews import Finding, Review
from cliffguard.integrations.card_section import with_section
from cliffguard.integrations.front_matter import head_of, with_entries
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.clean import cleaned, one_line
from cliffguard.report.markdown import escape_cell, table_of
from cliffguard.report.page import lay_out

CARD = "README.md"
"""What a hub calls the card of a model."""

_SHOWN = 12  # hexadecimal digits of a fingerprint, as `store ls` shows them
_ROLES = {"gating": "gates", "target": "target", "monitored": "monitored"}


def with_card(content: bytes, review: Review, where: str, *, section_only: bool = False) -> bytes:
    """Return a model card's bytes with the section and the entries of a review.

    All that does not stand between our marks stays byte for byte; a second time changes nothing.
    Raises UsageError for a card that is not UTF-8, or of which that cannot be kept.
    """
    mark = codecs.BOM_UTF8 if content.startswith(codecs.BOM_UTF8) else b""
    try:
        text = content.removeprefix(mark).decode("utf-8")
    except UnicodeDecodeError as failure:
        raise UsageError(
            f"{where}: not UTF-8 text (byte {failure.start}); save it as UTF-8",
            id="text.not-utf-8",
        ) from None
    review = cleaned(review)
    first = re.search(r"\r\n|\n", text)  # behind a lone \r a hub sees no end of the YAML
    newline = first[0] if first else "\n"
    if not section_only:
        results = list(_results_of(review))
        entry = partial(_model, one_line(review.comparison.candidate.label), results)
        text = with_entries(text, entry if results else None, where, newline)
    made = with_section(text, section_of(review), where, newline, head=head_of(text))
    return mark + made.encode()


def begins_with_mark(content: bytes) -> bool:
    """Return whether a card begins with a byte-order mark, behind which a hub sees no YAML."""
    return content.startswith(codecs.BOM_UTF8)


# --- for people ----------------------------------------------------------------------------------


def section_of(review: Review) -> str:
    """Return the section of a clean review, in Markdown whose lines end in line feeds."""
    page = lay_out(review)
    head = (
        "capability", "role", "outcome", "base → fine-tune", "drop", page.interval_head, "margin",
        "items",
    )  # fmt: skip
    base, candidate = review.comparison.base, review.comparison.candidate
    suites = ", ".join(
        f"{escape_cell(suite.name)} {suite.version} (`{suite.digest[:_SHOWN]}`)"
        for suite in review.provenance.suites
    )
    version = review.provenance.cliffguard_version
    lines = [
        "## Retention",
        f"{page.mark} **{page.outcome}**: what this fine-tune kept of its base, "
        f"{escape_cell(page.base)}, by cliffguard {escape_cell(version)}. "
        "A drop is base − fine-tune; HELD: one as large as the margin is excluded.",
        table_of(head, "lllrrrrr", [_cells(row) for row in page.rows]),
        f"Base `{base.fingerprint[:_SHOWN]}`, fine-tune `{candidate.fingerprint[:_SHOWN]}`"
        f"{f'; suites: {suites}' if suites else ''}.",
    ]
    return "\n\n".join(lines) + "\n"


def _cells(row: CapabilityRow) -> list[str]:
    finding = row.finding
    standing = f", {row.standing}" if row.standing else ""
    cells = (
        row.capability,
        _ROLES[finding.role],
        f"{row.mark} {finding.outcome}{standing}",
        row.change,
        row.drop,
        row.interval,
        row.margin,
        row.n_items,
    )
    return [escape_cell(cell) for cell in cells]


# --- for a hub -----------------------------------------------------------------------------------


def _model(name: str, results: list[dict[str, Any]], known: str | None) -> str:
    """Return the list of one model for `model-index`; `known` is how its card calls it already."""
    entry = [{"name": name if known is None else known, "results": results}]
    return yaml.safe_dump(entry, sort_keys=False, width=1_000_000)


def _results_of(review: Review) -> Iterator[dict[str, Any]]:
    """Yield a result of each capability that was measured, with its two numbers."""
    measured = {each.capability: each for each in review.comparison.capabilities}
    versions = {suite.name: suite for suite in review.provenance.suites}
    for finding in review.verdict.findings:
        comparison = measured.get(finding.capability)
        if comparison is None or comparison.evidence.drop is None or finding.behaviour is not None:
            continue
        evidence = comparison.evidence
        points = "lower is better" if comparison.direction == "lower" else "higher is better"
        suite = versions.get(finding.suite)
        yield {
            "task": {"type": "text-generation", "name": "Retention after fine-tuning"},
            "dataset": {
                "type": f"cliffguard-{one_line(finding.suite)}",
                "name": f"{one_line(finding.capability)} ({one_line(finding.suite)})",
                **({} if suite is None else {"revision": suite.digest[:_SHOWN]}),
            },
            "metrics": [
                {
                    "type": "score",
                    "name": f"mean score of the fine-tune ({points})",
                    "value": comparison.in_own_numbers(evidence.candidate_mean),
                },
                {
                    "type": "drop",
                    "name": f"drop from the base ({_judged(finding)})",
                    "value": evidence.drop,
                },
            ],
        }


def _judged(finding: Finding) -> str:
    if finding.margin is None:
        return str(finding.outcome)
    if finding.role == "target":
        return f"{finding.outcome}, demanded gain above {-finding.margin + 0.0:g}"
    return f"{finding.outcome}, margin {finding.margin:g}"


def card_on_hub(repo_id: str) -> bytes:
    """Return the card of a model on a hub; empty where it has none yet.

    Raises UsageError for a name that is not there, InfrastructureError where the hub is not.
    """
    from huggingface_hub import errors, hf_hub_download

    try:
        return Path(hf_hub_download(without_prefix(repo_id), CARD)).read_bytes()
    except (errors.EntryNotFoundError, FileNotFoundError) as failure:
        if isinstance(failure, errors.LocalEntryNotFoundError):
            raise _unreachable(repo_id, failure) from None
        return b""
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError, _http_error()) as failure:
        raise _refused_by_hub(repo_id, failure) from None


def push_card(repo_id: str, content: bytes) -> str:
    """Put a card on a hub, in one commit; return its address.

    Raises UsageError where the hub refuses it, InfrastructureError where it cannot be reached.
    """
    from huggingface_hub import HfApi, errors

    try:
        commit = HfApi().upload_file(
            path_or_fileobj=content,
            path_in_repo=CARD,
            repo_id=without_prefix(repo_id),
            commit_message="Retention, as cliffguard measured it",
        )
    except (errors.HfHubHTTPError, errors.HFValidationError, OSError, _http_error()) as failure:
        raise _refused_by_hub(repo_id, failure) from None
    return str(commit.commit_url)


def refuse_push(repo_id: str) -> None:
    """Raise UsageError for what is no name of a model on a hub, and where none may be asked."""
    if re.fullmatch(r"(?:hf:)?[A-Za-z0-9][\w.-]*/[A-Za-z0-9][\w.-]*", repo_id) is None:
        raise UsageError(
            f"--push {repo_id}: no name of a model on a hub; write org/name", id="hub.bad-name"
        )
    if is_offline():
        raise UsageError(
            "--push: HF_HUB_OFFLINE is set, so that nothing is sent; unset it, or write the card "
            "with --readme alone",
            id="hub.offline",
        )


def read_card(path: Path) -> bytes:
    """Return the bytes of a card; none where it is not there yet."""
    try:
        return path.read_bytes()
    except FileNotFoundError:
        return b""
    except OSError as failure:
        raise read_error(path, failure) from None


def write_card(path: Path, content: bytes) -> None:
    """Write a card whole, or not at all."""
    write_whole(path, content)


def _http_error() -> type[Exception]:
    """Return what the HTTP library in use raises."""
    from huggingface_hub import errors

    error: type[Exception] = vars(errors)["HTTPError"]
    return error


def _refused_by_hub(repo_id: str, failure: Exception) -> UsageError | InfrastructureError:
    status = getattr(getattr(failure, "response", None), "status_code", None)
    if status is None or status >= 500 or status == 429:
        return _unreachable(repo_id, failure)
    return UsageError(
        f"--push {repo_id}: the hub refuses it ({status}); check the name, and that you are logged "
        "in with a token that may write there",
        id="hub.refused",
    )


def _unreachable(repo_id: str, failure: Exception) -> InfrastructureError:
    return InfrastructureError(
        f"--push {repo_id}: the hub cannot be reached ({type(failure).__name__}); try again",
        id="hub.unreachable",
    )
