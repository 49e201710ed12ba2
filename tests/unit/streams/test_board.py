"""One vendor's board: who is told what, when, and how often."""

from __future__ import annotations

from collections.abc import Sequence

import pytest

from broker_client.errors import AuthenticationFailed, InvalidParameters, NotSubscribed, SubscriptionLimit
from broker_server.core.feeds import Incoming
from broker_server.core.stream_requests import Registration
from tests.support.stream_parts import (
    BOOK,
    NOTICE,
    STATUS,
    A,
    B,
    C,
    FakeStreams,
    Studio,
    refusal,
    sub,
)

REALTIME = "fake.trade.A"


async def test_nothing_reaches_the_reply_queue_before_the_acknowledgement(studio: Studio) -> None:
    taken = studio.board.subscribe([sub()])
    studio.board.registered(A)
    studio.receive(A, n=1)
    assert [each.mode for each in studio.board.standings(taken.receivers)] == ["realtime"]
    studio.receive(A, n=2)
    assert studio.publisher.what("queue-t") == []
    studio.board.begin(taken.receivers)
    studio.receive(A, n=3)
    assert studio.publisher.what("queue-t") == [1, 2, 3]  # it is subscribed since the task was run
    assert studio.publisher.epochs("queue-t") == [(0, 1), (0, 2), (0, 3)]
    assert studio.publisher.what(REALTIME) == [1, 2, 3]


async def test_what_turns_after_the_acknowledgement_was_written_is_told_after_it(studio: Studio) -> None:
    taken = studio.board.subscribe([sub()])
    studio.board.registered(A)
    studio.board.interrupted([A], "cut")
    assert [each.mode for each in studio.board.standings(taken.receivers)] == ["pending"]
    studio.board.registered(A)
    studio.board.interrupted([A], "cut again")
    assert studio.publisher.sent == []
    studio.board.begin(taken.receivers)
    assert studio.publisher.what("queue-t") == ["live", "reconnecting"]


async def test_what_ends_after_the_acknowledgement_was_written_is_told_after_it(studio: Studio) -> None:
    taken = studio.board.subscribe([sub()])
    studio.board.registered(A)
    assert [each.failure for each in studio.board.standings(taken.receivers)] == [None]
    studio.board.refused(A, refusal(), for_good=True)
    assert studio.publisher.sent == []
    studio.board.begin(taken.receivers)
    studio.board.begin(taken.receivers)
    assert studio.publisher.what("queue-t") == ["refused"]
    studio.receive(A, n=1)
    assert studio.publisher.what("queue-t") == ["refused"]


async def test_a_turn_is_told_once(studio: Studio) -> None:
    studio.live(sub())
    studio.board.interrupted([A], "cut")
    for failures in range(1, 6):
        studio.board.failing(failures, "refused")
    studio.board.connected()
    studio.board.registered(A)
    studio.board.registered(A)
    told = studio.publisher.to("queue-t")
    assert [each.what for each in told] == ["reconnecting", "polling", "live"]
    assert told[0].body["result"][0]["reason"] == "cut"
    assert told[1].body["result"][0] == {
        "type": "status",
        "state": "polling",
        "ticker": "A",
        "reason": "refused",
    }
    assert studio.bus.keys == [
        "stream.fake.interrupted",
        "stream.fake.failing",
        "subscription.fake.polling",
        "stream.fake.back",
        "stream.fake.live",
    ]
    assert studio.bus.published[1][1] == {
        "type": "connection",
        "state": "failing",
        "vendor": "fake",
        "account": "default",
        "connection": None,
        "failures": 3,
        "reason": "refused",
    }


async def test_a_long_pause_before_the_next_connection_is_not_waited_for(studio: Studio) -> None:
    studio.subscribe(sub(polling=True))
    studio.board.failing(1, "lost", pause=1.0)
    assert studio.publisher.what("queue-t") == []
    studio.board.failing(2, "another connection holds this app key", pause=35.0)
    assert studio.publisher.what("queue-t") == ["polling"]
    assert studio.bus.keys == ["stream.fake.failing", "subscription.fake.polling"]


async def test_only_what_hangs_on_a_connection_turns_with_it(studio: Studio) -> None:
    studio.subscribe(sub(polling=True))
    studio.board.failing(3, "down", connection="another")
    assert studio.publisher.what("queue-t") == []
    studio.board.failing(3, "down", connection="only")
    assert studio.publisher.what("queue-t") == ["polling"]


async def test_a_refused_key_ends_nothing_that_runs(studio: Studio) -> None:
    studio.live(sub(polling=True), sub("firm", STATUS))
    studio.board.interrupted([A, STATUS], "cut")
    for registration in (A, STATUS):
        studio.board.refused(registration, AuthenticationFailed("wrong key"), for_good=False)
    assert studio.publisher.what("queue-t") == ["reconnecting", "polling"]
    assert studio.publisher.what("queue-firm") == ["reconnecting", "reconnecting"]
    assert studio.publisher.to("queue-firm")[-1].body["result"][0]["reason"].endswith("wrong key")
    assert studio.forgotten == []
    for registration in (A, STATUS):
        studio.board.registered(registration)
    assert studio.publisher.what("queue-firm")[-1] == "live"


async def test_who_subscribes_while_a_key_is_refused_is_told_so(studio: Studio) -> None:
    taken = studio.board.subscribe([sub(polling=True), sub("t", STATUS)])
    for registration in (A, STATUS):
        studio.board.refused(registration, AuthenticationFailed("wrong key"), for_good=False)
    assert [each.done() for each in taken.answers] == [True, True]
    polled, refused = studio.board.standings(taken.receivers)
    assert (polled.mode, polled.reason, polled.failure) == (
        "polling",
        "AUTHENTICATION_FAILED: wrong key",
        None,
    )
    assert isinstance(refused.failure, AuthenticationFailed)
    studio.board.drop("t", "by the test")
    again = studio.board.subscribe([sub("t", STATUS)])
    (standing,) = studio.board.standings(again.receivers)
    assert standing.failure is None, "the feed has not said so of this one"


async def test_one_task_holds_a_registration_by_one_family(studio: Studio) -> None:
    studio.live(sub())
    with pytest.raises(InvalidParameters, match="another task_id"):
        studio.board.subscribe([sub(family="fake.own", vendor_form=True)])
    studio.subscribe(sub())
    studio.subscribe(sub("other", family="fake.own", vendor_form=True))


async def test_states_of_executions_name_their_market(studio: Studio) -> None:
    taken = studio.board.subscribe([sub("e", NOTICE)])
    assert [each.market for each in studio.board.standings(taken.receivers)] == ["domestic"]
    studio.board.begin(taken.receivers)
    studio.board.registered(NOTICE)
    assert studio.publisher.to("queue-e")[0].body["result"][0]["market"] == "domestic"


async def test_who_was_told_of_an_interruption_is_told_of_its_end(studio: Studio) -> None:
    studio.live(sub(), sub("other", B))
    studio.board.interrupted([A], "cut")
    studio.board.registered(B)
    assert studio.bus.keys == ["stream.fake.interrupted"]
    studio.board.registered(A)
    studio.board.registered(A)
    assert studio.bus.keys == ["stream.fake.interrupted", "stream.fake.live"]
    studio.board.serving.turn_stale(A, "mute")
    studio.board.interrupted([A], "it is being registered again")
    studio.board.registered(A)
    keys = ["stream.fake.stale", "stream.fake.interrupted"]
    assert studio.bus.keys[2:] == keys, "it is live when data come"


async def test_what_never_came_up_and_is_not_polled_is_told_why_once(studio: Studio) -> None:
    studio.subscribe(sub(polling=False), sub("polled", B, polling=True), sub("live", C))
    studio.board.registered(C)
    for failures in range(1, 6):
        studio.board.failing(failures, "nobody there")
    told = studio.publisher.to("queue-t")
    assert [each.what for each in told] == ["reconnecting"]
    assert told[0].body["result"][0]["reason"] == "nobody there"
    assert studio.publisher.what("queue-polled") == ["polling"]
    assert studio.publisher.what("queue-live") == ["live"]


async def test_an_interruption_begins_a_new_epoch_and_nothing_else_does(studio: Studio) -> None:
    studio.live(sub(), sub("other", B))
    for number in (1, 2):
        studio.receive(A, n=number)
        studio.receive(B, n=number)
    studio.board.interrupted([A], "cut")
    studio.board.interrupted([A], "told twice")
    studio.board.registered(A)
    studio.subscribe(sub("late"))
    for number in (3, 4):
        studio.receive(A, n=number)
        studio.receive(B, n=number)
    interrupted, untouched = [(0, 1), (0, 2), (1, 1), (1, 2)], [(0, 1), (0, 2), (0, 3), (0, 4)]
    assert studio.publisher.epochs("queue-t") == interrupted
    assert studio.publisher.epochs(REALTIME) == interrupted
    assert studio.publisher.epochs("queue-other") == untouched
    assert studio.publisher.epochs("fake.trade.B") == untouched


async def test_an_event_that_is_faster_than_its_registration_begins_the_epoch(studio: Studio) -> None:
    studio.subscribe(sub(snapshot=False))
    studio.receive(A, n=1)
    studio.board.registered(A)
    studio.receive(A, n=2)
    assert studio.publisher.epochs("queue-t") == [(0, 1), (0, 2)]
    assert studio.publisher.epochs(REALTIME) == [(0, 1), (0, 2)]
    studio.board.interrupted([A], "cut")
    studio.receive(A, n=3)
    studio.board.registered(A)
    studio.receive(A, n=4)
    assert studio.publisher.epochs("queue-t") == [(0, 1), (0, 2), (1, 1), (1, 2)]


async def test_the_epoch_of_an_event_that_waited_is_that_of_before_the_interruption(studio: Studio) -> None:
    studio.live(sub())
    studio.receive(A, n=1)
    studio.publisher.is_open = False
    studio.receive(A, n=2)
    studio.board.interrupted([A], "cut")
    studio.board.registered(A)
    studio.receive(A, n=3)
    studio.publisher.open()
    assert studio.publisher.epochs("queue-t") == [(0, 1), (0, 2), (1, 1)]
    assert studio.publisher.epochs(REALTIME) == [(0, 1), (0, 2), (1, 1)]


async def test_back_from_polling_begins_a_new_epoch(studio: Studio) -> None:
    studio.subscribe(sub(polling=True), sub("firm", polling=False))
    studio.board.failing(3, "down")
    studio.board.publish_polled(A, studio.streams.look(A))
    studio.board.publish_polled(A, studio.streams.look(A))
    studio.board.registered(A)
    studio.receive(A, n=1)
    assert studio.publisher.epochs("queue-t") == [(0, 1), (0, 2), (1, 1)]
    assert studio.publisher.epochs(REALTIME) == [(0, 1), (0, 2), (1, 1)]
    # What does not want to be polled got nothing of it.
    assert studio.publisher.what("queue-firm") == ["reconnecting", "live", 1]


async def test_what_comes_before_it_is_confirmed_begins_a_new_epoch_after_each_poll(studio: Studio) -> None:
    studio.subscribe(sub(polling=True))
    studio.board.failing(3, "down")
    studio.board.publish_polled(A, studio.streams.look(A))
    studio.receive(A, n=1)
    studio.receive(A, n=2)
    studio.board.publish_polled(A, studio.streams.look(A))
    studio.receive(A, n=3)
    wanted = [(0, 1), (1, 1), (1, 2), (1, 3), (2, 1)]
    assert studio.publisher.epochs("queue-t") == wanted
    assert studio.publisher.epochs(REALTIME) == wanted


async def test_a_slot_lost_to_a_notice_begins_a_new_epoch_and_ends_the_watch() -> None:
    studio = Studio(FakeStreams(capacity=2))
    seen: list[str] = []
    studio.board.watchers.append(Watching(seen))
    studio.live(sub())
    studio.receive(A, n=1)
    studio.subscribe(sub("executions", NOTICE), sub("more", NOTICE._replace(symbol="other")))
    assert studio.feed.wanted == (NOTICE, NOTICE._replace(symbol="other"))
    assert studio.board.book.mode(sub()) == "polling"
    assert "unwanted A" in seen
    studio.board.publish_polled(A, studio.streams.look(A))
    assert studio.publisher.what("queue-t") == [1, "polling", 1]
    assert studio.publisher.epochs("queue-t") == [(0, 1), (1, 1)]
    assert studio.publisher.epochs(REALTIME) == [(0, 1), (1, 1)]
    studio.close()


async def test_a_repeat_at_the_same_queue_goes_on(studio: Studio) -> None:
    studio.live(sub(snapshot=True))
    await studio.settled()
    looks = len(studio.streams.looks)
    studio.publisher.sent.clear()
    studio.receive(A, n=1)
    for correlation_id in ("c-t", "another"):
        studio.subscribe(sub(snapshot=True, correlation_id=correlation_id))
        studio.receive(A, n=2)
    await studio.settled()
    assert len(studio.streams.looks) == looks
    assert studio.publisher.what("queue-t") == [1, 2, 2]
    assert [each.body["sequence"] for each in studio.publisher.to("queue-t")] == [2, 3, 4]
    assert [each.route.correlation_id for each in studio.publisher.to("queue-t")] == ["c-t", "c-t", "another"]
    studio.board.interrupted([A], "cut")
    assert studio.publisher.to("queue-t")[-1].route.correlation_id == "another"


async def test_a_repeat_at_another_queue_begins_anew_there(studio: Studio) -> None:
    studio.live(sub())
    studio.receive(A, n=1)
    taken = studio.board.subscribe([sub(reply_to="new", snapshot=True)])
    studio.receive(A, n=2)
    assert studio.publisher.what("new") == []
    assert [each.mode for each in studio.board.standings(taken.receivers)] == ["realtime"]
    studio.board.begin(taken.receivers)
    await studio.settled()
    studio.receive(A, n=3)
    assert studio.publisher.what("queue-t") == [1]
    # Who reads there is new and wants the state; nothing since the repeat is lost.
    assert studio.publisher.what("new") == [1, 2, 3]
    assert studio.publisher.to("new")[0].body["result"][0]["snapshot"] is True
    assert studio.publisher.epochs("new") == [(0, 1), (0, 2), (0, 3)]


async def test_a_repeat_before_the_first_acknowledgement_waits_for_either(studio: Studio) -> None:
    first = studio.board.subscribe([sub()])
    second = studio.board.subscribe([sub(raw=True)])
    studio.board.registered(A)
    studio.receive(A, n=1)
    studio.board.standings(first.receivers)
    studio.board.begin(first.receivers)
    studio.board.standings(second.receivers)
    studio.board.begin(second.receivers)
    events = studio.publisher.to("queue-t")
    assert [each.what for each in events] == [1]
    assert "fields" in events[0].body["result"][0]


async def test_the_acknowledgement_of_a_replaced_task_begins_nothing_elsewhere(studio: Studio) -> None:
    first = studio.board.subscribe([sub()])
    second = studio.board.subscribe([sub(reply_to="new")])
    studio.board.registered(A)
    studio.receive(A, n=1)
    studio.board.begin(first.receivers)
    assert studio.publisher.what("queue-t") == studio.publisher.what("new") == []
    studio.board.begin(second.receivers)
    assert studio.publisher.what("new") == ["live", 1]


async def test_a_refusal_ends_it_for_everybody_and_is_told_once(studio: Studio) -> None:
    studio.live(sub("one"), sub("two"), sub("two", B))
    waiting = studio.board.subscribe([sub("three")])
    studio.board.interrupted([A], "cut")
    studio.publisher.sent.clear()
    studio.board.refused(A, refusal(), for_good=True)
    assert studio.publisher.what("queue-one") == studio.publisher.what("queue-two") == ["refused"]
    assert {each.task_id for each in studio.forgotten} == {"one", "two", "three"}
    assert [str(each.failure) for each in studio.board.standings(waiting.receivers)] == [str(refusal())]
    assert studio.feed.wanted == (B,)
    assert studio.bus.keys[-1] == "stream.fake.refused"
    assert studio.publisher.what("queue-three") == []


async def test_a_refusal_wakes_those_who_wait(studio: Studio) -> None:
    taken = studio.board.subscribe([sub(), sub("t", B)])
    assert [each.done() for each in taken.answers] == [False, False]
    studio.board.refused(A, refusal(), for_good=True)
    studio.board.registered(B)
    assert [each.done() for each in taken.answers] == [True, True]
    standings = studio.board.standings(taken.receivers)
    assert [each.failure is None for each in standings] == [False, True]


async def test_what_is_asked_for_again_right_after_a_refusal_hides_it_from_nobody(studio: Studio) -> None:
    first = studio.board.subscribe([sub("one")])
    studio.board.refused(A, refusal(), for_good=True)
    studio.board.subscribe([sub("two")])
    assert [str(each.failure) for each in studio.board.standings(first.receivers)] == [str(refusal())]


async def test_a_refusal_for_now_lets_rest_stand_in(studio: Studio) -> None:
    studio.live(sub())
    studio.board.interrupted([A], "cut")
    for _ in range(3):
        studio.board.refused(A, refusal("full"), for_good=False)
    assert studio.publisher.what("queue-t") == ["reconnecting", "polling"]
    assert studio.forgotten == []


async def test_own_notices_that_were_given_up_are_tried_again_for_a_task() -> None:
    studio = Studio(FakeStreams(own=(NOTICE,)))
    studio.board.refused(NOTICE, refusal(), for_good=True)
    assert studio.feed.wants == [(NOTICE,)]
    taken = studio.board.subscribe([sub("e", NOTICE)])
    assert studio.feed.wants == [(NOTICE,), (), (NOTICE,)]
    assert [each.done() for each in taken.answers] == [False]
    studio.board.refused(NOTICE, refusal(), for_good=True)
    assert [str(each.failure) for each in studio.board.standings(taken.receivers)] == [str(refusal())]
    assert studio.board.book.all() == ()
    studio.close()


async def test_nobody_waits_for_a_feed_that_cannot_be_reached(studio: Studio) -> None:
    waiting = studio.board.subscribe([sub("early")])
    studio.board.failing(1, "down")
    assert waiting.answers[0].done()
    assert studio.board.subscribe([sub("late", B)]).answers == []
    studio.board.connected()
    assert len(studio.board.subscribe([sub("later", C)]).answers) == 1


async def test_what_is_subscribed_while_the_feed_is_down_is_polled_at_once(studio: Studio) -> None:
    studio.board.failing(5, "down")
    taken = studio.board.subscribe([sub(), sub("t", STATUS)])
    assert [each.mode for each in studio.board.standings(taken.receivers)] == ["polling", "pending"]
    studio.board.begin(taken.receivers)
    assert studio.publisher.sent == []


async def test_an_unsubscription_ends_the_waiting(studio: Studio) -> None:
    taken = studio.board.subscribe([sub()])
    assert len(studio.board.unsubscribe("t", "fake.price", [])) == 1
    assert taken.answers[0].done()
    (standing,) = studio.board.standings(taken.receivers)
    assert isinstance(standing.failure, NotSubscribed)
    studio.board.begin(taken.receivers)
    assert studio.publisher.sent == []


async def test_a_late_confirmation_of_what_nobody_wants_changes_nothing(studio: Studio) -> None:
    seen: list[str] = []
    studio.board.watchers.append(Watching(seen))
    studio.live(sub())
    studio.board.unsubscribe("t", "fake.price", [])
    seen.clear()
    studio.board.registered(A)
    assert seen == []


async def test_a_full_feed_says_so() -> None:
    studio = Studio(FakeStreams(capacity=1))
    with pytest.raises(SubscriptionLimit, match=r"1 kept free for notices.*broker.list-subscriptions"):
        studio.board.subscribe([sub(polling=False)])
    studio.close()
    none = Studio(FakeStreams(capacity=0))
    with pytest.raises(SubscriptionLimit, match="fake has no live connection here"):
        none.board.subscribe([sub("s", STATUS)])
    none.subscribe(sub())
    assert none.board.book.mode(sub()) == "polling"
    none.close()


async def test_a_queue_that_is_gone_suspends_and_its_return_resumes(studio: Studio) -> None:
    studio.live(sub(), sub("t", B), sub("other"))
    studio.receive(A, n=1)
    studio.publisher.missing.add("queue-t")
    studio.receive(A, n=2)
    studio.receive(A, n=3)
    studio.board.interrupted([A], "cut")
    studio.board.registered(A)
    assert studio.publisher.what("queue-t") == [1, 2]  # not even a status
    assert studio.publisher.what("queue-other") == [1, 2, 3, "reconnecting", "live"]
    assert studio.bus.keys.count("subscription.fake.suspended") == 2
    studio.publisher.missing.clear()
    studio.board.queue_is_back("queue-t")
    assert studio.bus.keys.count("subscription.fake.resumed") == 2
    studio.board.queue_is_back("queue-t")
    studio.receive(A, n=4)
    assert studio.publisher.what("queue-t") == [1, 2, "resumed", "resumed", 4]
    assert studio.publisher.epochs("queue-t") == [(0, 1), (0, 2), (1, 1)]
    assert studio.publisher.to("queue-t")[2].body["result"][0]["mode"] == "realtime"


async def test_a_queue_that_stays_away_ends_its_subscriptions(studio: Studio) -> None:
    studio.live(sub(), sub("other"))
    studio.publisher.missing.add("queue-t")
    studio.receive(A, n=1)
    studio.clock.advance(59)
    assert studio.board.overdue_queues() == ()
    studio.board.queue_is_gone("queue-t")
    assert len(studio.board.book.all()) == 2
    studio.clock.advance(1)
    assert studio.board.overdue_queues() == ("queue-t",)
    studio.board.queue_is_gone("queue-t")
    assert [each.task_id for each in studio.board.book.all()] == ["other"]
    assert [each.task_id for each in studio.forgotten] == ["t"]
    assert studio.bus.keys[-1] == "subscription.fake.dropped"


async def test_a_queue_that_nobody_reads_ends_its_subscriptions_and_they_are_told(studio: Studio) -> None:
    studio.live(sub())
    studio.board.queue_seen("queue-t", 0)
    studio.clock.advance(600)
    studio.board.queue_seen("queue-t", 0)
    assert studio.publisher.what("queue-t") == ["dropped"]
    assert [each.task_id for each in studio.forgotten] == ["t"]


async def test_a_dropped_subscription_is_told(studio: Studio) -> None:
    studio.live(sub(), sub("t", B))
    assert len(studio.board.drop("t", "by an operator")) == 2
    assert studio.publisher.what("queue-t") == ["dropped", "dropped"]
    assert studio.bus.keys == ["subscription.fake.dropped"] * 2


async def test_a_polled_registration_whose_readers_are_all_gone_is_still_wanted() -> None:
    studio = Studio(FakeStreams(capacity=0))
    studio.subscribe(sub("one"), sub("two"))
    studio.board.publish_polled(A, studio.streams.look(A))
    studio.publisher.missing.add("queue-one")
    studio.board.publish_polled(A, studio.streams.look(A))
    studio.board.unsubscribe("two", "fake.price", [])
    studio.board.publish_polled(A, studio.streams.look(A))
    assert studio.publisher.epochs(REALTIME) == [(0, 1), (0, 2), (0, 3)]
    studio.close()


async def test_what_is_stale_stays_so_until_data_come(studio: Studio) -> None:
    studio.live(sub())
    studio.receive(A, n=1)
    studio.board.serving.turn_stale(A, "mute")
    studio.board.interrupted([A], "it is being registered again")
    studio.board.registered(A)
    studio.subscribe(sub("late"))
    studio.board.serving.turn_fresh(A, "data comes again", missed=True)
    studio.receive(A, n=2)
    assert studio.publisher.what("queue-t") == [1, "stale", "reconnecting", "stale", "live", 2]
    assert studio.publisher.epochs("queue-t") == [(0, 1), (1, 1)]
    # Who comes later learns it too, after its acknowledgement.
    assert studio.publisher.what("queue-late") == ["stale", "live", 2]


async def test_what_was_stale_for_no_reason_keeps_its_epoch(studio: Studio) -> None:
    studio.live(sub())
    studio.receive(A, n=1)
    studio.board.serving.turn_stale(A, "nothing to compare with")
    studio.board.serving.turn_fresh(A, "the market is quiet", missed=False)
    studio.receive(A, n=2)
    assert studio.publisher.epochs("queue-t") == [(0, 1), (0, 2)]


async def test_what_an_earlier_worker_served_goes_on_in_a_new_epoch(studio: Studio) -> None:
    studio.board.restore([sub(snapshot=True), sub("t", BOOK)])
    studio.board.registered(A)
    studio.receive(A, n=1)
    await studio.settled()
    assert studio.streams.looks == []
    assert studio.publisher.what("queue-t") == ["reconnecting", "reconnecting", "live", 1]
    assert len(studio.board.promised()) == 2


async def test_what_is_restored_and_polled_says_so() -> None:
    studio = Studio(FakeStreams(capacity=0))
    studio.board.restore([sub()])
    assert studio.publisher.what("queue-t") == ["polling"]
    studio.close()


async def test_only_what_is_acknowledged_is_left_to_another_board(studio: Studio) -> None:
    studio.subscribe(sub("begun"))
    studio.subscribe(sub("answered"), begin=False)
    studio.board.subscribe([sub("asked")])
    assert [each.task_id for each in studio.board.promised()] == ["begun", "answered"]


async def test_closing_ends_the_waiting(studio: Studio) -> None:
    taken = studio.board.subscribe([sub()])
    studio.board.close()
    assert taken.answers[0].done()


async def test_the_key_of_the_vendors_own_form_is_its_code(studio: Studio) -> None:
    studio.live(sub(), sub("own", vendor_form=True))
    studio.receive(A, n=1)
    assert {each.body["key"] for each in studio.publisher.sent} == {"trade.A", "TRADE.A"}
    assert studio.publisher.to("queue-own")[0].body["result"][0]["type"] == "raw"


class Watching:
    """Writes down what a watcher is told."""

    def __init__(self, seen: list[str]) -> None:
        self._seen = seen

    def registered(self, registration: Registration) -> None:
        self._seen.append(f"registered {registration.symbol}")

    def received(self, registration: Registration, incoming: Incoming) -> None:
        self._seen.append(f"received {registration.symbol}")

    def interrupted(self, registrations: Sequence[Registration]) -> None:
        self._seen.append("interrupted")

    def unwanted(self, registration: Registration) -> None:
        self._seen.append(f"unwanted {registration.symbol}")
