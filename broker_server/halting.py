"""The kill switch: ``broker.halt-orders`` and ``broker.resume-orders``.

Each worker writes the switch into its own journal, where it is read right before each order is sent, so it
survives restarts. A command succeeds only when every worker of the environment, and every owner of an account
that a journal knows, has acknowledged it. A worker that was not there when orders were halted learns of it
from the others before it takes its first order.
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import datetime
from typing import Any

import structlog
from pydantic import BaseModel, Field, ValidationError
from sqlalchemy.exc import SQLAlchemyError

from broker_client.errors import InternalError, InvalidParameters, TaskFailed
from broker_client.protocol import utc_text
from broker_client.validation import describe_validation_error
from broker_server.acknowledgements import (
    Acknowledgement,
    SwitchCommand,
    acknowledgement,
    ensure_acknowledged,
    owners_answered,
)
from broker_server.amqp.control import ControlBus
from broker_server.amqp.neighbours import Neighbours
from broker_server.core.methods import Lane, Method, Outcome, Parameters, TaskContext
from broker_server.journal.halts import Halts
from broker_server.journal.owners import Owners
from broker_server.orders.users import ensure_user

log = structlog.get_logger(__name__)

ACKNOWLEDGE_SECONDS = 2.0
CATCH_UP_SECONDS = 1.0
HALT, RESUME, STATE = "halt-orders", "resume-orders", "halt-state"


class SwitchOrders(Parameters):
    """Arguments of ``broker.halt-orders`` and ``broker.resume-orders``.

    Attributes:
        reason: Why, for whoever finds orders halted or resumed.
    """

    reason: str = Field(min_length=1, max_length=1000)


class HaltState(BaseModel):
    """Orders are halted.

    Attributes:
        since: When it was asked for, UTC, ISO 8601.
        by: The AMQP user who asked, or the worker that was asked.
        reason: In that one's words.
    """

    since: str
    by: str
    reason: str | None


class SwitchRecord(BaseModel):
    """What ``broker.halt-orders`` or ``broker.resume-orders`` has done.

    Attributes:
        halted: Whether orders are halted now.
        since: When that was asked for, UTC, ISO 8601.
        by: The AMQP user who asked, or the worker that was asked.
        reason: In that one's words.
        acknowledged: The workers that have it on record.
        away: The vendors that have no worker now. No order of theirs can leave; one that comes back asks the
            others, so a halt holds for it too if one of them runs then.
    """

    halted: bool
    since: str
    by: str
    reason: str
    acknowledged: list[str]
    away: list[str] = []


class KillSwitch:
    """Halts and resumes the orders of an environment.

    Args:
        name: The worker's.
        halts: The switch in the worker's journal.
        owners: The owners in the worker's journal.
        bus: Reaches the other workers.
        clock: Gives UTC.
        neighbours: Tells which vendors have no worker.
        announce: Publishes an event under a routing key.
    """

    def __init__(
        self,
        *,
        name: str,
        halts: Halts,
        owners: Owners,
        bus: ControlBus,
        clock: Callable[[], datetime],
        neighbours: Neighbours,
        announce: Callable[[str, dict[str, Any]], None],
    ) -> None:
        self._neighbours = neighbours
        self._announce = announce
        self._name = name
        self._halts = halts
        self._owners = owners
        self._bus = bus
        self._clock = clock
        bus.on(HALT, lambda arguments: self._obey(arguments, halted=True))
        bus.on(RESUME, lambda arguments: self._obey(arguments, halted=False))
        bus.on(STATE, lambda _: self._answer())
        bus.when_open(self.catch_up)

    def state(self) -> HaltState | None:
        """Whether this worker's orders are halted. Blocks. A journal that cannot be read halts them too."""
        try:
            halt = self._halts.current()
        except SQLAlchemyError as error:
            reason = f"the journal cannot be read: {_first_line(error)}"
            return HaltState(since=utc_text(self._clock()), by=self._name, reason=reason)
        return None if halt is None else HaltState(since=utc_text(halt.at), by=halt.by, reason=halt.reason)

    def switch(self, *, halted: bool, reason: str, by: str | None) -> SwitchRecord:
        """Halt or resume the orders of every worker. Blocks for at most `ACKNOWLEDGE_SECONDS`.

        Args:
            by: The AMQP user who asks, if known.

        Raises:
            TaskTimeout: Not every worker acknowledged in time; the others have obeyed all the same.
            InternalError: One of them could not, or none could be asked.
        """
        at, by = self._clock(), by or f"a client of {self._name}"
        command = SwitchCommand(at=at, by=by[:255], reason=reason).model_dump(mode="json")
        log.warning("orders halted" if halted else "orders resumed", by=by, reason=reason)
        state = "halted" if halted else "resumed"
        event = {"type": "orders", "state": state, "since": utc_text(at), "by": by, "reason": reason}
        if halted:  # also where not everybody acknowledges
            self._announce(f"orders.{state}", event)
        try:
            gathered = self._bus.ask_everybody(
                HALT if halted else RESUME, command, timeout=ACKNOWLEDGE_SECONDS, until=owners_answered
            )
        except TaskFailed as error:
            if not halted:
                raise
            self._obey(command, halted=True)
            raise InternalError(
                f"orders are halted on {self._name} only: {error.message}", retryable=True
            ) from None
        acknowledged = ensure_acknowledged(gathered, halted=halted, seconds=ACKNOWLEDGE_SECONDS)
        if not halted:
            self._announce(f"orders.{state}", event)
        self._neighbours.refresh()
        return SwitchRecord(
            halted=halted,
            since=utc_text(at),
            by=by,
            reason=reason,
            acknowledged=acknowledged,
            away=list(self._neighbours.away()),
        )

    def catch_up(self) -> None:
        """Obey a halt that the other workers know and this one missed. Blocks; never raises."""
        try:
            gathered = self._bus.ask_everybody(STATE, {}, timeout=CATCH_UP_SECONDS)
            changed_at = self._halts.changed_at()
            for told in map(acknowledgement, gathered.replies):
                if told and told.at and (changed_at is None or told.at > changed_at):
                    by = told.by or "another worker"
                    log.warning("orders were halted while this worker was away", by=by)
                    self._halts.set(halted=True, now=told.at, by=by, reason=told.reason)
                    changed_at = told.at
        except (TaskFailed, SQLAlchemyError) as error:
            log.warning(
                "whether orders are halted could not be learnt from others", reason=_first_line(error)
            )
            return
        if gathered.missing:
            missing = ", ".join(gathered.missing_names())
            log.warning("some workers did not say whether orders are halted", workers=missing)

    def _obey(self, arguments: dict[str, Any], *, halted: bool) -> dict[str, Any]:
        try:
            command = SwitchCommand.model_validate(arguments)
        except ValidationError as error:
            raise InvalidParameters(describe_validation_error(error)) from None
        try:
            self._halts.set(halted=halted, now=command.at, by=command.by, reason=command.reason)
        except SQLAlchemyError as error:
            raise InternalError(f"its journal cannot be written: {_first_line(error)}") from None
        return self._answer()

    def _answer(self) -> dict[str, Any]:
        try:
            halt = self._halts.current()
            owners = {
                f"{vendor}/{account}": owner.name
                for (vendor, account), owner in self._owners.all().items()
                if not owner.released
            }
        except SQLAlchemyError as error:
            raise InternalError(f"its journal cannot be read: {_first_line(error)}") from None
        answer = Acknowledgement(
            halted=halt is not None,
            at=halt.at if halt else None,
            by=halt.by if halt else None,
            reason=halt.reason if halt else None,
            accounts=sorted(account for account, owner in owners.items() if owner == self._name),
            owners=owners,
        )
        return answer.model_dump(mode="json")


def halting_methods(switch: KillSwitch, users: frozenset[str] | None = None) -> list[Method[Any]]:
    """``broker.halt-orders`` and ``broker.resume-orders``.

    Args:
        users: The only AMQP users that may resume orders, which anybody may halt; ``None`` for any.
    """

    def halt(parameters: SwitchOrders, context: TaskContext) -> Outcome:
        return Outcome([switch.switch(halted=True, reason=parameters.reason, by=context.user)])

    def resume(parameters: SwitchOrders, context: TaskContext) -> Outcome:
        ensure_user(users, context.user, "resume orders")
        return Outcome([switch.switch(halted=False, reason=parameters.reason, by=context.user)])

    return [
        Method(
            name="broker.halt-orders",
            vendor="broker",
            kind="admin",
            lane=Lane.CONTROL,
            summary="Let no worker send another order, cancels excepted, until orders are resumed.",
            parameters=SwitchOrders,
            result=SwitchRecord,
            handler=halt,
            example={"reason": "the strategy runs wild"},
        ),
        Method(
            name="broker.resume-orders",
            vendor="broker",
            kind="admin",
            lane=Lane.CONTROL,
            summary="Let the workers send orders again.",
            parameters=SwitchOrders,
            result=SwitchRecord,
            handler=resume,
            example={"reason": "the strategy is mended"},
        ),
    ]


def _first_line(error: BaseException) -> str:
    return str(error).splitlines()[0]
