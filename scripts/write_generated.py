"""Writes what is made from the method registry. Run it as `make generated`; tests compare the files."""

from __future__ import annotations

from pathlib import Path

from broker_server.asyncapi.document import asyncapi_document
from broker_server.asyncapi.writing import as_json
from broker_server.wiring.catalogue import catalogue
from scripts.typed_methods import module, stub

ROOT = Path(__file__).resolve().parents[1]


def generated() -> dict[str, bytes]:
    """The content of each generated file, by its path in the project."""
    registry = catalogue()
    return {
        "docs/asyncapi.json": as_json(asyncapi_document(registry)),
        "broker_client/vendor_methods.py": module(registry).encode(),
        "broker_client/vendor_methods.pyi": stub(registry).encode(),
    }


if __name__ == "__main__":
    for path, content in generated().items():
        (ROOT / path).write_bytes(content)
