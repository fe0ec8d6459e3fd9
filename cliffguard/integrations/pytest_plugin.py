"""The plugin that pytest imports at every start: two options, and nothing more without them."""

from __future__ import annotations

from typing import TYPE_CHECKING

if TYPE_CHECKING:
    import pytest


def pytest_addoption(parser: pytest.Parser) -> None:
    """Declare the options."""
    group = parser.getgroup("cliffguard", "the release gate of a fine-tune")
    group.addoption(
        "--cliffguard-plan",
        metavar="PLAN",
        help="A plan of `cliffguard check`: one test a capability, and one of the verdict.",
    )
    group.addoption(
        "--cliffguard-out",
        metavar="FOLDER",
        help="Folder for the gate's reports (default: one in pytest's cache).",
    )


def pytest_configure(config: pytest.Config) -> None:
    """Collect the tests of a plan, where one is given."""
    if config.getoption("cliffguard_plan") is not None:
        from cliffguard.integrations.pytest_gate import GatePlugin

        config.pluginmanager.register(GatePlugin(config), "cliffguard-gate")
