"""Write the digests of the built-in suites, which a list of suites tells without their items.

Usage: python -m scripts.make.digests [--check]
"""

from __future__ import annotations

import json
from functools import partial

from cliffguard.suites.listing import DIGESTS
from cliffguard.suites.loading import builtin_names, load_suite, suites_folder
from scripts.make.output import write_or_check


def digests() -> dict[str, str]:
    """Return the one file, after reading every suite."""
    by_suite = {name: load_suite(name).digest for name in builtin_names()}
    return {DIGESTS: json.dumps(by_suite, indent=2) + "\n"}


main = partial(write_or_check, digests, suites_folder(), module="scripts.make.digests", doc=__doc__)

if __name__ == "__main__":
    raise SystemExit(main())
