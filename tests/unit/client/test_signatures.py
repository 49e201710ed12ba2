from __future__ import annotations

import logging

import pytest
from yarl import URL

from broker_client.pika_url import pika_parameters
from broker_client.signatures import Signatures

FIRST, SECOND = "amqp://kim:secret@first/%2F", "amqp://lee:secret@second/%2F"
REFUSAL = "PRECONDITION_FAILED - user_id property set to 'kim' but authenticated user was 'certificate'"


def test_a_message_names_the_login() -> None:
    assert Signatures().user(FIRST, "kim") == "kim"


@pytest.mark.parametrize("login", ["", "x" * 256, "가" * 86])
def test_a_name_that_fits_no_property_is_left_out(login: str) -> None:
    assert Signatures().user(FIRST, login) is None


def test_after_a_refusal_nobody_is_named_over_that_url(caplog: pytest.LogCaptureFixture) -> None:
    signatures = Signatures()
    with caplog.at_level(logging.WARNING, "broker_client"):
        signatures.channel_closed(FIRST, REFUSAL)
        signatures.channel_closed(FIRST, REFUSAL)
    assert signatures.user(FIRST, "kim") is None
    assert signatures.user(SECOND, "lee") == "lee"
    (warning,) = caplog.messages
    assert "ORDER_USERS" in warning
    assert "secret" not in warning


def test_another_reason_changes_nothing(caplog: pytest.LogCaptureFixture) -> None:
    signatures = Signatures()
    signatures.channel_closed(FIRST, "PRECONDITION_FAILED - unknown delivery tag 7")
    assert signatures.user(FIRST, "kim") == "kim"
    assert not caplog.messages


@pytest.mark.parametrize(
    ("url", "login"),
    [
        ("amqp://h/", "guest"),
        ("amqp://a%40b%2Bc:pw@h/", "a@b+c"),
        ("amqp://%ED%8A%B8%EB%A0%88%EC%9D%B4%EB%8D%94:pw@h/", "트레이더"),
        ("amqp://a+b:pw@h/", "a+b"),
    ],
)
def test_both_libraries_log_in_by_the_same_name(url: str, login: str) -> None:
    assert pika_parameters(url).credentials.username == login
    assert (URL(url).user or "guest") == login
