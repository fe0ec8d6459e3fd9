"""What to do about a cause or a pattern: the table, its sources, and what is shown of it."""

from __future__ import annotations

import re
import shlex
from dataclasses import replace
from pathlib import Path
from typing import get_args

import pytest
import typer

from cliffguard.cli.app import app
from cliffguard.compare.diagnosis import NOT_PROBED
from cliffguard.compare.kept_texts import kept_pattern
from cliffguard.compare.repeat_command import LIVE
from cliffguard.core.behaviours import MARGINS
from cliffguard.core.diagnosis import CAUSES, CapabilityDiagnosis, PatternKind, UntestedCause
from cliffguard.core.half import Half
from cliffguard.core.reviews import SAMPLES
from cliffguard.report import render
from cliffguard.report.advice import (
    MOST_STEPS,
    Advice,
    advice_for,
    advice_table,
    first_advice,
)
from cliffguard.report.clean import cleaned
from cliffguard.report.page import Page, lay_out
from cliffguard.report.reasons import reasons
from tests.report import diagnosed, samples
from tests.report.diagnosed import LOST, RESTS, capability, cause, found_cause, pattern, probes

ROOT = Path(__file__).resolve().parent.parent.parent
PAGE = (ROOT / "docs" / "advice.md").read_text(encoding="utf-8")
KINDS: tuple[PatternKind, ...] = get_args(PatternKind)
STEPS = advice_table().steps


def page_of(explained: CapabilityDiagnosis, **plan: object) -> Page:
    """Return a page of the sample review, whose plan is changed so."""
    review = diagnosed.review(explained)
    return lay_out(cleaned(replace(review, plan=replace(review.plan, **plan))))  # type: ignore[arg-type]


def steps_of(explained: CapabilityDiagnosis, **plan: object) -> tuple[Advice, ...]:
    """Return what is advised for the capability that was lost."""
    page = page_of(explained, **plan)
    (reason,) = reasons(page)
    return advice_for(reason, page)


# --- the table -----------------------------------------------------------------------------------


def test_every_cause_and_kind_of_pattern_has_steps() -> None:
    """And the table has no others, and no step that nothing leads to."""
    table = advice_table()

    assert set(table.causes) == set(CAUSES)
    assert set(table.patterns) == set(KINDS)
    assert set(table.behaviours) == set(MARGINS)
    rows = (*table.causes.values(), *table.patterns.values(), *table.behaviours.values())
    assert {name for each in rows for name in each} == set(table.steps)
    assert all(rows)


@pytest.mark.parametrize("name", STEPS)
def test_a_step_says_what_was_measured_and_where(name: str) -> None:
    """By papers, whose numbers stand in the documentation under the step, or by a page of ours."""
    step = STEPS[name]
    (explained,) = re.findall(rf"^### `{re.escape(name)}`\n(.*?)(?=^##|\Z)", PAGE, re.M | re.S)

    assert step.sources
    for source in step.sources:
        if re.fullmatch(r"\d{4}\.\d{5}", source):
            assert f"https://arxiv.org/abs/{source}" in explained
        elif source.startswith("https://"):
            assert source in explained
        else:
            assert (ROOT / source).is_file()
    assert step.do.endswith(".")
    assert step.evidence.endswith(".")


def test_the_documentation_explains_no_step_that_is_gone() -> None:
    """Its headings are the table's steps."""
    assert set(re.findall(r"^### `(.+)`$", PAGE, re.M)) == set(STEPS)


def test_the_documentation_lists_what_follows_from_what() -> None:
    """A row a cause and a row a kind of pattern, with its steps in their order."""
    table = advice_table()
    rows = (*table.causes.items(), *table.patterns.items(), *table.behaviours.items())
    for key, names in rows:
        listed = ", ".join(f"[{name}](#{name})" for name in names)
        assert f"| {key.replace('_', '-')} | {listed} |" in PAGE


# --- what is shown -------------------------------------------------------------------------------


@pytest.mark.parametrize("name", [name for name in CAUSES if name not in RESTS])
def test_a_cause_that_is_named_has_its_own_steps(name: str) -> None:
    """Three at most."""
    explained = capability([found_cause(name, 49)], untested=())  # type: ignore[arg-type]
    names = advice_table().causes[name]  # type: ignore[index]

    shown = [step.evidence for step in steps_of(explained)]

    assert shown == [STEPS[each].evidence for each in names[:MOST_STEPS]]


@pytest.mark.parametrize("kind", KINDS)
def test_a_pattern_that_is_named_has_those_of_its_kind(kind: PatternKind) -> None:
    """And its key stands in the command that lists its items."""
    explained = capability([cause("unprobed", 49)], patterns=(pattern(kind, "a b"),))

    steps = steps_of(explained)

    assert [s.evidence for s in steps] == [
        STEPS[each].evidence for each in advice_table().patterns[kind][:MOST_STEPS]
    ]
    commands = [step.command for step in steps if "--pattern" in step.command]
    assert all(f"--capability {LOST} --pattern '{kind}:a b'" in each for each in commands)


def test_a_step_names_the_word_that_it_is_about() -> None:
    """As the line at the top does."""
    explained = capability([cause("unprobed", 49)], patterns=(pattern("pull", "ticket"),))

    first, *_ = steps_of(explained)

    assert first.do.startswith('Look up "ticket" in the training data')
    assert "{" not in "".join(step.do for step in steps_of(explained))


@pytest.mark.parametrize("name", ["the choice listed first", 'answers that begin "that is"'])
def test_a_place_or_a_beginning_is_no_word_to_look_up(name: str) -> None:
    """Nobody can balance how often "answers that begin …" is the answer."""
    pull = replace(pattern("pull", "x"), name=name)

    first, *_ = steps_of(capability([cause("unprobed", 40)], patterns=(pull,)))

    assert first.do.startswith(f"Count {name} among the answers of the training data")


def test_what_is_left_is_advised_by_whether_it_was_probed() -> None:
    """Unprobed: have it probed first; probed and lost: never how to serve it otherwise."""
    unprobed = steps_of(capability([cause("unprobed", 49)], unprobed=NOT_PROBED))
    lost = steps_of(capability([cause("lost", 49)], probes=probes()))

    assert unprobed[0].do.startswith("Let the check ask broken items again")
    assert [step.command for step in lost][1] == "cliffguard rescue FOLDER/plan.yaml"
    assert not [step for step in lost if "ask broken items again" in step.do]


@pytest.mark.parametrize(
    "why",
    [
        "a tenth of the run's tokens does not reach for it",
        "the time was up before all was asked again",
        "3 broken items and 1 fixed item could prove nothing",
        "interrupted",
    ],
)
def test_who_probed_in_vain_is_not_told_to_probe(why: str) -> None:
    """It says why the probes ended, and asks for what they lacked."""
    first, *_ = steps_of(capability([cause("unprobed", 49)], unprobed=why))

    assert first.do.startswith("Ask more items, or for longer")
    assert first.do.endswith(f"they ended here: {why}.")
    assert first.command == "cliffguard check FOLDER/plan.yaml --no-early-stop"


def test_what_no_further_item_mends_has_no_step_of_probes() -> None:
    """Such as a runner that asks no parts of tasks: the next steps come first."""
    explained = capability([cause("unprobed", 49)], unprobed="three shots: ball: asks no parts")

    assert steps_of(explained)[0].evidence == STEPS["earlier-checkpoint"].evidence


@pytest.mark.parametrize("name", [name for name, step in STEPS.items() if step.command])
@pytest.mark.parametrize("folder", [None, ".", "out/my reports"])
def test_a_command_runs_as_it_is_printed(name: str, folder: str | None) -> None:
    """Its verb and its flags are those of the command line; the plan lies beside the report."""
    table = advice_table()
    causes = [key for key, names in table.causes.items() if name in names]
    kinds = [key for key, names in table.patterns.items() if name in names]
    explained = (
        capability([found_cause(causes[0], 49)], untested=(), probes=probes(), unprobed="")
        if causes and causes[0] not in ("lost", "unprobed")
        else capability([cause("lost", 49)], probes=probes(), unprobed="")
        if causes[:1] == ["lost"]
        else capability([cause("unprobed", 49)], unprobed=NOT_PROBED)
        if causes
        else capability([cause("unprobed", 49)], patterns=(pattern(kinds[0], "a b"),))
    )
    review = diagnosed.review(explained)
    review = replace(review, plan=replace(review.plan, candidate="runs/x/checkpoint-2000"))
    page = lay_out(cleaned(review), folder=folder)
    (reason,) = reasons(page)

    (command,) = [
        step.command for step in advice_for(reason, page) if step.evidence == STEPS[name].evidence
    ]

    _, verb, *rest = shlex.split(command)
    options = {
        flag
        for parameter in typer.main.get_command(app).commands[verb].params  # type: ignore[attr-defined]
        for flag in (*parameter.opts, *parameter.secondary_opts)
    }
    assert {word for word in rest if word.startswith("--")} <= options
    where = folder or "FOLDER"
    assert rest[0] in {str(Path(where) / "plan.yaml"), where}
    assert not re.search(r"PLAN|TEXT|KEY|LATER|[{}]", command)


def test_a_model_that_is_gone_has_no_command_of_its_plan() -> None:
    """No plan lies beside the report of a model in memory."""
    review = diagnosed.review(capability([cause("lost", 49)], probes=probes(), unprobed=""))
    review = replace(review, provenance=replace(review.provenance, command=LIVE))
    page = lay_out(review)
    (reason,) = reasons(page)

    assert [step.command for step in advice_for(reason, page)] == [""] * MOST_STEPS


def test_the_plan_of_a_half_is_not_rescued_again() -> None:
    """Which exits 2; the step stays, without a command."""
    explained = capability([found_cause("refusal", 49)])
    half = Half(part="judged", digest="0" * 64)

    whole, of_half = steps_of(explained), steps_of(explained, half=half)

    assert any(step.command.startswith("cliffguard rescue") for step in whole)
    assert not any(step.command.startswith("cliffguard rescue") for step in of_half)
    assert [step.do for step in whole] == [step.do for step in of_half]


def test_words_that_were_left_out_are_not_looked_up() -> None:
    """The step is to keep them; a label says what it is about."""
    kept = kept_pattern(pattern("pull", "ticket"), "none")
    explained = capability([cause("unprobed", 49)], patterns=(kept,))

    first, *_ = steps_of(explained)

    assert kept.name.startswith("a word, a text or a beginning (sha256:")
    assert "ticket" not in f"{kept.key}{kept.name}"
    assert first.do.startswith("Compare again with `--texts short`")


def test_nothing_is_advised_for_what_was_not_tested() -> None:
    """Whatever a damaged diagnosis says of it."""
    untested = (UntestedCause(cause="refusal", why="all items are choices"),)

    assert steps_of(capability([found_cause("refusal", 49)], untested=untested)) == ()


def test_logged_answers_have_no_step_that_needs_the_models() -> None:
    """A comparison of another harness's samples cannot ask again, nor scale an adapter."""
    explained = capability([cause("lost", 49)], probes=probes())

    steps = steps_of(explained, suites=(SAMPLES,))

    assert steps
    assert not [step for step in steps if step.needs_files]


def test_a_checkpoint_of_a_run_is_named_by_its_step() -> None:
    """Where the candidate's name ends in one."""
    explained = capability([cause("lost", 49)], probes=probes())

    first, *_ = steps_of(explained, candidate="runs/x/checkpoint-2000")

    assert "before step 2,000" in first.do


# --- what next -----------------------------------------------------------------------------------


@pytest.mark.parametrize("format", ["text", "markdown", "html", "comment", "junit"])
def test_what_next_has_one_line_of_it(format: str) -> None:
    """For the worst capability, in every format, behind the advice not to ship."""
    text = " ".join(render(diagnosed.review(), format).split())

    assert text.count(f"Try first, for {LOST}: look for refusals") == 1
    assert text.index("Do not ship") < text.index("Try first")


def test_without_a_reason_nothing_is_tried_first() -> None:
    """As in reviews of before there were any."""
    assert first_advice(lay_out(samples.failed())) == ""
    assert "Try first" not in render(samples.failed(), "text")
