"""What the control server takes and says: its endpoints, their bodies, and how it refuses."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from datetime import datetime
from typing import Any

import orjson
from aiohttp import web
from pydantic import BaseModel, ConfigDict, ValidationError

from broker_server.simulator.amounts import decimal
from broker_server.simulator.clock import KST
from broker_server.simulator.instruments import KRX, Instrument
from broker_server.simulator.market import MarketError
from broker_server.simulator.orders import Order

ENDPOINTS = {
    "GET /": "this list",
    "GET /orders": "every order that the simulated vendors took, oldest first",
    "GET /subscriptions": "every realtime registration: vendor, key, tr_id, symbol, since",
    "GET /sessions": "realtime sessions and requests per app key, and the most registrations in any minute",
    "DELETE /sessions": "start these counts from zero",
    "GET /stream": "how the realtime server behaves",
    "POST /stream": "{ping_interval, answer_timeout, tick_interval, burst_every, hold_seconds, "
    "max_registrations, entitled, wrong_hts_id, kiwoom: {ping_interval, missed_pings, login_seconds, "
    "reconnect_seconds, registration_seconds, max_registrations, max_group_registrations, max_list, counted, "
    "tick_interval, burst_every}, koscom: {snapshot, errors_with_id, suffix, values, change_preset, "
    "quote_volume, init_required, heartbeat_reply, heartbeat_interval, idle_seconds, answers_pings, "
    "max_subscriptions, sandbox_max_subscriptions, over_limit, sessions_per_key, tick_interval, "
    "burst_every, market_interval, market_elements, market_sends, market_volume, market_padded}}",
    "DELETE /stream": "as in the beginning",
    "GET /openapi-plus": "how the simulated OpenAPI+ controls behave, and what each was asked",
    "POST /openapi-plus": "{login_code, login_waits, silent, refused, overloads, order_overloads, "
    "order_code, no_password, chejan_first, text_first, dies_after, moved, real_width, answer_seconds, "
    "query_windows, jitter_seconds, lose_connection}",
    "DELETE /openapi-plus": "as in the beginning",
    "GET /calls": "calls per path and per TR, and errors per code",
    "DELETE /calls": "start the counts from zero",
    "GET /faults": "the faults that wait for calls, and the limits in force",
    "POST /faults": "order a fault: {fault, vendor, when, path, tr, count, skip, seconds, code, message, "
    "dialect}, or one of live data: {fault, vendor, key, tr, symbol, count, skip, seconds, code, columns, "
    "rate, records, issues, text}, "
    "or change limits: {limits: {rest_per_second, real_per_second, paper_per_second, approvals_per_second, "
    "token_interval, kiwoom_per_second, kiwoom_real_per_second, kiwoom_mock_per_second, "
    "kiwoom_queries_per_second, kiwoom_orders_per_second, koscom_per_day}}, "
    'or restore them: {limits: "published"}',
    "DELETE /faults": "remove every fault; limits stay",
    "GET /clock": "the simulated time",
    "POST /clock": "{set: ISO 8601 with offset}, {advance: seconds}, {freeze: true|false}",
    "GET /market": "a price: ?ticker=005930[&exchange=KRX]",
    "POST /market": "{ticker, exchange, price, hold, suspended, liquidity}",
}


_NUMBER_DIGITS = {"kiwoom": 7}


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
        "market": instrument.market,
        "date": order.day.isoformat(),
        "order_no": f"{order.number:0{_NUMBER_DIGITS.get(request.vendor, 10)}d}",
        "ticker": instrument.symbol,
        "side": str(request.side),
        "quantity": request.quantity,
        "price": price,
        "time": order.time.astimezone(KST).isoformat(),
        "filled_quantity": order.filled,
        "state": str(order.state),
    }


def minor_units(price: str | float, instrument: Instrument) -> int:
    """A price as the market counts it.

    Raises:
        Refused: It is no number, or has too many decimals.
    """
    try:
        scaled = round(float(price) * 10**instrument.decimals, 6)
    except ValueError:
        raise Refused("price must be a number or decimal text") from None
    if scaled != int(scaled):
        raise Refused(f"{instrument.symbol} has {instrument.decimals} decimals")
    return int(scaled)


async def json_object(request: web.Request) -> dict[str, Any]:
    """The body of a request.

    Raises:
        Refused: It is no JSON object.
    """
    try:
        document = orjson.loads(await request.read())
    except orjson.JSONDecodeError as error:
        raise Refused(f"the body is not JSON: {error}") from None
    if not isinstance(document, dict):
        raise Refused("the body must be a JSON object")
    return document


def json_response(value: Any, status: int = 200) -> web.Response:
    """An answer in JSON."""
    return web.Response(body=orjson.dumps(value), status=status, content_type="application/json")


@web.middleware
async def explain(
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
        return json_response({"error": "; ".join(problems), "allowed": _allowed(request)}, status=400)
    except (Refused, MarketError, ValueError) as error:
        return json_response({"error": str(error), "allowed": _allowed(request)}, status=400)


def _allowed(request: web.Request) -> str | None:
    return ENDPOINTS.get(f"{request.method} {request.path}")
