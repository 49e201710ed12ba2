"""Every error of the wire contract, one class per code.

The server raises these and encodes them; the client decodes a failed reply into the same class::

    BrokerError
    ├── NoAnswer                    no reply within the time-out (a read: safe to repeat)
    ├── OrderOutcomeUnknown         no reply to an order within the time-out: never send a new one, resume it
    ├── OrderNotSettled             `wait_settled` ended, and still nobody knows what became of the order
    ├── BrokerUnreachable           RabbitMQ cannot be reached or refuses the login: the task was not sent
    │   └── TaskQueueMissing        no worker has declared the task queue: the task was not sent
    ├── ClientClosed                the client was closed
    ├── StreamEnded                 the subscription was dropped or refused, or its stream closed
    ├── WrongEnvironment            the task ran, but not in the environment that the client expects
    └── TaskFailed                  the task was answered with TASK_FAILED
        ├── MalformedMessage        MALFORMED_MESSAGE
        ├── UnknownMethod           UNKNOWN_METHOD
        ├── InvalidParameters       INVALID_PARAMETERS
        ├── TaskExpired             TASK_EXPIRED
        ├── DuplicateTaskConflict   DUPLICATE_TASK_CONFLICT
        ├── Unsupported             UNSUPPORTED
        ├── VendorNotConfigured     VENDOR_NOT_CONFIGURED
        ├── VendorUnavailable       VENDOR_UNAVAILABLE
        ├── VendorRejected          VENDOR_REJECTED
        ├── RateLimited             RATE_LIMITED
        ├── AuthenticationFailed    AUTHENTICATION_FAILED
        ├── SubscriptionLimit       SUBSCRIPTION_LIMIT
        ├── NotSubscribed           NOT_SUBSCRIBED
        ├── OrdersDisabled          ORDERS_DISABLED
        ├── OrderGuard              ORDER_GUARD
        ├── OrderOutcomeIsUnknown   ORDER_OUTCOME_UNKNOWN
        ├── TaskTimeout             TIMEOUT
        ├── TaskCancelled           CANCELLED
        └── InternalError           INTERNAL
"""

from __future__ import annotations

from typing import ClassVar

from broker_client.client_errors import (
    BrokerError,
    BrokerUnreachable,
    ClientClosed,
    NoAnswer,
    OrderNotSettled,
    OrderOutcomeUnknown,
    StreamEnded,
    TaskQueueMissing,
    WrongEnvironment,
)

__all__ = [
    "ERRORS_BY_CODE",
    "AuthenticationFailed",
    "BrokerError",
    "BrokerUnreachable",
    "ClientClosed",
    "DuplicateTaskConflict",
    "InternalError",
    "InvalidParameters",
    "MalformedMessage",
    "NoAnswer",
    "NotSubscribed",
    "OrderGuard",
    "OrderNotSettled",
    "OrderOutcomeIsUnknown",
    "OrderOutcomeUnknown",
    "OrdersDisabled",
    "RateLimited",
    "StreamEnded",
    "SubscriptionLimit",
    "TaskCancelled",
    "TaskExpired",
    "TaskFailed",
    "TaskQueueMissing",
    "TaskTimeout",
    "UnknownMethod",
    "Unsupported",
    "VendorNotConfigured",
    "VendorRejected",
    "VendorUnavailable",
    "WrongEnvironment",
]


class TaskFailed(BrokerError):
    """A task was answered with ``TASK_FAILED``.

    Args:
        message: What went wrong and what to do, for a person.
        retryable: Whether the same task may succeed later. Defaults to the code's usual value.
        vendor: The vendor that refused (``kis``, ``kiwoom``, ``koscom``), if one did.
        vendor_code: The vendor's own code, untouched.
        vendor_message: The vendor's own text, untouched.
        task_id: Filled in by the client when it decodes a reply.
    """

    code: ClassVar[str] = "INTERNAL"
    usually_retryable: ClassVar[bool] = False

    def __init__(
        self,
        message: str,
        *,
        retryable: bool | None = None,
        vendor: str | None = None,
        vendor_code: str | None = None,
        vendor_message: str | None = None,
        task_id: str | None = None,
    ) -> None:
        super().__init__(message)
        self.message = message
        self.retryable = self.usually_retryable if retryable is None else retryable
        self.vendor = vendor
        self.vendor_code = vendor_code
        self.vendor_message = vendor_message
        self.task_id = task_id

    def __str__(self) -> str:
        return f"{self.code}: {self.message}"


class MalformedMessage(TaskFailed):
    """The body is not a task: not JSON, not an object, or a field of the envelope is wrong."""

    code = "MALFORMED_MESSAGE"


class UnknownMethod(TaskFailed):
    """No worker here knows that method."""

    code = "UNKNOWN_METHOD"


class InvalidParameters(TaskFailed):
    """A parameter is missing, unknown or of the wrong kind; the message names it."""

    code = "INVALID_PARAMETERS"


class TaskExpired(TaskFailed):
    """The task was too old, or past its deadline, when it was about to run."""

    code = "TASK_EXPIRED"


class DuplicateTaskConflict(TaskFailed):
    """The task_id was used before for something else."""

    code = "DUPLICATE_TASK_CONFLICT"


class Unsupported(TaskFailed):
    """The vendor does not offer this in the configured environment; the message says why."""

    code = "UNSUPPORTED"


class VendorNotConfigured(TaskFailed):
    """No worker serves that vendor."""

    code = "VENDOR_NOT_CONFIGURED"


class VendorUnavailable(TaskFailed):
    """The vendor cannot be reached or does not answer as documented."""

    code = "VENDOR_UNAVAILABLE"
    usually_retryable = True


class VendorRejected(TaskFailed):
    """The vendor understood the request and refused it."""

    code = "VENDOR_REJECTED"


class RateLimited(TaskFailed):
    """The vendor's rate limit was hit and stayed hit."""

    code = "RATE_LIMITED"
    usually_retryable = True


class AuthenticationFailed(TaskFailed):
    """The vendor refuses the key, secret or token."""

    code = "AUTHENTICATION_FAILED"


class SubscriptionLimit(TaskFailed):
    """No registration is free at the vendor; the message has the numbers."""

    code = "SUBSCRIPTION_LIMIT"


class NotSubscribed(TaskFailed):
    """There is no such subscription."""

    code = "NOT_SUBSCRIBED"


class OrdersDisabled(TaskFailed):
    """Orders are switched off here; the message says by what."""

    code = "ORDERS_DISABLED"


class OrderGuard(TaskFailed):
    """A guard refused the order before it was sent."""

    code = "ORDER_GUARD"


class OrderOutcomeIsUnknown(TaskFailed):
    """The order left, and the vendor's verdict is not known yet. Never send it again.

    The worker asks the brokerage. ``client.wait_settled(task_id)`` waits for what it finds out,
    ``client.order(task_id)`` looks at what is known now. The answer comes to the reply queue too, so
    ``client.resume(task_id)`` gets it from then on. Not to be confused with `OrderOutcomeUnknown`: there the
    worker itself did not answer.
    """

    code = "ORDER_OUTCOME_UNKNOWN"


class TaskTimeout(TaskFailed):
    """The task took longer than its time budget."""

    code = "TIMEOUT"
    usually_retryable = True


class TaskCancelled(TaskFailed):
    """The task was cancelled before it ran."""

    code = "CANCELLED"


class InternalError(TaskFailed):
    """A defect in the worker; the message carries an id that the worker's log has too."""

    code = "INTERNAL"


ERRORS_BY_CODE: dict[str, type[TaskFailed]] = {cls.code: cls for cls in TaskFailed.__subclasses__()}
"""The closed set of error codes, each with its class."""
