"""Chat templates that take no system turn: what lm-eval drops in silence is refused."""

from __future__ import annotations

import shutil
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cliffguard.checkpoints.identity import FindOptions, find_base, find_pair, with_template_of
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.engine.templates import takes_system
from cliffguard.evaluate.pair_checks import check_pair
from cliffguard.runners.harness import HarnessRunner
from cliffguard.suites.loading import load_suite
from tests import support

# As google/gemma-2-2b-it has it, shortened: the turn is refused.
GEMMA = (
    "{{ bos_token }}{% if messages[0]['role'] == 'system' %}"
    "{{ raise_exception('System role not supported') }}{% endif %}"
    "{% for message in messages %}{{ '<start_of_turn>' + message['role'] + '\n' "
    "+ message['content'] | trim + '<end_of_turn>\n' }}{% endfor %}"
    "{% if add_generation_prompt %}{{ '<start_of_turn>model\n' }}{% endif %}"
)
# As the first templates of Mistral: every other turn must be a user's.
ALTERNATING = (
    "{% for m in messages %}{% if (m['role'] == 'user') != (loop.index0 % 2 == 0) %}"
    "{{ raise_exception('Roles must alternate user/assistant') }}{% endif %}"
    "{{ '[INST] ' + m['content'] }}{% endfor %}"
)
PASSED_OVER = (
    "{% for m in messages %}{% if m['role'] != 'system' %}{{ m['content'] }}{% endif %}{% endfor %}"
)
UNDEFINED = "{{ role_names[messages[0]['role']].name if messages | length > 1 }}{{ messages }}"
LOST = {
    "refused": GEMMA,
    "out of turn": ALTERNATING,
    "passed over": PASSED_OVER,
    "undefined": UNDEFINED,
}
# As Llama-2's: it stands in the first user's turn.
MERGED = (
    "{% if messages[0]['role'] == 'system' %}{{ '<<SYS>>' + messages[0]['content'] + '<</SYS>>' }}"
    "{% endif %}{{ messages[-1]['content'] }}"
)
# As Qwen2.5's: another one stands there where none is given.
DEFAULT = (
    "{% if messages[0]['role'] == 'system' %}{{ messages[0]['content'] }}{% else %}"
    "{{ 'You are a helpful assistant.' }}{% endif %}{{ messages[-1]['content'] }}"
)
DEMANDED = (
    "{% if messages[0]['role'] != 'system' %}{{ raise_exception('No system turn') }}{% endif %}"
    "{% for m in messages %}{{ m['content'] }}{% endfor %}"
)
TAKEN = {
    "a turn of its own": support.CHAT_TEMPLATE,
    "in the user's turn": MERGED,
    "in the place of a default": DEFAULT,
    "demanded": DEMANDED,
}
PROTOCOL = EvalSettings(chat_template="own", system_prompt="Be brief.")
OFFLINE = FindOptions(offline=True)


def rendering(template: str) -> Callable[[list[dict[str, str]]], Any]:
    """Return what renders a chat by a tokenizer with this template."""
    tokenizer = support.byte_tokenizer()
    tokenizer.chat_template = template
    return lambda chat: tokenizer.apply_chat_template(
        chat, tokenize=False, add_generation_prompt=True
    )


def copied(source: Path, target: Path, template: str) -> Path:
    """Copy a model and give it another chat template."""
    shutil.copytree(source, target)
    (target / "chat_template.jinja").write_text(template)
    return target


@pytest.mark.parametrize("kind", [*LOST, *TAKEN])
def test_a_template_takes_a_system_turn_or_not(kind: str) -> None:
    """Refused, passed over or out of turn it is lost; anywhere in what is rendered it is taken."""
    assert takes_system(rendering((LOST | TAKEN)[kind]), "Be brief.") is (kind in TAKEN)


@pytest.mark.parametrize("kind", LOST)
def test_a_system_prompt_that_the_candidate_would_lose_is_refused(
    kind: str, tiny_base: Path, tiny_tuned: Path, tmp_path: Path
) -> None:
    """By the files, before either side is asked, with the way out."""
    tuned = copied(tiny_tuned, tmp_path / "tuned", LOST[kind])
    sides = find_pair(str(tiny_base), str(tuned), OFFLINE)

    with support.refused(
        "protocol.system-prompt-lost", 2, "--chat-template base", "tuned"
    ) as caught:
        check_pair(*sides, PROTOCOL)
    assert caught.value.id == "protocol.system-prompt-lost"
    assert check_pair(
        *sides, EvalSettings(chat_template="own")
    )  # the templates differ, and no more


def test_under_the_base_s_template_it_is_not_lost(
    tiny_base: Path, tiny_tuned: Path, tmp_path: Path
) -> None:
    """The candidate's own is not applied."""
    tuned = copied(tiny_tuned, tmp_path / "tuned", GEMMA)
    base, candidate = find_pair(str(tiny_base), str(tuned), OFFLINE)
    protocol = EvalSettings(chat_template="base", system_prompt="Be brief.")

    assert check_pair(base, with_template_of(candidate, base), protocol)


@pytest.mark.parametrize("policy", ["own", "base"])
def test_a_system_prompt_that_the_base_would_lose_is_refused(
    policy: Any, tiny_base: Path, tiny_tuned: Path, tmp_path: Path
) -> None:
    """Its own template is also what the candidate is asked under."""
    base, candidate = find_pair(
        str(copied(tiny_base, tmp_path / "old", GEMMA)), str(tiny_tuned), OFFLINE
    )
    if policy == "base":
        candidate = with_template_of(candidate, base)
    protocol = EvalSettings(chat_template=policy, system_prompt="Be brief.")

    with support.refused("protocol.system-prompt-lost", 2, "old"):
        check_pair(base, candidate, protocol)


@pytest.mark.parametrize(
    "template", ["{{ messages.append(1) }}", "{{ ''.__class__.__mro__ }}", "{% for", "{{ 1 / 0 }}"]
)
def test_a_hostile_template_is_rendered_in_the_sandbox(
    template: str, tiny_base: Path, tiny_tuned: Path, tmp_path: Path
) -> None:
    """What it may not do, or cannot, is one line of ours."""
    sides = find_pair(
        str(tiny_base), str(copied(tiny_tuned, tmp_path / "tuned", template)), OFFLINE
    )

    with support.refused("template.not-rendered", 12, "tuned"):
        check_pair(*sides, PROTOCOL)


@pytest.fixture
def runner() -> HarnessRunner:
    """A runner on the CPU."""
    return HarnessRunner(RunnerSettings(device="cpu", batch_size=4))


def test_a_side_that_is_measured_alone_is_refused(
    runner: HarnessRunner, tiny_base: Path, tmp_path: Path
) -> None:
    """By the model that would be asked, before its first answer."""
    base = find_base(str(copied(tiny_base, tmp_path / "old", GEMMA)), OFFLINE)
    file = support.write_suite(tmp_path / "suite")
    task = runner.resolve([load_suite(str(file))], PROTOCOL)[0]

    with support.refused("protocol.system-prompt-lost", 2, "old"):
        runner.ask(base, task, task.items[:1], PROTOCOL)


@pytest.mark.parametrize(("template", "is_told"), [(GEMMA, True), (support.CHAT_TEMPLATE, False)])
def test_a_description_that_is_lost_stands_in_the_notes(
    runner: HarnessRunner, tiny_base: Path, tmp_path: Path, template: str, is_told: bool
) -> None:
    """lm-eval puts it in a system turn; of sides whose notes differ every report says so."""
    base = find_base(str(copied(tiny_base, tmp_path / "old", template)), OFFLINE)
    file = support.write_suite(tmp_path / "suite")
    protocol = EvalSettings(chat_template="own")
    task = runner.resolve([load_suite(str(file))], protocol)[0]
    runner._tasks[task.name]._harness.set_config("description", "Choose the next word.")

    runner.ask(base, task, task.items[:1], protocol)

    assert ("the task's description" in runner.notes()) is is_told
