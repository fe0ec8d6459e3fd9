"""More houses whose mail goes to one of four desks; as in `items.desks`, added later."""

from __future__ import annotations

# fmt: off
MORE_BUSINESSES: dict[str, dict[str, tuple[str, str, str, str]]] = {
    "swimming pool": {
        "tickets": (
            "What does a day pass for a family of four cost?",
            "Can I pay at the entrance with my phone?",
            "I have lost the slip that the machine gave me at the gate.",
            "Do pensioners get in for less on weekdays?",
        ),
        "lessons": (
            "My daughter wants to learn the crawl.",
            "Is there still room in the beginners' group on Tuesday?",
            "Which teacher trains adults who are afraid of deep water?",
            "From what age do you teach children to swim?",
        ),
        "storage": (
            "I cannot open number 88, and my clothes are in it.",
            "The coin got stuck when I wanted to shut my things away.",
            "I forgot the code of the box where I put my bag.",
            "Someone else's jacket hangs in the one that I was given.",
        ),
        "steam": (
            "Is it women only on Thursday evening?",
            "How hot does the big cabin get?",
            "Must we bring our own towels to sit on?",
            "Who pours water over the stones at nine?",
        ),
    },
    "post office": {
        "stamps": (
            "Do you have the new ones with butterflies on them?",
            "How many do I need on a heavy card to Japan?",
            "I collect those of the fifties, do you sell any?",
            "The glue on the sheet I bought does not stick.",
        ),
        "parcels": (
            "Does a box of eight kilos cost more than one of five?",
            "I would like to send a lamp to my aunt, how should I wrap it?",
            "The carton that came from Spain was crushed on one side.",
            "How large may a package be at the most?",
        ),
        "savings": (
            "What interest do I get if I leave two thousand with you for a year?",
            "Please enter these fifty into my little book.",
            "My grandson is born, and I want to put something aside for him every month.",
            "I would like to take three hundred out of what I have put by.",
        ),
        "passports": (
            "Which photo do you need so that I can travel to Canada?",
            "Mine ran out in June and we fly in August.",
            "Can my wife pick up the new one for me, or must I show my face?",
            "What do I fill in so that our baby can cross the border?",
        ),
    },
    "garden centre": {
        "plants": (
            "My roses have black spots on the leaves.",
            "Which shrub grows in deep shade?",
            "Are the tomatoes already in, the small yellow ones?",
            "When may I put dahlias into the ground?",
        ),
        "tools": (
            "My old spade broke, which one lasts for years?",
            "Do you sharpen shears?",
            "I am looking for a rake with a long handle.",
            "The mower that I bought in spring does not start.",
        ),
        "ponds": (
            "The water has turned green and my goldfish hide.",
            "Which foil do I lay under three cubic metres of water?",
            "My pump by the lilies hums but nothing flows.",
            "How do I keep herons from my carp?",
        ),
        "furniture": (
            "Do you have a bench of oak for two?",
            "The legs of the table on our terrace wobble.",
            "Are the deck chairs in the window on sale?",
            "I want cushions for four wicker seats.",
        ),
    },
    "zoo": {
        "feeding": (
            "At what hour do the seals get their fish?",
            "May the children give carrots to the goats?",
            "How much meat does the old lion eat a day?",
            "I saw a man throw bread to the bears.",
        ),
        "births": (
            "Is it true that the giraffe has had a calf?",
            "What will the baby elephant be called?",
            "How many cubs did the tigress bring into the world?",
            "When may we see the newborn penguins?",
        ),
        "adoption": (
            "I want to be godmother to an owl, what must I do?",
            "For how much a year does a tortoise carry my name?",
            "Our class would like to sponsor a monkey.",
            "The certificate for my zebra has not arrived, and I pay for her since May.",
        ),
        "parking": (
            "Is there a place for our coach of fifty people?",
            "Where do I leave the car when the front lot is full?",
            "The barrier did not open when we wanted to drive home.",
            "What do four hours for a camper cost?",
        ),
    },
    "radio station": {
        "requests": (
            "Please play something by the Beatles for my wife.",
            "Could you put on that waltz once more tonight?",
            "My mother turns ninety, she loves old tangos.",
            "Would you send a love song to Rosa in Leeds?",
        ),
        "traffic": (
            "A tree has fallen across the road to the airport.",
            "We have stood in a jam before the tunnel for an hour.",
            "There is ice on the bridge at the mill.",
            "A horse runs along the motorway near exit nine.",
        ),
        "quiz": (
            "The answer to this morning's riddle is a clarinet.",
            "What did the winner of the guessing game get?",
            "I knew who the composer was, but your line was busy.",
            "How do I take part when you ask the three questions at noon?",
        ),
        "weather": (
            "Will it stay dry for our garden party?",
            "Is it going to freeze tonight?",
            "Which wind must sailors expect on the lake tomorrow?",
            "You promised sun, and we got soaked.",
        ),
    },
    "driving school": {
        "theory": (
            "How many questions may I get wrong on paper?",
            "Who gives way at a crossing without signs?",
            "I missed the evening about road signs, when is it held again?",
            "Is there an app to practise the multiple choice?",
        ),
        "driving": (
            "May I go on the motorway next time?",
            "I still stall the engine on every hill.",
            "Can we practise reverse parking on Friday?",
            "How many hours behind the wheel have I had so far?",
        ),
        "motorcycles": (
            "Which helmet do I need for the first ride?",
            "From what age may I sit on 125 cubic centimetres?",
            "Do you lend gloves for those on two wheels?",
            "The clutch lever of your Honda is too stiff for my hand.",
        ),
        "prices": (
            "What will the whole licence cost me?",
            "Do I get something off if my sister signs up too?",
            "Can I pay for ten hours in three parts?",
            "Why is the night ride dearer than the day?",
        ),
    },
    "hospital": {
        "maternity": (
            "My wife's waters have just broken.",
            "May the father stay overnight when the baby is there?",
            "I am in my eighth month and would like to see the delivery room.",
            "The twins are two days old, when can we take them home?",
        ),
        "imaging": (
            "Is the picture of my knee ready?",
            "May I go into the tube with a pacemaker?",
            "My doctor wants my lungs to be X-rayed.",
            "Must I take off my rings for the scan?",
        ),
        "meals": (
            "Until when do you serve lunch?",
            "Is there soup without meat today?",
            "Where can visitors get a coffee and a roll?",
            "The trays on the third floor came back half full, the rice was cold.",
        ),
        "archive": (
            "I need a copy of my file from 1998.",
            "How long do you keep the records of the dead?",
            "A researcher asks to see charts from before the war.",
            "Where are the notes on my father's operation ten years ago?",
        ),
    },
    "railway": {
        "timetable": (
            "When does the last train to Bath leave?",
            "Does the 8.15 stop in Reading on Sundays?",
            "How long does it take from Rome to Milan?",
            "Is there a connection to the coast after midnight?",
        ),
        "claims": (
            "We were two hours late and I want my money back.",
            "I could not travel because I was ill, what do I get for my unused fare?",
            "The machine took ten and printed nothing, please return them.",
            "My trip was cancelled by you, will you repay me?",
        ),
        "beds": (
            "I would like a bunk to Vienna, the lower one.",
            "Are there cabins for two with a shower?",
            "Will I be woken before we get to Venice at dawn?",
            "Do blankets and a pillow come with the berth?",
        ),
        "bicycles": (
            "May my tandem come aboard?",
            "How do I hang up my wheels in the last carriage?",
            "Do I need a reservation for a folding one?",
            "We are six riders, is there room for all our frames?",
        ),
    },
    "wedding planner": {
        "flowers": (
            "I dream of white lilies on every table.",
            "The bride's bouquet should have no roses, she sneezes.",
            "How early must the wreath for my hair be ordered?",
            "Petals should rain down when they leave the church.",
        ),
        "music": (
            "We want a band that plays swing.",
            "Who will sing while the rings are exchanged?",
            "Can a harp be heard in so large a hall?",
            "The first dance should be a waltz in A major.",
        ),
        "cakes": (
            "Three tiers with marzipan, please.",
            "Is there one without eggs that still rises?",
            "May we taste the lemon cream beforehand?",
            "Who cuts it, and will it melt in the sun?",
        ),
        "photos": (
            "Will you take some of the old couple too?",
            "How many prints go into the album?",
            "Nobody should smile stiffly, can you shoot when they do not notice?",
            "Do you have a lens for the dark chapel?",
        ),
    },
    "university": {
        "admissions": (
            "Are my grades good enough to begin in October?",
            "Until when can I apply to study law?",
            "I come from Chile, does my school certificate count with you?",
            "Have you decided whether I may start medicine?",
        ),
        "housing": (
            "Is there a room for me on the campus?",
            "My neighbour in the hall of residence plays drums all night.",
            "How much is a bed in a flat that four students share?",
            "The heating in my dormitory is broken.",
        ),
        "grants": (
            "My parents earn little, who could support my studies?",
            "When is this month's scholarship paid?",
            "Do I have to pay back what I get if I fail?",
            "Is there money for a term abroad?",
        ),
        "sports": (
            "Which evening does the rowing team train?",
            "I would like to join your volleyball players.",
            "Is the running track open on Sundays?",
            "Who lends me a racket for the tournament?",
        ),
    },
    "law firm": {
        "family": (
            "My husband and I want to live apart, who keeps the children?",
            "How do we adopt my sister's son?",
            "My former wife no longer lets me see our daughter.",
            "What should a marriage contract say about our house?",
        ),
        "traffic": (
            "I was flashed at 70 where 50 is allowed.",
            "They took my licence after one glass of wine.",
            "A van hit me at the lights and its driver blames me.",
            "Must I pay for standing in front of my own gate?",
        ),
        "property": (
            "The fence next door stands half a metre on my ground.",
            "Who has to repair the wall between two gardens?",
            "We bought a cottage, and its cellar is full of water that the seller hid.",
            "May the town cut my orchard in two for a road?",
        ),
        "patents": (
            "I have invented a quiet hammer, how do I keep others from copying it?",
            "A rival builds the very hinge that I thought of first.",
            "For how many years is my new valve mine alone?",
            "Has anybody registered a folding ladder like this before?",
        ),
    },
    "farm shop": {
        "dairy": (
            "Is the butter made of raw cream?",
            "Can I have two litres fresh from the cow each morning?",
            "Your goat cheese tastes milder than last year.",
            "Does the yoghurt keep for a week?",
        ),
        "meat": (
            "I would like half a lamb for Easter.",
            "How long was the beef hung?",
            "Do you still have smoked ham on the bone?",
            "Please put aside three chickens for Saturday.",
        ),
        "fruit": (
            "Are the first strawberries ripe?",
            "Which of your apples are good for baking?",
            "May we pick the plums ourselves?",
            "I need ten kilos of cherries for jam.",
        ),
        "stable": (
            "May my daughter ride the brown pony again?",
            "I am looking for a box for my mare over the winter.",
            "The grey gelding limps on his left hind leg.",
            "When does the blacksmith come to shoe the horses?",
        ),
    },
    "film studio": {
        "casting": (
            "I am an actor of sixty with a beard, do you need me?",
            "My twins could play the young princes.",
            "When are people heard for the part of the nurse?",
            "Shall I learn a monologue before I stand in front of you?",
        ),
        "makeup": (
            "The scar on his cheek came off in the rain.",
            "She has to look eighty from tomorrow on.",
            "Which powder do you take for the vampire?",
            "It takes three hours until the monster's face is glued on.",
        ),
        "sound": (
            "A plane can be heard in the third scene.",
            "Her whisper is too quiet, the microphone hung too high.",
            "How do you make the creak of an old ship?",
            "The steps do not match the picture, they come a moment late.",
        ),
        "finance": (
            "What may the battle cost at the most?",
            "The extras have not had their money yet.",
            "Who pays for the castle that burnt down?",
            "We are two million over what was agreed.",
        ),
    },
    "campsite": {
        "pitches": (
            "Is there a spot in the shade for our tent?",
            "Our caravan is nine metres long, where can it stand?",
            "We booked by the lake and got one by the road.",
            "May we stay on number 14 for two more nights?",
        ),
        "showers": (
            "The water is ice cold in the second cabin.",
            "Where do I get a coin for hot water?",
            "The drain is blocked and everything swims.",
            "When are the wash rooms cleaned?",
        ),
        "shop": (
            "Do you sell rolls at seven in the morning?",
            "I need a gas bottle and matches.",
            "Are there ice creams and postcards?",
            "Could you order a newspaper for me each day?",
        ),
        "noise": (
            "The group beside us sings until three in the morning.",
            "A generator hums all day long.",
            "Somebody's dog has been barking since dawn.",
            "Can you ask the drummers to stop, our baby wants to sleep?",
        ),
    },
    "football club": {
        "youth": (
            "My son is eight and runs very fast, may he come and try?",
            "Which coach trains the girls under twelve?",
            "Do the little ones have a game on Sunday morning?",
            "Our boy wants to stop playing in goal with the juniors.",
        ),
        "stadium": (
            "From which gate do I get to block C?",
            "Is the roof over the east stand watertight?",
            "May I bring a flag on a long pole inside?",
            "The seat in row nine is broken.",
        ),
        "fans": (
            "We are thirty supporters and want to travel to the away game together.",
            "I would like a scarf signed by the whole team.",
            "How do I join those who sing behind the goal?",
            "Where do we meet before the match to march with our banners?",
        ),
        "medical": (
            "The striker's ankle is swollen.",
            "How long will the keeper be out with his torn muscle?",
            "I hit my head in training and feel dizzy.",
            "Who tapes the captain's knee before the game?",
        ),
    },
}
# fmt: on
