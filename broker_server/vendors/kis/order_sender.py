"""Orders leave here, once each, and come back with a verdict."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from datetime import time
from http import HTTPStatus
from urllib.parse import urlsplit

import structlog

from broker_client.errors import OrderOutcomeIsUnknown
from broker_server.core.methods import Lane, TaskContext
from broker_server.core.orders import OrderDetails
from broker_server.vendors.http import ExchangeFailed, HttpRequest, Transport
from broker_server.vendors.kis.auth import TokenSource
from broker_server.vendors.kis.catalogue import Catalogue, Route
from broker_server.vendors.kis.config import KisConfig
from broker_server.vendors.kis.errors import (
    VENDOR,
    Meaning,
    error_for,
    meaning_of,
    not_simulated,
    settles_an_order,
)
from broker_server.vendors.kis.values import Answer, Row, order_number_of, read_answer, text_of, time_of
from broker_server.vendors.kis.wire import THROTTLE_PAUSE, THROTTLE_RETRIES, build_request
from broker_server.vendors.pacing import Pacer
from broker_server.vendors.verdicts import OrderNotSent, UnreadableAnswer, outcome_unknown

log = structlog.get_logger(__name__)


@dataclass(frozen=True, slots=True)
class Accepted:
    """What KIS says of an order that it took.

    Attributes:
        order_no: The new order number; a change or a cancel gets one of its own.
        time: Of the receipt, in Korea; ``None`` if KIS gave none that can be read.
        rows: KIS's own, of its output.
    """

    order_no: str
    time: time | None
    rows: Sequence[Row] = ()


class OrderSender:
    """Sends orders, changes and cancels. Safe to use from many threads.

    Args:
        config: Key, host and environment.
        catalogue: The operations.
        tokens: The access token.
        pacer: The rate limit, shared by everything that uses the key.
        transport: Used for nothing else; sends once.
    """

    def __init__(
        self,
        config: KisConfig,
        catalogue: Catalogue,
        tokens: TokenSource,
        pacer: Pacer,
        transport: Transport,
    ) -> None:
        self._config = config
        self._catalogue = catalogue
        self._tokens = tokens
        self._pacer = pacer
        self._transport = transport

    def send(
        self,
        api: str,
        arguments: Mapping[str, str],
        *,
        details: OrderDetails,
        context: TaskContext,
        lane: Lane,
        **variant: str,
    ) -> Accepted:
        """Send an order, a change or a cancel.

        It is repeated only after an answer which proves that KIS did not take it (rate limit, token). The
        verdict is in how this ends: it returns (accepted), raises `VendorRejected` (rejected) or
        `OrderOutcomeIsUnknown` (unknown); any other error means that the order was not sent.

        Args:
            api: The catalogue's name of the operation.
            arguments: By the catalogue's argument names.
            details: The same in every vendor's terms, complete.
            context: Its ``before_send`` is called right before each attempt, and its ``not_taken`` right
                after each that KIS provably did not take.
            lane: Its place in the rate limit.
            variant: What else selects the TR id.

        Raises:
            VendorRejected: KIS refused it with a business code.
            OrderOutcomeIsUnknown: A byte left and there is no verdict. Never repeat it.
            OrderNotSent: No byte left, or KIS kept refusing before taking it.
            TaskExpired: The deadline passed before it left.
        """
        route = self._catalogue.route(api, **variant)
        return self.send_by(route, route.parameters(arguments), details=details, context=context, lane=lane)

    def send_by(
        self,
        route: Route,
        parameters: Mapping[str, str],
        *,
        details: OrderDetails,
        context: TaskContext,
        lane: Lane,
        numbers: Sequence[str] = (),
    ) -> Accepted:
        """Send by wire parameters; otherwise as `send`.

        Args:
            route: The operation.
            parameters: By their wire names.
            details: As for `send`, and so are ``context`` and ``lane``.
            numbers: The fields of the answer of which one holds the number, as it comes. Without one in them
                the order is taken and has no number; without names there must be an ``odno``.

        Raises:
            TaskFailed: As for `send`.
        """
        token_renewed, throttled = False, 0
        while True:
            token = self._tokens.get(context)
            self._pacer.wait_for_slot(lane, context.ensure_in_time)
            context.before_send(details)
            answer = self._exchange(build_request(self._config, route, parameters, token), context)
            if answer.succeeded:
                return _accepted(answer, numbers)
            meaning = meaning_of(answer.code, answer.text)
            if meaning not in (Meaning.TOKEN, Meaning.THROTTLE):
                if answer.is_refusal and settles_an_order(answer.code):
                    raise error_for(answer.code, answer.text)
                raise _unknown(f"KIS answered {answer.code or 'without a code'}", answer)
            context.not_taken()
            if meaning is Meaning.TOKEN and not token_renewed:
                self._tokens.refuse(token)
                token_renewed = True
            elif meaning is Meaning.THROTTLE and throttled < THROTTLE_RETRIES:
                self._pacer.hold(THROTTLE_PAUSE)
                throttled += 1
            else:
                raise OrderNotSent(
                    f"the order was not taken: KIS kept refusing with {answer.code}",
                    vendor=VENDOR,
                    vendor_code=answer.code or None,
                    vendor_message=answer.text or None,
                )
            log.info("kis_order_repeated", tr_id=route.tr_id, reason=answer.code)

    def _exchange(self, request: HttpRequest, context: TaskContext) -> Answer:
        try:
            response = self._transport.send(request)
            if self._config.simulated and response.status == HTTPStatus.NOT_FOUND:
                context.not_taken()
                raise not_simulated(urlsplit(request.url).path)
            return read_answer(response)
        except ExchangeFailed as error:
            if error.bytes_left:
                raise _unknown(str(error)) from error
            context.not_taken()
            raise OrderNotSent(f"the order was not sent: {error}", vendor=VENDOR) from error
        except UnreadableAnswer as error:
            raise _unknown(error.reason) from error


def _accepted(answer: Answer, numbers: Sequence[str]) -> Accepted:
    try:
        rows = answer.rows("output")
    except UnreadableAnswer as error:
        raise _unknown(error.reason, answer) from error
    row: Row = rows[0] if rows else {}
    order_no = text_of(row, *numbers) if numbers else order_number_of(row, "odno")
    if not order_no and not numbers:
        raise _unknown("KIS reports success without an order number", answer)
    try:
        return Accepted(order_no, time_of(row, "ord_tmd"), rows)
    except UnreadableAnswer:
        return Accepted(order_no, None, rows)


def _unknown(reason: str, answer: Answer | None = None) -> OrderOutcomeIsUnknown:
    return outcome_unknown(VENDOR, reason, *((answer.code, answer.text) if answer else ()))
