"""Orders leave here, once each, and come back with a verdict."""

from __future__ import annotations

import threading
from collections import Counter
from types import MappingProxyType
from typing import NamedTuple

import structlog

from broker_client.errors import OrderOutcomeIsUnknown, RateLimited
from broker_server.core.methods import Lane, TaskContext
from broker_server.vendors.http import ExchangeFailed, Transport
from broker_server.vendors.kiwoom.backend import OrderRequest
from broker_server.vendors.kiwoom.rest.answers import Answer, read_answer
from broker_server.vendors.kiwoom.rest.auth import TokenSource
from broker_server.vendors.kiwoom.rest.client import obey
from broker_server.vendors.kiwoom.rest.config import RestConfig
from broker_server.vendors.kiwoom.rest.errors import (
    VENDOR,
    Meaning,
    is_safe_to_repeat,
    meaning_of,
    rejection,
    settles_an_order,
    shown,
)
from broker_server.vendors.kiwoom.rest.pacing import ApiPacer
from broker_server.vendors.kiwoom.rest.wire import build_request
from broker_server.vendors.kiwoom.values import order_number
from broker_server.vendors.verdicts import OrderNotSent, UnreadableAnswer, outcome_unknown

log = structlog.get_logger(__name__)

ORDER_PATH = "/api/dostk/ordr"
_APIS = MappingProxyType(
    {
        ("new", "buy"): "kt10000",
        ("new", "sell"): "kt10001",
        ("modify", "buy"): "kt10002",
        ("modify", "sell"): "kt10002",
        ("cancel", "buy"): "kt10003",
        ("cancel", "sell"): "kt10003",
    }
)


class _Ready(NamedTuple):
    task_id: str
    api_id: str
    token: str


class OrderSender:
    """Sends orders, changes and cancels. Safe to use from many threads.

    Args:
        config: Key and host.
        tokens: The access token.
        pacer: The limits of orders, which Kiwoom counts apart.
        transport: Used for nothing else; sends once.
    """

    def __init__(
        self, config: RestConfig, tokens: TokenSource, pacer: ApiPacer, transport: Transport
    ) -> None:
        self._config = config
        self._tokens = tokens
        self._pacer = pacer
        self._transport = transport
        self._ready = threading.local()
        self._throttled: Counter[str] = Counter()

    def prepare(self, order: OrderRequest, context: TaskContext) -> None:
        """Wait for what an order needs before it can leave: the token, and its slot of the rate limit.

        What was got is for the next `send` of this thread.

        Raises:
            TaskFailed: It cannot leave; nothing was sent.
        """
        api_id = _APIS[order.action, order.side]
        lane = Lane.CANCEL if order.action == "cancel" else Lane.ORDER
        token = self._tokens.get(context)
        self._pacer.wait_for_slot(api_id, lane, context.ensure_in_time)
        self._ready.it = _Ready(context.task_id, api_id, token)

    def send(self, order: OrderRequest, context: TaskContext) -> str:
        """Send it in one exchange, which is never repeated here.

        Args:
            order: The order, change or cancel.
            context: Its ``not_taken`` is called if Kiwoom provably did not take it.

        Returns:
            The number that Kiwoom gave it.

        Raises:
            VendorRejected: Kiwoom refused it.
            OrderOutcomeIsUnknown: A byte left and there is no verdict. Never repeat it.
            RateLimited: It was refused before it was looked at, for the rate limit.
            OrderNotSent: No byte left, or it was refused before it was looked at, for the token.
        """
        ready = getattr(self._ready, "it", None)
        self._ready.it = None
        if ready is None or ready[:2] != (context.task_id, _APIS[order.action, order.side]):
            try:
                self.prepare(order, context)
            except BaseException:
                context.not_taken()
                raise
            ready, self._ready.it = self._ready.it, None
        answer = self._exchange(order, ready, context)
        if answer.status >= 500:
            raise _unknown(f"HTTP {answer.status}", answer)
        if answer.succeeded:
            self._throttled.pop(ready.api_id, None)
            return _number(answer)
        if is_safe_to_repeat(answer.code):
            context.not_taken()
            raise self._not_taken(ready, answer)
        if settles_an_order(answer.code, answer.text):
            self._throttled.pop(ready.api_id, None)
            raise rejection(answer.code, answer.text)
        raise _unknown(f"Kiwoom answered {answer.code or 'without a code'}", answer)

    def _exchange(self, order: OrderRequest, ready: _Ready, context: TaskContext) -> Answer:
        request = build_request(self._config, ORDER_PATH, ready.api_id, _body(order), ready.token)
        try:
            return read_answer(self._transport.send(request))
        except ExchangeFailed as error:
            if error.bytes_left:
                raise _unknown(str(error)) from error
            context.not_taken()
            raise OrderNotSent(f"the order was not sent: {error}", vendor=VENDOR) from error
        except UnreadableAnswer as error:
            raise _unknown(error.reason) from error

    def _not_taken(self, ready: _Ready, answer: Answer) -> RateLimited | OrderNotSent:
        """Make the next attempt a better one."""
        if meaning_of(answer.code) is Meaning.THROTTLE:
            self._throttled[ready.api_id] += 1
            obey(self._pacer, ready.api_id, answer, self._throttled[ready.api_id])
            kind: type[RateLimited | OrderNotSent] = RateLimited
        else:
            self._tokens.refuse(ready.token)
            kind = OrderNotSent
        log.info("kiwoom_order_not_taken", api_id=ready.api_id, reason=answer.code)
        return kind(
            f"the order was not taken: {shown(answer.code, answer.text)}",
            vendor=VENDOR,
            vendor_code=answer.code or None,
            vendor_message=answer.text or None,
        )


def _body(order: OrderRequest) -> dict[str, str]:
    price = str(order.price) if order.price else ""
    body = {"dmst_stex_tp": order.venue, "stk_cd": order.ticker}
    if order.action == "new":
        return body | {"ord_qty": str(order.quantity), "ord_uv": price, "trde_tp": order.kind, "cond_uv": ""}
    body["orig_ord_no"] = order.original or ""
    if order.action == "modify":
        return body | {"mdfy_qty": str(order.quantity), "mdfy_uv": price, "mdfy_cond_uv": ""}
    # 0 is all that is left: some may be filled before the cancel arrives, and more than is left is refused.
    return body | {"cncl_qty": "0" if order.all_left else str(order.quantity)}


def _number(answer: Answer) -> str:
    number = order_number(answer.text_of("ord_no"))
    if not number.strip("0"):
        raise _unknown("Kiwoom reports success without an order number", answer)
    return number


def _unknown(reason: str, answer: Answer | None = None) -> OrderOutcomeIsUnknown:
    return outcome_unknown(VENDOR, reason, *((answer.code, answer.text) if answer else ()))
