"""Who waits for the vendor's answer to a registration."""

from __future__ import annotations

from concurrent.futures import Future

from broker_server.core.stream_requests import Registration


class Answers:
    """One promise for each registration that has no answer yet, whoever waits and however often."""

    def __init__(self) -> None:
        self._expected: dict[Registration, Future[None]] = {}

    def __len__(self) -> int:
        return len(self._expected)

    def expect(self, registration: Registration) -> Future[None]:
        """What to wait for, from any thread."""
        return self._expected.setdefault(registration, Future())

    def settle(self, registration: Registration) -> None:
        """The vendor has answered, or will not."""
        answer = self._expected.pop(registration, None)
        if answer is not None:
            answer.set_result(None)

    def settle_all(self) -> None:
        """Nobody is to wait any longer."""
        for registration in list(self._expected):
            self.settle(registration)
