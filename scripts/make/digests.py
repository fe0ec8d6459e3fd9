"""Write the digests of the built-in suites, which a list of suites tells without their items.

Usage: python -m scripts.make.digests (tests/cli/test_suites_verb.py compares)
"""

from __future__ import annotations

import json

from cliffguard.suites.listing import DIGESTS
from cliffguard.suites.loading import builtin_names, load_suite, suites_folder


def main() -> None:
    """Read every suite and write one file beside them."""
    digests = {name: load_suite(name).digest for name in builtin_names()}
    text = json.dumps(digests, indent=2) + "\n"
    (suites_folder() / DIGESTS).write_text(text, encoding="utf-8")


if __name__ == "__main__":
    main()
