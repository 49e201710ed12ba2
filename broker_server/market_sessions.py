"""Reads the market session table: the packaged one, changed by the file that ``MARKET_SESSIONS_FILE`` names.

The file has the format of ``data/market_sessions.json`` and holds only what differs. Each entry under
``days``, ``calendars``, ``markets`` or ``venues`` replaces the packaged entry of that name as a whole; an
entry that is ``null`` removes it; everything else stays. A late opening is one entry under ``days``::

    {"days": {"2027-03-02": {"reason": "late", "markets": {"KRX": {"continuous": ["10:00", "15:20"]}}}}}
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from importlib.resources import files
from pathlib import Path
from typing import Any

from pydantic import ValidationError

from broker_server.core.sessions import SessionTable
from broker_server.settings import SettingsError

_SETTING = "MARKET_SESSIONS_FILE"
_SECTIONS = ("days", "calendars", "markets", "venues")


def load_market_sessions(override: Path | None = None) -> SessionTable:
    """The session table.

    Args:
        override: The file that ``MARKET_SESSIONS_FILE`` names; ``None`` for the packaged table alone.

    Raises:
        SettingsError: The file cannot be read, or what it holds does not fit; one line.
    """
    table = packaged_table()
    if override is None:
        return SessionTable.from_json(table)
    try:
        return SessionTable.from_json(merge_tables(table, _read(override)))
    except ValidationError as error:
        problem = error.errors(include_url=False, include_input=False, include_context=False)[0]
        place = ".".join(str(part) for part in problem["loc"])
        message = problem["msg"].removeprefix("Value error, ")
        raise SettingsError(f"{_SETTING}: {override}: {f'{place}: ' if place else ''}{message}") from None
    except ValueError as error:
        raise SettingsError(f"{_SETTING}: {override}: {error}") from None


def packaged_table() -> dict[str, Any]:
    """The table that comes with this version, as parsed JSON."""
    text = files("broker_server").joinpath("data/market_sessions.json").read_text("utf-8")
    table: dict[str, Any] = json.loads(text)
    return table


def merge_tables(table: Mapping[str, Any], changes: Mapping[str, Any]) -> dict[str, Any]:
    """The table with the entries of another one in place of its own.

    Raises:
        ValueError: The changes hold something else than entries of the known sections.
    """
    merged = dict(table)
    for section, entries in changes.items():
        if section == "about":
            continue
        if section not in _SECTIONS:
            raise ValueError(f"{section!r} is not a section; known: {', '.join(_SECTIONS)}")
        if not isinstance(entries, dict):
            raise ValueError(f"{section} must be an object")
        both = {**table[section], **entries}
        merged[section] = {name: entry for name, entry in both.items() if entry is not None}
    return merged


def _read(path: Path) -> dict[str, Any]:
    try:
        changes = json.loads(path.read_text("utf-8"))
    except OSError as error:
        raise ValueError(f"cannot be read: {error.strerror or error}") from None
    except UnicodeDecodeError:
        raise ValueError("is not UTF-8") from None
    except RecursionError:
        raise ValueError("is not JSON: nested too deeply") from None
    except json.JSONDecodeError as error:
        raise ValueError(f"is not JSON: {error}") from None
    if not isinstance(changes, dict):
        raise ValueError("must hold a JSON object")
    return changes
