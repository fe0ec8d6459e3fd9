"""The command-line option of a settings key: spellings, help text, panel, beside its default."""

from __future__ import annotations

import dataclasses
from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

# The panels of `--help-all`; `--help` shows the everyday options, and of the others the names.
EVERYDAY = "Options"
ITEMS = "Which items count"
COLUMNS = "Columns of --target"
PROTOCOL = "How items are asked"
RUNNER = "Who answers, and where"
LOOKS = "How far a run goes"
TRUST = "Hub and trust"
OUTPUT = "Output and store"


@dataclass(frozen=True, slots=True, kw_only=True)
class Flag:
    """An option that sets a key.

    `name` None: what options of the record begin with, and the key, its words joined by hyphens.
    `aliases` are other spellings, short ones and lm-eval's. `panel` None: the record's `PANEL`.
    """

    help: str
    aliases: tuple[str, ...] = ()
    name: str | None = None
    metavar: str | None = None
    panel: str | None = None


def flag(default: Any, help: str, *aliases: str, **more: str) -> Any:
    """Return a field with a default and a flag; `more` are further fields of `Flag`.

    As with `dataclasses.field`, what makes a default (`dict`) is called for each record anew.
    """
    declared: dict[str, Any] = {"flag": Flag(help=help, aliases=aliases, **more)}
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=declared)
    return dataclasses.field(default=default, metadata=declared)


def flags_of(record: type[Any]) -> Iterator[tuple[str, Flag]]:
    """Yield the keys of a record that have a flag, each with it and its panel."""
    for key in dataclasses.fields(record):
        if (declared := key.metadata.get("flag")) is not None:
            yield key.name, dataclasses.replace(declared, panel=declared.panel or record.PANEL)
