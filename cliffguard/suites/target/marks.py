"""Cells that say, in a program's words, that there is nothing: NULL, \\N, nan, #N/A, ####."""

from __future__ import annotations

import re
from collections.abc import Collection, Sequence
from dataclasses import replace
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.core.settings import TargetData
from cliffguard.core.texts import n_things, plural
from cliffguard.suites.rows import Row
from cliffguard.suites.target.cells import as_text, is_safe, rewritten
from cliffguard.suites.target.columns import Columns, in_braces
from cliffguard.suites.target.drafts import ParsedRow
from cliffguard.suites.target.metrics import ScoringPlan

_SURE = frozenset(
    {"NULL", "null", "Null", "\\N", "nan", "NaN", "NAN", "-nan", "-NaN", "<NA>", "<na>", "NaT"}
    | {"(null)", "<null>", "[null]", "[NULL]", "(NULL)", "undefined", "None", "#N/A", "#NA"}
    | {"#N/A N/A", "#VALUE!", "#REF!", "#NAME?", "#DIV/0!", "#NUM!", "#NULL!", "#ERROR!", "#SPILL!"}
    | {"#CALC!", "#NV", "#WERT!", "#BEZUG!", "#VALEUR!", "#¡VALOR!", "#VALOR!", "(blank)", "(Leer)"}
    | {"(empty)", "<missing>", "<blank>", "<empty>", "<nooutput>", "1.#QNAN", "1.#IND", "-1.#IND"}
)
"""What databases, pandas, R and spreadsheets write for nothing, as they write it."""

_LIKELY = frozenset(
    {"N/A", "n/a", "NA", "N.A.", "n.a.", "k.A.", "k. A.", "s/o", "n/d", "N/D", "---"}
)
"""What people write for nothing, or as a label of their own."""

_ALL = _SURE | _LIKELY

_TOO_NARROW = re.compile(r"#{3,}")
"""What a spreadsheet shows, and writes into a CSV, where a column is too narrow for a number."""

_NO_INPUT = frozenset({"<noinput>", "<no input>", "noinput", "no input", "<no-input>", "no input."})
"""What Alpaca's rows, as Self-Instruct writes them, say where `input` is blank."""


def is_mark(value: Any) -> bool:
    """Return whether a cell is a program's word for nothing, or a person's."""
    return isinstance(value, str) and _is_among(value.strip(), _ALL)


def _is_among(text: str, marks: Collection[str]) -> bool:
    return text in marks or _TOO_NARROW.fullmatch(text) is not None


def without_no_input(rows: Sequence[Row]) -> tuple[Sequence[Row], str | None]:
    """Return the rows with a blank `input` where it says that there is none, and how many."""
    texts = [row.value.get("input") for row in rows]
    none = [text for text in texts if _says_no_input(text)]
    if not none:
        return rows, None
    kept = [
        replace(row, value={**row.value, "input": ""}) if _says_no_input(text) else row
        for row, text in zip(rows, texts, strict=True)
    ]
    n = f"{len(none)} of {n_things(len(rows), 'row')}"
    return kept, f"input is {none[0].strip()!r} in {n}, and read as blank there."


def _says_no_input(value: Any) -> bool:
    return isinstance(value, str) and value.strip().casefold() in _NO_INPUT


def refuse_marks(
    drafts: Sequence[ParsedRow], columns: Columns, way: ScoringPlan, target: TargetData
) -> str | None:
    """Raise SuiteError where a word for nothing would be asked, or be a choice or right.

    As an answer it may be meant: whoever names the labels, or a metric of texts, says so. Then it
    is counted in a note, which is returned.
    """
    for column in (*columns.prompts, *columns.choices, *filter(None, [columns.system])):
        marks = _SURE if column in columns.choices or not in_braces(columns.prompt) else _ALL
        marks -= {"None"}
        marked = [draft for draft in drafts if _is_among(_cell(draft, column), marks)]
        if marked:
            raise _in_question(column, marked, drafts, columns)
    marked = [
        draft
        for draft in drafts
        for answer in draft.answers
        if is_mark(answer) and as_text(answer) not in draft.choices
    ]
    if not marked or target.labels:
        return None
    mark = next(as_text(answer) for answer in marked[0].answers if is_mark(answer))
    n = f"{len(marked)} of {n_things(len(drafts), 'right answer')}"
    n += plural(len(marked), " is", " are")
    if target.metric is not None and not way.is_choice:
        return f"{n} a word for nothing, such as {mark!r}, and taken as it is written."
    raise SuiteError(
        f"{marked[0].row.where}: the answer is {mark!r}, which programs and people write where "
        f"there is none, as {n}; {_leaving_out(marked[0], columns.answer)}; where it is an answer, "
        f"{_meaning(way)} says so",
        id="target.missing-mark",
    )


def _cell(draft: ParsedRow, column: str) -> str:
    value = draft.row.value.get(column)
    return value.strip() if isinstance(value, str) else ""


def _meaning(way: ScoringPlan) -> str:
    if way.is_choice:
        return "--target-labels with each label, once for each (in a plan, target: {labels: […]})"
    return f"--target-metric {way.metric} (in a plan, target: {{metric: {way.metric}}})"


def _leaving_out(draft: ParsedRow, column: str | None) -> str:
    if column is None or not is_safe(column):
        return "leave such rows out"
    source, more = draft.row.source, "from cliffguard.suites.target import at, is_mark"
    if len(draft.answers) > 1:
        more = "from cliffguard.suites.target import is_mark, right_answers"
        kept = f"[a for a in right_answers(r, {column!r}) if not is_mark(a)]"
        return f"{rewritten(source, f'{{**r, {column!r}: {kept}}}', more=more)} leaves it out"
    made = rewritten(source, "r", f"if not is_mark(at(r, {column!r}))", more=more)
    return f"{made} leaves such rows out"


def _in_question(
    column: str, marked: Sequence[ParsedRow], drafts: Sequence[ParsedRow], columns: Columns
) -> SuiteError:
    """Return the error of a part of a question that is a word for nothing."""
    draft, how = marked[0], "leave it blank there"
    is_part = len(columns.prompts) > 1 or column not in columns.prompts
    if is_safe(column) and column in draft.row.value:
        cell = f"at(r, {column!r})"
        more = "from cliffguard.suites.target import at, is_mark"
        blank = f"{{**r, {column!r}: '' if is_mark({cell}) else {cell}}}"
        made = (
            rewritten(draft.row.source, blank, more=more)
            if is_part
            else rewritten(draft.row.source, "r", f"if not is_mark({cell})", more=more)
        )
        how = f"{made} {'leaves it blank there' if is_part else 'leaves such rows out'}"
    return SuiteError(
        f"{draft.row.where}: {column} is {_cell(draft, column)!r}, which programs and people write "
        f"where there is nothing, as in {len(marked)} of {n_things(len(drafts), 'row')}; {how}",
        id="target.missing-mark",
    )
