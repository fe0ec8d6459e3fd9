"""A review in a model card: what is not ours stays byte for byte, and the hub reads the rest."""

from __future__ import annotations

import itertools
import re
from collections.abc import Callable
from dataclasses import replace
from functools import cache
from pathlib import Path
from types import SimpleNamespace

import pytest
import yaml
from huggingface_hub import ModelCard
from typer.testing import CliRunner, Result

from cliffguard.cli.app import app
from cliffguard.core.errors import InfrastructureError, UsageError
from cliffguard.core.reviews import Review
from cliffguard.integrations import model_card
from cliffguard.integrations.model_card import with_card
from cliffguard.report.json import read_review
from tests import support

EXAMPLES = Path(__file__).parent.parent.parent / "reports" / "examples"
PEFT = """\
---
base_model: models/base
library_name: peft
pipeline_tag: text-generation
tags:
- base_model:adapter:models/base
- lora
---

# Model Card for Model ID

<!-- Provide a quick summary of what the model is/does. -->
"""  # as peft 0.21 writes it
TRAINER = """\
---
license: apache-2.0
model-index:
- name: ft-run
  results:
  - task:
      name: Causal Language Modeling
      type: text-generation
    dataset:
      name: imdb
      type: imdb
      args: plain
    metrics:
    - name: Accuracy
      type: accuracy
      value: 0.9
---

<!-- This model card has been generated automatically. -->

# ft-run
"""  # as transformers 5.23 writes it

HEADS = {
    "none": "",
    "peft": PEFT.partition("\n\n")[0] + "\n",
    "trainer": TRAINER.partition("\n\n")[0] + "\n",
    "comments": "---\n# kept\nlicense: mit # why\n\n# the end\n---\n",
    "anchors": "---\na: &a [x, y]\nb: *a\nc: &c\n  d: 1\ne:\n  <<: *c\n---\n",
    "quotes": "---\nlicense: 'mit'\ntitle: \"# cliffguard: begin\"\ndate: 2024-01-01\n---\n",
    "a text at its end": "---\nlicense: mit\nabout: |+\n  # a line\n  two\n\n---  \n",
    "code and a mark in a value": ("---\nabout: |\n  ```py\n  <!-- cliffguard:begin -->\n---\n"),
    "empty": "---\n---\n",
    "comments alone": "---\n# nothing yet\n---\n",
    "after blanks": "\n\n---\nlicense: mit\n---\n",
    "models of others": (
        "---\nmodel-index:\n  - name: one # first\n    results: []\n  - results: []\n"
        "    name: 'two'\n    # its end\n\nlicense: mit\n---\n"
    ),
    "a model that is a text at its end": (
        "---\nmodel-index:\n- results: []\n  name: one\n  about: |\n    words\n\ntags: [a]\n---\n"
    ),
    "more models in braces": "---\nmodel-index:\n- {name: one, results: []}\nlicense: mit\n---\n",
}
BODIES = {
    "none": "",
    "a line without an end": "# Title",
    "text": "# Title\n\nA line.\n",
    "blank lines": "# Title\n\n\n",
    "marks in code": "# T\n```md\n<!-- cliffguard:begin -->\n<!-- cliffguard:end -->\n```\nmore\n",
    "a fence in a list": "- ```py\n  code\n  ```\n\nmore\n~~~\n<!-- cliffguard:end -->\n~~~\n",
    "marks in a line": "As `<!-- cliffguard:begin -->` says, and <!-- cliffguard:end --> too.\n",
    "a section": "# T\n\n<!-- cliffguard:begin -->\nold\n<!-- cliffguard:end -->\n\n## After\n",
    "marks that touch": "<!-- cliffguard:begin -->\n<!-- cliffguard:end -->",
    "hard spaces": "caf\u00e9 \u2028 \U0001f600\ttab  \n---\nafter a rule\n",
}


@cache
def review(name: str = "healthy") -> Review:
    """Return one of the committed reviews."""
    path = EXAMPLES / name / "review.json"
    return read_review(path.read_text(encoding="utf-8"), name)


def written(text: str, which: Review | None = None) -> str:
    """Return a card with what a review says."""
    return with_card(text.encode(), which or review(), "card").decode()


def without_ours(text: str) -> str:
    """Return a card without all that stands between the marks, and without these."""
    text = re.sub(r"^ *# cliffguard:begin\r?\n[\s\S]*?# cliffguard:end\r?\n", "", text, flags=re.M)
    parts = re.split(r"^(```|~~~)", text, flags=re.M)  # what stands in code is somebody else's
    for number in range(0, len(parts), 4):
        parts[number] = re.sub(
            r"^<!-- cliffguard:begin -->[ \t]*\r?\n[\s\S]*?^<!-- cliffguard:end -->(\r?\n|\Z)",
            "", parts[number], flags=re.M,
        )  # fmt: skip
    return "".join(parts)


def run(*words: object) -> Result:
    """Run the command line."""
    return CliRunner().invoke(app, ["card", *map(str, words)])


@cache
def small(name: str = "healthy") -> Review:
    """Return a review of one capability, which is written sooner."""
    seen = review(name)
    first = seen.comparison.capabilities[:1]
    return replace(
        seen,
        comparison=replace(seen.comparison, capabilities=first),
        verdict=replace(seen.verdict, findings=seen.verdict.findings[:1]),
    )


KINDS = [*itertools.product(("\n", "\r\n"), ("", "\ufeff"))]


USUAL = ("none", "peft", "comments", "anchors", "empty", "models of others")


@pytest.mark.parametrize("head", support.mostly_slow(HEADS, *USUAL))
def test_what_is_not_ours_stays_byte_for_byte(head: str) -> None:
    """With every body, both line ends, with and without a byte-order mark; twice is once."""
    for number, body in enumerate(BODIES):
        newline, mark = KINDS[(number + len(head)) % len(KINDS)]
        card = mark + (HEADS[head] + BODIES[body]).replace("\n", newline)
        newline = newline if "\n" in card else "\n"

        once = written(card, small())

        rest = without_ours(once)
        if HEADS[head] == "":  # a head is made
            rest = rest.replace(f"---{newline}---{newline}", "", 1)
        before = without_ours(card)
        assert rest.startswith(before), (body, newline, mark)
        assert rest.removeprefix(before).strip("\r\n") == "", (body, newline, mark)
        assert written(written(once, small("cliff")), small()) == once, (body, newline, mark)
        assert {*re.findall(r"\r\n|\n|\r", once)} == {newline}, (body, newline, mark)


@pytest.mark.parametrize("head", HEADS)
def test_the_hub_reads_it(head: str) -> None:
    """By the hub's own parser: our results behind those of others, and all other keys as before."""
    before = ModelCard(HEADS[head] + "# T\n", ignore_metadata_errors=True)
    card = ModelCard(written(HEADS[head] + "# T\n"))

    theirs = before.data.eval_results or []
    ours = card.data.eval_results[len(theirs) :]
    assert card.data.eval_results[: len(theirs)] == theirs
    assert card.data.model_name == (before.data.model_name or "suites/demo/healthy")
    drops = {result.dataset_name: result.metric_value for result in ours[1::2]}
    assert drops == {
        f"{each.capability} ({each.suite})": each.evidence.drop
        for each in review().comparison.capabilities
        if each.behaviour is None
    }
    assert {result.metric_type for result in ours[::2]} == {"score"}
    rest = [c.data.to_dict() for c in (before, card)]
    for data in rest:
        data.pop("model-index", None)
    assert rest[0] == rest[1]


def test_a_name_of_others_stays_the_cards() -> None:
    """The hub takes the last model's name for the card's."""
    assert ModelCard(written(TRAINER)).data.model_name == "ft-run"
    assert ModelCard(written(HEADS["models of others"])).data.model_name == "two"


def test_entries_stay_where_somebody_put_them() -> None:
    """The block may be moved, and text written around it."""
    once = written(PEFT)
    (block,) = re.findall(r"# cliffguard:begin\n[\s\S]*?# cliffguard:end\n", once)
    moved = once.replace(block, "").replace(
        "library_name: peft\n", f"{block}library_name: peft # here\n"
    )

    assert written(moved) == moved


def test_entries_move_into_a_list_that_somebody_wrote_since() -> None:
    """Two keys `model-index` would be none to the hub."""
    once = written(PEFT)
    theirs = once.replace("library_name: peft\n", "model-index:\n- name: my\n  results: []\n")

    card = written(theirs)

    assert card.count("model-index:") == 1
    assert ModelCard(card).data.model_name == "my"
    assert written(card) == card


def test_what_somebody_broke_between_the_marks_goes() -> None:
    """It is ours to write again."""
    once = written(PEFT)
    broken = once.replace("model-index:\n", "model-index: [\n  {{")

    assert written(broken) == once


REFUSED = {
    "two blocks": (written(PEFT).replace("- lora", "- lora\n# cliffguard:begin\n# cliffguard:end"),
                   "card.front-matter"),
    "a block without an end": ("---\na: 1\n# cliffguard:begin\n---\n", "card.front-matter"),
    "an end before its begin": (
        "---\n# cliffguard:end\na: 1\n# cliffguard:begin\n---\n", "card.front-matter"),
    "a block in a value": (
        "---\na: |\n  # cliffguard:begin\n  kept\n  # cliffguard:end\n---\n", "card.front-matter"),
    "braces": ("---\n{license: mit}\n---\n", "card.front-matter"),
    "a list": ("---\n- a\n---\n", "card.front-matter"),
    "a rule": ("---\nA text.\n---\n", "card.front-matter"),
    "keys behind an empty head": ("---\n---\nlicense: mit\n---\n", "card.front-matter"),
    "no end": ("---\nlicense: mit\n\n# Title\n", "card.front-matter"),
    "blanks behind its first line": ("--- \nlicense: mit\n---\n", "card.front-matter"),
    "no YAML": ("---\na: [\n---\n", "card.front-matter"),
    "two documents": ("---\na: 1\n...\nb: 2\n---\n", "card.front-matter"),
    "an index in brackets": ("---\nmodel-index: []\n---\n", "card.front-matter"),
    "an index that is an alias": (
        "---\nx: &x\n- name: a\n  results: []\nmodel-index: *x\n---\n", "card.front-matter"),
    "an empty index": ("---\nmodel-index:\n---\n", "card.front-matter"),
    "two sections": (written("# T\n") + written("")[-3000:], "card.marks"),
    "a section without an end": ("<!-- cliffguard:begin -->\nkept\n", "card.marks"),
    "an end alone": ("kept\n<!-- cliffguard:end -->\n", "card.marks"),
    "code without an end": ("# T\n```\ncode\n", "card.open-code"),
}  # fmt: skip


@pytest.mark.parametrize("name", REFUSED)
def test_what_cannot_be_kept_is_refused(name: str, tmp_path: Path) -> None:
    """One line, exit 2, and the file as it was."""
    text, id = REFUSED[name]
    path = tmp_path / "README.md"
    path.write_bytes(text.encode())

    done = run(EXAMPLES / "healthy", "--readme", path)

    assert done.exit_code == 2, done.output
    assert done.stderr.startswith(f"cliffguard: error[{id}]: {path}: ")
    assert done.stderr.count("\n") == 1
    assert path.read_bytes() == text.encode()


def test_the_yaml_can_be_left_alone() -> None:
    """Of a head that is refused the section is written nevertheless."""
    head = "---\n{license: mit}\n---\n"

    card = with_card(head.encode(), review(), "card", section_only=True).decode()

    assert card.startswith(head)
    assert "## Retention" in card


def test_aliases_that_multiply_cost_nothing() -> None:
    """A stranger's card is compared event by event, and none of its aliases is followed."""
    bomb = "".join(f"a{n}: &a{n} [*a{n - 1}, *a{n - 1}]\n" for n in range(1, 60))

    card = written(f"---\na0: &a0 x\n{bomb}---\n")

    assert bomb in card


def test_names_cannot_write_markup() -> None:
    """Neither YAML, nor HTML, nor the end of our own section."""
    name = "x\n---\n# cliffguard:end\n<!-- cliffguard:end --> | **b** [l](http://e) \u202e\x1b[31m"
    seen = review()
    row = seen.verdict.findings[1]
    capabilities = tuple(
        replace(each, capability=name, suite=name) if each.capability == row.capability else each
        for each in seen.comparison.capabilities
    )
    findings = tuple(
        replace(each, capability=name, suite=name) if each is row else each
        for each in seen.verdict.findings
    )
    comparison = replace(
        seen.comparison,
        candidate=replace(seen.comparison.candidate, name=name),
        capabilities=capabilities,
    )
    hostile = replace(seen, comparison=comparison, verdict=replace(seen.verdict, findings=findings))

    card = written(PEFT, hostile)

    assert written(card, hostile) == card
    assert without_ours(card).strip() == PEFT.strip()
    assert "http://" not in card.partition("## Retention")[2]
    names = {result.dataset_name for result in ModelCard(card).data.eval_results}
    plain = "x --- # cliffguard:end <!-- cliffguard:end --> | **b** [l](http://e)"
    assert f"{plain} ({plain})" in names


def test_no_text_of_a_model_is_in_it() -> None:
    """Nor a prompt: names and numbers alone."""
    seen = review("cliff")
    texts = {
        text
        for example in seen.examples
        for text in (example.prompt, example.base_text, example.candidate_text)
        if len(text) > 20
    }
    marked = replace(
        seen,
        verdict=replace(
            seen.verdict,
            sentence="SAID",
            findings=tuple(replace(f, reason="SAID") for f in seen.verdict.findings),
        ),
    )

    card = written("", marked)

    assert texts
    assert not [text for text in texts if text in card]
    assert "SAID" not in card


# --- the verb ------------------------------------------------------------------------------------


def test_a_card_is_printed_or_written(tmp_path: Path) -> None:
    """Where a path is given it is written there; the folder of one stands for it."""
    printed = run(EXAMPLES / "cliff")
    made = run(EXAMPLES / "cliff", "--readme", tmp_path)

    assert (printed.exit_code, made.exit_code) == (0, 0)
    assert made.stdout.strip() == str(tmp_path / "README.md")
    assert (tmp_path / "README.md").read_text(encoding="utf-8") == printed.stdout
    assert yaml.safe_load(printed.stdout.split("---\n")[1])["model-index"]
    assert "✗ **FAIL**" in printed.stdout
    assert (
        f"by cliffguard {review('cliff').provenance.cliffguard_version}. A drop" in printed.stdout
    )


def test_a_card_keeps_its_mode_and_the_link_to_it(tmp_path: Path) -> None:
    """Who could read it can, and nobody else."""
    path, link = tmp_path / "card.md", tmp_path / "model" / "README.md"
    link.parent.mkdir()
    path.write_text(PEFT, encoding="utf-8")
    path.chmod(0o660)
    link.symlink_to(path)

    done = run(EXAMPLES / "cliff", "--readme", link.parent)

    assert done.exit_code == 0
    assert link.is_symlink()
    assert "Retention" in path.read_text(encoding="utf-8")
    assert path.stat().st_mode & 0o777 == 0o660


def test_a_byte_order_mark_is_kept_and_said(tmp_path: Path) -> None:
    """Behind it the hub sees no YAML."""
    path = tmp_path / "README.md"
    path.write_text(PEFT, encoding="utf-8-sig")

    done = run(EXAMPLES / "cliff", "--readme", path)

    assert done.exit_code == 0
    assert "begins with a byte-order mark" in done.stderr
    assert path.read_bytes().startswith(b"\xef\xbb\xbf---\nbase_model")


def test_other_encodings_are_refused(tmp_path: Path) -> None:
    """One line, and the file as it was."""
    path = tmp_path / "README.md"
    path.write_text("caf\u00e9", encoding="utf-16")

    done = run(EXAMPLES / "cliff", "--readme", path)

    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)
    assert path.read_text(encoding="utf-16") == "caf\u00e9"


def test_a_review_of_nothing_has_no_entries() -> None:
    """An empty `model-index` is none to the hub; what stood there before goes."""
    seen = review()
    empty = replace(
        seen,
        comparison=replace(seen.comparison, capabilities=()),
        verdict=replace(seen.verdict, findings=()),
    )

    assert "model-index" not in written(PEFT, empty)
    assert "model-index" not in written(written(PEFT), empty)
    assert written(written(written(PEFT), empty)) == written(PEFT)


@pytest.mark.parametrize("name", ["runs/ft/adapter", "../x/y", "org", "https://hub/org/name", ""])
def test_only_a_name_on_a_hub_is_pushed_to(name: str) -> None:
    """Before anything is read or sent."""
    done = run(EXAMPLES / "cliff", "--push", name)

    assert (done.exit_code, done.stderr.count("\n")) == (2, 1)


def test_nothing_is_pushed_offline(monkeypatch: pytest.MonkeyPatch) -> None:
    """The hub's own variable decides."""
    monkeypatch.setenv("HF_HUB_OFFLINE", "1")

    assert "error[hub.offline]" in run(EXAMPLES / "cliff", "--push", "org/name").stderr


class Hub:
    """A hub with one card, in place of the client's two calls."""

    def __init__(self, monkeypatch: pytest.MonkeyPatch, path: Path) -> None:
        import huggingface_hub

        self.path, self.sent = path, []
        monkeypatch.delenv("HF_HUB_OFFLINE", raising=False)
        monkeypatch.delenv("TRANSFORMERS_OFFLINE", raising=False)
        monkeypatch.setattr(huggingface_hub, "hf_hub_download", lambda *_, **__: self.path)
        monkeypatch.setattr(huggingface_hub, "HfApi", lambda: self)

    def upload_file(self, **call: object) -> Hub:
        """Note a call."""
        self.sent.append(call)
        self.commit_url = "https://hub.example/org/name/commit/1"
        return self


def test_the_hubs_own_card_is_changed(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """Without --readme: what is there is read, and one commit is sent."""
    (tmp_path / "README.md").write_text(PEFT)
    hub = Hub(monkeypatch, tmp_path / "README.md")

    done = run(EXAMPLES / "healthy", "--push", "org/name")

    assert done.exit_code == 0, done.output
    (sent,) = hub.sent
    assert (sent["repo_id"], sent["path_in_repo"]) == ("org/name", "README.md")
    assert sent["path_or_fileobj"] == written(PEFT).encode()
    assert (tmp_path / "README.md").read_text() == PEFT  # which lies in the hub's cache


def test_a_card_of_ones_own_is_sent(tmp_path: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """With --readme it is written here, and sent."""
    hub = Hub(monkeypatch, tmp_path / "gone")

    done = run(EXAMPLES / "healthy", "--readme", tmp_path / "mine.md", "--push", "hf:org/name")

    assert done.exit_code == 0, done.output
    assert hub.sent[0]["path_or_fileobj"] == (tmp_path / "mine.md").read_bytes()
    assert hub.sent[0]["repo_id"] == "org/name"


def failing(status: int | None) -> Callable[..., None]:
    """Return a call that the hub refuses, or that does not reach it."""

    def fail(*_: object, **__: object) -> None:
        from huggingface_hub import errors

        if status is None:
            raise vars(errors)["HTTPError"]("no route")
        failure = errors.HfHubHTTPError.__new__(errors.HfHubHTTPError)
        failure.response = SimpleNamespace(status_code=status)
        raise failure

    return fail


@pytest.mark.parametrize(
    ("status", "kind"),
    [(401, UsageError), (404, UsageError), (500, InfrastructureError), (None, InfrastructureError)],
)
def test_a_hub_that_refuses_is_one_line(
    status: int | None, kind: type[Exception], monkeypatch: pytest.MonkeyPatch
) -> None:
    """Exit 2 where it is for the user to mend, else 20."""
    import huggingface_hub

    monkeypatch.setattr(huggingface_hub, "hf_hub_download", failing(status))
    monkeypatch.setattr(huggingface_hub.HfApi, "upload_file", failing(status))

    for call in (
        lambda: model_card.card_on_hub("org/name"),
        lambda: model_card.push_card("org/name", b""),
    ):
        with pytest.raises(kind, match="org/name"):
            call()
