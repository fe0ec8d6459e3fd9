"""Write the pages of docs/ that describe code and decisions; --check compares and exits 1.

Usage: python -m scripts.make.pages [--check]
"""

from __future__ import annotations

import argparse
import sys
from pathlib import Path

from scripts.make.documents import api, decisions, error_ids, suite_keys

DOCS = Path(__file__).resolve().parents[2] / "docs"
PAGES = {
    "api.md": api.page,
    "decisions/README.md": decisions.page,
    "error-ids.md": error_ids.page,
    "suites-reference.md": suite_keys.page,
}


def main() -> int:
    """Write or check each page."""
    arguments = argparse.ArgumentParser(description=__doc__)
    arguments.add_argument("--check", action="store_true", help="compare instead of writing")
    is_check = arguments.parse_args().check
    stale = []
    for name, page in PAGES.items():
        try:
            text = page()
        except ValueError as fault:
            print(fault)
            return 1
        path = DOCS / name
        if not is_check:
            path.write_text(text, encoding="utf-8")
        elif not path.is_file() or path.read_text(encoding="utf-8") != text:
            stale.append(f"docs/{name}")
    if stale:
        print(f"out of date: {', '.join(stale)}; run python -m scripts.make.pages")
    return 1 if stale else 0


if __name__ == "__main__":
    sys.exit(main())
