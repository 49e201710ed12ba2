"""The control server: the ground truth of what the simulators did, and how to make them misbehave."""

from __future__ import annotations

from datetime import datetime
from typing import Any

from aiohttp import web

from broker_server.simulator.amounts import decimal
from broker_server.simulator.calls import CallCounts
from broker_server.simulator.clock import SimulatedClock
from broker_server.simulator.control_messages import (
    ENDPOINTS,
    ClockRequest,
    MarketRequest,
    Refused,
    explain,
    json_object,
    json_response,
    minor_units,
    order_to_json,
)
from broker_server.simulator.faults import FaultBoard, FaultRequest
from broker_server.simulator.instruments import KRX, Instrument
from broker_server.simulator.kis.gateway import KisGateway
from broker_server.simulator.kis.limits import Limits
from broker_server.simulator.kiwoom.gateway import KiwoomGateway
from broker_server.simulator.kiwoom.limits import PREFIX as KIWOOM_PREFIX
from broker_server.simulator.kiwoom.limits import KiwoomLimits
from broker_server.simulator.kiwoom_control.board import ControlBoard
from broker_server.simulator.koscom.gateway import KoscomGateway
from broker_server.simulator.koscom.quota import PREFIX as KOSCOM_PREFIX
from broker_server.simulator.koscom.quota import KoscomLimits
from broker_server.simulator.matching import Exchange
from broker_server.simulator.stream_control import StreamControl
from broker_server.simulator.stream_faults import STREAM_FAULTS


class Control:
    """The control server's handlers.

    Args:
        clock: The simulated clock.
        exchange: Orders and the market.
        faults: The vendors' fault board.
        calls: The vendors' counts.
        kis: Whose limits can be changed.
        kiwoom: Likewise.
        koscom: Likewise.
        stream: What is asked about live data.
        controls: What is asked about simulated controls.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        exchange: Exchange,
        faults: FaultBoard,
        calls: CallCounts,
        kis: KisGateway,
        kiwoom: KiwoomGateway,
        koscom: KoscomGateway,
        stream: StreamControl,
        controls: ControlBoard,
    ) -> None:
        self._clock = clock
        self._exchange = exchange
        self._faults = faults
        self._calls = calls
        self._kis = kis
        self._kiwoom = kiwoom
        self._koscom = koscom
        self._stream = stream
        self._controls = controls

    def application(self) -> web.Application:
        """The routes."""
        application = web.Application(middlewares=[explain])
        application.router.add_get("/", self.describe)
        application.router.add_get("/orders", self.orders)
        self._stream.add_routes(application.router)
        self._controls.add_routes(application.router)
        application.router.add_get("/calls", self.calls)
        application.router.add_delete("/calls", self.clear_calls)
        application.router.add_get("/faults", self.list_faults)
        application.router.add_post("/faults", self.add_fault)
        application.router.add_delete("/faults", self.clear_faults)
        application.router.add_get("/clock", self.get_clock)
        application.router.add_post("/clock", self.set_clock)
        application.router.add_get("/market", self.get_market)
        application.router.add_post("/market", self.set_market)
        return application

    async def describe(self, request: web.Request) -> web.Response:
        """What there is."""
        return json_response({"name": "sapi-broker simulator control", "endpoints": ENDPOINTS})

    async def orders(self, request: web.Request) -> web.Response:
        """Every order; cancellations are not orders, they show in the state of theirs."""
        self._exchange.advance()
        taken = self._exchange.orders.values()
        return json_response([order_to_json(order) for order in taken if order.kind != "cancel"])

    async def calls(self, request: web.Request) -> web.Response:
        """Counts."""
        return json_response(self._calls.to_json())

    async def clear_calls(self, request: web.Request) -> web.Response:
        """Zero the counts."""
        self._calls.clear()
        return json_response(self._calls.to_json())

    async def list_faults(self, request: web.Request) -> web.Response:
        """Faults in waiting."""
        limits = self._kis.limits
        faults = [
            {
                **fault.request.model_dump(exclude_none=True),
                "id": fault.id,
                "remaining": fault.remaining,
                "hits": fault.hits,
            }
            for fault in self._faults
        ]
        faults += self._stream.faults()
        shown = {name: getattr(limits, name) for name in Limits.__dataclass_fields__}
        shown.update(self._kiwoom.limits.to_json())
        shown.update(self._koscom.limits.to_json())
        return json_response({"faults": faults, "limits": shown})

    async def add_fault(self, request: web.Request) -> web.Response:
        """Order a fault, or change limits."""
        document = await json_object(request)
        if "limits" in document:
            self._change_limits(document)
            return await self.list_faults(request)
        if document.get("fault") in STREAM_FAULTS:
            return json_response(self._stream.order(document), status=201)
        fault = self._faults.add(FaultRequest.model_validate(document))
        return json_response({"id": fault.id, "remaining": fault.remaining}, status=201)

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Remove every fault."""
        return json_response({"removed": self._faults.clear() + self._stream.clear()})

    async def get_clock(self, request: web.Request) -> web.Response:
        """The simulated time."""
        return json_response({"now": self._clock.now().isoformat(), "frozen": self._clock.frozen})

    async def set_clock(self, request: web.Request) -> web.Response:
        """Move the clock; the market's resting orders are matched on the way."""
        wanted = ClockRequest.model_validate(await json_object(request))
        if wanted.set is None and wanted.advance is None and wanted.freeze is None:
            raise Refused(f"nothing to do; allowed: {ENDPOINTS['POST /clock']}")
        self._exchange.advance()
        if wanted.freeze is not None:
            (self._clock.freeze if wanted.freeze else self._clock.run)()
        if wanted.set is not None:
            self._set(wanted.set)
        if wanted.advance is not None:
            self._clock.advance(wanted.advance)
        self._exchange.advance()
        return await self.get_clock(request)

    async def get_market(self, request: web.Request) -> web.Response:
        """One quote."""
        ticker = request.query.get("ticker", "")
        return json_response(self._shown(self._instrument(ticker, request.query.get("exchange", KRX))))

    async def set_market(self, request: web.Request) -> web.Response:
        """Change one instrument's market."""
        document = await json_object(request)
        wanted = MarketRequest.model_validate(document)
        instrument = self._instrument(wanted.ticker, wanted.exchange)
        market = self._exchange.market
        self._exchange.advance()
        if "price" in document:
            if wanted.price is None:
                market.release_price(instrument)
            else:
                market.set_price(instrument, minor_units(wanted.price, instrument), hold=wanted.hold)
        if wanted.suspended is not None:
            market.set_suspended(instrument, wanted.suspended)
        if "liquidity" in document:
            if wanted.liquidity is not None and wanted.liquidity < 1:
                raise Refused("liquidity must be a whole number >= 1, or null")
            market.set_liquidity(instrument, wanted.liquidity)
        return json_response(self._shown(instrument))

    def _change_limits(self, document: dict[str, Any]) -> None:
        wanted = document["limits"]
        if len(document) > 1:
            raise Refused("send limits alone, without other keys")
        if wanted == "published":
            self._kis.limits, self._kiwoom.limits = Limits(), KiwoomLimits()
            self._koscom.limits = KoscomLimits()
        elif isinstance(wanted, dict):
            kiwoom, koscom = _with_prefix(wanted, KIWOOM_PREFIX), _with_prefix(wanted, KOSCOM_PREFIX)
            others = (KIWOOM_PREFIX, KOSCOM_PREFIX)
            own = {name: value for name, value in wanted.items() if not name.startswith(others)}
            changed, changed_too = self._kiwoom.limits.changed(kiwoom), self._koscom.limits.changed(koscom)
            self._kis.limits = self._kis.limits.lifted(own)
            self._kiwoom.limits, self._koscom.limits = changed, changed_too
        else:
            raise Refused('limits must be an object or "published"')

    def _set(self, moment: datetime) -> None:
        if moment.tzinfo is None:
            raise Refused("set needs an offset, for example 2026-11-20T10:00:00+09:00")
        if moment < self._clock.now() and self._exchange.orders:
            raise Refused("the clock goes back only while there are no orders")
        self._clock.set(moment)
        self._exchange.restart_time()

    def _instrument(self, ticker: str, exchange: str) -> Instrument:
        instrument = self._exchange.market.instruments.find(ticker, exchange)
        if instrument is None:
            known = ", ".join(item.symbol for item in list(self._exchange.market.instruments)[:5])
            raise Refused(f"no {ticker!r} on {exchange!r}; KRX lists for example {known}")
        return instrument

    def _shown(self, instrument: Instrument) -> dict[str, Any]:
        quote = self._exchange.market.quote(instrument)
        return {
            "ticker": instrument.symbol,
            "exchange": instrument.exchange,
            "price": decimal(quote.price, instrument.decimals),
            "lower_limit": decimal(quote.lower, instrument.decimals) if instrument.limit_percent else None,
            "upper_limit": decimal(quote.upper, instrument.decimals) if instrument.limit_percent else None,
            "suspended": self._exchange.market.is_suspended(instrument),
            "time": quote.time.isoformat(),
        }


def _with_prefix(wanted: dict[str, Any], prefix: str) -> dict[str, Any]:
    """The limits of one vendor, without its prefix."""
    return {name.removeprefix(prefix): value for name, value in wanted.items() if name.startswith(prefix)}
