"""Where the broker is and how to hold on to it: URLs, the reply queue, heartbeat and back-off."""

from __future__ import annotations

import os
import random
import re
from collections.abc import Callable, Mapping, Sequence
from hashlib import sha256
from pathlib import Path
from typing import Any
from urllib.parse import SplitResult, parse_qs, quote, unquote, urlsplit

from dotenv import dotenv_values

from broker_client.tls import tls_context

__all__ = [
    "HEARTBEAT",
    "REPLY_PREFETCH",
    "REPLY_QUEUES",
    "REPLY_QUEUE_ARGUMENTS",
    "arguments_at",
    "backoff_delay",
    "broker_url",
    "describe_url",
    "describe_urls",
    "has_option",
    "login_user",
    "reply_prefix",
    "unreadable_file",
    "url_list",
    "without_password",
]

HEARTBEAT = 10
"""Seconds, unless the URL says otherwise; pika notices a silent cut within two times this and 10 s more."""

REPLY_QUEUE_ARGUMENTS: dict[str, Any] = {"x-queue-type": "classic", "x-expires": 300_000}
"""A durable queue that outlives a reconnect, and goes 5 minutes after a client that never came back."""

NEXT_HOST_SECONDS = 4.0
"""A host that accepts and says nothing, or that no packet reaches, keeps the others waiting for so long."""
REPLY_PREFETCH = 500

REPLY_QUEUES = "broker.client."
"""What the names of all queues of our clients begin with."""

_DEFAULT_USER = "guest"
"""Whom the AMQP libraries log in as where the URL names nobody."""
_LONGEST_USER = 120
_CLUSTERED = {"x-queue-type": "quorum"}

_FIRST_DELAY = 0.1
_LONGEST_DELAY = 5.0
_BETWEEN_URLS = re.compile(r"\s*,\s*(?=\w+://|$)")
_jitter = random.SystemRandom().random


def broker_url(environment_file: Path = Path(".env")) -> str:
    """``BROKER_URL``, or what is in the file ``BROKER_URL_FILE``: of the environment, else of ``.env`` here.

    Raises:
        ValueError: It is in neither, or that file cannot be read. There is no default: the broker that
            happens to run on this machine may have a worker with real money behind it.
    """
    if url := _url_of(os.environ) or _url_of(_values_of(environment_file)):
        return url
    raise ValueError(
        "BROKER_URL: not set, neither in the environment nor in .env; name your RabbitMQ there, or give its "
        "URL: amqp://user:password@host:5672/%2F"
    )


def _url_of(values: Mapping[str, str | None]) -> str | None:
    if url := values.get("BROKER_URL"):
        return url
    if not (path := values.get("BROKER_URL_FILE")):
        return None
    try:
        return Path(path).read_text(encoding="utf-8-sig").strip()
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(f"BROKER_URL_FILE: {unreadable_file(path, error)}") from None


def _values_of(environment_file: Path) -> dict[str, str | None]:
    try:
        return dotenv_values(environment_file) if environment_file.is_file() else {}
    except (OSError, UnicodeDecodeError) as error:
        raise ValueError(unreadable_file(environment_file.name, error)) from None


def unreadable_file(name: str, error: OSError | UnicodeDecodeError) -> str:
    """Why a file of settings cannot be read, in one line that names it."""
    if isinstance(error, UnicodeDecodeError):
        return f"{name} cannot be read: it is not UTF-8; save it in that encoding"
    return f"{name} cannot be read: {error.strerror or error}"


def url_list(url: str | Sequence[str] | None) -> list[str]:
    """The URLs to try, in turn.

    Args:
        url: One URL, several in a sequence or with commas between them; ``None`` for ``BROKER_URL``.

    Raises:
        ValueError: One is not an amqp or amqps URL, or there is none, not even in ``BROKER_URL``.
    """
    setting = "BROKER_URL: " if url is None else ""
    given = [broker_url()] if url is None else [url] if isinstance(url, str) else url
    urls = [part for text in given for part in _BETWEEN_URLS.split(text.strip()) if part]
    if not urls:
        raise ValueError(f"{setting}give at least one broker URL")
    for each in urls:
        try:
            parts = urlsplit(each)
            valid = parts.scheme in ("amqp", "amqps") and parts.hostname and parts.port != 0
        except ValueError:
            valid = False
        if valid:
            tls_context(each)
        else:
            raise ValueError(
                f"{setting}a broker URL looks like amqp://user:password@host:5672/%2F (or amqps://…)"
            )
    return urls


def arguments_at(urls: Sequence[str], arguments: Mapping[str, Any]) -> dict[str, Any]:
    """The arguments of a queue of this client's own, at a broker with so many hosts.

    A classic queue lives on one node of a cluster, and can neither be used nor declared anew while that node
    is down. So with several hosts it is a quorum queue, which costs a write on most of them for each message.
    """
    return {**arguments, **(_CLUSTERED if len(urls) > 1 else {})}


def has_option(url: str, name: str) -> bool:
    """Whether the URL's query sets ``name``, such as ``heartbeat``."""
    return name in parse_qs(urlsplit(url).query)


def login_user(url: str) -> str:
    """The AMQP user that a URL logs in as."""
    return unquote(urlsplit(url).username or "") or _DEFAULT_USER


def reply_prefix(user: str) -> str:
    """What the names of all queues of a user's clients begin with: RabbitMQ's permissions can match it.

    Whatever is no letter, digit, ``_`` or ``-`` is written like ``:2E``: the queues of ``a.b`` are not in the
    namespace of ``a``.
    """
    # pamqp takes no % in a name.
    name = quote(user, safe="").replace(".", "%2E").replace("~", "%7E").replace("%", ":")
    if len(name) > _LONGEST_USER:
        name = sha256(user.encode()).hexdigest()  # a queue's name has at most 255 bytes
    return f"{REPLY_QUEUES}{name}."


def describe_url(url: str) -> str:
    """Host, port and virtual host; never the user or password."""
    parts = urlsplit(url)
    port = parts.port or (5671 if parts.scheme == "amqps" else 5672)
    return f"{_host(parts)}:{port} (virtual host {unquote(parts.path[1:]) or '/'})"


def describe_urls(urls: Sequence[str]) -> str:
    """Every host as `describe_url` does, in one text."""
    return ", ".join(map(describe_url, urls))


def without_password(url: str) -> str:
    """The URL with ``***`` for its password, and without its query."""
    parts = urlsplit(url)
    user = parts.username or ""
    login = f"{user}:***@" if parts.password is not None else f"{user}@" if user else ""
    port = f":{parts.port}" if parts.port else ""
    return f"{parts.scheme}://{login}{_host(parts)}{port}{parts.path}"


def _host(parts: SplitResult) -> str:
    """The host as a URL writes it: `urlsplit` takes the brackets of an IPv6 address off."""
    host = parts.hostname or ""
    return f"[{host}]" if ":" in host else host


def backoff_delay(
    failures: int,
    jitter: Callable[[], float] = _jitter,
    *,
    first: float = _FIRST_DELAY,
    longest: float = _LONGEST_DELAY,
) -> float:
    """Seconds to wait before the next attempt to connect: doubling up to a ceiling, half of it random.

    Args:
        failures: Attempts that failed in a row.
        jitter: Returns a number from 0 to 1.
        first: The longest delay after no failure, in seconds.
        longest: The ceiling, in seconds.
    """
    ceiling = min(longest, first * 2.0 ** min(failures, 10))
    return ceiling * (0.5 + 0.5 * jitter())
