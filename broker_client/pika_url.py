"""A broker URL as pika reads it; apart from `address`, so that the asynchronous client does not load pika."""

from __future__ import annotations

from urllib.parse import urlsplit, urlunsplit

import pika
from pika.credentials import ExternalCredentials

from broker_client.tls import is_external, tls_context, without_tls_options

__all__ = ["pika_parameters"]


def pika_parameters(url: str) -> pika.URLParameters:
    """The parameters of a connection.

    Args:
        url: One of `address.url_list`.

    Raises:
        ValueError: An option in the URL's query is unknown or wrong; the message does not repeat the URL.
    """
    context, external = tls_context(url), is_external(url)
    parts = urlsplit(without_tls_options(url))
    if external:
        parts = parts._replace(netloc=parts.netloc.rpartition("@")[2])
    try:
        parameters = pika.URLParameters(urlunsplit(parts))
    except (ValueError, TypeError) as error:
        raise ValueError(f"a broker URL has a wrong option: {' '.join(str(error).split())}") from None
    if context is not None:
        parameters.ssl_options = pika.SSLOptions(context, urlsplit(url).hostname)
    if external:
        parameters.credentials = ExternalCredentials()
    return parameters
