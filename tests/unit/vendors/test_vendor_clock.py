from __future__ import annotations

from datetime import UTC, datetime, timedelta
from email.utils import format_datetime

import pytest
from hypothesis import given
from hypothesis import strategies as st

from broker_server.vendors.http import HttpRequest, HttpResponse
from broker_server.vendors.vendor_clock import VendorClock, WatchedTransport, read_date
from tests.support.fake_time import START, FakeClock

seconds = st.floats(0.001, 3.0)


class Server:
    """A vendor whose clock is off by some seconds, behind a line that takes its time."""

    def __init__(self, clock: FakeClock, offset: float) -> None:
        self.clock = clock
        self.offset = offset
        self.there = self.back = 0.0

    def send(self, request: HttpRequest) -> HttpResponse:
        self.clock.advance(self.there)
        now = self.clock.now() + timedelta(seconds=self.offset)
        self.clock.advance(self.back)
        date = format_datetime(now.astimezone(UTC).replace(microsecond=0), usegmt=True)
        return HttpResponse(200, {"Date": date}, b"{}")

    def close(self) -> None:
        self.offset = 0.0


def ask(transport: WatchedTransport) -> None:
    transport.send(HttpRequest("GET", "http://host/", {}))


def test_before_the_first_answer_the_clocks_agree() -> None:
    clock = VendorClock(FakeClock())
    assert clock.offset() == timedelta(0)
    assert clock.now() == START


@pytest.mark.parametrize("header", [None, "", "yesterday", "Fri, 99 Nov 2026 01:00:30 GMT"])
def test_a_header_that_cannot_be_read_says_nothing(header: str | None) -> None:
    clock = VendorClock(FakeClock())
    clock.observe(header, 0.1)
    assert clock.offset() == timedelta(0)
    assert read_date(header) is None


def test_one_answer_tells_the_offset_less_half_its_round_trip() -> None:
    clock = VendorClock(FakeClock())
    clock.observe("Fri, 20 Nov 2026 01:00:30 GMT", 2.0)
    assert clock.offset() == timedelta(seconds=30 + 0.5 + 1)
    assert clock.now() == START + clock.offset()


@given(st.floats(-90_000, 90_000), st.lists(st.tuples(seconds, seconds, st.floats(0, 60)), min_size=1))
def test_the_offset_is_never_further_off_than_the_newest_answer_allows(
    offset: float, answers: list[tuple[float, float, float]]
) -> None:
    ours = FakeClock()
    clock = VendorClock(ours)
    server = Server(ours, offset)
    transport = WatchedTransport(server, clock)
    for there, back, pause in answers:
        server.there, server.back = there, back
        ask(transport)
        assert abs(clock.offset().total_seconds() - offset) <= (1 + there + back) / 2 + 1e-3
        ours.advance(pause)


def test_answers_that_agree_narrow_it_down() -> None:
    ours = FakeClock()
    clock = VendorClock(ours)
    transport = WatchedTransport(Server(ours, 12.3), clock)
    for _ in range(20):
        ask(transport)
        ours.advance(0.37)
    assert clock.offset().total_seconds() == pytest.approx(12.3, abs=0.06)


@given(st.floats(-1000, 1000), st.floats(3, 1000), st.booleans())
def test_a_clock_that_is_set_is_followed_at_once(offset: float, step: float, back: bool) -> None:
    ours = FakeClock()
    clock = VendorClock(ours)
    server = Server(ours, offset)
    transport = WatchedTransport(server, clock)
    for _ in range(5):
        ask(transport)
        ours.advance(0.7)
    server.offset += -step if back else step
    ask(transport)
    assert abs(clock.offset().total_seconds() - server.offset) <= 0.5 + 1e-3


def test_a_naive_date_is_read_as_utc() -> None:
    assert read_date("Fri, 20 Nov 2026 01:00:30 -0000") == datetime(2026, 11, 20, 1, 0, 30, tzinfo=UTC)
