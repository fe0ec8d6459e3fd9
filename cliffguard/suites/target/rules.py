"""Rules by which rows of chats are scored: the first that fits all of their answers."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable, Sequence
from dataclasses import dataclass, replace

from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.chats import Chat
from cliffguard.core.errors import SuiteError
from cliffguard.core.settings import TargetData
from cliffguard.core.texts import cut_middle, n_things, plural
from cliffguard.core.words import squad_words
from cliffguard.suites.rows import Row
from cliffguard.suites.scorers import numeric
from cliffguard.suites.structure.call_readers import read_calls
from cliffguard.suites.structure.json_texts import Unreadable, read_json, without_fence
from cliffguard.suites.target.cells import Value, as_text, shown
from cliffguard.suites.target.chats import chat_in
from cliffguard.suites.target.columns import Columns
from cliffguard.suites.target.drafts import ParsedRow
from cliffguard.suites.target.finals import Finals
from cliffguard.suites.target.known import says
from cliffguard.suites.target.labels import n_folded, refuse_numbers_with_names, refuse_unlabelled
from cliffguard.suites.target.messages import calls_unasked
from cliffguard.suites.target.metrics import ScoringPlan, for_texts, is_closed, rule_of_chats
from cliffguard.suites.target.null_arguments import note_of_nulls, refuse_filled_nulls

MOST_WORDS = 8
MOST_CHARACTERS = 100
"""Of a short answer; scripts without spaces have no words to count."""

_CALLED = re.compile(r"<tool_call>|<functioncall>|\[\w[\w .-]*\(")
"""How texts that call tools look, if only at their beginning."""

_END = re.compile(
    r"(?:^|(?<!\d)[\s(*=$€£¥]|(?<=\*)|(?<=[$€£¥]))"
    r"(?P<number>[-+\u2212]?[$€£¥]?(?:\d[\d,]*(?:\.\d+)?|\.\d+))[\s.)*%$€£¥°!]*\Z"
)
"""A number that ends an answer; behind a digit and a blank it is a group of digits."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Ruled:
    """Drafts with answers as they are scored, and the way that a rule has chosen (None: none).

    `note` says what was made of answers.
    """

    drafts: tuple[ParsedRow, ...]
    way: ScoringPlan | None
    note: str | None = None


def refuse_mixed(rows: Sequence[Row], columns: Columns) -> None:
    """Raise SuiteError where some rows hold a chat in the column of the prompt, and others text."""
    by_form: dict[bool, Row] = {}
    for row in rows:
        if says(value := row.value.get(columns.prompt)):
            by_form.setdefault(chat_in(value) is not None, row)
    if len(by_form) == 2:
        raise SuiteError(
            f"{by_form[True].where}: has a chat in {columns.prompt}, and {by_form[False].where} "
            "none; a chat is asked by each side's template and a text is not: make a file of each",
            id="target.two-forms",
        )


def ruled(finals: Finals, target: TargetData, columns: Columns, *, is_listed: bool) -> Ruled:
    """Return how chats are asked by the rules, unless a metric is named or choices `is_listed`.

    Raises SuiteError for answers of free text, and where rows fall into two rules.
    """
    drafts = finals.drafts
    way = None
    if finals.metric is not None:
        way = ScoringPlan(metric=finals.metric, why="the results are numbers")
    if drafts[0].chat is None:
        answers = [tuple(map(as_text, draft.answers)) for draft in drafts]
        return Ruled(drafts=drafts, way=way, note=_of_nulls(drafts, answers, target.metric))
    calls: list[tuple[str, ...]] = []
    if way is None and target.metric in (None, "tool_call") and not is_listed:
        calls = [_calls(draft, draft.chat) for draft in drafts if draft.chat is not None]
        way = None if target.metric else _rule(drafts, calls, columns)
    metric = way.metric if way else target.metric
    if metric == "tool_call" and calls:
        nulls = _of_nulls(drafts, calls, metric)
        drafts = tuple(replace(d, answers=c) for d, c in zip(drafts, calls, strict=True))
        notes = " ".join(filter(None, [_uncalled(calls), nulls]))
        return Ruled(drafts=drafts, way=way, note=notes or None)
    if (native := next((draft for draft in drafts if draft.is_call), None)) is not None:
        raise calls_unasked(native.row)
    change = {"numeric": _number, "json_equal": _json}.get(metric or "")
    return Ruled(drafts=drafts if change is None else _mapped(drafts, change), way=way)


def _rule(
    drafts: Sequence[ParsedRow], calls: Sequence[tuple[str, ...]], columns: Columns
) -> ScoringPlan | None:
    """Return the way of the first rule that fits all rows; None for that of labels."""
    refuse_unlabelled(drafts)
    are_calls = [set(several) != {_NO_CALL} for several in calls]
    if any(are_calls):
        _refuse_two(drafts, are_calls, "calls tools", "does not", "tool_call")
        return _way(1, "tool_call", "every last turn calls tools")
    objects = [_all(_json, draft) for draft in drafts]
    if any(objects):
        metric = "json_equal" if all(_all(_any_json, draft) for draft in drafts) else "f1"
        _refuse_two(drafts, objects, "is answered by a JSON object", "by a text", metric)
        return _way(2, "json_equal", "every answer is a JSON object, or a list of them")
    refuse_numbers_with_names(drafts, columns)
    has_several = any(len(draft.answers) > 1 for draft in drafts)
    if not has_several and is_closed([as_text(draft.answer) for draft in drafts]):
        _refuse_text_among_labels(drafts)
        return None
    numbers = [_all(_number, draft) for draft in drafts]
    if all(numbers):
        return _way(4, "numeric", "every answer ends in a number, which is right")
    shorts = [_all(_short, draft) for draft in drafts]
    if all(shorts):
        return _short_way(drafts)
    free = (d for d, n, s in zip(drafts, numbers, shorts, strict=True) if not n and not s)
    if (draft := next(free, None)) is not None:
        raise _free_text(draft, drafts)
    _refuse_two(drafts, shorts, "has a short answer", "a long one that ends in a number", "f1")
    raise AssertionError("some are short, and some are not")


def _free_text(draft: ParsedRow, drafts: Sequence[ParsedRow]) -> SuiteError:
    """Return the error of a free text, with the metrics that fit the answers of all rows."""
    are_phrases = all(len(as_text(a)) <= MOST_CHARACTERS for d in drafts for a in d.answers)
    fits = (*for_texts(drafts), "contains") if are_phrases else for_texts(drafts)
    return SuiteError(
        f"{draft.row.where}: the answer {cut_middle(as_text(draft.answer))!r} is free text: name "
        f"--target-metric ({', '.join(fits)}), in a plan target: {{metric: …}}; constraints takes "
        f"rules in JSON as answers{'' if are_phrases else ', and contains a phrase'}",
        id="target.free-text",
    )


def _way(number: int, metric: str, why: str) -> ScoringPlan:
    return ScoringPlan(metric=metric, why=rule_of_chats(number, why))


def _short_way(drafts: Sequence[ParsedRow]) -> ScoringPlan:
    texts = [as_text(answer) for draft in drafts for answer in draft.answers]
    why = f"every answer is one line of at most {MOST_WORDS} words"
    if all(map(squad_words, texts)):
        return _way(5, "normalized_match", why)
    # Of "A" or "+" nothing is left without articles and punctuation.
    return _way(5, "exact_match", f"{why}, some of them an article or signs alone")


def _refuse_two(
    drafts: Sequence[ParsedRow], fits: Sequence[bool], does: str, does_not: str, metric: str
) -> None:
    """Refuse rows of which some fit a rule and others do not, with the first of either kind."""
    if all(fits):
        return
    first, other = (drafts[fits.index(fit)].row.where for fit in (True, False))
    how = f"name the metric of all with --target-metric {metric}"
    if metric == "tool_call":
        how += ", under which no tool is to be called in the others"
    raise SuiteError(
        f"{first}: {does}, and {other} {does_not}: rows fall into two rules; make a file of each, "
        f"or {how}",
        id="target.two-rules",
    )


def _refuse_text_among_labels(drafts: Sequence[ParsedRow]) -> None:
    """Refuse an answer too long to be a label, that no other row has, among labels."""
    counts = Counter(as_text(draft.answer) for draft in drafts)
    for draft in drafts:
        text = as_text(draft.answer)
        if counts[text] > 1 or _short(text):
            continue
        if n_folded([*counts]) > n_folded([other for other in counts if other != text]):
            raise SuiteError(
                f"{draft.row.where}: the answer {cut_middle(text)!r} is free text, and other rows "
                "are answered by labels: rows fall into two rules; leave such rows out, or take "
                "every answer for a label with --target-metric acc",
                id="target.two-rules",
            )


# --- answers -------------------------------------------------------------------------------------


def _all(reader: Callable[[str], str | None], draft: ParsedRow) -> bool:
    return not draft.is_call and all(reader(as_text(answer)) for answer in draft.answers)


def _json(text: str) -> str | None:
    """Return an answer that is an object, or a list of them, as canonical JSON; None: it is not."""
    try:
        value = read_json(without_fence(text))
    except Unreadable:
        return None
    parts = value if isinstance(value, list) else [value]
    return canonical_json(value) if all(isinstance(part, dict) for part in parts) else None


def _any_json(text: str) -> str | None:
    """Return what `json_equal` reads as a right answer, or None."""
    try:
        read_json(_json(text) or text)
    except Unreadable:
        return None
    return text


def _number(text: str) -> str | None:
    """Return the number that ends an answer, or None; it is what `numeric` reads of the answer."""
    if (match := _END.search(text)) is None:
        return None
    number = re.sub("[$€£¥]", "", match["number"])
    return number if numeric(text, number) == 1.0 else None


def _short(text: str) -> str | None:
    is_short = len(text.split()) <= MOST_WORDS and len(text) <= MOST_CHARACTERS
    return text if is_short and "\n" not in text else None


def _mapped(
    drafts: Sequence[ParsedRow], change: Callable[[str], str | None]
) -> tuple[ParsedRow, ...]:
    def changed(answer: Value) -> Value:
        return change(as_text(answer)) or answer

    return tuple(replace(d, answers=tuple(map(changed, d.answers))) for d in drafts)


# --- calls ---------------------------------------------------------------------------------------


_NO_CALL = "[]"


def _calls(draft: ParsedRow, chat: Chat) -> tuple[str, ...]:
    """Return the calls that each right answer of a row is, also in words; `[]`: it is none."""
    if draft.is_call:
        return (str(draft.answer),)
    return tuple(_calls_in(as_text(answer), draft, chat) for answer in draft.answers)


def _calls_in(text: str, draft: ParsedRow, chat: Chat) -> str:
    try:
        calls = read_calls(text)
    except Unreadable as failure:
        if chat.tools or _CALLED.match(text):
            raise _unread(draft, text, str(failure)) from None
        return _NO_CALL
    # An object with a name and arguments is a call where such a tool is offered, and else JSON.
    if not (chat.tools or all(chat.offers(call.name) for call in calls)):
        return _NO_CALL
    return canonical_json([{"name": c.name, "arguments": dict(c.arguments)} for c in calls])


def _unread(draft: ParsedRow, text: str, why: str) -> SuiteError:
    return SuiteError(
        f"{draft.row.where}: the last turn calls a tool in a spelling that tool_call does not read "
        f"({why}): {shown(text)}; write tool_calls, or <tool_call> with JSON in it, or leave such "
        "rows out",
        id="target.unread-call",
    )


def _of_nulls(
    drafts: Sequence[ParsedRow], calls: Sequence[tuple[str, ...]], metric: str | None
) -> str | None:
    if metric != "tool_call":
        return None
    refuse_filled_nulls(drafts, calls)
    return note_of_nulls(calls)


def _uncalled(calls: Sequence[tuple[str, ...]]) -> str | None:
    n = sum(set(several) == {_NO_CALL} for several in calls)
    if not n:
        return None
    rows = f"{n} of {n_things(len(calls), 'row')} {plural(n, 'calls', 'call')}"
    return f"{rows} no tool: right is there any answer without a call."
