"""How a comparison is repeated: its plan and policy as files, and the command that reads them.

The files lie beside the review. Paths in them are whole, so that they are read from anywhere, but
of a checkpoint below their own folder, which is moved with it; a model on a hub is named at the
commit that was asked.
"""

from __future__ import annotations

import os
import shlex
from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any, Literal

import yaml

from cliffguard.checkpoints.trained_on import is_called_from_here
from cliffguard.config import as_written
from cliffguard.core.chats import template_file
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import UsageError
from cliffguard.core.files import is_path, user_path, write_whole
from cliffguard.core.hub_names import HUB, is_hub_id, is_said, without_prefix
from cliffguard.core.reviews import Review
from cliffguard.core.settings import Plan, Policy
from cliffguard.core.texts import Texts

_OURS = "# Written by cliffguard beside its review; the next one overwrites it.\n"
_PLAN, _POLICY = "plan.yaml", "policy.yaml"
NOT_REPEATED = "# cannot be repeated by a command: "
"""What stands where a command would, with the reason behind it."""

LIVE = f"{NOT_REPEATED}a model in memory was asked, which is gone with its process"


def command(
    verb: Literal["check", "compare"],
    folder: Path | None,
    *,
    stops_early: bool = True,
    max_minutes: float | None = None,
    diagnoses: bool = True,
    after: Sequence[Path] = (),
    store: Path | None = None,
    texts: Texts = "short",
) -> str:
    """Return the command that repeats a comparison whose review goes into `folder`.

    Without a folder it is to be given where the review will lie. How far a run goes, also after
    the verdict, and what it keeps of texts, is said by flags, which no plan holds.
    """
    plan_path = plan_place(folder) if folder is not None else Path(_PLAN)
    words = ["cliffguard", verb, str(plan_path)]
    if not stops_early:
        words.append("--no-early-stop")
    if max_minutes is not None:
        words += ["--max-minutes", f"{max_minutes:g}"]
    if not diagnoses:
        words.append("--no-diagnose")
    for flag, path in (*(("--after", earlier) for earlier in after), ("--store", store)):
        if path is not None:
            words += [flag, os.path.abspath(path)]
    return shlex.join([*words, *(["--texts", texts] if texts != "short" else [])])


def is_repeatable(review: Review) -> bool:
    """Return whether a command gives this review's verdict again."""
    return not review.provenance.command.startswith("#")


def plan_place(folder: Path) -> Path:
    """Return where the plan of a review in `folder` lies: beside one that somebody else wrote."""
    return _free_path(folder, _PLAN)


def placed(review: Review, folder: Path) -> Review:
    """Return the review with the command that reads its plan in `folder`, as that is called there.

    Whoever makes a review without a folder cannot know that somebody else's plan lies in it.
    """
    words, name = review.provenance.command.split(" "), plan_place(folder).name
    if words[2:3] != [_PLAN] or name == _PLAN:
        return review
    again = " ".join([*words[:2], name, *words[3:]])
    return replace(review, provenance=replace(review.provenance, command=again))


def write_plan(review: Review, folder: Path) -> tuple[Path, ...]:
    """Write plan and policy beside a review, and return their paths; none where none repeats it."""
    if not is_repeatable(review):
        return ()
    plan, policy = plan_place(folder), _free_path(folder, _POLICY)
    write_whole(policy, _OURS + _yaml(policy_written(review)), follows=False)
    written = {**plan_written(review), "policy": policy.name}
    written |= {side: _beside(folder, written[side]) for side in _SIDES}
    write_whole(plan, _OURS + _yaml(written), follows=False)
    return plan, policy


def _beside(folder: Path, name: str | None) -> str | None:
    """Return a checkpoint below the plan's folder as it is seen from there: both can be moved."""
    root = Path(os.path.abspath(folder))
    if name is None or not os.path.isabs(name) or root not in Path(name).parents:
        return name
    return str(Path(name).relative_to(root))


def drop_plan(folder: Path) -> None:
    """Remove plan and policy that an earlier review left in a folder; somebody else's stay."""
    for name in (_PLAN, _POLICY):
        _free_path(folder, name).unlink(missing_ok=True)


def _free_path(folder: Path, name: str) -> Path:
    path = folder / name
    try:
        is_free = not path.exists() or path.read_text(encoding="utf-8").startswith(_OURS)
    except (OSError, ValueError):
        is_free = False
    return path if is_free else folder / f"review-{name}"


def _yaml(values: Mapping[str, Any]) -> str:
    return yaml.safe_dump(dict(values), sort_keys=False, allow_unicode=True)


def policy_written(review: Review) -> dict[str, Any]:
    """Return the policy that judged, as its file says it."""
    policy = review.plan.policy or Policy()
    written: dict[str, Any] = as_written(replace(review.plan, policy=policy))["policy"]
    return written


def plan_written(review: Review) -> dict[str, Any]:
    """Return the plan that was run, as a file anywhere says it."""
    plan, compared = review.plan, review.comparison
    written = as_written(plan)
    written["candidate"] = _model(plan.candidate, compared.candidate)
    written["base"] = _base(plan, compared.base)
    if is_called_from_here(compared.candidate, compared.base):
        written["allow_base_mismatch"] = True
    written["runner"].update(_runner(plan, written, (compared.base, compared.candidate)))
    written["suites"] = [_suite(name) for name in plan.suites]
    if (template := template_file(plan.protocol)) is not None:
        written["protocol"]["chat_template"] = _whole(template)
    written["data"] = {task: _files(given) for task, given in plan.data.items()}
    written["train"] = [_whole(path) for path in plan.train]
    if plan.target is not None:
        written["target"]["data"] = _whole(plan.target.data)
    return written


def _base(plan: Plan, checkpoint: Checkpoint) -> str | None:
    """Return the base's place or name; of one that its adapter named, what was found by it."""
    if plan.base is not None:
        return _model(plan.base, checkpoint)
    if checkpoint.files is None:
        return None
    if checkpoint.revision is not None:
        return f"{HUB}{checkpoint.name.partition('@')[0]}@{checkpoint.revision}"
    return os.path.abspath(checkpoint.files.weights)


def _runner(
    plan: Plan, written: Mapping[str, Any], sides: Sequence[Checkpoint]
) -> dict[str, dict[str, Any]]:
    """Return what of the runner's settings names files, or sides by what the plan calls them."""
    args = {key: _whole_in_args(value) for key, value in plan.runner.args.items()}
    if not plan.runner.is_served:
        return {"args": args}
    known = {without_prefix(name): alias for name, alias in plan.runner.served_as.items()}
    names = (
        without_prefix(written[key] or side.name) for key, side in zip(_SIDES, sides, strict=True)
    )
    served = {
        name: known.get(side.name, side.name)
        for name, side in zip(names, sides, strict=True)
        if name != side.name or side.name in known
    }
    return {"args": args, "served_as": served}


_SIDES = ("base", "candidate")


def _whole_in_args(value: Any) -> Any:
    return _whole(value) if isinstance(value, str) and "/" in value else value


def _model(name: str, checkpoint: Checkpoint) -> str:
    """Return a checkpoint's place, or its name at the commit that was asked."""
    if is_said(name) or (checkpoint.revision is not None and is_hub_id(name)):
        plain = without_prefix(name).partition("@")[0]
        prefix = HUB if is_said(name) else ""
        return name if checkpoint.revision is None else f"{prefix}{plain}@{checkpoint.revision}"
    return _whole(name)


def _suite(name: str) -> str:
    return _whole(name) if is_path(name) else name


def _files(given: str | Mapping[str, str]) -> str | dict[str, str]:
    if isinstance(given, str):
        return _whole(given)
    return {split: _whole(path) for split, path in given.items()}


def _whole(name: str) -> str:
    """Return the whole path of what lies here; any other name as it stands."""
    try:
        path = user_path(name, UsageError)
    except UsageError:
        return name
    return os.path.abspath(path) if path.exists() else name


def names_of(candidates: Sequence[str]) -> list[str]:
    """Return the shortest paths that tell candidates apart, each relative and without `@`."""
    parts = [_parts(candidate) for candidate in candidates]
    return ["/".join(_shortest(path_parts, parts)) or "candidate" for path_parts in parts]


def _parts(candidate: str) -> tuple[str, ...]:
    name = without_prefix(candidate)
    whole = name if is_said(candidate) else os.path.abspath(user_path(name, UsageError))
    return tuple(part.replace("@", "-") for part in whole.split("/") if part)


def _shortest(path_parts: tuple[str, ...], others: Sequence[tuple[str, ...]]) -> tuple[str, ...]:
    for n in range(1, len(path_parts) + 1):
        if sum(other[-n:] == path_parts[-n:] for other in others if other != path_parts) == 0:
            return path_parts[-n:]
    return path_parts
