"""The measured pairs of a store that two names mean."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from pathlib import PurePath
from typing import TYPE_CHECKING, Any

from cliffguard.cli.measured_plans import pair_under
from cliffguard.core.errors import UsageError
from cliffguard.core.hub_names import without_prefix
from cliffguard.core.texts import n_things

if TYPE_CHECKING:
    from cliffguard.run.measured import MeasuredPair
    from cliffguard.store.answers import Store
    from cliffguard.store.pairs import PairFile


def is_of(word: str, name: str, fingerprint: str) -> bool:
    """Return whether a checkpoint is meant: by name, the last part of it, or fingerprint."""
    is_long = len(word) >= _FEWEST_DIGITS
    return without_prefix(word) in (name, PurePath(name).name) or (
        is_long and fingerprint.startswith(word)
    )


_FEWEST_DIGITS = 6  # of a fingerprint that stands for a checkpoint


def pair_named(
    store: Store, base: str, candidate: str, flags: Mapping[str, Any]
) -> MeasuredPair | None:
    """Return the pair of a store that two names and what is given of a plan mean.

    None where the store knows nothing of these names. Raises UsageError where it has answers of
    both, and nobody checked them as a pair; where a name stands for two checkpoints; and where no
    plan, or no single one, is meant.
    """
    from cliffguard.run.measured import read_pair
    from cliffguard.store.pairs import pair_files, read_pair_file

    files = [(path, read_pair_file(path)) for path in pair_files(store)]
    known = {*_of_questions(store), *(side for _, file in files for side in _sides(file))}
    meant = [
        sorted({digits for name, digits in known if is_of(word, name, digits)})
        for word in (base, candidate)
    ]
    if not all(meant):
        return None
    for word, fingerprints in zip((base, candidate), meant, strict=True):
        _refuse_several(word, fingerprints, store)
    sides = tuple(fingerprint for (fingerprint,) in meant)
    # Only these are read as a whole: another pair may be of a later format.
    pairs = [read_pair(path) for path, file in files if file.sides == sides]
    if not pairs:
        raise UsageError(
            f"{base}, {candidate}: {store.root} holds answers of both, and nobody checked their "
            "files as a pair; run `cliffguard measure BASE CANDIDATE` where they lie",
            id="compare.unchecked-pair",
        )
    return pair_under(f"{base}, {candidate}", pairs, flags)


def _of_questions(store: Store) -> Iterator[tuple[str, str]]:
    """Yield names and fingerprints of what has answers, also of what nobody checked as a pair."""
    from cliffguard.store.maintenance.questions import entries_of

    for entry in entries_of(store):
        question = entry.read_question()
        yield str(question["about"]["name"]), str(question["asked"]["checkpoint"])


def _sides(file: PairFile) -> list[tuple[str, str]]:
    """Return names and fingerprints of a pair; none of a later format, whose keys nobody knows."""
    from cliffguard.run.measured import FORMAT

    match file.noted:
        case {
            "format": version,
            "survey": {"base": {"name": str(base)}, "candidate": {"name": str(candidate)}},
        } if version == FORMAT:
            return list(zip((base, candidate), file.sides, strict=True))
    return []


def _refuse_several(word: str, fingerprints: Sequence[str], store: Store) -> None:
    """Refuse a name that was trained again: nobody knows which of its weights are meant."""
    if len(fingerprints) > 1:
        raise UsageError(
            f"{word}: stands for {n_things(len(fingerprints), 'checkpoint')} in {store.root} "
            f"({', '.join(digits[:12] for digits in fingerprints)}); give the fingerprint of the "
            "one that is meant, as `cliffguard store ls` shows it",
            id="compare.several-checkpoints",
        )
