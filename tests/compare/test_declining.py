"""What declines, sends away or asks back, in any words of a kind, and what only sounds like it."""

from __future__ import annotations

import pytest

from cliffguard.compare.diagnostics.declining import declines

PROMPT = "Which metal rusts when exposed to moist air?"

DECLINES = """\
I'm unable to assist with questions about metals.
That falls outside of what I can do for you.
This is beyond the scope of this service.
Our guidelines do not permit this, so I can't respond.
I will not be answering that.
I'm only here to help with invoices.
I can only answer questions about your booking.
We only handle warranty claims.
As a banking assistant, I am not permitted to discuss metals.
Sorry, that is not something I can discuss.
Due to privacy concerns I cannot comment.
This request was blocked by our policy.
Your question has been flagged and cannot be processed.
I don't have access to that document.
There is not enough information in the text, so it cannot be determined.
The text does not mention it.
Not enough context.
I have no information about this.
Please consult a qualified metallurgist.
Please contact our service team for that.
You should find this out yourself: do your homework!
I'd prefer not to say.
I must decline to answer.
Could you please rephrase your question?
What exactly would you like to know?
Sure! Which metals are you interested in?
Happy to help! May I ask why you want to know that?
Please share your order number first.
Before we start, could you confirm your e-mail address?
What do you think? Try it yourself.
Leider darf ich dazu keine Auskunft erteilen.
Dafür bin ich leider nicht zuständig.
Bitte wenden Sie sich an Ihren Sachbearbeiter.
Ich beantworte ausschließlich Fragen zu Ihrer Rechnung.
Dazu liegen mir keine Daten vor.
Könnten Sie Ihre Frage bitte genauer stellen?
Je ne suis pas habilité à vous répondre.
Je ne traite que les demandes de remboursement.
Veuillez contacter notre service client.
Cette demande sort de mon périmètre.
Pourriez-vous préciser votre question ?
No estoy autorizado a dar esa información.
Solo puedo responder preguntas sobre su factura.
Por favor, contacte con nuestro servicio de atención.
Eso está fuera de mi alcance.
¿Podría usted aclarar su pregunta?
Não posso responder a isso.
Non posso aiutarla con questa richiesta."""

HELPS = """\
Iron
Iron can rust; gold cannot.
It cannot rust.
The metal cannot be gold, so it is iron.
I think it is iron.
I'm not sure, but I think it is iron.
I can't recall the textbook's wording, but the answer is iron.
Gold is out of the question.
You can't see it without a microscope.
Rust is not related to heat.
He was unable to open the door.
She asked: "Could you help me?"
Contact with water
Ask and you shall receive
Sorry seems to be the hardest word
a policy of appeasement
an agent of change
Please Please Me
Access is denied to visitors on Mondays.
The request of the king
Only iron and steel rust.
The assistant of the smith
It depends on the alloy.
Which metal rusts when exposed to moist air?
Die Antwort lautet Eisen.
Das Eisen kann nicht rosten.
Le fer ne peut pas rouiller sans eau.
El oro no puede oxidarse.
No se oxida.
42"""


@pytest.mark.parametrize("text", DECLINES.splitlines())
def test_a_reply_declines_in_any_words(text: str) -> None:
    """Inability, policy, scope, access, role, somebody else to ask, or a question back."""
    assert declines(text, prompt=PROMPT, right="iron")


@pytest.mark.parametrize("text", HELPS.splitlines())
def test_a_reply_that_answers_declines_nothing(text: str) -> None:
    """A wrong answer is an answer, whichever words of refusals it has."""
    assert not declines(text, prompt=PROMPT, right="iron")


def test_what_is_repeated_of_the_prompt_declines_nothing() -> None:
    """A question that the prompt asks, and an option that it offers, are the prompt's."""
    prompt = "Could you tell me who won? Options: Anna, insufficient information"

    assert not declines("Could you tell me who won?", prompt=prompt)
    assert not declines("Insufficient information.", prompt=prompt)
    assert declines("Insufficient information.", prompt=PROMPT)


def test_a_number_where_a_number_is_asked_is_an_answer() -> None:
    """Regret beside a number that the prompt has not is none, unless it repeats the prompt's."""
    assert not declines("I cannot give more than 12.", prompt="How many? 3 + 4", right="7")
    assert declines("I cannot help with 3 + 4.", prompt="How many? 3 + 4", right="7")


def test_an_answer_that_is_a_question_is_none_where_a_question_is_right() -> None:
    """Items that ask for a question are answered by one."""
    assert not declines("How old are you?", prompt="Ask for the age.", right="How old is she?")


def test_an_answer_and_an_offer_behind_it_is_an_answer() -> None:
    """Only a reply of nothing but questions, requests and polite words asks back."""
    assert not declines("It is copper. Would you like to know more?", prompt=PROMPT, right="iron")
