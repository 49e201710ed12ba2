"""What a supervisor tells is heard in order, and its last word can be looked up by whoever comes later."""

from __future__ import annotations

from datetime import UTC, datetime

from broker_server.amqp import topology
from broker_server.amqp.connection import connect
from broker_server.amqp.host_voice import HostVoice
from broker_server.amqp.neighbours import last_told
from broker_server.status import absent_vendor
from tests.support.broker_cleaning import AddUser
from tests.support.order_events import Listener
from tests.support.waiting import wait_until, wait_until_async

NOW = datetime(2026, 11, 20, 9, 0, tzinfo=UTC)


def voice(url: str) -> HostVoice:
    return HostVoice(url, name="pc-1-supervisor", environment="paper", vendor="kiwoom", clock=lambda: NOW)


async def test_the_last_word_stays_and_is_told_as_often_as_it_is_asked_for(
    clean_broker: str, add_user: AddUser
) -> None:
    connection = await connect(clean_broker, name="test")
    assert await last_told(connection, "kiwoom") is None
    await topology.declare(connection, [])
    speaker = voice(clean_broker)
    speaker.tell({"state": "STOPPED", "reason": "maintenance", "restart_needed": False})
    speaker.close()
    with Listener(clean_broker, "host.kiwoom.*") as listener:
        # Where the queue is there, nobody needs the right to make it.
        speaker = voice(add_user("host", "secret-word", configure="^$"))
        for state in ("CONNECTING", "LOGIN_REQUIRED", "UPDATE_PENDING"):
            speaker.tell({"state": state, "reason": "told", "restart_needed": True})
        speaker.close()
        wait_until(lambda: len(listener.of()) == 3)
        assert [key for key, _ in listener.of()] == [
            "host.kiwoom.connecting",
            "host.kiwoom.login_required",
            "host.kiwoom.update_pending",
        ]
        (_, heard) = listener.of()[-1]
    for _ in range(3):
        assert await last_told(connection, "kiwoom") == heard
    assert absent_vendor(heard, NOW).model_dump() == {
        "state": "UPDATE_PENDING",
        "reason": "told",
        "restart_needed": True,
        "told_at": "2026-11-20T09:00:00.000Z",
        "age": 0.0,
        "told_by": "pc-1-supervisor",
    }
    connection.close()
    await wait_until_async(lambda: connection.is_closed)


async def test_it_is_told_at_another_host_of_the_cluster(clean_broker: str) -> None:
    connection = await connect(clean_broker, name="test")
    await topology.declare(connection, [])
    connection.abort("declared")
    with Listener(clean_broker, "host.kiwoom.*") as listener:
        speaker = voice(f"amqp://guest:guest@127.0.0.1:1/%2F,{clean_broker}")
        speaker.tell({"state": "STOPPED", "reason": "told", "restart_needed": False})
        speaker.close()
        wait_until(lambda: len(listener.of()) == 1)


def test_what_somebody_else_put_there_is_no_state() -> None:
    for told in (
        {},
        {"state": "READY"},
        {"time": "yesterday"},
        {"time": None},
        {"time": "2026-11-20T09:00:00"},
    ):
        assert absent_vendor(told, NOW).state is None
