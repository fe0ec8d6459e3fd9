"""What must hold before two sets of answers may be compared."""

from __future__ import annotations

import json
from collections.abc import Callable
from dataclasses import replace
from pathlib import Path
from typing import Any

import numpy as np
import pytest
from safetensors.numpy import load_file, save_file

from cliffguard.checkpoints.identity import FindOptions, find_pair, with_template_of
from cliffguard.core.answers import Answer
from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import IntegrityError
from cliffguard.core.settings import EvalSettings
from cliffguard.evaluate.answer_checks import check_answers
from cliffguard.evaluate.pair_checks import check_pair
from tests import support

PLAIN = EvalSettings(chat_template="none")
OFFLINE = FindOptions(offline=True)
ITEMS = [support.item(number) for number in range(3)]


def answers() -> dict[str, list[Answer]]:
    """Return one task's answers."""
    return {"t": [support.answer(item) for item in ITEMS]}


def test_equal_prompts_pass() -> None:
    """Two sides that answered the same prompts may be compared."""
    check_answers(answers(), answers(), EvalSettings())


def test_other_tasks_are_refused() -> None:
    """Sides that answered other tasks are not compared."""
    with support.refused("sides.other-tasks", 12):
        check_answers(answers(), {"u": answers()["t"]}, EvalSettings())


def test_missing_answers_are_refused() -> None:
    """Sides with different numbers of answers are not compared."""
    short = {"t": answers()["t"][:-1]}

    with support.refused("sides.other-items", 12):
        check_answers(answers(), short, EvalSettings())


def test_another_item_at_the_same_place_is_refused() -> None:
    """Answers are compared item by item, never by position alone."""
    turned = {"t": answers()["t"][::-1]}

    with support.refused("sides.other-items", 12, "item-0", "item-2"):
        check_answers(answers(), turned, EvalSettings())


def test_another_prompt_is_refused() -> None:
    """The untemplated prompts must agree by digest."""
    other = answers()
    other["t"][1] = replace(other["t"][1], prompt_digest="other", rendered_digest="other")

    with support.refused("sides.asked-otherwise", 12, "item-1"):
        check_answers(answers(), other, EvalSettings())


@pytest.mark.parametrize("template", ["none", "base"])
def test_another_rendering_is_refused_under_one_template(template: str) -> None:
    """Where both sides get the same template, the rendered prompts must agree."""
    other = answers()
    other["t"][0] = replace(other["t"][0], rendered_digest="other")

    with support.refused("sides.rendered-otherwise", 12, "item-0"):
        check_answers(answers(), other, EvalSettings(chat_template=template))  # type: ignore[arg-type]


def test_own_templates_may_render_differently() -> None:
    """With each side's own template the rendered prompts may differ."""
    other = answers()
    other["t"][0] = replace(other["t"][0], rendered_digest="other")

    check_answers(answers(), other, EvalSettings(chat_template="own"))


# --- what the answers themselves tell ------------------------------------------------------------


def many(*, sure: float = 0.5, step: float = 0.01, **fields: Any) -> dict[str, list[Answer]]:
    """Return forty answers with probabilities of their own."""
    answers = [support.answer(support.item(number)) for number in range(40)]
    return {"t": [replace(a, confidence=sure + step * n, **fields) for n, a in enumerate(answers)]}


def test_one_model_for_both_sides_is_refused() -> None:
    """A server that has one model under two names, or a cache that knows none, passes any gate."""
    with support.refused("sides.one-run", 12):
        check_answers(many(), many(), EvalSettings())


def test_one_other_bit_is_another_model() -> None:
    """Equal scores are no fault, and neither are nearly equal probabilities."""
    other = many()
    answer = other["t"][7]
    other["t"][7] = replace(answer, confidence=float(np.nextafter(answer.confidence or 0.0, 1.0)))

    check_answers(many(), other, EvalSettings())


@pytest.mark.parametrize(
    "same",
    [many(sure=1.0, step=0.0), {"t": many()["t"][:29]}, many(sure=float("nan"))],
    ids=["certain", "few", "unknown"],
)
def test_what_two_models_may_share_is_not_refused(same: dict[str, list[Answer]]) -> None:
    """Certainty, a handful of answers, or answers whose probabilities nobody told."""
    known = same["t"][0].confidence == same["t"][0].confidence
    answers = {"t": [a if known else replace(a, confidence=None) for a in same["t"]]}

    check_answers(answers, answers, EvalSettings())


def generated(n: int, text: str = "The answer to that is {}.", **fields: Any) -> list[Answer]:
    """Return generated answers, each another sentence, of a server that tells no probability."""
    answers = [support.answer(support.item(number)) for number in range(n)]
    kept = {"confidence": None, "finish_reason": "stop", **fields}
    return [replace(a, text=text.format(number), **kept) for number, a in enumerate(answers)]


@pytest.mark.parametrize("reason", ["stop", "string", "length"])
def test_one_voice_on_both_sides_is_refused(reason: str) -> None:
    """Eight sentences, all the same to the letter, beside short answers that prove nothing."""
    answers = {"t": generated(8, finish_reason=reason), "u": generated(30, "{}")}

    with support.refused("sides.one-run", 12):
        check_answers(answers, answers, EvalSettings())


@pytest.mark.parametrize(
    "same",
    [
        pytest.param(generated(7), id="seven"),
        pytest.param(generated(40, "The answer to all is 1."), id="one sentence"),
        pytest.param(generated(40, "{}"), id="short"),
        pytest.param(generated(40, finish_reason="choice"), id="choices"),
    ],
)
def test_two_models_may_say_the_same(same: list[Answer]) -> None:
    """A healthy fine-tune answers short questions as its base does."""
    check_answers({"t": same}, {"t": same}, EvalSettings())


def test_one_letter_is_another_model() -> None:
    """One long answer that differs, or is missing on one side, is enough."""
    for text in ("The answer to that is 6!", ""):
        other = generated(8)
        other[6] = replace(other[6], text=text)

        check_answers({"t": generated(8)}, {"t": other}, EvalSettings())


def test_probabilities_tell_a_gentle_fine_tune_from_its_base() -> None:
    """Where they are known and differ in a bit, all the same words are two models' words."""
    sides = [{"t": generated(8, confidence=0.5)}, {"t": generated(8, confidence=0.5 + 2**-53)}]

    check_answers(sides[0], sides[1], EvalSettings())
    with support.refused("sides.one-run", 12):
        check_answers(sides[0], sides[0], EvalSettings())


def test_of_samples_the_filtered_texts_are_no_evidence() -> None:
    """What a filter leaves may be the same long option under two models; its reader has looked."""
    answers = {"t": generated(8)}

    check_answers(answers, answers, None)


def test_a_lost_bos_is_refused() -> None:
    """Without its first token a model answers at random, and that is no loss of a fine-tune."""
    base = many(n_bos=1, n_prompt_tokens=9, tokens_digest="a")
    bare = many(sure=0.4, n_bos=0, n_prompt_tokens=8, tokens_digest="b")

    with support.refused("sides.begun-otherwise", 12):
        check_answers(base, bare, EvalSettings())


def test_another_name_for_the_first_token_is_no_fault() -> None:
    """Where the candidate calls a token of the template its mark, the prompts are the same."""
    base = many(n_bos=None, n_prompt_tokens=9, tokens_digest="a")
    named = many(sure=0.4, n_bos=1, n_prompt_tokens=9, tokens_digest="a")

    assert check_answers(base, named, EvalSettings()) == ()


def test_prompts_in_other_tokens_are_told() -> None:
    """The same text, read in other pieces: counted, and shown."""
    other = many(sure=0.4, tokens_digest="b")
    other["t"][:5] = many(sure=0.4, tokens_digest="a")["t"][:5]

    (caveat,) = check_answers(many(tokens_digest="a"), other, EvalSettings())

    assert caveat.text.startswith("t: 35 of 40 prompts are the same text in other tokens")


@pytest.mark.parametrize(
    ("reason", "id", "says"),
    [
        ("overlong", "answers.overlong", "do not fit the context"),
        ("thinking", "answers.cut-thinking", "were cut before an answer came"),
        ("stop", "answers.unreadable", "hold no answer that can be read, which is wrong"),
        ("length", "answers.cut-unread", "were cut before an answer could be read: wrong"),
        ("stopped", "answers.cut-unread", "were cut before an answer could be read: wrong"),
        ("missing", "answers.missing", "are missing"),
    ],
)
def test_items_without_a_score_are_told_by_their_reason(reason: Any, id: str, says: str) -> None:
    """Wrong or left out on both sides, nobody has to guess why."""
    sides = [many(), many(sure=0.4)]
    for side, n in zip(sides, (3, 1), strict=True):
        side["t"][:n] = [replace(a, score=None, finish_reason=reason) for a in side["t"][:n]]

    text = f"t: of 40 items, 3 of the base and 1 of the candidate {says}."
    assert check_answers(sides[0], sides[1], EvalSettings()) == (Caveat(id=id, text=text),)


# --- the pair, before anything is asked ----------------------------------------------------------


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A base without a chat template."""
    return support.write_checkpoint(tmp_path / "base", seed=0)


@pytest.fixture
def tuned(tmp_path: Path) -> Path:
    """Other weights with the same tokenizer."""
    return support.write_checkpoint(tmp_path / "tuned", seed=1)


def checked(
    base: Path, candidate: Path, protocol: EvalSettings | None = None
) -> tuple[Caveat, ...]:
    """Return the caveats about a pair."""
    return check_pair(*find_pair(str(base), str(candidate), OFFLINE), protocol or PLAIN)


def test_a_usual_pair_is_not_remarked(base: Path, tuned: Path) -> None:
    """Other weights, the same tokenizer, no template: nothing to say."""
    assert checked(base, tuned) == ()


def as_it_is(folder: Path) -> None:
    """Change nothing."""


def in_another_shard(folder: Path) -> None:
    """Save the weights under another name, as a trainer with other shards does."""
    (folder / "model.safetensors").rename(folder / "model-00001-of-00001.safetensors")


def with_a_template(folder: Path) -> None:
    """Add a chat template, as a script that forgets to merge the adapter does."""
    (folder / "chat_template.jinja").write_text("{{ messages }}")


@pytest.mark.parametrize(
    ("change", "error"),
    [
        (as_it_is, ("sides.same-weights", 12, "cliffguard noise")),
        (in_another_shard, ("sides.same-weights", 12, "cliffguard noise")),
        (with_a_template, ("sides.same-weights", 12, "cliffguard noise")),
    ],
)
def test_the_weights_of_the_base_are_no_candidate(
    change: Callable[[Path], None], error: Any, base: Path, tmp_path: Path
) -> None:
    """An untrained copy would pass every gate; whoever means it is pointed at `noise`."""
    same = support.write_checkpoint(tmp_path / "same", seed=0)
    change(same)

    with support.refused(*error):
        checked(base, same)


def write_lora(folder: Path, base: Path, *, b: float, **more: Any) -> Path:
    """Write a LoRA adapter whose B is filled with `b`, and other tensors beside it."""
    folder.mkdir()
    layer = "base_model.model.layers.0.q_proj"
    weights = {
        f"{layer}.lora_A.weight": np.ones((2, 4), "float32"),
        f"{layer}.lora_B.weight": np.full((4, 2), b, "float32"),
    }
    save_file(weights | more, folder / "adapter_model.safetensors")
    settings = {"peft_type": "LORA", "r": 2, "base_model_name_or_path": str(base)}
    (folder / "adapter_config.json").write_text(json.dumps(settings))
    return folder


def test_an_adapter_that_adds_nothing_is_refused_unloaded(base: Path, tmp_path: Path) -> None:
    """B matrices of zeros are those of an adapter before training."""
    with support.refused("adapter.zero", 12):
        checked(base, write_lora(tmp_path / "adapter", base, b=-0.0))


@pytest.mark.parametrize("dtype", ["float32", "float16"])
@pytest.mark.parametrize("side", ["base", "tuned"])
def test_weights_of_nothing_but_zeros_are_refused(
    side: str, dtype: str, base: Path, tuned: Path
) -> None:
    """A copy that broke off has its header and zeros; one layer of zeros may be meant."""
    file = {"base": base, "tuned": tuned}[side] / "model.safetensors"
    zeros = {f"layers.{n}.weight": np.full((4, 4), -0.0, dtype) for n in range(3)}
    save_file({**zeros, "norm.weight": np.ones(4, dtype)}, file)

    with support.refused("weights.all-zero", 12, side):
        checked(base, tuned)

    save_file({**zeros, "layers.3.weight": np.ones((4, 4), dtype)}, file)
    assert checked(base, tuned) == ()


def test_an_adapter_of_nothing_but_zeros_is_refused(base: Path, tmp_path: Path) -> None:
    """Whatever kind it is of: here both matrices of LoRA."""
    adapter = write_lora(tmp_path / "adapter", base, b=0.0)
    file = adapter / "adapter_model.safetensors"
    save_file({name: 0 * tensor for name, tensor in load_file(file).items()}, file)

    with pytest.raises(IntegrityError) as refused:
        checked(base, adapter)

    assert (refused.value.exit_code, refused.value.id) == (12, "weights.all-zero")


def test_a_trained_adapter_passes(base: Path, tmp_path: Path) -> None:
    """So does one that only trained a head beside zeros."""
    head = {"base_model.model.lm_head.weight": np.ones((4, 4), "float32")}

    assert checked(base, write_lora(tmp_path / "one", base, b=0.5)) == ()
    assert checked(base, write_lora(tmp_path / "two", base, b=0.0, **head)) == ()


TEMPLATE = "{{ messages }}"


@pytest.mark.parametrize(
    ("policy", "on_base", "on_candidate", "says"),
    [
        ("none", None, TEMPLATE, "differ: only the candidate has one; none is applied"),
        ("none", TEMPLATE, TEMPLATE + "!", "differ; none is applied"),
        ("own", TEMPLATE, TEMPLATE + "!", "differ; each side is asked under its own"),
        ("base", TEMPLATE, None, "only the base has one; both sides are asked under the base's"),
        ("base", TEMPLATE, TEMPLATE + "!", "differ; both sides are asked under the base's"),
    ],
)
def test_other_templates_are_told_with_the_policy(
    policy: Any, on_base: str | None, on_candidate: str | None, says: str, base: Path, tuned: Path
) -> None:
    """Which template each side was asked under is never left to be guessed."""
    for folder, template in ((base, on_base), (tuned, on_candidate)):
        if template is not None:
            (folder / "chat_template.jinja").write_text(template)
    sides = find_pair(str(base), str(tuned), OFFLINE)
    if policy == "base":
        sides = (sides[0], with_template_of(sides[1], sides[0]))

    (caveat,) = check_pair(*sides, EvalSettings(chat_template=policy))

    assert caveat.id == "template.differs"
    assert says in caveat.text


def test_one_template_in_two_places_is_one(base: Path, tuned: Path) -> None:
    """An older tokenizer holds it in its config, a newer one in a file of its own."""
    (base / "chat_template.jinja").write_text(TEMPLATE)
    (tuned / "tokenizer_config.json").write_text(json.dumps({"chat_template": TEMPLATE}))
    sides = find_pair(str(base), str(tuned), OFFLINE)

    assert sides[0].chat_template == sides[1].chat_template
    assert checked(base, tuned) == ()


@pytest.mark.parametrize(
    ("policy", "with_one", "error"),
    [
        ("own", "base", ("template.missing", 2, "--chat-template none", "tuned")),
        ("own", "tuned", ("template.missing", 2, "--chat-template none", "base")),
        ("base", "tuned", ("template.missing", 2, "--chat-template none", "base")),
    ],
)
def test_a_missing_template_is_told_before_anything_is_asked(
    policy: Any, with_one: str, error: Any, base: Path, tuned: Path
) -> None:
    """Not after the base was measured for hours."""
    (base.parent / with_one / "chat_template.jinja").write_text(TEMPLATE)

    with support.refused(*error):
        checked(base, tuned, EvalSettings(chat_template=policy))


def test_a_template_that_knows_the_date_is_told(base: Path, tuned: Path) -> None:
    """Prompts that change overnight are not those of the stored answers."""
    for folder in (base, tuned):
        (folder / "chat_template.jinja").write_text("{{ strftime_now('%d %b %Y') }}")
    fixed = EvalSettings(chat_template="own", template_args={"date_string": "26 Jul 2024"})

    (caveat,) = checked(base, tuned, EvalSettings(chat_template="own"))

    assert caveat.id == "template.dated"
    assert checked(base, tuned, fixed) == checked(base, tuned) == ()


def write_tokenizer(folder: Path, tokens: str, **settings: Any) -> None:
    """Write a tokenizer of single letters, in order of their ids."""
    model = {"type": "BPE", "vocab": {token: n for n, token in enumerate(tokens)}, "merges": []}
    (folder / "tokenizer.json").write_text(json.dumps({"model": model}))
    (folder / "tokenizer_config.json").write_text(json.dumps(settings))


def test_other_tokenizers_are_told(base: Path, tuned: Path) -> None:
    """A full fine-tune may have another one, and it is shown what it does otherwise."""
    write_tokenizer(base, "abc", name_or_path="/home/x")
    write_tokenizer(tuned, "abcd", name_or_path="/home/y")

    (caveat,) = checked(base, tuned)
    assert caveat.text == "The tokenizers differ: 1 token added."


def test_a_tokenizer_that_was_only_written_anew_is_not_remarked(base: Path, tuned: Path) -> None:
    """Other bytes, the same tokens."""
    write_tokenizer(base, "abc")
    write_tokenizer(tuned, "abc", name_or_path="/home/y", clean_up_tokenization_spaces=False)

    assert checked(base, tuned) == ()


def test_an_adapter_with_the_tokenizer_of_another_model_is_refused(
    base: Path, tmp_path: Path
) -> None:
    """It would read its base's rows under other ids, and fail every item for no loss of its own."""
    adapter = write_lora(tmp_path / "adapter", base, b=0.5)
    write_tokenizer(base, "abc")
    write_tokenizer(adapter, "acb")

    with support.refused("tokenizer.moved", 12):
        checked(base, adapter)


@pytest.mark.parametrize("more", ["lora_magnitude_vector", "lm_head"])
def test_an_adapter_that_brings_all_but_an_embedding_is_refused_too(
    more: str, base: Path, tmp_path: Path
) -> None:
    """DoRA's magnitudes, or a head of its own, read no prompt."""
    adapter = write_lora(tmp_path / "adapter", base, b=0.5)
    weights = load_file(adapter / "adapter_model.safetensors")
    weights[f"base_model.model.{more}.weight"] = np.ones(2, dtype=np.float32)
    save_file(weights, adapter / "adapter_model.safetensors")
    write_tokenizer(base, "abc")
    write_tokenizer(adapter, "acb")

    with support.refused("tokenizer.moved", 12):
        checked(base, adapter)


def test_a_vocabulary_that_shrank_is_told(base: Path, tuned: Path) -> None:
    """A trainer that cuts padded rows changes what probabilities are spread over."""
    for folder, n_rows in ((base, 320), (tuned, 258)):
        config = {"model_type": "llama", "vocab_size": n_rows}
        (folder / "config.json").write_text(json.dumps(config))

    (caveat,) = checked(base, tuned)

    assert "shrank from 320 rows to 258" in caveat.text
