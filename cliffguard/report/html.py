"""The report as one HTML file: nothing is fetched, everything is escaped, no script is needed."""

from __future__ import annotations

import re
from base64 import b64encode
from collections.abc import Iterable, Iterator
from functools import cache, partial
from hashlib import sha256
from importlib.resources import files
from itertools import count

from jinja2 import FunctionLoader, StrictUndefined, pass_context
from jinja2.runtime import Context
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from cliffguard.core.reviews import Review
from cliffguard.core.texts import shorten
from cliffguard.report import next_steps
from cliffguard.report import timings as times
from cliffguard.report.blocks import Document, Span
from cliffguard.report.clean import cleaned, one_line
from cliffguard.report.figures import looks
from cliffguard.report.figures.charts import Chart
from cliffguard.report.figures.inline import inline_svg
from cliffguard.report.figures.layout import lay_out_chart
from cliffguard.report.item_browser import ItemBrowser, item_browser
from cliffguard.report.labels import BesideReview
from cliffguard.report.page import lay_out
from cliffguard.report.prose import names_in, quoting, spans
from cliffguard.report.sections import broken, document
from cliffguard.report.wording import MARKS

_NAME_CHARACTERS = 400  # of a name, a heading, a cell: beyond that somebody is playing
_LINE_CHARACTERS = 1200  # of a sentence
_SHORT_WORD = 12  # characters that a column of a phone has room for
_FLAG = re.compile(r"(?<![\w-])(--[a-z][a-z-]*)")


def render_html(
    review: Review,
    timings: times.TimingsOrLater = None,
    beside: BesideReview | None = None,
) -> str:
    """Return the review as a page that reads without a network and without JavaScript."""
    page = lay_out(cleaned(review), beside, folder=".")
    items = item_browser(page.review, page.largest, [row.capability for row in page.rows])
    return html_of(document(page, times.read(timings)), items, names=names_in(page.review))


def html_of(
    report: Document, items: ItemBrowser | None = None, *, names: Iterable[str] = ()
) -> str:
    """Return a report as a page of its own; `items` take the place of its section about them.

    In backticks are commands of ours, but for those that stand in the foreign `names`.
    """
    css = "".join((_template("report.css"), looks.css(), _template("items.css")))
    script = _template("page.js") + _template("items.js")
    return (
        _environment()
        .get_template("page.html.j2")
        .render(
            report=report,
            head=report.head,
            next_title=next_steps.TITLE,
            marks=MARKS,
            quoting=quoting(names),
            svg=partial(_svg, number=count(1)),
            items=items,
            items_anchor=broken.ANCHOR,
            css=Markup(css),
            script=Markup(script),
            # A browser is told to refuse everything but this style sheet and this script.
            policy=f"default-src 'none'; img-src data:; style-src {_digest(css)}; script-src "
            f"{_digest(script)}; base-uri 'none'; form-action 'none'",
        )
    )


def _svg(chart: Chart, number: Iterator[int]) -> Markup:
    # It comes from ElementTree, which has escaped every text in it.
    scene = lay_out_chart(chart, has_title=False)
    return Markup(inline_svg(scene, f"figure{next(number)}"))


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def _template(name: str) -> str:
    return files("cliffguard.report").joinpath("templates", name).read_text(encoding="utf-8")


@cache
def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["kind"] = lambda block: type(block).__name__
    environment.filters["name"] = lambda text: shorten(one_line(text), _NAME_CHARACTERS)
    environment.filters["line"] = _prose
    environment.filters["breakable"] = _breakable
    environment.filters["has_short_words"] = _has_short_words
    return environment


@pass_context
def _prose(context: Context, text: str) -> Markup:
    """Return a sentence whose parts in backticks are code, but for those of a foreign name."""
    text = shorten(one_line(text), _LINE_CHARACTERS)
    made = Markup()
    for part in spans(text, context.get("quoting", ())):
        if isinstance(part, Span):
            made += Markup("<code>{}</code>").format(part.text)
        else:
            made += _unbroken(part)
    return made


def _unbroken(text: str) -> Markup:
    """Keep the flags of our command line whole: a browser breaks a line after a hyphen."""
    parts = _FLAG.split(text)
    return Markup().join(
        Markup('<span class="flag">{}</span>').format(part) if number % 2 else part
        for number, part in enumerate(parts)
    )


def _breakable(name: str) -> Markup:
    """Let a long name break after its underscores, and nowhere else."""
    return Markup(escape(name).replace("_", Markup("_<wbr>")))


def _has_short_words(name: str) -> bool:
    """Return whether a narrow column can show a name with no word broken."""
    return all(len(word) <= _SHORT_WORD for word in re.split(r"[_\s]", name))
