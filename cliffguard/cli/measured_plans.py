"""Which of the measurements of one pair is meant, by what is given of a plan."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import TYPE_CHECKING, Any

from cliffguard.cli.flag_values import overrides, spelt
from cliffguard.cli.plan_options import KEYS
from cliffguard.core.errors import UsageError
from cliffguard.core.files import is_path, user_path
from cliffguard.core.texts import n_things

if TYPE_CHECKING:
    from cliffguard.core.settings import Plan
    from cliffguard.run.measured import MeasuredPair


def pair_under(names: str, pairs: Sequence[MeasuredPair], flags: Mapping[str, Any]) -> MeasuredPair:
    """Return which of the measurements of one pair is meant.

    Where several fit what is given, that is the one which says nothing else where they differ.
    Raises UsageError where none, or no single one, is meant.
    """
    from cliffguard.config import as_written
    from cliffguard.core.settings import Plan

    given = _keys({key: value for key, value in overrides(flags).items() if key != "policy"})
    fitting = [
        (pair, keys)
        for pair in pairs
        for keys in [_keys_of(pair.survey.plan)]
        if all(_has(keys, key, value) for key, value in given.items())
    ]
    if not fitting:
        words = [word for word in spelt(flags) if word != "--policy"]
        raise UsageError(
            f"{names}: were not measured under this {', '.join(words)} "
            f"({'; '.join(sorted(set(map(_described, pairs))))}); leave it out, or `cliffguard "
            "measure` them under it",
            id="compare.other-plan",
        )
    differing = sorted(
        key
        for key in {key for _, keys in fitting for key in keys}
        if any(keys.get(key) != fitting[0][1].get(key) for _, keys in fitting)
    )
    usual = _keys(as_written(Plan(candidate="any", suites=("any",))))  # suites have no default
    plain = [pair for pair, keys in fitting if all(keys.get(k) == usual.get(k) for k in differing)]
    if len({pair.questions for pair in plain}) != 1:
        plans = sorted({_differences(pair, keys, differing) for pair, keys in fitting})
        raise UsageError(
            f"{names}: were measured in {n_things(len(plans), 'way')} that fit "
            f"({'; '.join(plans)}); "
            + ("name one by these flags" if differing else "judge the bundle of one of them"),
            id="compare.several-plans",
        )
    _refuse_changed_files(plain[0], flags)
    return plain[0]


def _has(keys: Mapping[str, Any], key: str, value: Any) -> bool:
    """Return whether a plan says this of a key, or of each part of it: a churn of all shares."""
    parts = [part for path, part in keys.items() if path.startswith(f"{key}.")]
    return all(part == value for part in parts) if parts else bool(keys.get(key) == value)


def _keys_of(plan: Plan) -> dict[str, Any]:
    """Return what a plan says of its questions, by the paths of its keys."""
    from cliffguard.config import as_written

    apart = ("base", "candidate", "policy")  # the sides are known by their fingerprints
    return {
        key: value
        for key, value in _keys(as_written(plan)).items()
        if value is not None and key.partition(".")[0] not in apart
    }


def _keys(written: Mapping[str, Any], section: str = "") -> dict[str, Any]:
    """Return the values of a plan by the paths of their keys: `protocol.limit`."""
    keys: dict[str, Any] = {}
    for key, value in written.items():
        if isinstance(value, Mapping):
            keys |= _keys(value, f"{section}{key}.")
        else:
            keys[section + key] = list(value) if isinstance(value, tuple) else value
    return keys


def _described(pair: MeasuredPair) -> str:
    limit = pair.survey.plan.protocol.limit
    suites = ", ".join(suite.name for suite in pair.survey.suites)
    return f"they were on {suites}{'' if limit is None else f', limit {limit}'}"


def _differences(pair: MeasuredPair, keys: Mapping[str, Any], differing: Sequence[str]) -> str:
    """Return what tells a measurement from the others: flags, or who answered."""
    words = [
        f"{'without ' if value is None else ''}{_option(key)}{_spelt_value(value)}"
        for key in differing
        for value in [keys.get(key)]
    ]
    return " ".join(words) or f"by {pair.runner}, {pair.dtype}"


def _spelt_value(value: Any) -> str:
    if value is None:
        return ""
    return f" {' '.join(map(str, value)) if isinstance(value, list) else value}"


def _option(path: str) -> str:
    """Return the flag that sets a key."""
    for key in KEYS.values():
        whole = key.name if key.section is None else f"{key.section}.{key.name}"
        if path == whole or path.startswith(f"{whole}."):
            return key.option
    return path


def _refuse_changed_files(pair: MeasuredPair, flags: Mapping[str, Any]) -> None:
    """Refuse a suite or a target that is named and lies here, and is not what was measured."""
    from cliffguard.suites.loading import load_suite
    from cliffguard.suites.target import target_suite

    survey = pair.survey
    measured = {suite.digest for suite in survey.suites}
    given = overrides(flags)
    here = {
        name: load_suite(name).digest
        for name in given.get("suites", ())
        if not is_path(name) or user_path(name, UsageError).is_file()
    }
    target = survey.plan.target
    if "target" in given and target is not None and user_path(target.data, UsageError).exists():
        here[target.data] = target_suite(target, offline=True).digest
    for name, digest in here.items():
        if digest not in measured:
            raise UsageError(
                f"{name}: has changed since {survey.candidate.name} was measured on it; leave it "
                "out to judge what was measured, or `cliffguard measure` both sides again",
                id="compare.changed-items",
            )
