"""A broker URL as pika reads it; apart from `address`, so that the asynchronous client does not load pika."""

from __future__ import annotations

import pika

__all__ = ["pika_parameters"]


def pika_parameters(url: str) -> pika.URLParameters:
    """The parameters of a connection.

    Args:
        url: One of `address.url_list`.

    Raises:
        ValueError: An option in the URL's query is unknown or wrong; the message does not repeat the URL.
    """
    try:
        return pika.URLParameters(url)
    except (ValueError, TypeError) as error:
        raise ValueError(f"a broker URL has a wrong option: {' '.join(str(error).split())}") from None
