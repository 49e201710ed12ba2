"""The approval key: one request, the right field, never more than one a second, never shown."""

from __future__ import annotations

import json
from datetime import timedelta
from pathlib import Path

import pytest
from pydantic import SecretStr
from structlog.testing import capture_logs

from broker_client.errors import AuthenticationFailed, TaskFailed, VendorRejected, VendorUnavailable
from broker_server.vendors.http import HttpResponse
from broker_server.vendors.kis.approval import LIFE, ApprovalKeys
from tests.support.fake_time import FakeClock
from tests.support.kis_live import approval, live_config
from tests.support.kis_server import APP_KEY, APP_SECRET, FakeKis, broken, reply


def make(folder: Path, **settings: object) -> tuple[ApprovalKeys, FakeKis, FakeClock]:
    kis, clock = FakeKis(), FakeClock()
    kis.on("Approval", approval("first-key"), approval("second-key"))
    return ApprovalKeys(live_config("ws://127.0.0.1:1", folder, **settings), kis, clock), kis, clock


def oauth_error(code: str) -> HttpResponse:
    return reply({"error_code": code, "error_description": "no"}, 403)


def test_a_key_is_asked_for_once(tmp_path: Path) -> None:
    keys, kis, _ = make(tmp_path)
    assert keys.state() == "none"
    assert [keys.get(), keys.get()] == ["first-key", "first-key"]
    assert keys.state() == "issued"
    (request,) = kis.calls("Approval")
    assert json.loads(request.body or b"") == {
        "grant_type": "client_credentials",
        "appkey": APP_KEY,
        "secretkey": APP_SECRET,
    }


def test_a_discarded_key_is_replaced_and_another_one_stays(tmp_path: Path) -> None:
    keys, kis, _ = make(tmp_path)
    keys.get()
    keys.discard("some-other-key")
    assert keys.get() == "first-key"
    keys.discard("first-key")
    assert keys.get() == "second-key"
    assert len(kis.calls("Approval")) == 2


def test_requests_keep_a_second_between_them(tmp_path: Path) -> None:
    keys, _, clock = make(tmp_path)
    keys.discard(keys.get())
    before = clock.monotonic()
    keys.get()
    assert clock.monotonic() - before == 1.0


def test_an_old_key_is_not_used_for_a_new_connection(tmp_path: Path) -> None:
    keys, _, clock = make(tmp_path)
    keys.get()
    clock.advance((LIFE + timedelta(seconds=1)).total_seconds())
    assert keys.get() == "second-key"


def test_a_configured_key_comes_first_until_it_is_refused(tmp_path: Path) -> None:
    keys, kis, clock = make(tmp_path, ws_approval_key=SecretStr("configured-key"))
    clock.advance(10 * LIFE.total_seconds())
    assert (keys.get(), keys.state(), kis.requests) == ("configured-key", "configured", [])
    with capture_logs() as logs:
        keys.discard("configured-key")
        assert keys.get() == "first-key"
    assert not any(key in str(logs) for key in ("configured-key", "first-key"))


@pytest.mark.parametrize(
    ("answer", "error"),
    [
        (oauth_error("EGW00103"), AuthenticationFailed),
        (oauth_error("EGW00112"), VendorRejected),
        (oauth_error("EGW00002"), VendorUnavailable),
        (reply({}), VendorUnavailable),
        (broken(bytes_left=True), VendorUnavailable),
    ],
)
def test_a_failure_says_what_it_is_and_the_next_attempt_asks_again(
    tmp_path: Path, answer: object, error: type[TaskFailed]
) -> None:
    keys, kis, _ = make(tmp_path)
    kis.on("Approval", answer, approval("third-key"))  # type: ignore[arg-type]
    with pytest.raises(error) as caught:
        keys.get()
    assert APP_SECRET not in str(caught.value)
    assert keys.get() == "third-key"
