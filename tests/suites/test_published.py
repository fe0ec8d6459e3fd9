"""Published tables, as a gate would have met them: item pairs simulated from their accuracies.

A table gives a mean for each side and not which items flipped. Here items are broken and fixed so
that the means are those published and at least a tenth of the items changed.
"""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from cliffguard import Outcome, Policy
from cliffguard.core.reviews import Review
from cliffguard.core.settings import CapabilityPolicy
from cliffguard.gate import compare_samples
from tests.runners import test_imports

# Wang et al. (2023), TRACE, arXiv:2310.06762, Table 2: Llama-2-7B-Chat, and after training on
# eight tasks one after the other with all weights. Accuracy in percent.
TRACE = {
    "mmlu": (46.56, 46.43),
    "gsm8k": (26.08, 3.49),
    "bbh": (40.23, 30.11),
    "tydiqa": (23.47, 33.23),
    "boolq": (70.55, 77.89),
    "piqa": (76.22, 76.50),
}

# Biderman et al. (2024), arXiv:2405.09673, Table S6: mean of HellaSwag, ARC-challenge and
# WinoGrande of Llama-2-7B after 1, 2, 4, 8 and 16 epochs of LoRA of rank 256 on code.
EPOCHS = {1: 0.655, 2: 0.659, 4: 0.631, 8: 0.552, 16: 0.517}


GENERATED: Any = {"arguments": [["Q:", {"until": []}]], "filtered_resps": ["4"]}
"""Of answers in words, which nobody guesses."""


def write_sides(
    folder: Path, task: str, base: float, candidate: float, *, n: int, churn: float = 0.1
) -> None:
    """Write both sides of a task with these accuracies, the right number of items flipped."""
    n_base, n_candidate = round(base * n), round(candidate * n)
    drop = n_base - n_candidate
    n_changed = max(round(churn * n), abs(drop))
    n_broken = (n_changed + drop) // 2
    n_fixed = n_broken - drop
    wrong_before = set(range(n_base, n))
    broken = set(range(n_broken))
    fixed = set(range(n_base, n_base + n_fixed))
    wrong_after = (wrong_before - fixed) | broken
    for side, wrong in (("base", wrong_before), ("candidate", wrong_after)):
        rows = test_imports.scored(n, lambda number, wrong=wrong: number in wrong, **GENERATED)
        test_imports.write(folder / side, task, rows)


def compared(folder: Path, policy: Policy | None = None) -> Review:
    """Return the review of the two sides in a folder."""
    return compare_samples(str(folder / "base"), str(folder / "candidate"), policy)


def test_a_mean_hides_what_trace_lost(tmp_path: Path) -> None:
    """The mean falls by 2.6 points, within a tolerance of 3; GSM8K by 22.6, and we name it."""
    for task, (base, candidate) in TRACE.items():
        write_sides(tmp_path, task, base / 100, candidate / 100, n=500)
    policy = Policy(
        default_margin=0.03, capabilities={task: CapabilityPolicy(tasks=(task,)) for task in TRACE}
    )

    review = compared(tmp_path, policy)

    drops = [capability.evidence.drop or 0.0 for capability in review.comparison.capabilities]
    assert 0 < sum(drops) / len(drops) < 0.03, "a gate on the mean would pass"
    assert review.verdict.outcome is Outcome.FAIL
    assert review.verdict.sentence.startswith("gsm8k regressed (26.0 → 3.4 %); bbh regressed")
    outcomes = {finding.capability: finding.outcome for finding in review.verdict.findings}
    assert outcomes["boolq"] is outcomes["tydiqa"] is Outcome.HELD
    # As in every review of samples before there was another default: else no overview takes both.
    assert review.plan.protocol.chat_template == "none"


@pytest.mark.slow
def test_the_onset_of_forgetting_is_where_the_epochs_show_it(tmp_path: Path) -> None:
    """In fixed order, the first epoch that fails is the eighth; the fourth is still bounded."""
    outcomes = {}
    for epoch, accuracy in EPOCHS.items():
        write_sides(tmp_path / str(epoch), "forgetting", EPOCHS[1], accuracy, n=1500)
        outcomes[epoch] = compared(tmp_path / str(epoch)).verdict.outcome

    assert outcomes == {
        1: Outcome.PASS,
        2: Outcome.PASS,
        4: Outcome.PASS,
        8: Outcome.FAIL,
        16: Outcome.FAIL,
    }


@pytest.mark.parametrize("churn", [0.14, 0.20, 0.30])
def test_seven_of_fifty_lost_are_never_held(tmp_path: Path, churn: float) -> None:
    """45 of 50 become 38 of 50: whichever items flipped, nothing was shown to be kept."""
    write_sides(tmp_path, "safety", 0.90, 0.76, n=50, churn=churn)

    finding = compared(tmp_path).verdict.findings[0]

    assert finding.outcome in (Outcome.REGRESSED, Outcome.INCONCLUSIVE)
