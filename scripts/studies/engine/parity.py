"""Compare the engine's numbers with lm-eval's ``hf`` on real benchmarks, request by request.

    python -m scripts.studies.engine.parity --data DIR --model DIR [--items N] [--out FILE.json]

Both run the same weights in float32 on the CPU, with and without chat template. Prints Markdown,
and exits with 1 when a bound is broken: a log-likelihood that differs by more than 1e-4 or 1e-6 of
itself, another greedy choice, or another answer where no picked token had a rival within 1e-4.
"""

from __future__ import annotations

import argparse
import json
import logging
import sys
from pathlib import Path
from typing import Any

import torch
from lm_eval.models.huggingface import HFLM

from cliffguard.engine.lm import CliffguardLM
from scripts.studies.engine.tasks import NAMES, Task, answers, build, chat_of, n_items_of

N_THREADS = 2
HF_BATCH = 8
LEAST_DIFFERENCE = 1e-4  # nats
RELATIVE_DIFFERENCE = 1e-6
TIE = 1e-4  # nats; below it rounding may decide which token is picked

HEAD = {
    "task": "task",
    "chat": "chat template",
    "requests": "requests",
    "largest_difference": "largest difference (nats)",
    "largest_ratio": "largest / allowed",
    "greedy_mismatches": "greedy mismatches",
    "same_answers": "same answers",
    "other_answers": "other answers",
    "other_at_a_tie": "of these at a tie",
}


def load(model: str) -> tuple[HFLM, CliffguardLM]:
    """Return lm-eval's model and the engine's, over the same weights in memory."""
    hf = HFLM(pretrained=model, dtype="float32", device="cpu", batch_size=HF_BATCH)
    engine = CliffguardLM(hf.model, tokenizer=hf.tokenizer)
    if engine.fallback_reason is not None:
        raise SystemExit(f"the engine runs this model as hf does: {engine.fallback_reason}")
    return hf, engine


def compare(hf: HFLM, engine: CliffguardLM, task: Task) -> dict[str, Any]:
    """Return how far the two sides are apart on a task."""
    if task.kind == "generate_until":
        return _compare_texts(hf, engine, task)
    expected, measured = answers(hf, task), answers(engine, task)
    row: dict[str, Any] = {"requests": len(expected)}
    if task.kind == "loglikelihood":
        row["greedy_mismatches"] = sum(
            a[1] != b[1] for a, b in zip(expected, measured, strict=True)
        )
        expected, measured = [answer[0] for answer in expected], [answer[0] for answer in measured]
    differences = [abs(a - b) for a, b in zip(expected, measured, strict=True)]
    allowed = [max(LEAST_DIFFERENCE, RELATIVE_DIFFERENCE * abs(logprob)) for logprob in expected]
    row["largest_difference"] = max(differences)
    row["largest_ratio"] = max(d / a for d, a in zip(differences, allowed, strict=True))
    return row


def _compare_texts(hf: HFLM, engine: CliffguardLM, task: Task) -> dict[str, Any]:
    expected, generated = answers(hf, task), engine.generate(task.requests)
    other = [
        answer for text, answer in zip(expected, generated, strict=True) if text != answer.text
    ]
    return {
        "requests": len(expected),
        "same_answers": len(expected) - len(other),
        "other_answers": len(other),
        "other_at_a_tie": sum(
            answer.margin is not None and answer.margin < TIE for answer in other
        ),
        "margins_of_other": sorted(answer.margin for answer in other if answer.margin is not None),
    }


def is_broken(row: dict[str, Any]) -> bool:
    """Return whether a row breaks a bound."""
    return bool(
        row.get("largest_ratio", 0.0) > 1.0
        or row.get("greedy_mismatches", 0)
        or row.get("other_answers", 0) > row.get("other_at_a_tie", 0)
    )


def as_markdown(rows: list[dict[str, Any]]) -> str:
    """Return the rows as a table."""
    lines = [f"| {' | '.join(HEAD.values())} |", "| --- | --- |" + " ---: |" * (len(HEAD) - 2)]
    for row in rows:
        cells = [_cell(row.get(key)) for key in HEAD]
        lines.append(f"| {' | '.join(cells)} |")
    return "\n".join(lines)


def _cell(value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, bool):
        return "yes" if value else "no"
    return f"{value:.2g}" if isinstance(value, float) else str(value)


def main() -> int:
    """Compare every task, print and write the table; return the exit code."""
    parser = argparse.ArgumentParser(description="Compare the engine with lm-eval's hf.")
    parser.add_argument("--data", type=Path, required=True, help="folder of the benchmark files")
    parser.add_argument("--model", required=True, help="directory of the model")
    parser.add_argument("--items", type=int, default=100, help="items of a multiple-choice task")
    parser.add_argument("--tasks", nargs="+", choices=NAMES, default=NAMES)
    parser.add_argument("--out", type=Path, help="write the figures here, as JSON")
    arguments = parser.parse_args()
    torch.set_num_threads(N_THREADS)
    logging.getLogger("lm_eval").setLevel(logging.ERROR)
    hf, engine = load(arguments.model)
    rows: list[dict[str, Any]] = []
    for name in arguments.tasks:
        for is_chat in (False, True):
            render = chat_of(hf) if is_chat else None
            task = build(name, arguments.data, n_items_of(name, arguments.items), render)
            row = {"task": name, "chat": is_chat, **compare(hf, engine, task)}
            rows.append(row | {"is_broken": is_broken(row)})
            print(f"{name}, chat template {_cell(is_chat)}: done", file=sys.stderr)
    print(as_markdown(rows))
    broken = [f"{row['task']} (chat: {_cell(row['chat'])})" for row in rows if row["is_broken"]]
    print(f"\nbounds broken: {', '.join(broken) or 'none'}")
    if arguments.out:
        arguments.out.parent.mkdir(parents=True, exist_ok=True)
        figures = {
            "hf_batch_size": HF_BATCH,
            "dtype": "float32",
            "least_difference": LEAST_DIFFERENCE,
            "relative_difference": RELATIVE_DIFFERENCE,
            "tie": TIE,
            "rows": rows,
        }
        arguments.out.write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    return 1 if broken else 0


if __name__ == "__main__":
    sys.exit(main())
