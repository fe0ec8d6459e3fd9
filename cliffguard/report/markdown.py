"""The report as GitHub-flavoured Markdown, for job summaries and pull requests."""

from __future__ import annotations

import html
import re
from collections.abc import Iterable, Sequence

from cliffguard.core.reviews import Example, Review
from cliffguard.core.texts import clip, shorten
from cliffguard.core.timing import Timings
from cliffguard.report import behaviour, classes, next_steps, numbers, parts, reach
from cliffguard.report import timings as times
from cliffguard.report.capability_row import CapabilityRow
from cliffguard.report.clean import cleaned, one_line
from cliffguard.report.facts import Fact, checkpoint_facts, run_facts
from cliffguard.report.labels import BesideReview
from cliffguard.report.ladder_view import LadderView
from cliffguard.report.page import Page, lay_out, source_line
from cliffguard.report.wording import MARKS, MEANINGS, OVERLAPS_TITLE, ROLES, SIGN_CONVENTION

_PROMPT_CHARACTERS = 600
_ANSWER_CHARACTERS = 300
_LINE_CHARACTERS = 400
_MOST_EXAMPLES = 10  # a comment on a pull request holds 65,536 characters
_MOST_OVERLAPS = 50

_SPECIAL = re.compile(r"([\\`*\[\]|~$])")
_LOOSE_UNDERSCORE = re.compile(r"(?<![A-Za-z0-9])_|_(?![A-Za-z0-9])")
_LINE_START = re.compile(r"^([#+\-=]|\d+(?=[.)]))")
_REFERENCE = re.compile(r"([#!]|(?<![a-z])GH-)(?=\d)", re.IGNORECASE)
_NO_MENTION = "@&#8203;"  # an invisible space after the sign, so that nobody is notified


def render_markdown(
    review: Review,
    timings: times.TimingsOrLater = None,
    beside: BesideReview | None = None,
) -> str:
    """Return the review as Markdown in which every foreign text is escaped."""
    page = lay_out(cleaned(review), beside)
    sections = [
        _verdict(page),
        _next_steps(page),
        _capabilities(page),
        *map(_ladder, page.ladders),
        _parts(page),
        _target(page),
        _classes(page),
        _reach(page),
        _behaviour(page),
        _examples(page),
        _health(page),
        _caveats(page),
        _reproduce(page),
        _timings(times.read(timings)),
        _reading(page),
    ]
    return "\n\n".join(filter(None, sections)) + "\n"


def escape(text: str) -> str:
    """Return `text` as one line that Markdown shows as it is: no markup, links or mentions.

    Nor does it refer to issues (#1, GH-1) or merge requests (!1).
    """
    text = shorten(one_line(text), _LINE_CHARACTERS)
    text = _REFERENCE.sub("\\1\u200b", text)
    text = html.escape(text, quote=False)
    text = _SPECIAL.sub(r"\\\1", text)
    text = _LOOSE_UNDERSCORE.sub(r"\\_", text)
    text = _LINE_START.sub(r"\\\1" if not text[:1].isdigit() else r"\1\\", text)
    return _unlinked(text).replace("\u200b", "&#8203;")


def block(text: str) -> str:
    """Return `text` in a `<pre>`, its line breaks kept and everything else harmless."""
    # Some readers of Markdown end a block at an empty line and take the rest for Markdown.
    lines = [line if line.strip() else "&#8203;" for line in _in_html(text).split("\n")]
    return "<pre>" + "\n".join(lines) + "</pre>"


def code(text: str) -> str:
    """Return `text` as inline code, inside or outside of tables."""
    return f"<code>{_in_html(one_line(text))}</code>"


def _in_html(text: str) -> str:
    """Escape for the inside of an HTML element, where a backslash of Markdown has no power."""
    text = html.escape(text, quote=False)
    text = _SPECIAL.sub(lambda match: f"&#{ord(match[0])};", text)
    return _unlinked(text)


def _unlinked(text: str) -> str:
    """Take the power to link and to notify from addresses and mentions."""
    text = text.replace("://", "&#58;//").replace("www.", "www&#46;")
    return text.replace("@", _NO_MENTION)


def table_of(headers: Sequence[str], sides: str, rows: Iterable[Sequence[str]]) -> str:
    """Return a table; `sides` has an "l" or "r" for every column."""
    rule = [":--" if side == "l" else "--:" for side in sides]
    return "\n".join(f"| {' | '.join(line)} |" for line in (headers, rule, *rows))


def _range(text: str) -> str:
    """Keep the brackets of an interval from being read as a link."""
    return text.replace("[", "\\[").replace("]", "\\]")


def _verdict(page: Page) -> str:
    doubts = "".join(f"\n\n{escape(doubt)}" for doubt in page.doubts)
    return (
        f"# {page.mark} {page.outcome}\n\n"
        f"**{escape(page.sentence)}** Exit code {page.exit_code}.\n\n"
        f"Base {escape(page.base)}, candidate {escape(page.candidate)}.{doubts}"
    )


def _next_steps(page: Page) -> str:
    lines = [f"{i}. {escape(step)}" for i, step in enumerate(next_steps.next_steps(page), start=1)]
    return "\n".join([f"## {next_steps.TITLE}", "", *lines])


def _capabilities(page: Page) -> str:
    headers = (
        "capability", "role", "outcome", "base", "candidate", "drop",
        f"{page.confidence} interval, pp", "margin", "n", "broken / fixed",
    )  # fmt: skip
    table = table_of(headers, "lllrrrrrrr", [_cells(row) for row in page.rows])
    reasons = "\n".join(_reason(row) for row in page.rows)
    remarks = "".join(f"\n\n{escape(remark)}" for remark in page.remarks)
    text = f"## Capabilities\n\n{SIGN_CONVENTION}\n\n{table}\n\n{reasons}{remarks}"
    return f"{text}\n\n{_tasks(page)}" if page.tasks else text


def _cells(row: CapabilityRow) -> tuple[str, ...]:
    return (
        escape(row.capability),
        row.finding.role,
        f"{row.mark} {row.finding.outcome}{f', {row.standing}' if row.standing else ''}",
        row.base,
        row.candidate,
        row.drop,
        _range(row.interval),
        html.escape(row.margin),
        row.n_items,
        row.flips,
    )


def _reason(row: CapabilityRow) -> str:
    standing = f"{row.standing}; " if row.standing else ""
    details = "".join(f"; {escape(line)}" for line in row.details)
    p = f" ({html.escape(row.proof)})" if row.proof else ""
    change = f"; {row.change}" if row.direction else ""
    return f"- {escape(row.capability)}: {standing}{escape(row.reason)}{p}{change}{details}"


def _tasks(page: Page) -> str:
    headers = (
        "task", "capability", "metric", "chance", "base", "candidate", "n", page.lacking,
        "cut off, base / candidate",
    )  # fmt: skip
    rows = [
        (
            escape(row.task.task),
            escape(row.capability),
            escape(row.metric),
            row.chance,
            row.base,
            row.candidate,
            f"{row.task.n_items:,}",
            str(row.task.n_unscored),
            f"{row.task.n_truncated_base} / {row.task.n_truncated_candidate}",
        )
        for row in page.tasks
    ]
    return _details("Tasks inside the capabilities", table_of(headers, "lllrrrrrr", rows))


def _ladder(view: LadderView) -> str:
    headers = (escape(clip(view.level_name, 60)), "base", "candidate", "drop", "n", "")
    rows = [
        (
            f"**{rung.level.level}**" if rung.is_edge else str(rung.level.level),
            rung.base,
            rung.candidate,
            rung.drop,
            f"{rung.level.n_items:,}",
            f"**◀ {rung.note}**" if rung.is_edge else rung.note,
        )
        for rung in view.rungs
    ]
    table = table_of(headers, "rrrrrl", rows)
    body = f"{escape(view.summary)} {escape(view.areas)} Chance is {view.chance}.\n\n{table}"
    return f"## Ladder: {escape(view.title)}\n\n{body}"


def _parts(page: Page) -> str:
    views = parts.part_views(page)
    if not views:
        return ""
    sections = [
        f"### {escape(view.row.capability)}\n\n{escape(view.summary)}\n\n"
        + table_of(parts.HEADERS, parts.SIDES, [_part(row) for row in view.rows])
        for view in views
    ]
    return "\n\n".join([f"## {parts.TITLE}", parts.INTRO, *sections])


def _part(row: parts.PartRow) -> tuple[str, ...]:
    name, *cells, p_value, note = row.cells
    marked = f"**◀ {note}**" if row.is_proven else escape(note)
    return (escape(name), *cells, html.escape(p_value), marked)


def _target(page: Page) -> str:
    lines = "\n".join(_gain(row, page) for row in page.targets)
    return f"## Target gain\n\n{lines or 'No target was measured, and the policy demands no gain.'}"


def _gain(row: CapabilityRow, page: Page) -> str:
    head = f"- {escape(row.capability)}, {row.mark} {row.finding.outcome}"
    if row.comparison is None or row.comparison.evidence.drop is None:
        return f"{head}: {escape(row.reason)}"
    words = f", {row.direction}" if row.direction else ""
    return (
        f"{head}: {row.base} → {row.candidate}{words}, a gain of **{row.gain}**, {page.confidence} "
        f"interval {_range(row.gain_interval)} pp; {html.escape(row.demand)}"
    )


def _classes(page: Page) -> str:
    view = classes.class_view(page)
    if view is None:
        return ""
    rows = [(escape(task), escape(label), *cells) for task, label, *cells in view.rows]
    notes = "\n".join(f"- {escape(note)}" for note in view.notes)
    return f"## {classes.TITLE}\n\n{table_of(classes.HEADERS, 'llrrrr', rows)}\n\n{notes}"


def _reach(page: Page) -> str:
    cells = [placed.cells for placed in reach.reaches(page)]
    rows = [(escape(name), *map(_range, others)) for name, *others in cells]
    table = table_of(reach.HEADERS, "llrrrrl", rows)
    return f"## Distance\n\n{reach.INTRO}\n\n{table}" if rows else ""


def _behaviour(page: Page) -> str:
    view = behaviour.behaviour_view(page)
    if view is None:
        return ""
    rows = [(escape(row.capability), *row.cells) for row in view.rows]
    table = table_of(("capability", *view.columns), "l" + "r" * len(view.columns), rows)
    notes = "\n".join(f"- {escape(note)}" for note in view.notes)
    sections = ("## Behaviour", behaviour.INTRO, table, notes, view.key)
    return "\n\n".join(filter(None, sections))


def _examples(page: Page) -> str:
    every = [example for _, group in page.examples for example in group]
    if not every:
        return "## Items that broke\n\nNone."
    shown = every[:_MOST_EXAMPLES]
    more = f" {len(every) - len(shown)} more are in review.json." if len(every) > len(shown) else ""
    intro = f"Right under the base, wrong under the candidate.{more}"
    return "\n\n".join(["## Items that broke", intro, *(_example(example) for example in shown)])


def _example(example: Example) -> str:
    level = "" if example.level is None else f", level {example.level}"
    names = (one_line(name) for name in (example.capability, example.task, example.item_id))
    title = _in_html(shorten("{}: {}, item {}".format(*names), _LINE_CHARACTERS)) + level
    answers = (
        ("Right answer", example.answer, None),
        ("Base", example.base_text, example.base_confidence),
        ("Candidate", example.candidate_text, example.candidate_confidence),
    )
    lines = [block(shorten(example.prompt, _PROMPT_CHARACTERS))]
    for label, text, confidence in answers:
        sure = "" if confidence is None else f" (confidence {numbers.percent(confidence)})"
        lines.append(f"{label}{sure}:")
        lines.append(block(shorten(text, _ANSWER_CHARACTERS)))
    return _details(title, "\n\n".join(lines))


def _details(summary: str, body: str) -> str:
    return f"<details><summary>{summary}</summary>\n\n{body}\n\n</details>"


def _health(page: Page) -> str:
    lines = "\n".join(f"- {escape(line)}" for line in page.health)
    return f"## Suite health\n\n{lines}" if lines else ""


def _caveats(page: Page) -> str:
    lines = [f"- {escape(caveat.text)}" for caveat in page.review.comparison.caveats]
    text = "## Caveats\n\n" + ("\n".join(lines) or "None.")
    return f"{text}\n\n{_overlaps(page)}" if page.review.comparison.overlaps else text


def _overlaps(page: Page) -> str:
    every = page.review.comparison.overlaps
    rows = [
        (
            escape(overlap.task),
            escape(overlap.item_id),
            overlap.kind,
            numbers.percent(overlap.similarity),
            escape(source_line(overlap)),
        )
        for overlap in every[:_MOST_OVERLAPS]
    ]
    table = table_of(("task", "item", "kind", "similarity", "training data"), "lllrl", rows)
    if len(every) > len(rows):
        table += f"\n\n{len(every) - len(rows)} more are in review.json."
    return _details(OVERLAPS_TITLE, table)


def _reproduce(page: Page) -> str:
    comparison = page.review.comparison
    sides = "\n".join(
        f"- {name}: {_facts(checkpoint_facts(checkpoint))}"
        for name, checkpoint in (("base", comparison.base), ("candidate", comparison.candidate))
    )
    run = "\n".join(f"- {fact.label}: {escape(fact.value)}" for fact in run_facts(page.review))
    command = block(page.review.provenance.command)
    return f"## How to reproduce\n\n{command}\n\n{sides}\n{run}"


def _timings(timings: Timings | None) -> str:
    if timings is None:
        return ""
    table = table_of(times.HEADERS, "lrrrr", times.rows(timings))
    return f"## {times.TITLE}\n\n{times.summary_of(timings)}\n\n{table}"


def _facts(facts: Sequence[Fact]) -> str:
    words = (code(fact.value) if fact.is_code else escape(fact.value) for fact in facts)
    return ", ".join(f"{fact.label} {word}" for fact, word in zip(facts, words, strict=True))


def _reading(page: Page) -> str:
    lines = [f"- **{MARKS[outcome]} {outcome}**: {text}" for outcome, text in MEANINGS.items()]
    lines += [f"- **{role}**: {text}" for role, text in ROLES.items()]
    method = f"Method: {escape(page.methods) or 'none, nothing was measured'}."
    return "\n".join(["## How to read this", "", *lines, "", method])
