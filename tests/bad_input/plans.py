"""Plans and policies with a fault in them."""

from __future__ import annotations

from tests.bad_input.place import Cases

CASES: Cases = {
    "plan is missing": (lambda p: ["check", p.root / "paln.yaml"], 2, r"paln\.yaml: no such file"),
    "plan is a checkpoint": (
        lambda p: ["check", p.base],
        2,
        r"base: is a checkpoint, not a plan; write --can",
    ),
    "plan is binary": (
        lambda p: ["check", p.base / "model.safetensors"],
        2,
        r"model\.safetensors: not (UTF-8|valid YAML)",
    ),
    "plan is empty": (lambda p: p.plan(text=""), 2, r"plan\.yaml: expected a mapping"),
    "plan is torn": (lambda p: p.plan("protocol: {limit: 5\n"), 2, r"plan\.yaml:\d+: not valid"),
    "plan has a tab": (lambda p: p.plan("protocol:\n\tlimit: 5\n"), 2, r"plan\.yaml:5: not valid"),
    "plan has a key twice": (
        lambda p: p.plan("seed: 1\nseed: 2\n"),
        2,
        r"plan\.yaml:5: not valid YAML: the key 'seed' stands twice",
    ),
    "plan is a policy": (
        lambda p: p.plan(text="alpha: 0.05\ndefault_margin: 0.05\n"),
        2,
        r"plan\.yaml: ",
    ),
    "plan without suites": (
        lambda p: p.plan(text=f"base: {p.base}\ncandidate: {p.tuned}\n"),
        2,
        r"suites is empty: name at least one",
    ),
    "plan without candidate": (
        lambda p: p.plan(text=f"base: {p.base}\nsuites: [adjacent]\n"),
        2,
        r"candidate: missing",
    ),
    "unknown key of a plan": (
        lambda p: p.plan("polcy: policy.yaml\n"),
        2,
        r"polcy: unknown key; did you mean 'policy'\?",
    ),
    "unknown key with a line break": (lambda p: p.plan('"a\\nb": 1\n'), 2, r"unknown key"),
    "unknown key with colours": (lambda p: p.plan('"\\e[31mred": 1\n'), 2, r"^[^\x1b]*$"),
    "date that is none": (
        lambda p: p.plan("protocol: {seed: 2024-13-45}\n"),
        2,
        r"plan\.yaml.*: not valid YAML",
    ),
    "policy of the plan is missing": (
        lambda p: p.plan("policy: none.yaml\n"),
        2,
        r"none\.yaml: no such file",
    ),
    "policy is missing": (
        lambda p: p.check("--policy", "none.yaml"),
        2,
        r"none\.yaml: no such file",
    ),
    "margin in percent": (
        lambda p: p.policy("default_margin: 5\n"),
        2,
        r"default_margin must lie above 0 and at most 0\.5, not 5",
    ),
    "margin with a sign": (
        lambda p: p.policy("capabilities: {reasoning: {margin: -0.05}}\n"),
        2,
        r"capabilities\.reasoning: margin must lie above 0 and at most 0\.5, not -0\.05",
    ),
    "margin on the mean out of range": (
        lambda p: p.policy("mean_margin: 1.5\n"),
        2,
        r"mean_margin must lie above 0 and at most 0\.5, not 1\.5",
    ),
    "margin on the mean that is no narrower": (
        lambda p: p.policy("mean_margin: 0.05\n"),
        2,
        r"mean_margin \(0\.05\) must be smaller than the margin of every gating capability, and "
        r"that of reasoning is 0\.05; .* \[policy\.mean-margin\]$",
    ),
    "alpha out of range": (
        lambda p: p.policy("alpha: 0.95\n"),
        2,
        r"alpha must lie between 0 and 0\.5, not 0\.95",
    ),
    "alpha is no number": (lambda p: p.policy("alpha: 5 %\n"), 2, r"alpha: .*valid number"),
    "unknown key of a policy": (
        lambda p: p.policy("defalt_margin: 0.1\n"),
        2,
        r"defalt_margin: unknown key; did you mean 'default_margin'\?",
    ),
    "plan with a tag": (
        lambda p: p.plan("seed: !!python/name:os.system ''\n"),
        2,
        r"plan\.yaml:4: not valid YAML: the tag !!python/name:os\.system is no plain data",
    ),
    "plan with an alias inside itself": (
        lambda p: p.plan("data: &a {x: *a}\n"),
        2,
        r"plan\.yaml:4: not valid YAML: an alias stands inside what it stands for",
    ),
    "plan with aliases that multiply": (
        lambda p: p.plan(
            "a0: &a0 [x]\n"
            + "".join(f"a{n + 1}: &a{n + 1} [*a{n}, *a{n}]\n" for n in range(40))
            + "train: [*a40]\n"
        ),
        2,
        r"plan\.yaml:\d+: not valid YAML: aliases and lists make more than 100,000 values",
    ),
    "plan merges what is no mapping": (
        lambda p: p.plan("<<: 5\n"),
        2,
        r"plan\.yaml:4: not valid YAML: expected a mapping",
    ),
    "plan nested without end": (
        lambda p: p.plan("data: " + "{a: " * 20_000),
        2,
        r"plan\.yaml: not valid YAML: nested too deeply",
    ),
    "plan in UTF-16 without its mark": (
        lambda p: p.spoil("p.yaml", "base: a\n".encode("utf-16-le"), ["check", p.root / "p.yaml"]),
        2,
        r"p\.yaml: not UTF-8 text \(byte 1\); save it as UTF-8",
    ),
    "plan with a null character": (
        lambda p: p.plan("train: [a\0]\n"),
        2,
        r"plan\.yaml:4: not valid YAML: unacceptable character",
    ),
    "plan with a path that has a null character": (
        lambda p: p.plan('train: ["a\\0"]\n'),
        2,
        r"plan\.yaml: train: .*null character",
    ),
    "plan with half a character": (
        lambda p: p.plan('protocol: {chat_template: own, system_prompt: "\\ud800"}\n'),
        2,
        r"plan\.yaml: holds half a surrogate pair",
    ),
    "plan with an infinity": (
        lambda p: p.plan("protocol: {chat_template: own, template_args: {a: .inf}}\n"),
        2,
        r"plan\.yaml: holds an infinity or NaN",
    ),
    "plan of a list": (lambda p: p.plan(text="- a\n"), 2, r"expected a mapping .* is a list"),
    "plan without any candidate": (
        lambda p: p.plan(text="candidate: []\nsuites: [adjacent]\n"),
        2,
        r"candidate: the list is empty",
    ),
    "plan with a candidate of nothing": (
        lambda p: p.plan(text=f"base: {p.base}\ncandidate: [null]\nsuites: [adjacent]\n"),
        2,
        r"plan\.yaml: candidate: ",
    ),
    "plan with a mapping for a candidate": (
        lambda p: p.plan(text="candidate: {a: b}\nsuites: [adjacent]\n"),
        2,
        r"plan\.yaml: candidate: ",
    ),
    "plan with a number for a base": (
        lambda p: p.plan(text="base: 7\ncandidate: a\nsuites: [adjacent]\n"),
        2,
        r"plan\.yaml: base: ",
    ),
    "plan with a word for suites": (
        lambda p: p.plan(text=f"candidate: {p.tuned}\nsuites: adjacent\n"),
        2,
        r"plan\.yaml: suites: .*list",
    ),
    "plan with a number among suites": (
        lambda p: p.plan(text=f"candidate: {p.tuned}\nsuites: [1]\n"),
        2,
        r"plan\.yaml: suites\.0: ",
    ),
    "limit is a switch": (
        lambda p: p.plan("protocol: {limit: true}\n"),
        2,
        r"protocol\.limit: expected a number, found true",
    ),
    "limit is a yes": (lambda p: p.plan("protocol: {limit: yes}\n"), 2, r"protocol\.limit: "),
    "limit is a half": (lambda p: p.plan("protocol: {limit: 2.5}\n"), 2, r"protocol\.limit: "),
    "temperature of a star": (
        lambda p: p.plan("protocol: {temperature: 5772}\n"),
        2,
        r"temperature must lie between 0 and 10",
    ),
    "temperature that is none": (
        lambda p: p.plan("protocol: {temperature: .nan}\n"),
        2,
        r"temperature must lie between 0 and 10, not nan",
    ),
    "top_p of nothing": (lambda p: p.plan("protocol: {top_p: 0}\n"), 2, r"top_p must lie above 0"),
    "top_k below nothing": (
        lambda p: p.plan("protocol: {top_k: -1}\n"),
        2,
        r"top_k must not be neg",
    ),
    "repeats without sampling": (
        lambda p: p.plan("protocol: {repeats: 2}\n"),
        2,
        r"repeats above 1 need a temperature above 0",
    ),
    "an empty end of thinking": (
        lambda p: p.plan('protocol: {think_end: ""}\n'),
        2,
        r"think_end is empty",
    ),
    "an unknown dtype in a plan": (lambda p: p.plan("protocol: {dtype: fp16}\n"), 2, r"dtype: "),
    "arguments for our own runner": (
        lambda p: p.plan("runner: {args: {a: 1}}\n"),
        2,
        r"args are for lm-eval's other models",
    ),
    "a secret among arguments": (
        lambda p: p.plan("runner: {model: local-completions, args: {api_key: sk-hunter2}}\n"),
        2,
        r"^(?!.*hunter2).*args\.api_key: a secret would stand in every report",
    ),
    "offline, with a server": (
        lambda p: p.plan(
            "offline: true\nrunner: {model: local-completions, args: {base_url: 'http://x/v1'}}\n"
        ),
        2,
        r"offline opens no connection, and the runner local-completions asks a server",
    ),
    "one name for two checkpoints": (
        lambda p: p.plan("runner: {model: vllm, served_as: {a: x, b: x}}\n"),
        2,
        r"served_as gives two checkpoints one name",
    ),
    "batch of tokens for another runner": (
        lambda p: p.plan("runner: {model: hf, batch_tokens: 5}\n"),
        2,
        r"batch_tokens is of the runner cliffguard; hf has batch_size",
    ),
    "policy of a number": (lambda p: p.plan("policy: 5\n"), 2, r"plan\.yaml: policy: "),
    "policy of an empty name": (lambda p: p.plan('policy: ""\n'), 2, r"policy: an empty name"),
    "policy is a folder": (lambda p: p.plan("policy: .\n"), 2, r"is a directory, not a file"),
    "policy with a list of capabilities": (
        lambda p: p.policy("capabilities: [a]\n"),
        2,
        r"policy\.yaml: capabilities: ",
    ),
    "an unknown estimand": (lambda p: p.policy("estimand: both\n"), 2, r"policy\.yaml: estimand: "),
    "a gain of more than everything": (
        lambda p: p.policy("target: {min_gain: 2}\n"),
        2,
        r"target: min_gain must lie between -1 and 1",
    ),
    "a gate of words": (
        lambda p: p.policy("capabilities: {reasoning: {gate: perhaps}}\n"),
        2,
        r"capabilities\.reasoning\.gate: .*boolean",
    ),
    "policy for samples": (
        lambda p: p.policy("capabilities: {reasoning: {tasks: [a]}}\n"),
        2,
        r"policy\.capabilities\.reasoning: tasks, metric and filter are for comparing folders",
    ),
    "a margin of NaN": (
        lambda p: p.policy("default_margin: .nan\n"),
        2,
        r"default_margin must lie above 0 and at most 0\.5, not nan",
    ),
    "data of a number": (lambda p: p.plan("data: {gsm8k: 5}\n"), 2, r"plan\.yaml: data\.gsm8k"),
    "data of a list": (lambda p: p.plan("data: [a]\n"), 2, r"plan\.yaml: data: "),
    "training data in a word": (lambda p: p.plan("train: a.jsonl\n"), 2, r"train: .*list"),
    "training data that is missing": (
        lambda p: p.plan("train: [none.jsonl]\n"),
        2,
        r"none\.jsonl: no such file or folder",
    ),
    "a target of a number": (lambda p: p.plan("target: 5\n"), 2, r"plan\.yaml: target: "),
    "a target of an empty name": (lambda p: p.plan('target: ""\n'), 2, r"target: an empty name"),
    "a target without data": (lambda p: p.plan("target: {}\n"), 2, r"target\.data: missing"),
    "a target that is missing": (
        lambda p: p.plan("target: none.jsonl\n"),
        2,
        r"none\.jsonl: no such file or folder",
    ),
}
