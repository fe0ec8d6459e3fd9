"""The skill for agents: every row of its table is run, and ends as it says."""

from __future__ import annotations

import re
import shlex
from pathlib import Path

import pytest
import yaml
from typer.testing import CliRunner

from cliffguard.cli.app import VERBS, app
from cliffguard.core.items import Item
from tests import support
from tests.cli.test_verbs import scripted

SKILL = CliRunner().invoke(app, ["skill"]).stdout
ROWS = re.findall(r"^\| ([^|]+) \| `cliffguard ([^`|]+)` \| (\d+) \|$", SKILL, re.MULTILINE)


def lossy(name: str, item: Item) -> float:
    """Return what a side scores: of one candidate the harder levels are lost."""
    return 0.0 if "lossy" in name and (item.level or 0) > 1 else 1.0


@pytest.fixture
def folder(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> Path:
    """A folder with the plan, the policy and the checkpoints that the commands name."""
    scripted(monkeypatch, lossy)
    monkeypatch.chdir(tmp_path)
    monkeypatch.setenv("CLIFFGUARD_STORE", str(tmp_path / "store"))
    for seed, name in enumerate(("models/base", "runs/ft", "runs/lossy", "runs/torn")):
        support.write_checkpoint(tmp_path / name, seed=seed)
    (tmp_path / "runs/torn/model.safetensors").write_bytes(b"torn")
    support.write_suite(tmp_path / "suite", n_items=150, n_said=80)
    (tmp_path / "policy.yaml").write_text("default_margin: 0.05\n")
    (tmp_path / "gate.yaml").write_text(
        "base: models/base\ncandidate: runs/ft\nsuites: [suite/small.yaml]\npolicy: policy.yaml\n"
    )
    return tmp_path


@pytest.mark.slow
def test_every_row_ends_as_it_says(folder: Path) -> None:
    """In the order of the table, in one folder."""
    ended = {}
    for _, command, _ in ROWS:
        done = CliRunner().invoke(app, shlex.split(command))
        ended[command] = (str(done.exit_code), done.stderr[-300:])

    stated = {command: code for _, command, code in ROWS}
    assert {command: code for command, (code, _) in ended.items()} == stated, ended


def test_the_table_has_ten_rows() -> None:
    """Each is a situation of its own; what ends without a verdict is among them."""
    assert len(ROWS) == len({situation for situation, _, _ in ROWS}) == 10
    assert {code for _, _, code in ROWS} == {"0", "10", "11", "12", "2"}


def test_every_command_in_it_is_one_of_ours() -> None:
    """In the text, too; and every exit code has what to do."""
    named = re.findall(r"`cliffguard ([a-z-]+)", SKILL)

    assert {*named} <= {*VERBS}
    for code in (0, 10, 11, 12, 20, 2, 1, 130):
        assert re.search(rf"^- {code}\b", SKILL, re.MULTILINE), code


def test_its_head_is_that_of_a_skill() -> None:
    """A name of small letters, and a description of at most 1,024 characters, alone."""
    head = yaml.safe_load(SKILL.split("---\n")[1])

    assert head.keys() == {"name", "description"}
    assert re.fullmatch(r"[a-z0-9-]{1,64}", head["name"])
    assert 0 < len(head["description"]) <= 1024
