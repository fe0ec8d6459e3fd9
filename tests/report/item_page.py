"""A page that has nothing but the item browser, under the policy that reports are under."""

from __future__ import annotations

import base64
import hashlib
import random
from collections.abc import Iterator
from dataclasses import replace
from importlib.resources import files

from jinja2 import FunctionLoader, StrictUndefined
from jinja2.sandbox import ImmutableSandboxedEnvironment

from cliffguard.core.item_results import ItemResult, ItemText
from cliffguard.report.item_browser import ItemBrowser
from tests.report import listed

VARIABLES = """
:root {
  --page: #f6f7f8; --card: #ffffff; --ink: #1f2328; --muted: #59636e; --line: #d8dee4;
  --soft: #eef1f4; --good: #00735a; --bad: #b34700; --open: #8a5a00; color-scheme: light dark;
}
@media (prefers-color-scheme: dark) {
  :root {
    --page: #12151a; --card: #1b2027; --ink: #e6e9ed; --muted: #9aa5b1; --line: #323a44;
    --soft: #252c35; --good: #4cc3a1; --bad: #ff9a5c; --open: #e8b84a;
  }
}
* { box-sizing: border-box; }
body { margin: 0; background: var(--page); color: var(--ink);
  font: 15px/1.55 system-ui, sans-serif; }
main { max-width: 1180px; margin: 0 auto; padding: 28px 12px 64px; }
@media print { :root { --page: #fff; --card: #fff; --ink: #000; --muted: #444; --line: #bbb;
  --soft: #f4f4f4; --good: #00735a; --bad: #b34700; } }
"""
PAGE = """<!doctype html>
<html lang="en">
<head>
<meta charset="utf-8">
<meta http-equiv="Content-Security-Policy" content="default-src 'none'; img-src data:; \
style-src '{{ style_hash }}'; script-src '{{ script_hash }}'; base-uri 'none'; form-action 'none'">
<meta name="viewport" content="width=device-width, initial-scale=1">
<title>items</title>
<style>{{ style | safe }}</style>
</head>
<body>
<main>
<h1>Items</h1>
{% from "items.html.j2" import item_browser %}
{{ item_browser(view) }}
</main>
<script>{{ script | safe }}</script>
</body>
</html>
"""


def template(name: str) -> str:
    """Return a file of the report's templates."""
    path = files("cliffguard.report").joinpath("templates", name)
    return path.read_text(encoding="utf-8")


def page_of(view: ItemBrowser) -> str:
    """Return the page."""
    style, script = VARIABLES + template("items.css"), template("page.js") + template("items.js")
    environment = ImmutableSandboxedEnvironment(
        autoescape=True,
        undefined=StrictUndefined,
        trim_blocks=True,
        lstrip_blocks=True,
        loader=FunctionLoader(template),
    )
    return environment.from_string(PAGE).render(
        view=view,
        style=style,
        script=script,
        style_hash=_hash(style),
        script_hash=_hash(script),
    )


def _hash(text: str) -> str:
    return f"sha256-{base64.b64encode(hashlib.sha256(text.encode('utf-8')).digest()).decode()}"


WORDS = ["ticket", "office", "market", "hotel", "shop", "river", "Grüße", "letter", "book", "<b>"]


def many(n_capabilities: int, n_items: int, n_characters: int) -> Iterator[ItemResult]:
    """Yield items with long prompts of which 20 % broke and 10 % were fixed."""
    rng = random.Random(7)
    text = " ".join(rng.choices(WORDS, k=n_characters))
    same, changed = listed.result("same", 1.0, 1.0), listed.result("changed")
    for number in range(n_capabilities * n_items):
        capability, item = divmod(number, n_items)
        start = rng.randrange(n_characters)
        confidence = rng.random()
        yield replace(
            same if item % 10 > 2 else changed,
            item=f"item-{item}",
            capability=f"capability_{capability}",
            task=f"task_{capability}",
            level=item % 5 + 1,
            drop=(1.0, 1.0, -1.0, *[0.0] * 7)[item % 10],
            prompt=ItemText(text=text[start : start + n_characters], sha256="d" * 64),
            base=listed.side("Omar", 1.0, confidence),
            candidate=listed.side(rng.choice(WORDS), 0.0, 1 - confidence),
        )


def few() -> list[ItemResult]:
    """Return items of two capabilities: what a test filters, sorts, searches and opens."""
    made = [
        listed.result(
            f"m-{number}",
            level=number % 3 + 1,
            prompt=f"Omar passes the ball to Lena, Lena passes it to Tom {number}. Who has it?",
            sure=number / 100,
        )
        for number in range(1, 13)
    ]
    made.append(listed.result("m-fixed", 0.0, 1.0, level=9, sure=0.5))
    made += [
        listed.result(
            f"if/{number}", capability="instruction_following", task="follow & go", level=None
        )
        for number in (2, 10, 1)
    ]
    return made
