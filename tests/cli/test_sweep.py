"""`cliffguard sweep`: what it reports is what `check` of the same candidates reports."""

from __future__ import annotations

import json
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner, Result

from cliffguard import gate
from cliffguard.cli.app import app
from cliffguard.core.errors import IntegrityError
from cliffguard.core.items import Item
from cliffguard.core.settings import Plan
from cliffguard.sweep import candidates, coming, driver, engines
from cliffguard.sweep.executors import Work
from tests.fake_runner import FakeRunner, Script
from tests.sweep import runs
from tests.sweep.here import HereExecutor


def falling(name: str, item: Item) -> float:
    """Script: from checkpoint-300 on a third of the items is lost."""
    is_late = name.endswith(("300", "400"))
    return float(not (is_late and int(item.id[-3:]) % 3 == 0))


@pytest.fixture
def root(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with four checkpoints of a training, and nobody waits for long."""
    runs.workspace(tmp_path, n_items=200, n_said=150)
    monkeypatch.setattr(driver, "_PAUSE_SECONDS", 0.001)
    monkeypatch.setattr(coming, "_LOOK_SECONDS", 0.0)
    monkeypatch.setattr(candidates, "SETTLED_SECONDS", 0.0)
    monkeypatch.chdir(tmp_path)
    return tmp_path


@pytest.fixture
def answering(monkeypatch: pytest.MonkeyPatch) -> Callable[..., list[HereExecutor]]:
    """Let workers in this process answer by a script."""

    def answer(script: Script, **more: Any) -> list[HereExecutor]:
        made: list[HereExecutor] = []

        def executor_of(_: str, plan: Plan, **__: Any) -> HereExecutor:
            made.append(HereExecutor(plan, lambda _: FakeRunner(script), **more))
            return made[-1]

        monkeypatch.setattr(engines, "executor_of", executor_of)
        monkeypatch.setattr(gate, "runner_for", lambda plan: FakeRunner(script))
        return made

    return answer


def run(*words: object) -> Result:
    """Run the command line in this process."""
    return CliRunner().invoke(app, [str(word) for word in words], catch_exceptions=False)


def swept(root: Path, *more: object) -> Result:
    """Sweep all checkpoints."""
    words = ("sweep", "plan.yaml", "--candidates", "runs/*/checkpoint-*")
    return run(*words, "--store", "swept", "--out", "out-swept", *more)


def checked(root: Path, *more: object) -> Result:
    """Check the same, one after the other."""
    each = [w for n in range(1, 5) for w in ("--candidate", f"runs/ft/checkpoint-{n}00")]
    words = ("check", "plan.yaml", *each, "--store", "checked", "--out", "out-checked", *more)
    result = run(*words)
    assert not list((root / "out-checked").rglob("failure.json")), result.stderr
    return result


def as_reviewed(root: Path, how: str) -> dict[str, str]:
    """Return the reviews by the last part of their folder, without where they lie."""
    out = root / f"out-{how}"
    texts = {path.parent: path.read_text() for path in sorted(out.rglob("review.json"))}
    return {
        folder.name: text.replace(str(folder.relative_to(root)), "").replace(f"{root}/{how}", "")
        for folder, text in texts.items()
    }


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--choose", "any"), ("--choose", "last")])
def test_it_reports_what_check_of_several_reports(
    root: Path, answering: Callable[..., list[HereExecutor]], more: tuple[str, ...]
) -> None:
    """The same reviews, the same store, and the same exit code, also where one is chosen."""
    made = answering(falling)

    sweep, check = swept(root, *more), checked(root, *more)

    assert sweep.exit_code == check.exit_code == (0 if more else 10), sweep.stderr
    runs.same_stores(root, "swept", "checked")
    assert as_reviewed(root, "swept") == as_reviewed(root, "checked")
    assert made[0].is_cancelled


@pytest.mark.slow
def test_the_overview_has_all_candidates_in_their_order(
    root: Path, answering: Callable[..., list[HereExecutor]]
) -> None:
    """Under their names below what the pattern leaves open, and where training fell."""
    answering(falling)

    result = swept(root)

    overview = json.loads((root / "out-swept" / "overview.json").read_text())
    names = [row["name"] for row in overview["candidates"]]
    assert names == [f"ft/checkpoint-{n}00" for n in (1, 2, 3, 4)]
    assert "Last PASS: 200" in result.stderr
    assert "ft/checkpoint-100: PASS, exit 0" in result.stderr
    assert "of 4)" in result.stderr
    assert result.stdout == ""


@pytest.mark.slow
def test_a_second_sweep_asks_nothing(
    root: Path, answering: Callable[..., list[HereExecutor]]
) -> None:
    """All is in the store; the reviews are the same."""
    made = answering(falling)
    swept(root)
    before = as_reviewed(root, "swept")

    result = swept(root)

    assert result.exit_code == 10
    assert [work.name for _, work in made[1].given if work.name == "ask"] == []
    assert as_reviewed(root, "swept") == before


@pytest.mark.slow
def test_a_candidate_that_cannot_be_asked_does_not_keep_others_from_it(
    root: Path, answering: Callable[..., list[HereExecutor]]
) -> None:
    """Its line, its failure.json, and the worst exit code."""
    answering(falling)
    (root / "runs" / "ft" / "checkpoint-200" / "model.safetensors").write_bytes(b"torn")

    result = swept(root)

    assert result.exit_code == 12
    assert "ft/checkpoint-200: no verdict, exit 12" in result.stderr
    failure = json.loads((root / "out-swept/ft/checkpoint-200/failure.json").read_text())
    assert failure["exit_code"] == 12
    assert len(as_reviewed(root, "swept")) == 3


def test_a_folder_that_vanishes_is_a_caveat(
    root: Path, answering: Callable[..., list[HereExecutor]]
) -> None:
    """While it is asked, as when a trainer keeps its last checkpoints alone."""
    lost = root / "runs" / "ft" / "checkpoint-100"

    def vanishing(name: str, item: Item) -> float:
        if name.endswith("checkpoint-100") and lost.exists():
            shutil.rmtree(lost)
            raise FileNotFoundError(lost)
        return 1.0

    answering(vanishing)

    result = swept(root)

    assert result.exit_code == 0, result.stderr
    assert "! ft/checkpoint-100: its folder vanished before its verdict" in result.stderr
    overview = json.loads((root / "out-swept" / "overview.json").read_text())
    (row,) = overview["uncompared"]
    assert (row["name"], row["exit_code"]) == ("ft/checkpoint-100", None)
    assert "vanished" in row["reason"]
    assert not (root / "out-swept/ft/checkpoint-100/failure.json").exists()


def test_a_folder_that_is_being_removed_has_vanished(
    root: Path, answering: Callable[..., list[HereExecutor]]
) -> None:
    """Its weights go first, and seconds later what makes it a checkpoint: it is not torn."""
    weights = root / "runs" / "ft" / "checkpoint-100" / "model.safetensors"

    def vanishing(name: str, item: Item) -> float:
        if name.endswith("checkpoint-100"):
            weights.unlink(missing_ok=True)
            raise IntegrityError("the weights are gone", id="checkpoint.torn")
        return 1.0

    answering(vanishing)

    result = swept(root)

    assert result.exit_code == 0, result.stderr
    assert "! ft/checkpoint-100: its folder vanished before its verdict" in result.stderr


def test_where_all_vanish_nothing_was_judged(
    root: Path, answering: Callable[..., list[HereExecutor]]
) -> None:
    """That is no PASS."""

    def vanishing(name: str, item: Item) -> float:
        shutil.rmtree(root / "runs", ignore_errors=True)
        raise FileNotFoundError(name)

    answering(vanishing)

    result = swept(root)

    assert result.exit_code == 20
    assert "error[sweep.nothing-judged]: no checkpoint was judged: 4 folders" in result.stderr


@pytest.mark.slow
def test_a_worker_that_is_lost_changes_nothing(
    root: Path, answering: Callable[..., list[HereExecutor]]
) -> None:
    """Its units are asked again; a new worker learns the suites first."""
    losses = iter([False, False, False, True, False, True, *[False] * 1000])

    def lose(worker: int, work: Work) -> bool:
        return work.name == "ask" and next(losses)

    answering(falling, lose=lose)
    result = swept(root)
    checked(root)

    assert result.exit_code == 10, result.stderr
    assert next(losses) is False
    runs.same_stores(root, "swept", "checked")
    assert as_reviewed(root, "swept") == as_reviewed(root, "checked")


@pytest.mark.slow
def test_nothing_is_waited_for_between_the_store_and_the_question(
    root: Path, answering: Callable[..., list[HereExecutor]]
) -> None:
    """Else the base may be asked twice: what a device decides is known before the first answer."""
    made = answering(falling)

    swept(root)

    given = [work for _, work in made[0].given]
    first = next(number for number, work in enumerate(given) if work.name == "ask")
    assert "n_together" in [work.arguments[0] for work in given[:first]]
    units = [work for work in given if work.name == "ask"]
    keys = [(work.arguments[0].fingerprint, work.arguments[1], work.arguments[2]) for work in units]
    assert len(set(keys)) == len(keys)


@pytest.mark.slow
def test_a_worker_that_was_replaced_unseen_learns_the_suites_first(
    root: Path, answering: Callable[..., list[HereExecutor]]
) -> None:
    """As one that a system killed, or whose job ended, while it waited for the next checkpoint."""
    losses = iter([False, False, True, False, False, True, *[False] * 1000])

    def forget(worker: int, work: Work) -> bool:
        return work.name == "ask" and next(losses)

    answering(falling, forget=forget)
    assert swept(root).exit_code == 10
    checked(root)

    assert next(losses) is False
    runs.same_stores(root, "swept", "checked")


@pytest.mark.slow
def test_a_failure_is_listed_though_its_folder_cannot_be_made(
    root: Path, answering: Callable[..., list[HereExecutor]]
) -> None:
    """There is no failure.json to read it from; it did not "end before its verdict"."""
    answering(falling)
    (root / "out-swept" / "ft").mkdir(parents=True)
    (root / "out-swept" / "ft" / "checkpoint-200").write_text("a file")

    result = swept(root)

    overview = json.loads((root / "out-swept" / "overview.json").read_text())
    (row,) = overview["uncompared"]
    assert row["name"] == "ft/checkpoint-200"
    assert row["reason"] in result.stderr
    assert "out-swept/ft/checkpoint-200" in row["reason"]


@pytest.mark.slow
def test_a_name_is_one_line_of_a_log(
    root: Path, answering: Callable[..., list[HereExecutor]]
) -> None:
    """Whoever names a folder colours no terminal, and adds no line."""
    answering(falling)
    (root / "runs/ft/checkpoint-400").rename(root / "runs/ft/checkpoint-\n\x1b[32mPASS\x1b[0m")

    result = swept(root)

    assert "\x1b" not in result.stderr
    assert "ft/checkpoint-\\n\\x1b[32mPASS\\x1b[0m: PASS, exit 0" in result.stderr


# --- watching ------------------------------------------------------------------------------------


@pytest.mark.slow
def test_a_watch_takes_what_comes(root: Path, answering: Callable[..., list[HereExecutor]]) -> None:
    """Checkpoints that a trainer saves while others are asked, until there are so many."""
    saved = [n for n in (1, 2)]
    shutil.rmtree(root / "runs")

    def training(name: str, item: Item) -> float:
        if name.endswith("00") and len(saved) < 4:
            saved.append(len(saved) + 1)
            runs.checkpoint(root, saved[-1])
        return falling(name, item)

    runs.checkpoint(root, 1)
    runs.checkpoint(root, 2)
    answering(training)

    result = swept(root, "--watch", "--until", 4)

    assert result.exit_code == 10, result.stderr
    assert sorted(as_reviewed(root, "swept")) == [f"checkpoint-{n}00" for n in (1, 2, 3, 4)]
    assert "ft/checkpoint-400: FAIL, exit 10 (" in result.stderr
    assert "(4)\n" in result.stderr


def test_a_watch_names_what_a_trainer_removed_too_soon(
    root: Path, answering: Callable[..., list[HereExecutor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """With save_total_limit=1 each goes when the next comes, though it had not settled."""
    monkeypatch.setattr(candidates, "SETTLED_SECONDS", 0.2)
    looks, matching = [0], candidates.matching

    def rotating(*given: Any) -> list[candidates.Candidate]:
        there = matching(*given)
        looks[0] += len(given) > 1  # and not a look for what --out must not be
        if looks[0] == 1:
            for number in (1, 2, 3):
                shutil.rmtree(root / "runs" / "ft" / f"checkpoint-{number}00")
        return there

    monkeypatch.setattr(candidates, "matching", rotating)
    answering(lambda *_: 1.0)

    result = swept(root, "--watch", "--until", 1)

    assert result.exit_code == 0, result.stderr
    overview = json.loads((root / "out-swept" / "overview.json").read_text())
    assert [row["name"] for row in overview["uncompared"]] == [
        f"ft/checkpoint-{n}00" for n in (1, 2, 3)
    ]
    assert all("vanished" in row["reason"] for row in overview["uncompared"])
    assert "! ft/checkpoint-200: its folder vanished before its verdict" in result.stderr


def test_a_watch_to_which_nothing_comes_ends(
    root: Path, answering: Callable[..., list[HereExecutor]]
) -> None:
    """Nothing judged is no PASS; a folder that was never whole is named."""
    shutil.rmtree(root / "runs")
    torn = runs.checkpoint(root, 1)
    (torn / "model.safetensors").write_bytes(b"torn")
    answering(falling)

    result = swept(root, "--watch", "--idle-minutes", 0.01)

    assert result.exit_code == 20
    assert "error[sweep.nothing-judged]: no checkpoint was judged: none came" in result.stderr
    assert "runs/ft/checkpoint-100: was not whole to the end" in result.stderr


# --- what is refused -----------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("words", "id"),
    [
        (("--candidates", "run/*/checkpoint-*"), "sweep.no-candidate"),
        (("--until", "3"), "sweep.no-watch"),
        (("--watch", "--choose", "any"), "sweep.choose-watch"),
        (("--suite", "auto"), "sweep.auto-suites"),
        (("--chat-template", "both"), "chat-template.both"),
    ],
)
def test_what_a_sweep_does_not_do_is_refused(
    root: Path,
    answering: Callable[..., list[HereExecutor]],
    words: tuple[str, ...],
    id: str,
) -> None:
    """In one line, before anything is started."""
    made = answering(falling)
    patterns = () if "--candidates" in words else ("--candidates", "runs/*/checkpoint-*")

    result = run("sweep", "plan.yaml", *patterns, *words, "--out", "out", "-q")

    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"cliffguard: error[{id}]: ")
    assert made == []


@pytest.mark.parametrize(
    ("pattern", "out"),
    [
        ("runs/ft/checkpoint-*", "runs/ft"),
        ("runs/*/checkpoint-*", "runs"),
        ("runs/**", "base/../runs"),
        ("runs/ft/checkpoint-100", "runs/ft"),
        ("runs/*/checkpoint-*", "runs/ft/checkpoint-200/gate"),
        ("runs/*/checkpoint-*", "linked"),
    ],
)
@pytest.mark.parametrize("more", [(), ("--watch",)])
def test_reports_never_lie_among_a_checkpoint_s_files(
    root: Path,
    answering: Callable[..., list[HereExecutor]],
    pattern: str,
    out: str,
    more: tuple[str, ...],
) -> None:
    """One line names the checkpoint, and nothing is written or removed there."""
    made = answering(falling)
    (root / "linked").symlink_to("runs")
    (root / "runs" / "ft" / "review.json").write_text("theirs")
    before = sorted((root / "runs").rglob("*"))

    result = run("sweep", "plan.yaml", "--candidates", pattern, "--out", out, *more)

    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith(f"cliffguard: error[out.in-checkpoint]: --out {out}: ")
    assert "runs/" in line.partition(": reports")[2]
    assert made == []
    assert sorted((root / "runs").rglob("*")) == before


def test_a_check_of_several_writes_no_report_into_a_checkpoint(
    root: Path, answering: Callable[..., list[HereExecutor]]
) -> None:
    """Below --out their folders are called as the checkpoints are."""
    answering(falling)
    before = sorted((root / "runs").rglob("*"))

    result = checked(root, "--out", "runs/ft")

    assert result.exit_code == 2
    assert "error[out.in-checkpoint]: --out runs/ft: " in result.stderr
    assert sorted((root / "runs").rglob("*")) == before


@pytest.mark.slow
def test_reports_may_lie_beside_the_checkpoints(
    root: Path, answering: Callable[..., list[HereExecutor]]
) -> None:
    """A folder of their own between them is no checkpoint, also where the pattern matches it."""
    answering(falling)

    results = [
        run("sweep", "plan.yaml", "--candidates", "runs/ft/*", "--out", "runs/ft/reports", "-q")
        for _ in range(2)
    ]

    assert [result.exit_code for result in results] == [10, 10], results[0].stderr
    overview = json.loads((root / "runs/ft/reports/overview.json").read_text())
    assert [row["name"] for row in overview["candidates"]] == [
        f"checkpoint-{n}00" for n in (1, 2, 3, 4)
    ]


@pytest.mark.parametrize("named_by", ["the plan", "its adapters", "nobody"])
def test_a_base_that_is_missing_is_told_once(
    root: Path, answering: Callable[..., list[HereExecutor]], named_by: str
) -> None:
    """Not of each candidate, and before a worker is started."""
    made = answering(falling)
    if named_by == "the plan":
        shutil.rmtree(root / "base")
    else:
        plan = (root / "plan.yaml").read_text().partition("\n")[2]
        (root / "plan.yaml").write_text(plan)
    if named_by == "its adapters":
        for folder in (root / "runs" / "ft").iterdir():
            (folder / "config.json").unlink()
            (folder / "adapter_config.json").write_text(
                json.dumps({"peft_type": "LORA", "base_model_name_or_path": f"{root}/gone"})
            )

    result = swept(root, "-q")

    assert result.exit_code == 2
    (line,) = result.stderr.splitlines()
    assert line.startswith("cliffguard: error[")
    assert made == []
    assert json.loads((root / "out-swept" / "failure.json").read_text())["exit_code"] == 2


def test_a_base_that_some_lack_is_told_of_these(
    root: Path, answering: Callable[..., list[HereExecutor]]
) -> None:
    """The others are judged."""
    answering(falling)
    plan = (root / "plan.yaml").read_text().partition("\n")[2]
    (root / "plan.yaml").write_text(plan)
    adapters = [root / "runs" / "ft" / f"checkpoint-{n}00" for n in (1, 2)]
    for folder, base in zip(adapters, ("gone", "base"), strict=True):
        (folder / "config.json").unlink()
        (folder / "model.safetensors").rename(folder / "adapter_model.safetensors")
        config = {"peft_type": "LORA", "base_model_name_or_path": f"{root}/{base}"}
        (folder / "adapter_config.json").write_text(json.dumps(config))

    result = swept(root, "-q")

    assert "gone" in result.stderr
    assert (root / "out-swept/ft/checkpoint-200/review.json").exists()


def test_it_is_not_started_by_a_launcher(
    root: Path, answering: Callable[..., list[HereExecutor]], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Torchrun's processes would each start workers."""
    monkeypatch.setenv("WORLD_SIZE", "2")
    monkeypatch.setenv("MASTER_ADDR", "127.0.0.1")
    answering(falling)

    result = swept(root, "-q")

    assert result.exit_code == 2
    assert "error[sweep.launched]" in result.stderr
