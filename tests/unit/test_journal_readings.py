"""A journal that does not answer is told as one that is down, and holds nothing up."""

from __future__ import annotations

import threading

from broker_server.observing.journal_readings import UNREADABLE, JournalReading, JournalReadings

READ = JournalReading(up=True, halted=False)


def test_each_reading_is_a_new_one() -> None:
    answers = iter([READ, UNREADABLE])
    readings = JournalReadings(lambda: next(answers), patience=60)
    assert [readings.now(), readings.now()] == [READ, UNREADABLE]


def test_a_silent_database_is_down_and_asked_once_until_it_answers() -> None:
    answer = threading.Event()
    asked: list[int] = []

    def read() -> JournalReading:
        asked.append(1)
        assert answer.wait(60)
        return READ

    impatient = JournalReadings(read, patience=0.01)
    assert [impatient.now() for _ in range(5)] == [UNREADABLE] * 5
    assert len(asked) == 1
    assert (UNREADABLE.up, UNREADABLE.halted) == (False, True)
    answer.set()
    patient = JournalReadings(read, patience=60)
    assert patient.now() == READ


def test_a_defect_while_reading_is_no_answer() -> None:
    def read() -> JournalReading:
        raise ZeroDivisionError

    readings = JournalReadings(read, patience=60)
    assert [readings.now(), readings.now()] == [UNREADABLE, UNREADABLE]
