"""The parameters of KIS's stream methods."""

from __future__ import annotations

from typing import Annotated, Literal, Self

from pydantic import BeforeValidator, Field, WithJsonSchema, model_validator

from broker_server.core.accounts import DEFAULT, AccountAlias
from broker_server.core.methods import Parameters
from broker_server.vendors.kis.overseas_keys import OverseasKey, exchange_names, names_the_day_market
from broker_server.vendors.parameters import Symbol
from broker_server.vendors.stream_parameters import StreamOptions

Market = Literal["domestic", "overseas"]


def _exchange(value: object) -> object:
    name = value.upper() if isinstance(value, str) else ""
    if name not in exchange_names():
        raise ValueError(f"must be one of {', '.join(exchange_names())}")
    return name


StreamExchange = Annotated[
    str, BeforeValidator(_exchange), WithJsonSchema({"type": "string", "enum": list(exchange_names())})
]
"""An exchange by KIS's order code (``NASD``), its code in quotes (``NAS``) or in the day market (``BAQ``)."""

TrId = Annotated[str, Field(min_length=1, max_length=32)]
TrKey = Annotated[str, Field(min_length=1, max_length=64)]
"""It may be an HTS ID, so it is in no ``repr``."""


class SymbolStream(StreamOptions):
    """An overseas stock.

    Attributes:
        ticker: Its symbol.
        exchange: Where it is listed, by either of KIS's codes: ``NASD`` or ``NAS``. ``BAQ``, ``BAY`` and
            ``BAA`` mean the day market.
        day_market: The American day market, 10:00 to 16:00 in Korea. Without it the other sessions: a
            subscription to both needs two tasks.
        paid: Live data of an Asian exchange, which a key must have paid for; without it they are some 15
            minutes late. American data are live anyway.
    """

    ticker: Symbol
    exchange: StreamExchange
    day_market: bool = False
    paid: bool = False

    @model_validator(mode="after")
    def _exists(self) -> Self:
        self.key()
        return self

    def key(self) -> OverseasKey:
        """What KIS is asked for."""
        return _overseas_key(self.ticker, self.exchange, day_market=self.day_market, paid=self.paid)


class SymbolStreamEnd(Parameters):
    """Which subscriptions of the task end, named as they were made; all of this kind where nothing is.

    Attributes:
        ticker: The symbol.
        exchange: Where it is listed.
        day_market: Of the American day market.
        paid: Of an Asian exchange's live data.
    """

    ticker: Symbol | None = None
    exchange: StreamExchange | None = None
    day_market: bool = False
    paid: bool = False

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.key() is None and (self.ticker or self.exchange or self.day_market or self.paid):
            raise ValueError("ticker and exchange must both be given, or nothing at all")
        return self

    def key(self) -> OverseasKey | None:
        """What KIS was asked for; ``None`` where nothing is named."""
        if self.ticker is None or self.exchange is None:
            return None
        return _overseas_key(self.ticker, self.exchange, day_market=self.day_market, paid=self.paid)


class ExecutionStream(Parameters):
    """The account's own orders.

    Attributes:
        account: The alias of the account.
        market: Both where it is left out.
        copies: Events come to the reply queue; else only the acknowledgement and what happens to the
            subscription, for programs that bind a queue to ``broker.realtime``.
    """

    account: AccountAlias = DEFAULT
    market: Market | None = None
    copies: bool = True


class ExecutionStreamEnd(Parameters):
    """Which subscriptions of the task end.

    Attributes:
        account: As it was subscribed.
        market: Both where it is left out.
    """

    account: AccountAlias = DEFAULT
    market: Market | None = None


class TrStream(Parameters):
    """Any of KIS's real-time TRs.

    Attributes:
        tr_id: Such as ``H0STCNT0``; one of the 63 that KIS documents. ``H0STOUP0``, ``H0STOAA0`` and
            ``H0STOAC0`` are taken but bring nothing since 2026-09-14, when their session was abolished.
        tr_key: What of it, as KIS writes it: ``005930``, ``DNASAAPL``, ``0001``. It is left out for notices,
            which are sent by the HTS ID.
        copies: Events come to the reply queue; else only the acknowledgement and what happens to the
            subscription, for programs that bind a queue to ``broker.realtime``.
        account: The alias of the account whose notices are meant.
    """

    tr_id: TrId
    tr_key: TrKey | None = Field(default=None, repr=False)
    copies: bool = True
    account: AccountAlias = DEFAULT


class TrStreamEnd(Parameters):
    """Which subscriptions of the task end; all of this kind where nothing is named.

    Attributes:
        tr_id: As it was subscribed.
        tr_key: As it was subscribed.
        account: As it was subscribed.
    """

    tr_id: TrId | None = None
    tr_key: TrKey | None = Field(default=None, repr=False)
    account: AccountAlias = DEFAULT

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.tr_id is None and self.tr_key is not None:
            raise ValueError("tr_key says nothing without a tr_id")
        return self


def _overseas_key(ticker: str, exchange: str, *, day_market: bool, paid: bool) -> OverseasKey:
    key = OverseasKey(
        exchange=exchange_names()[exchange],
        symbol=ticker,
        day_market=day_market or names_the_day_market(exchange),
        paid=paid,
    )
    if key.day_market and not key.american:
        raise ValueError(f"day_market: {key.exchange} has none; it is American")
    if key.paid and key.american:
        raise ValueError(f"paid: data of {key.exchange} are live and free; leave it out")
    return key
