"""The broker fixtures that every other test stands on."""

from __future__ import annotations

import pika
import pytest
from pika.exceptions import AMQPError, ChannelClosedByBroker

from broker_server.amqp.private_node import PrivateNode
from tests.support.node_data import wait_until_registered
from tests.support.tcp_proxy import TcpProxy
from tests.support.waiting import wait_until


@pytest.fixture
def leftovers(broker_url: str) -> None:
    """A queue and an exchange of ours that an earlier test forgot."""
    with pika.BlockingConnection(pika.URLParameters(broker_url)) as connection:
        channel = connection.channel()
        channel.queue_declare("tasks.kis.default", durable=True, arguments={"x-queue-type": "quorum"})
        channel.exchange_declare("broker.realtime", "topic", durable=True)


def test_clean_broker_has_nothing_of_ours(leftovers: None, clean_broker: str) -> None:
    with pika.BlockingConnection(pika.URLParameters(clean_broker)) as connection:
        with pytest.raises(ChannelClosedByBroker, match="NOT_FOUND"):
            connection.channel().queue_declare("tasks.kis.default", passive=True)
        with pytest.raises(ChannelClosedByBroker, match="NOT_FOUND"):
            connection.channel().exchange_declare("broker.realtime", passive=True)


def test_proxy_passes_messages_and_cuts_connections(clean_broker: str) -> None:
    parameters = pika.URLParameters(clean_broker)
    with TcpProxy(parameters.host, parameters.port) as proxy:
        parameters.port, parameters.host = proxy.port, "127.0.0.1"
        connection = pika.BlockingConnection(parameters)
        channel = connection.channel()
        channel.queue_declare("test.proxy")
        channel.basic_publish("", "test.proxy", b"through")
        assert wait_until(lambda: channel.basic_get("test.proxy", auto_ack=True)[2]) == b"through"
        assert proxy.open_connections == 1

        assert proxy.cut() == 1
        with pytest.raises(AMQPError):
            channel.queue_declare("test.proxy")
        with pika.BlockingConnection(parameters) as second:
            second.channel().queue_declare("test.proxy")

        proxy.refuse()
        with pytest.raises(AMQPError):
            pika.BlockingConnection(parameters)
        proxy.resume()
        with pika.BlockingConnection(parameters) as third:
            third.channel().queue_delete("test.proxy")


def test_paused_proxy_delivers_later_what_was_sent_meanwhile(clean_broker: str) -> None:
    target = pika.URLParameters(clean_broker)
    with TcpProxy(target.host, target.port) as proxy:
        through = pika.URLParameters(clean_broker)
        through.host, through.port = "127.0.0.1", proxy.port
        with pika.BlockingConnection(through) as behind, pika.BlockingConnection(target) as direct:
            direct_channel = direct.channel()
            direct_channel.queue_declare("test.paused")
            channel = behind.channel()
            proxy.pause()
            channel.basic_publish("", "test.paused", b"late")
            assert direct_channel.basic_get("test.paused")[0] is None
            proxy.resume()
            assert wait_until(lambda: direct_channel.basic_get("test.paused", auto_ack=True)[2]) == b"late"
            direct_channel.queue_delete("test.paused")


def test_private_node_fixture_keeps_a_durable_message_over_a_kill(private_node: PrivateNode) -> None:
    with pika.BlockingConnection(pika.URLParameters(private_node.url)) as connection:
        channel = connection.channel()
        channel.confirm_delivery()
        channel.queue_declare("tasks", durable=True, arguments={"x-queue-type": "quorum"})
        channel.basic_publish("", "tasks", b"kept", pika.BasicProperties(delivery_mode=2), mandatory=True)
    wait_until_registered(private_node, "tasks")
    private_node.kill()
    with pytest.raises(AMQPError):
        pika.BlockingConnection(pika.URLParameters(private_node.url))
    private_node.restart()

    def body() -> bytes | None:
        with pika.BlockingConnection(pika.URLParameters(private_node.url)) as connection:
            received: bytes | None = connection.channel().basic_get("tasks", auto_ack=True)[2]
            return received

    assert wait_until(body) == b"kept"
