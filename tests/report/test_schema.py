"""The schema of review.json, for programs that read it."""

from __future__ import annotations

import json
from typing import Any

import jsonschema
import pytest

from cliffguard.config import schema
from cliffguard.report import render
from tests.report import samples


@pytest.fixture(scope="module")
def validator() -> jsonschema.Draft202012Validator:
    """The schema as a validator of its draft."""
    written = schema("review")
    jsonschema.Draft202012Validator.check_schema(written)
    return jsonschema.Draft202012Validator(written)


@pytest.mark.parametrize(
    "name", ["failed", "passed", "inconclusive", "not_measured", "causes", "hostile", "crowded"]
)
def test_reviews_fit_their_schema(name: str, validator: jsonschema.Draft202012Validator) -> None:
    """Of every kind, with each capability's counts, evidence and diagnostics side by side."""
    validator.validate(json.loads(render(getattr(samples, name)(), "json")))


@pytest.mark.parametrize(
    ("path", "value"),
    [
        (("verdict", "outcome"), "MAYBE"),
        (("comparison", "capabilities", 0, "n_items"), "many"),
        (("comparison", "capabilities", 0, "drop"), None),  # taken out
        (("comparison", "base", "weights"), 3),
    ],
)
def test_what_is_none_does_not_fit(
    path: tuple[Any, ...], value: Any, validator: jsonschema.Draft202012Validator
) -> None:
    """A wrong word, a wrong type, a missing key."""
    review = json.loads(render(samples.failed(), "json"))
    *folders, key = path
    place = review
    for folder in folders:
        place = place[folder]
    if value is None:
        del place[key]
    else:
        place[key] = value

    assert not validator.is_valid(review)
