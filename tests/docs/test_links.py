"""Links of pages lead somewhere, and files that a page names are there."""

from __future__ import annotations

import re
from pathlib import Path

from tests.docs.blocks import CHECKOUT, blocks_of

PAGES = sorted(
    path
    for pattern in (
        "*.md",
        ".github/**/*.md",
        "configs/*.md",
        "suites/*.md",
        "docs/**/*.md",
        "reports/**/*.md",
    )
    for path in CHECKOUT.glob(pattern)
)
_LINK = re.compile(r"\]\((?!https?://)([^)\s#]*)(?:#([^)\s]+))?(?: \"[^\"]*\")?\)")
_SPAN = re.compile(r"`([^`\s]+)`(?! \(new\))")  # (new): to be made
_FILE = re.compile(r"(?:[\w.-]+/)*[\w-]+\.(?:py|md|sh|yaml)|(?:[\w.-]+/)+")
_ROOTS = (CHECKOUT, CHECKOUT / "cliffguard", CHECKOUT / "scripts", CHECKOUT / "tests")
_OF_OURS = {
    path.name
    for folder in ("cliffguard", ".")
    for path in (CHECKOUT / folder).iterdir()
    if path.is_dir()
}

# Pages name these as what is gone.
GONE = {"corridor.py", "guard.py", "scripts/cluster_priors.py"}


def text_of(page: Path) -> str:
    """Return the text of a page without its fenced blocks, in which other rules hold."""
    text = page.read_text(encoding="utf-8")
    for block in blocks_of(page):
        text = text.replace(block.text, "")
    return text


def broken_links(page: Path) -> list[str]:
    """Return the links of a page to a file, or to a heading of a page, that is not there."""
    broken = []
    for file, heading in _LINK.findall(text_of(page)):
        target = (page.parent / file).resolve() if file else page
        if not target.exists() or (heading and heading not in headings(target)):
            broken.append(f"{file}#{heading}" if heading else file)
    return broken


def headings(page: Path) -> set[str]:
    """Return the names by which links reach the headings of a page, as GitHub makes them."""
    if page.suffix == ".html":
        return set(re.findall(r' id="([^"]+)"', page.read_text(encoding="utf-8")))
    lines = re.findall(r"^#+ (.+)$", text_of(page), re.MULTILINE)
    return {re.sub(r"[^\w\- ]", "", line.lower()).replace(" ", "-") for line in lines}


def absent_files(page: Path) -> list[str]:
    """Return the files and folders of ours that a page names and that are not there."""
    spans = {name.partition("::")[0] for name in _SPAN.findall(text_of(page))}
    named = {name for name in spans if _FILE.fullmatch(name)}
    roots = (*_ROOTS, page.parent, *(_OF_PAGE.get(page.name, ())))
    return sorted(
        name
        for name in named - GONE
        if (name.endswith(".py") or name.split("/")[0] in _OF_OURS)
        and not any((root / name).exists() for root in roots)
    )


_OF_PAGE = {
    "ARCHITECTURE.md": (CHECKOUT / "cliffguard" / "engine",),
    "SECURITY.md": (CHECKOUT / "tests" / "report",),
}


def test_links_lead_somewhere() -> None:
    """Files are there, and so are the headings behind `#`."""
    broken = {str(page): broken_links(page) for page in PAGES}

    assert {page: links for page, links in broken.items() if links} == {}


def test_files_that_a_page_names_are_there() -> None:
    """In decisions too: when a file moves, they name it where it is now; CHANGELOG.md does not."""
    pages = [page for page in PAGES if page.name != "CHANGELOG.md"]
    absent = {str(page): absent_files(page) for page in pages}

    assert {page: names for page, names in absent.items() if names} == {}


def test_what_is_broken_is_found(tmp_path: Path) -> None:
    """A file, a heading, a module and a folder that are not there; fenced blocks have own rules."""
    page = tmp_path / "page.md"
    page.write_text(
        "# One page\n[a](gone.md) [b](#one-page) [c](#two-pages) [d](https://example.org/x)\n"
        '[e](lost.md "a title")\n'
        "`gone.py` `stats/gone/` `stats/` `stats/away.py::test`\n```text\n`lost.py`\n```\n"
    )

    assert broken_links(page) == ["gone.md", "#two-pages", "lost.md"]
    assert absent_files(page) == ["gone.py", "stats/away.py", "stats/gone/"]
