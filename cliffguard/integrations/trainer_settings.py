"""What a trainer was given, as far as a check needs it."""

from __future__ import annotations

from typing import Any

from cliffguard.core.errors import UsageError
from cliffguard.integrations.checks import PREFIX


def both_names(number: str) -> tuple[str, str]:
    """Return both names by which a trainer knows a number of ours."""
    return f"{PREFIX}{number}", f"{PREFIX}{number}".removeprefix("eval_")


def refuse_wrong_best(args: Any) -> None:
    """Refuse to keep the checkpoint that lost most."""
    worse = (*both_names("worst_drop"), *both_names("worst_drop_upper"), *both_names("verdict"))
    if args.metric_for_best_model in worse and args.greater_is_better:
        raise UsageError(
            f"metric_for_best_model={args.metric_for_best_model}: the smallest is the best, and "
            "greater_is_better would keep the worst; set greater_is_better=False",
            id="training.best-model",
        )


def tokenizer_of(processing_class: Any) -> Any:
    """Return the tokenizer of a trainer's processing class."""
    tokenizer = getattr(processing_class, "tokenizer", processing_class)
    if not hasattr(tokenizer, "get_vocab"):
        raise UsageError(
            "the trainer has no tokenizer to ask with; give it processing_class=tokenizer",
            id="training.no-tokenizer",
        )
    return tokenizer
