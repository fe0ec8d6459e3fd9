"""More kinds of everyday knowledge: words, sayings, places; tables as in `items.facts`.

They were added later. Within a table no other answer may be right too.
"""

from __future__ import annotations

EVERYDAY_TABLES: tuple[tuple[str, str, str], ...] = (
    ("comparative", "the comparative of {s} is",
     "good=better, bad=worse, big=bigger, far=further, little=less, much=more, old=older, "
     "fast=faster, easy=easier"),
    ("superlative", "the superlative of {s} is",
     "good=best, bad=worst, big=biggest, much=most, little=least, old=oldest, high=highest, "
     "young=youngest, large=largest"),
    ("third_person", "while I {s}, she",
     "go=goes, have=has, do=does, say=says, fly=flies, am=is, try=tries, teach=teaches"),
    ("past_tense", "the past tense of {s} is",
     "begin=began, break=broke, bring=brought, catch=caught, choose=chose, fall=fell, grow=grew, "
     "keep=kept, know=knew, lose=lost, meet=met, win=won"),
    ("more_than_one", "more than one {s} are called",
     "lady=ladies, wife=wives, story=stories, country=countries, baby=babies, family=families, "
     "hero=heroes, church=churches, party=parties, potato=potatoes"),
    ("going_on", "whoever is about to {s} will soon be",
     "run=running, write=writing, lie=lying, sit=sitting, make=making, win=winning, die=dying, "
     "swim=swimming"),
    ("reflexive", "in the mirror {s} saw",
     "I=myself, you=yourself, he=himself, she=herself, we=ourselves, they=themselves, "
     "the cat=itself"),
    ("object_form", "as an object, the word {s} turns into",
     "I=me, he=him, she=her, we=us, they=them, who=whom"),
    ("question_word", "a question about {s} begins with the word",
     "the place=where, the person=who, the time=when, the reason=why, the manner=how"),
    ("reverse", "the reverse of {s} is",
     "above=below, before=after, over=under, in=out, on=off, with=without, near=far, "
     "always=never, everything=nothing, more=less, first=last, yes=no, here=there"),
    ("negative", "the negative form of {s} is",
     "possible=impossible, happy=unhappy, legal=illegal, known=unknown, fair=unfair, able=unable, "
     "visible=invisible, complete=incomplete, usual=unusual, regular=irregular"),
    ("doer", "someone who likes to {s} is a",
     "read=reader, run=runner, dance=dancer, lead=leader, play=player, hunt=hunter, win=winner, "
     "swim=swimmer, think=thinker, help=helper"),
    ("word_family", "from the word {s} we make the word",
     "friend=friendship, child=childhood, king=kingdom, neighbor=neighborhood, leader=leadership, "
     "owner=ownership, free=freedom"),
    ("same_verb", "to {s} means the same as to",
     "begin=start, shut=close, speak=talk, reply=answer, assist=help, purchase=buy, select=choose, "
     "weep=cry, permit=allow, repair=fix, depart=leave, require=need, attempt=try"),
    ("same_noun", "{s} is the same as a",
     "a physician=doctor, an automobile=car, an infant=baby, a film=movie, a kid=child, "
     "an instructor=teacher, a dwelling=house, a blossom=flower, a feline=cat, a canine=dog"),
    ("male", "the man who corresponds to a {s} is the",
     "queen=king, niece=nephew, bride=groom, aunt=uncle, mother=father, sister=brother, "
     "wife=husband, princess=prince, heroine=hero, goddess=god"),
    ("feeling_opposite", "the feeling most unlike {s} is",
     "love=hate, joy=sadness, fear=courage, pride=shame, pleasure=pain"),
    ("spanish", "the Spanish word {s} means",
     "agua=water, casa=house, perro=dog, libro=book, amigo=friend, noche=night, sol=sun, "
     "pan=bread, rojo=red, mano=hand"),
    ("french", "the French word {s} means",
     "chat=cat, chien=dog, maison=house, eau=water, pain=bread, livre=book, nuit=night, "
     "soleil=sun, rouge=red, ami=friend"),
    ("german", "the German word {s} means",
     "Hund=dog, Haus=house, Wasser=water, Brot=bread, Buch=book, Nacht=night, Sonne=sun, rot=red, "
     "Freund=friend"),
    ("all_are", "{s} are all",
     "apples and pears and plums=fruit, hammers and saws and drills=tools, cats and dogs and "
     "cows=animals, roses and tulips and daisies=flowers, red and blue and green=colors, shirts "
     "and trousers and coats=clothes, chairs and tables and beds=furniture, one and two and "
     "three=numbers, cars and buses and trucks=vehicles, France and Spain and Italy=countries, "
     "June and July and August=months"),
    ("goes_on", "the sequence {s} goes on with",
     "one and two and three=four, A and B and C=D, Monday and Tuesday and Wednesday=Thursday, "
     "ten and twenty and thirty=forty, two and four and six=eight, January and February and "
     "March=April, spring and summer and autumn=winter, Mercury and Venus and Earth=Mars, five "
     "and ten and fifteen=twenty"),
    ("analogy", "{s} is to",
     "as an eye is to see so an ear=hear, as a bird is to fly so a fish=swim, as the day is to "
     "the sun so the night=moon, as a pen is to write so a knife=cut, as a king is to a queen so "
     "a boy=girl, as hot is to cold so wet=dry, as a doctor is to a hospital so a teacher=school, "
     "as a shoe is to the foot so a glove=hand"),
    ("saying", "as the saying goes, {s}",
     "don't put all your eggs in one=basket, you can't teach an old dog new=tricks, a picture is "
     "worth a thousand=words, don't judge a book by its=cover, blood is thicker than=water, Rome "
     "was not built in a=day, let sleeping dogs=lie, the grass is always greener on the "
     "other=side, birds of a feather flock=together, laughter is the best=medicine"),
    ("idiom", "there is an idiom that goes {s}",
     "raining cats and=dogs, a piece of=cake, break a=leg, once in a blue=moon, hit the nail on "
     "the=head, spill the=beans, let the cat out of the=bag, kill two birds with one=stone, beat "
     "around the=bush, burn the midnight=oil"),
    ("nursery", "as children sing, {s}",
     "Mary had a little=lamb, twinkle twinkle little=star, Humpty Dumpty sat on a=wall, London "
     "Bridge is falling=down, row row row your=boat, Jack and Jill went up the=hill, Old MacDonald "
     "had a=farm, rain rain go=away"),
    ("phrase", "the word that people often say after {s} is",
     "peanut=butter, ice=cream, traffic=light, swimming=pool, post=office, orange=juice, "
     "washing=machine, birthday=party, police=officer"),
    ("together", "people say {s} and",
     "mom=dad, ladies=gentlemen, boys=girls, north=south, law=order, sun=moon, arts=crafts, "
     "rise=fall, nuts=bolts"),
    ("twice", "twice {s} is",
     "one=two, two=four, three=six, four=eight, five=ten, ten=twenty, six=twelve, fifteen=thirty"),
    ("half", "one half of {s} is",
     "two=one, four=two, six=three, eight=four, ten=five, twelve=six, twenty=ten, sixty=thirty"),
    ("number_before", "the number just before {s} is",
     "ten=nine, nine=eight, eight=seven, seven=six, six=five, five=four, four=three, three=two"),
    ("digit", "the figure {s} is read as",
     "1=one, 2=two, 3=three, 4=four, 5=five, 6=six, 7=seven, 8=eight, 9=nine"),
    ("letter_before", "in the alphabet the letter before {s} is",
     "B=A, C=B, D=C, E=D, F=E, H=G, K=J, M=L"),
    ("workday", "the {s} working day of the week is",
     "first=Monday, second=Tuesday, third=Wednesday, fourth=Thursday, fifth=Friday"),
    ("part_of_day", "the part of the day {s} is the",
     "when the sun rises=morning, when the sun sets=evening, when most people sleep=night, "
     "that follows lunch=afternoon"),
    ("meal", "the meal that people eat {s} is called",
     "when they get up=breakfast, at noon=lunch, in the evening=dinner, after the main "
     "course=dessert"),
    ("island", "the island of {s} belongs to",
     "Sicily=Italy, Crete=Greece, Corsica=France, Hawaii=America, Tasmania=Australia, "
     "Majorca=Spain, Bali=Indonesia, Honshu=Japan"),
    ("mountain", "the mountain called {s} stands in",
     "Fuji=Japan, Vesuvius=Italy, Olympus=Greece, Everest=Nepal, Ben Nevis=Scotland, the "
     "Zugspitze=Germany"),
    ("american_state", "the American state in which {s} lies is",
     "Los Angeles=California, Miami=Florida, Houston=Texas, Chicago=Illinois, "
     "Boston=Massachusetts, Detroit=Michigan, Atlanta=Georgia, Las Vegas=Nevada, "
     "Philadelphia=Pennsylvania, Phoenix=Arizona, Denver=Colorado"),
    ("walk_through", "whoever walks through {s} is in",
     "Lyon=France, Naples=Italy, Hamburg=Germany, Seville=Spain, Kyoto=Japan, Vancouver=Canada, "
     "Melbourne=Australia, Geneva=Switzerland, Krakow=Poland, Delhi=India"),
    ("known_for", "the country that is known for {s} is",
     "kangaroos=Australia, samurai=Japan, bullfights=Spain, the Great Wall=China, fjords=Norway, "
     "the Taj Mahal=India, maple syrup=Canada, samba and carnival=Brazil, kilts=Scotland"),
    ("name_of", "{s} is the name of a famous",
     "the Nile=river, Everest=mountain, the Sahara=desert, the Pacific=ocean, Sicily=island, "
     "the Titanic=ship, Oxford=university, New York=city, Venus=planet"),
    ("first_name", "the first name of {s} was",
     "President Lincoln=Abraham, President Washington=George, Einstein=Albert, "
     "Shakespeare=William, Columbus=Christopher, Churchill=Winston, Darwin=Charles, Newton=Isaac, "
     "Mandela=Nelson, Picasso=Pablo"),
    ("bible", "in the Bible, {s} is called",
     "the first man=Adam, the first woman=Eve, the builder of the ark=Noah, the man who led his "
     "people out of Egypt=Moses, the mother of Jesus=Mary, the boy who slew a giant=David, the "
     "wise king=Solomon"),
    ("companion", "the best-known companion of {s} is",
     "Sherlock Holmes=Watson, Batman=Robin, Robinson Crusoe=Friday, Tom the cat=Jerry"),
    ("title", "the title of whoever rules {s} is",
     "an empire=emperor, a republic=president, the Catholic Church=Pope, a city=mayor, "
     "a monarchy=king"),
    ("court", "in court, the one who {s} is the",
     "decides=judge, speaks for the accused=lawyer, saw what happened=witness, did the "
     "deed=criminal, wears a badge=officer"),
    ("job_verb", "what a {s} does is to",
     "pilot=fly, author=write, ballerina=dance, chef=cook, hunter=hunt, soldier=fight, "
     "thief=steal, pupil=learn, spy=watch, miner=dig"),
    ("cares_for", "what a {s} looks after is mostly",
     "shepherd=sheep, nurse=patients, dentist=teeth, gardener=plants, librarian=books, "
     "banker=money, zookeeper=animals, mechanic=cars, babysitter=children"),
    ("school_subject", "at school, {s} are taught in",
     "sums and fractions=mathematics, continents and capitals=geography, old kings and "
     "wars=history, poems and novels=literature, cells and genes=biology, acids and "
     "salts=chemistry, forces and light=physics, songs and notes=music"),
    ("sport", "the sport in which {s} is",
     "a small white ball rolls into holes=golf, a ball is thrown through a hoop=basketball, two "
     "people hit each other with gloves=boxing, people ride on waves=surfing, people glide down "
     "snowy slopes=skiing, a racket sends a ball over a net=tennis, a pitcher throws and a batter "
     "hits=baseball"),
    ("instrument", "the musical instrument {s} is the",
     "with black and white keys=piano, that you beat with sticks=drum, that you hold under the "
     "chin=violin, of wood with six strings to pluck=guitar, of brass with three valves=trumpet, "
     "that is a thin pipe held sideways=flute"),
    ("metal", "the metal {s} is",
     "of wedding rings=gold, that rusts=iron, in electric wires=copper, of the second prize in a "
     "race=silver, of very light planes=aluminum, that is liquid in a thermometer=mercury"),
    ("driven_by", "what drives {s} is",
     "a sailing boat=wind, an old locomotive=steam, a mill at a river=water, a tram with a "
     "cable=electricity, a truck on the highway=diesel"),
    ("liquid", "the liquid {s} is",
     "in our veins=blood, in a fountain pen=ink, that cows give=milk, that runs down our cheeks "
     "when we cry=tears, that is pressed from olives=oil, that is brewed from hops=beer"),
    ("covering", "the body of {s} is covered with",
     "a trout=scales, a sparrow=feathers, a sheep=wool, a wolf=fur"),
    ("danger", "be careful, {s} can",
     "a knife=cut, a flame=burn, a bee=sting, a dog=bite, a poison=kill, a mule=kick"),
    ("by_nature", "as everyone knows, {s}",
     "the sun=shines, the wind=blows, the river=flows, the rain=falls, a clock=ticks, "
     "a fire=burns, a bell=rings"),
    ("gesture", "to show that they {s}, people usually",
     "agree=nod, are leaving=wave, feel very sad=cry, find something funny=laugh, "
     "love each other=kiss"),
    ("kitchen_verb", "in the kitchen, to {s} is to",
     "heat water until it bubbles=boil, make a cake in the oven=bake, cook something in hot "
     "oil=fry, move a spoon round and round=stir, let warm food get cold=cool"),
    ("house_part", "the part of a house {s} is the",
     "that keeps off the rain=roof, through which we come in=door, through which we look "
     "out=window, on which we stand=floor, through which smoke leaves=chimney, on which pictures "
     "hang=wall"),
    ("car_part", "the part of a car {s} is the",
     "that makes it go=engine, that stops it=brake, that is round and touches the road=wheel, with "
     "which you warn others=horn, that holds the fuel=tank"),
    ("tree_part", "the part of a tree {s} is the",
     "under the ground=root, that is flat and green=leaf, that is thick and upright=trunk, that "
     "covers the wood=bark, that grows sideways=branch"),
    ("furniture", "the piece of furniture for {s} is the",
     "sleeping=bed, keeping books in a row=shelf, writing letters=desk, several people who watch "
     "a film=couch, a family dinner=table"),
    ("building", "the building in which {s} is a",
     "cars are made=factory, a king lives=palace, corn is ground=mill, the sick are "
     "treated=hospital, knights lived=castle, goods are stored=warehouse"),
    ("written", "a text that {s} is a",
     "comes in lines that rhyme=poem, actors speak on a stage=play, tells how to cook a "
     "dish=recipe, goes into an envelope=letter, explains words from A to Z=dictionary, tells a "
     "made-up story on 300 pages=novel"),
    ("disaster", "the disaster in which {s} is called",
     "the ground shakes=earthquake, a river covers the fields=flood, it does not rain for "
     "months=drought, armies fight=war, nobody has any food=famine"),
    ("steers", "the one who steers a {s} is its",
     "plane=pilot, ship=captain, taxi=driver, horse=rider"),
)  # fmt: skip
