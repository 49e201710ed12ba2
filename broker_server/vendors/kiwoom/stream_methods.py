"""The declared stream methods of Kiwoom, each with the one that ends it."""

from __future__ import annotations

from typing import Annotated, Any, Self

from pydantic import Field, model_validator

from broker_client.errors import InvalidParameters
from broker_server.core.accounts import DEFAULT, AccountAlias
from broker_server.core.methods import Method, Parameters
from broker_server.core.stream_requests import Registration, StreamRequest, Wanted
from broker_server.vendors.kiwoom.backend import Backend
from broker_server.vendors.kiwoom.reading import VENDOR, symbol_of
from broker_server.vendors.kiwoom.real_types import (
    EVERYTHING,
    EXECUTIONS,
    ORDER_BOOK,
    TRADE,
    has_symbol,
    is_of_the_account,
    real_types,
)
from broker_server.vendors.kiwoom.sapi_contract import contract
from broker_server.vendors.kiwoom.sapi_events import FAMILY
from broker_server.vendors.kiwoom.sapi_parameters import AsGiven, model_of
from broker_server.vendors.parameters import QuoteVenue
from broker_server.vendors.stream_pairs import ended, stream_pair, subscribed
from broker_server.vendors.stream_parameters import TickerStream, TickerStreamEnd

RealTypeCode = Annotated[str, Field(min_length=1, max_length=8)]
Item = Annotated[str, Field(max_length=32)]


class ExecutionStream(Parameters):
    """The account's own orders.

    Attributes:
        account: The alias of the account.
        copies: Events come to the reply queue; else only the acknowledgement and what happens to the
            subscription, for programs that bind a queue to ``broker.realtime``.
    """

    account: AccountAlias = DEFAULT
    copies: bool = True


class ExecutionStreamEnd(Parameters):
    """Whose subscription ends.

    Attributes:
        account: As it was subscribed.
    """

    account: AccountAlias = DEFAULT


class TypeStream(Parameters):
    """Any of Kiwoom's real types.

    Attributes:
        type: Its code, such as ``0B``.
        item: Of what, as Kiwoom writes it: ``005930``, ``005930_NX``, ``001``. It is left out for what is of
            no instrument, such as the phases of the market.
        copies: Events come to the reply queue; else only the acknowledgement and what happens to the
            subscription, for programs that bind a queue to ``broker.realtime``.
        account: The alias of the account whose news are meant.
    """

    type: RealTypeCode
    item: Item | None = None
    copies: bool = True
    account: AccountAlias = DEFAULT


class TypeStreamEnd(Parameters):
    """Which subscriptions of the task end; all of this kind where nothing is named.

    Attributes:
        type: As it was subscribed.
        item: As it was subscribed.
        account: As it was subscribed.
    """

    type: RealTypeCode | None = None
    item: Item | None = None
    account: AccountAlias = DEFAULT

    @model_validator(mode="after")
    def _is_whole(self) -> Self:
        if self.type is None and self.item is not None:
            raise ValueError("item says nothing without a type")
        return self


class StreamMethods:
    """Declares the methods; the stream desk serves them.

    Args:
        backend: What it offers.
        paper: It is the server of paper trading.
        compat: The bare names take what the original took.
        alias: Of the account. Quotes are those of the default one, whose connection carries them.
    """

    def __init__(self, backend: Backend, *, paper: bool, compat: bool = False, alias: str = DEFAULT) -> None:
        self._alias = alias
        self._backend = backend
        self._paper = paper
        self._compat = compat

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        return [
            *self._of_tickers("realtime-price", TRADE, "every trade of a stock"),
            *self._of_tickers("order-book", ORDER_BOOK, "the order book of a stock"),
            *stream_pair(
                VENDOR,
                ("kiwoom.subscribe-executions", "kiwoom.unsubscribe-executions"),
                "fills, confirmations and refusals of the account's orders",
                reference="주문체결 / 00",
                example={},
                start=(ExecutionStream, _executions),
                end=(ExecutionStreamEnd, lambda _: ended("kiwoom.executions")),
            ),
            *stream_pair(
                VENDOR,
                ("kiwoom.subscribe", "kiwoom.unsubscribe"),
                "any of Kiwoom's real types, in its own form",
                reference="SetRealReg / REG",
                example={"type": "0B", "item": "005930"},
                start=(TypeStream, self._any_type),
                end=(TypeStreamEnd, _no_type),
            ),
            *self._of_the_original(),
        ]

    def _of_tickers(self, noun: str, code: str, what: str) -> list[Method[Any]]:
        family = f"kiwoom.{noun}"

        def wanted(ticker: str, venue: QuoteVenue) -> Wanted:
            symbol = symbol_of(self._backend, ticker, venue, paper=self._paper)
            return Wanted(registration=Registration(code, symbol), ticker=ticker)

        def start(parameters: TickerStream) -> StreamRequest:
            return subscribed(family, wanted(parameters.ticker, parameters.venue), parameters)

        def end(parameters: TickerStreamEnd) -> StreamRequest:
            if parameters.ticker is None:
                return ended(family)
            return ended(family, wanted(parameters.ticker, parameters.venue or "KRX"))

        return stream_pair(
            VENDOR,
            (f"kiwoom.subscribe-{noun}", f"kiwoom.unsubscribe-{noun}"),
            what,
            reference=f"{real_types()[code].name} / {code}",
            example={"ticker": "005930"},
            start=(TickerStream, start),
            end=(TickerStreamEnd, end),
        )

    def _any_type(self, parameters: TypeStream) -> StreamRequest:
        wanted = _in_vendor_form(parameters.type, parameters.item)
        if self._alias != DEFAULT and not is_of_the_account(wanted.registration.code):
            raise InvalidParameters(
                "account: only news of the account are its own; quotes are subscribed without it"
            )
        return StreamRequest(
            action="subscribe",
            family="kiwoom.type",
            wanted=(wanted,),
            vendor_form=True,
            copies=parameters.copies,
            polling=False,
            snapshot=False,
        )

    def _of_the_original(self) -> list[Method[Any]]:
        start, end = contract()["subscribe-realtime"], contract()["unsubscribe-realtime"]
        return stream_pair(
            VENDOR,
            (start.name, end.name),
            "the trades of an instrument in the original server's form",
            reference="SetRealReg with FID 10",
            example={"stock_code": "015760"},
            start=(AsGiven if self._compat else model_of(start), _original),
            end=(AsGiven if self._compat else model_of(end), _original_ended),
        )


def _executions(parameters: ExecutionStream) -> StreamRequest:
    return StreamRequest(
        action="subscribe",
        family="kiwoom.executions",
        wanted=(Wanted(registration=Registration(EXECUTIONS, "")),),
        copies=parameters.copies,
        snapshot=False,
    )


def _no_type(parameters: TypeStreamEnd) -> StreamRequest:
    if parameters.type is None:
        return ended("kiwoom.type")
    return ended("kiwoom.type", _in_vendor_form(parameters.type, parameters.item))


def _in_vendor_form(code: str, item: str | None) -> Wanted:
    if code not in real_types():
        raise InvalidParameters(f"type: must be one of {', '.join(sorted(real_types()))}")
    if has_symbol(code) and not item:
        raise InvalidParameters(f"item: {code} is about an instrument; name it, such as 005930")
    symbol = item or "" if has_symbol(code) else ""
    return Wanted(registration=Registration(code, symbol), ticker=symbol or None)


def _original(parameters: Any) -> StreamRequest:
    return StreamRequest(
        action="subscribe",
        family=FAMILY,
        wanted=(_everything(parameters),),
        vendor_form=True,
        polling=False,
        snapshot=False,
    )


def _original_ended(parameters: Any) -> StreamRequest:
    return ended(FAMILY, _everything(parameters))


def _everything(parameters: Any) -> Wanted:
    code = str(parameters.stock_code)
    return Wanted(registration=Registration(EVERYTHING, code), ticker=code)
