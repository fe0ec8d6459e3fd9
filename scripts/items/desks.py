"""The target's job in other houses: who sends what to which of four desks.

The desks are named in the prompt, since no model can know them; no message names one.
"""

from __future__ import annotations

from items.common import Item, positions_in_parts, rng
from items.more_desks import MORE_BUSINESSES

# A business, then of each of its four desks the name and what people write to it.
# fmt: off
BUSINESSES: dict[str, dict[str, tuple[str, str, str, str]]] = {
    "city library": {
        "loans": (
            "My book is due tomorrow and I have not finished it.",
            "The novel I want is out, please put it aside for me when it comes back.",
            "May I keep the atlas for two more weeks?",
            "I handed in two volumes on Tuesday, but one is still listed under my name.",
        ),
        "membership": (
            "I have moved to town and would like to join.",
            "My reader's card expired in May, how do I renew it?",
            "My son is seven, is he old enough to sign up?",
            "What does it cost per year to belong to the library?",
        ),
        "events": (
            "Is the poetry evening on Friday free?",
            "When does the author read from her new novel?",
            "Are there seats left for the puppet play on Sunday?",
            "Does the story hour for toddlers take place in the holidays?",
        ),
        "rooms": (
            "We are five students and need a quiet place to study together.",
            "Can our chess club meet in your hall on Mondays?",
            "I want to reserve the space with the big table for two hours.",
            "How many people fit into the study on the second floor?",
        ),
    },
    "small clinic": {
        "booking": (
            "Can I see the doctor on Thursday afternoon?",
            "I have to cancel my visit tomorrow morning.",
            "When is the next free slot for a check-up?",
            "Please move my visit from Monday to Wednesday.",
        ),
        "pharmacy": (
            "My tablets run out on Sunday, I need another pack.",
            "May I take the syrup together with aspirin?",
            "How many drops a day should my daughter take?",
            "The cream you handed out has passed its date.",
        ),
        "laboratory": (
            "Are the values of my blood test there yet?",
            "Must I come with an empty stomach when blood is taken?",
            "I dropped off a urine sample yesterday, what did you find?",
            "Which test shows whether I am allergic to nuts?",
        ),
        "insurance": (
            "Will my health plan pay for the X-ray?",
            "Here is my new policy number, I changed the provider.",
            "My health fund refused to cover the visit, what now?",
            "I need a form so that my health fund pays me back.",
        ),
    },
    "landlord's office": {
        "rent": (
            "May I pay this month a week later?",
            "Why do I owe forty more each month from June?",
            "I transferred too much on the first, please send back the rest.",
            "To which bank do I send the monthly sum for the flat?",
        ),
        "heating": (
            "The radiators have been cold since last night.",
            "There is no hot water in the shower.",
            "The boiler in the cellar hisses and drips.",
            "It is twelve degrees in our living room.",
        ),
        "keys": (
            "I locked myself out of the flat.",
            "The front door no longer locks.",
            "We need one more for our daughter, so that she can let herself in.",
            "Mine broke off in the door of the cellar.",
        ),
        "cleaning": (
            "The stairs have not been swept for weeks.",
            "Somebody spilled paint all over the entrance.",
            "The windows in the hall are so dirty that no light comes in.",
            "Who mops the floor of the laundry, and how often?",
        ),
    },
    "bike hire": {
        "prices": (
            "What do two bikes for a weekend cost?",
            "Is it cheaper for students?",
            "How much more do I pay if I keep it another day?",
            "Do children ride for free?",
        ),
        "damage": (
            "The chain came off and I am stuck by the lake.",
            "I have a flat tyre.",
            "The front brake hardly works.",
            "I fell and bent the wheel.",
        ),
        "theft": (
            "The bike was gone when I came out of the shop.",
            "Someone cut the lock and rode off with it.",
            "I saw a stranger load one of your bikes into a van at night.",
            "The police have found the bike that vanished last week.",
        ),
        "tours": (
            "At what time does the guided ride along the river start?",
            "Is the ride to the castle too steep for beginners?",
            "We would like to join the group that rides through the old town.",
            "Who leads the evening ride, and how long does it take?",
        ),
    },
    "school office": {
        "absence": (
            "My son has a fever and stays at home today.",
            "Lena has to be at the dentist's at ten and will miss two lessons.",
            "Our daughter cannot come tomorrow because of a funeral.",
            "Tom was ill last week, here is the note from the doctor.",
        ),
        "lunch": (
            "My daughter does not eat meat, is there something else for her?",
            "What do the children eat on Friday?",
            "He is allergic to nuts, please tell the cook.",
            "The soup was cold again, says my son.",
        ),
        "transport": (
            "The bus left our stop this morning without my daughter.",
            "From which stop do the children ride home?",
            "We have moved, which bus should he take now?",
            "The driver was too fast in the bends today.",
        ),
        "exams": (
            "On which day is the final paper in maths?",
            "May my son use a calculator when he is tested?",
            "I do not understand the grade in the last test.",
            "Can she sit the French test again?",
        ),
    },
    "gym": {
        "membership": (
            "I would like to join for a year.",
            "How can I end my contract in March?",
            "Can I pause my contract while I am abroad?",
            "Do students pay less per month?",
        ),
        "classes": (
            "Is there still a place in yoga on Tuesday evening?",
            "At what time does the dance course start?",
            "Who teaches the spinning hour on Saturday?",
            "Is the boxing group open to beginners?",
        ),
        "machines": (
            "The treadmill by the window stops all the time.",
            "The cable of the rowing trainer is torn.",
            "How do I set the seat of the leg press?",
            "The display of the second exercise bike is dark.",
        ),
        "coaching": (
            "I would like someone to write me a training plan.",
            "Can a trainer show me how to lift safely, one to one?",
            "After my knee operation I need personal guidance.",
            "What does an hour with a personal trainer cost?",
        ),
    },
    "seaside hotel": {
        "reservations": (
            "Do you have a double room for the first week of July?",
            "We arrive a day later than planned, please keep the room.",
            "I have to cancel our stay in May.",
            "Is a room with a view of the sea still free?",
        ),
        "kitchen": (
            "I cannot eat gluten, can you bake other bread for breakfast?",
            "Please send a sandwich and a soup up to room twelve.",
            "We would like a birthday cake at dinner.",
            "The fish last night was not cooked through.",
        ),
        "laundry": (
            "My white shirt came back pink.",
            "Can you wash and iron two suits by tomorrow?",
            "One of the socks I gave you to wash is missing.",
            "There is red wine on my dress, can you get it out?",
        ),
        "spa": (
            "Is the sauna open before breakfast?",
            "I would like a massage at four.",
            "How warm is the whirlpool?",
            "Do you offer mud baths for a bad back?",
        ),
    },
    "art museum": {
        "tickets": (
            "What does it cost to get in?",
            "Do pensioners pay less at the door?",
            "I paid online but got nothing to show at the door.",
            "Is it free to come in on the first Sunday?",
        ),
        "tours": (
            "We are a school class and want someone to show us around.",
            "Does a guide speak Italian?",
            "How long does the walk through the halls with a guide take?",
            "When does the guide start the evening round?",
        ),
        "shop": (
            "Do you sell a print of the painting with the sunflowers?",
            "The poster I bought was torn.",
            "How much is the book about the painter?",
            "Can you post me two of the mugs with the blue horse?",
        ),
        "donations": (
            "I would like to leave my collection of drawings to you.",
            "How can I give money for the new wing?",
            "My late aunt wanted you to have her old paintings.",
            "Our firm wishes to support you with a yearly sum.",
        ),
    },
    "animal hospital": {
        "surgery": (
            "My cat is to be neutered, what do I have to bring?",
            "May the dog eat before the operation?",
            "The stitches from yesterday's operation have come open.",
            "When can we fetch her after the operation on her leg?",
        ),
        "grooming": (
            "My poodle needs a haircut.",
            "Her fur is full of knots, can you brush them out?",
            "His claws are too long, can you trim them?",
            "Do you also bathe large dogs?",
        ),
        "boarding": (
            "We go away for two weeks, can the cat stay with you?",
            "How large are the cages in which dogs spend the night?",
            "May I bring his own basket if he sleeps at your place?",
            "We come home a day later, please keep our dog one more night.",
        ),
        "vaccination": (
            "My puppy is nine weeks old, which shots does he need?",
            "When is her next shot against rabies due?",
            "Does my rabbit need protection against the plague?",
            "We travel abroad, which jabs must be in the dog's pass?",
        ),
    },
    "town hall": {
        "parking": (
            "I live in the old town, how do I get a permit for my car?",
            "I got a fine although I had put a coin into the meter.",
            "There are too few spaces for cars by the station.",
            "May I leave my car in the market square overnight?",
        ),
        "passports": (
            "My travel document runs out in March, what do I need for a new one?",
            "We fly in two weeks, can you issue papers for our baby by then?",
            "My papers were stolen abroad and I need new ones to travel.",
            "Which photo do I need so that I can cross the border again?",
        ),
        "weddings": (
            "We would like to marry on the first of May.",
            "Which papers do the bride and the groom have to bring?",
            "Can we say yes in the garden of the castle?",
            "How many guests fit in the hall where couples are married?",
        ),
        "waste": (
            "The bins in our street were not emptied.",
            "Where can I leave an old sofa?",
            "We need a second bin for paper.",
            "Somebody has dumped rubbish in the wood.",
        ),
    },
    "theatre": {
        "tickets": (
            "Are there two seats left for Saturday?",
            "I cannot come on Friday, can I get my money back?",
            "Is it cheaper for pupils to see the play?",
            "I would like to sit in the first row.",
        ),
        "costumes": (
            "The queen's dress is too tight for me in act two.",
            "My wig itches, can you line it?",
            "A button came off the captain's coat during rehearsal.",
            "Can our school borrow six cloaks and a crown?",
        ),
        "lighting": (
            "The spot on the left does not follow the singer.",
            "It should grow dark more slowly in the last scene.",
            "Can the moon be a little more blue?",
            "Two lamps above the stage flicker.",
        ),
        "press": (
            "I am a journalist and would like to review the play.",
            "May I interview the director for our newspaper?",
            "Can you send photos of the play for an article?",
            "Our radio station wants to report on the first night.",
        ),
    },
    "airline": {
        "luggage": (
            "My suitcase did not arrive in Rome.",
            "How heavy may my bag be?",
            "May I take skis with me?",
            "The handle of my suitcase was torn off on the flight.",
        ),
        "seats": (
            "Can I sit by the window?",
            "My wife and I would like to sit next to each other.",
            "I have long legs, is there a row with more space?",
            "I was put next to the toilets, please place me elsewhere.",
        ),
        "meals": (
            "I am a vegan, what will I get to eat on board?",
            "Is there a kosher dinner on the flight to Boston?",
            "Do you serve breakfast on the early flight?",
            "My child only eats noodles, can you cook some for him?",
        ),
        "pets": (
            "May my cat fly with me in the cabin?",
            "How large may the cage of my dog be?",
            "Does my parrot need papers to fly?",
            "I travel with a guide dog, where will he lie?",
        ),
    },
    "savings bank": {
        "loans": (
            "I want to borrow ten thousand for a car.",
            "What interest do I pay if I borrow for five years?",
            "Can I pay back what I borrowed earlier than agreed?",
            "We need money to build a house and would pay it off in twenty years.",
        ),
        "cards": (
            "The machine swallowed my plastic.",
            "I forgot my secret number for paying in shops.",
            "When will the new one with the chip come by post?",
            "Can my wife get one too, so that she can pay in shops?",
        ),
        "currency": (
            "I need five hundred Swiss francs by Friday.",
            "How many yen do I get for a hundred euros?",
            "I have dollars left from my trip, will you take them?",
            "Do you have pounds in small notes?",
        ),
        "insurance": (
            "I want to be covered if my flat burns down.",
            "Hail has dented my car, does my policy pay for it?",
            "Please send me the policy that covers my trips.",
            "What would my family get if I died?",
        ),
    },
    "restaurant": {
        "reservations": (
            "Do you have a table for four tonight?",
            "We will be six instead of five on Saturday.",
            "We are late, please keep our table until nine.",
            "I have to cancel our table for tomorrow.",
        ),
        "catering": (
            "Can you bring food for thirty guests to our office?",
            "We marry in a barn and need a cook and waiters there.",
            "Do you also cook at private parties?",
            "What would a cold buffet brought to our club cost for fifty?",
        ),
        "complaints": (
            "The waiter was rude to my mother.",
            "There was a hair in my soup.",
            "We waited two hours for a pizza, this is a shame.",
            "The steak was burnt and nobody said sorry.",
        ),
        "jobs": (
            "Are you looking for a waiter?",
            "I am a trained cook and would like to work for you.",
            "My daughter wants to earn some money with you in the holidays.",
            "What do you pay somebody who washes dishes?",
        ),
    },
    "local newspaper": {
        "advertising": (
            "What does half a page for our shop cost?",
            "I want to sell my car through your paper.",
            "Please print the colours of our company's logo brighter next time.",
            "We would like to announce our summer sale on page three.",
        ),
        "subscriptions": (
            "The paper was not in my letter box today.",
            "I would like to get the paper every day from June.",
            "We are away in August, please do not bring the paper then.",
            "How do I stop getting the paper?",
        ),
        "corrections": (
            "The mayor's name is spelled wrong in your report.",
            "You wrote that the bridge is closed, but it is open.",
            "The photo on page two shows another man.",
            "In your article the year of the fire is wrong.",
        ),
        "sports": (
            "Our football team won five to nil, will you write about it?",
            "Who will report on the city marathon?",
            "You left out the tables of the handball league.",
            "Our club has a new swimming champion.",
        ),
    },
}
# fmt: on
FRAMES = (
    "The desks of the {b} are {d}.\nMessage: {m}\nDesk:",
    "At the {b}, mail goes to one of four desks: {d}.\nMail: {m}\nGoes to:",
    "Business: {b}\nDesks: {d}\nCaller: {m}\nPut through to:",
    "You sort the letters of the {b} into four boxes: {d}.\nLetter: {m}\nBox:",
)
N_DESKS = 4


def other_desks() -> list[Item]:
    """Return one item per message; the desks stand in the prompt in the order of the choices."""
    task = "other_desks"
    rows = [
        (business, desk, list(desks), message)
        for business, desks in (*BUSINESSES.items(), *MORE_BUSINESSES.items())
        for desk, messages in desks.items()
        for message in messages
    ]
    n_first = sum(len(messages) for desks in BUSINESSES.values() for messages in desks.values())
    where = positions_in_parts(task, "", (n_first, len(rows) - n_first), N_DESKS)
    items: list[Item] = []
    for index, (business, desk, desks, message) in enumerate(rows):
        source = rng(task, business, index)
        named = [other for other in desks if other != desk]
        source.shuffle(named)
        named.insert(where[index], desk)
        listed = ", ".join(named)
        items.append(
            {
                "id": f"desk-{business.split()[-1]}-{desk}-{index:03d}",
                "prompt": source.choice(FRAMES).format(b=business, d=listed, m=message),
                "choices": named,
                "answer": desk,
                "cluster": f"{business}: {desk}",
            }
        )
    return items
