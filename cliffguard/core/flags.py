"""The command-line option of a settings key: spellings, help text, panel, beside its default.

The help text is the key's description, too, in JSON Schemas and on the pages of the documentation;
a key without an option has a description alone. pydantic reads it from the field's metadata.
"""

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
    """Return a field with a default and a flag; `more` are further fields of `Flag`."""
    return _field(default, option(help, *aliases, **more))


def key(default: Any, description: str) -> Any:
    """Return a field with a default and a description, which the command line does not have."""
    return _field(default, {"description": description})


def option(help: str, *aliases: str, **more: str) -> dict[str, Any]:
    """Return the metadata of a field with a flag, for one that has no default."""
    return {"flag": Flag(help=help, aliases=aliases, **more), "description": help}


def _field(default: Any, metadata: dict[str, Any]) -> Any:
    """Return a field; a default that can be called is called for each record anew."""
    if callable(default):
        return dataclasses.field(default_factory=default, metadata=metadata)
    return dataclasses.field(default=default, metadata=metadata)


def flags_of(record: type[Any]) -> Iterator[tuple[str, Flag]]:
    """Yield the keys of a record that have a flag, each with it and its panel."""
    for field in dataclasses.fields(record):
        if (declared := field.metadata.get("flag")) is not None:
            yield field.name, dataclasses.replace(declared, panel=declared.panel or record.PANEL)


STRICT: dict[str, Any] = {"extra": "forbid"}  # read by pydantic: unknown keys are refused
