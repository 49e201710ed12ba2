"""Streams of the blocking client against a real broker."""

from __future__ import annotations

import threading
from datetime import UTC, datetime

import pytest

from broker_client import (
    BrokerUnreachable,
    Client,
    ClientClosed,
    DuplicateTaskConflict,
    NoAnswer,
    Stream,
    StreamEnded,
    StreamEvent,
    StreamStatus,
    SubscriptionLimit,
    VendorUnavailable,
    WrongEnvironment,
)
from tests.integration.client.echo_worker import EchoWorker, delete_queue, queue_exists, queue_length
from tests.integration.client.stream_script import Event, Status, events
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until

PRICES = "kis.subscribe-realtime-price"


def taken(stream: Stream, count: int) -> list[tuple[int | None, int | None]]:
    """The sequence and the gap of so many events."""
    return [(event.sequence, event.missed) for event in (stream.get(60) for _ in range(count))]


def test_a_block_subscribes_and_unsubscribes(clean_broker: str, worker: EchoWorker) -> None:
    before = datetime.now(UTC)
    worker.script = [Event(1, more={"snapshot": True, "mode": "polling"}), Event(2)]
    with Client(clean_broker) as client:
        with client.stream(PRICES, ticker="005930") as stream:
            assert stream.ack
            assert stream.ack.first == {
                "subscription": stream.subscription,
                "mode": "realtime",
                "ticker": "005930",
            }
            first, second = stream.get(60), next(stream)
            assert queue_exists(clean_broker, stream.queue)
        wait_until(lambda: not queue_exists(clean_broker, stream.queue), what="its queue is deleted")
        assert client.call("echo.get-it").first
    assert (first.snapshot, first.mode, first.missed) == (True, "polling", 0)
    assert (second.snapshot, second.mode, second.missed) == (False, "realtime", 0)
    assert (second.key, second.epoch, second.sequence) == ("trade.005930", "e1", 2)
    assert second.data["price"] == 71_500
    assert second.received_at >= before
    assert b'"kind":"event"' in second.message
    subscribe, unsubscribe = (request for request, _ in worker.received[:2])
    assert unsubscribe.method == "kis.unsubscribe-realtime-price"
    assert unsubscribe.task_id == subscribe.task_id
    assert unsubscribe.parameters == {}
    assert worker.subscriptions == {}


def test_gaps_duplicates_and_epochs(clean_broker: str, worker: EchoWorker) -> None:
    worker.script = [
        *events(1, 2, 2, 5, 4, 6),
        *events(1, 2, key="trade.000660"),
        *events(1, 2, epoch="e2"),
        *events(6, 7),
        *events(2, 3, epoch="e2"),
    ]
    with Client(clean_broker) as client, client.stream(PRICES) as stream:
        assert taken(stream, 10) == [
            *[(1, 0), (2, 0), (5, 2), (6, 0)],
            *[(1, 0), (2, 0)],
            *[(1, None), (2, 0)],
            *[(7, 0), (3, 0)],
        ]
        with pytest.raises(TimeoutError, match="no event within"):
            stream.get(timeout=0.05)


def test_statuses_come_to_the_callback_and_between_the_events(clean_broker: str, worker: EchoWorker) -> None:
    said: list[StreamStatus] = []
    worker.script = [Event(1), Status("stale", "조용함"), Event(2), Status("dropped", "by hand")]
    with Client(clean_broker) as client, client.stream(PRICES, on_status=said.append) as stream:
        with pytest.raises(StreamEnded, match="dropped: by hand") as caught:
            assert [event.sequence for event in stream] == []
        with pytest.raises(StreamEnded):
            next(stream)
    assert (caught.value.state, caught.value.reason) == ("dropped", "by hand")
    assert caught.value.task_id == stream.subscription
    assert stream.ended is caught.value
    assert [(status.state, status.reason) for status in said] == [("stale", "조용함"), ("dropped", "by hand")]
    assert stream.statuses == tuple(said)


def test_what_came_before_the_end_can_be_taken(clean_broker: str, worker: EchoWorker) -> None:
    worker.script = [Event(1), Status("stale"), Event(2), Status("refused", "초과")]
    with Client(clean_broker) as client, client.stream(PRICES) as stream:
        messages = stream.messages()
        items = [next(messages) for _ in range(4)]
        with pytest.raises(StreamEnded, match="refused: 초과"):
            next(messages)
    assert [item.sequence if isinstance(item, StreamEvent) else item.state for item in items] == [
        *[1, "stale", 2, "refused"]
    ]


def test_a_refusal_is_raised_and_nothing_is_left(clean_broker: str, worker: EchoWorker) -> None:
    worker.refusal = SubscriptionLimit("41 of 41 taken", vendor="kis")
    with Client(clean_broker) as client:
        stream = client.stream(PRICES, ticker="005930")
        with pytest.raises(SubscriptionLimit, match="41 of 41"):
            stream.open()
        wait_until(lambda: not queue_exists(clean_broker, stream.queue), what="its queue is deleted")
    assert worker.methods_received() == [PRICES]


def test_no_acknowledgement_is_no_answer_and_takes_the_subscription_back(
    clean_broker: str, worker: EchoWorker
) -> None:
    worker.mute = True
    with Client(clean_broker) as client:
        with pytest.raises(NoAnswer), client.stream(PRICES, timeout=2):
            pass
        wait_until(lambda: len(worker.received) == 2, what="the unsubscribe task")
    assert worker.methods_received() == [PRICES, "kis.unsubscribe-realtime-price"]


def test_leaving_does_not_raise_when_the_worker_is_gone(clean_broker: str) -> None:
    worker = EchoWorker(clean_broker)
    with Client(clean_broker) as client, client.stream(PRICES) as stream:
        worker.stop()
    assert not queue_exists(clean_broker, stream.queue)


def test_closing_the_client_ends_the_stream(clean_broker: str, worker: EchoWorker) -> None:
    client = Client(clean_broker)
    stream = client.stream(PRICES).open()
    worker.emit(stream.subscription, Event(1))
    assert taken(stream, 1) == [(1, 0)]
    client.close()
    with pytest.raises(ClientClosed):
        stream.get(60)
    stream.close()
    wait_until(lambda: not queue_exists(clean_broker, stream.queue), what="its queue is deleted")
    with pytest.raises(ClientClosed):
        client.stream(PRICES).open()


def test_closing_the_stream_ends_a_loop_in_another_thread(clean_broker: str, worker: EchoWorker) -> None:
    seen: list[int | None] = []
    worker.script = [Event(1)]
    with Client(clean_broker) as client:
        stream = client.stream(PRICES).open()
        thread = threading.Thread(target=lambda: [seen.append(event.sequence) for event in stream])
        thread.start()
        wait_until(lambda: seen == [1], what="its event")
        stream.close()
        thread.join(60)
        assert not thread.is_alive()
        with pytest.raises(StreamEnded, match="closed"):
            stream.get()


def test_two_streams_do_not_mix_and_one_id_has_one_stream(clean_broker: str, worker: EchoWorker) -> None:
    with (
        Client(clean_broker) as client,
        client.stream(PRICES, task_id="one") as one,
        client.stream("kis.subscribe-order-book", task_id="two") as two,
    ):
        worker.emit("two", Event(5, key="order_book.005930"))
        worker.emit("one", Event(7))
        assert taken(one, 1) == [(7, None)]  # its id was given: somebody may have read it before
        assert taken(two, 1) == [(5, None)]
        with pytest.raises(DuplicateTaskConflict):
            client.stream(PRICES, task_id="one").open()
        worker.emit("one", Event(8))
        assert taken(one, 1) == [(8, 0)]


def test_events_of_another_environment_end_the_stream(clean_broker: str, worker: EchoWorker) -> None:
    worker.script = [Event(1), Event(2, environment="real")]
    with Client(clean_broker, expected_environment="simulated") as client, client.stream(PRICES) as stream:
        assert taken(stream, 1) == [(1, 0)]
        with pytest.raises(WrongEnvironment):
            next(stream)


@pytest.mark.parametrize("method", ["kis.get-current-price", "subscribe", "kis.unsubscribe-order-book"])
def test_only_subscriptions_can_be_streams(clean_broker: str, method: str) -> None:
    with Client(clean_broker) as client, pytest.raises(ValueError, match="no subscription"):
        client.stream(method)


def test_a_slow_program_leaves_events_at_the_broker(clean_broker: str, worker: EchoWorker) -> None:
    with Client(clean_broker) as client, client.stream(PRICES) as stream:
        worker.emit(stream.subscription, *events(*range(1, 801)))
        wait_until(lambda: queue_length(clean_broker, stream.queue) == 300, what="500 of 800 are here")
        assert [sequence for sequence, _ in taken(stream, 800)] == list(range(1, 801))
        wait_until(lambda: queue_length(clean_broker, stream.queue) == 0)


def test_ticks_that_expired_at_the_broker_are_counted(clean_broker: str, worker: EchoWorker) -> None:
    with Client(clean_broker) as client, client.stream(PRICES) as stream:
        worker.emit(stream.subscription, *events(*range(1, 501)))
        worker.emit(stream.subscription, *events(*range(501, 601), expiration="1"), Event(601))
        wait_until(lambda: queue_length(clean_broker, stream.queue) == 1, what="the ticks have expired")
        assert taken(stream, 500)[-1] == (500, 0)
        came = missed = 0
        while came + missed < 101:  # some may slip through while they are being published
            came += 1
            ((_, jump),) = taken(stream, 1)
            missed += jump or 0
        assert (came + missed, came < 101) == (101, True)


def test_a_cut_loses_and_repeats_nothing(proxied_url: str, proxy: TcpProxy, worker: EchoWorker) -> None:
    said: list[str] = []
    with (
        Client(proxied_url) as client,
        client.stream(PRICES, on_status=lambda status: said.append(status.state)) as stream,
    ):
        for round_ in range(5):
            start, ack = round_ * 20, stream.ack
            worker.emit(stream.subscription, *events(*range(start + 1, start + 11)))
            assert taken(stream, 5) == [(start + n, 0) for n in range(1, 6)]
            proxy.cut()
            worker.emit(stream.subscription, *events(*range(start + 11, start + 21)))
            assert taken(stream, 15) == [(start + n, 0) for n in range(6, 21)]
            wait_until(lambda ack=ack: stream.ack is not ack, what="another acknowledgement")
    subscribes = [request for request, _ in worker.received if request.method == PRICES]
    assert {request.task_id for request in subscribes} == {stream.subscription}
    assert len(subscribes) == 6
    assert said == ["disconnected", "connected"] * 5


def test_a_deleted_queue_is_made_again(clean_broker: str, worker: EchoWorker) -> None:
    said: list[str] = []
    with (
        Client(clean_broker) as client,
        client.stream(PRICES, on_status=lambda status: said.append(status.state)) as stream,
    ):
        delete_queue(clean_broker, stream.queue)
        wait_until(lambda: said == ["disconnected", "connected"], what="another channel")
        wait_until(lambda: len(worker.received) == 2, what="the subscribe task again")
        worker.emit(stream.subscription, Event(1), Event(2))
        assert taken(stream, 2) == [(1, 0), (2, 0)]
        assert client.call("echo.get-it").first


def test_a_subscription_that_is_refused_after_a_reconnect_ends_the_stream(
    proxied_url: str, proxy: TcpProxy, worker: EchoWorker
) -> None:
    with Client(proxied_url) as client, client.stream(PRICES) as stream:
        worker.refusal = SubscriptionLimit("41 of 41 taken", vendor="kis", retryable=False)
        proxy.cut()
        with pytest.raises(SubscriptionLimit):
            stream.get(60)


def repeats(worker: EchoWorker) -> list[str]:
    """The task_ids of the subscribe tasks so far."""
    return [request.task_id for request, _ in worker.received if request.method == PRICES]


def test_a_quiet_stream_asks_and_nothing_else_happens(clean_broker: str, worker: EchoWorker) -> None:
    worker.script = [Event(1)]
    with Client(clean_broker, stream_silence=0.2) as client, client.stream(PRICES) as stream:
        assert taken(stream, 1) == [(1, 0)]
        wait_until(lambda: len(worker.received) == 4, what="it asks again and again")
        worker.emit(stream.subscription, Event(2))
        assert taken(stream, 1) == [(2, 0)]
        assert stream.statuses == ()
    assert set(repeats(worker)) == {stream.subscription}


def test_a_worker_that_does_not_know_the_subscription_takes_it_up(
    clean_broker: str, worker: EchoWorker
) -> None:
    worker.script = [Event(1)]
    with Client(clean_broker, stream_silence=0.2) as client, client.stream(PRICES) as stream:
        assert taken(stream, 1) == [(1, 0)]
        worker.script = events(1, 2, epoch="e2")
        worker.subscriptions.clear()
        assert taken(stream, 2) == [(1, None), (2, 0)]


def test_silence_without_a_worker_is_told_until_one_answers(clean_broker: str) -> None:
    said: list[StreamStatus] = []
    worker = EchoWorker(clean_broker)
    with (
        Client(clean_broker, stream_silence=0.2) as client,
        client.stream(PRICES, timeout=2, on_status=said.append) as stream,
    ):
        worker.stop()
        wait_until(lambda: said, what="it is told")
        with EchoWorker(clean_broker) as other:
            other.script = events(1, epoch="e2")
            assert taken(stream, 1) == [(1, 0)]
            wait_until(lambda: len(said) == 2, what="it is told")
            stream.close()
    assert [status.state for status in said] == ["unanswered", "answered"]
    assert said[0].reason
    assert "no answer within 2 s" in said[0].reason
    assert said[0].message is None


def test_an_event_is_an_answer_too(clean_broker: str, worker: EchoWorker) -> None:
    with (
        Client(clean_broker, stream_silence=0.2) as client,
        client.stream(PRICES, timeout=2) as stream,
    ):
        worker.mute = True
        messages = stream.messages()
        assert isinstance(status := next(messages), StreamStatus)
        assert status.state == "unanswered"
        worker.emit(stream.subscription, Event(1))
        assert [
            item.state if isinstance(item, StreamStatus) else item.data["n"]
            for item in (next(messages), next(messages))
        ] == ["answered", 1]


def test_a_full_stream_is_not_silent(clean_broker: str, worker: EchoWorker) -> None:
    with (
        Client(clean_broker, stream_silence=0.1) as client,
        client.stream(PRICES, timeout=2) as stream,
    ):
        worker.emit(stream.subscription, *events(*range(1, 801)))
        wait_until(lambda: queue_length(clean_broker, stream.queue) >= 300, what="500 of 800 are here")
        with pytest.raises(AssertionError, match="not within"):
            wait_until(lambda: stream.statuses, timeout=1)
        taken(stream, 800)
        asked = len(repeats(worker))
        wait_until(lambda: len(repeats(worker)) > asked, what="it asks again")


def test_a_repeat_that_is_refused_for_now_is_told(clean_broker: str, worker: EchoWorker) -> None:
    said: list[tuple[str, str | None]] = []
    with (
        Client(clean_broker, stream_silence=0.2) as client,
        client.stream(PRICES, on_status=lambda status: said.append((status.state, status.reason))),
    ):
        worker.refusal = VendorUnavailable("the journal is away", vendor="kis", retryable=True)
        wait_until(lambda: said, what="it is told")
        worker.refusal = None
        wait_until(lambda: len(said) == 2, what="it is told")
    (first, reason), second = said
    assert (first, second) == ("unanswered", ("answered", None))
    assert "the journal is away" in str(reason)


@pytest.mark.parametrize("method", [PRICES, "kis.subscribe"])
def test_a_subscription_is_no_call(clean_broker: str, worker: EchoWorker, method: str) -> None:
    with Client(clean_broker) as client:
        for refused in (
            lambda: client.call(method, ticker="005930"),
            lambda: client.send(method),
            lambda: client.send_parameters(method, {}),
            lambda: client.resume("t-1", method),
        ):
            with pytest.raises(ValueError, match=r"use Client\.stream"):
                refused()
    assert worker.received == []


def test_an_unreachable_broker_is_told(proxied_url: str, proxy: TcpProxy, worker: EchoWorker) -> None:
    with Client(proxied_url) as client:
        proxy.refuse()
        wait_until(lambda: proxy.connections_seen >= 2, what="the client notices the cut")
        with pytest.raises(BrokerUnreachable, match="not sent within"):
            client.stream(PRICES, timeout=0.3).open()
        proxy.resume()
        assert client.call("echo.get-it").first


def test_a_callback_that_fails_does_no_harm(clean_broker: str, worker: EchoWorker) -> None:
    def fail(_: StreamStatus) -> None:
        raise ZeroDivisionError

    worker.script = [Status("live"), Event(1)]
    with Client(clean_broker) as client, client.stream(PRICES, on_status=fail) as stream:
        assert taken(stream, 1) == [(1, 0)]
