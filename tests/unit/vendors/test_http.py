"""The transport against a server that is a bare socket: what it promises about bytes must be exact."""

from __future__ import annotations

import socket
import ssl
import struct
import threading
import time
from collections.abc import Iterator
from contextlib import closing, contextmanager
from typing import Any

import pytest

from broker_server.vendors.http import ExchangeFailed, HttpRequest, RequestsTransport, Timeouts
from tests.support.bare_server import Server, serving
from tests.support.waiting import wait_until

PATIENT = Timeouts(connect=60.0, read=60.0, total=120.0)
QUICK = Timeouts(connect=60.0, read=0.5, total=1.0)
"""For a server that never answers."""
OK = b"HTTP/1.1 200 OK\r\nContent-Type: application/json\r\nContent-Length: 2\r\n\r\n{}"


@contextmanager
def transport(timeouts: Timeouts = PATIENT, **settings: object) -> Iterator[RequestsTransport]:
    made = RequestsTransport(timeouts, **settings)  # type: ignore[arg-type]
    try:
        yield made
    finally:
        made.close()


def post(url: str) -> HttpRequest:
    return HttpRequest("POST", url, {"authorization": "Bearer secret"}, body=b"{}")


def answer_all(server: Server, connection: socket.socket) -> None:
    while server.read_request(connection):
        connection.sendall(OK)


def failure(request: HttpRequest, timeouts: Timeouts = PATIENT) -> ExchangeFailed:
    with transport(timeouts) as sender, pytest.raises(ExchangeFailed) as caught:
        sender.send(request)
    assert request.url not in str(caught.value)
    return caught.value


def test_an_answer_comes_back_whole_with_its_status_and_headers() -> None:
    def serve(server: Server, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(b"HTTP/1.1 500 No\r\nTR_CONT: M\r\nContent-Length: 4\r\n\r\n{ ")
        connection.sendall(b"}\n")

    with serving(serve) as server, transport() as sender:
        answer = sender.send(post(server.url))
    assert (answer.status, answer.headers["tr_cont"], answer.body) == (500, "M", b"{ }\n")


def test_a_refused_connection_promises_that_no_byte_left() -> None:
    with socket.create_server(("127.0.0.1", 0)) as listener:
        port = listener.getsockname()[1]
    assert not failure(post(f"http://127.0.0.1:{port}/orders")).bytes_left


def test_an_unknown_host_promises_that_no_byte_left() -> None:
    assert not failure(post("http://no-such-host.invalid/orders")).bytes_left


def test_a_failed_tls_handshake_promises_that_no_byte_left() -> None:
    def serve(server: Server, connection: socket.socket) -> None:
        connection.recv(65536)
        connection.sendall(OK)  # no TLS

    with serving(serve) as server:
        error = failure(post(server.url.replace("http://", "https://")))
    assert not error.bytes_left
    assert issubclass(ssl.SSLError, OSError)


def test_a_reset_after_the_request_does_not_promise_it() -> None:
    def serve(server: Server, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.setsockopt(socket.SOL_SOCKET, socket.SO_LINGER, struct.pack("ii", 1, 0))

    with serving(serve) as server:
        assert failure(post(server.url)).bytes_left
        assert len(server.received) == 1


def test_silence_does_not_promise_it_and_nothing_is_repeated() -> None:
    release = threading.Event()

    def serve(server: Server, connection: socket.socket) -> None:
        server.read_request(connection)
        release.wait(60)

    with serving(serve) as server:
        assert failure(post(server.url), QUICK).bytes_left
        release.set()
        wait_until(lambda: server.received, what="the request at the server")
        assert (server.accepted, len(server.received)) == (1, 1)


@pytest.mark.parametrize(
    "part",
    [
        b"HTTP/1.1 200 OK\r\nContent-Length: 100\r\n\r\n{",
        b"HTTP/1.1 200 OK\r\nTransfer-Encoding: chunked\r\n\r\n5\r\n{",
        b"nonsense\r\n\r\n",
        b"",
    ],
)
def test_half_an_answer_is_no_answer(part: bytes) -> None:
    def serve(server: Server, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(part)

    with serving(serve) as server:
        assert failure(post(server.url)).bytes_left


def test_an_answer_that_drips_for_ever_is_given_up() -> None:
    def serve(server: Server, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nContent-Length: 1000000\r\n\r\n")
        pace = threading.Event()
        while True:
            connection.sendall(b" ")
            pace.wait(0.05)

    with serving(serve) as server:
        assert "time-out" in str(failure(post(server.url), QUICK))


def test_headers_that_drip_for_ever_are_given_up() -> None:
    def serve(server: Server, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(b"HTTP/1.1 200 OK\r\nX-Long: ")
        pace = threading.Event()
        while True:
            connection.sendall(b"x")
            pace.wait(0.05)

    with serving(serve) as server:
        began = time.monotonic()
        error = failure(post(server.url))
        assert time.monotonic() - began < QUICK.total + 2
    assert error.bytes_left
    assert "no answer within the time-out" in str(error)


def test_a_silence_is_no_longer_than_what_is_left_of_the_whole() -> None:
    def serve(server: Server, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.recv(1)

    patient = Timeouts(connect=5.0, read=5.0, total=0.3)
    with serving(serve) as server, closing(RequestsTransport(patient)) as sender:
        began = time.monotonic()
        with pytest.raises(ExchangeFailed) as caught:
            sender.send(post(server.url))
        assert time.monotonic() - began < 3
    assert caught.value.bytes_left


def test_an_address_that_does_not_answer_leaves_time_for_the_next(monkeypatch: pytest.MonkeyPatch) -> None:
    resolve = socket.getaddrinfo

    def resolve_two(host: str, *rest: Any) -> Any:
        hosts = ("127.0.0.9", "127.0.0.1") if host == "two.test" else (host,)
        return [resolve(each, *rest)[0] for each in hosts]

    monkeypatch.setattr(socket, "getaddrinfo", resolve_two)
    with serving(answer_all) as server, socket.socket() as deaf, socket.socket() as first:
        # A listener with a full queue lets nobody in and refuses nobody.
        deaf.bind(("127.0.0.9", server.port))
        deaf.listen(0)
        first.connect(("127.0.0.9", server.port))
        times = Timeouts(connect=1.0, read=1.0, total=2.0)
        with closing(RequestsTransport(times)) as sender:
            assert sender.send(post(f"http://two.test:{server.port}/orders")).status == 200


def test_a_handshake_that_hangs_is_part_of_connecting() -> None:
    def serve(server: Server, connection: socket.socket) -> None:
        while connection.recv(65536):
            pass

    times = Timeouts(connect=0.3, read=5.0, total=5.0)
    with serving(serve) as server, closing(RequestsTransport(times)) as sender:
        began = time.monotonic()
        with pytest.raises(ExchangeFailed, match="no connection within the time-out") as caught:
            sender.send(post(server.url.replace("http://", "https://")))
        assert time.monotonic() - began < 3
    assert not caught.value.bytes_left


def test_nothing_leaves_after_a_name_resolution_that_took_too_long(monkeypatch: pytest.MonkeyPatch) -> None:
    now = [0.0]
    resolve = socket.getaddrinfo

    def slowly(*arguments: Any) -> Any:
        now[0] += QUICK.total
        return resolve(*arguments)

    monkeypatch.setattr(socket, "getaddrinfo", slowly)
    with serving(answer_all) as server, transport(monotonic=lambda: now[0]) as sender:
        with pytest.raises(ExchangeFailed, match="no connection within the time-out") as caught:
            sender.send(post(server.url))
        assert server.accepted == 0
    assert not caught.value.bytes_left


def test_a_request_that_is_given_up_is_not_delivered_later() -> None:
    ends: list[type[OSError] | None] = []

    def serve(server: Server, connection: socket.socket) -> None:
        server.read_request(connection)
        try:
            while connection.recv(65536):
                pass
            ends.append(None)
        except OSError as error:
            ends.append(type(error))

    with serving(serve) as server:
        assert failure(post(server.url)).bytes_left
    assert ends == [ConnectionResetError]


def test_a_defect_says_whether_a_byte_left() -> None:
    request = HttpRequest("POST", "http://127.0.0.1:1/", {"header": "ümlaut\n"}, body=b"{}")
    assert not failure(request).bytes_left


def test_a_redirect_is_not_followed() -> None:
    def serve(server: Server, connection: socket.socket) -> None:
        server.read_request(connection)
        connection.sendall(b"HTTP/1.1 307 Moved\r\nLocation: /elsewhere\r\nContent-Length: 0\r\n\r\n")

    with serving(serve) as server, transport() as sender:
        assert sender.send(post(server.url)).status == 307
        assert server.accepted == 1


def test_nothing_of_the_environment_touches_a_request(
    monkeypatch: pytest.MonkeyPatch, tmp_path: object
) -> None:
    monkeypatch.setenv("HTTP_PROXY", "http://127.0.0.1:9")
    monkeypatch.setenv("ALL_PROXY", "http://127.0.0.1:9")
    with serving(answer_all) as server, transport() as sender:
        assert sender.send(post(server.url)).status == 200
        assert b"Bearer secret" in server.received[0]


def test_a_connection_is_used_again_while_it_is_fresh_and_not_when_it_was_idle() -> None:
    now = [0.0]
    with (
        serving(answer_all) as server,
        transport(longest_idle=3.0, monotonic=lambda: now[0]) as sender,
    ):
        sender.send(post(server.url))
        now[0] += 2.9
        sender.send(post(server.url))
        assert server.accepted == 1
        now[0] += 3.1
        sender.send(post(server.url))
        assert server.accepted == 2


def test_secrets_are_not_shown() -> None:
    request = HttpRequest("GET", "http://host/", {"appsecret": "hidden"}, {"CANO": "12345678"}, b"hidden")
    assert "hidden" not in repr(request)
    assert "12345678" not in repr(request)
