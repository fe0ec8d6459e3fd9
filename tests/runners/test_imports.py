"""Folders of lm-eval's samples: what is paired, what is counted, and what is refused."""

from __future__ import annotations

import json
import time
from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

import pytest

from cliffguard import Outcome, Policy
from cliffguard.core.reviews import Review
from cliffguard.core.settings import CapabilityPolicy
from cliffguard.gate import compare_samples
from cliffguard.report.json import read_review, render_json
from cliffguard.report.next_steps import next_steps
from cliffguard.report.page import lay_out
from cliffguard.runners.lmeval_import import is_logged, read_samples
from tests import support

Row = dict[str, Any]


def row(number: int, score: Any = 1.0, *, filter: str = "none", **changes: Any) -> Row:
    """Return a line as lm-eval writes it, of a multiple-choice document."""
    return {
        "doc_id": number,
        "doc": {"question": f"q{number}"},
        "target": "1",
        "arguments": {
            f"gen_args_{choice}": {"arg_0": f"Q: q{number}\nA:", "arg_1": f" {choice}"}
            for choice in range(2)
        },
        "resps": [[["-1.0", "False"]], [["-2.0", "False"]]],
        "filtered_resps": [["-1.0", "False"], ["-2.0", "False"]],
        "filter": filter,
        "metrics": ["acc", "acc_norm"],
        "doc_hash": f"d{number}",
        "prompt_hash": f"p{number}",
        "target_hash": "t",
        "acc": score,
        "acc_norm": 1.0,
        **changes,
    }


def write(folder: Path, task: str, rows: list[Row], *, day: int = 1) -> Path:
    """Write a task's samples under the name that lm-eval gives them; its documents are its own.

    No two models log the same to the byte: a key that nobody reads says whose samples they are.
    """
    folder.mkdir(parents=True, exist_ok=True)
    rows = [
        {**row, **{key: f"{task} {row[key]}" for key in ("doc_hash", "prompt_hash") if key in row}}
        for row in rows
    ]
    path = folder / f"samples_{task}_2026-01-{day:02d}T10-00-00.123456.jsonl"
    lines = [json.dumps({**row, "of": folder.name}) + "\n" for row in rows]
    path.write_text("".join(lines), encoding="utf-8")
    return path


def scored(n: int, wrong: Callable[[int], bool] = lambda _: False, **more: Any) -> list[Row]:
    """Return `n` documents, wrong where `wrong(number)` says so."""
    return [row(number, 0.0 if wrong(number) else 1.0, **more) for number in range(n)]


@pytest.fixture
def folders(tmp_path: Path) -> tuple[Path, Path]:
    """Two sides of three tasks: the candidate loses a fifth of gsm8k and nothing else."""
    base, candidate = tmp_path / "base", tmp_path / "tuned"
    for side in (base, candidate):
        write(side, "race", scored(400))
        write(side, "boolq", scored(400))
    write(base, "gsm8k", scored(400))
    write(candidate, "gsm8k", scored(400, lambda n: n % 5 == 0))
    return base, candidate


def policy(**tasks: Any) -> Policy:
    """Return a policy with these capabilities."""
    capabilities: Mapping[str, CapabilityPolicy] = {
        name: value if isinstance(value, CapabilityPolicy) else CapabilityPolicy(tasks=value)
        for name, value in tasks.items()
    }
    return Policy(capabilities=capabilities)


def compared(folders: tuple[Path, Path], given: Policy | None = None) -> Review:
    """Return the review of two folders."""
    return compare_samples(str(folders[0]), str(folders[1]), given)


def version_caveats(review: Review) -> list[str]:
    """Return the caveats that are of versions."""
    return support.caveat_texts(review, "samples.other-libraries")


def test_the_policy_makes_capabilities_of_tasks(folders: tuple[Path, Path]) -> None:
    """Two tasks are one capability, whose items count equally."""
    review = compared(folders, policy(reasoning=("gsm8k",), reading=("race", "boolq")))

    capabilities = {
        capability.capability: capability for capability in review.comparison.capabilities
    }
    assert (capabilities["reading"].counts.n_items, capabilities["reasoning"].counts.n_broken) == (
        800,
        80,
    )
    assert review.verdict.outcome is Outcome.FAIL
    assert "reasoning regressed (100.0 → 80.0 %)" in review.verdict.sentence


def test_without_a_policy_each_task_is_a_capability(folders: tuple[Path, Path]) -> None:
    """So a first look needs no file."""
    review = compared(folders)

    names = [capability.capability for capability in review.comparison.capabilities]
    assert names == ["boolq", "gsm8k", "race"]


def test_patterns_gather_subtasks(tmp_path: Path) -> None:
    """mmlu_* is fifty files of lm-eval's."""
    for side in ("a", "b"):
        for task in ("mmlu_law", "mmlu_art", "piqa"):
            write(tmp_path / side, task, scored(100))

    review = compared((tmp_path / "a", tmp_path / "b"), policy(knowledge=("mmlu_*",)))

    assert review.comparison.capabilities[0].counts.n_items == 200
    assert support.caveat_texts(review, "samples.unnamed-tasks") == [
        "Not judged, since the policy names them nowhere: piqa."
    ]


def test_what_the_policy_names_and_nobody_measured_is_open(folders: tuple[Path, Path]) -> None:
    """An absent test is not a pass: a capability without `tasks` that no folder has."""
    review = compared(folders, policy(reading=("race",), xstest=()))

    absent = review.verdict.findings[-1]
    assert (absent.capability, absent.outcome) == ("xstest", Outcome.NOT_MEASURED)
    assert review.verdict.outcome is Outcome.INCONCLUSIVE


def test_a_capability_without_tasks_is_the_task_of_its_name(folders: tuple[Path, Path]) -> None:
    """Beside others that name theirs."""
    given = policy(reading=("race",), gsm8k=CapabilityPolicy(margin=0.03))

    review = compared(folders, given)

    assert {capability.capability for capability in review.comparison.capabilities} == {
        "reading",
        "gsm8k",
    }


def test_metric_and_filter_are_chosen_by_the_policy(tmp_path: Path) -> None:
    """Of several scores the first counts, unless the capability names another."""
    for side in ("a", "b"):
        strict = scored(100, lambda n: n % 2 == 0, filter="strict-match")
        flexible = scored(100, filter="flexible-extract", acc_norm=0.0)
        write(tmp_path / side, "gsm8k", [*strict, *flexible])
    folders = (tmp_path / "a", tmp_path / "b")

    first = compared(folders)
    chosen = compared(
        folders,
        policy(
            maths=CapabilityPolicy(tasks=("gsm8k",), filter="flexible-extract", metric="acc_norm")
        ),
    )

    assert first.comparison.capabilities[0].evidence.base_mean == 0.5
    assert chosen.comparison.capabilities[0].evidence.base_mean == 0.0


@pytest.mark.parametrize("is_low", [False, True])
def test_what_other_filters_say_of_an_answer_is_kept(tmp_path: Path, is_low: bool) -> None:
    """Of each document the best score by a filter that does not count, higher being better."""
    strict = scored(3, filter="strict-match")
    flexible = [row(number, float(number > 0), filter="flexible-extract") for number in range(3)]
    lax = [row(0, 0.25, filter="lax"), row(1, None, filter="lax")]
    write(tmp_path / "a", "gsm8k", [*strict, *flexible, *lax])
    write(tmp_path / "b", "gsm8k", [*strict, row(2, 0.0, filter="flexible-extract")])
    rules = CapabilityPolicy(tasks=("gsm8k",), lower_is_better=is_low)

    (task,) = read_samples(
        str(tmp_path / "a"), str(tmp_path / "b"), policy(maths=rules)
    ).suite.tasks

    higher = {"0": (0.25, None), "1": (1.0, None), "2": (1.0, 0.0)}
    lower = {"0": (1.0, None), "1": (0.0, None), "2": (0.0, 1.0)}
    assert task.other_scores == (lower if is_low else higher)


def test_items_of_one_side_are_counted_and_not_dropped(folders: tuple[Path, Path]) -> None:
    """What only the candidate lacks is lost, and does not pass."""
    write(folders[1], "race", scored(340))

    review = compared(folders, policy(reading=("race",)))

    capability = review.comparison.capabilities[0]
    assert (capability.counts.n_items, capability.counts.n_unscored, capability.counts.n_lost) == (
        340,
        60,
        60,
    )
    assert review.verdict.outcome is Outcome.INCONCLUSIVE
    (step,) = next_steps(lay_out(review))
    assert step == (
        "Complete the candidate's samples of reading: 60 of 400 items have none of one side."
    )


def test_scores_that_are_none_are_unscored(folders: tuple[Path, Path]) -> None:
    """Null and NaN are no zeros."""
    rows = scored(400)
    rows[0]["acc"], rows[1]["acc"] = None, float("nan")
    write(folders[0], "race", rows)

    capability = compared(folders, policy(reading=("race",))).comparison.capabilities[0]

    assert (
        capability.counts.n_items,
        capability.counts.n_unscored,
        capability.evidence.base_mean,
    ) == (398, 2, 1.0)


def test_all_differences_are_told(folders: tuple[Path, Path]) -> None:
    """Not one at a time."""
    write(folders[1], "race", scored(400, doc_hash="other"))
    write(folders[1], "boolq", scored(400, prompt_hash="other"))

    with support.refused("sides.asked-otherwise", 12, "400", "boolq"):
        compared(folders)


def test_a_task_of_one_side_is_refused(folders: tuple[Path, Path]) -> None:
    """Unless the policy leaves it out."""
    write(folders[0], "piqa", scored(10))

    with support.refused("sides.other-tasks", 12):
        compared(folders)
    review = compared(folders, policy(reading=("race",)))
    assert "samples.unnamed-tasks" in support.caveat_ids(review)


@pytest.mark.parametrize(
    ("damage", "error"),
    [
        (
            lambda f: write(f, "race", scored(3)).rename(f / "samples_race.jsonl.gz").touch(),
            ("samples.torn-archive", 12),
        ),
        (
            lambda f: write(f, "race", [row(0), row(1, [1, 2])]),
            ("samples.damaged-score", 12),
        ),
        (lambda f: write(f, "race", [row(1, metrics=[])]), ("samples.no-metric", 12)),
    ],
)
def test_damage_is_named_with_its_place(
    folders: tuple[Path, Path], damage: Callable[[Path], object], error: Any
) -> None:
    """File and line, and what to do."""
    damage(folders[0])

    with support.refused(*error):
        compared(folders)


def test_a_checkpoint_is_no_folder_of_samples(folders: tuple[Path, Path]) -> None:
    """Even where somebody logged into it."""
    assert is_logged(str(folders[0]))
    (folders[0] / "config.json").write_text("{}")
    assert not is_logged(str(folders[0]))
    assert not is_logged(str(folders[0] / "nowhere"))


def test_a_review_of_samples_survives_its_file(folders: tuple[Path, Path]) -> None:
    """Like any other."""
    review = compared(folders)

    assert read_review(render_json(review), "review.json") == review
    assert review.provenance.command.startswith("cliffguard compare ")


def test_generated_samples_are_read_as_text(tmp_path: Path) -> None:
    """lm-eval logs a list of one text; whether both sides said the same is seen in it."""
    argument = {"gen_args_0": {"arg_0": "Q:", "arg_1": {"until": ["\n"]}}}
    for side, word in (("a", "Omar"), ("b", "omar.")):
        rows = [
            row(n, arguments=argument, filtered_resps=[word if n % 4 else side]) for n in range(40)
        ]
        write(tmp_path / side, "names", rows)

    review = compared((tmp_path / "a", tmp_path / "b"))

    behaviour = review.comparison.capabilities[0].diagnostics.behaviour
    assert behaviour is not None
    assert (behaviour.agreement, behaviour.n_generated, behaviour.length_ratio) == (0.75, 40, None)


def test_likelihoods_are_not_compared_as_text(folders: tuple[Path, Path]) -> None:
    """Of multiple choice lm-eval logs likelihoods: the choices that they pick are compared."""
    review = compared(folders)

    behaviour = review.comparison.capabilities[0].diagnostics.behaviour
    assert behaviour is not None
    assert (behaviour.agreement, behaviour.n_generated, behaviour.n_confident) == (1.0, 0, 400)


def test_what_a_filter_could_not_read_is_wrong_and_told(tmp_path: Path) -> None:
    """lm-eval writes "[invalid]" and scores it 0; who stops giving answers has lost them."""
    for side, answer in (("a", "4"), ("b", "[invalid]")):
        rows = [row(n, float(answer == "4"), filtered_resps=[answer]) for n in range(40)]
        write(tmp_path / side, "sums", rows)

    review = compared((tmp_path / "a", tmp_path / "b"))

    capability = review.comparison.capabilities[0]
    assert (
        capability.counts.n_unscored,
        capability.counts.n_broken,
        capability.counts.n_unreadable_candidate,
    ) == (0, 40, 40)
    assert (capability.diagnostics.readable and capability.diagnostics.readable.n_items) == 0
    assert review.verdict.outcome is Outcome.FAIL
    assert review.verdict.findings[0].cause == "format"


def likelihoods(side: str, n: int) -> Any:
    """Return the responses of a side to a document."""
    return [[[str(-n - 0.5), "False"]], [[str(-n - len(side)), "False"]]]


def test_one_run_in_two_folders_is_refused(tmp_path: Path) -> None:
    """A cache that knows no models gives the base's answers to the candidate: a perfect PASS."""
    for folder, side in (("a", "x"), ("b", "x"), ("c", "xyz")):
        write(tmp_path / folder, "race", [row(n, resps=likelihoods(side, n)) for n in range(40)])

    with support.refused("sides.one-run", 12, "--use_cache"):
        compared((tmp_path / "a", tmp_path / "b"))
    assert compared((tmp_path / "a", tmp_path / "c")).verdict.findings


SENTENCES = [f"The answer to question {n} is {n}." for n in range(40)]


def generated(folder: Path, texts: list[str], **changes: Any) -> None:
    """Write samples of a task that generates; what a filter leaves is one digit."""
    argument = {"gen_args_0": {"arg_0": "Q:", "arg_1": {"until": ["\n"]}}}
    rows = [
        row(n, arguments=argument, resps=[[text]], filtered_resps=[str(n % 10)], **changes)
        for n, text in enumerate(texts)
    ]
    write(folder, "sums", rows)


@pytest.mark.parametrize(
    ("base", "candidate"),
    [
        pytest.param(SENTENCES, [*SENTENCES[:-1], "It is not known to me."], id="one differs"),
        pytest.param(SENTENCES, [*SENTENCES[:-1], "39"], id="one is short"),
        pytest.param(SENTENCES[:7] * 4, SENTENCES[:7] * 4, id="seven different ones"),
        pytest.param([str(n) for n in range(40)], [str(n) for n in range(40)], id="all are short"),
        pytest.param([s[-19:] for s in SENTENCES], [s[-19:] for s in SENTENCES], id="of 19"),
    ],
)
def test_two_models_may_say_the_same(tmp_path: Path, base: list[str], candidate: list[str]) -> None:
    """Short answers, or few different ones; one long answer that differs shows two models."""
    generated(tmp_path / "a", base)
    generated(tmp_path / "b", candidate)

    assert compared((tmp_path / "a", tmp_path / "b")).verdict.findings


def test_a_file_that_was_copied_is_refused(folders: tuple[Path, Path]) -> None:
    """One task's file is enough, also where its answers are short."""
    texts = [str(n % 2) for n in range(40)]
    for side in folders:
        generated(side, texts)
    assert compared(folders).verdict.findings
    (path,) = folders[0].glob("samples_sums_*")
    (folders[1] / path.name).write_bytes(path.read_bytes())

    with support.refused("sides.one-run", 12, "sums"):
        compared(folders)
    assert compared(folders, policy(reading=("race",))).verdict.findings


def results(folder: Path, day: int = 1, **content: Any) -> None:
    """Write what lm-eval writes beside the samples."""
    path = folder / f"results_2026-01-{day:02d}T10-00-00.123456.json"
    path.write_text(json.dumps(content), encoding="utf-8")


def test_tasks_of_two_versions_are_refused(folders: tuple[Path, Path]) -> None:
    """They score otherwise, and no prompt need show it; the results of the samples' run count."""
    results(folders[0], versions={"race": 2.0})
    results(folders[1], versions={"race": 2.0})
    assert version_caveats(compared(folders)) == []
    results(folders[1], 2, versions={"race": 3.0})
    assert version_caveats(compared(folders)) == []
    results(folders[1], versions={"race": 3.0})

    with support.refused("sides.other-versions", 12, "2.0", "3.0", "race"):
        compared(folders)


def test_libraries_of_two_versions_are_told(folders: tuple[Path, Path]) -> None:
    """What moved beneath the answers is no loss of a fine-tune."""
    results(folders[0], lm_eval_version="0.4.9", transformers_version="5.2.0")
    results(folders[1], lm_eval_version="0.4.13", transformers_version="5.2.0")

    (moved,) = version_caveats(compared(folders))

    assert "different versions (lm-eval 0.4.9 and 0.4.13)" in moved


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_results_file_is_named(text: str, folders: tuple[Path, Path]) -> None:
    """What it would have said is not taken for granted."""
    (folders[0] / "results_2026-01-01T10-00-00.json").write_text(text)

    with support.refused("results.not-json", 12, "results_2026-01-01T10-00-00.json"):
        compared(folders)


@pytest.mark.slow
def test_twenty_tasks_of_a_thousand_items_take_seconds(tmp_path: Path) -> None:
    """Reading, pairing and judging 40,000 samples; 2 seconds on a quiet machine, 6 allowed."""
    for number in range(20):
        for side in ("a", "b"):
            write(tmp_path / side, f"task{number}", scored(1000, lambda n: n % 7 == 0))
    folders = (tmp_path / "a", tmp_path / "b")
    compared(folders)  # imports what it needs
    started = time.process_time()

    review = compared(folders)

    assert len(review.verdict.findings) == 20
    assert time.process_time() - started < 6 * support.slowness()
