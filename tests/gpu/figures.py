"""All figures of a card in one run of ten minutes at most: `gpu-<card>.json`.

    python -m tests.gpu.figures [--model DIR] [--minutes 9.5] [--out reports/engine]

Parity on real weights (those of a folder, else of a small model that is trained for a minute),
then both shapes of `engine_bench`: parity, multiple choice, generation. Each part is written as
soon as it is measured, and one that the time cuts short says so.
"""

from __future__ import annotations

import argparse
import gc
import json
import platform
import re
import signal
import threading
import time
from collections.abc import Callable, Iterator, Sequence
from contextlib import contextmanager
from dataclasses import asdict
from importlib.metadata import version
from pathlib import Path
from typing import Any

import torch

from tests.gpu import engine_bench as bench
from tests.gpu import real_weights

REPORTS = Path(__file__).resolve().parents[2] / "reports" / "engine"
LIBRARIES = ("torch", "transformers", "lm-eval", "numpy")


class TimeUp(Exception):
    """The minutes of the run are over."""


@contextmanager
def at_most(seconds: float) -> Iterator[None]:
    """Raise TimeUp in what takes longer, in the main thread."""
    assert threading.current_thread() is threading.main_thread()

    def end(*_: Any) -> None:
        raise TimeUp

    before = signal.signal(signal.SIGALRM, end)
    signal.setitimer(signal.ITIMER_REAL, max(seconds, 1e-3))
    try:
        yield
    finally:
        signal.setitimer(signal.ITIMER_REAL, 0)
        signal.signal(signal.SIGALRM, before)


def card_of(device: str) -> str:
    """Return the name of what is measured."""
    if device.startswith("cuda"):
        return torch.cuda.get_device_name(device)
    return platform.processor() or platform.machine()


def path_of(card: str, out: Path) -> Path:
    """Return the file of a card's figures."""
    return out / f"gpu-{re.sub('[^a-z0-9]+', '-', card.lower()).strip('-')}.json"


def keep(card: str, part: str, figures: dict[str, Any], out: Path) -> None:
    """Put a part's figures into the file of a card; what else stands there stays."""
    path = path_of(card, out)
    kept = json.loads(path.read_text(encoding="utf-8")) if path.is_file() else {}
    kept |= {"card": card, "libraries": {name: version(name) for name in LIBRARIES}}
    kept.setdefault("parts", {})[part] = figures
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(kept, indent=1) + "\n", encoding="utf-8")


# --- the parts -----------------------------------------------------------------------------------


def real(arguments: argparse.Namespace) -> dict[str, Any]:
    """Return parity and time on weights that know language."""
    dtype = getattr(torch, arguments.dtype)
    if arguments.model is not None:
        model, tokenizer = real_weights.loaded(
            arguments.model, device=arguments.device, dtype=dtype
        )
    else:
        model, tokenizer = real_weights.trained(
            device=arguments.device, dtype=dtype, seconds=arguments.train_seconds
        )
    figures = real_weights.compared(model, tokenizer, arguments.real_work)
    name = Path(arguments.model).name if arguments.model else "trained here"
    return {"model": name, "dtype": arguments.dtype, **asdict(figures)}


def shape(name: str, arguments: argparse.Namespace) -> dict[str, Any]:
    """Return parity, choices and texts at one shape, on random weights."""
    dtype, size = getattr(torch, arguments.dtype), arguments.shapes[name]
    model = bench.random_llama(size, device=arguments.device, dtype=dtype)
    peak = bench.matmul_peak(arguments.device, dtype, arguments.peak_width)
    bandwidth = bench.copy_rate(arguments.device, arguments.peak_width)
    few = bench.choice_requests(size["vocab_size"], arguments.few)
    parity = bench.compare(model, few)
    choices = bench.time_choices(model, arguments.work, peak)
    texts = bench.time_texts(model, arguments.work, bandwidth)
    return {"dtype": arguments.dtype, **bench.report(name, parity, choices, texts)}


def parts_of(arguments: argparse.Namespace) -> dict[str, Callable[[], dict[str, Any]]]:
    """Return what measures each part, by its name."""
    parts: dict[str, Callable[[], dict[str, Any]]] = {"real weights": lambda: real(arguments)}
    for name in arguments.shapes:
        parts[name] = lambda name=name: shape(name, arguments)  # type: ignore[misc]
    return parts


def measure(arguments: argparse.Namespace) -> dict[str, dict[str, Any]]:
    """Measure part after part until the time is up; return the figures by part."""
    until = time.monotonic() + 60 * arguments.minutes
    card = card_of(arguments.device)
    measured: dict[str, dict[str, Any]] = {}
    for part, run in parts_of(arguments).items():
        started = time.monotonic()
        try:
            with at_most(until - started):
                figures = run()
        except TimeUp:
            figures = {"not_measured": "the time of the run was up"}
        except RuntimeError as failure:  # a smaller card has no room for a shape; others have
            figures = {"not_measured": f"{type(failure).__name__}: {failure}"[:300]}
        figures["wall_seconds"] = time.monotonic() - started
        measured[part] = figures
        keep(card, part, figures, arguments.out)
        print(f"{part}: {json.dumps(figures)}", flush=True)
        gc.collect()
        torch.cuda.empty_cache()  # does nothing where CUDA was never used
    return measured


def parsed(words: Sequence[str] | None = None) -> argparse.Namespace:
    """Return the command line's arguments, and how much is asked."""
    parser = argparse.ArgumentParser(description="Figures of a card, in ten minutes at most.")
    parser.add_argument("--model", help="folder of a small model (default: one is trained)")
    parser.add_argument("--minutes", type=float, default=9.5)
    parser.add_argument("--train-seconds", type=float, default=60.0)
    parser.add_argument("--device", default="cuda")
    parser.add_argument("--dtype", default="bfloat16")
    parser.add_argument("--out", type=Path, default=REPORTS)
    arguments = parser.parse_args(words)
    arguments.shapes = bench.SHAPES
    arguments.work = bench.Work(n_items=400)
    arguments.few = bench.Work(n_items=16)
    arguments.real_work = real_weights.RealWork()
    arguments.peak_width = 8192
    return arguments


def main() -> None:
    """Measure the card of this machine."""
    measure(parsed())


if __name__ == "__main__":
    main()
