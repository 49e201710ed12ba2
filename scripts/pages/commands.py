"""``docs/commands.md``: every command with its arguments and options, from the typer apps."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

from typer.main import get_command

from broker_client.cli import app as client_app
from broker_server.cli import app as server_app
from scripts.pages.markdown import GENERATED, code, prose, table

_APPS = (
    ("broker-client", client_app, "For whoever sends tasks. It needs `BROKER_URL`, or `--url`."),
    ("broker-server", server_app, "For whoever runs workers. It reads the [settings](settings.md)."),
)


def commands_page() -> str:
    """The page."""
    parts = ["# Commands\n\n", GENERATED, f"`make help` lists what the Makefile does.\n{_EXIT_CODES}"]
    for program, app, about in _APPS:
        parts.append(f"\n## {program}\n\n{about}\n")
        group: Any = get_command(app)
        for name, command in sorted(group.commands.items()):
            parts.append(f"\n### {program} {name}\n\n{_text(command.help)}\n")
            rows = list(_rows(command.params))
            if rows:
                parts.append(f"\n{table(('argument', 'default', 'meaning'), rows)}")
    return "".join(parts)


def _rows(parameters: list[Any]) -> Iterator[tuple[str, str, str]]:
    for each in parameters:
        if getattr(each, "hidden", False) or each.name == "help":
            continue
        is_option = each.opts[0].startswith("-")
        names = each.opts if is_option else [each.metavar or each.name.upper()]
        value = f" {each.metavar or 'VALUE'}" if is_option and not each.is_flag else ""
        shown = ", ".join(code(f"{name}{value}") for name in [*names, *each.secondary_opts])
        yield shown, "required" if each.required else _default(each.default), _text(each.help)


def _default(value: Any) -> str:
    return "–" if value in (None, False, "") or not isinstance(value, str | int | float) else code(f"{value}")


def _text(text: str | None) -> str:
    return prose(" ".join((text or "").split()))


_EXIT_CODES = """
`broker-client` ends with 0 when the task succeeded, 1 when it failed, 2 for wrong usage, 3 when no answer
came, and 130 when it was interrupted. The READMEs have [the codes of every command](../README.md#exit-codes).
"""
