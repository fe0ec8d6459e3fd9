"""lm-eval: its own command line, with the engine among its models."""

from __future__ import annotations

import typer

from cliffguard.cli.console import explained
from cliffguard.core.libraries import refuse_lacking


@explained
def lm_eval(context: typer.Context) -> None:
    """Run lm-eval's own command line, which then knows the model `cliffguard`."""
    refuse_lacking()
    from cliffguard.runners.lmeval_cli import run_lm_eval

    run_lm_eval(context.args)
