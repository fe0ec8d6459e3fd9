"""Connections that nobody asked for: telemetry, and anything at all under --offline."""

from __future__ import annotations

import os
import socket
import subprocess
import sys
from pathlib import Path

import pytest

from cliffguard import Plan
from cliffguard.core.hub_names import no_connection
from tests.bad_input.place import Workspace, run

QUIET = {"HF_HUB_DISABLE_TELEMETRY", "DO_NOT_TRACK"}
# What the tests set for themselves, and users do not.
UNSET = ("HF_HUB_OFFLINE", "HF_DATASETS_OFFLINE", "HF_EVALUATE_OFFLINE", "TRANSFORMERS_OFFLINE")


def test_telemetry_is_off_before_a_library_is_imported() -> None:
    """Importing the package is enough, and the hub's library agrees."""
    script = (
        "import cliffguard, sys; assert 'huggingface_hub' not in sys.modules\n"
        "from huggingface_hub import constants; print(constants.HF_HUB_DISABLE_TELEMETRY)"
    )
    env = {name: value for name, value in os.environ.items() if name not in QUIET}

    done = subprocess.run(
        [sys.executable, "-c", script], capture_output=True, text=True, check=True, env=env
    )

    assert done.stdout == "True\n"


def test_no_connection_is_none_and_is_undone(monkeypatch: pytest.MonkeyPatch) -> None:
    """Sockets and look-ups are refused inside, and as before outside."""
    from huggingface_hub import constants

    monkeypatch.setattr(constants, "HF_HUB_OFFLINE", False)
    monkeypatch.setenv("HF_HUB_OFFLINE", "0")
    with socket.socket() as server, socket.socket() as client:
        server.bind(("127.0.0.1", 0))
        server.listen()
        with no_connection():
            assert os.environ["HF_HUB_OFFLINE"] == "1"
            assert constants.HF_HUB_OFFLINE is True
            with pytest.raises(OSError, match="offline: no connection is opened"):
                client.connect(server.getsockname())
            with pytest.raises(OSError, match="offline: no connection is opened"):
                client.connect_ex(server.getsockname())
            with pytest.raises(OSError, match="offline: no name is looked up"):
                socket.create_connection(("localhost", 1))
        client.connect(server.getsockname())

    assert os.environ["HF_HUB_OFFLINE"] == "0"
    assert constants.HF_HUB_OFFLINE is False


@pytest.mark.parametrize("how", ["flag", "plan"])
def test_offline_holds_for_a_whole_verb(
    how: str, workspace: Workspace, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By flag or by the plan's key: while base and candidate are sought, no socket opens."""
    seen: list[str] = []

    def seek(_: Plan) -> None:
        try:
            socket.create_connection(("127.0.0.1", 1))
        except OSError as failure:
            seen.append(str(failure))
        raise KeyboardInterrupt

    monkeypatch.setattr("cliffguard.run.survey.find_sides", seek)

    run(workspace.check("--offline") if how == "flag" else workspace.plan("offline: true\n"))

    assert "offline: no name is looked up" in seen[0]
    with pytest.raises(ConnectionRefusedError):
        socket.create_connection(("127.0.0.1", 1))


OUTSIDE = """\
import socket, sys
opened = []
def connect(self, address, real=socket.socket.connect):
    opened.append(address)
    return real(self, address)
def look_up(*given, real=socket.getaddrinfo):
    opened.append(given)
    return real(*given)
socket.socket.connect, socket.getaddrinfo = connect, look_up
from cliffguard.cli import main
try:
    main()
finally:
    print("opened", [one for one in opened if not isinstance(one, str)], file=sys.stderr)
"""


@pytest.mark.slow
def test_a_whole_check_offline_tries_no_socket(
    workspace: Workspace, tiny_base: Path, tiny_tuned: Path
) -> None:
    """From the command line to the reports, with models loaded, nothing even tries to connect."""
    env = {name: value for name, value in os.environ.items() if name not in UNSET}
    words = workspace.check("--offline", "--device", "cpu", base=tiny_base, candidate=tiny_tuned)
    isolated = ["unshare", "-n"] if _can_unshare() else []

    done = subprocess.run(
        [*isolated, sys.executable, "-c", OUTSIDE, *words],
        capture_output=True,
        text=True,
        check=False,
        env=env,
    )

    assert done.returncode in (0, 10, 11), done.stderr
    assert done.stderr.splitlines()[-1] == "opened []"
    assert (workspace.out / "review.json").is_file()


def _can_unshare() -> bool:
    """Return whether this process may have a network namespace of its own."""
    try:
        done = subprocess.run(["unshare", "-n", "true"], check=False, capture_output=True)
    except OSError:
        return False
    return done.returncode == 0
