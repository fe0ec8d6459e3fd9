"""card: a review as a section and entries of a model card."""

from __future__ import annotations

import sys
from pathlib import Path
from typing import Annotated

import typer

from cliffguard.cli.console import explained, write_data
from cliffguard.core.errors import UsageError
from cliffguard.core.files import read_text, user_path


@explained
def card(
    review: Annotated[Path, typer.Argument(help="A review.json, or a folder with it.")],
    readme: Annotated[
        Path | None,
        typer.Option(
            metavar="PATH",
            help="The model card to write into, or its folder; it is made where there is none.",
        ),
    ] = None,
    push: Annotated[
        str | None,
        typer.Option(
            metavar="REPO_ID",
            help="Send the card to this model on the hub (org/name); without --readme it is the "
            "card there, changed.",
        ),
    ] = None,
    section_only: Annotated[
        bool, typer.Option("--section-only", help="Leave the YAML at its head alone.")
    ] = False,
) -> None:
    """Write what a fine-tune kept into its model card, between two marks; all else stays.

    Without --readme and --push the card is printed. No text of a model stands in it.
    """
    from cliffguard.integrations import model_card
    from cliffguard.report.json import read_review
    from cliffguard.report.overview.sources import review_files

    if push is not None:
        model_card.refuse_push(push)
    file, *others = review_files([review])
    if others:
        raise UsageError(
            f"{review}: holds several reviews, and a card is of one; name its folder",
            id="card.several",
        )
    read = read_review(read_text(file, UsageError), str(file))
    path = None if readme is None else _card_at(readme)
    if path is not None:
        content, where = model_card.read_card(path), str(path)
    else:
        content, where = (b"" if push is None else model_card.card_on_hub(push)), push or "the card"
    made = model_card.with_card(content, read, where, section_only=section_only)
    if model_card.begins_with_mark(content) and not section_only:
        print(
            f"! {where}: begins with a byte-order mark, behind which a hub sees no YAML; save it "
            "without one",
            file=sys.stderr,
        )
    if path is not None:
        if made != content:
            model_card.write_card(path, made)
        print(path)
    if push is not None:
        print(model_card.push_card(push, made))
    elif path is None:
        write_data(made.decode())


def _card_at(readme: Path) -> Path:
    """Return the file of a card that a path or its folder names."""
    path = user_path(str(readme), UsageError)
    path = path / "README.md" if path.is_dir() else path
    if path.exists() and not path.is_file():
        raise UsageError(f"{path}: is no file; name a README.md", id="file.is-folder")
    return path
