"""The command ``broker-server``."""

from __future__ import annotations

import sys
from collections.abc import Callable
from typing import Annotated

import typer
from rich.console import Console
from rich.text import Text

from broker_client import __version__
from broker_client.version_option import VersionOption
from broker_server import cli_prices
from broker_server.cli_definitions import definitions
from broker_server.cli_settings import group_or_exit
from broker_server.settings import SERVED_VENDORS, Settings, SettingsError

app = typer.Typer(
    name="broker-server",
    help="One AMQP door to the Korean markets: workers, simulators and a private RabbitMQ node.",
    no_args_is_help=True,
    add_completion=False,
    pretty_exceptions_enable=False,
)

Simulate = Annotated[
    bool, typer.Option("--simulate", help="Serve simulated brokerages instead of real ones.")
]
Vendors = Annotated[
    str | None,
    typer.Option("--vendors", help=f"Which vendors to serve, with commas: {', '.join(SERVED_VENDORS)}."),
]
Seed = Annotated[int, typer.Option("--seed", help="Seed of the simulated market.")]
Hours = Annotated[bool, typer.Option("--hours", help="The simulated market keeps the exchange's hours.")]


@app.callback()
def _options(version: VersionOption = False) -> None:
    pass


def _settings(*, env_file: str | None = ".env", **overrides: object) -> Settings:
    return group_or_exit(Settings, env_file=env_file, **overrides)


AdoptJournal = Annotated[
    bool,
    typer.Option(
        "--adopt-journal",
        help="Take orders although RabbitMQ names another journal as the one that they are recorded in.",
    ),
]


@app.command()
def run(
    simulate: Simulate = False,
    vendors: Vendors = None,
    seed: Seed = 0,
    hours: Hours = False,
    adopt_journal: AdoptJournal = False,
    gateway: Annotated[
        bool, typer.Option("--gateway", help="Run the gateway too, as a process beside the worker.")
    ] = False,
) -> None:
    """Run a worker; prints a line that starts with "ready" once it consumes."""
    from broker_server.run import run_worker

    env_file = None if simulate else ".env"
    settings = _settings(env_file=env_file, vendors=vendors)
    if gateway:
        cli_prices.check_gateway(env_file)
    raise typer.Exit(
        run_worker(
            settings,
            simulate=simulate,
            seed=seed,
            hours=hours,
            adopt_journal=adopt_journal,
            gateway=gateway,
        )
    )


@app.command(context_settings={"ignore_unknown_options": True})
def supervise(
    command: Annotated[
        list[str] | None,
        typer.Argument(help="What to keep running instead of broker-server run --vendors kiwoom."),
    ] = None,
) -> None:
    """Keep a Kiwoom OpenAPI+ worker running, and tell of its states while it is down."""
    from broker_server.supervise import run_supervisor

    raise typer.Exit(run_supervisor(_settings(vendors="kiwoom"), command or None))


app.command("gateway")(cli_prices.gateway)
app.command("collect")(cli_prices.collect)
app.command("definitions")(definitions)


@app.command()
def demo() -> None:
    """Run the main job once, end to end, against the simulators, on a RabbitMQ node of its own."""
    from broker_server.demo import run_demo

    raise typer.Exit(run_demo())


@app.command()
def simulate(
    json: Annotated[bool, typer.Option("--json", help="Print the addresses as one JSON line.")] = False,
    seed: Seed = 0,
    hours: Hours = False,
    start: Annotated[
        str | None,
        typer.Option(
            "--start",
            metavar="TIME",
            help="The simulated clock's first moment, such as 2026-11-20T10:00:00+09:00; now if absent.",
        ),
    ] = None,
    watch_stdin: Annotated[
        bool, typer.Option("--watch-stdin", help="End when stdin is closed or the parent process ends.")
    ] = False,
) -> None:
    """Run the simulated brokerages alone, for any client."""
    from broker_server.simulator.server import Options, read_moment
    from broker_server.simulator.server import run as run_simulators

    try:
        options = Options(seed=seed, hours=hours, start=None if start is None else read_moment(start))
    except ValueError as error:
        raise typer.BadParameter(f"--start: {error}") from None
    raise typer.Exit(run_simulators(options, as_json=json, watch_stdin=watch_stdin))


@app.command()
def rabbitmq() -> None:
    """Run a private RabbitMQ node in the foreground; the first line is its URL."""
    from broker_server.amqp.private_node.cli import run_foreground

    raise typer.Exit(run_foreground())


@app.command()
def check(
    stream: Annotated[
        list[str] | None,
        typer.Option(
            "--stream",
            metavar="VENDOR:TR_ID:TR_KEY",
            help="Check whether this feed broadcasts, such as kis:HDFSASP0:DNASAAPL; may be repeated.",
        ),
    ] = None,
    seconds: Annotated[
        float, typer.Option("--seconds", min=1, max=600, help="With --stream: how long to wait for data.")
    ] = 20,
) -> None:
    """Try every configured connection and credential, and say what works."""
    from broker_server.accounts_file import all_secrets
    from broker_server.logs import configure_logs, redactor

    settings = _settings()
    secrets = all_secrets(settings)
    configure_logs(settings.log_format, "error", secrets)
    redacted = redactor(secrets)
    console = Console()
    if stream:
        raise typer.Exit(_check_streams(settings, stream, seconds, console, redacted))
    from broker_server.check import check as check_all
    from broker_server.check import verdict

    results = []
    for result in check_all(settings):
        results.append(result)
        mark = ("ok  ", "green") if result.passed else ("FAIL", "red")
        line = Text.assemble(mark, f" {result.item}: {redacted(result.detail)}")
        console.print(line, soft_wrap=not console.is_terminal)
    console.print(Text(verdict(results), style="bold"), soft_wrap=not console.is_terminal)
    raise typer.Exit(0 if all(result.passed for result in results) else 1)


def _check_streams(
    settings: Settings, streams: list[str], seconds: float, console: Console, redacted: Callable[[str], str]
) -> int:
    from broker_server.stream_check.check import check_streams

    def show(line: str) -> None:
        text = Text(redacted(line))
        text.highlight_regex("^ok  ", "green")
        text.highlight_regex("^FAIL", "red")
        console.print(text, soft_wrap=not console.is_terminal)

    try:
        return check_streams(settings, streams, seconds, show)
    except SettingsError as error:
        sys.stderr.write(f"broker-server: {redacted(str(error))}\n")
        return 2


@app.command()
def methods(
    pattern: Annotated[
        str,
        typer.Argument(help="Part of a name or of what it does, a glob such as 'kis.*', or a whole name."),
    ] = "",
    api: Annotated[
        str,
        typer.Argument(
            help="After kis.call: explain this API of KIS, domestic_stock.inquire_price; after "
            "kiwoom.request-tr one of Kiwoom, ka10001."
        ),
    ] = "",
    apis: Annotated[
        bool,
        typer.Option(
            "--apis",
            help="List the REST APIs of KIS and Kiwoom instead; the text may also be of a title, path or "
            "TR id, and of Kiwoom of an input or output.",
        ),
    ] = False,
    json: Annotated[bool, typer.Option("--json", help="Print one JSON array.")] = False,
) -> None:
    """List the methods, or explain one by its whole name; or what kis.call and kiwoom.request-tr reach."""
    if apis or api:
        from broker_server.api_listing import print_api, print_apis

        found = print_api(pattern, api, as_json=json) if api else print_apis(pattern, as_json=json)
        raise typer.Exit(0 if found else 1)
    from broker_server.method_listing import print_methods

    if not print_methods(pattern, as_json=json):
        raise typer.Exit(1)


@app.command()
def asyncapi(
    json: Annotated[bool, typer.Option("--json", help="As JSON, which is the default.")] = False,
    yaml: Annotated[bool, typer.Option("--yaml", help="As YAML.")] = False,
) -> None:
    """Print the AsyncAPI 3 document of every queue, method and event."""
    if json and yaml:
        raise typer.BadParameter("--json or --yaml, not both")
    from broker_server.asyncapi.document import asyncapi_document
    from broker_server.asyncapi.writing import as_json, as_yaml
    from broker_server.wiring.catalogue import catalogue

    document = asyncapi_document(catalogue())
    sys.stdout.buffer.write(as_yaml(document) if yaml else as_json(document))


@app.command()
def version() -> None:
    """Print the version."""
    typer.echo(__version__)
