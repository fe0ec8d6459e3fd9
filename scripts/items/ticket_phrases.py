"""What customers write about: intents, each with its queue, its action and seven phrasings.

Phrasings 0 to 3 are used for training only, 4 in training and in the suite, 5 and 6 in the suite
only (see ``tickets.py``). ``{p}`` is a product, ``{d}`` a point in time.
"""

from __future__ import annotations

from typing import NamedTuple


class Intent(NamedTuple):
    """One kind of ticket."""

    name: str
    queue: str
    action: str
    phrasings: tuple[str, str, str, str, str, str, str]


# fmt: off
INTENTS = (
    Intent("charged_twice", "billing", "refund", (
        "I was charged twice for the {p} {d}.",
        "my card shows two payments for one {p}.",
        "you took the money for the {p} two times.",
        "there is a double charge for my {p} on the bank statement.",
        "the price of the {p} was taken from my card twice {d}.",
        "one {p} ordered, two amounts gone from my bank account.",
        "why do I see the same payment for the {p} two times on my statement?",
    )),
    Intent("wrong_invoice", "billing", "correct invoice", (
        "the invoice for the {p} shows the wrong amount.",
        "your bill lists a {p} that I did not buy.",
        "the tax on my invoice for the {p} is wrong.",
        "the discount is missing on the bill for my {p}.",
        "the total on the invoice for the {p} is too high.",
        "the address on the bill for my {p} is an old one.",
        "I paid less for the {p} than the invoice you sent {d} says.",
    )),
    Intent("payment_declined", "billing", "retry payment", (
        "my card was declined when I paid for the {p} {d}.",
        "the payment for the {p} does not go through.",
        "I cannot pay for the {p}, the bank transfer fails.",
        "the checkout refuses my credit card for the {p}.",
        "paying for the {p} failed {d}, although the card is fine.",
        "it says payment error each time I want to pay for the {p}.",
        "my card works everywhere but not for the {p} in your checkout.",
    )),
    Intent("late_parcel", "delivery", "trace parcel", (
        "the {p} I ordered has not arrived yet.",
        "where is my parcel with the {p}? It was due {d}.",
        "I am still waiting for the {p}, the tracking has not moved.",
        "the courier never came with my {p} {d}.",
        "my {p} should have been here {d}, nothing came.",
        "the tracking page says the {p} is still on the truck.",
        "no sign of the package with the {p}, it is late.",
    )),
    Intent("wrong_item", "delivery", "send replacement", (
        "I ordered a {p} and got something else in the box.",
        "the parcel {d} had the wrong {p} in it.",
        "you shipped me the wrong colour of the {p}.",
        "somebody else's order came instead of my {p}.",
        "this is not the {p} that I ordered, you sent another one.",
        "the courier brought a different model than the {p} I ordered.",
        "I opened the package {d} and the {p} inside is the wrong size.",
    )),
    Intent("change_address", "delivery", "update address", (
        "please ship the {p} to my new address.",
        "I moved {d}, the {p} must go to another street.",
        "can the courier bring the {p} to my office instead?",
        "I typed the wrong street for the {p} order.",
        "the parcel with the {p} is going to my old address.",
        "could you drop the {p} at my neighbour's house instead of mine?",
        "the shipping address for the {p} has a wrong house number.",
    )),
    Intent("changed_mind", "returns", "return label", (
        "I do not want the {p} any more and would like to send it back.",
        "how can I return the {p} I got {d}?",
        "the {p} does not suit me, I want to give it back.",
        "I need a label to send the {p} back to you.",
        "I bought the {p} {d} and wish to return it unused.",
        "the {p} is not what I hoped for, how do I mail it back?",
        "please take the {p} back, it is still in its box.",
    )),
    Intent("exchange_size", "returns", "exchange", (
        "can I swap the {p} for a bigger one?",
        "I would like to exchange the {p} for another colour.",
        "the {p} is too small, please exchange it for the large one.",
        "I want to trade the {p} I got {d} for the newer model.",
        "may I exchange the {p} for a different size?",
        "the {p} is too big for my desk, can I swap it for the small one?",
        "I will send this {p} back if I get a blue one in return.",
    )),
    Intent("return_no_money", "returns", "refund", (
        "I sent the {p} back {d} and have not got my money.",
        "you have had the returned {p} for weeks, where is my refund?",
        "my return of the {p} arrived {d} but nothing was paid back.",
        "the {p} went back to you, when will I be refunded?",
        "I returned the {p} and still wait for the money.",
        "you received the {p} I mailed back {d}, please pay me back.",
        "no refund so far for the {p} that I gave back.",
    )),
    Intent("forgot_password", "account", "reset password", (
        "I forgot my password and cannot log in to see the {p}.",
        "the site says wrong password since {d}.",
        "I cannot sign in, my password for the {p} page is not accepted.",
        "please help me set a new password, I lost the old one {d}.",
        "my login for the {p} fails, I do not remember the password.",
        "I can not get into my profile {d}, what was my password?",
        "the page with my {p} asks for a password I no longer know.",
    )),
    Intent("close_account", "account", "close account", (
        "please delete my profile, I sold the {p}.",
        "I want to close my account with you, the {p} was my last order.",
        "remove my user profile, I no longer own a {p}.",
        "how do I delete my login for the {p}?",
        "I do not need my account any more, close it please, the {p} is gone.",
        "take my profile off your site, I gave the {p} away {d}.",
        "I would like to leave and have my user data for the {p} removed.",
    )),
    Intent("change_email", "account", "update email", (
        "I have a new email address, please change it in my profile with the {p}.",
        "my user profile shows an old email since {d}.",
        "how can I change the email of my login for the {p}?",
        "the email on my profile has a typo, so I get no news on the {p}.",
        "please put my new email into the profile that holds the {p}.",
        "I lost my old mailbox {d}, my login should use the new one.",
        "the name and email in my profile for the {p} are out of date.",
    )),
    Intent("hacked", "security", "lock account", (
        "someone hacked my profile and ordered a {p} {d}.",
        "a stranger logged in as me and bought a {p}.",
        "I see a login from another country {d}, I never was there.",
        "somebody else is using my profile to buy a {p}.",
        "my profile was taken over {d} and a {p} was bought.",
        "there are logins at night that are not mine, and a {p} I never ordered.",
        "a thief has got into my profile and changed the {p} order.",
    )),
    Intent("phishing", "security", "report fraud", (
        "I got a fake mail in your name about a {p} {d}.",
        "a strange message asks for my card number because of the {p}.",
        "somebody called {d}, said they were you, and wanted my password.",
        "there is a false web shop that sells your {p}.",
        "a suspicious link about my {p} came by text message {d}.",
        "is the mail about a free {p} really from you? It looks like a scam.",
        "a man on the phone said he was from your firm and asked for my code.",
    )),
    Intent("data_leak", "security", "escalate", (
        "I can see another customer's data on the page of my {p}.",
        "my private data from the {p} was shown to a stranger {d}.",
        "the {p} page shows the names of other buyers.",
        "your site leaked my address together with my {p} order.",
        "I opened my {p} page {d} and saw the address of someone else.",
        "the camera of the {p} shows me the house of a stranger.",
        "a list with private data of customers is open to all on your site.",
    )),
    Intent("will_not_start", "repair", "book repair", (
        "the {p} does not turn on since {d}.",
        "my {p} is dead, no light, nothing.",
        "the {p} stopped working {d} after a fall.",
        "smoke came out of the {p} when I plugged it in.",
        "the {p} broke {d}, it no longer starts.",
        "I press the button and the {p} stays dark.",
        "the {p} makes a loud noise and then stops.",
    )),
    Intent("broken_part", "repair", "send part", (
        "the handle of the {p} came off.",
        "a screw is missing on my {p}, please send one.",
        "the glass of the {p} is cracked since {d}.",
        "I need a new cable for the {p}, the old one is torn.",
        "the lid of the {p} is broken, can I get a new lid?",
        "one leg of the {p} snapped off {d}.",
        "the plug of my {p} is bent, I would need a spare.",
    )),
    Intent("battery", "repair", "replace battery", (
        "the battery of the {p} is empty after ten minutes.",
        "my {p} does not charge any more since {d}.",
        "the {p} battery gets very hot.",
        "the {p} needs a new battery, it dies at once.",
        "the battery in my {p} holds no charge.",
        "since {d} the {p} only runs while it is plugged in.",
        "the {p} has to be charged again every hour.",
    )),
    Intent("app_crash", "software", "reinstall app", (
        "the app for the {p} crashes when I open it.",
        "since {d} the {p} app closes by itself.",
        "the app freezes as soon as it finds the {p}.",
        "I only see a white screen in the {p} app.",
        "the phone app of the {p} stops with an error {d}.",
        "your program for the {p} hangs on the first screen.",
        "each time I tap on the {p} the app shuts down.",
    )),
    Intent("update_failed", "software", "install update", (
        "the update of the {p} stops at half and fails.",
        "after the new version {d} the {p} menu is gone.",
        "the {p} says that its firmware is too old.",
        "I cannot install the new version on the {p}.",
        "the firmware update for the {p} failed {d}.",
        "the download of the new {p} version never ends.",
        "how do I get the latest version onto the {p}?",
    )),
    Intent("no_connection", "software", "restart device", (
        "the {p} does not find my wifi since {d}.",
        "the app cannot connect to the {p}.",
        "the {p} loses its bluetooth link all the time.",
        "the {p} is offline in the app, though the wifi works.",
        "my phone no longer pairs with the {p}.",
        "since {d} the {p} says no network, all else is online.",
        "the sync between the {p} and the app does not run.",
    )),
    Intent("bulk_offer", "sales", "send quote", (
        "we would like to buy fifty of the {p}, what is the price?",
        "is there a discount if our school orders many {p} sets?",
        "please make us an offer for a {p} for each office.",
        "our firm wants to order the {p} in bulk.",
        "what would twenty {p} units cost for our company?",
        "we plan to equip a hotel with the {p}, please make an offer.",
        "do you have a special price on the {p} for large orders?",
    )),
    Intent("in_stock", "sales", "check stock", (
        "when can I buy the {p} again? It is sold out.",
        "do you have the {p} in red in your shop?",
        "is the {p} available now?",
        "I want to buy a {p}, is there one left?",
        "how many of the {p} do you still have for sale?",
        "will the {p} be back on the shelves soon?",
        "before I drive to your store, can I buy the {p} there?",
    )),
    Intent("which_model", "sales", "call customer", (
        "which {p} should I buy for a small flat?",
        "what is the difference between the two {p} models you sell?",
        "I am thinking of buying a {p}, can someone advise me?",
        "does the big {p} cost more than the small one?",
        "please help me choose the right {p} before I buy.",
        "I am not a customer yet, is the {p} good for a family of five?",
        "my friend bought a {p} {d}, would you recommend it to me too?",
    )),
)
# fmt: on
