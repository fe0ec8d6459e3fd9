"""Columns that are part of a question and that nothing reads: refused, with the flag that mends it.

A column whose text stands in every prompt anyway is no loss, and neither is one that holds it.
"""

from __future__ import annotations

from collections.abc import Container, Mapping, Sequence
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.suites.target.cells import from_json, inside
from cliffguard.suites.target.columns import Columns, framed
from cliffguard.suites.target.drafts import ParsedRow
from cliffguard.suites.target.known import (
    AFTER,
    AROUND,
    BEFORE,
    LOOSE,
    MESSAGES,
    NEVER_TEXT,
    OPTION_LISTS,
    POINTERS,
    SUBJECTS,
    SYSTEMS,
    UNASKABLE,
    WRONG_LISTS,
    WRONG_STEMS,
    folded,
    is_option_stem,
    last_name,
    may_be_part,
    quoted,
    says,
    series,
)
from cliffguard.suites.target.left import (
    held_by,
    is_aside,
    is_judged,
    is_prose,
    is_rendering,
    is_wordy,
    is_written,
    kind_of_file,
    may_tell_answer,
    spaced_words,
)
from cliffguard.suites.target.part_flags import askable, asking, is_text, with_right

_PARTS = {*BEFORE, *AFTER, *UNASKABLE, *POINTERS} - {*LOOSE}


def refuse_unused(drafts: Sequence[ParsedRow], columns: Columns) -> None:
    """Raise SuiteError where a part of a question would not be asked."""
    source = drafts[0].row.source
    aside = columns.layout.aside if columns.layout else ()
    left = [name for name in columns.left if name not in aside]
    lost = [name for name in left if _is_lost(name, drafts, columns)]
    held = _texts_by_path(lost, drafts)
    _refuse_unaskable(held, drafts)
    for path, texts in held.items():
        if (texts or path in lost) and folded(last_name(path)) in SYSTEMS:
            raise _unused([path], columns, source, f"--target-system {quoted(path)} says it before")
    _refuse_choices(left, lost, drafts, columns)
    tables = {name for name in lost if not _can_be_text(name, drafts)}
    judged = is_judged(drafts, columns)
    parts = [
        askable(path, drafts)
        for path, texts in held.items()
        if _is_part(path, texts, columns, tables, is_judged=judged)
        or _is_subject(path, drafts, columns)
    ]
    parts += [name for names in _series(left, lost, drafts).values() for name in names]
    if parts:
        parts = list(dict.fromkeys(parts))
        how = asking(parts, columns, drafts)
        telling = [path for path in parts if not _is_named(path) and may_tell_answer(path, drafts)]
        raise _unused(parts, columns, source, how, telling=telling)


def _texts_by_path(lost: Sequence[str], drafts: Sequence[ParsedRow]) -> dict[str, list[str]]:
    """Return the texts that no prompt has by their column, or by their path inside of one.

    What is no text counts as none: a number, a list of objects.
    """
    held: dict[str, list[str]] = {name: [] for name in lost}
    for draft in drafts:
        for column in lost:
            for path, value in held_by(draft.row.value.get(column), column):
                texts = held.setdefault(path, [])
                if isinstance(value, str) and says(value) and not _stands_in(draft, path, value):
                    texts.append(value)
    return held


def _refuse_unaskable(held: Mapping[str, Sequence[str]], drafts: Sequence[ParsedRow]) -> None:
    for path, texts in held.items():
        what = UNASKABLE.get(folded(last_name(path)))
        if what not in NEVER_TEXT and is_text(path, drafts):
            what = None
        if (what := what or kind_of_file(texts)) is not None:
            raise SuiteError(
                f"{drafts[0].row.source}: has a column {path!r} of {what}, which a target cannot "
                f"ask yet; leave such rows out, or say --target-ignore {quoted(path)} where they "
                "are no part of the question (in a plan, target: {ignore: […]})",
                id="target.unaskable-column",
            )


def _is_part(
    path: str,
    texts: Sequence[str],
    columns: Columns,
    tables: Container[str],
    *,
    is_judged: bool,
) -> bool:
    """Return whether a path is a part of the question, by its name or by what it holds.

    Inside of a column a title is one of many things, and no question.
    """
    name = folded(last_name(path))
    is_inside = path not in columns.left
    if is_inside and name in ("title", "headline", "text"):
        return False
    if name in _PARTS and (texts or not is_inside):
        return True
    if may_be_part(last_name(path)) and (any(map(is_wordy, texts)) or path in tables):
        return True
    if is_judged and is_written(path, texts):
        return True
    names = path.split(".") if is_inside else [path]
    return is_prose(texts) and not any(is_aside(part, texts, is_judged=is_judged) for part in names)


def _is_named(path: str) -> bool:
    return folded(last_name(path)) in _PARTS - {"text"} or may_be_part(last_name(path))


def _refuse_choices(
    left: Sequence[str], lost: Sequence[str], drafts: Sequence[ParsedRow], columns: Columns
) -> None:
    """Refuse options that nothing reads, in one column or in columns of their own."""
    source = drafts[0].row.source
    for name in lost:
        if _is_option_list(name, drafts) and not columns.choices:
            how = f"--target-choices {quoted(name)} takes them as choices"
            if is_text(name, drafts):
                whole = quoted(f"{framed(columns.prompt)}\\n{{{name}}}")
                how = f"--target-prompt {whole} asks it as it is"
            raise _unused([name], columns, source, how)
        if folded(last_name(name)) in WRONG_LISTS and not columns.choices:
            raise _unused([name], columns, source, with_right(name, columns, source))
    for stem, names in _series(left, lost, drafts, is_option=True).items():
        if columns.choices and stem:  # the choices stand elsewhere, and these are texts of a kind
            continue
        right = [columns.answer] if stem in WRONG_STEMS and columns.answer else []
        listed = quoted("".join(f"{{{name}}}" for name in (*right, *names)))
        if right:
            how = (
                f"--target-answer {quoted(right[0])} --target-choices {listed} takes them and "
                "the right one as choices"
            )
            raise _unused(names, columns, source, how)
        shown = "\\n".join(f"{name.strip(AROUND)}. {{{name}}}" for name in names)
        how = (
            f"--target-choices {listed} takes them as choices, --target-prompt "
            f"{quoted(f'{framed(columns.prompt)}{chr(92)}n{shown}')} shows them"
        )
        raise _unused(names, columns, source, how)


def _unused(
    names: Sequence[str],
    columns: Columns,
    source: str,
    how: str,
    telling: Sequence[str] = (),
) -> SuiteError:
    """Return the error; `telling` are columns that may tell the answer, which nobody should ask."""
    noun, them = f"a column {names[0]!r}", "it"
    if len(names) > 1:
        noun, them = f"columns {', '.join(map(repr, names))}", "them"
    beside = " and ".join(map(repr, columns.prompts))
    ignoring = " ".join(f"--target-ignore {quoted(name)}" for name in names)
    they = "it is" if len(names) == 1 else "they are"
    says_so = f"{ignoring} says that {they} no part of the question"
    advice = f"{how}; {says_so}"
    if telling:
        advice = f"{says_so}, as what explains its answer is none; else {how}"
    return SuiteError(
        f"{source}: has {noun} beside {beside}, and nothing reads {them}; {advice} (in a plan, "
        "keys of target without the prefix)",
        id="target.unused-column",
    )


def _can_be_text(name: str, drafts: Sequence[ParsedRow]) -> bool:
    """Return whether no row has a table in a column: a list of lists, or an object."""
    values = [from_json(draft.row.value.get(name)) for draft in drafts]
    return not any(
        (isinstance(value, Mapping) and value) or (isinstance(value, list) and _is_table(value))
        for value in values
    )


def _is_table(value: Sequence[Any]) -> bool:
    return any(isinstance(row, (list, Mapping)) and row for row in value)


def _is_option_list(name: str, drafts: Sequence[ParsedRow]) -> bool:
    """Return whether a column holds options, by its name, or lists with the right one in each."""
    if folded(last_name(name)) in OPTION_LISTS:
        return True
    if is_aside(name, is_judged=False):
        return False
    rows = [(draft, value) for draft in drafts if says(value := draft.row.value.get(name))]
    return bool(rows) and all(_has_right_one(draft, value) for draft, value in rows)


def _has_right_one(draft: ParsedRow, value: Any) -> bool:
    texts = [held for _, held in inside(value)]
    is_list = len(texts) > 1 and all(isinstance(text, str) for text in texts)
    return is_list and str(draft.answer).strip() in texts


def _series(
    left: Sequence[str],
    lost: Sequence[str],
    drafts: Sequence[ParsedRow],
    *,
    is_option: bool = False,
) -> dict[str, list[str]]:
    """Return columns that count up: options, or other texts such as sentence1 and sentence2."""
    by_stem = {}
    for stem, names in series(left).items():
        bare = stem.removesuffix("0")
        holds_text = is_option or all(is_text(n, drafts, is_number_text=False) for n in names)
        if not is_option and is_aside(bare, is_judged=False):
            continue  # model_a and model_b
        if is_option_stem(stem) is is_option and holds_text and set(names) & set(lost):
            by_stem[bare] = names
    return by_stem


def _is_lost(name: str, drafts: Sequence[ParsedRow], columns: Columns) -> bool:
    """Return whether some row says something in a column that its prompt does not, word for word.

    What is the whole row once more is no loss.
    """
    if is_rendering(name, drafts, columns, may_be_part=_is_named(name)):
        return False
    return any(
        says(value := draft.row.value.get(name))
        and not (isinstance(value, str) and _stands_in(draft, name, value))
        for draft in drafts
    )


def _stands_in(draft: ParsedRow, name: str, text: str) -> bool:
    """Return whether a prompt says a text, and is not asked about it: which aspect it is, say."""
    return folded(last_name(name)) not in POINTERS and _holds(draft.prompt, text)


def _holds(text: str, part: str) -> bool:
    words = spaced_words(part)
    return bool(words.strip()) and words in spaced_words(text)


def _is_subject(name: str, drafts: Sequence[ParsedRow], columns: Columns) -> bool:
    """Return whether a column is the subject of messages; where rows share a few it is a topic."""
    if folded(last_name(name)) not in SUBJECTS:
        return False
    values = [str(value) for draft in drafts if says(value := draft.row.value.get(name))]
    is_message = any(folded(last_name(prompt)) in MESSAGES for prompt in columns.prompts)
    return is_message and 2 * len(set(values)) > len(values)
