"""The simulated clock: real time plus an offset, which a test may set, advance or freeze."""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime, timedelta
from zoneinfo import ZoneInfo

KST = ZoneInfo("Asia/Seoul")

EARLIEST = datetime(2021, 1, 4, tzinfo=KST)
LATEST = datetime(2099, 12, 31, tzinfo=KST)


def system_now() -> datetime:
    """The machine's time, with an offset."""
    return datetime.now(UTC)


class SimulatedClock:
    """What time the simulated market believes it is.

    Args:
        source: Where time comes from while the clock runs.
    """

    def __init__(self, source: Callable[[], datetime] = system_now) -> None:
        self._source = source
        self._offset = timedelta(0)
        self._frozen_at: datetime | None = None

    @property
    def frozen(self) -> bool:
        """Whether the clock stands still."""
        return self._frozen_at is not None

    def now(self) -> datetime:
        """The simulated time in Asia/Seoul."""
        if self._frozen_at is not None:
            return self._frozen_at
        return (self._source() + self._offset).astimezone(KST)

    def set(self, moment: datetime) -> None:
        """Jump to a moment, forward or back; a frozen clock stays frozen there.

        Raises:
            ValueError: The moment is outside the simulated market's life.
        """
        if not EARLIEST <= moment <= LATEST:
            raise ValueError(f"the clock runs from {EARLIEST.date()} to {LATEST.date()}, not {moment}")
        if self._frozen_at is not None:
            self._frozen_at = moment.astimezone(KST)
        else:
            self._offset = moment - self._source()

    def advance(self, seconds: float) -> None:
        """Move forward.

        Raises:
            ValueError: ``seconds`` is negative, or leads out of the simulated market's life.
        """
        if seconds < 0:
            raise ValueError("the clock only goes forward: advance takes a number of seconds >= 0")
        self.set(self.now() + timedelta(seconds=seconds))

    def freeze(self) -> None:
        """Stand still; only `set` and `advance` move the clock from here."""
        self._frozen_at = self.now()

    def run(self) -> None:
        """Go on in real time from where the clock stands."""
        if self._frozen_at is not None:
            self._offset = self._frozen_at - self._source()
            self._frozen_at = None


def fixed_start(start: datetime, source: Callable[[], datetime] = system_now) -> SimulatedClock:
    """A clock that runs from ``start`` on.

    Raises:
        ValueError: ``start`` is outside the simulated market's life.
    """
    if not EARLIEST <= start <= LATEST:
        raise ValueError(f"the clock runs from {EARLIEST.date()} to {LATEST.date()}, not {start}")
    clock = SimulatedClock(source)
    clock._offset = start - source()
    return clock
