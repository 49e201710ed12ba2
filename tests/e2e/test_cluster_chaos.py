"""A cluster of three RabbitMQ nodes that loses nodes, workers and wires under reads, orders and a stream.

The two workers share a journal in PostgreSQL, as in ``docker/compose.cluster.yaml``.

``-s`` shows the seconds of each takeover.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Iterator
from pathlib import Path

import pytest
import requests

from tests.support.cluster_floor import HEARTBEAT, ClusterFloor, running_floor, tell
from tests.support.cluster_load import STREAMED
from tests.support.gateway_process import running_gateway
from tests.support.nginx import Nginx
from tests.support.postgres import fresh_database
from tests.support.rabbitmq_cluster import NET_TICK_SECONDS, Cluster, ClusterNode, running_cluster
from tests.support.waiting import wait_until

pytestmark = [pytest.mark.chaos, pytest.mark.timeout(1800)]

KILLED = 5.0
SILENT = 3 * HEARTBEAT + 5.0
BETWEEN_NODES = NET_TICK_SECONDS + 15.0
TASK_QUEUES = ("tasks.orders", "tasks", "tasks.kis.default.orders", "tasks.kis")


@pytest.fixture(scope="module")
def shared_cluster(tmp_path_factory: pytest.TempPathFactory) -> Iterator[Cluster]:
    with running_cluster(tmp_path_factory.mktemp("cluster")) as cluster:
        yield cluster


@pytest.fixture
def floor(shared_cluster: Cluster, tmp_path: Path, postgres_url: str) -> Iterator[ClusterFloor]:
    with (
        fresh_database(postgres_url) as journal_url,
        running_floor(shared_cluster, tmp_path, journal_url) as floor,
    ):
        yield floor


def survive(floor: ClusterFloor, what: str, fault: Callable[[], None], bound: float) -> None:
    """Make a fault under load, measure the takeover, and see everything go on; restore, and go on again."""
    before = floor.leases()
    with floor.load as load:
        began = time.monotonic()
        fault()
        seconds = floor.takeover(before, began)
        load.wait_more()
        again = time.monotonic() - began
        floor.restore()
        load.wait_more()
    floor.finish()
    tell(f"{what}: lease after {seconds:.1f} s (bound {bound:g}), 5 more of each after {again:.1f} s")
    tell(f"  {load.counts}; slowest {floor.slowest(began)}")
    assert seconds <= bound


def leader_beside(floor: ClusterFloor) -> ClusterNode:
    """A node that leads a queue of tasks and does not have the lease, where there is one."""
    homes = [floor.cluster.home(queue) for queue in TASK_QUEUES]
    return next((node for node in homes if node is not floor.lease_node), homes[0])


def test_node_with_the_lease_is_killed(floor: ClusterFloor) -> None:
    survive(floor, "node with the lease killed", floor.lease_node.kill, KILLED)


def test_node_that_leads_the_orders_is_killed(floor: ClusterFloor) -> None:
    leader = floor.cluster.home("tasks.kis.default.orders")
    with floor.load as load:
        began = time.monotonic()
        leader.kill()
        load.wait_more()
        again = time.monotonic() - began
        floor.restore()
        load.wait_more()
    floor.finish()
    tell(f"leader of the orders killed: 5 more of each after {again:.1f} s")
    tell(f"  {load.counts}; slowest {floor.slowest(began)}")


@pytest.mark.parametrize("place", [1, 2])
def test_node_without_the_lease_is_killed(floor: ClusterFloor, place: int) -> None:
    before = floor.leases()
    with floor.load as load:
        began = time.monotonic()
        floor.cluster.nodes[place].kill()
        load.wait_more()
        again = time.monotonic() - began
        floor.restore()
        load.wait_more()
    assert floor.leases() == before, "the lease stayed where it was"
    floor.finish()
    tell(f"another node killed: 5 more of each after {again:.1f} s; slowest {floor.slowest(began)}")


def test_owner_is_killed(floor: ClusterFloor) -> None:
    survive(floor, "owner killed", lambda: floor.owner.process.kill() and None, KILLED)


def test_owner_and_the_node_with_its_lease_are_killed(floor: ClusterFloor) -> None:
    def kill_both() -> None:
        floor.lease_node.kill()
        floor.owner.process.kill()

    survive(floor, "owner and its node killed", kill_both, KILLED)


def test_leader_is_killed_and_then_the_owner(floor: ClusterFloor) -> None:
    leader = leader_beside(floor)

    def kill_both() -> None:
        leader.kill()
        floor.owner.process.kill()

    survive(floor, "a leader, then the owner killed", kill_both, KILLED)


def test_owner_is_cut_off_in_silence(floor: ClusterFloor) -> None:
    survive(floor, "owner cut off", floor.owner.cut_off, SILENT)


def test_node_with_the_lease_freezes(floor: ClusterFloor) -> None:
    survive(floor, "node with the lease frozen", floor.lease_node.freeze, BETWEEN_NODES)


def test_node_with_the_lease_is_cut_from_the_others(floor: ClusterFloor) -> None:
    """Until that node notices, two workers have a lease: the journal lets only the new owner send."""
    before = floor.leases()
    with floor.load as load:
        began = time.monotonic()
        floor.cluster.cut(floor.lease_node)
        seconds = floor.takeover(before, began)
        new = next(worker for at, worker in enumerate(floor.workers) if worker.leases > before[at])
        others = [worker for worker in floor.workers if worker is not new]
        of_the_old_owner = [worker.tap.orders for worker in others]
        load.wait_more()
        assert [worker.tap.orders for worker in others] == of_the_old_owner
        floor.restore()
        load.wait_more()
    floor.finish()
    tell(f"node with the lease cut off: lease after {seconds:.1f} s (bound {BETWEEN_NODES:g})")
    tell(f"  {load.counts}; slowest {floor.slowest(began)}")
    assert seconds <= BETWEEN_NODES


def test_whole_cluster_is_lost_and_comes_back(floor: ClusterFloor) -> None:
    survivor = floor.cluster.nodes[2]
    before = floor.leases()
    with floor.load as load:
        for node in floor.cluster.nodes[:2]:
            node.kill()
        wait_until(lambda: not survivor.accepts(), 60, "the last node to pause")
        for worker in floor.workers:
            worker.process.wait_for_log("no host of BROKER_URL answers")
        came_back = time.monotonic()
        floor.restore()
        whole = time.monotonic()
        seconds = floor.takeover(before, whole)
        load.wait_more()
    floor.finish()
    tell(f"whole cluster: back after {whole - came_back:.1f} s, then a lease after {seconds:.1f} s")


def test_prices_behind_nginx_go_on_while_each_node_in_turn_is_killed(
    floor: ClusterFloor, tmp_path: Path
) -> None:
    """With the gateway and nginx it is all of ``docker/compose.cluster.yaml``."""

    def newer_than(seen: str) -> str:
        answer = requests.get(f"{nginx.url}/api/kr/stocks/{STREAMED}/realtime-price", timeout=60)
        assert answer.status_code == 200, answer.text
        newest: str = answer.json()["timestamp"]
        assert newest > seen, answer.text
        return newest

    place = tmp_path / "nginx"
    place.mkdir()
    with (
        floor.load as load,
        running_gateway(floor.cluster.url_from(floor.lease_node), tmp_path) as address,
        Nginx(place, address.removeprefix("http://")) as nginx,
    ):
        seen = wait_until(lambda: newer_than(""), 120, "a price")
        for node in floor.cluster.nodes:
            began = time.monotonic()
            node.kill()
            seen = wait_until(lambda: newer_than(seen), 120, "a newer price")  # noqa: B023 - called at once
            tell(f"{node.name} killed: a newer price after {time.monotonic() - began:.1f} s")
            load.wait_more()
            floor.restore()
    floor.finish()
