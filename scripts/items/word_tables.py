"""Plain knowledge of words and of everyday things; tables as in `items.world_tables`."""

from __future__ import annotations

WORD_TABLES: tuple[tuple[str, str, str], ...] = (
    ("plural", "the plural of {s} is",
     "mouse=mice, child=children, foot=feet, tooth=teeth, man=men, woman=women, wolf=wolves, "
     "leaf=leaves, knife=knives, person=people, city=cities, box=boxes"),
    ("past", "today they {s}, yesterday they",
     "go=went, see=saw, buy=bought, eat=ate, run=ran, write=wrote, take=took, come=came, "
     "give=gave, find=found, teach=taught, fly=flew, sing=sang, speak=spoke, drive=drove"),
    ("participle", "they {s} today, and for years they have",
     "write=written, go=gone, see=seen, take=taken, know=known, speak=spoken, drive=driven, "
     "eat=eaten, sing=sung, give=given, begin=begun, fall=fallen, break=broken, choose=chosen"),
    ("quality", "the noun that goes with the adjective {s} is",
     "strong=strength, young=youth, free=freedom, wise=wisdom, healthy=health, "
     "beautiful=beauty, powerful=power, patient=patience, intelligent=intelligence, true=truth, "
     "deep=depth, long=length, wide=width, high=height, hot=heat, angry=anger, hungry=hunger, "
     "proud=pride, poor=poverty"),
    ("deed_noun", "the noun that goes with the verb {s} is",
     "decide=decision, choose=choice, speak=speech, sell=sale, lose=loss, die=death, live=life, "
     "know=knowledge, think=thought, fly=flight, arrive=arrival, believe=belief, give=gift, "
     "marry=marriage, sing=song"),
    ("whose", "what belongs to {s} is",
     "me=mine, you=yours, him=his, her=hers, us=ours, them=theirs"),
    ("verb_opposite", "the opposite of to {s} is to",
     "buy=sell, push=pull, laugh=cry, remember=forget, win=lose, arrive=leave, love=hate, "
     "build=destroy, rise=fall, ask=answer, attack=defend, sleep=wake, give=take"),
    ("noun_opposite", "the contrary of {s} is",
     "war=peace, success=failure, truth=lie, birth=death, friend=enemy, heaven=hell, "
     "profit=loss, summer=winter, light=darkness, noise=silence, strength=weakness, "
     "hope=despair, beginning=end"),
    ("synonym", "another word for {s} is",
     "big=large, happy=glad, quick=fast, sick=ill, clever=smart, rich=wealthy, scared=afraid, "
     "rock=stone, present=gift, road=street, error=mistake, forest=woods, woman=lady, sofa=couch"),
    ("female", "the female word for a {s} is",
     "king=queen, uncle=aunt, brother=sister, father=mother, prince=princess, husband=wife, "
     "son=daughter, boy=girl, actor=actress, monk=nun, wizard=witch, gentleman=lady"),
    ("family", "the {s} is your",
     "brother of your mother=uncle, sister of your father=aunt, son of your brother=nephew, "
     "mother of your father=grandmother, father of your mother=grandfather, child of your "
     "aunt=cousin, woman whom you married=wife, man whom you married=husband, daughter of your "
     "parents=sister, son of your parents=brother"),
    ("long_time", "the word for {s} is",
     "ten years=decade, a hundred years=century, seven days=week, sixty minutes=hour, sixty "
     "seconds=minute, twelve months=year, twenty-four hours=day, about thirty days=month, a "
     "thousand years=millennium"),
    ("count_word", "the number that stands behind the word {s} is",
     "dozen=twelve, pair=two, decade=ten, century=hundred, quartet=four, trio=three, "
     "octopus=eight, quintet=five, millennium=thousand, fortnight=fourteen, score=twenty"),
    ("count", "the usual number of {s} is",
     "wheels of a car=four, eyes of a person=two, players of a football team on the "
     "field=eleven, strings of a guitar=six, colours of the rainbow=seven, planets of the "
     "sun=eight, lives that a cat has in a saying=nine, sides of a square=four, wheels of a "
     "tricycle=three, arms of a starfish=five, pins in a bowling alley=ten, eggs in a "
     "dozen=twelve, dwarfs of Snow White=seven, suns in the sky=one, humps of a dromedary=one"),
    ("sum", "{s} is",
     "three plus four=seven, five plus five=ten, two times four=eight, ten minus one=nine, six "
     "plus six=twelve, three times five=fifteen, ten plus one=eleven, five minus three=two, eight "
     "minus five=three, nine minus five=four, two plus three=five, five plus one=six, half of "
     "forty=twenty"),
    ("next_number", "the number that comes after {s} is",
     "nine=ten, eleven=twelve, seven=eight, three=four, five=six, one=two, fourteen=fifteen, "
     "two=three, six=seven, eight=nine, four=five, ten=eleven, twelve=thirteen, nineteen=twenty"),
    ("ordinal", "whoever is number {s} in the row is the",
     "one=first, two=second, three=third, four=fourth, five=fifth, six=sixth, seven=seventh, "
     "eight=eighth, nine=ninth, ten=tenth"),
    ("roman", "in Roman numerals {s} is written as",
     "five=V, ten=X, fifty=L, a hundred=C, five hundred=D, a thousand=M, one=I, two=II, three=III, "
     "four=IV, six=VI"),
    ("month_number", "month number {s} of the year is",
     "one=January, two=February, three=March, four=April, five=May, six=June, seven=July, "
     "eight=August, nine=September, ten=October, eleven=November, twelve=December"),
    ("day_before", "the day before {s} is",
     "Monday=Sunday, Tuesday=Monday, Wednesday=Tuesday, Thursday=Wednesday, Friday=Thursday, "
     "Saturday=Friday, Sunday=Saturday"),
    ("letter_after", "in the alphabet the letter after {s} is",
     "A=B, C=D, E=F, G=H, J=K, L=M, N=O, P=Q, R=S, T=U, V=W, X=Y"),
    ("first_letter", "the word {s} begins with the letter",
     "tiger=T, apple=A, bread=B, dog=D, flower=F, garden=G, house=H, king=K, lemon=L, mother=M, "
     "night=N, paper=P, river=R, sister=S, water=W"),
    ("rhyme", "a word that rhymes with {s} is",
     "cat=hat, house=mouse, tree=bee, night=light, cake=lake, ring=king, moon=spoon, boat=goat, "
     "chair=bear, star=car, dog=frog, nose=rose, sand=hand, mountain=fountain, snow=crow"),
    ("short_form", "the short form {s} stands for",
     "Dr=doctor, Prof=professor, min=minute, Jan=January, Sun=Sunday, temp=temperature, "
     "lab=laboratory, ad=advertisement, exam=examination, km=kilometers, Sept=September, "
     "vol=volume, tel=telephone, no=number"),
    ("pair", "a well-known pair is {s} and",
     "salt=pepper, bread=butter, knife=fork, needle=thread, bow=arrow, bacon=eggs, "
     "black=white, thunder=lightning, king=queen, husband=wife, pen=paper, shoes=socks, Adam=Eve, "
     "Romeo=Juliet, fish=chips, rock=roll, supply=demand, cause=effect, trial=error"),
    ("proverb", "as the proverb says, {s}",
     "the early bird catches the=worm, a rolling stone gathers no=moss, better late than=never, "
     "practice makes=perfect, actions speak louder than=words, the pen is mightier than the=sword, "
     "an apple a day keeps the doctor=away, out of sight and out of=mind, two heads are better "
     "than=one, time is=money, honesty is the best=policy, where there is smoke there is=fire, "
     "curiosity killed the=cat, all that glitters is not=gold, love is=blind"),
    ("simile", "as people say, {s} as a",
     "as brave=lion, as busy=bee, as light=feather, as sly=fox, as quiet=mouse, as blind=bat, "
     "as free=bird, as gentle=lamb, as slow=snail, as hungry=wolf"),
    ("made_from", "the stuff that {s} consists of is",
     "a window pane=glass, a warm sweater=wool, a newspaper=paper, a saddle=leather, a "
     "beach=sand, an igloo=snow, a cloud=water, a skeleton=bone, a plank=wood, a pair of "
     "jeans=cotton, a horseshoe=iron, a spider web=silk, a shopping bag that lasts for "
     "ages=plastic"),
    ("part_of", "a {s} is a part of a",
     "page=book, petal=flower, branch=tree, sleeve=shirt, sail=ship, roof=house, finger=hand, "
     "pedal=bicycle, hoof=horse, lens=camera, link=chain, verse=poem, mattress=bed, scene=play, "
     "beak=bird"),
    ("used_to", "a {s} is used to",
     "oven=bake, frying pan=fry, axe=chop, needle=sew, kettle=boil, piece of soap=wash, "
     "tube of glue=stick, gun=shoot, bed=sleep, fridge=cool, chair=sit, pair of glasses=see, "
     "microphone=record, calculator=calculate"),
    ("holds", "a {s} is there to hold",
     "wallet=money, vase=flowers, quiver=arrows, bookshelf=books, envelope=letters, "
     "toolbox=tools, kennel=dogs, photo album=pictures, dictionary=words, atlas=maps, "
     "fuel tank=petrol, wine rack=bottles, candlestick=candles, wardrobe=clothes"),
    ("kept_in", "the place where {s} are kept is a",
     "coats and dresses=closet, wild animals for visitors=zoo, prisoners=prison, cows=barn, "
     "milk and butter=refrigerator, plants under glass=greenhouse"),
    ("room", "the room for {s} is the",
     "cooking=kitchen, sleeping=bedroom, washing=bathroom, old things under the roof=attic, "
     "experiments=laboratory, desks and computers=office, lessons=classroom, hitting a punch "
     "bag=gym"),
    ("at_table", "to {s} we take the",
     "boil noodles=pot, bake a cake=oven, keep butter cold=fridge, drink tea=cup, serve a "
     "salad=bowl, weigh flour=scale, eat peas=fork, dry the dishes=towel"),
    ("comes_in", "what we get in {s} is",
     "loaves=bread, sheets=paper, decks=cards, gusts=wind, blades=grass, cloves=garlic, "
     "pinches=salt, litres=milk, flights=stairs, bouquets=flowers, flakes=snow"),
    ("computer", "the part of a computer {s} is the",
     "that shows the picture=screen, that you type on=keyboard, that moves the pointer=mouse, "
     "that plays sound=speaker, that takes a picture of you=camera, that picks up your "
     "voice=microphone, that keeps the files=disk, that runs on after a power cut=battery"),
    ("feeling", "people usually {s} when they are",
     "smile=happy, cry=sad, yawn=tired, shiver=cold, sweat=hot, shout=angry, "
     "eat=hungry, drink=thirsty"),
    ("you_get", "if you {s}, you get",
     "eat nothing all day=hungry, drink nothing all day=thirsty, sleep too little=tired, jump "
     "into a lake=wet, eat rotten fish=sick, spend all your money=poor, hear a terrible "
     "insult=angry, wait for hours with nothing to do=bored, win the lottery=rich"),
    ("at_event", "what people mostly do at a {s} is",
     "election=vote, auction=bid, disco=dance, restaurant=eat, bar=drink, library=read, "
     "pool=swim, school=learn, church=pray, supermarket=shop, cinema=watch, "
     "concert=listen"),
)  # fmt: skip
