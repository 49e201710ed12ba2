"""Settings for a command, or its end with one line that says what is wrong with them."""

from __future__ import annotations

import sys

import typer

from broker_server.settings import GroupT, SettingsError, load_group


def group_or_exit(group: type[GroupT], *, env_file: str | None = ".env", **overrides: object) -> GroupT:
    """As `load_group`; what it refuses ends the command with exit code 2."""
    try:
        return load_group(group, env_file=env_file, **overrides)
    except SettingsError as error:
        sys.stderr.write(f"broker-server: {error}\n")
        raise typer.Exit(2) from None
