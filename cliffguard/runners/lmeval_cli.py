"""lm-eval's own command line, with the engine among its models."""

from __future__ import annotations

import sys
from collections.abc import Sequence
from itertools import pairwise

import cliffguard.engine

_SIZES = ("--batch_size", "-b")


def run_lm_eval(words: Sequence[str]) -> None:
    """Run lm-eval's command line on `words`, as if it had been called with them."""
    from lm_eval.__main__ import cli_evaluate

    assert cliffguard.engine.NAME, "imported since that adds our name to lm-eval's models"
    sized = [word for word in words if word.partition("=")[0] in _SIZES]
    # lm-eval's own default is one sequence a batch; ours is what memory allows.
    more = ["--batch_size", "auto"] if _names_us(words) and not sized else []
    sys.argv = ["lm-eval", *words, *more]
    cli_evaluate()


def _names_us(words: Sequence[str]) -> bool:
    spaced = {value for flag, value in pairwise(words) if flag in ("--model", "-M")}
    joined = {word.partition("=")[2] for word in words if word.startswith("--model=")}
    return cliffguard.engine.NAME in spaced | joined
