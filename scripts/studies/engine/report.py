"""The results of `bench.py` as Markdown and as a chart."""

from __future__ import annotations

import json
import os
import platform
import statistics
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from scripts.studies.engine.tasks import N_NEW_TOKENS

HF_BATCHES = (1, 8, 16)
N_SAMPLED = 4  # items of the trial that picks hf's batch size
MEMORY_BATCH = 8


def _table(head: Sequence[str], rows: Sequence[Sequence[str]], n_words: int) -> str:
    rule = ["---"] * n_words + ["---:"] * (len(head) - n_words)
    return "\n".join(f"| {' | '.join(row)} |" for row in [head, rule, *rows])


def _times(value: dict[str, float]) -> list[str]:
    return [f"{value[key]:.2f}" for key in ("median", "min", "max")]


def _ratio_table(rows: Sequence[dict[str, Any]]) -> str:
    head = ["task", "items", "requests", "hf batch", "tokens hf", "tokens engine"]
    head += ["s hf", "s engine", "ratio", "min", "max", "required"]
    body = []
    for row in rows:
        tokens, seconds = row["tokens"], row["seconds"]
        body.append(
            [row["task"], str(row["items"]), str(row["requests"]), str(row["hf_batch_size"])]
            + [f"{tokens[side]:,}" for side in ("hf", "engine")]
            + [f"{statistics.median(seconds[side]):.1f}" for side in ("hf", "engine")]
            + [*_times(row["ratio"]), f"{row['required']:g}"]
        )
    return _table(head, body, 1)


def _ablation_table(rows: Sequence[dict[str, Any]]) -> str:
    head = ["task", "switched off", "items", "times as long", "min", "max"]
    body = [[row["task"], row["off"], str(row["items"]), *_times(row["slower"])] for row in rows]
    return _table(head, body, 2)


def _second_table(rows: Sequence[dict[str, Any]]) -> str:
    head = ["task", "items", "s hf, base and candidate", "s engine, candidate", "ratio"]
    head += ["min", "max", "required", "ratio if the base is measured too"]
    body = []
    for row in rows:
        medians = [statistics.median(row["seconds"][side]) for side in ("hf", "engine")]
        with_base = row["ratio_with_base"]["median"]
        seconds = [f"{median:.1f}" for median in medians]
        ends = [f"{row['required']:g}", f"{with_base:.2f}"]
        body.append([row["task"], str(row["items"]), *seconds, *_times(row["ratio"]), *ends])
    return _table(head, body, 1)


def _memory_table(rows: Sequence[dict[str, Any]]) -> str:
    head = ["task", "side", "items", "batch", "MiB loaded", "MiB at most", "MiB for the run"]
    body = []
    for row in rows:
        values = [row["mib"]["loaded"], row["mib"]["peak"], row["run_mib"]]
        body.append(
            [row["task"], row["side"], str(row["items"]), str(row["batch_size"])]
            + [f"{value:.0f}" for value in values]
        )
    return _table(head, body, 2)


def _overhead_table(rows: Sequence[dict[str, Any]]) -> str:
    head = ["task", "items", "s", "s after tokenising", "s in the model", "share outside it"]
    body = []
    for row in rows:
        keys = ("seconds", "seconds_without_tokenising", "seconds_in_forward")
        share = f"{100 * row['share_outside_forward']:.1f} %"
        body.append([row["task"], str(row["items"]), *(f"{row[key]:.2f}" for key in keys), share])
    return _table(head, body, 1)


def _decoding_table(rows: Sequence[dict[str, Any]]) -> str:
    head = ["way", "items", "new tokens", "s", "same answers as the engine"]
    body = []
    for row in rows:
        seconds = row["failed"] or f"{row['median']:.1f}"
        same = "–" if row["failed"] else f"{row['same_answers']} of {row['items']}"
        body.append([row["way"], str(row["items"]), str(row["new_tokens"]), seconds, same])
    return _table(head, body, 1)


def _overview_table(rows: Sequence[dict[str, Any]]) -> str:
    # Late: what measures it takes its settings from here.
    from scripts.studies.engine.overview import HEAD, cells

    return _table(HEAD, [cells(row) for row in rows], 3)


@dataclass(frozen=True, slots=True, kw_only=True)
class Section:
    """A part of the report, and how its figures are told."""

    title: str
    about: str
    table: Callable[[Sequence[dict[str, Any]]], str]


SECTIONS = {
    "overview": Section(
        title="Both sides, by dtype",
        about=(
            "CPU seconds of one thread, medians; the two take turns, and a ratio is of "
            "neighbouring runs. Items a prefix: how many items share the text before them. Share "
            "of the peak: operations of the linear layers alone, a second, by the fastest matrix "
            "product of that dtype in the same run. Parity: of the last run of each side."
        ),
        table=_overview_table,
    ),
    "memory": Section(
        title="Peak memory",
        about=(
            f"Each side in a process of its own, both with batch size {MEMORY_BATCH}: resident "
            "memory after loading and one item of another task, the process's maximum, and how "
            "much that is more."
        ),
        table=_memory_table,
    ),
    "ratios": Section(
        title="Time of hf / time of the engine",
        about=(
            f"`hf` runs with the batch size of {', '.join(map(str, HF_BATCHES))} that was fastest "
            f"on up to {N_SAMPLED} items of the task. The two take turns, and a ratio is of "
            "neighbouring runs: median, least and largest. Tokens are those fed to the model, "
            "padding included; seconds are medians."
        ),
        table=_ratio_table,
    ),
    "second_candidate": Section(
        title="A second candidate",
        about=(
            "`hf` loads and scores base and candidate; the engine has the base in memory and its "
            "answers in the store, puts the adapter on and scores the candidate. The last column "
            "is without the store: the engine scores both."
        ),
        table=_second_table,
    ),
    "ablations": Section(
        title="One part switched off",
        about=(
            "How many times as long the engine takes without one part, next to a run of the whole."
        ),
        table=_ablation_table,
    ),
    "overhead": Section(
        title="Time outside the model",
        about="Planning, masks, padding and reading out, as a share of what follows tokenising.",
        table=_overhead_table,
    ),
    "decoding": Section(
        title="Other ways to generate",
        about=(
            "The prompts of gsm8k_8shot_cot, continued greedily to the end token or "
            f"{N_NEW_TOKENS} tokens; without stop strings, which continuous batching does not have."
        ),
        table=_decoding_table,
    ),
}

ABOUT = """\
# The engine's speed

The engine (`cliffguard.engine.lm.CliffguardLM`) next to lm-eval's own `hf` on the same requests
and the same weights ({model}, float32, no chat template).

    {commands}

{machine}

![median ratios and required minima](ratios.png)
"""


def about_machine() -> dict[str, Any]:
    """Return what the figures depend on."""
    names = [platform.processor() or platform.machine()]
    if Path("/proc/cpuinfo").is_file():
        lines = Path("/proc/cpuinfo").read_text(encoding="utf-8").splitlines()
        names = [line.partition(":")[2].strip() for line in lines if "model name" in line] or names
    packages = ("torch", "transformers", "lm-eval", "peft", "numpy")
    return {
        "cpu": names[0],
        "cores": os.cpu_count(),
        "threads": torch.get_num_threads(),
        "python": platform.python_version(),
        "libraries": {name: version(name) for name in packages},
    }


def as_markdown(figures: dict[str, Any]) -> str:
    """Return the report of the sections that were measured."""
    machine = figures["machine"]
    libraries = ", ".join(f"{name} {version}" for name, version in machine["libraries"].items())
    parts = [
        ABOUT.format(
            model=figures["model"],
            commands="\n    ".join(dict.fromkeys(figures["commands"])),
            machine=f"{machine['cpu']}, {machine['cores']} cores, {machine['threads']} threads; "
            f"Python {machine['python']}, {libraries}.",
        )
    ]
    for key, section in SECTIONS.items():
        if figures["sections"].get(key):
            table = section.table(figures["sections"][key])
            parts.append(f"## {section.title}\n\n{section.about}\n\n{table}\n")
    low = too_slow(figures)
    parts.append(f"Below the required minimum: {', '.join(low) or 'nothing'}.\n")
    return "\n".join(parts)


def too_slow(figures: dict[str, Any]) -> list[str]:
    """Return what is below its required minimum."""
    sections = figures["sections"]
    rows = [("", row) for row in sections.get("ratios", [])]
    rows += [(" (second candidate)", row) for row in sections.get("second_candidate", [])]
    return [
        f"{row['task']}{suffix}" for suffix, row in rows if row["ratio"]["median"] < row["required"]
    ]


def draw(figures: dict[str, Any], path: Path) -> None:
    """Draw the median ratios as bars, each with its range and its required minimum."""
    from matplotlib.figure import Figure
    from matplotlib.ticker import FuncFormatter

    sections = figures["sections"]
    rows = [(row["task"], row) for row in sections.get("ratios", [])]
    rows += [
        (f"{row['task']}\nsecond candidate", row) for row in sections.get("second_candidate", [])
    ]
    labels = [label for label, _ in rows]
    medians = [row["ratio"]["median"] for _, row in rows]
    below = [row["ratio"]["median"] - row["ratio"]["min"] for _, row in rows]
    above = [row["ratio"]["max"] - row["ratio"]["median"] for _, row in rows]
    required = [row["required"] for _, row in rows]
    places = range(len(rows))
    figure = Figure(figsize=(8, 1.2 + 0.45 * len(rows)), layout="constrained")
    axes = figure.add_subplot()
    axes.set_xscale("log", base=2)
    gains = [median - 1.0 for median in medians]
    axes.barh(places, gains, left=1.0, height=0.6, color="#0072b2", label="median")
    axes.errorbar(
        medians, places, xerr=[below, above], fmt="none", ecolor="#1f2328", label="least to largest"
    )
    axes.plot(
        required, places, "|", color="#b34700", markersize=18, markeredgewidth=3, label="required"
    )
    axes.axvline(1.0, color="#59636e", linewidth=0.8)
    for position, median in zip(places, medians, strict=True):
        text = {"textcoords": "offset points", "xytext": (8, 4), "fontsize": 9}
        axes.annotate(f"{median:.1f}", (max(median, 1.0), position), **text)
    axes.set_yticks(list(places), labels)
    axes.invert_yaxis()
    axes.set_xlim(left=0.5)
    axes.xaxis.set_major_formatter(FuncFormatter(lambda value, _: f"{value:g}×"))
    axes.set_xlabel("time of hf / time of the engine")
    for side in ("top", "right"):
        axes.spines[side].set_visible(False)
    figure.legend(loc="outside upper right", ncols=3, frameon=False)
    figure.savefig(path, dpi=150, metadata={"Software": None})


def write(figures: dict[str, Any], folder: Path) -> None:
    """Write figures, report and chart."""
    folder.mkdir(parents=True, exist_ok=True)
    (folder / "figures.json").write_text(json.dumps(figures, indent=1) + "\n", encoding="utf-8")
    (folder / "README.md").write_text(as_markdown(figures), encoding="utf-8")
    if figures["sections"].get("ratios"):
        draw(figures, folder / "ratios.png")
