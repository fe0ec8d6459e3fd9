"""How a target's data were read, for people: columns, metric, what was left out, two prompts."""

from __future__ import annotations

import json
from collections.abc import Iterator, Sequence
from dataclasses import dataclass
from typing import Any

from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import SuiteError
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.texts import cut_middle, first_of, n_things, plural
from cliffguard.suites.numbers import number_in
from cliffguard.suites.rows import has_header
from cliffguard.suites.target.cells import texts_in
from cliffguard.suites.target.chats import chat_in, has_thoughts
from cliffguard.suites.target.columns import Columns, in_braces, named_parts
from cliffguard.suites.target.drafts import ParsedRow
from cliffguard.suites.target.known import is_passages, says
from cliffguard.suites.target.metrics import ScoringPlan
from cliffguard.suites.target.rights import unwrapped

MOST_CONFLICTS = 0.05
"""Share of rows that may be left out since others answer their prompt otherwise."""

_N_SHOWN = 2  # prompts
_N_CHARACTERS = 300  # of a prompt that is shown
_N_LISTED = 5  # labels


@dataclass(frozen=True, slots=True, kw_only=True)
class Reading:
    """A target's suite, and how its data were read. `notes` are sentences."""

    suite: Suite
    source: str
    n_rows: int
    columns: Columns
    way: ScoringPlan
    notes: tuple[str, ...]

    @property
    def task(self) -> Task:
        """The one task of the suite."""
        return self.suite.capabilities[0].tasks[0]

    def lines(self) -> Iterator[str]:
        """Yield what was read and the first prompts, a line each."""
        n_items = len(self.task.items)
        yield f"{self.source}: {n_things(self.n_rows, 'row')}, {n_things(n_items, 'item')}"
        parts = named_parts(self.columns)
        descriptions = [f"{part} = {' + '.join(names)}" for part, names in parts.items()]
        if self.columns.answer is None:
            descriptions.append(f"answer = the last turn of {self.columns.prompt}")
        if self.task.are_chats:
            descriptions.append("asked turn by turn, as chats")
        if self.columns.layout is not None:
            descriptions.append(f"as {self.columns.layout.name} has them")
        yield f"  read: {'; '.join(descriptions)}"
        if self.columns.left or self.columns.ignored:
            ignored = f"; ignored: {', '.join(self.columns.ignored)}"
            left = f"  left: {', '.join(self.columns.left) or 'nothing'}"
            yield left + (ignored if self.columns.ignored else "")
        yield f"  metric: {self.way.metric} ({self.way.why}){self._choices()}"
        yield from (f"  note: {note}" for note in self.notes)
        yield from (prompt_line(item, item.prompt) for item in self.task.items[:_N_SHOWN])

    def _choices(self) -> str:
        labels = self.way.labels
        quoted = [json.dumps(label, ensure_ascii=False) for label in labels]
        return f": {first_of(quoted, _N_LISTED)}" if labels else ""


def prompt_line(item: Item, prompt: str, side: str = "") -> str:
    """Return a line that shows what is asked, and what is right. `side` says of whom."""
    question = json.dumps(cut_middle(prompt, _N_CHARACTERS), ensure_ascii=False)
    right = " or ".join(json.dumps(answer, ensure_ascii=False) for answer in item.right)
    among = f" of {n_things(len(item.choices), 'choice')}" if item.choices else ""
    return f"  {item.id}{side}: {question} -> {cut_middle(right)}{among}"


def blank_row_caveats(drafts: Sequence[ParsedRow]) -> tuple[str, ...]:
    """Return a sentence for each column of the prompt that some rows have nothing in."""
    columns = dict.fromkeys(name for draft in drafts for name in draft.blank)
    counts = {name: sum(name in draft.blank for draft in drafts) for name in columns}
    return tuple(
        f"{name} is blank in {n} of {n_things(len(drafts), 'row')}, and its line left out there."
        for name, n in counts.items()
    )


def list_notes(drafts: Sequence[ParsedRow], columns: Columns) -> tuple[str, ...]:
    """Return what was made of texts that look like a list or an object, where they may be one.

    So they may in a table of text, and in a column of passages.
    """
    notes = []
    for name in filter(None, (columns.answer, *columns.prompts)):
        is_answer, are_many = name == columns.answer, is_passages(name)
        rows = [draft.row for draft in drafts if are_many or has_header(draft.row)]
        cells = [cell for row in rows if _looks_listed(cell := row.value.get(name))]
        if not cells or chat_in(cells[0]) is not None:
            continue
        if is_answer:
            n_read = sum(unwrapped(cell, name, is_table=True) is not cell for cell in cells)
        else:
            n_read = sum(texts_in(cell, name) is not None for cell in cells)
        read = "right answers" if is_answer else "texts, a line each"
        notes.append(
            f"{name} looks like a list or an object in {len(cells)} of "
            f"{n_things(len(drafts), 'row')}; in {n_read} it is read as {read}, and else taken as "
            "it is written."
        )
    return tuple(notes)


def left_out_notes(drafts: Sequence[ParsedRow], columns: Columns) -> tuple[str, ...]:
    """Return what rows have that is not asked: thoughts in a chat, white space behind a prompt."""
    values = [draft.row.value for draft in drafts]
    chats = [c for v in values for name in columns.prompts if (c := chat_in(v.get(name)))]
    n_thoughts = sum(map(has_thoughts, chats))
    ends = [value.get(columns.prompts[-1]) for value in values]
    n_listed = sum(
        draft.chat is not None and not draft.chat.tools and says(draft.row.value.get(columns.tools))
        for draft in drafts
        if columns.tools is not None
    )
    n_blank = sum(isinstance(end, str) and end != end.rstrip() for end in ends)
    if in_braces(columns.prompt) and not columns.prompt.rstrip().endswith("}"):
        n_blank = 0
    n_rows = n_things(len(drafts), "row")
    n_null = sum(draft.is_null_filled for draft in drafts)
    notes = (
        (n_thoughts, "what the assistant thought is left out of the chat"),
        (n_blank, "white space at the end of the prompt is left out"),
        (n_listed, f"{columns.tools} is left out, since the system turn lists <tools> in words"),
        (n_null, "keys of tools and calls without a value (null) are left out"),
    )
    return tuple(f"In {n} of {n_rows} {what}." for n, what in notes if n)


def _looks_listed(cell: Any) -> bool:
    if not isinstance(cell, str):
        return False
    text = cell.strip()
    return text[:1] + text[-1:] in ("[]", "{}")


def without_conflicts(
    items: Sequence[Item], drafts: Sequence[ParsedRow], metric: str
) -> tuple[tuple[Item, ...], Caveat | None]:
    """Return the items without those that another one with the same question answers otherwise.

    With a caveat that counts them. Raises SuiteError where they are more than `MOST_CONFLICTS`.
    """
    alike: dict[tuple[str, frozenset[str]], list[int]] = {}
    for index, item in enumerate(items):
        question = item.prompt.strip() if item.chat is None else item.chat
        alike.setdefault((question, frozenset(item.choices)), []).append(index)
    rights = [_rights(item, metric) for item in items]
    wrong = [same for same in alike.values() if len({rights[n] for n in same}) > 1]
    if not wrong:
        return tuple(items), None
    out = {index for same in wrong for index in same}
    first, *others = wrong[0]
    other = next(n for n in others if rights[n] != rights[first])
    summary = (
        f"{len(out)} of {n_things(len(items), 'row')} {plural(len(out), 'has', 'have')} a prompt "
        "that other rows answer otherwise, such as "
    )
    if len(out) > MOST_CONFLICTS * len(items):
        quotes = (
            f"{drafts[n].row.where} ({cut_middle(items[n].answer, 40)!r})" for n in (first, other)
        )
        raise SuiteError(
            f"{summary}{' and '.join(quotes)}; mend the answers, write several right ones as a "
            "list in one row, or name what tells the rows apart with --target-prompt",
            id="target.conflicting-answers",
        )
    kept = tuple(item for index, item in enumerate(items) if index not in out)
    # A report may have to do without the texts of items (--texts): it has their lines.
    places = " and ".join(drafts[n].row.where for n in (first, other))
    text = f"{summary}{places}: they are left out."
    return kept, Caveat(id="target.conflicts-left-out", text=text)


def _rights(item: Item, metric: str) -> frozenset[object]:
    """Return what is right, in a spelling in which it is compared: 5 and 5.0 are one number."""
    texts = (" ".join(answer.casefold().split()) for answer in item.right)
    return frozenset(number_in(text) if metric == "numeric" else text for text in texts)
