"""No secret reaches the log, wherever in an event it hides."""

from __future__ import annotations

import json
import logging
import threading
from collections.abc import Iterator
from typing import Literal

import pytest
import structlog
from structlog.contextvars import bound_contextvars

from broker_server.logs import REDACTED, configure_logs, log_defects_of_threads

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


def test_what_libraries_and_threads_log_has_the_same_form_and_no_secret(
    capsys: pytest.CaptureFixture[str], monkeypatch: pytest.MonkeyPatch
) -> None:
    root = logging.getLogger()
    monkeypatch.setattr(root, "handlers", list(root.handlers))
    monkeypatch.setattr(root, "level", root.level)
    monkeypatch.setattr(threading, "excepthook", threading.excepthook)
    configure_logs("json", "info", [SECRET])
    configure_logs("json", "info", [SECRET])
    log_defects_of_threads()

    def fail() -> None:
        raise RuntimeError(f"refused {SECRET}")

    with bound_contextvars(task_id="t-1"):
        logging.getLogger("urllib3.connection").warning("cannot connect with %s", SECRET)
    thread = threading.Thread(target=fail, name="lane-1")
    thread.start()
    thread.join()
    printed = capsys.readouterr().err
    of_library, of_thread = [json.loads(line) for line in printed.splitlines()]
    assert SECRET not in printed
    assert (of_library["logger"], of_library["task_id"]) == ("urllib3.connection", "t-1")
    assert (of_thread["event"], of_thread["thread"]) == ("a thread ended by a defect", "lane-1")
