"""Write the JSON Schemas of the files that people or programs read; --check compares and exits 1.

Usage: python -m scripts.make.schemas [--check]
"""

from __future__ import annotations

import json
from functools import partial
from pathlib import Path

from cliffguard.config import schema
from scripts.make.output import write_or_check

FOLDER = Path(__file__).resolve().parent.parent.parent / "cliffguard" / "schemas"


def schemas() -> dict[str, str]:
    """Return the text of each schema by the name of its file."""
    return {
        f"{kind}.schema.json": json.dumps(schema(kind), indent=2, sort_keys=True) + "\n"
        for kind in ("plan", "policy", "suite", "item", "review", "overview")
    }


main = partial(write_or_check, schemas, FOLDER, module="scripts.make.schemas", doc=__doc__)

if __name__ == "__main__":
    raise SystemExit(main())
