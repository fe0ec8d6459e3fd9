"""Rows as other tools and data sets write them: what they are, and the flags that read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.core.settings import TargetData
from cliffguard.suites.rows import Row
from cliffguard.suites.target.conversions import CONVERTED, UNASKED, command
from cliffguard.suites.target.known import says
from cliffguard.suites.target.paths import found


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Rows that flags read as they are. All of `has` stand in a row, as patterns of paths.

    `prompt` is a pattern, all of whose texts are asked, or a text with columns in braces. Of
    `answer` the first pattern counts that finds something. `more` are further flags.
    """

    name: str
    has: tuple[str, ...]
    prompt: str
    answer: tuple[str, ...]
    more: str = ""


EXPORTS = (
    Export(
        name="Argilla's records",
        has=("fields/*", "responses"),
        prompt="fields/*",
        answer=("responses/*/0/value", "suggestions/*/value"),
    ),
    Export(
        name="Argilla's records",
        has=("inputs/*", "annotation", "prediction"),
        prompt="inputs/*",
        answer=("annotation",),
    ),
    Export(
        name="Argilla's records",
        has=("text", "*.responses"),
        prompt="text",
        answer=("*.responses/0", "*.suggestion"),
    ),
    Export(
        name="Argilla's records",
        has=("text", "*-suggestion"),
        prompt="text",
        answer=("*/0/value", "*/value/0", "*-suggestion"),
    ),
    Export(
        name="an export of Label Studio",
        has=("data/*", "annotations/0/result/0/value/choices"),
        prompt="data/*",
        answer=("annotations/0/result/0/value/choices",),
    ),
    Export(
        name="an export of Label Studio",
        has=("data/*", "annotations/0/result/0/value/rating"),
        prompt="data/*",
        answer=("annotations/0/result/0/value/rating",),
    ),
    Export(
        name="an export of Label Studio",
        has=("data/*", "annotations/0/result/0/type", "annotations/0/result/0/value/text/0"),
        prompt="data/*",
        answer=("annotations/0/result/0/value/text",),
    ),
    Export(name="an export of doccano", has=("data", "label/0"), prompt="data", answer=("label",)),
    Export(
        name="ARC's rows (or OpenBookQA's, CommonsenseQA's)",
        has=("question/stem", "question/choices", "answerKey"),
        prompt="question/stem",
        answer=("answerKey",),
        more="--target-choices question.choices",
    ),
    Export(
        name="OpenBookQA's rows",
        has=("question_stem", "choices", "answerKey"),
        prompt="question_stem",
        answer=("answerKey",),
    ),
    Export(
        name="HellaSwag's rows",
        has=("ctx", "endings", "label"),
        prompt="ctx",
        answer=("label",),
        more="--target-choices endings",
    ),
    Export(
        name="WinoGrande's rows",
        has=("sentence", "option1", "option2", "answer"),
        prompt="sentence",
        answer=("answer",),
        more="--target-choices '{option1}{option2}'",
    ),
    Export(
        name="PIQA's rows",
        has=("goal", "sol1", "sol2", "label"),
        prompt="goal",
        answer=("label",),
        more="--target-choices '{sol1}{sol2}'",
    ),
    Export(
        name="Social-IQA's rows",
        has=("context", "question", "answerA", "answerB", "answerC"),
        prompt="{context}\\n{question}",
        answer=("label", "correct"),
        more="--target-choices '{answerA}{answerB}{answerC}'",
    ),
    Export(
        name="SciQ's rows",
        has=("support", "question", "distractor3", "correct_answer"),
        prompt="{support}\\n{question}",
        answer=("correct_answer",),
        more="--target-choices '{correct_answer}{distractor1}{distractor2}{distractor3}'",
    ),
    Export(
        name="LogiQA's rows",
        has=("context", "query", "options", "correct_option"),
        prompt="{context}\\n{query}",
        answer=("correct_option",),
    ),
    Export(
        name="COPA's rows",
        has=("premise", "question", "choice1", "choice2", "label"),
        prompt="{premise}\\n{question}",
        answer=("label",),
        more="--target-choices '{choice1}{choice2}'",
    ),
    Export(
        name="MultiRC's rows",
        has=("paragraph", "question", "answer", "label"),
        prompt="{paragraph}\\n{question}\\n{answer}",
        answer=("label",),
        more="--target-labels no --target-labels yes",
    ),
    Export(
        name="TruthfulQA's rows",
        has=("question", "best_answer", "correct_answers", "incorrect_answers"),
        prompt="question",
        answer=("correct_answers",),
        more="--target-metric f1",
    ),
    Export(
        name="BIG-bench's rows",
        has=("inputs", "targets/0", "multiple_choice_targets/0"),
        prompt="inputs",
        answer=("targets",),
        more="--target-choices multiple_choice_targets",
    ),
    Export(name="FLAN's rows", has=("inputs", "targets"), prompt="inputs", answer=("targets",)),
    Export(
        name="Gemini's rows", has=("text_input", "output"), prompt="text_input", answer=("output",)
    ),
    Export(
        name="PaLM's rows",
        has=("input_text", "output_text"),
        prompt="input_text",
        answer=("output_text",),
    ),
    Export(
        name="preferences of OpenAI's form",
        has=("input/messages", "preferred_output"),
        prompt="input/messages",
        answer=("preferred_output",),
    ),
    Export(
        name="rows of OpenAI's evals", has=("input", "ideal"), prompt="input", answer=("ideal",)
    ),
    Export(
        name="rows of OpenAI's reinforcement tuning",
        has=("messages", "reference_answer"),
        prompt="messages",
        answer=("reference_answer",),
    ),
    Export(
        name="LangSmith's examples",
        has=("inputs/*", "outputs/*"),
        prompt="inputs/*",
        answer=("outputs/*",),
    ),
    Export(
        name="tests of promptfoo",
        has=("vars/*", "assert/0/value"),
        prompt="vars/*",
        answer=("assert/0/value",),
    ),
    Export(
        name="MT-bench's questions",
        has=("question_id", "turns/0", "reference/0"),
        prompt="turns/0",
        answer=("reference/0",),
        more="--target-metric rouge_l",
    ),
    Export(
        name="a log of samples of lm-eval (which compare reads by its folder)",
        has=("doc_id", "doc", "arguments/0/0", "target"),
        prompt="arguments/0/0",
        answer=("target",),
        more="--target-ignore doc",
    ),
    Export(
        name="a log of samples of lm-eval (which compare reads by its folder)",
        has=("doc_id", "doc", "arguments/gen_args_0/arg_0", "target"),
        prompt="arguments/gen_args_0/arg_0",
        answer=("target",),
        more="--target-ignore doc",
    ),
    Export(
        name="pairs of translations",
        has=("translation/*",),
        prompt="translation/*",
        answer=("translation/*",),
        more="--target-metric rouge_l",
    ),
)


_N_TRIED = 20  # rows by which a form is told: the first may lack an answer


def refuse_exports(rows: Sequence[Row], target: TargetData) -> None:
    """Raise SuiteError for rows of a known form that their usual names do not read, with how to.

    Whoever names the prompt or the answer has seen them.
    """
    if target.prompt is not None or target.answer is not None:
        return
    for row in rows[:_N_TRIED]:
        if (told := _told(row, target)) is not None:
            raise SuiteError(f"{row.source}: holds {told}", id="target.other-form")


def _told(row: Row, target: TargetData) -> str | None:
    """Return what the rows are and how they are read, where they are of a known form."""
    for export in EXPORTS:
        if _has(row.value, export.has) and (flags := _flags(export, row.value)):
            return f"{export.name}; {flags} reads it (in a plan, keys of target without the prefix)"
    for kind in CONVERTED:
        if _has(row.value, kind.has):
            more = kind.more and f" {kind.more}"
            made = command(kind, row, target)
            return f"{kind.name}; {made} makes rows of it, for --target rows.jsonl{more}"
    found = (f"{one.name}; {one.how}" for one in UNASKED if _has(row.value, one.has))
    return next(found, None)


def _has(value: Mapping[str, Any], patterns: Sequence[str]) -> bool:
    """Say whether all patterns find something: a path, or one whose text holds what follows ~."""
    for pattern in patterns:
        path, _, mark = pattern.partition("~")
        if not any(mark in str(one) for _, one in found(value, path)):
            return False
    return True


def _flags(export: Export, value: Mapping[str, Any]) -> str | None:
    """Return the flags that read a row, or None where it holds no answer that they could name."""
    asked, right = export.prompt, None
    if "{" not in asked:
        texts = [path for path, one in found(value, asked) if says(one)]
        if export.answer == (export.prompt,):  # the first is asked, and the second is right
            texts, right = texts[:1], next(iter(texts[1:]), None)
        asked = texts[0] if len(texts) == 1 else "\\n".join(f"{{{path}}}" for path in texts)
    right = right or next(
        (path for p in export.answer for path, one in found(value, p) if says(one)), None
    )
    if not asked or right is None or right == asked:
        return None
    flags = [f"--target-prompt {quoted(asked)}", f"--target-answer {quoted(right)}", export.more]
    return " ".join(filter(None, flags))


def quoted(name: str) -> str:
    """Return a name as a shell takes it."""
    return name if name.replace("_", "").replace(".", "").isalnum() else f"'{name}'"
