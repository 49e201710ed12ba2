"""A way to Kiwoom in memory."""

import pytest

from tests.support.kiwoom_backend import FakeBackend


@pytest.fixture
def fake() -> FakeBackend:
    return FakeBackend()
