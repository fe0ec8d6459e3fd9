"""The files to copy for pipelines: valid, shown by their pages, their lines run."""

from __future__ import annotations

import contextlib
import io
import re
from importlib.metadata import version
from pathlib import Path
from typing import Any

import pytest
import yaml

from cliffguard.report import FILES
from tests.ci.stubs import Job
from tests.ci.test_action import ACTION, WRITTEN
from tests.docs.blocks import CHECKOUT, blocks_of
from tests.docs.programs import check_pip, parse_own

FOLDER = CHECKOUT / "configs" / "ci"
GITHUB, GITLAB, JENKINS = (
    FOLDER / n for n in ("github-actions.yml", "gitlab-ci.yml", "Jenkinsfile")
)
PAGES = sorted((CHECKOUT / "docs" / "pipelines").glob("*.md"))
WORDS = ("run here", "validated by schema and shell", "read only")
SCHEMAS = {
    GITHUB: "github-workflows",
    CHECKOUT / ".github" / "workflows" / "checks.yml": "github-workflows",
    ACTION / "action.yml": "github-actions",
    GITLAB: "gitlab-ci",
}
CODES = (0, 10, 11, 12, 20, 2, 1)
WORKFLOW = yaml.safe_load(GITHUB.read_text(encoding="utf-8"))
STEPS = WORKFLOW["jobs"]["gate"]["steps"]
GITLAB_JOB = yaml.safe_load(GITLAB.read_text(encoding="utf-8"))["gate"]
PIPELINE = JENKINS.read_text(encoding="utf-8")


@pytest.fixture
def job(tmp_path: Path) -> Job:
    """A job of no pull request."""
    return Job(tmp_path)


def faults(path: Path, schema: str) -> str:
    """Return what the schema says against a file; nothing where it is valid."""
    cli = pytest.importorskip("check_jsonschema.cli.main_command")
    with contextlib.redirect_stdout(io.StringIO()) as out, contextlib.suppress(SystemExit):
        cli.main(["--builtin-schema", f"vendor.{schema}", str(path)])
    return "" if "ok -- validation done" in out.getvalue() else out.getvalue() or "no answer"


@pytest.mark.parametrize("path", SCHEMAS, ids=lambda path: path.name)
def test_it_is_valid(path: Path) -> None:
    """By the schema that ships with check-jsonschema, so that no connection is needed."""
    assert faults(path, SCHEMAS[path]) == ""


@pytest.mark.parametrize(
    ("path", "before", "after"),
    [(GITHUB, "runs-on:", "run-on:"), (GITLAB, "when: always", "when: ever"),
     (ACTION / "action.yml", "using: composite", "use: composite")],
    ids=["workflow", "gitlab", "action"],
)  # fmt: skip
def test_a_wrong_key_is_seen(path: Path, before: str, after: str, tmp_path: Path) -> None:
    """Else the test above would prove nothing."""
    broken = tmp_path / path.name
    broken.write_text(path.read_text(encoding="utf-8").replace(before, after), encoding="utf-8")

    assert faults(broken, SCHEMAS[path]) != ""


def test_the_pages_show_the_files_as_they_are() -> None:
    """Whoever copies from a page has what was tested."""
    shown = {block.text for page in PAGES for block in blocks_of(page)}

    assert [p.name for p in FOLDER.iterdir() if p.read_text(encoding="utf-8") not in shown] == []


def test_each_page_says_what_was_done_with_its_file() -> None:
    """At its top, in the words of the table of all of them."""
    index, *pages = sorted(PAGES, key=lambda page: page.name != "README.md")
    rows = dict(
        re.findall(r"^\| \[[^]]+\]\(([\w-]+\.md)\) \|.*\| ([a-z ]+) \|$", index.read_text(), re.M)
    )

    assert rows.keys() == {page.name for page in pages}
    for page in pages:
        (words,) = re.findall(r"\A# .*\n\n\*\*([^*]+)\*\*", page.read_text(encoding="utf-8"))
        assert words.lower() == rows[page.name]
        assert words.lower() in WORDS


CLUSTER = [
    yaml.safe_load((FOLDER / f"{n}.yaml").read_text("utf-8"))
    for n in ("kubernetes-job", "argo-workflow")
]


def test_a_job_of_kubernetes_fails_by_our_codes() -> None:
    """All that a retry does not mend, and 20 is none of it."""
    spec = CLUSTER[0]["spec"]
    (container,) = spec["template"]["spec"]["containers"]
    fail = spec["podFailurePolicy"]["rules"][0]

    assert fail["action"] == "FailJob"
    assert fail["onExitCodes"] == {
        "containerName": container["name"], "operator": "In", "values": [1, 2, 10, 11, 12],
    }  # fmt: skip
    assert spec["template"]["spec"]["restartPolicy"] == "Never"
    parse_own(container["command"][1:])


def test_a_workflow_of_argo_retries_what_a_retry_mends() -> None:
    """Measuring alone, on 20 alone; both commands are ours."""
    templates = {template["name"]: template for template in CLUSTER[1]["spec"]["templates"]}

    steps = [step["template"] for (step,) in templates["gate"]["steps"]]
    assert steps == ["measure", "decide"]
    assert templates["measure"]["retryStrategy"]["expression"] == "asInt(lastRetry.exitCode) == 20"
    assert "retryStrategy" not in templates["decide"]
    for step in steps:
        program, *words = templates[step]["container"]["command"]
        assert program == "cliffguard"
        parse_own(words)


def test_other_peoples_actions_are_pinned() -> None:
    """By a full commit, with its version beside it; ours lies beside the workflow."""
    used = re.findall(r"uses: (\S+)(.*)", GITHUB.read_text(encoding="utf-8"))
    foreign = [line for line in used if line[0] != "./.github/actions/gate"]

    assert len(foreign) == len(used) - 1 >= 4
    for name, release in foreign:
        assert re.fullmatch(r"actions/[a-z-]+(/[a-z]+)?@[0-9a-f]{40}", name)
        assert re.fullmatch(r" # v\d+\.\d+\.\d+", release)
    assert "uses:" not in (ACTION / "action.yml").read_text(encoding="utf-8")


def test_permissions_are_the_least() -> None:
    """Contents to read and the comment to write; the action says so, too."""
    assert WORKFLOW["permissions"] == {"contents": "read", "pull-requests": "write"}
    assert "pull_request_target" not in WORKFLOW[True]  # YAML reads `on` as true
    action = (ACTION / "action.yml").read_text(encoding="utf-8")
    assert "#     contents: read\n#     pull-requests: write\n" in action


def test_the_lines_of_the_workflow_run(job: Job) -> None:
    """No expression stands in a line of shell, and the inputs of the action are its own."""
    for step in STEPS:
        if "run" in step:
            assert "${{" not in step["run"]
            assert job.run(step["run"]).returncode == 0
    (install,) = job.calls("pip")
    check_pip(install)
    (gate,) = (step for step in STEPS if step.get("uses", "").startswith("./"))
    assert gate["with"].keys() <= WRITTEN["inputs"].keys()
    uploads = [step for step in STEPS if "upload-artifact" in step.get("uses", "")]
    assert [(step["if"], step["with"]["path"]) for step in uploads] == [
        ("always()", gate["with"]["out"])
    ]


def test_the_store_and_the_models_are_cached() -> None:
    """On GitHub also after a failure, which the cache action alone would leave out."""
    places = WORKFLOW["jobs"]["gate"]["env"], GITLAB_JOB["variables"]
    restore, save = (step for step in STEPS if "actions/cache/" in step.get("uses", ""))

    for names in places:
        assert all(".cliffguard/" in names[name] for name in ("CLIFFGUARD_STORE", "HF_HOME"))
    assert GITLAB_JOB["cache"] == {"key": "cliffguard", "paths": [".cliffguard"], "when": "always"}
    assert save["if"] == "always()"
    assert restore["with"]["path"] == save["with"]["path"] == ".cliffguard"
    assert restore["with"]["key"] == save["with"]["key"]
    assert all(f"{name} = '/var/cache/" in PIPELINE for name in ("CLIFFGUARD_STORE", "HF_HOME"))


@pytest.mark.parametrize("code", CODES)
def test_the_lines_of_gitlab_run(job: Job, code: int) -> None:
    """The job ends with the gate's exit code, and says in words what to do.

    Of 0 it does not know whether it is a PASS: --exit-zero makes it of any verdict.
    """
    done = job.run("\n".join(GITLAB_JOB["script"]), code)

    assert done.returncode == code, done.stderr
    assert done.stdout.splitlines()[-1].startswith(_WORDS[code])
    (words,) = job.calls("cliffguard")
    parse_own(words)
    (install,) = job.calls("pip")
    check_pip(install)


_WORDS = {0: "the job passes: PASS, or any", 10: "FAIL", 11: "INCONCLUSIVE",
          12: "no verdict, the comparison", 20: "no verdict, something is missing",
          2: "no verdict: correct", 1: "no verdict, exit code 1"}  # fmt: skip


def test_gitlab_keeps_the_reports() -> None:
    """Always, the JUnit file where GitLab reads it; only what is missing is tried again."""
    artifacts = GITLAB_JOB["artifacts"]

    assert artifacts["when"] == "always"
    assert artifacts["paths"] == ["gate"]
    assert artifacts["reports"]["junit"].removeprefix("gate/") in FILES
    assert GITLAB_JOB["variables"]["CLIFFGUARD_REPORT_URL"].rpartition("/gate/")[2] in FILES
    assert GITLAB_JOB["retry"] == {"max": 1, "exit_codes": [20]}


@pytest.mark.parametrize("code", CODES)
def test_the_lines_of_jenkins_run(job: Job, code: int) -> None:
    """Each `sh` as it stands; the gate's status is taken, so that Groovy tells it apart."""
    clear, install = re.findall(r"\bsh '(.*)'\n", PIPELINE)
    (gate,) = re.findall(r"String gate = '(.*)'\n", PIPELINE)

    (job.root / "work" / "gate").mkdir()
    assert job.run(clear).returncode == job.run(install).returncode == 0
    assert not (job.root / "work" / "gate").exists()
    done = job.run(gate, code, BUILD_URL="https://ci.example/job/gate/7/")

    assert done.returncode == code
    (words,) = job.calls("cliffguard")
    parse_own(words)
    assert words[-1] == "https://ci.example/job/gate/7/artifact/gate/report.html"
    assert code in (0, 1) or re.search(rf"^ +{code}: '{_WORDS[code]}", PIPELINE, re.MULTILINE)


def test_a_build_without_an_address_has_no_link(job: Job) -> None:
    """BUILD_URL is empty until Jenkins knows its own address."""
    _, install = re.findall(r"\bsh '(.*)'\n", PIPELINE)
    (gate,) = re.findall(r"String gate = '(.*)'\n", PIPELINE)
    job.run(install)

    assert job.run(gate).returncode == 0

    (words,) = job.calls("cliffguard")
    assert words[-1] == "gate"
    assert not any("report" in word for word in words)


@pytest.mark.parametrize("path", [GITHUB, GITLAB, JENKINS], ids=lambda path: path.name)
def test_the_release_is_pinned(path: Path) -> None:
    """Verdicts of another release may differ; it is this one, in all three."""
    installed = re.findall(r"pip install (\S+?)(?:'| |\n)", path.read_text(encoding="utf-8"))

    assert installed == [f'"cliffguard[run]=={version("cliffguard")}"']


def test_the_default_branch_fills_the_cache() -> None:
    """Of pull requests nobody but themselves sees what they saved."""
    assert WORKFLOW[True].keys() == {"pull_request", "push"}
    assert "github.ref" in WORKFLOW["concurrency"]["group"]  # else all pushes are one
    assert any("CI_DEFAULT_BRANCH" in rule["if"] for rule in GITLAB_JOB["rules"])


def test_jenkins_keeps_the_reports() -> None:
    """After every run; its brackets close."""
    (always,) = re.findall(r"post \{\n    always \{.*?\n    \}\n", PIPELINE, re.DOTALL)

    assert "junit testResults: 'gate/junit.xml'" in always
    assert "archiveArtifacts artifacts: 'gate/**'" in always
    assert always.index("archiveArtifacts") < always.index("junit ")  # which may throw
    assert closes(re.sub(r"'[^'\n]*'|\"[^\"\n]*\"|//.*", "", PIPELINE))


def closes(text: str) -> bool:
    """Return whether every bracket of a text is closed by its own."""
    open_ones: list[Any] = []
    for sign in re.findall(r"[()\[\]{}]", text):
        if sign in "([{":
            open_ones.append(sign)
        elif not open_ones or open_ones.pop() + sign not in ("()", "[]", "{}"):
            return False
    return not open_ones
