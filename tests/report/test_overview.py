"""The overview of several candidates: its record, and what keeps reviews out of one table."""

from __future__ import annotations

import gc
import json
import re
import tracemalloc
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any
from urllib.parse import unquote

import jsonschema
import pytest

from cliffguard.config import schema
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.item_results import ItemResult
from cliffguard.core.overviews import Overview
from cliffguard.core.reviews import Outcome, Review, SuiteStamp
from cliffguard.core.settings import CapabilityPolicy, Plan, Policy, TargetPolicy
from cliffguard.planning.selection import remark
from cliffguard.report import render
from cliffguard.report.json import render_overview
from cliffguard.report.overview.build import build
from cliffguard.report.overview.files import OVERVIEW_FORMATS, OverviewReport
from cliffguard.report.overview.sources import (
    NOT_TRIED,
    NamedReview,
    for_table,
    read_named,
    review_files,
)
from cliffguard.report.overview.terminal import render_matrix
from cliffguard.report.overview.wording import falls, falls_before, in_order
from tests import support
from tests.report import checkpoints
from tests.report.checkpoints import checkpoint, trained
from tests.report.listed import result

ROOT = Path("out")


def overview(reviews: dict[str, Review], **how: Any) -> Overview:
    """Return the overview of reviews whose folders lie in `out`."""
    return build(checkpoints.sources(reviews, ROOT), ROOT, **how)


# --- the matrix ----------------------------------------------------------------------------------


def test_columns_are_targets_then_the_worst() -> None:
    """What most candidates lost comes first, then the largest drop; the target before all."""
    reviews = {
        "a": checkpoint("a", broken={"reading": 42, "sums": 60, "words": 45}),
        "b": checkpoint("b", broken={"reading": 48, "sums": 2, "words": 2}),
    }

    table = overview(reviews)

    assert [c.name for c in table.capabilities] == ["ticket_routing", "reading", "sums", "words"]
    assert [c.role for c in table.capabilities] == ["target", "gating", "gating", "gating"]
    cell = table.candidates[0].cells[2]
    assert cell is not None
    assert (cell.outcome, cell.drop, cell.n_broken) == (Outcome.REGRESSED, 0.145, 60)


def test_candidates_stand_in_the_order_of_their_steps() -> None:
    """By number, not by letter; those without one as they were given."""
    numbered = {name: checkpoint(name) for name in ("step-1000", "step-900", "step-20")}
    named = {name: checkpoint(name) for name in ("late", "early-2", "best")}

    assert [row.name for row in overview(numbered).candidates] == [
        "step-20", "step-900", "step-1000",
    ]  # fmt: skip
    assert [row.name for row in overview(named).candidates] == ["late", "early-2", "best"]


def test_a_row_says_what_its_review_says() -> None:
    """Gain, largest drop that is not excluded, verdict and exit code."""
    review = checkpoint("a", broken={"sums": 60}, n_gained=80)

    (row,) = overview({"a": review}).candidates

    bound = review.comparison.capabilities[1].evidence.drop_interval
    assert bound is not None
    assert (row.gain, row.largest_drop) == (0.2, bound.high)
    assert (row.outcome, row.exit_code, row.alpha) == (Outcome.FAIL, 10, 0.05)


def test_the_front_is_what_no_other_beats() -> None:
    """More gain for no larger loss beats; equal ones do not beat each other."""
    reviews = {
        "best": checkpoint("best", broken={"sums": 10}, n_gained=100),
        "twin": checkpoint("twin", broken={"sums": 10}, n_gained=100),
        "careful": checkpoint("careful", broken={"sums": 2}, n_gained=50),
        "beaten": checkpoint("beaten", broken={"sums": 20}, n_gained=90),
    }

    assert {r.name: r.is_on_front for r in overview(reviews).candidates} == {
        "best": True, "twin": True, "careful": True, "beaten": False,
    }  # fmt: skip


def test_links_are_relative_and_only_to_pages_that_exist(tmp_path: Path) -> None:
    """From the folder of the overview; a review without a page beside it has none."""
    root = checkpoints.write(tmp_path / "runs", {"a": checkpoint("a"), "b": checkpoint("b")})
    (root / "b" / "report.html").unlink()
    sources = read_named(review_files([root]))

    beside, elsewhere = build(sources, root), build(sources, tmp_path / "notes" / "x")

    assert [row.report for row in beside.candidates] == ["a/report.html", ""]
    assert elsewhere.candidates[0].report == "../../runs/a/report.html"


def test_the_record_fits_its_schema_and_is_the_same_twice() -> None:
    """overview.json has the keys of its schema, and no others."""
    text = render_overview(overview(trained(5)))

    assert text == render_overview(overview(trained(5)))
    written = json.loads(text)
    jsonschema.validate(written, schema("overview"))
    assert set(written) == set(schema("overview")["properties"])
    assert written["format"] == 1


# --- along the training --------------------------------------------------------------------------


def test_a_fall_begins_where_every_later_step_is_lost() -> None:
    """A loss that comes back is none; the last PASS is said."""
    lost = {100: 0, 200: 50, 300: 0, 400: 60, 500: 70}
    reviews = {
        f"x/checkpoint-{n}": checkpoint(f"c-{n}", broken={"sums": b, "words": 0})
        for n, b in lost.items()
    }

    trajectory = overview(reviews).trajectory

    assert trajectory is not None
    assert (trajectory.last_pass, trajectory.first_fail) == (300, 200)
    assert {f.name: (f.onset, f.n_regressed) for f in trajectory.capabilities} == {
        "sums": (400, 3), "words": (None, 0),
    }  # fmt: skip


def test_a_step_without_a_verdict_interrupts_a_fall() -> None:
    """Nobody knows what it lost."""
    reviews = {f"c-{n}": checkpoint(f"c-{n}", broken={"sums": 60}) for n in (1, 2, 4)}
    failed = NamedReview(name="c-3", file=ROOT / "c-3" / "failure.json", review=None, exit_code=20)

    table = build([failed, *checkpoints.sources(reviews)], ROOT)

    assert table.trajectory is not None
    assert table.trajectory.steps == (1, 2, 3, 4)
    assert table.trajectory.capabilities[0].onset == 4
    assert [(row.name, row.exit_code) for row in table.uncompared] == [("c-3", 20)]


@pytest.mark.parametrize("n_failed", [1, 2])
def test_falls_are_said_where_the_last_steps_have_no_verdict(n_failed: int) -> None:
    """Up to the last that has one; what came back before is no fall, whatever follows."""
    reviews = {
        "c-100": checkpoint("c-100", broken={"b": 0, "a": 0, "back": 60}),
        "c-200": checkpoint("c-200", broken={"b": 20, "a": 0, "back": 60}),
        "c-300": checkpoint("c-300", broken={"b": 60, "a": 0, "back": 0}),
        "c-1000": checkpoint("c-1000", broken={"b": 60, "a": 60, "back": 0}),
    }
    names = [f"c-{1400 + 100 * n}" for n in range(1, n_failed + 1)]
    failed = [NamedReview(name=n, file=ROOT / n / "failure.json", review=None, exit_code=12)
              for n in names]  # fmt: skip

    table = build([*checkpoints.sources(reviews), *failed], ROOT)

    assert falls(table) == (
        f"No step passes; the last step ({names[-1][2:]}) has no verdict; REGRESSED: "
        "b from 300 to 1000, the last step that tells, "
        "a from 1000 to 1000, the last step that tells"
    )
    assert falls_before(table) == {"b": (300, 1000), "a": (1000, 1000)}


def test_that_nothing_is_lost_is_said_only_of_steps_with_a_verdict() -> None:
    """A step without one may have lost anything."""
    reviews = {f"c-{n}": checkpoint(f"c-{n}", broken={"sums": 0}) for n in (1, 2)}
    failed = NamedReview(name="c-3", file=ROOT / "c-3" / "failure.json", review=None, exit_code=20)

    assert falls(build([*checkpoints.sources(reviews), failed], ROOT)) == (
        "Last PASS: 2; the last step (3) has no verdict; nothing is REGRESSED at the last step "
        "that has one"
    )


@pytest.mark.parametrize("names", [("best", "step-2"), ("a/step-2", "b/step-2")])
def test_without_a_step_each_there_is_no_trajectory(names: tuple[str, str]) -> None:
    """All names end in whole numbers, and no two in the same."""
    sources = [
        NamedReview(name=name, file=ROOT / name / "review.json", review=checkpoint(name))
        for name in names
    ]

    assert build(sources, ROOT).trajectory is None


# --- choice --------------------------------------------------------------------------------------


def test_what_may_ship_is_known_only_of_a_choice() -> None:
    """Each candidate judged alone says nothing of the best of several."""
    alone = {"a": checkpoint("a"), "b": checkpoint("b", broken={"refusals": 60})}
    shared = {
        "a": checkpoint("a", broken={"sums": 0}, choose="choose.raised-alpha"),
        "b": checkpoint("b", broken={"sums": 60}, choose="choose.shared-alpha"),
    }
    shared["a"] = with_policy(shared["a"], Policy(alpha=0.03, target=TargetPolicy(min_gain=0.02)))

    assert [row.may_ship for row in overview(alone).candidates] == [None, None]
    table = overview(shared)
    assert table.choice == "any"
    assert [(row.may_ship, row.alpha) for row in table.candidates] == [(True, 0.03), (False, 0.05)]


def test_tested_in_order_is_a_choice() -> None:
    """Under --choose last whichever passed may ship."""
    reviews = {n: checkpoint(n, choose="choose.tested-in-order") for n in ("a", "b")}

    assert [row.may_ship for row in overview(reviews).candidates] == [True, True]


def test_what_was_tested_in_order_stays_in_it(tmp_path: Path) -> None:
    """Newest first, and what was not tried is read from the overview of the check."""
    names = ("step-300", "step-200", "step-100")
    reviews = {n: checkpoint(n, choose="choose.tested-in-order") for n in names[:2]}
    checkpoints.write(tmp_path, reviews)
    for name in reviews:
        (tmp_path / name / "report.html").write_text("")
    missing = NamedReview(
        name=names[2], file=tmp_path / names[2] / "failure.json", review=None, reason=NOT_TRIED
    )
    of_check = [*checkpoints.sources(reviews, tmp_path), missing]
    OverviewReport(sources=of_check, folder=tmp_path).write()

    sources = read_named(review_files([tmp_path]))
    again = build(sources, tmp_path)

    assert [row.name for row in again.candidates] == list(names[:2])
    assert [(row.name, row.exit_code, row.reason) for row in again.uncompared] == [
        (names[2], None, NOT_TRIED)
    ]
    assert [row.name for row in in_order(again)] == list(names)


@pytest.mark.parametrize("name", ["../away", "/away", "a/../../away"])
def test_no_overview_leads_out_of_its_folder(name: str, tmp_path: Path) -> None:
    """It may be a stranger's."""
    checkpoints.write(tmp_path / "in", {n: checkpoint(n) for n in ("a", "b")})
    away = {"choice": "last", "candidates": [], "uncompared": [{"name": name, "exit_code": None}]}
    (tmp_path / "in" / "overview.json").write_text(json.dumps(away))

    assert {file.parent.name for file in review_files([tmp_path / "in"])} == {"a", "b"}


def test_reviews_of_two_choices_are_refused() -> None:
    """Of each three share alpha: four of them are of more than one choice."""
    reviews = {n: checkpoint(n, choose="choose.shared-alpha") for n in "abcd"}

    with support.refused("overview.other-choice", 2, "out/a/review.json", "out/d/review.json"):
        overview(reviews)


def test_the_remark_of_a_choice_says_how_many_share() -> None:
    """It is read from the caveat as it is written."""
    plans = [Plan(candidate=name, suites=("adjacent",)) for name in "ab"]
    (caveat,) = remark("any", plans)
    reviews = {n: checkpoint(n, choose="choose.shared-alpha") for n in "abc"}
    reviews = {
        n: replace(r, comparison=replace(r.comparison, caveats=(caveat,)))
        for n, r in reviews.items()
    }

    with support.refused("overview.other-choice", 2):
        overview(reviews)


# --- what makes no one table ---------------------------------------------------------------------


def with_policy(review: Review, policy: Policy) -> Review:
    """Return a review under another policy."""
    return replace(review, plan=replace(review.plan, policy=policy))


def with_base(review: Review, **changes: str) -> Review:
    """Return a review over another base."""
    base: Checkpoint = replace(review.comparison.base, **changes)  # type: ignore[arg-type]
    return replace(review, comparison=replace(review.comparison, base=base))


def with_suite(review: Review, stamp: SuiteStamp) -> Review:
    """Return a review of another suite."""
    return replace(review, provenance=replace(review.provenance, suites=(stamp,)))


@pytest.mark.parametrize(
    "policy",
    [
        Policy(capabilities={"sums": CapabilityPolicy(margin=0.05)}),
        Policy(capabilities={"sums": CapabilityPolicy(tasks=("sums",))}),
        Policy(default_margin=0.03,
               capabilities={name: CapabilityPolicy(margin=0.05)
                             for name in ("sums", "words", "ticket_routing")}),
    ],
    ids=["a margin", "a task", "another default that holds for nothing"],
)  # fmt: skip
def test_policies_that_demand_the_same_make_one_table(policy: Policy) -> None:
    """Whether a policy says what holds, or leaves it unsaid."""
    broken = {"sums": 2, "words": 0}
    target = TargetPolicy(min_gain=0.02)
    reviews = {
        "a": with_policy(checkpoint("a", broken=broken), Policy(target=target)),
        "b": with_policy(checkpoint("b", broken=broken), replace(policy, target=target)),
    }

    assert len(overview(reviews).candidates) == 2


OTHER = SuiteStamp(name="adjacent", version=2, digest="77" * 32)
UNLIKE = {
    "base": (lambda r: with_base(r, name="other/base", weights="99" * 32), "overview.other-base",
             "other/base"),
    "policy": (lambda r: with_policy(r, Policy(default_margin=0.03,
                                               target=TargetPolicy(min_gain=0.02))),
               "overview.other-policy", "policy.default_margin"),
    "margin": (lambda r: with_policy(r, Policy(target=TargetPolicy(min_gain=0.02),
                                     capabilities={"sums": CapabilityPolicy(margin=0.02)})),
               "overview.other-policy", "policy.capabilities.sums"),
    "alpha": (lambda r: with_policy(r, Policy(alpha=0.01, target=TargetPolicy(min_gain=0.02))),
              "overview.other-alpha", "0.01"),
    "suite": (lambda r: with_suite(r, OTHER), "overview.other-suite", "--by suite"),
    "choice": (lambda r: checkpoint("b", choose="choose.tested-in-order"),
               "overview.other-choice", "--choose"),
}  # fmt: skip


@pytest.mark.parametrize("kind", UNLIKE)
def test_unlike_reviews_are_refused_with_what_differs(kind: str) -> None:
    """In one line with the files; of many reviews the first of each kind."""
    change, error_id, name = UNLIKE[kind]
    reviews = {n: checkpoint(n) for n in ("a", "b", "c")}
    reviews["b"] = change(reviews["b"])

    with support.refused(error_id, 2, name, "out/a/review.json and 1 more", "out/b/review.json"):
        overview(reviews)


def test_other_suites_stand_side_by_side_where_that_is_wanted() -> None:
    """What a candidate's suites lack is an empty cell, and one name of two suites two columns."""
    other = checkpoint("b", broken={"sums": 60, "refusals": 3})
    reviews = {"a": checkpoint("a", broken={"sums": 0}), "b": with_suite(other, OTHER)}

    table = overview(reviews, by_suite=True)

    names = [c.name for c in table.capabilities if c.role == "gating"]
    assert names == ["sums (adjacent 2, 777777)", "refusals", "sums (adjacent 1, e5e5e5)"]
    drops = [[cell and cell.drop for cell in row.cells[-3:]] for row in table.candidates]
    assert drops == [[None, None, -0.005], [0.145, 0.0025, None]]
    assert [s.version for s in table.suites] == [1, 2]


def test_margins_that_suites_brought_are_no_other_policy() -> None:
    """By suite, policies may differ in what only one of the suites has."""
    policy = Policy(
        target=TargetPolicy(min_gain=0.02), capabilities={"refusals": CapabilityPolicy(margin=0.02)}
    )
    other = with_suite(checkpoint("b", broken={"refusals": 0}), OTHER)
    reviews = {"a": checkpoint("a", broken={"sums": 0}), "b": with_policy(other, policy)}

    assert len(overview(reviews, by_suite=True).candidates) == 2


@pytest.mark.parametrize(
    ("rules", "is_same"),
    [
        (CapabilityPolicy(margin=0.05), True),  # as the default is
        (CapabilityPolicy(), True),
        (CapabilityPolicy(margin=0.04), False),
        (CapabilityPolicy(gate=False), False),
        (CapabilityPolicy(relative_margin=0.1), False),
    ],
)
@pytest.mark.parametrize("name", ["sums", "absent"])
def test_policies_differ_by_what_they_say(
    rules: CapabilityPolicy, is_same: bool, name: str
) -> None:
    """A margin that is written is that of the default; but what is named has to be measured."""
    policy = Policy(target=TargetPolicy(min_gain=0.02))
    named = replace(policy, capabilities={name: rules})
    reviews = {n: checkpoint(n, broken={"sums": 0}) for n in ("a", "b", "c")}
    reviews = {"a": with_policy(reviews["a"], policy), "b": with_policy(reviews["b"], named)}

    if is_same and name == "sums":
        assert len(overview(reviews).candidates) == 2
        return
    with support.refused("overview.other-policy", 2, f"policy.capabilities.{name}"):
        overview(reviews)


def test_protocols_that_differ_are_said() -> None:
    """They may: own and base templates are compared so."""
    b = checkpoint("b")
    protocol = replace(b.plan.protocol, limit=50)
    reviews = {"a": checkpoint("a"), "b": replace(b, plan=replace(b.plan, protocol=protocol))}

    assert overview(reviews).caveats == (
        "protocol.limit differs: 200 in out/a/review.json; 50 in out/b/review.json.",
    )


# --- files ---------------------------------------------------------------------------------------


def test_a_folder_stands_for_the_reviews_below_it(tmp_path: Path) -> None:
    """In the order of numbers, and with what failed in the place of a review."""
    names = ("checkpoint-1000", "checkpoint-900")
    root = checkpoints.write(tmp_path / "out", {n: checkpoint(n) for n in names})
    (root / "checkpoint-950").mkdir()
    (root / "checkpoint-950" / "failure.json").write_text(
        '{"exit_code": 20, "kind": "infrastructure", "id": "x.y", "message": "no memory"}'
    )
    (root / "failure.json").write_text("{}")

    sources = read_named(review_files([root]))

    assert [s.name for s in sources] == ["checkpoint-900", "checkpoint-950", "checkpoint-1000"]
    assert [(s.reason, s.exit_code) for s in sources if s.review is None] == [("no memory", 20)]


def test_names_are_the_shortest_that_tell_apart(tmp_path: Path) -> None:
    """As the folders of a check are called."""
    files = []
    for run in ("x", "y"):
        root = checkpoints.write(tmp_path / run, {"checkpoint-10": checkpoint(run)})
        files += review_files([root])

    assert [s.name for s in read_named(files)] == ["x/checkpoint-10", "y/checkpoint-10"]


def test_the_same_review_twice_is_refused(tmp_path: Path) -> None:
    """By its path, or as a copy."""
    root = checkpoints.write(tmp_path, {"a": checkpoint("a")})
    with support.refused("overview.same-review", 2, "review.json"):
        review_files([root / "a", root / "a" / "review.json"])
    checkpoints.write(tmp_path, {"copy": checkpoint("a")})

    with support.refused("overview.same-review", 2, "copy", str(root / "a")):
        read_named(review_files([root]))


def test_a_folder_without_a_review_is_refused(tmp_path: Path) -> None:
    """With what to name instead."""
    with support.refused("overview.no-review", 2, str(tmp_path), "--out"):
        review_files([tmp_path])


# --- items ---------------------------------------------------------------------------------------


def item(name: str, candidate: float, **changes: Any) -> ItemResult:
    """Return an item with a digest of its own."""
    return result(name, 1.0, candidate, digest=f"{name:.<64}", **changes)


def test_items_are_broken_by_all_or_by_one(tmp_path: Path) -> None:
    """By digest, over what counts for all; what one was not asked it did not hold."""
    items = {
        "a": [item("all", 0), item("one", 0), item("two", 0), item("only-a-was-asked", 0)],
        "b": [item("all", 0), item("one", 1), item("two", 0)],
        "c": [
            replace(item("all", 0), item="another-id"),
            item("one", 1),
            item("two", 1),
            item("c", 0),
        ],
    }
    reviews = {n: checkpoint(n) for n in ("a", "b", "c", "without")}
    root = checkpoints.write(tmp_path, reviews, items)

    table = build(read_named(review_files([root])), root)

    (row,) = table.broken
    assert (row.capability, row.n_candidates, row.n_common) == ("multi_step_reasoning", 3, 3)
    assert (row.n_by_all, [i.item for i in row.by_all]) == (1, ["all"])
    assert [(p.candidate, p.n_items, [i.item for i in p.items]) for p in row.alone] == [
        ("a", 1, ["one"]),
    ]  # fmt: skip
    assert table.without_items == ("without",)


def test_at_most_ten_items_are_named(tmp_path: Path) -> None:
    """The counts are of all."""
    several = [item(f"i-{number}", 0) for number in range(12)]
    root = checkpoints.write(
        tmp_path, {n: checkpoint(n) for n in "ab"}, {"a": several, "b": several}
    )

    (row,) = build(read_named(review_files([root])), root).broken

    assert (row.n_by_all, len(row.by_all)) == (12, 10)


def test_what_does_not_count_is_not_broken(tmp_path: Path) -> None:
    """An item that is only shown is common to nobody."""
    items = {"a": [item("x", 0)], "b": [item("x", 0, counted=False, uncounted="not-gating")]}
    root = checkpoints.write(tmp_path, {n: checkpoint(n) for n in "ab"}, items)

    (row,) = build(read_named(review_files([root])), root).broken

    assert (row.n_common, row.n_by_all) == (0, 0)


@pytest.mark.parametrize("width", [100, 60, 40])
def test_names_are_cut_before_numbers_are(width: int) -> None:
    """At their beginning: what tells checkpoints apart stands at their end."""
    rows = trained(12)
    reviews = {
        f"a_checkpoint_of_a_long_training-{1000 * n}": r for n, r in enumerate(rows.values())
    }

    lines = render_matrix(overview(reviews), width).splitlines()

    shown = [line for line in lines if re.match(r"(a_|…).*[✓?✗] ", line)]
    assert len(shown) == len({line.split()[0] for line in shown}) == 12
    assert max(map(len, lines)) <= width
    assert not any("…" in line.split(maxsplit=1)[1] for line in shown)


@pytest.mark.parametrize("format", ["html", "markdown"])
def test_links_lead_to_folders_of_any_name(tmp_path: Path, format: str) -> None:
    """Also of one that no line can hold: it is shown cleaned, and linked as it is called."""
    folders = ["x\ny-1", "bidi\u202e-2", "a b#?%-3"]
    for name in folders:
        (tmp_path / name).mkdir()
        (tmp_path / name / "report.html").write_text("")
        written = render(checkpoint(name), "json")
        (tmp_path / name / "review.json").write_text(written, encoding="utf-8")
    made = OverviewReport(sources=read_named(review_files([tmp_path])), folder=tmp_path)

    links = re.findall(r"(?:href=\"|\]\()([^\")#]*)/report\.html", made.render(format))

    assert {unquote(link) for link in links} == {*folders}


# --- many ----------------------------------------------------------------------------------------

CHECKPOINTS = Path(__file__).parents[2] / "reports" / "examples" / "checkpoints"


def test_an_overview_reads_nothing_that_is_left_out() -> None:
    """Of reviews of a real training, all formats are the same bytes with and without it."""
    files = review_files([CHECKPOINTS])[:6]
    whole, reduced = (
        OverviewReport(sources=read_named(files, keep), folder=CHECKPOINTS)
        for keep in (lambda review: review, for_table)
    )

    for form in OVERVIEW_FORMATS:
        assert reduced.render(form) == whole.render(form)


def test_many_reviews_do_not_fill_the_memory() -> None:
    """What an overview keeps of one is less than a third of it."""
    files = review_files([CHECKPOINTS])[:6]

    def taken(keep: Callable[[Review], Review]) -> int:
        tracemalloc.start()
        kept = read_named(files, keep)
        gc.collect()
        size, _ = tracemalloc.get_traced_memory()
        tracemalloc.stop()
        assert len(kept) == 6
        return size

    taken(for_table)  # what is made once, is made
    assert taken(for_table) < taken(lambda review: review) / 3
