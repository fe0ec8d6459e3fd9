"""On a CUDA device: bfloat16 by default, and the same gate."""

from __future__ import annotations

from pathlib import Path

import pytest

from cliffguard import Plan, RunnerSettings, Store, guard
from tests import support

pytestmark = pytest.mark.gpu


@pytest.fixture(autouse=True)
def needs_cuda() -> None:
    """Skip, with the reason, where there is no device."""
    import torch

    if not torch.cuda.is_available():
        pytest.skip("no CUDA device on this machine")


def test_auto_is_bfloat16_on_the_gpu(tiny_base: Path, tiny_adapter: Path, tmp_path: Path) -> None:
    """A check with device auto runs on the GPU in bfloat16 and says so."""
    suite = support.write_suite(tmp_path / "suite", n_items=24)
    plan = Plan(
        base=str(tiny_base),
        candidate=str(tiny_adapter),
        suites=(str(suite),),
        runner=RunnerSettings(device="auto", batch_size=8),
    )
    store = Store(tmp_path / "store")

    review = guard(plan, store=store)

    dtypes = {e.read_question()["asked"]["protocol"]["dtype"] for e in store.entries()}
    assert dtypes == {"bfloat16"}
    assert review.provenance.measured_on == (
        "base: batch size 8, device cuda",
        "candidate: batch size 8, device cuda",
    )
