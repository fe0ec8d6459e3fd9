"""The figures as they are drawn: on a page, and as files."""

from __future__ import annotations

import hashlib
import re
import subprocess
import sys
from collections.abc import Mapping
from dataclasses import replace
from itertools import combinations
from pathlib import Path
from xml.etree import ElementTree

import pytest
from matplotlib.backends.backend_agg import FigureCanvasAgg
from matplotlib.transforms import Bbox

from cliffguard.core.reviews import Review
from cliffguard.report.figures.catalog import charts_of
from cliffguard.report.figures.charts import Axis, Chart, Point, Series
from cliffguard.report.figures.files import Format, draw, figure_of
from cliffguard.report.figures.inline import inline_svg
from cliffguard.report.figures.layout import lay_out_chart
from cliffguard.report.figures.looks import COLORS, LOOKS, SIZE, css
from cliffguard.report.figures.scene import WIDTH, Mark, Stroke, Words
from cliffguard.report.figures.several import pages_of
from cliffguard.report.html import render_html
from tests.report import samples
from tests.report.test_charts import many, with_ladder

LONG = "x" * 10_000 + "語" * 50


def charts(**reviews: Review) -> Mapping[str, Chart]:
    """Return every figure of reviews."""
    named = {name.replace("_", "-"): review for name, review in reviews.items()}
    return charts_of(pages_of(named))[0]


def named(label: str) -> Chart:
    """Return a figure whose every text is `label`."""
    at = Axis(label=label, low=0.0, high=1.0, ticks=((0.0, "0"), (1.0, "1")))
    point = Point(x=0.5, y=0.5, label=label, detail=label)
    return Chart(
        name=label, title=label, description=label, naming="numbers", x=at, y=at,
        series=(Series(name="", points=(point,)),), notes=(label,),
    )  # fmt: skip


ALL: dict[str, Chart] = {
    **{f"usual/{k}": v for k, v in charts(a_1=samples.failed(), a_2=samples.passed()).items()},
    **{f"hostile/{k}": v for k, v in charts(a=samples.hostile()).items()},
    **{f"crowded/{k}": v for k, v in charts(a_1=many(30), a_2=samples.crowded()).items()},
    "long": named(LONG),
    "no level": next(
        chart
        for name, chart in charts(a=with_ladder(replace(samples.hops_ladder(), levels=()))).items()
        if name.startswith("ladder")
    ),
}


def drawn_words(chart: Chart) -> dict[Bbox, str]:
    """Return where matplotlib puts each text of a figure, in pixels."""
    figure = figure_of(lay_out_chart(chart))
    renderer = FigureCanvasAgg(figure).get_renderer()
    return {text.get_window_extent(renderer): text.get_text() for text in figure.axes[0].texts}


@pytest.mark.slow
@pytest.mark.parametrize("name", ALL)
def test_words_stay_on_the_figure_and_apart(name: str) -> None:
    """No text is cut by the edge or written over another, however long its name is."""
    boxes = drawn_words(ALL[name])
    height = lay_out_chart(ALL[name]).height

    for box, text in boxes.items():
        assert 0 <= box.x0 <= box.x1 <= WIDTH, text
        assert 0 <= box.y0 <= box.y1 <= height, text
    for (first, text), (second, other) in combinations(boxes.items(), 2):
        met = Bbox.intersection(first, second)
        assert met is None or min(met.width, met.height) <= 3, (text, other)


@pytest.mark.slow
def test_text_can_be_read_where_a_figure_is_small() -> None:
    """All text has one size, which is 8 pixels and more in a figure of 300."""
    sizes = {
        text.get_fontsize()
        for chart in ALL.values()
        for text in figure_of(lay_out_chart(chart)).axes[0].texts
    }

    assert sizes == {SIZE}
    assert 300 * SIZE / WIDTH >= 8


def test_every_element_has_a_look() -> None:
    """Looks and tones are those of the table, and the page has a rule for each."""
    elements = [e for chart in ALL.values() for e in lay_out_chart(chart).elements]
    rules = css()

    for element in elements:
        if isinstance(element, Stroke | Mark):
            assert element.look in LOOKS
            assert f".{element.look} {{" in rules
        if not isinstance(element, Stroke) or element.tone:
            assert element.tone in COLORS
            assert f".chart .{element.tone} {{" in rules


def test_statuses_have_markers_of_their_own() -> None:
    """So that none is told by colour alone."""
    marks = [e for e in lay_out_chart(ALL["usual/a-1-forest"]).elements if isinstance(e, Mark)]

    assert {(mark.tone, mark.shape) for mark in marks} == {
        ("good", "circle"),
        ("bad", "diamond"),
        ("open", "square"),
    }


def test_of_many_points_twenty_have_a_number() -> None:
    """The other ones are drawn, and counted below."""
    chart = ALL["crowded/a-1-distance"]
    elements = lay_out_chart(chart).elements
    words = [element.text for element in elements if isinstance(element, Words)]

    assert words.count("20") == 2
    assert "10 more are drawn without a number." in words
    assert sum(isinstance(element, Mark) for element in elements) == 30


# --- on the page ---------------------------------------------------------------------------------


@pytest.mark.parametrize("name", ALL)
def test_a_figure_of_the_page_is_xml(name: str) -> None:
    """With role, name and description, no style but classes, and nothing from elsewhere."""
    text = inline_svg(lay_out_chart(ALL[name], has_title=False), "one")
    root = ElementTree.fromstring(text)

    assert root.attrib["role"] == "img"
    assert root.attrib["aria-label"] == root[0].text
    assert [child.tag.rpartition("}")[2] for child in root[:2]] == ["title", "desc"]
    assert root.attrib["aria-describedby"] == root[1].attrib["id"] == "one-description"
    attributes = {attribute for element in root.iter() for attribute in element.attrib}
    assert attributes <= {
        "viewBox", "class", "role", "aria-label", "aria-describedby", "id", "x", "y", "text-anchor",
        "d", "cx", "cy", "r",
    }  # fmt: skip
    assert set(re.findall(r"[\w.+-]+://[^\"]*", text)) <= {
        "http://www.w3.org/2000/svg",
        *re.findall(r"http://attacker\.example[^\"]*", text),  # as text
    }
    assert {element.tag.rpartition("}")[2] for element in root.iter()} <= {
        "svg", "title", "desc", "text", "path", "circle",
    }  # fmt: skip


@pytest.mark.parametrize("name", ["<b>&\"'", "|", "$x^{$", "\u202eevil\x1b[31m", LONG])
def test_hostile_names_do_nothing(name: str) -> None:
    """Markup and formulas are text; what repaints or reorders is gone; what is long is cut."""
    review = with_ladder(replace(samples.hops_ladder(), task=name, level_name=name))
    page = render_html(review)
    chart = next(c for key, c in charts(a=review).items() if key.startswith("ladder"))
    file = draw(lay_out_chart(chart), "svg").decode()

    for text in (page, file):
        assert not {"\u202e", "\x1b"} & set(text)
        assert "<b>" not in text
        assert "x" * 500 not in re.sub(r"<desc.*?</desc>", "", text)
    figure = re.search(r"<svg[^>]*chart.*?</svg>", page, re.DOTALL)
    assert figure is not None
    ElementTree.fromstring(figure[0])
    ElementTree.fromstring(file)


@pytest.mark.parametrize("n", [0, pytest.param(200, marks=pytest.mark.slow)])
def test_a_page_of_any_number_of_capabilities(n: int) -> None:
    """None, and two hundred."""
    page = render_html(many(n))

    figures = re.findall(r'<svg[^>]*class="chart".*?</svg>', page, re.DOTALL)
    assert len(figures) == (n > 0)
    for figure in figures:
        ElementTree.fromstring(figure)


@pytest.mark.slow
def test_reports_are_made_without_matplotlib(tmp_path: Path) -> None:
    """Where it cannot be imported, nothing misses it: what a check writes, and `report`."""
    script = (
        "import sys; sys.modules['matplotlib'] = None\n"
        "from pathlib import Path; from cliffguard.report import write_reports\n"
        "from tests.report import samples; import cliffguard.gate, cliffguard.run.samples\n"
        f"out = Path({str(tmp_path)!r}); write_reports(samples.failed(), out)\n"
        "from cliffguard.cli.app import app\n"
        "app(['report', str(out / 'review.json'), '--format', 'html'])\n"
    )
    command = [sys.executable, "-c", script]
    done = subprocess.run(command, check=False, capture_output=True, text=True)

    assert done.returncode == 0, done.stderr
    assert 'class="chart"' in done.stdout


# --- as files ------------------------------------------------------------------------------------


def drawn(format: Format) -> bytes:
    """Return the file of a figure."""
    return draw(lay_out_chart(ALL["usual/trajectory"]), format)


@pytest.mark.slow
def test_files_have_the_same_bytes_in_every_process() -> None:
    """Twice in this one, once in another; with no date and no name of a program."""
    formats: tuple[Format, ...] = ("svg", "png", "pdf")
    script = (
        "from hashlib import sha256; from tests.report.test_figures import drawn\n"
        f"print(*(sha256(drawn(format)).hexdigest() for format in {formats!r}))"
    )
    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True
    )

    for format, digest in zip(formats, done.stdout.split(), strict=True):
        file = drawn(format)
        assert drawn(format) == file
        assert hashlib.sha256(file).hexdigest() == digest
        assert not re.search(rb"CreationDate|Producer|Creator|Software|<dc:date>", file)


def test_text_of_an_svg_stays_text() -> None:
    """So that it can be searched and edited."""
    text = drawn("svg").decode()

    assert ">multi_step_reasoning</text>" in text
    assert "NOT_MEASURED at 2" in text


def test_settings_of_the_user_are_not_read() -> None:
    """A user's matplotlibrc changes no byte, and drawing changes none of its settings."""
    import matplotlib

    usual = drawn("svg")
    changed = {"axes.facecolor": "red", "font.size": 30, "svg.hashsalt": None, "savefig.dpi": 7}
    with matplotlib.rc_context(changed):
        before = dict(matplotlib.rcParams)
        assert drawn("svg") == usual
        assert dict(matplotlib.rcParams) == before
