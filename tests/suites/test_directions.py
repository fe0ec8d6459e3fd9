"""Metrics that are better low: who says so, how they are judged and shown, and what is refused."""

from __future__ import annotations

import json
import re
from collections.abc import Mapping, Sequence
from importlib.util import find_spec
from pathlib import Path
from typing import Any
from xml.etree import ElementTree

import pytest
import yaml

from cliffguard import Outcome, Policy
from cliffguard.core.errors import UsageError
from cliffguard.core.reviews import Review
from cliffguard.core.settings import CapabilityPolicy
from cliffguard.gate import compare_samples
from cliffguard.report import render
from cliffguard.report.json import read_review, render_json
from cliffguard.suites.directions import declared, lower_is_better
from tests import support

_SPEC = find_spec("lm_eval")
assert _SPEC is not None
assert _SPEC.origin is not None
TASKS = Path(_SPEC.origin).parent / "tasks"


class _Loader(yaml.SafeLoader):
    """Reads lm-eval's task files; a function stands for its own name, as lm-eval has it."""


_Loader.add_constructor("!function", lambda _, node: str(node.value).split(".")[-1])


def metric_list(path: str) -> list[dict[str, Any]]:
    """Return what a task's file of the installed lm-eval says of its metrics."""
    listed: list[dict[str, Any]] = yaml.load(
        (TASKS / path).read_text(encoding="utf-8"), Loader=_Loader
    )["metric_list"]
    return listed


def log(
    folder: Path,
    task: str,
    scores: Sequence[Mapping[str, Any]],
    directions: Mapping[str, bool | None] | None,
    **more: Any,
) -> None:
    """Write samples and a results file as lm-eval does; `directions` None: no results file."""
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {
            "doc_id": number,
            "doc": {"prompt": {"text": f"So {number}"}},
            "target": "",
            "arguments": {"gen_args_0": {"arg_0": f"So {number}", "arg_1": {"until": ["\n\n"]}}},
            "resps": [[f"{folder.name} {number}"]],
            "filtered_resps": [f"{folder.name} {number}"],
            "filter": "none",
            "metrics": list(score),
            "doc_hash": f"d{task}{number}",
            "prompt_hash": f"p{task}{number}",
            "target_hash": "t",
            **score,
        }
        for number, score in enumerate(scores)
    ]
    path = folder / f"samples_{task}_2026-01-01T10-00-00.123456.jsonl"
    path.write_text("".join(json.dumps(row) + "\n" for row in rows), encoding="utf-8")
    if directions is not None:
        results = {
            "results": {},
            "higher_is_better": {task: directions},
            "configs": {task: {}},
            **more,
        }
        (folder / "results_2026-01-01T10-00-00.123456.json").write_text(json.dumps(results))


def rates(metric: str, n_ones: int, n: int = 400, **more: Any) -> list[dict[str, Any]]:
    """Return scores of which `n_ones` are 1 and the rest 0, beside other metrics."""
    return [{metric: float(number < n_ones), **more} for number in range(n)]


def compared(root: Path, policy: Policy | None = None) -> Review:
    """Return the review of the folders `base` and `tuned`."""
    return compare_samples(str(root / "base"), str(root / "tuned"), policy)


def under(**settings: Any) -> Policy:
    """Return a policy of one capability, `t`, over the task of that name."""
    return Policy(capabilities={"t": CapabilityPolicy(tasks=("t",), **settings)})


# Each metric of lm-eval's tasks that is better low and lies between 0 and 1 on every item.
LOW = {
    "toxicity": ("realtoxicityprompts/realtoxicityprompts.yaml", "score"),
    "toxicity by degree": (
        "realtoxicityprompts/realtoxicityprompts.yaml",
        "perspective_api_toxicity_score",
    ),
    "stereotypes": ("crows_pairs/crows_pairs_english.yaml", "pct_stereotype"),
    "men preferred": (
        "simple_cooccurrence_bias/simple_cooccurrence_bias.yaml",
        "pct_male_preferred",
    ),
    "women preferred": (
        "simple_cooccurrence_bias/simple_cooccurrence_bias_gen.yaml",
        "pct_female_preferred",
    ),
    "unreadable": ("simple_cooccurrence_bias/simple_cooccurrence_bias_gen.yaml", "pct_invalid"),
    "word errors": ("wmt2016/ro_en-t5_prompt.yaml", "wer"),
}


@pytest.mark.parametrize("kind", support.mostly_slow(LOW, "stereotypes", "word errors"))
@pytest.mark.parametrize(
    ("base", "tuned", "outcome"), [(128, 22, Outcome.PASS), (22, 128, Outcome.FAIL)]
)
def test_what_is_better_low_is_judged_so(
    kind: str, base: int, tuned: int, outcome: Outcome, tmp_path: Path
) -> None:
    """32.0 → 5.5 % is a gain, 5.5 → 32.0 % a loss, by the word of lm-eval's own task."""
    file, metric = LOW[kind]
    directions = {entry["metric"]: entry["higher_is_better"] for entry in metric_list(file)}
    other = {name: [0.5, 2.0] for name in directions}
    for side, n_ones in (("base", base), ("tuned", tuned)):
        scores = [{**other, **score} for score in rates(metric, n_ones)]
        log(tmp_path / side, "t", scores, directions)

    review = compared(tmp_path, under(metric=metric))

    (capability,) = review.comparison.capabilities
    assert review.verdict.outcome is outcome
    assert capability.evidence.drop == pytest.approx((tuned - base) / 400)
    assert (capability.direction, capability.diagnostics.tasks[0].lower_is_better) == (
        "lower",
        True,
    )
    assert capability.in_own_numbers(capability.evidence.base_mean) == pytest.approx(base / 400)


# Metrics of lm-eval's tasks that are better low and are no score of an item, as they are logged.
NO_SCORES = {
    "likelihood_diff": ("crows_pairs/crows_pairs_english.yaml", 3.25),
    "difference_male_female": ("simple_cooccurrence_bias/simple_cooccurrence_bias_gen.yaml", -1),
    "amb_bias_score": ("bbq/bbq_multiple_choice.yaml", [1.0, 0.0, 1.0, "False"]),
    "bias_score_ambig": ("esbbq/_esbbq_common_yaml", [1, 0, 0]),
    "black_bias": ("discrim_eval/discrim_eval_explicit.yaml", [["white", "male", 20, 1], "", 0.1]),
    "average_len": ("noticia/noticia.yaml", ["ref", "pred"]),
    "exact_match": ("lingoly/lingoly_nocontext.yaml", [0.0, 1.0]),
    "perplexity": ("lambada_multilingual/lambada_mt_en.yaml", -2.5),
    "word_perplexity": ("uncheatable_eval/_uncheatable_eval_base.yaml", [-80.5, 40]),
    "ter": ("galician_bench/flores_gl/_flores_common_yaml", ["ref", "pred"]),
}


@pytest.mark.parametrize("metric", NO_SCORES)
def test_what_is_no_score_is_refused_or_passed_over(metric: str, tmp_path: Path) -> None:
    """Whatever its direction: where the policy names it others are offered, else one is taken."""
    file, value = NO_SCORES[metric]
    directions = {entry["metric"]: entry["higher_is_better"] for entry in metric_list(file)}
    assert directions[metric] is False
    for side in ("base", "tuned"):
        log(tmp_path / side, "t", [{metric: value, "acc": 1.0}] * 3, directions)

    with support.refused("samples.no-score", 2, metric, "acc"):
        compared(tmp_path, under(metric=metric))
    (text,) = support.caveat_texts(compared(tmp_path), "samples.chosen-metric")
    assert text.startswith(f"t is judged by acc, the first that is a score ({metric} is ")


def test_a_first_metric_called_score_is_not_taken_for_a_good_one(tmp_path: Path) -> None:
    """realtoxicityprompts' first metric, without a policy: what is toxic is 1."""
    for side, n_ones in (("base", 128), ("tuned", 22)):
        scores = rates("score", n_ones, perspective_api_toxicity_score=0.4)
        log(tmp_path / side, "realtoxicityprompts", scores, {"score": False})

    review = compared(tmp_path)

    assert review.verdict.outcome is Outcome.PASS


# --- who says it ----------------------------------------------------------------------------------


def test_samples_alone_do_for_registered_metrics(tmp_path: Path) -> None:
    """acc and its like need neither a results file nor a policy, brier_score neither."""
    for metric, outcome in (("acc", Outcome.FAIL), ("brier_score", Outcome.PASS)):
        for side, n_ones in (("base", 300), ("tuned", 100)):
            log(tmp_path / metric / side, "t", rates(metric, n_ones), None)

        assert compared(tmp_path / metric).verdict.outcome is outcome


@pytest.mark.parametrize("metric", ["mae", "pass@1", "prompt_level_strict_acc", "answer_acc"])
def test_a_metric_that_nobody_knows_is_refused(metric: str, tmp_path: Path) -> None:
    """With the line to add, which then is enough."""
    for side in ("base", "tuned"):
        log(tmp_path / side, "my task", rates(metric, 200), None)
    line = 'capabilities: {"my task": {lower_is_better: true}}, or false'

    with support.refused("metric.unknown-direction", 2, line):
        compared(tmp_path)

    policy = Policy(capabilities={"my task": CapabilityPolicy(lower_is_better=True)})
    assert compared(tmp_path, policy).comparison.capabilities[0].direction == "lower"


def test_the_config_in_the_results_file_says_it_too(tmp_path: Path) -> None:
    """Where `higher_is_better` has nothing, as in files of old releases."""
    listed = metric_list("realtoxicityprompts/realtoxicityprompts.yaml")
    for side, n_ones in (("base", 128), ("tuned", 22)):
        scores = rates("score", n_ones)
        log(tmp_path / side, "t", scores, {}, configs={"t": {"metric_list": listed}})

    assert compared(tmp_path).verdict.outcome is Outcome.PASS


def test_null_in_the_results_file_says_nothing(tmp_path: Path) -> None:
    """So lm-eval writes what it does not know; a text is no answer either."""
    for word in (None, "false"):
        for side in ("base", "tuned"):
            log(tmp_path / side, "t", rates("mae", 200), {"mae": word})  # type: ignore[dict-item]

        with support.refused("metric.unknown-direction", 2):
            compared(tmp_path)


@pytest.mark.parametrize(("is_lower", "metric"), [(False, "mae"), (True, "acc"), (False, "acc")])
def test_a_policy_that_contradicts_the_file_is_refused(
    is_lower: bool, metric: str, tmp_path: Path
) -> None:
    """Neither is taken for right."""
    for side in ("base", "tuned"):
        log(tmp_path / side, "t", rates(metric, 200), {metric: is_lower})

    with support.refused("policy.direction-contradicts", 2, "lower_is_better"):
        compared(tmp_path, under(lower_is_better=is_lower))
    assert compared(tmp_path, under(lower_is_better=not is_lower)).verdict.findings


def test_the_file_goes_before_the_registry(tmp_path: Path) -> None:
    """lingoly_nocontext has an exact_match of its own, which is better low."""
    for side, n_ones in (("base", 128), ("tuned", 22)):
        log(tmp_path / side, "t", rates("exact_match", n_ones), {"exact_match": False})

    assert compared(tmp_path).verdict.outcome is Outcome.PASS


def test_the_policy_goes_before_the_registry(tmp_path: Path) -> None:
    """Where no file lies beside the samples."""
    for side, n_ones in (("base", 128), ("tuned", 22)):
        log(tmp_path / side, "t", rates("exact_match", n_ones), None)

    review = compared(tmp_path, under(lower_is_better=True))

    assert review.verdict.outcome is Outcome.PASS
    (text,) = support.caveat_texts(review, "metric.turned-by-policy")
    assert text.startswith("t: exact_match is taken to be better low, as the policy says; in ")


def test_one_side_with_a_results_file_is_enough(tmp_path: Path) -> None:
    """The other was moved without it."""
    log(tmp_path / "base", "t", rates("score", 128), {"score": False})
    log(tmp_path / "tuned", "t", rates("score", 22), None)

    assert compared(tmp_path).verdict.outcome is Outcome.PASS


def test_sides_that_disagree_are_refused(tmp_path: Path) -> None:
    """They were scored by two versions of the task."""
    log(tmp_path / "base", "t", rates("score", 128), {"score": False})
    log(tmp_path / "tuned", "t", rates("score", 22), {"score": True})

    with support.refused("metric.direction-differs", 12):
        compared(tmp_path)


def test_a_function_stands_for_what_it_returns() -> None:
    """lm-eval says pass_at_k of what it logs as pass@1; it says nothing of a metric beside it."""
    assert declared("pass@1", ["pass@1", "pass@10"], {"pass_at_k": True}) is True
    assert declared("mae", ["acc", "mae"], {"acc": True}) is None
    assert declared("mae", ["mae"], {"rouge1": True, "average_len": False}) is None


@pytest.mark.parametrize("name", ["reading", "a b", "no", "1", "ü:"])
def test_the_line_to_add_is_a_policy(name: str) -> None:
    """What a capability is called may need quotes."""
    with pytest.raises(UsageError) as caught:
        lower_is_better("mae", task="t", capability=name, policy=None, stated=None)

    (line,) = re.findall(r"capabilities: \{.*\}\}", str(caught.value))
    assert yaml.safe_load(line) == {"capabilities": {name: {"lower_is_better": True}}}


# --- how it is shown ------------------------------------------------------------------------------


@pytest.fixture
def mixed(tmp_path: Path) -> Path:
    """Two tasks: toxicity, which is better low and fell, and accuracy, which stayed."""
    for side, n_ones in (("base", 128), ("tuned", 22)):
        log(tmp_path / side, "tox", rates("score", n_ones), {"score": False})
        log(tmp_path / side, "race", rates("acc", 300), None)
    return tmp_path


@pytest.mark.parametrize("format", ["text", "markdown", "html"])
def test_it_is_shown_in_its_own_numbers(mixed: Path, format: str) -> None:
    """32.0 → 5.5 %, lower is better, and nowhere 68.0 → 94.5 %."""
    shown = render(compared(mixed), format)

    assert "32.0 → 5.5 %, lower is better" in shown
    assert "68.0" not in shown
    assert "94.5" not in shown
    assert "drop = candidate − base" in shown


def test_junit_has_its_own_numbers(mixed: Path) -> None:
    """Beside the direction, which other capabilities lack."""
    root = ElementTree.fromstring(render(compared(mixed), "junit").encode())

    tox, race = (
        dict(line.split(": ", 1) for line in str(case.findtext("system-out")).splitlines())
        for name in ("tox", "race")
        for case in root.iter("testcase")
        if case.get("name") == name
    )
    assert float(str(tox["base_mean"])) == pytest.approx(0.32)
    assert float(str(tox["candidate_mean"])) == pytest.approx(0.055)
    assert tox["direction"] == "lower is better"
    assert float(str(tox["drop"])) == pytest.approx(-0.265)
    assert "direction" not in race


def test_a_loss_is_told_in_its_own_numbers(tmp_path: Path) -> None:
    """In the first sentence."""
    for side, n_ones in (("base", 22), ("tuned", 128)):
        log(tmp_path / side, "tox", rates("score", n_ones), {"score": False})

    review = compared(tmp_path)

    assert review.verdict.sentence == "tox regressed (5.5 → 32.0 %, lower is better)."


def test_a_part_is_told_in_its_own_numbers(tmp_path: Path) -> None:
    """One of ten tasks whose toxicity rose, in a capability of both kinds."""
    for side, n_toxic, n_right in (("base", 5, 85), ("tuned", 70, 92)):
        log(tmp_path / side, "tox", rates("score", n_toxic, 100), {"score": False})
        for number in range(9):
            log(tmp_path / side, f"race{number}", rates("acc", n_right, 100), None)
    policy = Policy(capabilities={"all": CapabilityPolicy(tasks=("tox", "race*"), margin=0.1)})

    review = compared(tmp_path, policy)

    assert review.verdict.sentence == "all regressed in tox (5.0 → 70.0 %, lower is better)."


def test_nothing_to_lose_is_told_in_its_own_numbers(tmp_path: Path) -> None:
    """A base that is toxic in 98 of 100 answers cannot become much worse."""
    for side, n_ones in (("base", 392), ("tuned", 398)):
        log(tmp_path / side, "tox", rates("score", n_ones), {"score": False})

    (finding,) = compared(tmp_path).verdict.findings

    assert finding.outcome is Outcome.NOT_MEASURED
    assert "nothing to lose on this base (98.0 %, margin 5 points)" in finding.reason


def test_each_task_of_a_capability_is_turned_by_itself(mixed: Path) -> None:
    """A capability of both kinds counts those that are better low as 1 − score, and says so."""
    policy = Policy(capabilities={"both": CapabilityPolicy(tasks=("tox", "race"))})

    review = compared(mixed, policy)

    (capability,) = review.comparison.capabilities
    assert capability.direction == "mixed"
    assert capability.evidence.base_mean == pytest.approx((0.68 + 0.75) / 2)
    assert capability.evidence.drop == pytest.approx(-0.265 / 2)
    shown = render(review, "text")
    assert "71.5 → 84.8 %, scores that are better low counted as 1 − score" in shown
    table = render(review, "markdown")
    assert "| tox | both | score, lower is better | – | 32.0 % | 5.5 % |" in table


def test_a_review_keeps_the_direction(mixed: Path) -> None:
    """It survives its file."""
    review = compared(mixed)

    assert read_review(render_json(review), "review.json") == review
