"""The main figure: each capability's drop with its interval, against its own margin."""

from __future__ import annotations

from dataclasses import dataclass
from typing import TYPE_CHECKING, Any

from cliffguard.core.texts import clip
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.numbers import MISSING
from cliffguard.report.page import Page
from cliffguard.report.palette import FAINT, INK, MARKERS, MUTED, TOLERATED, WORDS
from cliffguard.report.svg import draw_svg

if TYPE_CHECKING:
    from matplotlib.axes import Axes
    from matplotlib.figure import Figure


# Pixels; the figure is drawn at 72 dots per inch, so that a point is a pixel.
_WIDTH = 900
_LEFT, _RIGHT = 232, 206  # for names, and for numbers with outcomes
_ROW, _HEAD, _FOOT = 42, 28, 44
_GROUP_GAP = 0.35  # rows between what gates and what is monitored
_NAME_LENGTH = 30


@dataclass(frozen=True, slots=True, kw_only=True)
class _Line:
    """A row in the direction of its panel, in percentage points; None: not measured."""

    row: CapabilityRow
    y: float
    value: float | None
    low: float
    high: float
    limit: float | None


@dataclass(frozen=True, slots=True, kw_only=True)
class _Panel:
    """Rows that share an axis. `is_gain`: right is better, and the zone lies to the right."""

    lines: tuple[_Line, ...]
    is_gain: bool

    @property
    def n_rows(self) -> float:
        return self.lines[-1].y + 1.0

    @property
    def height(self) -> float:
        return _HEAD + _ROW * self.n_rows + _FOOT

    @property
    def limits(self) -> tuple[float, float]:
        """The ends of the axis: everything that is drawn, zero, and some air."""
        ends = [0.0]
        for line in self.lines:
            ends += [line.low, line.high]
            if line.limit is not None:
                ends += [line.limit, -line.limit]
        low, high = min(ends), max(ends)
        air = max(0.06 * (high - low), 0.5)
        return low - air, high + air


def forest_svg(page: Page) -> str:
    """Return the forest of a page as an `<svg>` element."""
    return draw_svg(
        lambda: draw_forest(page),
        title=f"Drop of every capability with its {page.confidence} interval and margin",
        description=forest_description(page),
        prefix="forest",
    )


def draw_forest(page: Page) -> Figure:
    """Draw the drops of every capability in percentage points, and the target's gain apart.

    The interval of a row that is held ends inside the shaded zone, which reaches to the row's own
    margin. Unmeasured capabilities keep their row.
    """
    from matplotlib.figure import Figure

    panels = _panels(page)
    height = sum(panel.height for panel in panels) or _ROW
    figure = Figure(figsize=(_WIDTH / 72, height / 72), dpi=72)
    top = height
    for panel in panels:
        body = _ROW * panel.n_rows
        axes = figure.add_axes(
            (
                _LEFT / _WIDTH,
                (top - _HEAD - body) / height,
                (_WIDTH - _LEFT - _RIGHT) / _WIDTH,
                body / height,
            )
        )
        _draw_panel(axes, panel)
        top -= panel.height
    return figure


def forest_description(page: Page) -> str:
    """The figure in words, for those who do not see it."""
    parts = []
    for row in page.rows:
        change = f"gain {row.gain} {row.gain_interval}" if row.is_target else f"drop {row.drop}"
        if not row.is_target:
            change += f" {row.interval}"
        parts.append(f"{row.capability} ({_role(row)}): {change}, {row.finding.outcome}")
    return "; ".join(parts)


def _role(row: CapabilityRow) -> str:
    return f"{row.finding.role}, {row.standing}" if row.standing else row.finding.role


def _panels(page: Page) -> list[_Panel]:
    targets = [row for row in page.rows if row.is_target]
    gating = [row for row in page.rows if row.finding.role == "gating"]
    monitored = [row for row in page.rows if row.finding.role == "monitored"]
    shift = len(gating) + (_GROUP_GAP if gating else 0.0)
    drops = [_line(row, float(position), 1.0) for position, row in enumerate(gating)]
    drops += [_line(row, position + shift, 1.0) for position, row in enumerate(monitored)]
    gains = [_line(row, float(position), -1.0) for position, row in enumerate(targets)]
    panels = (_Panel(lines=tuple(gains), is_gain=True), _Panel(lines=tuple(drops), is_gain=False))
    return [panel for panel in panels if panel.lines]


def _line(row: CapabilityRow, y: float, sign: float) -> _Line:
    capability, margin = row.comparison, row.finding.margin
    limit = None if margin is None else 100 * sign * margin + 0.0
    if (
        capability is None
        or capability.evidence.drop is None
        or capability.evidence.drop_interval is None
    ):
        return _Line(row=row, y=y, value=None, low=0.0, high=0.0, limit=limit)
    ends = sorted(
        100 * sign * end
        for end in (capability.evidence.drop_interval.low, capability.evidence.drop_interval.high)
    )
    value = 100 * sign * capability.evidence.drop
    return _Line(row=row, y=y, value=value, low=ends[0], high=ends[1], limit=limit)


def _draw_panel(axes: Axes, panel: _Panel) -> None:
    low, high = panel.limits
    axes.set_xlim(low, high)
    axes.set_ylim(panel.n_rows - 0.5, -0.5)
    axes.patch.set_visible(False)
    for line in panel.lines:
        _draw_zone(axes, line, panel)
        _draw_interval(axes, line)
        _draw_words(axes, line)
    axes.axvline(0.0, color=MUTED, linewidth=0.8, zorder=2)
    _draw_headings(axes, panel)
    _draw_axis(axes, panel)


def _draw_zone(axes: Axes, line: _Line, panel: _Panel) -> None:
    from matplotlib.patches import Rectangle

    if line.limit is None:
        return
    low, high = panel.limits
    start, end = (line.limit, high) if panel.is_gain else (low, line.limit)
    zone = Rectangle((start, line.y - 0.33), end - start, 0.66, facecolor=TOLERATED, linewidth=0)
    axes.add_patch(zone)
    axes.vlines(line.limit, line.y - 0.33, line.y + 0.33, color=INK, linewidth=1.6, zorder=3)


def _draw_interval(axes: Axes, line: _Line) -> None:
    if line.value is None:
        axes.annotate(
            "not measured",
            (0.0, line.y),
            xytext=(8, 0),  # clear of the zero line; SVG drops leading spaces
            textcoords="offset points",
            color=MUTED,
            fontsize=10.5,
            va="center",
        )
        return
    color = WORDS[line.row.finding.outcome]
    marker = MARKERS[line.row.finding.outcome]
    axes.hlines(line.y, line.low, line.high, color=color, linewidth=2.2, zorder=4)
    axes.vlines([line.low, line.high], line.y - 0.1, line.y + 0.1, color=color, linewidth=2.2)
    axes.plot([line.value], [line.y], **marker.drawn_in(color))


def _draw_words(axes: Axes, line: _Line) -> None:
    """Name and role on the left, number and outcome on the right of the panel."""
    row = line.row
    across = axes.get_yaxis_transform()
    plot = _WIDTH - _LEFT - _RIGHT

    def put(x: float, y: float, text: str, **look: Any) -> None:
        axes.text(x, y, text, transform=across, va="center", parse_math=False, **look)

    name = clip(row.capability, _NAME_LENGTH)
    put(-_LEFT / plot, line.y - 0.14, name, fontsize=11.5, fontweight=700, color=INK)
    detail = f"{_role(row)} · {row.n_items} {'item' if row.n_items == '1' else 'items'}"
    put(-_LEFT / plot, line.y + 0.22, detail, fontsize=9.5, color=MUTED)
    change = row.gain if row.is_target else row.drop
    put(
        1 + 74 / plot,
        line.y,
        change if change != MISSING else "",
        ha="right",
        fontsize=11.5,
        color=INK,
    )
    word = f"{row.finding.outcome}"
    put(
        1 + 88 / plot, line.y, word, fontsize=10.5, fontweight=700, color=WORDS[row.finding.outcome]
    )


def _draw_headings(axes: Axes, panel: _Panel) -> None:
    """Say above the first row what the tick and the zone are."""
    first = next((line for line in panel.lines if line.limit is not None), None)
    if first is None:
        return
    limit = first.limit if first.limit is not None else 0.0
    low, high = panel.limits
    text = "demanded gain" if panel.is_gain else "margin"
    is_right = (limit - low) / (high - low) > 0.75
    axes.text(
        limit, -0.56, text, fontsize=9.5, color=INK, va="bottom", ha="right" if is_right else "left"
    )


def _draw_axis(axes: Axes, panel: _Panel) -> None:
    from matplotlib.ticker import FuncFormatter, MaxNLocator

    for side in ("top", "left", "right"):
        axes.spines[side].set_visible(False)
    axes.spines["bottom"].set_color(FAINT)
    axes.set_yticks([])
    axes.xaxis.set_major_locator(MaxNLocator(nbins=7, steps=[1, 2, 5, 10]))
    axes.xaxis.set_major_formatter(FuncFormatter(_signed))
    axes.tick_params(axis="x", colors=MUTED, labelsize=10, length=3, color=FAINT)
    label = (
        "gain in percentage points (right is better)"
        if panel.is_gain
        else "drop in percentage points (right is worse)"
    )
    axes.set_xlabel(label, fontsize=10, color=MUTED, labelpad=4)


def _signed(value: float, _place: int) -> str:
    return "0" if abs(value) < 1e-9 else f"{value:+g}".replace("-", "−")
