"""A board between a fake vendor and a fake broker."""

from __future__ import annotations

from collections.abc import AsyncIterator

import pytest

from tests.support.stream_parts import Studio


@pytest.fixture
async def studio() -> AsyncIterator[Studio]:
    made = Studio()
    yield made
    made.close()
