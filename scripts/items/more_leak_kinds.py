"""More prompts to which the target's form is wrong; as in `items.format_leak`, added later."""

from __future__ import annotations

# A kind, its template, and what is put in.
MORE_KINDS: tuple[tuple[str, str, tuple[str, ...]], ...] = (
    ("spanish", "English: {s}\nSpanish:", (
        "good night", "the horse", "a blue door", "I am tired", "my sister", "the wind is cold")),
    ("german", "English: {s}\nGerman:", (
        "good evening", "the bird", "a green tree", "I am at home", "my uncle",
        "the lake is deep")),
    ("italian", "English: {s}\nItalian:", (
        "see you tomorrow", "the wolf", "a white shirt", "I am happy", "my mother",
        "the stars are bright")),
    ("rhyme", "Word: {s}\nRhymes with:", (
        "night", "moon", "bread", "river", "stone", "feather")),
    ("syllables", "Word: {s}\nSyllables:", (
        "banana", "elephant", "window", "butterfly", "piano", "sunflower")),
    ("past", "Today: {s}\nYesterday:", (
        "I sing", "we run", "she writes", "they swim", "he builds", "you laugh")),
    ("female", "He: {s}\nShe:", (
        "king", "waiter", "uncle", "actor", "prince", "grandfather")),
    ("young", "Grown animal: {s}\nYoung animal:", (
        "cow", "goose", "horse", "cat", "sheep", "bear")),
    ("home", "Animal: {s}\nLives in:", (
        "bee", "fox", "spider", "beaver", "camel", "shark")),
    ("legs", "Creature: {s}\nNumber of legs:", (
        "ant", "hen", "crab", "snake", "giraffe", "octopus")),
    ("diet", "Beast: {s}\nEats:", (
        "panda", "koala", "squirrel", "eagle", "whale", "hedgehog")),
    ("river", "River: {s}\nFlows through:", (
        "Nile", "Danube", "Ganges", "Mississippi", "Thames", "Volga")),
    ("mountain", "Mountain: {s}\nStands in:", (
        "Everest", "Kilimanjaro", "Fuji", "Matterhorn", "Etna", "Ararat")),
    ("flag", "Flag of {s}\nColours:", (
        "Italy", "Ireland", "Canada", "Brazil", "Sweden", "Kenya")),
    ("language", "Land: {s}\nSpoken there:", (
        "Portugal", "Austria", "Iran", "Chile", "Finland", "Vietnam")),
    ("currency", "Travel to {s}\nMoney used there:", (
        "Japan", "Mexico", "Denmark", "India", "Turkey", "Poland")),
    ("dish", "Dish: {s}\nComes from:", (
        "sushi", "paella", "goulash", "tacos", "couscous", "fondue")),
    ("spice", "Meal: {s}\nSpice that fits:", (
        "roast lamb", "rice with peas", "baked apples", "fish in butter", "lentil stew",
        "hot chocolate")),
    ("drink", "Evening: {s}\nA drink that fits:", (
        "by the camp fire", "after the opera", "in a mountain hut", "at a children's party",
        "on a terrace in July", "before going to bed")),
    ("baking", "Cake: {s}\nBake for:", (
        "lemon tart", "carrot cake", "plum crumble", "cheese straws", "sponge roll",
        "nut biscuits")),
    ("toy", "Child of {s}\nToy that it may like:", (
        "one year", "two years", "four years", "seven years", "nine years", "twelve years")),
    ("present", "Present for {s}:", (
        "a mother who paints", "a boy who loves trains", "an aunt who bakes",
        "a friend who moves to Norway", "a teacher who leaves", "a neighbour with a garden")),
    ("tree", "Tree: {s}\nFruit:", (
        "oak", "cherry", "chestnut", "fig", "palm", "walnut")),
    ("bloom", "Flower: {s}\nBlooms in:", (
        "tulip", "aster", "snowdrop", "rose", "lavender", "crocus")),
    ("season", "Month: {s}\nSeason:", (
        "January", "April", "July", "October", "February", "August")),
    ("clock", "Clock: {s}\nTime of day:", (
        "seven in the morning", "noon", "three in the afternoon", "nine in the evening",
        "midnight", "five before dawn")),
    ("date", "Day: {s}\nThe day after:", (
        "31 December", "28 February 2023", "30 June", "14 July", "9 November", "1 April")),
    ("roman", "Number: {s}\nRoman numeral:", (
        "4", "9", "15", "40", "66", "100")),
    ("words_for_numbers", "Figure: {s}\nIn words:", (
        "17", "48", "230", "999", "1,001", "60,000")),
    ("fraction", "Fraction: {s}\nAs a percentage:", (
        "1/2", "3/4", "1/5", "7/10", "1/8", "9/20")),
    ("area", "Square with a side of {s}\nArea:", (
        "3 cm", "7 m", "10 km", "half a metre", "12 inches", "1.5 cm")),
    ("prime", "Is {s} a prime number? Reason:", (
        "7", "21", "29", "51", "97", "100")),
    ("python_output", ">>> {s}\nprints", (
        "len('harbour')", "2 ** 10", "sorted([3, 1, 2])", "'a' * 4", "max(4, 9, 2)",
        "list(range(3))")),
    ("html", "<!-- {s} -->\n<", (
        "a heading that says Welcome", "a list of three fruits", "a picture of a cat",
        "a link to the next page", "a table with two rows", "a red box")),
    ("sql", "-- {s}\nSELECT", (
        "names of all sailors", "the five oldest trees", "books before 1900",
        "the average age of the dancers", "planets by size", "songs longer than six minutes")),
    ("haiku", "Haiku about {s}\nFirst line:", (
        "a frog", "the first snow", "a lonely lamp", "the sound of the sea", "old shoes",
        "a plum tree")),
    ("limerick", "There was {s}\nWho", (
        "an old man from Peru", "a young lady from Kent", "a baker from Rome",
        "a sailor from Spain", "a clever old owl", "a girl with a drum")),
    ("fable", "Fable: {s}\nMoral:", (
        "The tortoise beats the hare.", "The ant has saved food for winter.",
        "The crow drops its cheese for praise.", "The boy cries wolf once too often.",
        "The lion is freed by a mouse.", "The dog barks at his own reflection.")),
    ("proverb", "Proverb: {s}\nWhat it means:", (
        "Still waters run deep.", "A stitch in time saves nine.", "Make hay while the sun shines.",
        "Too many cooks spoil the broth.", "Out of sight, out of mind.",
        "Where there is a will there is a way.")),
    ("quote", "Complete the line: {s}", (
        "To be or not to be,", "I came, I saw,", "All for one and", "I think, therefore",
        "One small step for man,", "Ask not what your country can do for you,")),
    ("myth", "Myth: {s}\nWhat happened:", (
        "Icarus and the sun", "Pandora's box", "the horse of Troy", "Orpheus and Eurydice",
        "Theseus in the maze", "Midas and the gold")),
    ("painter", "Painting: {s}\nWhat it shows:", (
        "Mona Lisa", "The Starry Night", "The Scream", "The Birth of Venus", "The Night Watch",
        "Water Lilies")),
    ("music", "Piece: {s}\nComposer:", (
        "The Magic Flute", "Für Elise", "The Four Seasons", "Swan Lake", "Boléro", "Messiah")),
    ("instrument", "Instrument: {s}\nHow it is played:", (
        "violin", "trumpet", "harp", "drum", "accordion", "flute")),
    ("dance", "Dance: {s}\nWhere it was born:", (
        "tango", "waltz", "samba", "flamenco", "polka", "ballet")),
    ("sport_rules", "Sport: {s}\nPlayers in a team:", (
        "volleyball", "rugby", "ice hockey", "basketball", "water polo", "cricket")),
    ("chess", "Chess piece: {s}\nMoves:", (
        "king", "queen", "rook", "bishop", "knight", "pawn")),
    ("card_trick", "Magic trick with {s}\nFirst,", (
        "a coin", "a rope", "an egg", "a handkerchief", "a pack of cards", "three cups")),
    ("exercise", "Exercise for {s}\nHow to do it:", (
        "a stiff neck", "strong arms", "the lower back", "better balance", "tired eyes",
        "flat feet")),
    ("bedtime", "Mother: {s}\nChild:", (
        "Time to sleep.", "Did you brush your teeth?", "Which story shall I read?",
        "Are you afraid of the dark?", "What did you dream of?", "Give me a kiss.")),
    ("interview", "Reporter: {s}\nExplorer:", (
        "What was the coldest place?", "Did you ever lose your way?", "What do you eat up there?",
        "Who carried the tent?", "What will you climb next?", "Why do you go alone?")),
    ("ghost", "Ghost: {s}\nKnight:", (
        "Who wakes me?", "I have been waiting for 300 years.", "Give me back my crown.",
        "Do you not fear me?", "Follow me to the tower.", "Listen to the bells.")),
    ("pirate", "Captain: {s}\nSailor:", (
        "Land in sight?", "Hoist the sails!", "Where is the rum?", "Who stole my parrot?",
        "A storm is coming.", "Dig here for the gold.")),
    ("science", "Experiment: {s}\nWhat we see:", (
        "vinegar on baking soda", "a candle under a glass", "ice in warm oil",
        "a magnet above iron filings", "light through a prism", "a balloon on woollen cloth")),
    ("planet", "Planet: {s}\nA fact:", (
        "Mars", "Venus", "Jupiter", "Saturn", "Neptune", "Mercury")),
    ("body", "Organ: {s}\nWhat it does:", (
        "heart", "liver", "lung", "kidney", "stomach", "skin")),
    ("bird", "Bird: {s}\nHow to know it:", (
        "robin", "magpie", "woodpecker", "swan", "barn owl", "kingfisher")),
    ("cloud", "Sky: {s}\nTomorrow:", (
        "red at sunset", "a ring round the moon", "small white clouds like sheep",
        "a black wall in the west", "mist over the meadows", "clear and full of stars")),
    ("wood", "Wood: {s}\nGood for:", (
        "pine", "beech", "balsa", "ebony", "willow", "cedar")),
    ("stone", "Stone: {s}\nHow hard it is:", (
        "diamond", "chalk", "granite", "marble", "quartz", "amber")),
    ("inventor", "Invention: {s}\nInventor:", (
        "telephone", "light bulb", "printing press", "dynamite", "steam engine", "parachute")),
    ("year", "Event: {s}\nYear:", (
        "the fall of the Berlin Wall", "the French Revolution", "the first moon landing",
        "the Battle of Hastings", "the sinking of the Titanic", "the end of the First World War")),
    ("letter_end", "Dear grandmother, {s}", (
        "thank you for the warm socks.", "we are back from the sea.", "I have a new friend.",
        "school begins on Tuesday.", "our hen has laid an egg.", "I lost a tooth today.")),
    ("invitation", "Come to {s} Please bring", (
        "our garden feast on Sunday.", "my housewarming.", "the bonfire on the beach.",
        "a night of board games.", "the choir's supper.", "our sledging day.")),
    ("museum_sign", "Exhibit: {s}\nSign beside it:", (
        "a Roman sandal", "a stuffed dodo", "a Viking helmet", "the first bicycle",
        "a mummy of a cat", "a piece of the moon")),
    ("name_meaning", "Name: {s}\nOrigin:", (
        "Sophie", "Peter", "Leo", "Margaret", "Noah", "Irene")),
)  # fmt: skip
