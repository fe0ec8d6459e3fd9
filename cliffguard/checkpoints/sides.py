"""A plan's base and candidate: names → identities by content."""

from __future__ import annotations

from collections.abc import Sequence

from cliffguard.checkpoints.identity import (
    FindOptions,
    find_base,
    find_pair,
    is_adapter,
    refuse_bases,
    with_template_in,
    with_template_of,
)
from cliffguard.core.chats import template_file
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import UsageError
from cliffguard.core.files import user_path
from cliffguard.core.progress import doing
from cliffguard.core.settings import Plan


@doing("reading the checkpoints")
def find_sides(plan: Plan, held: Checkpoint | None = None) -> tuple[Checkpoint, Checkpoint]:
    """Return the identities of the plan's base and candidate, or of the one held in memory."""
    if held is not None:
        if plan.base is None:
            raise UsageError(
                f"{held.name}: is in memory, so its base must be named in the plan",
                id="base.missing",
            )
        return find_base(plan.base, _options(plan)), held
    base, candidate = find_pair(plan.base, plan.candidate, _options(plan))
    if plan.protocol.chat_template == "base":
        candidate = with_template_of(candidate, base)
    return _with_file(base, plan), _with_file(candidate, plan)


def _with_file(side: Checkpoint, plan: Plan) -> Checkpoint:
    """Return a side under the chat template of the plan's file, if it names one."""
    name = template_file(plan.protocol)
    return side if name is None else with_template_in(side, user_path(name, UsageError))


def is_full(plan: Plan) -> bool:
    """Return whether the plan's candidate is a full checkpoint, and not an adapter."""
    return not is_adapter(plan.candidate, _options(plan))


@doing("reading the base")
def refuse_missing_base(plan: Plan, candidates: Sequence[str]) -> None:
    """Raise what keeps each of many candidates from having a base: once, for all of them.

    A CliffguardError; where some have one, those that have none are to be told one by one.
    """
    if plan.base is not None:
        find_base(plan.base, _options(plan))
    else:
        refuse_bases(candidates, _options(plan))


@doing("reading the checkpoint")
def find_alone(plan: Plan) -> Checkpoint:
    """Return the identity of the plan's candidate, which may be a base itself."""
    if plan.base is None and not is_adapter(plan.candidate, _options(plan)):
        return _with_file(find_base(plan.candidate, _options(plan)), plan)
    return find_sides(plan)[1]


def _options(plan: Plan) -> FindOptions:
    return FindOptions(
        offline=plan.offline,
        hub=plan.hub,
        allow_pickle=plan.allow_pickle,
        allow_base_mismatch=plan.allow_base_mismatch,
    )
