"""Chat templates in their child process: the same text to the byte, and an end to what has none."""

from __future__ import annotations

import json
import re
import time
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from jinja2 import TemplateError

from cliffguard.checkpoints.identity import FindOptions, find_base
from cliffguard.core import sandbox as apart
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import IntegrityError
from cliffguard.core.settings import EvalSettings, RunnerSettings
from cliffguard.core.signals import finishing
from cliffguard.engine import templates
from cliffguard.engine.templates import PROMPT_LOST, UNRENDERED, check_template, render_apart
from cliffguard.runners.harness import HarnessRunner
from cliffguard.suites.loading import load_suite
from tests import support
from tests.engine.test_templates import ALTERNATING, GEMMA, TAKEN, UNDEFINED, copied

OFFLINE = FindOptions(offline=True)
OWN_TEMPLATE = EvalSettings(chat_template="own")
USER = [{"role": "user", "content": "Hi"}]

# What templates of released models use of jinja and of transformers' additions to it.
CORPUS = TAKEN | {
    "refuses a system turn": GEMMA,
    "alternates": ALTERNATING,
    "undefined": UNDEFINED,
    "a namespace": (
        "{% set ns = namespace(n=0) %}{% for m in messages %}{% set ns.n = ns.n + 1 %}"
        "{{ ns.n ~ '. ' ~ m.role ~ ': ' ~ (m['content'] or '') | trim }}\n{% endfor %}"
    ),
    "json": "{{ messages | tojson(indent=2) }}{{ tools | tojson }}"
    "{{ {'b': 1.0, 'a': [none, true]} }}",
    "loop controls": (
        "{% for m in messages %}{% if m.role == 'system' %}{% continue %}{% endif %}"
        "{{ m.content }}{% if loop.last %}{% break %}{% endif %}{% endfor %}"
    ),
    "a macro": "{% macro say(m) -%} [{{ m.role }}] {{ m.content }} {%- endmacro %}"
    "{% for m in messages %}{{ say(m) }}{% endfor %}",
    "marks of generation": (
        "{% for m in messages %}{% generation %}{{ m.content }}{% endgeneration %}{% endfor %}"
    ),
    "slices and strings": (
        "{% for m in messages[-2:] %}{{ m.content.split('</think>')[-1].lstrip('\n') }}"
        "{{ m.content[::-1] | upper }}{% endfor %}{{ bos_token }}{{ eos_token }}"
    ),
    "its arguments": (
        "{{ messages[0].content }}{% if enable_thinking is defined and enable_thinking is false %}"
        "<think></think>{% endif %}{{ big }}{{ small }}{{ nested.a[1] }}{{ absent is defined }}"
    ),
    "reasoning": ("{% for m in messages %}{{ m.reasoning_content }}{{ m.thinking }}{% endfor %}"),
    "parts": (
        "{% for m in messages %}{% if m.content is string %}{{ m.content }}{% else %}"
        "{% for part in m.content %}{{ part.text }}{% endfor %}{% endif %}{% endfor %}"
    ),
    "several": {"default": "{{ messages[0].content }}", "tool_use": "{{ tools }}{{ messages }}"},
    "not a template": "{% for",
    "out of the sandbox": "{{ ''.__class__ }}",
}
CHATS: dict[str, Any] = {
    "a user": [{"role": "user", "content": " Wörter, 字, 🙂 <b>&\"'\u2028\t\0 "}],
    "a system turn": [{"role": "system", "content": "Be brief."}, *USER],
    # Turns of their own: of one that is there twice, transformers 5.0 continues both.
    "several turns": [
        *USER,
        {"role": "assistant", "content": "<think>\nx</think>\ny"},
        {"role": "user", "content": "Hi"},
    ],
    "a thought": [*USER, {"role": "assistant", "content": "y", "reasoning_content": "x"}],
    "a call": [*USER, {"role": "assistant", "content": None, "tool_calls": [{"n": 1.5}]}],
    "parts": [{"role": "user", "content": [{"type": "text", "text": "Hi"}]}],
}
WAYS: dict[str, Any] = {
    "to be answered": {"add_generation_prompt": True},
    "to be continued": {"continue_final_message": True},
    "with arguments": {
        "add_generation_prompt": True,
        "enable_thinking": False,
        "tools": [{"type": "function", "function": {"name": "f"}}],
        "big": 10**30,
        "small": 1e-7,
        "nested": {"a": [1, None]},
    },
}


@pytest.fixture(scope="module")
def pair() -> tuple[Any, Any]:
    """Return a tokenizer that renders here, and one that renders apart, for all templates."""
    here, there = support.byte_tokenizer(), support.byte_tokenizer()
    render_apart(there, "tuned")
    return here, there


Tokenizers = Callable[[Any], tuple[Any, Any]]


@pytest.fixture
def tokenizers(pair: tuple[Any, Any]) -> Tokenizers:
    """Return what gives both a template."""

    def both(template: Any) -> tuple[Any, Any]:
        for tokenizer in pair:
            tokenizer.chat_template = template
        return pair

    return both


def outcome(tokenizer: Any, chat: Any, way: dict[str, Any]) -> tuple[str, str]:
    """Return the text, or what the template raised; what else fails has no text to compare."""
    try:
        return "text", tokenizer.apply_chat_template(chat, tokenize=False, **way)
    except TemplateError as failure:
        return "refused", str(failure)
    except Exception as failure:
        return "failed", "" if isinstance(failure, (IntegrityError, TypeError, ValueError)) else "?"


@pytest.mark.parametrize("kind", CORPUS)
def test_the_text_is_the_same_to_the_byte(kind: str, tokenizers: Tokenizers) -> None:
    """For every chat and every way to ask; and so is what a template refuses."""
    here, there = tokenizers(CORPUS[kind])
    cases = [(chat, way) for chat in CHATS.values() for way in WAYS.values()]

    assert [outcome(there, *case) for case in cases] == [outcome(here, *case) for case in cases]


def test_a_prompt_takes_less_than_a_millisecond_more(tokenizers: Tokenizers) -> None:
    """Going to the child and back, once it runs."""
    here, there = tokenizers(support.CHAT_TEMPLATE)
    there.apply_chat_template(USER, tokenize=False)
    took = []
    for tokenizer in (here, there):
        each = []
        for _ in range(100):
            start = time.perf_counter()
            tokenizer.apply_chat_template(USER, tokenize=False)
            each.append(time.perf_counter() - start)
        took.append(min(each))  # the least is what no other process slowed

    assert took[1] - took[0] < 0.001


NESTED = "{% for i in range(99999) %}{% for j in range(99999) %}{% endfor %}{% endfor %}"
HOSTILE: dict[str, tuple[Any, str]] = {
    "an endless loop": (NESTED, r"took more than 0\.5 s"),
    "a power of a power": ("{{ 9 ** (9 ** 9) }}", r"took more than 0\.5 s"),
    "a power": ("{{ 9 ** 99999 }}", "limit|took more"),
    "a large output": ("{{ 'a' * 5000000 }}", "wrote more than 4 MiB"),
    "a huge output": ("{{ 'a' * 10 ** 9 }}", "took more than 512 MiB"),
    "a wide line": ("{{ 'a'.center(2000000000) }}", "took more than 512 MiB"),
    "a wide number": ("{{ '%2000000000d' % 3 }}", "took more than 512 MiB"),
    "many texts": (
        "{{ range(900) | map('string') | map('center', 1000000) | list | length }}",
        "took more than",
    ),
    "recursion": ("{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}", "RecursionError"),
    "deep nesting": ("{{ " + "(" * 3000 + "1" + ")" * 3000 + " }}", "RecursionError"),
    "deep blocks": ("{% if true %}" * 3000 + "{% endif %}" * 3000, "RecursionError"),
    "an include": ("{% include 'x' %}", "no loader"),
    "an import": ("{% import 'x' as y %}", "no loader"),
    "a number": (7, "TypeError"),
    "half a character": (r"{{ '\ud800' }}", "half a character"),
}


@pytest.fixture
def short(monkeypatch: pytest.MonkeyPatch) -> None:
    """A tenth of the time that a prompt may take."""
    monkeypatch.setattr(templates, "PROMPT_SECONDS", 0.5)


@pytest.mark.slow
@pytest.mark.skipif(not apart.CAN_LIMIT_MEMORY, reason="the system limits no memory")
@pytest.mark.parametrize("kind", HOSTILE)
def test_what_has_no_end_is_ended(kind: str, tokenizers: Tokenizers, short: None) -> None:
    """In one line that names the side, and soon; the next chat is rendered as any."""
    template, why = HOSTILE[kind]
    _, there = tokenizers(template)
    start = time.monotonic()

    with support.refused(UNRENDERED, 12, "tuned") as caught:
        there.apply_chat_template(USER, tokenize=False)
    assert re.search(why, str(caught.value))
    assert time.monotonic() - start < 10.0
    there.chat_template = support.CHAT_TEMPLATE
    assert there.apply_chat_template(USER, tokenize=False) == "<|user|>Hi\n"


def test_a_long_complaint_of_a_template_is_cut(tokenizers: Tokenizers) -> None:
    """What it raises is its reason, of whatever length; the limit is of what it writes."""
    _, there = tokenizers("{{ raise_exception('No tools. ' * 1000000) }}")

    with pytest.raises(TemplateError) as caught:
        there.apply_chat_template(USER, tokenize=False)

    assert str(caught.value).startswith("No tools. No tools. ")
    assert len(str(caught.value)) <= 500


def test_what_comes_first_ends_a_template(tokenizers: Tokenizers) -> None:
    """A signal or the end of the time, in the middle of a prompt or between two, in hand or not."""

    class Interrupted(Exception):
        pass

    def look_up() -> None:
        raise Interrupted

    _, there = tokenizers(NESTED)
    with pytest.raises(Interrupted), finishing(look_up):
        there.apply_chat_template(USER, tokenize=False)


# --- from the files of a checkpoint --------------------------------------------------------------


@pytest.fixture
def base(tiny_base: Path, tmp_path: Path) -> Callable[[str], Checkpoint]:
    """Return what gives a checkpoint another template."""
    return lambda template: find_base(str(copied(tiny_base, tmp_path / "tuned", template)), OFFLINE)


def test_a_template_is_judged_before_the_base_is_asked(
    base: Callable[[str], Checkpoint], short: None
) -> None:
    """By the files of each side."""
    with support.refused("template.not-rendered", 12, "0.5", "tuned") as caught:
        HarnessRunner(RunnerSettings(device="cpu")).look_at(base(NESTED), OWN_TEMPLATE)
    assert caught.value.id == UNRENDERED


@pytest.mark.parametrize(
    "template",
    [
        "Hello",
        "{{ messages | length }}",
        "{% for p in messages[0].content %}{{ p.text }}{% endfor %}",
    ],
)
def test_a_template_without_what_the_user_says_is_refused(
    base: Callable[[str], Checkpoint], template: str
) -> None:
    """A constant, or one for parts, asks the same whatever the item is."""
    with support.refused("template.prompt-lost", 12) as caught:
        check_template(base(template), OWN_TEMPLATE)
    assert caught.value.id == PROMPT_LOST


def test_of_a_usual_template_nothing_is_told(tiny_base: Path) -> None:
    """It renders one prompt as one text."""
    assert check_template(find_base(str(tiny_base), OFFLINE), OWN_TEMPLATE) == ()


@pytest.mark.parametrize("chance", ["{{ range(1000) | random }}", "{{ lipsum(n=1) }}"])
def test_a_template_that_draws_by_chance_is_told(
    base: Callable[[str], Checkpoint], chance: str
) -> None:
    """No answer under it can be repeated."""
    (caveat,) = check_template(base("{{ messages[0].content }}" + chance), OWN_TEMPLATE)

    assert caveat.id == "template.random"


@pytest.mark.parametrize(
    "chance",
    [
        "{% if messages | length > 3 %}{{ range(9) | random }}{% endif %}",
        "{% if messages | length > 3 %}{{ lipsum(n=1) }}{% endif %}",
        "{% if messages | length > 3 %}{{ [[1, 2]] | map('random') | list }}{% endif %}",
    ],
)
def test_chance_in_a_branch_that_no_trial_takes_is_told(
    base: Callable[[str], Checkpoint], chance: str
) -> None:
    """What eight renderings of one prompt show is what that prompt comes by."""
    (caveat,) = check_template(base("{{ messages[0].content }}" + chance), OWN_TEMPLATE)

    assert caveat.id == "template.random"


DATED = (
    "{% if date_string is not defined %}{% set date_string = strftime_now('%d %b %Y') %}{% endif %}"
    "{{ date_string }} {{ messages[0].content }}"
)


def test_a_template_that_writes_the_day_is_told(base: Callable[[str], Checkpoint]) -> None:
    """As Llama 3.1's; the argument that the line names makes it one day always."""
    checkpoint = base(DATED)

    (caveat,) = check_template(checkpoint, OWN_TEMPLATE)
    args = re.search(r"--template-args '(.+?)'", caveat.text)

    assert caveat.id == "template.date"
    assert args is not None
    assert (
        check_template(checkpoint, replace(OWN_TEMPLATE, template_args=json.loads(args[1]))) == ()
    )


def test_a_default_that_is_missing_is_told(tiny_base: Path, tmp_path: Path) -> None:
    """Of several templates none can be taken by chance."""
    folder = copied(tiny_base, tmp_path / "tuned", "{{ messages }}")
    (folder / "chat_template.jinja").unlink()
    (folder / "additional_chat_templates").mkdir()
    (folder / "additional_chat_templates" / "one.jinja").write_text("{{ messages }}")

    with support.refused("template.not-rendered", 12, "tuned"):
        check_template(find_base(str(folder), OFFLINE), OWN_TEMPLATE)


@pytest.mark.parametrize("model", ["cliffguard", "hf"])
def test_prompts_of_every_local_model_are_rendered_apart(
    model: str, tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Nothing of a template runs in this process."""
    from transformers.utils import chat_template_utils

    def never(*_: Any) -> Any:
        raise AssertionError("a template is compiled here")

    monkeypatch.setattr(chat_template_utils, "_compile_jinja_template", never)
    runner = HarnessRunner(RunnerSettings(model=model, device="cpu", batch_size=4))
    task = runner.resolve([load_suite(str(support.write_suite(tmp_path / "suite")))], OWN_TEMPLATE)[
        0
    ]

    answers = runner.ask(find_base(str(tiny_base), OFFLINE), task, task.items[:1], OWN_TEMPLATE)

    assert len(answers) == 1


def test_where_memory_has_no_limit_the_notes_say_so(
    tiny_base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """They stand in every report, under what the answers were measured on."""
    monkeypatch.setattr("cliffguard.runners.harness.CAN_LIMIT_MEMORY", False)
    runner = HarnessRunner(RunnerSettings(device="cpu", batch_size=4))
    task = runner.resolve([load_suite(str(support.write_suite(tmp_path / "suite")))], OWN_TEMPLATE)[
        0
    ]

    runner.ask(find_base(str(tiny_base), OFFLINE), task, task.items[:1], OWN_TEMPLATE)

    assert "without a limit of memory" in str(runner.notes()["chat templates"])
