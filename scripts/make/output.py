"""What all generators end with: their files are written, or compared with what is there."""

from __future__ import annotations

import argparse
from collections.abc import Callable, Mapping
from pathlib import Path


def write_or_check(
    made: Callable[[], Mapping[str, str | bytes]], folder: Path, *, module: str, doc: str | None
) -> int:
    """Write the made files, by name, into a folder, or with ``--check`` name those that differ.

    Return the exit code: 1 where a file is not what is made.
    """
    parser = argparse.ArgumentParser(
        description=doc, formatter_class=argparse.RawDescriptionHelpFormatter
    )
    parser.add_argument("--check", action="store_true", help="compare, do not write")
    parser.add_argument("--out", type=Path, default=folder, help="the folder of the files")
    arguments = parser.parse_args()
    stale = []
    for name, text in made().items():
        path, content = arguments.out / name, text if isinstance(text, bytes) else text.encode()
        if not arguments.check:
            path.parent.mkdir(parents=True, exist_ok=True)
            path.write_bytes(content)
        elif not path.is_file() or path.read_bytes() != content:
            stale.append(name)
    if stale:
        print(f"not what is made: {', '.join(stale)}; run python -m {module}")
    return 1 if stale else 0
