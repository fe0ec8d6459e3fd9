"""What the study of an onset makes of checks and verdicts, without a model."""

from __future__ import annotations

from scripts.studies.training_onset import onset_of, page


def test_the_onset_is_after_the_last_check_that_does_not_fail() -> None:
    assert onset_of(["PASS", "FAIL", "INCONCLUSIVE", "FAIL", "FAIL"]) == 3
    assert onset_of(["FAIL", "FAIL"]) == 0
    assert onset_of(["FAIL", "PASS"]) is None
    assert onset_of([]) is None


def test_the_page_says_when_it_was_stopped_and_when_it_had_to_be() -> None:
    live = {"worst_drop": 0.3, "worst_drop_upper": 0.5, "verdict": 10, "seconds": 9.6}
    figures = {
        "every": 20,
        "live": [{"step": 20, **live, "verdict": 11}, {"step": 40, **live}],
        "full": [
            {"outcome": "PASS", "drops": {"a": 0.0}},
            {"outcome": "FAIL", "drops": {"a": 0.2}},
        ],
        "onset": 40,
        "limit": 40.0,
        "stop": 40,
    }
    text = page(figures)
    assert "Onset: step 40. To be stopped by step 40.0. Stopped at step 40." in text
    assert "| 20 | PASS | 0.0 | 30.0 | 50.0 | – | 10 |" in text
    assert "| 40 | FAIL | 20.0 | 30.0 | 50.0 | loss proven | 10 |" in text
