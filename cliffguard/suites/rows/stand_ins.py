"""Files that stand in place of data: a pointer of Git LFS, a page that a server sent."""

from __future__ import annotations

import re
from pathlib import Path

from cliffguard.core.errors import UsageError
from cliffguard.core.files import LFS_POINTERS
from cliffguard.suites.rows.packed import kind_of

_PAGE = re.compile(rb"(?:\xef\xbb\xbf)?\s*<(?:!doctype\s+html|html[\s>])", re.IGNORECASE)
_SEEN = 512  # bytes, by which either is known


def refuse_stand_in(path: Path) -> None:
    """Raise UsageError for a file that is there in place of the data that it is named after.

    As text its lines would be rows: training data of three lines that no item overlaps with.
    """
    if not path.is_file():
        return  # a folder; of a pipe nothing may be read twice
    try:
        with path.open("rb") as stream:
            start = stream.read(_SEEN)
    except OSError:  # whoever reads the file will say so
        return
    if start.startswith(LFS_POINTERS):
        raise UsageError(
            f"{path}: is a pointer of Git LFS and not the file itself; run `git lfs pull` there, "
            "or download the file again",
            id="rows.lfs-pointer",
        )
    if kind_of(path) != ".txt" and _PAGE.match(start) is not None:  # pages are texts, too
        raise UsageError(
            f"{path}: is a page of HTML and not data, as a server sends it to who is not signed "
            "in, or for a link to a page about the file; download the file itself",
            id="rows.page",
        )
