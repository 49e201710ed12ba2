"""Who gets the records of what is registered at KOSCOM.

Several of the worker's registrations may be one of KOSCOM's, which counts per issue and preset::

    change:trdPrc 005930 ──┬── change:accTrdvol,trdPrc 005930
    change:accTrdvol 005930┘
"""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence

from broker_server.core.stream_requests import Registration
from broker_server.vendors.koscom.incoming import Target, target_of
from broker_server.vendors.koscom.presets import (
    CHANGE,
    CHANNELS,
    MARKET,
    QUOTE,
    QUOTE10,
    TICK,
    TICK10,
    change_of,
    is_continuous,
    items_of,
    mark_of_items,
    preset_of,
)

_NOBODY: tuple[Target, ...] = ()
_FULLER: Mapping[str, str] = {TICK: TICK10, QUOTE: QUOTE10}
"""The preset with the same data and more."""


def wires_of(wanted: Sequence[Registration]) -> dict[Registration, Registration]:
    """What is registered at KOSCOM for each of these: of a ``change`` the items of all of its issue."""
    changes: dict[str, set[str]] = {}
    for one in wanted:
        if preset_of(one) == CHANGE:
            changes.setdefault(one.symbol, set()).update(items_of(one))
    return {
        one: change_of(one.symbol, changes[one.symbol]) if preset_of(one) == CHANGE else one for one in wanted
    }


class Targets:
    """Who gets what. What is published on the exchange is published there once.

    Where the same data come twice, the fuller source has the plain routing key: ``trade.005930`` is
    ``tick10`` rather than ``tick`` (then ``trade.005930.tick``), and both rather than the feed of the whole
    market; likewise ``quote10``. Copies of a subscription are not touched by that.
    """

    def __init__(self) -> None:
        self._owners: dict[Registration, tuple[Registration, ...]] = {}
        self._up: frozenset[Registration] = frozenset()
        self._targets: dict[tuple[str, str], tuple[Target, ...]] = {}
        self._series: dict[str, tuple[str, ...]] = {}
        self._sources: dict[tuple[str, str], str] = {}
        self._handed_over: list[tuple[str, str]] = []
        self.markets: frozenset[str] = frozenset()
        self.covered: frozenset[str] = frozenset()

    def set_wires(self, wires: Mapping[Registration, Registration]) -> None:
        """Replace what is wanted.

        Args:
            wires: As `wires_of` has them.
        """
        owners: dict[Registration, list[Registration]] = {}
        for one, wire in wires.items():
            owners.setdefault(wire, []).append(one)
        self._owners = {wire: tuple(those) for wire, those in owners.items()}
        self.markets = frozenset(one.symbol for one in wires if one.code == MARKET)
        self._series = {}
        for wire in self._owners:
            if is_continuous(wire.symbol):
                preset = preset_of(wire)
                self._series[preset] = (*self._series.get(preset, ()), wire.symbol)
        self._arrange()

    def set_up(self, up: Collection[Registration]) -> None:
        """Replace what KOSCOM has confirmed."""
        self._up = frozenset(up)
        self._arrange()

    def handed_over(self) -> Sequence[tuple[str, str]]:
        """The channels and subjects of the exchange whose source has changed since this was last asked."""
        found, self._handed_over = self._handed_over, []
        return found

    def owners_of(self, wire: Registration) -> Sequence[Registration]:
        """Whose a registration at KOSCOM is."""
        return self._owners.get(wire, ())

    def of(self, preset: str, symbol: str) -> Sequence[Target]:
        """Who gets the records of a preset and an issue."""
        return self._targets.get((preset, symbol), _NOBODY)

    def series_of(self, preset: str) -> str | None:
        """The only series of futures that is wanted of a preset: its records name the contract of now."""
        series = self._series.get(preset, ())
        return series[0] if len(series) == 1 else None

    def _arrange(self) -> None:
        up = {(preset_of(wire), wire.symbol) for wire in self._up}
        self.covered = frozenset(symbol for preset, symbol in up if preset in (TICK, TICK10))
        self._targets = {}
        for wire, owners in self._owners.items():
            preset, symbol = preset_of(wire), wire.symbol
            if preset == MARKET:
                continue
            if preset == CHANGE:
                first = min(owners)
                targets = tuple(
                    target_of(one, items_of(one), "" if one == first else mark_of_items(one))
                    for one in owners
                )
            else:
                mark = preset if (_FULLER.get(preset), symbol) in up else ""
                targets = tuple(target_of(one, (), mark) for one in owners)
            self._targets[preset, symbol] = targets
        self._compare_sources()

    def _compare_sources(self) -> None:
        """Note what another preset fills now. A market fills what no preset of the issue does."""
        sources = {
            (channel, subject): preset_of(wire)
            for wire in self._up
            if wire.code != MARKET
            for target in self._targets.get((preset_of(wire), wire.symbol), ())
            for channel, subject, _ in (target.address,)
        }
        before, self._sources = self._sources, sources
        for key in before.keys() | sources.keys():
            old, new = before.get(key), sources.get(key)
            if old != new and (key[0] == CHANNELS[MARKET] or (old and new)):
                self._handed_over.append(key)
