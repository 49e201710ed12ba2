"""Which live data a simulated control sends: by screen, asked for and automatic."""

from __future__ import annotations

from dataclasses import dataclass, field

from broker_server.simulator.kiwoom_control.tables import real_types

MOST_SCREENS, MOST_CODES, MOST_FIDS = 200, 100, 100


@dataclass(slots=True)
class Screen:
    """One screen.

    Attributes:
        asked: By code: the FIDs that `SetRealReg` named.
        automatic: Codes that a query on the screen registered by itself.
    """

    asked: dict[str, set[int]] = field(default_factory=dict)
    automatic: set[str] = field(default_factory=set)


class Registrations:
    """Everything that is registered, with the control's limits.

    Attributes:
        dropped: Codes beyond a screen's hundred, which the control drops without a word.
    """

    def __init__(self) -> None:
        self.screens: dict[str, Screen] = {}
        self.dropped: list[str] = []

    def screen(self, number: str) -> Screen:
        """A screen, in use from now on."""
        return self.screens.setdefault(number, Screen())

    def register(self, number: str, codes: list[str], fids: list[int], *, add: bool) -> int:
        """`SetRealReg`; 0 or a code."""
        if len(codes) > MOST_CODES:
            return -204
        if len(fids) > MOST_FIDS:
            return -206
        screen = self.screen(number)
        if not add:
            screen.asked.clear()
        for code in codes:
            if code in screen.asked:
                screen.asked[code].update(fids)
            elif len(screen.asked) < MOST_CODES:
                screen.asked[code] = set(fids)
            else:
                self.dropped.append(code)
        return 0

    def remove(self, number: str, code: str) -> None:
        """`SetRealRemove`: what was asked for, never what is automatic."""
        for name in list(self.screens) if number == "ALL" else [number]:
            screen = self.screens.get(name)
            if screen is not None:
                if code == "ALL":
                    screen.asked.clear()
                else:
                    screen.asked.pop(code, None)

    def automatic(self, number: str, codes: set[str]) -> None:
        """A query on the screen: its instruments take the place of the last one's."""
        self.screen(number).automatic = codes

    def disconnect(self, number: str) -> None:
        """`DisconnectRealData`: everything, and the screen is free."""
        self.screens.pop(number, None)

    def sends(self, code: str, name: str) -> bool:
        """Whether records of that type are sent of that instrument: any FID of a type brings all of it."""
        fids = real_types()[name].fids
        return any(
            code in screen.automatic or not screen.asked.get(code, set()).isdisjoint(fids)
            for screen in self.screens.values()
        )

    def codes(self) -> set[str]:
        """Every instrument that something is sent of."""
        return {code for screen in self.screens.values() for code in (*screen.asked, *screen.automatic)}
