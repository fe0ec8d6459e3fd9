"""Logs of inspect_ai and plain results, spoilt: a review or one line of ours, and soon."""

from __future__ import annotations

import io
import json
import zipfile
from pathlib import Path

from hypothesis import example, given
from hypothesis import strategies as st

from cliffguard.gate import compare_samples
from tests.fuzz.answering import answered, as_lines, fuzzed, spoilt
from tests.fuzz.mutations import as_json, spoilt_bytes

LOGS = Path(__file__).parent.parent / "runners" / "inspect_logs"
LOG = json.loads((LOGS / "0.3.18" / "base.json").read_text())
LOG["samples"] = LOG["samples"][:3]
ARCHIVE = (LOGS / "0.3.60" / "base.eval").read_bytes()
PLAIN = [
    {
        "id": number,
        "score": number % 2,
        "higher_is_better": True,
        "task": "t",
        "prompt_sha256": f"{number:064x}",
        "cluster": number // 2,
    }
    for number in range(4)
]


def _answered(spoilt: Path, whole: Path, is_base: bool) -> None:
    with answered():
        compare_samples(*map(str, (spoilt, whole) if is_base else (whole, spoilt)))


@fuzzed
@given(content=spoilt(as_json(LOG), LOG, as_json), is_base=st.booleans())
@example(content=as_json({**LOG, "samples": [{"id": 1, "input": [float("nan")]}]}), is_base=True)
def test_a_log_as_json(content: bytes, is_base: bool, folder: Path) -> None:
    """Whatever stands where."""
    path = folder / "log.json"
    path.write_bytes(content)
    _answered(path, LOGS / "0.3.18" / "candidate.json", is_base)


@fuzzed
@given(content=spoilt_bytes(ARCHIVE), is_base=st.booleans())
def test_a_log_as_an_archive(content: bytes, is_base: bool, folder: Path) -> None:
    """Its directory, its members, or its end."""
    path = folder / "log.eval"
    path.write_bytes(content)
    _answered(path, LOGS / "0.3.60" / "candidate.eval", is_base)


@fuzzed
@given(header=spoilt(as_json(LOG), LOG, as_json), reductions=spoilt(b"[]", [LOG], as_json))
def test_what_is_in_an_archive(header: bytes, reductions: bytes, folder: Path) -> None:
    """Sound members of unsound content."""
    packed = io.BytesIO()
    with zipfile.ZipFile(packed, "w") as zipped:
        zipped.writestr("header.json", header)
        zipped.writestr("reductions.json", reductions)
        zipped.writestr("samples/1_epoch_1.json", as_json(LOG["samples"][0]))
    path = folder / "log.eval"
    path.write_bytes(packed.getvalue())
    _answered(path, LOGS / "0.3.60" / "candidate.eval", True)


@fuzzed
@given(content=spoilt(as_lines(PLAIN), PLAIN, as_lines), is_base=st.booleans())
def test_plain_results(content: bytes, is_base: bool, folder: Path) -> None:
    """One wrong line or all."""
    spoilt_path, whole = folder / "spoilt.jsonl", folder / "whole.jsonl"
    spoilt_path.write_bytes(content)
    whole.write_bytes(as_lines(PLAIN) + b"\n")
    _answered(spoilt_path, whole, is_base)
