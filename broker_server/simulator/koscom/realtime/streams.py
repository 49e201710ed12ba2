"""What is pushed for one preset and code, as time goes by."""

from __future__ import annotations

from datetime import date, datetime

from broker_server.simulator.clock import KST
from broker_server.simulator.koscom.products import Moment, Product, Trade, Value, Values
from broker_server.simulator.koscom.times import signals_between, time_number
from broker_server.simulator.market import Market

BURST_SIZES = (2, 3, 5, 4)
_BOOKS = ("quote", "quote10")
_BEST = ("askordPrc_1", "bidordPrc_1")


class Stream:
    """The records of one preset and code, equal for everyone who subscribed to it.

    Args:
        market: Its clock's hours.
        product: What it tells about.
        preset: Which of the six.
        now: When it was first subscribed to; what was traded before is in the volume alone.
    """

    def __init__(self, market: Market, product: Product, preset: str, now: datetime) -> None:
        self.product = product
        self.preset = preset
        self._market = market
        self._at = now
        self._looks = sum(product.code.encode()) % 8
        moment = product.at(now)
        self._volume, self._price, self._day = moment.volume, moment.price, _day(now)
        self._book: Values = {}
        self._best: tuple[Value, ...] = ()
        self._state: dict[str, Value] = {}
        if preset in _BOOKS:
            self._book = _without_volume(moment.record(preset, moment.last_trade()))
        elif preset == "change":
            self._state = dict(moment.record(preset, moment.last_trade()))

    def snapshot(self, now: datetime) -> Values:
        """The values in memory."""
        moment = self.product.at(now)
        return moment.record(self.preset, moment.last_trade())

    def advance(self, now: datetime, burst_every: int) -> list[Values]:
        """What is to be pushed at ``now``; nothing while the clock stands still.

        Args:
            now: The simulated time.
            burst_every: Every how many looks a trade preset tells several trades; 0 for never.
        """
        if now == self._at:
            return []
        before, self._at = self._at, now
        if now < before:
            self._volume, self._day = self.product.at(now).volume, _day(now)
            return []
        self._looks += 1
        moments = [now]
        trades = self.preset not in (*_BOOKS, "change")
        if trades and burst_every and self._looks % burst_every == 0:
            size = BURST_SIZES[self._looks // burst_every % len(BURST_SIZES)]
            step = (now - before) / size
            moments = [before + step * (number + 1) for number in range(size)]
        found: list[Values] = []
        for at in moments:
            values = self._look(at)
            if values:
                found.append(values)
        if self.preset not in _BOOKS:
            found += [self._signal(now, code) for code in signals_between(self._market, before, now)]
        return found

    def signal(self, now: datetime, code: int) -> Values:
        """A record whose time is no time of the day; empty for an order book, which tells no time."""
        return {} if self.preset in _BOOKS else self._signal(now, code)

    def _look(self, at: datetime) -> Values:
        moment = self.product.at(at)
        if self.preset in _BOOKS:
            return self._look_at_book(moment)
        trade = self._trade(moment, at)
        if self.preset == "change":
            return self._changes(moment, trade)
        if trade is None:
            return {}
        return self._without_old_best(moment.record(self.preset, trade))

    def _trade(self, moment: Moment, at: datetime) -> Trade | None:
        day, volume = _day(at), moment.volume
        traded = volume if day != self._day else volume - self._volume
        self._day, self._volume = day, volume
        if traded <= 0 or not moment.is_open:
            return None
        rising = moment.price >= self._price
        self._price = moment.price
        return Trade(traded, rising, time_number(at))

    def _look_at_book(self, moment: Moment) -> Values:
        if not moment.has_book:
            return {}
        values = moment.record(self.preset, moment.last_trade())
        book = _without_volume(values)
        if book == self._book:
            return {}
        self._book = book
        return values

    def _changes(self, moment: Moment, trade: Trade | None) -> Values:
        if not moment.is_open and not moment.has_book:
            return {}
        kept = Trade(
            int(self._state["trdvol"] or 0),
            self._state.get("lstAskbidTpCd") != 1,
            int(self._state["trdTm"] or 0),
        )
        return self._merge(moment.record("change", trade or kept))

    def _merge(self, values: Values) -> Values:
        changed = {name: value for name, value in values.items() if self._state.get(name) != value}
        self._state.update(changed)
        return changed

    def _signal(self, now: datetime, code: int) -> Values:
        if self.preset == "change":
            return self._merge({"trdTm": code})
        moment = self.product.at(now)
        return self._without_old_best(moment.record(self.preset, Trade(0, moment.last_trade().rising, code)))

    def _without_old_best(self, values: Values) -> Values:
        """The best quotes go with a trade only where they changed."""
        if self.preset != "tick10":
            return values
        best = tuple(values.get(name) for name in _BEST)
        if best != self._best:
            self._best = best
            return values
        return {name: value for name, value in values.items() if name not in _BEST}


def _without_volume(values: Values) -> Values:
    return {name: value for name, value in values.items() if name not in ("accTrdvol", "ordAcptTm")}


def _day(at: datetime) -> date:
    return at.astimezone(KST).date()
