"""`cliffguard store`: what is printed, which code it has, and a CI job that measures no base."""

from __future__ import annotations

import json
import re
from pathlib import Path

import pytest
from typer.testing import CliRunner, Result

from cliffguard.cli.app import app
from cliffguard.store.answers import Store
from cliffguard.store.maintenance.questions import entries_of
from tests.faults import Scripted, Workspace
from tests.store.maintenance.stores import answered, content, filled, question


@pytest.fixture
def store(tmp_path: Path) -> Store:
    """Three questions of two checkpoints."""
    return filled(tmp_path / "store")


def run(store: Store, *words: str) -> Result:
    """Run a verb of `store` in this process."""
    words = ("store", words[0], "--store", str(store.root), *words[1:])
    return CliRunner().invoke(app, list(words), catch_exceptions=False)


def tear(store: Store) -> Path:
    """Damage a shard of the first question; return its folder."""
    first = entries_of(store)[0]
    (first.shards_folder / "0000.jsonl").write_text("torn")
    return first.folder


def test_ls_names_what_is_there(store: Store) -> None:
    """One line for each question, and their sum."""
    result = run(store, "ls")

    lines = result.stdout.splitlines()
    assert result.exit_code == 0
    assert len(lines) == 5
    assert sum("runs/tuned" in line and "64 of 70" in line for line in lines) == 1
    assert re.fullmatch(rf"204 answers to 3 questions, \d+ KiB, in {store.root}", lines[-1])


def test_ls_as_json_is_complete(store: Store) -> None:
    """Machines get every field, with the moment of the newest answer."""
    rows = json.loads(run(store, "ls", "--format", "json").stdout)

    assert {(row["checkpoint"], row["task"], row["n_answers"]) for row in rows} == {
        ("base", "ball", 70),
        ("base", "bowl", 70),
        ("runs/tuned", "ball", 64),
    }
    assert all(row["written"].endswith("+00:00") and len(row["key"]) == 64 for row in rows)


def test_ls_lists_the_rest_of_a_damaged_store(store: Store) -> None:
    """What cannot be read is told, with exit code 12; the others are listed."""
    (entries_of(store)[0].folder / "question.json").write_text("{")

    result = run(store, "ls", "--format", "json")

    assert result.exit_code == 12
    assert len(json.loads(result.stdout)) == 2
    assert "store verify" in result.stderr


def test_ls_prints_names_without_what_they_hide(tmp_path: Path) -> None:
    """A checkpoint's name does not write to the terminal of whoever lists it."""
    store = Store(tmp_path / "store")
    answered(store, question("\x1b[31mred\u202e[bold]x"))

    result = run(store, "ls")

    assert "\x1b" not in result.stdout
    assert "\u202e" not in result.stdout
    assert "red[bold]x" in result.stdout


def test_an_empty_store_is_no_error(tmp_path: Path) -> None:
    """Nothing is stored, and all of it is whole."""
    empty = Store(tmp_path / "none")

    assert run(empty, "ls").stdout.startswith("0 answers to 0 questions")
    assert run(empty, "verify").exit_code == 0
    assert not empty.root.exists()


def test_verify_of_a_whole_store_exits_0(store: Store) -> None:
    """And says how much it has read."""
    result = run(store, "verify")

    assert (result.exit_code, result.stderr) == (0, "")
    assert result.stdout == f"{store.root}: 3 questions are whole\n"


def test_verify_exits_12_with_a_line_for_each_damaged_question(store: Store) -> None:
    """Which, why, and what to do next; nothing is changed."""
    folder = tear(store)
    before = content(store.root)

    result = run(store, "verify")

    assert result.exit_code == 12
    assert result.stdout.startswith(f"{folder}: 0000.jsonl cannot be read (")
    assert result.stdout.count("\n") == 1
    assert "1 of 3 questions are damaged; with --repair" in result.stderr
    assert content(store.root) == before


def test_repair_moves_aside_and_exits_0(store: Store) -> None:
    """Then the store is whole, and the file is where the line says."""
    folder = tear(store)

    result = run(store, "verify", "--repair")

    assert result.exit_code == 0
    moved = store.root / "damaged" / folder.name / "shards" / "0000.jsonl"
    assert f"moved aside: {moved}" in result.stdout
    assert moved.read_text() == "torn"
    assert run(store, "verify").exit_code == 0


def test_prune_shows_before_it_removes(store: Store) -> None:
    """Without --yes nothing goes."""
    before = content(store.root)

    result = run(store, "prune", "--checkpoint", "base")

    assert result.exit_code == 0
    assert result.stdout.count("questions/") == 2
    assert "would be removed with --yes: 2 (" in result.stdout
    assert content(store.root) == before


def test_prune_removes_with_yes(store: Store) -> None:
    """What was shown is gone."""
    assert run(store, "prune", "--checkpoint", "base", "--yes").exit_code == 0

    assert [e.read_question()["about"]["name"] for e in entries_of(store)] == ["runs/tuned"]


@pytest.mark.parametrize(
    ("words", "says"),
    [
        ((), "say what may go: --older-than, --checkpoint or --unreadable"),
        (("--older-than", "30"), "expected a number and m, h, d or w"),
        (("--older-than", "-1d"), "expected a number and m, h, d or w"),
        (("--checkpoint", "bass"), "holds no answers of bass; did you mean 'base'"),
    ],
)
def test_prune_guesses_nothing(words: tuple[str, ...], says: str, store: Store) -> None:
    """What may go is said, or nothing does."""
    result = run(store, "prune", "--yes", *words)

    assert result.exit_code == 2
    assert says in result.stderr
    assert len(entries_of(store)) == 3


def test_path_is_the_folder(store: Store) -> None:
    """For scripts: one line, and no more."""
    assert run(store, "path").stdout == f"{store.root}\n"


def test_export_of_nothing_is_refused(tmp_path: Path) -> None:
    """An empty archive would hide that nothing was measured."""
    result = run(Store(tmp_path / "none"), "export", "--out", str(tmp_path / "a.tar"))

    assert result.exit_code == 2
    assert "holds no answers" in result.stderr
    assert not (tmp_path / "a.tar").exists()


def test_an_imported_base_is_not_measured_again(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What a CI job does: import the base's answers, check, and ask the candidate alone."""
    workspace = Workspace.made(tmp_path / "place", n_items=70, n_said=6)
    requests: list[str] = []
    runner = Scripted(before=requests.append)
    monkeypatch.setattr("cliffguard.runners.harness.HarnessRunner", lambda *_, **__: runner)
    plan = workspace.plan
    suite = ("--suite", plan.suites[0], "--no-early-stop", "--quiet", "--exit-zero")
    at_home, in_ci = Store(tmp_path / "home"), Store(tmp_path / "ci")
    measured = ("measure", str(plan.base), *suite[:2], "--store", str(at_home.root))
    assert CliRunner().invoke(app, list(measured)).exit_code == 0
    exported = run(at_home, "export", "--out", str(tmp_path / "a.tar"), "--checkpoint", "base")
    assert exported.exit_code == 0, exported.stderr
    requests.clear()

    assert run(in_ci, "import", str(tmp_path / "a.tar")).exit_code == 0
    check = ("check", "--base", str(plan.base), "--candidate", plan.candidate, *suite)
    words = [*check, "--store", str(in_ci.root), "--out", str(tmp_path / "out")]
    result = CliRunner().invoke(app, words)

    assert result.exit_code == 0, result.stderr
    assert {line.split()[0] for line in requests} == {"tuned"}
