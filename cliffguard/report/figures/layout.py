"""Where every line, mark and word of a figure stands."""

from __future__ import annotations

from cliffguard.report.figures.charts import Axis, Chart, Point, Series
from cliffguard.report.figures.looks import MARKERS, SIZE, TONES
from cliffguard.report.figures.placing import Box, fitted, place_label, spread, width_of, wrapped
from cliffguard.report.figures.scene import (
    WIDTH,
    Anchor,
    Element,
    Mark,
    Position,
    Scene,
    Stroke,
    Words,
)

MOST_NAMED = 20
"""So many points or lines have a number, and a name in the key: those that come first."""

_EDGE, _LINE, _ROW, _HEIGHT = 8.0, 15.0, 40.0, 220.0
_MARK = 4.0  # half the width of a mark


def lay_out_chart(chart: Chart, *, has_title: bool = True) -> Scene:
    """Return where everything stands; a page says the title itself."""
    canvas = _Canvas(chart)
    canvas.head(has_title)
    canvas.frame()
    for series in chart.series:
        canvas.curve(series)
    if chart.naming == "rows":
        canvas.rows()
    else:
        for series in chart.series:
            canvas.marks(series)
    if chart.naming == "ends":
        canvas.ends()
    height = canvas.foot()
    if chart.naming == "numbers":
        height = canvas.numbers(height)
    return Scene(chart.title, chart.description, height, tuple(canvas.elements))


class _Canvas:
    """Collects the elements of one chart."""

    def __init__(self, chart: Chart) -> None:
        self.chart = chart
        self.elements: list[Element] = []
        self.taken: list[Box] = []
        is_rows = chart.naming == "rows"
        ticks = [width_of(text, SIZE) for _, text in chart.y.ticks]
        self.left = _EDGE + (0.0 if is_rows else max(ticks, default=0.0) + 6.0)
        self.names = _end_names(chart) if chart.naming == "ends" else []
        ends = [width_of(text, SIZE, is_strong=True) + 4.0 for _, text, _ in self.names]
        self.right = WIDTH - _EDGE - max(ends, default=0.0)
        self.top = _EDGE
        n_rows = len(chart.series[0].points) if is_rows else 0
        self.plot_height = _ROW * n_rows if is_rows else _HEIGHT

    # --- where values lie ------------------------------------------------------------------------

    @property
    def bottom(self) -> float:
        return self.top + self.plot_height

    def x(self, value: float) -> float:
        return self.left + (self.right - self.left) * _share(self.chart.x, value)

    def y(self, value: float) -> float:
        return self.bottom - self.plot_height * _share(self.chart.y, value)

    # --- around the plot -------------------------------------------------------------------------

    def write(self, text: str, x: float, y: float, anchor: Anchor = "start", tone: str = "muted",
              *, is_strong: bool = False) -> None:  # fmt: skip
        self.elements.append(Words(text, (x, y), anchor, tone, is_strong))

    def head(self, has_title: bool) -> None:
        """Write title, notes, the label of y and that of an edge; the plot begins below."""
        room = WIDTH - 2 * _EDGE
        if has_title:
            for line in wrapped(self.chart.title, 0.9 * room, SIZE)[:2]:
                self.top += _LINE
                self.write(line, _EDGE, self.top - 4.0, tone="ink", is_strong=True)
        lines = [line for note in self.chart.notes for line in wrapped(note, room, SIZE)]
        lines += [fitted(self.chart.y.label, room, SIZE)] * bool(self.chart.y.label)
        for line in lines:
            self.top += _LINE
            self.write(line, _EDGE, self.top - 4.0)
        self.top += 6.0
        for rule in self.chart.rules:
            if rule.axis == "x" and rule.label:
                self.top += _LINE
                self.write_across(rule.label, self.x(rule.at), self.top - 5.0, "bad")
        shown = [band for band in self.chart.bands if band.label]
        self.top += _LINE * bool(shown)
        for band in shown:
            middle = (self.x(band.low) + self.x(band.high)) / 2
            self.write_across(band.label, middle, self.top - 6.0)
        self.top += 6.0

    def write_across(self, text: str, x: float, y: float, tone: str = "muted") -> None:
        """Write words around `x`, moved so that they stay on the figure."""
        is_strong = tone == "bad"
        text = fitted(text, WIDTH - _EDGE, SIZE, is_strong=is_strong)
        half = width_of(text, SIZE, is_strong=is_strong) / 2
        x = min(max(x, _EDGE / 2 + half), WIDTH - _EDGE / 2 - half)
        self.write(text, x, y, "middle", tone, is_strong=is_strong)

    def frame(self) -> None:
        """Draw bands, grid, reference lines and ticks."""
        low, high = sorted((self.chart.y.low, self.chart.y.high))
        for band in self.chart.bands:
            if band.axis == "x":
                self.area(band.kind, self.x(band.low), self.top, self.x(band.high), self.bottom)
            else:
                ends = [self.y(min(max(end, low), high)) for end in (band.low, band.high)]
                self.area(band.kind, self.left, ends[1], self.right, ends[0])
        for value, text in self.chart.y.ticks:
            self.line("grid", (self.left, self.y(value)), (self.right, self.y(value)))
            self.write(text, self.left - 5.0, self.y(value) + 4.0, "end")
        self.line("axis", (self.left, self.bottom), (self.right, self.bottom))
        for rule in self.chart.rules:
            if rule.axis == "y":
                at = self.y(rule.at)
                self.line(rule.kind, (self.left, at), (self.right, at))
                self.taken.append((self.left, at - 1.0, self.right, at + 1.0))
            elif self.chart.naming != "rows":
                at = self.x(rule.at)
                self.line(rule.kind, (at, self.top), (at, self.bottom))
            if rule.kind == "edge":
                self.elements.append(Mark("triangle", "filled", (at, self.top), "bad"))

    def area(self, look: str, left: float, top: float, right: float, bottom: float) -> None:
        corners = ((left, top), (right, top), (right, bottom), (left, bottom))
        self.elements.append(Stroke(look, corners, is_closed=True))

    def line(self, look: str, *places: Position, tone: str = "") -> None:
        self.elements.append(Stroke(look, places, tone))

    def foot(self) -> float:
        """Write the ticks of x and its label; return where the figure ends."""
        for value, text in self.chart.x.ticks:
            at = self.x(value)
            self.line("axis", (at, self.bottom), (at, self.bottom + 4.0))
            self.write_across(text, at, self.bottom + 16.0)
        middle = (self.left + self.right) / 2
        self.write_across(self.chart.x.label, middle, self.bottom + 33.0, "ink")
        return self.bottom + 33.0 + _EDGE

    # --- what was measured -----------------------------------------------------------------------

    def curve(self, series: Series) -> None:
        """Draw the line of a joined series, and of a base or candidate its intervals as a band."""
        if not series.is_joined:
            return
        drawn = [(self.x(point.x), point) for point in series.points if point.x is not None]
        bounds = [(at, point.y_interval) for at, point in drawn if point.y_interval is not None]
        if self.chart.naming == "ends":
            above = [(at, self.y(interval[1])) for at, interval in bounds]
            below = [(at, self.y(interval[0])) for at, interval in reversed(bounds)]
            self.elements.append(Stroke("band", (*above, *below), series.tone, is_closed=True))
        self.line("curve", *((at, self.y(point.y)) for at, point in drawn), tone=series.tone)

    def marks(self, series: Series) -> None:
        """Draw each point's intervals and marker."""
        for point in series.points:
            if point.x is not None:
                self.mark(point, series.tone)

    def mark(self, point: Point, tone: str) -> None:
        assert point.x is not None, "what was not measured has no mark"
        tone = tone if point.outcome is None else TONES[point.outcome]
        x, y = self.x(point.x), self.y(point.y)
        if point.x_interval is not None:
            low, high = (self.x(end) for end in point.x_interval)
            self.line("bar", (low, y), (high, y), tone=tone)
            self.taken.append((low, y - 2.0, high, y + 2.0))
        if point.y_interval is not None:
            bottom, top = (self.y(end) for end in point.y_interval)
            self.line("bar", (x, bottom), (x, top), tone=tone)
            self.taken.append((x - 2.0, top, x + 2.0, bottom))
        shape, look = MARKERS[tone]
        self.elements.append(Mark(shape, look, (x, y), tone))
        self.taken.append((x - _MARK - 1, y - _MARK - 1, x + _MARK + 1, y + _MARK + 1))

    # --- names -----------------------------------------------------------------------------------

    def rows(self) -> None:
        """Draw each point in a row of its own, with what its margin tolerates, under its name."""
        for point in self.chart.series[0].points:
            y = self.y(point.y)
            if point.limit is not None:
                at = self.x(point.limit)
                self.area("zone", self.left, y + 1.0, at, y + 13.0)
                self.line("margin", (at, y), (at, y + 14.0))
            self.line("zero", (self.x(0.0), y), (self.x(0.0), y + 14.0))
            tone = "muted" if point.outcome is None else TONES[point.outcome]
            room = WIDTH - 2 * _EDGE
            detail = fitted(point.detail, room / 2 + 20.0, SIZE)
            room -= width_of(detail, SIZE) + 6.0
            name = fitted(point.label, room, SIZE, is_strong=True)
            self.write(name, _EDGE, y - 6.0, tone="ink", is_strong=True)
            self.write(detail, WIDTH - _EDGE, y - 6.0, "end", tone)
        # Names stand above the values, so that marks lie in the lower half of a row.
        before, self.top = self.top, self.top + 7.0
        self.marks(self.chart.series[0])
        self.top = before

    def ends(self) -> None:
        """Name lines at their right ends instead of in a legend."""
        wanted = [self.y(value) for value, _, _ in self.names]
        heights = spread(wanted, 14.0, self.top + 2.0, self.bottom - 2.0)
        for height, (_, text, tone) in zip(heights, self.names, strict=True):
            self.write(text, self.right + 8.0, height + 4.0, tone=tone, is_strong=tone != "muted")

    def numbers(self, height: float) -> float:
        """Put a number at each point or line, and what it means in a key; return the new end."""
        named = [
            (series.name or point.label, series.detail or point.detail, point)
            for series in self.chart.series
            for point in (series.points[-1:] if series.is_joined else series.points)
        ]
        whole = (self.left, self.top, self.right, self.bottom)
        height += 4.0
        for number, (name, detail, point) in enumerate(named[:MOST_NAMED], 1):
            assert point.x is not None, "what was not measured has no mark"
            self.number(number, (self.x(point.x), self.y(point.y)), whole)
            tone = "muted" if point.outcome is None else TONES[point.outcome]
            height = self.key(number, name, detail, tone, height)
        if len(named) > MOST_NAMED:
            height += _LINE
            more = f"{len(named) - MOST_NAMED:,} more are drawn without a number."
            self.write(more, _EDGE, height - _EDGE)
        return height

    def number(self, number: int, at: Position, whole: Box) -> None:
        """Write a number beside a mark, with a line to it where it stands off."""
        width = width_of(str(number), SIZE, is_strong=True)
        box = place_label(at, width, SIZE, self.taken, whole)
        self.taken.append(box)
        middle = (box[1] + box[3]) / 2
        if abs(middle - at[1]) > 14.0:
            self.line("lead", at, (box[0] if box[0] > at[0] else box[2], middle))
        self.write(
            str(number), (box[0] + box[2]) / 2, middle + 4.0, "middle", "ink", is_strong=True
        )

    def key(self, number: int, name: str, detail: str, tone: str, height: float) -> float:
        """Write a line of the key, or two where name and detail need them; return the new end."""
        start, room = _EDGE + 22.0, WIDTH - 2 * _EDGE - 22.0
        height += _LINE
        self.write(str(number), start - 6.0, height - _EDGE, "end", "ink", is_strong=True)
        shown = fitted(name, room, SIZE)
        self.write(shown, start, height - _EDGE, tone="ink")
        detail = fitted(detail, room, SIZE)
        if width_of(shown, SIZE) + 10.0 + width_of(detail, SIZE) > room:
            height += _LINE
        self.write(detail, WIDTH - _EDGE, height - _EDGE, "end", tone)
        return height


def _share(axis: Axis, value: float) -> float:
    return (value - axis.low) / ((axis.high - axis.low) or 1.0)


def _end_names(chart: Chart) -> list[tuple[float, str, str]]:
    """Return value, words and tone of what is named right of the plot, from the top down."""
    named: list[tuple[float, str, str]] = [
        (series.points[-1].y, series.name, series.tone) for series in chart.series if series.points
    ]
    named += [(r.at, r.label, "muted") for r in chart.rules if r.axis == "y" and r.label]
    return sorted(named, key=lambda words: -words[0])
