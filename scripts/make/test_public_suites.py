"""The suites of public benchmarks: known to the installed lm-eval, usable, and what they add."""

from __future__ import annotations

from collections import Counter
from typing import Any

import pytest

from cliffguard.core.items import Task
from cliffguard.runners.lmeval_tasks import _stock_tasks
from cliffguard.runners.local_data import leaves
from cliffguard.suites.loading import load_suite, load_suites

PUBLIC = ("public-quick", "public-standard", "public-full")


def entries(name: str) -> list[Task]:
    """Return the tasks of a built-in suite as it writes them."""
    return [task for capability in load_suite(name).capabilities for task in capability.tasks]


def configs(entry: Task) -> list[dict[str, Any]]:
    """Return the configuration of each lm-eval task that an entry stands for; no data is loaded."""
    index = _stock_tasks().task_index
    return [index[name].cfg for name in sorted(leaves(index, entry.name))]


@pytest.mark.parametrize("name", PUBLIC)
def test_every_task_is_known_to_lm_eval(name: str) -> None:
    """Each entry is a task, group or tag of the installed lm-eval."""
    known = set(_stock_tasks().all_tasks)

    assert {entry.name for entry in entries(name)} - known == set()


@pytest.mark.parametrize("name", PUBLIC)
def test_metrics_and_filters_are_the_tasks_own(name: str) -> None:
    """What an entry names is in the configuration of every task that it stands for."""
    for entry in entries(name):
        for config in configs(entry):
            metrics = [metric["metric"] for metric in config["metric_list"]]
            filters = [spec["name"] for spec in config.get("filter_list") or []]
            assert entry.metric in metrics, config["task"]
            assert entry.filter is None or entry.filter in filters, config["task"]


@pytest.mark.parametrize("name", PUBLIC)
def test_nothing_is_asked_that_the_runner_refuses(name: str) -> None:
    """No task samples, runs code, lacks a score per item, or is a program of its own."""
    for config in (config for entry in entries(name) for config in configs(entry)):
        assert config["output_type"] in {"multiple_choice", "loglikelihood", "generate_until"}
        assert not (config.get("generation_kwargs") or {}).get("do_sample"), config["task"]
        assert "unsafe_code" not in config, config["task"]
        assert "class" not in config


@pytest.mark.parametrize("name", PUBLIC)
def test_no_task_is_asked_twice(name: str) -> None:
    """No group of a suite holds what another entry of it asks already."""
    index = _stock_tasks().task_index

    counts = Counter(leaf for entry in entries(name) for leaf in leaves(index, entry.name))

    assert [leaf for leaf, count in counts.items() if count > 1] == []


@pytest.mark.parametrize("name", PUBLIC)
def test_the_cost_is_that_of_the_kind_of_task(name: str) -> None:
    """What is generated is called so, and what is not is called a likelihood."""
    for entry in entries(name):
        kinds = {config["output_type"] == "generate_until" for config in configs(entry)}
        assert kinds == {str(entry.cost).endswith("generation")}, entry.name


@pytest.mark.parametrize("name", PUBLIC)
def test_zero_shots_are_not_asked_of_tasks_with_examples(name: str) -> None:
    """A task that lm-eval gives its own examples is asked with as many, never with fewer."""
    for entry in entries(name):
        for config in configs(entry):
            assert (entry.num_fewshot or 0) >= (config.get("num_fewshot") or 0), config["task"]


@pytest.mark.parametrize("name", PUBLIC)
def test_the_rings_around_a_target_are_covered(name: str) -> None:
    """A public suite has every ring but the target, and a margin for each capability."""
    capabilities = load_suite(name).capabilities

    assert {c.ring for c in capabilities} == {"adjacent", "general", "safety", "control"}
    assert all(c.margin is not None for c in capabilities)


@pytest.mark.parametrize("name", PUBLIC)
def test_a_public_suite_goes_with_our_own(name: str) -> None:
    """No capability or task has the name of one in the other built-in suites."""
    assert load_suites([name, "adjacent", "support-tickets"])
