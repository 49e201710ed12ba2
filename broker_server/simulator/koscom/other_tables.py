"""The REST tables of indices, futures and options."""

from __future__ import annotations

from collections.abc import Callable
from datetime import date, datetime

from broker_server.simulator.clock import KST
from broker_server.simulator.koscom.calls import Body, Call, newest_first
from broker_server.simulator.koscom.derivatives import (
    Contract,
    Derivative,
    DerivativeMoment,
    contracts,
    contracts_of,
)
from broker_server.simulator.koscom.histories import Sample, close_values, day_row, sampled_rows
from broker_server.simulator.koscom.indices import INDICES, IndexMoment, IndexProduct
from broker_server.simulator.koscom.investors import investor_rows
from broker_server.simulator.koscom.stock_tables import unknown
from broker_server.simulator.koscom.tables import names_of
from broker_server.simulator.market import Market
from broker_server.simulator.price_path import DayBar
from broker_server.simulator.trading_calendar import FIRST_DAY

_CLOSED = 16


class IndexTables:
    """Answers about indices.

    Args:
        market: Where prices come from.
    """

    def __init__(self, market: Market) -> None:
        self._market = market

    def current(self, call: Call) -> Body:
        """How an index stands."""
        index = self._find(call)
        if index is None:
            return unknown(call)
        moment = index.at(call.now)
        return {"isuSrtCd": index.code, **moment.record("index", moment.last_trade())}

    def market_cap(self, call: Call) -> Body:
        """What its members are worth, in millions of won; shares in thousands."""
        index = self._find(call)
        if index is None:
            return unknown(call)
        members = index.at(call.now).quote.members
        worth = sum(quote.price * quote.instrument.shares for quote in members) // 1_000_000
        shares = sum(quote.instrument.shares for quote in members) // 1_000
        return {"isuSrtCd": index.code, "listShrs": shares, "mktcap": worth}

    def investors(self, call: Call) -> Body:
        """Who bought and sold its members."""
        index = self._find(call)
        if index is None:
            return unknown(call, "invstLists")
        quote = index.at(call.now).quote
        seed = f"{self._market.seed}/{index.code}/{call.now.date()}"
        rows = investor_rows(seed, quote.volume // 1_000, quote.value // 1_000_000)
        return {"isuSrtCd": index.code, "invstLists": rows}

    def intraday(self, call: Call) -> Body:
        """Bars of 10, 60 or 600 seconds."""
        index = self._find(call)
        if index is None:
            return unknown(call, "hisLists")

        def sample(at: datetime) -> Sample:
            quote = index.at(at).quote
            return Sample(quote.price, quote.volume // 1_000, quote.value // 1_000_000)

        rows = sampled_rows(self._market, call, sample, 100)
        return {"isuSrtCd": index.code, "isuKorNm": index.listed.name, "hisLists": rows}

    def close(self, call: Call) -> Body:
        """The close of the last trading day."""
        index = self._find(call)
        if index is None:
            return unknown(call)
        bar = _last_bar(self._market, index.at, call)
        return {"isuSrtCd": index.code, **close_values(call, bar, 100)}

    def history(self, call: Call) -> Body:
        """Days; those of a week or a month are told by its last day."""
        index = self._find(call)
        if index is None:
            return unknown(call, "hisLists")
        return {"isuSrtCd": index.code, "hisLists": _history(self._market, index.at, call)}

    def _find(self, call: Call) -> IndexProduct | None:
        listed = INDICES.get(call.code)
        if listed is None or listed.market != call.arguments["index_market"]:
            return None
        return IndexProduct(self._market, call.code, listed)


class DerivativeTables:
    """Answers about futures, or about options.

    Args:
        market: Where the index comes from.
        kind: ``futures`` or ``options``.
    """

    def __init__(self, market: Market, kind: str) -> None:
        self._market = market
        self._kind = kind

    def issues(self, call: Call) -> Body:
        """All contracts."""
        rows = [
            {"isuCd": each.isin, "isuSrtCd": each.code, "isuKorAbbrv": each.name}
            for each in contracts_of(self._kind, call.arguments["product"])
        ]
        return {"trdDd": f"{call.now:%Y%m%d}", "isuLists": rows}

    def master(self, call: Call) -> Body:
        """What a contract is."""
        contract = self._find(call)
        if contract is None:
            return unknown(call)
        base = contract.price / 100
        return {
            "trdDd": f"{call.now:%Y%m%d}",
            "isuCd": contract.isin,
            "isuSrtCd": contract.code,
            "isuKorAbbrv": contract.name,
            "basPrc": base,
            "prevddClsprc": base,
        }

    def price(self, call: Call) -> Body:
        """The last trade; a continuous code comes back as its contract."""
        return self._now(call, lambda moment: moment.trade(moment.last_trade()))

    def book(self, call: Call) -> Body:
        """The order book, five levels."""
        return self._now(call, lambda moment: moment.levels())

    def close(self, call: Call) -> Body:
        """The close of the last trading day."""
        contract = self._find(call)
        if contract is None:
            return unknown(call)
        bar = _last_bar(self._market, Derivative(self._market, contract).at, call)
        return {"isuSrtCd": contract.code, **close_values(call, bar, 100)}

    def history(self, call: Call) -> Body:
        """Days; those of a week or a month are told by its last day."""
        contract = self._find(call)
        if contract is None:
            return unknown(call, "hisLists")
        rows = _history(self._market, Derivative(self._market, contract).at, call)
        return {"isuSrtCd": contract.code, "hisLists": rows}

    def intraday(self, call: Call) -> Body:
        """Bars; a continuous code comes back as it was asked for."""
        contract = self._find(call)
        if contract is None:
            return unknown(call, "hisLists")
        product = Derivative(self._market, contract)

        def sample(at: datetime) -> Sample:
            moment = product.at(at)
            return Sample(moment.price, moment.volume, moment.value)

        rows = sampled_rows(self._market, call, sample, 100)
        return {"isuSrtCd": call.code, "isuKorNm": contract.name, "hisLists": rows}

    def investors(self, call: Call) -> Body:
        """Who bought and sold contracts of a product, in millions of won."""
        listed = contracts_of(self._kind, call.arguments["product"])
        moments = [Derivative(self._market, each).at(call.now) for each in listed]
        seed = f"{self._market.seed}/{self._kind}/{call.arguments['product']}/{call.now.date()}"
        value = sum(moment.value for moment in moments) // 1_000_000
        return {"invstLists": investor_rows(seed, sum(moment.volume for moment in moments), value)}

    def _find(self, call: Call) -> Contract | None:
        found = contracts().get(call.code)
        if found is None or (found.kind, found.product) != (self._kind, call.arguments["product"]):
            return None
        return found

    def _now(self, call: Call, values: Callable[[DerivativeMoment], object]) -> Body:
        contract = self._find(call)
        if contract is None:
            return unknown(call)
        found = values(Derivative(self._market, contract).at(call.now))
        shown = {"isuCd": contract.isin, "isuSrtCd": contract.code, **dict(found)}  # type: ignore[call-overload]
        names = (*names_of(call.table.response), "isuSrtCd") if call.table.response else tuple(shown)
        return {name: shown[name] for name in dict.fromkeys(names)}


def _history(
    market: Market, look: Callable[[datetime], IndexMoment | DerivativeMoment], call: Call
) -> list[object]:
    first, last = call.day("inqStrtDd", FIRST_DAY), call.day("inqEndDd", call.now.date())
    days = [day for day in market.calendar("KR").days_until(min(last, call.now.date())) if day >= first]
    cycle = call.query.get("trnsmCycleTpCd") or "D"
    kept: dict[object, date] = {}
    for day in days:
        kept[day if cycle == "D" else day.isocalendar()[:2] if cycle == "W" else (day.year, day.month)] = day
    chosen = list(kept.values())[-call.count :]
    rows = [day_row(call, _bar(look, day, call.now), 100) for day in chosen]
    return list(newest_first(rows, call.count))


def _last_bar(
    market: Market, look: Callable[[datetime], IndexMoment | DerivativeMoment], call: Call
) -> DayBar:
    day = call.now.date()
    noon = datetime(day.year, day.month, day.day, 12, tzinfo=KST)
    if not market.is_open(next(iter(market.instruments)), noon):
        day = market.calendar("KR").previous(day)
    return _bar(look, day, call.now)


def _bar(look: Callable[[datetime], IndexMoment | DerivativeMoment], day: date, now: datetime) -> DayBar:
    """A day, looked at after its close, or now."""
    closed = datetime(day.year, day.month, day.day, _CLOSED, tzinfo=KST)
    moment = look(min(closed, now))
    quote = moment.quote if isinstance(moment, IndexMoment) else moment
    volume = moment.volume // 1_000 if isinstance(moment, IndexMoment) else moment.volume
    return DayBar(day, quote.base, quote.open, quote.high, quote.low, quote.price, volume)
