"""The live part of the adapter as the worker sees it, and the feed of a whole market."""

from __future__ import annotations

import threading
from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

import orjson
import pytest
from websockets.sync.server import serve as serve_blocking

from broker_client.errors import AuthenticationFailed, Unsupported, VendorUnavailable
from broker_server.core.feeds import Incoming
from broker_server.core.methods import TaskContext
from broker_server.core.stream_requests import Registration
from broker_server.vendors.koscom.streams import KoscomStreams
from broker_server.vendors.no_feed import NoFeed
from tests.support.fake_time import FakeClock
from tests.support.kis_live import Heard, until
from tests.support.koscom_live import KEY, Peer, change, error, live_config, market, ok, stand, tick


class OfTicks:
    """Snapshots of trades alone."""

    def can_read(self, registration: Registration) -> bool:
        return registration.code == "tick"

    def read(self, registration: Registration, context: TaskContext, *, bulk: bool) -> Incoming:
        raise NotImplementedError


def streams(url: str | None) -> KoscomStreams:
    return KoscomStreams(live_config(url), OfTicks(), FakeClock())


@contextmanager
def answering(answer: Any) -> Iterator[str]:
    """A server that answers one init so."""

    def talk(connection: Any) -> None:
        for text in connection:
            message = orjson.loads(text)
            assert message["method"] == "init"
            connection.send(orjson.dumps(answer(message["id"])).decode())

    with serve_blocking(talk, "127.0.0.1", 0, compression=None) as server:
        thread = threading.Thread(target=server.serve_forever)
        thread.start()
        yield f"ws://127.0.0.1:{server.socket.getsockname()[1]}"
        server.shutdown()
        thread.join()


def test_a_trial_sends_the_init() -> None:
    with answering(ok) as url:
        assert "init accepted" in streams(url).try_out()
    with answering(lambda number: error(13001, number, KEY)) as url:
        with pytest.raises(AuthenticationFailed) as caught:
            streams(url).try_out()
        assert KEY not in str(caught.value)
    with pytest.raises(VendorUnavailable, match=r"127\.0\.0\.1:1"):
        streams("ws://127.0.0.1:1").try_out()
    with pytest.raises(Unsupported, match="KOSCOM_WS_URL"):
        streams(None).try_out()


async def test_without_an_address_there_is_no_feed() -> None:
    assert isinstance(streams(None).open_feed(Heard()), NoFeed)


def test_what_the_worker_asks_of_registrations() -> None:
    one = streams("ws://127.0.0.1:1")
    assert one.describe(tick("005930")) == {"key": "trade.005930", "preset": "tick", "ticker": "005930"}
    assert one.describe(Registration("quote10", "005930"))["key"] == "order_book.005930"
    assert one.describe(Registration("index", "K1"))["key"] == "index.K1"
    assert one.describe(change("005930", "trdPrc"))["key"] == "change.005930"
    assert one.describe(change("005930", "trdPrc"))["items"] == ["trdPrc"]
    assert one.describe(market("kospi")) == {"key": "trade.kospi", "market": "kospi"}
    assert one.venue(tick("005930")) == one.venue(market("kospi")) == "KRX"
    assert one.venue(change("005930", "trdPrc")) is None
    assert one.can_snapshot(tick("005930"))
    assert not one.can_snapshot(market("kospi"))
    assert one.own_registrations() == ()
    assert one.without_person(tick("005930")) == one.with_person(tick("005930")) == tick("005930")


RECORD = {"isuSrtCd": "005930", "trdPrc": "81000", "trdVol": "5", "trdTm": "10340400"}


async def test_a_market_needs_no_subscription_and_publishes_each_issue() -> None:
    async with stand() as one:
        await one.up(market("kospi"), market("kosdaq"))
        paths = {peer.path: peer for peer in one.server.peers}
        assert set(paths) == {"/ws_ksp", "/ws_kdq"}
        assert one.server.asked == []
        await paths["/ws_ksp"].send([RECORD, {**RECORD, "isuSrtCd": "000660"}], [])
        await paths["/ws_kdq"].send([{**RECORD, "isuSrtCd": "035720"}])
        found = await one.got(3)
        assert sorted(one.keys()) == ["trade.000660", "trade.005930", "trade.035720"]
        assert {registration.symbol for registration, _ in found} == {"kospi", "kosdaq"}
        assert one.feed.connection_of(market("kospi")) == "kospi"


async def test_a_market_that_is_not_wanted_any_more_is_dropped_and_left() -> None:
    async with stand() as one:
        await one.up(market("kospi"))
        one.want()
        await one.server.peer.send([RECORD])
        await until(lambda: not one.server.open_peers())
        assert one.heard.incoming == []
        await one.up(market("kospi"))


async def test_a_market_is_renewed_by_another_connection() -> None:
    async with stand() as one:
        await one.up(market("kospi"))
        one.feed.renew(market("kospi"))
        await until(lambda: len(one.server.peers) == 2 and one.heard.up == {market("kospi")})


async def test_a_market_whose_data_come_in_place_of_an_answer() -> None:
    async with stand() as one:
        one.server.on_init = lambda peer, message: [[RECORD], [RECORD]]
        await one.up(market("kospi"))
        await one.got(1)


async def test_a_subscription_of_an_issue_is_published_in_place_of_the_market() -> None:
    async with stand() as one:
        await one.up(market("kospi"), tick("005930"))
        of_market = next(peer for peer in one.server.peers if peer.path == "/ws_ksp")
        of_issues = next(peer for peer in one.server.peers if peer.path == "/ws/")
        await of_market.send([RECORD, {**RECORD, "isuSrtCd": "000660"}])
        await one.got(1)
        assert one.keys() == ["trade.000660"]
        await of_issues.socket.close()
        one.server.on_init = lambda peer, message: ""  # it does not come back
        await until(lambda: one.heard.up == {market("kospi")})
        await of_market.send([RECORD])
        await one.got(2)
        assert one.keys() == ["trade.000660", "trade.005930"]


async def test_who_reads_the_exchange_sees_when_another_source_takes_over() -> None:
    async with stand() as one:

        def changes() -> list[str]:
            return [key for key in one.heard.said("source changed") if key.endswith("005930")]

        await one.up(market("kospi"))
        assert changes() == []
        await one.up(market("kospi"), tick("005930"))
        assert changes() == ["trade.005930"]
        tick10 = Registration("tick10", "005930")
        await one.up(market("kospi"), tick("005930"), tick10)
        assert changes().count("trade.005930") == 2
        await one.up(market("kospi"))
        assert changes().count("trade.005930") == 3


async def test_the_items_of_an_issue_are_asked_for_together_and_anew() -> None:
    async with stand() as one:
        price, volume = change("005930", "trdPrc"), change("005930", "accTrdvol")
        await one.up(price)
        await one.up(price, volume)
        await until(lambda: one.server.held() == {("change", "005930"): ["accTrdvol", "trdPrc"]})
        assert one.heard.said("interrupted") == [[price]]
        assert [asked.register for asked in one.server.asked] == [True, False, True]
        await one.server.peer.push(None, isuCd="KR7005930003", isuSrtCd="005930", trdPrc=7, accTrdvol=8)
        await one.server.peer.push(None, isuCd="KR7005930003", isuSrtCd="005930", trdPrc=9)
        found = await one.got(3)
        assert [registration for registration, _ in found] == [price, volume, price]
        assert found[2][1]["fields"] == {"isuSrtCd": "005930", "trdPrc": 9}


async def test_the_state_may_come_in_the_answer_or_behind_it() -> None:
    async with stand() as one:
        state = {"isuSrtCd": "005930", "trdPrc": 1310000, "trdvol": 86, "trdTm": 9450155}

        def script(peer: Peer, asked: Any) -> Any:
            return ok(asked.number, **state) if asked.wire == ("tick", "005930") else None

        one.server.script = script
        await one.up(tick("005930"), tick("000660"))
        await one.server.peer.push("tick", **state)
        for _ in range(2):
            await one.server.peer.push("tick", **{**state, "isuSrtCd": "000660"})
        found = await one.got(4)
        assert [(registration.symbol, event.get("snapshot")) for registration, event in found] == [
            ("005930", True),
            ("005930", None),
            ("000660", True),
            ("000660", None),
        ]
