"""Checkpoints: what a name stands for, what makes an identity, and what cannot be trusted."""

from __future__ import annotations

import json
import shutil
import struct
import sys
from collections.abc import Callable
from pathlib import Path
from typing import Any

import pytest

from cliffguard.checkpoints.files import vocabulary_in
from cliffguard.checkpoints.identity import (
    FindOptions,
    find_base,
    find_pair,
    is_adapter,
    with_template_of,
)
from cliffguard.checkpoints.weights import check_safetensors, n_parameters
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import UsageError
from cliffguard.core.hashing import sha256_of_file
from cliffguard.core.hub_names import is_hub_id
from tests import support

OFFLINE = FindOptions(offline=True)


def write_adapter(folder: Path, base: str | None, *, seed: int = 5) -> Path:
    """Write an adapter directory that can be found, but not loaded."""
    source = support.write_checkpoint(folder, seed=seed)
    (source / "model.safetensors").rename(source / "adapter_model.safetensors")
    (source / "config.json").unlink()
    (source / "tokenizer.json").unlink()
    settings = {"peft_type": "LORA", "r": 4, "base_model_name_or_path": base}
    (source / "adapter_config.json").write_text(json.dumps(settings))
    return source


def change_json(path: Path, **values: Any) -> None:
    """Set keys of a JSON file, creating it."""
    before = json.loads(path.read_text()) if path.is_file() else {}
    path.write_text(json.dumps({**before, **values}))


@pytest.fixture
def base(tmp_path: Path) -> Path:
    """A checkpoint directory."""
    return support.write_checkpoint(tmp_path / "base")


@pytest.fixture
def adapter(base: Path, tmp_path: Path) -> Path:
    """An adapter directory that names `base`."""
    return write_adapter(tmp_path / "adapter", str(base))


# --- finding -------------------------------------------------------------------------------------


def test_a_directory_is_a_checkpoint(base: Path) -> None:
    """A directory is found under the name that was written, without a revision."""
    checkpoint = find_base(str(base), OFFLINE)

    assert (checkpoint.name, checkpoint.revision, checkpoint.adapter) == (str(base), None, None)
    assert checkpoint.files is not None
    assert checkpoint.files.weights == base


def test_an_adapter_names_its_own_base(base: Path, adapter: Path) -> None:
    """Without --base the base is read from the adapter's config."""
    found_base, checkpoint = find_pair(None, str(adapter), OFFLINE)

    assert found_base.name == str(base)
    assert checkpoint.weights == found_base.weights
    assert checkpoint.adapter is not None


def test_an_adapter_borrows_the_tokenizer_of_its_base(base: Path, adapter: Path) -> None:
    """An adapter without a tokenizer is asked with that of its base."""
    found_base, checkpoint = find_pair(None, str(adapter), OFFLINE)

    assert checkpoint.tokenizer == found_base.tokenizer
    assert checkpoint.files is not None
    assert checkpoint.files.tokenizer == base


def test_an_adapter_with_a_tokenizer_keeps_it(base: Path, adapter: Path) -> None:
    """A tokenizer beside the adapter is the adapter's."""
    (adapter / "tokenizer.json").write_text('{"version": "other"}')

    found_base, checkpoint = find_pair(None, str(adapter), OFFLINE)

    assert checkpoint.tokenizer != found_base.tokenizer


def test_a_trainers_checkpoint_borrows_the_tokenizer_and_says_so(
    base: Path, tmp_path: Path
) -> None:
    """checkpoint-N without tokenizer takes the base's, and the report will say it."""
    candidate = support.write_checkpoint(tmp_path / "checkpoint-100", seed=1)
    (candidate / "tokenizer.json").unlink()

    found_base, checkpoint = find_pair(str(base), str(candidate), OFFLINE)

    assert checkpoint.tokenizer == found_base.tokenizer
    text = f"{candidate} holds no tokenizer: the tokenizer of {base} is used."
    assert checkpoint.notes == (Caveat(id="tokenizer.of-base", text=text),)


@pytest.mark.parametrize("named", ["", 7])
def test_an_adapter_that_names_no_base_is_refused(named: Any, adapter: Path) -> None:
    """Where the adapter's config names no base, the user must."""
    change_json(adapter / "adapter_config.json", base_model_name_or_path=named)

    with support.refused("adapter.no-base", 2, "adapter_config.json"):
        find_pair(None, str(adapter), OFFLINE)


def test_adapters_are_told_from_full_weights(base: Path, adapter: Path) -> None:
    """A directory with an adapter_config.json is an adapter."""
    assert not is_adapter(str(base), OFFLINE)
    assert is_adapter(str(adapter), OFFLINE)


def test_an_empty_directory_is_no_checkpoint(tmp_path: Path) -> None:
    """A directory without a config is named as what it is not."""
    with support.refused("checkpoint.none", 2, "config.json"):
        find_base(str(tmp_path), OFFLINE)


def test_an_empty_name_is_not_the_working_directory(
    base: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """An unset shell variable does not stand for the directory that one happens to be in."""
    monkeypatch.chdir(base)

    with pytest.raises(UsageError):
        find_base("", OFFLINE)


# --- the hub -------------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("spec", "is_id"),
    [
        ("org/model", True),
        ("org/model-1.5_b@main", True),
        ("org/model@refs/pr/3", True),
        ("model", False),
        ("./org/model", False),
        ("/org/model", False),
        ("~/model", False),
        ("org/model/deeper", False),
        ("org/model@", False),
        ("", False),
    ],
)
def test_names_of_the_hub_read_like_org_and_model(spec: str, is_id: bool) -> None:
    """Two words and perhaps a revision are a name on the hub, everything else a path."""
    assert is_hub_id(spec) is is_id


@pytest.fixture
def online(monkeypatch: pytest.MonkeyPatch) -> None:
    """An environment that says nothing of being offline."""
    for name in ("HF_HUB_OFFLINE", "TRANSFORMERS_OFFLINE"):
        monkeypatch.delenv(name, raising=False)


@pytest.fixture
def hub(online: None, monkeypatch: pytest.MonkeyPatch, base: Path) -> list[tuple[str, bool]]:
    """A hub that has every name; what it was asked, and whether only for copies that are here.

    No copy is here.
    """
    from huggingface_hub.errors import LocalEntryNotFoundError

    requests: list[tuple[str, bool]] = []

    def download(name: str, *, local_files_only: bool, **_: object) -> str:
        requests.append((name, local_files_only))
        if local_files_only:
            raise LocalEntryNotFoundError("not here")
        return str(base)

    monkeypatch.setattr("huggingface_hub.snapshot_download", download)
    return requests


@pytest.mark.parametrize("name", ["runs/ft", "outputs/adapter-42", "org/model@main"])
def test_a_plain_name_never_goes_to_the_hub(name: str, hub: list[tuple[str, bool]]) -> None:
    """Whoever owns the name runs there is not tested instead of a path that was never written."""
    with support.refused("hub.not-said", 2, f"hf:{name}"):
        find_base(name, FindOptions())

    assert [is_local for _, is_local in hub] == [True]


@pytest.mark.parametrize(
    ("spec", "options", "repo_id", "name"),
    [
        ("hf:org/model@main", FindOptions(), "org/model", "org/model@main"),
        ("hf:gpt2", FindOptions(), "gpt2", "gpt2"),
        ("org/model", FindOptions(hub=True), "org/model", "org/model"),
    ],
)
def test_a_name_that_is_said_goes_to_the_hub(
    spec: str, options: FindOptions, repo_id: str, name: str, hub: list[tuple[str, bool]]
) -> None:
    """By its prefix or by --hub; a report calls it as the hub does."""
    assert find_base(spec, options).name == name
    assert hub == [(repo_id, False)]


def test_a_name_below_a_directory_is_a_path(
    tmp_path: Path, monkeypatch: pytest.MonkeyPatch, hub: list[tuple[str, bool]]
) -> None:
    """A misspelt runs/checkpoint is not looked for on the hub, even with --hub."""
    (tmp_path / "runs").mkdir()
    monkeypatch.chdir(tmp_path)

    with support.refused("hub.not-said", 2):
        find_base("runs/chekpoint", FindOptions(hub=True))
    assert ("runs/chekpoint", False) not in hub


def test_a_copy_that_was_fetched_before_is_taken(
    base: Path, online: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A plain name is one that the cache has; nothing is asked of the hub."""

    def cached(*_: object, local_files_only: bool, **__: object) -> str:
        assert local_files_only
        return str(base)

    monkeypatch.setattr("huggingface_hub.snapshot_download", cached)

    assert find_base("org/model", FindOptions()).revision == base.name


@pytest.mark.parametrize(
    ("spec", "error"),
    [
        ("https://hub.example/org/model", ("hub.address", 2, "hf:org/model")),
        ("https://hub.example/org/model/tree/v1", ("hub.address", 2, "hf:org/model@v1")),
        ("s3://bucket/model", ("hub.address", 2)),
    ],
)
def test_an_address_is_told_how_to_be_written(spec: str, error: Any) -> None:
    """It was copied from a browser."""
    with support.refused(*error) as failure:
        find_base(spec, FindOptions())
    assert failure.value.id == "hub.address"


@pytest.mark.parametrize(
    "name",
    [
        *("", "/etc", "a/b/c", "../x", "org/x@", "a b"),
        *("o/a--b", "o/a..b", "o/m.git", "o/" + "a" * 120),
    ],
)
def test_a_name_that_no_hub_can_have_is_the_users_error(name: str) -> None:
    """It is no path either."""
    with pytest.raises(UsageError) as failure:
        find_base(f"hf:{name}", FindOptions())
    assert failure.value.id == "hub.bad-name"


def hub_raising(failure: Exception) -> Callable[..., str]:
    """Return a download that fails."""

    def download(*_: object, **__: object) -> str:
        raise failure

    return download


def hub_error(name: str) -> Exception:
    """Return the hub's exception of that name, made without a response."""
    from huggingface_hub import errors

    kind = getattr(errors, name)
    failure: Exception = kind.__new__(kind, "refused")
    return failure


@pytest.mark.parametrize(
    ("name", "error_id", "code"),
    [
        ("RepositoryNotFoundError", "checkpoint.no-folder", 2),
        ("RevisionNotFoundError", "checkpoint.no-folder", 2),
        ("GatedRepoError", "hub.gated", 2),
        ("HfHubHTTPError", "hub.unreachable", 20),
        ("OfflineModeIsEnabled", "hub.unreachable", 20),
    ],
)
def test_the_hubs_errors_are_translated(
    name: str, error_id: str, code: int, online: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """A wrong name is the user's, a model behind a gate says so, a hub that is down is neither."""
    monkeypatch.setattr("huggingface_hub.snapshot_download", hub_raising(hub_error(name)))

    with support.refused(error_id, code, "org/model"):
        find_base("hf:org/model", FindOptions())


def http_error(name: str) -> Exception:
    """Return an exception of that name of the HTTP library that the hub's client uses."""
    from huggingface_hub.errors import HTTPError

    error: Exception = getattr(sys.modules[HTTPError.__module__], name)("timed out")
    return error


@pytest.mark.parametrize(
    "lost",
    [
        http_error("HTTPError"),
        http_error("ReadTimeout"),
        http_error("ConnectTimeout"),
        http_error("RemoteProtocolError"),
        TimeoutError("The read operation timed out"),
        ConnectionResetError("Connection reset by peer"),
    ],
    ids=lambda lost: type(lost).__name__,
)
def test_a_connection_that_breaks_in_the_middle_is_worth_a_retry(
    lost: Exception, online: None, monkeypatch: pytest.MonkeyPatch
) -> None:
    """What the hub's HTTP library raises while files travel is not a crash."""
    monkeypatch.setattr("huggingface_hub.snapshot_download", hub_raising(lost))

    with support.refused("hub.unreachable", 20):
        find_base("hf:org/model", FindOptions())


def test_a_name_of_the_hub_keeps_its_commit(base: Path, monkeypatch: pytest.MonkeyPatch) -> None:
    """The revision of the identity is the commit that was resolved, not the branch."""
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(base))

    checkpoint = find_base("hf:org/model@main", FindOptions())

    assert (checkpoint.name, checkpoint.revision) == ("org/model@main", base.name)


# --- identity ------------------------------------------------------------------------------------


def fingerprint(folder: Path) -> str:
    """Return the fingerprint of a full checkpoint."""
    return find_base(str(folder), OFFLINE).fingerprint


def new_weights(folder: Path) -> None:
    """Flip one bit of the last weight."""
    content = bytearray((folder / "model.safetensors").read_bytes())
    content[-1] ^= 1
    (folder / "model.safetensors").write_bytes(bytes(content))


IDENTITY: dict[str, Callable[[Path], object]] = {
    "one bit of a weight": new_weights,
    "name of a weight file": lambda f: (f / "model.safetensors").rename(f / "m.safetensors"),
    "tokenizer.json": lambda f: (f / "tokenizer.json").write_text('{"version": "2.0"}'),
    "special_tokens_map.json": lambda f: (f / "special_tokens_map.json").write_text("{}"),
    "merges.txt": lambda f: (f / "merges.txt").write_text("a b\n"),
    "added_tokens.json": lambda f: (f / "added_tokens.json").write_text("{}"),
    "vocab.json": lambda f: (f / "vocab.json").write_text("{}"),
    "vocab.txt": lambda f: (f / "vocab.txt").write_text("a\n"),
    "tokenizer.model": lambda f: (f / "tokenizer.model").write_bytes(b"x"),
    "spiece.model": lambda f: (f / "spiece.model").write_bytes(b"x"),
    "tekken.json": lambda f: (f / "tekken.json").write_text("{}"),
    "qwen.tiktoken": lambda f: (f / "qwen.tiktoken").write_text("a 0"),
    "a first token": lambda f: change_json(f / "tokenizer_config.json", add_bos_token=True),
    "chat_template.jinja": lambda f: (f / "chat_template.jinja").write_text("{{ messages }}"),
    "chat template in the tokenizer's config": lambda f: change_json(
        f / "tokenizer_config.json", chat_template="{{ messages }}"
    ),
    "another chat template": lambda f: write_text(
        f / "additional_chat_templates" / "default.jinja", "{{ messages }}"
    ),
    "the index of its shards": lambda f: change_json(
        f / "model.safetensors.index.json", weight_map={"w": "model.safetensors"}
    ),
    "config.json": lambda f: change_json(f / "config.json", rope_theta=1.0),
    "generation_config.json": lambda f: change_json(f / "generation_config.json", temperature=0.5),
}


def write_text(path: Path, text: str) -> None:
    """Write a file in a folder that may not be there yet."""
    path.parent.mkdir(exist_ok=True)
    path.write_text(text)


@pytest.mark.parametrize("what", IDENTITY)
def test_what_may_change_an_answer_is_in_the_fingerprint(
    what: str, base: Path, tmp_path: Path
) -> None:
    """Every part of a checkpoint that may change an answer makes another identity."""
    other = support.write_checkpoint(tmp_path / "other")
    before = fingerprint(base)
    assert fingerprint(other) == before

    IDENTITY[what](other)

    assert fingerprint(other) != before


NO_IDENTITY: dict[str, Callable[[Path], object]] = {
    "path": lambda _: None,
    "transformers_version": lambda f: change_json(f / "config.json", transformers_version="9.9"),
    "_name_or_path": lambda f: change_json(f / "config.json", _name_or_path="/home/x"),
    "spelling of the config": lambda f: (f / "config.json").write_text(
        json.dumps(dict(reversed(json.loads((f / "config.json").read_text()).items())), indent=3)
    ),
    "where the tokenizer lay": lambda f: change_json(
        f / "tokenizer_config.json", name_or_path="/home/x", tokenizer_file="/home/x/t.json"
    ),
    "a README": lambda f: (f / "README.md").write_text("x"),
    "the trainer's state": lambda f: (f / "trainer_state.json").write_text("{}"),
    "training arguments": lambda f: (f / "training_args.bin").write_bytes(b"x"),
}


@pytest.mark.parametrize("what", NO_IDENTITY)
def test_what_changes_no_answer_is_not_in_the_fingerprint(
    what: str, base: Path, tmp_path: Path
) -> None:
    """Where a checkpoint lies and who wrote it does not matter."""
    other = support.write_checkpoint(tmp_path / "other")

    NO_IDENTITY[what](other)

    assert fingerprint(other) == fingerprint(base)


def test_no_chat_template_is_none(base: Path) -> None:
    """A checkpoint without a chat template has none in its identity."""
    assert find_base(str(base), OFFLINE).chat_template is None


def test_settings_may_hold_infinity(base: Path) -> None:
    """Configs of state-space models hold Infinity, which JSON does not know and Python does."""
    (base / "config.json").write_text('{"time_step_limit": [0.0, Infinity]}')

    assert len(fingerprint(base)) == 64


def test_a_number_too_large_for_any_is_text(base: Path) -> None:
    """Python reads it as infinity, which has no digest."""
    (base / "generation_config.json").write_text('{"temperature": 1e999}')

    checkpoint = find_base(str(base), FindOptions(offline=True))

    (base / "generation_config.json").write_text('{"temperature": 1e998}')
    assert find_base(str(base), FindOptions(offline=True)).settings != checkpoint.settings


@pytest.fixture
def two_adapters(base: Path, tmp_path: Path) -> tuple[Path, Path]:
    """The same adapter twice."""
    first, second = (write_adapter(tmp_path / name, str(base)) for name in ("one", "two"))
    return first, second


def adapted(folder: Path) -> Checkpoint:
    """Return the identity of an adapter on the base that it names."""
    return find_pair(None, str(folder), OFFLINE)[1]


def test_the_same_adapter_elsewhere_is_the_same(two_adapters: tuple[Path, Path]) -> None:
    """A copy of an adapter has the fingerprint of the original."""
    assert adapted(two_adapters[0]).fingerprint == adapted(two_adapters[1]).fingerprint


def test_an_adapter_is_another_checkpoint_than_its_base(base: Path, adapter: Path) -> None:
    """Base and adapted model never share answers."""
    assert adapted(adapter).fingerprint != fingerprint(base)


@pytest.mark.parametrize("what", ["weights", "settings"])
def test_weights_and_settings_of_an_adapter_are_in_the_fingerprint(
    what: str, two_adapters: tuple[Path, Path]
) -> None:
    """A later step of training, or another scale, is another checkpoint."""
    first, second = two_adapters
    if what == "weights":
        path = second / "adapter_model.safetensors"
        content = bytearray(path.read_bytes())
        content[-1] ^= 1
        path.write_bytes(bytes(content))
    else:
        change_json(second / "adapter_config.json", lora_alpha=64)

    assert adapted(second).fingerprint != adapted(first).fingerprint


def test_the_name_of_an_adapters_base_is_not_in_the_fingerprint(
    base: Path, two_adapters: tuple[Path, Path]
) -> None:
    """Another spelling of the path to the base is not another adapter."""
    first, second = two_adapters
    spelt = str(base.parent / "x" / ".." / "base")
    (base.parent / "x").mkdir()
    change_json(second / "adapter_config.json", base_model_name_or_path=spelt)

    assert adapted(second).fingerprint == adapted(first).fingerprint


def test_under_the_bases_template_the_candidates_own_does_not_count(
    base: Path, tmp_path: Path
) -> None:
    """Policy "base" replaces the template in the identity and in what is loaded."""
    candidate = support.write_checkpoint(tmp_path / "candidate", seed=1)
    (candidate / "chat_template.jinja").write_text("{{ messages }}")
    sides = find_pair(str(base), str(candidate), OFFLINE)

    shared = with_template_of(sides[1], sides[0])

    assert sides[1].chat_template is not None
    assert shared.chat_template is None
    assert shared.files is not None
    assert shared.files.chat_template == base


# --- an adapter and its base ---------------------------------------------------------------------


def test_another_base_may_be_allowed_and_is_noted(
    base: Path, adapter: Path, tmp_path: Path
) -> None:
    """With --allow-base-mismatch the doubt goes into the record, and claims no more."""
    other = support.write_checkpoint(tmp_path / "other", seed=9)

    _, checkpoint = find_pair(str(other), str(adapter), FindOptions(allow_base_mismatch=True))

    text = (
        f"{adapter}: names {str(base)!r}; whether {other} is {str(base)!r} is not known "
        "(--allow-base-mismatch)."
    )
    assert checkpoint.notes == (Caveat(id="adapter.base-mismatch-allowed", text=text),)


@pytest.mark.parametrize("spelling", ["trailing slash", "relative", "link"])
def test_the_base_may_be_spelt_in_other_ways(
    spelling: str, base: Path, adapter: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """Paths that lead to the same directory name the same base."""
    monkeypatch.chdir(tmp_path)
    (tmp_path / "link").symlink_to(base)
    given = {"trailing slash": f"{base}/", "relative": "base", "link": "link"}[spelling]

    assert find_pair(given, str(adapter), OFFLINE)[1].notes == ()


def test_the_base_may_carry_the_name_itself(adapter: Path, tmp_path: Path) -> None:
    """A download that remembers its name on the hub is the base of that name, or a child of it."""
    change_json(adapter / "adapter_config.json", base_model_name_or_path="org/model")
    copy = support.write_checkpoint(tmp_path / "copy")
    change_json(copy / "config.json", _name_or_path="org/model")

    (note,) = find_pair(str(copy), str(adapter), OFFLINE)[1].notes
    assert note.text == f"{adapter} names org/model; taken for {copy}."


@pytest.mark.parametrize(
    ("trained_at", "is_refused"),
    [("a" * 40, False), ("b" * 40, True), ("main", False), (None, False)],
)
def test_another_commit_of_the_base_is_another_base(
    trained_at: str | None,
    is_refused: bool,
    adapter: Path,
    tmp_path: Path,
    monkeypatch: pytest.MonkeyPatch,
) -> None:
    """A branch moves on while an adapter stays what it was trained on."""
    config = {"base_model_name_or_path": "org/model", "revision": trained_at}
    change_json(adapter / "adapter_config.json", **config)
    snapshot = support.write_checkpoint(tmp_path / ("a" * 40))
    monkeypatch.setattr("huggingface_hub.snapshot_download", lambda *_, **__: str(snapshot))

    if is_refused:
        with support.refused("adapter.other-base", 12, "'org/model'"):
            find_pair("org/model@main", str(adapter), FindOptions())
    else:
        assert find_pair("org/model@main", str(adapter), FindOptions())[1].notes == ()


def record_base(adapter: Path, weights: dict[str, str]) -> None:
    """Write the provenance that names the weights the adapter was trained on."""
    record = {"base": {"weights_sha256": weights}}
    (adapter / "provenance.json").write_text(json.dumps(record))


def test_recorded_weights_outrank_names(base: Path, adapter: Path, tmp_path: Path) -> None:
    """A moved base is recognised by the digest that the trainer recorded."""
    record_base(adapter, {"model.safetensors": sha256_of_file(base / "model.safetensors")})
    moved = Path(shutil.copytree(base, tmp_path / "moved"))

    assert find_pair(str(moved), str(adapter), OFFLINE)[1].notes == ()


@pytest.mark.parametrize("text", ["{", "[]"])
def test_a_damaged_record_is_not_passed_over(text: str, adapter: Path) -> None:
    """A provenance.json that cannot be read is damage, not absence."""
    (adapter / "provenance.json").write_text(text)

    with support.refused("checkpoint.not-json", 12, "provenance.json"):
        find_pair(None, str(adapter), OFFLINE)


# --- files that cannot be trusted ----------------------------------------------------------------


def header(text: str) -> bytes:
    """Return the start of a safetensors file with this header."""
    return struct.pack("<Q", len(text)) + text.encode()


WHOLE = '{"w":{"dtype":"F32","shape":[1],"data_offsets":[0,4]}}'

# More of them: tests/bad_input/checkpoints.py.
DAMAGE: dict[str, Callable[[bytes], bytes]] = {
    "a few bytes": lambda _: b"abc",
    "torn in the header": lambda b: b[:20],
    "a text": lambda _: b"<!DOCTYPE html><title>Not found</title>",
    "a length without end": lambda _: b"\xff" * 64,
    "offsets as text": lambda _: header(WHOLE.replace("[0,4]", '[0,"4"]')) + b"0000",
    "offsets that are none": lambda _: header(WHOLE.replace("[0,4]", "[0,null]")) + b"0000",
}


@pytest.mark.parametrize("damage", DAMAGE)
def test_damaged_safetensors_are_refused(damage: str, base: Path) -> None:
    """Torn, padded and foreign files are refused before anything is loaded."""
    path = base / "model.safetensors"
    path.write_bytes(DAMAGE[damage](path.read_bytes()))

    with support.refused("weights.torn", 12, "model.safetensors"):
        find_base(str(base), OFFLINE)


def test_a_whole_file_is_accepted(tmp_path: Path) -> None:
    """A header and exactly the bytes that it promises are in order, metadata or not."""
    path = tmp_path / "a.safetensors"
    text = WHOLE.replace("{", '{"__metadata__":{"format":"pt"},', 1)
    path.write_bytes(header(text) + b"0000")

    check_safetensors(path)


def test_weights_that_are_a_folder_are_refused(base: Path) -> None:
    """What is no file is no crash."""
    path = base / "model.safetensors"
    path.unlink()
    path.mkdir()

    with support.refused("weights.no-file", 12, "model.safetensors"):
        find_base(str(base), OFFLINE)


def test_a_shard_with_an_impossible_name_is_missing(base: Path) -> None:
    """A name that no file system takes is that of no file."""
    index = {"weight_map": {"a": "x" * 300 + ".safetensors"}}
    (base / "model.safetensors.index.json").write_text(json.dumps(index))

    with support.refused("weights.missing-shard", 12):
        find_base(str(base), OFFLINE)


@pytest.mark.parametrize("weight_map", [[], None, "x", {"a": None}, {"a": 3}], ids=repr)
def test_a_damaged_index_is_refused(weight_map: Any, base: Path) -> None:
    """An index that does not map names to files is damage, not a crash."""
    (base / "model.safetensors.index.json").write_text(json.dumps({"weight_map": weight_map}))

    with support.refused("weights.index", 12, "model.safetensors.index.json"):
        find_base(str(base), OFFLINE)


@pytest.mark.parametrize("name", ["config.json", "generation_config.json", "tokenizer_config.json"])
@pytest.mark.parametrize("text", [b"{", b"[]", b"", b"\xfa{}"], ids=repr)
def test_damaged_settings_are_refused(name: str, text: bytes, base: Path) -> None:
    """A settings file that is no JSON object is named."""
    (base / name).write_bytes(text)

    with support.refused("checkpoint.not-json", 12, name):
        find_base(str(base), OFFLINE)


def test_pickled_weights_may_be_allowed(base: Path) -> None:
    """Whoever trusts the author can say so."""
    (base / "model.safetensors").rename(base / "pytorch_model.bin")

    checkpoint = find_base(str(base), FindOptions(allow_pickle=True))

    assert len(checkpoint.weights) == 64


def test_safetensors_are_preferred_to_pickles(base: Path) -> None:
    """Where both lie in a directory the pickles are left alone."""
    before = fingerprint(base)
    (base / "pytorch_model.bin").write_bytes(b"anything")

    assert fingerprint(base) == before


def test_weights_that_cannot_be_read_are_worth_a_retry(tmp_path: Path) -> None:
    """A disk that fails while hashing is not the checkpoint's fault."""
    with support.refused("file.unreadable", 20):
        sha256_of_file(tmp_path / "gone.safetensors")


def test_an_adapter_without_a_named_base_is_remarked(base: Path, adapter: Path) -> None:
    """That an adapter belongs to the given base is assumed in the open."""
    change_json(adapter / "adapter_config.json", base_model_name_or_path=None)

    _, tuned = find_pair(str(base), str(adapter), OFFLINE)

    assert [note.id for note in tuned.notes] == ["adapter.base-assumed"]


OTHER_FILES = [
    ("config.json", "transformers_weights", "sub/model.safetensors"),
    ("config.json", "configuration_files", ["config.4.0.0.json"]),
    ("tokenizer_config.json", "fast_tokenizer_files", ["tokenizer.4.0.0.json"]),
    ("tokenizer_config.json", "init_inputs", ["/elsewhere/vocab.json"]),
    ("tokenizer_config.json", "vocab", "/elsewhere/vocab.json"),
    ("tokenizer_config.json", "merges", "merges.txt"),
    ("special_tokens_map.json", "vocab", "/elsewhere/vocab.json"),
]


@pytest.mark.parametrize(("file", "key", "value"), OTHER_FILES, ids=str)
def test_a_loader_is_not_led_to_files_that_no_digest_covers(
    file: str, key: str, value: Any, base: Path
) -> None:
    """What is read instead could change, or name a program, and the identity would not."""
    change_json(base / file, **{key: value})

    with support.refused("checkpoint.other-files", 12, file, key):
        find_base(str(base), OFFLINE)


OF_A_TOKENIZER = ["tokenizer_file", "vocab_file", "merges_file", "spm_file", "gguf_file"]


@pytest.mark.parametrize("file", ["tokenizer_config.json", "special_tokens_map.json"])
@pytest.mark.parametrize("key", OF_A_TOKENIZER)
def test_nor_to_a_tokenizers_file_outside(
    key: str, file: str, base: Path, tmp_path: Path, monkeypatch: pytest.MonkeyPatch
) -> None:
    """By its whole path, by one from the working directory, or beside the files that are hashed."""
    elsewhere = tmp_path / "elsewhere"
    elsewhere.mkdir()
    (elsewhere / "tokenizer.json").write_text("{}")
    (base / "spare.json").write_text("{}")
    monkeypatch.chdir(elsewhere)

    for value in (str(elsewhere / "tokenizer.json"), "tokenizer.json", "spare.json"):
        change_json(base / file, **{key: value})
        with support.refused("checkpoint.other-files", 12, file, key):
            find_base(str(base), OFFLINE)


@pytest.mark.parametrize(
    "value", [None, "/gone/tokenizer.json", "x" * 5000, "a\0b", "copy", "itself"], ids=repr
)
def test_where_a_tokenizer_once_lay_is_no_matter(
    value: str | None, base: Path, tmp_path: Path
) -> None:
    """Many checkpoints still say it: nothing lies there, or what was copied from there."""
    if value == "copy":
        value = str(shutil.copy(base / "tokenizer.json", tmp_path))
    if value == "itself":
        value = str(base / "tokenizer.json")
    before = find_base(str(base), OFFLINE).fingerprint

    change_json(base / "tokenizer_config.json", tokenizer_file=value)
    change_json(base / "tokenizer_config.json", special_tokens_map_file=__file__)

    assert find_base(str(base), OFFLINE).fingerprint == before


@pytest.mark.parametrize("name", ["emoji.json", "bpe.codes", "dict.txt", "source.spm"])
def test_what_some_tokenizers_read_beside_is_part_of_the_identity(name: str, base: Path) -> None:
    """Tokenizers of a kind of their own read files that others do not have."""
    before = find_base(str(base), OFFLINE).fingerprint

    (base / name).write_text("{}")

    assert find_base(str(base), OFFLINE).fingerprint != before


def test_nor_by_an_adapters_tokenizer(adapter: Path) -> None:
    """An adapter may bring a tokenizer of its own."""
    change_json(adapter / "tokenizer_config.json", fast_tokenizer_files=["tokenizer.4.json"])

    with support.refused("checkpoint.other-files", 12, "fast_tokenizer_files"):
        adapted(adapter)


def test_an_adapters_template_without_a_tokenizer_is_told(adapter: Path) -> None:
    """It lies there, and nobody reads it."""
    (adapter / "chat_template.jinja").write_text("{{ messages }}")

    assert "template.without-tokenizer" in [note.id for note in adapted(adapter).notes]


def test_shapes_that_are_no_numbers_of_rows_are_not_counted(tmp_path: Path) -> None:
    """`doctor` reads headers of files that may be damaged in any way."""
    shape = [1.5, 10**400]
    header = json.dumps({"w": {"dtype": "F32", "shape": shape, "data_offsets": [0, 0]}}).encode()
    file = tmp_path / "model.safetensors"
    file.write_bytes(len(header).to_bytes(8, "little") + header)

    assert n_parameters(tmp_path) is None


@pytest.mark.parametrize(
    ("config", "n_rows"),
    [
        ({"vocab_size": 32000}, 32000),
        ({"text_config": {"vocab_size": 262144}}, 262144),
        ({"vocab_size": 32000, "text_config": {"vocab_size": 32064}}, 32064),
        ({"thinker_config": {"text_config": {"vocab_size": 152064}}}, 152064),
        ({"vocab_size": 32000, "text_config": {}}, 32000),
        ({"vocab_size": True}, None),
        ({}, None),
    ],
)
def test_the_rows_of_the_embedding_are_the_language_models(
    config: dict[str, Any], n_rows: int | None
) -> None:
    """Where a model of several parts has another number outside, that is none of its embedding."""
    assert vocabulary_in(config) == n_rows
