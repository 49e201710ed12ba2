"""``broker-server run``: a worker in this process, with a simulator and a private node when asked for."""

from __future__ import annotations

import asyncio
import shutil
import signal
import sys
from collections.abc import Callable, Iterable, Iterator, Mapping
from contextlib import ExitStack, contextmanager, suppress
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import structlog

from broker_client.address import url_list, without_password
from broker_client.errors import BrokerUnreachable
from broker_client.protocol import Environment
from broker_server.account_settings import served_accounts
from broker_server.accounts_file import all_secrets
from broker_server.amqp.connection import LoginRefused
from broker_server.amqp.environment import EnvironmentConflict
from broker_server.amqp.private_node import PrivateNode, default_folder
from broker_server.amqp.topology import QueueRefused
from broker_server.app import serve
from broker_server.core.accounts import DEFAULT, AccountKey
from broker_server.core.instruments import Instruments
from broker_server.core.methods import Method
from broker_server.core.vendor import Vendor, key_of
from broker_server.gateway_process import GatewayProcess
from broker_server.heap import use_few_arenas
from broker_server.journal.database import JournalError
from broker_server.logs import configure_logs, log_defects_of_threads, redactor
from broker_server.orders.gate import Step, no_step
from broker_server.scratch import scratch_folder
from broker_server.settings import Settings, SettingsError, data_folder
from broker_server.trial import simulator_instances, with_simulator
from broker_server.vendors.kiwoom.openapi_plus.host import tell_cannot_start, watch_supervisor
from broker_server.wiring.instruments import make_instruments
from broker_server.wiring.leases import account_identities
from broker_server.wiring.vendors import make_vendors, worker_environment

log = structlog.get_logger(__name__)

SWITCH_SECONDS = 0.0005
STOP_SIGNALS = tuple(
    number
    for name in ("SIGINT", "SIGTERM", "SIGBREAK")
    if (number := getattr(signal, name, None)) is not None
)
"""SIGBREAK is Windows' own: Ctrl-Break, which is how the supervisor of a Kiwoom worker asks it to end."""
_TO_TRY = {
    "kis": (
        "call kis.get-current-price ticker=005930",
        "call kis.get-daily-candles ticker=000660 start=2026-01-02",
        "call kis.buy-order ticker=005930 quantity=10 order_type=market",
        "call kis.get-balance",
        "watch kis.subscribe-realtime-price ticker=005930",
    ),
    "kiwoom": (
        "call get-stock-name stock_code=015760",
        "call kiwoom.get-current-price ticker=005930",
        "call kiwoom.buy-order ticker=005930 quantity=10 order_type=market",
        "watch kiwoom.subscribe-realtime-price ticker=005930",
    ),
    "koscom": (
        "call koscom.get-current-price ticker=005930",
        'call koscom.query table=market-index \'arguments={"market": "kospi"}\'',
        "watch koscom.subscribe preset=tick ticker=005930",
    ),
}


_PAGE = "\nOpen {address} in a browser: live prices, candles, workers and orders.\n\n"


@dataclass(frozen=True, slots=True)
class Prepared:
    """Everything that a worker needs, once simulator and node are up.

    Attributes:
        identity: Of each account, or of its simulator: a new one has new accounts.
        control_url: The control server of a simulator that was started for this worker.
        private_node: Whether ``broker_url`` is a node of our own.
        hours: Whether the markets keep their hours.
        instruments: Measure and trace what the worker does.
    """

    settings: Settings
    broker_url: str
    environment: Environment
    journal_url: str
    vendors: list[Vendor]
    identity: Mapping[AccountKey, str | None]
    control_url: str | None
    private_node: bool
    hours: bool
    instruments: Instruments

    @property
    def is_trial(self) -> bool:
        """Whether somebody tries it out: the simulators, on a node of our own."""
        return self.environment == "simulated" and self.private_node


@contextmanager
def prepared(settings: Settings, *, simulate: bool, seed: int = 0, hours: bool = False) -> Iterator[Prepared]:
    """Start what the worker needs, and stop it afterwards.

    Raises:
        SettingsError: A setting is missing or wrong.
        BrokerUnreachable: No private node can be started.
    """
    with ExitStack() as stack:
        control_url = None
        cache_folder = data_folder() / "kis"
        journal_url = settings.journal_url or f"sqlite:///{data_folder() / 'journal.sqlite3'}"
        if simulate:
            scratch = stack.enter_context(scratch_folder())
            journal_url = settings.journal_url or f"sqlite:///{scratch / 'journal.sqlite3'}"
            settings, control_url = with_simulator(settings, stack, seed=seed, hours=hours)
            if control_url is not None:
                cache_folder = scratch
            identity: Mapping[AccountKey, str | None] = simulator_instances(
                settings, served_accounts(settings)
            )
        else:
            identity = account_identities(served_accounts(settings))
        if settings.broker_url is not None:
            broker_url = settings.broker_url.get_secret_value()
        elif simulate:
            broker_url = stack.enter_context(PrivateNode.start(default_folder())).url
        else:
            raise SettingsError(
                "BROKER_URL: not set; name your RabbitMQ, or use run --simulate to try it out"
            )
        environment: Environment = "simulated" if simulate else worker_environment(settings)
        instruments = make_instruments(settings, environment)
        yield Prepared(
            settings=settings,
            broker_url=broker_url,
            environment=environment,
            journal_url=journal_url,
            vendors=make_vendors(
                settings, simulated=simulate, cache_folder=cache_folder, instruments=instruments
            ),
            identity=identity,
            control_url=control_url,
            private_node=settings.broker_url is None,
            hours=hours or not simulate,
            instruments=instruments,
        )


def run_worker(
    settings: Settings,
    *,
    simulate: bool,
    seed: int = 0,
    hours: bool = False,
    adopt_journal: bool = False,
    gateway: bool = False,
    extra_methods: Iterable[Method[Any]] = (),
    extra_vendors: Iterable[Vendor] = (),
    step: Step = no_step,
) -> int:
    """Run a worker until SIGTERM or SIGINT.

    Args:
        settings: As loaded.
        simulate: Serve simulators instead of brokerages.
        seed: Of the simulated market.
        hours: The simulated market keeps the exchange's hours.
        adopt_journal: Take orders although another journal is pinned at the broker.
        gateway: Run the gateway beside it once it is ready, until it ends.
        extra_methods: More methods than the adapters bring.
        extra_vendors: More vendors than the settings name.
        step: Told of each step of an order.

    Returns:
        The exit code: 0 after a drain, 2 with one line on stderr when the worker cannot serve.
    """
    use_few_arenas()
    configure_logs(settings.log_format, settings.log_level, settings.secrets())
    try:
        with (
            prepared(settings, simulate=simulate, seed=seed, hours=hours) as parts,
            _beside(parts, gateway=gateway) as on_ready,
        ):
            secrets = [*parts.settings.secrets(), *all_secrets(settings)]
            configure_logs(settings.log_format, settings.log_level, secrets)
            log_defects_of_threads()
            parts.vendors.extend(extra_vendors)
            # A lane's thread that computes must not keep the event loop from its socket for Python's 5 ms.
            sys.setswitchinterval(SWITCH_SECONDS)
            with asyncio.Runner(loop_factory=asyncio.SelectorEventLoop) as runner:
                runner.run(_serve(parts, adopt_journal, extra_methods, step, on_ready))
    except (
        SettingsError,
        JournalError,
        BrokerUnreachable,
        LoginRefused,
        EnvironmentConflict,
        QueueRefused,
    ) as error:
        sys.stderr.write(f"broker-server: {error}\n")
        if isinstance(error, JournalError) and error.may_pass:
            return 1  # whoever keeps the worker running starts it again
        tell_cannot_start(redactor(all_secrets(settings))(str(error)))
        return 2
    return 0


@contextmanager
def _beside(parts: Prepared, *, gateway: bool) -> Iterator[Callable[[], None]]:
    """What to call once the worker is ready; what that has started ends with the block."""
    if not gateway:
        yield lambda: announce(parts)
        return
    process = GatewayProcess(
        {"BROKER_URL": parts.broker_url},
        simulated=parts.environment == "simulated",
        hint=_PAGE if parts.is_trial else "",
    )

    def on_ready() -> None:
        announce(parts)
        process.start()

    try:
        yield on_ready
    finally:
        process.stop()


async def _serve(
    parts: Prepared,
    adopt_journal: bool,
    extra_methods: Iterable[Method[Any]],
    step: Step,
    on_ready: Callable[[], None],
) -> None:
    stop = asyncio.Event()
    stop_on_signal(stop)
    stop_without_supervisor(stop)
    await serve(
        parts.settings,
        broker_url=parts.broker_url,
        environment=parts.environment,
        journal_url=parts.journal_url,
        vendors=parts.vendors,
        identity=parts.identity,
        adopt_journal=adopt_journal,
        hours=parts.hours,
        trial=parts.private_node,
        stop=stop,
        on_ready=on_ready,
        on_standby=lambda waits_for: announce_standby(parts, waits_for),
        extra_methods=extra_methods,
        step=step,
        instruments=parts.instruments,
    )


def stop_on_signal(stop: asyncio.Event, numbers: Iterable[int] = STOP_SIGNALS) -> None:
    """Set ``stop`` when the process is asked to end. For the main thread, with a running event loop."""
    loop = asyncio.get_running_loop()
    set_stop: Callable[[], object] = stop.set
    for number in numbers:
        try:
            loop.add_signal_handler(number, set_stop)
        except NotImplementedError:  # Windows
            signal.signal(number, lambda *_: loop.call_soon_threadsafe(set_stop))


def stop_without_supervisor(stop: asyncio.Event) -> None:
    """Set ``stop`` when the supervisor that started this process is gone."""
    loop = asyncio.get_running_loop()

    def orphaned() -> None:
        log.warning("the supervisor is gone, and this worker ends")
        with suppress(RuntimeError):  # the loop has ended already
            loop.call_soon_threadsafe(stop.set)

    watch_supervisor(orphaned)


def announce_standby(parts: Prepared, waits_for: str) -> None:
    """Print the line that says which lease another worker has."""
    _say(f"standby {' '.join(_words(parts))} waits_for={waits_for}\n")


def _words(parts: Prepared) -> list[str]:
    names = dict.fromkeys(vendor.name for vendor in parts.vendors)
    words = [
        f"environment={parts.environment}",
        f"broker={','.join(map(without_password, url_list(parts.broker_url)))}",
        f"vendors={','.join(names) or 'none'}",
    ]
    if any(vendor.account != DEFAULT for vendor in parts.vendors):
        words.append(f"accounts={','.join(key_of(vendor).label for vendor in parts.vendors)}")
    return words


def announce(parts: Prepared) -> None:
    """Print the line that says the worker consumes and, for a trial, what to type next."""
    words = _words(parts)
    if parts.control_url is not None:
        words.append(f"control={parts.control_url}")
    lines = [f"ready {' '.join(words)}"]
    if parts.is_trial:
        client = _client_command()
        lines += [
            "",
            "Try it from another terminal (Ctrl-C here stops everything):",
            "",
            f"  export BROKER_URL={parts.broker_url}",
            *(
                f"  {client} {words}"
                for name in dict.fromkeys(vendor.name for vendor in parts.vendors)
                for words in _TO_TRY.get(name, ())
            ),
            f"  {client} methods",
            "",
        ]
    _say("\n".join(lines) + "\n")


def _say(text: str) -> None:
    """Print, if somebody can hear it: a worker whose reader is gone serves all the same."""
    with suppress(OSError):
        sys.stdout.write(text)
        sys.stdout.flush()


def _client_command() -> str:
    """What to type to run the client: its name, or its path when the virtual environment is not active."""
    beside = Path(sys.executable).with_name("broker-client")
    if shutil.which("broker-client") is not None or not beside.exists():
        return "broker-client"
    here = Path.cwd()
    return str(beside.relative_to(here)) if beside.is_relative_to(here) else str(beside)
