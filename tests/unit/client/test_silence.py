"""When a silent stream asks, and how often."""

from __future__ import annotations

import pytest

from broker_client.silence import Silence, check_silence


class Clock:
    """Moved by hand."""

    def __init__(self) -> None:
        self.seconds = 100.0

    def __call__(self) -> float:
        return self.seconds


def test_every_message_puts_the_question_off() -> None:
    clock = Clock()
    silence = Silence(60, clock)
    clock.seconds += 59
    assert silence.remaining() == 1
    assert not silence.heard()
    assert silence.remaining() == 60
    clock.seconds += 61
    assert silence.remaining() == 0


def test_questions_that_nobody_answers_come_ever_more_rarely() -> None:
    silence = Silence(60, Clock())
    first, *others = [silence.failed(answered=False) for _ in range(7)]
    assert 0.5 <= first <= 2
    assert others == [60, 120, 240, 300, 300, 300]
    assert silence.remaining() == 0
    silence.heard()
    assert silence.remaining() == 60
    assert silence.failed(answered=False) <= 2


def test_a_worker_that_refuses_for_now_is_asked_again_within_half_a_minute() -> None:
    silence = Silence(60, Clock())
    delays = [silence.failed(answered=True) for _ in range(20)]
    assert delays[0] <= 2
    assert 15 <= delays[-1] <= 30


def test_what_was_told_is_taken_back_once() -> None:
    silence = Silence(60, Clock())
    silence.told = True
    assert silence.heard()
    assert not silence.heard()


@pytest.mark.parametrize("seconds", [0, -1, float("nan"), float("inf")])
def test_a_silence_without_sense_is_refused(seconds: float) -> None:
    with pytest.raises(ValueError, match="stream_silence"):
        check_silence(seconds)
