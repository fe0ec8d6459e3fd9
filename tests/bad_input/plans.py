"""Plans and policies with a fault in them."""

from __future__ import annotations

from tests.bad_input.place import Case, Cases

CASES: Cases = {
    "plan is missing": Case(lambda p: ["check", p.root / "paln.yaml"], 2, "plan.file"),
    "plan is a checkpoint": Case(lambda p: ["check", p.base], 2, "plan.checkpoint"),
    "plan is binary": Case(lambda p: ["check", p.base / "model.safetensors"], 2, "text.not-utf-8"),
    "plan is empty": Case(lambda p: p.plan(text=""), 2, "plan.file"),
    "plan is torn": Case(lambda p: p.plan("protocol: {limit: 5\n"), 2, "plan.file"),
    "plan has a tab": Case(lambda p: p.plan("protocol:\n\tlimit: 5\n"), 2, "plan.file"),
    "plan has a key twice": Case(lambda p: p.plan("seed: 1\nseed: 2\n"), 2, "plan.file"),
    "plan is a policy": Case(
        lambda p: p.plan(text="alpha: 0.05\ndefault_margin: 0.05\n"), 2, "plan.unknown-key"
    ),
    "plan without suites": Case(
        lambda p: p.plan(text=f"base: {p.base}\ncandidate: {p.tuned}\nsuites: []\n"),
        2,
        "plan.suites",
    ),
    "plan without candidate": Case(
        lambda p: p.plan(text=f"base: {p.base}\nsuites: [adjacent]\n"), 2, "plan.candidate"
    ),
    "unknown key of a plan": Case(lambda p: p.plan("polcy: policy.yaml\n"), 2, "plan.unknown-key"),
    "unknown key with a line break": Case(lambda p: p.plan('"a\\nb": 1\n'), 2, "plan.unknown-key"),
    "unknown key with colours": Case(lambda p: p.plan('"\\e[31mred": 1\n'), 2, "plan.unknown-key"),
    "date that is none": Case(lambda p: p.plan("protocol: {seed: 2024-13-45}\n"), 2, "plan.file"),
    "policy of the plan is missing": Case(
        lambda p: p.plan("policy: none.yaml\n"), 2, "policy.file"
    ),
    "policy is missing": Case(lambda p: p.check("--policy", "none.yaml"), 2, "policy.file"),
    "margin in percent": Case(
        lambda p: p.policy("default_margin: 5\n"), 2, "policy.default-margin"
    ),
    "margin with a sign": Case(
        lambda p: p.policy("capabilities: {reasoning: {margin: -0.05}}\n"), 2, "policy.margin"
    ),
    "margin on the mean out of range": Case(
        lambda p: p.policy("mean_margin: 1.5\n"), 2, "policy.mean-margin"
    ),
    "margin on the mean that is no narrower": Case(
        lambda p: p.policy("mean_margin: 0.05\n"), 2, "policy.mean-margin"
    ),
    "alpha out of range": Case(lambda p: p.policy("alpha: 0.95\n"), 2, "policy.alpha"),
    "margin with a decimal comma": Case(
        lambda p: p.policy("capabilities: {reasoning: {margin: '0,05'}}\n"), 2, "policy.margin"
    ),
    "a task beside no list": Case(
        lambda p: p.policy("capabilities: {reasoning: {tasks: gsm8k}}\n"), 2, "policy.tasks"
    ),
    "a capability that YAML takes for a day": Case(
        lambda p: p.policy("capabilities: {2026-01-01: {margin: 0.05}}\n"),
        2,
        "policy.capabilities",
    ),
    "a metric that YAML takes for a number": Case(
        lambda p: p.policy("capabilities: {reasoning: {metric: 1}}\n"), 2, "policy.metric"
    ),
    "alpha is no number": Case(lambda p: p.policy("alpha: 5 %\n"), 2, "policy.alpha"),
    "unknown key of a policy": Case(
        lambda p: p.policy("defalt_margin: 0.1\n"), 2, "policy.unknown-key"
    ),
    "plan with a tag": Case(lambda p: p.plan("seed: !!python/name:os.system ''\n"), 2, "plan.file"),
    "plan with an alias inside itself": Case(
        lambda p: p.plan("data: &a {x: *a}\n"), 2, "plan.file"
    ),
    "plan with aliases that multiply": Case(
        lambda p: p.plan(
            "a0: &a0 [x]\n"
            + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(40))
            + "train: [*a40]\n"
        ),
        2,
        "plan.file",
    ),
    "plan merges what is no mapping": Case(lambda p: p.plan("<<: 5\n"), 2, "plan.file"),
    "plan nested without end": Case(lambda p: p.plan("data: " + "{a: " * 3_000), 2, "plan.file"),
    "plan in UTF-16 without its mark": Case(
        lambda p: p.spoil("p.yaml", "base: a\n".encode("utf-16-le"), ["check", p.root / "p.yaml"]),
        2,
        "text.not-utf-8",
    ),
    "plan with a null character": Case(lambda p: p.plan("train: [a\0]\n"), 2, "plan.file"),
    "plan with a path that has a null character": Case(
        lambda p: p.plan('train: ["a\\0"]\n'), 2, "plan.train"
    ),
    "plan with half a character": Case(
        lambda p: p.plan('protocol: {chat_template: own, system_prompt: "\\ud800"}\n'),
        2,
        "plan.file",
    ),
    "plan with an infinity": Case(
        lambda p: p.plan("protocol: {chat_template: own, template_args: {a: .inf}}\n"),
        2,
        "plan.file",
    ),
    "plan of a list": Case(lambda p: p.plan(text="- a\n"), 2, "plan.file"),
    "plan without any candidate": Case(
        lambda p: p.plan(text="candidate: []\nsuites: [adjacent]\n"), 2, "plan.candidate"
    ),
    "plan with a candidate of nothing": Case(
        lambda p: p.plan(text=f"base: {p.base}\ncandidate: [null]\nsuites: [adjacent]\n"),
        2,
        "plan.candidate",
    ),
    "plan with a mapping for a candidate": Case(
        lambda p: p.plan(text="candidate: {a: b}\nsuites: [adjacent]\n"), 2, "plan.candidate"
    ),
    "plan with a number for a base": Case(
        lambda p: p.plan(text="base: 7\ncandidate: a\nsuites: [adjacent]\n"), 2, "plan.base"
    ),
    "a margin without its key": Case(
        lambda p: p.plan("policy: {behaviour: {length: 0.1}}\n"), 2, "policy.behaviour"
    ),
    "behaviours in a list": Case(
        lambda p: p.plan("policy: {behaviour: [length, cut]}\n"), 2, "policy.behaviour"
    ),
    "plan with a number for suites": Case(
        lambda p: p.plan(text=f"candidate: {p.tuned}\nsuites: 7\n"), 2, "plan.suites"
    ),
    "plan with auto among suites": Case(
        lambda p: p.plan(text=f"candidate: {p.tuned}\nsuites: [auto, chat]\n"), 2, "suite.auto"
    ),
    "plan with a number among suites": Case(
        lambda p: p.plan(text=f"candidate: {p.tuned}\nsuites: [1]\n"), 2, "plan.suites"
    ),
    "limit is a switch": Case(lambda p: p.plan("protocol: {limit: true}\n"), 2, "protocol.limit"),
    "limit is a yes": Case(lambda p: p.plan("protocol: {limit: yes}\n"), 2, "protocol.limit"),
    "limit is a half": Case(lambda p: p.plan("protocol: {limit: 2.5}\n"), 2, "protocol.limit"),
    "temperature of a star": Case(
        lambda p: p.plan("protocol: {temperature: 5772}\n"), 2, "protocol.temperature"
    ),
    "temperature that is none": Case(
        lambda p: p.plan("protocol: {temperature: .nan}\n"), 2, "protocol.temperature"
    ),
    "top_p of nothing": Case(lambda p: p.plan("protocol: {top_p: 0}\n"), 2, "protocol.top-p"),
    "top_k below nothing": Case(lambda p: p.plan("protocol: {top_k: -1}\n"), 2, "protocol.top-k"),
    "repeats without sampling": Case(
        lambda p: p.plan("protocol: {repeats: 2}\n"), 2, "protocol.repeats"
    ),
    "an empty end of thinking": Case(
        lambda p: p.plan('protocol: {think_end: ""}\n'), 2, "protocol.think-end"
    ),
    "an unknown dtype in a plan": Case(
        lambda p: p.plan("protocol: {dtype: fp16}\n"), 2, "protocol.dtype"
    ),
    "arguments for our own runner": Case(
        lambda p: p.plan("runner: {args: {a: 1}}\n"), 2, "runner.args"
    ),
    "a secret among arguments": Case(
        lambda p: p.plan("runner: {model: local-completions, args: {api_key: sk-hunter2}}\n"),
        2,
        "runner.args",
    ),
    "offline, with a server": Case(
        lambda p: p.plan(
            "offline: true\nrunner: {model: local-completions, args: {base_url: 'http://x/v1'}}\n"
        ),
        2,
        "plan.offline",
    ),
    "one name for two checkpoints": Case(
        lambda p: p.plan("runner: {model: vllm, served_as: {a: x, b: x}}\n"), 2, "runner.served-as"
    ),
    "batch of tokens for another runner": Case(
        lambda p: p.plan("runner: {model: hf, batch_tokens: 5}\n"), 2, "runner.batch-tokens"
    ),
    "policy of a number": Case(lambda p: p.plan("policy: 5\n"), 2, "plan.policy"),
    "policy of an empty name": Case(lambda p: p.plan('policy: ""\n'), 2, "plan.policy"),
    "policy is a folder": Case(lambda p: p.plan("policy: .\n"), 2, "policy.file"),
    "policy with a list of capabilities": Case(
        lambda p: p.policy("capabilities: [a]\n"), 2, "policy.capabilities"
    ),
    "an unknown estimand": Case(lambda p: p.policy("estimand: both\n"), 2, "policy.estimand"),
    "a gain of more than everything": Case(
        lambda p: p.policy("target: {min_gain: 2}\n"), 2, "policy.min-gain"
    ),
    "a gate of words": Case(
        lambda p: p.policy("capabilities: {reasoning: {gate: perhaps}}\n"), 2, "policy.gate"
    ),
    "policy for samples": Case(
        lambda p: p.policy("capabilities: {reasoning: {tasks: [a]}}\n"), 2, "policy.only-samples"
    ),
    "a margin of NaN": Case(
        lambda p: p.policy("default_margin: .nan\n"), 2, "policy.default-margin"
    ),
    "data of a number": Case(lambda p: p.plan("data: {gsm8k: 5}\n"), 2, "plan.data"),
    "data of a list": Case(lambda p: p.plan("data: [a]\n"), 2, "plan.data"),
    "training data in a word": Case(lambda p: p.plan("train: a.jsonl\n"), 2, "plan.train"),
    "training data that is missing": Case(
        lambda p: p.plan("train: [none.jsonl]\n"), 2, "rows.no-file"
    ),
    "a target of a number": Case(lambda p: p.plan("target: 5\n"), 2, "plan.target"),
    "a target of an empty name": Case(lambda p: p.plan('target: ""\n'), 2, "plan.target"),
    "a target without data": Case(lambda p: p.plan("target: {}\n"), 2, "target.data"),
    "a target that is missing": Case(lambda p: p.plan("target: none.jsonl\n"), 2, "rows.no-file"),
}
