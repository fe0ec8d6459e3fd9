"""Write the frozen items of the shipped suites, or check that they are what the code makes.

python -m scripts.make.suites            # write suites/**/*.jsonl
python -m scripts.make.suites --check    # exit 1 and name the file that differs
"""

from __future__ import annotations

from collections.abc import Callable
from functools import partial
from pathlib import Path

import yaml

from cliffguard.core.canonical_json import digest
from cliffguard.suites import ladders
from scripts.make import skill_suites
from scripts.make.items.agreement import agreement
from scripts.make.items.common import Item, to_jsonl
from scripts.make.items.desks import other_desks
from scripts.make.items.facts import out_of_domain_qa
from scripts.make.items.format_leak import format_leak
from scripts.make.items.knowledge import general_knowledge
from scripts.make.items.ladders import nested_places
from scripts.make.items.neighbours import FORMS, tickets_in, tickets_typos
from scripts.make.items.reading import reading_in_context
from scripts.make.items.refusals import harmful_requests, harmless_requests
from scripts.make.items.tickets import ticket_resolution, ticket_routing, training_examples
from scripts.make.output import write_or_check

SUITES = Path(__file__).resolve().parent.parent.parent / "suites"

LADDERS = tuple(name for name in ladders.GENERATORS if name != "key_value_retrieval")
N_PER_LEVEL = 200
LADDER_SEED, SHADOW_SEED = "cliffguard-ladders-1", "cliffguard-ladders-1-shadow"


def ladder(name: str) -> list[Item]:
    """Return the frozen rows of a ladder."""
    return ladders.make(name, seed=LADDER_SEED, n_per_level=N_PER_LEVEL)


FILES: dict[str, Callable[[], list[Item]]] = {
    "support-tickets/ticket_routing.jsonl": ticket_routing,
    "support-tickets/ticket_resolution.jsonl": ticket_resolution,
    "adjacent/nested_places.jsonl": nested_places,
    "adjacent/out_of_domain_qa.jsonl": out_of_domain_qa,
    "adjacent/reading_in_context.jsonl": reading_in_context,
    "adjacent/agreement.jsonl": agreement,
    "neighbours/other_desks.jsonl": other_desks,
    "neighbours/tickets_typos.jsonl": tickets_typos,
    **{f"neighbours/tickets_{form}.jsonl": partial(tickets_in, form) for form in FORMS},
    "general-knowledge/general_knowledge.jsonl": general_knowledge,
    "format-leak/format_leak.jsonl": format_leak,
    "refusals/harmful_requests.jsonl": harmful_requests,
    "refusals/harmless_requests.jsonl": harmless_requests,
    **{f"ladders/{name}.jsonl": partial(ladder, name) for name in LADDERS},
}
# as many as any recipe uses, and then some
N_TRAINING_EXAMPLES = 5000
TRAINING_SEEDS = (11,)


def made(name: str, seed: str) -> str:
    """Return what a suite file says of items that are made when they are needed."""
    rows = ladders.make(name, seed=seed, n_per_level=N_PER_LEVEL)
    return (
        f"{{generator: {name}, seed: {seed}, n_per_level: {N_PER_LEVEL}, digest: {digest(rows)}}}"
    )


def shadow_suite() -> str:
    """Return the suite of the same ladders from another seed."""
    text = (
        "# Made by scripts/make/suites.py.\nname: ladders-shadow\nversion: 1\n"
        "description: The ladders once more, from a seed whose items lie in no file.\n"
        "capabilities:\n"
    )
    shown = yaml.safe_load((SUITES / "ladders.yaml").read_text(encoding="utf-8"))
    for name, body in shown["capabilities"].items():
        (task,) = body["tasks"]
        text += (
            f"  {name}_shadow:\n    ring: {body['ring']}\n"
            f"    covers: [{', '.join([name, *body.get('covers', [])])}]\n"
            f"    tasks:\n      - name: {task['name']}_shadow\n"
            f"        items: {made(task['name'], SHADOW_SEED)}\n"
            f"        level: {task['level']}\n        metric: acc\n"
            f"        chance: {task['chance']}\n"
        )
    return text


def long_context_suite() -> str:
    """Return the suite of retrieval by length, whose texts are too long to ship."""
    return (
        "# Made by scripts/make/suites.py.\nname: long-context\nversion: 1\n"
        "description: Find one of four facts in texts of 256 to 32,768 tokens, as far as the model "
        "reads.\ncapabilities:\n  key_value_retrieval:\n    ring: general\n"
        "    covers: [long_context]\n    tasks:\n      - name: key_value_retrieval\n"
        f"        items: {made('key_value_retrieval', LADDER_SEED)}\n"
        "        level: tokens\n        metric: acc\n        chance: 0.25\n"
    )


TEXTS: dict[str, Callable[[], str]] = {
    "ladders-shadow.yaml": shadow_suite,
    "long-context.yaml": long_context_suite,
    **skill_suites.TEXTS,
}


def refuse_overlap(items: list[Item]) -> None:
    """Stop if a ticket of the suite is one that the demo adapters were trained on."""
    tickets = {item["prompt"].rsplit("\n", 1)[0] for item in items}
    for seed in TRAINING_SEEDS:
        for prompt, _ in training_examples(N_TRAINING_EXAMPLES, seed):
            if prompt.rsplit("\n", 1)[0] in tickets:
                raise SystemExit(f"also in the training data of seed {seed}: {prompt!r}")


def files() -> dict[str, str | bytes]:
    """Return every file of items, and the suites that are made with them."""
    items_of = {name: make() for name, make in FILES.items()}
    refuse_overlap(
        [item for name, items in items_of.items() if "tickets" in name for item in items]
    )
    return {
        **{name: to_jsonl(items) for name, items in items_of.items()},
        **{name: write() for name, write in TEXTS.items()},
    }


main = partial(write_or_check, files, SUITES, module="scripts.make.suites", doc=__doc__)

if __name__ == "__main__":
    raise SystemExit(main())
