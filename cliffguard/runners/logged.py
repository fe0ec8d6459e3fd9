"""What others measured, whoever wrote it: lm-eval's samples, logs of inspect_ai, plain results."""

from __future__ import annotations

from collections.abc import Callable
from typing import Literal

from cliffguard.core.errors import CliffguardError, UsageError
from cliffguard.core.files import user_path
from cliffguard.core.progress import doing
from cliffguard.core.settings import Policy
from cliffguard.core.texts import Texts
from cliffguard.runners import lmeval_import
from cliffguard.runners.imported import Imported
from cliffguard.runners.lmeval_import.folders import is_checkpoint
from cliffguard.runners.lmeval_logs.lines import rows_in
from cliffguard.runners.plain_lines import LINE, is_plain

Kind = Literal["lm-eval", "inspect_ai", "plain"]

_WORDS = {
    "lm-eval": "samples that lm-eval logged",
    "inspect_ai": "a log of inspect_ai",
    "plain": "plain results",
}


_LOG_FILES = "samples_TASK_DATE.jsonl of lm-eval, a log of inspect_ai (.eval, .json)"


def is_logged(name: str) -> bool:
    """Return whether a name is of something that was measured elsewhere, and of no checkpoint."""
    return lmeval_import.is_logged(name) or _is_inspect(name)


def refuse_other_folder(name: str) -> None:
    """Raise UsageError for a folder that is there, and holds nothing that can be compared."""
    if not _is_inspect(name):
        lmeval_import.refuse_other_folder(name)


def refuse_other_file(name: str) -> None:
    """Raise UsageError for a file: it is no log, or it would be read, nor a checkpoint."""
    path = user_path(name, UsageError)
    if not path.is_file():
        return
    how = ""
    if path.suffix.lower() in (".csv", ".tsv"):
        from cliffguard.suites.target.cells import rewritten  # late: all that reads anybody's data

        made = rewritten(name, "{**r, 'score': float(r['score'])}")
        how = f"; of a table of ids and scores {made} makes plain results"
    raise UsageError(
        f"{name}: no file of results: these are {_LOG_FILES}, or plain results (.jsonl), of which "
        f"a line is {LINE}{how}",
        id="compare.other-file",
    )


@doing("reading the samples")
def read_logged(base: str, candidate: str, policy: Policy, texts: Texts = "short") -> Imported:
    """Pair what two runs logged, under the capabilities that the policy makes of their tasks.

    `texts` is how much is kept of prompts to which the answers score alike; others are whole.
    Raises UsageError for what the user wrote (a folder without samples, a task in two
    capabilities), IntegrityError where a file is damaged or the sides were not asked the same.
    """
    return _READERS[_kind_of(base, candidate)](base, candidate, policy, texts)


def _kind_of(base: str, candidate: str) -> Kind:
    """Return what both are; what does not show it, as an empty file, is what the other is."""
    kinds = (_kind(base), _kind(candidate))
    known = [kind for kind in kinds if kind is not None]
    if len(set(known)) > 1:
        raise UsageError(
            f"{base} holds {_WORDS[known[0]]}, and {candidate} {_WORDS[known[1]]}; compare two of "
            "one kind",
            id="samples.other-kind",
        )
    return known[0] if known else "lm-eval"


def _kind(name: str) -> Kind | None:
    path = user_path(name, UsageError)
    if _is_inspect(name):
        return "inspect_ai"
    if not path.is_file():
        return "lm-eval"
    try:
        first = next(rows_in(path), None)
    except CliffguardError:  # which is told when the file is read as what it is
        return None
    if first is None:
        return None
    if is_plain(first[1]):
        return "plain"
    return "lm-eval" if "doc_id" in first[1] else None


def _is_inspect(name: str) -> bool:
    path = user_path(name, UsageError)
    if path.is_file():
        from cliffguard.runners.inspect_logs.files import is_log  # late, as in `_from_inspect`

        return is_log(path)
    if not path.is_dir() or is_checkpoint(path) or lmeval_import.is_logged(name):
        return False
    from cliffguard.runners.inspect_logs.folders import holds_logs

    return holds_logs(path)


def _from_inspect(base: str, candidate: str, policy: Policy, texts: Texts) -> Imported:
    from cliffguard.runners import inspect_logs  # late: nearly all that is compared is lm-eval's
    from cliffguard.runners.scored import paired

    sides = (
        inspect_logs.read_logs(base, "base", policy, texts),
        inspect_logs.read_logs(candidate, "candidate", policy, texts),
    )
    return paired(sides, policy, inspect_logs.SOURCE, inspect_logs.WHO_ANSWERED)


def _from_plain(base: str, candidate: str, policy: Policy, _: Texts) -> Imported:
    from cliffguard.runners import plain_results
    from cliffguard.runners.scored import paired, wanted_fields

    sides = plain_results.read_plain((base, candidate), wanted_fields(policy))
    return paired(sides, policy, plain_results.SOURCE, plain_results.unknown(sides))


_READERS: dict[Kind, Callable[[str, str, Policy, Texts], Imported]] = {
    "lm-eval": lmeval_import.read_samples,
    "inspect_ai": _from_inspect,
    "plain": _from_plain,
}
