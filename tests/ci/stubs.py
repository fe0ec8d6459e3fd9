"""Programs of a CI job that note how they were called; gh has its comments in a file.

A job's lines are taken from its file and run by bash, with these in PATH.
"""

from __future__ import annotations

import json
import os
import subprocess
import sys
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

_NOTE = f"""#!{sys.executable} -IS
import json, os, sys
from pathlib import Path
with open(os.environ["STUB_CALLS"], "a") as file:
    file.write(json.dumps([Path(sys.argv[0]).name, *sys.argv[1:]]) + "\\n")
words = sys.argv[1:]
"""

_CLIFFGUARD = """
if {"GH_TOKEN", "GITHUB_TOKEN"} & set(os.environ):
    sys.exit("a token")
if words[0] == "report":
    print("::error title=multi_step REGRESSED::an annotation")
    print("::add-mask::what a model wrote")
    print("::error title=x::what a library wrote", file=sys.stderr)
    sys.exit(0)
print("::error::what a model wrote")
print("::error::what a library wrote", file=sys.stderr)
leaves = os.environ.get("STUB_LEAVES", "reports")
code = int(os.environ["STUB_CODE"])
out = Path(words[words.index("--out") + 1])
out.mkdir(parents=True, exist_ok=True)
id = words[words.index("--comment-id") + 1]
if leaves == "folders":
    (out / "ft" / "a").mkdir(parents=True, exist_ok=True)
    (out / "ft" / "a" / "review.json").write_text("{}")
if code in (0, 10, 11) and leaves == "reports":
    (out / "review.json").write_text("{}")
    (out / "comment.md").write_text(f"<!-- cliffguard:{id} -->\\nverdict {code}\\n")
if code in (2, 12, 20):
    failure = {"exit_code": code, "id": "sides.one-run", "message": '"id": "`x`"'}
    (out / "failure.json").write_text(json.dumps(failure, indent=2) + "\\n")
sys.exit(code)
"""

_GH = """
path = Path(os.environ["STUB_COMMENTS"])
comments = json.loads(path.read_text())
fails = os.environ.get("STUB_GH_FAILS", "")
def value(flag):
    return words[words.index(flag) + 1]
assert words[0] == "api" and os.environ["GH_TOKEN"] == "a-token", words
if words[1] == "user":
    if os.environ["STUB_LOGIN"] == "refused":
        print('{"message": "Resource not accessible by integration"}')
        sys.exit("gh: Resource not accessible by integration (HTTP 403)")
    print(os.environ["STUB_LOGIN"])
    sys.exit(0)
method = value("--method") if "--method" in words else "GET"
where = [word for word in words if word.startswith("repos/org/repo/issues/")]
once = path.with_name("failed-once")
if fails == "PATCH once" and method == "PATCH" and not once.exists():
    once.write_text("")
    sys.exit("gh: Bad gateway (HTTP 502)")
if fails in ("all", method):
    sys.exit("gh: Resource not accessible by integration (HTTP 403)")
if method == "GET":
    assert where == ["repos/org/repo/issues/7/comments?per_page=100"], where
    marker = value("--jq").split('startswith("')[1].split('")')[0]
    assert ".user.login == env.GATE_AUTHOR" in value("--jq")
    seen = comments if "--paginate" in words else comments[:100]
    for comment in seen:
        if comment["user"]["login"] == os.environ["GATE_AUTHOR"]:
            if (comment["body"] or "").startswith(marker):
                print(comment["id"])
    sys.exit(0)
key, _, file = value("-F").partition("=@")
assert key == "body"
body = Path(file).read_text()
assert len(body.encode()) <= 3000
if method == "POST":
    assert where == ["repos/org/repo/issues/7/comments"], where
    user = {"login": os.environ["GATE_AUTHOR"]}
    comments.append({"id": 1000 + len(comments), "user": user, "body": body})
else:
    id = int(where[0].removeprefix("repos/org/repo/issues/comments/"))
    next(c for c in comments if c["id"] == id)["body"] = body
path.write_text(json.dumps(comments))
"""

_PYTHON = """
assert words[:2] == ["-m", "venv"], words
import shutil
folder = Path(words[2]) / "bin"
folder.mkdir(parents=True)
for name in ("pip", "cliffguard"):
    shutil.copy(Path(sys.argv[0]).parent / name, folder)
"""

_PROGRAMS = {"cliffguard": _CLIFFGUARD, "gh": _GH, "pip": "", "python3": _PYTHON}


@dataclass
class Job:
    """A folder in which lines of a job run; `environment` is added to the stubs' own."""

    root: Path
    environment: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        programs = self.root / "programs"
        programs.mkdir()
        for name, text in _PROGRAMS.items():
            (programs / name).write_text(_NOTE + text)
            (programs / name).chmod(0o755)
        self.set_comments([])
        for name in ("calls", "summary", "output"):
            (self.root / name).write_text("")
        (self.root / "work").mkdir()

    def run(self, text: str, code: int = 0, **more: str) -> subprocess.CompletedProcess[str]:
        """Run lines as a CI's shell does; cliffguard ends with `code`."""
        environment = {
            "PATH": f"{self.root / 'programs'}:{os.environ['PATH']}",
            "STUB_CALLS": str(self.root / "calls"),
            "STUB_COMMENTS": str(self.root / "comments.json"),
            "STUB_CODE": str(code),
            "TMPDIR": str(self.root),
            **self.environment,
            **more,
        }
        return subprocess.run(
            ["bash", "--noprofile", "--norc", "-eo", "pipefail", "-c", text],
            env=environment,
            cwd=self.root / "work",
            capture_output=True,
            text=True,
            check=False,
        )

    @property
    def comments(self) -> list[dict[str, Any]]:
        """The comments of the pull request."""
        return json.loads((self.root / "comments.json").read_text())  # type: ignore[no-any-return]

    def set_comments(self, comments: list[dict[str, Any]]) -> None:
        """Put comments under the pull request."""
        (self.root / "comments.json").write_text(json.dumps(comments))

    def calls(self, program: str) -> list[list[str]]:
        """Return the arguments of each call of a program."""
        lines = (self.root / "calls").read_text().splitlines()
        return [words for name, *words in map(json.loads, lines) if name == program]

    @property
    def summary(self) -> str:
        """What the job's summary holds."""
        return (self.root / "summary").read_text()
