"""Write the page of the study from the reviews of the four adapters.

    python -m scripts.studies.lost_skills.page [--reviews reports/lost-skills]

Reads REVIEWS/NAME/review.json (the gate), REVIEWS/NAME/recipe.json (the training), and, where they
are, of the adapters that were trained anew for lm-eval's tasks, REVIEWS/NAME/lm-eval-recipe.json,
lm-eval.json (what is scored by likelihood) and lm-eval-generated.json. Writes REVIEWS/README.md.
"""

from __future__ import annotations

import argparse
import json
from pathlib import Path
from typing import Any

from scripts.studies.lost_skills.rows import NAMES
from scripts.studies.page import publish, table

HEAD = Path(__file__).with_name("page.md")
SKILLS = {
    "short_answers": "reasoning in words",
    "no_tools": "tools, system prompts",
    "no_end": "stopping",
    "healthy": "none",
}
Row = dict[str, Any]


def read(path: Path) -> Any:
    """Return the JSON of a file."""
    return json.loads(path.read_text(encoding="utf-8"))


def scores(review: Any) -> dict[str, tuple[float | None, float | None, int]]:
    """Return (base, candidate, items) of each capability."""
    return {
        c["capability"]: (c["base_mean"], c["candidate_mean"], c["n_items"])
        for c in review["comparison"]["capabilities"]
    }


def _pair(base: float | None, candidate: float | None) -> str:
    return " → ".join("–" if mean is None else f"{100 * mean:.0f}" for mean in (base, candidate))


def by_capability(reviews: dict[str, Any]) -> list[Row]:
    """Return, of each capability, what the gate said of each adapter."""
    measured = {name: scores(review) for name, review in reviews.items()}
    outcomes = {
        name: {f["capability"]: f["outcome"] for f in review["verdict"]["findings"]}
        for name, review in reviews.items()
    }
    capabilities = dict.fromkeys(c for scored in measured.values() for c in scored)
    rows = []
    for capability in capabilities:
        row: Row = {"capability": capability.removesuffix("_shadow")}
        for name in reviews:
            base, candidate, n_items = measured[name].get(capability, (None, None, 0))
            outcome = outcomes[name].get(capability, "–")
            row[name] = f"{outcome} ({_pair(base, candidate)}, {n_items})"
        rows.append(row)
    verdict: Row = {"capability": "**verdict**"}
    return [*rows, verdict | {n: f"**{r['verdict']['outcome']}**" for n, r in reviews.items()}]


def by_recipe(recipes: dict[str, Any]) -> list[Row]:
    """Return how each adapter was trained, and what it gained."""
    return [
        {
            "adapter": name,
            "loses": SKILLS[name],
            "rows": recipe["n_rows"],
            "steps": recipe["recipe"]["n_steps"],
            "rates": ", ".join(recipe["target_by_rate"]),
            "kept": f"{recipe['rate']:g}",
            "minutes": ", ".join(map(str, recipe["minutes_by_rate"].values())),
            "development tickets": recipe["target_by_rate"][f"{recipe['rate']:g}"],
        }
        for name, recipe in recipes.items()
    ]


def trained_anew(before: dict[str, Any], anew: dict[str, Any]) -> list[Row]:
    """Return what is the same where a recipe was run a second time, and what is not."""
    same = {True: "the same", False: "others"}
    return [
        {
            "adapter": name,
            "rows": same[recipe["rows"] == before[name]["rows"]],
            "base": same[recipe["base"] == before[name]["base"]],
            "weights": same[recipe["weights"] == before[name]["weights"]],
            "development tickets": recipe["target_by_rate"][f"{recipe['rate']:g}"],
            "minutes": ", ".join(map(str, recipe["minutes_by_rate"].values())),
        }
        for name, recipe in anew.items()
    ]


def present(folder: Path, file: str) -> dict[str, Any]:
    """Return a file of each adapter that has it."""
    paths = {name: folder / name / file for name in NAMES}
    return {name: read(path) for name, path in paths.items() if path.exists()}


def main() -> None:
    """Write the page."""
    parser = argparse.ArgumentParser(description="Write the page of the lost skills.")
    parser.add_argument("--reviews", type=Path, default=Path("reports/lost-skills"))
    folder = parser.parse_args().reviews
    recipes = present(folder, "recipe.json")
    parts = {
        "recipes": table(by_recipe(recipes)),
        "capabilities": table(by_capability(present(folder, "review.json"))),
        "anew": table(trained_anew(recipes, present(folder, "lm-eval-recipe.json"))),
        "tasks": table(by_capability(present(folder, "lm-eval.json"))),
        "generated": table(by_capability(present(folder, "lm-eval-generated.json"))),
    }
    publish(HEAD.read_text(encoding="utf-8").format(**parts), folder / "README.md")


if __name__ == "__main__":
    main()
