"""The commands of ``broker-server`` that are about prices."""

from __future__ import annotations

import sys
from datetime import datetime
from pathlib import Path
from typing import Annotated

import typer

from broker_server.cli_settings import group_or_exit
from broker_server.settings import SERVED_VENDORS, SettingsError


def check_gateway(env_file: str | None) -> None:
    """Say what is wrong with the gateway before a worker starts, and end the command.

    Args:
        env_file: Where its settings are, beside the environment.
    """
    from broker_server.gateway_command import require_gateway_extra
    from broker_server.gateway_settings import GatewaySettings

    group_or_exit(GatewaySettings, env_file=env_file)
    try:
        require_gateway_extra()
    except SettingsError as error:
        sys.stderr.write(f"broker-server: {error}\n")
        raise typer.Exit(2) from None


def gateway(
    simulate: Annotated[
        bool,
        typer.Option("--simulate", help="For workers of run --simulate: candles of their own, no .env file."),
    ] = False,
    port: Annotated[int | None, typer.Option("--port", help="Instead of GATEWAY_PORT.")] = None,
    watch_stdin: Annotated[
        bool, typer.Option("--watch-stdin", help="End when stdin is closed or the parent process ends.")
    ] = False,
) -> None:
    """Serve prices by HTTP and WebSocket; prints a line that starts with "ready" once it does."""
    from broker_server.gateway_command import run_gateway
    from broker_server.gateway_settings import GatewaySettings

    settings = group_or_exit(GatewaySettings, env_file=None if simulate else ".env", gateway_port=port)
    raise typer.Exit(run_gateway(settings, simulated=simulate, watch_stdin=watch_stdin))


def collect(
    tickers: Annotated[
        str | None, typer.Option("--tickers", metavar="LIST", help="These, with commas: 005930,000660.")
    ] = None,
    watch_list: Annotated[
        Path | None,
        typer.Option("--watch-list", metavar="FILE", help="Those of a file: a ticker a line, then its name."),
    ] = None,
    market: Annotated[
        str | None,
        typer.Option("--market", metavar="LIST", help="kospi, kosdaq or both, which takes Kiwoom or KOSCOM."),
    ] = None,
    since: Annotated[
        datetime | None,
        typer.Option("--since", formats=["%Y-%m-%d"], help="The first day; a year back if never named."),
    ] = None,
    vendor: Annotated[str, typer.Option("--vendor", help="Whose candles: kis, kiwoom or koscom.")] = "kis",
    simulate: Annotated[
        bool,
        typer.Option("--simulate", help="For workers of run --simulate: candles of their own, no .env file."),
    ] = False,
) -> None:
    """Collect daily candles through the workers; without a selection, of everything asked for before."""
    from broker_server.collect import Wanted, run_collect
    from broker_server.prices.candles.markets import MARKETS
    from broker_server.prices_settings import PricesSettings

    markets = tuple(name.strip().lower() for name in (market or "").split(",") if name.strip())
    for name in markets:
        if name not in MARKETS:
            raise typer.BadParameter(f"--market: {name!r} is not known; known: {', '.join(MARKETS)}")
    if vendor not in SERVED_VENDORS:
        raise typer.BadParameter(f"--vendor: {vendor!r} is not known; known: {', '.join(SERVED_VENDORS)}")
    wanted = Wanted(
        tickers=tickers,
        watch_list=watch_list,
        markets=markets,
        since=None if since is None else since.date(),
        vendor=vendor,
        simulated=simulate,
    )
    raise typer.Exit(
        run_collect(group_or_exit(PricesSettings, env_file=None if simulate else ".env"), wanted)
    )
