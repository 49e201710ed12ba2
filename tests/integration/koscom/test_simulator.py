"""The feed of KOSCOM on the simulated server, in each way that the documents leave open."""

from __future__ import annotations

import asyncio
import random
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import AbstractAsyncContextManager, asynccontextmanager
from dataclasses import dataclass, replace
from typing import Any

import pytest
import requests
from pydantic import SecretStr

from broker_client.errors import SubscriptionLimit
from broker_server.core.stream_requests import Registration
from broker_server.simulator.process import SimulatorProcess
from broker_server.vendors.clock import SystemClock
from broker_server.vendors.koscom.feed import KoscomFeed
from broker_server.vendors.koscom.presets import preset_of
from tests.support.kis_live import Heard
from tests.support.koscom_live import QUICK, change, live_config, market, tick
from tests.support.waiting import PATIENCE
from tests.support.waiting import wait_until_async as until

PRESETS = (
    tick("005930"),
    Registration("quote", "005930"),
    Registration("tick10", "000660"),
    Registration("quote10", "000660"),
    Registration("index", "K1"),
    change("005930", "trdPrc", "trdvol", "trdTm"),
)
NUMBERS = (5930, 660, 35420, 5380, 51910, 35720, 68270, 105560, 55550, 12330, 15760)
CODES = [f"{number:06}" for number in NUMBERS]
PRESETS_OF_STOCKS = ("tick", "quote", "tick10", "quote10")
SWITCHES: tuple[dict[str, Any], ...] = (
    {},
    {"snapshot": "result"},
    {"snapshot": "none"},
    {"suffix": True},
    {"values": "strings"},
    {"change_preset": True},
    {"quote_volume": False},
    {"heartbeat_reply": False, "answers_pings": False},
    {"heartbeat_interval": 0.02},
    {"errors_with_id": "none"},
    {"market_padded": False, "market_elements": 3},
)


@pytest.fixture(scope="module")
def process() -> Iterator[SimulatorProcess]:
    """One market for all: its first look takes a second or two."""
    with SimulatorProcess.start() as process:
        yield process


@dataclass
class Scene:
    """A feed on the simulators."""

    process: SimulatorProcess
    feed: KoscomFeed
    heard: Heard

    def fault(self, fault: str, **more: Any) -> None:
        _ask(self.process, "POST", "/faults", {"fault": fault, "vendor": "koscom", **more})

    async def up(self, *registrations: Registration) -> None:
        self.heard.up.intersection_update(registrations)
        self.feed.want(registrations)
        await until(lambda: self.heard.up == set(registrations), what="everything is up")

    async def heard_of(self, *registrations: Registration) -> None:
        """Wait for a record of each from now on."""
        self.heard.incoming.clear()
        wanted = set(registrations)
        await until(lambda: {one for one, _ in self.heard.incoming} >= wanted, what="records of each")

    def oddities(self) -> dict[str, int]:
        sessions = self.feed.status()["sessions"]
        return {kind: number for session in sessions for kind, number in session["oddities"].items()}


Open = Callable[..., AbstractAsyncContextManager[Scene]]


@pytest.fixture
def scene(process: SimulatorProcess) -> Iterator[Open]:
    """Opens a feed on simulators that are switched so, and look at the market often."""

    @asynccontextmanager
    async def open_scene(
        environment: str = "real", sessions: int = 1, **switches: Any
    ) -> AsyncIterator[Scene]:
        often = {"tick_interval": 0.02, "market_interval": 0.02}
        _ask(process, "POST", "/stream", {"koscom": {**often, **switches}})
        keys, heard = process.credentials["koscom"][environment], Heard()
        feed = KoscomFeed(
            live_config(
                process.koscom_ws_url,
                api_key=SecretStr(keys["api_key"]),
                member_name=keys["member_name"],
                sessions=sessions,
            ),
            heard,
            clock=SystemClock(),
            chance=random.Random(1),
            timing=replace(QUICK, heartbeat=0.05, answer=PATIENCE),
            pause=lambda seconds: asyncio.sleep(0.01),
        )
        running = asyncio.get_running_loop().create_task(feed.run())
        try:
            yield Scene(process, feed, heard)
        finally:
            running.cancel()
            await asyncio.gather(running, return_exceptions=True)

    yield open_scene
    for path in ("/faults", "/stream"):
        _ask(process, "DELETE", path)


def _ask(process: SimulatorProcess, verb: str, path: str, body: Any = None) -> None:
    requests.request(verb, process.control_url + path, json=body, timeout=PATIENCE).raise_for_status()


@pytest.mark.parametrize("switches", SWITCHES, ids=str)
async def test_every_preset_and_both_markets_whatever_the_documents_leave_open(
    scene: Open, switches: dict[str, Any]
) -> None:
    everything = (*PRESETS, market("kospi"), market("kosdaq"))
    async with scene(**switches) as one:
        await one.up(*everything)
        await one.heard_of(*everything)
        events = {registration: incoming.event() for registration, incoming in one.heard.incoming}
        kinds = {preset_of(registration): event["type"] for registration, event in events.items()}
        assert kinds == {
            "tick": "trade",
            "quote": "order_book",
            "tick10": "trade",
            "quote10": "order_book",
            "index": "index",
            "change": "change",
            "market": "trade",
        }
        if "snapshot" not in switches:  # else the state is only what has changed
            assert events[PRESETS[5]]["fields"].keys() == {"isuSrtCd", "trdPrc", "trdvol", "trdTm"}
        assert len(events[PRESETS[3]]["asks"]) == 10
        assert all("*" not in incoming.subject for _, incoming in one.heard.incoming)
        assert one.oddities() == {}
        assert one.heard.errors == {}


@pytest.mark.parametrize("errors", ["all", "but_47", "none"])
async def test_what_the_server_refuses_is_told_and_the_rest_goes_on(scene: Open, errors: str) -> None:
    async with scene(errors_with_id=errors) as one:
        unknown = tick("999999")
        one.feed.want([*PRESETS, unknown])
        await until(lambda: one.heard.up == set(PRESETS) and unknown in one.heard.errors)
        await until(lambda: one.heard.said("refused for good") == [unknown])


async def test_the_sandbox_holds_twenty(scene: Open) -> None:
    async with scene("sandbox", sessions=2) as one:
        wanted = [Registration(preset, code) for code in CODES for preset in PRESETS_OF_STOCKS][:41]
        one.feed.want(wanted)
        await until(lambda: len(one.heard.up) == 40)
        (left,) = set(wanted) - one.heard.up
        await until(lambda: left in one.heard.errors)
        assert isinstance(one.heard.errors[left], SubscriptionLimit)


@pytest.mark.parametrize("fault", ["drop", "close"])
async def test_a_session_that_ends_is_made_again(scene: Open, fault: str) -> None:
    async with scene() as one:
        await one.up(*PRESETS, market("kospi"))
        one.fault(fault)
        await until(lambda: len(one.heard.said("interrupted")) == 2)
        await until(lambda: one.heard.up == {*PRESETS, market("kospi")})
        await one.heard_of(*PRESETS, market("kospi"))


async def test_a_signal_is_an_event_of_the_market(scene: Open) -> None:
    async with scene() as one:
        await one.up(tick("005930"), market("kospi"))
        one.fault("signal", code="31000000")
        await until(
            lambda: (
                {(registration.code, incoming.channel) for registration, incoming in one.heard.incoming}
                >= {("tick", "market_status"), ("market", "market_status")}
            )
        )


async def test_a_load_of_the_whole_market_comes_through(scene: Open) -> None:
    async with scene() as one:
        await one.up(market("kospi"), market("kosdaq"))
        one.fault("load", rate=20_000)
        await until(lambda: len({incoming.subject for _, incoming in one.heard.incoming}) > 2_500)
        assert one.oddities() == {}
