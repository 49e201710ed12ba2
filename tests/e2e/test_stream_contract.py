"""The promises of live data, kept by every vendor."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any, ClassVar

import pytest

from tests.support.broker_cleaning import clean
from tests.support.stream_suite import Scene, StreamSuite


@pytest.fixture(scope="module")
def scene(_test_broker: Any, tmp_path_factory: pytest.TempPathFactory) -> Iterator[Scene]:
    """One worker with all vendors."""
    clean(_test_broker.url, _test_broker.management)
    scene = Scene(_test_broker.url, tmp_path_factory.mktemp("streams"))
    try:
        yield scene
        assert scene.worker.terminate() == 0, scene.worker.output
        assert "Traceback" not in scene.worker.output
    finally:
        scene.close()
        clean(_test_broker.url, _test_broker.management)


class TestKis(StreamSuite):
    vendor = "kis"
    subscribe = "kis.subscribe-realtime-price"
    unsubscribe = "kis.unsubscribe-realtime-price"


class TestKiwoom(StreamSuite):
    vendor = "kiwoom"
    subscribe = "kiwoom.subscribe-realtime-price"
    unsubscribe = "kiwoom.unsubscribe-realtime-price"


class TestKoscom(StreamSuite):
    vendor = "koscom"
    subscribe = "koscom.subscribe"
    unsubscribe = "koscom.unsubscribe"
    more: ClassVar = {"preset": "tick10"}
