"""Chat templates rendered here and apart: is the text the same, and what does the way cost?

    python -m tests.engine.compare_renderings FOLDER...

Folders are searched for *.jinja files, as llama.cpp's models/templates or a model's own folder.
"""

from __future__ import annotations

import sys
import time
from pathlib import Path
from statistics import median
from typing import Any

from cliffguard.engine.templates import render_apart
from tests import support
from tests.engine.test_rendered_apart import CHATS, USER, WAYS, outcome

_ROUNDS = 50


def seconds(tokenizer: Any) -> float:
    """Return the median of what 50 renderings take: others may be at work on this machine."""
    taken = []
    for _ in range(_ROUNDS):
        start = time.perf_counter()
        outcome(tokenizer, USER, WAYS["to be answered"])
        taken.append(time.perf_counter() - start)
    return median(taken)


def main() -> None:
    """Print the renderings that differ, how many there were, and the mean of what they take."""
    paths = [path for folder in sys.argv[1:] for path in sorted(Path(folder).rglob("*.jinja"))]
    here, there = support.byte_tokenizer(), support.byte_tokenizer()
    render_apart(there, "apart")
    n_alike, took = 0, [0.0, 0.0]
    for path in paths:
        here.chat_template = there.chat_template = path.read_text(encoding="utf-8")
        for chat_name, chat in CHATS.items():
            for way_name, way in WAYS.items():
                if outcome(here, chat, way) == outcome(there, chat, way):
                    n_alike += 1
                else:
                    print(f"{path}: {chat_name}, {way_name}: differs")
        for index, tokenizer in enumerate((here, there)):
            took[index] += 1000 * seconds(tokenizer) / len(paths)
    n_all = len(paths) * len(CHATS) * len(WAYS)
    print(f"{len(paths)} templates, {n_alike} of {n_all} renderings alike")
    print(f"{took[0]:.2f} ms a prompt here, {took[1]:.2f} ms apart")


if __name__ == "__main__":
    main()
