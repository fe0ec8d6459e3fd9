"""What lm-eval's releases leave on a disk, as it lies there: found, read, or refused with why."""

from __future__ import annotations

import bz2
import gzip
import hashlib
import io
import json
import lzma
import os
import re
import sys
import zipfile
from collections.abc import Callable, Mapping, Sequence
from pathlib import Path
from typing import Any

import pytest
from typer.testing import CliRunner

from cliffguard import Outcome, Policy
from cliffguard.cli.app import app
from cliffguard.core.comparisons import CapabilityComparison
from cliffguard.core.errors import CliffguardError, IntegrityError, UsageError
from cliffguard.core.reviews import Review
from cliffguard.core.settings import CapabilityPolicy
from cliffguard.gate import compare_samples
from cliffguard.report.next_steps import next_steps
from cliffguard.report.page import lay_out
from cliffguard.runners.lmeval_import.folders import find_run
from tests import support
from tests.runners.test_imports import Row, policy, results, row, scored, write

N = 100


def fifth(number: int) -> bool:
    """Say of every fifth document that it is wrong."""
    return number % 5 == 0


def judged(base: Path, candidate: Path, given: Policy | None = None) -> Review:
    """Return the review of two paths."""
    return compare_samples(str(base), str(candidate), given)


def by_name(review: Review) -> dict[str, CapabilityComparison]:
    """Return the capabilities that were compared."""
    return {capability.capability: capability for capability in review.comparison.capabilities}


def refused(base: Path, candidate: Path, given: Policy | None = None) -> CliffguardError:
    """Return the error of a comparison that must not be made."""
    with pytest.raises(CliffguardError) as caught:
        judged(base, candidate, given)
    return caught.value


def ran(*words: object) -> tuple[int, str]:
    """Return exit code and stderr of `cliffguard compare`."""
    result = CliRunner().invoke(app, ["compare", *map(str, words), "-q"])
    return result.exit_code, result.stderr


def without(rows: Sequence[Row], *names: str) -> list[Row]:
    """Return rows without these keys."""
    return [{key: value for key, value in row.items() if key not in names} for row in rows]


# --- where the samples lie -----------------------------------------------------------------------


@pytest.mark.parametrize("below", [("models__llama", "runs__ft"), (".", "runs__ft"), ("a/b", "c")])
def test_output_path_is_a_folder_around_the_models(below: tuple[str, str], tmp_path: Path) -> None:
    """`--output_path DIR` makes DIR/MODEL/samples_*, and the README's command names DIR."""
    write(tmp_path / "base" / below[0], "race", scored(N))
    write(tmp_path / "tuned" / below[1], "race", scored(N, fifth))
    (tmp_path / "policy.yaml").write_text("capabilities: {r: {tasks: [race], margin: 0.05}}\n")

    words = (tmp_path / "base", tmp_path / "tuned", "--policy", tmp_path / "policy.yaml")

    assert ran(*words)[0] == 10


def test_several_models_below_a_folder_are_not_guessed_at(tmp_path: Path) -> None:
    """Both are named, and nothing is compared."""
    for model in ("one", "two"):
        write(tmp_path / "out" / model, "race", scored(3))

    code, line = ran(tmp_path / "out", tmp_path / "out" / "two")

    assert code == 2
    assert re.search(r"out: holds the samples of 2 models .*out/one, .*out/two.*; name", line)
    assert "[samples.several-models]" in line


def test_what_lies_deeper_is_named(tmp_path: Path) -> None:
    """An older release logs into the folder, a newer one below it."""
    for side, wrong in (("base", lambda _: False), ("tuned", fifth)):
        write(tmp_path / side, "race", scored(N, wrong))
    write(tmp_path / "base" / "model", "race", scored(N))

    review = judged(tmp_path / "base", tmp_path / "tuned")

    assert by_name(review)["race"].counts.n_broken == N // 5
    (left,) = support.caveat_texts(review, "samples.folders-below")
    assert left.endswith("base/model.")


PACKED: dict[str, Callable[[bytes], bytes]] = {
    "gz": gzip.compress,
    "bz2": bz2.compress,
    "xz": lzma.compress,
}


@pytest.mark.parametrize("end", PACKED)
def test_compressed_samples_are_unpacked(end: str, tmp_path: Path) -> None:
    """Logs of many tasks are kept packed."""
    for side, wrong in (("base", lambda _: False), ("tuned", fifth)):
        path = write(tmp_path / side / "model", "race", scored(N, wrong))
        path.with_name(f"{path.name}.{end}").write_bytes(PACKED[end](path.read_bytes()))
        path.unlink()

    capability = by_name(judged(tmp_path / "base", tmp_path / "tuned"))["race"]

    assert (capability.counts.n_items, capability.counts.n_broken) == (N, N // 5)


def zipped(content: bytes, *names: str) -> bytes:
    """Return an archive with this content under each name."""
    stream = io.BytesIO()
    with zipfile.ZipFile(stream, "w", zipfile.ZIP_DEFLATED) as archive:
        for name in names:
            archive.writestr(name, content)
    return stream.getvalue()


@pytest.mark.parametrize("end", [".zip", ".jsonl.zip"])
def test_an_archive_of_one_file_is_read(end: str, tmp_path: Path) -> None:
    """As a file manager packs it, with macOS's shadow beside it or not."""
    for side, wrong in (("base", lambda _: False), ("tuned", fifth)):
        path = write(tmp_path / side, "race", scored(N, wrong))
        packed = zipped(path.read_bytes(), "out/x.jsonl", "__MACOSX/out/._x.jsonl")
        path.with_name(path.name.replace(".jsonl", end)).write_bytes(packed)
        path.unlink()

    assert by_name(judged(tmp_path / "base", tmp_path / "tuned"))["race"].counts.n_broken == N // 5


@pytest.mark.parametrize(
    "inside", ["m/samples_race_2024-10-28T14-07-12.123456.jsonl", "race.jsonl"]
)
def test_a_task_is_that_of_the_file_in_an_archive(inside: str, tmp_path: Path) -> None:
    """The archive is called by its side; a file that names no task has that of the other side."""
    write(tmp_path, "race", scored(N))
    content = (tmp_path / next(iter(os.listdir(tmp_path)))).read_bytes()
    for side in ("base", "tuned"):
        name = "samples_race.jsonl" if side == "tuned" else inside
        (tmp_path / f"{side}.zip").write_bytes(zipped(content, name))

    assert [*find_run(str(tmp_path / "tuned.zip")).files] == ["race"]
    assert [*find_run(str(tmp_path / "base.zip")).files] == ["race" if "samples" in inside else ""]


def test_a_parquet_file_is_read(tmp_path: Path) -> None:
    """A hub converts logs to it; a column has a value in every row, even if that is nothing."""
    import pyarrow
    from pyarrow import parquet

    for side, wrong in (("base", lambda _: False), ("tuned", fifth)):
        path = write(tmp_path / side, "race", scored(N, wrong))
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        rows[0]["arguments"]["gen_args_9"] = {"arg_0": "x", "arg_1": "y"}
        table = pyarrow.Table.from_pylist([{**row, "resps": str(row["resps"])} for row in rows])
        parquet.write_table(table, path.with_suffix(".parquet"))
        path.unlink()

    assert by_name(judged(tmp_path / "base", tmp_path / "tuned"))["race"].counts.n_broken == N // 5


OTHERWISE: dict[str, tuple[bytes, int, str, str]] = {
    "out.zip": (
        zipped(b"{}", "a.jsonl", "b.jsonl"),
        2,
        "samples.archive",
        r"`unzip '.*out\.zip' -d",
    ),
    "out.tar.gz": (b"", 2, "samples.archive", r"`mkdir '.*/out' && tar -xf '.*out\.tar\.gz' -C"),
    "o'k.tgz": (b"", 2, "samples.archive", r"-xf '.*/o'\\''k\.tgz' -C '.*/o'\\''k'`"),
    "samples_race.jsonl.zip": (b"PK", 12, "samples.torn-archive", "copy it again"),
    "empty.zip": (zipped(b""), 12, "samples.torn-archive", "no file is in it"),
    "samples_race.parquet": (b"PAR1", 12, "samples.torn-archive", "copy it again"),
    "samples_race.jsonl.lz4": (b"", 2, "samples.unknown-compression", r"`lz4 -d '/.*\.lz4'`"),
    "samples_race.jsonl.crdownload": (b"", 2, "samples.unfinished-download", "fetch it again"),
}


@pytest.mark.parametrize("name", OTHERWISE)
def test_what_is_not_unpacked_says_what_to_run(name: str, tmp_path: Path) -> None:
    """One line, with the command."""
    content, code, id, says = OTHERWISE[name]
    write(tmp_path / "base", "race", scored(3))
    (tmp_path / name).write_bytes(content)

    error = refused(tmp_path / "base", tmp_path / name)

    assert (error.exit_code, error.id) == (code, id)
    assert re.search(says, str(error))


@pytest.mark.parametrize("beside", ["results_2026-01-01T10-00-00.json", "notes.txt"])
def test_a_folder_that_is_packed_as_a_whole_says_so(tmp_path: Path, beside: str) -> None:
    """Whatever lies beside the archive, it is no summary without items."""
    write(tmp_path / "base", "race", scored(3))
    (tmp_path / "tuned" / "m").mkdir(parents=True)
    (tmp_path / "tuned" / "m" / "all.zip").write_bytes(zipped(b"{}", "m/a.jsonl", "m/b.json"))
    (tmp_path / "tuned" / "m" / beside).write_text('{"results": {"race": {}}}')

    error = refused(tmp_path / "base", tmp_path / "tuned")

    assert (error.exit_code, error.id) == (2, "samples.archive")
    assert re.search(r"run `unzip '.*/m/all\.zip' -d '.*/m/all'`, and give", str(error))


def test_a_packed_task_is_not_left_out_in_silence(tmp_path: Path) -> None:
    """What lies beside samples that are read, and is not unpacked, is a task of its own."""
    for side in ("base", "tuned"):
        write(tmp_path / side, "race", scored(N, fifth))
        for name in ("samples_boolq_2026-01-01T10-00-00.jsonl.lz4", f"{DATED} (2).jsonl.part"):
            (tmp_path / side / name).write_bytes(b"x")

    assert refused(tmp_path / "base", tmp_path / "tuned").id == "samples.unknown-compression"
    for packed in tmp_path.rglob("*boolq*"):
        packed.unlink()
    # Half a download of what is read is none.
    assert set(by_name(judged(tmp_path / "base", tmp_path / "tuned"))) == {"race"}


def test_zstd_is_read_where_its_library_is_there(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Else the line has the command that unpacks it."""
    write(tmp_path / "base", "race", scored(N))
    path = write(tmp_path / "tuned", "race", scored(N, fifth))
    packed = path.with_name(f"{path.name}.zst")
    path.rename(packed)
    monkeypatch.setitem(sys.modules, "zstandard", None)

    error = refused(tmp_path / "base", tmp_path / "tuned")

    assert (error.exit_code, error.id) == (2, "samples.unknown-compression")
    assert f"run `zstd -d '{packed}'`, or `pip install zstandard`" in str(error)

    # The library's own interface, with a packing that leaves everything as it is.
    class Frame:
        eof, unused_data = True, b""

        def decompress(self, packed: bytes) -> bytes:
            return packed

    class Plain:
        class ZstdError(Exception): ...

        class ZstdDecompressor:
            decompressobj = Frame

    monkeypatch.setitem(sys.modules, "zstandard", Plain)
    assert by_name(judged(tmp_path / "base", tmp_path / "tuned"))["race"].counts.n_broken == N // 5

    monkeypatch.setattr(Frame, "eof", False)
    assert refused(tmp_path / "base", tmp_path / "tuned").id == "samples.torn-archive"


# --- copies --------------------------------------------------------------------------------------

COPIES = (
    "{} (1).jsonl",
    "{}(1).jsonl",
    "{} copy.jsonl",
    "{} copy 2.jsonl",
    "{} 2.jsonl",
    "{} - Copy.jsonl",
    "{} - Kopie (2).jsonl",
    "{} (copy).jsonl",
    "{} (another copy).jsonl",
    "{} (3rd copy).jsonl",
    "Copy of {}.jsonl",
    "{}.jsonl.1",
    "{}.jsonl (1).gz",
    "{} (1).jsonl.gz",
    "{}.jsonl.gz",
    "{} (1).JSONL",
    "{} (1).jsonl.GZ",
)


DATED = "samples_race_2026-01-01T10-00-00.123456"


@pytest.mark.parametrize(
    ("copy", "stem"),
    [
        *((copy, DATED) for copy in (*COPIES, "{}-1.jsonl", "{}_backup.jsonl")),
        *((copy, "samples_race") for copy in COPIES[::7]),
    ],
)
def test_a_second_copy_is_no_task_of_its_own(copy: str, stem: str, tmp_path: Path) -> None:
    """Of the same samples it is left out, and named; of others one line says which to remove."""
    for side, wrong in (("base", lambda _: False), ("tuned", fifth)):
        path = write(tmp_path / side, "race", scored(N, wrong))
        path = path.rename(path.with_name(f"{stem}.jsonl"))
    second = tmp_path / "tuned" / copy.format(stem)
    pack = gzip.compress if second.suffix.lower() == ".gz" else bytes
    whole = path.read_bytes()
    second.write_bytes(pack(whole))

    review = judged(tmp_path / "base", tmp_path / "tuned")

    (only,) = review.comparison.capabilities
    assert (only.capability, only.counts.n_broken) == ("race", N // 5)
    assert support.caveat_texts(review, "samples.same-twice") == [
        f"candidate: {second.name} holds what {path.name} does, and is left out."
    ]

    second.write_bytes(pack(whole.partition(b"\n")[2]))
    error = refused(tmp_path / "base", tmp_path / "tuned")
    assert (error.exit_code, error.id) == (2, "samples.other-copy")
    assert f"remove {second.name}, or {path.name} if" in str(error)

    path.unlink()  # a copy alone is the run
    second.write_bytes(pack(whole))
    assert by_name(judged(tmp_path / "base", tmp_path / "tuned"))["race"].counts.n_broken == N // 5


def test_a_compressed_file_that_is_torn_is_named(tmp_path: Path) -> None:
    """Half an archive is no half of the samples."""
    for side in ("base", "tuned"):
        path = write(tmp_path / side, "race", scored(N))
        packed = gzip.compress(path.read_bytes())
        path.with_name(f"{path.name}.gz").write_bytes(packed[: len(packed) // 2])
        path.unlink()

    error = refused(tmp_path / "base", tmp_path / "tuned")

    assert (error.id, error.exit_code) == ("samples.torn-archive", 12)


def test_a_line_without_end_is_not_unpacked(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A small archive can hold a line of any length."""
    monkeypatch.setattr("cliffguard.runners.lmeval_logs.lines._LONGEST", 1000)
    for side in ("base", "tuned"):
        path = write(tmp_path / side, "race", [row(0, doc=" " * 2000)])
        path.with_name(f"{path.name}.gz").write_bytes(gzip.compress(path.read_bytes()))
        path.unlink()

    assert refused(tmp_path / "base", tmp_path / "tuned").id == "samples.too-long"


@pytest.mark.parametrize(
    "name", ["samples_race_2026-01-01T10-00-00.jsonl", "my run.jsonl", "r.json"]
)
def test_a_side_may_be_one_file(name: str, tmp_path: Path) -> None:
    """With lm-eval's name, or any: two files are of one task."""
    for side, wrong in (("base", lambda _: False), ("tuned", fifth)):
        write(tmp_path / side, "race", scored(N, wrong)).rename(tmp_path / side / name)

    review = judged(tmp_path / "base" / name, tmp_path / "tuned" / name)

    (capability,) = review.comparison.capabilities
    assert capability.capability == ("race" if name.startswith("samples") else Path(name).stem)
    assert capability.counts.n_broken == N // 5


def test_a_file_of_any_name_is_the_other_sides_task(tmp_path: Path) -> None:
    """Where the other side has one; of two it is not guessed which."""
    write(tmp_path / "base", "race", scored(N))
    renamed = write(tmp_path / "tuned", "race", scored(N, fifth)).rename(tmp_path / "mine.jsonl")

    assert set(by_name(judged(tmp_path / "base", renamed))) == {"race"}
    write(tmp_path / "base", "boolq", scored(N))
    assert refused(tmp_path / "base", renamed).id == "samples.no-task"


def test_a_json_list_is_read(tmp_path: Path) -> None:
    """Samples were one list in a file called .jsonl until 0.4.2, and are .json on a hub."""
    for side, wrong in (("base", lambda _: False), ("tuned", fifth)):
        path = write(tmp_path / side, "race", scored(N, wrong))
        rows = [json.loads(line) for line in path.read_text().splitlines()]
        path.with_suffix(".json").write_text(json.dumps(rows, indent=2))
        path.unlink()

    assert by_name(judged(tmp_path / "base", tmp_path / "tuned"))["race"].counts.n_broken == N // 5


EXPECTED: dict[str, tuple[str, str]] = {
    "results_2026-01-01T10-00-00.json": ("samples.only-results", "--log_samples"),
    "samples_race_2026-01-01T10-00-00.jsonl.lz4": ("samples.unknown-compression", r"run `lz4 -d "),
    "pretrained__x_race.jsonl": ("samples.none-found", r"results\.json beside them, or one by one"),
    "details.parquet": ("samples.none-found", r"samples_TASK_DATE\.jsonl.*details\.parquet"),
    "": ("samples.none-found", r"samples_TASK_DATE\.jsonl.*there is nothing"),
}


@pytest.mark.parametrize("name", EXPECTED)
@pytest.mark.parametrize("both", [True, False])
def test_what_is_expected_is_said(name: str, both: bool, tmp_path: Path) -> None:
    """And what lies there instead; never that a suite is missing."""
    for side in ("base", "tuned"):
        write(tmp_path / side, "race", scored(3))
    for side in ("base", "tuned") if both else ("tuned",):
        (next((tmp_path / side).iterdir())).unlink()
        if name:
            (tmp_path / side / name).write_text("{}")

    code, line = ran(tmp_path / "base", tmp_path / "tuned")

    id, says = EXPECTED[name]
    assert code == 2
    assert f"[{id}]" in line
    assert re.search(says, line.strip())


def test_a_review_is_no_file_of_samples(tmp_path: Path) -> None:
    """It is not torn, and asking lm-eval again would not mend it."""
    write(tmp_path / "base", "race", scored(3))
    review = tmp_path / "review.json"
    review.write_text('{\n  "format": 2\n}\n')

    code, line = ran(tmp_path / "base", review)

    assert code == 2
    assert "[samples.is-review]" in line
    assert "cliffguard report" in line


# --- several runs --------------------------------------------------------------------------------


def test_the_newest_run_of_each_task_counts(tmp_path: Path) -> None:
    """On each side; the others are named."""
    for side, wrong in (("base", lambda _: False), ("tuned", fifth)):
        write(tmp_path / side, "race", scored(N, lambda _: True), day=1)
        write(tmp_path / side, "boolq", scored(N), day=1)
        write(tmp_path / side, "race", scored(N, wrong), day=2)

    review = judged(tmp_path / "base", tmp_path / "tuned")

    assert by_name(review)["race"].counts.n_broken == N // 5
    assert by_name(review)["boolq"].counts.n_broken == 0
    left = support.caveat_texts(review, "samples.several-runs")
    assert [caveat.split(":")[0] for caveat in left] == ["base", "candidate"]
    assert all("samples_race_2026-01-01T10-00-00.123456.jsonl" in caveat for caveat in left)


def test_a_results_file_of_another_program_is_no_ones(tmp_path: Path) -> None:
    """`results.json` is a common name."""
    for side, wrong in (("base", lambda _: False), ("tuned", fifth)):
        write(tmp_path / side, "race", scored(N, wrong))
        (tmp_path / side / "results.json").write_text("[1, 2]")

    assert by_name(judged(tmp_path / "base", tmp_path / "tuned"))["race"].counts.n_broken == N // 5


def test_the_limit_of_an_older_run_does_not_cut_the_newest(tmp_path: Path) -> None:
    """A first try with --limit lies beside the whole run."""
    for side in ("base", "tuned"):
        write(tmp_path / side, "race", scored(N - 50), day=1)
        results(tmp_path / side, 1, config={"limit": N - 50}, versions={"race": 1})
        write(tmp_path / side, "race", scored(N), day=2)
        results(tmp_path / side, 2, config={"limit": None}, versions={"race": 1})

    assert by_name(judged(tmp_path / "base", tmp_path / "tuned"))["race"].counts.n_items == N


# --- older releases ------------------------------------------------------------------------------


def old(n: int, wrong: Callable[[int], bool], answer: str = "") -> list[Row]:
    """Return samples as 0.4.0 to 0.4.2 write them: no hashes, filters or metrics, plain lists."""
    return [
        {
            "doc_id": number,
            "doc": {"question": f"q{number} é", "x": 0.1 * number},
            "target": 1,
            "arguments": [[f"Q: q{number} é\nA:", " 0"], [f"Q: q{number} é\nA:", " 1"]],
            "resps": [[[-1.0 - number, False]], [[-2.0, answer]]],
            "filtered_resps": [[-1.0 - number, False], [-2.0, answer]],
            "acc": float(not wrong(number)),
            "acc_norm": 1.0,
        }
        for number in range(n)
    ]


def write_old(folder: Path, args: str, task: str, rows: list[Row], **content: Any) -> Path:
    """Write a task's samples under the name of 0.4.0 to 0.4.2, beside a results.json."""
    folder.mkdir(parents=True, exist_ok=True)
    beside = {"results": {}, "configs": {task: {}}, "versions": {task: 1.0}, **content}
    (folder / "results.json").write_text(json.dumps(beside))
    path = folder / f"{re.sub('/|=', '__', args)}_{task}.jsonl"
    path.write_text(json.dumps(rows, indent=2, ensure_ascii=False), encoding="utf-8")
    return path


def test_folders_of_the_first_releases_are_read(tmp_path: Path) -> None:
    """Their names are the model's arguments and the task; the results file says which is which."""
    write_old(tmp_path / "base", "pretrained=org/base", "arc_easy", old(N, lambda _: False))
    write_old(tmp_path / "tuned", "pretrained=runs/ft", "arc_easy", old(N, fifth, "ft"))

    capabilities = by_name(judged(tmp_path / "base", tmp_path / "tuned"))

    assert (capabilities["arc_easy"].counts.n_items, capabilities["arc_easy"].counts.n_broken) == (
        N,
        N // 5,
    )


def test_hashes_that_a_release_leaves_out_are_those_of_later_ones(tmp_path: Path) -> None:
    """A base of 0.4.2 and a candidate of 0.4.13 are paired, as long as they were asked the same."""
    write_old(tmp_path / "base", "pretrained=org/base", "arc_easy", old(N, lambda _: False))
    newer = [
        {
            **row,
            "filter": "none",
            "metrics": ["acc", "acc_norm"],
            "doc_hash": sha(json.dumps(row["doc"], indent=2, ensure_ascii=False)),
            "prompt_hash": sha(row["arguments"][0][0]),
        }
        for row in old(N, fifth, "ft")
    ]
    path = tmp_path / "tuned" / "ft" / "samples_arc_easy_2026-01-01T10-00-00.123456.jsonl"
    path.parent.mkdir(parents=True)
    path.write_text("\n".join(map(json.dumps, newer)))

    capability = by_name(judged(tmp_path / "base", tmp_path / "tuned"))["arc_easy"]

    assert (capability.counts.n_items, capability.counts.n_broken) == (N, N // 5)
    newer[3]["prompt_hash"] = "another"
    path.write_text("\n".join(map(json.dumps, newer)))
    assert "1 of 100 prompts differ (number 3)" in str(
        refused(tmp_path / "base", tmp_path / "tuned")
    )


def sha(text: str) -> str:
    """Return what lm-eval's hash_string returns."""
    return hashlib.sha256(text.encode()).hexdigest()


@pytest.mark.parametrize("named", [{}, {"metric": "acc", "filter": "none"}])
def test_samples_without_filter_and_metrics_are_read(named: Row, tmp_path: Path) -> None:
    """As 0.4.3 to 0.4.5 write them, whether or not the policy names both."""
    for side, wrong in (("base", lambda _: False), ("tuned", fifth)):
        rows = without(scored(N, wrong), "filter", "metrics")
        write(tmp_path / side, "race", [{k: v for k, v in row.items()} for row in rows])
    given = policy(r=CapabilityPolicy(tasks=("race",), margin=0.05, **{"metric": "acc", **named}))

    capability = by_name(judged(tmp_path / "base", tmp_path / "tuned", given))["r"]

    assert (capability.counts.n_items, capability.counts.n_broken) == (N, N // 5)


def two_filters(wrong: Callable[[int], bool]) -> list[Row]:
    """Return samples that two filters wrote: the strict one finds nothing right."""
    strict = scored(N, lambda _: True)
    loose = scored(N, wrong)
    return without([*strict, *loose], "filter", "metrics", "acc_norm")


FILTERS = [{"name": "strict-match"}, {"name": "flexible-extract"}]


@pytest.mark.parametrize(
    ("content", "name"),
    [
        ({"configs": {"gsm8k": {"filter_list": FILTERS}}}, "flexible-extract"),
        (
            {"results": {"gsm8k": {f"acc,{entry['name']}": 0.5 for entry in FILTERS}}},
            "flexible-extract",
        ),
        ({}, "2"),
    ],
)
def test_filters_without_a_name_are_told_apart(
    content: Mapping[str, Any], name: str, tmp_path: Path
) -> None:
    """By their order, and by the name that the results file gives them, if any."""
    for side, wrong in (("base", lambda _: False), ("tuned", fifth)):
        write(tmp_path / side, "gsm8k", two_filters(wrong))
        results(tmp_path / side, **content)
    given = policy(maths=CapabilityPolicy(tasks=("gsm8k",), metric="acc", filter=name))

    capability = by_name(judged(tmp_path / "base", tmp_path / "tuned", given))["maths"]

    assert (
        capability.counts.n_items,
        capability.counts.n_broken,
        capability.evidence.base_mean,
    ) == (N, N // 5, 1.0)


@pytest.mark.parametrize(
    ("rows", "content", "id"),
    [
        (two_filters(fifth)[:-1], {}, "samples.filters-uneven"),
        (two_filters(fifth), {"configs": {"gsm8k": {"filter_list": FILTERS[:1]}}}, None),
        (
            [
                *two_filters(fifth)[:N],
                *({**row, "resps": [["x"]]} for row in two_filters(fifth)[N:]),
            ],
            {},
            "samples.two-runs",
        ),
    ],
)
def test_what_cannot_be_told_apart_is_refused(
    rows: list[Row], content: Mapping[str, Any], id: str | None, tmp_path: Path
) -> None:
    """A torn file, and two runs in one, look like filters at first."""
    for side in ("base", "tuned"):
        write(tmp_path / side, "gsm8k", rows)
        results(tmp_path / side, **content)

    error = refused(tmp_path / "base", tmp_path / "tuned")

    assert (error.exit_code, error.id) == (12, id or "samples.filters-uneven")


NEWER = [
    {**row, "filter": FILTERS[number // N]["name"], "metrics": ["acc"]}
    for number, row in enumerate(two_filters(lambda _: False))
]


@pytest.mark.parametrize("old", ["base", "tuned"])
def test_filters_without_a_name_are_those_of_the_other_side(old: str, tmp_path: Path) -> None:
    """Of two releases one names them; as many, in one order, they are the same."""
    new = "tuned" if old == "base" else "base"
    write(tmp_path / old, "gsm8k", two_filters(fifth))
    write(tmp_path / new, "gsm8k", NEWER)
    given = policy(
        maths=CapabilityPolicy(tasks=("gsm8k",), metric="acc", filter="flexible-extract")
    )

    review = judged(tmp_path / "base", tmp_path / "tuned", given)

    capability = by_name(review)["maths"]
    assert (capability.counts.n_broken + capability.counts.n_fixed, capability.counts.n_items) == (
        N // 5,
        N,
    )
    (text,) = support.caveat_texts(review, "samples.filters-by-order")
    assert "they are taken for strict-match, flexible-extract, as on the other side" in text


def test_filters_of_another_number_say_which_file_is_wanted(tmp_path: Path) -> None:
    """One filter without a name may be either of two."""
    write(tmp_path / "base", "gsm8k", two_filters(fifth)[N:])
    write(tmp_path / "tuned", "gsm8k", NEWER)

    error = refused(tmp_path / "base", tmp_path / "tuned")

    assert (error.exit_code, error.id) == (2, "samples.unnamed-filters")
    assert re.search(
        r"1 filters? wrote it.*has 2 \(strict.*put .*\(results_2.*\.json\)", str(error)
    )


def test_a_file_alone_says_what_it_lacks(tmp_path: Path) -> None:
    """A filter of the policy's, and neither side says what its own are called."""
    for side in ("base", "tuned"):
        write(tmp_path / side, "gsm8k", two_filters(fifth)).rename(tmp_path / f"{side}.jsonl")
    given = policy(maths=CapabilityPolicy(tasks=("*",), filter="strict-match"))

    error = refused(tmp_path / "base.jsonl", tmp_path / "tuned.jsonl", given)

    assert (error.exit_code, error.id) == (2, "samples.no-filter")
    assert re.search(
        r"base\.jsonl: the policy's capability names the filter 'strict-match', and this file was "
        r"written by an lm-eval before 0\.4\.7, which names none \(here: 1, 2\); put the results "
        r"file of its run \(results\.json, or .*write filter: 1 in the policy",
        str(error),
    )


def test_scores_under_another_key_are_told_how_a_line_looks(tmp_path: Path) -> None:
    """Two files of neither kind, of which plain results are the nearer."""
    for side in ("a", "b"):
        (tmp_path / f"{side}.jsonl").write_text('{"id": 1, "correct": true}\n')

    error = refused(tmp_path / "a.jsonl", tmp_path / "b.jsonl")

    assert 'a line is {"id": …, "score": 0 to 1' in str(error)
    assert "('correct' may be it: call it 'score')" in str(error)


def test_rows_of_another_program_are_no_samples(tmp_path: Path) -> None:
    """A data set, say."""
    for side in ("a", "b"):
        (tmp_path / f"{side}.jsonl").write_text('{"question": "x", "answer": "y"}\n')

    error = refused(tmp_path / "a.jsonl", tmp_path / "b.jsonl")

    assert (error.exit_code, error.id) == (12, "samples.no-sample")
    assert "expected is samples_TASK_DATE.jsonl, as lm-eval writes it with --log_samples" in str(
        error
    )


# --- scores --------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("right", "wrong"), [("True", "False"), ("1.0", "0.0"), (True, False), ("1", "0")]
)
def test_scores_as_text_are_read(right: Any, wrong: Any, tmp_path: Path) -> None:
    """numpy's booleans and float32 were written as text before 0.4.13."""
    write(tmp_path / "base", "race", [row(n, right) for n in range(N)])
    write(tmp_path / "tuned", "race", [row(n, wrong if fifth(n) else right) for n in range(N)])

    capability = by_name(judged(tmp_path / "base", tmp_path / "tuned"))["race"]

    assert (
        capability.evidence.base_mean,
        capability.evidence.candidate_mean,
        capability.counts.n_broken,
    ) == (1.0, 0.8, N // 5)


def repeated(number: int, scores: Any, side: str) -> Row:
    """Return a document that was answered three times, with a score each."""
    texts = [f"{side} {number} {letter}, and so on" for letter in "abc"]
    return row(
        number,
        arguments={"gen_args_0": {"arg_0": f"Q{number}", "arg_1": {"until": ["\n"]}}},
        resps=[texts],
        filtered_resps=[texts],
        metrics=["acc"],
        acc=scores,
    )


def test_a_list_of_scores_is_their_mean(tmp_path: Path) -> None:
    """A task with `repeats` may write one for each answer, and keeps all that was said."""
    write(tmp_path / "base", "aime", [repeated(n, [1.0, "1.0", True], "base") for n in range(N)])
    write(tmp_path / "tuned", "aime", [repeated(n, [1.0, 1.0, 0.0], "ft") for n in range(N)])

    review = judged(tmp_path / "base", tmp_path / "tuned")

    capability = by_name(review)["aime"]
    assert (capability.evidence.base_mean, capability.evidence.candidate_mean) == (
        1.0,
        pytest.approx(2 / 3),
    )
    assert review.verdict.outcome is Outcome.FAIL


@pytest.mark.parametrize("kept", [["a b c", "d e f"], [["a b c", "d e f"]]])
def test_scores_of_the_answers_that_a_filter_kept_are_their_mean(kept: Any, tmp_path: Path) -> None:
    """take_first_k keeps two of three, flat or as a list."""
    for side in ("base", "tuned"):
        rows = [repeated(n, [0.0, 1.0], side) | {"filtered_resps": kept} for n in range(N)]
        write(tmp_path / side, "aime", rows)

    assert by_name(judged(tmp_path / "base", tmp_path / "tuned"))["aime"].evidence.base_mean == 0.5


def test_a_list_of_scores_for_other_answers_says_how_many_there_are(tmp_path: Path) -> None:
    """Which of them is of which answer nobody knows."""
    for side in ("base", "tuned"):
        write(tmp_path / side, "aime", [repeated(n, [0.0, 0.0], side) for n in range(3)])

    error = refused(tmp_path / "base", tmp_path / "tuned")

    assert error.id == "samples.no-scores"
    assert "acc is a list of 2 numbers, and of answers its samples have 1 or 3" in str(error)


@pytest.mark.parametrize("value", [[1, 0], [1, [1]], [-80.5, 40], {"a": 1}, "gold", 37.5])
def test_a_pair_of_gold_and_answer_is_no_score(value: Any, tmp_path: Path) -> None:
    """lm-eval logs [gold, answer] of f1, which it computes over the whole set."""
    for side in ("base", "tuned"):
        write(tmp_path / side, "ner", [row(n, metrics=["f1"], f1=value) for n in range(3)])
        write(tmp_path / side, "race", scored(N))

    review = judged(tmp_path / "base", tmp_path / "tuned")

    assert set(by_name(review)) == {"race"}
    (left,) = support.caveat_texts(review, "samples.unscored-task")
    assert left.startswith("Not judged, since it has no score between 0 and 1 an item: ner (f1 is ")


@pytest.mark.parametrize("value", [[["SECRET gold"], "SECRET said"], "SECRET", {"SECRET": 1}])
@pytest.mark.parametrize("others", [0, 1])
def test_no_message_quotes_what_stands_for_a_score(value: Any, others: int, tmp_path: Path) -> None:
    """It is the right answer and the model's, which `--texts none` keeps out of every file."""
    for side in ("base", "tuned"):
        write(tmp_path / side, "mt", [row(n, metrics=["bleu"], bleu=value) for n in range(3)])
        if others:
            write(tmp_path / side, "race", scored(N))
    out = tmp_path / "out"

    code, output = ran(tmp_path / "base", tmp_path / "tuned", "--out", out, "--texts", "none")

    assert code != 0 or others
    written = {path.name: path.read_text(encoding="utf-8") for path in out.iterdir()}
    assert written
    assert not [name for name, text in {**written, "screen": output}.items() if "SECRET" in text]
    assert "bleu is a" in output + "".join(written.values())


def test_no_damaged_score_is_quoted(tmp_path: Path) -> None:
    """Where most are numbers and one is a text."""
    for side in ("base", "tuned"):
        write(tmp_path / side, "race", [*scored(N - 1), row(N - 1, "SECRET")])

    error = refused(tmp_path / "base", tmp_path / "tuned")

    assert error.id == "samples.damaged-score"
    assert "acc is a text of 6 characters, and a number elsewhere" in str(error)


def test_a_task_without_a_score_leaves_its_capability_open(tmp_path: Path) -> None:
    """Where the policy names it: what is not measured passes nothing."""
    for side in ("base", "tuned"):
        write(tmp_path / side, "wikitext", [row(0, metrics=["f1"], f1=[-80.5, 40])])
        write(tmp_path / side, "race", scored(N))

    review = judged(tmp_path / "base", tmp_path / "tuned", policy(words=("wikitext",), r=("race",)))

    assert review.verdict.outcome is Outcome.INCONCLUSIVE
    named = {finding.capability: finding.outcome for finding in review.verdict.findings}
    assert named["words"] is Outcome.NOT_MEASURED
    (step,) = next_steps(lay_out(review))
    assert step.startswith("Name a `metric` of words that is a score an item in the policy")
    assert step.endswith("but no task in the folders has a score an item for it.")


def test_the_first_metric_that_is_a_score_is_taken(tmp_path: Path) -> None:
    """truthfulqa_gen logs bleu_max first, which is no share of 1 on some document or other."""
    for side, wrong in (("base", lambda _: False), ("tuned", fifth)):
        rows = [
            row(n, metrics=["bleu_max", "acc"], bleu_max=35.2 if n == 7 else 0.0, acc=not wrong(n))
            for n in range(N)
        ]
        write(tmp_path / side, "tqa", rows)

    review = judged(tmp_path / "base", tmp_path / "tuned")

    assert by_name(review)["tqa"].counts.n_broken == N // 5
    (text,) = support.caveat_texts(review, "samples.chosen-metric")
    assert text.startswith("tqa is judged by acc, the first that")


def test_a_metric_that_moves_otherwise_is_shown_where_nobody_chose(tmp_path: Path) -> None:
    """`acc` may hold where `acc_norm`, which a leaderboard shows, falls."""
    for side, wrong in (("base", lambda _: False), ("tuned", fifth)):
        rows = [row(n, acc_norm=float(not wrong(n)), spread=[1, 2]) for n in range(N)]
        write(tmp_path / side, "race", rows)
    sides = (tmp_path / "base", tmp_path / "tuned")
    named = Policy(capabilities={"race": CapabilityPolicy(metric="acc")})

    (text,) = support.caveat_texts(judged(*sides), "samples.other-metric")

    assert "by acc (100.0 → 100.0 %), the first" in text
    assert "acc_norm 100.0 → 80.0 %" in text
    assert support.caveat_texts(judged(*sides, named), "samples.other-metric") == []


def test_a_scale_shows_on_the_candidates_side_alone(tmp_path: Path) -> None:
    """Where the base has nothing above 0, what it is a share of is not known from it."""
    for side, wrong, bleu in (("base", lambda _: False, 0.0), ("tuned", fifth, 35.2)):
        rows = [
            row(n, metrics=["bleu_max", "acc"], bleu_max=bleu, acc=not wrong(n)) for n in range(N)
        ]
        write(tmp_path / side, "tqa", rows)

    assert by_name(judged(tmp_path / "base", tmp_path / "tuned"))["tqa"].counts.n_broken == N // 5


def test_a_metric_that_no_document_has_is_passed_over(tmp_path: Path) -> None:
    """Null on every line, as where what it needs was not installed."""
    for side, wrong in (("base", lambda _: False), ("tuned", fifth)):
        rows = [row(n, metrics=["bleurt", "acc"], bleurt=None, acc=not wrong(n)) for n in range(N)]
        write(tmp_path / side, "tqa", rows)

    assert by_name(judged(tmp_path / "base", tmp_path / "tuned"))["tqa"].counts.n_broken == N // 5


@pytest.mark.parametrize("value", [[0, 1], 55.0, "good"])
def test_a_candidate_whose_scores_are_damaged_does_not_leave_a_task_out(
    value: Any, tmp_path: Path
) -> None:
    """What is a score of the base is one of the candidate; it is not passed over for it."""
    write(tmp_path / "base", "race", scored(N))
    write(tmp_path / "tuned", "race", [*scored(N - 1), row(N - 1, value)])

    error = refused(tmp_path / "base", tmp_path / "tuned")

    assert isinstance(error, IntegrityError)
    assert error.id == "samples.damaged-score"


# --- tasks and groups ----------------------------------------------------------------------------


@pytest.fixture
def mmlu(tmp_path: Path) -> tuple[Path, Path]:
    """Two sides of a group of groups, of which results files tell."""
    for side in ("base", "tuned"):
        for task in ("mmlu_law", "mmlu_art", "mmlu_physics", "piqa"):
            write(tmp_path / side, task, scored(100))
        results(
            tmp_path / side,
            group_subtasks={
                "mmlu_humanities": ["mmlu_law", "mmlu_art"],
                "mmlu": ["mmlu_humanities", "mmlu_stem"],
                "mmlu_stem": ["mmlu_physics"],
            },
        )
    return tmp_path / "base", tmp_path / "tuned"


@pytest.mark.parametrize(
    ("given", "expected"),
    [
        (policy(knowledge=("mmlu",), rest=("piqa",)), {"knowledge": 300, "rest": 100}),
        (policy(law=("mmlu_humanities",), rest=("pi*",)), {"law": 200, "rest": 100}),
        (policy(mmlu=CapabilityPolicy(margin=0.05)), {"mmlu": 300, "piqa": 100}),
    ],
)
def test_a_group_goes_by_its_name(
    given: Policy, expected: dict[str, int], mmlu: tuple[Path, Path]
) -> None:
    """As on lm-eval's command line."""
    capabilities = by_name(judged(*mmlu, given))

    assert {
        name: capability.counts.n_items for name, capability in capabilities.items()
    } == expected


def test_what_a_group_lacks_is_told(mmlu: tuple[Path, Path]) -> None:
    """Samples that were lost on the way on both sides."""
    for side in mmlu:
        next(side.glob("samples_mmlu_physics_*")).unlink()

    review = judged(*mmlu, policy(knowledge=("mmlu",)))

    (text,) = support.caveat_texts(review, "samples.partial-group")
    assert "1 of the 3 tasks of mmlu has no samples" in text


@pytest.mark.parametrize(
    ("pattern", "says"),
    [
        ("mmlu", r"'mmlu_\*' matches 3 \(mmlu_art, mmlu_law, mmlu_physics\)"),
        ("piqqa", r"did you mean piqa\?"),
        ("PIQA", r"did you mean piqa\?"),
        ("winogrande*", r"there are: mmlu_art, mmlu_law, mmlu_physics, piqa"),
    ],
)
def test_a_pattern_of_nothing_is_refused(
    pattern: str, says: str, mmlu: tuple[Path, Path], tmp_path: Path
) -> None:
    """With the nearest names: a typing error is no test that was not made."""
    for side in mmlu:
        next(side.glob("results_*")).unlink()
    text = f"capabilities: {{k: {{tasks: [{pattern!r}]}}, rest: {{tasks: [piqa]}}}}\n"
    (tmp_path / "policy.yaml").write_text(text)

    code, line = ran(*mmlu, "--policy", tmp_path / "policy.yaml")

    assert code == 2
    assert re.search(rf"policy\.capabilities\.k\.tasks: .*{re.escape(repr(pattern))}; {says}", line)
    assert "[policy.unmatched-task]" in line


def test_a_named_metric_that_is_no_score_is_refused(tmp_path: Path) -> None:
    """What somebody asked for is not left out; the others are offered."""
    for side in ("base", "tuned"):
        write(tmp_path / side, "ner", [row(n, metrics=["f1", "acc"], f1=[1, 0]) for n in range(3)])

    given = policy(n=CapabilityPolicy(tasks=("ner",), metric="f1"))
    error = refused(tmp_path / "base", tmp_path / "tuned", given)

    assert isinstance(error, UsageError)
    assert error.id == "samples.no-score"
    assert "there are: acc" in str(error)


def test_a_key_of_a_results_file_is_no_metric(tmp_path: Path) -> None:
    """lm-eval writes "acc,none" there; the two are two keys here."""
    for side in ("base", "tuned"):
        write(tmp_path / side, "race", scored(3))

    given = policy(r=CapabilityPolicy(tasks=("race",), metric="acc,none"))

    line = str(refused(tmp_path / "base", tmp_path / "tuned", given))
    assert line.endswith("there are: acc, acc_norm; write metric: acc and filter: none")


# --- what the sides were asked -------------------------------------------------------------------


def generated(n: int, answer: str, **settings: Any) -> list[Row]:
    """Return documents that are answered by a text."""
    return [
        row(
            number,
            arguments={"gen_args_0": {"arg_0": f"Q: q{number}\nA:", "arg_1": settings}},
            resps=[[f"{answer} says a lot about {number}"]],
            filtered_resps=[answer],
        )
        for number in range(n)
    ]


def test_texts_of_two_temperatures_are_not_compared(tmp_path: Path) -> None:
    """What lm-eval was told of generation is part of what was asked."""
    write(tmp_path / "a", "gsm8k", generated(N, "one", temperature=0.0, until=["Q:"]))
    write(tmp_path / "b", "gsm8k", generated(N, "two", temperature=1.0, until=["Q:"]))

    error = refused(tmp_path / "a", tmp_path / "b")

    assert (error.exit_code, error.id) == (12, "sides.asked-otherwise")
    assert "generated with temperature 0 and 1" in str(error)


@pytest.mark.parametrize(
    ("base", "candidate"),
    [
        ({"temperature": 0}, {"temperature": 0.0}),
        ({"do_sample": False, "max_gen_toks": "256"}, {"do_sample": "False", "max_gen_toks": 256}),
    ],
)
def test_one_setting_in_two_spellings_is_one(base: Row, candidate: Row, tmp_path: Path) -> None:
    """A task's file, a command line and a backend write numbers and switches otherwise."""
    write(tmp_path / "a", "gsm8k", generated(N, "one", **base))
    write(tmp_path / "b", "gsm8k", generated(N, "two", **candidate))

    review = judged(tmp_path / "a", tmp_path / "b")

    assert "samples.generated-otherwise" not in support.caveat_ids(review)


def test_documents_with_settings_of_their_own_may_be_asked_in_part(tmp_path: Path) -> None:
    """A limit leaves one side with some of the values."""
    rows = [generated(n + 1, "one", max_gen_toks=n)[n] for n in range(N)]
    other = [generated(n + 1, "two", max_gen_toks=n)[n] for n in range(10)]
    write(tmp_path / "a", "gsm8k", rows)
    write(tmp_path / "b", "gsm8k", other)

    assert judged(tmp_path / "a", tmp_path / "b").comparison.capabilities


def test_another_number_of_draws_is_a_caveat(tmp_path: Path) -> None:
    """A mean of three is a steadier score than one answer, of the same thing."""
    write(tmp_path / "a", "gsm8k", generated(N, "one"))
    thrice = [{**row, "resps": [row["resps"][0] * 3]} for row in generated(N, "two")]
    write(tmp_path / "b", "gsm8k", thrice)

    review = judged(tmp_path / "a", tmp_path / "b")

    (text,) = support.caveat_texts(review, "samples.generated-otherwise")
    assert "generated with 1 and 3 responses a document" in text


def test_a_setting_of_one_side_alone_is_a_caveat(tmp_path: Path) -> None:
    """Releases and backends add their own, and other ends of an answer."""
    write(tmp_path / "a", "gsm8k", generated(N, "one", until=["Q:"]))
    write(tmp_path / "b", "gsm8k", generated(N, "two", until=["</s>"], max_gen_toks=32))

    review = judged(tmp_path / "a", tmp_path / "b")

    assert support.caveat_texts(review, "samples.generated-otherwise") == [
        "gsm8k: generated with max_gen_toks 32 on the candidate's side alone; other texts at which "
        "an answer ends (until), which can move scores."
    ]


@pytest.mark.parametrize(
    ("key", "value", "line"),
    [
        ("target", "0", "gsm8k: 100 of 100 targets differ"),
        (
            "arguments",
            {f"gen_args_{n}": {"arg_0": "Q", "arg_1": f" {n + 3}"} for n in range(2)},
            "gsm8k: 100 of 100 choices differ",
        ),
    ],
)
def test_other_choices_and_targets_are_not_compared(
    key: str, value: Any, line: str, tmp_path: Path
) -> None:
    """The hashes of document and prompt say nothing of them."""
    write(tmp_path / "a", "gsm8k", scored(N))
    write(tmp_path / "b", "gsm8k", [{**row, key: value} for row in scored(N, fifth)])

    error = refused(tmp_path / "a", tmp_path / "b")

    assert (error.exit_code, error.id) == (12, "sides.asked-otherwise")
    assert line in str(error)


def test_two_files_of_other_names_say_how_to_call_them(tmp_path: Path) -> None:
    """samples_gsm8k_ft.jsonl would be of a task gsm8k_ft."""
    for name in ("base", "ft"):
        write(tmp_path / name, "gsm8k", scored(N)).rename(tmp_path / f"samples_gsm8k_{name}.jsonl")

    error = refused(tmp_path / "samples_gsm8k_base.jsonl", tmp_path / "samples_gsm8k_ft.jsonl")

    assert (error.exit_code, error.id) == (12, "sides.other-tasks")
    assert "call them samples_TASK.jsonl in two folders" in str(error)


def test_answers_without_scores_are_said_to_be_so(tmp_path: Path) -> None:
    """lm-eval's --predict_only logs the metric bypass alone."""
    write(tmp_path / "a", "race", scored(N))
    bare = [{**row, "metrics": ["bypass"], "bypass": 999} for row in scored(N)]
    write(tmp_path / "b", "race", without(bare, "acc", "acc_norm"))

    error = refused(tmp_path / "a", tmp_path / "b")

    assert (error.exit_code, error.id) == (2, "samples.no-metric")
    assert "--predict_only" in str(error)


def test_two_archives_are_seen_before_a_task_is_looked_for(tmp_path: Path) -> None:
    """No policy is to blame for their names."""
    for side in ("base", "tuned"):
        (tmp_path / f"{side}.zip").write_bytes(zipped(b"{}", "samples_a.jsonl", "results.json"))

    assert refused(tmp_path / "base.zip", tmp_path / "tuned.zip").id == "samples.archive"


def test_a_folder_of_samples_that_is_not_there_is_named(tmp_path: Path) -> None:
    """The mistake of a caller in Python; the command line asks whether a side is a path."""
    with support.refused("samples.no-folder", 2, str(tmp_path / "gone")):
        compare_samples(str(tmp_path / "gone"), str(tmp_path / "gone"))
