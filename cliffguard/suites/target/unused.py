"""Columns that are part of a question and that nothing reads: refused, with the flag that mends it.

A column whose text stands in every prompt anyway is no loss, and neither is one that holds it.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.core.words import content_words
from cliffguard.suites.target.cells import from_json, is_safe, rewritten, texts_in
from cliffguard.suites.target.chats import chat_in
from cliffguard.suites.target.columns import Columns, framed
from cliffguard.suites.target.drafts import ParsedRow
from cliffguard.suites.target.known import (
    AFTER,
    BEFORE,
    LOOSE,
    MESSAGES,
    NEVER_TEXT,
    OPTION_LISTS,
    SUBJECTS,
    SYSTEMS,
    UNASKABLE,
    WRONG_LISTS,
    WRONG_STEMS,
    folded,
    is_option_stem,
    last_name,
    may_be_part,
    says,
    series,
)

_PARTS = {*BEFORE, *AFTER, *UNASKABLE} - {*LOOSE}


def refuse_unused(drafts: Sequence[ParsedRow], columns: Columns) -> None:
    """Raise SuiteError where a known part of a question would not be asked."""
    source = drafts[0].row.source
    aside = columns.layout.aside if columns.layout else ()
    left = [name for name in columns.left if name not in aside]
    lost = [name for name in left if _is_lost(name, drafts)]
    for name in lost:
        what = UNASKABLE.get(folded(last_name(name)))
        if what is not None and (what in NEVER_TEXT or not _is_text(name, drafts)):
            raise SuiteError(
                f"{source}: has a column {name!r} of {what}, which a target cannot ask yet; leave "
                f"such rows out, or say --target-ignore {name} where they are no part of the "
                "question (in a plan, target: {ignore: […]})",
                id="target.unaskable-column",
            )
    for name in lost:
        if folded(last_name(name)) in SYSTEMS:
            raise _unused(
                [name], columns, source, f"--target-system {_quoted(name)} says it before"
            )
    _refuse_choices(left, lost, drafts, columns)
    parts = [
        name
        for name in lost
        if folded(last_name(name)) in _PARTS
        or (may_be_part(last_name(name)) and _is_prose(name, drafts))
        or _is_subject(name, drafts, columns)
    ]
    parts += [name for names in _series(left, lost, drafts).values() for name in names]
    if parts:
        raise _unused(parts, columns, source, _asking(parts, columns, drafts))
    _refuse_within(lost, drafts, columns)


def _refuse_within(lost: Sequence[str], drafts: Sequence[ParsedRow], columns: Columns) -> None:
    """Refuse known parts inside of columns that nothing reads: metadata.context."""
    source = drafts[0].row.source
    paths: dict[str, str] = {}
    for draft in drafts:
        for column in lost:
            if isinstance(held := from_json(draft.row.value.get(column)), Mapping):
                paths |= {
                    f"{column}.{key}": text
                    for key, text in held.items()
                    if isinstance(text, str) and says(text) and not _holds(draft.prompt, text)
                }
    for path in paths:
        if folded(last_name(path)) in SYSTEMS:
            raise _unused(
                [path], columns, source, f"--target-system {_quoted(path)} says it before"
            )
    parts = [path for path, text in paths.items() if _is_inner_part(last_name(path), text)]
    if parts:
        raise _unused(parts, columns, source, _asking(parts, columns, drafts))


def _is_inner_part(name: str, text: str) -> bool:
    return name not in ("title", "headline", "text") and (
        folded(name) in (*BEFORE, *AFTER) or (may_be_part(name) and len(text.split()) > 2)
    )


def _refuse_choices(
    left: Sequence[str], lost: Sequence[str], drafts: Sequence[ParsedRow], columns: Columns
) -> None:
    """Refuse options that nothing reads, in one column or in columns of their own."""
    source = drafts[0].row.source
    for name in lost:
        if folded(last_name(name)) in OPTION_LISTS and not columns.choices:
            how = f"--target-choices {_quoted(name)} takes them as choices"
            if _is_text(name, drafts):
                how = f"--target-prompt '{framed(columns.prompt)}\\n{{{name}}}' asks it as it is"
            raise _unused([name], columns, source, how)
        if folded(last_name(name)) in WRONG_LISTS and not columns.choices:
            raise _unused([name], columns, source, _with_right(name, columns, source))
    for stem, names in _series(left, lost, drafts, is_option=True).items():
        if columns.choices and stem:  # the choices stand elsewhere, and these are texts of a kind
            continue
        right = [columns.answer] if stem in WRONG_STEMS and columns.answer else []
        listed = "".join(f"{{{name}}}" for name in (*right, *names))
        if right:
            how = (
                f"--target-answer {_quoted(right[0])} --target-choices '{listed}' takes them and "
                "the right one as choices"
            )
            raise _unused(names, columns, source, how)
        shown = "\\n".join(f"{name}. {{{name}}}" for name in names)
        how = (
            f"--target-choices '{listed}' takes them as choices, --target-prompt "
            f"'{framed(columns.prompt)}\\n{shown}' shows them"
        )
        raise _unused(names, columns, source, how)


def _with_right(wrong: str, columns: Columns, source: str) -> str:
    """Return how a list of wrong options and the right one are made choices."""
    if columns.answer is None or not is_safe(f"{columns.answer}{wrong}"):
        return "name the answer with --target-answer"
    held = f"[at(r, {columns.answer!r}), *from_json(at(r, {wrong!r}))]"
    more = "from cliffguard.suites.target import at, from_json"
    made = rewritten(source, f"{{**r, 'choices': {held}}}", more=more)
    return f"{made} makes choices of them and the right one"


def _unused(names: Sequence[str], columns: Columns, source: str, how: str) -> SuiteError:
    noun, them = f"a column {names[0]!r}", "it"
    if len(names) > 1:
        noun, them = f"columns {', '.join(map(repr, names))}", "them"
    beside = " and ".join(map(repr, columns.prompts))
    ignoring = " ".join(f"--target-ignore {_quoted(name)}" for name in names)
    return SuiteError(
        f"{source}: has {noun} beside {beside}, and nothing reads {them}; {how}; {ignoring} says "
        f"that {them if len(names) == 1 else 'they'} {'is' if len(names) == 1 else 'are'} no part "
        "of the question (in a plan, keys of target without the prefix)",
        id="target.unused-column",
    )


def _asking(parts: Sequence[str], columns: Columns, drafts: Sequence[ParsedRow]) -> str:
    """Return the flag that asks the parts as well."""
    if chat_in(drafts[0].row.value.get(columns.prompt)) is not None:
        if len(parts) == 1 and _is_text(parts[0], drafts) and columns.system is None:
            return f"--target-system {_quoted(parts[0])} says it before"
        return "put what is said there into the turns of the chat"
    if wrong := [name for name in parts if not _can_be_asked(name, drafts)]:
        prefix = f"{wrong[0]}:"  # what begins with a bracket is no plain text
        made = rewritten(
            drafts[0].row.source,
            f"{{**r, {wrong[0]!r}: '{prefix} ' + json.dumps(r[{wrong[0]!r}])}}",
        )
        return f"{wrong[0]} holds no plain text: {made} makes text of it, which can be asked"
    order = {name: index for index, name in enumerate((*SUBJECTS, *BEFORE))}
    before = [name for name in parts if folded(last_name(name)) not in AFTER]
    before.sort(key=lambda name: order.get(folded(last_name(name)), len(order)))
    frame = [f"{{{name}}}" for name in before]
    frame += [
        framed(columns.prompt),
        *(f"{{{name}}}" for name in parts if folded(last_name(name)) in AFTER),
    ]
    whole = "\\n".join(frame)
    return f"--target-prompt '{whole}' asks {'it' if len(parts) == 1 else 'them'}"


def _can_be_asked(name: str, drafts: Sequence[ParsedRow]) -> bool:
    """Return whether a column in braces puts all that it holds into a prompt."""
    values = [draft.row.value.get(name) for draft in drafts]
    return _is_text(name, drafts) or all(
        texts_in(value, name) is not None for value in values if says(value)
    )


def _quoted(name: str) -> str:
    return name if name.replace("_", "").isalnum() else f"'{name}'"


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
        is_text = is_option or all(_is_text(n, drafts, is_number_text=False) for n in names)
        if is_option_stem(stem) is is_option and is_text and set(names) & set(lost):
            by_stem[bare] = names
    return by_stem


def _is_lost(name: str, drafts: Sequence[ParsedRow]) -> bool:
    """Return whether some row says something in a column that its prompt does not, word for word.

    What holds the whole prompt is a rendering of the row, as trainers write beside it.
    """
    return any(
        says(value := draft.row.value.get(name))
        and not (isinstance(value, str) and _holds(draft.prompt, value))
        and not (isinstance(value, str) and _holds(value, draft.prompt))
        for draft in drafts
    )


def _holds(text: str, part: str) -> bool:
    words = " ".join(content_words(part))
    return bool(words) and f" {words} " in f" {' '.join(content_words(text))} "


def _is_text(name: str, drafts: Sequence[ParsedRow], *, is_number_text: bool = True) -> bool:
    values = [value for draft in drafts if says(value := draft.row.value.get(name))]
    return all(
        isinstance(value, str)
        and not _is_structure(value)
        and (is_number_text or not _is_number(value))
        for value in values
    )


def _is_prose(name: str, drafts: Sequence[ParsedRow]) -> bool:
    """Return whether some row has several words in a column: a code or a name has one or two."""
    values = (draft.row.value.get(name) for draft in drafts)
    return any(isinstance(value, str) and len(value.split()) > 2 for value in values)


def _is_structure(value: str) -> bool:
    return value.lstrip()[:1] in ("[", "{")


def _is_subject(name: str, drafts: Sequence[ParsedRow], columns: Columns) -> bool:
    """Return whether a column is the subject of messages; where rows share a few it is a topic."""
    if folded(last_name(name)) not in SUBJECTS:
        return False
    values = [str(value) for draft in drafts if says(value := draft.row.value.get(name))]
    is_message = any(folded(last_name(prompt)) in MESSAGES for prompt in columns.prompts)
    return is_message and 2 * len(set(values)) > len(values)


def _is_number(value: Any) -> bool:
    try:
        float(value)
    except (TypeError, ValueError):
        return False
    return True
