"""No secret reaches the log, wherever in an event it hides."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Literal

import pytest
import structlog

from broker_server.logs import REDACTED, configure_logs

SECRET = "PSabcdefgh1234567890"


@pytest.fixture(autouse=True)
def _default_logs_afterwards() -> Iterator[None]:
    yield
    structlog.reset_defaults()


@pytest.mark.parametrize("log_format", ["console", "json"])
def test_secret_is_blotted_out_of_texts_nested_values_and_tracebacks(
    capsys: pytest.CaptureFixture[str], log_format: Literal["console", "json"]
) -> None:
    configure_logs(log_format, "info", [SECRET])
    log = structlog.get_logger()
    log.info(f"text {SECRET}", field=f"a{SECRET}b", nested={"list": [SECRET, {"deep": SECRET}]})
    local_token = SECRET
    try:
        raise RuntimeError(f"refused {local_token}")
    except RuntimeError:
        log.exception("failed")
    printed = capsys.readouterr().err
    assert SECRET not in printed
    assert REDACTED in printed or "\\u2039redacted" in printed


def test_local_variables_of_a_traceback_stay_out_of_the_log(capsys: pytest.CaptureFixture[str]) -> None:
    configure_logs("json", "info")
    access_token = "issued-after-the-start"
    try:
        assert access_token
        raise RuntimeError("refused")
    except RuntimeError:
        structlog.get_logger().exception("failed")
    printed = capsys.readouterr().err
    assert "RuntimeError" in printed
    assert access_token not in printed
