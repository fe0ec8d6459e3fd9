"""The report as one HTML file: nothing is fetched, everything is escaped, no script is needed."""

from __future__ import annotations

from base64 import b64encode
from functools import cache
from hashlib import sha256
from importlib.resources import files
from itertools import count

from jinja2 import FunctionLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from cliffguard.core.reviews import Review
from cliffguard.core.texts import shorten
from cliffguard.report import next_steps
from cliffguard.report import timings as times
from cliffguard.report.blocks import Document
from cliffguard.report.clean import cleaned, one_line
from cliffguard.report.figures import looks
from cliffguard.report.figures.charts import Chart
from cliffguard.report.figures.inline import inline_svg
from cliffguard.report.figures.layout import lay_out_chart
from cliffguard.report.labels import BesideReview
from cliffguard.report.page import lay_out
from cliffguard.report.sections import document
from cliffguard.report.wording import MARKS

_NAME_CHARACTERS = 400  # of a name, a heading, a cell: beyond that somebody is playing
_LINE_CHARACTERS = 1200  # of a sentence


def render_html(
    review: Review,
    timings: times.TimingsOrLater = None,
    beside: BesideReview | None = None,
) -> str:
    """Return the review as a page that reads without a network and without JavaScript."""
    return html_of(document(lay_out(cleaned(review), beside), times.read(timings)))


def html_of(report: Document) -> str:
    """Return a report as a page of its own."""
    css = _template("report.css") + looks.css()
    environment = _environment()
    return environment.get_template("page.html.j2").render(
        report=report,
        head=report.head,
        next_title=next_steps.TITLE,
        marks=MARKS,
        css=Markup(css),
        policy=_policy(css),
    )


def _policy(css: str) -> str:
    """Return what a browser is told to refuse: everything but this style sheet."""
    return (
        f"default-src 'none'; img-src data:; style-src {_digest(css)}; "
        "base-uri 'none'; form-action 'none'"
    )


def _digest(text: str) -> str:
    return f"'sha256-{b64encode(sha256(text.encode()).digest()).decode()}'"


@cache
def _template(name: str) -> str:
    return files("cliffguard.report").joinpath("templates", name).read_text(encoding="utf-8")


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        loader=FunctionLoader(_template),
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    number = count(1)

    def svg(chart: Chart) -> Markup:
        # It comes from ElementTree, which has escaped every text in it.
        scene = lay_out_chart(chart, has_title=False)
        return Markup(inline_svg(scene, f"figure{next(number)}"))

    environment.filters["svg"] = svg
    environment.filters["kind"] = lambda block: type(block).__name__
    environment.filters["name"] = lambda text: shorten(one_line(text), _NAME_CHARACTERS)
    environment.filters["line"] = lambda text: shorten(one_line(text), _LINE_CHARACTERS)
    environment.filters["breakable"] = _breakable
    return environment


def _breakable(name: str) -> Markup:
    """Let a long name break after its underscores, and nowhere else."""
    return Markup(escape(name).replace("_", Markup("_<wbr>")))
