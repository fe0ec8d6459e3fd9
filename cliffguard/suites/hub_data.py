"""Data sets on a hub: rows of one split, by name and revision."""

from __future__ import annotations

import contextlib
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from cliffguard.core.errors import InfrastructureError, UsageError, nearest
from cliffguard.core.hub_names import (
    _not_here,
    is_looked_up,
    is_offline,
    no_connection,
    without_prefix,
)
from cliffguard.core.libraries import is_there
from cliffguard.core.progress import doing
from cliffguard.core.texts import cut_middle
from cliffguard.suites.rows import Row
from cliffguard.suites.rows.arrow_values import rows_in

# --- data sets -----------------------------------------------------------------------------------


@dataclass(frozen=True, slots=True, kw_only=True)
class HubData:
    """One split of a data set; `label_names` are those of numbered labels, by column."""

    rows: tuple[Row, ...]
    label_names: dict[str, tuple[str, ...]]


def find_data(
    spec: str, *, subset: str | None, split: str | None, offline: bool, hub: bool
) -> HubData:
    """Return the rows of one split of a data set that is no file, as `locate` finds a model."""
    if is_looked_up(spec, hub=hub):
        name = without_prefix(spec)
        return download_data(name, subset=subset, split=split, offline=is_offline(offline))
    with contextlib.suppress(NotFetched):
        if is_there("datasets"):  # nothing else can have fetched it
            return download_data(spec, subset=subset, split=split, offline=True)
    raise _not_here(spec, "file", "data set")


class NotFetched(UsageError):
    """A data set of that name is not on this machine."""


def download_data(spec: str, *, subset: str | None, split: str | None, offline: bool) -> HubData:
    """Return the rows of one split of org/name@revision; of several, `split` must name one.

    Nothing that is not data is run. Raises UsageError for what is not there, InfrastructureError
    when the hub cannot be reached.
    """
    import datasets

    name, _, revision = spec.partition("@")
    try:
        with no_connection() if offline else contextlib.nullcontext(), doing(f"fetching {spec}"):
            splits = datasets.load_dataset(name, subset, revision=revision or None)
    except (datasets.exceptions.DatasetNotFoundError, ValueError, RuntimeError) as failure:
        reason = " ".join(str(failure).split()) or type(failure).__name__
        raise UsageError(
            f"{cut_middle(spec)}: no such file, and no data set that can be had: {reason[:300]}",
            id="hub.no-data-set",
        ) from None
    except (datasets.exceptions.DatasetsError, OSError) as failure:
        if offline:
            raise NotFetched(
                f"{spec}: no such file, and not on this machine; drop --offline (and "
                "HF_HUB_OFFLINE) to fetch it",
                id="hub.offline",
            ) from None
        reason = " ".join(str(failure).split())[:200]
        raise InfrastructureError(
            f"{spec}: no such file, and the hub cannot be reached ({reason}); check the path or "
            "try again",
            id="hub.unreachable",
        ) from None
    return _split_of(splits, spec, split)


def _split_of(splits: Any, spec: str, split: str | None) -> HubData:
    names = list(splits)
    if split is None and len(names) > 1:
        raise UsageError(
            f"{spec}: has the splits {', '.join(names)}; name one (target.split)", id="rows.split"
        )
    if split is not None and split not in names:
        raise UsageError(
            f"{spec}: has no split {split!r}{nearest(split, names)} (it has {', '.join(names)})",
            id="rows.split",
        )
    table = splits[split or names[0]]
    return HubData(
        rows=tuple(_rows(table, f"{spec} {split or names[0]}")),
        label_names={
            column: tuple(kind.names)
            for column, kind in table.features.items()
            if getattr(kind, "names", None) and hasattr(kind, "int2str")
        },
    )


def _rows(table: Any, source: str) -> Iterator[Row]:
    # As Arrow has them: pictures and sounds are not decoded.
    number = 0
    for batch in table.with_format("arrow").iter(batch_size=1000):
        for value in rows_in(batch):
            number += 1
            yield Row(value=value, source=source, line=number)
