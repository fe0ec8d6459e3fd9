"""Folders of reports: of each candidate one, and none that holds another run's review."""

from __future__ import annotations

import contextlib
from collections.abc import Callable, Iterator, Sequence
from itertools import chain, count
from pathlib import Path
from typing import TYPE_CHECKING, Any

from cliffguard.cli.console import remove_reports
from cliffguard.core.canonical_json import digest
from cliffguard.core.errors import UsageError
from cliffguard.core.files import user_path, write_whole
from cliffguard.core.settings import are_both

if TYPE_CHECKING:
    from cliffguard.core.settings import Plan


def names_of(plans: Sequence[Plan]) -> list[str]:
    """Return what tells the comparisons of a run apart: the shortest path of each candidate."""
    names = _names_of(plans)
    twice = [name for number, name in enumerate(names) if name in names[:number]]
    if twice:
        raise UsageError(
            f"the candidate {twice[0]!r} is given twice; leave one of them out",
            id="candidates.twice",
        )
    return names


def _names_of(plans: Sequence[Plan]) -> list[str]:
    from cliffguard.compare.repeat_command import names_of as shortest_names

    candidates = list(dict.fromkeys(plan.candidate for plan in plans))
    short = dict(zip(candidates, shortest_names(candidates), strict=True))
    names = [short[plan.candidate] for plan in plans]
    if are_both(plans):
        names = [
            f"{name}-{plan.protocol.chat_template}-template"
            for name, plan in zip(names, plans, strict=True)
        ]
    return names


def refuse_out(out: Path | None, plans: Sequence[Plan]) -> None:
    """Raise UsageError where the reports of one of several candidates would lie in a checkpoint."""
    from cliffguard.sweep.candidates import refuse_reports_in

    if out is not None and len(plans) > 1:
        candidates = [plan.candidate for plan in plans]
        refuse_reports_in(out, dict(zip(_names_of(plans), candidates, strict=True)))


def folders_of(out: Path | None, plans: Sequence[Plan]) -> list[Path]:
    """Return the folder of each plan's reports: of several candidates, one below the other."""
    names = names_of(plans)
    if len(plans) == 1:
        return [out or Path("cliffguard-out") / names[0]]
    return [(out or Path("cliffguard-out")) / name for name in names]


def places_of(
    out: Path | None, plans: Sequence[Plan], how: Sequence[Any], tell: Callable[[str], None]
) -> list[Path]:
    """Return the folders of `folders_of`; without `out`, none that holds another run's review.

    `how` is what of a run no plan says. The same plan asked in the same way has the same folder;
    another one has the next that is free, which `tell` hears.
    """
    from cliffguard.config import as_written

    folders = folders_of(out, plans)
    if out is not None:
        return folders
    places = []
    for folder, plan in zip(folders, plans, strict=True):
        stamp = digest([as_written(plan), *how])
        numbered = (folder.with_name(f"{folder.name}-{number}") for number in count(2))
        places.append(next(path for path in chain([folder], numbered) if _is_ours(path, stamp)))
        if places[-1] != folder:
            tell(f"! {folder} is of another run; the reports go to {places[-1]}")
    return places


_MARK = ".plan"


def _is_ours(folder: Path, stamp: str) -> bool:
    """Claim a folder for the run of the digest `stamp`; return False where another run has it."""
    mark = folder / _MARK
    try:
        if mark.exists() or (folder / "review.json").exists():
            return mark.is_file() and mark.read_text(encoding="utf-8") == stamp
        folder.mkdir(parents=True, exist_ok=True)
        with mark.open("x", encoding="utf-8") as file:
            file.write(stamp)
    except (FileExistsError, UnicodeError):  # another run was first, or it is no mark of ours
        return False
    except OSError:  # for `prepare` to say
        return True
    return True


@contextlib.contextmanager
def left_empty(folder: Path | None) -> Iterator[None]:
    """Remove a folder that nobody named once the run in it is refused for what was written.

    Whoever mends a name in the command would find a numbered folder for each of the tries.
    """
    try:
        yield
    except UsageError:
        with contextlib.suppress(OSError):  # gone, or beside the folders of other runs
            files = [] if folder is None else list(folder.iterdir())
            if folder is not None and {path.name for path in files} <= _OF_REFUSED:
                for path in files:
                    path.unlink()
                folder.rmdir()
                folder.parent.rmdir()
        raise


_OF_REFUSED = {_MARK, "failure.json", "junit.xml"}


def prepare(out: Path) -> Path:
    """Make sure that the reports can be written, before hours are spent on what goes into them."""
    out = user_path(str(out), UsageError)
    probe = out / ".cliffguard"
    write_whole(probe, "", follows=False)
    probe.unlink()
    remove_reports(out)
    return out
