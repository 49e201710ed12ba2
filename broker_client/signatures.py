"""The AMQP user that a message names, which RabbitMQ verifies: workers may ask who sent an order."""

from __future__ import annotations

import logging
from dataclasses import dataclass, field

from broker_client.address import describe_url

__all__ = ["Signatures"]

logger = logging.getLogger("broker_client")

_LONGEST = 255
_REFUSAL = "user_id property"


@dataclass(slots=True)
class Signatures:
    """Which user the messages over each URL name.

    RabbitMQ closes the channel of a message that names another user than the connection's. That happens where
    the login is not the one of the URL, such as with a client certificate. It must not happen again with the
    same message on the next connection, so from then on nobody is named over that URL.
    """

    _refused: set[str] = field(default_factory=set)

    def user(self, url: str, login: str) -> str | None:
        """The ``user_id`` of a message, or ``None`` for none.

        Args:
            url: Of the connection.
            login: The user that it logged in with.
        """
        fits = 0 < len(login.encode()) <= _LONGEST
        return login if fits and url not in self._refused else None

    def channel_closed(self, url: str, reason: str) -> None:
        """Take note of why a channel was closed.

        Args:
            reason: The broker's text.
        """
        if _REFUSAL in reason and url not in self._refused:
            self._refused.add(url)
            logger.warning(
                "RabbitMQ at %s knows this client by another user than the URL names (%s): orders go without "
                "the user_id property, and a worker with ORDER_USERS refuses them",
                describe_url(url),
                reason,
            )
