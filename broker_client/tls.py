"""TLS of a broker URL: what its query says of certificates, and what went wrong, in one line.

``amqps://host/vhost?cafile=ca.pem&certfile=mine.pem&keyfile=mine.key``: the server's certificate is always
verified, with its host name. ``cafile`` names the CA to trust instead of this machine's, ``certfile`` and
``keyfile`` are the client's own certificate, and ``auth=EXTERNAL`` logs in by it instead of by a password.
"""

from __future__ import annotations

import re
import ssl
from urllib.parse import parse_qs, urlencode, urlsplit, urlunsplit

__all__ = ["is_external", "tls_context", "tls_fault", "tls_guess", "without_tls_options"]

_OPTIONS = ("cafile", "certfile", "keyfile", "auth")
_REFUSED = ("ssl_options", "no_verify_ssl", "capath", "cadata")
_SSL_ERROR = re.compile(r"\[SSL: (?P<code>[A-Z0-9_]+)\] *(?P<text>[^(\\]*)")
_CUT_OFF = re.compile(
    r"reset by peer|connection lost|Connection reset|IncompleteRead|unexpectedly closed|closed by peer|EOF"
)

_CERTIFICATE = (
    ("Hostname mismatch", "is for another host name: the URL must have the name that it was issued for"),
    ("IP address mismatch", "is for another address: the URL must have the name that it was issued for"),
    ("has expired", "has expired: renew it there"),
    ("not yet valid", "is not valid yet: compare the clocks of both machines"),
    ("self-signed", "is of a CA that this machine does not trust: name the CA's file, ?cafile=/path/ca.pem"),
    ("self signed", "is of a CA that this machine does not trust: name the CA's file, ?cafile=/path/ca.pem"),
    ("issuer", "is of a CA that this machine does not trust: name the CA's file, ?cafile=/path/ca.pem"),
)
_NO_TLS = ("WRONG_VERSION_NUMBER", "UNKNOWN_PROTOCOL", "RECORD_LAYER_FAILURE", "PACKET_LENGTH_TOO_LONG")
_OWN_CERTIFICATE = (
    "ALERT_UNKNOWN_CA",
    "ALERT_BAD_CERTIFICATE",
    "ALERT_CERTIFICATE_EXPIRED",
    "ALERT_CERTIFICATE_REVOKED",
    "ALERT_CERTIFICATE_UNKNOWN",
    "ALERT_UNSUPPORTED_CERTIFICATE",
)


def tls_context(url: str) -> ssl.SSLContext | None:
    """How to speak TLS to a broker; ``None`` for a URL without.

    Raises:
        ValueError: An option is wrong or its file cannot be used; the message does not repeat the URL.
    """
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    if parts.scheme != "amqps":
        if given := [name for name in _OPTIONS if name in query]:
            raise ValueError(f"{given[0]} in a broker URL needs amqps://")
        return None
    if unknown := [name for name in _REFUSED if name in query]:
        raise ValueError(
            f"{unknown[0]} in a broker URL is not supported: certificates are always verified; name the CA's "
            f"file by cafile, and a certificate of your own by certfile and keyfile"
        )
    if query.get("auth", ["PLAIN"])[-1].upper() not in ("PLAIN", "EXTERNAL"):
        raise ValueError("auth in a broker URL must be PLAIN or EXTERNAL")
    cafile, certfile, keyfile = (query.get(name, [None])[-1] for name in _OPTIONS[:3])
    if keyfile and not certfile:
        raise ValueError("keyfile in a broker URL needs certfile")
    if is_external(url) and not (certfile and parts.username):
        raise ValueError("auth=EXTERNAL in a broker URL needs certfile, and the user's name before the host")
    try:
        context = ssl.create_default_context(cafile=cafile)
    except OSError as error:
        raise ValueError(f"cafile of a broker URL cannot be used: {_of_file(error)}") from None
    if certfile:
        try:
            # Without a password OpenSSL would ask for one at the terminal.
            context.load_cert_chain(certfile, keyfile, password="")
        except (OSError, ValueError) as error:
            raise ValueError(
                f"certfile and keyfile of a broker URL cannot be used: {_of_file(error)}"
            ) from None
    return context


def is_external(url: str) -> bool:
    """Whether the URL asks to log in by the client's certificate."""
    return parse_qs(urlsplit(url).query).get("auth", [""])[-1].upper() == "EXTERNAL"


def without_tls_options(url: str) -> str:
    """The URL without the options that `tls_context` reads."""
    parts = urlsplit(url)
    query = {name: values for name, values in parse_qs(parts.query).items() if name not in _OPTIONS}
    return urlunsplit(parts._replace(query=urlencode(query, doseq=True)))


def tls_fault(text: str) -> str | None:
    """What is wrong with certificates or TLS by an error's text, and what to do; ``None`` for another error.

    Such an error does not pass by itself: a setting or a file has to be changed.
    """
    found = _SSL_ERROR.search(text)
    if found is None:
        return None
    code, said = found["code"], found["text"].strip()
    if code == "CERTIFICATE_VERIFY_FAILED":
        said = said.removeprefix("certificate verify failed: ").rstrip(". ")
        advice = next((advice for part, advice in _CERTIFICATE if part in said), "is not accepted")
        return f"TLS: the server's certificate {advice} ({said})"
    if code in _NO_TLS:
        return "TLS: this port does not speak TLS: it is usually 5671 that does, 5672 is for amqp://"
    if code.endswith("ALERT_CERTIFICATE_REQUIRED") or code == "SSLV3_ALERT_HANDSHAKE_FAILURE":
        return "TLS: the server asks for a certificate of yours: name it, ?certfile=/path/mine.pem&keyfile=…"
    if code.endswith(_OWN_CERTIFICATE):
        return f"TLS: the server refuses this client's certificate ({said})"
    return None


def tls_guess(url: str, reason: str) -> str:
    """The reason why a connection did not open, with what may be behind it when it was just cut off.

    Args:
        url: That was connected to.
        reason: In one line.
    """
    parts = urlsplit(url)
    if not _CUT_OFF.search(reason):
        return reason
    if parts.scheme == "amqp":
        return f"{reason}; is this a port of TLS? Then write amqps://"
    if "certfile" not in parse_qs(parts.query):
        return f"{reason}; does the server ask for a certificate of yours? Then name certfile and keyfile"
    return f"{reason}; does the server trust the CA of your certificate?"


def _of_file(error: OSError | ValueError) -> str:
    if isinstance(error, ssl.SSLError):
        return "it is no certificate or key in PEM, they do not belong together, or the key has a password"
    return (error.strerror if isinstance(error, OSError) else None) or str(error)
