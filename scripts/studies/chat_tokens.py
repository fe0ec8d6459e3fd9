"""Whether chats reach a model token by token as its own tokenizer renders them.

    python -m scripts.studies.chat_tokens MODEL… [--rows 200] [--out reports/chats]

Makes chats of every shape (with and without a system turn, of one to eleven turns, with tools, with
calls and what they returned, in several scripts), half of them generated, half with choices, and
compares the tokens that an item is asked with with `apply_chat_template(…, tokenize=True)`. A model
is a folder with a chat template that takes tools, or does not. Writes Markdown into `--out`; exits
with 1 where one token differs. A small part: `--rows 20`.
"""

from __future__ import annotations

import argparse
import random
import sys
import tempfile
from collections import Counter
from pathlib import Path
from typing import Any

from cliffguard import EvalSettings, RunnerSettings
from cliffguard.checkpoints.identity import FindOptions, find_base
from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.chats import chat_in
from cliffguard.core.errors import CliffguardError
from cliffguard.runners.answering import Prepared
from cliffguard.runners.harness import HarnessRunner
from cliffguard.runners.prompting import build, read_as_rendered
from cliffguard.suites.loading import load_suite
from scripts.studies.page import publish, table

SEED = 20261130
BY_TEMPLATE = EvalSettings(chat_template="own")
WORDS = (
    "Where is the ball?", "Wie groß ist der Garten?", "¿Cuánto cuesta?", "東京は寒いですか。",
    "كم الساعة؟", "Sum 3 and 4.\nThen halve it.", "def f(x):\n    return x  # <b>&amp;",
    "🙂 or 🙁?", "  indented", '{"a": [1, 2]}',
)  # fmt: skip
TOOL = {
    "name": "get_weather",
    "description": "Says how warm it is.",
    "parameters": {"type": "object", "properties": {"city": {"type": "string"}}},
}


def chat(rng: random.Random, *, takes_tools: bool) -> dict[str, Any]:
    """Return a chat as a row has it."""
    messages: list[dict[str, Any]] = []
    if rng.random() < 0.5:
        messages.append({"role": "system", "content": rng.choice(WORDS)})
    for _ in range(rng.randrange(5)):
        messages.append({"role": "user", "content": rng.choice(WORDS)})
        messages.append({"role": "assistant", "content": rng.choice(WORDS)})
    messages.append({"role": "user", "content": rng.choice(WORDS)})
    if not takes_tools or rng.random() < 0.5:
        return {"messages": messages}
    if rng.random() < 0.5:
        call = {"name": "get_weather", "arguments": {"city": rng.choice(["Rome", "大阪"])}}
        messages.append({"role": "assistant", "content": "", "tool_calls": [call]})
        messages.append({"role": "tool", "name": "get_weather", "content": '{"degrees": 21}'})
    return {"messages": messages, "tools": [TOOL]}


def suite_of(folder: Path, rows: list[dict[str, Any]]) -> Path:
    """Write a suite of two tasks: half of the rows generated, half with choices."""
    halves = {"said": rows[::2], "chosen": rows[1::2]}
    for name, half in halves.items():
        more = {} if name == "said" else {"choices": ["yes", "no, never", "größer"]}
        lines = [{"id": f"{name}{n}", "answer": "yes", **more, **row} for n, row in enumerate(half)]
        (folder / f"{name}.jsonl").write_text(
            "".join(canonical_json(line) + "\n" for line in lines), encoding="utf-8"
        )
    path = folder / "suite.yaml"
    path.write_text(
        "name: chats\nversion: 1\ncapabilities:\n  chat:\n    ring: adjacent\n    tasks:\n"
        "      - {name: said, items: said.jsonl, metric: exact_match}\n"
        "      - {name: chosen, items: chosen.jsonl, metric: acc}\n",
        encoding="utf-8",
    )
    return path


def compared(model: Path, n_rows: int) -> Counter[str]:
    """Return how many chats of a model are asked as transformers renders them, and how many not."""
    rng = random.Random(SEED)
    counts: Counter[str] = Counter()
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    side = find_base(str(model), FindOptions())
    lm = runner._model(side, BY_TEMPLATE)
    takes_tools = "tools" in str(lm.tokenizer.chat_template)
    rows = [chat(rng, takes_tools=takes_tools) for _ in range(n_rows)]
    with tempfile.TemporaryDirectory() as folder:
        tasks = runner.resolve([load_suite(str(suite_of(Path(folder), rows)))], BY_TEMPLATE)
    for task in tasks:
        with read_as_rendered(lm, task):
            build(runner._tasks[task.name], lm, side, BY_TEMPLATE)
            for item in task.items:
                counts.update(
                    outcome(Prepared(runner._tasks[task.name], item, lm, BY_TEMPLATE), lm)
                )
    return counts


def outcome(item: Prepared, lm: Any) -> list[str]:
    """Return what is counted of one chat: its tokens, and its BOS."""
    assert item.item.chat is not None
    whole = chat_in(item.item.chat)
    wanted = lm.tokenizer.apply_chat_template(
        list(whole.messages),
        tools=[*whole.tools] or None,
        add_generation_prompt=True,
        tokenize=True,
        return_dict=False,
    )
    same = all(tokens[: len(wanted)] == list(wanted) for tokens in item.token_sequences())
    return [
        "equal" if same else "unequal",
        "with tools" if whole.tools else "without",
        f"{item.n_bos or 0} BOS",
    ]


def main() -> int:
    """Compare every model's chats and write the table."""
    parser = argparse.ArgumentParser(description=__doc__)
    parser.add_argument("models", nargs="+", type=Path)
    parser.add_argument("--rows", type=int, default=200)
    parser.add_argument("--out", type=Path, default=Path("reports/chats"))
    given = parser.parse_args()
    rows, n_unequal = [], 0
    for model in given.models:
        try:
            counts = compared(model, given.rows)
        except CliffguardError as failure:
            print(failure, file=sys.stderr)
            return failure.exit_code
        n_unequal += counts["unequal"]
        bos = ", ".join(f"{n} with {kind}" for kind, n in counts.items() if kind.endswith("BOS"))
        row = {"model": model.name, "chats": given.rows, "with tools": counts["with tools"]}
        rows.append({**row, "same tokens": counts["equal"], "BOS": bos})
    publish("\n\n".join([*_ABOUT, table(rows)]) + "\n", given.out / "README.md")
    return 1 if n_unequal else 0


_ABOUT = (
    "# Chats, token by token",
    "    python -m scripts.studies.chat_tokens MODEL…",
    "Chats of every shape, half generated and half with choices, as the engine reads them, against "
    "`apply_chat_template(…, tokenize=True)` of the model's own tokenizer. Of choices, the tokens "
    "before each choice count.",
)

if __name__ == "__main__":
    sys.exit(main())
