"""Tests of a plan for pytest: known before anything is measured, and measured once for them all."""

from __future__ import annotations

import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any
from uuid import uuid4

import pytest

from cliffguard.core.errors import CliffguardError
from cliffguard.integrations.gate_run import GateResult, GateRun, capabilities_of
from cliffguard.report.clean import one_line
from cliffguard.report.outcome_lines import kind_of, outcome_line

VERDICT = "verdict"


class GatePlugin:
    """Collects the plan that `--cliffguard-plan` names as a file of tests."""

    def __init__(self, config: pytest.Config) -> None:
        given = Path(config.getoption("cliffguard_plan")).expanduser()
        self.plan = (config.invocation_params.dir / given).resolve()
        if not self.plan.is_file():
            raise pytest.UsageError(f"--cliffguard-plan {given}: no such file")
        worker: dict[str, Any] = getattr(config, "workerinput", {})
        run = str(worker.get("testrunuid") or uuid4().hex)
        self.run = GateRun(
            plan=self.plan,
            folder=_folder_of(config, run),
            run=run,
            started_in=config.invocation_params.dir,
        )
        parts = [argument.partition("::")[0] for argument in config.args]
        if not any((config.invocation_params.dir / part).resolve() == self.plan for part in parts):
            config.args.append(str(self.plan))

    def pytest_report_header(self) -> str:
        """Say where the reports go."""
        return f"cliffguard: {self.plan.name}, reports in {self.run.folder}"

    def pytest_collect_file(
        self, file_path: Path, parent: pytest.Collector
    ) -> pytest.Collector | None:
        """Take the plan for a file of tests, and no other file."""
        if file_path.resolve() != self.plan:
            return None
        collected: pytest.Collector = PlanFile.from_parent(parent, path=file_path)
        collected.run = self.run  # type: ignore[attr-defined]
        return collected


def _folder_of(config: pytest.Config, run: str) -> Path:
    """Return where the reports go, the same for every worker of a run."""
    out = config.getoption("cliffguard_out")
    if out is not None:
        return config.invocation_params.dir / Path(out).expanduser()
    cache = getattr(config, "cache", None)  # None under -p no:cacheprovider
    if cache is not None:
        folder: Path = cache.mkdir("cliffguard")
        return folder
    return Path(tempfile.gettempdir()) / f"cliffguard-pytest-{run}"


class PlanFile(pytest.File):
    """The tests of a plan."""

    run: GateRun

    def collect(self) -> Iterator[pytest.Item]:
        """Yield a test of each capability, then that of the verdict; nothing is measured."""
        for capability in capabilities_of(self.path):
            yield CapabilityTest.of(self, capability)
        yield VerdictTest.of(self, VERDICT)

    def repr_failure(self, excinfo: pytest.ExceptionInfo[BaseException], style: Any = None) -> Any:
        """Return the one line of a plan that cannot be read."""
        error = excinfo.value
        if isinstance(error, CliffguardError):
            return error.line
        return super().repr_failure(excinfo)


class _GateTest(pytest.Item):
    """A test of what one run of the gate has come to."""

    run: GateRun
    capability: str

    @classmethod
    def of(cls, file: PlanFile, capability: str) -> pytest.Item:
        """Return the test of a capability's name in a plan."""
        test = cls.from_parent(file, name=one_line(capability))
        test.run, test.capability = file.run, capability
        return test

    def setup(self) -> None:
        """Measure, unless that is done; what has no verdict is an error of pytest's, no failure."""
        result = self.run.result()
        if result.page is None:
            pytest.fail(result.error, pytrace=False)

    def reportinfo(self) -> tuple[Path, None, str]:
        """Return what stands over its lines."""
        return self.path, None, f"cliffguard: {self.name}"

    @property
    def result(self) -> GateResult:
        return self.run.result()


class CapabilityTest(_GateTest):
    """Passes where its capability is held."""

    def runtest(self) -> None:
        """Fail with the report's lines of it; what cannot fail the gate is skipped."""
        row = self.result.row(self.capability)
        if row is None:
            pytest.fail(
                f"{self.name}: the review does not name it, so nothing is known of it; see "
                f"{self.run.folder / 'report.html'}",
                pytrace=False,
            )
        kind = kind_of(row)
        if row.finding.role == "monitored" or kind == "skipped":
            pytest.skip(outcome_line(row))
        if kind != "held":
            pytest.fail("\n".join(self.result.lines_of(row)), pytrace=False)


class VerdictTest(_GateTest):
    """Passes where the gate is open: all that gates, everything together, and the target's gain."""

    def runtest(self) -> None:
        """Fail with the report's first lines."""
        if self.result.exit_code != 0:
            pytest.fail("\n".join(self.result.verdict_lines()), pytrace=False)
