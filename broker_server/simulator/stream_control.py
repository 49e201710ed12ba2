"""What the control server answers about live data."""

from __future__ import annotations

from typing import Any

from aiohttp import web

from broker_server.simulator.control_messages import Refused, json_object, json_response
from broker_server.simulator.kis.realtime.hub import Hub
from broker_server.simulator.kis.realtime.settings import StreamSettings
from broker_server.simulator.kiwoom.realtime.hub import KiwoomHub
from broker_server.simulator.kiwoom.realtime.settings import KiwoomStreamSettings
from broker_server.simulator.kiwoom.tables import VENDOR as KIWOOM
from broker_server.simulator.koscom.realtime.hub import KoscomHub
from broker_server.simulator.koscom.realtime.settings import KoscomStreamSettings
from broker_server.simulator.koscom.tables import VENDOR as KOSCOM
from broker_server.simulator.stream_faults import StreamFaultBoard, StreamFaultRequest


class StreamControl:
    """The part of the control server that is about live data.

    Args:
        hub: The realtime server of KIS.
        kiwoom: That of Kiwoom.
        koscom: That of KOSCOM.
        faults: Its fault board.
    """

    def __init__(self, hub: Hub, kiwoom: KiwoomHub, koscom: KoscomHub, faults: StreamFaultBoard) -> None:
        self._hub = hub
        self._kiwoom = kiwoom
        self._koscom = koscom
        self._faults = faults

    def add_routes(self, router: web.UrlDispatcher) -> None:
        """Add its paths."""
        router.add_get("/subscriptions", self.subscriptions)
        router.add_get("/sessions", self.sessions)
        router.add_delete("/sessions", self.clear_sessions)
        router.add_get("/stream", self.settings)
        router.add_post("/stream", self.change_settings)
        router.add_delete("/stream", self.restore_settings)

    def order(self, document: dict[str, Any]) -> dict[str, Any]:
        """Order a fault; how many sessions it met at once is in ``sessions``."""
        fault = self._faults.add(StreamFaultRequest.model_validate(document))
        sessions = sum(each.carry_out(fault) for each in (self._hub, self._kiwoom, self._koscom))
        return {"id": fault.id, "remaining": fault.remaining, "sessions": sessions}

    def faults(self) -> list[dict[str, Any]]:
        """The faults that last."""
        return [
            {
                **fault.request.model_dump(exclude_unset=True, exclude_none=True),
                "id": fault.id,
                "remaining": fault.remaining,
                "hits": fault.hits,
            }
            for fault in self._faults
        ]

    def clear(self) -> int:
        """End every fault, and free app keys that are still held; returns how many faults there were."""
        self._hub.book.release()
        self._kiwoom.book.release()
        return self._faults.clear()

    async def subscriptions(self, request: web.Request) -> web.Response:
        """Every registration."""
        return json_response(
            [row for each in (self._hub, self._kiwoom, self._koscom) for row in each.subscriptions()]
        )

    async def sessions(self, request: web.Request) -> web.Response:
        """Counts per app key: those of KIS, and those of the others under their names."""
        others = {KIWOOM: self._kiwoom.book.to_json(), KOSCOM: self._koscom.book.to_json()}
        return json_response({**self._hub.book.to_json(), **others})

    async def clear_sessions(self, request: web.Request) -> web.Response:
        """Zero the counts."""
        self._hub.book.clear_counts()
        self._kiwoom.book.clear_counts()
        self._koscom.book.clear_counts()
        return await self.sessions(request)

    async def settings(self, request: web.Request) -> web.Response:
        """The settings in force."""
        others = {KIWOOM: self._kiwoom.settings.model_dump(), KOSCOM: self._koscom.settings.model_dump()}
        return json_response({**self._hub.settings.model_dump(), **others})

    async def change_settings(self, request: web.Request) -> web.Response:
        """Change some of them; nothing where one is wrong."""
        document = await json_object(request)
        kiwoom, koscom = document.pop(KIWOOM, {}), document.pop(KOSCOM, {})
        if not isinstance(kiwoom, dict) or not isinstance(koscom, dict):
            raise Refused("kiwoom and koscom must be objects")
        changed = KiwoomStreamSettings.model_validate({**self._kiwoom.settings.model_dump(), **kiwoom})
        changed_too = KoscomStreamSettings.model_validate({**self._koscom.settings.model_dump(), **koscom})
        wanted = {**self._hub.settings.model_dump(), **document}
        self._hub.settings = StreamSettings.model_validate(wanted)
        self._kiwoom.settings = changed
        self._koscom.settings = changed_too
        return await self.settings(request)

    async def restore_settings(self, request: web.Request) -> web.Response:
        """Those of the beginning."""
        self._hub.settings = self._hub.initial_settings
        self._kiwoom.settings = self._kiwoom.initial_settings
        self._koscom.settings = self._koscom.initial_settings
        return await self.settings(request)
