"""Invented tools: everyday jobs under names that no program has, with what a user says to each."""

from __future__ import annotations

import random
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from cliffguard.suites.ladders.words import COLOURS, DAYS, NAMES, TOWNS
from cliffguard.suites.skills.draft import PEOPLE

# ruff: noqa: SIM905 (lists of words are easier to read and to extend as text)
_ROOMS = "kitchen bedroom bathroom office cellar hall".split()
_HOURS, _FEW, _MANY = tuple(range(1, 24)), tuple(range(2, 10)), tuple(range(10, 60, 5))
Values = Sequence[Any]


@dataclass(frozen=True, slots=True, kw_only=True)
class Job:
    """What a tool does. Each argument has its name, its description, its values and its words.

    The words of all arguments, one behind the other, are the request; the first begin it.
    """

    verb: str
    about: str
    arguments: Sequence[tuple[str, str, Values, str]]

    def request(self, values: Mapping[str, Any]) -> str:
        """Return what a user asks for with these values, those of the first arguments."""
        return "".join(
            words.format(**values) for name, _, _, words in self.arguments if name in values
        )


JOBS = (
    Job(
        verb="set_alarm",
        about="Set an alarm.",
        arguments=(
            ("day", "Day of the week", DAYS, "set an alarm for {day}"),
            ("hour", "Hour of the day", _HOURS, " at {hour} o'clock"),
            ("label", "Name of the alarm", ("work", "sport", "tea"), ' with the label "{label}"'),
            ("repeats", "How often it rings", _FEW, " and {repeats} repeats"),
        ),
    ),
    Job(
        verb="book_table",
        about="Book a table at a restaurant.",
        arguments=(
            ("restaurant", "Name of the restaurant", NAMES, "book a table at {restaurant}"),
            ("people", "Number of people", _FEW, " for {people} people"),
            ("day", "Day of the week", DAYS, " on {day}"),
            ("name", "Name of the guest", PEOPLE, " under the name {name}"),
        ),
    ),
    Job(
        verb="send_message",
        about="Send a message to somebody.",
        arguments=(
            ("recipient", "Who gets the message", PEOPLE, "send a message to {recipient}"),
            ("text", "What it says", ("Hello", "I am late", "See you"), ', saying "{text}"'),
            ("hour", "Hour of the day", _HOURS, ", at {hour} o'clock"),
            ("day", "Day of the week", DAYS, " on {day}"),
        ),
    ),
    Job(
        verb="order_fruit",
        about="Order fruit to be delivered.",
        arguments=(
            ("fruit", "Kind of fruit", ("apples", "pears", "plums", "grapes"), "order {fruit}"),
            ("boxes", "Number of boxes", _FEW, " in {boxes} boxes"),
            ("town", "Where they are delivered", TOWNS, " to be delivered to {town}"),
            ("day", "Day of the week", DAYS, " on {day}"),
        ),
    ),
    Job(
        verb="play_music",
        about="Play music in a room.",
        arguments=(
            ("artist", "Who plays", NAMES, "play music by {artist}"),
            ("room", "Name of the room", _ROOMS, " in the {room}"),
            ("minutes", "How many minutes", _MANY, " for {minutes} minutes"),
            ("volume", "Volume, 1 to 9", _FEW, " at volume {volume}"),
        ),
    ),
    Job(
        verb="heat_room",
        about="Turn on the heating of a room.",
        arguments=(
            ("room", "Name of the room", _ROOMS, "turn on the heating in the {room}"),
            ("degrees", "Temperature in degrees", tuple(range(16, 26)), " at {degrees} degrees"),
            ("hours", "How many hours", _FEW, " for {hours} hours"),
            ("day", "Day of the week", DAYS, " on {day}"),
        ),
    ),
    Job(
        verb="find_train",
        about="Find a train to a town.",
        arguments=(
            (
                "destination",
                "Town where the train goes",
                TOWNS[:6],
                "find a train to {destination}",
            ),
            ("origin", "Town where it leaves", TOWNS[6:], " from {origin}"),
            ("day", "Day of the week", DAYS, " on {day}"),
            ("passengers", "Number of passengers", _FEW, " for {passengers} passengers"),
        ),
    ),
    Job(
        verb="rent_bikes",
        about="Rent bikes in a town.",
        arguments=(
            ("count", "Number of bikes", _FEW, "rent {count} bikes"),
            ("town", "Where they are rented", TOWNS, " in {town}"),
            ("day", "Day of the week", DAYS, " on {day}"),
            ("hours", "How many hours", _FEW, " for {hours} hours"),
        ),
    ),
    Job(
        verb="water_garden",
        about="Water a kind of plants in the garden.",
        arguments=(
            (
                "plant",
                "Kind of plants",
                ("roses", "tomatoes", "lawn", "herbs"),
                "water the {plant}",
            ),
            ("minutes", "How many minutes", _MANY, " for {minutes} minutes"),
            ("day", "Day of the week", DAYS, " on {day}"),
            ("hour", "Hour of the day", _HOURS, " at {hour} o'clock"),
        ),
    ),
    Job(
        verb="print_poster",
        about="Print a poster.",
        arguments=(
            ("title", "Title of the poster", NAMES, 'print a poster with the title "{title}"'),
            ("copies", "Number of copies", _FEW, ", {copies} copies"),
            ("colour", "Colour of the paper", COLOURS, " on {colour} paper"),
            ("day", "Day of the week", DAYS, " by {day}"),
        ),
    ),
    Job(
        verb="log_expense",
        about="Log an expense.",
        arguments=(
            ("amount", "How many euros", _MANY, "log an expense of {amount} euros"),
            ("category", "What for", ("food", "travel", "books"), ' in the category "{category}"'),
            ("person", "Who has paid", PEOPLE, ", paid by {person}"),
            ("day", "Day of the week", DAYS, " on {day}"),
        ),
    ),
    Job(
        verb="find_parcel",
        about="Find out where a parcel is.",
        arguments=(
            ("number", "Number of the parcel", tuple(range(100, 999)), "find parcel {number}"),
            ("town", "Where it was sent", TOWNS, ", sent to {town}"),
            ("person", "Who has sent it", PEOPLE, " by {person}"),
            ("day", "Day when it was sent", DAYS, " on {day}"),
        ),
    ),
)
_BRANDS = "arvo belo dimo fenu gavo helo jumo kelo lavu mivo nelu pavo rilo sumo tavi velu".split()


@dataclass(frozen=True, slots=True)
class Offered:
    """A tool as a chat offers it, with a call of it and the words that ask for that call."""

    definition: Mapping[str, Any]
    call: Mapping[str, Any]
    request: str


def offered(jobs: Sequence[Job], n_arguments: int, source: random.Random) -> list[Offered]:
    """Return a tool for each job, of one brand, and one call of each."""
    brand = source.choice(_BRANDS)
    return [_offered(job, f"{brand}_{job.verb}", n_arguments, source) for job in jobs]


def _offered(job: Job, name: str, n_arguments: int, source: random.Random) -> Offered:
    arguments = job.arguments[:n_arguments]
    values = {key: source.choice(pool) for key, _, pool, _ in arguments}
    properties = {
        key: {
            "type": "integer" if isinstance(values[key], int) else "string",
            "description": description,
        }
        for key, description, _, _ in arguments
    }
    parameters = {"type": "object", "properties": properties, "required": list(properties)}
    function = {"name": name, "description": job.about, "parameters": parameters}
    return Offered(
        definition={"type": "function", "function": function},
        call={"name": name, "arguments": values},
        request=job.request(values),
    )
