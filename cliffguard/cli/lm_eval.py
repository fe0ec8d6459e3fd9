"""lm-eval: its own command line, with the engine among its models."""

from __future__ import annotations

import sys

import typer

from cliffguard.cli.console import explained


@explained
def lm_eval(context: typer.Context) -> None:
    """Run lm-eval's command line with the model `cliffguard`: lm-eval run --model cliffguard …"""
    # Importing the engine adds its name to lm-eval's models.
    import cliffguard.engine
    from lm_eval.__main__ import cli_evaluate

    del cliffguard
    words = list(context.args)
    sizes = ("--batch_size", "-b")
    if _names_us(words) and not any(word.split("=")[0] in sizes for word in words):
        # lm-eval's own default is one sequence a batch.
        words += ["--batch_size", "auto"]
    sys.argv = ["lm-eval", *words]
    cli_evaluate()


def _names_us(words: list[str]) -> bool:
    after = dict(zip(words, words[1:], strict=False))
    names = {after.get("--model"), after.get("-M")} | {
        word.partition("=")[2] for word in words if word.startswith("--model=")
    }
    return "cliffguard" in names
