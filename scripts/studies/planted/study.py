"""Is the largest cause that the diagnosis names the one that was planted?

    python -m scripts.studies.planted.study [--answers reports/planted/answers]
        [--texts scripts/studies/planted/texts] [--out reports/planted]

Reads what `answers.py` recorded of adapters that were trained to fail, and answers that somebody
wrote who had not read the rules. Writes `README.md`.
"""

from __future__ import annotations

import argparse
from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from cliffguard.compare.diagnostics.causes import CauseTable, count_causes
from cliffguard.compare.diagnostics.patterns import find_patterns
from cliffguard.compare.diagnostics.restated import with_restated
from cliffguard.core.diagnosis import CapabilityDiagnosis, CauseName, Pattern
from cliffguard.report.named_first import named_first
from scripts.studies.page import publish, table
from scripts.studies.planted.joined import (
    Case,
    read_rows,
    recorded_cases,
    recorded_patterns,
    scripted_cases,
)  # fmt: skip

KINDS = (
    "cut", "degenerate", "format", "bad_call", "refusal", "wrong_language", "leak", "suppressed",
    "lost",
)  # fmt: skip
ANSWERS = Path("reports/planted/answers")
TEXTS = Path("scripts/studies/planted/texts")
HELD_OUT = Path("scripts/studies/planted/held_out")


@dataclass(frozen=True)
class Named:
    """What the diagnosis said of one case; `largest` is None where nothing broke.

    `first` is what the report's first line names: a cause, a kind of pattern, or "nothing".
    """

    kind: str
    case: str
    n_broken: int
    n_fixed: int
    n_planted: int
    largest: str | None
    is_found: bool
    first: str

    @property
    def is_first(self) -> bool:
        """Whether the first line names the planted cause, and of *lost* nothing."""
        return self.first == ("nothing" if self.kind == "lost" else self.kind)

    @property
    def is_right(self) -> bool:
        """Whether the largest cause is the planted one."""
        return self.largest == self.kind

    def row(self) -> dict[str, Any]:
        """Return it as a row of a table."""
        return {
            "kind": self.kind,
            "case": self.case,
            "broken": self.n_broken,
            "fixed": self.n_fixed,
            "of the planted cause": self.n_planted,
            "largest cause": self.largest,
            "found": "yes" if self.is_found else "no",
            "named": "right" if self.is_right else "wrong",
            "first line": self.first,
        }


def named(case: Case) -> Named:
    """Return what the diagnosis says of a case, which is all of its report."""
    causes = count_causes({case.name: case.items}, case.leaks, {case.name: case.probes})[case.name]
    first = causes.causes[0] if causes.causes else None
    return Named(
        kind=case.kind,
        case=case.name,
        n_broken=len(case.broken),
        n_fixed=sum(item.is_fixed for item in case.items),
        n_planted=_n_of(causes, case.kind),
        largest=None if first is None else first.cause,
        is_found=first is not None and first.is_found,
        first=_first_line(case, causes),
    )


def _first_line(case: Case, causes: CauseTable) -> str:
    patterns = with_restated(find_patterns({case.name: case.items}), {case.name: causes.by_item})
    drops = [item.drop for item in case.items]
    first = named_first(
        CapabilityDiagnosis(
            capability=case.name,
            n_items=len(drops),
            n_broken=len(case.broken),
            n_fixed=sum(drop < 0 for drop in drops),
            loss=sum(drop for drop in drops if drop > 0),
            gain=sum(-drop for drop in drops if drop < 0),
            causes=causes.causes,
            untested=causes.untested,
            patterns=patterns.by_capability[case.name],
        )
    )
    if first is None:
        return "nothing"
    return first.kind if isinstance(first, Pattern) else first.cause


def _n_of(causes: CauseTable, kind: str) -> int:
    return sum(count.n_items for count in causes.causes if count.cause == kind)


def ten_of_each(recorded: Sequence[Named], scripted: Sequence[Named]) -> list[Named]:
    """Return ten cases of each cause: the adapter's where there is one, else the scripted ones."""
    of_adapters = {row.kind for row in recorded}
    chosen = [*recorded, *(row for row in scripted if row.kind not in of_adapters)]
    return sorted(
        (row for row in chosen if row.kind in KINDS), key=lambda row: KINDS.index(row.kind)
    )


def healthy_found(cases: Iterable[Case]) -> list[tuple[str, list[CauseName]]]:
    """Return of every healthy case the causes that are named as found."""
    result = []
    for case in cases:
        tables = count_causes({case.name: case.items}, case.leaks, {case.name: case.probes})
        causes = tables[case.name].causes
        result.append((case.name, [count.cause for count in causes if count.is_found]))
    return result


def is_first_option(pattern: Pattern | None) -> bool:
    """Return whether a pattern is what was planted, in either of its two forms.

    It is a pull to the choice that is listed first, and so a loss where the right one is not.
    """
    return pattern is not None and (
        pattern.kind == "position" or pattern.key in ("pull:listed:1", "pull:mentioned:1")
    )


def patterns_of(cases: Iterable[Case]) -> list[dict[str, Any]]:
    """Return of every case of one pattern, which is all of its report, what is named first."""
    rows = []
    for case in cases:
        patterns = find_patterns({case.name: case.items}).by_capability[case.name]
        first = patterns[0] if patterns else None
        is_right = first is not None and first.is_found and is_first_option(first)
        rows.append({
            "case": case.name,
            "broken": len(case.broken),
            "fixed": sum(item.is_fixed for item in case.items),
            "first pattern": None if first is None else first.name,
            "its kind": None if first is None else first.kind,
            "found": "yes" if first is not None and first.is_found else "no",
            "named": "right" if is_right else "wrong",
        })  # fmt: skip
    return rows


# --- the report -----------------------------------------------------------------------------------


def _share(rows: Sequence[Named]) -> str:
    return f"{sum(row.is_right for row in rows)} of {len(rows)}"


def _n_first(rows: Sequence[Named]) -> str:
    return f"{sum(row.is_first for row in rows)} of {len(rows)}"


def _weak(rows: Sequence[Named]) -> str:
    n_right = {kind: sum(row.is_right for row in rows if row.kind == kind) for kind in KINDS}
    n_cases = {kind: sum(row.kind == kind for row in rows) for kind in KINDS}
    weak = [f"*{kind}* ({n_right[kind]} of {n})" for kind, n in n_cases.items()
            if 2 * n_right[kind] < n]  # fmt: skip
    return ", ".join(weak) or "none"


def _n_right(rows: Sequence[dict[str, Any]]) -> int:
    return sum(row["named"] == "right" for row in rows)


def _by_kind(rows: Sequence[Named], source: str) -> list[dict[str, Any]]:
    lines = []
    for kind in KINDS:
        of_kind = [row for row in rows if row.kind == kind]
        if of_kind:
            lines.append({
                "kind": kind,
                "from": source,
                "cases": len(of_kind),
                "broken": sum(row.n_broken for row in of_kind),
                "of the planted cause": sum(row.n_planted for row in of_kind),
                "right": sum(row.is_right for row in of_kind),
                "found": sum(row.is_found and row.is_right for row in of_kind),
                "first line": sum(row.is_first for row in of_kind),
            })  # fmt: skip
    return lines


_HOW = (
    "*Adapters* are LoRA adapters of SmolLM2-135M-Instruct, each trained to fail in a "
    "single way (`scripts/studies/planted/recipes.py`), and asked ten kinds of short questions "
    "(`scripts/studies/planted/answers.py`; 20 items a case). *Scripted* answers were "
    "written by somebody who had read "
    "neither the rules nor the code, but those of *bad_call*, whose wrong calls a program drew "
    "that was written after their reader: they show that it tells calls from wrong values, and "
    "not how it does on others. In each case some of the broken items show something "
    "else. The readers of refusals, languages and leaks were mended after these texts had been "
    "read: for them these are texts of development, and do not say how they do on others. "
    "Of the scripted cases *lost* and *suppressed* look alike: what probes said is "
    "scripted, too (none recovered; three of four recovered, and the capability proven), so "
    "that they try whether another cause claims such answers, and no probe. The others "
    "were not probed. An adapter's training rows are what --train would give. *Found* is "
    "that Fisher's test proves the largest cause in a case alone, by all wrong answers of the "
    "candidate against all of the base."
)
_CHANGED = (
    "Questions and recipes were changed once, by reading answers and before the diagnosis read "
    "any of them: questions that the base hardly ever had right went; *format* is trained for "
    "fewer steps, since at first it lost the right answers, too; *wrong_language* at a lower "
    "rate, since at first it went in circles in Spanish."
)


def _trained(adapters: Sequence[dict[str, Any]]) -> list[dict[str, Any]]:
    return [
        {"adapter": row["planted"], "steps": row["recipe"]["n_steps"],
         "learning rate": str(row["recipe"]["learning_rate"]), "rows": row["n_rows"],
         "SHA-256 of the rows": f"`{row['rows'][:16]}…`",
         "SHA-256 of the weights": f"`{row['weights'][:16]}…`"}
        for row in adapters
    ]  # fmt: skip


def as_markdown(
    recorded: Sequence[Named],
    scripted: Sequence[Named],
    healthy: Sequence[tuple[str, list[CauseName]]],
    patterns: Sequence[dict[str, Any]],
    adapters: Sequence[dict[str, Any]],
    held_out: Sequence[Named],
) -> str:
    """Return the tables."""
    proof = ten_of_each(recorded, scripted)
    n_healthy = sum(bool(causes) for _, causes in healthy)
    parts = [
        "# Planted causes",
        f"The largest cause that the diagnosis names is the planted one in **{_share(proof)}** "
        "cases: ten of each cause, answers of an adapter where there is one, else scripted. Of "
        f"adapters {_share(recorded)}; of all scripted answers {_share(scripted)}, and less than "
        f"half of {_weak(scripted)}. The ten of *bad_call* are no proof of its reader: they were "
        "drawn after it was there.",
        f"The report's first line names it in **{_n_first(proof)}**: of *lost* it is right to "
        "name nothing. The others are named by something else that is found, or by nothing, where "
        "the comparison leaves the cause open.",
        "    python -m scripts.studies.planted.study",
        _HOW,
        "## Sums",
        table([*_by_kind(recorded, "adapter"), *_by_kind(scripted, "script")]),
        "## Ten cases of each cause",
        table([row.row() for row in proof]),
        "## All scripted cases",
        table([row.row() for row in scripted]),
        "## Answers that nobody developed on",
        "Seventy more cases by another writer who had read neither rules nor code, "
        f"which no reader was changed by: {_share(held_out)} are named right.",
        table(_by_kind(held_out, "held out")),
        table([row.row() for row in held_out if not row.is_right]),
        "## Healthy scripted cases",
        f"Both sides err alike, in 12 items each. A cause is found in {n_healthy} of "
        f"{len(healthy)}.",
        "## A planted pattern: always the first option",
        "The same ten kinds of questions with three options each, 36 items a case; the right "
        f"one is first in a third of them. Named first, and found, in {_n_right(patterns)} of "
        f"{len(patterns)} cases, as a pull to the choice listed first or as the place of the right "
        "answer (the pull was let count after the first result had been seen: by the place alone "
        "none is right); these are not among the cases above.",
        table(patterns) if patterns else "None was recorded.",
        "## The adapters",
        _CHANGED,
        table(_trained(adapters)),
    ]
    return "\n\n".join(parts) + "\n"


def main() -> None:
    """Read the answers and write the page."""
    parser = argparse.ArgumentParser(description=(__doc__ or "").splitlines()[0])
    parser.add_argument("--answers", type=Path, default=ANSWERS, help="what answers.py wrote")
    parser.add_argument("--texts", type=Path, default=TEXTS, help="scripted cases")
    parser.add_argument("--held-out", type=Path, default=HELD_OUT, help="more of them")
    parser.add_argument("--out", type=Path, default=Path("reports/planted"))
    arguments = parser.parse_args()
    cases = list(scripted_cases(arguments.texts))
    text = as_markdown(
        [named(case) for case in recorded_cases(arguments.answers)],
        [named(case) for case in cases if case.kind in KINDS],
        healthy_found(case for case in cases if case.kind not in KINDS),
        patterns_of(recorded_patterns(arguments.answers)),
        read_rows(arguments.answers / "adapters.jsonl"),
        [named(case) for case in scripted_cases(arguments.held_out) if case.kind in KINDS],
    )
    publish(text, arguments.out / "README.md")


if __name__ == "__main__":
    main()
