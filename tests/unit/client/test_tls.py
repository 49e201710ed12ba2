"""What a broker URL says of TLS, and what an error of TLS means."""

from __future__ import annotations

import ssl
from pathlib import Path

import pytest

from broker_client.address import url_list
from broker_client.pika_url import pika_parameters
from broker_client.reasons import reason_of
from broker_client.rights import missing_right
from broker_client.tls import tls_context, tls_fault, tls_guess
from tests.support.certificates import Authority


@pytest.mark.parametrize(
    ("url", "expected"),
    [
        ("amqp://u:secret@h/?cafile=x", "cafile in a broker URL needs amqps://"),
        ("amqps://u:secret@h/?no_verify_ssl=1", "certificates are always verified"),
        ("amqps://u:secret@h/?ssl_options={}", "name the CA's file by cafile"),
        ("amqps://u:secret@h/?cafile=/missing", "cafile of a broker URL cannot be used: No such file"),
        ("amqps://u:secret@h/?keyfile=/missing", "keyfile in a broker URL needs certfile"),
        ("amqps://u:secret@h/?auth=EXTERNAL", "needs certfile, and the user's name"),
        ("amqps://u:secret@h/?auth=magic", "auth in a broker URL must be PLAIN or EXTERNAL"),
    ],
)
def test_a_wrong_option_is_told_without_the_url(url: str, expected: str) -> None:
    with pytest.raises(ValueError, match=expected) as caught:
        url_list(url)
    assert "secret" not in str(caught.value)


def test_certificates_are_verified_with_their_host_name(tmp_path: Path) -> None:
    authority = Authority(tmp_path)
    for url in ("amqps://u:p@broker.example/", f"amqps://u:p@broker.example/?cafile={authority.file}"):
        options = pika_parameters(url).ssl_options
        assert options.server_hostname == "broker.example"
        assert (options.context.verify_mode, options.context.check_hostname) == (ssl.CERT_REQUIRED, True)
        assert options.context.minimum_version >= ssl.TLSVersion.TLSv1_2
    assert tls_context("amqp://u:p@h/") is None
    one, other = authority.issue("a.example"), authority.issue("b.example")
    with pytest.raises(ValueError, match="do not belong together"):
        tls_context(f"amqps://u:p@h/?certfile={one.chain}&keyfile={other.key}")
    external = f"amqps://trader@h/v?certfile={one.chain}&keyfile={one.key}&auth=external&heartbeat=7"
    parameters = pika_parameters(external)
    assert (parameters.credentials.TYPE, parameters.heartbeat, parameters.virtual_host) == (
        "EXTERNAL",
        7,
        "v",
    )


VERIFY = "[SSL: CERTIFICATE_VERIFY_FAILED] certificate verify failed: {} (_ssl.c:1006)"


@pytest.mark.parametrize(
    ("said", "expected"),
    [
        (VERIFY.format("Hostname mismatch, certificate is not valid for 'b'."), "is for another host name"),
        (VERIFY.format("IP address mismatch, certificate is not valid for '::1'."), "is for another address"),
        (VERIFY.format("certificate has expired"), "has expired: renew it there"),
        (VERIFY.format("certificate is not yet valid"), "compare the clocks"),
        (VERIFY.format("self-signed certificate in certificate chain"), "name the CA's file"),
        (VERIFY.format("unable to get local issuer certificate"), "name the CA's file"),
        (VERIFY.format("path length constraint exceeded"), "is not accepted (path length"),
        ("[SSL: WRONG_VERSION_NUMBER] wrong version number (_ssl.c:1)", "does not speak TLS"),
        ("[SSL: RECORD_LAYER_FAILURE] record layer failure (_ssl.c:1)", "does not speak TLS"),
        ("[SSL: TLSV13_ALERT_CERTIFICATE_REQUIRED] x (_ssl.c:1)", "asks for a certificate of yours"),
        ("[SSL: TLSV1_ALERT_UNKNOWN_CA] tlsv1 alert unknown ca (_ssl.c:1)", "refuses this client's"),
    ],
)
def test_an_error_of_tls_says_what_to_do(said: str, expected: str) -> None:
    assert expected in (tls_fault(said) or "")
    wrapped = RuntimeError(ssl.SSLError(1, said))
    assert reason_of(wrapped).startswith("TLS: ")
    assert "_ssl.c" not in reason_of(wrapped)


def test_other_errors_are_left_alone() -> None:
    assert tls_fault("Connection refused") is None
    assert tls_fault("[SSL: UNEXPECTED_EOF_WHILE_READING] EOF occurred (_ssl.c:1)") is None
    assert tls_guess("amqp://h/", "Connection refused") == "Connection refused"
    assert missing_right("NOT_FOUND - no queue 'x' in vhost '/'") is None


def test_a_cut_off_connection_gets_a_guess() -> None:
    reset = "Connection reset by peer"
    assert tls_guess("amqp://h/", reset).endswith("Then write amqps://")
    assert "certfile" in tls_guess("amqps://h/", reset)
    assert "trust the CA of your certificate" in tls_guess("amqps://h/?certfile=x", reset)


def test_a_refusal_names_user_right_and_resource() -> None:
    old = "ACCESS_REFUSED - access to queue 'q' in vhost '/' refused for user 'a'"
    new = "ACCESS_REFUSED - write access to exchange 'amq.default' in vhost '/' refused for user 'a'"
    assert "'a' may not use the queue 'q'" in (missing_right(old) or "")
    assert "'a' has no read right on the queue 'q'" in (missing_right(old, "read") or "")
    assert "'a' has no write right on the exchange 'amq.default'" in (missing_right(new, "read") or "")
