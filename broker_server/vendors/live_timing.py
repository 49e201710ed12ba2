"""How long the live connection waits for what, and how it backs off."""

from __future__ import annotations

from dataclasses import dataclass
from random import Random


@dataclass(frozen=True, slots=True, kw_only=True)
class Timing:
    """Seconds, unless said otherwise. Vendors block keys and addresses that connect or register in a loop.

    Attributes:
        open: For connecting, the handshake included.
        close: For the closing handshake; then the connection is cut.
        between_requests: From one request to the next, at least.
        burst: So many requests may follow each other like that: a whole connection's registrations.
        refill: Beyond them there is one more in so long: 120 in the worst minute, whatever clients do.
        keep: A registration that nobody wants any more is given back after so long, unless its place is
            needed: subscribing and unsubscribing in a loop costs KIS nothing.
        remember: What KIS refused for good is refused for so long without asking it again.
        answer: For the answer to a request.
        unanswered: So many requests in a row without an answer end the connection.
        silence: Without any frame, not even the server's ping, the connection counts as dead.
        stable: A connection that lasted so long was a good one: the back-off starts anew.
        linger: Stay connected after the last registration was given back: it may be wanted again at once.
        shortest_pause: Every pause before another connection is longer by that.
        first_pause: The longest first pause of the back-off; each further failure doubles it.
        longest_pause: No pause is longer.
        in_use: After "another connection has the key", a pause is at least so long: an old one may be counted
            for a while yet.
        worrying: So many failures in a row are logged as warnings.
        key_attempts: So many refusals of a key in a row are believed; one alone may be a fault of KIS.
        key_again: From one of them to the next.
        key_refused: A refused key is not tried again before.
        first_retry: Before a registration that failed is asked for again; doubles each time.
        longest_retry: No such wait is longer.
        retries: So many times, then it is given up.
        limit: After the server said that it holds no more, it is not asked for more before, unless something
            was given back.
        suspect: A notice during whose registration the connection broke waits so long, times the breaks.
        breaks: So many breaks in a row, and it is given up; of those on a connection that had worked. Where
            nothing had, the server may be down: four times as many.
    """

    open: float = 10.0
    close: float = 2.0
    between_requests: float = 0.1
    burst: int = 60
    refill: float = 1.0
    keep: float = 10.0
    remember: float = 60.0
    answer: float = 10.0
    unanswered: int = 3
    silence: float = 60.0
    stable: float = 60.0
    linger: float = 30.0
    shortest_pause: float = 0.0
    first_pause: float = 1.0
    longest_pause: float = 60.0
    in_use: float = 30.0
    worrying: int = 3
    key_attempts: int = 3
    key_again: float = 1.5
    key_refused: float = 600.0
    first_retry: float = 2.0
    longest_retry: float = 60.0
    retries: int = 8
    limit: float = 300.0
    suspect: float = 10.0
    breaks: int = 3

    def pause(self, failures: int, chance: Random, *, in_use: bool = False) -> float:
        """Before the next connection: exponential with full jitter.

        Args:
            failures: In a row, at least one.
            chance: For the jitter.
            in_use: Another connection has the key.
        """
        longest = min(self.longest_pause, _doubled(self.first_pause, failures))
        jitter = chance.uniform(0, longest)
        return jitter + (self.in_use if in_use else self.shortest_pause)

    def retry(self, tries: int) -> float:
        """Before a registration that failed so many times is asked for again."""
        return min(self.longest_retry, _doubled(self.first_retry, tries))


def _doubled(first: float, times: int) -> float:
    return first * 2.0 ** min(times - 1, 30)
