"""The report as one HTML file: nothing is fetched, nothing runs, everything is escaped."""

from __future__ import annotations

from importlib.resources import files

from jinja2 import StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment
from markupsafe import Markup, escape

from cliffguard.core.reviews import Review
from cliffguard.core.texts import shorten
from cliffguard.report import numbers
from cliffguard.report.behaviour import INTRO, behaviour_view
from cliffguard.report.classes import HEADERS as CLASSES_HEADERS
from cliffguard.report.classes import TITLE as CLASSES_TITLE
from cliffguard.report.classes import class_view
from cliffguard.report.clean import cleaned, one_line
from cliffguard.report.distance import distance_svg
from cliffguard.report.facts import checkpoint_facts, run_facts
from cliffguard.report.figures import forest_svg, ladder_svg
from cliffguard.report.page import lay_out, source_line
from cliffguard.report.parts import HEADERS as PARTS_HEADERS
from cliffguard.report.parts import INTRO as PARTS_INTRO
from cliffguard.report.parts import SIDES as PARTS_SIDES
from cliffguard.report.parts import TITLE as PARTS_TITLE
from cliffguard.report.parts import part_views
from cliffguard.report.reach import HEADERS as REACH_HEADERS
from cliffguard.report.reach import INTRO as REACH_INTRO
from cliffguard.report.reach import reaches
from cliffguard.report.timings import HEADERS as TIMINGS_HEADERS
from cliffguard.report.timings import TITLE as TIMINGS_TITLE
from cliffguard.report.timings import TimingsOrLater, read, rows, summary_of
from cliffguard.report.wording import MARKS, MEANINGS, OVERLAPS_TITLE, ROLES, SIGN_CONVENTION

_PROMPT_CHARACTERS = 1600
_ANSWER_CHARACTERS = 1000
_MOST_OVERLAPS = 500
_LINE_CHARACTERS = 400  # of a name, a caveat, a reason: beyond that somebody is playing

_TEMPLATE = "templates/report.html.j2"


def render_html(review: Review, timings: TimingsOrLater = None) -> str:
    """Return the review as a page that reads without a network and without JavaScript."""
    page = lay_out(cleaned(review))
    # The SVG comes from ElementTree, which has escaped every text in it.
    forest = Markup(forest_svg(page)) if page.rows else None
    ladders = [
        (view, Markup(ladder_svg(view, f"ladder{number}")))
        for number, view in enumerate(page.ladders, start=1)
    ]
    placed = reaches(page)
    reach_figure = Markup(distance_svg(placed)) if placed else None
    spent = read(timings)  # after all that is drawn
    return (
        _environment()
        .from_string(_source())
        .render(
            page=page,
            forest=forest,
            ladders=ladders,
            parts=part_views(page),
            parts_title=PARTS_TITLE,
            parts_intro=PARTS_INTRO,
            parts_headers=PARTS_HEADERS,
            parts_sides=PARTS_SIDES,
            reaches=placed,
            reach_figure=reach_figure,
            reach_intro=REACH_INTRO,
            reach_headers=REACH_HEADERS,
            classes=class_view(page),
            classes_title=CLASSES_TITLE,
            classes_headers=CLASSES_HEADERS,
            behaviour=behaviour_view(page),
            behaviour_intro=INTRO,
            base_facts=checkpoint_facts(page.review.comparison.base),
            candidate_facts=checkpoint_facts(page.review.comparison.candidate),
            run_facts=run_facts(page.review),
            timings_title=TIMINGS_TITLE,
            timings_headers=TIMINGS_HEADERS,
            timings_sentence=None if spent is None else summary_of(spent),
            timings=() if spent is None else rows(spent),
            marks=MARKS,
            meanings=MEANINGS,
            roles=ROLES,
            sign_convention=SIGN_CONVENTION,
            overlaps_title=OVERLAPS_TITLE,
            overlaps=page.review.comparison.overlaps[:_MOST_OVERLAPS],
        )
    )


def _source() -> str:
    return files("cliffguard.report").joinpath(_TEMPLATE).read_text(encoding="utf-8")


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
