"""Write the JSON Schemas of plan, policy and suite files; --check compares and exits 1.

Usage: python -m scripts.make.schemas [--check]
"""

from __future__ import annotations

import argparse
import json
import sys
from pathlib import Path

from cliffguard.config import schema

FOLDER = Path(__file__).resolve().parent.parent.parent / "cliffguard" / "schemas"


def main() -> int:
    """Write or check one file per kind."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="compare instead of writing")
    is_check = arguments.parse_args().check
    stale = []
    for kind in ("plan", "policy", "suite"):
        path = FOLDER / f"{kind}.schema.json"
        text = json.dumps(schema(kind), indent=2, sort_keys=True) + "\n"
        if is_check:
            if not path.is_file() or path.read_text(encoding="utf-8") != text:
                stale.append(path.name)
        else:
            FOLDER.mkdir(exist_ok=True)
            path.write_text(text, encoding="utf-8")
    if stale:
        print(f"out of date: {', '.join(stale)}; run python -m scripts.make.schemas")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
