"""The figure of reach: each capability's drop against its distance from the fine-tuning data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import TYPE_CHECKING, Any

from cliffguard.core.texts import clip, first_and_more
from cliffguard.report.clean import one_line
from cliffguard.report.numbers import points, points_range
from cliffguard.report.palette import FAINT, INK, MARKERS, MUTED, TOLERATED, WORDS
from cliffguard.report.placing import place_label
from cliffguard.report.reach import Reach
from cliffguard.report.svg import draw_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure
    from matplotlib.transforms import Bbox


TITLE = "Drop against distance from the fine-tuning data"

# Pixels; the figure is drawn at 72 dots per inch, so that a point is a pixel.
_WIDTH, _HEIGHT = 900, 480
_LEFT, _RIGHT, _TOP, _BOTTOM = 62, 24, 66, 52
_NAME_LENGTH = 30
_NEAR = 20.0  # within it a name needs no line to its mark
_LINE = 13.0
_MOST_NAMES = 8  # beside their marks; of more, numbers stand there, and names in a key
_KEY, _KEY_ROW = 250, 30


def distance_figure(rows: Sequence[Reach]) -> Figure:
    """Draw drops in percentage points against distances, quartiles and intervals as bars.

    Where all rows share a margin, the zone up to it is shaded. Capabilities without a drop have no
    place in it and are named below its title; of more than eight, marks are numbered and named
    beside the plot.
    """
    from matplotlib.figure import Figure

    drawn = [row for row in rows if row.drop is not None]
    is_keyed = len(drawn) > _MOST_NAMES
    height = max(_HEIGHT, _TOP + _BOTTOM + _KEY_ROW * len(drawn) * is_keyed)
    right = _KEY if is_keyed else _RIGHT
    figure = Figure(figsize=(_WIDTH / 72, height / 72), dpi=72)
    axes = figure.add_axes(
        (
            _LEFT / _WIDTH,
            _BOTTOM / height,
            (_WIDTH - _LEFT - right) / _WIDTH,
            (height - _TOP - _BOTTOM) / height,
        )
    )
    _draw_axes(axes, drawn)
    _draw_zone(axes, drawn)
    for row in drawn:
        _draw_mark(axes, row)
    _draw_headings(figure, rows, height)
    _draw_names(axes, drawn, is_keyed)
    if is_keyed:
        _draw_key(axes, drawn)
    return figure


def distance_svg(rows: Sequence[Reach]) -> str:
    """Return the figure as an `<svg>` element for use inside HTML."""
    return draw_svg(
        lambda: distance_figure(rows),
        title=TITLE,
        description=distance_description(rows),
        prefix="distance",
    )


def distance_description(rows: Sequence[Reach]) -> str:
    """The figure in words, for those who do not see it."""
    return "; ".join(
        f"{one_line(row.capability)} ({row.ring}): distance {row.distance.median:.2f} "
        f"[{row.distance.low:.2f}, {row.distance.high:.2f}], drop {points(row.drop)} "
        f"{points_range(row.drop_interval)}, {row.outcome}"
        for row in rows
    )


def _draw_axes(axes: Axes, rows: Sequence[Reach]) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    axes.patch.set_visible(False)
    across = [end for row in rows for end in (row.distance.low, row.distance.high)] or [0.0, 1.0]
    ends = [0.0] + [100 * end for row in rows for end in _ends(row)]
    if (margin := _margin(rows)) is not None:
        ends.append(100 * margin)
    axes.set_xlim(*_with_air(across, least=0.05))
    axes.set_ylim(*_with_air(ends, least=1.0))
    for side in ("top", "right", "left"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.axhline(0.0, color=MUTED, linewidth=0.8, zorder=2)
    for axis, bins in ((axes.xaxis, 8), (axes.yaxis, 7)):
        axis.set_major_locator(MaxNLocator(nbins=bins, steps=[1, 2, 5, 10]))
    axes.yaxis.set_major_formatter(FuncFormatter(_signed))
    axes.tick_params(colors=MUTED, labelsize=10, length=3, color=FAINT)
    words = "distance from the fine-tuning data (right is further; 0 the same text, about 1 unlike)"
    axes.set_xlabel(words, fontsize=10, color=MUTED, labelpad=6)
    axes.set_ylabel("drop in percentage points (up is worse)", fontsize=10, color=MUTED, labelpad=6)


def _ends(row: Reach) -> tuple[float, ...]:
    assert row.drop is not None, "rows without a drop are not drawn"
    if row.drop_interval is None:
        return (row.drop,)
    return row.drop_interval.low, row.drop_interval.high


def _margin(rows: Sequence[Reach]) -> float | None:
    """Return the margin that all rows share, of those that have one."""
    margins = {row.margin for row in rows if row.margin is not None}
    return margins.pop() if len(margins) == 1 else None


def _with_air(ends: Sequence[float], *, least: float) -> tuple[float, float]:
    low, high = min(ends), max(ends)
    air = max(0.08 * (high - low), least)
    return low - air, high + air


def _draw_zone(axes: Axes, rows: Sequence[Reach]) -> None:
    margin = _margin(rows)
    if margin is None:
        return
    low, _ = axes.get_ylim()
    axes.axhspan(low, 100 * margin, facecolor=TOLERATED, linewidth=0, zorder=0)
    axes.axhline(100 * margin, color=INK, linewidth=1.2, zorder=1)


def _draw_mark(axes: Axes, row: Reach) -> None:
    assert row.drop is not None, "rows without a drop are not drawn"
    color, marker = WORDS[row.outcome], MARKERS[row.outcome]
    x, y = row.distance.median, 100 * row.drop
    low, *_, high = _ends(row) * 2
    look: dict[str, Any] = {"color": color, "linewidth": 1.4, "alpha": 0.75, "zorder": 4}
    axes.vlines(x, 100 * low, 100 * high, **look)
    axes.hlines(y, row.distance.low, row.distance.high, **look)
    axes.plot([x], [y], **marker.drawn_in(color))


def _draw_headings(figure: Figure, rows: Sequence[Reach], height: float) -> None:
    """The title, what bars and shading are, and who is missing."""
    x = 12 / _WIDTH
    figure.text(x, 1 - 22 / height, TITLE, fontsize=13, fontweight=700, color=INK)
    notes = ["bars: interval of the drop, quartiles of the distance over items"]
    if (margin := _margin([row for row in rows if row.drop is not None])) is not None:
        notes.append(f"shaded: up to the margin, {points(margin)}")
    if missing := [clip(one_line(row.capability), 20) for row in rows if row.drop is None]:
        notes.append(f"not measured: {first_and_more(missing, 3)}")
    text = clip(" · ".join(notes), 150)
    figure.text(x, 1 - 42 / height, text, fontsize=9.5, color=MUTED, parse_math=False)


# --- names ---------------------------------------------------------------------------------------


def _draw_names(axes: Axes, rows: Sequence[Reach], is_keyed: bool) -> None:
    """Put each name, or its number in the key, beside its mark."""
    whole = axes.get_window_extent()
    taken = [box for row in rows for box in _boxes(axes, row)]
    taken += [_across(axes, level) for level in {0.0, _margin(rows) or 0.0}]
    for number, row in enumerate(_in_order(rows), 1):
        lines = _lines(row, str(number) if is_keyed else None)
        at = _position(axes, row)
        width, height = _size(axes, lines)
        chosen = place_label(at, width, height, taken, whole)
        taken.append(chosen)
        _write(axes, row, lines, at, chosen)


def _in_order(rows: Sequence[Reach]) -> list[Reach]:
    """Return rows from the largest drop to the smallest."""
    return sorted(rows, key=lambda row: (-(row.drop or 0.0), row.distance.median))


_Lines = list[tuple[str, dict[str, Any]]]


def _lines(row: Reach, number: str | None) -> _Lines:
    """Return what stands beside a mark, line by line, and how it looks."""
    name = clip(one_line(row.capability), _NAME_LENGTH)
    bold = {"fontsize": 10.5, "fontweight": 700, "color": INK}
    if number is not None:
        return [(number, bold)]
    small = {"fontsize": 9, "color": WORDS[row.outcome]}
    return [(name, bold), (f"{row.ring} · {row.outcome}", small)]


def _position(axes: Axes, row: Reach) -> tuple[float, float]:
    x, y = axes.transData.transform((row.distance.median, 100 * (row.drop or 0.0)))
    return float(x), float(y)


def _boxes(axes: Axes, row: Reach) -> list[Bbox]:
    """Return what a row has drawn, in pixels: its mark and its bars."""
    from matplotlib.transforms import Bbox

    x, y = _position(axes, row)
    ends = [100 * end for end in _ends(row)]
    left, bottom = axes.transData.transform((row.distance.low, min(ends)))
    right, top = axes.transData.transform((row.distance.high, max(ends)))
    return [
        Bbox.from_extents(x - 6, y - 6, x + 6, y + 6),
        Bbox.from_extents(x - 2, bottom, x + 2, top),
        Bbox.from_extents(left, y - 2, right, y + 2),
    ]


def _across(axes: Axes, level: float) -> Bbox:
    """Return the line at a drop of `level`, in pixels."""
    from matplotlib.transforms import Bbox

    whole = axes.get_window_extent()
    _, y = axes.transData.transform((0.0, 100 * level))
    return Bbox.from_extents(whole.x0, y - 1, whole.x1, y + 1)


def _size(axes: Axes, lines: _Lines) -> tuple[float, float]:
    """Return width and height of words in pixels."""
    from matplotlib.backends.backend_agg import FigureCanvasAgg
    from matplotlib.figure import Figure

    assert isinstance(axes.figure, Figure)
    canvas: Any = FigureCanvasAgg(axes.figure)
    widths = []
    for text, look in lines:
        put = axes.text(0, 0, text, parse_math=False, **look)
        widths.append(put.get_window_extent(canvas.get_renderer()).width)
        put.remove()
    return max(widths), _LINE * len(lines)


def _write(axes: Axes, row: Reach, lines: _Lines, at: tuple[float, float], box: Bbox) -> None:
    """Write words into their box, with a line to their mark where they stand off it."""
    is_right = box.x0 > at[0]
    x = (box.x0 if is_right else box.x1) - at[0]
    y = (box.y0 + box.y1) / 2 - at[1]
    mark = (row.distance.median, 100 * (row.drop or 0.0))
    if abs(y) > _NEAR:
        axes.annotate(
            "",
            mark,
            xytext=(x, y),
            textcoords="offset points",
            arrowprops={"arrowstyle": "-", "color": MUTED, "linewidth": 0.6, "shrinkB": 5},
        )
    for number, (text, look) in enumerate(lines):
        axes.annotate(
            text,
            mark,
            xytext=(x, y + _LINE * ((len(lines) - 1) / 2 - number)),
            textcoords="offset points",
            ha="left" if is_right else "right",
            va="center",
            zorder=6,
            parse_math=False,
            **look,
        )


def _draw_key(axes: Axes, rows: Sequence[Reach]) -> None:
    """Say right of the plot which number is which capability."""
    for number, row in enumerate(_in_order(rows), 1):
        detail = f"{row.ring} · {row.outcome}"
        name = clip(one_line(row.capability), _NAME_LENGTH)
        for x, text, look in (
            (30, str(number), {"ha": "right", "fontweight": 700, "color": INK}),
            (38, name, {"color": INK}),
            (38, detail, {"color": WORDS[row.outcome]}),
        ):
            is_detail = text is detail
            axes.annotate(
                text,
                (1.0, 1.0),
                xycoords="axes fraction",
                xytext=(x, -_KEY_ROW * (number - 0.5) - 12 * is_detail),
                textcoords="offset points",
                va="center",
                fontsize=9 if is_detail else 10,
                parse_math=False,
                annotation_clip=False,
                **look,
            )


def _signed(value: float, _index: int) -> str:
    return "0" if abs(value) < 1e-9 else f"{value:+g}".replace("-", "−")
