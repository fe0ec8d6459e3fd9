"""Was an adapter trained on this base? By recorded digest, shapes, revision, copy and name."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cliffguard.checkpoints.adapter_bases import (
    COMMIT,
    base_named_in,
    is_other_revision,
    is_same_model,
    refuse_other_shapes,
    revision_named,
)
from cliffguard.checkpoints.files import read_json
from cliffguard.checkpoints.weights import weights_digest
from cliffguard.core.caveats import Caveat
from cliffguard.core.checkpoint import Checkpoint
from cliffguard.core.errors import CliffguardError, IntegrityError, UsageError
from cliffguard.core.files import user_path
from cliffguard.core.hashing import sha256_of_files


def refuse_other_base(
    name: str, folder: Path, base: Checkpoint, *, is_allowed: bool
) -> tuple[Caveat, ...]:
    """Refuse an adapter that was, or may have been, trained on another base; return caveats.

    `is_allowed`: what is doubted is a caveat. A recorded digest decides; then the shapes; then the
    names, as far as they can.
    """
    assert base.files is not None
    recorded = _recorded_weights(folder)
    weights = sorted(base.files.weights.glob("*.safetensors"))
    if recorded is not None:
        actual = {path.name: sha256 for path, sha256 in sha256_of_files(weights).items()}
        if recorded == actual:
            return ()
        doubt = f"its provenance.json records other weights than those of {base.name}"
        return _doubted(name, doubt, "adapter.other-base", is_allowed)
    adapter = [path for path in (folder / "adapter_model.safetensors",) if path.is_file()]
    refuse_other_shapes(name, base.name, adapter, weights)
    return _by_name(name, folder, base, is_allowed)


def _by_name(name: str, folder: Path, base: Checkpoint, is_allowed: bool) -> tuple[Caveat, ...]:
    """Judge by the name that an adapter's config gives its base."""
    config = read_json(folder / "adapter_config.json")
    named = base_named_in(folder / "adapter_config.json", config)
    if named is None:
        text = f"{name} names no base: that it was trained on {base.name} is assumed."
        return (Caveat(id="adapter.base-assumed", text=text),)
    is_called = _is_called(named, base)
    if not is_called and _holds_weights_of(named, base):
        text = f"{name} names {named}, which holds the weights of {base.name}, byte for byte."
        return (Caveat(id="adapter.base-by-weights", text=text),)
    about = _by_revision(name, named, config.get("revision"), base, is_allowed)
    if is_called:
        return about
    if is_same_model(named, _spellings(base)):
        text = f"{name} names {named}; taken for {base.name}."
        return (*about, Caveat(id="adapter.base-by-name", text=text))
    doubt = f"names {named!r}; whether {base.name} is {named!r} is not known"
    return _doubted(name, doubt, "adapter.unknown-base", is_allowed)


def _by_revision(
    name: str, named: str, revision: Any, base: Checkpoint, is_allowed: bool
) -> tuple[Caveat, ...]:
    """Judge by the revision that an adapter names, in the base's name or beside it."""
    assert base.files is not None
    trained_at = revision_named(named) or (revision.lower() if isinstance(revision, str) else "")
    places = (base.name, str(base.files.weights.resolve()))
    known = [*filter(None, (base.revision, *map(revision_named, places)))]
    is_other = is_other_revision(trained_at, known) if trained_at else False
    if is_other:
        is_commit = COMMIT.fullmatch(trained_at) is not None
        at = next(r for r in known if (COMMIT.fullmatch(r) is not None) == is_commit)
        doubt = f"names {named!r} at {trained_at}, and {base.name} is at {at}"
        return _doubted(name, doubt, "adapter.other-base", is_allowed)
    if is_other is False or (trained_at == "main" and base.revision is not None):
        return ()
    text = f"{name} names {named} at {trained_at}: whether {base.name} is that is not known."
    return (Caveat(id="adapter.base-revision", text=text),)


def _doubted(name: str, doubt: str, error_id: str, is_allowed: bool) -> tuple[Caveat, ...]:
    """Return a doubt as a caveat where the user allows it, which claims no more than is known."""
    if is_allowed:
        text = f"{name}: {doubt} (--allow-base-mismatch)."
        return (Caveat(id="adapter.base-mismatch-allowed", text=text),)
    raise IntegrityError(
        f"{name}: {doubt}; give the base that it was trained on with --base, or "
        "--allow-base-mismatch if this is it",
        id=error_id,
    )


def _spellings(base: Checkpoint) -> tuple[str, ...]:
    """Return what a base is called: by the user, by its folder, by its own config."""
    assert base.files is not None
    folder = base.files.weights
    stated = read_json(folder / "config.json").get("_name_or_path")
    return (base.name, str(folder.resolve()), *([stated] if isinstance(stated, str) else []))


def _recorded_weights(folder: Path) -> Mapping[str, str] | None:
    """Return {file name: sha256} of the base's weights where the adapter's trainer recorded it."""
    if not (folder / "provenance.json").is_file():
        return None
    base = read_json(folder / "provenance.json").get("base")
    recorded = base.get("weights_sha256") if isinstance(base, dict) else None
    return recorded if isinstance(recorded, dict) else None


def is_called_from_here(candidate: Checkpoint, base: Checkpoint) -> bool:
    """Return whether an adapter names its base by a path relative to the working directory.

    From another folder the same path names nothing.
    """
    files = candidate.files
    if files is None or files.adapter is None or base.revision is not None:
        return False
    if _recorded_weights(files.adapter) is not None:
        return False
    named = base_named_in(
        files.adapter / "adapter_config.json", read_json(files.adapter / "adapter_config.json")
    )
    if named is None or Path(named).is_absolute():
        return False
    return _is_called(named, base) and not is_same_model(named, _spellings(base)[1:])


def _is_called(named: str, base: Checkpoint) -> bool:
    assert base.files is not None
    if _without_revision(named) == _without_revision(base.name.removeprefix("hf:")):
        return True
    try:
        path = user_path(named, UsageError)
        return path.is_dir() and path.resolve() == base.files.weights.resolve()
    except (UsageError, OSError):  # on the machine of its trainer it was a path
        return False


def _without_revision(spec: str) -> str:
    folder, slash, last = spec.rpartition("/")
    return folder + slash + last.partition("@")[0]


def _holds_weights_of(named: str, base: Checkpoint) -> bool:
    """Return whether an adapter names a folder of this machine that is a copy of the base.

    It is hashed only where its files are called as the base's and as large. Other weights there
    tell nothing: a quantised copy is the same model.
    """
    assert base.files is not None
    try:
        folder = user_path(named, UsageError)
        both = [sorted(path.glob("*.safetensors")) for path in (folder, base.files.weights)]
        sizes, base_sizes = ([(file.name, file.stat().st_size) for file in files] for files in both)
        return bool(sizes) and sizes == base_sizes and weights_digest(both[0]) == base.weights
    except (CliffguardError, OSError):  # whatever it is, it is no whole copy
        return False
