"""Settings files of a checkpoint that no loader reads right: their encoding, and absurd sizes."""

from __future__ import annotations

import codecs
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from cliffguard.core.canonical_json import parse_json
from cliffguard.core.errors import IntegrityError

_MARKS = {
    codecs.BOM_UTF8: "utf-8-sig",
    codecs.BOM_UTF16_LE: "utf-16",
    codecs.BOM_UTF16_BE: "utf-16",
}
_READ = (
    *("*config.json", "tokenizer.json", "*_map.json", "added_tokens.json", "vocab.json"),
    *("*.index.json", "*.jinja", "merges.txt", "vocab.txt"),
)


def refuse_marked(folder: Path) -> None:
    """Raise IntegrityError for settings and templates that an editor did not save as plain UTF-8.

    transformers fails at the mark, or takes it for the first character of a template.
    """
    for path in sorted(path for pattern in _READ for path in folder.glob(pattern)):
        try:
            with path.open("rb") as stream:
                begun = stream.read(len(codecs.BOM_UTF8))
        except OSError:  # whoever reads the file will say so
            continue
        encoding = next((name for mark, name in _MARKS.items() if begun.startswith(mark)), None)
        if encoding is not None and _is_whole(path, encoding):
            what = "UTF-8 with a byte-order mark" if encoding == "utf-8-sig" else "UTF-16"
            raise IntegrityError(
                f"{path}: is {what}, as editors on Windows save it, and transformers reads plain "
                f"UTF-8; write it so: {_rewriting(path, encoding)}",
                id="checkpoint.byte-order-mark",
            )


def _is_whole(path: Path, encoding: str) -> bool:
    """Return True where nothing but the encoding is wrong: else whoever reads the file says so."""
    try:
        text = path.read_bytes().decode(encoding)
        if path.suffix == ".json":
            parse_json(text)
    except (OSError, ValueError):
        return False
    return True


def _rewriting(path: Path, encoding: str) -> str:
    """Return the command that writes a file as UTF-8."""
    name = str(path)
    if {*name} & {*"\"'$`\\!"} or not name.isprintable():
        name = "FILE"
    return (
        f"python -c \"import pathlib; p = pathlib.Path('{name}'); "
        f"p.write_bytes(p.read_bytes().decode('{encoding}').encode())\""
    )


_SIZES = (
    *("num_attention_heads", "num_hidden_layers", "hidden_size", "num_key_value_heads"),
    *("intermediate_size", "vocab_size", "head_dim", "n_head", "n_layer", "n_embd", "d_model"),
    *("num_heads", "num_layers"),
)
_PARTS = ("text_config", "language_config", "llm_config", "decoder")


def refuse_sizes(name: str, config: Mapping[str, Any]) -> None:
    """Raise IntegrityError for a count of layers, heads, … that no model has: 0, -1, 2.5, "4"."""
    for key in _SIZES:
        value = config.get(key)
        is_size = isinstance(value, int) and not isinstance(value, bool) and value > 0
        if value is not None and not isinstance(value, list) and not is_size:
            raise IntegrityError(
                f"{name}: its config.json says {key} {value!r:.40}, which no model has; put the "
                "config beside the weights that it was saved with, or copy it again",
                id="checkpoint.impossible-size",
            )
    for part in _PARTS:
        if isinstance(inner := config.get(part), Mapping):
            refuse_sizes(name, inner)
