"""Writes what is made from the code. Run it as `make generated`; tests compare the files."""

from __future__ import annotations

from pathlib import Path

from broker_server.asyncapi.document import asyncapi_document
from broker_server.asyncapi.writing import as_json
from broker_server.core.methods import MethodRegistry
from broker_server.wiring.catalogue import catalogue
from scripts.pages.capabilities import capability_table
from scripts.pages.commands import commands_page
from scripts.pages.markdown import with_section
from scripts.pages.methods import method_pages
from scripts.pages.sessions import days_table, sessions_table
from scripts.pages.settings import settings_page
from scripts.pages.wire import wire_sections
from scripts.typed_methods import module, stub

ROOT = Path(__file__).resolve().parents[1]


def generated() -> dict[str, bytes]:
    """The content of each generated file, by its path in the project."""
    registry = catalogue()
    return {
        "docs/asyncapi.json": as_json(asyncapi_document(registry)),
        "broker_client/vendor_methods.py": module(registry).encode(),
        "broker_client/vendor_methods.pyi": stub(registry).encode(),
        **{path: text.encode() for path, text in generated_pages(registry).items()},
    }


def generated_pages(registry: MethodRegistry) -> dict[str, str]:
    """The pages of the documentation that are made, and those with sections that are made."""
    pages = {
        **method_pages(registry),
        "docs/settings.md": settings_page(),
        "docs/commands.md": commands_page(),
    }
    sections = {
        "docs/wire.md": wire_sections(asyncapi_document(registry)),
        "docs/market-sessions.md": {"sessions": sessions_table(), "days": days_table()},
    }
    for vendor in ("kis", "kiwoom", "koscom"):
        sections[f"docs/vendors/{vendor}.md"] = {"capabilities": capability_table(registry, vendor, "en")}
        sections[f"docs/vendors/{vendor}.ko.md"] = {"capabilities": capability_table(registry, vendor, "ko")}
    for path, made in sections.items():
        page = (ROOT / path).read_text(encoding="utf-8")
        for name, content in made.items():
            page = with_section(page, name, content)
        pages[path] = page
    return pages


if __name__ == "__main__":
    for path, content in generated().items():
        (ROOT / path).parent.mkdir(exist_ok=True)
        (ROOT / path).write_bytes(content)
