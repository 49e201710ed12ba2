"""Where programs in other processes get their simulated control: one WebSocket is one control.

The caller's messages are ``{"id", "call", "args"}``, the answers ``{"id", "result"}`` or ``{"id", "error"}``.
Events are ``{"event", "args", "reads"}``, with all that can be read inside of them: the caller's side is
`broker_server.simulator.kiwoom_control.remote`.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, cast

import orjson
from aiohttp import WSMsgType, web

from broker_server.simulator.connections import (
    INSTANCE_HEADER,
    SIGNATURE,
    WebConnection,
    websocket_frame,
)
from broker_server.simulator.kiwoom.keys import Credentials
from broker_server.simulator.kiwoom.tables import Environment
from broker_server.simulator.kiwoom_control.board import PATH, ControlBoard
from broker_server.simulator.kiwoom_control.control import SimulatedControl
from broker_server.simulator.kiwoom_control.faults import ControlDied
from broker_server.simulator.kiwoom_control.messages import Messages
from broker_server.simulator.matching import Exchange

CLOSING_SECONDS = 2.0

Handler = Callable[[web.BaseRequest], Awaitable[web.StreamResponse]]


class LoopMessages(Messages):
    """Messages that an event loop dispatches; made and used on its thread.

    Args:
        monotonic: Real seconds.
    """

    def __init__(self, monotonic: Callable[[], float]) -> None:
        super().__init__(monotonic)
        self._loop = asyncio.get_running_loop()
        self._timer: asyncio.TimerHandle | None = None

    def post(self, message: Callable[[], None], seconds: float = 0.0) -> None:
        """Dispatch it that much later."""
        super().post(message, seconds)
        self._arm()

    def close(self) -> None:
        """Forget what waits."""
        super().close()
        self._arm()

    def _arm(self) -> None:
        if self._timer is not None:
            self._timer.cancel()
        seconds = self.until_next()
        self._timer = None if seconds is None else self._loop.call_later(seconds, self._run)

    def _run(self) -> None:
        try:
            self.dispatch()
        finally:
            self._arm()


class ControlDoor:
    """Gives each connection a control that trades on the market of the servers.

    Args:
        exchange: The market and the accounts.
        credentials: Whose accounts there are: of the server of mock trading and of the real one.
        board: How controls behave.
        instance: Names this simulator.
        monotonic: Real seconds.
    """

    def __init__(
        self,
        exchange: Exchange,
        credentials: Mapping[Environment, Credentials],
        board: ControlBoard,
        instance: str,
        monotonic: Callable[[], float],
    ) -> None:
        self._exchange = exchange
        self._credentials = credentials
        self._board = board
        self._headers = {"Server": SIGNATURE, INSTANCE_HEADER: instance}
        self._monotonic = monotonic

    def beside(self, other: Handler) -> Handler:
        """A handler for requests of both: what is not for the door is the other's."""

        async def handle(request: web.BaseRequest) -> web.StreamResponse:
            return await (self.handle(request) if request.path == PATH else other(request))

        return handle

    async def handle(self, request: web.BaseRequest) -> web.StreamResponse:
        """Serve a program until it ends; ``?server=mock`` or ``real`` says where it logs in."""
        server = request.query.get("server", "")
        if server not in self._credentials:
            text = f"?server= must be one of {', '.join(self._credentials)}"
            return web.Response(status=400, headers=self._headers, text=text)
        socket = web.WebSocketResponse(timeout=CLOSING_SECONDS, compress=False)
        socket.headers.update(self._headers)
        if not socket.can_prepare(request):
            return web.Response(status=426, headers={**self._headers, "Upgrade": "websocket"})
        await socket.prepare(request)
        connection, messages = WebConnection(request, socket), LoopMessages(self._monotonic)
        environment = cast("Environment", server)
        told = _Told(connection)
        control = SimulatedControl(
            cast("Any", told),
            self._exchange,
            messages,
            faults=self._board.faults,
            logins=self._board.logins,
            accounts=(self._credentials[environment].account,),
            user=environment,
            mock=environment == "mock",
            answer_seconds=self._board.answer_seconds,
            windows=self._board.windows,
        )
        told.control = control
        self._board.made(server, control)
        try:
            async for message in socket:
                if message.type is WSMsgType.TEXT:
                    connection.send(websocket_frame(_answered(control, message.data)))
        finally:
            messages.close()
            control.release()
            self._board.gone(control)
        return socket


class _Told:
    """Sends every event, with what can be read inside of it."""

    def __init__(self, connection: WebConnection) -> None:
        self.control: SimulatedControl | None = None
        self._connection = connection

    def __getattr__(self, name: str) -> Callable[..., None]:
        def tell(*arguments: Any) -> None:
            reads = None if self.control is None else self.control.readable()
            told = {"event": name, "args": arguments, "reads": reads}
            self._connection.send(websocket_frame(orjson.dumps(told, option=orjson.OPT_NON_STR_KEYS)))

        return tell


def _answered(control: SimulatedControl, text: str) -> bytes:
    asked = orjson.loads(text)
    answer: dict[str, Any] = {"id": asked["id"]}
    name = asked["call"]
    try:
        if not name[:1].isupper():
            raise AttributeError("no method of the control")
        answer["result"] = getattr(control, name)(*asked["args"])
    except ControlDied as died:
        answer |= {"error": str(died), "died": True}
    except (AttributeError, TypeError, ValueError) as error:
        answer["error"] = str(error)
    return orjson.dumps(answer)
