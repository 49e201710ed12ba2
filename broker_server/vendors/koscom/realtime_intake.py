"""From messages to the listener: the hot path of live data."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import structlog

from broker_server.core.stream_requests import Registration
from broker_server.vendors.clock import Clock
from broker_server.vendors.koscom.change_states import ChangeStates
from broker_server.vendors.koscom.fields import CODE, ISIN, Parts, split
from broker_server.vendors.koscom.incoming import ChangeIncoming, KoscomIncoming, Target, market_trade
from broker_server.vendors.koscom.normalised import Unusable
from broker_server.vendors.koscom.presets import CHANGE, MARKET, PRESETS, preset_of
from broker_server.vendors.koscom.targets import Targets
from broker_server.vendors.koscom.values import NotReadable, code_of, text_of
from broker_server.vendors.live_intake import LiveIntake, Received
from broker_server.vendors.oddities import OddityLog
from broker_server.vendors.values import KST

log = structlog.get_logger(__name__)

_CODES_IN_ISIN = (slice(3, 9), slice(3, 11))
"""The short code in a standard code: of a stock, of a derivative."""
_LONGEST_CODE = 12


class Intake(LiveIntake):
    """Hands on the records of one connection.

    Args:
        received: The listener.
        targets: Whose they are.
        clock: The time.
        oddities: Where what cannot be used is counted.
    """

    def __init__(self, received: Received, targets: Targets, clock: Clock, oddities: OddityLog) -> None:
        super().__init__(received, None, clock, oddities)
        self._targets = targets
        self._states = ChangeStates()
        self._asked: set[tuple[str, str]] = set()
        self._open: set[tuple[str, str]] = set()
        self._first: set[tuple[str, str]] = set()
        self.signals = 0

    def counts(self) -> dict[str, Any]:
        """For `broker.get-status`."""
        counts = super().counts()
        del counts["of_other_accounts"]
        return {**counts, "signals": self.signals}

    def forget(self) -> None:
        """Nothing is registered."""
        self._asked.clear()
        self._open.clear()
        self._first.clear()
        self._states.forget_all()

    def open(self, wire: Registration) -> None:
        """It is being subscribed to: its first record is the state that KOSCOM has in memory.

        An assumption where KOSCOM does not keep to its document: then the first trade counts as that state,
        and is not added up twice.
        """
        key = preset_of(wire), wire.symbol
        self._asked.add(key)
        self._open.add(key)
        self._first.add(key)
        if key[0] == CHANGE:
            self._states.forget(wire.symbol)

    def close(self, wire: Registration) -> None:
        """It was given back; what is still on its way is dropped."""
        self._open.discard((preset_of(wire), wire.symbol))

    def take_push(self, params: Any) -> None:
        """Hand on what is in a push."""
        self.frames += 1
        try:
            self._push(params)
        except NotReadable as error:
            self._oddities.note("malformed", "record", detail=str(error))
        except Exception:
            self._defect()

    def take_result(self, wire: Registration, data: dict[str, Any]) -> None:
        """Hand on the state that came in the answer to a subscription."""
        key = preset_of(wire), wire.symbol
        self._first.add(key)
        try:
            data = {name: value for name, value in data.items() if name != "preset"}
            if not split(data).fields:
                self._oddities.note("unknown_result", "")
                return
            self._hand_on(*key, split(data))
        except Exception:
            self._defect()

    def take_market(self, market: Registration, records: list[Any]) -> None:
        """Hand on the trades of a whole market."""
        self.frames += 1
        if market.symbol not in self._targets.markets:
            self.unwanted += len(records)
            return
        received, covered, hand_on = self._now().astimezone(KST), self._targets.covered, self._received
        taken = 0
        for record in records:
            try:
                code = record[CODE] if type(record) is dict and CODE in record else _code_in(record)
                if type(code) is not str or "*" in code or len(code) != 6:
                    code = code_of(code)
                if code is None:
                    self._oddities.note("malformed", "code")
                    continue
                if code in covered:
                    continue  # a subscription of this issue tells more of the same trade
                incoming = market_trade(code, record, received)
            except (NotReadable, Unusable) as error:
                self._unusable(MARKET, str(error))
                continue
            except Exception:
                self._defect()
                continue
            taken += 1
            hand_on(market, incoming)
        self.records += taken

    def _push(self, params: Any) -> None:
        if not isinstance(params, dict):
            self._oddities.note("malformed", "push")
            return
        told = params.pop("preset", None)
        preset = CHANGE if told is None else (text_of(told) or "").lower()
        parts = split(params)
        codes = _codes_of(parts.fields)
        if not codes:
            self._oddities.note("malformed", "code")
            return
        keys = [(preset, symbol) for symbol in codes]
        if (series := self._targets.series_of(preset)) is not None:
            keys.append((preset, series))
        for key in keys:
            if key in self._open:
                self._hand_on(*key, parts)
                return
        if not self._asked.isdisjoint(keys):
            self.unwanted += 1
        elif told is None:
            self._oddities.note("push_without_preset", "")
        else:
            self._oddities.note("never_asked", preset if preset in PRESETS else "")

    def _hand_on(self, preset: str, symbol: str, parts: Parts) -> None:
        key = preset, symbol
        targets = self._targets.of(preset, symbol)
        if not targets:
            self.unwanted += 1
            return
        is_state = key in self._first
        if is_state:
            self._first.discard(key)
        self.records += 1
        if preset == CHANGE:
            self._change(symbol, parts, targets, is_state=is_state)
            return
        received = self._now().astimezone(KST)
        for target in targets:
            incoming = KoscomIncoming(target, parts, received, self._unusable, is_state=is_state)
            self.signals += incoming.is_signal
            self._received(target.registration, incoming)

    def _change(self, symbol: str, parts: Parts, targets: Sequence[Target], *, is_state: bool) -> None:
        changed = [name for name in parts.fields if name not in (CODE, ISIN)]
        state = self._states.merge(symbol, parts.fields)
        for target in targets:
            if is_state or not target.items.isdisjoint(changed):
                incoming = ChangeIncoming(target, state, changed, parts.extra, is_state=is_state)
                self._received(target.registration, incoming)

    def _unusable(self, preset: str, reason: str) -> None:
        self._oddities.note("unusable", preset, detail=reason)

    def _defect(self) -> None:
        self._oddities.counts["defect"] += 1
        log.exception("koscom_live_record_failed")


def _codes_of(fields: dict[str, Any]) -> tuple[str, ...]:
    """What the short code of a record may be."""
    if (code := code_of(fields.get(CODE))) is not None:
        return (code,)
    isin = text_of(fields.get(ISIN)) or ""
    return tuple(isin[part] for part in _CODES_IN_ISIN) if len(isin) == _LONGEST_CODE else ()


def _code_in(record: Any) -> str | None:
    """The code of a record that names it otherwise."""
    if not isinstance(record, dict):
        raise NotReadable("not a record")
    return next(iter(_codes_of(split(record).fields)), None)
