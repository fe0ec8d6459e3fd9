"""Plans and policies: keys, types, paths, the traps of YAML, and the schemas for editors."""

from __future__ import annotations

import contextlib
import json
from pathlib import Path
from typing import Any

import jsonschema
import pytest
import yaml

from cliffguard.config import (
    as_written,
    load_plan,
    load_plans,
    load_policy,
    make_plan,
    merge,
    schema,
)
from cliffguard.core.errors import ConfigError, UsageError
from cliffguard.core.settings import CapabilityPolicy, Plan, Policy, TargetData, TargetPolicy
from tests import support

CHECKOUT = Path(__file__).parent.parent
PLAN = "base: b\ncandidate: c\nsuites: [adjacent]\n"


def plan_file(folder: Path, more: str = "", *, text: str = PLAN) -> Path:
    """Write a plan and return its file."""
    path = folder / "plan.yaml"
    path.write_text(text + more, encoding="utf-8")
    return path


def load(folder: Path, more: str = "", **overrides: Any) -> Plan:
    """Write and load a plan."""
    return load_plan(plan_file(folder, more), overrides)


def policy(folder: Path, text: str) -> Policy:
    """Write and load a policy."""
    path = folder / "policy.yaml"
    path.write_text(text, encoding="utf-8")
    return load_policy(path)


# --- what is read --------------------------------------------------------------------------------


def test_a_plan_needs_little(tmp_path: Path) -> None:
    """Candidate and suites are enough; the rest has defaults."""
    plan = load_plan(plan_file(tmp_path, text="candidate: c\nsuites: [adjacent]\n"))

    assert plan == Plan(candidate="c", suites=("adjacent",))


def test_empty_values_are_the_defaults(tmp_path: Path) -> None:
    """A key with nothing behind it means what leaving it out means, where None is allowed."""
    plan = load(tmp_path, "policy:\nprotocol: {limit: , num_fewshot: null}\n")

    assert (plan.policy, plan.protocol.limit, plan.protocol.num_fewshot) == (None, None, None)


def test_a_policy_may_stand_in_the_plan(tmp_path: Path) -> None:
    """An inline policy is read like a file of its own."""
    plan = load(tmp_path, "policy: {alpha: 0.1, capabilities: {a: {margin: 0.2, gate: false}}}\n")

    assert plan.policy == Policy(
        alpha=0.1, capabilities={"a": CapabilityPolicy(margin=0.2, gate=False)}
    )


def test_a_policy_may_be_a_file_beside_the_plan(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """The path of a policy is taken from the plan's folder."""
    (tmp_path / "policy.yaml").write_text("alpha: 0.1\n")
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert load(tmp_path, "policy: policy.yaml\n").policy == Policy(alpha=0.1)


def test_a_policy_on_the_command_line_replaces_the_plans(tmp_path: Path) -> None:
    """A policy file given as override takes the place of an inline one as a whole."""
    (tmp_path / "strict.yaml").write_text("alpha: 0.01\n")

    plan = load(tmp_path, "policy: {default_margin: 0.2}\n", policy=str(tmp_path / "strict.yaml"))

    assert plan.policy == Policy(alpha=0.01)


def test_a_fault_in_the_policy_file_is_blamed_on_that_file(tmp_path: Path) -> None:
    """A faulty key is named with the file that holds it, not with the plan."""
    (tmp_path / "policy.yaml").write_text("alfa: 0.1\n")

    with support.refused("policy.unknown-key", 2, "policy.yaml", "'alpha'"):
        load(tmp_path, "policy: policy.yaml\n")


@pytest.mark.parametrize("key", ["base", "candidate"])
def test_checkpoints_beside_the_plan_are_found(
    key: str, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A relative path that exists beside the plan is taken from there."""
    support.write_checkpoint(tmp_path / key[0])
    (tmp_path / "elsewhere").mkdir()
    monkeypatch.chdir(tmp_path / "elsewhere")

    assert getattr(load(tmp_path), key) == str(tmp_path / key[0])


def test_what_is_not_beside_the_plan_stays_as_written(tmp_path: Path) -> None:
    """A name on the hub is no path below the plan."""
    text = "base: org/model@main\ncandidate: /abs/c\nsuites: [adjacent]\n"

    plan = load_plan(plan_file(tmp_path, text=text))

    assert (plan.base, plan.candidate) == ("org/model@main", "/abs/c")


def test_suites_beside_the_plan_are_found(tmp_path: Path) -> None:
    """A suite's path is taken from the plan's folder; a built-in name is no path."""
    (tmp_path / "mine.yaml").write_text("")
    (tmp_path / "adjacent").mkdir()
    text = "base: b\ncandidate: c\nsuites: [./mine.yaml, mine.yaml, adjacent]\n"

    suites = load_plan(plan_file(tmp_path, text=text)).suites

    assert suites == (str(tmp_path / "mine.yaml"), str(tmp_path / "mine.yaml"), "adjacent")


@pytest.mark.parametrize("text", ["target: t.jsonl", "target: {data: t.jsonl, labels: [yes, no]}"])
def test_a_target_beside_the_plan_is_found(tmp_path: Path, text: str) -> None:
    """Its data is taken from the plan's folder, short or with keys; no suite need be named."""
    (tmp_path / "t.jsonl").write_text("")

    plan = load_plan(plan_file(tmp_path, text=f"candidate: c\n{text}\n"))

    labels = ("yes", "no") if "labels" in text else ()
    assert plan.target == TargetData(data=str(tmp_path / "t.jsonl"), labels=labels)
    assert plan.suites == ("adjacent",)


def test_a_target_on_a_hub_stays_as_written(tmp_path: Path) -> None:
    """org/name is no path below the plan."""
    plan = load(tmp_path, "target: org/tickets@v1\n")

    assert plan.target == TargetData(data="org/tickets@v1")


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("target: {data: t, promt: q}", ("target.unknown-key", 2, "target.promt", "'prompt'")),
        ("target: {data: t, labels: [a]}", ("target.labels", 2)),
        ("target: {data: t, max_tokens: 0}", ("target.max-tokens", 2, "max_tokens")),
    ],
)
def test_a_faulty_target_is_named(tmp_path: Path, text: str, error: Any) -> None:
    """One line with the key."""
    with support.refused(*error):
        load(tmp_path, f"{text}\n")


@pytest.mark.parametrize("target", ["t.jsonl", {"data": "t.jsonl", "metric": "f1"}])
def test_the_schema_knows_both_spellings_of_a_target(target: Any) -> None:
    """Editors accept the path and the mapping."""
    jsonschema.validate({"candidate": "c", "target": target}, schema("plan"))


def test_an_empty_base_is_not_the_plans_folder(tmp_path: Path) -> None:
    """A key left empty by a template is refused, and stands for no directory."""
    with support.refused("plan.base", 2):
        load_plan(plan_file(tmp_path, text="base: ''\ncandidate: c\nsuites: [adjacent]\n"))


@pytest.mark.parametrize("key", ["base", "candidate", "policy"])
@pytest.mark.parametrize("name", ["x" * 300, "~nobody-of-that-name/x"], ids=["long", "nobody"])
def test_impossible_paths_are_the_users_error(key: str, name: str, tmp_path: Path) -> None:
    """A path that no file system takes is no crash: it is refused, or left for the next door."""
    values = {"base": "b", "candidate": "c", "suites": ["adjacent"], key: name}
    path = plan_file(tmp_path, text=yaml.safe_dump(values))

    with contextlib.suppress(UsageError):
        load_plan(path)


# --- overrides -----------------------------------------------------------------------------------


def test_overrides_replace_single_keys(tmp_path: Path) -> None:
    """An override touches its own key and leaves its neighbours."""
    plan = load(tmp_path, "protocol: {limit: 5, seed: 3}\n", protocol={"limit": 8})

    assert (plan.protocol.limit, plan.protocol.seed) == (8, 3)


def test_overrides_add_what_is_not_there(tmp_path: Path) -> None:
    """A group that the plan leaves out, or leaves empty, can be overridden."""
    assert load(tmp_path, "protocol:\n", protocol={"limit": 8}).protocol.limit == 8


def test_merging_leaves_the_written_alone() -> None:
    """The mapping that was read is not changed by merging."""
    written = {"a": {"b": 1}}

    assert merge(written, {"a": {"c": 2}}) == {"a": {"b": 1, "c": 2}}
    assert written == {"a": {"b": 1}}


def test_a_fault_on_the_command_line_is_blamed_on_it() -> None:
    """Without a file the source is the one that was given."""
    with support.refused("protocol.limit", 2, "command line: "):
        make_plan(
            {"candidate": "c", "suites": ["adjacent"], "protocol": {"limit": -1}}, "command line"
        )


# --- refusals ------------------------------------------------------------------------------------

# More of them: tests/bad_input/plans.py.
FAULTS = [
    ("sutes: [a]\n", ("plan.unknown-key", 2, "'suites'", "sutes")),
    ("protocol: {sed: 1}\n", ("protocol.unknown-key", 2, "protocol.sed", "'seed'")),
    (
        "protocol: {num-fewshot: 1}\n",
        ("protocol.unknown-key", 2, "protocol.num-fewshot", "'num_fewshot'"),
    ),
    ("runner: {batchsize: 1}\n", ("runner.unknown-key", 2, "runner.batchsize", "'batch_size'")),
    ("policy: {margin: 0.1}\n", ("policy.unknown-key", 2, "policy.margin")),
    (
        "policy: {capabilities: {a: {margn: 0.1}}}\n",
        ("policy.unknown-key", 2, "policy.capabilities.a.margn"),
    ),
    ("protocol: {limit: 1e3}\n", ("protocol.limit", 2, "protocol.limit")),
    (
        "protocol: {chat_template: on}\n",
        ("protocol.chat-template", 2, "protocol", "chat_template", "'on'", "auto, none, own, base"),
    ),
    ("after_failure: go_on\n", ("plan.after-failure", 2, "after_failure", "'finish'", "'stop'")),
    ("protocol: {chat_template: both}\n", ("plan.several-comparisons", 2, "chat_template")),
    ("protocol: fast\n", ("plan.protocol", 2, "protocol")),
    ("runner: {batch_size: auto}\n", ("runner.batch-size", 2, "runner.batch_size")),
    ("runner: {model: vllm, device_map: auto}\n", ("runner.device-map", 2, "device_map")),
    ("runner: {batch_tokens: 0}\n", ("runner.batch-tokens", 2, "batch_tokens")),
    ("protocol: {temperature: -1}\n", ("protocol.temperature", 2, "temperature")),
    ("protocol: {repeats: 0}\n", ("protocol.repeats", 2, "repeats")),
    ("protocol: {max_tokens: 0}\n", ("protocol.max-tokens", 2, "max_tokens")),
    (
        "protocol: {chat_template: none, template_args: {a: 1}}\n",
        ("protocol.template-args", 2, "template_args", "chat_template"),
    ),
    (
        "protocol: {chat_template: own, template_args: {tokenize: true}}\n",
        ("protocol.template-args", 2, "template_args", "tokenize"),
    ),
    (
        "protocol: {chat_template: own, template_args: {conversation: x, a: 1}}\n",
        ("protocol.template-args", 2, "template_args", "conversation"),
    ),
    (
        "protocol: {quantization: 3bit}\n",
        ("protocol.quantization", 2, "protocol.quantization", "'4bit'"),
    ),
    ("policy: [strict.yaml]\n", ("plan.policy", 2, "policy")),
    ("policy: {alpha: 0}\n", ("policy.alpha", 2, "0.5", "alpha")),
    ("policy: {alpha: 0.5}\n", ("policy.alpha", 2, "0.5", "alpha")),
    ("policy: {alpha: 1.0e-17}\n", ("policy.alpha", 2, "1e-09", "1e-17", "alpha")),
    (
        "policy: {default_margin: 1.0e-320}\n",
        ("policy.default-margin", 2, "default_margin", "1e-06"),
    ),
    ("policy: {alpha: 5}\n", ("policy.alpha", 2, "0.5", "alpha")),
    ("policy: {alpha: .nan}\n", ("policy.alpha", 2, "alpha")),
    ("policy: {reserve: -0.1}\n", ("policy.reserve", 2, "0.5", "-0.1", "reserve")),
    ("policy: {reserve: 0.6}\n", ("policy.reserve", 2, "0.5", "0.6", "reserve")),
    ("policy: {reserve: .nan}\n", ("policy.reserve", 2, "0.5", "reserve")),
    ("policy: {default_margin: 0}\n", ("policy.default-margin", 2, "default_margin", "0.5")),
    ("policy: {default_margin: -0.05}\n", ("policy.default-margin", 2, "default_margin")),
    (
        "policy: {capabilities: {a: {margin: 3}}}\n",
        ("policy.margin", 2, "capabilities.a", "margin"),
    ),
    ("policy: {capabilities: {a: 0.03}}\n", ("policy.capabilities", 2, "capabilities.a")),
    ("policy: {target: 0.02}\n", ("policy.target", 2, "target")),
    ("policy: {target: {min_gain: .inf}}\n", ("policy.min-gain", 2, "min_gain")),
    ("offline: perhaps\n", ("plan.offline", 2, "offline")),
    ("base2: x\nbase2: y\n", ("plan.file", 2, "'base2'")),
]


@pytest.mark.parametrize(("more", "error"), FAULTS, ids=[more.strip() for more, _ in FAULTS])
def test_faults_are_named_with_their_key(more: str, error: Any, tmp_path: Path) -> None:
    """What is wrong in a plan is refused with file and dotted key, in one line."""
    with support.refused(*error) as caught:
        load(tmp_path, more)

    assert str(caught.value).startswith(str(tmp_path / "plan.yaml"))
    assert "\n" not in str(caught.value)


@pytest.mark.parametrize(
    ("text", "error"),
    [
        ("candidate: c\nsuites: []\n", ("plan.suites", 2)),
        ("candidate: c\nsuites: [~]\n", ("plan.suites", 2, "suites.0")),
        ("candidate: 100\nsuites: [adjacent]\n", ("plan.candidate", 2, "candidate")),
        ("candidate: [a, b]\nsuites: [adjacent]\n", ("plan.several-comparisons", 2)),
        ("candidate:\nsuites: [adjacent]\n", ("plan.candidate", 2, "candidate")),
    ],
)
def test_what_a_plan_needs_is_asked_for(text: str, error: Any, tmp_path: Path) -> None:
    """Candidate and suites must be there, and be what they should."""
    with support.refused(*error):
        load_plan(plan_file(tmp_path, text=text))


@pytest.mark.parametrize(
    ("suites", "names"),
    [
        ("adjacent", ("adjacent",)),
        ("./mine.yaml", ("{}/mine.yaml",)),
        ("auto", ("auto",)),
        ("[auto, auto]", ("auto",)),
        ("[none, none]", ()),
    ],
)
def test_one_suite_needs_no_brackets(suites: str, names: tuple[str, ...], tmp_path: Path) -> None:
    """And a word that stands for suites may be there twice."""
    (tmp_path / "mine.yaml").write_text("name: mine\n")
    text = f"candidate: c\ntarget: t.jsonl\nsuites: {suites}\n"

    plan = load_plan(plan_file(tmp_path, text=text))

    assert plan.suites == tuple(name.format(tmp_path) for name in names)


# --- the traps of YAML ---------------------------------------------------------------------------


def test_a_number_without_a_point_is_a_number(tmp_path: Path) -> None:
    """1e-3 is text to YAML and a number to everyone else."""
    assert policy(tmp_path, "alpha: 1e-3\n").alpha == 0.001


def test_an_integer_is_a_number_too(tmp_path: Path) -> None:
    """0 without a point is a gain."""
    assert policy(tmp_path, "target: {min_gain: 0}\n").target == TargetPolicy(min_gain=0.0)


@pytest.mark.parametrize(
    "more",
    [
        "policy: {target: {min_gain: false}}\n",
        "protocol: {seed: on}\n",
        "protocol: {num_fewshot: no}\n",
        "runner: {batch_size: on}\n",
        "policy: {target: {min_gain: no}}\n",
    ],
)
def test_yes_and_no_are_no_numbers(more: str, tmp_path: Path) -> None:
    """A switch in place of a number is refused, and not read as 1 or 0."""
    with pytest.raises(ConfigError):
        load(tmp_path, more)


@pytest.mark.parametrize(("text", "limit"), [("010", 10), ("08", 8), ("1_000", 1000)])
def test_numbers_are_decimal(tmp_path: Path, text: str, limit: int) -> None:
    """YAML 1.1 takes 010 for eight."""
    assert load(tmp_path, f"protocol: {{limit: {text}}}\n").protocol.limit == limit


@pytest.mark.parametrize("text", ["1:30", "0x10", "0b11"])
def test_what_is_no_decimal_number_is_no_limit(tmp_path: Path, text: str) -> None:
    """YAML 1.1 takes 1:30 for 90."""
    with support.refused("protocol.limit", 2):
        load(tmp_path, f"protocol: {{limit: {text}}}\n")


def test_yes_and_no_are_words(tmp_path: Path) -> None:
    """A folder that is called no is no truth value: only true and false are."""
    plan = load_plan(plan_file(tmp_path, "base: no\n", text="candidate: c\nsuites: [adjacent]\n"))

    assert plan.base == "no"


@pytest.mark.parametrize("more", ["base: true\n", "base: 1.5\n", "base: 2024-01-01\n"])
def test_words_that_yaml_takes_for_values_are_no_names(more: str, tmp_path: Path) -> None:
    """A name that YAML reads as a switch, a number or a date must be quoted."""
    with support.refused("plan.base", 2, "base"):
        load_plan(plan_file(tmp_path, more, text="candidate: c\nsuites: [adjacent]\n"))


def test_none_is_a_word(tmp_path: Path) -> None:
    """chat_template: none is the policy of that name, not a missing value."""
    assert load(tmp_path, "protocol: {chat_template: none}\n").protocol.chat_template == "none"


def test_numbers_may_be_quoted(tmp_path: Path) -> None:
    """A template that quotes everything still makes a plan."""
    assert load(tmp_path, "protocol: {limit: '20'}\n").protocol.limit == 20


# --- the schemas for editors ---------------------------------------------------------------------


@pytest.mark.parametrize(
    ("kind", "patterns"),
    [
        ("plan", ["configs/*.yaml"]),
        ("policy", ["configs/policies/*.yaml", "suites/demo/policy.yaml"]),
        ("suite", ["configs/suites/*.yaml", "suites/*.yaml"]),
    ],
)
def test_examples_fit_their_schema(kind: str, patterns: list[str]) -> None:
    """An editor with the schema finds no fault in our own plans, policies and suites."""
    for path in (path for pattern in patterns for path in sorted(CHECKOUT.glob(pattern))):
        jsonschema.validate(yaml.safe_load(path.read_text(encoding="utf-8")), schema(kind))


def test_the_schema_marks_an_unknown_key() -> None:
    """An editor underlines what the program would refuse."""
    with pytest.raises(jsonschema.ValidationError):
        jsonschema.validate({"candidate": "c", "suites": ["a"], "sutes": []}, schema("plan"))


def test_the_schema_knows_the_short_spelling_of_a_task() -> None:
    """`- gsm8k` is a task, to an editor too."""
    tasks = schema("suite")["$defs"]["CapabilityFile"]["properties"]["tasks"]["items"]

    assert "string" in [schema.get("type") for schema in tasks.get("anyOf", [tasks])]


def test_every_key_of_a_plan_is_in_the_schema() -> None:
    """What --show-config prints are the keys that the schema knows."""
    written = as_written(Plan(candidate="c", suites=("adjacent",)))

    assert set(written) == set(schema("plan")["properties"])


@pytest.mark.parametrize("kind", ["plan", "policy", "suite"])
def test_every_key_is_described(kind: str) -> None:
    """An editor says of each key what it is, in plans, policies and suites, however deep."""
    whole = schema(kind)
    records = {"the file": whole, **whole.get("$defs", {})}

    bare = [
        f"{record}.{key}"
        for record, described in records.items()
        for key, value in described.get("properties", {}).items()
        if not value.get("description", "").strip()
    ]
    assert bare == []


def test_what_is_shown_can_be_read_again(tmp_path: Path) -> None:
    """The resolved plan, written to a file, resolves to itself."""
    plan = load(tmp_path, "policy: {alpha: 0.1}\nprotocol: {limit: 5}\n")

    again = load_plan(plan_file(tmp_path, text=yaml.safe_dump(as_written(plan))))

    assert again == plan


def test_a_resolved_plan_is_plain(tmp_path: Path) -> None:
    """The resolved plan holds nothing but what JSON and YAML can say."""
    written = as_written(load(tmp_path, "policy: {capabilities: {a: {margin: 0.1}}}\n"))

    assert json.loads(json.dumps(written)) == written


@pytest.mark.parametrize(
    ("text", "after_failure"),
    [
        ("candidate: c\n", "finish"),
        ("candidate: [c]\n", "finish"),
        ("candidate: [c, d]\n", "stop"),
        ("candidate: [c, d]\nafter_failure: finish\n", "finish"),
        ("candidate: c\nafter_failure: stop\n", "stop"),
        ("candidate: c\nprotocol: {chat_template: both}\n", "finish"),
    ],
)
def test_one_candidate_is_asked_on_after_a_failure(
    tmp_path: Path, text: str, after_failure: str
) -> None:
    """Of several, one that failed is not, unless the plan says so."""
    plans = load_plans(plan_file(tmp_path, text=f"{text}suites: [adjacent]\n"))

    assert {plan.after_failure for plan in plans} == {after_failure}


def test_one_name_needs_no_brackets_in_python() -> None:
    """A text is one suite, and not its letters."""
    plan = Plan(candidate="tuned", base="base", suites="chat", train="rows.jsonl")  # type: ignore[arg-type]

    assert (plan.suites, plan.train) == (("chat",), ("rows.jsonl",))
