"""The declared stream methods of KIS, each with the one that ends it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any, get_args

from broker_client.errors import InvalidParameters
from broker_server.core.accounts import DEFAULT
from broker_server.core.methods import Method
from broker_server.core.stream_requests import Registration, StreamRequest, Wanted
from broker_server.vendors.kis.errors import VENDOR
from broker_server.vendors.kis.overseas_keys import OverseasKey
from broker_server.vendors.kis.stream_codes import (
    BOOKS,
    TRADES,
    StreamCodes,
    overseas_order_book,
    overseas_price,
)
from broker_server.vendors.kis.stream_names import is_notice
from broker_server.vendors.kis.stream_parameters import (
    ExecutionStream,
    ExecutionStreamEnd,
    Market,
    SymbolStream,
    SymbolStreamEnd,
    TrStream,
    TrStreamEnd,
)
from broker_server.vendors.parameters import QuoteVenue
from broker_server.vendors.stream_pairs import ended, stream_pair, subscribed
from broker_server.vendors.stream_parameters import TickerStream, TickerStreamEnd

_OVERSEAS_EXAMPLE = {"ticker": "AAPL", "exchange": "NASD"}


class StreamMethods:
    """Declares the methods; the stream desk serves them.

    Args:
        codes: What the key may ask for.
        alias: Of the account. Quotes are those of the default one, by its connection and the extra keys.
    """

    def __init__(self, codes: StreamCodes, alias: str = DEFAULT) -> None:
        self._codes = codes
        self._alias = alias

    def methods(self) -> list[Method[Any]]:
        """The declared methods."""
        return [
            *self._of_tickers("realtime-price", TRADES, "every trade of a domestic stock"),
            *self._of_tickers("order-book", BOOKS, "the order book of a domestic stock"),
            *self._of_symbols(
                "overseas-price", overseas_price, "every trade of an overseas stock", reference="HDFSCNT0"
            ),
            *self._of_symbols(
                "overseas-order-book",
                overseas_order_book,
                "the order book of an overseas stock",
                reference="HDFSASP0, HDFSASP1",
            ),
            *stream_pair(
                VENDOR,
                ("kis.subscribe-executions", "kis.unsubscribe-executions"),
                "fills, confirmations and refusals of the account's orders",
                reference="H0STCNI0, H0STCNI9, H0GSCNI0, H0GSCNI9",
                example={},
                start=(ExecutionStream, self._executions),
                end=(ExecutionStreamEnd, self._no_executions),
            ),
            *stream_pair(
                VENDOR,
                ("kis.subscribe", "kis.unsubscribe"),
                "any of KIS's 63 real-time TRs, in its own form",
                reference=None,
                example={"tr_id": "H0STCNT0", "tr_key": "005930"},
                start=(TrStream, self._tr),
                end=(TrStreamEnd, self._no_tr),
            ),
        ]

    def _of_tickers(self, noun: str, codes: Mapping[QuoteVenue, str], what: str) -> list[Method[Any]]:
        family = f"kis.{noun}"

        def start(parameters: TickerStream) -> StreamRequest:
            code = codes[parameters.venue]
            self._codes.ensure_offered(code)
            wanted = Wanted(registration=Registration(code, parameters.ticker), ticker=parameters.ticker)
            return subscribed(family, wanted, parameters)

        def end(parameters: TickerStreamEnd) -> StreamRequest:
            if parameters.ticker is None:
                return ended(family)
            registration = Registration(codes[parameters.venue or "KRX"], parameters.ticker)
            return ended(family, Wanted(registration=registration, ticker=parameters.ticker))

        return stream_pair(
            VENDOR,
            (f"kis.subscribe-{noun}", f"kis.unsubscribe-{noun}"),
            what,
            reference=", ".join(codes.values()),
            example={"ticker": "005930"},
            start=(TickerStream, start),
            end=(TickerStreamEnd, end),
        )

    def _of_symbols(
        self, noun: str, register: Callable[[OverseasKey], Registration], what: str, *, reference: str
    ) -> list[Method[Any]]:
        family = f"kis.{noun}"

        def start(parameters: SymbolStream) -> StreamRequest:
            registration = register(parameters.key())
            self._codes.ensure_offered(registration.code)
            return subscribed(family, Wanted(registration=registration, ticker=parameters.ticker), parameters)

        def end(parameters: SymbolStreamEnd) -> StreamRequest:
            key = parameters.key()
            if key is None:
                return ended(family)
            return ended(family, Wanted(registration=register(key), ticker=key.symbol))

        return stream_pair(
            VENDOR,
            (f"kis.subscribe-{noun}", f"kis.unsubscribe-{noun}"),
            what,
            reference=reference,
            example=_OVERSEAS_EXAMPLE,
            start=(SymbolStream, start),
            end=(SymbolStreamEnd, end),
        )

    def _executions(self, parameters: ExecutionStream) -> StreamRequest:
        return StreamRequest(
            action="subscribe",
            family="kis.executions",
            wanted=self._notices(parameters.market),
            copies=parameters.copies,
            snapshot=False,
        )

    def _no_executions(self, parameters: ExecutionStreamEnd) -> StreamRequest:
        named = () if parameters.market is None else self._notices(parameters.market)
        return ended("kis.executions", *named)

    def _notices(self, market: Market | None) -> tuple[Wanted, ...]:
        markets: tuple[Market, ...] = get_args(Market) if market is None else (market,)
        return tuple(Wanted(registration=self._codes.execution(each)) for each in markets)

    def _tr(self, parameters: TrStream) -> StreamRequest:
        registration = self._codes.registration(parameters.tr_id, parameters.tr_key)
        if self._alias != DEFAULT and not is_notice(registration.code):
            raise InvalidParameters(
                "account: only notices are an account's own; quotes are subscribed without it", vendor=VENDOR
            )
        self._codes.ensure_offered(registration.code)
        return StreamRequest(
            action="subscribe",
            family="kis.tr",
            wanted=(_in_vendor_form(registration),),
            vendor_form=True,
            copies=parameters.copies,
            polling=False,
            snapshot=False,
        )

    def _no_tr(self, parameters: TrStreamEnd) -> StreamRequest:
        if parameters.tr_id is None:
            return ended("kis.tr")
        registration = self._codes.registration(parameters.tr_id, parameters.tr_key)
        return ended("kis.tr", _in_vendor_form(registration))


def _in_vendor_form(registration: Registration) -> Wanted:
    ticker = None if is_notice(registration.code) else registration.symbol
    return Wanted(registration=registration, ticker=ticker)
