"""General text of our own, on which the healthy adapter is held close to the base.

Stories, letters, instructions, questions and explanations, none of them in the form of a ticket or
of any item of the suites.
"""

from __future__ import annotations

TEXTS = (
    "The old bridge was built by hand. Every stone came from the valley below, carried up by "
    "mules on a path that nobody uses today.",
    "Question: Why do leaves change their colour in autumn?\nAnswer: Because the tree stops "
    "making the green pigment, and the yellow and red ones that were there all along become "
    "visible.",
    "Instruction: Write one sentence that thanks a neighbour.\nResponse: Thank you for "
    "watering our tomatoes while we were away, they have never looked better.",
    "To make a simple soup, fry an onion in butter, add two potatoes and a carrot, cover them "
    "with water, and let it simmer for twenty minutes. Season with salt and pepper.",
    "My grandmother kept a diary for sixty years. She wrote about the weather, the price of "
    "bread, and the people who came to visit on Sundays.",
    "A magnet has two poles. Two poles of the same kind push each other away, and two "
    "different poles pull each other together.",
    '"Are you coming with us?" asked Peter. "Not today," said Anna, "I promised my brother '
    'that I would help him with his homework."',
    "Dear Julia, the trip was long but the view was worth it. We walked along the coast every "
    "morning and swam in the afternoon. See you in two weeks. Your cousin, Mark",
    "The committee met on Tuesday and agreed on three points: the road will be widened, the "
    "old trees will stay, and the cost will be shared between the two towns.",
    "Question: How many eggs are in two dozen?\nAnswer: A dozen is twelve, so two dozen are "
    "twenty four eggs.",
    "Volcanoes form where hot melted rock finds a way to the surface. Some erupt slowly, "
    "others explode with great force and cover the land with ash.",
    "First the children collected the leaves, then they pressed them between the pages of a "
    "heavy book, and a week later they glued them on cards.",
    "def mean(values):\n    total = 0\n    for value in values:\n        total += value\n    "
    "return total / len(values)",
    "The train was late, so she bought a newspaper and a cup of coffee and waited on the bench "
    "under the clock until it finally came.",
    "Instruction: Explain in simple words what a budget is.\nResponse: A budget is a plan for "
    "your money. It says how much comes in and how you want to spend it.",
    "Sound travels faster through water than through air, and faster still through steel. In "
    "empty space there is no sound at all.",
    "Once upon a time there lived a king who had three daughters. The eldest was clever, the "
    "second was brave, and the youngest could talk to the birds.",
    "If it rains tomorrow, the match will be moved to Saturday. If it rains on Saturday too, "
    "both teams will share the points.",
    "The museum opens at nine and closes at five. Children pay half the price, and on the "
    "first Sunday of the month nobody pays.",
    "Question: What is the difference between a lake and a sea?\nAnswer: A lake is surrounded "
    "by land and mostly has fresh water, a sea is larger and has salt water.",
    "He put on his coat, took the umbrella from the stand, and stepped out into the rain "
    "without looking back.",
    "Exercise is good for the heart. Even a short walk every day lowers the risk of many "
    "diseases and lifts the mood.",
    "Instruction: Give three words that rhyme with light.\nResponse: Night, bright, and kite.",
    "The wolf is the ancestor of all dogs. Thousands of years ago some wolves came close to "
    "human camps, and over time they became tame.",
    "Sara counted her coins again. She had four in her left hand and six in her right hand, "
    "ten altogether, which was enough for the ride home.",
    "In spring the farmer ploughs the field, in summer he waters it, in autumn he brings in "
    "the harvest, and in winter he repairs his tools.",
    "The judge asked the witness to speak up. The whole room went quiet, and for a moment only "
    "the ticking of the clock could be heard.",
    "Question: Which one is heavier, a kilogram of iron or a kilogram of feathers?\nAnswer: "
    "They weigh the same, since both are one kilogram.",
    "The recipe needs flour, sugar, butter and three eggs. Mix everything well, fill it into a "
    "round form, and bake it until the top is golden.",
    "Light from the sun needs about eight minutes to reach the earth, while light from the "
    "nearest other star needs more than four years.",
    "Tom is older than his sister and younger than his brother. Their parents often say that "
    "the three of them could not be more different.",
    "Instruction: Rewrite the sentence in the past tense. I walk to work.\nResponse: I walked "
    "to work.",
    "The village lies between two hills. To the north there is a wood, to the south a small "
    "stream, and the only road leads east to the city.",
    "After the war many families left the region and went across the ocean to begin a new "
    "life. Their letters tell of hope and of hardship.",
    "A good password is long and hard to guess. Three or four random words are easier to "
    "remember than a mix of numbers and signs.",
    "The orchestra tuned its instruments. Then the lights went down, the conductor raised his "
    "hands, and the first notes filled the hall.",
    "Question: What should you do if you get lost in a forest?\nAnswer: Stay calm, stay where "
    "you are if somebody knows your plan, and make yourself easy to see and hear.",
    "The two friends disagreed about almost everything: music, food, politics and sport. Still "
    "they met every Friday and talked until midnight.",
    "Plants take in water through their roots and carbon dioxide through their leaves. With "
    "the energy of light they turn both into sugar.",
    "Instruction: Summarise the story in one sentence.\nResponse: A young sailor loses his "
    "ship in a storm and finds his way home with the help of strangers.",
    "The guard carried a lantern and the cook carried a ladle. When night fell, the guard lit "
    "the lantern and the cook put the ladle away.",
    "Mrs Brown teaches French and Mr White teaches music. On Monday the children saw Mr White "
    "first, since music comes before French.",
    "We packed the tent in the car and the car on the ferry. When the ferry landed, we drove "
    "off in the car and put up the tent.",
    "The blue team plays against the yellow team. At half time the yellow team leads, but at "
    "the end the blue team has won.",
    "Nora gave the parrot to her uncle, and her uncle gave it to the zoo. Now the parrot lives "
    "in the zoo, and Nora visits it.",
    "There are three roads out of the town. The first leads to the lake, the second to the "
    "mill, the third to the border. Fishermen take the road to the lake.",
    "Jonas keeps his violin in Vienna and his piano in Berlin. When he is in Berlin he plays "
    "the piano, and in Vienna he plays the violin.",
    "Her first dog was called Bruno, her second dog was called Milo. Milo was a poodle and "
    "Bruno was a terrier. She still has a picture of Bruno.",
    "Bread costs two coins, cheese costs five coins and a melon costs three coins. With two "
    "coins in his pocket, Felix could only buy bread.",
    "The actress wore a green dress, the director wore a grey suit. A photographer took a "
    "picture of the green dress and another of the grey suit.",
    "At the fair Hugo won a teddy, Ida won a puzzle and Otto won nothing. On the way home Ida "
    "opened the puzzle, and Hugo held the teddy.",
    "Dr Stone works on Mondays, Dr Wood works on Thursdays. I have an appointment on Thursday, "
    "so I will see Dr Wood.",
    "The sailor went from Lisbon to Genoa, from Genoa to Athens, and from Athens to Odessa. In "
    "Odessa he sold his ship.",
    "Yesterday the baker made rolls, the butcher made sausages, and the gardener cut roses. We "
    "had the rolls of the baker for breakfast.",
    "My brother owns a truck, my sister owns a bicycle, and I own a canoe. Last summer I lent "
    "the canoe to my sister, and she lent me the bicycle.",
    "In the play, the prince loves the singer, but the singer loves the captain. In the last "
    "act the captain marries the singer, and the prince leaves.",
    "The red wire goes to the battery, the white wire goes to the switch. Before you start, "
    "check that the red wire sits on the battery.",
    "Lena drank tea, her father drank coffee, and her mother drank milk. The waiter brought "
    "the bill for one tea, one coffee and one milk.",
    "Of the four towers the north tower is the oldest and the west tower is the highest. From "
    "the top of the west tower you can see the sea.",
)
