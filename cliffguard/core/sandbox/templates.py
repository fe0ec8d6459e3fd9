"""What renders chat templates in the child: transformers' own function, and little else of it."""

from __future__ import annotations

import importlib.util
import sys
from collections.abc import Callable
from types import ModuleType
from typing import Any

from cliffguard.core.sandbox.child import MOST_CHARACTERS


def start() -> Callable[[Any], Any]:
    """Return what renders: from the arguments of `render_jinja_template` to its answer.

    The answer is {"rendered": […]}, or {"refused": why} where the template itself raised.
    """
    render = _render_jinja_template()
    from jinja2 import TemplateError

    def answer(arguments: dict[str, Any]) -> dict[str, Any]:
        try:
            return {"rendered": render(**arguments)}
        except TemplateError as failure:
            return {"refused": str(failure)[:MOST_CHARACTERS]}

    return answer


def _render_jinja_template() -> Any:
    """Import the one module that renders.

    The packages around it import what takes five times as long, so that empty ones stand in their
    places; where that is not enough for a release of transformers, all is imported.
    """
    spec = importlib.util.find_spec("transformers")
    assert spec is not None
    assert spec.submodule_search_locations is not None
    root = next(iter(spec.submodule_search_locations))
    for name, folder in (("transformers", root), ("transformers.utils", f"{root}/utils")):
        stand_in = ModuleType(name)
        stand_in.__path__ = [folder]
        sys.modules[name] = stand_in
    try:
        from transformers.utils.chat_template_utils import render_jinja_template
    except ImportError:
        for name in [
            module for module in sys.modules if module.partition(".")[0] == "transformers"
        ]:
            del sys.modules[name]
        from transformers.utils.chat_template_utils import render_jinja_template
    return render_jinja_template
