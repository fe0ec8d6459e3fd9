"""The wheel: what a user gets who has pip and no checkout."""

from __future__ import annotations

import json
import subprocess
import sys
import venv
import zipfile
from pathlib import Path

import pytest

pytestmark = pytest.mark.slow

CHECKOUT = Path(__file__).parent.parent.parent


@pytest.fixture(scope="module")
def wheel(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """Build the wheel."""
    folder = tmp_path_factory.mktemp("wheel")
    command = [sys.executable, "-m", "pip", "wheel", "--quiet", "--no-deps", "--wheel-dir"]
    subprocess.run([*command, str(folder), str(CHECKOUT)], check=True)
    (built,) = folder.glob("*.whl")
    return built


def test_the_wheel_carries_its_data(wheel: Path) -> None:
    """Suites, demo adapters, schemas, the report's template and the type marker are inside."""
    names = set(zipfile.ZipFile(wheel).namelist())

    assert {
        "cliffguard_suites/adjacent.yaml",
        "cliffguard_suites/demo/healthy/adapter_model.safetensors",
        "cliffguard_suites/demo/overtrained/adapter_model.safetensors",
        "cliffguard_suites/demo/policy.yaml",
        "cliffguard/schemas/plan.schema.json",
        "cliffguard/py.typed",
    } <= names
    assert any(name.startswith("cliffguard/report/templates/") for name in names)


def test_an_empty_environment_lists_the_suites(wheel: Path, tmp_path: Path) -> None:
    """Installed with everything it declares, the command lists the suites it carries."""
    venv.create(tmp_path / "venv", with_pip=True)
    python = tmp_path / "venv" / "bin" / "python"
    pip = [str(python), "-m", "pip", "install", "--quiet", "--disable-pip-version-check"]
    pinned = ["-c", str(CHECKOUT / "constraints.txt")]
    # torch first and alone, so that its pinned build is taken and not the newest with CUDA.
    subprocess.run([*pip, *pinned, "torch"], check=True)
    subprocess.run([*pip, *pinned, str(wheel)], check=True)

    done = subprocess.run(
        [str(tmp_path / "venv" / "bin" / "cliffguard"), "suites", "ls", "--format", "json"],
        capture_output=True,
        text=True,
        check=True,
        cwd=tmp_path,
    )

    assert {row["name"] for row in json.loads(done.stdout)} >= {"adjacent", "support-tickets"}
