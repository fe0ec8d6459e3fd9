"""How long a run will take on this machine, roughly: its tokens, and how fast they go through."""

from __future__ import annotations

from collections.abc import Sequence

from cliffguard.checkpoints.files import refuse_growing
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError
from cliffguard.core.items import Task
from cliffguard.core.libraries import is_there
from cliffguard.core.settings import Plan
from cliffguard.planning.capability_power import CHARACTERS_A_TOKEN
from cliffguard.planning.power import PowerAnalysis

_N_SAMPLED, _MOST_SAMPLED = 20, 20_000  # prompts, and characters of all


def minutes_of(plan: Plan, base: Checkpoint | None, analysis: PowerAnalysis) -> float | None:
    """Return a rough estimate on this machine; None without the base at hand, or without torch."""
    if base is None or base.files is None or not plan.runner.is_local or not is_there("torch"):
        return None
    from cliffguard.checkpoints.weights import n_parameters
    from cliffguard.engine.speed import tokens_a_second

    size = n_parameters(base.files.weights)
    if size is None:
        return None
    try:
        speed = tokens_a_second(size, plan.runner.device, plan.protocol.dtype)
    except CliffguardError:  # a device that this machine lacks: planning needs none
        return None
    return analysis.n_tokens / speed / 60.0


def characters_a_token(base: Checkpoint | None, tasks: Sequence[Task]) -> float:
    """Return how many characters of some prompts one token of the base's tokenizer holds.

    Some hold one, and prompts are then four times as long as usual. The usual number is returned
    where the base is not at hand, where its tokenizer is of an older kind of file or broken, and
    where nothing is installed that reads it.
    """
    prompts = [item.prompt for task in tasks for item in task.items]
    text = "\n".join(prompts[:: 1 + len(prompts) // _N_SAMPLED])[:_MOST_SAMPLED]
    if base is None or base.files is None or not text:
        return CHARACTERS_A_TOKEN
    file = base.files.tokenizer / "tokenizer.json"
    if not file.is_file() or not is_there("tokenizers"):
        return CHARACTERS_A_TOKEN
    from tokenizers import Tokenizer

    from cliffguard.engine.tokenizing import panics_explained, panics_held

    try:
        refuse_growing(base.name, base.files.tokenizer)
        with panics_held(), panics_explained(base.name):
            n_tokens = len(Tokenizer.from_file(str(file)).encode(text, add_special_tokens=False))
    except Exception:  # the run itself says what is wrong with it
        return CHARACTERS_A_TOKEN
    return len(text) / n_tokens if n_tokens else CHARACTERS_A_TOKEN
