"""Scripted answers: a runner without a model, for tests of gates and pipelines."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import replace
from functools import lru_cache
from typing import TYPE_CHECKING, Any, Literal

from cliffguard.core.answers import Answer
from cliffguard.core.canonical_json import digest
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import SuiteError
from cliffguard.core.items import Item, Suite, Task
from cliffguard.core.settings import EvalSettings
from cliffguard.runners import Runner, TaskPart

if TYPE_CHECKING:  # programs in environments without pytest import this file, too
    import pytest

Script = Callable[[str, Item], float | None]
"""From (name of the checkpoint, item) to a score, or None for unscored."""


class FakeRunner(Runner):
    """Answers by script. `n_asked` counts the items that were really asked."""

    identity = "fake"

    def __init__(self, script: Script) -> None:
        self.script = script
        self.n_asked = 0

    def dtype(self, protocol: EvalSettings) -> str:
        """Return the protocol's dtype; nothing is computed."""
        return "float32" if protocol.dtype == "auto" else protocol.dtype

    def notes(self) -> Mapping[str, str | int]:
        """Describe the device, of which there is none."""
        return {"device": "none"}

    def resolve(self, suites: Sequence[Suite], protocol: EvalSettings) -> tuple[Task, ...]:
        """Return the suites' own tasks; lm-eval's have no items here."""
        tasks = [task for suite in suites for task in suite.tasks]
        for task in tasks:
            if task.stock:
                raise SuiteError(
                    f"{task.name}: a fake runner has no tasks of lm-eval", id="runner.fake"
                )
        return tuple(tasks)

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Return the scripted answers, in order."""
        self.n_asked += len(items)
        return [self._answer(checkpoint, item) for item in items]

    def asked_as(self, task: Task, items: Sequence[Item], protocol: EvalSettings) -> Sequence[str]:
        """Return the digests of what is asked."""
        return [_prompt_digest(item) for item in items]

    def _answer(self, checkpoint: Checkpoint, item: Item) -> Answer:
        score = self.script(checkpoint.name, item)
        prompt = _prompt_digest(item)
        return Answer(
            item_id=item.id,
            item_digest=item.digest,
            prompt_digest=prompt,
            rendered_digest=prompt,
            score=score,
            text=item.answer if score == 1.0 else "(something else)",
            confidence=None,
            finish_reason="overlong" if score is None else "choice" if item.choices else "stop",
            n_prompt_tokens=0,
            n_answer_tokens=0,
        )


class Interrupted(FakeRunner):
    """A runner at whose shard of this number, from 1, somebody presses ^C."""

    def __init__(self, script: Script, *, at: int) -> None:
        super().__init__(script)
        self.at = at
        self.n_shards = 0

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Answer the shards before."""
        self.n_shards += 1
        if self.n_shards == self.at:
            raise KeyboardInterrupt
        return super().ask(checkpoint, task, items, protocol)


def slowed(runner: FakeRunner, monkeypatch: pytest.MonkeyPatch) -> FakeRunner:
    """Let every shard of a runner take a minute, of a clock that stands at zero."""
    seconds, ask = 0.0, runner.ask

    def ask_slowly(*words: Any) -> Sequence[Answer]:
        nonlocal seconds
        seconds += 60.0
        return ask(*words)

    monkeypatch.setattr("time.monotonic", lambda: seconds)
    monkeypatch.setattr(runner, "ask", ask_slowly)
    return runner


Form = Literal["as usual", "shots", "template", "system"]
"""How an item was put: as the run puts it, or in a probe with what it is told by."""

FormScript = Callable[[str, Item, Form], float | None]
"""From (name of the checkpoint, item, how it was put) to a score, or None for unscored."""


class ProbedRunner(FakeRunner):
    """Takes on parts of tasks, and answers by a script that sees the form.

    `parts` are those it took on, `n_probed` the items that were asked as parts, `tokens` what each
    answer takes.
    """

    def __init__(self, script: FormScript, *, tokens: int = 0) -> None:
        super().__init__(lambda name, item: script(name, item, "as usual"))
        self._by_form = script
        self.tokens = tokens
        self.parts: dict[str, TaskPart] = {}
        self.n_probed = 0

    def take_part(self, part: TaskPart) -> str | None:
        """Take on any part."""
        self.parts[part.task.name] = part
        return None

    def ask(
        self, checkpoint: Checkpoint, task: Task, items: Sequence[Item], protocol: EvalSettings
    ) -> Sequence[Answer]:
        """Return the scripted answers, in order; of a part by its form."""
        part = self.parts.get(task.name)
        form: Form = "as usual"
        if part is not None:
            self.n_probed += len(items)
            form = "shots" if part.shots else "system" if protocol.system_prompt else "template"
        self.script = lambda name, item: self._by_form(name, item, form)
        answers = super().ask(checkpoint, task, items, protocol)
        return [
            replace(
                a, n_prompt_tokens=self.tokens - self.tokens // 8, n_answer_tokens=self.tokens // 8
            )
            for a in answers
        ]


def _prompt_digest(item: Item) -> str:
    return _digest(item.prompt, item.choices)


@lru_cache(maxsize=1 << 14)
def _digest(prompt: str, choices: tuple[str, ...]) -> str:
    return digest([prompt, list(choices)])
