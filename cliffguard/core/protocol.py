"""The protocol: how items are put to both sides, with its command-line options."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Annotated, Any, ClassVar, Literal

from cliffguard.core.bounds import Bounds, check_bounds
from cliffguard.core.errors import bad_key, nearest
from cliffguard.core.flags import EVERYDAY, PROTOCOL, STRICT, flag

_LEAST_TEMPERATURE = 1e-3  # above 0; what a model says is divided by it

Count = Annotated[int, Bounds(least=1)]
NotNegative = Annotated[int, Bounds(least=0)]

WORDS_FOR_TEMPLATES = ("auto", "none", "own", "base")
"""Ways to put items to a chat model that are no file; `both` stands for two plans."""


@dataclass(frozen=True, slots=True, kw_only=True)
class EvalSettings:
    """How the items are put to both sides. All of it is part of every question's key.

    `num_fewshot` None keeps each task's own, and so does `max_tokens` None of generated answers;
    `limit` items of each task are in seeded order, from every level its share. `max_length` is for
    where a model's files do not say it, or where less is wanted. `attention` None is the model's
    default. `packing` is of the runner cliffguard; in float32 both ways give one answer, and it is
    no part of the key.

    >>> from cliffguard import EvalSettings
    >>> EvalSettings(chat_template="own", max_tokens=256).samples
    False
    """

    __pydantic_config__: ClassVar[dict[str, Any]] = STRICT
    PANEL: ClassVar[str] = PROTOCOL

    chat_template: str = flag(
        "auto",
        "auto (chats by each side's own, prompts plain), none, own, base, both, or a file.",
        metavar="WAY|FILE",
        panel=EVERYDAY,
    )
    template_args: Mapping[str, bool | int | float | str | None] = flag(
        dict, 'Its chat_template_kwargs: {"enable_thinking": false}.', metavar="JSON"
    )
    system_prompt: str | None = flag(None, "Needs a chat template.", "--system_instruction")
    num_fewshot: NotNegative | None = flag(None, "Shots, instead of the tasks'.", "--num_fewshot")
    max_tokens: Count | None = flag(None, "Tokens of a generated answer.")
    max_length: Annotated[int, Bounds(least=2)] | None = flag(
        None,
        "Tokens that a model reads, prompt and answer; where its files do not say it.",
        "--max_length",
    )
    think_end: str | None = flag(
        None, "Mark after which a reasoning model answers, such as </think>."
    )
    temperature: Annotated[float, Bounds(least=0.0, most=10.0)] = flag(
        0.0, "Above 0, generated answers are sampled."
    )
    top_p: Annotated[float, Bounds(above=0.0, most=1.0)] = flag(1.0, "Of sampling; 1 is off.")
    top_k: NotNegative = flag(0, "Of sampling; 0 is off.")
    repeats: Count = flag(1, "Times that each generated answer is sampled; the mean counts.")
    dtype: Literal["auto", "float32", "bfloat16", "float16"] = flag(
        "auto", "Weights; auto is bfloat16 on a GPU and float32 on CPU."
    )
    quantization: Literal["none", "4bit", "8bit"] = flag(
        "none", "Quantise the weights while loading (CUDA, bitsandbytes)."
    )
    attention: Literal["sdpa", "eager", "flash_attention_2", "flash_attention_3"] | None = flag(
        None, "Attention implementation.", "--attn-implementation"
    )
    packing: Literal["auto", "packed", "plain"] = flag(
        "auto",
        "Share prefixes between prompts; auto does where a trial finds that it costs no accuracy.",
    )
    seed: int = flag(0, "Seed of the order of items, of the shots, and of sampling.")
    limit: Count | None = flag(
        None, "Items per task, balanced over levels.", "-L", metavar="N|all", panel=EVERYDAY
    )

    @property
    def samples(self) -> bool:
        """Return whether generated answers are drawn rather than the likeliest."""
        return self.temperature > 0.0

    def __post_init__(self) -> None:
        check_bounds(self, "protocol")
        self._refuse_unknown_template()
        if self.system_prompt is not None and self.chat_template == "none":
            raise bad_key("protocol", "system_prompt", "needs chat_template: own or base")
        if self.template_args and self.chat_template == "none":
            raise bad_key("protocol", "template_args", "need chat_template: own or base")
        if taken := sorted(_NO_TEMPLATE_ARGS & self.template_args.keys()):
            text = f"{taken[0]} is no variable of a template, but one of rendering it; leave it out"
            raise bad_key("protocol", "template_args:", text)
        if 0.0 < self.temperature < _LEAST_TEMPERATURE:
            raise bad_key(
                "protocol",
                "temperature",
                f"below {_LEAST_TEMPERATURE} makes odds of no number; 0 takes the likeliest",
            )
        if self.repeats > 1 and not self.samples:
            raise bad_key("protocol", "repeats", "above 1 need a temperature above 0")
        if self.think_end is not None and not self.think_end:
            raise bad_key("protocol", "think_end", "is empty; name the mark, such as </think>")

    def _refuse_unknown_template(self) -> None:
        name = self.chat_template
        if name not in WORDS_FOR_TEMPLATES and "/" not in name and not name.endswith(".jinja"):
            text = f"{name!r} is none of {', '.join(WORDS_FOR_TEMPLATES)}, both"
            how = f"{nearest(name, WORDS_FOR_TEMPLATES)} (a file needs a slash or .jinja)"
            raise bad_key("protocol", "chat_template:", f"{text}{how}")


# What `apply_chat_template` takes for itself, or fills in.
_NO_TEMPLATE_ARGS = {
    "self", "conversation", "messages", "tools", "documents", "chat_template",
    "add_generation_prompt", "continue_final_message", "tokenize", "sanitize_control_tokens",
    "padding", "truncation", "max_length", "return_tensors", "return_dict",
    "return_assistant_tokens_mask", "tokenizer_kwargs",
}  # fmt: skip
