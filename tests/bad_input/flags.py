"""Flags and verbs that cannot be followed."""

from __future__ import annotations

from tests.bad_input.place import Case, Cases, Workspace


def emptied_store(workspace: Workspace) -> list[str]:
    """Return the words of a comparison of what was never measured."""
    return ["compare", str(workspace.base), str(workspace.tuned), "-s", str(workspace.suite), "-q"]


def planned(workspace: Workspace, *more: object) -> list[object]:
    """Return the words of a plan of the usual sides."""
    return ["plan", "--suite", workspace.suite, "--base", workspace.base, *more]


def asked_after(workspace: Workspace) -> list[object]:
    """Return the words of a comparison from the store that names an earlier one."""
    words = ["compare", workspace.base, workspace.tuned, "--suite", workspace.suite]
    return [*words, "--after", workspace.write("r.json", "{}")]


VERSION = ("--promote-model", "models:/support/7")


def swept(workspace: Workspace, *more: object, candidates: str = "tun*") -> list[object]:
    """Return the words of a sweep over the usual candidate."""
    workspace.plan()
    pattern = workspace.root / candidates
    return ["sweep", workspace.root / "plan.yaml", "--candidates", pattern, "-q", *more]


CASES: Cases = {
    "a tracker that we have not": Case(lambda p: p.check("--track", "mlfow"), 2, "track.unknown"),
    "promotion without a registry": Case(
        lambda p: p.check("--track", "wandb", "--promote", "champion", *VERSION),
        2,
        "promote.no-registry",
    ),
    "promotion of nothing": Case(
        lambda p: p.check("--track", "mlflow", "--promote", "champion"), 2, "promote.no-model"
    ),
    "a model without an alias": Case(
        lambda p: p.check("--track", "mlflow", *VERSION), 2, "promote.no-alias"
    ),
    "promotion of what an alias points to": Case(
        lambda p: p.check(
            "--track", "mlflow", "--promote", "a", "--promote-model", "models:/support@a"
        ),
        2,
        "promote.model",
    ),
    "promotion to a name that the registry keeps for itself": Case(
        lambda p: p.check("--track", "mlflow", "--promote", "latest", *VERSION),
        2,
        "promote.alias",
    ),
    "a pattern that matches nothing": Case(
        lambda p: swept(p, candidates="tunde-*"), 2, "sweep.no-candidate"
    ),
    "a pattern below what is not there": Case(
        lambda p: swept(p, candidates="runs/checkpoint-*"), 2, "sweep.no-candidate"
    ),
    "a pattern of what is no checkpoint": Case(
        lambda p: swept(p, candidates="suite"), 2, "sweep.no-candidate"
    ),
    "a sweep into the checkpoints": Case(
        lambda p: swept(p, "--out", p.root), 2, "out.in-checkpoint"
    ),
    "a watch into the checkpoints that come": Case(
        lambda p: swept(p, "--watch", "--out", p.root, candidates="ft-*"), 2, "out.in-checkpoint"
    ),
    "a sweep over a base that is not there": Case(
        lambda p: swept(p, "--base", "gone"), 2, "checkpoint.no-folder"
    ),
    "a sweep that ends though it does not watch": Case(
        lambda p: swept(p, "--until", 3), 2, "sweep.no-watch"
    ),
    "a choice among those that come": Case(
        lambda p: swept(p, "--watch", "--choose", "any"), 2, "sweep.choose-watch"
    ),
    "a choice of a sweep's single candidate": Case(
        lambda p: swept(p, "--choose", "any"), 2, "choose.one-candidate"
    ),
    "a sweep under both templates": Case(
        lambda p: swept(p, "--chat-template", "both"), 2, "chat-template.both"
    ),
    "a sweep of suites that nobody named": Case(
        lambda p: swept(p, "--suite", "auto"), 2, "sweep.auto-suites"
    ),
    "a sweep by Ray, which is not installed": Case(
        lambda p: swept(p, "--executor", "ray"), 2, "install.missing"
    ),
    "a sweep by Slurm, which is not installed": Case(
        lambda p: swept(p, "--executor", "slurm"), 2, "install.missing"
    ),
    "no candidate": Case(lambda p: p.check(candidate=None), 2, "candidate.missing"),
    "auto beside a suite": Case(
        lambda p: [*p.check(suite="adjacent"), "--suite", "auto"], 2, "suite.auto"
    ),
    "none beside a suite": Case(
        lambda p: [*p.check(suite="adjacent"), "--suite", "none"], 2, "plan.suites"
    ),
    "nothing at all": Case(lambda _: ["check"], 2, "candidate.missing"),
    "negative limit": Case(lambda p: p.check("--limit", -1), 2, "protocol.limit"),
    "limit of nothing": Case(lambda p: p.check("--limit", 0), 2, "protocol.limit"),
    "negative shots": Case(lambda p: p.check("--num-fewshot", -1), 2, "protocol.num-fewshot"),
    "batch of nothing": Case(lambda p: p.check("--batch-size", 0), 2, "runner.batch-size"),
    "system prompt without template": Case(
        lambda p: p.check("--system-prompt", "Be brief."), 2, "protocol.system-prompt"
    ),
    "output is a file": Case(lambda p: [p.write("out", ""), *p.check()][1:], 2, "file.not-written"),
    "output lies in a file": Case(
        lambda p: p.check("--out", p.suite / "out"), 2, "file.not-written"
    ),
    "store is a file": Case(
        lambda p: [p.write("store", ""), *p.check()][1:], 2, "file.not-written"
    ),
    "a file to verify as a store": Case(
        lambda p: ["store", "verify", "--store", p.write("store", "")], 2, "store.is-file"
    ),
    "measure what is not there": Case(
        lambda p: p.measure(p.root / "nowhere"), 2, "checkpoint.no-folder"
    ),
    "compare what was not measured": Case(emptied_store, 2, "compare.not-stored"),
    "compare of a folder that is not there": Case(
        lambda p: ["compare", p.base, p.root / "results"], 2, "compare.absent"
    ),
    "compare of tables": Case(
        lambda p: ["compare", p.write("a.csv", "id,score\n1,1\n"), p.root / "a.csv"],
        2,
        "compare.other-file",
    ),
    "compare without suite": Case(lambda p: ["compare", p.base, p.tuned], 2, "suite.none"),
    "a comment's id that ends a comment": Case(
        lambda p: p.check("--comment-id", "gate-->"), 2, "comment.id"
    ),
    "a report's address that is no page": Case(
        lambda p: p.check("--report-url", "javascript:alert(1)"), 2, "comment.url"
    ),
    "arguments that are no pairs": Case(
        lambda p: p.check("--model", "vllm", "--model-args", "a,b=1"), 2, "flag.key-value"
    ),
    "arguments that are torn": Case(
        lambda p: p.check("--model", "vllm", "--model-args", '{"a": '), 2, "flag.not-json"
    ),
    "arguments nested without end": Case(
        lambda p: p.check("--model", "vllm", "--model-args", '{"a":' * 20_000), 2, "flag.not-json"
    ),
    "arguments beyond numbers": Case(
        lambda p: p.check("--model", "vllm", "--model-args", '{"a": 1e999}'), 2, "plan.file"
    ),
    "a token among arguments": Case(
        lambda p: p.check("--model", "vllm", "--model-args", "hf_token=hf_abcdefghijklmnopqrstuv"),
        2,
        "runner.args",
    ),
    "template arguments that are a list": Case(
        lambda p: p.check("--chat-template", "own", "--template-args", '{"a": [1]}'),
        2,
        "protocol.template-args",
    ),
    "template arguments without a template": Case(
        lambda p: p.check("--template-args", "a=1"), 2, "protocol.template-args"
    ),
    "template arguments under none": Case(
        lambda p: p.check("--chat-template", "none", "--template-args", "a=1"),
        2,
        "protocol.template-args",
    ),
    "unknown template": Case(
        lambda p: p.check("--chat-template", "chatml"), 2, "protocol.chat-template"
    ),
    "a template's file for prompts": Case(
        lambda p: p.check("--chat-template", "./chatml.jinja"), 2, "protocol.chat-template"
    ),
    "data without a task": Case(lambda p: p.check("--data", "x.jsonl"), 2, "data.form"),
    "data twice": Case(
        lambda p: p.check("--data", "a=x.jsonl", "--data", "a=y.jsonl"), 2, "data.twice"
    ),
    "a prompt that is not UTF-8": Case(
        lambda p: p.check("--chat-template", "own", "--system-prompt", "\udcff"), 2, "plan.file"
    ),
    "minutes before the start": Case(
        lambda p: p.check("--max-minutes", -1), 2, "max-minutes.not-positive"
    ),
    "minutes that are none": Case(
        lambda p: p.check("--max-minutes", "nan"), 2, "max-minutes.not-positive"
    ),
    "minutes of suites that are named": Case(
        lambda p: p.measure(p.base, "--max-minutes", 5), 2, "measure.max-minutes"
    ),
    "no minutes for a choice": Case(
        lambda p: ["measure", p.base, "--max-minutes", 0], 2, "max-minutes.not-positive"
    ),
    "one candidate twice": Case(lambda p: p.check("--candidate", p.tuned), 2, "candidates.twice"),
    "store at an impossible place": Case(
        lambda p: p.check("--store", "/dev/null/x"), 2, "file.not-written"
    ),
    "output at nobody's home": Case(
        lambda p: p.check("--out", "~nobody-of-that-name/x"), 2, "path.no-user"
    ),
    "init over a plan": Case(
        lambda p: p.spoil("plan.yaml", "", ["init", "--out", p.root]), 2, "out.exists"
    ),
    "init from data that are missing": Case(
        lambda p: ["init", "--data", p.root / "none.jsonl", "--out", p.root / "new"],
        2,
        "rows.no-file",
    ),
    "a new suite over its own data": Case(
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
        "out.over-items",
    ),
    "a new suite with a bad name": Case(
        lambda p: ["suites", "new", p.root / "suite" / "say.jsonl", "--name", "../say"],
        2,
        "file.unexpected",
    ),
    "items of an unknown suite": Case(
        lambda _: ["suites", "items", "adjacnt"], 2, "suite.unknown-suite"
    ),
    "health of a folder": Case(lambda p: ["suites", "check", f"{p.root}/"], 2, "suite.file"),
    "overlap with nothing": Case(
        lambda p: ["suites", "overlap", p.suite, "--train", p.root / "none.jsonl"],
        2,
        "rows.no-file",
    ),
    "a plan of nothing": Case(lambda p: ["plan", p.root / "none.yaml"], 2, "plan.file"),
    "noise of what is not there": Case(
        lambda p: ["noise", p.root / "nowhere", "--suite", p.suite], 2, "checkpoint.no-folder"
    ),
    "noise of a server's batches": Case(
        lambda p: ["noise", p.base, "--suite", p.suite, "--model", "vllm"], 2, "noise.batches"
    ),
    "an aim that is certain": Case(lambda p: planned(p, "--aim", 1), 2, "aim.share"),
    "a comparison of stored answers after another": Case(asked_after, 2, "after.only-samples"),
    "both templates where one is meant": Case(
        lambda p: p.measure(p.base, "--chat-template", "both"), 2, "chat-template.both"
    ),
    "choosing among one": Case(lambda p: p.check("--choose", "any"), 2, "choose.one-candidate"),
    "choosing under both templates": Case(
        lambda p: p.check("--choose", "any", "--chat-template", "both"),
        2,
        "choose.both-templates",
    ),
    "churn of a file that is not there": Case(
        lambda p: p.check("--churn", "churn.yaml"), 2, "churn.no-file"
    ),
    "churn beyond everything": Case(lambda p: p.check("--churn", 1.5), 2, "churn.share"),
    "churn of one capability beyond everything": Case(
        lambda p: p.check("--churn", "reasoning=1.5"), 2, "churn.share"
    ),
    "churn of one capability twice": Case(
        lambda p: p.check("--churn", "a=0.1", "--churn", "a=0.2"), 2, "churn.twice"
    ),
    "churn in two ways": Case(
        lambda p: p.check("--churn", "0.1", "--churn", "a=0.2"), 2, "churn.mixed"
    ),
    "churn of an empty file": Case(
        lambda p: p.check("--churn", p.write("churn.yaml", "{}")), 2, "churn.empty"
    ),
    "churn of torn JSON": Case(
        lambda p: p.check("--churn", p.write("churn.json", '{"a": ')), 2, "churn.not-json"
    ),
    "churn of a list": Case(
        lambda p: p.check("--churn", p.write("churn.json", "[0.1]")), 2, "churn.not-json"
    ),
    "churn of a review without one": Case(
        lambda p: p.check("--churn", p.write("r.json", '{"comparison": {}}')),
        2,
        "churn.no-review",
    ),
    "a path of nothing": Case(lambda p: p.check("--train", " "), 2, "path.empty"),
    "prune nothing in particular": Case(
        lambda p: ["store", "prune", "--store", p.store], 2, "prune.nothing-named"
    ),
    "prune by an age in words": Case(
        lambda p: ["store", "prune", "--store", p.store, "--older-than", "a month"],
        2,
        "prune.age",
    ),
    "export of an empty store": Case(
        lambda p: ["store", "export", "--out", p.root / "a.tar", "--store", p.store],
        2,
        "store.empty",
    ),
}


USAGE: dict[str, tuple[list[str], str]] = {
    "unknown verb": (["chekc"], "usage.no-such-command"),
    "unknown flag": (["check", "--limt", "5"], "usage.no-such-option"),
    "limit in words": (["check", "--limit", "ten"], "usage.bad-value"),
    "unknown dtype": (["check", "--dtype", "fp16"], "usage.bad-value"),
    "unknown format": (["check", "--format", "pdf"], "usage.bad-value"),
    "a flag without its value": (["check", "--base"], "usage.no-value"),
    "too many words": (["check", "plan.yaml", "other.yaml"], "usage.words"),
    "compare with one side": (["compare", "base"], "compare.one-side"),
    "report without review": (["report"], "usage.missing"),
    "validate nothing": (["suites", "validate"], "usage.missing"),
}
"""What typer refuses by itself: the words, and the id."""
