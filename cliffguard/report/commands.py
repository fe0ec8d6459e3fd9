"""Commands that a report gives its reader, as a shell takes them."""

from __future__ import annotations

import shlex
from pathlib import PurePosixPath

from cliffguard.compare.repeat_command import is_repeatable
from cliffguard.core.reviews import Review
from cliffguard.report.clean import one_line

FOLDER = "FOLDER"
"""What stands for the folder of a report that is read elsewhere."""


def broken_command(folder: str) -> str:
    """Return the command that lists what broke."""
    return shlex.join(["cliffguard", "flips", in_backticks(folder, FOLDER)])


def list_command(capability: str | None, *more: str, folder: str = ".") -> str:
    """Return the command that lists what changed; a report's own folder is ".".

    `flips` knows a name by its one line.
    """
    words = ["cliffguard", "flips", in_backticks(folder, FOLDER), "--changed"]
    if capability is not None:
        words.append(f"--capability={on_a_line(one_line(capability), 'NAME')}")
    return shlex.join([*words, *more])


def plan_in(review: Review, folder: str) -> str:
    """Return the path of the plan that lies beside a review in `folder`; empty without any."""
    words = review.provenance.command.split(" ")
    if not is_repeatable(review) or len(words) < 3:
        return ""
    name = "review-plan.yaml" if words[2].endswith("review-plan.yaml") else "plan.yaml"
    return str(PurePosixPath(folder) / name)


def on_a_line(text: str, otherwise: str) -> str:
    """Return a word of a command, before it is quoted; where no line can hold it, `otherwise`."""
    return text if text.isprintable() else otherwise


def in_backticks(text: str, otherwise: str) -> str:
    """Return a word of a command that stands in backticks; where it cannot, `otherwise`."""
    return otherwise if "`" in text else on_a_line(text, otherwise)
