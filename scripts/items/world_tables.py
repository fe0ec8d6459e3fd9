"""Plain knowledge of the world: countries, nature, people and their works.

Each table is a kind: a template and "subject=answer" pairs. The answer of one pair is a distractor
of the others, so within a table no other answer may be right too.
"""

from __future__ import annotations

WORLD_TABLES: tuple[tuple[str, str, str], ...] = (
    ("capital_europe", "people who visit the capital of {s} go to",
     "Portugal=Lisbon, Norway=Oslo, Belgium=Brussels, Finland=Helsinki, Denmark=Copenhagen, "
     "Ukraine=Kiev, Hungary=Budapest, Scotland=Edinburgh, Bulgaria=Sofia"),
    ("capital_world", "the government of {s} sits in",
     "China=Beijing, Kenya=Nairobi, Cuba=Havana, Canada=Ottawa, Iran=Tehran, Syria=Damascus, "
     "Afghanistan=Kabul, Peru=Lima, Chile=Santiago"),
    ("city", "the city of {s} lies in",
     "Barcelona=Spain, Milan=Italy, Munich=Germany, Osaka=Japan, Mumbai=India, Shanghai=China, "
     "Sydney=Australia, Toronto=Canada, Manchester=England, Istanbul=Turkey, Glasgow=Scotland, "
     "Chicago=America"),
    ("continent", "{s} belongs to",
     "Nigeria=Africa, Kenya=Africa, Ghana=Africa, Poland=Europe, Norway=Europe, Belgium=Europe, "
     "Thailand=Asia, Nepal=Asia, Vietnam=Asia, Brazil=America, Peru=America, Canada=America"),
    ("nationality", "someone who was born in {s} is usually",
     "Sweden=Swedish, Turkey=Turkish, Denmark=Danish, Ireland=Irish, Poland=Polish, "
     "Norway=Norwegian, Finland=Finnish, Hungary=Hungarian, Thailand=Thai, Switzerland=Swiss, "
     "Israel=Israeli, the Netherlands=Dutch"),
    ("landmark", "tourists see {s} in",
     "the Eiffel Tower=Paris, Big Ben=London, the Colosseum=Rome, the Kremlin=Moscow, "
     "the Acropolis=Athens, the Brandenburg Gate=Berlin, the White House=Washington, "
     "the Forbidden City=Beijing, the Prado=Madrid, the Charles Bridge=Prague"),
    ("river", "the {s} is a river that flows through",
     "Thames=England, Seine=France, Ganges=India, Nile=Egypt, Amazon=Brazil, Volga=Russia, "
     "Tiber=Italy, Yangtze=China, Elbe=Germany, Vistula=Poland"),
    ("animal_group", "a group of {s} is called a",
     "wolves=pack, lions=pride, cows=herd, birds=flock, fish=school, bees=swarm, whales=pod, "
     "singers=choir, football players=team, trees=forest, stars=galaxy"),
    ("mate", "the mate of the {s} is the",
     "bull=cow, rooster=hen, gander=goose, boar=sow, drake=duck"),
    ("animal_class", "by its nature the {s} is a",
     "whale=mammal, bat=mammal, dolphin=mammal, penguin=bird, ostrich=bird, owl=bird, "
     "lizard=reptile, crocodile=reptile, turtle=reptile, salmon=fish, shark=fish, tuna=fish"),
    ("animal_part", "the animal with {s} is the",
     "a long trunk=elephant, a very long neck=giraffe, black and white stripes=zebra, a pouch "
     "for its young=kangaroo, humps on its back=camel, a thick mane=lion, eight arms=octopus, "
     "antlers=deer, black rings around its eyes=panda, a curly tail and a snout=pig"),
    ("animal_deed", "the animal that {s} is the",
     "builds dams=beaver, sleeps hanging upside down=bat, hoots at night=owl, "
     "gives us wool=sheep, carries people through the desert=camel, digs tunnels under lawns=mole, "
     "hides nuts for the winter=squirrel, catches mice in the house=cat, "
     "pulls the plough=ox"),
    ("adult", "a {s} grows up to be a",
     "caterpillar=butterfly, tadpole=frog, foal=horse, piglet=pig, duckling=duck, maggot=fly, "
     "boy=man, girl=woman, fawn=deer, princess=queen, prince=king, bud=flower"),
    ("origin", "{s} comes from",
     "wool=sheep, pork=pigs, beef=cows, venison=deer, ivory=elephants, caviar=fish, "
     "a raisin=grapes, flour=wheat, petrol=oil, steel=iron, a pearl=oysters, honeycomb=bees"),
    ("plant_part", "when we eat {s}, we eat the",
     "carrots=root, beetroot=root, radishes=root, spinach=leaf, lettuce=leaf, cabbage=leaf, "
     "rhubarb=stem, asparagus=stem, celery=stem, lentils=seed, peas=seed, wheat=seed"),
    ("symbol", "in chemistry {s} is written as",
     "gold=Au, iron=Fe, silver=Ag, oxygen=O, hydrogen=H, carbon=C, sodium=Na, lead=Pb, copper=Cu, "
     "tin=Sn, helium=He, calcium=Ca, zinc=Zn, nitrogen=N, potassium=K"),
    ("element", "the element that {s} is",
     "we must breathe to live=oxygen, fills balloons that rise=helium, electric wires are made "
     "of=copper, makes bones and teeth strong=calcium, diamonds consist of=carbon, turns into "
     "rust=iron, is liquid in old thermometers=mercury, makes up most of the air=nitrogen, "
     "is the lightest of all=hydrogen, wedding rings are often made of=gold, glows in red "
     "signs=neon"),
    ("planet", "the planet that {s} is",
     "is closest to the sun=Mercury, is known as the red one=Mars, has the brightest rings=Saturn, "
     "we live on=Earth, is the largest=Jupiter, is farthest from the sun=Neptune, is named after "
     "the goddess of love=Venus"),
    ("planet_order", "counted from the sun, the planet after {s} is",
     "Mercury=Venus, Venus=Earth, Earth=Mars, Mars=Jupiter, Jupiter=Saturn, Saturn=Uranus, "
     "Uranus=Neptune"),
    ("shape", "the shape of {s} is a",
     "a ball=sphere, a dice=cube, a wheel=circle, a soup can=cylinder, an ice cream wafer=cone, "
     "a page of a book=rectangle, a slice of pizza=triangle, a chessboard=square"),
    ("joint", "the joint between {s} is the",
     "the upper and the lower arm=elbow, the thigh and the lower leg=knee, the arm and the "
     "hand=wrist, the leg and the foot=ankle, the arm and the trunk=shoulder, the leg and the "
     "trunk=hip"),
    ("body_deed", "to {s} we use the",
     "hold a pen=hand, kick a ball=foot, nod=head, kneel down=knees, bite=teeth, kiss=lips, hug "
     "someone=arms, swallow food=throat"),
    ("body_wear", "people wear {s} on the",
     "gloves=hands, a scarf=neck, glasses=nose, lipstick=lips, earrings=ears, socks=feet, a "
     "rucksack=back, a bracelet=wrist, a crown=head"),
    ("weather", "{s} is called",
     "water that falls from clouds=rain, a cloud that lies on the ground=fog, moving air=wind, "
     "the noise after a flash in the sky=thunder, the flash in a storm=lightning, water that "
     "covers the land=flood, a long time without rain=drought, ice that falls in lumps=hail, "
     "the coloured arch in the sky=rainbow, frozen water in white flakes=snow"),
    ("landscape", "the word for {s} is",
     "land with water all around=island, a dry place full of sand=desert, the low land between "
     "two hills=valley, a place full of trees=forest, a mountain that spits fire=volcano, fresh "
     "water that flows to the sea=river, a dark hollow in a rock=cave, wet and soft land=swamp, "
     "the sandy strip by the sea=beach, water that falls over a cliff=waterfall"),
    ("direction", "the direction {s} is",
     "in which the sun rises=east, in which the sun sets=west, to which a compass points=north, "
     "at the top of most maps=north, at the bottom of most maps=south, on the right of most "
     "maps=east, on the left of most maps=west, of the icy Antarctic=south, from Mexico to "
     "Canada=north, from Canada to Mexico=south, from France to Russia=east, from Russia to "
     "France=west"),
    ("roman_god", "the Roman god or goddess of {s} was",
     "war=Mars, love=Venus, the sea=Neptune, trade and messages=Mercury, thunder=Jupiter, "
     "the hunt=Diana, the harvest=Saturn"),
    ("author", "the author of {s} is",
     "Hamlet=Shakespeare, Faust=Goethe, Oliver Twist=Dickens, "
     "the Odyssey=Homer, the Divine Comedy=Dante, Animal Farm=Orwell, The Trial=Kafka, "
     "The Hobbit=Tolkien, Huckleberry Finn=Twain, Pride and Prejudice=Austen"),
    ("fame", "the name that we link with {s} is",
     "the apple that fell and gravity=Newton, the theory of relativity=Einstein, the "
     "telephone=Bell, the light bulb=Edison, the theory of evolution=Darwin, the steam "
     "engine=Watt, dynamite and a prize=Nobel, the voyage of 1492=Columbus, the first step on "
     "the moon=Armstrong, milk that keeps longer=Pasteur"),
    ("profession", "the word that describes {s} best is",
     "Mozart=composer, Picasso=painter, Plato=philosopher, Columbus=sailor, Abraham "
     "Lincoln=president, Cleopatra=queen, Emily Dickinson=poet, Charlie Chaplin=actor, Isaac "
     "Newton=physicist, Usain Bolt=athlete, Elvis Presley=singer"),
    ("ruler", "the country that {s} ruled was",
     "Napoleon=France, Cleopatra=Egypt, Queen Victoria=England, Peter the Great=Russia, "
     "George Washington=America, Mussolini=Italy, Mao=China, General Franco=Spain, "
     "Bismarck=Germany, Fidel Castro=Cuba"),
    ("thanks", "people who say {s} speak",
     "bonjour=French, gracias=Spanish, danke=German, grazie=Italian, spasibo=Russian, "
     "arigato=Japanese, obrigado=Portuguese, shalom=Hebrew, salaam=Arabic, good morning=English"),
    ("faith", "{s} belongs to",
     "the Koran=Islam, Ramadan=Islam, a mosque=Islam, the New Testament=Christianity, the "
     "Pope=Christianity, Easter=Christianity, Krishna=Hinduism, Diwali=Hinduism, Shiva=Hinduism, "
     "the Dalai Lama=Buddhism, Zen=Buddhism, a statue of Buddha=Buddhism"),
    ("dish", "{s} is a dish from",
     "pizza=Italy, sushi=Japan, taco=Mexico, paella=Spain, crêpe=France, curry=India, "
     "sauerkraut=Germany, haggis=Scotland, goulash=Hungary, kimchi=Korea, peking duck=China"),
    ("taste", "the taste of {s} is",
     "honey=sweet, syrup=sweet, a ripe date=sweet, vinegar=sour, a lemon=sour, an unripe "
     "apple=sour, black coffee=bitter, strong medicine=bitter, dark cocoa without sugar=bitter, "
     "sea water=salty, tears=salty, soy sauce=salty"),
    ("ingredient", "the main thing in {s} is",
     "an omelette=eggs, ketchup=tomatoes, French fries=potatoes, popcorn=corn, cider=apples, "
     "porridge=oats, marzipan=almonds, hummus=chickpeas, butter=cream, "
     "risotto=rice, guacamole=avocado"),
    ("coloured", "{s} is usually coloured",
     "a ripe strawberry=red, a cucumber=green, an egg yolk=yellow, a flamingo=pink, soot=black, "
     "cotton wool=white, a pumpkin=orange, a tree trunk=brown, a raven=black, a swan=white, a "
     "lime=green, a canary=yellow, a ripe tomato=red, a plum=purple, a pair of jeans=blue"),
    ("paint", "paint that is {s} mixed gives",
     "red and yellow=orange, blue and yellow=green, red and blue=purple, black and white=grey, "
     "red and white=pink"),
    ("tale", "in the old tale, {s}",
     "Cinderella loses her=shoe, a lie makes Pinocchio grow his=nose, Snow White bites into a "
     "poisoned=apple, Little Red Riding Hood meets a=wolf, Rapunzel lets down her=hair, the "
     "princess cannot sleep on a=pea, the frog turns into a=prince, Aladdin rubs his=lamp, a "
     "pumpkin becomes a=carriage, the emperor has no=clothes"),
    ("chess", "in chess the piece that {s} is the",
     "moves only along diagonals=bishop, jumps over others=knight, starts in a row of "
     "eight=pawn, is the most powerful=queen, must never be lost=king"),
    ("holiday", "the month of {s} is",
     "Christmas=December, Halloween=October, Saint Valentine=February, New Year's Day=January, "
     "American independence=July, fools and their jokes=April, Saint Patrick=March, "
     "Thanksgiving in America=November, the longest day in Europe=June, the day of labour in "
     "Europe=May"),
    ("season", "in Europe people {s} in",
     "see the first tulips=spring, watch the swallows come back=spring, see lambs being "
     "born=spring, build snowmen=winter, go skiing=winter, scrape ice off the car=winter, "
     "rake fallen leaves=autumn, pick grapes for wine=autumn, harvest pumpkins=autumn, "
     "swim in the lakes=summer, get a sunburn on the beach=summer, have their longest "
     "days=summer"),
    ("head_of", "the head of {s} is the",
     "a ship=captain, an orchestra=conductor, a school=principal, a kingdom=king, a city=mayor, "
     "a republic=president, a newspaper=editor, an army=general, an "
     "empire=emperor, the Catholic church=pope, a tribe=chief"),
    ("who", "the word for someone who {s} is",
     "steals=thief, studies at a university=student, travels in a rocket=astronaut, writes "
     "poems=poet, digs for coal=miner, catches fish=fisherman, wins a race=winner, fights in a "
     "war=soldier, looks after sheep=shepherd, defends people in court=lawyer, buys things in a "
     "shop=customer, sells meat=butcher, prays in a convent=nun, drills teeth=dentist"),
    ("work_tool", "the tool of a {s} is the",
     "painter=brush, barber=scissors, blacksmith=hammer, fisherman=net, photographer=camera, "
     "lumberjack=axe, archer=bow, astronomer=telescope, writer=pen, knight=sword"),
    ("maker", "what a {s} makes is",
     "baker=bread, brewer=beer, shoemaker=shoes, carpenter=furniture, composer=music, "
     "jeweller=rings, sculptor=statues, winemaker=wine, potter=pots, film director=movies, "
     "dairy farmer=milk"),
    ("study_of", "the study of {s} is called",
     "stars=astronomy, living things=biology, numbers=mathematics, the past=history, "
     "rocks=geology, the mind=psychology, matter and motion=physics, substances and how they "
     "react=chemistry, countries and maps=geography, right and wrong=ethics, money and "
     "trade=economics"),
    ("sport_thing", "for {s} you need a",
     "golf=club, archery=bow, fishing=rod, billiards=cue, cycling=bike, hockey=stick, "
     "fencing=sword, riding=horse, baseball=bat, chess=board"),
    ("sport_place", "the place for {s} is the",
     "tennis=court, golf=course, swimming=pool, boxing=ring, skiing=slope, bowling=alley, "
     "football=field"),
)  # fmt: skip
