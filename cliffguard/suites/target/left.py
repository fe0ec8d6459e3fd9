"""What a column that nothing reads holds: a part of the question, or what stands beside it.

Data name their parts in a thousand ways, and what is no part in a few hundred: so what holds text
of some length is taken for a part, whatever its name, unless its name or its values say that it is
none. `--target-ignore` says so of the others.
"""

from __future__ import annotations

import re
from collections.abc import Iterator, Mapping, Sequence
from functools import lru_cache
from statistics import median
from typing import Any

from cliffguard.core.words import content_words
from cliffguard.suites.target.cells import at, from_json
from cliffguard.suites.target.columns import Columns
from cliffguard.suites.target.drafts import ParsedRow
from cliffguard.suites.target.known import ANSWERS, PREFERRED, folded, last_name, says

# Last words of names of columns that are no part of a question.
_ORIGINS = """
id ids uid uuid guid key hash sha md5 index idx number no url uri urls link links href path file
filename source sources src origin dataset split subset config fold batch run commit author authors
username user annotator annotators worker reviewer reviewers assignee owner creator by model version
license licence citation citations provenance doi isbn date time timestamp day month year at created
updated modified metadata meta name agent address company customer requester email phone parse
canary
"""
_SORTS = """
language languages lang locale country region category categories topic topics subject tag tags
keyword keywords domain type types kind genre section chapter department team queue product priority
severity status level difficulty grade score scores rating votes skill skills concept concepts unit
course book
"""
_BEHIND_ANSWERS = """
explanation explanations rationale rationales reasoning solution solutions cot thought thoughts
thinking justification justifications proof steps chain_of_thought exp derivation feedback critique
equation equations formula rejected worst prediction predictions predicted generated annotation
annotations aliases erklärung begründung lösung explicación explicacion explication justificación
解析 解释 解説 해설 объяснение
"""
_MAY_TELL = """
analysis working workings why hint remark remarks note notes comment comments kommentar quote
resolution step_by_step solución 理由 分析 решение
"""
_OF_JUDGEMENTS = """
label labels verdict grade grading score scores points mark marks rating judgement judgment judge
correct correctness class category winner preference preferred toxicity toxic harm harmful
hallucination hallucinated refusal quality faithful faithfulness safe unsafe safety
"""
_OF_ANSWERS = """
response responses reply answer answers output outputs completion completions generation generated
prediction predicted solution
"""
_OF_YES_OR_NO = "yes no true false ja nein oui non sí да нет 是 否"
_JUDGEMENTS = frozenset(_OF_JUDGEMENTS.split())
_WRITTEN = frozenset(_OF_ANSWERS.split())
_YES_OR_NO = frozenset(_OF_YES_OR_NO.split())
_MOST_CLASSES = 20
_SHORT_ASIDE = frozenset(f"{_ORIGINS} {_SORTS}".split())  # long texts of that name are sources
_ASIDE = frozenset(_BEHIND_ANSWERS.split())
_TELLING = _ASIDE | {*_MAY_TELL.split()}

_ALONE = re.compile(r"[\u0e00-\u0eff\u1000-\u109f\u1780-\u17ff\u3040-\u30ff\u3400-\u9fff]")
_LONG = 8  # words of a text that is no name and no category, even where all rows have the same
_FEW_WORDS = 2

_FILES = {
    "pictures": re.compile(r"\S.*\.(?:jpe?g|png|gif|webp|bmp|tiff?|svg|heic)", re.IGNORECASE),
    "sounds": re.compile(r"\S.*\.(?:wav|mp3|flac|ogg|m4a|opus)", re.IGNORECASE),
    "films": re.compile(r"\S.*\.(?:mp4|webm|mov|avi|mkv)", re.IGNORECASE),
}


def n_words(text: str) -> int:
    """Return about how many words a text has; three characters of a script without spaces are one.

    >>> n_words("a few words"), n_words("商店在上午九点开门")
    (3, 4)
    """
    return len(text.split()) + len(_ALONE.findall(text)) // 3


def is_wordy(text: str) -> bool:
    """Return whether a text is more than a name or a category: of several words or lines."""
    return n_words(text) > _FEW_WORDS or "\n" in text.strip()


def is_prose(texts: Sequence[str]) -> bool:
    """Return whether texts of a column are sentences: long ones, or mostly different ones."""
    are_wordy = 2 * sum(map(is_wordy, texts)) >= len(texts) > 0
    return is_long(texts) or (are_wordy and 2 * len({*texts}) > len(texts))


def is_long(texts: Sequence[str]) -> bool:
    """Return whether texts are longer than a name or a category, most of them."""
    return bool(texts) and median(map(n_words, texts)) >= _LONG


def is_aside(name: str, texts: Sequence[str] = (), *, is_judged: bool) -> bool:
    """Return whether a column of these texts is no part of a question, by its name.

    What explains an answer and what is another one are none, unless the right answer judges or
    sorts (`is_judged`), which may be them.
    """
    words = _words_of(name)
    is_origin = not is_long(texts) and _is_called(words, _SHORT_ASIDE)
    is_answer = not {*words}.isdisjoint({*ANSWERS, PREFERRED, "rejected"} - {"target", "input"})
    return is_origin or (not is_judged and (is_answer or _is_called(words, _ASIDE)))


def _words_of(name: str) -> list[str]:
    words = folded(last_name(name)).split("_")
    return words[:-1] if len(words) > 1 and words[-1] in ("content", "text") else words


def _is_called(words: Sequence[str], names: frozenset[str]) -> bool:
    return not names.isdisjoint({words[-1], "_".join(words)})


def is_written(name: str, texts: Sequence[str]) -> bool:
    """Return whether a column is of what somebody has answered, by its name: response_a.

    Prodigy calls so what an annotator did with the row.
    """
    words = _words_of(name)
    is_called = not {words[0], words[-1]}.isdisjoint(_WRITTEN)
    return is_called and not {"accept", "reject", "ignore"}.issuperset(texts)


def is_judged(drafts: Sequence[ParsedRow], columns: Columns) -> bool:
    """Return whether right answers judge or sort a text, by the column's name or a few words.

    Yes and no answer a question, and letters and numbers pick a choice.
    """
    if columns.answer is None or columns.choices:
        return False
    words = _words_of(columns.answer)
    if words[-1] not in _WRITTEN and not {*words}.isdisjoint(_JUDGEMENTS):
        return True
    answers = [str(draft.answer).strip().casefold() for draft in drafts]
    classes = {*answers} - _YES_OR_NO
    are_words = all(len(text) > 1 and text.replace(" ", "").isalpha() for text in classes)
    is_few = 2 * len(classes) <= len(answers) and len(classes) <= _MOST_CLASSES
    return bool(classes) and is_few and are_words and max(map(n_words, classes)) <= _FEW_WORDS


def may_tell_answer(path: str, drafts: Sequence[ParsedRow]) -> bool:
    """Return whether a column may give the answer away: by its name, or as it holds most of them.

    A passage does so, too.
    """
    if _is_called(_words_of(path), _TELLING):
        return True
    cells = [(draft, at(draft.row.value, path)) for draft in drafts]
    pairs = [(str(draft.answer), str(cell)) for draft, cell in cells if says(cell)]
    texts = [(spaced_words(answer), spaced_words(text)) for answer, text in pairs]
    n_held = sum(len(answer) > 3 and answer in text for answer, text in texts)
    return 2 * n_held > len(texts)


def kind_of_file(texts: Sequence[str]) -> str | None:
    """Return what files all texts of a column name, where a model would have to see them."""
    return next(
        (kind for kind, name in _FILES.items() if texts and all(map(name.fullmatch, texts))), None
    )


def held_by(value: Any, path: str) -> Iterator[tuple[str, Any]]:
    """Yield all that a cell holds, itself first, each with its path.

    What a list of objects holds has the list's own path, up to the names in it.
    """
    held = from_json(value)
    yield path, held
    if isinstance(held, Mapping):
        for name, inner in held.items():
            yield from held_by(inner, f"{path}.{name}")
    elif isinstance(held, (list, tuple)):
        for inner in held:
            yield from held_by(inner, path)


def is_rendering(
    name: str, drafts: Sequence[ParsedRow], columns: Columns, *, may_be_part: bool
) -> bool:
    """Return whether a column is the row once more, as trainers write it: in one frame for all.

    What is left of its texts without the prompt and the answer is the same in all rows, or of two
    kinds (with an input, and without); or both prompt and answer stand in each, as they have to
    where a column is called like a part: the passage that a sentence is from holds it, too.
    """
    texts = [(draft, draft.row.value.get(name)) for draft in drafts]
    frames = [_frame(text, draft, columns) for draft, text in texts if says(text)]
    if None in frames:
        return False
    if all(_ANSWER in str(frame) for frame in frames):
        return True
    return not may_be_part and len({*frames}) < min(len(frames), _MOST_FRAMES + 1)


_MOST_FRAMES = 2
_PROMPT, _ANSWER = " # ", " = "  # no words of a text


def _frame(text: Any, draft: ParsedRow, columns: Columns) -> str | None:
    """Return a text with marks for its row's prompt and answer; None where no prompt is in it."""
    if not isinstance(text, str):
        return None
    frame = spaced_words(text)
    if (prompt := spaced_words(draft.prompt)) in frame:
        frame = frame.replace(prompt, _PROMPT, 1)
    else:
        for column in columns.prompts:
            cell = spaced_words(str(draft.row.value.get(column) or ""))
            if cell not in frame:
                return None
            frame = frame.replace(cell, _PROMPT, 1) if cell.strip() else frame
    answer = spaced_words(str(draft.answer))
    return frame.replace(answer, _ANSWER, 1) if answer.strip() else frame


@lru_cache(maxsize=256)  # a prompt is compared with every text of its row
def spaced_words(text: str) -> str:
    """Return the words of a text with a blank around each, to look for one text in another."""
    return f" {' '.join(content_words(text))} "
