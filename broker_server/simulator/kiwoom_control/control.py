"""The simulated control. Its methods and events have the names, arguments and types of the real one's."""

from __future__ import annotations

from collections.abc import Callable, Sequence
from functools import partial
from typing import Any

from broker_server.simulator.kiwoom_control.core import ANSWER_SECONDS, Events, Setup
from broker_server.simulator.kiwoom_control.faults import ControlFaults, Logins
from broker_server.simulator.kiwoom_control.limits import QUERY_WINDOWS
from broker_server.simulator.kiwoom_control.live_data import LiveData
from broker_server.simulator.kiwoom_control.master import MasterData
from broker_server.simulator.kiwoom_control.messages import Messages
from broker_server.simulator.kiwoom_control.order_calls import OrderCalls
from broker_server.simulator.matching import Exchange

# ruff: noqa: N802, N803 - the names are the control's own

LOGIN_SECONDS = 0.2


class SimulatedControl(LiveData, OrderCalls, MasterData):
    """One control, made on the thread that it lives on.

    Args:
        events: Where its events go.
        exchange: The market and the accounts.
        messages: Its thread's messages.
        faults: What goes wrong.
        logins: Which logins there are elsewhere.
        accounts: Of the login, ten digits each.
        user: The login's ID.
        mock: Its server is that of mock trading.
        spend: Told of the seconds that each call takes.
        answer_seconds: Until an answer comes.
        windows: Queries and seconds that are allowed, the published limit first.

    Attributes:
        violations: What a program must not do and the real control would not complain of.
        sent: Every query: name, TR, inputs, page and screen.
        ordered: Every order's arguments.
    """

    def __init__(
        self,
        events: Events,
        exchange: Exchange,
        messages: Messages,
        *,
        faults: ControlFaults | None = None,
        logins: Logins | None = None,
        accounts: Sequence[str] = ("8012345611",),
        user: str = "simulated",
        mock: bool = True,
        spend: Callable[[float], None] = lambda seconds: None,
        answer_seconds: float = ANSWER_SECONDS,
        windows: Sequence[tuple[int, float]] = QUERY_WINDOWS,
    ) -> None:
        super().__init__(
            Setup(
                events=events,
                exchange=exchange,
                messages=messages,
                faults=faults or ControlFaults(),
                logins=logins or Logins(),
                accounts=tuple(accounts),
                user=user,
                mock=mock,
                spend=spend,
                answer_seconds=answer_seconds,
                windows=windows,
            )
        )
        self._logins = logins or Logins()
        self._user = user

    def lose_connection(self, code: int | None = -106) -> None:
        """The server is gone; without a code the control does not even tell."""
        self._connected = False
        if code is not None:
            self._messages.post(partial(self._events.OnEventConnect, code))

    @property
    def connected(self) -> bool:
        """Whether it is logged in."""
        return self._connected

    def release(self) -> None:
        """Its program has ended."""
        self._dead, self._connected = True, False
        self._exchange.listeners.remove(self._happened)

    def readable(self) -> dict[str, Any] | None:
        """All that can be read inside the present event, in JSON's types; ``None`` outside of one."""
        if self._order_number:
            return {"order_number": self._order_number}
        if self._answer is not None:
            _, tr, answer, rows = self._answer
            columns = self._columns(tr)
            cells = [[row.get(each, "") for each in columns] for row in rows]
            read = {"of": tr.upper(), "single": answer.single, "columns": columns, "rows": cells}
            return {"answer": read}
        if self._real is not None:
            return {"real": {"of": self._real[0].upper(), "fields": self._real[1]}}
        if self._chejan is not None:
            return {"chejan": {"of": "", "fields": self._chejan}}
        return None

    def CommConnect(self) -> int:
        self._called()
        if not self.faults.login_waits:
            self._later(self._log_in, LOGIN_SECONDS)
        return 0

    def GetConnectState(self) -> int:
        self._called()
        return int(self._connected)

    def GetLoginInfo(self, sTag: str) -> str:
        self._called()
        if not self._connected:
            return ""
        return {
            "ACCOUNT_CNT": str(len(self._accounts)),
            "ACCNO": "".join(f"{each};" for each in self._accounts),
            "ACCLIST": "".join(f"{each};" for each in self._accounts),
            "USER_ID": self._user,
            "GetServerGubun": "1" if self._mock else "0",
        }.get(sTag, "")

    def GetAPIModulePath(self) -> str:
        self._called()
        return "C:\\OpenAPI"

    def KOA_Functions(self, sFunctionName: str, sParam: str) -> str:
        self._called()
        if sFunctionName == "GetServerGubun":
            return "1" if self._mock else "0"
        return ""

    def _log_in(self) -> None:
        if self.faults.login_code == 0:
            self._connected = True
            self._logins.take(self._user, self._kicked)
        self._events.OnEventConnect(self.faults.login_code)

    def _kicked(self) -> None:
        if self._connected:
            self.lose_connection()
