"""Flags and verbs that cannot be followed."""

from __future__ import annotations

from tests.bad_input.place import Cases, Place


def emptied_store(place: Place) -> list[str]:
    """Return the words of a comparison of what was never measured."""
    return ["compare", str(place.base), str(place.tuned), "-s", str(place.suite), "-q"]


CASES: Cases = {
    "no candidate": (lambda p: p.check(candidate=None), 2, r"no candidate: give a plan file"),
    "no suite": (lambda p: p.check(suite=None), 2, r"no suite: give --suite NAME"),
    "nothing at all": (lambda _: ["check"], 2, r"no candidate: give a plan file, or --candidate"),
    "negative limit": (lambda p: p.check("--limit", -1), 2, r"limit must be at least 1, not -1"),
    "limit of nothing": (lambda p: p.check("--limit", 0), 2, r"limit must be at least 1, not 0"),
    "negative shots": (lambda p: p.check("--num-fewshot", -1), 2, r"num_fewshot must not be neg"),
    "batch of nothing": (lambda p: p.check("--batch-size", 0), 2, r"batch_size must be at least 1"),
    "system prompt without template": (
        lambda p: p.check("--system-prompt", "Be brief."),
        2,
        r"system_prompt needs chat_template: own or base",
    ),
    "output is a file": (
        lambda p: [p.write("out", ""), *p.check()][1:],
        2,
        r"/out.*: cannot be written: .*choose another place",
    ),
    "output lies in a file": (
        lambda p: p.check("--out", p.suite / "out"),
        2,
        r"small\.yaml/out.*: cannot be written: Not a directory",
    ),
    "store is a file": (
        lambda p: [p.write("store", ""), *p.check()][1:],
        2,
        r"/store.*: cannot be written: .*choose another place",
    ),
    "measure without suite": (lambda p: ["measure", p.base], 2, r"no suite: give --suite NAME"),
    "measure what is not there": (
        lambda p: p.measure(p.root / "nowhere"),
        2,
        r"nowhere: no such directory",
    ),
    "compare what was not measured": (
        emptied_store,
        2,
        r"holds no answers of .*base to ball .*run `cliffguard measure .*base --store .*` with ",
    ),
    "compare without suite": (
        lambda p: ["compare", p.base, p.tuned],
        2,
        r"no suite: give --suite NAME",
    ),
    "arguments that are no pairs": (
        lambda p: p.check("--model", "vllm", "--model-args", "a,b=1"),
        2,
        r"--model-args: 'a' is no key=value",
    ),
    "arguments that are torn": (
        lambda p: p.check("--model", "vllm", "--model-args", '{"a": '),
        2,
        r"--model-args: not valid JSON",
    ),
    "arguments nested without end": (
        lambda p: p.check("--model", "vllm", "--model-args", '{"a":' * 20_000),
        2,
        r"--model-args: not valid JSON: nested too deeply",
    ),
    "arguments beyond numbers": (
        lambda p: p.check("--model", "vllm", "--model-args", '{"a": 1e999}'),
        2,
        r"command line: holds an infinity or NaN",
    ),
    "a token among arguments": (
        lambda p: p.check("--model", "vllm", "--model-args", "hf_token=hf_abcdefghijklmnopqrstuv"),
        2,
        r"^(?!.*abcdef).*args\.hf_token: a secret would stand in every report",
    ),
    "template arguments that are a list": (
        lambda p: p.check("--chat-template", "own", "--template-args", '{"a": [1]}'),
        2,
        r"protocol\.template_args\.a",
    ),
    "template arguments without a template": (
        lambda p: p.check("--template-args", "a=1"),
        2,
        r"template_args need chat_template",
    ),
    "data without a task": (lambda p: p.check("--data", "x.jsonl"), 2, r"expected TASK=PATH"),
    "data twice": (
        lambda p: p.check("--data", "a=x.jsonl", "--data", "a=y.jsonl"),
        2,
        r"--data a=y\.jsonl: a has a file already",
    ),
    "a prompt that is not UTF-8": (
        lambda p: p.check("--chat-template", "own", "--system-prompt", "\udcff"),
        2,
        r"command line: holds half a surrogate pair",
    ),
    "minutes before the start": (
        lambda p: p.check("--max-minutes", -1),
        2,
        r"max_minutes must be a",
    ),
    "minutes that are none": (
        lambda p: p.check("--max-minutes", "nan"),
        2,
        r"max_minutes must be a",
    ),
    "one candidate twice": (
        lambda p: p.check("--candidate", p.tuned),
        2,
        r"tuned' is given twice; leave one of them out \[candidates\.twice\]$",
    ),
    "store at an impossible place": (
        lambda p: p.check("--store", "/dev/null/x"),
        2,
        r"/dev/null/x.*: cannot be written: ",
    ),
    "output at nobody's home": (
        lambda p: p.check("--out", "~nobody-of-that-name/x"),
        2,
        r"no such user",
    ),
    "init over a plan": (
        lambda p: p.spoil("plan.yaml", "", ["init", "--out", p.root]),
        2,
        r"plan\.yaml: exists already; pass --force",
    ),
    "init from data that are missing": (
        lambda p: ["init", "--data", p.root / "none.jsonl", "--out", p.root / "new"],
        2,
        r"none\.jsonl: no such file or folder",
    ),
    "a new suite over its own data": (
        lambda p: [
            "suites",
            "new",
            p.root / "suite" / "say.jsonl",
            "--name",
            "say",
            "--out",
            p.root / "suite",
        ],
        2,
        r"say\.jsonl: lies where its items would go",
    ),
    "a new suite with a bad name": (
        lambda p: ["suites", "new", p.root / "suite" / "say.jsonl", "--name", "../say"],
        2,
        r"name",
    ),
    "items of an unknown suite": (
        lambda _: ["suites", "items", "adjacnt"],
        2,
        r"did you mean 'adj",
    ),
    "health of a folder": (lambda p: ["suites", "check", f"{p.root}/"], 2, r"is a directory"),
    "overlap with nothing": (
        lambda p: ["suites", "overlap", p.suite, "--train", p.root / "none.jsonl"],
        2,
        r"none\.jsonl: no such file or folder",
    ),
    "a plan of nothing": (lambda p: ["plan", p.root / "none.yaml"], 2, r"none\.yaml: no such file"),
    "noise of what is not there": (
        lambda p: ["noise", p.root / "nowhere", "--suite", p.suite],
        2,
        r"nowhere: no such directory",
    ),
}


USAGE: dict[str, tuple[list[str], str]] = {
    "unknown verb": (["chekc"], r"No such command 'chekc'"),
    "unknown flag": (["check", "--limt", "5"], r"No such option: --limt"),
    "limit in words": (["check", "--limit", "ten"], r"--limit"),
    "unknown dtype": (["check", "--dtype", "fp16"], r"--dtype"),
    "unknown template": (["check", "--chat-template", "chatml"], r"--chat-template"),
    "unknown format": (["check", "--format", "pdf"], r"--format"),
    "a flag without its value": (["check", "--base"], r"--base"),
    "too many words": (["check", "plan.yaml", "other.yaml"], r"other\.yaml"),
    "compare with one side": (["compare", "base"], r"(?i)candidate"),
    "report without review": (["report"], r"(?i)review"),
    "validate nothing": (["suites", "validate"], r"(?i)names"),
}
"""What Typer answers by itself, in a box: the words, and what is in it."""
