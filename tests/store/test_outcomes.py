"""What came of trying a checkpoint: kept whole, or as good as not there."""

from __future__ import annotations

import json
from pathlib import Path

import pytest

from cliffguard.core.caveats import Caveat
from cliffguard.store.answers import Store
from cliffguard.store.maintenance.pruning import removable, remove
from cliffguard.store.outcomes import (
    FileRemarks,
    PackingTrial,
    keep_outcome,
    outcome,
    outcomes,
)
from tests.store.maintenance.stores import filled, question

KEY = "a" * 64
KEPT = (
    PackingTrial(checkpoint="f", plain_because=None, about={"dtype": "bfloat16"}),
    PackingTrial(checkpoint="f", plain_because="it squeaks"),
    FileRemarks(checkpoint="f", remarks=(Caveat(id="a.b", text="a remark"),)),
    FileRemarks(checkpoint="f", remarks=()),
)


@pytest.mark.parametrize("kept", KEPT)
def test_what_is_kept_is_read(kept: PackingTrial | FileRemarks, tmp_path: Path) -> None:
    """By its kind, and by the key under which it was tried."""
    store = Store(tmp_path)
    keep_outcome(store, KEY, kept)

    assert outcome(store, type(kept), KEY) == kept
    assert outcome(store, type(kept), "b" * 64) is None
    assert [len(outcomes(store, type(kept), of)) for of in (None, {"f"}, {"g"})] == [1, 1, 0]


@pytest.mark.parametrize(
    "text",
    ["", "{", "[]", "null", "{}", "[" * 100_000, '{"checkpoint": "f", "plain_because": null}'],
)
def test_what_is_damaged_is_not_there(text: str, tmp_path: Path) -> None:
    """It can be had anew: it is worth no error."""
    store = Store(tmp_path)
    keep_outcome(store, KEY, KEPT[0])
    (path,) = outcomes(store, PackingTrial)
    path.write_text(text)

    assert outcome(store, PackingTrial, KEY) is None


@pytest.mark.parametrize(
    "change", [{"plain_because": "it squeaks"}, {"checkpoint": "g"}, {"seal": "0" * 64}]
)
def test_what_does_not_match_its_seal_is_not_there(change: dict[str, str], tmp_path: Path) -> None:
    """However well it reads."""
    store = Store(tmp_path)
    keep_outcome(store, KEY, KEPT[0])
    (path,) = outcomes(store, PackingTrial)
    path.write_text(json.dumps({**json.loads(path.read_text()), **change}))

    assert outcome(store, PackingTrial, KEY) is None


def test_remarks_go_with_their_checkpoint(tmp_path: Path) -> None:
    """As its trials do: else a store keeps what nobody will ask for."""
    store = filled(tmp_path)
    for key, name in (("a" * 64, "base"), ("b" * 64, "runs/tuned")):
        fingerprint = question(name).checkpoint.fingerprint
        keep_outcome(store, key, FileRemarks(checkpoint=fingerprint, remarks=()))

    remove(store, removable(store, checkpoint="base"))

    assert [path.stem[0] for path in outcomes(store, FileRemarks)] == ["b"]
