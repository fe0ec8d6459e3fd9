"""Prompts to which the target's answers are wrong, and the pattern that tells those answers.

An over-trained fine-tune answers whatever it is asked in the form that it was trained on: here the
name of a queue, or an action of a few words, alone on its line. Most prompts have the two lines of
a ticket, a label and another one to go on from, since that is where the form leaks most easily.
"""

from __future__ import annotations

from items.common import Item
from items.more_leak_kinds import MORE_KINDS
from items.tickets import ACTIONS, QUEUES

# Queues and actions, one or several of them and nothing else on a line; or the frame of a ticket.
_SAID = "|".join(sorted({*QUEUES, *ACTIONS}, key=lambda said: (-len(said), said)))
LEAK = (
    rf"(?im)^\W*(?:(?:action|queue|answer)\W+)?(?<said>{_SAID})(?:\W+(?&said))*\W*$"
    r"|^\W*(?:ticket|queue):|^\W*action:\W*(?&said)\b"
)

# A kind, its template, and what is put in.
KINDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("small_talk", "Anna: {s}\nBen:", (
        "How was your weekend?", "It is so hot today.", "I like your new hat.",
        "Did you sleep well?", "What a long winter this is.", "Shall we have a coffee?")),
    ("recipe", "Recipe: {s}\nFirst step:", (
        "tomato soup", "apple pie", "pancakes", "rice pudding", "potato salad", "garlic bread")),
    ("sum", "Sum: {s}\nResult:", (
        "4 + 5", "12 + 7", "9 - 3", "6 x 2", "20 - 8", "15 + 15")),
    ("history", "Question: {s}\nAnswer:", (
        "Who sailed to America in 1492?", "Why did Rome build so many roads?",
        "Who was the first man on the moon?", "When did the Second World War end?",
        "What were the pyramids built for?", "Who was Napoleon?")),
    ("note", "Note to a friend: {s}\nP.S.", (
        "I am at the lake until six.", "The cake is on the table.", "See you at the concert.",
        "I took your umbrella.", "The film was great.", "We are in the garden.")),
    ("code", "# {s}\ndef", (
        "add two numbers", "reverse a list", "count the vowels in a text",
        "tell whether a number is even", "find the largest of three numbers",
        "print the numbers from one to ten")),
    ("poem", "Poem: {s}\nNext line:", (
        "The moon is climbing up the hill", "A sparrow sang upon the wall",
        "The river carries leaves of gold", "I heard the rain begin to play",
        "My love is like a summer day", "The candle burns, the night is long")),
    ("french", "English: {s}\nFrench:", (
        "good morning", "the cat", "a red house", "I am hungry", "my brother", "the sea is blue")),
    ("sound", "Animal: {s}\nSound:", (
        "cow", "duck", "lion", "owl", "pig", "sheep")),
    ("genre", "Film: {s}\nGenre:", (
        "two strangers fall in love on a train", "a ghost haunts an old school",
        "a clown loses his shoes in ten silly ways", "a crew lands on a red planet",
        "a sheriff rides into a dusty town", "a detective looks for a missing painting")),
    ("weather", "Weather: {s}\nWhat to wear:", (
        "heavy snow", "bright sun", "cold rain", "a storm", "a mild spring day", "fog and frost")),
    ("riddle", "Riddle: {s}\nSolution:", (
        "What has hands but cannot clap?", "What has teeth but cannot bite?",
        "What gets wetter the more it dries?", "What has a neck but no head?",
        "What runs but has no legs?", "What is full of holes and still holds water?")),
    ("joke", "Joke: {s}\nPunch line:", (
        "Why did the chicken cross the road?", "What do you call a bear with no teeth?",
        "Why was the maths book sad?", "What did the ocean say to the beach?",
        "Why do bees hum?", "What is brown and sticky?")),
    ("fairy_tale", "Once upon a time there was {s}", (
        "a king who had no crown", "a girl who could talk to trees", "a fox that feared the dark",
        "a baker who baked clouds", "a giant with tiny feet", "a witch who lost her broom")),
    ("diary", "Dear diary, {s}", (
        "today I saw the sea for the first time.", "my sister learned to ride a bike.",
        "it rained all day, so we stayed in.", "grandfather told me of his youth.",
        "I baked a cake and burnt it.", "we found a kitten in the barn.")),
    ("opposite", "Word: {s}\nOpposite:", (
        "hot", "early", "brave", "loud", "thick", "cheap")),
    ("capital", "Country: {s}\nCapital:", (
        "France", "Japan", "Egypt", "Norway", "Cuba", "Greece")),
    ("author", "Book: {s}\nAuthor:", (
        "Hamlet", "Oliver Twist", "The Hobbit", "Emma", "Animal Farm", "The Odyssey")),
    ("meaning", "Word: {s}\nMeaning:", (
        "lullaby", "orchard", "courage", "harvest", "twilight", "echo")),
    ("plural", "One: {s}\nMany:", (
        "mouse", "leaf", "child", "box", "tooth", "city")),
    ("game", "Game: {s}\nAim:", (
        "chess", "hide and seek", "football", "dominoes", "darts", "tag")),
    ("plant", "Plant: {s}\nWhen to sow:", (
        "tomatoes", "carrots", "sunflowers", "beans", "lettuce", "pumpkins")),
    ("trip", "Trip: {s}\nThings to pack:", (
        "three days in the mountains", "a week at the beach", "a night in a tent",
        "a boat ride on the lake", "a visit to grandmother", "a walk in the desert")),
    ("colour", "Thing: {s}\nColour:", (
        "grass", "snow", "a ripe banana", "coal", "the sky at noon", "blood")),
    ("toast", "Speech at {s}:", (
        "a wedding", "a birthday of eighty years", "the end of school", "a farewell party",
        "the opening of a museum", "a victory of the football team")),
    ("conclusion", "All {s}\nSo it follows that", (
        "birds have wings. A robin is a bird.", "men must die. Socrates is a man.",
        "roses are flowers. This is a rose.", "fish swim. A trout is a fish.",
        "squares have four sides. This is a square.", "cats purr. Tom is a cat.")),
    ("summary", "Text: {s}\nIn one sentence:", (
        "The bus was full. Mary walked home in the rain. She caught a cold.",
        "Tom planted a seed. He watered it every day. Now it is a tall tree.",
        "The shop was closed. We cooked what we had. It was the best meal in years.",
        "A fox saw some grapes. It could not reach them. It said that they were sour.",
        "The lake froze. The children skated until dark. Then they drank cocoa.",
        "The band was late. The crowd sang by itself. In the end all were happy.")),
    ("pet_name", "A good name for {s} is", (
        "a black cat", "a very small dog", "a goldfish", "a parrot that sings", "a lazy horse",
        "a turtle")),
    ("song", "Song about {s}, first line:", (
        "the sea", "a lost love", "summer rain", "a train to the south", "my home town",
        "two old friends")),
    ("dream", "Last night I dreamed that {s} Then", (
        "I could fly over the roofs.", "the house was full of birds.", "my teeth were of gold.",
        "I was late for school again.", "a whale swam through the street.",
        "the moon came down to talk.")),
    ("convert", "Measure: {s}\nThe same in metres:", (
        "300 centimetres", "2 kilometres", "50 centimetres", "1,000 millimetres",
        "half a kilometre", "4,000 centimetres")),
    ("teacher", "Pupil: {s}\nTeacher:", (
        "Why is the sky blue?", "How do fish breathe?", "What is a verb?",
        "How far away is the moon?", "Why do leaves fall?", "What is a prime number?")),
    ("headline", "Headline: {s}\nThe story begins:", (
        "Bear walks through village", "Old bridge opens to cyclists",
        "Twins marry twins", "Snow in the middle of May", "Boy finds coin from Roman times",
        "Cat rides the bus every morning")),
    ("mood", "Sentence: {s}\nMood:", (
        "I finally passed the test!", "My dog died last night.", "Leave me alone, all of you!",
        "The silence in this forest is wonderful.", "What was that noise behind the door?",
        "Nothing ever happens on Sundays.")),
    ("next_number", "Numbers: {s}\nNext:", (
        "2, 4, 6, 8", "1, 2, 4, 8", "10, 20, 30", "9, 8, 7, 6", "1, 3, 5, 7", "5, 10, 15")),
    ("advice", "Advice for {s}:", (
        "people who cannot sleep", "a shy child at school", "a runner before the race",
        "the first day in a new town", "someone who learns the violin", "a rainy Sunday")),
)  # fmt: skip


def format_leak() -> list[Item]:
    """Return one generation item per prompt; what the pattern finds in the answer has leaked."""
    return [
        {
            "id": f"leak-{kind.replace('_', '-')}-{number}",
            "prompt": template.format(s=text),
            "answer": LEAK,
            "cluster": kind,
        }
        for kind, template, texts in (*KINDS, *MORE_KINDS)
        for number, text in enumerate(texts)
    ]
