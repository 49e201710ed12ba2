"""``broker-server definitions``: RabbitMQ's users, rights and policies."""

from __future__ import annotations

import secrets
import sys
from pathlib import Path
from typing import Annotated

import orjson
import typer

from broker_client.address import unreadable_file


def definitions(
    client: Annotated[
        list[str] | None,
        typer.Option("--client", metavar="NAME", help="A user of clients; may be repeated. Default: client."),
    ] = None,
    original_client: Annotated[
        list[str] | None,
        typer.Option(
            "--original-client",
            metavar="NAME",
            help="A user of clients of the original server, who reads sapi-kiwoom too; may be repeated.",
        ),
    ] = None,
    worker: Annotated[str, typer.Option("--worker", metavar="NAME", help="The workers' user.")] = "worker",
    gateway: Annotated[
        str, typer.Option("--gateway", metavar="NAME", help="The gateways' user.")
    ] = "gateway",
    monitoring: Annotated[
        str, typer.Option("--monitoring", metavar="NAME", help="Who reads the management API.")
    ] = "monitoring",
    vhost: Annotated[str, typer.Option("--vhost", metavar="NAME", help="The virtual host.")] = "/",
    passwords: Annotated[
        Path | None,
        typer.Option(
            "--passwords",
            metavar="FOLDER",
            help="Where each user's password is, in a file of the user's name. Who has none cannot log in.",
        ),
    ] = None,
) -> None:
    """Print the definitions that RabbitMQ loads: users with their least rights, and policies."""
    from broker_server.definitions import Roles, passwords_of
    from broker_server.definitions import definitions as make

    roles = Roles(
        worker=worker,
        gateway=gateway,
        monitoring=monitoring,
        clients=tuple(client or () if client or original_client else ("client",)),
        original_clients=tuple(original_client or ()),
    )
    try:
        known = passwords_of(roles.users, _files(passwords, roles.users)) if passwords else {}
        document = make(roles, vhost, known, secrets.token_bytes)
    except ValueError as error:
        sys.stderr.write(f"broker-server: {error}\n")
        raise typer.Exit(2) from None
    sys.stdout.buffer.write(orjson.dumps(document, option=orjson.OPT_INDENT_2 | orjson.OPT_APPEND_NEWLINE))
    if without := [name for name in roles.users if name not in known]:
        sys.stderr.write(f"without a password, so they cannot log in by one: {', '.join(without)}\n")


def _files(folder: Path, names: tuple[str, ...]) -> dict[str, str]:
    """What is in the files of these names.

    Raises:
        ValueError: The folder is missing, or a file cannot be read.
    """
    if not folder.is_dir():
        raise ValueError(f"--passwords: {folder} is no folder")
    found = {}
    for name in names:
        path = folder / name
        try:
            if path.parent == folder and path.is_file():
                found[name] = path.read_text(encoding="utf-8-sig")
        except (OSError, UnicodeDecodeError) as error:
            raise ValueError(f"--passwords: {unreadable_file(name, error)}") from None
    return found
