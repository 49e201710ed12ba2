"""Each role with its least rights: everything works, and nothing else is allowed."""

from __future__ import annotations

import asyncio
import json
import uuid
from collections.abc import Callable, Iterator
from pathlib import Path
from typing import Any, cast

import pika
import pytest
import requests
from pika import spec
from pika.adapters.blocking_connection import BlockingChannel
from pika.exceptions import ChannelClosedByBroker
from typer.testing import CliRunner

from broker_client import AsyncClient, BrokerUnreachable, Client
from broker_client.address import login_user, reply_prefix
from broker_client.cli import app as client_app
from broker_server.check_worker import ask_worker
from broker_server.core.accounts import AccountKey
from tests.integration.security.conftest import GuardedNode
from tests.support.processes import CommandProcess, start_server
from tests.support.waiting import wait_until

VICTIM = f"{reply_prefix('stranger')}{uuid.uuid4()}"


@pytest.fixture(scope="module")
def worker(guarded_node: GuardedNode, tmp_path_factory: pytest.TempPathFactory) -> Iterator[CommandProcess]:
    folder = tmp_path_factory.mktemp("worker")
    environment = {
        "BROKER_URL": guarded_node.url("worker"),
        "JOURNAL_URL": f"sqlite:///{folder / 'journal.sqlite3'}",
        "LOG_FORMAT": "json",
    }
    vendors = "kis,kiwoom,koscom"
    with start_server("run", "--simulate", "--vendors", vendors, environment=environment) as running:
        running.wait_ready()
        yield running


@pytest.fixture(scope="module")
def gateway(
    guarded_node: GuardedNode, worker: CommandProcess, tmp_path_factory: pytest.TempPathFactory
) -> Iterator[str]:
    folder = tmp_path_factory.mktemp("gateway")
    environment = {
        "BROKER_URL": guarded_node.url("gateway"),
        "PRICES_URL": f"sqlite:///{folder / 'prices.sqlite3'}",
        "GATEWAY_PORT": "0",
    }
    with start_server("gateway", "--simulate", environment=environment) as running:
        yield running.wait_ready().partition("=")[2]


@pytest.fixture(scope="module")
def everything(guarded_node: GuardedNode, worker: CommandProcess, gateway: str) -> GuardedNode:
    """The node after worker, gateway and clients have done what they are there for."""
    with Client(guarded_node.url("trader")) as client:
        assert client.call("kis.get-current-price", ticker="005930").first["ticker"] == "005930"
        bought = client.call("kis.buy-order", ticker="005930", quantity=3, order_type="market")
        assert bought.first["order_no"]
        with client.stream("kis.subscribe-realtime-price", ticker="005930") as stream:
            assert next(iter(stream)).data["ticker"] == "005930"
        assert client.call("broker.halt-orders", reason="a test").result
        assert client.call("broker.resume-orders", reason="a test").result
        assert client.call("broker.get-status").result

    async def ask() -> None:
        async with AsyncClient(guarded_node.url("trader")) as other:
            assert (await other.call("broker.ping")).result
            async with other.stream("kis.subscribe-realtime-price", ticker="000660") as stream:
                async for event in stream:
                    assert event.data["ticker"] == "000660"
                    break

    asyncio.run(ask())
    wait_until(lambda: requests.get(f"{gateway}/readyz", timeout=60).status_code == 200, what="the gateway")
    price = requests.get(f"{gateway}/api/kr/stocks/005930/realtime-price", timeout=60).json()
    assert price["ticker"] == "005930"

    # A client without our library: direct reply-to, a queue that the broker names, events for all.
    with pika.BlockingConnection(pika.URLParameters(guarded_node.url("trader"))) as bare:
        channel = bare.channel()
        assert _ping(channel, "amq.rabbitmq.reply-to")["status"] == "TASK_SUCCEED"
        named = channel.queue_declare("", exclusive=True).method.queue
        for exchange in ("broker.events", "broker.realtime"):
            channel.queue_bind(named, exchange, "#")
        assert _ping(channel, named)["status"] == "TASK_SUCCEED"
    # The original's: the default reply queue.
    with pika.BlockingConnection(pika.URLParameters(guarded_node.url("original"))) as bare:
        assert _ping(bare.channel(), None)["status"] == "TASK_SUCCEED"
    return guarded_node


def _ping(channel: BlockingChannel, reply_to: str | None) -> dict[str, Any]:
    found: list[bytes] = []
    tag = channel.basic_consume(reply_to or "sapi-kiwoom", lambda *came: found.append(came[3]), auto_ack=True)
    body = json.dumps({"task_id": str(uuid.uuid4()), "method": "broker.ping"}).encode()
    channel.basic_publish("", "tasks", body, pika.BasicProperties(reply_to=reply_to))

    def answered() -> bool:
        channel.connection.process_data_events(0.1)
        return bool(found)

    wait_until(answered, what="the answer")
    channel.basic_cancel(tag)
    answer: dict[str, Any] = json.loads(found[0])
    return answer


def test_each_role_does_its_work_and_is_refused_nothing(
    everything: GuardedNode, worker: CommandProcess
) -> None:
    for user in ("worker", "gateway", "trader", "original"):
        assert everything.refusals(user) == []
    assert "ACCESS_REFUSED" not in worker.output


def test_what_asks_a_worker_under_its_own_user_is_answered(everything: GuardedNode) -> None:
    url = everything.url("worker")
    results = list(ask_worker(url, "simulated", AccountKey("kis", "default"), account=True))
    assert [(each.item, each.detail) for each in results if not each.passed] == []
    assert {each.item for each in results} >= {"kis worker", "kis quote", "kis account"}
    # The health check of the container.
    shown = CliRunner().invoke(client_app, ["status", "--url", url, "--json"])
    assert shown.exit_code == 0, shown.output
    # The gateway of run --gateway hears live data.
    with Client(url) as client, client.stream("kis.subscribe-realtime-price", ticker="005930") as stream:
        assert next(iter(stream)).data["ticker"] == "005930"
        with pika.BlockingConnection(pika.URLParameters(url)) as bare:
            channel = bare.channel()
            channel.queue_bind(
                channel.queue_declare("", exclusive=True).method.queue, "broker.realtime", "kis.trade.#"
            )


def test_clients_use_queues_of_their_users_namespace_only(everything: GuardedNode) -> None:
    names = {declared.queue for declared in everything.tap.all_of(spec.Queue.Declare)}
    of_clients = {name for name in names if name.startswith("broker.client.")}
    for user in ("trader", "gateway"):
        assert any(name.startswith(reply_prefix(user)) for name in of_clients)
    users = ("trader", "gateway", "worker")
    assert all(name.startswith(tuple(map(reply_prefix, users))) for name in of_clients)
    assert reply_prefix(login_user("amqp://a%2Eb:x@h/")) == "broker.client.a:2Eb."
    assert not reply_prefix("a.b").startswith(reply_prefix("a"))
    assert len(reply_prefix("트" * 80)) < 100


GONE = {"x-queue-mode", "x-queue-master-locator", "x-queue-version", "x-ha-policy", "x-max-priority"}
"""Arguments of queues that RabbitMQ 4 ignores or refuses for what we declare: lazy and mirrored queues,
where the leader is, version 1 of classic queues, priorities of quorum queues before 4.0."""


def test_nothing_is_used_that_rabbitmq_4_took_out(everything: GuardedNode) -> None:
    declared = everything.tap.all_of(spec.Queue.Declare)
    real = [each for each in declared if not each.passive]
    assert {"tasks", "tasks.orders", "tasks.kis.default.orders"} <= {each.queue for each in real}
    for each in real:
        arguments = each.arguments or {}
        assert each.durable or each.exclusive, f"{each.queue} is transient and not exclusive"
        assert not GONE & set(arguments), each.queue
        if arguments.get("x-queue-type") == "quorum":
            assert each.durable
            assert not each.exclusive
            assert not each.auto_delete
            assert arguments.get("x-overflow") != "reject-publish-dlx"
    prefetches = everything.tap.all_of(spec.Basic.Qos)
    assert len(prefetches) > 5
    assert not any(each.global_qos or each.prefetch_size for each in prefetches)
    assert not any(each.auto_delete or each.internal for each in everything.tap.all_of(spec.Exchange.Declare))
    frames = {each.frame_max for each in everything.tap.all_of(spec.Connection.TuneOk)}
    assert frames
    assert min(frames) >= 8192  # 4.0 refuses less
    published = everything.tap.all_of(spec.Basic.Publish)
    assert published
    assert not any(getattr(each, "immediate", False) for each in published)


Attempt = Callable[[BlockingChannel], object]
_consumed = ("tasks", "tasks.orders", "tasks.expired", "tasks.rejected", "replies.unroutable", VICTIM)
_owned = ("broker.owner.kis.default", "broker.environment.simulated", "tasks.kis", "sapi-kiwoom")
ATTEMPTS: dict[str, Attempt] = {
    **{f"consume {name}": lambda c, n=name: c.basic_consume(n, print) for name in (*_consumed, *_owned)},
    **{f"get {name}": lambda c, n=name: c.basic_get(n) for name in (*_consumed, *_owned)},
    **{f"purge {name}": lambda c, n=name: c.queue_purge(n) for name in (*_consumed, *_owned)},
    **{f"delete {name}": lambda c, n=name: c.queue_delete(n) for name in (*_consumed, *_owned)},
    "declare a queue of workers": lambda c: c.queue_declare("tasks.other", durable=True),
    "declare a queue of another user": lambda c: c.queue_declare(f"{VICTIM}.1", durable=True),
    "declare an exchange": lambda c: c.exchange_declare("broker.other"),
    "delete an exchange": lambda c: c.exchange_delete("broker.events"),
    "take a lease": lambda c: c.queue_declare("broker.owner.kis.second", exclusive=True),
    "pose as a worker": lambda c: c.queue_declare("broker.environment.real", auto_delete=True, durable=True),
    "hear commands": lambda c: c.queue_bind(
        c.queue_declare("", exclusive=True).method.queue, "broker.control"
    ),
    "forge a tick": lambda c: _publish(c, "broker.realtime", "kis.trade.005930"),
    "forge an event": lambda c: _publish(c, "broker.events", "order.kis.default.filled"),
    "command the workers": lambda c: _publish(c, "broker.control", ""),
    "forge events by dead-lettering": lambda c: c.queue_declare(
        f"{reply_prefix('trader')}dead", durable=True, arguments={"x-dead-letter-exchange": "broker.events"}
    ),
    "forge events by a binding": lambda c: c.exchange_bind("broker.events", "broker.realtime", "#"),
}


def _publish(channel: BlockingChannel, exchange: str, key: str) -> None:
    channel.confirm_delivery()
    channel.basic_publish(exchange, key, b"{}")


def test_a_client_is_refused_what_is_not_its_own(everything: GuardedNode) -> None:
    with (
        pika.BlockingConnection(pika.URLParameters(everything.url("stranger"))) as theirs,
        pika.BlockingConnection(pika.URLParameters(everything.url("trader"))) as mine,
    ):
        theirs.channel().queue_declare(VICTIM, durable=True)
        for what, attempt in ATTEMPTS.items():
            channel = mine.channel()
            with pytest.raises(ChannelClosedByBroker) as refused:
                attempt(channel)
            assert refused.value.reply_code == 403, (what, refused.value)
        theirs.channel().queue_delete(VICTIM)


def test_what_no_permission_can_forbid_publishing_to_a_queue_by_its_name(everything: GuardedNode) -> None:
    """The limit that docs/topics/security.md names."""
    with (
        pika.BlockingConnection(pika.URLParameters(everything.url("stranger"))) as theirs,
        pika.BlockingConnection(pika.URLParameters(everything.url("trader"))) as mine,
    ):
        channel = theirs.channel()
        channel.queue_declare(VICTIM, durable=True)
        sender = mine.channel()
        sender.confirm_delivery()
        sender.basic_publish("", VICTIM, b"forged", mandatory=True)
        assert channel.basic_get(VICTIM, auto_ack=True)[2] == b"forged"
        channel.queue_delete(VICTIM)


def test_an_exclusive_queue_that_the_broker_named_is_locked_to_others(guarded_node: GuardedNode) -> None:
    with (
        pika.BlockingConnection(pika.URLParameters(guarded_node.url("stranger"))) as theirs,
        pika.BlockingConnection(pika.URLParameters(guarded_node.url("trader"))) as mine,
    ):
        name = theirs.channel().queue_declare("", exclusive=True).method.queue
        attempts: list[Attempt] = [
            lambda channel: channel.basic_get(name),
            lambda channel: channel.queue_delete(name),
            lambda channel: channel.queue_bind(name, "broker.events", "#"),
        ]
        for attempt in attempts:
            with pytest.raises(ChannelClosedByBroker) as refused:
                attempt(mine.channel())
            assert refused.value.reply_code == 405


@pytest.mark.parametrize("login", ["guest:guest", "monitoring:", "monitoring:monitoring", "trader:wrong"])
def test_nobody_else_gets_in(guarded_node: GuardedNode, login: str) -> None:
    url = f"amqp://{login}@127.0.0.1:{guarded_node.tap.port}/%2F"
    with pytest.raises(BrokerUnreachable, match=r"ACCESS_REFUSED|refused") as caught:
        Client(url, timeout=60)
    assert "\n" not in str(caught.value)


@pytest.fixture
def others_namespace(monkeypatch: pytest.MonkeyPatch) -> None:
    """Our clients of the user trader ask for queues of another user's."""
    monkeypatch.setattr("broker_client.base.login_user", lambda url: "stranger")


def test_a_client_that_lacks_a_right_says_which_in_one_line(
    everything: GuardedNode, others_namespace: None
) -> None:
    lacks = "'trader' (has no configure right on|may not use)"
    expected = rf"{lacks} the queue 'broker\.client\.stranger\..*security\.md"
    with pytest.raises(BrokerUnreachable, match=expected) as caught:
        Client(everything.url("trader"), timeout=60)
    assert "\n" not in str(caught.value)

    async def connect() -> None:
        async with AsyncClient(everything.url("trader"), timeout=60):
            pass

    with pytest.raises(BrokerUnreachable, match=expected) as caught:
        asyncio.run(connect())
    assert "\n" not in str(caught.value)


def test_a_task_that_may_not_be_sent_ends_at_once_and_says_so(
    everything: GuardedNode, monkeypatch: pytest.MonkeyPatch
) -> None:
    url = everything.url("trader")
    lacks = "'trader' (has no write right on|may not use)"
    expected = rf"was not sent: RabbitMQ user {lacks} the exchange 'broker\.control'"
    publish = cast("Any", pika.channel.Channel.basic_publish)

    def elsewhere(channel: Any, exchange: str, **given: Any) -> None:
        publish(channel, exchange="broker.control", **given)

    monkeypatch.setattr(pika.channel.Channel, "basic_publish", elsewhere)
    with Client(url, timeout=60) as client:
        for method in ("broker.ping", "kis.cancel-order"):
            with pytest.raises(BrokerUnreachable, match=f"{method} .*{expected}"):
                client.call(method)
            wait_until(lambda: client._link.trouble is None, what="the next connection")


def test_a_worker_that_lacks_a_right_ends_with_one_line(guarded_node: GuardedNode, tmp_path: Path) -> None:
    environment = {
        "BROKER_URL": guarded_node.url("stranger"),
        "JOURNAL_URL": f"sqlite:///{tmp_path / 'journal.sqlite3'}",
        "LOG_LEVEL": "error",
    }
    with start_server("run", "--simulate", environment=environment) as running:
        assert running.wait() == 2, running.output
        (line,) = [line for line in running.stderr_lines if line.startswith("broker-server:")]
    assert "RabbitMQ user 'stranger'" in line
    assert "docs/topics/security.md" in line
