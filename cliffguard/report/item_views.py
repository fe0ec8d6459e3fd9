"""Items as a page shows them, of items.jsonl or of a review's examples; the largest of a stream."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace

from cliffguard.core.item_results import ItemAnswer, ItemResult, ItemText
from cliffguard.core.reviews import Example, with_texts
from cliffguard.core.texts import clip, cut_middle
from cliffguard.report import numbers
from cliffguard.report.anchors import cut_name, encoded
from cliffguard.report.clean import clean, one_line
from cliffguard.report.item_order import largest
from cliffguard.report.wording import flag_word, parts_in_words

LONGEST = 1600
"""Characters of a text that a page shows at most."""

CUT = " […] "
_MOST_TEXTS = 26  # choices, and right answers, of an item
_IN_A_LINE = 60
_BY_ITSELF = ("choice", "stop", "string")  # finish reasons that need no word


@dataclass(frozen=True, slots=True, kw_only=True)
class SideView:
    """An answer as it is shown. `ended` says how, where it did not end by itself.

    `parts` says of a tool's call which are right.
    """

    text: ItemText
    score: float | None
    confidence: float | None
    ended: str = ""
    parts: str = ""

    @property
    def line(self) -> str:
        """The answer and its confidence in a few words."""
        sure = "" if self.confidence is None else f" {100 * self.confidence:.0f} %"
        return clip(one_line(shown(self.text)), _IN_A_LINE) + sure

    def label(self, name: str, is_better: bool) -> str:
        """Return what stands above it: whose it is, whether right or only better, how sure."""
        if self.score in (None, 0.0, 1.0):
            words = [f"{'✓' if is_better else '✗'} {name}"]
        else:
            words = [f"{name} ({'better' if is_better else 'worse'})"]
        words += [f"counts as {self.score:.4g}"] if self.score is not None else []
        words += (
            [f"confidence {numbers.percent(self.confidence)}"]
            if self.confidence is not None
            else []
        )
        words += [f"ended: {self.ended}"] if self.ended else []
        words += [self.parts] if self.parts else []
        return " · ".join(words)


@dataclass(frozen=True, slots=True, kw_only=True)
class ItemView:
    """An item that broke or was fixed, clean and cut, but not escaped.

    `cause` is the name of its cause on a command line, `patterns` are the keys of its patterns.
    """

    capability: str
    task: str
    item: str
    level: int | None
    is_broken: bool
    prompt: ItemText
    choices: tuple[ItemText, ...]
    right: tuple[ItemText, ...]
    base: SideView
    candidate: SideView
    n_copies: int = 1
    cause: str = ""
    patterns: tuple[str, ...] = ()

    @property
    def copies(self) -> str:
        """How many copies its change is the mean of, in words; empty of a single one."""
        return f"change: mean of {self.n_copies} copies" if self.n_copies > 1 else ""

    @property
    def anchor(self) -> str:
        """Its address on the page, without the #; items.js writes and reads the same."""
        return f"item={encoded(self.task)}/{encoded(self.item)}"

    @property
    def texts(self) -> tuple[ItemText, ...]:
        """Every text that is shown of it."""
        return (self.prompt, *self.choices, *self.right, self.base.text, self.candidate.text)

    @property
    def others(self) -> tuple[ItemText, ...]:
        """The right answers that are none of the choices."""
        return tuple(text for text in self.right if text not in self.choices)

    @property
    def sides(self) -> tuple[tuple[str, ItemText, bool], ...]:
        """Of both sides the label, the answer, and whether it is the better one."""
        both = (
            ("base", self.base, self.is_broken),
            ("candidate", self.candidate, not self.is_broken),
        )
        return tuple((side.label(name, better), side.text, better) for name, side, better in both)


def shown(text: ItemText) -> str:
    """Return a text, or what is known of one that was not kept."""
    return f"not kept, SHA-256 {text.sha256[:16]}…" if text.text is None else text.text


def view_of(result: ItemResult) -> ItemView:
    """Return an item of items.jsonl as it is shown."""
    return ItemView(
        capability=cut_name(result.capability),
        task=cut_name(result.task),
        item=cut_name(result.item),
        level=result.level,
        is_broken=result.is_broken,
        prompt=result.prompt,
        choices=_first(result.choices),
        right=_first(result.right),
        base=_side(result.base),
        candidate=_side(result.candidate),
        n_copies=result.n_copies,
        cause=flag_word(result.cause),
        patterns=tuple(map(cut_name, result.patterns)),
    )


def example_view(example: Example) -> ItemView:
    """Return an example of a review in the same form: an item that broke, without scores."""
    return ItemView(
        capability=cut_name(example.capability),
        task=cut_name(example.task),
        item=cut_name(example.item_id),
        level=example.level,
        is_broken=True,
        prompt=_text(example.prompt),
        choices=(),
        right=(_text(example.answer),),
        base=SideView(
            text=_text(example.base_text), score=None, confidence=example.base_confidence
        ),
        candidate=SideView(
            text=_text(example.candidate_text), score=None, confidence=example.candidate_confidence
        ),
    )


def cut_to(view: ItemView, length: int) -> ItemView:
    """Return an item whose prompt has at most `length` characters, other texts half as many."""

    def half(text: ItemText) -> ItemText:
        return _cut(text, length // 2)

    return replace(
        view,
        prompt=_cut(view.prompt, length),
        choices=tuple(map(half, view.choices)),
        right=tuple(map(half, view.right)),
        base=replace(view.base, text=half(view.base.text)),
        candidate=replace(view.candidate, text=half(view.candidate.text)),
    )


def _cut(text: ItemText, length: int) -> ItemText:
    if text.text is None or len(text.text) <= length:
        return text
    return replace(text, text=ends(text.text, length))


def ends(text: str, length: int) -> str:
    """Return a text in at most `length` characters, the mark among them; cut again, as once."""
    return text if len(text) <= length else cut_middle(text, length - len(CUT), mark=CUT)


def _text(text: str) -> ItemText:
    return ItemText(text=clean(ends(text, LONGEST)), sha256="")


def _first(texts: Sequence[ItemText]) -> tuple[ItemText, ...]:
    n_more = len(texts) - _MOST_TEXTS
    more = (ItemText(text=f"… {n_more:,} more", sha256=""),) if n_more > 0 else ()
    return (*texts[:_MOST_TEXTS], *more)


def _side(answer: ItemAnswer) -> SideView:
    return SideView(
        text=answer.answer,
        score=answer.score,
        confidence=answer.confidence,
        ended="" if answer.finish_reason in _BY_ITSELF else answer.finish_reason,
        parts=parts_in_words(answer.parts),
    )


class Best:
    """The `n` items of a stream that `item_order.largest` puts first, and how many there were.

    What falls out of the first n never comes back, whatever follows: an item more in a cluster only
    moves others of it backwards. So at most 2 n are held, clean and cut to `LONGEST`.
    """

    def __init__(self, n: int) -> None:
        self.n, self.n_seen = n, 0
        self._held: list[ItemResult] = []

    def add(self, result: ItemResult) -> None:
        """Take an item in, with the texts that a page could show of it."""
        self.n_seen += 1
        result = with_texts(result, lambda text: clean(ends(text, LONGEST)))
        self._held.append(replace(result, drop=abs(result.drop or 0.0)))  # of a gain its size
        if len(self._held) > 2 * self.n:
            kept = {id(result) for result in largest(self._held, self.n)}
            self._held = [result for result in self._held if id(result) in kept]  # in their order

    def views(self, n: int, *, are_broken: bool) -> tuple[ItemView, ...]:
        """Return so many of the first n, in that order."""
        return tuple(replace(view_of(result), is_broken=are_broken) for result in self.first[:n])

    @property
    def first(self) -> list[ItemResult]:
        """The first n, in that order; `drop` is the size of the change."""
        return largest(self._held, self.n)
