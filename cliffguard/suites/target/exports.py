"""Rows as other tools and data sets write them: what they are, and the flags that read them."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from itertools import chain
from typing import Any

from cliffguard.core.errors import SuiteError
from cliffguard.core.settings import TargetData
from cliffguard.suites.rows import Row
from cliffguard.suites.target.conversions import CONVERTED, command
from cliffguard.suites.target.known import says
from cliffguard.suites.target.paths import values_at
from cliffguard.suites.target.roleless import without_roles
from cliffguard.suites.target.unasked import UNASKED


@dataclass(frozen=True, slots=True, kw_only=True)
class Export:
    """Rows that flags read as they are. All of `has` stand in a row, as patterns of paths.

    `prompt` is a pattern, all of whose texts are asked, or a text with columns in braces. Of
    `answer` the first pattern counts that finds something; of `*` it is neither a prompt nor one
    of `aside`. `more` are further flags.
    """

    name: str
    has: tuple[str, ...]
    prompt: str
    answer: tuple[str, ...]
    more: str = ""
    aside: tuple[str, ...] = ()


def _row(
    name: str, has: str, prompt: str, answer: str, more: str = "", *, aside: str = ""
) -> Export:
    """Return a row of the table below: several patterns stand apart by a space."""
    return Export(
        name=name,
        has=tuple(has.split()),
        prompt=prompt,
        answer=tuple(answer.split()),
        more=more,
        aside=tuple(aside.split()),
    )


EXPORTS = (
    _row("Argilla's records", "fields/* responses", "fields/*",
         "responses/*/0/value suggestions/*/value"),
    _row("Argilla's records", "inputs/* annotation prediction", "inputs/*", "annotation"),
    _row("Argilla's records", "text *.responses", "text", "*.responses/0 *.suggestion"),
    _row("Argilla's records", "text *-suggestion", "text", "*/0/value */value/0 *-suggestion"),
    _row("an export of Label Studio", "data/* annotations/0/result/0/value/choices", "data/*",
         "annotations/0/result/0/value/choices"),
    _row("an export of Label Studio", "data/* annotations/0/result/0/value/rating", "data/*",
         "annotations/0/result/0/value/rating"),
    _row("an export of Label Studio",
         "data/* annotations/0/result/0/type annotations/0/result/0/value/text/0", "data/*",
         "annotations/0/result/0/value/text"),
    _row("a short export of Label Studio", "annotation_id lead_time text !*/0/labels", "text",
         "*/choices/0 *", aside="id annotator annotation_id created_at updated_at lead_time"),
    _row("an export of doccano", "data label/0", "data", "label"),
    _row("ARC's rows (or OpenBookQA's, CommonsenseQA's)",
         "question/stem question/choices answerKey", "question/stem", "answerKey",
         "--target-choices question.choices"),
    _row("OpenBookQA's rows", "question_stem choices answerKey", "question_stem", "answerKey"),
    _row("HellaSwag's rows", "ctx endings label", "ctx", "label", "--target-choices endings"),
    _row("WinoGrande's rows", "sentence option1 option2 answer", "sentence", "answer",
         "--target-choices '{option1}{option2}'"),
    _row("PIQA's rows", "goal sol1 sol2 label", "goal", "label", "--target-choices '{sol1}{sol2}'"),
    _row("Social-IQA's rows", "context question answerA answerB answerC", "{context}\\n{question}",
         "label correct", "--target-choices '{answerA}{answerB}{answerC}'"),
    _row("SciQ's rows", "support question distractor3 correct_answer", "{support}\\n{question}",
         "correct_answer",
         "--target-choices '{correct_answer}{distractor1}{distractor2}{distractor3}'"),
    _row("LogiQA's rows", "context query options correct_option", "{context}\\n{query}",
         "correct_option"),
    _row("COPA's rows", "premise question choice1 choice2 label", "{premise}\\n{question}",
         "label", "--target-choices '{choice1}{choice2}'"),
    _row("MultiRC's rows", "paragraph question answer label",
         "{paragraph}\\n{question}\\n{answer}", "label", "--target-labels no --target-labels yes"),
    _row("TruthfulQA's rows", "question best_answer correct_answers incorrect_answers", "question",
         "correct_answers", "--target-metric f1"),
    _row("MATH's rows", "problem solution answer", "problem", "answer"),
    _row("MATH's rows", "problem solution~boxed", "problem", "solution"),
    _row("Ragas's rows", "question contexts ground_truth !contexts/0", "{contexts}\\n{question}",
         "ground_truth", "--target-metric f1"),
    _row("Ragas's rows", "question answer ground_truth !contexts", "question", "ground_truth",
         "--target-metric f1"),
    _row("Ragas's rows", "user_input reference !*_contexts", "user_input", "reference",
         "--target-metric f1"),
    _row("BIG-bench's rows", "inputs targets/0 multiple_choice_targets/0", "inputs", "targets",
         "--target-choices multiple_choice_targets"),
    _row("FLAN's rows", "inputs targets", "inputs", "targets"),
    _row("Gemini's rows", "text_input output", "text_input", "output"),
    _row("PaLM's rows", "input_text output_text", "input_text", "output_text"),
    _row("preferences of OpenAI's form", "input/messages preferred_output", "input/messages",
         "preferred_output"),
    _row("rows of OpenAI's evals", "input ideal", "input", "ideal"),
    _row("rows of OpenAI's reinforcement tuning", "messages reference_answer", "messages",
         "reference_answer"),
    _row("LangSmith's examples", "inputs/* outputs/*", "inputs/*", "outputs/*"),
    _row("tests of promptfoo", "vars/* assert/0/value", "vars/*", "assert/0/value"),
    _row("MT-bench's questions", "question_id turns/0 reference/0", "turns/0", "reference/0",
         "--target-metric rouge_l"),
    _row("a log of samples of lm-eval (which compare reads by its folder)",
         "doc_id doc arguments/0/0 target", "arguments/0/0", "target", "--target-ignore doc"),
    _row("a log of samples of lm-eval (which compare reads by its folder)",
         "doc_id doc arguments/gen_args_0/arg_0 target", "arguments/gen_args_0/arg_0", "target",
         "--target-ignore doc"),
    _row("pairs of translations", "translation/*", "translation/*", "translation/*",
         "--target-metric rouge_l"),
)  # fmt: skip


_N_TRIED = 20  # rows by which a form is told: the first may lack an answer


def refuse_exports(rows: Sequence[Row], target: TargetData) -> None:
    """Raise SuiteError for rows of a known form that their usual names do not read, with how to.

    Whoever names the prompt or the answer has seen them.
    """
    if target.prompt is not None or target.answer is not None:
        return
    tried = rows[:_N_TRIED]
    read = (_told(row, target) for row in tried)
    unasked = (
        f"{form.name}; {form.how}" for row in tried for form in UNASKED if _has(row.value, form.has)
    )
    # Of a batch some rows may lack the answer that the others have.
    if (
        description := next((line for line in chain(read, unasked) if line is not None), None)
    ) is not None:
        raise SuiteError(f"{rows[0].source}: holds {description}", id="target.other-form")


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
    if (turns := without_roles(row.value)) is not None:
        made = command(turns, row, target)
        return f"{turns.name}; {made} makes rows of it, for --target rows.jsonl"
    return None


def _has(value: Mapping[str, Any], patterns: Sequence[str]) -> bool:
    """Say whether all patterns find something: a path, or one whose text holds what follows ~.

    Of a pattern behind ! there must be nothing.
    """
    for pattern in patterns:
        path, _, mark = pattern.removeprefix("!").partition("~")
        is_there = any(mark in str(held) for _, held in values_at(value, path))
        if is_there == pattern.startswith("!"):
            return False
    return True


def _flags(export: Export, value: Mapping[str, Any]) -> str | None:
    """Return the flags that read a row, or None where it holds no answer that they could name."""
    prompt, right = export.prompt, None
    if "{" not in prompt:
        texts = [path for path, held in values_at(value, prompt) if says(held)]
        if export.answer == (export.prompt,):  # the first is asked, and the second is right
            texts, right = texts[:1], next(iter(texts[1:]), None)
        prompt = texts[0] if len(texts) == 1 else "\\n".join(f"{{{path}}}" for path in texts)
    out = {*export.aside, prompt}
    answer_paths = (path for p in export.answer for path, held in values_at(value, p) if says(held))
    right = right or next((path for path in answer_paths if path not in out), None)
    if not prompt or right is None:
        return None
    flags = [f"--target-prompt {quoted(prompt)}", f"--target-answer {quoted(right)}", export.more]
    return " ".join(filter(None, flags))


def quoted(name: str) -> str:
    """Return a name as a shell takes it."""
    return name if name.replace("_", "").replace(".", "").isalnum() else f"'{name}'"
