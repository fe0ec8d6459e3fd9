"""Every fault of a key that people write has an id: the kind of file, and the key."""

from __future__ import annotations

import json
from pathlib import Path

import pytest
from typer.testing import CliRunner

from cliffguard import EvalSettings, Plan, Policy
from cliffguard.cli.app import app
from cliffguard.config import load_plans, load_policy, schema
from cliffguard.core.errors import CliffguardError, ConfigError, SuiteError
from cliffguard.suites.loading import load_suite
from tests import support

POLICY = {
    "alpha: 0": "alpha",
    "alpha: [1]": "alpha",
    "alpha: true": "alpha",
    "reserve: 0.6": "reserve",
    "reserve: all": "reserve",
    "default_margin: 2": "default-margin",
    "mean_margin: 0": "mean-margin",
    "mean_margin: {a: 1}": "mean-margin",
    "estimand: both": "estimand",
    "target: {min_gain: 2}": "min-gain",
    "target: {gain: 0.1}": "unknown-key",
    "looks: 3": "unknown-key",
    "capabilities: 3": "capabilities",
    "capabilities: {reasoning: 3}": "capabilities",
    "capabilities: {reasoning: {margin: 3}}": "margin",
    "capabilities: {reasoning: {margin: wide}}": "margin",
    "capabilities: {reasoning: {margin: true}}": "margin",
    "capabilities: {reasoning: {relative_margin: 1}}": "relative-margin",
    "capabilities: {reasoning: {stratum_margin: 2}}": "stratum-margin",
    "capabilities: {reasoning: {margin: 0.1, relative_margin: 0.1}}": "two-margins",
    "capabilities: {reasoning: {cluster: [a]}}": "cluster",
    "capabilities: {reasoning: {strata: {a: b}}}": "strata",
    "capabilities: {reasoning: {gate: 7}}": "gate",
    "capabilities: {reasoning: {lower_is_better: perhaps}}": "lower-is-better",
    "capabilities: {reasoning: {margins: 0.1}}": "unknown-key",
    "capabilities: {margin: {margin: 7}}": "margin",
    "alpha: 0.05\nalpha: 0.1": "file",
    "- alpha": "file",
    "alpha: .inf": "alpha",
    "alpha: 'a\nb": "file",
}
PLAN = {
    "items: 0": "plan.items",
    "items: -3": "plan.items",
    "items: many": "plan.items",
    "items: true": "plan.items",
    "churn: 0": "plan.churn",
    "churn: {reasoning: 2}": "plan.churn",
    "churn: [0.1]": "plan.churn",
    "after_failure: go": "plan.after-failure",
    "after_failure: [stop]": "plan.after-failure",
    "screen: 7": "plan.screen",
    "train: 3": "plan.train",
    "train: ['']": "plan.train",
    "data: {gsm8k: {test: ' '}}": "plan.data",
    "target: {data: ''}": "plan.target",
    "target: ''": "plan.target",
    "policy: ''": "plan.policy",
    "looks: 3": "plan.unknown-key",
    "protocol: {limit: 0}": "protocol.limit",
    "protocol: {temperature: 11}": "protocol.temperature",
    "protocol: {temperature: 1.0e-300}": "protocol.temperature",
    "protocol: {repeats: 2}": "protocol.repeats",
    "protocol: {shots: 2}": "protocol.unknown-key",
    "protocol: {limit: true}": "protocol.limit",
    "runner: {batch_size: 0}": "runner.batch-size",
    "runner: {args: {api_key: x}, model: vllm}": "runner.args",
    "target: {data: t.jsonl, max_tokens: 0}": "target.max-tokens",
    "policy: {alpha: 0}": "policy.alpha",
    "policy: {default_margin: true}": "policy.default-margin",
    "policy: {capabilities: {a: {margin: 3}}}": "policy.margin",
    "policy: {levels: 3}": "policy.unknown-key",
}
SUITE = {
    ("ring: adjacent", "ring: adjacent\n    margin: 0.7"): "margin",
    ("ring: adjacent", "ring: outer"): "ring",
    ("version: 1", "version: 0"): "version",
    ("version: 1\n", ""): "version",
    ("chance: 0.25", "chance: 1"): "chance",
    ("chance: 0.25", "chances: 0.25"): "unknown-key",
    ("chance: 0.25", "limit: 0"): "limit",
    ("metric: acc", "metric: accuracy"): "metric",
    ("max_tokens: 4", "max_tokens: 0"): "max-tokens",
    ("metric: acc", "gate_levels: [], metric: acc"): "gate-levels",
    ("level: hops", "gate_levels: [1]"): "gate-levels",
    ("name: small", "name: [small"): "file",
    ("version: 1", "version: true"): "version",
    ("metric: acc", "num_fewshot: true, metric: acc"): "num-fewshot",
    ("level: hops", "level: hops, gate_levels: [true]"): "gate-levels",
    ("items: ball.jsonl", "from: adjacent"): "chance",
    ("name: say, items", "name: ball, items"): "name",
    ("name: say, items: say.jsonl, metric: exact_match, max_tokens: 4", "name: s, from: x"): (
        "unknown-suite"
    ),
    ("name: say, items: say.jsonl, metric: exact_match, max_tokens: 4", "name: s, from: ladders"): (
        "from"
    ),
}


BEGINNING = "base: a\ncandidate: b\nsuites: [adjacent]\n"


@pytest.mark.parametrize("text", POLICY)
def test_a_policy(tmp_path: Path, text: str) -> None:
    """Whatever is wrong in a policy file: exit 2, and the key in the id."""
    path = tmp_path / "policy.yaml"
    path.write_text(text + "\n", encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        load_policy(path)

    assert (caught.value.exit_code, caught.value.id) == (2, f"policy.{POLICY[text]}")


@pytest.mark.parametrize("text", PLAN)
def test_a_plan(tmp_path: Path, text: str) -> None:
    """Whatever is wrong in a plan: exit 2; its sections are kinds of their own."""
    path = tmp_path / "plan.yaml"
    path.write_text(f"{BEGINNING}{text}\n", encoding="utf-8")

    with pytest.raises(ConfigError) as caught:
        load_plans(path)

    assert (caught.value.exit_code, caught.value.id) == (2, PLAN[text])


@pytest.mark.parametrize(
    ("plan", "policy"),
    [
        ("items: 0", ""),
        ("", "capabilities: {a: {margin: 3}}"),
        ("", "looks: 3"),
        ("candidate:", ""),
    ],
)
def test_an_id_is_told_where_programs_look(tmp_path: Path, plan: str, policy: str) -> None:
    """It stands at the start of the line on stderr, and in failure.json."""
    (tmp_path / "plan.yaml").write_text(f"{BEGINNING}{plan}\n", encoding="utf-8")
    (tmp_path / "policy.yaml").write_text(policy or "{}", encoding="utf-8")

    words = [str(tmp_path / "plan.yaml"), "--policy", str(tmp_path / "policy.yaml")]
    done = CliRunner().invoke(app, ["check", *words, "--out", str(tmp_path / "out")])

    failure = json.loads((tmp_path / "out" / "failure.json").read_text(encoding="utf-8"))
    assert (done.exit_code, failure["exit_code"], failure["kind"]) == (2, 2, "usage")
    assert done.stderr.startswith(f"cliffguard: error[{failure['id']}]: ")
    assert failure["id"].partition(".")[0] in ("plan", "policy")


@pytest.mark.parametrize("change", SUITE)
def test_a_suite(tmp_path: Path, change: tuple[str, str]) -> None:
    """Whatever is wrong with a key of a suite: exit 2, and the key in the id."""
    path = support.write_suite(tmp_path, text=support.SUITE.replace(*change, 1))

    with pytest.raises(SuiteError) as caught:
        load_suite(str(path))

    assert (caught.value.exit_code, caught.value.id) == (2, f"suite.{SUITE[change]}")


@pytest.mark.parametrize(
    ("make", "error_id"),
    [
        (lambda: Policy(alpha=0.7), "policy.alpha"),
        (lambda: EvalSettings(top_p=0.0), "protocol.top-p"),
        (lambda: Plan(candidate="c", suites=("s",), churn={"a": 2.0}), "plan.churn"),
        (lambda: Plan(candidate="c"), "plan.suites"),
    ],
)
def test_in_python(make: object, error_id: str) -> None:
    """A record that is made in Python refuses by the same ids."""
    with pytest.raises(CliffguardError) as caught:
        make()  # type: ignore[operator]

    assert (caught.value.exit_code, caught.value.id) == (2, error_id)


def test_a_schema_has_the_bounds() -> None:
    """What a parser refuses an editor marks: both have the numbers from the same place."""
    policy, plan = schema("policy"), schema("plan")
    properties = policy["$defs"]["CapabilityPolicy"]["properties"]

    number = {"type": "number"}
    assert properties["margin"]["anyOf"][0] == {**number, "minimum": 1e-6, "maximum": 0.5}
    assert properties["stratum_margin"]["anyOf"][0] == properties["margin"]["anyOf"][0]
    assert properties["relative_margin"]["anyOf"][0] == {
        **number,
        "exclusiveMinimum": 0.0,
        "exclusiveMaximum": 1.0,
    }
    assert policy["properties"]["reserve"]["maximum"] == 0.5
    assert plan["properties"]["items"]["anyOf"][0] == {"type": "integer", "minimum": 1}
    assert plan["properties"]["churn"]["anyOf"][0]["exclusiveMinimum"] == 0.0
    assert plan["$defs"]["EvalSettings"]["properties"]["top_p"]["maximum"] == 1.0
