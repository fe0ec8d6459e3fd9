"""The suites that `auto` stands for."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any, cast

import pytest

from cliffguard import EvalSettings, Plan, Policy
from cliffguard.core.checkpoint import Checkpoint, CheckpointFiles
from cliffguard.core.settings import RunnerSettings
from cliffguard.planning import auto_suites
from cliffguard.planning.auto_suites import MEAN_MARGIN, WIDE_MARGIN, Chosen, choose
from cliffguard.planning.power import PowerAnalysis
from tests import support

ALL = ("adjacent", "structure", "tools", "chat", "reasoned")
PLAN = Plan(candidate="ft", base="base", suites=("auto",))
TOOLS = "{% for m in messages %}{{ m.content }}{% endfor %}{{ tools }}"
BARE = "{% for m in messages %}{{ m.content }}{% endfor %}"


def side(folder: Path, template: str | None, **config: Any) -> Checkpoint:
    """Return a checkpoint of a folder that has this template, and a config with these keys."""
    folder.mkdir()
    if template is not None:
        (folder / "chat_template.jinja").write_text(template)
    (folder / "config.json").write_text(json.dumps(config))
    files = CheckpointFiles(weights=folder, tokenizer=folder, chat_template=folder, adapter=None)
    return replace(support.checkpoint(folder.name), files=files)


def costs(
    minutes: Callable[[tuple[str, ...]], float | None] = lambda _: None,
    chance: Callable[[tuple[str, ...]], float] = lambda _: 1.0,
) -> Any:
    """Return an analysis of plans by the names of their suites."""

    def analyse(plan: Plan) -> tuple[PowerAnalysis, float | None]:
        analysis = PowerAnalysis(
            capabilities=(), chance_pass=chance(plan.suites), chance_fail=0.0, n_planned=100,
            n_expected=50.0, n_tokens=1e6, looks=(), remarks=(),
        )  # fmt: skip
        return analysis, minutes(plan.suites)

    return analyse


def chosen_for(*sides: Checkpoint, plan: Plan = PLAN, **limits: Any) -> Chosen:
    """Return what is chosen for these sides."""
    return choose(plan, sides, costs(**limits))


def test_two_sides_that_can_be_asked_all_are(tmp_path: Path) -> None:
    """In their order, under wide margins and one for the mean, which is narrower."""
    chosen = chosen_for(side(tmp_path / "a", TOOLS), side(tmp_path / "b", TOOLS))

    policy = cast(Policy, chosen.plan.policy)
    assert chosen.plan.suites == ALL
    assert chosen.left == {}
    assert (policy.mean_margin, policy.margin("reasoning_in_words")) == (MEAN_MARGIN, WIDE_MARGIN)
    assert policy.margin("multi_step_reasoning") == WIDE_MARGIN
    assert chosen.lines[0].startswith("suites by auto: adjacent, structure, tools, chat, reasoned:")


@pytest.mark.parametrize(
    ("template", "config", "left"),
    [
        (BARE, {}, {"tools": "knows no tools"}),
        (None, {}, dict.fromkeys(ALL[1:], "b has no chat template")),
        (TOOLS, {"max_position_embeddings": 300}, {"reasoned": "b reads 300 tokens"}),
    ],
    ids=["no tools", "no template", "short"],
)
def test_what_does_not_fit_one_side_is_left(
    template: str | None, config: dict[str, Any], left: dict[str, str], tmp_path: Path
) -> None:
    """And it is said of which side, and why."""
    chosen = chosen_for(side(tmp_path / "a", TOOLS), side(tmp_path / "b", template, **config))

    assert set(left) <= set(chosen.left)
    for name, why in left.items():
        assert why in chosen.left[name]
        assert f"not {name}: {chosen.left[name]}" in chosen.lines
        assert name not in chosen.plan.suites


def test_one_side_is_told_what_it_takes_alone(tmp_path: Path) -> None:
    """All of its items, once; and no margins, since nothing is compared."""
    (one_side,) = [side(tmp_path / "a", TOOLS)]

    chosen = choose(PLAN, [one_side], costs(lambda _: 3.0), is_alone=True)

    (line,) = chosen.lines
    assert ": 100 items, about 1.00 million tokens on this checkpoint, roughly 3.0 minutes" in line


def test_adjacent_alone_keeps_the_margins_that_it_has(tmp_path: Path) -> None:
    """A base that is no chat model is judged as it always was."""
    chosen = chosen_for(side(tmp_path / "a", None))

    assert (chosen.plan.suites, chosen.plan.policy) == (("adjacent",), None)


@pytest.mark.parametrize(
    "limits",
    [
        {"minutes": lambda names: 25.0 * len(names)},
        {"chance": lambda names: 1.0 - 0.08 * len(names)},
    ],
    ids=["time", "power"],
)
def test_the_last_are_left_first(limits: dict[str, Any], tmp_path: Path) -> None:
    """Until the time that is there is kept, and a lossless candidate passes in 80 % of runs."""
    chosen = chosen_for(side(tmp_path / "a", TOOLS), **limits)

    assert chosen.plan.suites == ("adjacent", "structure")
    assert list(chosen.left) == ["tools", "chat", "reasoned"]


def test_minutes_of_its_own_go_before_the_hour(tmp_path: Path) -> None:
    """And adjacent is asked whatever it takes."""
    analyse = costs(minutes=lambda names: 30.0 * len(names))
    (base,) = [side(tmp_path / "a", TOOLS)]

    assert choose(PLAN, [base], analyse, minutes=1000.0).plan.suites == ALL
    assert choose(PLAN, [base], analyse, minutes=5.0).plan.suites == ("adjacent",)


def test_a_policy_of_the_plan_stays(tmp_path: Path) -> None:
    """Whoever has one has said what may be lost."""
    plan = replace(PLAN, policy=Policy(default_margin=0.03))

    chosen = chosen_for(side(tmp_path / "a", TOOLS), plan=plan)

    assert chosen.plan.policy == plan.policy
    assert not any(line.startswith("margins") for line in chosen.lines)


@pytest.mark.parametrize(
    "plan",
    [
        replace(PLAN, protocol=EvalSettings(chat_template="none")),
        replace(
            PLAN, runner=RunnerSettings(model="local-completions", args={"base_url": "http://x"})
        ),
    ],
    ids=["none", "served"],
)
def test_chats_that_nobody_renders_are_left(plan: Plan, tmp_path: Path) -> None:
    """Under `none`, and where a server answers."""
    chosen = chosen_for(side(tmp_path / "a", TOOLS), plan=plan)

    assert chosen.plan.suites == ("adjacent",)
    assert all("chats" in why for why in chosen.left.values())


@pytest.mark.slow
def test_what_auto_takes_can_be_passed_together(tmp_path: Path) -> None:
    """By the power analysis of the real suites at a churn of a tenth, under its own policy."""
    from cliffguard.cli.analysis import analysis_of

    def analyse(plan: Plan) -> tuple[PowerAnalysis, None]:
        return analysis_of(plan, tmp_path / "store", True)[0], None

    plan = replace(PLAN, base=str(tmp_path / "nowhere"))
    chosen = choose(plan, [side(tmp_path / "a", TOOLS)], analyse)

    assert chosen.plan.suites == ALL
    assert chosen.analysis.chance_pass >= auto_suites.LEAST_CHANCE
