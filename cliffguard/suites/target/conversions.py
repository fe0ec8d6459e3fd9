"""Rows as other tools and data sets write them that no flag reads: the command that makes rows."""

from __future__ import annotations

from dataclasses import dataclass
from pathlib import Path

from cliffguard.core.hub_names import without_prefix
from cliffguard.core.settings import TargetData
from cliffguard.suites.rows import Row, named_file, new_file
from cliffguard.suites.target.cells import from_json


@dataclass(frozen=True, slots=True, kw_only=True)
class Converted:
    """Rows that Python makes others of. All of `has` stand in a row, as patterns of paths.

    `row` is what is written of the row r, for each of `each`; `before` are statements over all
    rows. `more` are the flags that the new rows need.
    """

    name: str
    has: tuple[str, ...]
    row: str
    each: str = ""
    before: tuple[str, ...] = ()
    more: str = ""


def command(kind: Converted, row: Row, target: TargetData) -> str:
    """Return the command that makes rows of a kind, whatever holds them.

    Files are read as they are here, so that it finds the rows that were seen.
    """
    if Path(row.source).is_file():
        part = f", split={target.split!r}" if target.split else ""
        made = "from cliffguard.suites.rows import read_records"
        read = f"(x.value for x in read_records({named_file(target.data)}{part}))"
        if any(from_json(cell) is not cell for cell in row.value.values()):
            made += "; from cliffguard.suites.target import from_json"
            read = read.replace("x.value", "{k: from_json(v) for k, v in x.value.items()}", 1)
    else:
        name, _, revision = without_prefix(target.data).partition("@")
        given = {"name": target.subset, "revision": revision, "split": row.source.split()[-1]}
        arguments = "".join(f", {key}={value!r}" for key, value in given.items() if value)
        made, read = "import datasets", f"datasets.load_dataset({name!r}{arguments})"
    each = f"[print(json.dumps({kind.row})) for r in rows{kind.each and ' '}{kind.each}]"
    lines = ("import json", made, f"rows = {read}", *kind.before, each)
    return f"""python -c "{"; ".join(lines)}" > {new_file(row.source)}"""
