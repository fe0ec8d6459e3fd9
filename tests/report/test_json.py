"""review.json, and back."""

from __future__ import annotations

import json
from collections.abc import Callable, Sequence
from dataclasses import fields, replace
from pathlib import Path
from typing import Any

import pytest

from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import CheckpointFiles
from cliffguard.core.diagnostics import TruncationSensitivity
from cliffguard.core.reviews import Review
from cliffguard.core.settings import CapabilityPolicy, Policy
from cliffguard.report import RENDERERS, render
from cliffguard.report.json import _difference, read_review, render_json
from tests import support
from tests.report import samples


def edited(change: Callable[[dict[str, Any]], object]) -> str:
    """Return a review's JSON after `change` has had its way with it."""
    value = json.loads(render_json(samples.failed()))
    change(value)
    return json.dumps(value)


@pytest.mark.parametrize("name", ["failed", "passed", "inconclusive", "causes"])
def test_golden(name: str, check_golden: Callable[[str, str], None]) -> None:
    """The JSON of a review is what it was."""
    check_golden(f"{name}.json", render_json(getattr(samples, name)()))


@pytest.mark.parametrize("name", ["failed", "passed", "inconclusive", "not_measured"])
def test_round_trip(name: str) -> None:
    """Reading gives back the very review that was written."""
    review: Review = getattr(samples, name)()

    assert read_review(render_json(review), "review.json") == review


def test_a_review_whose_alpha_was_spent_evenly_is_read() -> None:
    """As all were once; the report says so."""
    failed = samples.failed()
    looks = tuple(replace(look, spending="linear") for look in failed.provenance.looks)
    review = replace(failed, provenance=replace(failed.provenance, looks=looks))

    read = read_review(render_json(review), "review.json")

    assert read == review
    assert "alpha spent evenly over the items" in render(read, "markdown")


def test_a_mean_drop_comes_back() -> None:
    """What was asked of the mean, and what was found."""
    review = samples.with_mean(samples.passed(), held=True)

    assert read_review(render_json(review), "review.json").comparison.mean == review.comparison.mean


def test_a_plan_without_a_policy_comes_back() -> None:
    """A plan that leaves the policy to cliffguard survives the round trip."""
    failed = samples.failed()
    review = replace(failed, plan=replace(failed.plan, policy=None))

    assert read_review(render_json(review), "review.json") == review


def test_hostile_text_comes_back() -> None:
    """Even control characters survive the round trip."""
    assert read_review(render_json(samples.hostile()), "review.json") == samples.hostile()


def test_hostile_text_is_escaped() -> None:
    """Printing the file repaints no terminal and reorders no line."""
    text = render_json(samples.hostile())

    assert not set(text) & {"\x1b", "\x00", "\x07", "\u202e", "\ufffe"}


def test_a_lone_surrogate_can_be_written() -> None:
    """Half a character, which UTF-8 cannot hold, becomes the replacement sign."""
    review = replace(samples.failed(), examples=(samples.example(prompt="a\ud800b"),))

    assert "a\ufffdb" in render_json(review).encode().decode()


def test_files_of_this_machine_are_left_out() -> None:
    """Where a checkpoint lies is nobody else's business."""
    failed = samples.failed()
    names = (field.name for field in fields(CheckpointFiles))
    files = CheckpointFiles(**{name: Path("/secret") for name in names})
    base = replace(failed.comparison.base, files=files)
    review = replace(failed, comparison=replace(failed.comparison, base=base))

    assert render_json(review) == render_json(failed)


def test_nan_is_refused() -> None:
    """A number that is none cannot become a record, and the message says where it is."""
    failed = samples.failed()
    review = replace(failed, comparison=replace(failed.comparison, confidence=float("nan")))

    with support.refused("review.not-finite", 12, "comparison.confidence"):
        render_json(review)


@pytest.mark.parametrize("format", [None, 0, 1.5])
def test_a_strange_format_is_refused(format: object) -> None:
    """A format that is no whole number is no format."""
    text = edited(lambda value: value.update(format=format))

    with support.refused("review.format", 2, "format"):
        read_review(text, "r.json")


@pytest.mark.parametrize(
    ("version", "next_step"),
    [
        ("9.2.0", "pip install 'cliffguard>=9.2.0'"),
        ("9.2.0rc1+x", "pip install 'cliffguard>=9.2.0rc1+x'"),
        ("1'; rm -rf ~; '", "install the cliffguard that wrote it"),
        (None, "install the cliffguard that wrote it"),
        (7, "install the cliffguard that wrote it"),
    ],
)
def test_a_newer_review_says_what_reads_it(version: object, next_step: str) -> None:
    """The version that wrote it, where it names one and no more than that."""

    def newer(value: dict[str, Any]) -> None:
        value["format"] = 99
        value["provenance"]["cliffguard_version"] = version

    with support.refused("review.newer", 2, "r.json", next_step) as caught:
        read_review(edited(newer), "r.json")

    assert "rm -rf" not in str(caught.value)


@pytest.mark.parametrize("keys", [("comparison",), ("level", "alpha", "comparison")])
def test_looks_of_before_levels_were_noted_are_read(keys: tuple[str, ...]) -> None:
    """What was not noted of them then is not known; whatever else is missing is damage."""
    review = samples.causes()
    value = json.loads(render_json(review))
    value["format"] = 2
    for key in keys:
        del value["taken"][0][key]

    (taken,) = read_review(json.dumps(value), "r.json").taken
    assert (taken.level, taken.alpha, taken.comparison) == (None, None, "")
    assert (taken.counted, taken.spent) == ((128, 708), 0.0475)

    del value["taken"][0]["answers"]
    with support.refused("review.damaged", 2, "taken.0.answers"):
        read_review(json.dumps(value), "r.json")


def test_notes_of_before_caveats_had_ids_are_read() -> None:
    """Sentences of an earlier layout are caveats without an id; of today's they are damage."""
    value = json.loads(render_json(samples.failed()))
    value["comparison"]["candidate"]["notes"] = ["its base is assumed."]

    with support.refused("review.damaged", 2, "comparison.candidate.notes.0"):
        read_review(json.dumps(value), "r.json")
    (note,) = read_review(json.dumps({**value, "format": 2}), "r.json").comparison.candidate.notes
    assert note == Caveat(id="unknown", text="its base is assumed.")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda v: v.pop("examples"), ("review.damaged", 2, "r.json", "review.json")),
        (
            lambda v: v["verdict"].pop("sentence"),
            ("review.damaged", 2, "r.json", "review.json", "sentence"),
        ),
        (
            lambda v: v["plan"]["protocol"].pop("seed"),
            ("review.damaged", 2, "r.json", "plan.protocol.seed", "review.json"),
        ),
        (
            lambda v: v["verdict"].update(note=1),
            ("review.damaged", 2, "r.json", "review.json", "note"),
        ),
        (
            lambda v: v["comparison"].update(confidence="0.9"),
            ("review.damaged", 2, "r.json", "comparison.confidence", "review.json"),
        ),
    ],
)
def test_a_changed_review_is_refused(
    change: Callable[[dict[str, Any]], object], error: Any
) -> None:
    """A missing, unknown or wrong key is named with its dotted path and the way on."""
    with support.refused(*error):
        read_review(edited(change), "r.json")


def first_row(value: dict[str, Any]) -> dict[str, Any]:
    """Return the first capability of a review as JSON."""
    row: dict[str, Any] = value["comparison"]["capabilities"][0]
    return row


def test_every_field_of_a_capability_has_its_place() -> None:
    """A field that is added to one of the records is written, too."""
    capability = samples.failed().comparison.capabilities[0]
    records = (capability.counts, capability.evidence, capability.diagnostics)
    names = {field.name for record in records for field in fields(record)}
    names -= {"n_cut_candidate", "uncut_base"}  # which stand there where something was cut

    row = first_row(json.loads(render_json(samples.failed())))

    assert row.keys() == {"capability", "suite", "ring"} | names


def test_what_is_left_without_cut_answers_of_the_base_comes_back() -> None:
    """A review has it where the base alone was cut."""
    review = samples.failed()
    row = review.comparison.capabilities[0]
    uncut = TruncationSensitivity(n_cut=3, n_items=9, drop=0.2, square=0.2, p_held=0.4, p_drop=0.03)
    row = replace(row, diagnostics=replace(row.diagnostics, uncut_base=uncut))
    others = review.comparison.capabilities[1:]
    review = replace(review, comparison=replace(review.comparison, capabilities=(row, *others)))

    read = read_review(render_json(review), "r.json")

    assert read.comparison.capabilities[0].diagnostics.uncut_base == uncut


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (lambda row: row.pop("n_items"), ("review.damaged", 2, "capabilities.0.n_items")),
        (lambda row: row.update(drop="much"), ("review.damaged", 2, "capabilities.0.drop")),
        (lambda row: row.update(n_items="7"), ("review.damaged", 2, "capabilities.0.n_items")),
        (lambda row: row.update(counts={}), ("review.damaged", 2, "capabilities.0.counts")),
        (lambda row: row.update(evidence=1), ("review.damaged", 2, "capabilities.0.evidence")),
    ],
)
def test_a_changed_capability_is_refused(
    change: Callable[[dict[str, Any]], object], error: Any
) -> None:
    """What is wrong is named by the key in the file, whichever record it belongs to."""
    value = json.loads(render_json(samples.failed()))
    change(first_row(value))

    with support.refused(*error):
        read_review(json.dumps(value), "r.json")


# --- a review against itself ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("name", "others"),
    [
        ("failed", ("PASS", "INCONCLUSIVE")),
        ("passed", ("FAIL", "INCONCLUSIVE")),
        ("inconclusive", ("PASS",)),  # a drop of all together may fail it
        ("not_measured", ("PASS", "FAIL")),
        ("causes", ("PASS", "INCONCLUSIVE")),
    ],
)
def test_an_outcome_that_does_not_follow_from_its_findings_is_refused(
    name: str, others: Sequence[str]
) -> None:
    """No gate opens by one word that was changed; so too where all findings are gone."""
    written = render_json(getattr(samples, name)())
    for other in others:
        value = json.loads(written)
        value["verdict"]["outcome"] = other
        with support.refused("review.damaged", 2, "r.json", "verdict.outcome", other):
            read_review(json.dumps(value), "r.json")
        value["verdict"]["findings"], value["comparison"]["capabilities"] = [], []
        value["verdict"]["pooled"] = None
        if other != "INCONCLUSIVE":
            with support.refused("review.damaged", 2, "r.json", "verdict.outcome", other):
                read_review(json.dumps(value), "r.json")


def test_a_loss_whose_finding_is_left_out_is_no_pass() -> None:
    """What was measured has a finding, in every review that was written."""
    value = json.loads(render_json(samples.failed()))
    findings = value["verdict"]["findings"]
    value["verdict"] |= {
        "outcome": "PASS",
        "findings": [each for each in findings if each["outcome"] != "REGRESSED"],
    }

    with support.refused("review.damaged", 2, "r.json", "multi_step_reasoning"):
        read_review(json.dumps(value), "r.json")


@pytest.mark.parametrize(
    ("changes", "words"),
    [
        ({"counts": False}, "counts: false, though it can pass or fail"),
        ({"role": "monitored"}, "role: monitored, and by the policy it is gating"),
        ({"role": "monitored", "ring": "control"}, "ring: control, and in the comparison it is"),
    ],
)
def test_a_loss_that_is_said_to_count_nothing_is_no_pass(
    changes: dict[str, Any], words: str
) -> None:
    """By one word of its finding it would open the gate, its own outcome untouched."""
    value = json.loads(render_json(samples.failed()))
    verdict = value["verdict"]
    for finding in verdict["findings"]:
        if finding["outcome"] == "REGRESSED":
            finding.update(changes)
    verdict.update(outcome="PASS", pooled=None)

    with support.refused("review.damaged", 2, "r.json: verdict.findings.", words):
        read_review(json.dumps(value), "r.json")


def test_a_loss_that_is_said_to_be_held_is_no_pass() -> None:
    """Its p-value, beside it, says that nothing was excluded."""
    value = json.loads(render_json(samples.failed()))
    verdict = value["verdict"]
    lost = {f["capability"] for f in verdict["findings"] if f["outcome"] == "REGRESSED"}
    for finding in verdict["findings"]:
        finding["outcome"] = "HELD"
    for row in value["comparison"]["capabilities"]:
        row["p_held"] = 1.0 if row["capability"] in lost else row["p_held"]
    verdict.update(outcome="PASS", pooled=None)

    with support.refused("review.damaged", 2, "outcome: HELD, and in the comparison p_held is 1"):
        read_review(json.dumps(value), "r.json")


@pytest.mark.parametrize("format", sorted(RENDERERS))
def test_a_review_that_was_read_is_rendered_as_the_one_that_was_written(format: str) -> None:
    """Whatever order things had before: what report makes is what the run wrote."""
    review = samples.hostile()
    policy = Policy(
        capabilities={name: CapabilityPolicy(margin=0.07) for name in ("zeta", "alpha", "mid")}
    )
    review = replace(
        review,
        plan=replace(review.plan, policy=policy),
        provenance=replace(review.provenance, versions={"z": "1", "a": "2"}),
    )
    read = read_review(render_json(review), "r.json")

    assert render(read, format) == render(review, format)


def test_what_differs_is_looked_for_once() -> None:
    """However deep the parts lie that are the same: gone through twice a level it never ends."""
    same: dict[str, Any] = {"leaf": 1}
    for _ in range(60):
        same = {"part": same}

    difference = _difference({"a": same, "z": 1}, {"a": same | {}, "z": 2}, "", None)

    assert difference == "z: expected 2, found 1"
