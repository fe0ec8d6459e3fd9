"""What columns of questions and of right answers are called in other languages."""

from __future__ import annotations

from collections.abc import Collection, Iterable

from cliffguard.suites.target.known import folded, quoted

_QUESTIONS = frozenset(
    {"frage", "fragen", "aufgabe", "pregunta", "preguntas", "pergunta", "domanda", "vraag"}
    | {"fråga", "spørgsmål", "spørsmål", "kysymys", "pytanie", "otázka", "kérdés", "întrebare"}
    | {"soru", "вопрос", "питання", "въпрос", "ερώτηση", "سؤال", "السؤال", "سوال", "پرسش", "שאלה"}
    | {"प्रश्न", "सवाल", "প্রশ্ন", "கேள்வி", "คำถาม", "pertanyaan", "soalan", "câu_hỏi", "swali"}
    | {"问题", "問題", "题目", "題目", "提问", "質問", "問い", "질문", "문제"}
)
_ANSWERS = frozenset(
    {"antwort", "antworten", "lösung", "respuesta", "respuestas", "réponse", "reponse", "resposta"}
    | {"risposta", "antwoord", "svar", "vastaus", "odpowiedź", "odpověď", "odpoveď", "válasz"}
    | {"răspuns", "cevap", "yanıt", "ответ", "відповідь", "отговор", "απάντηση", "إجابة", "الإجابة"}
    | {"جواب", "الجواب", "پاسخ", "תשובה", "उत्तर", "जवाब", "উত্তর", "பதில்", "คำตอบ", "jawaban"}
    | {"jawapan", "câu_trả_lời", "trả_lời", "đáp_án", "jibu"}
    | {"答案", "正确答案", "正解", "回答", "答え", "解答", "답변", "정답", "답"}
)


def by_translation(names: Iterable[str], columns: Collection[str]) -> str:
    """Return the flags for the column of questions and that of answers, or an empty text.

    Only one of `columns` is named, and only where its part has one.
    """
    such = [name for name in names if name in columns]
    flags = []
    for role, words in (("prompt", _QUESTIONS), ("answer", _ANSWERS)):
        named = [name for name in such if folded(name) in words]
        if len(named) == 1:
            flags.append(f"--target-{role} {quoted(named[0])}")
    return f"{' '.join(flags)} may be it" if flags else ""
