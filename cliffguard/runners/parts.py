"""A part of a task, with shots of its own: what probes ask."""

from __future__ import annotations

from cliffguard.runners import TaskPart
from cliffguard.runners.lmeval_tasks import load_own
from cliffguard.runners.loaded_task import LoadedTask


def part_of(whole: LoadedTask, part: TaskPart) -> LoadedTask | str:
    """Return some items of a task as a task of their own, or why they cannot be asked so.

    Where the protocol changes how many shots there are, it has to give more of them: lm-eval has
    tasks that take none.
    """
    n, usual = whole.n_shots(part.protocol), whole.n_shots(part.usual)
    if part.protocol.num_fewshot != part.usual.num_fewshot and n <= usual:
        return f"it has {usual} shots as it is" if usual else "it takes no shots"
    if not part.whole.stock:
        return load_own(part.task, part.shots)
    return whole.cut(part.task, part.avoided, n)
