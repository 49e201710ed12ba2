"""A thread that gathers replies wakes when they are enough, when the time is over, or when none will come."""

from __future__ import annotations

import threading
from concurrent.futures import Future, ThreadPoolExecutor

import pytest

from broker_client.errors import InternalError
from broker_server.amqp.gathering import ControlReply, Gathered, Gathering

FOREVER = 60.0


def reply(number: int) -> ControlReply:
    return ControlReply(f"worker-{number}", "paper", f"amq.gen-{number}", {})


def test_enough_replies_end_the_wait() -> None:
    gathering = Gathering()
    seen = threading.Event()

    def enough(replies: list[ControlReply]) -> bool:
        seen.set()
        return len(replies) >= 2

    with ThreadPoolExecutor(1) as pool:
        waiting: Future[list[ControlReply]] = pool.submit(gathering.wait, FOREVER, enough)
        assert seen.wait(10)
        gathering.add(reply(1))
        gathering.add(reply(1))
        gathering.add(reply(2))
        assert waiting.result(10) == [reply(1), reply(2)]


def test_the_end_of_the_time_returns_what_there_is() -> None:
    gathering = Gathering()
    gathering.add(reply(1))
    assert gathering.wait(0, lambda _: False) == [reply(1)]


def test_a_failure_ends_the_wait_unless_the_replies_are_enough() -> None:
    gathering = Gathering()
    gathering.add(reply(1))
    gathering.fail("the connection was lost")
    with pytest.raises(InternalError, match="lost") as failure:
        gathering.wait(FOREVER, lambda _: False)
    assert failure.value.retryable
    assert gathering.wait(FOREVER, bool) == [reply(1)]


@pytest.mark.parametrize(
    ("answered", "expected", "unheard", "names"),
    [
        (2, 2, ["ended"], []),
        (3, 2, [], []),
        (1, 2, ["b"], ["b"]),
        (1, 2, [], ["1 of unknown name"]),
        (1, 4, ["b"], ["b", "2 of unknown name"]),
        (1, 2, ["b", "ended"], ["1 of b, ended"]),
    ],
)
def test_who_is_missing_is_named_as_far_as_it_can_be_told(
    answered: int, expected: int, unheard: list[str], names: list[str]
) -> None:
    assert Gathered([reply(n) for n in range(answered)], expected, unheard).missing_names() == names
