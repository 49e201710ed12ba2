"""The option ``--version`` of both commands."""

from __future__ import annotations

from typing import Annotated

import typer

from broker_client import __version__

__all__ = ["VersionOption"]


def _print_version(wanted: bool) -> None:
    if wanted:
        typer.echo(__version__)
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", callback=_print_version, is_eager=True, help="Print the version.")
]
