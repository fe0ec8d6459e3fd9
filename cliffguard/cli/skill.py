"""skill: what an agent reads to use the gate."""

from __future__ import annotations

from importlib.resources import files

from cliffguard.cli.console import explained, write_data


@explained
def skill() -> None:
    """Print the skill for agents: ten situations, the command for each, and its exit code.

    Markdown with a name and a description at its head, as agents look for it in SKILL.md.
    """
    write_data(files("cliffguard.integrations").joinpath("skill.md").read_text(encoding="utf-8"))
