"""Quotations: prices, order books, many codes at once, and what moved most."""

from __future__ import annotations

from collections.abc import Callable

from broker_server.simulator.kiwoom.calls import Answer, Call
from broker_server.simulator.kiwoom.codes import Listed, code_of, find, look_up
from broker_server.simulator.kiwoom.errors import failure, malformed
from broker_server.simulator.kiwoom.paging import paginate
from broker_server.simulator.kiwoom.snapshots import Snapshot, filled
from broker_server.simulator.kiwoom.text import signed
from broker_server.simulator.market import Market
from broker_server.simulator.ticks import price_limits

MAX_CODES = 100
RANK_ROWS = 100
TRADE_ROWS = 60
_SEGMENTS = {"000": "", "001": "KOSPI", "101": "KOSDAQ"}
_VENUES = {"1": "", "2": "_NX", "3": "_AL"}
_RANKS: dict[str, Callable[[Snapshot], float]] = {
    "1": lambda s: s.quote.volume,
    "2": lambda s: s.quote.volume / s.instrument.shares,
    "3": lambda s: s.quote.value,
}


class Quotes:
    """The TRs of the present moment.

    Args:
        market: Where prices come from.
    """

    def __init__(self, market: Market) -> None:
        self._market = market

    def flat(self, call: Call) -> Answer:
        """A TR of one instrument that answers with one row: ``ka10001``, ``ka10007``."""
        return self._flat(call, find(self._market, call.get("stk_cd")))

    def order_book(self, call: Call) -> Answer:
        """``ka10004``: ``_AL`` is taken for the plain code."""
        listed = find(self._market, call.get("stk_cd"))
        if listed.venue == "SOR":
            listed = find(self._market, code_of(listed.instrument))
        return self._flat(call, listed)

    def after_hours(self, call: Call) -> Answer:
        """``ka10087``: a code with a suffix gets an empty answer."""
        listed = find(self._market, call.get("stk_cd"))
        if not listed.plain:
            return Answer(dict.fromkeys(call.api.flat(), ""))
        return self._flat(call, listed)

    def many(self, call: Call) -> Answer:
        """``ka10095``: up to 100 codes; unknown ones are left out."""
        codes = [code for code in call.get("stk_cd").split("|") if code]
        if len(codes) > MAX_CODES:
            raise failure("1634")
        found = [listed for listed in (look_up(self._market, code) for code in codes) if listed is not None]
        rows = [filled(call.api.rows.children, Snapshot(self._market, listed)) for listed in found]
        return Answer({call.api.rows.key: rows})

    def limits(self, call: Call) -> Answer:
        """``ka10017``: what stands at its limit, or moved."""
        wanted = _DIRECTIONS.get(call.get("updown_tp"))
        if wanted is None:
            raise malformed("updown_tp")
        sort = call.choice("sort_tp", "1", "2", "3")
        found = [snapshot for snapshot in self._traded(call) if wanted(snapshot)]
        found.sort(key=lambda s: s.listed.code)
        if sort == "3":
            found.sort(key=lambda s: (s.quote.price - s.quote.base) / s.quote.base, reverse=True)
        return self._ranked(call, found)

    def volume_rank(self, call: Call) -> Answer:
        """``ka10030``: the most traded ones."""
        rank = _RANKS.get(call.get("sort_tp"))
        if rank is None:
            raise malformed("sort_tp")
        return self._ranked(call, sorted(self._traded(call), key=rank, reverse=True))

    def _flat(self, call: Call, listed: Listed) -> Answer:
        return Answer(filled(call.api.response, Snapshot(self._market, listed)))

    def _traded(self, call: Call) -> list[Snapshot]:
        segment, suffix = _SEGMENTS.get(call.get("mrkt_tp")), _VENUES.get(call.get("stex_tp"))
        if segment is None:
            raise failure("1901")
        if suffix is None:
            raise malformed("stex_tp")
        return [
            Snapshot(self._market, Listed(code_of(item) + suffix, item, "NXT" if suffix == "_NX" else "KRX"))
            for item in self._market.instruments
            if item.country == "KR"
            and segment in ("", item.segment)
            and (item.nxt or suffix != "_NX")
            and not self._market.is_suspended(item)
        ]

    def _ranked(self, call: Call, snapshots: list[Snapshot]) -> Answer:
        page, next_key = paginate(snapshots, call, RANK_ROWS, lambda s: s.listed.code)
        rows = [filled(call.api.rows.children, snapshot) for snapshot in page]
        return Answer({call.api.rows.key: rows}, next_key)


class Trades:
    """The TRs of single trades: ``ka10003``, ``ka10084``.

    Args:
        market: Where prices come from.
    """

    def __init__(self, market: Market) -> None:
        self._market = market

    def last(self, call: Call) -> Answer:
        """The trades of the last seconds, newest first, one in each."""
        snapshot = Snapshot(self._market, find(self._market, call.get("stk_cd")))
        rows = []
        for _ in range(TRADE_ROWS):
            before = snapshot.before
            traded = snapshot.quote.volume - before.quote.volume
            if traded > 0:
                rising = snapshot.quote.price >= before.quote.price
                row = filled(call.api.rows.children, snapshot)
                rows.append({**row, "cntr_trde_qty": signed(traded if rising else -traded)})
            snapshot = before
        return Answer({call.api.rows.key: rows})


def _closed_at_limit(s: Snapshot, *, upper: bool) -> bool:
    """Whether the day before ended at a limit."""
    if len(s.days) < 2:
        return False
    bar = s.days[-2]
    return bar.close == price_limits(s.instrument.tick_table, bar.base, s.instrument.limit_percent)[upper]


_DIRECTIONS: dict[str, Callable[[Snapshot], bool]] = {
    "1": lambda s: s.quote.price == s.quote.upper,
    "2": lambda s: s.quote.price > s.quote.base,
    "3": lambda s: s.quote.price == s.quote.base,
    "4": lambda s: s.quote.price == s.quote.lower,
    "5": lambda s: s.quote.price < s.quote.base,
    "6": lambda s: _closed_at_limit(s, upper=True),
    "7": lambda s: _closed_at_limit(s, upper=False),
}
