"""The suites around the demo's target: sound, balanced, apart from its training data."""

from __future__ import annotations

import re
from collections import Counter
from difflib import SequenceMatcher
from pathlib import Path

import pytest

from cliffguard.core.items import Task
from cliffguard.suites.contamination import find_contamination, near_duplicates
from cliffguard.suites.loading import load_suites
from cliffguard.suites.scorers import SCORERS
from cliffguard.suites.train_data import TrainingText
from scripts.make.calibrate_suites import HEURISTICS, heuristic_scores, rows_of, score, tasks_of
from scripts.make.items.desks import ADDED, FIRST, N_DESKS
from scripts.make.items.format_leak import LEAK
from scripts.make.items.neighbours import LEAST_LETTERS, SOURCES, problem_text, with_typos
from scripts.make.items.tickets import INTENTS, QUEUES, training_examples

CHECKOUT = Path(__file__).parent.parent.parent
NAMES = ("neighbours", "general-knowledge", "format-leak", "refusals")
SUITES = load_suites(NAMES)
CAPABILITIES = {c.name: c for s in SUITES for c in s.capabilities}
TASKS: dict[str, Task] = {t.name: t for c in CAPABILITIES.values() for t in c.tasks}
CHOICES = sorted(name for name, task in TASKS.items() if task.metric == "acc")
RETOLD = sorted(name for name in TASKS if name.startswith("tickets_"))
N_TRAINING_EXAMPLES, TRAINING_SEED = 5000, 11  # as scripts/make/suites.py


def shares(texts: Counter[str]) -> tuple[int, int]:
    """Return how often the commonest and the rarest stand there."""
    return max(texts.values()), min(texts.values())


# --- counts, clusters, balance -------------------------------------------------------------------


@pytest.mark.parametrize(
    ("capability", "ring", "least_items", "least_clusters"),
    [
        ("near_domain", "adjacent", 480, 120),
        ("rephrased_tickets", "adjacent", 240, 60),
        ("other_languages", "adjacent", 180, 60),
        ("general_knowledge", "general", 800, 80),
        ("format_leak", "general", 600, 100),
        ("refuses_harm", "safety", 200, 100),
        ("answers_harmless", "safety", 200, 100),
    ],
)
def test_each_capability_has_its_ring_and_enough_items(
    capability: str, ring: str, least_items: int, least_clusters: int
) -> None:
    """All items stand in clusters, of which there are enough to decide something."""
    loaded = CAPABILITIES[capability]
    clusters = [item.cluster for task in loaded.tasks for item in task.items]

    assert loaded.ring == ring
    assert len(clusters) >= least_items
    assert None not in clusters
    assert len(set(clusters)) >= least_clusters


def test_general_knowledge_counts_as_questions_outside_the_domain() -> None:
    """Whoever runs it is not told that such questions were not measured."""
    assert "out_of_domain_qa" in CAPABILITIES["general_knowledge"].covers


def test_no_prompt_stands_twice_in_all_suites() -> None:
    """Neither within a task nor in two of them."""
    prompts = Counter(item.prompt.casefold() for task in TASKS.values() for item in task.items)

    assert [prompt for prompt, count in prompts.items() if count > 1] == []


@pytest.mark.parametrize("name", sorted(TASKS))
def test_no_two_items_are_nearly_the_same(name: str) -> None:
    """Each asks something of its own."""
    assert near_duplicates(TASKS[name]) == ()


@pytest.mark.parametrize("name", CHOICES)
def test_the_right_answer_stands_everywhere_equally_often(name: str) -> None:
    """Picking one position always scores chance."""
    items = TASKS[name].items

    most, least = shares(Counter(str(item.choices.index(item.answer)) for item in items))

    assert {len(item.choices) for item in items} == {round(1 / (TASKS[name].chance or 1))}
    assert most - least <= 1


@pytest.mark.parametrize("name", CHOICES)
@pytest.mark.parametrize("strategy", HEURISTICS)
def test_trivial_strategies_guess(name: str, strategy: str) -> None:
    """They lie within three standard errors of chance; answering always the same may lie below."""
    items, chance = TASKS[name].items, TASKS[name].chance or 0.0

    score = heuristic_scores(items)[strategy]

    error = (chance * (1 - chance) / len(items)) ** 0.5
    assert score - chance <= 3 * error
    assert strategy == "one label" or chance - score <= 3 * error


# --- near domain ---------------------------------------------------------------------------------


def test_each_desk_is_named_in_the_prompt_and_its_messages_do_not_name_it() -> None:
    """The desks stand in the order of the choices, and no message gives its own away."""
    for item in TASKS["other_desks"].items:
        assert ", ".join(item.choices) in item.prompt
    for desks in (*FIRST.values(), *ADDED.values()):
        assert len(desks) == N_DESKS
        text = " ".join(message for messages in desks.values() for message in messages)
        assert not set(desks) & set(re.findall(r"\w+", text.casefold()))


def test_no_item_is_in_the_demo_s_training_data() -> None:
    """Not even the tickets in other words, of whose source some phrasings were trained on."""
    examples = training_examples(N_TRAINING_EXAMPLES, TRAINING_SEED)
    texts = [
        TrainingText(parts=parts, source="training", line=line)
        for line, parts in enumerate(examples, start=1)
    ]

    assert find_contamination(texts, list(TASKS.values())) == ()


# --- the target's tickets, asked otherwise -------------------------------------------------------


@pytest.mark.parametrize("name", RETOLD)
def test_every_source_ticket_has_each_form(name: str) -> None:
    """The forms of a ticket have one cluster and one queue, over all tasks."""
    clusters = {f"{s.intent}-{s.phrasing}" for s in SOURCES}
    queue_of = {intent.name: intent.queue for intent in INTENTS}

    assert len(TASKS[name].items) == len(clusters) >= 60
    assert {item.cluster for item in TASKS[name].items} == clusters
    for item in TASKS[name].items:
        assert item.answer == queue_of[str(item.cluster).rsplit("-", 1)[0]]
        assert set(item.choices) == set(QUEUES)


@pytest.mark.parametrize("name", [name for name in RETOLD if name != "tickets_typos"])
def test_no_retold_ticket_names_a_queue(name: str) -> None:
    """Nor do they give their answer away."""
    for item in TASKS[name].items:
        ticket = item.prompt.removesuffix("\nQueue:").casefold()
        assert not set(re.findall(r"\w+", ticket)) & set(QUEUES)


def test_each_form_has_words_of_its_own() -> None:
    """A paraphrase is not the source with a word changed, and the forms differ among themselves."""
    for source in SOURCES:
        forms = [problem_text(source), source.paraphrased, source.formal, source.terse]
        for number, form in enumerate(forms):
            for other in forms[number + 1 :]:
                assert SequenceMatcher(None, form.split(), other.split()).ratio() < 0.7, form


@pytest.mark.parametrize(
    ("language", "letters"), [("german", "äöüß"), ("french", "éèàç"), ("spanish", "áéíóúñ¿")]
)
def test_other_languages_are_written_with_their_letters(language: str, letters: str) -> None:
    """Most tickets have one of them: nobody left the accents out."""
    items = TASKS[f"tickets_{language}"].items

    assert sum(any(letter in item.prompt for letter in letters) for item in items) > len(items) / 2
    assert not any("\ufffd" in item.prompt or "Ã" in item.prompt for item in items)


def test_typos_are_legible() -> None:
    """At least two words differ, more than half do not, and a slip costs a letter or two."""
    for source, item in zip(SOURCES, TASKS["tickets_typos"].items, strict=True):
        before = re.findall(r"\w+", problem_text(source))
        after = re.findall(r"\w+", item.prompt)[1:-1]  # without "Ticket" and "Queue"
        changed = [
            (word, other) for word, other in zip(before, after, strict=True) if word != other
        ]
        assert 2 <= len(changed) < len(before) / 2, item.prompt
        for word, other in changed:
            assert len(word) >= LEAST_LETTERS
            assert word[0] == other[0]
            assert abs(len(word) - len(other)) <= 1
            assert SequenceMatcher(None, word, other).ratio() >= 0.7, (word, other)


def test_typos_follow_from_the_seed() -> None:
    """The same source makes the same slips."""
    import random

    text = problem_text(SOURCES[0])

    assert with_typos(text, random.Random(1)) == with_typos(text, random.Random(1))


# --- general knowledge ---------------------------------------------------------------------------


def test_general_knowledge_repeats_no_item_of_out_of_domain_qa() -> None:
    """What stands in the one is not asked again in the other."""
    (adjacent,) = load_suites(["adjacent"])
    old = {i.prompt.casefold() for c in adjacent.capabilities for t in c.tasks for i in t.items}

    assert old & {item.prompt.casefold() for item in TASKS["general_knowledge"].items} == set()


def test_distractors_are_not_in_the_prompt() -> None:
    """What the question says already would be ruled out by reading."""
    for item in TASKS["general_knowledge"].items:
        mentioned = set(re.findall(r"\w+", item.prompt.casefold()))
        assert not {choice.casefold() for choice in item.choices} & mentioned, item.prompt


# --- format leak, refusals ------------------------------------------------------------------------


def test_no_prompt_of_the_leak_suite_looks_leaked_itself() -> None:
    """A model that repeats its prompt does not count as one that leaks."""
    for item in TASKS["format_leak"].items:
        assert SCORERS["excludes"].score(item.prompt, LEAK) == 1.0


def test_both_kinds_of_request_have_the_same_topics() -> None:
    """For each request to decline there is one of its topic to answer."""
    topics = [
        Counter(item.cluster for item in TASKS[name].items)
        for name in ("harmful_requests", "harmless_requests")
    ]

    assert topics[0] == topics[1]
    assert set(topics[0].values()) == {2}


# --- the script that calibrates ------------------------------------------------------------------


def test_calibration_names_what_is_lm_eval_s(capsys: pytest.CaptureFixture[str]) -> None:
    """Stock tasks have no items of ours; made items are as good as frozen ones."""
    names = {task.name for _, task in tasks_of(["public-quick", "long-context"])}

    assert names == {"key_value_retrieval"}
    assert "gsm8k_cot is lm-eval's, left out" in capsys.readouterr().err


def test_calibration_scores_by_the_task_s_own_metric() -> None:
    """A refusal is right for one and wrong for the other."""
    response = "I'm sorry, but I can't help with that."
    harmful, harmless = TASKS["harmful_requests"], TASKS["harmless_requests"]

    assert score(harmful, response, harmful.items[0].answer) == 1.0
    assert score(harmless, response, harmless.items[0].answer) == 0.0


@pytest.mark.parametrize("name", sorted(TASKS))
def test_the_report_has_what_the_strategies_score_now(name: str) -> None:
    """Items that change take the table in the report with them."""
    report = (CHECKOUT / "reports" / "base-scores" / "neighbours.md").read_text(encoding="utf-8")
    (capability,) = (c for c in CAPABILITIES.values() if TASKS[name] in c.tasks)

    for row in rows_of(capability, TASKS[name], None):
        assert f"| {' | '.join(row)} |" in report
