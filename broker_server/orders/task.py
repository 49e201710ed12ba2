"""An order task as the order desk sees it."""

from __future__ import annotations

import threading
from dataclasses import dataclass, field
from datetime import datetime
from decimal import Decimal
from typing import Any

from broker_client.errors import TaskFailed
from broker_client.order_effects import CANCEL_ALL
from broker_client.protocol import TaskRequest
from broker_server.core.accounts import DEFAULT, AccountKey
from broker_server.core.methods import Lane, Method, Parameters
from broker_server.core.orders import OrderDetails
from broker_server.journal.payload import payload_hash


@dataclass(slots=True, kw_only=True)
class OrderTask:
    """One order task.

    Attributes:
        stamped_at: The message's AMQP timestamp; used when the task has no ``request_time``.
        user: The AMQP user that RabbitMQ verified; ``None`` when the message names none.
        reply_to: Where its replies go; ``None`` for an address that lives only as long as its connection.
        died: Why the broker took it off its queue: the answer if the journal does not know it.
        payload: The identity of its content.
        parameters: Validated.
        details: What the parameters ask for.
        ceiling: What one share of these details may cost at most, once the vendor was asked.
        warnings: What the client should know although nothing stops the order.
        alias: The account that a task about all accounts of a vendor is recorded under.
        withdrawn: It was taken back while it ran: its answer.
    """

    request: TaskRequest
    method: Method[Any]
    stamped_at: datetime | None = None
    user: str | None = None
    reply_to: str | None = None
    correlation_id: str | None = None
    died: TaskFailed | None = None
    payload: str = ""
    parameters: Parameters | None = None
    details: OrderDetails | None = None
    ceiling: tuple[OrderDetails, Decimal] | None = None
    warnings: list[str] = field(default_factory=list)
    alias: str | None = None
    withdrawn: TaskFailed | None = field(default=None, init=False)
    _leaves: bool = field(default=False, init=False, repr=False)
    _gate: threading.Lock = field(default_factory=threading.Lock, init=False, repr=False, compare=False)

    def __post_init__(self) -> None:
        """Work out the identity.

        Raises:
            InvalidParameters: The parameters are nested too deeply.
        """
        self.payload = self.payload or payload_hash(self.request.method, self.request.parameters)

    def withdraw(self, error: TaskFailed) -> bool:
        """Take it back while it runs. Safe to use from any thread.

        Returns:
            Whether that came before the last gate.
        """
        with self._gate:
            if not self._leaves:
                self.withdrawn = self.withdrawn or error
            return not self._leaves

    def ensure_not_withdrawn(self) -> None:
        """The last gate: nobody can take it back from here on.

        Raises:
            TaskFailed: Somebody did.
        """
        with self._gate:
            if self.withdrawn is not None:
                raise self.withdrawn
            self._leaves = True

    @property
    def task_id(self) -> str:
        """The client's name of it."""
        return self.request.task_id

    @property
    def is_cancel(self) -> bool:
        """Whether it takes something back: neither age, halt nor guards hold it up."""
        return self.method.lane is Lane.CANCEL

    @property
    def vendor(self) -> str:
        """Whose account it is about; the worker's own methods name it as a parameter."""
        if self.method.vendor != "broker":
            return self.method.vendor
        return str(self.request.parameters.get("vendor", "kis"))

    @property
    def account(self) -> str:
        """The alias of the account."""
        return self.alias or str(self.request.parameters.get("account") or DEFAULT)

    @property
    def key(self) -> AccountKey:
        """Whose account it is about."""
        return AccountKey(self.vendor, self.account)

    @property
    def is_of_all_accounts(self) -> bool:
        """Whether it is about every account of the vendor."""
        return self.request.method == CANCEL_ALL and self.request.parameters.get("account") is None
