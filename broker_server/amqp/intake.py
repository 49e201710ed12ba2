"""Reads a delivered message and decides what happens to it. Runs on the event loop; never blocks."""

from __future__ import annotations

import time
import uuid
from collections.abc import Callable
from dataclasses import dataclass
from datetime import datetime
from functools import partial
from typing import Any, Protocol

import structlog
from pydantic import ValidationError

from broker_client.errors import (
    InternalError,
    InvalidParameters,
    MalformedMessage,
    OrderGuard,
    TaskExpired,
    TaskFailed,
    UnknownMethod,
)
from broker_client.protocol import (
    Environment,
    TaskRequest,
    decode_request,
    is_order_method,
)
from broker_client.validation import describe_validation_error
from broker_server.amqp.counters import Counters
from broker_server.amqp.delivery import Delivery, ReplyAddress, reply_address
from broker_server.amqp.forwarding import (
    MOST_HOPS,
    death_of,
    forward_queue,
    forwarded_properties,
    hops,
    sender,
    waits_for_its_worker,
)
from broker_server.amqp.frames import UnreadableHeaders
from broker_server.amqp.neighbours import LOOK_SECONDS, Neighbours
from broker_server.amqp.publisher import ConfirmedPublisher, Fate
from broker_server.amqp.replies import Replier, unknown_task_id
from broker_server.amqp.routing import Destination, Router
from broker_server.amqp.running import Recipient
from broker_server.amqp.topology import EXPIRED_QUEUE
from broker_server.core.accounts import AccountKey
from broker_server.core.instruments import Instruments
from broker_server.core.methods import Method, MethodRegistry, Parameters, TaskContext
from broker_server.core.reply_styles import ReplyStyle, StyleOf, no_style
from broker_server.core.served_accounts import Holds

log = structlog.get_logger(__name__)


def _expired() -> TaskFailed:
    return TaskExpired("the task's expiration passed while it waited in its queue; nothing was done")


def _delivered_too_often() -> TaskFailed:
    return InternalError("the task was delivered too often without an answer; it is kept in tasks.rejected")


SUCCEEDED = "TASK_SUCCEED"
"""How a task without an error is counted."""
DEATHS: dict[str, Callable[[], TaskFailed]] = {
    "expired": _expired,
    "delivery_limit": _delivered_too_often,
}
"""Why the broker takes a task off its queue, with the answer to one that was never begun."""


class Runner(Protocol):
    """What takes over a task that needs a thread."""

    def admit(
        self,
        request: TaskRequest,
        method: Method[Any],
        recipient: Recipient,
        died: TaskFailed | None = None,
    ) -> None:
        """Run a task and reply to it; ``died`` answers an order off its queue that was never begun."""


@dataclass(frozen=True, slots=True)
class Rules:
    """What a worker accepts.

    Attributes:
        accounts: Those that it may serve itself.
        max_body_bytes: A larger message is refused unread.
        user: The AMQP user of this worker.
        style: Which messages are read and answered in another style than the contract's.
        holds: Whether this worker owns an account now.
    """

    environment: Environment
    accounts: tuple[AccountKey, ...]
    max_body_bytes: int
    user: str = "guest"
    style: StyleOf = no_style
    holds: Holds = lambda _: True


def validate_parameters(method: Method[Any], parameters: dict[str, Any]) -> Parameters:
    """Check a task's arguments against its method.

    Raises:
        InvalidParameters: The message names each field and what is wrong with it.
    """
    try:
        validated: Parameters = method.parameters.model_validate(parameters)
    except ValidationError as error:
        known = method.parameters.model_fields
        raise InvalidParameters(describe_validation_error(error, known=known)) from None
    return validated


def ensure_expected(request: TaskRequest, rules: Rules, now: datetime) -> None:
    """Check what the client asked of the worker.

    Raises:
        OrderGuard: The worker is of another environment than expected.
        TaskExpired: The deadline has passed.
    """
    ensure_environment(request, rules)
    ensure_in_time(request, now)


def ensure_environment(request: TaskRequest, rules: Rules) -> None:
    """Check that the worker is of the environment that the client expects.

    Raises:
        OrderGuard: It is of another.
    """
    if request.expected_environment not in (None, rules.environment):
        raise OrderGuard(
            f"expected_environment is {request.expected_environment}, this worker is {rules.environment}; "
            f"send it to a broker of that environment"
        )


def ensure_in_time(request: TaskRequest, now: datetime) -> None:
    """Check the deadline.

    Raises:
        TaskExpired: It has passed.
    """
    if request.deadline is not None and now > request.deadline:
        late = (now - request.deadline).total_seconds()
        raise TaskExpired(
            f"the deadline {request.deadline.isoformat()} passed {late:.1f} s ago; nothing was done"
        )


def internal_error(error: BaseException, **where: object) -> InternalError:
    """Log a defect and make its reply; both carry the same id."""
    error_id = uuid.uuid4().hex[:12]
    log.error("task failed unexpectedly", error_id=error_id, exc_info=error, **where)
    return InternalError(f"unexpected failure {error_id}; the worker's log has its details under this id")


class Intake:
    """Turns deliveries of one connection into replies, running tasks and forwarded copies."""

    def __init__(
        self,
        *,
        registry: MethodRegistry,
        rules: Rules,
        counters: Counters,
        replier: Replier,
        forwarder: ConfirmedPublisher,
        runner: Runner,
        clock: Callable[[], datetime],
        neighbours: Neighbours,
        call_later: Callable[[float, Callable[[], None]], object],
        instruments: Instruments | None = None,
        monotonic: Callable[[], float] = time.monotonic,
    ) -> None:
        self._rules = rules
        self._router = Router(registry, rules.accounts, rules.holds, neighbours)
        self._counters = counters
        self._replier = replier
        self._forwarder = forwarder
        self._runner = runner
        self._clock = clock
        self._neighbours = neighbours
        self._call_later = call_later
        instruments = instruments or Instruments()
        self._meter = instruments.meter
        self._tracer = instruments.tracer
        self._monotonic = monotonic

    def take(self, delivery: Delivery) -> None:
        """Handle one message; whatever it holds, this does not raise."""
        delivery.arrived = self._monotonic()
        self._counters.received += 1
        self._counters.redelivered += delivery.redelivered
        style = None
        try:
            self._ensure_size(delivery)
            style = self._rules.style(delivery.body)
            request = self._read(delivery, style)
            delivery.task_id = request.task_id
        except MalformedMessage as error:
            self._reject(delivery, _address(delivery, None, style), error)
            return
        except Exception as error:
            self._reject(delivery, _address(delivery, None, style), internal_error(error))
            return
        address = _address(delivery, request, style)
        try:
            self._dispatch(request, Recipient(delivery, address, self._replier))
        except TaskFailed as error:
            self._fail(delivery, address, request.task_id, error)
        except Exception as error:
            where = {"task_id": request.task_id, "method": request.method}
            self._fail(delivery, address, request.task_id, internal_error(error, **where))

    def _ensure_size(self, delivery: Delivery) -> None:
        size = len(delivery.body)
        if size > self._rules.max_body_bytes:
            raise MalformedMessage(
                f"the message body has {size:,} bytes, more than the {self._rules.max_body_bytes:,} allowed"
            )

    @staticmethod
    def _read(delivery: Delivery, style: ReplyStyle | None) -> TaskRequest:
        request = decode_request(delivery.body) if style is None else _decode(style)
        headers = delivery.properties.headers
        if isinstance(headers, UnreadableHeaders):
            raise MalformedMessage(
                f"the message headers cannot be read: {headers.reason}", task_id=request.task_id
            )
        return request

    def _dispatch(self, request: TaskRequest, recipient: Recipient) -> None:
        delivery = recipient.delivery
        death = death_of(delivery.properties, dead_letter=delivery.queue == EXPIRED_QUEUE)
        died = DEATHS[death]() if death is not None else None
        try:
            route = self._router.route(request)
        except UnknownMethod:
            if recipient.address.refused is not None:
                raise InvalidParameters(recipient.address.refused) from None
            raise
        method = None if isinstance(route, Destination) else route
        if method is not None:
            delivery.method = method.name
            made = request.request_time
            if made is not None and made.tzinfo is not None:
                self._meter.task_delivered((self._clock() - made).total_seconds())
        if recipient.address.refused is not None:
            raise InvalidParameters(recipient.address.refused)
        if method is not None and recipient.address.style is not None:
            recipient.address.style.check()
        if died is not None and not is_order_method(request.method):
            self._answer_dead_letter(request, recipient, died)
        elif isinstance(route, Destination):
            self._forward(request, recipient, death, route)
        elif route.kind == "order":
            self._runner.admit(request, route, recipient, died)
        elif route.inline:
            self._run_inline(request, route, recipient)
        else:
            self._runner.admit(request, route, recipient)

    def _run_inline(self, request: TaskRequest, method: Method[Any], recipient: Recipient) -> None:
        now = self._clock()
        ensure_expected(request, self._rules, now)
        parameters = validate_parameters(method, request.parameters)
        context = TaskContext(
            task_id=request.task_id, received_at=now, ensure_in_time=_nothing, report_progress=_nothing
        )
        headers = recipient.delivery.properties.headers
        with self._tracer.task(method.name, request.task_id, headers, waited=0.0) as ended:
            try:
                outcome = method.handler(parameters, context)
            except TaskFailed as error:
                ended(error.code)
                raise
            ended(None)
        style = recipient.address.style
        recipient.send(self._replier.encode(request.task_id, list(outcome.rows), style=style))
        self._meter.task_done(method.name, SUCCEEDED, self._monotonic() - recipient.delivery.arrived)

    def _answer_dead_letter(self, request: TaskRequest, recipient: Recipient, died: TaskFailed) -> None:
        """Answer a read that the broker took off its queue: it waited, or was delivered, for too long."""
        if isinstance(died, InternalError):
            self._reject(recipient.delivery, recipient.address, died, task_id=request.task_id)
        else:
            raise died

    def _forward(
        self, request: TaskRequest, recipient: Recipient, death: str | None, target: Destination
    ) -> None:
        """Hand a task to the owner of its account; an order dead or late too, for it has the record."""
        if death is None and not is_order_method(request.method):  # an order may have a record, which answers
            ensure_expected(request, self._rules, self._clock())
        delivery = recipient.delivery
        if hops(delivery.properties) >= MOST_HOPS:
            raise self._router.nobody_serves(target)

        def on_fate(fate: Fate) -> None:
            if fate is Fate.CONFIRMED:
                self._counters.forwarded += 1
                if target.alias is not None:
                    self._neighbours.learn([target.key])
                delivery.ack()
                if is_order_method(request.method) and request.deadline is not None:
                    # What was seen of its worker may be as old as a look: it may be back by now.
                    wait = max(LOOK_SECONDS, (request.deadline - self._clock()).total_seconds())
                    self._call_later(wait, lambda: self._tell_that_it_waits(request, target, recipient))
            else:
                self._fail(delivery, recipient.address, request.task_id, self._router.nobody_serves(target))

        properties = forwarded_properties(
            delivery.properties,
            self._clock(),
            death,
            user=self._rules.user,
            sender=sender(delivery.properties, self._rules.user),
        )
        self._forwarder.publish(
            forward_queue(request, target.vendor, target.alias), delivery.body, properties, on_fate
        )

    def _tell_that_it_waits(
        self, request: TaskRequest, target: Destination, recipient: Recipient, *, again: bool = True
    ) -> None:
        """Answer an order at its deadline if nobody can who knows more; its own worker has the last word.

        Args:
            again: Come back: that a worker has gone is seen a look later.
        """
        delivery = recipient.delivery
        if not delivery.current:
            return
        place = self._neighbours.place_of(target.key)
        if place not in self._neighbours.away():
            if again:
                ask = partial(self._tell_that_it_waits, request, target, recipient, again=False)
                self._call_later(LOOK_SECONDS, ask)
            return
        waits = waits_for_its_worker(request, place)
        reply = self._replier.encode(request.task_id, [], error=waits, style=recipient.address.style)
        self._replier.send(delivery, recipient.address, reply, ack=False)

    def _fail(self, delivery: Delivery, address: ReplyAddress, task_id: str, error: TaskFailed) -> None:
        reply = self._replier.encode(task_id, [], error=error, style=address.style)
        self._replier.send(delivery, address, reply)
        self._meter.task_done(delivery.method, error.code, self._monotonic() - delivery.arrived)

    def _reject(
        self, delivery: Delivery, address: ReplyAddress, error: TaskFailed, task_id: str | None = None
    ) -> None:
        answer = task_id or unknown_task_id(error)
        log.warning(
            "message rejected",
            task_id=answer,
            queue=delivery.queue,
            code=error.code,
            reason=error.message[:300],
        )
        self._replier.keep_rejected(
            delivery, str(error), then=lambda: self._fail(delivery, address, answer, error)
        )


def _address(delivery: Delivery, request: TaskRequest | None, style: ReplyStyle | None) -> ReplyAddress:
    address = reply_address(delivery.properties, request)
    address.style = style
    return address


def _decode(style: ReplyStyle) -> TaskRequest:
    try:
        return TaskRequest.model_validate(style.request())
    except ValueError as error:  # pydantic's, too
        raise MalformedMessage(str(error).splitlines()[0]) from None


def _nothing(*_: object) -> None:
    return None
