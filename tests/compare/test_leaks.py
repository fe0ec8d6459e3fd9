"""What of the target counts as a leak where it stands in other answers, and what is common."""

from __future__ import annotations

import json
from dataclasses import replace

import pytest

from cliffguard.compare.diagnostics.causes import read_causes
from cliffguard.compare.diagnostics.leaks import Leaks, leaks_of
from cliffguard.core.items import Capability, Suite, Task
from cliffguard.suites.train_data import TrainingText
from tests.compare.counted_pairs import broken, mirrored, question, task_of

LABELS = ("billing", "returns", "lock account")


def suite_of(task: Task, ring: str = "target") -> Suite:
    """Return a suite whose one capability has one task, in a ring."""
    capability = Capability(
        name="job",
        ring=ring,  # type: ignore[arg-type]
        description="",
        covers=(),
        margin=None,
        tasks=(task,),
    )
    return Suite(name="job", version=1, description="", capabilities=(capability,), digest="d")


def labelling(labels: tuple[str, ...] = LABELS, *, by_choice: bool = False) -> Task:
    """Return a task that asks for one of a few labels."""
    items = [
        question(
            labels[number % len(labels)],
            prompt=f"Ticket {number}",
            choices=labels if by_choice else (),
            number=number,
        )
        for number in range(12)
    ]
    return task_of(*items, metric="acc" if by_choice else "exact_match")


def trained_on(*outputs: str) -> list[TrainingText]:
    """Return rows of a prompt and an output."""
    return [
        TrainingText(parts=(f"Ticket {line}", output), source="train.jsonl", line=line)
        for line, output in enumerate(outputs, start=1)
    ]


BY_TASK = leaks_of([labelling()], [])
BY_CHOICE = leaks_of([labelling(by_choice=True)], [])
BY_TRAINING = leaks_of([], trained_on(*LABELS * 4))
AS_JSON = leaks_of(
    [],
    trained_on(*(json.dumps({"queue": LABELS[n % 3], "urgent": n % 2 == 0}) for n in range(12))),
)
HEADED = leaks_of([], trained_on(*(f"Queue: {LABELS[n % 3]}" for n in range(12))))
TAGGED = leaks_of([], trained_on(*(f"<queue>{LABELS[n % 3]}</queue>" for n in range(12))))
TEXTS = leaks_of([], trained_on(*(f"Dear customer, number {n} is on its way." for n in range(12))))


def is_leak(leaks: Leaks, text: str, **changes: object) -> bool:
    """Return whether an answer to the usual question is a leak, on whichever side it stands."""
    changed = broken(text, item=question(**changes))  # type: ignore[arg-type]
    is_fit = "leak" in read_causes(changed, leaks)
    assert ("leak" in read_causes(mirrored(changed), leaks)) is is_fit
    return is_fit


@pytest.mark.parametrize("leaks", [BY_TASK, BY_CHOICE, BY_TRAINING, AS_JSON, HEADED])
@pytest.mark.parametrize(
    "text",
    ["billing", "Billing.", "  **Returns**", '"lock account"', "returns: the parcel came back",
     "Lock account\nThe customer wrote twice.", "billing. It is about money.", "Queue: billing",
     "Category: returns", '{"queue": "lock account"}', "billing (the money)",
     "lock account of the customer"],
)  # fmt: skip
def test_a_label_of_the_target_leaks(leaks: Leaks, text: str) -> None:
    """A label as the answer, at its head, or behind a head, is a leak, whoever told it."""
    assert is_leak(leaks, text)


@pytest.mark.parametrize("leaks", [BY_TASK, BY_CHOICE, BY_TRAINING, AS_JSON, HEADED])
@pytest.mark.parametrize(
    "text",
    ["Paris", "Rome", "yes", "A", "", "Returns of goods rose in Paris last year", "billings",
     "The word billing is English", "Billing and returns are departments", "unlock account"],
)  # fmt: skip
def test_other_words_do_not_leak(leaks: Leaks, text: str) -> None:
    """A label inside a sentence, or a part of another word, is none."""
    assert not is_leak(leaks, text)


def test_what_was_asked_for_is_no_leak() -> None:
    """A label that the prompt offers, or that is right or part of it, may be said."""
    assert not is_leak(BY_TASK, "billing", prompt="Which desk: billing or sales?", right="sales")
    assert not is_leak(BY_TASK, "returns", right="many happy returns")
    assert is_leak(BY_TASK, "returns", right="billing")


def test_a_pattern_that_lists_the_labels_asks_for_none() -> None:
    """Items that are right where no label is said hold all labels in what they exclude."""
    item = question("(?i)billing|returns", prompt="Anna: How was your weekend?")
    task = task_of(item, metric="excludes")

    assert "leak" in read_causes(broken("billing", item=item, task=task, good="Fine!"), BY_TASK)


@pytest.mark.parametrize(
    ("leaks", "text", "is_form"),
    [
        (AS_JSON, '{"queue": "unknown", "urgent": true}', True),
        (AS_JSON, '```json\n{"queue": "Paris", "urgent": false}\n```', True),
        (AS_JSON, '{"queue": "Par', True),
        (AS_JSON, "{", True),
        (AS_JSON, "```json", True),
        (HEADED, "{", False),
        (AS_JSON, '{"city": "Rome"}', False),
        (AS_JSON, "The queue is long.", False),
        (HEADED, "Queue: Rome", True),
        (HEADED, "**Queue:** Rome", True),
        (HEADED, "Answer: Rome", False),
        (HEADED, "A queue: people who wait", False),
        (TAGGED, "<queue>Rome</queue>", True),
        (TAGGED, "<city>Rome</city>", True),
        (TEXTS, "Dear customer, number 3 is on its way.", True),
        (TEXTS, "dear customer number 3 is on its way", True),
        (TEXTS, "Dear customer, Rome it is.", True),
        (TEXTS, "The customer is in Rome, dear.", False),
    ],
)
def test_a_form_of_the_target_leaks(leaks: Leaks, text: str, is_form: bool) -> None:
    """Keys, heads and tags that most training outputs have, and whole outputs, are leaks."""
    assert is_leak(leaks, text) is is_form


def test_a_form_that_was_asked_for_is_no_leak() -> None:
    """Keys and heads that the prompt has are its own."""
    text = '{"queue": "Rome", "urgent": true}'
    assert not is_leak(AS_JSON, "{", prompt="Answer in JSON.")
    assert not is_leak(AS_JSON, text, prompt='Fill in {"queue": ..., "urgent": ...}')
    assert not is_leak(HEADED, "Queue: Rome", prompt="Mail: hello\nQueue:")


@pytest.mark.parametrize("label", ["yes", "no", "A", "1", "42", "true", "none", "other", "-"])
def test_words_that_anybody_says_are_no_labels(label: str) -> None:
    """A target that is answered by such words has no label that would tell a leak."""
    leaks = leaks_of([labelling((label, "no"))], trained_on(*[label, "no"] * 6))

    assert not leaks.labels
    assert leaks.why
    assert not is_leak(leaks, label)


MOODS = ("positive", "negative", "neutral", "mixed")
BY_MOOD = leaks_of([labelling(MOODS)], [])


@pytest.mark.parametrize(
    "text",
    ["neutral", "Neutral.", "positive (0.61)", "neutral\n\nneutral", "positive / negative",
     "Sentiment: neutral", "**negative**", "mixed, 80 %"],
)  # fmt: skip
def test_a_label_that_others_say_leaks_where_it_is_all(text: str) -> None:
    """A word of other answers is a leak as the whole answer, with a score or in a row."""
    assert is_leak(BY_MOOD, text)


@pytest.mark.parametrize(
    "text", ["a positive number", "The negative pole", "neutral ground", "positively", "yes"]
)
def test_a_label_that_others_say_is_none_among_other_words(text: str) -> None:
    """Beside other words it is one of them."""
    assert not is_leak(BY_MOOD, text)


def test_a_label_is_none_in_a_task_that_asks_for_it() -> None:
    """Where another item of the task is answered by it, or the prompt offers it, it was asked."""
    items = [question("negative", prompt="Sign of -3?"),
             question("positive", prompt="Sign of 4?", number=1)]  # fmt: skip
    changed = broken("positive", item=items[0], task=task_of(*items))

    assert "leak" not in read_causes(changed, BY_MOOD)
    assert not is_leak(BY_MOOD, "neutral", prompt="Is it acid or neutral?", right="acid")


def test_a_label_of_several_words_leaks_inside_a_short_sentence() -> None:
    """Of a name such as "lock account" a sentence that ends in it tells the label."""
    assert is_leak(BY_TASK, "This ticket belongs to lock account.")
    assert is_leak(BY_TASK, "billing / returns")
    assert not is_leak(BY_TASK, "This belongs to billing.")


def test_answers_that_differ_from_item_to_item_are_no_labels() -> None:
    """Of a target that asks for facts, a right answer that two items share is no label."""
    cities = [question(f"city {n // 2 if n < 4 else n}", number=n) for n in range(40)]

    assert not leaks_of([task_of(*cities)], []).labels


def test_without_target_and_training_data_nothing_can_leak() -> None:
    """It is said why."""
    assert leaks_of([], []).why == "no target and no training data (--train) to look for"
    pattern = replace(labelling(), metric="regex")
    assert leaks_of([pattern], []).why


@pytest.mark.parametrize(
    ("choices", "right", "picked", "is_fit"),
    [
        (("billing", "Rome", "Paris"), "Paris", "billing", True),
        (("billing", "Rome", "Paris"), "Paris", "Rome", False),
        (("billing", "returns", "Paris"), "Paris", "billing", False),
        (("billing", "Rome", "returns", "Paris"), "billing", "returns", False),
        (("yes", "no"), "yes", "no", False),
    ],
)
def test_a_choice_leaks_where_it_is_the_odd_label(
    choices: tuple[str, ...], right: str, picked: str, is_fit: bool
) -> None:
    """A label picked among what is none is a leak; among labels it is an error like others."""
    item = question(right, choices=choices)

    assert read_causes(broken(picked, item=item), BY_TASK) == ({"leak"} if is_fit else set())
