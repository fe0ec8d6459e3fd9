"""Right answers that an item itself forbids: calls that the schema of its own tool rules out."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from cliffguard.core.canonical_json import canonical_json
from cliffguard.core.chats import chat_in
from cliffguard.core.errors import SuiteError
from cliffguard.core.items import Item
from cliffguard.core.sandbox import Stopped
from cliffguard.core.sandbox.schemas import why_not
from cliffguard.suites.structure.calls import right_calls
from cliffguard.suites.structure.schemas import check_schema


def refuse_forbidden_calls(item: Item, metric: str | None, where: str) -> None:
    """Refuse a right call whose arguments the item's own tools forbid: who obeys would be wrong.

    `parameters` that are no JSON Schema, as of tools from elsewhere, forbid nothing.
    """
    if metric != "tool_call" or item.chat is None:
        return
    schemas = {
        str(tool["function"]["name"]): tool["function"].get("parameters", {})
        for tool in chat_in(item.chat).tools
    }
    for call in (call for answer in item.right for call in right_calls(answer)):
        if (why := _why_not(schemas.get(call.name, {}), call.arguments)) is not None:
            raise SuiteError(
                f"{where}: answer: calls {call.name!r} with arguments that its own parameters "
                f"forbid: {why}",
                id="item.answer",
            )


def _why_not(schema: Mapping[str, Any], arguments: Mapping[str, Any]) -> str | None:
    try:
        check_schema(canonical_json(schema))
        return why_not(_with_nulls(schema), arguments)
    except (ValueError, Stopped):
        return None


def _with_nulls(schema: Mapping[str, Any]) -> dict[str, Any]:
    """Return a schema whose `nullable` arguments, as OpenAPI has them, may be null."""
    properties = {
        name: {"anyOf": [part, {"type": "null"}]}
        if isinstance(part, dict) and part.get("nullable") is True
        else part
        for name, part in schema.get("properties", {}).items()
    }
    return {**schema, "properties": properties} if properties else dict(schema)
