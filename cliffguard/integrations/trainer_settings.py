"""What a trainer and its callback were given, and what a trainer chooses by our numbers."""

from __future__ import annotations

from functools import partial
from typing import Any

from cliffguard.core.errors import UsageError
from cliffguard.integrations.cadence import Cadence, Every
from cliffguard.integrations.checks import PREFIX


def refuse_settings(*, every: Every, on_fail: str, on_error: str, where: str) -> None:
    """Raise UsageError for what a callback cannot be set to."""
    if on_fail not in ("log", "stop"):
        raise UsageError(f"on_fail={on_fail!r}: it is log or stop", id="training.on-fail")
    if on_error not in ("log", "raise"):
        raise UsageError(f"on_error={on_error!r}: it is log or raise", id="training.on-error")
    if where not in ("live", "subprocess"):
        raise UsageError(f"where={where!r}: it is live or subprocess", id="training.where")
    if where == "subprocess" and not isinstance(every, str):
        raise UsageError(
            f"every={every}: a process beside the training checks what is saved, as often as "
            'that is; use every="save", and save_steps of the trainer',
            id="training.every",
        )


def both_names(number: str) -> tuple[str, str]:
    """Return both names by which a trainer knows a number of ours."""
    return f"{PREFIX}{number}", f"{PREFIX}{number}".removeprefix("eval_")


_SMALLEST = (*both_names("worst_drop"), *both_names("worst_drop_upper"))
_NUMBERS = (*_SMALLEST, *both_names("target_gain"))


def refuse_wrong_best(args: Any) -> None:
    """Refuse to keep the checkpoint that lost most, that gained least, or that is proven to fail.

    Raises UsageError.
    """
    metric = args.metric_for_best_model
    reason = None
    if metric in _SMALLEST and args.greater_is_better:
        reason = (
            "the smallest is the best, and greater_is_better would keep the worst; set "
            "greater_is_better=False"
        )
    elif metric in both_names("target_gain") and not args.greater_is_better:
        reason = "the greatest gain is the best; set greater_is_better=True"
    elif metric in both_names("verdict"):
        reason = (
            "exit codes are no order, and a proven loss (10) would be better than none (11); use "
            f"{PREFIX}worst_drop with greater_is_better=False"
        )
    if reason is not None:
        raise UsageError(f"metric_for_best_model={metric}: {reason}", id="training.best-model")


def best_remark(args: Any, cadence: Cadence, *, is_beside: bool) -> str | None:
    """Return a line where a number of ours may name a best checkpoint that is not the best."""
    name = args.metric_for_best_model
    if name not in _NUMBERS or (cadence.every == "eval" and not is_beside):
        return None
    if is_beside or cadence.every == "save":
        when = "beside the training" if is_beside else "an evaluation comes before the save:"
        advice = "" if is_beside else '; use every="eval"'
        return (
            f"metric_for_best_model={name}: {when} it is of an earlier checkpoint than the one "
            f"that is chosen by it{advice}"
        )
    return (
        f"metric_for_best_model={name}: an evaluation between two checks has the number of the "
        'last one, and 0 before the first, which makes no best checkpoint; use every="eval"'
    )


def forget_unchecked_best(args: Any, state: Any, first: int | None, *, was_unchecked: bool) -> bool:
    """Let no checkpoint stay the best by numbers that stand for no check; return if this one is.

    `first` is the step of the first check that was made (None: there is none yet), `was_unchecked`
    what this returned at the last evaluation. A trainer then takes what it evaluates next for the
    best so far. Under save_strategy "best" it would save each, so that it waits for the first one.
    """
    if args.metric_for_best_model not in _NUMBERS:
        return False
    is_unchecked = first is None
    best = state.best_global_step
    is_old = was_unchecked or (best is not None and first is not None and best < first)
    saves_best = str(getattr(args.save_strategy, "value", args.save_strategy)) == "best"
    if (not saves_best) if is_unchecked else is_old:
        state.best_metric = state.best_global_step = state.best_model_checkpoint = None
    return is_unchecked


def leave_objective(trainer: Any) -> None:
    """Let a search for hyperparameters go by what it went by without our numbers.

    transformers' default sums all metrics of an evaluation that are not its loss.
    """
    from transformers.trainer_utils import default_compute_objective

    if getattr(trainer, "compute_objective", None) is default_compute_objective:
        trainer.compute_objective = partial(_without_ours, default_compute_objective)


def _without_ours(objective: Any, metrics: dict[str, float]) -> Any:
    return objective({name: n for name, n in metrics.items() if not name.startswith(PREFIX)})


def tokenizer_of(processing_class: Any) -> Any:
    """Return the tokenizer of a trainer's processing class."""
    tokenizer = getattr(processing_class, "tokenizer", processing_class)
    if not hasattr(tokenizer, "get_vocab"):
        raise UsageError(
            "the trainer has no tokenizer to ask with; give it processing_class=tokenizer",
            id="training.no-tokenizer",
        )
    return tokenizer
