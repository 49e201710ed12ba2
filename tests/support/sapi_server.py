"""What a worker does with a task of the original's contract, without RabbitMQ."""

from __future__ import annotations

import json
from datetime import datetime
from pathlib import Path
from typing import Any
from zoneinfo import ZoneInfo

from pydantic import SecretStr

from broker_client.errors import MalformedMessage, TaskFailed, UnknownMethod
from broker_client.protocol import TaskRequest, decode_request, encode_reply
from broker_server.amqp.intake import validate_parameters
from broker_server.core.methods import MethodRegistry, Outcome
from broker_server.core.reply_styles import ReplyStyle
from broker_server.vendors import kiwoom
from broker_server.vendors.clock import Clock
from broker_server.vendors.kiwoom.backend import Backend
from tests.support.fake_time import START, FakeClock
from tests.support.kiwoom_backend import context

ZONE = ZoneInfo("Asia/Seoul")


def make_vendor(
    backend: Backend, *, compat: bool = False, paper: bool = False, clock: Clock | None = None
) -> kiwoom.KiwoomVendor:
    """The adapter on a backend of the test's."""
    config = kiwoom.KiwoomConfig(
        backend="rest",
        environment="paper" if paper else "real",
        simulated=True,
        cache_folder=Path(),
        account="1234567811",
        app_key=SecretStr("key"),
        app_secret=SecretStr("secret"),
        compat=compat,
    )
    return kiwoom.create(config, backend=backend, clock=clock or FakeClock())


class SapiServer:
    """Answers one task after the other.

    Args:
        backend: The way to Kiwoom.
        compat: ``SAPI_COMPAT``.
    """

    def __init__(self, backend: Backend, *, compat: bool) -> None:
        self._registry = MethodRegistry(make_vendor(backend, compat=compat).methods())
        self._styles = kiwoom.styles(compat=compat, zone=ZONE)

    def call(self, method: str, /, **parameters: Any) -> dict[str, Any]:
        """The reply of a task with these parameters."""
        return self.answer(
            {"task_id": "t-1", "method": method, "parameters": parameters, "request_time": "any"}
            if self._styles.of(b"") is not None
            else {"task_id": "t-1", "method": method, "parameters": parameters}
        )

    def answer(self, message: Any, *, now: datetime = START) -> dict[str, Any]:
        """The reply of a message; bytes are sent as they are."""
        body = message if isinstance(message, bytes) else json.dumps(message).encode()
        style = self._styles.of(body)
        task_id, outcome, error = "unknown", Outcome([]), None
        try:
            request = decode_request(body) if style is None else _request(style)
            task_id = request.task_id
            outcome = self._run(request, style)
        except TaskFailed as failure:
            error = failure
        if style is not None:
            reply = style.reply(task_id, outcome.rows, error=error, now=now)
        else:
            extra = {"truncated": outcome.truncated} if outcome.truncated else {}
            reply = encode_reply(
                task_id, outcome.rows, now=now, environment="simulated", error=error, extra=extra
            )
        document = json.loads(reply)
        assert isinstance(document, dict)
        return document

    def _run(self, request: TaskRequest, style: ReplyStyle | None) -> Outcome:
        method = self._registry.get(request.method)
        if method is None:
            raise UnknownMethod(f"there is no method {request.method}")
        if style is not None:
            style.check()
        parameters = validate_parameters(method, request.parameters)
        return method.handler(parameters, context(request.task_id))


def _request(style: ReplyStyle) -> TaskRequest:
    try:
        return TaskRequest.model_validate(style.request())
    except ValueError as error:
        raise MalformedMessage(str(error)) from None
