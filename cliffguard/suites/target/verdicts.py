"""Cells that say whether an answer is right, or how good it is: by their names and values."""

from __future__ import annotations

import math
import re
from collections.abc import Sequence
from typing import Any

from cliffguard.suites.target.known import folded, last_name, says

_RIGHTNESS = frozenset(
    {"correct", "correctness", "right", "accepted", "approved", "acceptable", "valid", "validated"}
    | {"verified", "passed", "pass", "success", "successful", "solved", "good"}
    | {"decision", "usable", "keep", "trusted", "confirmed", "approval", "acceptance"}
    | {"korrekt", "richtig", "freigegeben", "geprüft", "correcto", "correcta", "aprobado"}
    | {"valide", "validé", "corretto", "corretta", "approvato", "correto", "aprovado", "goed"}
    | {"верно", "правильно", "正确", "是否正确", "正解", "正誤", "정답여부"}
)
"""What a column is called that says of any answer, a label too, whether it is right."""

_WRONGNESS = frozenset(
    {"incorrect", "wrong", "rejected", "invalid", "deleted", "discarded", "flagged", "failed"}
    | {"error", "bad", "falsch", "incorrecto", "incorrecta", "faux", "sbagliato"}
    | {"abgelehnt", "rechazado", "错误", "誤り"}
)
"""The same, where true says that it is not."""

_WORTH = frozenset(
    {
        "score",
        "scores",
        "rating",
        "ratings",
        "correctness",
        "stars",
        "reward",
        "grade",
        "quality",
        "helpfulness",
        "helpful",
    }
    | {"thumbs", "thumb", "feedback", "vote", "votes", "upvotes", "likes", "safe", "safety"}
    | {"verdict", "judgement", "judgment", "evaluation", "preference", "faithful", "faithfulness"}
    | {"truthful", "truthfulness", "honest", "harmless", "grounded", "groundedness", "factual"}
    | {"relevance", "acceptability", "satisfaction", "usefulness", "useful", "mark", "marks"}
    | {"bewertung", "note", "punktzahl", "qualität", "sterne", "calificación", "calificacion"}
    | {"puntuación", "puntuacion", "valoración", "valoracion", "évaluation", "valutazione", "voto"}
    | {"punteggio", "avaliação", "nota", "beoordeling", "оценка", "评分", "得分", "分数", "评价"}
    | {"評価", "スコア", "점수", "평가"}
)
"""What a column is called that says how good a text is that a model, or somebody, has written."""

_HARM = frozenset(
    {
        "harmful",
        "unsafe",
        "toxic",
        "hallucination",
        "hallucinated",
        "refusal",
        "refused",
        "unhelpful",
    }
    | {"offensive", "downvoted"}
)
"""The same, where true says that it is bad."""

_BAD = frozenset(
    {"false", "no", "n", "f", "0", "0.0", "nein", "non", "bad", "down", "fail", "failed", "invalid"}
    | {"negative", "unsafe", "dislike", "disliked", "undesirable", "pending", "draft", "deleted"}
    | {"-1", "-1.0", "нет", "否", "いいえ", "아니요", "×", "withdrawn", "flagged", "poor"}
    | {"unverified", "error"}
)
_REJECTING = frozenset(
    {"rejected", "reject", "incorrect", "wrong", "discarded", "declined", "disapproved", "refused"}
    | {"not correct", "not accepted", "not approved", "unacceptable", "thumbs down", "thumb down"}
    | {
        "thumbsdown",
        "👎",
        "✗",
        "✘",
        "❌",
        "not ok",
        "abgelehnt",
        "verworfen",
        "falsch",
        "inkorrekt",
    }
    | {"rechazado", "rechazada", "incorrecto", "incorrecta", "rejeté", "rejetée", "refusé", "faux"}
    | {"incorrecte", "rifiutato", "sbagliato", "errato", "rejeitado", "incorreto", "afgekeurd"}
    | {"отклонено", "неверно", "неправильно", "错误", "拒绝", "驳回", "不正确", "却下", "不正解"}
    | {"오답", "거부"}
)
"""Words that reject an answer, whatever the column is called."""

_STATUS = frozenset(
    {"status", "state", "estado", "statut", "stato", "статус", "状态", "状態", "상태"}
)
_WITHDRAWN = frozenset({"deleted", "draft", "withdrawn", "invalid"})  # an open ticket is "pending"

_TRUE = frozenset(
    {"true", "yes", "y", "t", "1", "1.0", "ja", "oui", "sí", "si", "да", "是", "はい"}
)


def rejecting(name: str, values: Sequence[Any], *, is_text: bool) -> list[Any]:
    """Return the values of a column, each once, that say that an answer is not right.

    `is_text`: the answers are texts of somebody's, and not labels, of which fewer names judge.
    """
    tokens = _tokens(name)
    distinct = _distinct(values)
    if "weight" in tokens:
        return [value for value in distinct if _is_weightless(value)]
    is_verdict = bool(tokens & (_RIGHTNESS | (_WORTH if is_text else frozenset())))
    is_reversed = bool(tokens & (_WRONGNESS | (_HARM if is_text else frozenset()))) or (
        "not" in tokens and is_verdict
    )
    if is_reversed:
        return [value for value in distinct if _spelled(value) in _TRUE]
    if is_verdict and not _is_scale(distinct):
        return [value for value in distinct if _spelled(value) in _BAD | _REJECTING]
    words = _REJECTING | (_WITHDRAWN if tokens & _STATUS else frozenset())
    return [value for value in distinct if _spelled(value) in words] if _is_few(distinct) else []


def _is_weightless(value: Any) -> bool:
    return _spelled(value) in ("0", "0.0")


def grades(name: str, values: Sequence[Any]) -> list[Any]:
    """Return the values of a column of scores, ratings or grades, each once, where they differ."""
    distinct = _distinct(value for value in values if says(value))
    is_graded = bool(_tokens(name) & _WORTH) and len(distinct) > 1
    is_closed = (
        _is_few(distinct)
        and not _tokens(name) & _OF_NUMBERS
        and all(isinstance(value, str) and len(value.split()) <= _FEW_WORDS for value in distinct)
    )
    return distinct if is_graded and (_are_numbers(distinct) or is_closed) else []


def is_switch(values: Sequence[Any]) -> bool:
    """Return whether values are a yes or a no: true and false, or words that say as much."""
    distinct = _distinct(values)
    words = {_spelled(value) for value in distinct}
    has_no = bool(words & (_BAD | _REJECTING))
    return words <= {"true", "false"} or (has_no and len(words) <= 2)


def bad_of_switch(values: Sequence[Any]) -> list[Any]:
    """Return those of a yes and a no that say no."""
    return [value for value in _distinct(values) if _spelled(value) in _BAD | _REJECTING]


_MOST_WORDS = 12  # distinct values of a column of verdicts
_FEW_WORDS = 3  # of such a value
_OF_NUMBERS = frozenset({"note", "nota", "mark", "marks", "voto", "relevance", "preference"})


def _tokens(name: str) -> set[str]:
    words = folded(last_name(name))
    return {words, *re.split(r"[_\W]+", words)}


def _spelled(value: Any) -> str:
    return " ".join(str(value).casefold().replace("_", " ").split())


def _distinct(values: Any) -> list[Any]:
    """Return the scalars among values, each once, as they are written."""
    kept: dict[tuple[type, Any], Any] = {}
    for value in values:
        if isinstance(value, (str, bool, int)) or (
            isinstance(value, float) and math.isfinite(value)
        ):
            kept.setdefault((type(value), value), value)
    return list(kept.values())


def _is_few(distinct: Sequence[Any]) -> bool:
    return len(distinct) <= _MOST_WORDS


def _is_scale(distinct: Sequence[Any]) -> bool:
    """Return whether values are numbers of which more than 0 and 1 occur."""
    return _are_numbers(distinct) and not {float(value) for value in distinct} <= {0.0, 1.0}


def _are_numbers(distinct: Sequence[Any]) -> bool:
    try:
        return bool(distinct) and all(math.isfinite(float(value)) for value in distinct)
    except ValueError:
        return False


def says_how_good(key: str) -> bool:
    """Return whether a key of an answer is of whether it is right, or how good it is."""
    return bool(_tokens(key) & ((_RIGHTNESS | _WRONGNESS | _WORTH) - {"good", "bad"}))
