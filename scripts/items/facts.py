"""Everyday knowledge far from support tickets: small tables of our own, asked as a cloze.

A table is a prompt template and (subject, answer) pairs; the distractors are answers to other
subjects of the same table, so that the kind of answer gives nothing away.
"""

from __future__ import annotations

import re

from items.common import Item, fill, place, positions_in_parts, rng
from items.everyday_tables import EVERYDAY_TABLES

# name, template, "subject=answer" pairs
TABLES: tuple[tuple[str, str, str], ...] = (
    ("capital", "the capital of {s} is",
     "France=Paris, Italy=Rome, Spain=Madrid, Germany=Berlin, Japan=Tokyo, Russia=Moscow, "
     "Egypt=Cairo, England=London, Greece=Athens, Austria=Vienna, Ireland=Dublin, Poland=Warsaw, "
     "Iraq=Baghdad, Sweden=Stockholm"),
    ("language", "the language most people speak in {s} is",
     "France=French, Brazil=Portuguese, Mexico=Spanish, Japan=Japanese, Germany=German, "
     "Russia=Russian, Egypt=Arabic, Italy=Italian, Australia=English, Greece=Greek, China=Chinese"),
    ("young", "the young of a {s} is called a",
     "cat=kitten, dog=puppy, cow=calf, sheep=lamb, bear=cub, bird=chick, person=baby"),
    ("opposite", "the opposite of {s} is",
     "hot=cold, up=down, big=small, day=night, old=young, rich=poor, early=late, open=closed, "
     "full=empty, fast=slow, wet=dry, strong=weak, black=white, heavy=light, inside=outside, "
     "left=right, hard=soft"),
    ("job_place", "a {s} works in a",
     "teacher=school, nurse=hospital, farmer=field, cook=kitchen, judge=court, priest=church, "
     "librarian=library, actor=theater, miner=mine, scientist=laboratory"),
    ("job", "a person who {s} is called a",
     "teaches children=teacher, paints pictures=painter, flies planes=pilot, grows crops=farmer, "
     "writes books=writer, sings songs=singer, cooks meals=chef, treats sick people=doctor, "
     "drives a bus=driver, makes clothes=tailor"),
    ("colour", "the colour of {s} is",
     "grass=green, fresh snow=white, coal=black, blood=red, a ripe banana=yellow, "
     "the clear sky=blue, chocolate=brown, a carrot=orange, milk=white, an elephant=grey"),
    ("sense", "the part of the body that we {s} with is the",
     "see=eye, hear=ear, smell=nose, taste=tongue, think=brain, walk=foot, chew=tooth"),
    ("made_of", "{s} is made from",
     "paper=wood, cheese=milk, wine=grapes, bread=flour, glass=sand, a candle=wax, "
     "a tyre=rubber, chocolate=cocoa, a brick=clay, a shirt=cotton"),
    ("number", "the number of {s} is",
     "legs of a spider=eight, days in a week=seven, sides of a triangle=three, "
     "wheels of a bicycle=two, fingers on one hand=five, months in a year=twelve, "
     "legs of a dog=four, legs of an insect=six, players in a chess game=two, "
     "seasons in a year=four, minutes in an hour=sixty"),
    ("next_day", "the day after {s} is",
     "Monday=Tuesday, Tuesday=Wednesday, Wednesday=Thursday, Thursday=Friday, Friday=Saturday, "
     "Saturday=Sunday, Sunday=Monday"),
    ("next_month", "the month after {s} is",
     "January=February, February=March, March=April, April=May, May=June, June=July, July=August, "
     "August=September, September=October, October=November, November=December"),
    ("where", "the place where people {s} is a",
     "borrow books=library, see a film=cinema, keep their money=bank, catch a train=station, "
     "buy bread=bakery, see old art=museum, pray=church, sleep while travelling=hotel, "
     "play football=stadium, grow flowers=garden, catch a plane=airport, park a car=garage"),
    ("kind", "{s} is a kind of",
     "a rose=flower, an oak=tree, a hammer=tool, a trout=fish, an eagle=bird, a violin=instrument, "
     "a poodle=dog, gold=metal, football=sport, a carrot=vegetable, a banana=fruit, "
     "an ant=insect, a truck=vehicle, tea=drink, a ruby=stone"),
    ("tool", "to {s} you use a",
     "write a letter=pen, open a lock=key, dig a hole=shovel, hit a nail=hammer, cut bread=knife, "
     "eat soup=spoon, take a photo=camera, sweep the floor=broom, read the time=clock, "
     "find north=compass, see far away stars=telescope, measure heat=thermometer"),
    ("home", "the animal that lives in a {s} is the",
     "hive=bee, web=spider, nest=bird, pond=frog, kennel=dog, shell=snail, stable=horse"),
    ("food", "the favourite food of a {s} is",
     "cow=grass, monkey=bananas, cat=fish, squirrel=nuts, panda=bamboo, mouse=cheese"),
    ("product", "we get {s} from a",
     "milk=cow, eggs=chicken, honey=bee, apples=tree, silk=worm"),
    ("science", "the thing that {s} is the",
     "gives us light by day=sun, shines at night=moon, pumps our blood=heart, "
     "we breathe with=lung, "
     "covers our body=skin, protects the brain=skull, digests our food=stomach, "
     "moves our arm=muscle"),
    ("state", "when {s}, it becomes",
     "water freezes=ice, water boils=steam, wood burns=ash, milk sours=cheese, snow melts=water, "
     "dough is baked=bread"),
    ("wear", "on the {s} people wear a",
     "head=hat, finger=ring, wrist=watch, neck=tie, waist=belt, foot=shoe"),
    ("sound", "the animal that {s} is the",
     "barks=dog, meows=cat, roars=lion, moos=cow, howls=wolf, hisses=snake, buzzes=bee, "
     "neighs=horse, quacks=duck"),
)  # fmt: skip


def pairs(row: str) -> list[tuple[str, str]]:
    """Return the (subject, answer) pairs of one table."""
    return [tuple(pair.split("=")) for pair in row.split(", ")]  # type: ignore[misc]


def out_of_domain_qa() -> list[Item]:
    """Return one item per fact; no choice of a table that was added later stands in its prompt."""
    task = "out_of_domain_qa"
    facts = [
        (name, fill(template, s=subject), subject, answer, sorted({a for _, a in pairs(row)}))
        for name, template, row in (*TABLES, *EVERYDAY_TABLES)
        for subject, answer in pairs(row)
    ]
    n_first = sum(len(pairs(row)) for *_, row in TABLES)
    where = positions_in_parts(task, "", (n_first, len(facts) - n_first), 4)
    items: list[Item] = []
    for index, (name, prompt, subject, answer, answers) in enumerate(facts):
        source = rng(task, name, subject)
        said = (
            {subject.casefold()} if index < n_first else set(re.findall(r"\w+", prompt.casefold()))
        )
        others = [word for word in answers if word != answer and word.casefold() not in said]
        choices = place(answer, source.sample(others, 3), where[index], source)
        items.append(
            {
                "id": f"qa-{name.replace('_', '-')}-{index:03d}",
                "prompt": prompt,
                "choices": choices,
                "answer": answer,
                "cluster": name,
            }
        )
    return items
