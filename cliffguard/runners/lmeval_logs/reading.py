"""Files of samples that lm-eval logged, read line by line; damage is named with its place."""

from __future__ import annotations

import json
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

from cliffguard.core.answers import NOTHING_READ
from cliffguard.core.errors import IntegrityError, UsageError
from cliffguard.core.hashing import sha256_of_text
from cliffguard.core.texts import SHORT, Texts, ends_of, whole_characters
from cliffguard.runners.lmeval_logs.releases import names_filters, prompt_of, samples_in
from cliffguard.runners.lmeval_logs.sample import (
    NO_SAMPLE,
    Sample,
    choices_of,
    facts_beside,
    fields_of,
    fitting_choices,
    generated_text,
    generation_settings,
    in_words,
    n_answers_of,
    picked_choice,
    plain_setting,
    response_text,
    score_in,
    trace_of,
    unread_text,
)
from cliffguard.runners.other_metrics import Mean

_NO_SCORE = ", not a score between 0 and 1"
_MOST_VALUES = 20  # of a setting, of those that a task sets for each document
REPEATS = "responses a document"
"""Among the settings, how many texts were generated for each."""

_OTHER_PICKS = ("acc_norm", "acc_bytes", "acc_mutual_info")  # not by the likelihood alone
_RIGHT_OR_WRONG = {0.0: 0.0, 1.0: 1.0}  # most scores, of which memory holds one each


@dataclass(frozen=True, slots=True)
class ScoreChoice:
    """Which of a file's scores counts; None: the first."""

    metric: str | None
    filter: str | None


class ScoreError(UsageError):
    """A metric is no score of an item: `metric`, and in words what `contents` in its place is."""

    def __init__(
        self, where: str, metric: str, reason: str, there: Sequence[str], why: str = ""
    ) -> None:
        self.metric, self.contents = metric, reason
        others = [name for name in there if name != metric]
        offered = (
            f"choose another with metric: in the policy's capability (there are: "
            f"{', '.join(others)}), or leave"
            if others
            else "there is no other metric; leave"
        )
        super().__init__(
            f"{where}: {metric} {reason}{why}; {offered} the task out with a policy that names the "
            "others",
            id="samples.no-score",
        )


class TaskReader:
    """Reads a task's file of each side, by the metric and the filter that the first one settles.

    `logged` are all metrics of the file that was read last, and `others` what other filters made
    of its documents: by filter and document the score, None where they read nothing either.
    `settings` are those by which its texts were generated, each with its values as JSON. `means`
    are those of its metrics over the documents that have a score, None of one that is no number.
    `wanted` are fields of documents that are kept; `unusable` are metrics that are not settled on.
    `texts` is how much is kept of the prompts of items that do not change.
    """

    def __init__(
        self,
        choice: ScoreChoice,
        wanted: Sequence[str] = (),
        unusable: Collection[str] = (),
        texts: Texts = "short",
    ) -> None:
        self.choice = choice
        self._texts: Texts = texts
        self._named_choice = choice
        self._unusable = unusable
        self._is_number = False  # that which was settled on has been one
        self.logged: tuple[str, ...] = ()
        self.others: dict[str, dict[str, float | None]] = {}
        self.settings: dict[str, set[str]] = {}
        self.means: dict[str, Mean | None] = {}
        self._last_settings: Mapping[str, Any] | None = None
        self._wanted = wanted
        self._twins: Mapping[str, Sample] = {}  # of the other side, which asked the same

    def __call__(
        self, path: Path, named: Sequence[str], is_traced: Callable[[bool], bool]
    ) -> dict[str, Sample]:
        """Return the samples of a file by document, of one filter.

        `named` are the filters that wrote it, in order, where the results file of its run tells;
        `is_traced` says whether choices (True), or generated answers, are to have a trace.
        Raises ScoreError where the metric is no score of an item.
        """
        samples: dict[str, Sample] = {}
        filters: dict[str, None] = {}
        known: dict[str, None] = {}
        last_metrics: list[str] = []
        self.others, self.settings, self._last_settings, self.means = {}, {}, None, {}
        for line, row in samples_in(path, named):
            name = str(row.get("filter", "none"))
            filters[name] = None
            metrics = _metrics(row)
            if not samples or metrics != last_metrics:
                last_metrics = metrics  # as nearly every document's are
                known.update(dict.fromkeys(metrics))
                self._settle(name, known)
            if name != self.choice.filter:
                self._note_other(name, row)
                continue
            sample = self._sample(path, line, row, is_traced)
            self._note_settings(row)
            self._note_means(row, metrics, sample.score)
            if sample.document in samples:
                raise IntegrityError(
                    f"{path}:{line}: document {sample.document} stands twice; two runs were "
                    "written into one file",
                    id="samples.twice",
                )
            samples[sample.document] = sample
        self.logged = tuple(known)
        self._refuse_unknown(path, filters, known)
        self._twins = samples
        return samples

    def forget(self) -> None:
        """Let go of the samples that were read last: no other side is read."""
        self._twins, self.others = {}, {}

    def _settle(self, name: str, known: Mapping[str, None]) -> None:
        """Take the first filter, and its first metric, where none was chosen."""
        usable = (metric for metric in known if metric not in self._unusable)
        metric = self.choice.metric or next(usable, None)
        self.choice = ScoreChoice(metric, self.choice.filter or name)

    def _refuse_unknown(
        self, path: Path, filters: Mapping[str, None], known: Mapping[str, None]
    ) -> None:
        if not filters:
            raise IntegrityError(f"{path}: holds no sample; run lm-eval again", id="samples.empty")
        if self.choice.filter not in filters:
            raise self._no_filter(path, tuple(filters))
        if not known:
            raise IntegrityError(
                f"{path}: no sample names its metrics; run lm-eval again", id="samples.no-metric"
            )
        if self.choice.metric not in known:
            there = ", ".join(known)
            name, comma, filter = (self.choice.metric or "").partition(",")
            both = f"; write metric: {name} and filter: {filter}" if comma and name in known else ""
            hint = "; answers without scores (--predict_only): run lm-eval without it"
            raise UsageError(
                f"{path}: no metric {self.choice.metric!r}; there are: {there}{both}"
                f"{hint if 'bypass' in known else ''}",
                id="samples.no-metric",
            )

    def _no_filter(self, path: Path, there: Sequence[str]) -> UsageError:
        is_asked = self._named_choice.filter is not None
        who = "the policy's capability names" if is_asked else "the base is judged by"
        rerun = "run lm-eval on both sides with one release"
        if names_filters(path):
            what = f"has no samples of it; there are: {', '.join(there)}"
            how = (
                f"choose one of these with filter: in the policy, or {rerun}" if is_asked else rerun
            )
        else:
            names = ", ".join(there)
            what = f"was written by an lm-eval before 0.4.7, which names none (here: {names})"
            choose = f", or write filter: {there[0]} in the policy" if is_asked else ""
            how = (
                "put the results file of its run (results.json, or results_DATE.json of the same "
                f"DATE) beside it, which names them{choose}, or {rerun}"
            )
        return UsageError(
            f"{path}: {who} the filter {self.choice.filter!r}, and this file {what}; {how}",
            id="samples.no-filter",
        )

    def _note_settings(self, row: Mapping[str, Any]) -> None:
        settings = generation_settings(row.get("arguments"))
        if settings is None:
            return
        responses = row.get("resps")
        first = responses[0] if isinstance(responses, list) and responses else None
        n_said = len(first) if isinstance(first, list) else 1
        settings = {**settings, REPEATS: n_said}
        if settings == self._last_settings:
            return  # as nearly every document is
        self._last_settings = settings
        for key, value in settings.items():
            values = self.settings.setdefault(str(key), set())
            if len(values) < _MOST_VALUES:
                values.add(json.dumps(plain_setting(value), sort_keys=True))

    def _note_means(
        self, row: Mapping[str, Any], metrics: Sequence[str], judged: float | None
    ) -> None:
        """Note what the other metrics say of a document, where nobody chose among them."""
        if judged is None or self._named_choice.metric is not None:
            return
        for metric in metrics:
            if metric not in self.means:
                self.means[metric] = Mean()
            mean = self.means[metric]
            if mean is None:
                continue
            score = judged if metric == self.choice.metric else _share(row, metric)
            if score is None:
                self.means[metric] = None
            else:
                mean.add(score)

    def _note_other(self, name: str, row: Mapping[str, Any]) -> None:
        is_read = response_text(row.get("filtered_resps"), row.get("arguments")) != NOTHING_READ
        score = _share(row, self.choice.metric or "") if is_read else None
        self.others.setdefault(name, {})[str(row.get("doc_id"))] = score

    def _sample(
        self, path: Path, line: int, row: Mapping[str, Any], is_traced: Callable[[bool], bool]
    ) -> Sample:
        try:
            arguments, answer = row.get("arguments"), row.get("filtered_resps")
            text = generated_text(answer, arguments)
            score = self._score(path, line, row)
            document = str(row["doc_id"])
            twin = self._twins.get(document, NO_SAMPLE)
            choices = _shared(choices_of(arguments) if text is None else (), twin.choices)
            picked, sure = picked_choice(answer, choices) if text is None else ("", None)
            target = str(row.get("target", ""))
            fitting = fitting_choices(target, choices, picked, row.get("acc")) if choices else ()
            is_whole = bool(self._twins) and (score is None or score != twin.score)
            whole = prompt_of(arguments)
            prompt, sha256 = self._kept(whole, row["prompt_hash"], is_whole=is_whole)
            return Sample(
                document=_shared(document, twin.document),
                document_hash=_shared(str(row["doc_hash"]), twin.document_hash),
                prompt_hash=_shared(str(row["prompt_hash"]), twin.prompt_hash),
                score=None if text == NOTHING_READ else score,
                prompt=_shared(prompt, twin.prompt),
                target=_shared(target, twin.target),
                text=picked if text is None else text,
                is_choice=text is None,
                is_readable=text != NOTHING_READ,
                choices=choices,
                trace=trace_of(row, answer, is_choice=text is None)
                if is_traced(text is None)
                else None,
                fields=fields_of(row.get("doc"), self._wanted) if self._wanted else {},
                fitting=_shared(fitting, twin.fitting),
                prompt_sha256=_shared(sha256, twin.prompt_sha256),
                facts=facts_beside(whole, sha256, choices, target, twin),
                unread=unread_text(row.get("resps"), arguments, text),
                confidence=None if self.choice.metric in _OTHER_PICKS else sure,
            )
        except KeyError as failure:
            raise IntegrityError(
                f"{path}:{line}: {failure.args[0]} is missing; copy the file again, or run lm-eval "
                "again",
                id="samples.missing-key",
            ) from None

    def _kept(self, prompt: str, logged: Any, *, is_whole: bool) -> tuple[str, str | None]:
        """Return as much of a prompt as is kept, and if that is not all, the SHA-256 of the whole.

        Millions of prompts are not held: of those that are not shown whole their ends. They are
        held even where no text may be written, since the diagnosis reads them.
        """
        if is_whole or self._texts == "full" or len(prompt) <= SHORT:
            return prompt, None
        short = ends_of(prompt)
        sha256 = sha256_of_text(whole_characters(prompt))
        return short, logged if logged == sha256 else sha256  # a text that is held already

    def _score(self, path: Path, line: int, row: Mapping[str, Any]) -> float | None:
        metric = self.choice.metric
        if metric is None:
            if self._unusable:
                raise ScoreError(f"{path}:{line}", "", "no metric is left", [])
            return None  # the sample names none; that no other does is seen at the end
        try:
            number = score_in(row, metric)
        except ValueError:
            raise self._no_number(path, line, row, metric) from None
        if number is None or 0 <= number <= 1:
            self._is_number = self._is_number or number is not None
            return None if number is None else _RIGHT_OR_WRONG.get(number, number)
        reason = f"is {in_words(row.get(metric))}"
        if any(sample.score for sample in self._twins.values()):
            raise _damaged(path, line, f"{metric} {reason}, and from 0 to 1 on the base's side")
        raise ScoreError(f"{path}:{line}", metric, reason, _metrics(row), _NO_SCORE)

    def _no_number(
        self, path: Path, line: int, row: Mapping[str, Any], metric: str
    ) -> IntegrityError | ScoreError:
        """Return what is wrong with a value that is no number: it, or the metric."""
        value = in_words(row.get(metric))
        if self._is_number:
            return _damaged(path, line, f"{metric} is {value}, and a number elsewhere")
        why = f"{_NO_SCORE}: it is computed over the whole set"
        if _may_be_repeats(row.get(metric)):
            counts = " or ".join(map(str, sorted(n_answers_of(row))))
            value += f", and of answers its samples have {counts}"
        return ScoreError(f"{path}:{line}", metric, f"is {value}", _metrics(row), why)


def _share(row: Mapping[str, Any], metric: str) -> float | None:
    """Return what a sample says by a metric, where that is a score from 0 to 1."""
    try:
        number = score_in(row, metric)
    except ValueError:
        return None
    return number if number is not None and 0 <= number <= 1 else None


def _may_be_repeats(value: Any) -> bool:
    """Return whether a value is a list of scores, as of answers that were repeated."""
    return isinstance(value, list) and all(
        isinstance(score, (bool, int, float)) and 0 <= score <= 1 for score in value
    )


def _damaged(path: Path, line: int, what: str) -> IntegrityError:
    return IntegrityError(
        f"{path}:{line}: {what}; run lm-eval again, or choose another score with metric: in the "
        "policy's capability",
        id="samples.damaged-score",
    )


def _metrics(row: Mapping[str, Any]) -> list[str]:
    named = row.get("metrics")
    return [str(name) for name in named] if isinstance(named, list) else []


T = TypeVar("T")


def _shared(value: T, twin: T) -> T:
    """Return the other side's equal value, so that memory holds it once."""
    return twin if twin == value else value
