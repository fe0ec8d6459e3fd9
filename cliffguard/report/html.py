"""The report as one HTML file: nothing is fetched, nothing runs, everything is escaped."""

from __future__ import annotations

from functools import cache
from importlib.resources import files

from jinja2 import StrictUndefined, Template
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from cliffguard.core.reviews import Review
from cliffguard.core.texts import shorten
from cliffguard.report import behaviour, classes, next_steps, numbers, parts, reach, wording
from cliffguard.report import timings as times
from cliffguard.report.bars import bars
from cliffguard.report.clean import cleaned, one_line
from cliffguard.report.facts import checkpoint_facts, run_facts
from cliffguard.report.figures import looks, single
from cliffguard.report.figures.charts import Chart
from cliffguard.report.figures.inline import inline_svg
from cliffguard.report.figures.layout import lay_out_chart
from cliffguard.report.labels import BesideReview
from cliffguard.report.page import lay_out, source_line

_PROMPT_CHARACTERS = 1600
_ANSWER_CHARACTERS = 1000
_MOST_OVERLAPS = 500
_LINE_CHARACTERS = 400  # of a name, a caveat, a reason: beyond that somebody is playing

_TEMPLATE = "templates/report.html.j2"


def render_html(
    review: Review,
    timings: times.TimingsOrLater = None,
    beside: BesideReview | None = None,
) -> str:
    """Return the review as a page that reads without a network and without JavaScript."""
    page = lay_out(cleaned(review), beside)
    ladders = [
        (view, _svg(single.ladder(view), f"ladder{number}"))
        for number, view in enumerate(page.ladders, start=1)
    ]
    placed = reach.reaches(page)
    distance = single.distance(placed)
    spent = times.read(timings)  # after all that is drawn
    comparison = page.review.comparison
    return _template().render(
        page=page,
        bars=bars(page),
        next_steps=next_steps,
        ladders=ladders,
        parts=parts,
        part_views=parts.part_views(page),
        reach=reach,
        reaches=placed,
        reach_figure=distance and _svg(distance, "distance"),
        chart_css=Markup(looks.css()),
        classes=classes,
        class_view=classes.class_view(page),
        behaviour=behaviour,
        behaviour_view=behaviour.behaviour_view(page),
        base_facts=checkpoint_facts(comparison.base),
        candidate_facts=checkpoint_facts(comparison.candidate),
        run_facts=run_facts(page.review),
        times=times,
        spent=spent,
        wording=wording,
        overlaps=comparison.overlaps[:_MOST_OVERLAPS],
    )


def _svg(chart: Chart, prefix: str) -> Markup:
    # It comes from ElementTree, which has escaped every text in it.
    return Markup(inline_svg(lay_out_chart(chart, has_title=False), prefix))


@cache
def _template() -> Template:
    source = files("cliffguard.report").joinpath(_TEMPLATE).read_text(encoding="utf-8")
    return _environment().from_string(source)


def _environment() -> ImmutableSandboxedEnvironment:
    environment = ImmutableSandboxedEnvironment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        keep_trailing_newline=True,
    )
    environment.filters["line"] = lambda text: shorten(one_line(text), _LINE_CHARACTERS)
    environment.filters["prompt"] = lambda text: shorten(text, _PROMPT_CHARACTERS)
    environment.filters["answer"] = lambda text: shorten(text, _ANSWER_CHARACTERS)
    environment.filters["breakable"] = _breakable
    environment.filters["place"] = source_line
    environment.filters["percent"] = numbers.percent
    return environment


def _breakable(name: str) -> Markup:
    """Let a long name break after its underscores, and nowhere else."""
    return Markup(escape(name).replace("_", Markup("_<wbr>")))
