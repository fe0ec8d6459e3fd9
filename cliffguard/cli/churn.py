"""--churn: a share for all, shares by name, or a file that says how much changes."""

from __future__ import annotations

from collections.abc import Sequence

from cliffguard.core.churn import churn_of_file, share_of
from cliffguard.core.errors import UsageError
from cliffguard.core.files import user_path


def read_churn(words: Sequence[str]) -> float | dict[str, float]:
    """Return the churn that the words of --churn say: SHARE, NAME=SHARE ..., or FILE.

    Raises UsageError, in one line, for what is none of these and for shares outside 0…1.
    """
    first, *more = words
    if not more and (path := user_path(first, UsageError)).is_file():
        return churn_of_file(path)
    if all("=" in word for word in words):
        pairs = [word.rpartition("=") for word in words]
        names = [name for name, _, _ in pairs]
        if twice := next((name for name in names if names.count(name) > 1), None):
            raise UsageError(
                f"--churn: {twice} stands twice; leave one of them out", id="churn.twice"
            )
        return {name: share_of(text, f"--churn {name}") for name, _, text in pairs}
    if more:
        raise UsageError(
            "--churn: give one share, one file, or NAME=SHARE as often as you like",
            id="churn.mixed",
        )
    try:
        share = float(first)
    except ValueError:
        raise UsageError(
            f"--churn: {first}: no such file, and no share of the items", id="churn.no-file"
        ) from None
    if not 0.0 < share <= 1.0:
        raise UsageError(
            f"--churn: must lie above 0 and at most 1, not {share:g}", id="churn.share"
        )
    return share
