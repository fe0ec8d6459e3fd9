"""Rows of forms that tools and data sets write: a row, its last prompt, and what is right."""

from __future__ import annotations

from typing import Any, NamedTuple

TALK = [{"role": "user", "content": "Hi?"}]
REPLY = {"role": "assistant", "content": "Yo"}
QA = [{"id": "pos", "text": "POS"}, {"id": "neg", "text": "NEG"}]
STEM = {"stem": "Sky?", "choices": [{"label": "A", "text": "red"}, {"label": "B", "text": "blue"}]}
MARK = [{"start": 4, "end": 8, "label": "ORG"}]
CHOSEN = {"choices": ["pos"]}
SPAN = {"start": 4, "end": 8, "text": "lamp", "labels": ["ORG"]}
SHORT = {"text": "Good", "annotator": 1, "annotation_id": 1, "lead_time": 1.5}
PARTS = {"parts": [{"text": "Hi?"}]}
THOUGHT = [{"text": "Hm.", "thought": True}, {"text": "Yo"}]
SQUARE = {"choices": ["four", "five"], "labels": [0, 1]}


def labelled(value: dict[str, Any]) -> dict[str, Any]:
    """Return a row of Label Studio."""
    result = [{"value": value, "type": "labels", "from_name": "x", "to_name": "text"}]
    return {"data": {"text": "the lamp"}, "annotations": [{"result": result}]}


class Form(NamedTuple):
    """A row, its last prompt, and the answer that is right."""

    row: dict[str, Any]
    prompt: str
    answer: str


FLAGS = {
    "argilla": Form(
        {"fields": {"text": "Good"}, "responses": {"label": [{"value": "pos"}]}, "suggestions": {}},
        "Good",
        "pos",
    ),
    "argilla, two fields": Form(
        {"fields": {"a": "One", "b": "Two"}, "responses": {"label": [{"value": "pos"}]}},
        "One\nTwo",
        "pos",
    ),
    "argilla, old": Form(
        {"text": "Good", "inputs": {"text": "Good"}, "prediction": None, "annotation": "pos"},
        "Good",
        "pos",
    ),
    "argilla, flat": Form({"text": "Good", "label.responses": ["pos"]}, "Good", "pos"),
    "argilla, data set": Form(
        {"text": "Good", "label": [{"user_id": "u", "value": "pos"}], "label-suggestion": "neg"},
        "Good",
        "pos",
    ),
    "label studio": Form(labelled(CHOSEN), "the lamp", "pos"),
    "label studio, text": Form(labelled({"text": ["a light"]}), "the lamp", "a light"),
    "label studio, rating": Form(labelled({"rating": 4}), "the lamp", "4"),
    "label studio, short": Form(SHORT | {"sentiment": "pos"}, "Good", "pos"),
    "label studio, short, rating": Form(SHORT | {"rating": 4}, "Good", "4"),
    "label studio, short, several": Form(SHORT | {"kind": {"choices": ["pos"]}}, "Good", "pos"),
    "math": Form({"problem": "Q?", "level": "Level 1", "solution": "So \\boxed{b}."}, "Q?", "b"),
    "math, answer": Form({"problem": "Q?", "solution": "So \\boxed{b}.", "answer": "b"}, "Q?", "b"),
    "azure": Form(
        {"query": "Q?", "context": "C.", "ground_truth": "b", "response": "a"}, "C.\nQ?", "b"
    ),
    "azure, no context": Form({"query": "Q?", "ground_truth": "b", "response": "a"}, "Q?", "b"),
    "p3": Form(
        {
            "inputs": [1],
            "inputs_pretokenized": "Q? ",
            "targets": [2],
            "targets_pretokenized": "b",
        },
        "Q?",
        "b",
    ),
    "ragas": Form({"question": "Q?", "answer": "a", "ground_truth": "b"}, "Q?", "b"),
    "ragas, a table": Form(
        {"question": "Q?", "contexts": "['C.']", "answer": "a", "ground_truth": "b"},
        "C.\nQ?",
        "b",
    ),
    "ragas, contexts": Form(
        {"question": "Q?", "contexts": ["C.", "D."], "answer": "a", "ground_truth": "b"},
        "C.\nD.\nQ?",
        "b",
    ),
    "ragas, lists": Form(
        {"question": "Q?", "contexts": ["C."], "ground_truths": ["b"]}, "C.\nQ?", "b"
    ),
    "ragas, retrieved": Form(
        {"user_input": "Q?", "retrieved_contexts": ["C."], "response": "a", "reference": "b"},
        "C.\nQ?",
        "b",
    ),
    "ragas, new": Form({"user_input": "Q?", "response": "a", "reference": "b"}, "Q?", "b"),
    "doccano": Form({"data": "Good", "label": ["pos"]}, "Good", "pos"),
    "arc": Form({"question": STEM, "answerKey": "B"}, "Sky?", "blue"),
    "openbookqa": Form(
        {"question_stem": "Sky?", "choices": ["red", "blue"], "answerKey": "B"}, "Sky?", "blue"
    ),
    "hellaswag": Form(
        {"ctx_a": "A", "ctx_b": "b", "ctx": "A b", "endings": ["c", "d"], "label": "1"}, "A b", "d"
    ),
    "winogrande": Form(
        {"sentence": "He _.", "option1": "ran", "option2": "sat", "answer": "2"}, "He _.", "sat"
    ),
    "sciq": Form(
        {"support": "S.", "question": "Q?", "correct_answer": "c"}
        | {f"distractor{n}": f"w{n}" for n in (1, 2, 3)},
        "S.\nQ?",
        "c",
    ),
    "logiqa": Form(
        {"context": "C.", "query": "Q?", "options": ["a", "b"], "correct_option": 1}, "C.\nQ?", "b"
    ),
    "copa": Form(
        {"premise": "P.", "question": "cause", "choice1": "a", "choice2": "b", "label": 0},
        "P.\ncause",
        "a",
    ),
    "multirc": Form(
        {"paragraph": "P.", "question": "Q?", "answer": "a", "label": 1}, "P.\nQ?\na", "yes"
    ),
    "truthfulqa": Form(
        {"question": "Q?", "best_answer": "b", "correct_answers": ["b"], "incorrect_answers": []},
        "Q?",
        "b",
    ),
    "big-bench": Form(
        {"inputs": "Q?", "targets": ["b"], "multiple_choice_targets": ["a", "b"]}, "Q?", "b"
    ),
    "flan": Form({"inputs": "Q?", "targets": "b"}, "Q?", "b"),
    "gemini, text": Form({"text_input": "Q?", "output": "b"}, "Q?", "b"),
    "palm": Form({"input_text": "Q?", "output_text": "b"}, "Q?", "b"),
    "preferences": Form({"input": {"messages": TALK}, "preferred_output": [REPLY]}, "Hi?", "Yo"),
    "evals": Form({"input": TALK, "ideal": "Yo"}, "Hi?", "Yo"),
    "reinforcement": Form({"messages": TALK, "reference_answer": "Yo"}, "Hi?", "Yo"),
    "langsmith": Form({"inputs": {"q": "Q?"}, "outputs": {"a": "b"}}, "Q?", "b"),
    "deepeval": Form({"input": "Q?", "expected_output": "b", "context": None}, "Q?", "b"),
    "deepeval, context": Form(
        {"input": "Q?", "expected_output": "b", "context": ["C.", "D."]}, "C.\nD.\nQ?", "b"
    ),
    "mlflow": Form({"inputs": {"q": "Q?"}, "expectations": {"r": "b"}}, "Q?", "b"),
    "langfuse": Form({"input": {"q": "Q?"}, "expectedOutput": {"a": "b"}}, "Q?", "b"),
    "phoenix": Form({"input": {"q": "Q?"}, "output": {"a": "b"}, "metadata": {}}, "Q?", "b"),
    "deepeval, retrieved": Form(
        {"input": "Q?", "expected_output": "b", "context": None, "retrieval_context": ["C."]},
        "C.\nQ?",
        "b",
    ),
    "deepeval, two contexts": Form(
        {"input": "Q?", "expected_output": "b", "context": ["C."], "retrieval_context": ["D."]},
        "C.\nD.\nQ?",
        "b",
    ),
    "dream": Form(
        {"dialogue": ["W: A?", "M: B."], "question": "Q?", "choice": ["b", "c"], "answer": "b"},
        "W: A?\nM: B.\nQ?",
        "b",
    ),
    "svamp": Form(
        {"ID": "1", "Body": "Two.", "Question": "Q?", "Equation": "(2)", "Answer": 2},
        "Two.\nQ?",
        "2",
    ),
    "inspect": Form(
        {"input": "Q?", "target": "b", "messages": [*TALK, REPLY], "output": {"choices": [REPLY]}},
        "Q?",
        "b",
    ),
    "mt-bench": Form({"question_id": 1, "turns": ["Q?", "R?"], "reference": ["b", "c"]}, "Q?", "b"),
    "samples": Form(
        {"doc_id": 0, "doc": {"q": "Q?"}, "arguments": [["Q?"]], "target": "b"}, "Q?", "b"
    ),
    "samples, new": Form(
        {"doc_id": 0, "doc": {}, "arguments": {"gen_args_0": {"arg_0": "Q?"}}, "target": "b"},
        "Q?",
        "b",
    ),
    "translations": Form({"translation": {"en": "yes", "de": "ja"}}, "yes", "ja"),
}

COMMANDS = {
    "promptfoo": Form(
        {"vars": {"q": "Q?"}, "assert": [{"type": "equals", "value": "b"}]}, "Q?", "b"
    ),
    "promptfoo, a table": Form({"question": "Q?", "__expected": "equals: b"}, "Q?", "b"),
    "helm": Form(
        {
            "input": {"text": "Q?"},
            "references": [
                {"output": {"text": "a"}, "tags": []},
                {"output": {"text": "b"}, "tags": ["correct"]},
            ],
        },
        "Q?",
        "b",
    ),
    "helm, open": Form(
        {
            "input": {"text": "Q?"},
            "references": [{"output": {"text": "b"}, "tags": ["correct"]}],
        },
        "Q?",
        "b",
    ),
    "coqa": Form(
        {
            "story": "S.",
            "questions": [{"input_text": "Q?"}, {"input_text": "R?"}],
            "answers": [{"input_text": "a"}, {"input_text": "b"}],
        },
        "S.\nQ: Q?\nA: a\nQ: R?\nA:",
        "b",
    ),
    "coqa, data set": Form(
        {"story": "S.", "questions": ["Q?", "R?"], "answers": {"input_text": ["a", "b"]}},
        "S.\nQ: Q?\nA: a\nQ: R?\nA:",
        "b",
    ),
    "quac, data set": Form(
        {
            "background": "B.",
            "context": "C.",
            "questions": ["Q?", "R?"],
            "answers": {"texts": [["a"], ["b"]]},
            "orig_answers": {"texts": ["a", "b"]},
        },
        "B.\nC.\nQ: Q?\nA: a\nQ: R?\nA:",
        "b",
    ),
    "quac": Form(
        {
            "background": "B.",
            "paragraphs": [
                {
                    "context": "C.",
                    "qas": [
                        {
                            "id": f"C_q{n}",
                            "question": q,
                            "followup": "y",
                            "yesno": "x",
                            "answers": [{"text": a}],
                            "orig_answer": {"text": a},
                        }
                        for n, (q, a) in enumerate([("Q?", "a"), ("R?", "b")])
                    ],
                }
            ],
        },
        "B.\nC.\nQ: Q?\nA: a\nQ: R?\nA:",
        "b",
    ),
    "natural questions, data set": Form(
        {
            "question": {"text": "Who?", "tokens": ["Who"]},
            "document": {"title": "T", "html": "<p>"},
            "annotations": {"short_answers": [{"text": ["Ann"]}]},
        },
        "Who?",
        "Ann",
    ),
    "natural questions": Form(
        {
            "question_text": "Who?",
            "document_text": "It was Ann .",
            "annotations": [{"short_answers": [{"start_token": 2, "end_token": 3}]}],
        },
        "Who?",
        "Ann",
    ),
    "truthfulqa": Form({"question": "Q?", "mc1_targets": SQUARE}, "Q?", "five"),
    "big-bench": Form({"input": "Q?", "target_scores": {"a": 0, "b": 1}}, "Q?", "b"),
    "natural instructions": Form(
        {
            "Definition": ["Do."],
            "Positive Examples": [],
            "Instances": [{"input": "Q?", "output": ["b"]}],
        },
        "Do.\nQ?",
        "b",
    ),
    "prodigy, options": Form(
        {"text": "Good", "options": QA, "accept": ["neg"], "answer": "accept", "_input_hash": 1},
        "Good",
        "NEG",
    ),
    "prodigy, spans": Form(
        {"text": "the lamp", "spans": MARK, "answer": "accept", "_input_hash": 1},
        "the lamp",
        "ORG: lamp",
    ),
    "prodigy": Form(
        {"text": "Good", "label": "POS", "answer": "reject", "_input_hash": 1},
        "Good\nIs it POS?",
        "no",
    ),
    "doccano, spans": Form({"text": "the lamp", "label": [[4, 8, "ORG"]]}, "the lamp", "ORG: lamp"),
    "doccano, entities": Form(
        {"text": "the lamp", "entities": [{"label": "ORG", "start_offset": 4, "end_offset": 8}]},
        "the lamp",
        "ORG: lamp",
    ),
    "label studio, spans": Form(labelled(SPAN), "the lamp", "ORG: lamp"),
    "tags": Form({"tokens": ["the", "lamp"], "ner_tags": [0, 3]}, "the lamp", "0 3"),
    "ultrachat": Form({"id": "1", "data": ["Hi?", "Yo then"]}, "Hi?", "Yo then"),
    "trees": Form(
        {
            "message_tree_id": "m",
            "prompt": {
                "text": "Hi?",
                "role": "prompter",
                "replies": [{"text": "Yo", "role": "assistant", "replies": []}],
            },
        },
        "Hi?",
        "Yo",
    ),
    "chatgpt": Form(
        {
            "current_node": "c",
            "mapping": {
                "a": {"message": None, "parent": None},
                "b": {
                    "message": {"author": {"role": "user"}, "content": {"parts": ["Hi?"]}},
                    "parent": "a",
                },
                "c": {
                    "message": {"author": {"role": "assistant"}, "content": {"parts": ["Yo"]}},
                    "parent": "b",
                },
            },
        },
        "Hi?",
        "Yo",
    ),
    "gemini, batch": Form(
        {
            "request": {"systemInstruction": {"parts": [{"text": "Short."}]}, "contents": [PARTS]},
            "response": {"candidates": [{"content": {"role": "model", "parts": THOUGHT}}]},
        },
        "Short.\nHi?",
        "Yo",
    ),
    "turns without speakers": Form({"contents": [PARTS, {"parts": [{"text": "Yo"}]}]}, "Hi?", "Yo"),
    "turns without speakers, an answer": Form({"messages": ["Hi?"], "answer": "Yo"}, "Hi?", "Yo"),
    "turns as texts": Form({"conversation": ["Hi?", "Yo"]}, "Hi?", "Yo"),
    "turns by other keys": Form(
        {"dialogue": [{"speaker": "human", "text": "Hi?"}, {"speaker": "bot", "text": "Yo"}]},
        "Hi?",
        "Yo",
    ),
    "turns by type": Form(
        {"messages": '[{"type": "human", "content": "Hi?"}, {"type": "ai", "content": "Yo"}]'},
        "Hi?",
        "Yo",
    ),
    "turns by two keys": Form({"conversation": [{"customer": "Hi?", "agent": "Yo"}]}, "Hi?", "Yo"),
    "turns by speaker": Form({"conversation": [{"human": "Hi?", "assistant": "Yo"}]}, "Hi?", "Yo"),
    "label studio, short, spans": Form(
        SHORT | {"label": [{"start": 0, "end": 3, "text": "Goo", "labels": ["ORG"]}]},
        "Good",
        "ORG: Goo",
    ),
    "xlam": Form(
        {
            "query": "Hi?",
            "tools": '[{"name": "f", "parameters": {"a": {"type": "int"}}}]',
            "answers": '[{"name": "f", "arguments": {"a": 1}}]',
        },
        "Hi?",
        '[{"arguments":{"a":1},"name":"f"}]',
    ),
    "glaive": Form(
        {
            "system": "SYSTEM: Short.",
            "chat": "USER: A\n\n\nASSISTANT: <functioncall> {} <|endoftext|>\n\n\n"
            "FUNCTION RESPONSE: 7\n\n\nASSISTANT: Yo <|endoftext|>\n\n\n",
        },
        "Short.\nA\n<functioncall> {}\n7",
        "Yo",
    ),
    "axolotl": Form(
        {"segments": [{"label": False, "text": "Hi?"}, {"label": True, "text": "Yo"}]}, "Hi?", "Yo"
    ),
    "cohere, old": Form(
        {
            "chat_history": [{"role": "USER", "message": "A"}, {"role": "CHATBOT", "message": "B"}],
            "message": "Hi?",
            "response": "Yo",
        },
        "A\nB\nHi?",
        "Yo",
    ),
    "transcripts": Form(
        {
            "chosen": "\n\nHuman: Hi?\n\nAssistant: Yo",
            "rejected": "\n\nHuman: Hi?\n\nAssistant: No",
        },
        "Hi?",
        "Yo",
    ),
}


WHOLE = ("natural instructions",)
"""Forms of which one object is a whole file."""
