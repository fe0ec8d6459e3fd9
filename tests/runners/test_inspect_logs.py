"""Logs of inspect_ai: what is paired, what is counted, and what is refused.

Those in `inspect_logs/` were written by the releases that name their folders, of six questions to
the mock model; `tests/extern/test_inspect.py` compares many more with what inspect_ai says of them.
"""

from __future__ import annotations

import json
import struct
import sys
import zipfile
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cliffguard import Outcome, Policy
from cliffguard.core.errors import CliffguardError
from cliffguard.core.reviews import Review
from cliffguard.core.settings import CapabilityPolicy
from cliffguard.gate import compare_samples
from cliffguard.runners.inspect_logs import members
from cliffguard.runners.logged import is_logged
from tests import support

LOGS = Path(__file__).parent / "inspect_logs"
Log = dict[str, Any]


def log(side: str, **changes: Any) -> Log:
    """Return a real log of one side, changed."""
    read = json.loads((LOGS / "0.3.18" / f"{side}.json").read_text())
    return {**read, **changes}


def write(path: Path, content: Any) -> Path:
    """Write a log as JSON."""
    path.parent.mkdir(parents=True, exist_ok=True)
    path.write_text(json.dumps(content))
    return path


def pair(folder: Path, change: Callable[[str, Log], None]) -> tuple[Path, Path]:
    """Write both sides, each changed by its name."""
    paths = []
    for side in ("base", "candidate"):
        content = log(side)
        change(side, content)
        paths.append(write(folder / f"{side}.json", content))
    return paths[0], paths[1]


def compared(paths: tuple[Path, Path], **rules: Any) -> Review:
    """Return the review of two logs of the task `task`, under its rules."""
    policy = Policy(capabilities={"task": CapabilityPolicy(**rules)}) if rules else None
    return compare_samples(str(paths[0]), str(paths[1]), policy)


def counts(review: Review) -> tuple[int, int, int, int]:
    """Return items, broken, fixed and the candidate's missing ones of the only capability."""
    (capability,) = review.comparison.capabilities
    n = capability.counts
    return n.n_items, n.n_broken, n.n_fixed, n.n_missing_candidate


def refused(paths: tuple[Path, Path], **rules: Any) -> CliffguardError:
    """Return the error of two logs."""
    with pytest.raises(CliffguardError) as caught:
        compared(paths, **rules)
    return caught.value


def archive(path: Path, content: Log, **more: bytes) -> Path:
    """Write a log as an archive, packed as releases before zstd did it."""
    header = {key: value for key, value in content.items() if key != "samples"}
    with zipfile.ZipFile(path, "w", zipfile.ZIP_DEFLATED) as zipped:
        for sample in content["samples"]:
            name = f"samples/{sample['id']}_epoch_{sample['epoch']}.json"
            zipped.writestr(name, json.dumps(sample))
        zipped.writestr("header.json", json.dumps(header))
        for name, data in more.items():
            zipped.writestr(name, data)
    return path


@pytest.mark.parametrize("release", ["0.3.18", "0.3.60"])
def test_logs_of_old_releases_are_read(release: str) -> None:
    """In either form: 2 of 6 are right of the base, and 3 of the candidate, as they say."""
    paths = [next((LOGS / release).glob(f"{side}.*")) for side in ("base", "candidate")]

    review = compared((paths[0], paths[1]))

    (capability,) = review.comparison.capabilities
    assert counts(review) == (6, 0, 1, 0)
    assert capability.evidence.base_mean == pytest.approx(2 / 6)
    assert capability.evidence.candidate_mean == pytest.approx(3 / 6)
    assert review.provenance.runner == "samples that inspect_ai logged"
    assert support.caveat_texts(review, "results.unknown")
    assert not support.caveat_texts(review, "samples.log-disagrees")


def test_the_library_of_zstd_is_an_extra(monkeypatch: pytest.MonkeyPatch) -> None:
    """Without it the line says what to install, and what does without."""
    monkeypatch.setitem(sys.modules, "zstandard", None)
    paths = [LOGS / "0.3.285" / f"{side}.eval" for side in ("base", "candidate")]

    error = refused((paths[0], paths[1]))

    assert (error.exit_code, error.id) == (2, "install.missing")
    assert "pip install 'cliffguard[inspect]'" in str(error)


# --- what is counted -----------------------------------------------------------------------------


def test_grades_count_as_inspect_counts_them(tmp_path: Path) -> None:
    """C is right, P half, I and N are not; NaN and null are no score, yes and no are words."""
    values = {
        "base": ["C", "P", "yes", True, "C", "0.25"],
        "candidate": ["N", "I", "no", False, None, 0.5],
    }

    def change(side: str, content: Log) -> None:
        for sample, value in zip(content["samples"], values[side], strict=True):
            sample["scores"]["includes"]["value"] = value

    review = compared(pair(tmp_path, change))

    (capability,) = review.comparison.capabilities
    assert counts(review) == (5, 4, 1, 1)
    assert capability.evidence.base_mean == pytest.approx((1 + 0.5 + 1 + 1 + 0.25) / 5)
    assert support.caveat_texts(review, "samples.log-disagrees")  # its header has other means


def test_what_failed_is_missing(tmp_path: Path) -> None:
    """A sample without a score, one that is not there, and one that neither side answered."""

    def change(side: str, content: Log) -> None:
        content["eval"]["dataset"]["sample_ids"] = [1, 2, 3, 4, 5, 6, 7]
        if side == "candidate":
            content["samples"][0].update(scores={}, error={"message": "broke"}, messages=[])
            del content["samples"][1]
            content["status"] = "cancelled"

    review = compared(pair(tmp_path, change))

    assert counts(review)[0::3] == (4, 3)
    (capability,) = review.comparison.capabilities
    assert capability.counts.n_missing_base == 1
    (text,) = support.caveat_texts(review, "samples.unfinished")
    assert "its status is cancelled, with 5 of 7 documents; 1 answer failed" in text


def test_what_one_side_was_not_to_ask_does_not_count(tmp_path: Path) -> None:
    """As beyond the limit of lm-eval."""

    def change(side: str, content: Log) -> None:
        n = 6 if side == "base" else 4
        content["eval"]["dataset"]["sample_ids"] = list(range(1, n + 1))
        del content["samples"][n:]

    review = compared(pair(tmp_path, change))

    (capability,) = review.comparison.capabilities
    assert (counts(review)[0], capability.counts.n_in_all) == (4, 6)
    assert counts(review)[3] == 0


def test_the_old_key_of_a_score_is_read(tmp_path: Path) -> None:
    """Logs of version 1 have one scorer, and no name for it beside the score."""

    def change(_: str, content: Log) -> None:
        content.update(version=1, results={"scorer": {"name": "includes"}, "metrics": {}})
        for sample in content["samples"]:
            sample["score"] = sample.pop("scores")["includes"]

    review = compared(pair(tmp_path, change))

    assert counts(review) == (6, 0, 1, 0)
    assert review.comparison.capabilities[0].counts.n_unscored == 0


def test_fields_of_metadata_make_clusters(tmp_path: Path) -> None:
    """They are what a policy may name."""

    def change(_: str, content: Log) -> None:
        for sample in content["samples"]:
            sample["metadata"] = {"topic": sample["id"] % 2}

    review = compared(pair(tmp_path, change), cluster="topic")

    assert review.comparison.capabilities[0].counts.n_clusters == 2


def test_logs_stand_in_folders(tmp_path: Path) -> None:
    """Of each task the newest counts, and the other is named."""
    for side in ("base", "candidate"):
        for day in (1, 2):
            content = log(side)
            content["eval"]["created"] = f"2026-01-0{day}T10:00:00+00:00"
            content["samples"] = content["samples"][: 2 * day]
            write(tmp_path / side / f"2026-01-0{day}T10-00-00+00-00_task_x{day}.json", content)
        assert is_logged(str(tmp_path / side))

    review = compared((tmp_path / "base", tmp_path / "candidate"))

    assert counts(review)[0] == 4
    assert len(support.caveat_texts(review, "samples.several-runs")) == 2


def test_the_newest_log_is_so_by_its_moment(tmp_path: Path) -> None:
    """Not by the hour that its zone writes: 13:10+02:00 is before 12:30Z."""
    write(tmp_path / "base.json", log("base"))
    for name, created, n in (
        ("a", "2026-01-01T12:30:00Z", 4),
        ("b", "2026-01-01T13:10:00+02:00", 2),
    ):
        content = log("candidate")
        content["eval"]["created"] = created
        content["samples"] = content["samples"][:n]
        write(tmp_path / "runs" / f"2026-01-01T10-00-00+00-00_task_{name}.json", content)

    review = compared((tmp_path / "base.json", tmp_path / "runs"))

    (text,) = support.caveat_texts(review, "samples.several-runs")
    assert text.endswith("_task_b.json.")


def test_the_logs_of_two_models_are_not_one_side(tmp_path: Path) -> None:
    """A folder of logs has those of all models: which is meant only a person knows."""
    for number, side in enumerate(("base", "candidate")):
        content = log(side)
        content["eval"]["model"] = f"vllm/{side}"
        write(tmp_path / f"2026-01-0{number + 1}T10-00-00+00-00_task_x.json", content)

    error = refused((tmp_path, tmp_path))

    assert (error.exit_code, error.id) == (2, "samples.several-models")
    assert "vllm/base: 2026-01-01T10-00-00+00-00_task_x.json" in str(error)

    for path in sorted(tmp_path.glob("*.json")):  # nor where both bear one name, in two folders
        write(tmp_path / "in" / path.stem[:10] / path.name, log("base"))
    assert refused((tmp_path / "in", tmp_path / "in")).id == "samples.several-models"


def test_a_checkpoint_beside_logs_is_a_checkpoint(tmp_path: Path) -> None:
    """People keep logs in the folder of what they measured."""
    write(tmp_path / "2026-01-01T10-00-00+00-00_task_x.json", log("base"))
    assert is_logged(str(tmp_path))
    (tmp_path / "config.json").write_text("{}")
    assert not is_logged(str(tmp_path))


# --- what is refused -----------------------------------------------------------------------------


def _other_prompt(side: str, content: Log) -> None:
    if side == "candidate":
        content["samples"][2]["messages"][0]["content"] = "Be long."


def _other_target(side: str, content: Log) -> None:
    if side == "candidate":
        content["samples"][2]["target"] = "43"


def _other_temperature(side: str, content: Log) -> None:
    content["plan"]["config"]["temperature"] = 0.5 if side == "base" else 1


def _other_limit(side: str, content: Log) -> None:
    content["eval"]["config"]["message_limit"] = 4 if side == "base" else 40


def _other_arguments(side: str, content: Log) -> None:
    content["eval"]["task_args"] = {"fewshot": 0 if side == "base" else 5}


def _other_version(side: str, content: Log) -> None:
    content["eval"]["task_version"] = 1 if side == "base" else 2


def _other_task(side: str, content: Log) -> None:
    content["eval"]["task"] = side


def _other_grader(side: str, content: Log) -> None:
    content["eval"]["model_roles"] = {"grader": {"model": f"vllm/{side}"}}


def _damaged_score(side: str, content: Log) -> None:
    if side == "candidate":
        content["samples"][2]["scores"]["includes"]["value"] = 7


@pytest.mark.parametrize(
    ("change", "id"),
    [
        (_other_prompt, "sides.asked-otherwise"),
        (_other_target, "sides.asked-otherwise"),
        (_other_temperature, "sides.asked-otherwise"),
        (_other_limit, "sides.asked-otherwise"),
        (_other_arguments, "sides.asked-otherwise"),
        (_other_grader, "sides.asked-otherwise"),
        (_other_version, "sides.other-versions"),
        (_other_task, "sides.other-tasks"),
        (_damaged_score, "samples.damaged-score"),
    ],
)
def test_sides_that_were_asked_otherwise_are_refused(
    tmp_path: Path, change: Callable[[str, Log], None], id: str
) -> None:
    """Whatever moves a score but the model."""
    error = refused(pair(tmp_path, change))

    assert (error.exit_code, error.id) == (12, id)
    assert "lm-eval" not in str(error)


def test_one_run_is_not_two(tmp_path: Path) -> None:
    """The same file on both sides proves nothing."""
    path = write(tmp_path / "a.json", log("base"))

    assert refused((path, path)).id == "sides.one-run"


def test_which_way_a_scorer_points_must_be_known(tmp_path: Path) -> None:
    """Grades say it, and numbers of a scorer of one's own do not."""

    def change(_: str, content: Log) -> None:
        for number, sample in enumerate(content["samples"]):
            sample["scores"] = {"harm": {"value": number / 10}}

    paths = pair(tmp_path, change)

    error = refused(paths)
    assert (error.exit_code, error.id) == (2, "metric.unknown-direction")
    assert compared(paths, lower_is_better=True).verdict.outcome is Outcome.INCONCLUSIVE


def test_a_part_of_a_score_that_nobody_judges_is_shown_where_it_moves(tmp_path: Path) -> None:
    """The first of several values counts, and may hold while another falls."""

    def change(side: str, content: Log) -> None:
        for sample in content["samples"]:
            value = {"form": "C", "facts": "C" if side == "base" else "I"}
            sample["scores"] = {"judge": {"value": value}}

    (text,) = support.caveat_texts(compared(pair(tmp_path, change)), "samples.other-metric")

    assert "judged by judge/form (100.0 → 100.0 %)" in text
    assert "judge/facts 100.0 → 0.0 %" in text


def test_a_scorer_that_gives_no_share_is_passed(tmp_path: Path) -> None:
    """The next one counts, unless the policy names the first."""

    def change(_: str, content: Log) -> None:
        for sample in content["samples"]:
            sample["scores"] = {
                "length": {"value": 12},
                "word": {"value": "banana"},
                "list": {"value": [1, 0]},
                **sample["scores"],
            }

    paths = pair(tmp_path, change)

    review = compared(paths)
    (text,) = support.caveat_texts(review, "samples.chosen-metric")
    assert "judged by includes" in text
    assert "length is 12" in text
    assert "word is a text of 6 characters" in text
    for rules, id in (
        ({"metric": "length"}, "samples.no-score"),
        ({"metric": "nothing"}, "samples.no-metric"),
        ({"filter": "mode"}, "samples.no-filter"),
    ):
        error = refused(paths, **rules)
        assert (error.exit_code, error.id) == (2, id)
        assert "includes by mean" in str(error)


@pytest.mark.parametrize(
    ("content", "exit_code", "id"),
    [
        ('{"eval": {"task": "t"', 12, "samples.torn"),
        ('{"eval": {"model": "m"}}', 12, "samples.no-sample"),
        ('{"version": 3, "eval": {"task": "t"}}', 2, "samples.log-version"),
        ('{"version": 2, "eval": {"task": "t"}, "samples": null}', 2, "samples.only-results"),
        ('{"eval": {"task": "t"}, "samples": [7]}', 12, "samples.not-an-object"),
        ('{"eval": {"task": "t"}, "samples": [{}]}', 12, "samples.missing-key"),
        ('{"eval": {"task": "t"}, "samples": [{"id": 1}, {"id": "1"}]}', 12, "samples.twice"),
        ('{"eval": {"task": "t"}, "samples": ' + "[" * 5000 + "]" * 5000 + "}", 12, "samples.torn"),
        ('{"eval": {"task": "t"}, "x": 1' + "0" * 5000 + "}", 12, "samples.torn"),
    ],
)
def test_a_damaged_log_is_one_line(tmp_path: Path, content: str, exit_code: int, id: str) -> None:
    """With its place."""
    path = tmp_path / "log.json"
    path.write_text(content)

    error = refused((path, write(tmp_path / "candidate.json", log("candidate"))))

    assert (error.exit_code, error.id) == (exit_code, id)
    assert str(path) in str(error)
    assert "\n" not in str(error)


def _with_a_bomb(path: Path) -> None:
    archive(path, log("base"), bomb=bytes(members._SMALL + 1))


def _with_a_lying_bomb(path: Path) -> None:
    archive(path, log("base"), **{"samples/b.json": bytes(1 << 25)})
    big, small = struct.pack("<I", 1 << 25), struct.pack("<I", 100)
    path.write_bytes(path.read_bytes().replace(big, small))


def _with_a_member_twice(path: Path) -> None:
    archive(path, log("base"))
    with pytest.warns(UserWarning, match="Duplicate"), zipfile.ZipFile(path, "a") as zipped:
        zipped.writestr("header.json", "{}")


def _locked(path: Path) -> None:
    archive(path, log("base"))
    content = bytearray(path.read_bytes())
    content[content.index(b"PK\1\2") + 8] |= 1
    path.write_bytes(content)


def _packed_otherwise(path: Path) -> None:
    archive(path, log("base"))
    with zipfile.ZipFile(path, "a", zipfile.ZIP_LZMA) as zipped:
        zipped.writestr("x", "x")


def _overlapping(path: Path) -> None:
    archive(path, log("base"))
    content = bytearray(path.read_bytes())
    at = content.index(b"PK\1\2") + 20
    content[at : at + 4] = struct.pack("<I", 1 << 30)
    path.write_bytes(content)


def _torn(path: Path) -> None:
    archive(path, log("base"))
    path.write_bytes(path.read_bytes()[:-100])


def _spoilt(path: Path) -> None:
    archive(path, log("base"))
    content = bytearray(path.read_bytes())
    content[100] ^= 0xFF
    path.write_bytes(content)


def _of_something_else(path: Path) -> None:
    with zipfile.ZipFile(path, "w") as zipped:
        zipped.writestr("inner.eval", archive(path.with_suffix(".x"), log("base")).read_bytes())


@pytest.mark.parametrize(
    ("make", "id", "why"),
    [
        (_with_a_bomb, "samples.unsafe-archive", "times as many"),
        (_with_a_lying_bomb, "samples.torn-archive", "not what its archive says"),
        (_with_a_member_twice, "samples.unsafe-archive", "twice"),
        (_locked, "samples.unsafe-archive", "locked by a password"),
        (_packed_otherwise, "samples.unsafe-archive", "a method that no log uses"),
        (_overlapping, "samples.unsafe-archive", "overlap"),
        (_torn, "samples.torn-archive", "copy it again"),
        (_spoilt, "samples.torn-archive", "copy it again"),
        (_of_something_else, "samples.no-sample", "no log of inspect_ai"),
    ],
)
def test_an_archive_that_is_none_is_refused(
    tmp_path: Path, make: Callable[[Path], None], id: str, why: str
) -> None:
    """Before anything is unpacked that its directory shows to be too much."""
    path = tmp_path / "base.eval"
    make(path)

    error = refused((path, archive(tmp_path / "candidate.eval", log("candidate"))))

    assert (error.exit_code, error.id) == (12, id)
    assert why in str(error)


def test_names_in_an_archive_are_no_paths(tmp_path: Path) -> None:
    """An id may spell one, and other members are not read."""
    paths = []
    for side in ("base", "candidate"):
        content = log(side)
        for sample in content["samples"]:
            sample["id"] = f"../../{sample['id']}"
        more = {"/etc/passwd": b"x", "samples/../../x": b"x"}
        paths.append(archive(tmp_path / f"{side}.eval", content, **more))

    review = compared((paths[0], paths[1]))

    assert counts(review)[0] == 6
    assert sorted(path.name for path in tmp_path.iterdir()) == ["base.eval", "candidate.eval"]


def test_a_log_and_another_kind_are_not_compared(tmp_path: Path) -> None:
    """The line names both kinds."""
    path = tmp_path / "plain.jsonl"
    path.write_text('{"id": 1, "score": 1, "higher_is_better": true}\n')

    error = refused((write(tmp_path / "base.json", log("base")), path))

    assert (error.exit_code, error.id) == (2, "samples.other-kind")
