"""Where a run's samples lie: in the folder that is named, one or two below it, or in one file.

`--output_path DIR` of lm-eval 0.4.3 and later makes `DIR/MODEL/samples_TASK_DATE.jsonl`; before, it
is `DIR/MODEL_ARGS_TASK.jsonl`. docs/logged-samples.md has the table.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from pathlib import Path

from cliffguard.core.caveats import Caveat
from cliffguard.core.errors import UsageError
from cliffguard.core.files import user_path
from cliffguard.core.texts import first_and_more, n_things
from cliffguard.runners.imported import only_newest
from cliffguard.runners.lmeval_import.copies import ENDS, Copy, unmarked, without_copies
from cliffguard.runners.lmeval_logs.packing import (
    DAMAGE,
    archive,
    name_inside,
    not_unpacked,
    opened,
    torn,
)
from cliffguard.runners.lmeval_logs.results import DATE, Beside, Results

# lm-eval writes nothing behind the date: what stands there, a person or a program added.
_FILE = re.compile(rf"samples_(?P<task>.+?)(?:_(?P<date>{DATE})(?:[ _-][^.]*)?)?{ENDS}")
_OLD = re.compile(rf"(?P<stem>.+?){ENDS}")  # MODEL_ARGS_TASK.jsonl
_NOT_UNPACKED = re.compile(r"samples_(?P<task>.+?)(?:_" + DATE + r")?\.jsonl?(?:\.\w+)+")
_ARCHIVE = re.compile(r".+\.(?:tar|tar\.\w+|tgz|tbz2?|txz|7z|rar)")
_RESULTS = re.compile(r"results.*\.json")
_CHECKPOINT_FILES = ("config.json", "adapter_config.json")
_EXPECTED = "samples_TASK_DATE.jsonl, as lm-eval writes it with --log_samples"
_N_NAMED = 5


@dataclass(frozen=True, slots=True, kw_only=True)
class SampleFile:
    """A task's samples. `date` is when the run ended, as its name says; None: it does not."""

    path: Path
    task: str
    date: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class LoggedRun:
    """What one side has: of every task the newest samples, and the results files beside them.

    `older` are the files of earlier runs, and `below` folders with others, which are not read.
    `is_file`: one file was named, no folder. `copies` hold what a file that is read holds.
    """

    name: str
    files: Mapping[str, SampleFile]
    older: tuple[SampleFile, ...]
    beside: Beside
    below: tuple[Path, ...] = ()
    copies: tuple[Copy, ...] = ()
    is_file: bool = False

    def path(self, task: str) -> Path:
        """Return the file of a task's samples."""
        return self.files[task].path

    def results_of(self, task: str) -> Results:
        """Return what the results file of the task's run says."""
        return self.beside.of(task, self.files[task].date)


def is_logged(name: str) -> bool:
    """Return whether a name is of something that lm-eval wrote, and not of a checkpoint."""
    path = user_path(name, UsageError)
    if path.is_file():
        names = (_OLD, _NOT_UNPACKED, _ARCHIVE)
        return any(known.fullmatch(unmarked(path.name)) for known in names)
    if not path.is_dir() or is_checkpoint(path):
        return False
    return any(_of_lm_eval(file.name) for folder in _reached(path) for file in _inside(folder))


def refuse_other_folder(name: str) -> None:
    """Raise UsageError for a folder that is there, and holds neither samples nor a checkpoint."""
    path = user_path(name, UsageError)
    if path.is_dir() and not is_checkpoint(path) and not is_logged(name):
        _refuse_archive(file for folder in _reached(path) for file in _inside(folder))
        raise UsageError(
            f"{name}: neither a folder of samples ({_EXPECTED}, in it or in a folder below) nor of "
            f"inspect_ai's logs (.eval) nor a checkpoint ({' or '.join(_CHECKPOINT_FILES)}); there "
            f"is {_contents(path)}",
            id="samples.none-found",
        )


def find_run(name: str) -> LoggedRun:
    """Return what lies at a path, a folder or a file. Raises UsageError where it is not clear."""
    path = user_path(name, UsageError)
    if path.is_file():
        return _single(name, path)
    if not path.is_dir():
        raise UsageError(f"{name}: no such folder", id="samples.no-folder")
    levels = list(_levels(path))
    for depth, level in enumerate(levels):
        holding = [(folder, files) for folder in level if (files := list(_files(folder)))]
        if len(holding) > 1:
            folders = [str(folder) for folder, _ in holding]
            raise UsageError(
                f"{name}: holds the samples of {n_things(len(holding), 'model')} "
                f"({_shown(folders)}); name the folder of one",
                id="samples.several-models",
            )
        if holding:
            folder, files = holding[0]
            _refuse_packed(name, folder, {file.task for file in files})
            files, copies = _once(folder, files)
            newest, older = _newest(folder, files)
            below = [
                folder for deeper in levels[depth + 1 :] for folder in deeper if any(_files(folder))
            ]
            return LoggedRun(
                name=name,
                files=newest,
                older=older,
                beside=Beside(folder),
                below=tuple(below),
                copies=tuple(copies),
            )
    raise _nothing(name, path)


def together(base: LoggedRun, candidate: LoggedRun) -> tuple[LoggedRun, LoggedRun]:
    """Return both with the name of the task, where a single file bears none: it is the other's."""
    runs = (base, candidate)
    named = {task for run in runs for task in run.files if task}
    if all("" not in run.files for run in runs):
        return runs
    if len(named) > 1:
        unnamed = next(run for run in runs if "" in run.files)
        raise UsageError(
            f"{unnamed.name}: does not say of which task it is ({_shown(sorted(named))}); call it "
            "samples_TASK.jsonl",
            id="samples.no-task",
        )
    name = base.path("").name if "" in base.files else ""
    task = next(iter(named), None) or _stem(name) or name
    return _renamed(base, task), _renamed(candidate, task)


def _renamed(run: LoggedRun, task: str) -> LoggedRun:
    (file,) = run.files.values()
    return replace(run, files={task: replace(file, task=task)})


def left_out(side: str, run: LoggedRun) -> Iterator[Caveat]:
    """Say which samples of a side are not read: for newer ones, or as they lie deeper."""
    if run.below:
        folders = _shown([str(folder) for folder in run.below])
        text = f"{side}: what lies directly in {run.name} is judged; not read: {folders}."
        yield Caveat(id="samples.folders-below", text=text)
    for copy in run.copies:
        text = f"{side}: {copy.path.name} holds what {copy.of.name} does, and is left out."
        yield Caveat(id="samples.same-twice", text=text)
    if run.older:
        tasks = sorted({file.task for file in run.older})
        names = [file.path.name for file in run.older]
        yield only_newest(
            f"{side}: of {_shown(tasks)} the newest run is judged; older samples are left out: "
            f"{', '.join(names)}."
        )


# --- folders -------------------------------------------------------------------------------------


def is_checkpoint(folder: Path) -> bool:
    """Return whether a folder is a checkpoint, whatever else lies in it."""
    return any((folder / file).exists() for file in _CHECKPOINT_FILES)


def _levels(folder: Path) -> Iterator[list[Path]]:
    """Yield the folder, those in it, and those in them."""
    level = [folder]
    for _ in range(3):
        yield level
        level = [below for parent in level for below in _inside(parent) if below.is_dir()]


def _inside(folder: Path) -> list[Path]:
    try:
        return sorted(folder.iterdir())
    except OSError as failure:
        raise UsageError(f"{folder}: {failure.strerror}", id="samples.unreadable") from None


def _reached(folder: Path) -> Iterator[Path]:
    return (reached for level in _levels(folder) for reached in level)


def _of_lm_eval(name: str) -> bool:
    name = unmarked(name)
    return any(known.fullmatch(name) for known in (_FILE, _NOT_UNPACKED, _RESULTS))


def _files(folder: Path) -> Iterator[SampleFile]:
    there = _inside(folder)
    files = [
        SampleFile(path=path, task=match["task"], date=match["date"])
        for path in there
        if (match := _FILE.fullmatch(unmarked(path.name))) is not None
    ]
    if files:
        yield from files
    elif any(path.suffix == ".json" for path in there):
        yield from _old_files(there, Beside(folder).tasks)


def _old_files(there: Sequence[Path], tasks: set[str]) -> Iterator[SampleFile]:
    """Yield files of lm-eval before 0.4.3, whose tasks the results file beside them names."""
    for path in there:
        if not _RESULTS.fullmatch(path.name) and (task := _task_of(path, tasks)):
            yield SampleFile(path=path, task=task, date=None)


def _task_of(path: Path, tasks: set[str]) -> str:
    """Return the task whose name a file's ends with, the longest; empty: it is none of them."""
    stem = f"_{_stem(path.name)}"
    return max((task for task in tasks if stem.endswith(f"_{task}")), key=len, default="")


def _stem(name: str) -> str:
    match = _OLD.fullmatch(unmarked(name))
    return "" if match is None else match["stem"]


def _once(folder: Path, files: Sequence[SampleFile]) -> tuple[list[SampleFile], list[Copy]]:
    """Return one file of every task and run, and the copies of it."""
    same: dict[tuple[str, str | None, str], list[SampleFile]] = {}
    for file in files:
        # Without a date it is one run if nothing but a mark of copying, or packing, differs.
        named = "" if file.date else _stem(file.path.name)
        same.setdefault((file.task, file.date, named), []).append(file)
    read, copies = [], []
    for (task, _, _), group in same.items():
        first, others = without_copies(folder, task, [file.path for file in group])
        read.append(replace(group[0], path=first))
        copies += others
    return read, copies


def _newest(
    folder: Path, files: Sequence[SampleFile]
) -> tuple[dict[str, SampleFile], tuple[SampleFile, ...]]:
    """Return of every task the file of its newest run, and all others."""
    by_task: dict[str, list[SampleFile]] = {}
    for file in files:
        by_task.setdefault(file.task, []).append(file)
    older: list[SampleFile] = []
    for task, runs in by_task.items():
        if len(runs) > 1 and any(run.date is None for run in runs):
            raise UsageError(
                f"{folder}: {runs[0].path.name} and {runs[1].path.name} are both of {task}, and "
                "their names do not say which is newer; move the run that is not meant out of the "
                "folder",
                id="samples.undated-runs",
            )
        runs.sort(key=lambda run: run.date or "")
        older += runs[:-1]
    return {task: runs[-1] for task, runs in by_task.items()}, tuple(older)


def _single(name: str, path: Path) -> LoggedRun:
    if _RESULTS.fullmatch(path.name):
        raise _only_results(name)
    if path.name == "review.json":
        raise UsageError(
            f"{name}: is a review, and holds no answers; `cliffguard report` shows it, and compare "
            f"takes the checkpoints or the samples behind it ({_EXPECTED})",
            id="samples.is-review",
        )
    if _is_packed_otherwise(path.name):
        raise not_unpacked(name, path)
    if _ARCHIVE.fullmatch(path.name):
        raise archive(name, path)
    inner = ""
    try:
        opened(path).close()  # what is in an archive is seen before a task is looked for
        inner = name_inside(path)
    except DAMAGE as failure:
        raise torn(path, failure) from None
    except OSError:
        pass  # the line that says it comes with the first sample that is read
    beside = Beside(path.parent)
    match = _FILE.fullmatch(unmarked(path.name)) or _FILE.fullmatch(unmarked(inner))
    task = match["task"] if match else _task_of(path, beside.tasks)
    file = SampleFile(path=path, task=task, date=match["date"] if match else None)
    return LoggedRun(name=name, files={task: file}, older=(), beside=beside, is_file=True)


# --- what is wrong -------------------------------------------------------------------------------


def _nothing(name: str, folder: Path) -> UsageError:
    there = [file for parent in _reached(folder) for file in _inside(parent)]
    if packed := [file for file in there if _is_packed_otherwise(file.name)]:
        return not_unpacked(name, packed[0])
    _refuse_archive(there)
    if any(_RESULTS.fullmatch(file.name) for file in there):
        return _only_results(name)
    return UsageError(
        f"{name}: no samples in it ({_EXPECTED}), nor in a folder below; there is "
        f"{_contents(folder)}",
        id="samples.none-found",
    )


def _refuse_archive(files: Iterable[Path]) -> None:
    """Refuse what may lie in an archive, where nothing else is there."""
    for path in files:
        if path.suffix.lower() == ".zip" or _ARCHIVE.fullmatch(path.name):
            raise archive(str(path), path)


def _is_packed_otherwise(name: str) -> bool:
    return _NOT_UNPACKED.fullmatch(name) is not None and not _FILE.fullmatch(unmarked(name))


def _refuse_packed(name: str, folder: Path, read: set[str]) -> None:
    """Refuse a folder in which a task would be left out since its file is not unpacked here."""
    for path in _inside(folder):
        match = _NOT_UNPACKED.fullmatch(unmarked(path.name))
        if match and _is_packed_otherwise(path.name) and match["task"] not in read:
            raise not_unpacked(name, path)


def _only_results(name: str) -> UsageError:
    return UsageError(
        f"{name}: results without samples, a summary without items ({_EXPECTED} is expected); run "
        "lm-eval again with --log_samples, and give the folder",
        id="samples.only-results",
    )


def _contents(folder: Path) -> str:
    names = [path.name + "/" * path.is_dir() for path in _inside(folder)]
    unnamed = any(name.endswith(".jsonl") for name in names)
    hint = "; files of other names are read with lm-eval's results.json beside them, or one by one"
    return (_shown(names) if names else "nothing") + hint * unnamed


def _shown(names: Sequence[str]) -> str:
    return first_and_more(names, _N_NAMED)
