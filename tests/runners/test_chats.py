"""Chats: rendered turn by turn by each side's own template, of which nothing may be lost."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cliffguard import EvalSettings, Plan, RunnerSettings, TargetData, guard
from cliffguard.checkpoints.identity import FindOptions, find_base
from cliffguard.checkpoints.tokenizers import special_marks
from cliffguard.cli.app import app
from cliffguard.core.answers import Question
from cliffguard.core.chats import Chat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.items import Task
from cliffguard.engine.chats import ChatTemplate
from cliffguard.gate import find_alone, find_sides
from cliffguard.run.templates import marks_in_chats
from cliffguard.runners.answering import Prepared
from cliffguard.runners.harness import HarnessRunner
from cliffguard.runners.live import LiveRunner
from cliffguard.runners.prompting import build, read_as_rendered
from cliffguard.runners.stored_protocols import find_stored
from cliffguard.store.answers import Store
from cliffguard.suites.loading import load_suite
from tests import support

CHATML = (
    "{% if tools %}<|tools|>{{ tools | tojson }}\n{% endif %}"
    "{% for m in messages %}<|{{ m.role }}|>{{ m.content }}"
    "{% for call in m.tool_calls or [] %}<call>{{ call.function | tojson }}</call>{% endfor %}"
    "{{ '\\n' }}{% endfor %}{% if add_generation_prompt %}<|assistant|>\n{% endif %}"
)
WITH_BOS = "{{ bos_token }}" + CHATML
INSTRUCT = (  # a space before what the assistant says, as after [/INST]
    "{{ bos_token }}{% for m in messages %}{% if m.role == 'assistant' %} {{ m.content }}</s>"
    "{% else %}[INST] {{ m.content }} [/INST]{% endif %}{% endfor %}"
)
NO_SYSTEM = (
    "{% for m in messages %}{% if m.role == 'system' %}{{ raise_exception('No system role') }}"
    "{% endif %}<|{{ m.role }}|>{{ m.content }}\n{% endfor %}<|assistant|>"
)

TOOL = {"name": "get_weather", "parameters": {"type": "object", "properties": {"city": {}}}}
CALL = {"type": "function", "function": {"name": "get_weather", "arguments": {"city": "Rome"}}}


def turn(role: str, content: str) -> dict[str, str]:
    """Return one turn."""
    return {"role": role, "content": content}


QUESTION = [turn("user", "Where is the ball?")]
SYSTEM = [turn("system", "Be brief."), *QUESTION]
TURNS = [*SYSTEM, turn("assistant", "With Ann."), turn("user", "And now, größe?")]
USED = [
    turn("user", "How warm is it in Rome?"),
    {"role": "assistant", "content": None, "tool_calls": [CALL]},
    {"role": "tool", "content": '{"degrees": 21, "sky": "clear"}', "name": "get_weather"},
]


def suite_of(
    folder: Path, rows: Sequence[Mapping[str, Any]], task: str = "metric: exact_match"
) -> Path:
    """Write a suite of one task of these rows."""
    return support.write_task(folder, [{"answer": "yes", **row} for row in rows], task)


def model_with(
    folder: Path, template: str | None, *, adds_bos: bool = False, seed: int = 0
) -> Path:
    """Save a tiny model whose tokenizer has this chat template, and may put a BOS by itself."""
    from tokenizers.processors import TemplateProcessing
    from transformers import AutoTokenizer

    support.save_tiny_llama(folder, seed=seed, max_length=2048)
    tokenizer = AutoTokenizer.from_pretrained(folder)
    tokenizer.chat_template = template
    if adds_bos:
        bos = (tokenizer.bos_token, tokenizer.bos_token_id)
        tokenizer.backend_tokenizer.post_processor = TemplateProcessing(
            single=f"{bos[0]} $A", special_tokens=[bos]
        )
    tokenizer.save_pretrained(folder)
    if template is None:
        (folder / "chat_template.jinja").unlink(missing_ok=True)
    return folder


def prepared(
    model: Path, suite: Path, protocol: EvalSettings | None = None
) -> tuple[list[Prepared], Any]:
    """Return a suite's items as they are put to a model, and its tokenizer."""
    protocol = protocol or EvalSettings(chat_template="own")
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    (task,) = runner.resolve([load_suite(str(suite))], protocol)
    side = find_base(str(model), FindOptions())
    lm = runner._model(side, protocol)
    loaded = runner._tasks[task.name]
    with read_as_rendered(lm, task):
        build(loaded, lm, side, protocol)
        return [Prepared(loaded, item, lm, protocol) for item in task.items], lm.tokenizer


def sequences_of(item: Prepared) -> list[list[int]]:
    """Return what a model is fed for an item, once for each choice."""
    with read_as_rendered(item._model, item.loaded.task):
        return item.token_sequences()


def ids_of(tokenizer: Any, messages: Any, tools: Any = None) -> list[int]:
    """Return what transformers itself makes of a chat."""
    turns = [{**turn, "content": turn["content"] or ""} for turn in messages]
    wrapped = [{"type": "function", "function": tool} for tool in tools or []]
    made = tokenizer.apply_chat_template(
        turns, tools=wrapped or None, add_generation_prompt=True, tokenize=True, return_dict=False
    )
    return [int(token) for token in made]


@pytest.mark.parametrize("adds_bos", [False, True], ids=["bare", "adds-bos"])
@pytest.mark.parametrize(
    ("template", "n_bos"), [(CHATML, 0), (WITH_BOS, 1)], ids=["chatml", "writes-bos"]
)
def test_tokens_are_those_of_the_template(
    template: str, n_bos: int, adds_bos: bool, tmp_path: Path
) -> None:
    """Of generated answers all, of choices those before them: with one BOS, or with none."""
    model = model_with(tmp_path / "model", template, adds_bos=adds_bos)
    rows = [{"messages": m} for m in (QUESTION, SYSTEM, TURNS)]
    rows.append({"messages": USED, "tools": [TOOL]})
    chosen = [{**row, "choices": ["yes", "no"]} for row in rows]
    for suite in (
        suite_of(tmp_path / "said", rows),
        suite_of(tmp_path / "chosen", chosen, "metric: acc"),
    ):
        items, tokenizer = prepared(model, suite)
        for item, row in zip(items, rows, strict=True):
            wanted = ids_of(tokenizer, row["messages"], row.get("tools"))
            assert (item.n_bos or 0) == n_bos
            for tokens in sequences_of(item):
                assert tokens[: len(wanted)] == wanted


def test_a_choice_begins_as_an_answer_does(tmp_path: Path) -> None:
    """Where the template puts a space before the assistant's words, a choice has one, too."""
    suite = suite_of(
        tmp_path / "suite", [{"messages": QUESTION, "choices": ["yes", "no"]}], "metric: acc"
    )
    for template, wanted in ((INSTRUCT, " yes"), (CHATML, "yes")):
        folder = tmp_path / f"model{len(template)}"
        (item,), _ = prepared(model_with(folder, template), suite)
        assert item.requests[0].args[1] == wanted


DROPPING = {
    "the system's turn": (
        "{% for m in messages if m.role != 'system' %}{{ m.content }}{% endfor %}",
        SYSTEM,
        "what the system says",
    ),
    "all but the last turn": ("{{ messages[-1].content }}", TURNS, "what the system says"),
    "tools": (
        "{% for m in messages %}{{ m.content }}{% endfor %}",
        USED[:1],
        "the tool get_weather",
    ),
    "calls": (
        "{{ tools | tojson }}{% for m in messages %}{{ m.content }}{% endfor %}",
        USED,
        "the call of get_weather",
    ),
    "arguments": (
        "{{ tools | tojson }}{% for m in messages %}{{ m.content }}"
        "{% for c in m.tool_calls or [] %}{{ c.function.name }}{% endfor %}{% endfor %}",
        USED,
        "the argument city",
    ),
    "what a tool answers": (
        CHATML.replace("{{ m.content }}", "{{ m.content if m.role != 'tool' }}"),
        USED,
        "what the tool says",
    ),
    "what was thought": (
        CHATML.replace("{{ m.content }}", "{{ m.content.split('</think>')[-1] }}"),
        [*QUESTION, turn("assistant", "<think>Hm.</think>Ann."), *QUESTION],
        "Hm.",
    ),
    "values that are no texts": (
        CHATML.replace(
            "{{ call.function | tojson }}",
            "{{ call.function.name }}{% for k, v in call.function.arguments.items() %}"
            "{{ k }}={{ v if v is string }}{% endfor %}",
        ),
        [
            USED[0],
            {"role": "assistant", "tool_calls": [{"name": "get_weather", "arguments": {"n": 3}}]},
            USED[2],
        ],
        "the argument n of get_weather",
    ),
    "names of arguments": (
        CHATML.replace(
            "{{ call.function | tojson }}",
            "{{ call.function.name }}{{ call.function.arguments.values() | list }}",
        ),
        USED,
        "the name of the argument city",
    ),
    "what tools are for": (
        CHATML.replace(
            "{{ tools | tojson }}", "{{ tools | map(attribute='function.name') | list }}"
        ),
        USED,
        "of the tool get_weather",
    ),
    "turns that were said before": (
        "{% set seen = namespace(all=[]) %}{% for m in messages %}"
        "{% if m.content not in seen.all %}{{ m.content }}"
        "{% set seen.all = seen.all + [m.content] %}{% endif %}{% endfor %}",
        [*QUESTION, turn("assistant", "Ann."), *QUESTION],
        "the words 'Where is the ball?'",
    ),
    "the order of turns": (
        "{% for m in messages | reverse %}{{ m.content }}{% endfor %}",
        [*QUESTION, turn("assistant", "With Ann."), turn("user", "And now?")],
        "the words",
    ),
    "one of two equal turns": (
        CHATML.replace("for m in messages", "for m in messages[-2:]"),
        [*QUESTION, turn("assistant", "Where is the ball?"), *QUESTION],
        "what the user says (messages[0])",
    ),
}


@pytest.mark.parametrize("what", DROPPING)
def test_a_template_that_drops_anything_is_refused(what: str, tmp_path: Path) -> None:
    """However it does so: the model would be asked something else."""
    template, messages, named = DROPPING[what]
    row = {"messages": messages} | (
        {"tools": [TOOL]} if "tools" in what or messages is USED else {}
    )
    suite = suite_of(tmp_path / "suite", [row])
    model = model_with(tmp_path / "model", template)
    with support.refused("template.drops", 2, "talk: item i0", "drops", named, "--chat-template"):
        prepared(model, suite)


def test_a_template_that_takes_no_system_turn_is_refused(tmp_path: Path) -> None:
    """lm-eval would render the chat once more without it."""
    model = model_with(tmp_path / "model", NO_SYSTEM)
    plain, _ = prepared(model, suite_of(tmp_path / "plain", [{"messages": QUESTION}]))
    assert plain[0].requests[0].args[0] == "<|user|>Where is the ball?\n<|assistant|>"
    with support.refused("template.refuses-chat", 2, "talk: item i0", "No system role"):
        prepared(model, suite_of(tmp_path / "suite", [{"messages": SYSTEM}]))


def test_escaped_contents_are_there(tmp_path: Path) -> None:
    """A template that writes a tool's answer as JSON drops nothing."""
    template = CHATML.replace(
        "{{ m.content }}", "{{ m.content | tojson if m.role == 'tool' else m.content }}"
    )
    suite = suite_of(tmp_path / "suite", [{"messages": USED, "tools": [TOOL]}])
    (item,), _ = prepared(model_with(tmp_path / "model", template), suite)
    assert r"\"degrees\": 21" in item.requests[0].args[0]


def test_the_order_of_rows_hides_no_drop(tmp_path: Path) -> None:
    """A call without arguments loses none, and says nothing of the next one."""
    template = CHATML.replace("{{ call.function | tojson }}", "{{ call.function.name }}")
    called = [{"name": "get_weather", "arguments": {}}]
    without = [USED[0], {"role": "assistant", "tool_calls": called}, USED[2]]
    rows = [{"messages": messages, "tools": [TOOL]} for messages in (without, USED)]
    model = model_with(tmp_path / "model", template)
    with support.refused("template.drops", 2, "item i1", "argument city"):
        prepared(model, suite_of(tmp_path / "suite", rows))


def test_arguments_are_texts_where_a_template_wants_them(tmp_path: Path) -> None:
    """As OpenAI writes them; such a template cannot join an object to a text."""
    template = CHATML.replace(
        "{{ call.function | tojson }}", "{{ call.function.name + call.function.arguments }}"
    )
    model = model_with(tmp_path / "model", template)
    (item,), _ = prepared(
        model, suite_of(tmp_path / "suite", [{"messages": USED, "tools": [TOOL]}])
    )
    assert '<call>get_weather{"city": "Rome"}</call>' in item.requests[0].args[0]


@pytest.mark.parametrize(
    "spelling",
    ["{{ m.content | e }}", "{{ m.content | tojson }}", "{{ m.content | replace('\\n', ' ') }}"],
)
def test_words_may_be_spelt_otherwise(spelling: str, tmp_path: Path) -> None:
    """What a template escapes, or sets in other blanks, is there."""
    messages = [turn("user", 'Is "a" < b & c\nor größer?')]
    model = model_with(tmp_path / "model", CHATML.replace("{{ m.content }}", spelling))
    assert prepared(model, suite_of(tmp_path / "suite", [{"messages": messages}]))[0]


def test_words_are_in_order_in_any_spelling(tmp_path: Path) -> None:
    """What a tool returned may be written as JSON, and be said again in plain words."""
    template = CHATML.replace(
        "{{ m.content }}", "{{ m.content | tojson if m.role == 'tool' else m.content }}"
    )
    twice = [*USED, turn("assistant", "I see."), turn("user", str(USED[2]["content"]))]
    suite = suite_of(tmp_path / "suite", [{"messages": twice, "tools": [TOOL]}])
    assert prepared(model_with(tmp_path / "model", template), suite)[0]


def test_words_beside_a_call_may_stand_behind_its_result(tmp_path: Path) -> None:
    """As Gemma 4 writes them: call, result, words."""
    template = (
        "{{ tools | tojson }}{% for m in messages %}{% if m.tool_calls %}"
        "{{ m.tool_calls | tojson }}{{ messages[loop.index].content }}{{ m.content }}"
        "{% elif m.role != 'tool' %}{{ m.content }}{% endif %}{% endfor %}"
    )
    called = {**USED[1], "content": "Let me see."}
    suite = suite_of(
        tmp_path / "suite", [{"messages": [USED[0], called, USED[2]], "tools": [TOOL]}]
    )
    assert prepared(model_with(tmp_path / "model", template), suite)[0]


def test_a_template_may_demand_a_system_turn(tmp_path: Path, store: Store) -> None:
    """Where every item has one, nothing is wrong with it."""
    demanding = (
        "{% if messages[0].role != 'system' %}{{ raise_exception('No system') }}{% endif %}"
        + CHATML
    )
    base = model_with(tmp_path / "base", demanding)
    tuned = model_with(tmp_path / "tuned", demanding, seed=1)
    suite = suite_of(tmp_path / "suite", [{"messages": SYSTEM}] * 6)
    assert guard(plan_for(suite, base, tuned), store=store).comparison.capabilities


def test_a_choice_is_no_thought(tmp_path: Path) -> None:
    """A template that opens a thought would have choices read inside of it."""
    model = model_with(
        tmp_path / "model", CHATML.replace("<|assistant|>\n", "<|assistant|>\n<think>\n")
    )
    row = {"messages": QUESTION, "choices": ["yes", "no"]}
    with support.refused("template.open-thought", 2, "item i0", "--template-args"):
        prepared(model, suite_of(tmp_path / "suite", [row], "metric: acc"))
    assert prepared(model, suite_of(tmp_path / "said", [{"messages": QUESTION}]))[0]


def test_a_template_may_end_in_a_blank(tmp_path: Path) -> None:
    """Which is read with the first word of a choice, as a model writes it."""
    template = "{% for m in messages %}{{ m.role }}: {{ m.content }} {% endfor %}assistant: "
    row = {"messages": QUESTION, "choices": ["yes", "no"]}
    model = model_with(tmp_path / "model", template)
    assert prepared(model, suite_of(tmp_path / "suite", [row], "metric: acc"))[0]


def test_shots_are_turns(tmp_path: Path) -> None:
    """Each is a user's turn and the assistant's, behind the system turn of the item."""
    rows = [
        {"messages": [turn("system", "Be brief."), turn("user", f"Number {n}?")], "answer": str(n)}
        for n in range(4)
    ]
    suite = suite_of(tmp_path / "suite", rows, "metric: exact_match, num_fewshot: 2")
    items, _ = prepared(model_with(tmp_path / "model", CHATML), suite)
    text = items[0].requests[0].args[0]
    assert text.startswith("<|system|>Be brief.\n<|user|>Number ")
    assert text.endswith("\n<|user|>Number 0?\n<|assistant|>\n")
    assert text.count("<|user|>") == 3
    assert text.count("Be brief.") == 1
    assert text.count("Number 0?") == 1
    for n in (n for n in range(1, 4) if f"Number {n}?" in text):
        assert f"<|user|>Number {n}?\n<|assistant|>{n}\n" in text


def test_a_shot_of_a_call_calls(tmp_path: Path) -> None:
    """As the template writes calls; where no tool is to be called, nothing can be shown."""
    rows = [
        {
            "messages": [turn("user", f"Rain in town {n}?")],
            "tools": [TOOL],
            "answer": {"name": "get_weather", "arguments": {"city": f"Town {n}"}} if n else [],
        }
        for n in range(3)
    ]
    suite = suite_of(tmp_path / "suite", rows, "metric: tool_call, num_fewshot: 2")
    model = model_with(tmp_path / "model", CHATML)
    with support.refused("chat.shots", 2, "item i1", "2 shots"):
        prepared(model, suite)
    suite = suite_of(tmp_path / "suite", rows, "metric: tool_call, num_fewshot: 1")
    items, _ = prepared(model, suite)
    assert (
        '<|user|>Rain in town 2?\n<|assistant|><call>{"name": "get_weather", "arguments": '
        '{"city": "Town 2"}}</call>\n<|user|>Rain in town 1?\n'
    ) in items[1].requests[0].args[0]


def test_shots_of_other_systems_are_none(tmp_path: Path) -> None:
    """An example under other rules would show the wrong thing."""
    rows = [
        {"messages": [turn("system", f"Rule {n}."), turn("user", f"Number {n}?")]} for n in range(4)
    ]
    suite = suite_of(tmp_path / "suite", rows, "metric: exact_match, num_fewshot: 1")
    with support.refused("chat.shots", 2, "item i0", "system turn"):
        prepared(model_with(tmp_path / "model", CHATML), suite)


def test_the_protocols_system_prompt_is_a_turn(tmp_path: Path) -> None:
    """It comes first; beside one of the item's own it is refused."""
    model = model_with(tmp_path / "model", CHATML)
    protocol = EvalSettings(chat_template="own", system_prompt="Speak.")
    (item,), _ = prepared(model, suite_of(tmp_path / "a", [{"messages": QUESTION}]), protocol)
    assert item.requests[0].args[0].startswith("<|system|>Speak.\n<|user|>Where")
    with support.refused("chat.two-systems", 2, "i0", "--system-prompt"):
        prepared(model, suite_of(tmp_path / "b", [{"messages": SYSTEM}]), protocol)


def test_special_tokens_of_calls_are_kept(tmp_path: Path) -> None:
    """Of items with tools the answer is decoded with them, and of no others."""
    model = model_with(tmp_path / "model", CHATML)
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    protocol = EvalSettings(chat_template="own")
    lm = runner._model(find_base(str(model), FindOptions()), protocol)
    bos = lm.tokenizer.bos_token_id
    shown = {}
    for name, row in {
        "with": {"messages": QUESTION, "tools": [TOOL]},
        "without": {"messages": QUESTION},
    }.items():
        suite = load_suite(str(suite_of(tmp_path / name, [row])))
        with read_as_rendered(lm, suite.tasks[0]):
            shown[name] = lm.tok_decode([bos, 65])
    assert shown["with"].startswith("<s>")
    assert not shown["without"].startswith("<s>")
    assert lm.tok_decode([bos, 65]) == shown["without"]


# --- what `auto` stands for ----------------------------------------------------------------------

PLAIN = [{"prompt": "Who has it?"}]


def key_of(task: Task, protocol: EvalSettings) -> str:
    """Return the key of a question."""
    who = Checkpoint(
        name="m", revision=None, weights="w", adapter=None, tokenizer="t", chat_template="c",
        settings="s", notes=(), files=None,
    )  # fmt: skip
    return Question(
        checkpoint=who, task=task, protocol=protocol, dtype="float32", runner="r", replicate=0
    ).key


def test_auto_is_resolved_before_the_key_is_made(tmp_path: Path) -> None:
    """Prompts under `auto` are asked as under `none`, and chats as under `own`."""
    auto = EvalSettings()
    (prompts,) = load_suite(str(suite_of(tmp_path / "p", PLAIN))).tasks
    (chats,) = load_suite(str(suite_of(tmp_path / "c", [{"messages": QUESTION}]))).tasks
    assert auto.chat_template == "auto"
    assert key_of(prompts, auto) == key_of(prompts, replace(auto, chat_template="none"))
    assert key_of(prompts, auto) != key_of(prompts, replace(auto, chat_template="own"))
    assert key_of(chats, auto) == key_of(chats, replace(auto, chat_template="own"))
    arguments = EvalSettings(template_args={"enable_thinking": False})
    assert key_of(prompts, arguments) == key_of(prompts, replace(auto, chat_template="none"))
    assert key_of(chats, arguments) != key_of(chats, auto)


def test_a_prompt_keeps_its_digest(tmp_path: Path) -> None:
    """As it was before there were chats; the same words as a chat are another question."""
    (prompts,) = load_suite(str(suite_of(tmp_path / "p", PLAIN))).tasks
    assert prompts.items[0].digest == ("a7fb2a45") or prompts.items[0].digest == support.digest(
        ["Who has it?", [], "yes"]
    )
    (chats,) = load_suite(
        str(suite_of(tmp_path / "c", [{"messages": [turn("user", "Who has it?")]}]))
    ).tasks
    assert chats.items[0].digest != prompts.items[0].digest


def plan_for(suite: Path, base: Path, candidate: Path, **protocol: Any) -> Plan:
    """Return a plan of one suite, on the CPU."""
    return Plan(
        base=str(base),
        candidate=str(candidate),
        suites=(str(suite),),
        runner=RunnerSettings(device="cpu"),
        protocol=EvalSettings(**protocol),
    )


def test_chats_and_prompts_in_one_run(tmp_path: Path, store: Store) -> None:
    """A suite of both is asked as each is, and a rerun asks nothing."""
    suite = suite_of(tmp_path / "suite", [{"messages": TURNS}] * 6)
    support.write_jsonl(
        tmp_path / "suite" / "prompts.jsonl",
        [{"id": f"p{n}", "prompt": f"Say {n}:", "answer": str(n)} for n in range(6)],
    )
    with suite.open("a", encoding="utf-8") as file:
        file.write("      - {name: plain, items: prompts.jsonl, metric: exact_match}\n")
    base = model_with(tmp_path / "base", CHATML)
    tuned = model_with(tmp_path / "tuned", CHATML, seed=1)
    seen: dict[str, str] = {}
    plan = plan_for(suite, base, tuned)
    runner = HarnessRunner(plan.runner)
    runner.show = lambda who, task, prompts: seen.update({task.name: prompts[0][1]})
    review = guard(plan, store=store, runner=runner)
    assert seen["talk"].endswith("<|user|>And now, größe?\n<|assistant|>\n")
    assert seen["plain"].startswith("Say ")
    assert review.plan.protocol.chat_template == "auto"
    seen.clear()
    again = guard(plan, store=store, runner=runner)
    assert seen == {}
    assert again.verdict == review.verdict
    stored = find_stored(store, find_sides(plan), [load_suite(str(suite))], {})
    assert stored.protocol == replace(review.plan.protocol, dtype="float32")
    compared = guard(replace(plan, protocol=stored.protocol), store=store, runner=stored)
    assert compared.verdict == review.verdict


@pytest.mark.parametrize("is_call", [True, False])
def test_own_chats_are_asked_by_each_sides_template(
    tmp_path: Path, store: Store, is_call: bool
) -> None:
    """A target of data in one line: calls with their tools, and labels by likelihood."""
    rows = [
        {"messages": [SYSTEM[0], turn("user", f"And {n}?"), last]}
        for n in range(10)
        for last in [USED[1] if is_call else turn("assistant", ("yes", "no")[n % 2])]
    ]
    data = support.write_jsonl(tmp_path / "data.jsonl", [{**row, "tools": [TOOL]} for row in rows])
    base = model_with(tmp_path / "base", CHATML)
    tuned = model_with(tmp_path / "tuned", CHATML, seed=1)
    target = TargetData(data=str(data), max_tokens=2 if is_call else None)
    plan = replace(plan_for(data, base, tuned), suites=(), target=target)
    seen: list[str] = []
    runner = HarnessRunner(plan.runner)
    runner.show = lambda who, task, prompts: seen.append(prompts[0][1])

    review = guard(plan, store=store, runner=runner)

    assert seen[0].startswith("<|tools|>")
    assert seen[0].endswith("<|system|>Be brief.\n<|user|>And 0?\n<|assistant|>\n")
    assert review.plan.protocol.chat_template == "auto"
    assert [c.capability for c in review.comparison.capabilities] == ["target"]


def test_prompts_alone_are_a_run_without_templates(tmp_path: Path, store: Store) -> None:
    """So that its review and its reports are what they were."""
    suite = support.write_suite(tmp_path / "suite", n_items=6)
    base = model_with(tmp_path / "base", None)
    tuned = model_with(tmp_path / "tuned", None, seed=1)
    review = guard(plan_for(suite, base, tuned), store=store)
    assert review.plan.protocol.chat_template == "none"


def test_chats_need_a_template(tmp_path: Path, store: Store) -> None:
    """Of both sides, before anything is asked; a file of one may be named for both."""
    suite = suite_of(tmp_path / "suite", [{"messages": QUESTION}] * 6)
    base = model_with(tmp_path / "base", None)
    tuned = model_with(tmp_path / "tuned", CHATML, seed=1)
    with support.refused("chat.no-template", 2, "talk", "base", "--chat-template FILE"):
        guard(plan_for(suite, base, tuned, chat_template="none"), store=store)
    with support.refused("template.missing", 2, str(base), "--chat-template FILE"):
        guard(plan_for(suite, base, tuned), store=store)
    with support.refused("template.no-file", 2, "no such file"):
        guard(plan_for(suite, base, tuned, chat_template=str(tmp_path / "no.jinja")), store=store)
    file = tmp_path / "one.jinja"
    file.write_text(CHATML, encoding="utf-8")
    review = guard(plan_for(suite, base, tuned, chat_template=str(file)), store=store)
    assert review.comparison.base.chat_template == review.comparison.candidate.chat_template
    folder = guard(plan_for(suite, base, tuned, chat_template=str(tuned)), store=store)
    assert folder.comparison.base.chat_template == review.comparison.base.chat_template


@pytest.mark.parametrize(
    ("protocol", "error"),
    [
        ({"system_prompt": "Hi."}, "protocol.system-prompt"),
        ({"template_args": {"enable_thinking": False}}, "protocol.template-args"),
        ({"chat_template": "./x.jinja"}, "protocol.chat-template"),
    ],
)
def test_prompts_take_nothing_of_a_template(
    protocol: dict[str, Any], error: str, tmp_path: Path, store: Store
) -> None:
    """Nothing that was said is dropped: where no template is applied, it is refused."""
    suite = support.write_suite(tmp_path / "suite", n_items=6)
    model = model_with(tmp_path / "base", CHATML)
    with support.refused(error, 2):
        guard(plan_for(suite, model, model, **protocol), store=store)


def test_what_the_candidates_template_drops_is_known_first(tmp_path: Path, store: Store) -> None:
    """Before the base is asked anything."""
    suite = suite_of(tmp_path / "suite", [{"messages": QUESTION}] * 5 + [{"messages": SYSTEM}])
    base = model_with(tmp_path / "base", CHATML)
    tuned = model_with(tmp_path / "tuned", NO_SYSTEM, seed=1)
    with support.refused("template.refuses-chat", 2, "tuned", "item i5"):
        guard(plan_for(suite, base, tuned), store=store)
    assert not [entry for entry in store.entries() if entry.shard_numbers()]


def test_a_chat_is_rendered_once_for_each_side(
    tmp_path: Path, store: Store, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By another process, which takes milliseconds: not once a look, nor again to be asked."""
    rendered: list[str] = []
    render = ChatTemplate.render

    def counted(template: ChatTemplate, chat: Chat, where: str) -> str:
        rendered.append(where)
        return render(template, chat, where)

    monkeypatch.setattr(ChatTemplate, "render", counted)
    rows = [{"messages": [turn("user", f"Number {n}?")]} for n in range(70)]
    suite = suite_of(tmp_path / "suite", rows, "metric: exact_match, max_tokens: 1")
    base = model_with(tmp_path / "base", CHATML)
    tuned = model_with(tmp_path / "tuned", CHATML, seed=1)
    guard(plan_for(suite, base, tuned), store=store)
    assert len(rendered) == 2 * len(rows)


def test_one_side_alone_is_asked_under_the_file_too(tmp_path: Path) -> None:
    """As `measure` and `noise` ask it."""
    suite = suite_of(tmp_path / "suite", [{"messages": QUESTION}] * 6)
    file = tmp_path / "one.jinja"
    file.write_text(CHATML, encoding="utf-8")
    model = model_with(tmp_path / "base", None)
    plan = Plan(
        candidate=str(model),
        suites=(str(suite),),
        protocol=EvalSettings(chat_template=str(file)),
        runner=RunnerSettings(device="cpu"),
    )
    both = find_sides(plan_for(suite, model, model, chat_template=str(file)))
    assert find_alone(plan).fingerprint == both[0].fingerprint


def test_stored_answers_under_a_file_are_compared(tmp_path: Path, store: Store) -> None:
    """With the flags that measured them, of sides whose own templates are others, or none."""
    suite = suite_of(tmp_path / "suite", [{"messages": QUESTION}] * 6)
    (tmp_path / "one.jinja").write_text(CHATML, encoding="utf-8")
    base = model_with(tmp_path / "base", None)
    tuned = model_with(tmp_path / "tuned", WITH_BOS, seed=1)
    flags = ["--suite", str(suite), "--store", str(store.root)]
    flags += ["--chat-template", str(tmp_path / "one.jinja")]
    for side in (base, tuned):
        assert exit_code("measure", str(side), *flags, "--device", "cpu") == 0
    out = ("--out", str(tmp_path / "out"))
    assert exit_code("compare", str(base), str(tuned), *flags, *out) in (0, 10, 11)


def exit_code(*words: str) -> int:
    """Return the exit code of a command."""
    return CliRunner().invoke(app, list(words)).exit_code


def test_chats_are_never_asked_bare(tmp_path: Path) -> None:
    """Not by who asks a runner himself either."""
    suite = load_suite(str(suite_of(tmp_path / "suite", [{"messages": QUESTION}])))
    model = model_with(tmp_path / "base", CHATML)
    runner = HarnessRunner(RunnerSettings(device="cpu"))
    protocol = EvalSettings(chat_template="none")
    (task,) = runner.resolve([suite], protocol)
    with support.refused("chat.no-template", 2, "talk", "--chat-template FILE"):
        runner.ask(find_base(str(model), FindOptions()), task, task.items, protocol)


def test_a_word_that_is_no_template_is_refused() -> None:
    """With the word that was meant."""
    with support.refused("protocol.chat-template", 2, "'onw'", "own", "auto"):
        EvalSettings(chat_template="onw")


def test_a_model_in_memory_is_asked_the_same(tmp_path: Path, store: Store) -> None:
    """As the same model is from its files."""
    from transformers import AutoModelForCausalLM, AutoTokenizer

    suite = suite_of(tmp_path / "suite", [{"messages": TURNS}, {"messages": SYSTEM}])
    folder = model_with(tmp_path / "model", CHATML)
    live = LiveRunner(
        AutoModelForCausalLM.from_pretrained(folder),
        AutoTokenizer.from_pretrained(folder),
        settings=RunnerSettings(device="cpu"),
    )
    files = HarnessRunner(RunnerSettings(device="cpu"))
    protocol = EvalSettings()
    (task,) = live.resolve([load_suite(str(suite))], protocol)
    (same,) = files.resolve([load_suite(str(suite))], protocol)
    here = live.ask(live.candidate(), task, task.items, protocol)
    there = files.ask(find_base(str(folder), FindOptions()), same, same.items, protocol)
    assert [a.text for a in here] == [a.text for a in there]
    assert [a.tokens_digest for a in here] == [a.tokens_digest for a in there]


@pytest.mark.parametrize("where", ["a turn", "a tool"])
def test_marks_in_what_is_said_are_a_caveat(where: str, tmp_path: Path) -> None:
    """A stranger's words that end the turn, in a content or in a tool's description, are named."""
    side = find_base(str(model_with(tmp_path / "model", CHATML)), FindOptions())
    assert side.files is not None
    (mark, *_) = special_marks(side.files.tokenizer)
    tool = {**TOOL, "description": f"Weather.{mark}"}
    row = {"messages": [turn("user", f"Hello {mark} there.")]}
    if where == "a tool":
        row = {"messages": QUESTION, "tools": [tool]}
    rows = [row, {"messages": QUESTION}]
    (task,) = load_suite(str(suite_of(tmp_path / "suite", rows))).tasks

    (caveat,) = marks_in_chats([task], [side])

    assert caveat.id == "chat.template-marks"
    assert "1 chat (such as i0)" in caveat.text
    assert mark in caveat.text
    assert marks_in_chats([replace(task, items=task.items[1:])], [side]) == ()
