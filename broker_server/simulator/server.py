"""The simulators as one process: every vendor's server and the control server, on free loopback ports."""

from __future__ import annotations

import asyncio
import contextlib
import ctypes
import os
import random
import signal
import sys
import threading
import time
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web

from broker_server.simulator.calls import CallCounts
from broker_server.simulator.clock import SimulatedClock, fixed_start
from broker_server.simulator.control import Control
from broker_server.simulator.faults import FaultBoard
from broker_server.simulator.kis.gateway import KisGateway
from broker_server.simulator.kis.realtime.hub import Hub
from broker_server.simulator.kis.realtime.server import RealtimeServer
from broker_server.simulator.kis.realtime.settings import StreamSettings
from broker_server.simulator.kis.server import make_gateway as make_kis
from broker_server.simulator.kiwoom.gateway import KiwoomGateway
from broker_server.simulator.kiwoom.realtime.hub import KiwoomHub
from broker_server.simulator.kiwoom.realtime.server import KiwoomRealtimeServer
from broker_server.simulator.kiwoom.realtime.settings import KiwoomStreamSettings
from broker_server.simulator.kiwoom.server import make_gateway as make_kiwoom
from broker_server.simulator.kiwoom_control.board import ControlBoard
from broker_server.simulator.kiwoom_control.door import ControlDoor
from broker_server.simulator.koscom.gateway import KoscomGateway
from broker_server.simulator.koscom.keys import KeyStore as KoscomKeys
from broker_server.simulator.koscom.keys import make_credentials as make_koscom_credentials
from broker_server.simulator.koscom.realtime.hub import KoscomHub
from broker_server.simulator.koscom.realtime.server import KoscomRealtimeServer
from broker_server.simulator.koscom.realtime.settings import KoscomStreamSettings
from broker_server.simulator.koscom.server import make_gateway as make_koscom
from broker_server.simulator.market import Market
from broker_server.simulator.matching import Exchange
from broker_server.simulator.stream_control import StreamControl
from broker_server.simulator.stream_faults import StreamFaultBoard

LOOPBACK = "127.0.0.1"
_SHUTDOWN_SECONDS = 1.0
_PR_SET_PDEATHSIG = 1

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


@dataclass(frozen=True, slots=True, kw_only=True)
class Options:
    """How the simulators are started.

    Attributes:
        seed: Of prices, keys and order numbers.
        hours: Trade only in the exchanges' hours.
        start: The simulated clock's first moment; now when absent.
        kis_port: 0 takes a free port; likewise every other port.
        stream: How the WebSocket server of KIS behaves in the beginning.
        kiwoom_stream: How that of Kiwoom does.
        koscom_stream: How that of KOSCOM does.
    """

    seed: int = 0
    hours: bool = False
    start: datetime | None = None
    kis_port: int = 0
    kis_ws_port: int = 0
    kiwoom_port: int = 0
    kiwoom_ws_port: int = 0
    koscom_port: int = 0
    koscom_ws_port: int = 0
    control_port: int = 0
    stream: StreamSettings = field(default_factory=StreamSettings)
    kiwoom_stream: KiwoomStreamSettings = field(default_factory=KiwoomStreamSettings)
    koscom_stream: KoscomStreamSettings = field(default_factory=KoscomStreamSettings)


class Simulators:
    """Every simulated server over one market. Use as an async context manager.

    Args:
        options: How they are started.
        monotonic: Real seconds, which rate limits count by.
    """

    def __init__(self, options: Options, monotonic: Callable[[], float] = time.monotonic) -> None:
        self.options = options
        self.clock = fixed_start(options.start) if options.start else SimulatedClock()
        self.market = Market(self.clock, options.seed, hours=options.hours)
        chance = random.Random(f"{options.seed}/order numbers")  # noqa: S311 - other clients' orders
        self.exchange = Exchange(self.market, lambda: chance.randint(1, 7))
        self.faults = FaultBoard()
        self.stream_faults = StreamFaultBoard(monotonic, self.faults.next_number)
        self.calls = CallCounts()
        self.kis: KisGateway
        self.kis, self.kis_credentials, keys = make_kis(
            self.clock, self.exchange, self.faults, self.calls, seed=options.seed, monotonic=monotonic
        )
        self.kis_stream = Hub(
            self.clock,
            self.exchange,
            keys,
            self.stream_faults,
            monotonic,
            random.Random(f"{options.seed}/{self.kis.instance}"),  # noqa: S311 - keys of a simulator
            options.stream,
        )
        self.kiwoom: KiwoomGateway
        self.kiwoom, self.kiwoom_credentials, kiwoom_keys = make_kiwoom(
            self.clock, self.exchange, self.faults, self.calls, seed=options.seed, monotonic=monotonic
        )
        self.kiwoom_stream = KiwoomHub(
            self.clock,
            self.exchange,
            kiwoom_keys,
            self.stream_faults,
            monotonic,
            options.kiwoom_stream,
        )
        self.koscom_credentials = make_koscom_credentials(options.seed)
        koscom_keys = KoscomKeys(self.koscom_credentials)
        self.koscom_stream = KoscomHub(
            self.clock, self.market, koscom_keys, self.stream_faults, monotonic, options.koscom_stream
        )
        self.koscom: KoscomGateway = make_koscom(
            self.market, koscom_keys, self.faults, self.calls, lambda: self.koscom_stream.settings
        )
        self.kiwoom_controls = ControlBoard(random.Random(f"{options.seed}/late events"))  # noqa: S311 - no secret
        self._kiwoom_door = ControlDoor(
            self.exchange, self.kiwoom_credentials, self.kiwoom_controls, self.kiwoom.instance, monotonic
        )
        self._monotonic = monotonic
        self._runners: list[web.BaseRunner] = []
        self.kis_rest_url = self.kis_ws_url = self.control_url = ""
        self.kiwoom_rest_url = self.kiwoom_ws_url = ""
        self.koscom_rest_url = self.koscom_ws_url = ""

    async def __aenter__(self) -> Simulators:
        options = self.options
        self.kis_rest_url = await self._rest(self.kis.handle, options.kis_port)
        realtime = RealtimeServer(self.kis_stream, self.kis.instance)
        self.kis_ws_url = await self._realtime(realtime.handle, options.kis_ws_port)
        self.kis_stream.start()
        self.kiwoom_rest_url = await self._rest(
            self._kiwoom_door.beside(self.kiwoom.handle), options.kiwoom_port
        )
        kiwoom_realtime = KiwoomRealtimeServer(self.kiwoom_stream, self.kiwoom.instance, self._monotonic)
        self.kiwoom_ws_url = await self._realtime(kiwoom_realtime.handle, options.kiwoom_ws_port)
        self.kiwoom_stream.start()
        self.koscom_rest_url = await self._rest(self.koscom.handle, options.koscom_port)
        koscom_realtime = KoscomRealtimeServer(self.koscom_stream, self.koscom.instance, self._monotonic)
        self.koscom_ws_url = await self._realtime(koscom_realtime.handle, options.koscom_ws_port)
        self.koscom_stream.start()
        control = Control(
            self.clock,
            self.exchange,
            self.faults,
            self.calls,
            self.kis,
            self.kiwoom,
            self.koscom,
            StreamControl(self.kis_stream, self.kiwoom_stream, self.koscom_stream, self.stream_faults),
            self.kiwoom_controls,
        )
        runner = web.AppRunner(control.application(), access_log=None, shutdown_timeout=_SHUTDOWN_SECONDS)
        self.control_url = await self._listen(runner, self.options.control_port)
        return self

    async def __aexit__(self, *exc_info: object) -> None:
        self.kis.stopping.set()
        self.kiwoom.stopping.set()
        self.koscom.stopping.set()
        await self.kis_stream.stop()
        await self.kiwoom_stream.stop()
        await self.koscom_stream.stop()
        for runner in reversed(self._runners):
            await runner.cleanup()

    def announcement(self) -> dict[str, Any]:
        """The first line of output: addresses and keys."""
        return {
            "kis": {"rest": self.kis_rest_url, "ws": self.kis_ws_url},
            "kiwoom": {"rest": self.kiwoom_rest_url, "ws": self.kiwoom_ws_url},
            "koscom": {"rest": self.koscom_rest_url, "ws": self.koscom_ws_url},
            "control": self.control_url,
            "credentials": {
                "kis": {name: pair.to_json() for name, pair in self.kis_credentials.items()},
                "kiwoom": {name: pair.to_json() for name, pair in self.kiwoom_credentials.items()},
                "koscom": {name: pair.to_json() for name, pair in self.koscom_credentials.items()},
            },
        }

    async def _rest(self, handle: Handler, port: int) -> str:
        server = web.Server(handle, handler_cancellation=True, access_log=None)
        return await self._listen(web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS), port)

    async def _realtime(self, handle: Handler, port: int) -> str:
        server = web.Server(handle, access_log=None)
        url = await self._listen(web.ServerRunner(server, shutdown_timeout=_SHUTDOWN_SECONDS), port)
        return url.replace("http://", "ws://", 1)

    async def _listen(self, runner: web.BaseRunner, port: int) -> str:
        await runner.setup()
        site = web.TCPSite(runner, LOOPBACK, port)
        await site.start()
        self._runners.append(runner)
        return f"http://{LOOPBACK}:{runner.addresses[0][1]}"


def describe(announcement: dict[str, Any]) -> str:
    """The announcement for people."""
    lines = ["sapi-broker simulators (loopback only, invented prices)"]
    lines.append(f"  KIS REST      {announcement['kis']['rest']}")
    lines.append(f"  KIS stream    {announcement['kis']['ws']}")
    lines.append(f"  Kiwoom REST   {announcement['kiwoom']['rest']}")
    lines.append(f"  Kiwoom stream {announcement['kiwoom']['ws']}")
    lines.append(f"  KOSCOM REST   {announcement['koscom']['rest']}")
    lines.append(f"  KOSCOM stream {announcement['koscom']['ws']}")
    lines.append(f"  control       {announcement['control']}")
    for name, pair in announcement["credentials"]["kis"].items():
        lines.append(
            f"  KIS {name:<5}  account {pair['account']}  HTS ID {pair['hts_id']}  app key {pair['app_key']}"
        )
    for name, pair in announcement["credentials"]["kiwoom"].items():
        lines.append(f"  Kiwoom {name:<5}  account {pair['account']}  app key {pair['app_key']}")
    for name, pair in announcement["credentials"]["koscom"].items():
        lines.append(f"  KOSCOM {name:<7} member {pair['member_name']}  API key {pair['api_key']}")
    lines.append("Add --json for the app secrets. Ctrl-C ends it.")
    return "\n".join(lines)


async def serve(options: Options, *, as_json: bool, watch_stdin: bool = False) -> None:
    """Run until SIGTERM, SIGINT, or the end of stdin when that is watched.

    Args:
        options: How the simulators are started.
        as_json: Announce them in one JSON line instead of text.
        watch_stdin: End when the parent closes our stdin, as it does when it dies.
    """
    stop = asyncio.Event()
    loop = asyncio.get_running_loop()
    for number in (signal.SIGTERM, signal.SIGINT):
        with contextlib.suppress(NotImplementedError):  # Windows: Ctrl-C raises KeyboardInterrupt instead
            loop.add_signal_handler(number, stop.set)
    async with Simulators(options) as simulators:
        announcement = simulators.announcement()
        line = orjson.dumps(announcement).decode() if as_json else describe(announcement)
        sys.stdout.write(line + "\n")
        sys.stdout.flush()
        if watch_stdin:
            # A daemon thread: a pending read of stdin must not hold up the exit.
            watcher = threading.Thread(target=_watch_stdin, args=(loop, stop), daemon=True)
            watcher.start()
        await stop.wait()


def read_moment(text: str) -> datetime:
    """Read the simulated clock's first moment.

    Raises:
        ValueError: It is not ISO 8601 with an offset.
    """
    try:
        moment = datetime.fromisoformat(text)
    except ValueError:
        moment = datetime.min  # noqa: DTZ901 - it is refused below
    if moment.tzinfo is None:
        raise ValueError("must be ISO 8601 with an offset, such as 2026-11-20T10:00:00+09:00")
    return moment


def run(options: Options, *, as_json: bool, watch_stdin: bool = False) -> int:
    """Run the simulators in the foreground.

    Returns:
        The exit code: 1 when nobody reads their addresses, 2 with one line when they cannot start.
    """
    if watch_stdin:
        die_with_parent()
    try:
        asyncio.run(serve(options, as_json=as_json, watch_stdin=watch_stdin))
    except KeyboardInterrupt:
        return 0
    except BrokenPipeError:
        # Nobody reads where they listen. Python would say so once more when it flushes stdout at the end.
        os.dup2(os.open(os.devnull, os.O_WRONLY), sys.stdout.fileno())
        return 1
    except (OSError, ValueError) as error:
        sys.stderr.write(f"the simulators cannot start: {error}\n")
        return 2
    return 0


def die_with_parent() -> None:
    """On Linux, ask the kernel for SIGTERM when the parent dies; elsewhere the watched stdin must do."""
    if sys.platform == "linux":
        parent = os.getppid()
        ctypes.CDLL(None, use_errno=True).prctl(_PR_SET_PDEATHSIG, signal.SIGTERM, 0, 0, 0)
        if os.getppid() != parent:
            os.kill(os.getpid(), signal.SIGTERM)


def _watch_stdin(loop: asyncio.AbstractEventLoop, stop: asyncio.Event) -> None:
    with contextlib.suppress(OSError, ValueError):
        while os.read(0, 4096):
            pass
    with contextlib.suppress(RuntimeError):  # the loop has ended already
        loop.call_soon_threadsafe(stop.set)
