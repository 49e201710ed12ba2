"""A vendor's methods as Python methods: ``client.kis.get_current_price(ticker="005930")``.

What there is, is generated from the method registry (`broker_client.vendor_methods`), with the types that an
editor and mypy use beside it in a stub. At run time a call passes on exactly what it was given, so a default
is always the worker's.
"""

from __future__ import annotations

import difflib
from abc import ABC, abstractmethod
from collections.abc import Callable
from functools import partial
from typing import TYPE_CHECKING, Any, ClassVar, Generic, TypeVar

from broker_client.protocol import is_order_method, is_subscription

if TYPE_CHECKING:
    from broker_client.base_stream import StatusCallback
    from broker_client.vendor_methods import BrokerMethods, KisMethods, KiwoomMethods, KoscomMethods

__all__ = ["Verbs", "VerbsClient"]

AnswerT = TypeVar("AnswerT", covariant=True)
StreamT = TypeVar("StreamT", covariant=True)


class VerbsClient(ABC, Generic[AnswerT, StreamT]):
    """A client whose methods can be called by name."""

    @abstractmethod
    def _run(
        self, method: str, parameters: dict[str, Any], *, timeout: float | None, task_id: str | None
    ) -> AnswerT:
        """Run one task, as ``call`` does."""

    @abstractmethod
    def stream_parameters(
        self,
        method: str,
        parameters: dict[str, Any],
        *,
        timeout: float | None = None,
        task_id: str | None = None,
        on_status: StatusCallback | None = None,
    ) -> StreamT:
        """Subscribe, as ``stream`` does."""

    @property
    def broker(self) -> BrokerMethods[AnswerT, StreamT]:
        """The worker's own methods: ``broker.*``."""
        from broker_client.vendor_methods import BrokerMethods  # only a program that uses them loads them

        return BrokerMethods(self)

    @property
    def kis(self) -> KisMethods[AnswerT, StreamT]:
        """The methods of KIS: ``kis.*``."""
        from broker_client.vendor_methods import KisMethods

        return KisMethods(self)

    @property
    def kiwoom(self) -> KiwoomMethods[AnswerT, StreamT]:
        """The methods of Kiwoom: ``kiwoom.*``, and those of sapi-kiwoom, which name no vendor."""
        from broker_client.vendor_methods import KiwoomMethods

        return KiwoomMethods(self)

    @property
    def koscom(self) -> KoscomMethods[AnswerT, StreamT]:
        """The methods of KOSCOM: ``koscom.*``."""
        from broker_client.vendor_methods import KoscomMethods

        return KoscomMethods(self)


class Verbs(Generic[AnswerT, StreamT]):
    """The methods of one vendor.

    Every parameter is given by name, and ``timeout`` in seconds besides. Orders and subscriptions take a
    ``task_id``, subscriptions ``on_status`` too. A name that Python keeps for itself gets an underscore:
    ``from_``.

    Args:
        client: Runs them.
    """

    _methods: ClassVar[dict[str, str]] = {}

    def __init__(self, client: VerbsClient[AnswerT, StreamT]) -> None:
        self._client = client

    if not TYPE_CHECKING:  # a type checker that saw this would let every name through

        def __getattr__(self, name: str) -> Callable[..., Any]:
            method = self._methods.get(name)
            if method is None:
                close = difflib.get_close_matches(name, self._methods, n=1)
                hint = f"; did you mean {close[0]}?" if close else "; dir() lists them"
                raise AttributeError(f"{type(self).__name__} has no method {name}{hint}")
            return partial(self._run, method)

    def __dir__(self) -> list[str]:
        return sorted(self._methods)

    def _run(self, method: str, /, *, timeout: float | None = None, **arguments: Any) -> AnswerT | StreamT:
        parameters = {name.removesuffix("_"): value for name, value in arguments.items()}
        task_id = parameters.pop("task_id", None) if takes_task_id(method) else None
        if not is_subscription(method):
            return self._client._run(method, parameters, timeout=timeout, task_id=task_id)
        on_status = parameters.pop("on_status", None)
        return self._client.stream_parameters(
            method, parameters, timeout=timeout, task_id=task_id, on_status=on_status
        )


def takes_task_id(method: str) -> bool:
    """Whether ``task_id`` is the task's own id there, for which orders and subscriptions have a use, and not
    a parameter.
    """
    ends_one = method.rpartition(".")[2].startswith("unsubscribe")
    return is_order_method(method) or is_subscription(method) or ends_one
