"""What probes brought back of broken items, beside what the base brought back of fixed ones."""

from __future__ import annotations

from collections.abc import Iterator, Sequence

from cliffguard.core.diagnosis import CapabilityDiagnosis, Diagnosis, ProbeResult
from cliffguard.report import numbers
from cliffguard.report.blocks import (
    Block,
    Heading,
    Listing,
    Paragraph,
    TableBlock,
    TableRow,
    columns,
)
from cliffguard.report.clean import one_line

_HEADERS = (
    "capability", "broken, asked", "recovered", "fixed, asked", "recovered by the base",
    "difference", "90 % interval", "suppressed",
)  # fmt: skip
_ABOUT = (
    "Broken items were asked again in other forms, and of the base those that the candidate "
    "gained: what comes back more often than there is suppressed, not lost."
)


def probe_blocks(every: Sequence[CapabilityDiagnosis], diagnosis: Diagnosis) -> Iterator[Block]:
    """Yield what was asked again and came back, by capability, and what was not asked, and why."""
    probed = [(each.capability, each.probes) for each in every if each.probes is not None]
    yield Heading(text="Probes", is_brief=False)
    if probed:
        yield Paragraph(text=_ABOUT, is_brief=False)
        yield TableBlock(
            columns=columns(*_HEADERS, left={"capability", "suppressed"}),
            rows=tuple(_row(capability, probes) for capability, probes in probed),
            brief="none",
        )
    lines = [line for capability, probes in probed for line in _forms(capability, probes)]
    lines += _unprobed(every)
    yield Listing(lines=tuple(lines), is_brief=False)
    if diagnosis.probe_tokens and diagnosis.run_tokens:
        part = numbers.percent(diagnosis.probe_tokens / diagnosis.run_tokens)
        yield Paragraph(
            text=f"Probes took {diagnosis.probe_tokens:,} tokens, {part} of the "
            f"{diagnosis.run_tokens:,} of the run.",
            is_brief=False,
        )


def _row(capability: str, probes: ProbeResult) -> TableRow:
    return TableRow(
        cells=(
            one_line(capability),
            f"{probes.n_broken:,}",
            numbers.percent(probes.recovery),
            f"{probes.n_fixed:,}",
            numbers.percent(probes.base_recovery),
            numbers.points(probes.difference),
            numbers.points_range(probes.difference_interval),
            "yes" if probes.is_suppressed else "not proven",
        )
    )


def _forms(capability: str, probes: ProbeResult) -> Iterator[str]:
    """Yield how much came back under each form, and which forms could not be asked."""
    words = [
        f"{form.name} {form.n_broken_recovered:,} of {probes.n_broken:,} (base "
        f"{form.n_fixed_recovered:,} of {probes.n_fixed:,})"
        for form in probes.forms
    ]
    untried = f"; not asked: {', '.join(map(one_line, probes.untried))}" if probes.untried else ""
    yield f"{one_line(capability)}, by form: {', '.join(words)}{untried}"


def _unprobed(every: Sequence[CapabilityDiagnosis]) -> Iterator[str]:
    """Yield why capabilities were not asked again, those of one reason together."""
    why: dict[str, list[str]] = {}
    for each in every:
        if each.probes is None:
            why.setdefault(one_line(each.unprobed), []).append(one_line(each.capability))
    for reason, names in why.items():
        yield f"Not probed: {', '.join(names)}{f': {reason}' if reason else ''}"
