"""The site of `make docs`: every page has its place, and it is complete without a connection."""

from __future__ import annotations

import re
import subprocess
import sys
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest
import yaml

from tests.docs.blocks import CHECKOUT

_FETCHED = re.compile(
    r"<(?:script|link|img|iframe)\b[^>]*\b(?:src|href)=[\"']?(?:https?:)?//[^>]*>"
)


def pages_in(nav: Any) -> Iterator[str]:
    """Yield the files of a navigation, however deep."""
    if isinstance(nav, str):
        yield nav
    for part in nav.values() if isinstance(nav, dict) else nav if isinstance(nav, list) else ():
        yield from pages_in(part)


def test_every_page_has_its_place() -> None:
    """README, docs/*.md and the pages beside README; what is in the navigation is there."""
    written = yaml.safe_load((CHECKOUT / "mkdocs.yml").read_text(encoding="utf-8"))
    placed = set(pages_in(written["nav"]))
    pages = {
        path.relative_to(CHECKOUT).as_posix()
        for pattern in ("*.md", "docs/*.md")
        for path in CHECKOUT.glob(pattern)
    }

    assert pages - placed == set()
    assert [name for name in placed if not (CHECKOUT / name).is_file()] == []


@pytest.mark.slow
def test_the_site_fetches_nothing(tmp_path: Path) -> None:
    """It builds without a warning, and no page loads a script, a font or an image from afar."""
    pytest.importorskip("material")
    arguments = [f"BIN={Path(sys.executable).parent}", "READY=", f"SITE={tmp_path}"]
    subprocess.run(["make", "-C", str(CHECKOUT), "docs", *arguments], check=True)

    pages = list(tmp_path.rglob("*.html"))
    fetched = {tag for page in pages for tag in _FETCHED.findall(page.read_text(encoding="utf-8"))}
    assert len(pages) > 20
    assert fetched == set()
