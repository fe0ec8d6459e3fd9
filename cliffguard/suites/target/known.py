"""Names that columns go by, and what each stands for. Nothing here looks at a value but `says`."""

from __future__ import annotations

import math
import re
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

PROMPTS = ("prompt", "question", "input", "instruction", "text", "messages", "conversations")
CHATS = ("contents", "conversation", "dialogue", "dialog", "chat", "thread", "chat_messages")
"""Columns that are the prompt where they hold a chat, and nothing else is it."""

CHOICES = ("choices", "options")
ANSWERS = (
    "answer", "answers", "label", "output", "completion", "response", "target", "expected",
    "answers_spans",
)  # fmt: skip
MODEL_OUTPUTS = (
    "response", "output", "completion", "answer", "answers", "prediction", "generated",
)  # fmt: skip
"""Columns that hold what a model has said, where one of `REFERENCES` stands beside them."""

REFERENCES = (
    "ground_truth", "ground_truths", "groundtruth", "gold", "gold_answer", "gold_answers",
    "gold_label", "golden_answer", "golden_answers", "reference", "references", "reference_answer",
    "reference_answers", "reference_output", "reference_response", "expected", "expected_output",
    "expected_answer", "expected_response", "expected_result", "ideal", "ideal_answer",
    "ideal_response", "correct_answer", "correct_response", "target_output",
)  # fmt: skip
"""What evaluation rows call the right answer, beside that of a model."""

OPTION_LISTS = (
    *CHOICES, "option", "choice", "endings", "candidates", "alternatives", "answer_choices",
    "answer_options", "answer_candidates", "candidate_answers", "possible_answers",
    "multiple_choice", "multiple_choices", "mc_options", "mc_choices",
)  # fmt: skip
"""What columns of lists of choices are called; only those of `CHOICES` are read unnamed."""

TOOLS = (
    "tools", "functions", "available_tools", "available_functions", "tool_definitions",
    "function_definitions", "tool_schema", "toolset",
)  # fmt: skip
"""Columns beside a chat that hold the tools which may be called in it."""

SYSTEMS = (
    "system", "system_prompt", "systemprompt", "sys_prompt", "system_message", "system_instruction",
    "system_instructions", "system_text", "system_msg", "developer", "developer_prompt",
    "developer_message",
)  # fmt: skip
PREFERRED = "chosen"
"""The better answer of a preference; whoever means it says so, since a worse one stands beside."""

INDEX = ("Unnamed: 0", "__index_level_0__")
"""What pandas calls the numbers of rows where it writes them out: no part of anything."""


@dataclass(frozen=True, slots=True, kw_only=True)
class Layout:
    """Columns that many data sets share, all of them the question, in this order.

    Of `optional` ones a row may have none. `answer` None: any usual one. `aside` are known to be
    no part of the question.
    """

    name: str
    prompt: tuple[str, ...]
    optional: tuple[str, ...] = ()
    answer: str | None = None
    aside: tuple[str, ...] = ()

    @property
    def frame(self) -> str:
        """The prompt as a text with columns in braces."""
        return "\n".join(f"{{{column}}}" for column in self.prompt)


LAYOUTS = (
    Layout(name="Alpaca", prompt=("instruction", "input"), optional=("input",)),
    Layout(
        name="Dolly", prompt=("instruction", "context"), optional=("context",), answer="response"
    ),
    Layout(name="ARC", prompt=("question",), answer="answerKey"),
    Layout(name="SQuAD", prompt=("context", "question"), answer="answers", aside=("title",)),
)

BEFORE = (
    "instructions", "task_description", "task_definition", "task_instruction", "constraints",
    "requirements", "guidelines", "few_shot", "few_shots", "fewshot", "few_shot_examples",
    "in_context_examples", "icl_examples", "demonstrations", "demos", "examples", "exemplars",
    "title", "headline", "word", "term", "aspect", "source_text", "source_document",
    "source_code", "input_text", "original_text", "reference_text", "passage", "passages",
    "document", "documents", "doc", "docs", "context", "contexts", "ctxs", "facts", "knowledge",
    "article", "paragraph", "paragraphs", "story", "background", "abstract", "support",
    "excerpt", "schema", "dialogue", "dialog", "conversation", "history", "text", "instruction",
    "premise",
)  # fmt: skip
"""Parts of a question that stand before it; where several are there, in this order."""

_PASSAGES = frozenset({*BEFORE, "evidence", "snippets", "chunks"}) - {
    *("title", "headline", "schema", "text", "instruction", "dialogue", "dialog"),
    *("conversation", "history"),
}


def is_passages(name: str) -> bool:
    """Return whether a column is of passages by its name: context, retrieved_contexts."""
    return folded(last_name(name)).split("_")[-1] in _PASSAGES


POINTERS = frozenset(
    {"word", "term", "aspect", "aspect_term", "aspect_category", "target_word", "prompt_prefix"}
    | {"entity", "entity1", "entity2", "entity_1", "entity_2", "head", "tail", "mention", "span"}
    | {"span1", "span2", "span1_text", "span2_text", "pronoun", "e1", "e2", "subject_entity"}
    | {"object_entity", "target_language", "target_lang", "tgt_lang", "prefix", "task_prefix"}
)
"""Parts that say what in a text is asked about: that they stand in the text is not enough."""

SUBJECTS = ("subject", "subject_line", "email_subject", "ticket_subject", "mail_subject")
"""Parts of a message that stand before it, where it goes by one of `MESSAGES`; else a topic."""

MESSAGES = frozenset(
    {"body", "description", "message", "email", "mail", "content", "comment", "details", "text"}
    | {"email_body", "mail_body", "message_body", "ticket_body", "plain_body", "ticket"}
)
AFTER = ("body", "question", "input", "hypothesis", "query")
"""Parts of a question that stand behind it."""

LOOSE = (
    "content", "evidence", "hint", "snippet", "snippets", "table", "statement", "scenario", "email",
    "persona", "transcript", "code", "task", "function", "reference", "constraint", "requirement",
    "demonstration", "example", "exemplar", "rules", "policy",
)  # fmt: skip
"""What may be a part of a question, where it holds text of several words, and else is none."""

UNASKABLE: Mapping[str, str] = {
    **dict.fromkeys(("tools", "functions", "tool_calls", "function_call"), "tools"),
    **dict.fromkeys(
        ("function", "tool", "apis", "function_definitions", "function_schema"), "tools"
    ),
    **dict.fromkeys(("prompt_template", "question_template", "system_template"), "templates"),
    **dict.fromkeys(("available_tools", "tool_definitions", "function_calls"), "tools"),
    **dict.fromkeys(("available_functions", "tool_schema", "toolset"), "tools"),
    **dict.fromkeys(("history", "chat_history", "conversation_history"), "turns"),
    **dict.fromkeys(("past_messages", "previous_messages", "prior_turns"), "turns"),
    **dict.fromkeys(("dialogue_history", "dialog_history", "previous_turns"), "turns"),
    **dict.fromkeys(("image", "images", "picture", "pictures", "image_path"), "pictures"),
    **dict.fromkeys(("image_url", "image_urls", "image_paths", "screenshot"), "pictures"),
    **dict.fromkeys(("img", "imgs", "img_path", "image_file", "photo", "photos"), "pictures"),
    **dict.fromkeys(("audio", "audios", "speech", "audio_path", "audio_file"), "sounds"),
    **dict.fromkeys(("video", "videos", "video_path", "video_file"), "films"),
}
"""Parts of a question that no flag can put into a prompt yet, unless they are plain text."""

NEVER_TEXT = ("pictures", "sounds", "films", "templates")
"""Those that no flag asks even as text: it is the name of a file, or has places to fill."""

WRONG_LISTS = (
    "distractors", "incorrect_answers", "wrong_answers", "incorrect_options", "wrong_options",
)  # fmt: skip
"""Lists of wrong options, beside which the right one stands in the column of the answer."""

WRONG_STEMS = ("distractor", "incorrect_answer", "wrong_answer")
"""Those of wrong options, beside which the right one stands in the column of the answer."""

OPTION_STEMS = frozenset(
    {"", "option", "options", "opt", "op", "choice", "answer", "ans", "ending", "sol", "solution"}
    | {"alternative", "candidate", "mc_answer", "random_fifth_sentence_quiz", *WRONG_STEMS}
    | {
        "选项",
        "選項",
        "選択肢",
        "보기",
        "вариант",
        "opción",
        "opcion",
        "opção",
        "opcao",
        "alternativa",
    }
    | {"choix", "réponse", "reponse", "antwort", "opzione", "antwoord", "seçenek"}
)
"""What names of options in columns of their own begin with: option_a, choice1, A."""


def is_option_stem(stem: str) -> bool:
    """Return whether columns that count up are options, by what `series` calls them."""
    bare = stem.removesuffix("0")
    return bare in OPTION_STEMS or bare.split("_")[-1] in (OPTION_STEMS - {"", "op"})


_SERIES = re.compile(
    r"(?P<stem>.+?)[ _-](?P<letter>[A-Za-z])|(?P<numbered>.+?)[ _-]?(?P<digits>\d{1,2})"
    r"|(?P<bare>[A-Za-z])|(?P<known>option|opt|op|choice|answer|ans|ending|sol)(?P<last>[A-Za-z])"
    r"|(?P<index>\d{1,2})|(?P<script>[^\x00-\x7f]+)(?P<mark>[A-Za-z])",
    re.IGNORECASE,
)
AROUND = " ()[].:*"
"""What stands around the mark of an option: A), (a), Option 1:"""


def folded(name: str) -> str:
    """Return a name in the spelling of the names here: systemPrompt is system_prompt."""
    apart = re.sub(r"(?<=[a-z])(?=[A-Z][a-z])", "_", name.strip())
    return re.sub(r"[\s_-]+", "_", apart).casefold()


def last_name(name: str) -> str:
    """Return the last name of a path: context of fields.context; a number is none."""
    last = name.rpartition(".")[2]
    return last if any(map(str.isalpha, last)) else name


def may_be_part(name: str) -> bool:
    """Return whether a name may be of a part of a question, by its words: sql_context, premise2.

    What is the answer's (answer_context) and a title are none.
    """
    tokens = re.sub(r"\d+$", "", folded(name)).strip("_").split("_")
    if len(tokens) > 1 and tokens[-1] in ("text", "content", "body"):
        tokens.pop()
    known = {*BEFORE, *LOOSE} - {"title", "headline", "text", "instruction"}
    return tokens[-1] in known and not {*tokens} & {*ANSWERS, PREFERRED, "rejected"}


def series(columns: Sequence[str]) -> dict[str, list[str]]:
    """Return the columns that count up, two or more of one stem: {"": [A, B]}, {"option": […]}.

    They begin at a, 0 or 1, and miss none.
    """
    by_stem: dict[str, list[tuple[int, str]]] = {}
    for column in columns:
        stem, number = _placed(column)
        if number is not None:
            by_stem.setdefault(stem, []).append((number, column))
    lists = {stem: sorted(placed) for stem, placed in by_stem.items()}
    return {
        stem: [column for _, column in placed]
        for stem, placed in lists.items()
        if len(placed) > 1
        and placed[0][0] in (0, 1)
        and [number for number, _ in placed]
        == list(range(placed[0][0], placed[0][0] + len(placed)))
    }


def suffix_of(column: str) -> str | None:
    """Return what tells a column of a series from the others: A of option_A, 1 of sol1."""
    match = _SERIES.fullmatch(column.strip(AROUND))
    if match is None:
        return None
    kinds = ("letter", "digits", "bare", "last", "index", "mark")
    return next(match[kind] for kind in kinds if match[kind])


def _placed(column: str) -> tuple[str, int | None]:
    match, suffix = _SERIES.fullmatch(column.strip(AROUND)), suffix_of(column)
    if match is None or suffix is None:
        return column, None
    stem = folded(match["stem"] or match["numbered"] or match["known"] or match["script"] or "")
    if suffix.isdecimal():
        return f"{stem}0", int(suffix)
    return stem, ord(suffix.casefold()) - ord("a")


_LABELS = frozenset(
    {"label", "labels", "choices", "tag", "tags", "category", "categories", "class", "classes"}
    | {"topics", "emotions", "genres", "intents", "annotation", "accept", "suggestion"}
    | {"responses", "suggestions"}
)


def are_labels(path: str) -> bool:
    """Return whether several values at a path are labels of one row, by its name or tool."""
    names = [folded(part) for part in path.split(".")]
    return names[-1].endswith("_suggestion") or not _LABELS.isdisjoint(names)


def quoted(name: str) -> str:
    """Return a name as one word of a command: data are a stranger's, and a shell reads it."""
    if name.replace("_", "").replace(".", "").isalnum():
        return name
    return shlex.quote(name) if name.isprintable() else "COLUMN"


def says(value: Any) -> bool:
    """Return whether a cell holds anything: not where it is null, blank, NaN, or an empty list."""
    if value is None or (isinstance(value, float) and not math.isfinite(value)):
        return False
    if isinstance(value, str):
        return value.strip() not in ("", "[]", "{}", "null")
    return not (isinstance(value, (list, tuple, Mapping)) and not value)


def mend(role: str, value: str) -> str:
    """Return the flag that says what a column is, and the same for a plan."""
    return f"--target-{role} {quoted(value)} (in a plan, target: {{{role}: …}})"
