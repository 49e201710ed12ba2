"""What Kiwoom's methods need of a way to Kiwoom, whichever of the two it is.

::

    contract of the original, typed methods, orders
                        │
                     Backend ──┬── openapi_plus/   the ActiveX control, on Windows
                               └── rest/           REST and WebSocket, anywhere

Both have the same TRs under other names. A `Tr` has both, so what is above asks for a TR and gets its rows,
values untouched: padded, with the signs that Kiwoom puts before prices, empty where there is none.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import timedelta
from typing import Any, Literal, NamedTuple, Protocol

from broker_server.core.feeds import Feed, FeedListener, FeedObserver
from broker_server.core.methods import Lane, TaskContext
from broker_server.core.vendor import CheckResult, OnHostState

Side = Literal["buy", "sell"]


class Name(NamedTuple):
    """What something is called.

    Attributes:
        control: By the control: a Korean item name.
        rest: By REST: a key; ``None`` where REST has no such thing.
    """

    control: str
    rest: str | None


@dataclass(frozen=True, slots=True, kw_only=True)
class Tr:
    """One TR of both ways.

    Attributes:
        code: The control's, such as ``OPT10081``; ``None`` where only REST has it.
        api_id: REST's, such as ``ka10081``; ``None`` where only the control has it.
        path: Of the REST call, such as ``/api/dostk/chart``.
        record: The control's name of the record with many rows; ``None`` where the answer is one row.
        rows_key: REST's key of the rows; ``None`` where the answer is one row.
        inputs: By our name, in the order in which the control wants them.
        columns: By our name, in the order of the control's record.
        fixed: What REST wants in addition, always the same.
        summary: By our name, the values of the one row that comes beside the many; REST has them beside the
            rows, the control in a record that is asked for without a name of its own.
    """

    code: str | None
    api_id: str | None
    path: str | None
    record: str | None
    rows_key: str | None
    inputs: Mapping[str, Name]
    columns: Mapping[str, Name]
    fixed: Mapping[str, str]
    summary: Mapping[str, Name] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Page:
    """One page of rows, in Kiwoom's order.

    Attributes:
        rows: Texts by our name of the column; empty where the way has no such value.
        more: Ask for the next page with it; ``None`` after the last one.
        summary: As `Tr.summary` asks for; texts by our name.
    """

    rows: Sequence[Mapping[str, str]]
    more: str | None
    summary: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Listing:
    """What Kiwoom's list of instruments says of one; empty where the way does not tell.

    Attributes:
        state: With bars between.
        market: Kiwoom's number of it.
        listed_on: ``YYYYMMDD``.
        on_nxt: ``Y`` or ``N``.
    """

    state: str
    market: str = ""
    listed_on: str = ""
    on_nxt: str = ""


@dataclass(frozen=True, slots=True, kw_only=True)
class OrderRequest:
    """An order as Kiwoom understands it.

    Attributes:
        action: What it does.
        side: Of the order, or of the one that it changes.
        ticker: Six characters.
        quantity: Shares; of a cancel, how many of them.
        price: Won per share; 0 where the kind has none.
        kind: Kiwoom's code of the kind, without padding: ``0`` limit, ``3`` market.
        venue: ``KRX``, ``NXT`` or ``SOR``.
        original: The number of the order that it changes or cancels.
        all_left: A cancel is of all that is left by then; ``quantity`` is what was left at its look-up.
    """

    action: Literal["new", "modify", "cancel"]
    side: Side
    ticker: str
    quantity: int
    price: int
    kind: str
    venue: str
    original: str | None = None
    all_left: bool = False


class Backend(Protocol):
    """A way to Kiwoom. Safe to use from many threads; every method but `status` may block."""

    name: Literal["openapi-plus", "rest"]

    @property
    def live(self) -> bool | None:
        """Whether an order moves real money; where a login decides it, ``None`` until there was one."""

    def request(
        self, tr: Tr, inputs: Mapping[str, str], context: TaskContext, lane: Lane, *, after: str | None = None
    ) -> Page:
        """One page of a TR.

        Args:
            inputs: Texts by our names.
            after: `Page.more` of the page before.

        Raises:
            TaskFailed: Kiwoom refuses or cannot be reached; its code and text are in it.
        """

    def stock_name(self, code: str, context: TaskContext) -> str | None:
        """Name of an instrument; ``None`` for an unknown code."""

    def stock_codes(self, market: str, context: TaskContext) -> Sequence[str]:
        """Codes of a market, by Kiwoom's number of it."""

    def stock_state(self, code: str, context: TaskContext) -> str | None:
        """State of an instrument as Kiwoom writes it, with bars between; ``None`` for an unknown code."""

    def listing(self, code: str, context: TaskContext) -> Listing | None:
        """What is on the list of instruments; ``None`` for an unknown code."""

    def ready_for_order(self, order: OrderRequest, context: TaskContext) -> None:
        """Wait for what an order needs before it can leave: a login, a token, a slot of the rate limit.

        The caller's wrapper calls it before `TaskContext.before_send`, in the same thread as `send_order`,
        so that nothing has to be waited for between that last gate and the order's first byte.

        Raises:
            TaskFailed: It cannot leave; nothing was sent.
        """

    def send_order(self, order: OrderRequest, context: TaskContext) -> str:
        """Send an order: `TaskContext.before_send` has been called by the caller's wrapper right before it.

        Returns:
            The number that Kiwoom gave it.

        Raises:
            TaskFailed: `VendorRejected` only where Kiwoom provably refused; what may have been taken is
                `OrderOutcomeIsUnknown`. A refusal from before the order was looked at (a rate limit) is told
                by `TaskContext.not_taken` and retried by the wrapper.
        """

    def open_feed(self, listener: FeedListener, observer: FeedObserver | None = None) -> Feed:
        """Its live data; see `broker_server.core.feeds.Streams`."""

    def try_live_data(self, context: TaskContext) -> str:
        """See `broker_server.core.feeds.Streams.try_out`."""

    def clock_offset(self) -> timedelta:
        """Kiwoom's clock less ours, from its last answer; zero where nothing has told it."""

    def announce_to(self, listener: OnHostState) -> None:
        """See `broker_server.core.vendor.HasHost`; a way without a program of Kiwoom's tells nothing."""

    def status(self) -> dict[str, Any]:
        """For ``broker.get-status``; returns at once."""

    def check(self, context: TaskContext) -> Sequence[CheckResult]:
        """Try the connection and the credentials."""

    def close(self) -> None:
        """Release what it holds; what waits ends with an error."""
