"""Right answers that stand in a column of the prompt: any model would read them off."""

from __future__ import annotations

from collections.abc import Sequence

from cliffguard.core.errors import SuiteError
from cliffguard.suites.rows import Row
from cliffguard.suites.target.chats import chat_in
from cliffguard.suites.target.columns import Columns, framed, in_braces
from cliffguard.suites.target.known import quoted


def refuse_answer_in_prompt(rows: Sequence[Row], columns: Columns) -> None:
    """Raise SuiteError where the prompt shows the column of answers; a chat's last turn is none."""
    prompt, answer, row = columns.prompt, columns.answer, rows[0]
    if answer not in columns.prompts or chat_in(row.value.get(prompt)) is not None:
        return
    lines = [line for line in prompt.split("\n") if line.strip() != f"{{{answer}}}"]
    kept = "\n".join(lines)
    how = "name another column with --target-answer, or take it out of --target-prompt"
    if in_braces(kept) and answer not in in_braces(kept):
        how = f"--target-prompt {quoted(framed(kept))} (in a plan, target: {{prompt: …}}) lacks it"
    raise SuiteError(
        f"{row.source}: the prompt, {framed(prompt)}, shows {answer}, which is the right answer; "
        f"{how}",
        id="target.answer-in-prompt",
    )
