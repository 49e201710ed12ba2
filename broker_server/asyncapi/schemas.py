"""The schemas of the document, each under one name."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

_PLACE = "#/components/schemas/"
_OWN_PLACE = "#/$defs/"


def reference(name: str) -> dict[str, Any]:
    """A reference to the schema of that name."""
    return {"$ref": f"{_PLACE}{name}"}


class Schemas:
    """What stands under ``components.schemas``.

    pydantic puts the models inside a model under ``$defs`` of its schema. A reference there is read from the
    root of an AsyncAPI document, so they get names of their own here.
    """

    def __init__(self) -> None:
        self._schemas: dict[str, dict[str, Any]] = {}

    def add(self, name: str, schema: Mapping[str, Any], *, family: str = "") -> dict[str, Any]:
        """Add a schema.

        Args:
            name: Letters, digits, ``.``, ``-`` and ``_``.
            schema: As pydantic makes it.
            family: Stands before the names of the models inside it.

        Returns:
            A reference to it.

        Raises:
            ValueError: Another schema has that name.
        """
        inner = schema.get("$defs", {})
        names = {f"{_OWN_PLACE}{each}": f"{_PLACE}{family}{each}" for each in inner}
        for each, definition in inner.items():
            self._put(f"{family}{each}", _moved(definition, names))
        self._put(name, _moved({key: value for key, value in schema.items() if key != "$defs"}, names))
        return reference(name)

    def _put(self, name: str, schema: dict[str, Any]) -> None:
        if self._schemas.setdefault(name, schema) != schema:
            raise ValueError(f"two different schemas are named {name}")

    def document(self) -> dict[str, Any]:
        """All of them, by name."""
        return dict(sorted(self._schemas.items()))


def _moved(value: Any, names: Mapping[str, str]) -> Any:
    if isinstance(value, dict):
        return {
            key: names.get(each, each) if key == "$ref" and isinstance(each, str) else _moved(each, names)
            for key, each in value.items()
            if not (key == "title" and isinstance(each, str))  # pydantic's repeat the names
        }
    if isinstance(value, list):
        return [_moved(each, names) for each in value]
    return value
