"""Plans and policies: from YAML to records, and their JSON Schemas for editors."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from pathlib import Path
from typing import Any

from cliffguard.core.errors import ConfigError, key_id
from cliffguard.core.item_results import ItemResult
from cliffguard.core.plan_paths import seen_from_here
from cliffguard.core.protocol import WORDS_FOR_TEMPLATES
from cliffguard.core.reviews import Review
from cliffguard.core.settings import Plan, Policy, TargetData
from cliffguard.core.validation import SECTIONS, adapter_of, validate
from cliffguard.core.yaml_files import read_yaml

BOTH_TEMPLATES = ("own", "base")
"""What `chat_template: both` stands for: two comparisons, both of which have to pass."""


def load_policy(path: Path | str) -> Policy:
    """Read a policy file. Raises ConfigError with the file and the faulty key.

    >>> from cliffguard import load_policy
    >>> load_policy("policy.yaml").default_margin
    0.05
    """
    path = Path(path)
    return make_policy(read_yaml(path, ConfigError, kind="policy"), str(path))


def load_plan(path: Path | str, overrides: Mapping[str, Any] | None = None) -> Plan:
    """Read a plan file of one candidate; `overrides` (nested like the plan) replace single keys.

    Paths in it are as seen from its folder. Raises ConfigError with the file and the faulty key.

    >>> from cliffguard import load_plan
    >>> plan = load_plan("plan.yaml", {"protocol": {"limit": 64}})
    >>> plan.suites, plan.protocol.limit
    (('adjacent',), 64)
    """
    plans = load_plans(path, overrides)
    if len(plans) > 1:
        raise ConfigError(
            f"{path}: names {len(plans)} comparisons (candidates, or chat_template: both) where "
            "one is wanted",
            id="plan.several-comparisons",
        )
    return plans[0]


def load_plans(
    path: Path | str,
    overrides: Mapping[str, Any] | None = None,
    defaults: Mapping[str, Any] | None = None,
) -> tuple[Plan, ...]:
    """Read a plan file: one plan for each candidate. `defaults` stand where it is silent."""
    path = Path(path)
    written = seen_from_here(read_yaml(path, ConfigError, kind="plan"), path)
    return make_plans({**(defaults or {}), **merge(written, overrides or {})}, str(path))


def make_plans(written: Mapping[str, Any], source: str) -> tuple[Plan, ...]:
    """Return one plan for each candidate in a mapping, which may name one or a list.

    Under `chat_template: both` there are two for each, one under each policy. Of several candidates
    one that failed is asked no further, unless the mapping says otherwise.
    """
    candidates = written.get("candidate")
    if not isinstance(candidates, list):
        candidates = [candidates] if "candidate" in written else []
    elif not candidates:
        raise ConfigError(
            f"{source}: candidate: the list is empty; name at least one", id="plan.candidate"
        )
    if len(candidates) > 1:
        written = {"after_failure": "stop", **written}
    each: list[Mapping[str, Any]] = [
        {**written, "candidate": candidate} for candidate in candidates
    ]
    return tuple(make_plan(way, source) for mapping in each or [written] for way in _ways(mapping))


def _ways(written: Mapping[str, Any]) -> list[Mapping[str, Any]]:
    """Return the mapping for each way to put prompts that it asks for."""
    protocol = written.get("protocol")
    if not isinstance(protocol, Mapping) or protocol.get("chat_template") != "both":
        return [written]
    return [{**written, "protocol": {**protocol, "chat_template": way}} for way in BOTH_TEMPLATES]


def make_plan(written: Mapping[str, Any], source: str) -> Plan:
    """Return the plan in a mapping; a policy given as text is a file, and so is a target."""
    written = dict(written)
    if isinstance(written.get("target"), str):
        written["target"] = {"data": written["target"]}
    written["suites"] = _suites(written, source)
    policy = None
    if isinstance(written.get("policy"), str):
        policy = load_policy(written.pop("policy"))
    plan = validate(adapter_of(Plan), written, source, ConfigError, kind="plan")
    read = adapter_of(Plan).dump_python(plan, mode="json")
    _refuse_switches(written, read, f"{source}: ", kind="plan")
    return plan if policy is None else replace(plan, policy=policy)


AROUND_A_TARGET = "adjacent"
"""The suite that a target alone takes with it: a gain says nothing of what was lost for it."""

NO_SUITE = "none"

AUTO = "auto"
"""Stands for the suites that fit both sides, which the command line chooses before a run."""


def _suites(written: Mapping[str, Any], source: str) -> Any:
    """Return the suites of a plan, of which one may stand without brackets.

    Where none is named, it is what lies around a target alone.
    """
    if "suites" not in written:
        return [AROUND_A_TARGET] if "target" in written else []
    suites = written["suites"]
    names = [suites] if isinstance(suites, str) else suites
    if not isinstance(names, (list, tuple)):
        return names
    for word in (NO_SUITE, AUTO):
        if word not in names:
            continue
        if beside := next((name for name in names if name != word), None):
            raise ConfigError(
                f"{source}: suites: {word} stands alone, and not beside {beside}; leave it out, or "
                "name nothing else",
                id="suite.auto" if word == AUTO else "plan.suites",
            )
        return [] if word == NO_SUITE else [AUTO]
    return names


def make_policy(written: Mapping[str, Any], source: str) -> Policy:
    """Return the policy in a mapping. Raises ConfigError with the source and the faulty key."""
    policy = validate(adapter_of(Policy), dict(written), source, ConfigError, kind="policy")
    read = adapter_of(Policy).dump_python(policy, mode="json")
    _refuse_switches(written, read, f"{source}: ", kind="policy")
    return policy


def make_target(written: Mapping[str, Any], source: str) -> TargetData:
    """Return the target in a mapping. Raises ConfigError with the source and the faulty key."""
    return validate(adapter_of(TargetData), dict(written), source, ConfigError, kind="target")


def merge(written: Mapping[str, Any], overrides: Mapping[str, Any]) -> dict[str, Any]:
    """Return `written` with the leaves of `overrides` in their places."""
    merged = dict(written)
    for key, value in overrides.items():
        inner = merged.get(key)
        if isinstance(value, Mapping) and isinstance(inner, Mapping):
            merged[key] = merge(inner, value)
        else:
            merged[key] = value
    return merged


def as_written(plan: Plan) -> dict[str, Any]:
    """Return the plan as plain values, as a plan file would write it."""
    written: dict[str, Any] = adapter_of(Plan).dump_python(plan, mode="json")
    if plan.policy is not None and not plan.policy.behaviour:  # what opts into nothing
        del written["policy"]["behaviour"]
    return written


def schema(kind: str) -> dict[str, Any]:
    """Return the JSON Schema of a "plan", "policy", "suite", "item", "review" or "overview"."""
    described = adapter_of(_record(kind)).json_schema()
    if kind == "plan":  # a policy, a target and a churn may also be the path of a file
        for key in ("policy", "target"):
            described["properties"][key]["anyOf"].append({"type": "string"})
        described["properties"]["churn"]["anyOf"].append({"type": "string"})
        listed = described["properties"]["suites"]
        described["properties"]["suites"] = _either(listed, {"type": "string"})
        several = {"type": "array", "items": {"type": "string"}, "minItems": 1}
        described["properties"]["candidate"] = _either(
            described["properties"]["candidate"], several
        )
        # `both` is two plans in one, which a protocol is not.
        protocol = described["$defs"]["EvalSettings"]["properties"]
        protocol["chat_template"]["anyOf"] = [
            {"enum": [*WORDS_FOR_TEMPLATES, "both"]},
            {"pattern": r"/|\.jinja$"},
        ]
    if kind == "suite":  # `- gsm8k` is short for `- {name: gsm8k}`
        tasks = described["$defs"]["CapabilityFile"]["properties"]["tasks"]
        tasks["items"] = {"anyOf": [{"type": "string"}, tasks["items"]]}
    if kind == "review":
        _side_by_side(described["$defs"])
    for record in (described, *described.get("$defs", {}).values()):
        if "description" in record:  # the docstring, whose examples are for Python
            record["description"] = record["description"].partition("\n\n>>>")[0]
    return {"$schema": "https://json-schema.org/draft/2020-12/schema", **described}


def _record(kind: str) -> type[Any]:
    """Return what a kind of file is read as; late, of what nothing else here takes."""
    from cliffguard.core.overviews import Overview
    from cliffguard.suites.schema import SuiteFile

    return {
        "plan": Plan,
        "policy": Policy,
        "suite": SuiteFile,
        "item": ItemResult,
        "review": Review,
        "overview": Overview,
    }[kind]


def _side_by_side(records: dict[str, Any]) -> None:
    """Set the fields of a capability's three records side by side, as review.json has them."""
    row = records["CapabilityComparison"]
    for name in ("CapabilityCounts", "CapabilityEvidence", "Diagnostics"):
        part = records.pop(name)
        row["properties"] |= part["properties"]
        row["required"] = [*row["required"], *part.get("required", ())]
    for name in ("counts", "evidence", "diagnostics"):
        del row["properties"][name]
    row["required"] = [n for n in row["required"] if n in row["properties"]]
    records["Checkpoint"]["properties"]["files"] = {"type": "null"}  # of one machine
    del records["CheckpointFiles"]


def _either(listed: Mapping[str, Any], other: Mapping[str, Any]) -> dict[str, Any]:
    """Return the schema of a key that may be something else, too; its description stays its own."""
    kept = {key: listed[key] for key in ("description", "title", "default") if key in listed}
    return {**kept, "anyOf": [{k: v for k, v in listed.items() if k not in kept}, other]}


def _refuse_switches(
    written: Mapping[str, Any], read: Mapping[str, Any], where: str, *, kind: str
) -> None:
    """Refuse true and false where a number was made of them."""
    for key, value in written.items():
        if isinstance(value, Mapping):
            inner = key if kind == "plan" and key in SECTIONS else kind
            _refuse_switches(value, read[key], f"{where}{key}.", kind=inner)
        elif isinstance(value, bool) and not isinstance(read[key], bool):
            text = str(value).lower()
            raise ConfigError(
                f"{where}{key}: expected a number, found {text}", id=key_id(kind, str(key))
            )
