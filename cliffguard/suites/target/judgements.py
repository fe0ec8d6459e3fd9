"""Columns that judge the answers: those that are not right would count as right."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.core.texts import cut_middle, first_of, n_things
from cliffguard.suites.target.cells import from_json, is_safe, rewritten, shown
from cliffguard.suites.target.columns import Columns
from cliffguard.suites.target.drafts import ParsedRow
from cliffguard.suites.target.known import REFERENCES, are_labels, folded, last_name, quoted
from cliffguard.suites.target.verdicts import grades, rejecting

_NAMED = 4  # values that a message names
_RIGHT = ("target", "expected", *REFERENCES)
_BY_MODEL = (
    "response", "output", "completion", "reply", "generation", "generated_text", "prediction",
    "predictions", "generated", "predicted", "model_answer", "model_output", "model_response",
    "llm_output", "llm_answer", "llm_response", "predicted_answer", "student_answer",
    "generated_answer", "generated_response",
)  # fmt: skip


def refuse_judgements(drafts: Sequence[ParsedRow], columns: Columns) -> None:
    """Raise SuiteError where a column that nothing reads says that some answers are not right.

    So does one of scores that differ; but what stands beside a model's output judges that.
    """
    left = [folded(last_name(name)) for name in columns.left]
    if columns.answer is not None and any(name in _BY_MODEL for name in left):
        return
    is_text = not (columns.choices or _is_label(columns.answer))
    for name, values in _columns(drafts, columns.left):
        if bad := rejecting(name, values, is_text=is_text):
            raise _judged(name, bad, drafts, columns)
        if is_text and (given := grades(name, values)):
            listed = first_of([shown(value) for value in given], _NAMED)
            raise SuiteError(
                f"{drafts[0].row.source}: {cut_middle(name)!r} may say how good the answers are "
                f"({listed}), and all would count as right; leave out the rows whose answer is not "
                f"right; --target-ignore {quoted(name)} says that it is of something else (in a "
                "plan, target: {ignore: […]})",
                id="target.judged-answers",
            )


def _is_label(answer: str | None) -> bool:
    return answer is not None and (folded(last_name(answer)) in _RIGHT or are_labels(answer))


def _columns(
    drafts: Sequence[ParsedRow], left: Sequence[str]
) -> Iterator[tuple[str, Sequence[Any]]]:
    """Yield columns and what stands by name inside of them, with their values."""
    for column in left:
        values = [draft.row.value.get(column) for draft in drafts]
        held = [opened for value in values if isinstance(opened := from_json(value), Mapping)]
        yield column, values
        for key in dict.fromkeys(str(key) for mapping in held for key in mapping):
            yield f"{column}.{key}", [mapping.get(key) for mapping in held]


def _judged(
    name: str, bad: Sequence[Any], drafts: Sequence[ParsedRow], columns: Columns
) -> SuiteError:
    source = drafts[0].row.source
    n_bad = sum(_at(draft, name) in bad for draft in drafts)
    how = "leave such rows out"
    if is_safe("".join(map(str, (name, *bad)))) and n_bad < len(drafts):
        made = rewritten(
            source,
            "r",
            f"if at(r, {name!r}) not in {tuple(bad)!r}",
            more="from cliffguard.suites.target import at",
        )
        how = f"{made} leaves them out"
    listed = first_of([shown(value) for value in bad], _NAMED)
    of_what = "the last turn" if columns.answer is None else columns.answer
    return SuiteError(
        f"{source}: {cut_middle(name)!r} is {listed} in {n_bad} of "
        f"{n_things(len(drafts), 'row')}, where {of_what} would then not be right; {how}; "
        f"--target-ignore {quoted(name)} takes {of_what} as right in all rows, whatever it says "
        "(in a plan, target: {ignore: […]})",
        id="target.judged-answers",
    )


def _at(draft: ParsedRow, name: str) -> Any:
    value = draft.row.value
    if name in value:
        return value[name]
    column = next(key for key in value if name.startswith(f"{key}."))
    held = from_json(value[column])
    return held.get(name[len(column) + 1 :]) if isinstance(held, Mapping) else None
