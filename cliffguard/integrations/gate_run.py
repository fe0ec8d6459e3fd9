"""A `check` in a process of its own, made once for all who want to know what it came to."""

from __future__ import annotations

import json
import os
import shlex
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import TYPE_CHECKING

from cliffguard.core.errors import UsageError
from cliffguard.integrations.gate_command import run_leashed

if TYPE_CHECKING:
    from cliffguard.report.capability_row import CapabilityRow
    from cliffguard.report.page import Page

COMMAND = "CLIFFGUARD_CMD"
"""The variable that names the command which checks, where it is that of another environment."""

_REVIEW = "review.json"
_WITH_VERDICT = (0, 10, 11)
_TO_DO = {
    2: "correct what it names",
    12: "the comparison cannot be trusted: repair the artefact",
    20: "resources are missing: run it again, stored answers are kept",
}
_CHARACTERS = 2000  # of what a command without a verdict printed


def capabilities_of(plan: Path) -> tuple[str, ...]:
    """Return the capabilities that a plan's review will name, by its suites and its policy.

    Suites that are chosen at the run (`auto`) are not known before it: then there are none.
    Raises a CliffguardError for a plan that cannot be read, or that has several candidates.
    """
    from cliffguard.config import AUTO, load_plans
    from cliffguard.core.behaviours import PREFIX
    from cliffguard.suites.target import suites_of

    read, *others = load_plans(plan, defaults={"suites": [AUTO]})
    if others:
        raise UsageError(
            f"{plan}: asks more than once (several candidates, or chat_template: both); give "
            "pytest a plan of each",
            id="pytest.several",
        )
    if AUTO in read.suites:
        return ()
    suites = suites_of(read)
    names = [capability.name for suite in suites for capability in suite.capabilities]
    if read.policy is not None:
        names += [name for name, rules in read.policy.capabilities.items() if rules.gate]
        names += [f"{PREFIX}{name}" for name, rules in read.policy.behaviour.items() if rules.gate]
    return tuple(dict.fromkeys(names))


@dataclass(frozen=True, kw_only=True)
class GateResult:
    """What a `check` came to; `page` None: there is no verdict, and `error` says why."""

    exit_code: int
    folder: Path
    error: str = ""
    page: Page | None = None

    def row(self, capability: str) -> CapabilityRow | None:
        """Return a capability's row of the report; None where the review does not name it."""
        from cliffguard.report.clean import clean

        rows = self.page.rows if self.page is not None else ()
        name = clean(capability)
        return next((row for row in rows if row.finding.capability == name), None)

    def lines_of(self, row: CapabilityRow) -> tuple[str, ...]:
        """Return the report's lines of a capability."""
        from cliffguard.report.outcome_lines import outcome_lines
        from cliffguard.report.reasons import reasons

        assert self.page is not None
        why = {reason.capability: reason.sentence for reason in reasons(self.page)}
        return outcome_lines(row, why.get(row.capability, ""))

    def verdict_lines(self) -> tuple[str, ...]:
        """Return the report's first lines: the verdict, what closed the gate, what to do next."""
        from cliffguard.report.next_steps import next_steps
        from cliffguard.report.outcome_lines import kind_of, outcome_line

        page = self.page
        assert page is not None
        closed = [row for row in page.rows if kind_of(row) not in ("held", "skipped")]
        return (
            f"{page.mark} {page.outcome} (exit code {page.exit_code}): {page.sentence}",
            *(f"{row.mark} {row.capability}: {outcome_line(row)}" for row in closed),
            *(f"next: {step}" for step in next_steps(page)),
            f"report: {self.folder / 'report.html'}",
        )


@dataclass(kw_only=True)
class GateRun:
    """The `check` of a plan for one run of tests, over however many processes.

    Its reports and its end lie in `folder`, under a lock, with the name of the `run` that they are
    of: whoever comes first checks, the others read.
    """

    plan: Path
    folder: Path
    run: str
    started_in: Path
    _result: GateResult | None = field(default=None, init=False)

    def result(self) -> GateResult:
        """Return what the check came to, made now where nobody has made it yet."""
        if self._result is None:
            from filelock import FileLock

            try:
                self.folder.mkdir(parents=True, exist_ok=True)
                with FileLock(self.folder / ".pytest.lock"):
                    self._result = self._read(*self._ended())
            except OSError as failure:
                text = f"{self.folder}: cannot be written to ({failure.strerror}); name another "
                self._result = self._without_verdict(20, f"{text}--cliffguard-out")
        return self._result

    def _ended(self) -> tuple[int, str]:
        """Return the exit code of this run's check, and what it printed."""
        mark = self.folder / ".pytest-run.json"
        try:
            seen = json.loads(mark.read_text(encoding="utf-8"))
            if seen["run"] == self.run:
                return int(seen["exit_code"]), str(seen["printed"])
        except (OSError, ValueError, LookupError, TypeError):  # of none, or of another release
            pass
        mark.unlink(missing_ok=True)
        # What an earlier run left is no verdict of a command that writes none.
        (self.folder / _REVIEW).unlink(missing_ok=True)
        code, printed = self._checked()
        ended = {"run": self.run, "exit_code": code, "printed": printed[-_CHARACTERS:]}
        mark.write_text(json.dumps(ended), encoding="utf-8")
        return code, printed

    def _checked(self) -> tuple[int, str]:
        given = os.environ.get(COMMAND, "").strip()
        command = shlex.split(given) if given else [sys.executable, "-m", "cliffguard"]
        words = ["check", str(self.plan), "--out", str(self.folder), "--quiet"]
        try:
            done = run_leashed([*command, *words], folder=self.started_in, captures=True)
        except OSError as failure:
            return 20, f"{shlex.join(command)}: cannot be started ({failure.strerror})"
        return done.returncode, done.stderr.strip() or done.stdout.strip()

    def _read(self, code: int, printed: str) -> GateResult:
        """Return the result of a check that ended."""
        from cliffguard.core.errors import CliffguardError
        from cliffguard.core.files import read_text
        from cliffguard.report.clean import cleaned
        from cliffguard.report.json import read_review
        from cliffguard.report.labels import beside
        from cliffguard.report.page import lay_out

        if code not in _WITH_VERDICT:
            return self._without_verdict(code, printed)
        review = self.folder / _REVIEW
        try:
            read = read_review(read_text(review, UsageError), str(review))
            page = lay_out(cleaned(read), beside(read, self.folder), folder=str(self.folder))
        except CliffguardError as error:
            return self._without_verdict(code, f"{error.line}\n{printed}".strip())
        if page.exit_code != code:
            text = f"{review}: says {page.outcome}, and the command ended with {code}"
            return self._without_verdict(code, text)
        return GateResult(exit_code=code, folder=self.folder, page=page)

    def _without_verdict(self, code: int, printed: str) -> GateResult:
        from cliffguard.report.clean import clean

        to_do = _TO_DO.get(code, "see what it printed")
        lines = [f"no verdict, exit code {code}: {to_do}", clean(printed[-_CHARACTERS:])]
        return GateResult(exit_code=code, folder=self.folder, error="\n".join(filter(None, lines)))
