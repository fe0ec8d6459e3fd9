"""Write the frozen items of the shipped suites, or check that they are what the code makes.

python scripts/make_suites.py            # write suites/**/*.jsonl
python scripts/make_suites.py --check    # exit 1 and name the file that differs
"""

from __future__ import annotations

import argparse
from collections.abc import Callable
from pathlib import Path

from items.agreement import agreement
from items.common import Item, to_jsonl
from items.facts import out_of_domain_qa
from items.ladders import nested_places
from items.reading import reading_in_context
from items.tickets import ticket_resolution, ticket_routing, training_examples

SUITES = Path(__file__).resolve().parent.parent / "suites"

FILES: dict[str, Callable[[], list[Item]]] = {
    "support-tickets/ticket_routing.jsonl": ticket_routing,
    "support-tickets/ticket_resolution.jsonl": ticket_resolution,
    "adjacent/nested_places.jsonl": nested_places,
    "adjacent/out_of_domain_qa.jsonl": out_of_domain_qa,
    "adjacent/reading_in_context.jsonl": reading_in_context,
    "adjacent/agreement.jsonl": agreement,
}
# as many as any recipe uses, and then some
N_TRAINING_EXAMPLES = 5000
TRAINING_SEEDS = (11,)


def refuse_overlap(items: list[Item]) -> None:
    """Stop if a ticket of the suite is one that the demo adapters were trained on."""
    tickets = {item["prompt"].rsplit("\n", 1)[0] for item in items}
    for seed in TRAINING_SEEDS:
        for prompt, _ in training_examples(N_TRAINING_EXAMPLES, seed):
            if prompt.rsplit("\n", 1)[0] in tickets:
                raise SystemExit(f"also in the training data of seed {seed}: {prompt!r}")


def main() -> int:
    """Write or check every file; return the exit code."""
    parser = argparse.ArgumentParser(description="Make the items of the shipped suites.")
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    parser.add_argument("--out", type=Path, default=SUITES, help="the folder of the suites")
    arguments = parser.parse_args()
    made = {name: make() for name, make in FILES.items()}
    refuse_overlap([item for name, items in made.items() if "tickets" in name for item in items])
    differing = 0
    for name, items in made.items():
        path, content = arguments.out / name, to_jsonl(items)
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
            print(f"{name}: {len(items)} items")
        elif not path.is_file() or path.read_bytes() != content:
            print(f"{path}: differs from what the generators make")
            differing += 1
    return 1 if differing else 0


if __name__ == "__main__":
    raise SystemExit(main())
