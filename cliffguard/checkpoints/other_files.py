"""Settings that lead a loader to files which no digest of a checkpoint covers."""

from __future__ import annotations

import filecmp
from collections.abc import Iterator
from pathlib import Path
from typing import Any

from cliffguard.checkpoints.files import read_json, tokenizer_files
from cliffguard.core.errors import IntegrityError

# With these keys transformers reads other files than those by the usual names, which are hashed.
_ALWAYS_OTHER = {
    "config.json": ("transformers_weights", "configuration_files"),
    # init_inputs are handed on in order, and the first of them is the vocabulary.
    "tokenizer_config.json": ("fast_tokenizer_files", "init_inputs"),
}
# What transformers hands to a tokenizer as it stands; what the map of tokens says comes last.
_TOKENIZER_SETTINGS = ("tokenizer_config.json", "special_tokens_map.json")
_BY_PATH = ("vocab", "merges")  # written out in full, or the path of a file that holds them
# Left behind by older versions in many checkpoints; it is read nowhere.
_UNREAD = "special_tokens_map_file"


def refuse_other_files(name: str, folder: Path) -> None:
    """Refuse settings that lead a loader to files which no digest covers."""
    for file, key in _leading_elsewhere(folder):
        raise IntegrityError(
            f"{name}: its {file} sets {key}, so that other files than the usual ones would "
            "be read; take the key out, and put the files in their usual places",
            id="checkpoint.other-files",
        )


def _leading_elsewhere(folder: Path) -> Iterator[tuple[str, str]]:
    for file, keys in _ALWAYS_OTHER.items():
        settings = _settings(folder, file)
        yield from ((file, key) for key in keys if settings.get(key))
    for file in _TOKENIZER_SETTINGS:
        for key, value in _settings(folder, file).items():
            is_path = key in _BY_PATH or (key.endswith("_file") and key != _UNREAD)
            if is_path and isinstance(value, str) and _is_other(value, key, folder):
                yield file, key


def _settings(folder: Path, file: str) -> dict[str, Any]:
    return read_json(folder / file) if (folder / file).is_file() else {}


def _is_other(value: str, key: str, folder: Path) -> bool:
    """Return whether a path leads to a file that is neither hashed nor a copy of one that is.

    Versions differ in which of these keys they go by (5.0 by tokenizer_file, 5.23 no longer), and
    many a checkpoint still names the file that it was saved from. So a path is refused where
    something lies there: where nothing does, every version takes the checkpoint's files.
    """
    if key in _BY_PATH:
        return True
    hashed = {path.name: path for path in tokenizer_files(folder)}
    for path in (Path(value), folder / value):
        try:
            own_copy = hashed.get(path.name)
            if path.is_file() and not (own_copy and filecmp.cmp(path, own_copy, shallow=False)):
                return True
        except (OSError, ValueError):  # no name of a file, or one that is closed to us
            continue
    return False
