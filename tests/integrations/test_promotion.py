"""--promote: an alias on the version that was named, at exit 0 of the whole command alone."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from tests.bad_input.place import Workspace, run
from tests.fake_runner import FakeRunner
from tests.integrations.conftest import FakeTracker

pytestmark = pytest.mark.slow

PROMOTE = ("--track", "mlflow", "--promote", "champion", "--promote-model", "models:/support/7")
ALIAS = ["support", "champion", "7"]


def test_exit_0_sets_the_alias_last(
    workspace: Workspace, passing: FakeRunner, tracker: FakeTracker
) -> None:
    """The version that was named has the verdict as a tag, then the alias."""
    done = run([*workspace.check(*PROMOTE)])

    assert done.exit_code == 0
    assert [call["words"] for call in tracker.calls("set_model_version_tag")] == [
        ["support", "7", "cliffguard.verdict", "PASS"]
    ]
    last = tracker.calls()[-1]
    assert (last["call"], last["words"]) == ("set_registered_model_alias", ALIAS)


@pytest.mark.slow
@pytest.mark.parametrize("more", [(), ("--exit-zero",)])
def test_no_other_verdict_sets_it(
    workspace: Workspace, losing: FakeRunner, tracker: FakeTracker, more: Sequence[str]
) -> None:
    """Also where the command exits 0 whatever the verdict is."""
    done = run(workspace.check(*PROMOTE, *more))

    assert done.exit_code == (0 if more else 10)
    assert tracker.calls("set_registered_model_alias") == []
    (tag,) = tracker.calls("set_model_version_tag")
    assert tag["words"][-1] == "FAIL"


@pytest.mark.slow
@pytest.mark.parametrize("mood", ["raise@log_text", "raise@set_registered_model_alias"])
def test_an_alias_that_was_not_set_is_said(
    workspace: Workspace,
    passing: FakeRunner,
    tracker: FakeTracker,
    monkeypatch: pytest.MonkeyPatch,
    mood: str,
) -> None:
    """What could not be logged is not promoted, and the exit code is that of the verdict."""
    monkeypatch.setenv("FAKE_MOOD", mood)

    done = run(workspace.check(*PROMOTE))

    assert done.exit_code == 0
    assert "; champion was not set; the verdict stands" in done.stderr
    assert len(tracker.calls("set_registered_model_alias")) == ("alias" in mood)


def test_a_version_is_one_candidate(
    workspace: Workspace, passing: FakeRunner, tracker: FakeTracker
) -> None:
    """Two candidates cannot both be it: refused before anything is asked."""
    done = run([*workspace.check(*PROMOTE), "--candidate", str(workspace.base)])

    assert done.exit_code == 2
    assert done.stderr.startswith("cliffguard: error[promote.several]: ")
    assert (passing.n_asked, tracker.calls()) == (0, [])


@pytest.mark.slow
def test_one_candidate_under_both_templates_is_promoted_once(
    workspace: Workspace, passing: FakeRunner, tracker: FakeTracker
) -> None:
    """Both have to pass; one run each, and the alias is set once."""
    for side in (workspace.base, workspace.tuned):
        (side / "chat_template.jinja").write_text(f"{side.name} {{{{ messages[0].content }}}}")

    done = run(workspace.check(*PROMOTE, "--chat-template", "both"))

    assert done.exit_code == 0, done.stderr
    names = [call["more"]["run_name"] for call in tracker.calls("start_run")]
    assert names == ["out", "tuned-own-template", "tuned-base-template"]
    assert len(tracker.calls("set_registered_model_alias")) == 1
