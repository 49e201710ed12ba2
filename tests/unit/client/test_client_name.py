"""The name under which RabbitMQ shows a client."""

from __future__ import annotations

import pytest

from broker_client import AsyncClient, Client

URL = "amqp://127.0.0.1:1/"


@pytest.mark.parametrize("face", [Client, AsyncClient])
def test_a_name_that_no_message_can_carry_is_refused_at_once(face: type[Client | AsyncClient]) -> None:
    with pytest.raises(ValueError, match="at most 255 bytes in UTF-8"):
        face(URL, name="전략" * 43)
