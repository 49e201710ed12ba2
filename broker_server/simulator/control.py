"""The control server: the ground truth of what the simulators did, and how to make them misbehave."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from broker_server.simulator.calls import CallCounts
from broker_server.simulator.clock import KST, SimulatedClock
from broker_server.simulator.faults import FaultBoard, FaultRequest
from broker_server.simulator.instruments import KRX, Instrument
from broker_server.simulator.kis.limits import Limits
from broker_server.simulator.kis.text import decimal
from broker_server.simulator.market import MarketError
from broker_server.simulator.matching import Exchange
from broker_server.simulator.orders import Order

ENDPOINTS = {
    "GET /": "this list",
    "GET /orders": "every order that the simulated vendors took, oldest first",
    "GET /subscriptions": "every realtime subscription",
    "GET /calls": "calls per path and per TR, and errors per code",
    "DELETE /calls": "start the counts from zero",
    "GET /faults": "the faults that wait for calls, and the limits in force",
    "POST /faults": "order a fault: {fault, when, path, tr, count, skip, seconds, code, message}, "
    "or change limits: {limits: {rest_per_second, real_per_second, paper_per_second, token_interval}}, "
    'or restore them: {limits: "published"}',
    "DELETE /faults": "remove every fault; limits stay",
    "GET /clock": "the simulated time",
    "POST /clock": "{set: ISO 8601 with offset}, {advance: seconds}, {freeze: true|false}",
    "GET /market": "a price: ?ticker=005930[&exchange=KRX]",
    "POST /market": "{ticker, exchange, price, hold, suspended, liquidity}",
}


class ClockRequest(BaseModel):
    """The body of ``POST /clock``; at least one key."""

    model_config = ConfigDict(extra="forbid")

    set: datetime | None = None
    advance: float | None = None
    freeze: bool | None = None


class MarketRequest(BaseModel):
    """The body of ``POST /market``.

    Attributes:
        ticker: The symbol.
        exchange: ``KRX`` or a foreign exchange's four letters.
        price: Decimal text or a number; null lets a held price move on.
        hold: Whether the price stays there; true unless said otherwise.
        suspended: Halt or resume trading.
        liquidity: Shares at every level of the book; null gives it back to the market.
    """

    model_config = ConfigDict(extra="forbid")

    ticker: str
    exchange: str = KRX
    price: str | int | float | None = None
    hold: bool = True
    suspended: bool | None = None
    liquidity: int | None = None


class Refused(ValueError):
    """A request that the control server cannot carry out; the text says what is allowed."""


class Control:
    """The control server's handlers.

    Args:
        clock: The simulated clock.
        exchange: Orders and the market.
        faults: The vendors' fault board.
        calls: The vendors' counts.
        get_limits: Reads the REST limits in force.
        set_limits: Puts others in force.
    """

    def __init__(
        self,
        clock: SimulatedClock,
        exchange: Exchange,
        faults: FaultBoard,
        calls: CallCounts,
        get_limits: Callable[[], Limits],
        set_limits: Callable[[Limits], None],
    ) -> None:
        self._clock = clock
        self._exchange = exchange
        self._faults = faults
        self._calls = calls
        self._get_limits = get_limits
        self._set_limits = set_limits

    def application(self) -> web.Application:
        """The routes."""
        application = web.Application(middlewares=[_explain])
        application.router.add_get("/", self.describe)
        application.router.add_get("/orders", self.orders)
        application.router.add_get("/subscriptions", self.subscriptions)
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
        return _json({"name": "sapi-broker simulator control", "endpoints": ENDPOINTS})

    async def orders(self, request: web.Request) -> web.Response:
        """Every order; cancellations are not orders, they show in the state of theirs."""
        self._exchange.advance()
        taken = self._exchange.orders.values()
        return _json([order_to_json(order) for order in taken if order.kind != "cancel"])

    async def subscriptions(self, request: web.Request) -> web.Response:
        """None: this simulator has no realtime server."""
        return _json([])

    async def calls(self, request: web.Request) -> web.Response:
        """Counts."""
        return _json(self._calls.to_json())

    async def clear_calls(self, request: web.Request) -> web.Response:
        """Zero the counts."""
        self._calls.clear()
        return _json(self._calls.to_json())

    async def list_faults(self, request: web.Request) -> web.Response:
        """Faults in waiting."""
        limits = self._get_limits()
        faults = [
            {
                **fault.request.model_dump(exclude_none=True),
                "id": fault.id,
                "remaining": fault.remaining,
                "hits": fault.hits,
            }
            for fault in self._faults
        ]
        shown = {name: getattr(limits, name) for name in Limits.__dataclass_fields__}
        return _json({"faults": faults, "limits": shown})

    async def add_fault(self, request: web.Request) -> web.Response:
        """Order a fault, or change limits."""
        document = await _object(request)
        if "limits" in document:
            self._change_limits(document)
            return await self.list_faults(request)
        fault = self._faults.add(FaultRequest.model_validate(document))
        return _json({"id": fault.id, "remaining": fault.remaining}, status=201)

    async def clear_faults(self, request: web.Request) -> web.Response:
        """Remove every fault."""
        return _json({"removed": self._faults.clear()})

    async def get_clock(self, request: web.Request) -> web.Response:
        """The simulated time."""
        return _json({"now": self._clock.now().isoformat(), "frozen": self._clock.frozen})

    async def set_clock(self, request: web.Request) -> web.Response:
        """Move the clock; the market's resting orders are matched on the way."""
        wanted = ClockRequest.model_validate(await _object(request))
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
        return _json(self._shown(self._instrument(ticker, request.query.get("exchange", KRX))))

    async def set_market(self, request: web.Request) -> web.Response:
        """Change one instrument's market."""
        document = await _object(request)
        wanted = MarketRequest.model_validate(document)
        instrument = self._instrument(wanted.ticker, wanted.exchange)
        market = self._exchange.market
        self._exchange.advance()
        if "price" in document:
            if wanted.price is None:
                market.release_price(instrument)
            else:
                market.set_price(instrument, _minor_units(wanted.price, instrument), hold=wanted.hold)
        if wanted.suspended is not None:
            market.set_suspended(instrument, wanted.suspended)
        if "liquidity" in document:
            if wanted.liquidity is not None and wanted.liquidity < 1:
                raise Refused("liquidity must be a whole number >= 1, or null")
            market.set_liquidity(instrument, wanted.liquidity)
        return _json(self._shown(instrument))

    def _change_limits(self, document: dict[str, Any]) -> None:
        wanted = document["limits"]
        if len(document) > 1:
            raise Refused("send limits alone, without other keys")
        if wanted == "published":
            self._set_limits(Limits())
        elif isinstance(wanted, dict):
            self._set_limits(self._get_limits().lifted(wanted))
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


def order_to_json(order: Order) -> dict[str, Any]:
    """One order as ``GET /orders`` shows it; won are integers, other prices decimal text."""
    request = order.request
    instrument = request.instrument
    price: int | str | None = order.price
    if order.price is not None and instrument.decimals:
        price = decimal(order.price, instrument.decimals)
    return {
        "vendor": request.vendor,
        "account": request.account,
        "order_no": f"{order.number:010d}",
        "ticker": instrument.symbol,
        "side": str(request.side),
        "quantity": request.quantity,
        "price": price,
        "time": order.time.astimezone(KST).isoformat(),
        "filled_quantity": order.filled,
        "state": str(order.state),
    }


def _minor_units(price: str | float, instrument: Instrument) -> int:
    try:
        scaled = round(float(price) * 10**instrument.decimals, 6)
    except ValueError:
        raise Refused("price must be a number or decimal text") from None
    if scaled != int(scaled):
        raise Refused(f"{instrument.symbol} has {instrument.decimals} decimals")
    return int(scaled)


async def _object(request: web.Request) -> dict[str, Any]:
    try:
        document = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise Refused(f"the body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Refused("the body must be a JSON object")
    return document


def _json(value: Any, status: int = 200) -> web.Response:
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


@web.middleware
async def _explain(
    request: web.Request, handler: Callable[[web.Request], Awaitable[web.StreamResponse]]
) -> web.StreamResponse:
    """Answer bad input with 400 and what is allowed."""
    try:
        return await handler(request)
    except ValidationError as error:
        problems = [
            f"{'.'.join(str(part) for part in item['loc']) or 'body'}: {item['msg']}"
            for item in error.errors(include_url=False)
        ]
        return _json({"error": "; ".join(problems), "allowed": _allowed(request)}, status=400)
    except (Refused, MarketError, ValueError) as error:
        return _json({"error": str(error), "allowed": _allowed(request)}, status=400)


def _allowed(request: web.Request) -> str | None:
    return ENDPOINTS.get(f"{request.method} {request.path}")
