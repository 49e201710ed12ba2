"""One address that the broker cannot publish to is found, and every other one goes on."""

from __future__ import annotations

from hypothesis import given
from hypothesis import strategies as st

from broker_server.amqp.direct_addresses import DirectAddresses


class FailingBroker:
    """Closes the connection as soon as one of the bad addresses is published to."""

    def __init__(self, bad: set[str]) -> None:
        self.bad = bad
        self.addresses = DirectAddresses()
        self.answered: list[str] = []
        self.failures = 0

    def session(self, tasks: list[str]) -> list[str]:
        """One connection; returns the tasks that come again on the next one."""
        left: list[str] = []
        published: list[str] = []
        for address in tasks:
            if self.addresses.is_refused(address):
                self.answered.append(address)
            else:
                left.append(address)
                self.addresses.publish(address, lambda address=address: published.append(address))
        while published:
            if self.bad.intersection(published):
                self.failures += 1
                self.addresses.connection_ended(by_failure_of_the_broker=True)
                return left
            address = published.pop(0)
            left.remove(address)
            self.answered.append(address)
            self.addresses.settled(address)
        return left


@given(
    st.lists(st.sampled_from(["good-1", "good-2", "good-3", "bad-1", "bad-2"]), max_size=12),
)
def test_every_task_is_answered_after_a_few_connections(tasks: list[str]) -> None:
    broker = FailingBroker({"bad-1", "bad-2"})
    left = list(tasks)
    for _ in range(6):
        left = broker.session(left)
    assert left == []
    assert sorted(broker.answered) == sorted(tasks)
    assert broker.failures <= 3


def test_an_ordinary_cut_makes_nobody_a_suspect() -> None:
    addresses = DirectAddresses()
    addresses.publish("client", lambda: None)
    addresses.connection_ended(by_failure_of_the_broker=False)
    sent: list[int] = []
    addresses.publish("client", lambda: sent.append(1))
    addresses.publish("client", lambda: sent.append(2))
    assert sent == [1, 2]
    assert not addresses.is_refused("client")
