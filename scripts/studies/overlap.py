"""What overlap with training data is found, and what is taken for overlap though it is none.

python -m scripts.studies.overlap                          # the tables of reports/overlap/README.md
python -m scripts.studies.overlap --unrelated FILE         # also against a text of your own
python -m scripts.studies.overlap --time                   # how long many items and texts take
"""

from __future__ import annotations

import argparse
import itertools
import random
import time
from collections.abc import Callable, Sequence
from dataclasses import replace
from typing import Any

from cliffguard.core.comparisons import Contamination
from cliffguard.core.items import Task
from cliffguard.suites import contamination as overlap
from cliffguard.suites import ngrams
from cliffguard.suites.loading import load_suites
from cliffguard.suites.train_data import TrainingText, read_training
from scripts.make.items.common import Item
from scripts.make.items.ladders import HOPS, nested_places
from scripts.make.items.reading import reading_in_context
from scripts.make.items.tickets import ticket_resolution, ticket_routing, training_examples

SEED = 7
N_PLANTED = 40  # of each task, for each change
N_AROUND = 2000  # training tickets, among which the changed items are put
N_DEMO = 5000  # training tickets as negatives
N_MANY_ITEMS, N_MANY_TEXTS = 10_000, 100_000
LENGTHS = (2, 3, 4, 5)
SHARES = (0.6, 0.65, 0.7, 0.75, 0.8)
NEW_WORDS = ("green", "seven", "because", "river", "slowly", "never", "window", "twice")

Change = Callable[[str, random.Random], Any]


def case_and_marks(text: str, source: random.Random) -> str:
    """Return a text in other case, without its marks, with other white space."""
    bare = "".join(c if c.isalnum() or c.isspace() else source.choice((" ", " – ")) for c in text)
    return bare.upper().replace(" ", "\n  ")


def replaced(text: str, source: random.Random) -> str:
    """Return a text with one word that it does not have."""
    words = text.split(" ")
    words[source.randrange(len(words))] = source.choice(NEW_WORDS)
    return " ".join(words)


def swapped(text: str, source: random.Random) -> str:
    """Return a text of which two words, anywhere, have changed places."""
    words = text.split(" ")
    first = source.randrange(len(words))
    other = source.choice([k for k, word in enumerate(words) if word != words[first]])
    words[first], words[other] = words[other], words[first]
    return " ".join(words)


def inside(text: str, source: random.Random) -> str:
    """Return a text between two pieces of another kind."""
    around = training_examples(4, source.randrange(10**6))
    return f"{around[0][0]} {around[1][0]} {text} {around[2][0]}"


def chat(text: str, source: random.Random) -> list[dict[str, str]]:
    """Return a text as what the user of a chat says."""
    return [
        {"role": "system", "content": "You are a helpful assistant."},
        {"role": "user", "content": text},
        {"role": "assistant", "content": source.choice(NEW_WORDS)},
    ]


def half(text: str, source: random.Random) -> str:
    """Return the first half of a text."""
    words = text.split(" ")
    return " ".join(words[: len(words) // 2])


CHANGES: dict[str, Change] = {
    "none": lambda text, _: text,
    "case, marks, white space": case_and_marks,
    "inside other text": inside,
    "in a chat": chat,
    "one word replaced": replaced,
    "two words swapped": swapped,
    "first half only": half,
}
FRESH: dict[str, Callable[[int], list[Item]]] = {
    # More items than the suite has: those beyond are new, from the same templates.
    "nested_places": lambda n: [
        i for i in nested_places(100 + n // len(HOPS)) if int(i["id"].split("-")[-1]) >= 100
    ],
    "reading_in_context": lambda n: reading_in_context(200 + n)[200:],
    "ticket_routing": lambda n: ticket_routing(2 * n),
    "ticket_resolution": lambda n: ticket_resolution(2 * n),
}


def as_texts(rows: Sequence[Any]) -> list[TrainingText]:
    """Return rows of training data: texts, or chats."""
    return [
        TrainingText(
            parts=(row,) if isinstance(row, str) else tuple(turn["content"] for turn in row),
            source="study",
            line=line,
        )
        for line, row in enumerate(rows, start=1)
    ]


def fresh(task: Task, n_items: int) -> list[str]:
    """Return prompts of the task's templates that the suite does not have."""
    prompts = {item.prompt for item in task.items}
    return [i["prompt"] for i in FRESH[task.name](n_items) if i["prompt"] not in prompts][:n_items]


def tickets(n_texts: int) -> list[str]:
    """Return what demo adapters are trained on."""
    return [f"{prompt} {answer}" for prompt, answer in training_examples(n_texts, 11)]


def planted(task: Task, change: Change) -> tuple[int, list[Contamination]]:
    """Return how many changed items were planted, and the overlaps with them."""
    source = random.Random(f"{SEED}|{task.name}")
    chosen = source.sample(range(len(task.items)), N_PLANTED)
    rows = [change(task.items[k].prompt, source) for k in chosen]
    overlaps = overlap.find_contamination(as_texts([*tickets(N_AROUND), *rows]), [task])
    lines = {task.items[k].id: N_AROUND + 1 + number for number, k in enumerate(chosen)}
    return len(rows), [hit for hit in overlaps if hit.line == lines.get(hit.item_id)]


def negatives(task: Task, texts: Sequence[str]) -> list[Contamination]:
    """Return the overlaps with texts that hold none of the items."""
    return list(overlap.find_contamination(as_texts(texts), [task]))


def print_table(headers: Sequence[str], rows: Sequence[Sequence[str]]) -> None:
    """Print a table of Markdown."""
    print(f"\n| {' | '.join(headers)} |\n|{'---|' * len(headers)}")
    for row in rows:
        print(f"| {' | '.join(row)} |")


def study(tasks: Sequence[Task], unrelated: str | None) -> None:
    """Print what is found as shipped: planted items, and texts without any."""
    rows = []
    for name, change in CHANGES.items():
        cells = []
        for task in tasks:
            n, overlaps = planted(task, change)
            n_exact = sum(hit.kind == "exact" for hit in overlaps)
            cells.append(f"{len(overlaps)} of {n} ({n_exact} exact)")
        rows.append([name, *cells])
    print_table(["change", *(task.name for task in tasks)], rows)
    rows = []
    for task in tasks:
        n = len(task.items)
        kinds = {"as many new items": fresh(task, n), "ten times as many": fresh(task, 10 * n)}
        kinds["training tickets"] = tickets(N_DEMO)
        if unrelated is not None:
            kinds["own file"] = [text.text for text in read_training(unrelated)]
        for kind, texts in kinds.items():
            overlaps = negatives(task, texts)
            rows.append([task.name, str(n), kind, f"{len(texts):,}", str(len(overlaps))])
    print_table(["task", "items", "texts without them", "texts", "taken for overlap"], rows)


def choices(tasks: Sequence[Task]) -> None:
    """Print what other lengths of runs and other shares would find."""
    shipped = ngrams.N_WORDS, overlap.LEAST_SHARE
    rows = []
    for length in LENGTHS:
        ngrams.N_WORDS, overlap.LEAST_SHARE = length, min(SHARES)
        replacements, swaps, new = [], [], []
        for task in tasks:
            replacements += [o.similarity for o in planted(task, replaced)[1]]
            swaps += [o.similarity for o in planted(task, swapped)[1]]
            new += [o.similarity for o in negatives(task, fresh(task, len(task.items)))]
        n_planted, n_items = N_PLANTED * len(tasks), sum(len(task.items) for task in tasks)
        for share in SHARES:
            of = [sum(s >= share for s in kind) for kind in (replacements, swaps, new)]
            totals = (n_planted, n_planted, n_items)
            cells = [f"{100 * n / total:.0f} %" for n, total in zip(of, totals, strict=True)]
            rows.append([str(length), f"{share:.2f}", *cells])
    ngrams.N_WORDS, overlap.LEAST_SHARE = shipped
    print_table(
        ["words in a run", "least share", "one word replaced", "two swapped", "new items"], rows
    )


def many(kind: str) -> tuple[list[str], list[str]]:
    """Return prompts and training texts: of common and rare words, or all of one template."""
    source = random.Random(SEED)
    if kind == "tickets":
        prompts = [item["prompt"] for item in ticket_routing(N_MANY_ITEMS)]
        return prompts, tickets(N_MANY_TEXTS)
    if kind == "ladder":
        n_levels = -(-(N_MANY_ITEMS + N_MANY_TEXTS) // len(HOPS))
        every = [item["prompt"] for item in nested_places(n_levels)]
        source.shuffle(every)
        return every[:N_MANY_ITEMS], every[N_MANY_ITEMS:]
    known = [f"word{rank}" for rank in range(30_000)]
    shares = list(itertools.accumulate(1 / (rank + 1) for rank in range(30_000)))
    texts = [
        " ".join(source.choices(known, cum_weights=shares, k=source.randint(20, 60)))
        for _ in range(N_MANY_ITEMS + N_MANY_TEXTS)
    ]
    return texts[:N_MANY_ITEMS], [*texts[N_MANY_ITEMS:-100], *texts[:100]]


def timings() -> None:
    """Print how long the search takes, and what it finds."""
    rows = []
    for kind in ("words", "tickets", "ladder"):
        prompts, training = many(kind)
        template = load_suites(["adjacent"])[0].capabilities[0].tasks[0]
        items = [
            replace(template.items[0], id=str(k), digest=str(k), prompt=prompt)
            for k, prompt in enumerate(prompts)
        ]
        texts = as_texts(training)
        start = time.process_time()
        overlaps = overlap.find_contamination(texts, [replace(template, items=tuple(items))])
        seconds = time.process_time() - start
        n_exact = sum(hit.kind == "exact" for hit in overlaps)
        cells = (len(items), len(texts), sum(len(ngrams.words(text)) for text in training))
        rows.append(
            [
                kind,
                *(f"{n:,}" for n in cells),
                f"{seconds:.0f}",
                f"{len(overlaps)} ({n_exact} exact)",
            ]
        )
    print_table(["kind", "items", "texts", "words of the texts", "seconds", "found"], rows)


def main() -> int:
    """Print the tables; return the exit code."""
    parser = argparse.ArgumentParser(description="What overlap is found, and what is mistaken.")
    parser.add_argument("--unrelated", help="texts that hold no item, in any file of training data")
    parser.add_argument("--time", action="store_true", help="measure the time, and nothing else")
    arguments = parser.parse_args()
    if arguments.time:
        timings()
        return 0
    suites = load_suites(["adjacent", "support-tickets"])
    every = [task for suite in suites for c in suite.capabilities for task in c.tasks]
    tasks = [task for task in every if task.name in FRESH]
    study(tasks, arguments.unrelated)
    choices(tasks)
    return 0


if __name__ == "__main__":
    raise SystemExit(main())
