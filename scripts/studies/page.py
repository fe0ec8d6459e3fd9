"""What all studies end with: rows as a Markdown table, and the page of a report."""

from __future__ import annotations

import json
from collections.abc import Sequence
from pathlib import Path
from typing import Any


def table(rows: Sequence[dict[str, Any]]) -> str:
    """Return rows of the same columns: shares in per cent, drops and margins in points."""
    names = list(rows[0])
    lines = [f"| {' | '.join(names)} |", f"|{' ---: |' * len(names)}"]
    lines += [f"| {' | '.join(_cell(name, row[name]) for name in names)} |" for row in rows]
    return "\n".join(lines)


def _cell(name: str, value: Any) -> str:
    if value is None:
        return "–"
    if isinstance(value, float):
        return f"{100 * value:.1f} %" if name not in ("drop", "margin") else f"{100 * value:.1f}"
    return f"{value:,}" if isinstance(value, int) else str(value)


def publish(text: str, page: Path, figures: Any = None) -> None:
    """Write and print a page; its figures, if any, into a JSON file beside it.

    The figures of a README are `figures.json`, of any other page a file of its name.
    """
    page.parent.mkdir(parents=True, exist_ok=True)
    page.write_text(text, encoding="utf-8")
    if figures is not None:
        beside = page.with_name("figures.json" if page.stem == "README" else f"{page.stem}.json")
        beside.write_text(json.dumps(figures, indent=1, default=float) + "\n", encoding="utf-8")
    print(text)
