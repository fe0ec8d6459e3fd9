"""Files that are no review, or no longer the one that was written."""

from __future__ import annotations

import json
from collections.abc import Callable
from typing import Any

from cliffguard.report import render
from tests.bad_input.place import Case, Cases, Workspace
from tests.report import diagnosed, listed, samples


def spoilt(workspace: Workspace, change: Callable[[dict[str, Any]], None]) -> list[str]:
    """Change a review that is whole and return the words of its report."""
    value = json.loads(render(samples.failed(), "json"))
    change(value)
    return shown(workspace, json.dumps(value))


def shown(workspace: Workspace, text: str | bytes) -> list[str]:
    """Write a review and return the words of its report."""
    return ["report", str(workspace.write("r.json", text))]


def labelled(workspace: Workspace, text: str) -> list[object]:
    """Return the words that give labels to the items of a review."""
    folder = listed.written(workspace.root / "review")
    return ["flips", folder, "--labels", workspace.write("labels.csv", text)]


def flips(workspace: Workspace, *more: str, without: str = "", altered: str = "") -> list[object]:
    """Return the words that list items of a review, one of its files removed or altered."""
    folder = listed.written(workspace.root / "review")
    if without:
        (folder / without).unlink()
    if altered:
        (folder / altered).write_text("{}\n")
    return ["flips", folder, *more]


def told_why(workspace: Workspace, *more: str) -> list[object]:
    """Return the words that list items of a review that says why they broke."""
    return ["flips", diagnosed.written(workspace.root / "review"), *more]


def set_to(value: object, *keys: str | int) -> Callable[[dict[str, Any]], None]:
    """Return a change that sets what lies under keys."""

    def change(review: Any) -> None:
        for key in keys[:-1]:
            review = review[key]
        review[keys[-1]] = value

    return change


def drawn(workspace: Workspace, *words: object) -> list[object]:
    """Write a review that is whole and return the words of its figures."""
    review = workspace.write("r.json", render(samples.passed(), "json"))
    return ["figures", review, *words]


def several(workspace: Workspace, *more: str, **instead: object) -> list[object]:
    """Write a review, and again with changes at dotted keys; return the words of their report."""
    value = json.loads(render(samples.passed(), "json"))
    workspace.write("a/review.json", json.dumps(value))
    for keys, changed in instead.items():
        set_to(changed, *(int(k) if k.isdecimal() else k for k in keys.split(".")))(value)
    workspace.write("b/review.json", json.dumps(value))
    return ["report", workspace.root / "a", workspace.root / "b", *more]


CASES: Cases = {
    "figures of nothing": Case(lambda p: ["figures", "--out", p.out], 2, "usage.missing"),
    "figures of no review": Case(
        lambda p: ["figures", p.out / "r.json", "--out", p.out], 2, "file.missing"
    ),
    "figures of a folder without a review": Case(
        lambda p: ["figures", p.tuned, "--out", p.out], 2, "overview.no-review"
    ),
    "figures of a list": Case(
        lambda p: ["figures", p.write("r.json", "[]"), "--out", p.out], 2, "review.not-json"
    ),
    "figures to nowhere": Case(drawn, 2, "usage.missing"),
    "figures into a file": Case(
        lambda p: drawn(p, "--out", p.write("file", "") / "out"), 2, "file.not-written"
    ),
    "figures of which none can be drawn": Case(
        lambda p: drawn(p, "--out", p.out, "--only", "gain"), 2, "figures.nothing"
    ),
    "figures of an unknown name": Case(
        lambda p: drawn(p, "--out", p.out, "--only", "forest,latter"), 2, "figures.unknown"
    ),
    "figures of no name": Case(
        lambda p: drawn(p, "--out", p.out, "--only", " , "), 2, "figures.unknown"
    ),
    "figures of a drop without end": Case(
        lambda p: [
            *spoilt(p, set_to(1e200, "comparison", "capabilities", 1, "drop")),
            "figures",
            p.root / "r.json",
            "--out",
            p.out,
        ][2:],
        2,
        "review.impossible",
    ),
    "figures in an unknown format": Case(
        lambda p: drawn(p, "--out", p.out, "--format", "gif"), 2, "usage.bad-value"
    ),
    "report of nothing": Case(lambda p: ["report", p.out / "review.json"], 2, "file.missing"),
    "report of the folder": Case(lambda p: ["report", p.root], 2, "overview.no-review"),
    "report of one review twice": Case(
        lambda p: [*several(p), p.root / "a" / "review.json"], 2, "overview.same-review"
    ),
    "report of a review and its copy": Case(several, 2, "overview.same-review"),
    "report over two bases": Case(
        lambda p: several(p, **{"comparison.base.weights": "99" * 32}), 2, "overview.other-base"
    ),
    "report over two suites": Case(
        lambda p: several(p, **{"provenance.suites.0.digest": "77" * 32}), 2, "overview.other-suite"
    ),
    "report under two policies": Case(
        lambda p: several(p, **{"plan.policy.default_margin": 0.03}), 2, "overview.other-policy"
    ),
    "report at two alphas": Case(
        lambda p: several(p, **{"plan.policy.alpha": 0.01}), 2, "overview.other-alpha"
    ),
    "report of one that was chosen": Case(
        lambda p: several(
            p,
            **{"comparison.caveats": [{"id": "choose.tested-in-order", "text": "In order."}]},
        ),
        2,
        "overview.other-choice",
    ),
    "report of several as JUnit": Case(
        lambda p: several(p, "--format", "junit", **{"plan.candidate": "b"}), 2, "overview.format"
    ),
    "report of one with a folder for an overview": Case(
        lambda p: [*several(p)[:2], "--out", p.out], 2, "overview.one-review"
    ),
    "report of a page": Case(
        lambda p: ["report", p.write("report.html", "<html>\n")], 2, "review.not-json"
    ),
    "report of a list": Case(lambda p: ["report", p.write("r.json", "[]")], 2, "review.not-json"),
    "report of another JSON": Case(
        lambda p: ["report", p.tuned / "config.json"], 2, "review.format"
    ),
    "report of a failure": Case(
        lambda p: shown(
            p, '{"exit_code": 12, "kind": "integrity", "id": "weights.torn", "message": "torn"}'
        ),
        2,
        "review.is-failure",
    ),
    "report of a torn review": Case(
        lambda p: ["report", p.write("r.json", '{"format": 1,\n"plan": {')], 2, "review.not-json"
    ),
    "report of a part of a review": Case(
        lambda p: ["report", p.write("r.json", '{"format": 1}')], 2, "review.damaged"
    ),
    "report of a later version": Case(
        lambda p: ["report", p.write("r.json", '{"format": 99}')], 2, "review.newer"
    ),
    "report without a verdict": Case(
        lambda p: spoilt(p, lambda r: r.pop("verdict")), 2, "review.damaged"
    ),
    "report with more than there is": Case(
        lambda p: spoilt(p, set_to(1, "more")), 2, "review.damaged"
    ),
    "report of an unknown outcome": Case(
        lambda p: spoilt(p, set_to("SHIP", "verdict", "outcome")), 2, "review.damaged"
    ),
    "report of an outcome in small letters": Case(
        lambda p: spoilt(p, set_to("pass", "verdict", "outcome")), 2, "review.damaged"
    ),
    "report with a number as text": Case(
        lambda p: spoilt(p, set_to("0.05", "plan", "policy", "alpha")), 2, "review.damaged"
    ),
    "report with a margin of everything": Case(
        lambda p: spoilt(p, set_to(5, "plan", "policy", "default_margin")), 2, "review.damaged"
    ),
    "report with nothing for a list": Case(
        lambda p: spoilt(p, set_to(None, "examples")), 2, "review.damaged"
    ),
    "report with a name that is a number": Case(
        lambda p: spoilt(p, set_to(5, "comparison", "base", "name")), 2, "review.damaged"
    ),
    "report with half a character": Case(
        lambda p: spoilt(p, set_to("\ud800", "verdict", "sentence")), 2, "review.damaged"
    ),
    "report with NaN": Case(
        lambda p: spoilt(p, set_to(float("nan"), "plan", "policy", "alpha")), 2, "review.not-json"
    ),
    "report with a number without end": Case(
        lambda p: shown(p, '{"format": ' + "9" * 5000 + "}"), 2, "review.not-json"
    ),
    "report nested without end": Case(
        lambda p: shown(p, '{"format":' + "[" * 50_000), 2, "review.not-json"
    ),
    "report nested beyond sense": Case(
        lambda p: shown(p, '{"format": 1, "plan": ' + "[" * 200 + "]" * 200 + "}"),
        2,
        "review.not-json",
    ),
    "report of two reviews": Case(
        lambda p: shown(p, render(samples.failed(), "json") * 2), 2, "review.not-json"
    ),
    "report that is cut off": Case(
        lambda p: shown(p, render(samples.failed(), "json")[:-200]), 2, "review.not-json"
    ),
    "report behind two byte order marks": Case(
        lambda p: shown(p, "\ufeff\ufeff" + render(samples.failed(), "json")), 2, "review.not-json"
    ),
    "report of bytes": Case(lambda p: shown(p, b"\xff\xfe\x00"), 2, "text.not-utf-8"),
    "report of nothing at all": Case(lambda p: shown(p, ""), 2, "review.not-json"),
    "report of no format": Case(lambda p: shown(p, "{}"), 2, "review.format"),
    "report of a format in words": Case(lambda p: shown(p, '{"format": "1"}'), 2, "review.format"),
    "report of a format that is a switch": Case(
        lambda p: shown(p, '{"format": true}'), 2, "review.format"
    ),
    "report written over its review": Case(
        lambda p: [*shown(p, render(samples.failed(), "json")), "--output", p.root / "r.json"],
        2,
        "out.is-review",
    ),
    "report beside torn timings": Case(
        lambda p: p.spoil("timings.json", "{", shown(p, render(samples.failed(), "json"))),
        2,
        "failure.not-json",
    ),
    "report beside other items": Case(
        lambda p: ["report", flips(p, altered="items.jsonl")[1] / "review.json"],  # type: ignore[operator]
        12,
        "items.altered",
    ),
    "report beside torn labels": Case(
        lambda p: flips(p, altered="labels.jsonl"), 2, "labels.damaged"
    ),
    "flips of nothing": Case(lambda p: ["flips", p.root / "nowhere"], 2, "file.missing"),
    "flips of a folder without a review": Case(lambda p: ["flips", p.root], 2, "file.missing"),
    "flips without items": Case(lambda p: flips(p, without="items.jsonl"), 2, "items.missing"),
    "flips of a review of before there were items": Case(
        lambda p: ["flips", p.write("r.json", render(samples.failed(), "json"))],
        2,
        "items.missing",
    ),
    "flips of other items": Case(lambda p: flips(p, altered="items.jsonl"), 12, "items.altered"),
    "flips of two kinds": Case(lambda p: flips(p, "--broken", "--fixed"), 2, "flips.two-kinds"),
    "flips with a top of the fixed": Case(
        lambda p: flips(p, "--fixed", "--top", "3"), 2, "flips.top"
    ),
    "flips of a cause that is none": Case(
        lambda p: told_why(p, "--cause", "refusel"), 2, "flips.no-cause"
    ),
    "flips of a cause that was not tested": Case(
        lambda p: told_why(p, "--cause", "leak", "--capability", diagnosed.LOST),
        2,
        "flips.untested-cause",
    ),
    "flips of a pattern that is none": Case(
        lambda p: told_why(p, "--pattern", "pull:tickets"), 2, "flips.no-pattern"
    ),
    "flips by cause of a review without causes": Case(
        lambda p: flips(p, "--cause", "cut"), 2, "flips.no-diagnosis"
    ),
    "flips of a capability that is none": Case(
        lambda p: flips(p, "--capability", "multi_step"), 2, "flips.no-capability"
    ),
    "labels without a word": Case(lambda p: labelled(p, "item\nb-1\n"), 2, "labels.columns"),
    "labels of no item": Case(
        lambda p: labelled(p, "item,label\nb-1,real\nb-7,real\n"), 2, "labels.unknown-item"
    ),
    "labels in other words": Case(
        lambda p: labelled(p, "item,label\nb-1,wrong\n"), 2, "labels.unknown-word"
    ),
    "labels that nobody filled in": Case(
        lambda p: labelled(p, "item,label\nb-1,\n"), 2, "labels.empty"
    ),
    "labels that contradict": Case(
        lambda p: labelled(p, "item,label\nb-1,real\nb-1,unclear\n"), 2, "labels.twice"
    ),
    "labels that are nowhere": Case(
        lambda p: flips(p, "--labels", str(p.root / "none.csv")), 2, "rows.no-file"
    ),
    "report of JUnit": Case(
        lambda p: shown(p, render(samples.failed(), "junit")), 2, "review.not-json"
    ),
}
