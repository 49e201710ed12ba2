"""The base of the result models of vendors."""

from __future__ import annotations

from typing import Any

from pydantic import BaseModel, ConfigDict, SerializerFunctionWrapHandler, model_serializer


class Part(BaseModel):
    """A part of a result, or a result that has no vendor row of its own."""

    model_config = ConfigDict(frozen=True)


class Result(Part):
    """One element of ``result``.

    Attributes:
        raw: The vendor's own row or rows, only when the task asked for them.
    """

    raw: Any = None

    @model_serializer(mode="wrap")
    def _leave_out_absent_raw(self, dump: SerializerFunctionWrapHandler) -> dict[str, Any]:
        document: dict[str, Any] = dump(self)
        if document.get("raw") is None:
            document.pop("raw", None)
        return document
